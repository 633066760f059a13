"""Named settings of `counterpoise flow`: what a paper measured, as data."""

from __future__ import annotations

from typing import Final, NamedTuple

from counterpoise.app.flow import FlowOptions
from counterpoise.core.errors import UnknownName
from counterpoise.core.units import parse_duration
from counterpoise.flow.bins import Bins

__all__ = ["PROFILES", "FlowProfile", "flow_options"]


class FlowProfile(NamedTuple):
    """Settings under a name.

    Attributes
    ----------
    name, says, source : str
    bins, quotes : str
        Quotes empty for the best there is.
    measures : tuple of str
        Empty for all.
    """

    name: str
    says: str
    source: str
    bins: str
    quotes: str = ""
    measures: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Plain values."""
        return self._asdict()


PROFILES: Final = {
    profile.name: profile
    for profile in (
        FlowProfile("default", "every binned measure, bins of a second", "this project", "1s"),
        FlowProfile(
            "cont_kukanov_stoikov",
            "best-level OFI and trade imbalance against the mid, bins of 10 s",
            "Cont, Kukanov, Stoikov (2014), section 3",
            "10s",
            measures=("price", "ofi", "ofi_parts", "trades", "mean_best_depth"),
        ),
        FlowProfile(
            "cont_cucuringu_zhang",
            "ten levels scaled by depth and integrated, bins of a minute",
            "Cont, Cucuringu, Zhang (2023), section 3",
            "1m",
            "depth",
            ("price", "ofi", "mean_depth", "integrated"),
        ),
        FlowProfile(
            "easley_lopez_de_prado_ohara",
            "volume bins of one coin with counts and ratio",
            "Easley, Lopez de Prado, O'Hara (2012), section 3",
            "volume:1",
            measures=("price", "trades", "cvd"),
        ),
    )
}


def flow_options(profile: str = "", *, bins: str = "", quotes: str = "", measures: str = "", stale: str = "10s") -> FlowOptions:
    """Options of a named profile; what else is said goes before it.

    Raises
    ------
    UnknownName
        If there is no such profile or bin rule.
    """
    name = profile or "default"
    if name not in PROFILES:
        raise UnknownName("profile", name, PROFILES)
    named = PROFILES[name]
    wanted = tuple(part.strip() for part in measures.split(",") if part.strip())
    return FlowOptions(
        bins=Bins.parse(bins or named.bins),
        quotes=quotes or named.quotes,
        stale_ns=parse_duration(stale),
        measures=wanted or named.measures,
    )
