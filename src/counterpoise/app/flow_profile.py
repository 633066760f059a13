"""Settings of `counterpoise flow`, and those of papers under their names, as data."""

from __future__ import annotations

from typing import Final, NamedTuple

from counterpoise.core.errors import UnknownName
from counterpoise.core.units import SECOND_NS, parse_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import DEFAULT_BANDS_BPS, DEFAULT_VALUES

__all__ = ["PROFILES", "FlowOptions", "FlowProfile", "flow_options"]


class FlowOptions(NamedTuple):
    """What to measure, and how; plain values that can be sent to another process.

    Attributes
    ----------
    bins : Bins
    quotes : {"", "depth", "ticker", "trades"}
        Where prices come from; empty for the best that the lake has of the instrument.
    bands_bps, values, stale_ns, match_ns
        As `counterpoise.flow.measures.Measures` takes them.
    measures : tuple of str
        Names of groups, columns or families; empty for all of the binned measures.
    """

    bins: Bins = Bins.every(SECOND_NS)
    quotes: str = ""
    bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS
    values: tuple[int, ...] = DEFAULT_VALUES
    stale_ns: int = 10 * SECOND_NS
    match_ns: int = SECOND_NS // 4
    measures: tuple[str, ...] = ()


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
