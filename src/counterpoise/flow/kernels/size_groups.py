"""Trades per bin, apart for small, middling and large ones: by edges of value, or by their rank among past trades.

Ranks come from a histogram of values in quarters of an octave; values are floats, for they may pass 2⁶³. When it holds
REMEMBERED trades it is halved.
"""

from __future__ import annotations

from math import frexp
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, BINS_SIZE, NOT_OPEN, RULE, SIZE, TIME, fills, start_bin
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = ["GAPS", "GROUPED", "REMEMBERED", "ROW_WIDTH", "SEEN", "STATE_SIZE", "SUMS", "UNGROUPED", "UNKNOWN", "size_rows"]

REMEMBERED: Final = 1 << 16
_BUCKETS: Final = 512  # a price below 2⁶¹ times lots below 2⁶³ lies in the 124th octave at most

# slots of the state, behind those of the bin
SEEN: Final = BINS_SIZE  # events in the open bin
SUMS: Final = BINS_SIZE + 1  # columns 1 … of a row
_HELD: Final = SUMS + 15  # trades in the histogram
_HISTOGRAM: Final = _HELD + 1
STATE_SIZE: Final = _HISTOGRAM + _BUCKETS

# columns of a row; column 0 is the bin's end
GROUPED: Final = 1  # buy lots, sell lots, trades of each of three groups
UNKNOWN: Final = 10  # lots and trades without an aggressor
UNGROUPED: Final = 12  # lots and trades before there was a past to rank them in
GAPS: Final = 14
ROW_WIDTH: Final = 15

# settings, behind those of the bin
_RANKED: Final = 2  # 1 by rank, 0 by value
_LOW: Final = 3  # lower edge of the middling and of the large: ticks·lots, or lots of an inverse contract, or a rank
_HIGH: Final = 4
_LEAST: Final = 5  # trades of the past before a rank means something
_PRICED: Final = 6  # 1 when the value of a lot depends on the price


@inner_kernel
def _bucket(value: float) -> int:
    """Which quarter of an octave a value lies in."""
    if value < 4:
        return np.int64(value)
    mantissa, exponent = frexp(value)  # value = mantissa · 2^exponent, mantissa from 1/2
    return 4 * (exponent - 2) + np.int64(8 * mantissa)


@inner_kernel
def _rank(state: Int1D, bucket: int) -> float:
    """Share of past trades below, with half of those in the same bucket."""
    below = 0
    for at in range(bucket):
        below += state[_HISTOGRAM + at]
    return (below + state[_HISTOGRAM + bucket] / 2) / state[_HELD]


@inner_kernel
def _remember(state: Int1D, bucket: int) -> None:
    state[_HISTOGRAM + bucket] += 1
    state[_HELD] += 1
    if state[_HELD] >= REMEMBERED:
        state[_HELD] = 0
        for at in range(_HISTOGRAM, _HISTOGRAM + _BUCKETS):
            state[at] >>= 1
            state[_HELD] += state[at]


@inner_kernel
def _count(state: Int1D, settings: Float1D, side: int, price_ticks: int, lots: int) -> None:
    value = np.float64(lots) * abs(price_ticks) if settings[_PRICED] else np.float64(lots)
    size = value
    known = True
    if settings[_RANKED]:
        bucket = _bucket(value)
        known = state[_HELD] >= settings[_LEAST]
        size = _rank(state, bucket) if known else 0.0
        _remember(state, bucket)
    sums = SUMS - 1
    if side == 0 or not known:
        at = sums + (UNKNOWN if side == 0 else UNGROUPED)
        state[at] += lots
        state[at + 1] += 1
        return
    at = sums + GROUPED + 3 * (np.int64(size >= settings[_LOW]) + np.int64(size >= settings[_HIGH]))
    state[at + ((1 - side) >> 1)] += lots
    state[at + 2] += 1


@inner_kernel
def _write(state: Int1D, end: int, row: Int1D) -> None:
    row[0] = end
    row[1:] = state[SUMS : SUMS + ROW_WIDTH - 1]
    state[SUMS : SUMS + ROW_WIDTH - 1] = 0
    state[SEEN] = 0
    start_bin(state)


@kernel
def size_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    trade_id: Int1D,
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
    timed, every = settings[RULE] == TIME, np.int64(settings[SIZE])
    written = 0
    i = start
    while i < len(kind):
        ts, what = ts_local[i], np.int64(kind[i])
        if timed and state[BIN_END] == NOT_OPEN:
            state[BIN_END] = (ts // every + 1) * every
        while timed and state[BIN_END] <= ts and written < len(out):
            _write(state, state[BIN_END], out[written])
            state[BIN_END] += every
            written += 1
        if written == len(out):  # a row must be free for a bin that the trade fills
            break
        state[SEEN] += 1
        if what == GAP:
            state[SUMS - 1 + GAPS] += 1
        elif what == TRADE:
            _count(state, settings, np.int64(side[i]), price_ticks[i], qty_lots[i])
            if fills(state, settings, np.int64(side[i]), price_ticks[i], qty_lots[i]):
                _write(state, ts + 1, out[written])
                written += 1
        i += 1
    state[0] = written
    return i
