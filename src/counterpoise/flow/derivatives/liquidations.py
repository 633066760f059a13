"""Liquidations: forced orders per bin with how far they can be believed, and episodes of them beside the order flow they met.

A forced order that buys (side +1) closes a short: a short was liquidated. One that sells (−1) liquidates a long.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import DAY_NS, SECOND_NS, format_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import STATE_NAMES, UTC_NS, where_sound
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.coverage import RULES, CoverageRule, coverage_at
from counterpoise.flow.kernels import liquidations as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "LiquidationEpisodes", "Liquidations", "liquidation_episodes", "liquidations"]

_MAX_BINS: Final = 50_000_000
_WHOSE: Final = (("long", k.LONG), ("short", k.SHORT), ("unknown", k.UNKNOWN))
_CLOSED: Final = {"long": "forced sells, which closed longs", "short": "forced buys, which closed shorts"}
_CLOSED_OR_NOT: Final = {**_CLOSED, "unknown": "forced orders without a side"}
_SIDES: Final = (
    *(Column(f"{name}_count", "count", f"number of {says}", "swaps") for name, says in _CLOSED.items()),
    *(Column(f"{name}_qty", "base", f"quantity of {says}", "swaps", "linear") for name, says in _CLOSED.items()),
    Column("unknown_count", "count", "number of forced orders without a side"),
    Column("unknown_qty", "base", "quantity of forced orders without a side", "even", "linear"),
    Column("signed_qty", "base", "short_qty − long_qty: forced buying less forced selling", "odd", "linear"),
    *(
        Column(f"{n}_notional", "quote", f"value of {says}, at their prices", "free", "linear")
        for n, says in _CLOSED_OR_NOT.items()
    ),
)

GROUPS: Final = (
    Group(
        "liquidations",
        "forced orders of a bin; lower bounds where the venue shows only some of them",
        "Liquidations",
        ("liquidations", "bins"),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("liquidations", "count", "forced orders seen"),
            *_SIDES,
            Column("largest_qty", "base", "largest forced order", size="linear"),
            Column("busy_seconds", "count", "seconds of the venue's clock with one or more"),
            Column("single_seconds", "count", "of these, with exactly one"),
            Column("busy_share", "1", "busy seconds of those the bin was watched: only in them can something be hidden"),
            Column("poisson_count", "count", "liquidations a Poisson rate with as many quiet seconds would have"),
            Column("observed_ns", "ns", "how long the bin was watched"),
            Column("gaps", "count", "GAP rows: messages were lost, perhaps forced orders too"),
            Column("coverage", "1", "complete, latest_per_second or unknown: what the venue shows"),
        ),
        "docs/theory/flow.md, Liquidations",
    ),
    Group(
        "liquidation_episodes",
        "forced orders in quick succession, and what the best quotes did meanwhile",
        "LiquidationEpisodes",
        ("liquidations", "depth"),
        (
            Column("ts_local", "ns", "the row after which the episode was known to be over"),
            Column("start", "ns", "first forced order"),
            Column("end", "ns", "last forced order"),
            Column("liquidations", "count", "forced orders seen"),
            *_SIDES,
            Column("first_price", "quote", "price of the first forced order", "price"),
            Column("last_price", "quote", "price of the last", "price"),
            Column("mid_before", "quote", "mid before the first", "price"),
            Column("mid_change", "quote", "mid at the last − mid before the first", "odd"),
            Column("mid_change_bps", "bps", "the same in mid_before", "free"),
            Column("mid_change_after", "quote", "mid when the episode was over − mid at the last", "odd"),
            Column("ofi", "base", "order flow at the best quotes from the first to the last", "odd", "linear"),
            Column("ofi_after", "base", "order flow from the last until the episode was over", "odd", "linear"),
            Column("quality", "1", "worst state of the book from the first until the episode was over"),
            Column("coverage", "1", "complete, latest_per_second or unknown: what the venue shows"),
        ),
        "Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, for the order flow",
    ),
)


def liquidations(
    events: Events, instrument: Instrument, *, bins: Bins, rules: tuple[CoverageRule, ...] = RULES
) -> pl.DataFrame:
    """Liquidations of a recording, one row a bin; see `Liquidations` for the columns."""
    return Liquidations(instrument, bins=bins, rules=rules).whole(events)


class Liquidations(Stream):
    """Liquidations per bin.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
    rules : tuple of CoverageRule
        What venues show, see `counterpoise.flow.derivatives.coverage`.

    Notes
    -----
    ``long_*`` are forced sells (a long was liquidated), ``short_*`` forced buys, ``unknown_*`` those without a side, which are
    in no other sum but ``liquidations``. Sums are what was seen and never scaled up. Where `coverage` is ``latest_per_second``
    they are lower bounds: a second without a liquidation hides none, a busy one may. ``poisson_count`` = −ln(1 − busy_share) ·
    seconds is what independent arrivals with as many quiet seconds would have; real ones come in bursts within a second, so it
    is itself too low in a cascade. Null where the coverage is another one, or where no second was quiet. ``single_seconds``
    well below ``busy_seconds`` says that the venue does not follow its rule.

    Causal: a bin depends on rows with ts_local before its end only. O(rows).
    """

    rows = staticmethod(k.liquidation_rows)

    def __init__(self, instrument: Instrument, *, bins: Bins, rules: tuple[CoverageRule, ...] = RULES) -> None:
        state = np.zeros(k.LIQUIDATION_STATE_SIZE, np.int64)
        opening = bins.state()
        state[: len(opening)] = opening
        state[k.SUMS + k.FROM] = NOT_OPEN
        state[k.SUMS + k.LIQUIDATION_WIDTH] = -1  # no second goes on
        settings = np.array(bins.settings(instrument))
        super().__init__(instrument, state=state, settings=settings, width=k.LIQUIDATION_WIDTH)
        self.bins = bins
        self._rules = rules

    def _words(self) -> str:
        return repr(self._rules)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        every_ns, end = self.bins.every_ns, int(self._state[BIN_END])
        begun = first_ns if end == NOT_OPEN else end - every_ns
        if every_ns and (last_ns - begun) // every_ns > _MAX_BINS:
            raise InputError(
                f"events span {format_duration(last_ns - begun)}, more than {_MAX_BINS:,} bins of {self.bins}; "
                "choose longer bins, or look at the times with 'counterpoise check'"
            )
        super()._begin(first_ns, last_ns)
        if every_ns:
            self._horizon = last_ns + _MAX_BINS * every_ns

    def _close(self) -> None:
        if self._state[k.ROWS]:
            row = self._state[k.SUMS : k.SUMS + k.LIQUIDATION_WIDTH].copy()
            row[k.UNTIL] = self._last_ts + 1
            self._closed.append(row[None, :])

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        every = self.bins.every_ns
        ts = -(-rows[:, k.UNTIL] // every) * every if every else rows[:, k.UNTIL]
        covers = _coverage(self.instrument.venue, ts, self._rules)
        observed = rows[:, k.UNTIL] - rows[:, k.FROM]
        seconds = observed / SECOND_NS
        share = np.divide(rows[:, k.BUSY], seconds, out=np.full(len(rows), np.nan), where=seconds >= 1)
        some_hidden = (covers == "latest_per_second") & (share < 1)
        busy = np.where(some_hidden, share, 0.0)
        columns: dict[str, AnyArray] = {
            "ts": ts,
            **_sides(rows, self.instrument, k.COUNT),
            "largest_qty": self.instrument.flow_grid.values(rows[:, k.LARGEST]),
            "busy_seconds": rows[:, k.BUSY],
            "single_seconds": rows[:, k.SINGLE] + (rows[:, k.IN_SECOND] == 1),
            "busy_share": np.minimum(share, 1.0),
            "poisson_count": np.where(some_hidden, 0.0 - np.log1p(-busy) * seconds, np.nan),
            "observed_ns": observed,
            "gaps": rows[:, k.GAPS],
            "coverage": covers,
        }
        return _dressed(columns, times=("ts",))


def liquidation_episodes(
    events: Events,
    instrument: Instrument,
    *,
    gap_ns: int = 10 * SECOND_NS,
    stale_ns: int = 10 * SECOND_NS,
    rules: tuple[CoverageRule, ...] = RULES,
) -> pl.DataFrame:
    """Episodes of a recording; see `LiquidationEpisodes` for the columns."""
    return LiquidationEpisodes(instrument, gap_ns=gap_ns, stale_ns=stale_ns, rules=rules).whole(events)


class LiquidationEpisodes(Stream):
    """Runs of liquidations no further apart than a gap, with order flow and price of the depth stream's best quotes.

    Parameters
    ----------
    instrument : Instrument
    gap_ns : int
        A longer silence ends the episode.
    stale_ns : int
        A depth stream silent for longer is STALE.
    rules : tuple of CoverageRule

    Notes
    -----
    An episode is known to be over with the first row later than ``end + gap_ns``; `finish` gives the open one as far as it is
    known. Whatever needs the book is null unless the book was SYNCED from ``start`` until then. An order flow of the same
    sign as ``signed_qty`` adds to the forced flow; of the other sign it absorbs it.

    Causal. O(rows).
    """

    rows = staticmethod(k.liquidation_episode_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        gap_ns: int = 10 * SECOND_NS,
        stale_ns: int = 10 * SECOND_NS,
        rules: tuple[CoverageRule, ...] = RULES,
    ) -> None:
        if not 0 < gap_ns < 1 << 53 or not 0 < stale_ns < 1 << 53:
            raise InputError(f"gap and stale time must be positive and below 104 days, found {gap_ns} ns and {stale_ns} ns")
        state = np.zeros(k.EPISODE_STATE_SIZE, np.int64)
        state[k.STATUS + STATE] = BookState.GAPPED
        state[k.TOP], state[k.TOP + 2] = NO_KEY, NO_KEY
        settings = np.array([gap_ns, stale_ns], np.float64)
        super().__init__(instrument, state=state, settings=settings, width=k.EPISODE_WIDTH, book=True)
        self._gap_ns, self._stale_ns = gap_ns, stale_ns
        self._rules = rules

    def _words(self) -> str:
        return repr(self._rules)

    def _close(self) -> None:
        now = self._state
        if not now[k.OPEN]:
            return
        row = now[k.EPISODE : k.EPISODE + k.EPISODE_SIZE].copy()
        row[k.E_NOW], row[k.E_NOW + 1] = now[k.TOP], now[k.TOP + 2]
        row[k.E_CLOSED_BY] = self._last_ts
        if now[k.HEARD] and self._last_ts - now[k.HEARD] > self._stale_ns:
            row[k.E_QUALITY] = max(row[k.E_QUALITY], BookState.STALE)
        self._closed.append(row[None, :])
        now[k.OPEN] = 0

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price, qty = self.instrument.price_grid, self.instrument.flow_grid
        synced = rows[:, k.E_QUALITY] == BookState.SYNCED
        sums, sound = {}, {}  # bid + ask in ticks, twice the mid
        for at in (k.E_BEFORE, k.E_AFTER, k.E_NOW):
            sound[at] = synced & (rows[:, at] != NO_KEY) & (rows[:, at + 1] != NO_KEY)
            sums[at] = np.where(sound[at], rows[:, at] - rows[:, at + 1], 0)
        moved, after = sound[k.E_BEFORE] & sound[k.E_AFTER], sound[k.E_AFTER] & sound[k.E_NOW]
        change = sums[k.E_AFTER] - sums[k.E_BEFORE]
        relative = np.divide(change * 1e4, sums[k.E_BEFORE], out=np.full(len(rows), np.nan), where=sums[k.E_BEFORE] > 0)
        columns: dict[str, AnyArray] = {
            "ts_local": rows[:, k.E_CLOSED_BY],
            "start": rows[:, k.E_START],
            "end": rows[:, k.E_END],
            **_sides(rows, self.instrument, k.E_COUNT),
            "first_price": price.values(rows[:, k.E_FIRST]),
            "last_price": price.values(rows[:, k.E_LAST]),
            "mid_before": where_sound(sound[k.E_BEFORE], price.values(sums[k.E_BEFORE], over=2)),
            "mid_change": where_sound(moved, price.values(change, over=2)),
            "mid_change_bps": where_sound(moved, relative),
            "mid_change_after": where_sound(after, price.values(sums[k.E_NOW] - sums[k.E_AFTER], over=2)),
            "ofi": where_sound(synced, qty.values(rows[:, k.E_OFI])),
            "ofi_after": where_sound(synced, qty.values(rows[:, k.E_OFI_AFTER] - rows[:, k.E_OFI])),
            "quality": STATE_NAMES[rows[:, k.E_QUALITY]],
            "coverage": _coverage(self.instrument.venue, rows[:, k.E_END], self._rules),
        }
        return _dressed(columns, times=("ts_local", "start", "end"))


def _sides(rows: Int2D, instrument: Instrument, first: int) -> dict[str, AnyArray]:
    """Counts, quantities and notionals by whose position was closed; `first` is the column of the first count."""
    counts, lots = rows[:, first : first + 3], rows[:, first + 3 : first + 6]
    grid = instrument.flow_grid
    columns: dict[str, AnyArray] = {"liquidations": counts.sum(axis=1)}
    columns |= {f"{name}_count": counts[:, i] for name, i in _WHOSE}
    columns |= {f"{name}_qty": grid.values(lots[:, i]) for name, i in _WHOSE}
    columns["signed_qty"] = grid.values(lots[:, k.SHORT] - lots[:, k.LONG])
    unit = float(instrument.notional(1, 1))
    if instrument.inverse:
        return columns | {f"{name}_notional": lots[:, i] * unit for name, i in _WHOSE}
    worth = np.ascontiguousarray(rows[:, first + 6 : first + 9]).view(np.float64)
    return columns | {f"{name}_notional": worth[:, i] * unit for name, i in _WHOSE}


def _coverage(venue: str, ts: Int1D, rules: tuple[CoverageRule, ...]) -> AnyArray:
    """What the venue showed at each time; a time exactly at a bin's end belongs to what came before."""
    days, at = np.unique((ts - 1) // DAY_NS, return_inverse=True)
    names = np.array([coverage_at(venue, int(day) * DAY_NS, rules) for day in days], dtype=object)
    return names[at] if len(names) else np.zeros(0, dtype=object)


def _dressed(columns: dict[str, AnyArray], *, times: tuple[str, ...]) -> pl.DataFrame:
    words: dict[str, pl.DataType] = {name: pl.String() for name in ("coverage", "quality") if name in columns}
    frame = pl.DataFrame(columns, nan_to_null=True, schema_overrides=words)
    return frame.with_columns(pl.col(*times).cast(UTC_NS))
