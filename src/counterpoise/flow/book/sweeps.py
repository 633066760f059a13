"""Sweeps: single orders that go through several prices, and how soon the book is whole again after each.

`Sweeps(instrument, ...)` has a memory; `find_sweeps` is the batch form. `counterpoise.flow.book.recovery` estimates half-lives
from their rows.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Int1D, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.cells import STATE_NAMES, UTC_NS, where_sound
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import sweeps as k
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "Recovery", "Sweeps", "find_sweeps"]

Recovery = Literal["swept", "levels", "band"]
_RECOVERIES: Final = {"swept": k.SWEPT, "levels": k.LEVELS, "band": k.BAND}
_ENDED: Final = np.array(["recovered", "patience", "void", "unseen", "overflow", "open"])
_MOST_OPEN: Final = 1024

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="sweeps",
        says="orders that take several price levels, and how soon the book recovers",
        made_by="Sweeps",
        needs=("trades", "depth"),
        columns=(
            Column("ts_local", "ns", "when all of the row was known"),
            Column("ts_start", "ns", "first fill, ts_local"),
            Column("ts_end", "ns", "last fill, ts_local"),
            Column("side", "1", "of the aggressor: +1 buy, -1 sell", "odd"),
            Column("fills", "count", "trades of the order"),
            Column("levels", "count", "prices it traded at"),
            Column("walked_ticks", "ticks", "from first to last fill"),
            Column("qty", "base", "traded", "even", "linear"),
            Column("notional", "quote", "traded", "free", "linear"),
            Column("price_first", "quote", "of the first fill", "price"),
            Column("price_last", "quote", "of the last fill", "price"),
            Column(
                "best_before", "quote", "best price of the hit side in the last whole message before the first fill", "price"
            ),
            Column("best_after", "quote", "worst best price of the hit side within the trough", "price"),
            Column("spread_before", "quote", "as best_before"),
            Column("spread_widest", "quote", "within the trough"),
            Column("depth_before", "base", "hit side, best levels (10), as best_before", "even", "linear"),
            Column("depth_lowest", "base", "the same, lowest within the trough", "even", "linear"),
            Column("band_before", "base", "hit side, within x bps (5) of best_before", "free", "linear"),
            Column("band_lowest", "base", "the same prices, lowest within the trough", "free", "linear"),
            Column("swept_before", "base", "hit side, down to price_last", "even", "linear"),
            Column("swept_lowest", "base", "the same prices, lowest within the trough", "even", "linear"),
            Column("half_ns", "ns", "from the last fill until half of the lost depth was back"),
            Column("ninety_ns", "ns", "from the last fill until nine tenths were back"),
            Column("spread_ns", "ns", "from the last fill until the spread was as before"),
            Column("watched_ns", "ns", "how long the book was watched after the last fill"),
            Column("unknown_qty", "base", "traded with unknown aggressor while the row was open", "even", "linear"),
            Column("quality", "1", "worst book state from before the order to the row"),
            Column("ended", "1", "recovered, patience, unseen (no depth lost), void, overflow, open"),
        ),
        source="Large (2007), doi:10.1016/j.finmar.2006.09.001; Obizhaeva, Wang (2013), doi:10.1016/j.finmar.2012.09.001",
    ),
)


def find_sweeps(
    events: Events,
    instrument: Instrument,
    *,
    levels: int = 2,
    recovery: Recovery = "swept",
    depth_levels: int = 10,
    band_bps: Decimal | str = "5",
    patience_ns: int = 10 * SECOND_NS,
) -> pl.DataFrame:
    """All sweeps of a recording, in the order in which their rows were complete; see `Sweeps`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> find_sweeps(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Sweeps(
        instrument,
        levels=levels,
        recovery=recovery,
        depth_levels=depth_levels,
        band_bps=band_bps,
        patience_ns=patience_ns,
    ).whole(events)


class Sweeps(Stream):
    """Sweeps of one instrument, event by event.

    Parameters
    ----------
    instrument : Instrument
    levels : int
        Prices an order must trade at to be a sweep.
    recovery : {"swept", "levels", "band"}
        Depth whose recovery is timed: at the swept prices (from the best before down to the last fill's), in the best
        `depth_levels` levels wherever they are, or within `band_bps` of the best price before. Prices of the first and the last
        stand still, so a price that moved away never recovers.
    depth_levels : int
        1 to 64.
    band_bps : Decimal or str
        A multiple of .001 bps.
    patience_ns : int
        How long a sweep is followed after its last fill.
    trough_ns : int
        How long after the last fill the lowest depth and the widest spread are sought: depth messages lag trades.
    order_ns : int
        Fills of one order are no farther apart than this in ts_local.
    stale_ns : int
        A book silent for longer is STALE.
    most_open : int
        Sweeps followed at once; one more is written at once with ``ended`` = ``"overflow"``.

    Raises
    ------
    InputError
        If a number is out of its range.
    UnknownName
        If there is no such recovery.

    Notes
    -----
    An order is a run of fills of one side and one ts_venue (ts_local where the venue gives no time), each at no better a price
    than the one before. Trades of unknown side neither belong to an order nor end one: `unknown_qty` has what they traded.
    *Before* is the last whole book message before the first fill. Within the trough a new low starts the clock of recovery
    anew; a message that does not yet show the order therefore does no harm. A row is complete when half, nine tenths and the
    spread are back and the trough is over, or when patience is; a GAP, a crossed or a silent book voids it. A time that is null
    was not reached while the book was watched, which `ended` explains: ``patience``, ``void``, ``open`` (the data end),
    ``overflow``, or ``unseen``, where the book never showed any loss (hidden size, or back before the next message).

    Causal: a row depends on rows up to its ts_local only. O(1) a row, O(sweeps followed) a book message.

    References
    ----------
    Degryse, de Jong, van Ravenswaaij, Wuyts (2005), doi:10.1093/rof/rfi012: best prices, depth and spread around aggressive
    orders. Large (2007), doi:10.1016/j.finmar.2006.09.001: resiliency as what happens, and how soon.
    """

    rows = staticmethod(k.sweep_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        levels: int = 2,
        recovery: Recovery = "swept",
        depth_levels: int = 10,
        band_bps: Decimal | str = "5",
        patience_ns: int = 10 * SECOND_NS,
        trough_ns: int = 250 * MS_NS,
        order_ns: int = 50 * MS_NS,
        stale_ns: int = 10 * SECOND_NS,
        most_open: int = 128,
    ) -> None:
        if recovery not in _RECOVERIES:
            raise UnknownName("recovery", recovery, _RECOVERIES)
        if levels < 1 or not 1 <= depth_levels <= k.MOST_TOP or not 1 <= most_open <= _MOST_OPEN:
            raise InputError(
                f"found levels {levels}, depth_levels {depth_levels}, most_open {most_open}; expected at least 1, and at most "
                f"{k.MOST_TOP} depth levels and {_MOST_OPEN} open sweeps"
            )
        if not 0 < order_ns <= trough_ns <= patience_ns or stale_ns <= 0:
            raise InputError(
                f"found order {order_ns}, trough {trough_ns}, patience {patience_ns}, stale {stale_ns} ns; "
                "expected 0 < order <= trough <= patience and stale > 0"
            )
        numbers = (levels, order_ns, trough_ns, patience_ns, stale_ns, _millibps(band_bps), depth_levels)
        settings = np.array([*numbers, _RECOVERIES[recovery], most_open], np.float64)
        state = np.zeros(k.SWEEPS + most_open * k.RECORD, np.int64)
        state[k.STATUS + STATE] = BookState.GAPPED
        state[k.WAKE] = k.NEVER
        super().__init__(instrument, state=state, settings=settings, width=k.ROW, book=True)

    def _close(self) -> None:
        state = self._state
        followed = state[k.SWEEPS : k.SWEEPS + state[k.COUNT] * k.RECORD].reshape(-1, k.RECORD)
        order = state[k.ORDER : k.ORDER + k.RECORD][None]
        last = order if order[0, k.TAKEN_LEVELS] >= self._settings[k.LEAST_LEVELS] else order[:0]
        rows = np.concatenate([followed, last])[:, : k.ROW]
        rows[:, k.TS], rows[:, k.ENDED] = self._last_ts, k.OPEN
        rows[:, k.WATCHED_NS] = self._last_ts - rows[:, k.TS_END]
        rows[:, k.UNKNOWN] = state[k.UNKNOWN_TOTAL] - rows[:, k.UNKNOWN]
        if len(rows):
            self._closed.append(rows)
        state[k.COUNT] = order[:] = 0
        state[k.WAKE] = k.NEVER

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        return _to_frame(rows, self.instrument)


def _millibps(band_bps: Decimal | str) -> int:
    millis = Fraction(band_bps) * 1000
    if millis.denominator != 1 or not 0 < millis < 10**7:
        raise InputError(f"band_bps is {band_bps}; expected a multiple of .001 between 0 and 10,000")
    return int(millis)


def _to_frame(rows: Int2D, instrument: Instrument) -> pl.DataFrame:
    price, qty = instrument.price_grid, instrument.flow_grid
    side, best = rows[:, k.SIDE], rows[:, k.BEST_BEFORE]
    sound = rows[:, k.SOUND] == 1
    followed = sound & (rows[:, k.QUALITY] == BookState.SYNCED) & (rows[:, k.ENDED] != k.OVERFLOW)
    there = sound & (best != NO_KEY)
    spread = there & (rows[:, k.OTHER_BEFORE] != NO_KEY)
    after = followed & (rows[:, k.BEST_AFTER] != NO_KEY)
    columns: dict[str, AnyArray | pl.Series] = {
        "ts_local": rows[:, k.TS],
        "ts_start": rows[:, k.TS_START],
        "ts_end": rows[:, k.TS_END],
        "side": side.astype(np.int8),
        "fills": rows[:, k.FILLS],
        "levels": rows[:, k.TAKEN_LEVELS],
        "walked_ticks": abs(rows[:, k.LAST_TICKS] - rows[:, k.FIRST_TICKS]),
        "qty": qty.values(rows[:, k.LOTS]),
        "notional": _notional(rows, instrument),
        "price_first": price.values(rows[:, k.FIRST_TICKS]),
        "price_last": price.values(rows[:, k.LAST_TICKS]),
        "best_before": where_sound(there, price.values(np.where(there, -side * best, 0))),
        "best_after": where_sound(after, price.values(np.where(after, -side * rows[:, k.BEST_AFTER], 0))),
        "spread_before": where_sound(spread, price.values(np.where(spread, -best - rows[:, k.OTHER_BEFORE], 0))),
        "spread_widest": where_sound(followed & (rows[:, k.WIDEST] >= 0), price.values(rows[:, k.WIDEST])),
    }
    for i, name in ((k.LEVELS, "depth"), (k.BAND, "band"), (k.SWEPT, "swept")):
        columns[f"{name}_before"] = where_sound(sound, qty.values(rows[:, k.BEFORE + i]))
        columns[f"{name}_lowest"] = where_sound(followed, qty.values(rows[:, k.LOWEST + i]))
    for i, name in ((k.HALF_NS, "half_ns"), (k.NINETY_NS, "ninety_ns"), (k.SPREAD_NS, "spread_ns")):
        columns[name] = _known(rows[:, i], sound & (rows[:, i] >= 0) & (rows[:, k.ENDED] != k.OVERFLOW))
    columns["watched_ns"] = rows[:, k.WATCHED_NS]
    columns["unknown_qty"] = qty.values(rows[:, k.UNKNOWN])
    columns["quality"], columns["ended"] = STATE_NAMES[rows[:, k.QUALITY]], _ENDED[rows[:, k.ENDED]]
    texts = {"quality": pl.String, "ended": pl.String}
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides=texts).with_columns(
        pl.col("ts_local", "ts_start", "ts_end").cast(UTC_NS)
    )


def _notional(rows: Int2D, instrument: Instrument) -> AnyArray:
    """In quote; of an inverse contract it does not depend on the price."""
    unit = float(instrument.notional(1, 1))
    lots = rows[:, k.LOTS].astype(np.float64)
    return unit * lots if instrument.inverse else unit * (lots * rows[:, k.FIRST_TICKS] + rows[:, k.WALK])


def _known(values: Int1D, known: Bool1D) -> pl.Series:
    return pl.Series(values).set(pl.Series(~known), None)
