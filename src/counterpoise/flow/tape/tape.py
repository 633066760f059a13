"""Time and sales: the fills of one aggressor's order joined into one print, and the prints that are large.

Two channels tell the trades of Binance. `trade` has a row for each fill, that is for each resting order hit. `aggTrade` has a
row for the fills of one price: on spot those of one taker's order, on futures all of one side within 100 ms, without the trades
of the insurance fund and of auto-deleveraging. An order that walks through five levels is five `aggTrade` rows or more; both
channels give one print of it here, but `fills` counts rows of the channel, and a futures `aggTrade` may hold several orders.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import ClassVar, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, parse_decimal
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import tape as k
from counterpoise.flow.stream import Rows, Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = [
    "DEFAULT_WAIT_NS",
    "GROUPS",
    "LargePrints",
    "Tape",
    "ended",
    "large_prints",
    "notional_units",
    "print_settings",
    "time_and_sales",
]

DEFAULT_WAIT_NS: Final = 25 * MS_NS
_LARGEST_NS: Final = 1 << 53  # a setting is a double
_MOST_SPAN: Final = 1_000_000
_DEFAULT_SIGMA: Final = 3.0
_FINEST: Final = 10**12  # times the largest span it is an int64

_PRINT: Final = (
    Column("ts_local", "ns", "arrival of the event that showed the print to be complete"),
    Column("ts_venue", "ns", "venue time of its first fill; null when the venue gives none"),
    Column("side", "1", "+1 buy, −1 sell, 0 when the venue does not name the aggressor", mirror="odd"),
    Column("qty", "base", "size of the whole order, as far as it was filled", size="linear"),
    Column("notional", "quote", "its value", mirror="free", size="linear"),
    Column("fills", "count", "rows that were joined"),
    Column("first_price", "quote", "price of the first fill", mirror="price"),
    Column("last_price", "quote", "price of the last fill", mirror="price"),
    Column(
        "vwap", "quote", "mean price by quantity; harmonic for inverse contracts, null without positive prices", mirror="free"
    ),
    Column("levels", "count", "distinct prices"),
    Column("walked", "ticks", "from the first price to the last"),
    Column("whole", "1", "false when a gap in the data, or its end, may have cut the print short"),
)
GROUPS: Final = (
    Group(
        name="tape",
        says="time and sales: one row for each aggressor's order",
        made_by="Tape",
        needs=("trades",),
        columns=_PRINT,
        source="fills of one side with one venue time, at prices that go the aggressor's way",
    ),
    Group(
        name="large_prints",
        says="orders above a notional, or far above the recent past of their side",
        made_by="LargePrints",
        needs=("trades",),
        columns=(*_PRINT, Column("threshold", "quote", "what the notional exceeded", mirror="free", size="free")),
        source="the tape; threshold from the prints before",
    ),
)


def time_and_sales(events: Events, instrument: Instrument, *, join_ns: int = 0, wait_ns: int = DEFAULT_WAIT_NS) -> pl.DataFrame:
    """One row for each aggressor's order of a recording; see `Tape`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> time_and_sales(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Tape(instrument, join_ns=join_ns, wait_ns=wait_ns).whole(events)


def large_prints(
    events: Events,
    instrument: Instrument,
    *,
    least_notional: str | float | None = None,
    least_sigma: float | None = None,
    least_quantile: float | None = None,
    span: int = 1000,
    warm: int = 100,
    join_ns: int = 0,
    wait_ns: int = DEFAULT_WAIT_NS,
) -> pl.DataFrame:
    """The large prints of a recording; see `LargePrints`."""
    return LargePrints(
        instrument,
        least_notional=least_notional,
        least_sigma=least_sigma,
        least_quantile=least_quantile,
        span=span,
        warm=warm,
        join_ns=join_ns,
        wait_ns=wait_ns,
    ).whole(events)


class _Prints(Stream):
    """Rows of the tape's kernel, whichever of them its settings let through."""

    rows: ClassVar[Rows] = staticmethod(k.tape_rows)

    def _close(self) -> None:
        self._run(ended(0), 1)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price, lots = self.instrument.price_grid, rows[:, k.OUT_LOTS]
        columns: dict[str, AnyArray] = {
            "ts_local": rows[:, k.OUT_TS_LOCAL],
            "ts_venue": rows[:, k.OUT_TS_VENUE],
            "side": rows[:, k.OUT_SIDE].astype(np.int8),
            "qty": self.instrument.flow_grid.values(lots),
            "notional": _notional(rows, self.instrument),
            "fills": rows[:, k.OUT_FILLS],
            "first_price": price.values(rows[:, k.OUT_FIRST]),
            "last_price": price.values(rows[:, k.OUT_LAST]),
            "vwap": _vwap(rows, self.instrument),
            "levels": rows[:, k.OUT_LEVELS],
            "walked": np.abs(rows[:, k.OUT_LAST] - rows[:, k.OUT_FIRST]),
            "whole": rows[:, k.OUT_WHOLE] != 0,
        }
        frame = pl.DataFrame({name: np.ascontiguousarray(column) for name, column in columns.items()}, nan_to_null=True)
        frame = frame.with_columns(pl.when(pl.col("ts_venue") != 0).then("ts_venue"))
        return frame.with_columns(pl.col("ts_local", "ts_venue").cast(UTC_NS))


class Tape(_Prints):
    """Fills joined into prints, one row for each.

    A fill joins the open print when it is of the same known side, its price is not against the aggressor's direction, its venue
    time is the last fill's or at most `join_ns` later, and it arrives within ``join_ns + wait_ns`` of the last fill. Where the
    venue gives no time it must arrive within `join_ns`. A fill of unknown side is a print of its own. Trades of no quantity are
    passed over.

    Parameters
    ----------
    instrument : Instrument
    join_ns : int
        How far apart on the venue's clock two fills of one order may be; 0: the same time.
    wait_ns : int
        How far apart fills of one venue time may arrive. In Binance captures 99 of 100 arrive within 11 ms, all within 22 ms.

    Raises
    ------
    InputError
        If a time is negative or beyond 2⁵³ ns.

    Notes
    -----
    A print is complete with the next fill that does not join, or any event past the time to join. Which fills it holds depends
    on the trades alone; other events only show sooner that it is complete. A GAP row ends it, with `whole` false; so does the
    end of the events, and then ``ts_local`` is the moment it would have been known. Causal. O(rows).
    """

    def __init__(self, instrument: Instrument, *, join_ns: int = 0, wait_ns: int = DEFAULT_WAIT_NS) -> None:
        settings = [*print_settings(instrument, join_ns=join_ns, wait_ns=wait_ns), float(k.EVERY), 0.0, 0.0, 0.0]
        super().__init__(instrument, state=np.zeros(k.TAPE_SIZE, np.int64), settings=np.array(settings), width=k.OUT_WIDTH)


class LargePrints(_Prints):
    """The prints of a tape that are large: above a notional, or far above the recent past of their own side.

    Parameters
    ----------
    instrument : Instrument
    least_notional : str or float, optional [quote]
        Prints of this value or more.
    least_sigma : float, optional
        Prints whose notional exceeds mean + k standard deviations of the prints before, both plain averages of the first and
        exponential ones later: the n-th print weighs α = max(2 / (span + 1), 1 / n). Without any of the three: 3.
    least_quantile : float, optional
        Prints whose notional exceeds this quantile of the last `span` prints, the least value with that share at or below it.
        Read as it is written, with twelve decimals at most: .55 of 100 prints are 55.
    span : int [prints]
        What is recent. Buys, sells and prints of unknown side have each their own past.
    warm : int [prints]
        Prints of a side that must have been seen before one can be large; not for `least_notional`.
    join_ns, wait_ns : int
        See `Tape`.

    Raises
    ------
    InputError
        If more than one threshold is given, or a number lies out of its range.

    Notes
    -----
    The columns of `Tape`, and ``threshold`` [quote]. Causal: a print is compared with those that were complete before it. A
    standard deviation of sizes means little, as their tail is heavy: the share above mean + 3σ is a number to be measured, not
    .1 %. O(rows), of a quantile O(rows + prints · span).
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        least_notional: str | float | None = None,
        least_sigma: float | None = None,
        least_quantile: float | None = None,
        span: int = 1000,
        warm: int = 100,
        join_ns: int = 0,
        wait_ns: int = DEFAULT_WAIT_NS,
    ) -> None:
        given = [x is not None for x in (least_notional, least_sigma, least_quantile)]
        if sum(given) > 1:
            raise InputError("least_notional, least_sigma and least_quantile each say what is large; give one of them")
        if not (1 <= span <= _MOST_SPAN and warm >= 1):
            raise InputError(f"span lies between 1 and {_MOST_SPAN:,} prints and warm is 1 or more, found {span} and {warm}")
        bottom = 1
        if least_notional is not None:
            rule, least = k.ABSOLUTE, notional_units(least_notional, instrument)
        elif least_quantile is not None:
            rule, (least, bottom) = k.QUANTILE, _probability(least_quantile)
        else:
            rule, least = k.SIGMA, _DEFAULT_SIGMA if least_sigma is None else least_sigma
        if not 0 <= least < np.inf:
            raise InputError(f"a number of sigmas is not negative, found {least}")
        settings = [*print_settings(instrument, join_ns=join_ns, wait_ns=wait_ns), rule, least, span, warm, bottom]
        state = np.zeros(k.WINDOWS + (6 * span if rule == k.QUANTILE else 0), np.int64)
        super().__init__(instrument, state=state, settings=np.array(settings, np.float64), width=k.OUT_WIDTH)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        threshold = rows[:, k.OUT_THRESHOLD].copy().view(np.float64)
        return super()._frame(rows).with_columns(threshold=pl.Series(_quote(threshold, self.instrument)))


def print_settings(instrument: Instrument, *, join_ns: int, wait_ns: int) -> list[float]:
    """The settings of a kernel that joins fills: RULE and SIZE of no bins, JOIN, WAIT, INVERSE."""
    if not (0 <= join_ns < _LARGEST_NS and 0 <= wait_ns < _LARGEST_NS):
        raise InputError(f"join_ns and wait_ns lie between 0 and 2^53 ns, found {join_ns} and {wait_ns}")
    return [0.0, 0.0, float(join_ns), float(wait_ns), float(instrument.inverse)]


def _probability(quantile: float) -> tuple[int, int]:
    """A quantile as a ratio of whole numbers, the rank of which in a span is exact."""
    top, bottom = parse_decimal(quantile, what="quantile").as_integer_ratio()
    if not 0 < top < bottom or bottom > _FINEST:
        raise InputError(f"a quantile lies between 0 and 1 and has at most twelve decimals, found {quantile}")
    return top, bottom


def notional_units(notional: str | float | Decimal, instrument: Instrument) -> float:
    """A notional [quote] in ticks·lots, in lots of an inverse contract; rounded up."""
    value = parse_decimal(notional, what="notional")
    if value < 0:
        raise InputError(f"a notional is not negative, found {notional}")
    return float(ceil(Fraction(value) / instrument.notional(1, 1)))


def ended(at_ns: int) -> Events:
    """One row by which a kernel is told that no more will come."""
    row = (at_ns, 0, 0, -1, k.ENDED, 0, 0, 0, 0)
    kinds = (column.dtype for column in Events.empty())
    return Events._make(np.full(1, value, kind) for value, kind in zip(row, kinds, strict=True))


def _quote(units: Float1D, instrument: Instrument) -> Float1D:
    """Ticks·lots, or lots of an inverse contract, as quote currency."""
    top, bottom = instrument.notional(1, 1).as_integer_ratio()
    return np.asarray(units * top / bottom, np.float64)


def _notional(rows: Int2D, instrument: Instrument) -> Float1D:
    lots = rows[:, k.OUT_LOTS].astype(np.float64)
    if instrument.inverse:
        return _quote(lots, instrument)
    return _quote(np.abs(rows[:, k.OUT_FIRST] * lots + _rest(rows)), instrument)


def _vwap(rows: Int2D, instrument: Instrument) -> Float1D:
    """Σpq/Σq; Σq/Σ(q/p) of inverse contracts, NaN when a price is not positive."""
    first, away = rows[:, k.OUT_FIRST].astype(np.float64), _rest(rows) / rows[:, k.OUT_LOTS]
    if instrument.inverse:
        positive = np.minimum(rows[:, k.OUT_FIRST], rows[:, k.OUT_LAST]) > 0
        ticks = np.divide(first, 1 + away, out=np.full(len(first), np.nan), where=positive)
    else:
        ticks = first + away
    top, bottom = instrument.price_grid.step.as_integer_ratio()
    return np.asarray(ticks * top / bottom, np.float64)


def _rest(rows: Int2D) -> Float1D:
    return rows[:, k.OUT_REST].copy().view(np.float64)
