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
]

# row[...]: the bar that has not closed yet
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
FILLED: Final = 13  # what the closing rule has counted
WIDTH: Final = 14
# and what the tick rule remembers over bars
LAST_PRICE: Final = 14
LAST_SIGN: Final = 15
SEEN: Final = 16
STATE_WIDTH: Final = 17

# real[...]
BASE: Final = 0  # Σ lots / ticks of the bar, inverse contracts only
EXPECTED_TRADES: Final = 1  # E[T]
EXPECTED_SIGNED: Final = 2  # E[b v]
THRESHOLD: Final = 3
REALS: Final = 4

NOT_STARTED: Final = -(2**63)
_CARRY: Final = 2**62


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


@kernel
def _add(row: Int1D, real: Float1D, ts_local: int, side: int, price: int, lots: int, counted: int, inverse: bool) -> None:
    """Put lots of a trade into the bar."""
    if row[QTY] == 0:
        row[FIRST_NS] = ts_local
        row[OPEN] = price
        row[HIGH] = price
        row[LOW] = price
    row[HIGH] = max(row[HIGH], price)
    row[LOW] = min(row[LOW], price)
    row[CLOSE] = price
    row[LAST_NS] = ts_local
    row[QTY] += lots
    row[BUY] += lots * (side > 0)
    row[SELL] += lots * (side < 0)
    row[TRADES] += counted
    if inverse:
        real[BASE] += lots / price
        return
    row[VALUE_LOW] += price * lots
    if abs(row[VALUE_LOW]) >= _CARRY:
        carry = 1 if row[VALUE_LOW] > 0 else -1
        row[VALUE_HIGH] += carry
        row[VALUE_LOW] -= carry * _CARRY


@kernel
def _close(row: Int1D, real: Float1D, rows: Int2D, base: Float1D, done: int) -> int:
    """Copy the bar out and empty it; returns the number of bars closed so far."""
    for column in range(WIDTH):
        rows[done, column] = row[column]
        if column != START_NS:
            row[column] = 0
    base[done] = real[BASE]
    real[BASE] = 0.0
    return done + 1


@kernel
def step_time(
    row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, every_ns: int, trades_only: bool, inverse: bool
) -> int:
    """Bars of `every_ns`, aligned to the epoch; every row (or trade) moves time on. Empty bars are closed like others."""
    kind, times, ts_local, side, price, qty = columns
    rows, base = out
    done = 0
    for i in range(len(kind)):
        trade = kind[i] == TRADE
        if trades_only and not trade:
            continue
        ts = times[i]
        if row[START_NS] == NOT_STARTED:
            row[START_NS] = ts // every_ns * every_ns
        while ts - row[START_NS] >= every_ns:
            done = _close(row, real, rows, base, done)
            row[START_NS] += every_ns
        if trade and qty[i] > 0:
            _add(row, real, ts_local[i], side[i], price[i], qty[i], 1, inverse)
    return done


@kernel
def step_sized(row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, size: int, by_value: bool, inverse: bool) -> int:
    """Bars of at least `size` lots (or ticks·lots); a trade goes on in the next bar when one is full, counted in its first."""
    kind, _, ts_local, side, price, qty = columns
    rows, base = out
    done = 0
    for i in range(len(kind)):
        if kind[i] != TRADE:
            continue
        left, counted = qty[i], 1
        weight = price[i] if by_value else np.int64(1)
        while left > 0:
            lots = left
            if left * weight > size - row[FILLED]:
                lots = min(left, (size - row[FILLED] + weight - 1) // weight)
            _add(row, real, ts_local[i], side[i], price[i], lots, counted, inverse)
            row[FILLED] += lots * weight
            left -= lots
            counted = 0
            if row[FILLED] >= size:
                done = _close(row, real, rows, base, done)
    return done


@kernel
def step_trades(row: Int1D, real: Float1D, columns: TradeColumns, out: BarOut, trades: int, inverse: bool) -> int:
    """Bars of a number of whole trades."""
    kind, _, ts_local, side, price, qty = columns
    rows, base = out
    done = 0
    for i in range(len(kind)):
        if kind[i] == TRADE and qty[i] > 0:
            _add(row, real, ts_local[i], side[i], price[i], qty[i], 1, inverse)
            if row[TRADES] == trades:
                done = _close(row, real, rows, base, done)
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
    rows, base = out
    done = 0
    for i in range(len(kind)):
        lots = qty[i]
        if kind[i] != TRADE or lots <= 0:
            continue
        signed = np.int64(_sign(row, side[i], price[i]))
        if weigh >= 1:
            signed *= lots
        if weigh == 2:
            signed *= price[i]
        _add(row, real, ts_local[i], side[i], price[i], lots, 1, inverse)
        row[FILLED] += signed
        real[EXPECTED_SIGNED] += alphas[1] * (signed - real[EXPECTED_SIGNED])
        if abs(row[FILLED]) < real[THRESHOLD]:
            continue
        if alphas[0] > 0.0:
            expected = real[EXPECTED_TRADES] + alphas[0] * (row[TRADES] - real[EXPECTED_TRADES])
            real[EXPECTED_TRADES] = min(max(expected, bounds[0]), bounds[1])
            real[THRESHOLD] = min(real[EXPECTED_TRADES] * abs(real[EXPECTED_SIGNED]), 2.0**61)  # θ stays inside int64
        done = _close(row, real, rows, base, done)
    return done
