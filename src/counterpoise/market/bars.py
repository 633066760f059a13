"""Bars of trades by time, quantity, notional, number of trades, or imbalance.

Every function gives a frame with one row a bar:

- ``start_ns, end_ns`` (time bars): the bar holds start ≤ t < end, aligned to the epoch.
- ``first_ns, last_ns``: `ts_local` of its first and last trade; null when empty.
- ``open_ticks, high_ticks, low_ticks, close_ticks``: null when empty; nothing is carried forward.
- ``qty_lots, buy_lots, sell_lots``: exact; where the venue does not name the aggressor, lots are in the first only.
- ``notional`` [quote], ``vwap`` [quote per base]: Σpq/Σq of linear contracts, Σq/Σ(q/p) of inverse ones; vwap null when empty.
- ``trades``: a trade that is split over bars counts in the bar of its first lot.
- ``complete``: false for the last bar when nothing has closed it. What was before the recording nobody knows: of the first
  time bar it does not speak.

Trades of no quantity are passed over; `counterpoise.market.quality.check_events` counts them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.market.bar_rule import (
    BarClock,
    BarRule,
    BarWeight,
    ExpectedImbalance,
    Size,
    imbalance_rule,
    notional_rule,
    time_rule,
    trade_rule,
    volume_rule,
)
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels import bars as kernels

__all__ = ["BarStream", "imbalance_bars", "notional_bars", "time_bars", "trade_bars", "volume_bars"]

_MOST_BARS: Final = 50_000_000
_PRICES: Final = {
    "open_ticks": kernels.OPEN,
    "high_ticks": kernels.HIGH,
    "low_ticks": kernels.LOW,
    "close_ticks": kernels.CLOSE,
}


class BarStream:
    """Bars of a stream that comes in pieces; however it is cut, the bars are the same.

    Parameters
    ----------
    rule : BarRule
        From `counterpoise.market.bar_rule`.
    """

    def __init__(self, rule: BarRule) -> None:
        self._rule = rule
        self._row = np.zeros(kernels.STATE_WIDTH, np.int64)
        self._row[kernels.START_NS] = kernels.NOT_STARTED
        self._real = np.array(rule.real)
        self._last_ns = kernels.NOT_STARTED

    def push(self, events: Events) -> pl.DataFrame:
        """Take more events; returns the bars they closed.

        Raises
        ------
        InputError
            If the columns differ in length, or the rule would close more than 50 million bars at once.
        DataError
            If time goes back, or a trade has a negative quantity or a price that the rule cannot take.
        """
        if len({len(column) for column in events}) != 1:
            raise InputError(f"event columns differ in length: {[len(column) for column in events]}")
        trade = events.kind == TRADE
        _require_trades(events, trade, priced=self._rule.priced)
        ts = events.ts_venue if self._rule.clock == "venue" else events.ts_local
        columns = kernels.TradeColumns(events.kind, ts, events.ts_local, events.side, events.price_ticks, events.qty_lots)
        most = self._rule.most(self._row, columns, trade)
        if most > _MOST_BARS:
            raise InputError(f"the rule would close up to {most} bars at once; ask for larger bars or push fewer events")
        self._require_order(ts[trade] if self._rule.clock == "venue" else ts)
        out = kernels.BarOut(np.empty((most, kernels.WIDTH), np.int64), np.empty(most))
        done = self._rule.step(self._row, self._real, columns, out)
        return self._frame(kernels.BarOut(out.rows[:done], out.base[:done]), complete=True)

    def open_bar(self) -> pl.DataFrame:
        """The bar that nothing has closed yet: one row, or none before the first trade (time bars: before the first row)."""
        begun = self._row[kernels.START_NS] != kernels.NOT_STARTED if self._rule.every_ns else self._row[kernels.QTY] > 0
        rows = self._row[None, : kernels.WIDTH] if begun else np.empty((0, kernels.WIDTH), np.int64)
        return self._frame(kernels.BarOut(rows, self._real[: len(rows)]), complete=False)

    def _require_order(self, ts: Int1D) -> None:
        if not len(ts):
            return
        if int(ts[0]) < self._last_ns or (np.diff(ts) < 0).any():
            raise DataError(
                f"{self._rule.instrument.id}: the {self._rule.clock} clock goes back; "
                "sort the events by it, or close bars by the local clock"
            )
        self._last_ns = int(ts[-1])

    def _frame(self, bars: kernels.BarOut, *, complete: bool) -> pl.DataFrame:
        rows, every_ns = bars.rows, self._rule.every_ns
        notional, vwap = self._value(bars)
        columns: dict[str, Any] = {}
        if every_ns:
            columns |= {"start_ns": rows[:, kernels.START_NS], "end_ns": rows[:, kernels.START_NS] + every_ns}
        columns |= {"first_ns": rows[:, kernels.FIRST_NS], "last_ns": rows[:, kernels.LAST_NS]}
        columns |= {name: rows[:, column] for name, column in _PRICES.items()}
        columns |= {"qty_lots": rows[:, kernels.QTY], "buy_lots": rows[:, kernels.BUY], "sell_lots": rows[:, kernels.SELL]}
        columns |= {"notional": notional, "vwap": vwap, "trades": rows[:, kernels.TRADES]}
        frame = pl.DataFrame({name: np.ascontiguousarray(column) for name, column in columns.items()})
        traded = pl.col("qty_lots") > 0
        absent = ["first_ns", "last_ns", *_PRICES, "vwap"]
        return frame.with_columns(*(pl.when(traded).then(name).alias(name) for name in absent), complete=pl.lit(complete))

    def _value(self, bars: kernels.BarOut) -> tuple[Float1D, Float1D]:
        """Notional [quote] and mean price [quote per base] of bars."""
        instrument, rows = self._rule.instrument, bars.rows
        unit, tick = float(instrument.notional(1, 1)), instrument.price_grid.size
        qty = rows[:, kernels.QTY].astype(np.float64)
        some = np.maximum(qty, 1.0)
        if instrument.inverse:
            return qty * unit, qty / np.where(qty > 0, bars.base, 1.0) * tick
        value = rows[:, kernels.VALUE_HIGH].astype(np.float64) * 2.0**62 + rows[:, kernels.VALUE_LOW].astype(np.float64)
        return value * unit, value / some * tick


def time_bars(events: Events, instrument: Instrument, *, every_ns: int, clock: BarClock = "local") -> pl.DataFrame:
    """Bars of a fixed length of time, aligned to the epoch; empty ones are there with null prices and no volume.

    Parameters
    ----------
    events : Events
        Rows of kind TRADE make bars; under the local clock rows of any kind move time on.
    instrument : Instrument
    every_ns : int [ns]
        Length of a bar.
    clock : {"local", "venue"}
        Which clock closes a bar. A decision can only be taken on the local one; the venue's gives the bars the venue publishes.

    Returns
    -------
    polars.DataFrame
        One row a bar, see the module's head.

    Raises
    ------
    InputError, DataError
        See `BarStream.push`.

    Notes
    -----
    Causal: a closed bar never changes. O(rows + bars).
    """
    return _all_bars(time_rule(instrument, every_ns=every_ns, clock=clock), events)


def volume_bars(events: Events, instrument: Instrument, *, qty: Size) -> pl.DataFrame:
    """Bars of the same quantity: a trade fills the bar to the lot and goes on in the next.

    Parameters
    ----------
    events : Events
    instrument : Instrument
    qty : str, int, float or Decimal [venue unit]
        Quantity of a bar; rounded up to whole lots.

    Returns
    -------
    polars.DataFrame
        One row a bar, see the module's head. Every complete bar holds exactly `qty` (rounded up to a lot).

    Raises
    ------
    InputError, DataError
        See `BarStream.push`.

    References
    ----------
    López de Prado, Advances in Financial Machine Learning (2018), section 2.3.1.3. The split of a trade over equal bars is
    that of Easley, López de Prado and O'Hara (2012), doi:10.1093/rfs/hhs053, section 1.2.
    """
    return _all_bars(volume_rule(instrument, qty=qty), events)


def notional_bars(events: Events, instrument: Instrument, *, notional: Size) -> pl.DataFrame:
    """Bars of the same value: each takes the least whole lots that reach it, so it exceeds it by less than one lot's.

    Parameters
    ----------
    events : Events
    instrument : Instrument
    notional : str, int, float or Decimal [quote]
        Value of a bar. Of an inverse contract it does not depend on the price, so these are volume bars.

    Returns
    -------
    polars.DataFrame
        One row a bar, see the module's head.

    Raises
    ------
    InputError, DataError
        See `BarStream.push`.

    References
    ----------
    López de Prado, Advances in Financial Machine Learning (2018), section 2.3.1.4 (dollar bars; there a trade is not split).
    """
    return _all_bars(notional_rule(instrument, notional=notional), events)


def trade_bars(events: Events, instrument: Instrument, *, trades: int) -> pl.DataFrame:
    """Bars of a number of trades; none is split (López de Prado 2018, section 2.3.1.2, tick bars).

    Raises
    ------
    InputError, DataError
        See `BarStream.push`.
    """
    return _all_bars(trade_rule(instrument, trades=trades), events)


def imbalance_bars(
    events: Events, instrument: Instrument, *, threshold: Size | ExpectedImbalance, by: BarWeight = "qty"
) -> pl.DataFrame:
    """Bars that close at the first trade where the signed flow since the last bar, θ = Σ b v, has |θ| ≥ threshold.

    b is the aggressor's side; where the venue does not say, the tick rule: the sign of the last change of price, none
    before it. v is 1, the quantity or the notional.

    Parameters
    ----------
    events : Events
    instrument : Instrument
    threshold : str, int, float, Decimal or ExpectedImbalance
        Fixed [trades, venue quantity or quote, as `by` says], or E[T]·|E[b v]|, averages of what came before the bar.
    by : {"trades", "qty", "notional"}

    Returns
    -------
    polars.DataFrame
        One row a bar, see the module's head. Trades are not split.

    Raises
    ------
    InputError, DataError
        See `BarStream.push`.

    Notes
    -----
    AFML writes the expectation as E[T]·|2v⁺ − E[v]|; E[b v] is the same number. In a balanced market it nears zero and every
    trade becomes a bar; a fixed threshold cannot.

    References
    ----------
    López de Prado, Advances in Financial Machine Learning (2018), sections 2.3.2.1 and 2.3.2.2.
    """
    return _all_bars(imbalance_rule(instrument, threshold=threshold, by=by), events)


def _all_bars(rule: BarRule, events: Events) -> pl.DataFrame:
    stream = BarStream(rule)
    closed = stream.push(events)
    return pl.concat([closed, stream.open_bar()])


def _require_trades(events: Events, trade: Bool1D, *, priced: bool) -> None:
    """Refuse trades that the kernel must not see."""
    price, lots = events.price_ticks, events.qty_lots
    if not len(price) or _harmless(price, lots, priced=priced):
        return
    bad = trade & ((lots < 0) | (np.abs(price.astype(np.float64)) * np.abs(lots.astype(np.float64)) >= 2.0**61))
    if priced:
        bad |= trade & (lots > 0) & (price <= 0)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"row {i} is no trade that a bar can hold: {lots[i]} lots at {price[i]} ticks; expected lots >= 0, their product "
            f"below 2**61{', prices above 0' if priced else ''}; see what else is wrong with check_events"
        )


def _harmless(price: Int1D, lots: Int1D, *, priced: bool) -> bool:
    """Whether the extremes of the columns show that no row can be bad."""
    least, most = int(price.min()), int(price.max())
    return int(lots.min()) >= 0 and max(-least, most) * int(lots.max()) < 1 << 61 and (least > 0 or not priced)
