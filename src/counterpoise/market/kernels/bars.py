"""Trades into bars. The open bar is a state that outlives a chunk, so chunks give the same bars as the whole.

Assumes: ts never decreases over the rows used, lots ≥ 0, |price × lots| < 2⁶¹, lots of a bar < 2⁶³, room in `out`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import TRADE

__all__ = [
    "BASE",
    "BUY",
    "CLOSE",
    "EXPECTED_SIGNED",
    "EXPECTED_TRADES",
    "FILLED",
    "FIRST_NS",
    "HIGH",
    "LAST_NS",
    "LOW",
    "NOT_STARTED",
    "OPEN",
    "QTY",
    "REALS",
    "SELL",
    "START_NS",
    "STATE_WIDTH",
    "THRESHOLD",
    "TRADES",
    "VALUE_HIGH",
    "VALUE_LOW",
    "WIDTH",
    "BarOut",
    "TradeColumns",
    "step_imbalance",
    "step_sized",
    "step_time",
    "step_trades",
    "total_size",
]

# columns of a closed bar, and the first of the state's integers
START_NS: Final = 0  # time bars: the bar is [START_NS, START_NS + every)
FIRST_NS: Final = 1
LAST_NS: Final = 2
OPEN: Final = 3
HIGH: Final = 4
LOW: Final = 5
CLOSE: Final = 6
QTY: Final = 7
BUY: Final = 8
SELL: Final = 9
VALUE_HIGH: Final = 10  # Σ ticks·lots = VALUE_HIGH · 2⁶² + VALUE_LOW
VALUE_LOW: Final = 11
TRADES: Final = 12
WIDTH: Final = 13
# the rest of the state's integers
FILLED: Final = 13  # what the closing rule has counted
LAST_PRICE: Final = 14  # what the tick rule remembers over bars
LAST_SIGN: Final = 15
SEEN: Final = 16
STATE_WIDTH: Final = 17

# the state's floats
BASE: Final = 0  # Σ lots / ticks of the bar, inverse contracts only
EXPECTED_TRADES: Final = 1  # E[T]
EXPECTED_SIGNED: Final = 2  # E[b v]
THRESHOLD: Final = 3
REALS: Final = 4

NOT_STARTED: Final = -(2**63)
_CARRY: Final = 2**62
_MOST: Final = 2**63 - 1


class TradeColumns(NamedTuple):
    """Columns of events that bars read; `ts` is the clock that closes time bars."""

    kind: UInt8_1D
    ts: Int1D
    ts_local: Int1D
    side: Int8_1D
    price_ticks: Int1D
    qty_lots: Int1D


class BarOut(NamedTuple):
    """Where closed bars go."""

    rows: Int2D  # (n, WIDTH)
    base: Float1D  # (n,)


class _Bar(NamedTuple):
    """The open bar while a kernel runs: scalars, which stay in registers where an array would go to memory and back."""

    first_ns: int
    last_ns: int
    open: int
    high: int
    low: int
    close: int
    qty: int
    buy: int
    sell: int
    value_high: int
    value_low: int
    trades: int
    base: float


@kernel
def _empty() -> _Bar:
    zero = np.int64(0)
    return _Bar(zero, zero, zero, np.int64(-_MOST), np.int64(_MOST), zero, zero, zero, zero, zero, zero, zero, 0.0)


@kernel
def _load(row: Int1D, real: Float1D) -> _Bar:
    """The bar that an earlier chunk left open."""
    if row[QTY] == 0:
        return _empty()
    return _Bar(
        row[FIRST_NS],
        row[LAST_NS],
        row[OPEN],
        row[HIGH],
        row[LOW],
        row[CLOSE],
        row[QTY],
        row[BUY],
        row[SELL],
        row[VALUE_HIGH],
        row[VALUE_LOW],
        row[TRADES],
        real[BASE],
    )


@kernel
def _store(bar: _Bar, row: Int1D) -> None:
    """All but START_NS, into a row of the state or of the output."""
    row[FIRST_NS] = bar.first_ns
    row[LAST_NS] = bar.last_ns
    row[OPEN] = bar.open
    row[HIGH] = bar.high
    row[LOW] = bar.low
    row[CLOSE] = bar.close
    row[QTY] = bar.qty
    row[BUY] = bar.buy
    row[SELL] = bar.sell
    row[VALUE_HIGH] = bar.value_high
    row[VALUE_LOW] = bar.value_low
    row[TRADES] = bar.trades


@kernel
def _close(bar: _Bar, start_ns: int, out: BarOut, done: int) -> int:
    """Write a closed bar; returns the number of bars closed so far."""
    out.rows[done, START_NS] = start_ns
    _store(bar, out.rows[done])
    out.base[done] = bar.base
    return done + 1


@kernel
def _add(bar: _Bar, ts_local: int, side: int, price: int, lots: int, counted: int, inverse: bool) -> _Bar:
    """The bar with lots of one more trade."""
    fresh = bar.qty == 0
    value_high, value_low, base = bar.value_high, bar.value_low, bar.base
    if inverse:
        base += lots / price
    else:
        value_low += price * lots
        if abs(value_low) >= _CARRY:
            carry = np.int64(1) if value_low > 0 else np.int64(-1)
            value_high += carry
            value_low -= carry * _CARRY
    return _Bar(
        ts_local if fresh else bar.first_ns,
        ts_local,
        price if fresh else bar.open,
        max(bar.high, price),
        min(bar.low, price),
        price,
        bar.qty + lots,
        bar.buy + lots * (side > 0),
        bar.sell + lots * (side < 0),
        value_high,
        value_low,
        bar.trades + counted,
        base,
    )


@kernel
def step_time(
    row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, every_ns: int, trades_only: bool, inverse: bool
) -> int:
    """Bars of `every_ns`, aligned to the epoch; every row (or trade) moves time on. Empty bars are closed like others."""
    kind, times, ts_local, side, price, qty = columns
    bar, start, done = _load(row, real), row[START_NS], 0
    for i in range(len(kind)):
        trade = kind[i] == TRADE
        if trades_only and not trade:
            continue
        if start == NOT_STARTED:
            start = times[i] // every_ns * every_ns
        while times[i] - start >= every_ns:
            done = _close(bar, start, out, done)
            bar = _empty()
            start += every_ns
        if trade and qty[i] > 0:
            bar = _add(bar, ts_local[i], side[i], price[i], qty[i], 1, inverse)
    _store(bar, row)
    row[START_NS] = start
    real[BASE] = bar.base
    return done


@kernel
def total_size(columns: TradeColumns, by_value: bool) -> float:
    """Lots (or ticks·lots) of all trades, as a double."""
    kind, _, _, _, price, qty = columns
    total = 0.0
    for i in range(len(kind)):
        if kind[i] == TRADE:
            total += float(qty[i] * price[i] if by_value else qty[i])
    return total


@kernel
def step_sized(row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, size: int, by_value: bool, inverse: bool) -> int:
    """Bars of at least `size` lots (or ticks·lots); a trade goes on in the next bar when one is full, counted in its first."""
    kind, _, ts_local, side, price, qty = columns
    bar, filled, done = _load(row, real), row[FILLED], 0
    for i in range(len(kind)):
        if kind[i] != TRADE:
            continue
        left, counted = qty[i], 1
        weight = price[i] if by_value else np.int64(1)
        while left > 0:
            lots = left
            if left * weight > size - filled:
                lots = min(left, (size - filled + weight - 1) // weight)
            bar = _add(bar, ts_local[i], side[i], price[i], lots, counted, inverse)
            filled += lots * weight
            left -= lots
            counted = 0
            if filled >= size:
                done = _close(bar, 0, out, done)
                bar, filled = _empty(), np.int64(0)
    _store(bar, row)
    row[FILLED] = filled
    real[BASE] = bar.base
    return done


@kernel
def step_trades(row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, trades: int, inverse: bool) -> int:
    """Bars of a number of whole trades."""
    kind, _, ts_local, side, price, qty = columns
    bar, done = _load(row, real), 0
    for i in range(len(kind)):
        if kind[i] == TRADE and qty[i] > 0:
            bar = _add(bar, ts_local[i], side[i], price[i], qty[i], 1, inverse)
            if bar.trades == trades:
                done = _close(bar, 0, out, done)
                bar = _empty()
    _store(bar, row)
    real[BASE] = bar.base
    return done


@kernel
def _sign(row: Int1D, side: int, price: int) -> int:
    """Aggressor side; where the venue does not say, the tick rule (AFML 2.3.2.1)."""
    sign = np.int64(side)
    if sign == 0 and row[SEEN]:
        sign = row[LAST_SIGN]
        if price > row[LAST_PRICE]:
            sign = np.int64(1)
        elif price < row[LAST_PRICE]:
            sign = np.int64(-1)
    row[LAST_PRICE] = price
    row[LAST_SIGN] = sign
    row[SEEN] = 1
    return int(sign)


@kernel
def step_imbalance(
    row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, weigh: int, alphas: Float1D, bounds: Float1D, inverse: bool
) -> int:
    """Bars that close when |θ| reaches the threshold; `weigh` 0: θ = Σ b, 1: Σ b·lots, 2: Σ b·lots·ticks.

    `alphas` (trades of a bar, signed size of a trade) of zero keep the threshold fixed; `bounds` hold E[T].
    """
    kind, _, ts_local, side, price, qty = columns
    bar, theta, done = _load(row, real), row[FILLED], 0
    expected, mean, threshold = real[EXPECTED_TRADES], real[EXPECTED_SIGNED], real[THRESHOLD]
    for i in range(len(kind)):
        lots = qty[i]
        if kind[i] != TRADE or lots <= 0:
            continue
        signed = np.int64(_sign(row, side[i], price[i]))
        if weigh >= 1:
            signed *= lots
        if weigh == 2:
            signed *= price[i]
        bar = _add(bar, ts_local[i], side[i], price[i], lots, 1, inverse)
        theta += signed
        mean += alphas[1] * (signed - mean)
        if abs(theta) < threshold:
            continue
        if alphas[0] > 0.0:
            expected = min(max(expected + alphas[0] * (bar.trades - expected), bounds[0]), bounds[1])
            threshold = min(expected * abs(mean), 2.0**61)  # θ stays inside int64
        done = _close(bar, 0, out, done)
        bar, theta = _empty(), np.int64(0)
    _store(bar, row)
    row[FILLED] = theta
    real[BASE], real[EXPECTED_TRADES], real[EXPECTED_SIGNED], real[THRESHOLD] = bar.base, expected, mean, threshold
    return done
