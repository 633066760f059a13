"""Kyle's, Amihud's and Roll's measures over the last bins, from closing prices and signed volume in ticks and lots."""

from __future__ import annotations

from math import log, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, BINS_SIZE, NOT_OPEN, RULE, SIZE, TIME, fills, start_bin
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "AMIHUD",
    "BEFORE",
    "CHANGE",
    "HELD",
    "INVERSE",
    "KYLE",
    "KYLE_R2",
    "KYLE_SE",
    "NOTIONAL",
    "NO_PRICE",
    "OPEN_TRADES",
    "PRICE",
    "RINGS",
    "RING_COUNT",
    "ROLL",
    "SIGNED",
    "TRADES",
    "TS",
    "UNKNOWN",
    "VOID",
    "WIDTH",
    "WINDOW",
    "illiquidity_rows",
    "write_bin",
]

NO_PRICE: Final = -NOT_OPEN

# settings after those of the bins
WINDOW: Final = 2  # bins
INVERSE: Final = 3  # 1: a contract is worth the same at every price

# columns of a row
TS: Final = 0  # ns, exclusive
PRICE: Final = 1  # ticks, last of the bin or before; NO_PRICE when there is none
CHANGE: Final = 2  # ticks against the bin before; NO_PRICE when that has none
SIGNED: Final = 3  # lots
UNKNOWN: Final = 4
NOTIONAL: Final = 5  # lots · ticks, lots of an inverse instrument; a float by its bits, for it may pass 2⁶³
TRADES: Final = 6
HELD: Final = 7  # bins in the window
VOID: Final = 8  # 1: messages are missing within the bin
KYLE: Final = 9  # ticks per lot; it and the rest floats by their bits
KYLE_SE: Final = 10
KYLE_R2: Final = 11
AMIHUD: Final = 12  # |log return| per unit of NOTIONAL
ROLL: Final = 13  # ticks
WIDTH: Final = 14

# slots of the state after those of the bins
_WRITTEN: Final = 0
_LAST: Final = BINS_SIZE  # price of the last trade
BEFORE: Final = BINS_SIZE + 1  # close of the bin before
_SIGNED: Final = BINS_SIZE + 2
_UNKNOWN: Final = BINS_SIZE + 3
_NOTIONAL: Final = BINS_SIZE + 4
OPEN_TRADES: Final = BINS_SIZE + 5  # of the open bin
_VOID: Final = BINS_SIZE + 6
_HELD: Final = BINS_SIZE + 7
_NEXT: Final = BINS_SIZE + 8
RINGS: Final = BINS_SIZE + 9  # changes, signed lots, |r| per notional: WINDOW slots each
RING_COUNT: Final = 3


@kernel
def _kyle(changes: Int1D, signed: Int1D, real: Float1D) -> None:
    """Slope of change on signed volume with intercept, its standard error, and R²; NaN where volume or price never varied."""
    n = len(changes)
    x_mean, y_mean = signed.sum() / n, changes.sum() / n
    xx, xy, yy = 0.0, 0.0, 0.0
    for i in range(n):
        x, y = signed[i] - x_mean, changes[i] - y_mean
        xx += x * x
        xy += x * y
        yy += y * y
    if xx <= 0:
        return
    real[0] = xy / xx
    left = 0.0
    for i in range(n):
        rest = changes[i] - y_mean - real[0] * (signed[i] - x_mean)
        left += rest * rest
    real[1] = sqrt(left / (n - 2) / xx)
    if yy > 0:
        real[2] = 1 - left / yy


@kernel
def _roll(changes: Int1D, first: int) -> float:
    """2√(−cov) of successive changes, in order of time from `first`; NaN when they do not turn back."""
    n = len(changes)
    pairs = n - 1
    oldest, newest = changes[first], changes[(first + n - 1) % n]
    total = changes.sum()
    before_mean, after_mean = (total - newest) / pairs, (total - oldest) / pairs
    both = 0.0
    for j in range(pairs):
        both += (changes[(first + j) % n] - before_mean) * (changes[(first + j + 1) % n] - after_mean)
    return 2 * sqrt(-both / (pairs - 1)) if both < 0 else np.nan


@kernel
def _amihud(ratios: Float1D) -> float:
    total, count = 0.0, 0
    for i in range(len(ratios)):
        if not np.isnan(ratios[i]):
            total += ratios[i]
            count += 1
    return total / count if count else np.nan


@kernel
def _observe(state: Int1D, settings: Float1D) -> None:
    """The closed bin enters the window, when its change of price is known."""
    n = np.int64(settings[WINDOW])
    at, price, before = RINGS + state[_NEXT], state[_LAST], state[BEFORE]
    notional = state[_NOTIONAL : _NOTIONAL + 1].view(np.float64)[0]
    state[at] = price - before
    state[at + n] = state[_SIGNED]
    ratio = np.nan
    if price > 0 and before > 0 and notional > 0:
        ratio = abs(log(price / before)) / notional
    state[at + 2 * n : at + 2 * n + 1].view(np.float64)[0] = ratio
    state[_NEXT] = (state[_NEXT] + 1) % n
    state[_HELD] = min(state[_HELD] + 1, n)


@kernel
def write_bin(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Close the open bin as one that ends at `ts`."""
    n = np.int64(settings[WINDOW])
    row = out[state[_WRITTEN]]
    known = state[_LAST] != NO_PRICE and state[BEFORE] != NO_PRICE and not state[_VOID]
    if known:
        _observe(state, settings)
    row[TS], row[PRICE], row[VOID] = ts, state[_LAST], state[_VOID]
    row[CHANGE] = state[_LAST] - state[BEFORE] if known else NO_PRICE
    row[SIGNED : TRADES + 1] = state[_SIGNED : OPEN_TRADES + 1]
    row[HELD] = state[_HELD]
    real = row[KYLE:WIDTH].view(np.float64)
    real[:] = np.nan
    if state[_HELD] == n and not state[_VOID]:
        changes, signed = state[RINGS : RINGS + n], state[RINGS + n : RINGS + 2 * n]
        _kyle(changes, signed, real)
        real[AMIHUD - KYLE] = _amihud(state[RINGS + 2 * n : RINGS + 3 * n].view(np.float64))
        real[ROLL - KYLE] = _roll(changes, state[_NEXT])
    state[_WRITTEN] += 1
    state[BEFORE] = state[_LAST]
    state[_SIGNED : _VOID + 1] = 0
    start_bin(state)


@inner_kernel
def _void(state: Int1D) -> None:
    """Messages are missing: bins on both sides of the hole are no neighbours."""
    state[_LAST], state[BEFORE] = NO_PRICE, NO_PRICE
    state[_SIGNED : _VOID + 1] = 0
    state[_HELD], state[_NEXT] = 0, 0
    start_bin(state)


@kernel
def illiquidity_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    venue_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`."""
    state, settings, out = borrow(state), borrow(settings), borrow(out)
    state[_WRITTEN] = 0
    timed, every = settings[RULE] == TIME, np.int64(settings[SIZE])
    i = start
    while i < len(kind):
        what, ts, lots, sign = np.int64(kind[i]), ts_local[i], qty_lots[i], np.int64(side[i])
        if timed and state[BIN_END] == NOT_OPEN:
            state[BIN_END] = (ts // every + 1) * every
        while timed and ts >= state[BIN_END] and state[_WRITTEN] < len(out):
            write_bin(state, settings, state[BIN_END], out)
            state[BIN_END] += every
        if state[_WRITTEN] == len(out):
            break
        if what == GAP:
            _void(state)
            state[_VOID] = timed
        elif what == TRADE and lots > 0:
            state[_LAST] = price_ticks[i]
            state[_SIGNED] += sign * lots
            state[_UNKNOWN] += lots * (sign == 0)
            value = np.float64(lots) if settings[INVERSE] else np.float64(lots) * price_ticks[i]
            state[_NOTIONAL : _NOTIONAL + 1].view(np.float64)[0] += value
            state[OPEN_TRADES] += 1
            if fills(state, settings, sign, price_ticks[i], lots):
                write_bin(state, settings, ts + 1, out)
        i += 1
    return i
