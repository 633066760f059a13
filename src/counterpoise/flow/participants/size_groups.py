"""Small traders against large ones: flow by size of trade, who leads, and whether they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import format_duration, parse_decimal
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import size_groups as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "PROFILES", "SizeGroups", "SizeProfile", "size_groups"]

SizeProfile: TypeAlias = Literal["notional", "quantile"]
PROFILES: Final[dict[SizeProfile, tuple[str, str]]] = {"notional": ("10000", "100000"), "quantile": ("0.5", "0.95")}
SIZES: Final = ("retail", "middle", "institutional")
_LEAST: Final = 200
_MAX_BINS: Final = 50_000_000

GROUPS: Final = (
    Group(
        name="size_groups",
        says="flow of small trades against that of large ones",
        made_by="SizeGroups",
        needs=("trades", "bins"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("{size}_buy_qty", "base", "bought by retail, middle, institutional sizes", mirror="swaps", size="free"),
            Column("{size}_sell_qty", "base", "sold by them", mirror="swaps", size="free"),
            Column("{size}_trades", "count", "their trades", size="free"),
            Column("unknown_qty", "base", "traded by an aggressor whom the venue does not name", size="linear"),
            Column("unknown_count", "count", "such trades"),
            Column("ungrouped_qty", "base", "traded before there was a past to rank sizes in", size="free"),
            Column("ungrouped_count", "count", "such trades", size="free"),
            Column("retail_imbalance", "1", "(bought − sold) / (bought + sold) of small trades", mirror="odd", size="free"),
            Column("institutional_imbalance", "1", "the same of large trades", mirror="odd", size="free"),
            Column("divergence", "1", "retail_imbalance − institutional_imbalance", mirror="odd", size="free"),
            Column("opposed", "1", "whether one buys and the other sells on balance", size="free"),
            Column("size_skew", "1", "(retail − institutional) / (retail + institutional) volume", size="free"),
            Column("gaps", "count", "gaps in the data within the bin: trades may be missing"),
        ),
        source="edges of value, or ranks among past trades",
    ),
)


def size_groups(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    profile: SizeProfile = "notional",
    edges: Sequence[str | float | Decimal] | None = None,
) -> pl.DataFrame:
    """Flow by size of trade of a recording, one row a bin; see `SizeGroups`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> size_groups(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), bins=Bins.parse("10s")).columns[1:3]
    ['retail_buy_qty', 'retail_sell_qty']
    """
    return SizeGroups(instrument, bins=bins, profile=profile, edges=edges).whole(events)


class SizeGroups(Stream):
    """Flow of retail, middling and institutional sizes per bin.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
    profile : {"notional", "quantile"}
        By the value of the trade [quote], or by its rank among past trades.
    edges : two numbers, optional
        Where middling and institutional sizes begin; by default 10,000 and 100,000, or ranks .5 and .95.

    Raises
    ------
    UnknownName
        If there is no such profile.
    InputError
        If there are not two ascending edges in their range, or the events span too many bins.

    Notes
    -----
    The names are those of the trade's size, not of who stood behind it: a large order cut small is retail here. A rank is the
    share of past trades in smaller buckets (quarters of an octave of value) and half of those in its own; it forgets slowly,
    halving the past when it holds 65,536 trades, and begins after 200. Imbalances are null without volume on either side,
    `divergence` and `opposed` where one of the two is. Nothing here depends on the book; ``gaps`` counts GAP rows.

    Causal: a trade is ranked before it is remembered. O(rows), with a pass over at most 512 buckets a trade when ranked.
    """

    rows = staticmethod(k.size_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins,
        profile: SizeProfile = "notional",
        edges: Sequence[str | float | Decimal] | None = None,
    ) -> None:
        if profile not in PROFILES:
            raise UnknownName("profile of size groups", profile, PROFILES)
        low, high = _edges(profile, PROFILES[profile] if edges is None else edges, instrument)
        ranked = profile == "quantile"
        state = np.zeros(k.STATE_SIZE, np.int64)
        opening = bins.state()
        state[: len(opening)] = opening
        settings = [*bins.settings(instrument), float(ranked), low, high, float(_LEAST), float(not instrument.inverse)]
        super().__init__(instrument, state=state, settings=np.array(settings), width=k.ROW_WIDTH)
        self.bins = bins

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        every, end = self.bins.every_ns, int(self._state[BIN_END])
        if every and (last_ns - (first_ns if end == NOT_OPEN else end)) // every > _MAX_BINS:
            raise InputError(
                f"events up to {format_duration(last_ns - first_ns)} later make more than {_MAX_BINS:,} bins of "
                f"{format_duration(every)}; choose longer bins, or look at the times with 'counterpoise check'"
            )
        if every:
            self._horizon = last_ns + _MAX_BINS * every

    def _close(self) -> None:
        if self._state[k.SEEN]:
            end = int(self._state[BIN_END]) if self.bins.every_ns else self._last_ts + 1
            sums = self._state[k.SUMS : k.SUMS + k.ROW_WIDTH - 1]
            self._closed.append(np.concatenate([[end], sums])[None, :])

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        grid = self.instrument.flow_grid
        lots = rows[:, k.GROUPED : k.UNKNOWN].reshape(len(rows), 3, 3)
        columns: dict[str, AnyArray] = {"ts": rows[:, 0]}
        for i, name in enumerate(SIZES):
            columns[f"{name}_buy_qty"] = grid.values(np.ascontiguousarray(lots[:, i, 0]))
            columns[f"{name}_sell_qty"] = grid.values(np.ascontiguousarray(lots[:, i, 1]))
            columns[f"{name}_trades"] = lots[:, i, 2]
        for name, at in (("unknown", k.UNKNOWN), ("ungrouped", k.UNGROUPED)):
            columns[f"{name}_qty"], columns[f"{name}_count"] = grid.values(rows[:, at]), rows[:, at + 1]
        retail, institutional = (_share(lots[:, i, 0], lots[:, i, 1]) for i in (0, 2))
        columns |= {"retail_imbalance": retail, "institutional_imbalance": institutional, "divergence": retail - institutional}
        columns["opposed"] = np.sign(retail) * np.sign(institutional)
        columns["size_skew"] = _share(lots[:, 0, :2].sum(axis=1), lots[:, 2, :2].sum(axis=1))
        columns["gaps"] = rows[:, k.GAPS]
        frame = pl.DataFrame({name: np.ascontiguousarray(held) for name, held in columns.items()}, nan_to_null=True)
        return frame.with_columns(pl.col("ts").cast(UTC_NS), pl.col("opposed") < 0)


def _edges(profile: SizeProfile, edges: Sequence[str | float | Decimal], instrument: Instrument) -> tuple[float, float]:
    """Lower edges of the middling and the large, as the kernel compares them."""
    values = [parse_decimal(str(edge), what="edge") for edge in edges]
    if len(values) != 2 or not 0 < values[0] <= values[1] or (profile == "quantile" and values[1] >= 1):
        within = "between 0 and 1" if profile == "quantile" else "above 0"
        raise InputError(f"profile {profile} wants two ascending edges {within}, found {', '.join(map(str, edges))}")
    if profile == "quantile":
        return float(values[0]), float(values[1])
    unit = instrument.notional(1, 1)
    return float(ceil(Fraction(values[0]) / unit)), float(ceil(Fraction(values[1]) / unit))


def _share(one: Int1D, other: Int1D) -> Float1D:
    """(one − other) / (one + other); NaN when both are zero."""
    both = one + other
    return np.asarray(np.divide(one - other, both, out=np.full(len(both), np.nan), where=both > 0), np.float64)
