"""Windows with far more book updates than usual that leave the book as it was and trade little."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.base_rates import learn
from counterpoise.flow.kernels.watched_book import HEARD, NO_MID, WATCH_SIZE, book_row, in_sync, two_mids, unbroken
from counterpoise.market.kernels.codes import DELTA, GAP, LAST, SNAPSHOT, TRADE
from counterpoise.market.kernels.ladder import quantity_at, room

__all__ = [
    "END",
    "GROSS",
    "KNOWN",
    "MID",
    "MOVE",
    "NET",
    "SCORE",
    "SIDE",
    "START",
    "STATE_SIZE",
    "TRADES",
    "UNKNOWN",
    "UPDATES",
    "USUAL",
    "WIDTH",
    "WINDOWS",
    "WINDOW_END",
    "WINDOW_OPEN",
    "stuffing_rows",
]

# settings
WINDOW_NS: Final = 0
SIGMAS: Final = 1
TRADE_SIGMAS: Final = 2
MAX_NET: Final = 3
MAX_MOVES: Final = 4
WEIGHT: Final = 5
MIN_WINDOWS: Final = 6
STALE_NS: Final = 7
_CUT: Final = 3.0  # standard deviations at which a count is cut before it is learnt from: a burst is not to hide the next

# columns of a row
KNOWN: Final = 0
START: Final = 1
END: Final = 2
SIDE: Final = 3  # updates of bids − of asks
MID: Final = 4  # half ticks, at the start
WINDOWS: Final = 5
UPDATES: Final = 6
TRADES: Final = 7
UNKNOWN: Final = 8
GROSS: Final = 9
NET: Final = 10
MOVE: Final = 11  # half ticks
USUAL: Final = 12  # floats by their bits from here on
SCORE: Final = 13
WIDTH: Final = 14

WINDOW_END: Final = WATCH_SIZE
_BAD: Final = WINDOW_END + 1  # the book was not in sync throughout this window
_MID_AT: Final = _BAD + 1  # half ticks at the window's start
_LEARNT: Final = _MID_AT + 1  # sound windows so far
_BY_SIDE: Final = _LEARNT + 1  # sums of the window: updates of each side
_NET_BY_SIDE: Final = _BY_SIDE + 2
_GROSS: Final = _NET_BY_SIDE + 2
_TRADES: Final = _GROSS + 1
_UNKNOWN: Final = _TRADES + 1
_SUMS_END: Final = _UNKNOWN + 1
_MOMENTS: Final = _SUMS_END  # mean and variance of updates, of trades, of |move|
_EPISODE: Final = _MOMENTS + 6
STATE_SIZE: Final = _EPISODE + WIDTH
WINDOW_OPEN: Final = 2**62  # end of the window before the first event


@inner_kernel
def _sigmas(moments: Float1D, value: float) -> float:
    """Standard deviations above the mean; a count is never taken to vary less than a Poisson one."""
    return (value - moments[0]) / np.sqrt(max(moments[1], moments[0], 1.0))


@kernel
def _closed(state: Int1D, ts: int, out: Int2D) -> None:
    """The burst is over: its row."""
    if state[_EPISODE + WINDOWS] > 0:
        row = out[state[0]]
        row[:] = state[_EPISODE : _EPISODE + WIDTH]
        row[KNOWN] = ts
        state[0] += 1
        state[_EPISODE + WINDOWS] = 0


@kernel
def _joined(state: Int1D, settings: Float1D, sigmas: float, move: int) -> None:
    """The window that ends is part of a burst."""
    row = state[_EPISODE : _EPISODE + WIDTH]
    real = row[USUAL:].view(np.float64)
    if row[WINDOWS] == 0:
        row[:] = 0
        row[START] = state[WINDOW_END] - np.int64(settings[WINDOW_NS])
        row[MID] = state[_MID_AT]
    row[WINDOWS] += 1
    row[END] = state[WINDOW_END]
    row[SIDE] += state[_BY_SIDE] - state[_BY_SIDE + 1]
    row[UPDATES] += state[_BY_SIDE] + state[_BY_SIDE + 1]
    row[TRADES] += state[_TRADES]
    row[UNKNOWN] += state[_UNKNOWN]
    row[GROSS] += state[_GROSS]
    row[NET] += abs(state[_NET_BY_SIDE]) + abs(state[_NET_BY_SIDE + 1])
    row[MOVE] += move
    real[0] += state[_MOMENTS : _MOMENTS + 1].view(np.float64)[0]
    real[1] = max(real[1], sigmas * sigmas / (1.0 + sigmas * sigmas))


@kernel
def _sound_window(state: Int1D, settings: Float1D, move: int, ts: int, out: Int2D) -> None:
    """A window with a book in sync has ended: a burst or not, and what is usual."""
    moments = state[_MOMENTS : _MOMENTS + 6].view(np.float64)
    updates = 1.0 * (state[_BY_SIDE] + state[_BY_SIDE + 1])
    trades = 1.0 * state[_TRADES]
    sigmas = _sigmas(moments[0:2], updates)
    net = abs(state[_NET_BY_SIDE]) + abs(state[_NET_BY_SIDE + 1])
    burst = state[_LEARNT] >= settings[MIN_WINDOWS] and sigmas >= settings[SIGMAS]
    still = net <= settings[MAX_NET] * state[_GROSS] and abs(move) <= settings[MAX_MOVES] * max(moments[4], 2.0)
    if burst and still and _sigmas(moments[2:4], trades) <= settings[TRADE_SIGMAS]:
        _joined(state, settings, sigmas, move)
    else:
        _closed(state, ts, out)
    weight = max(settings[WEIGHT], 1.0 / (1.0 + state[_LEARNT]))
    first = state[_LEARNT] < settings[MIN_WINDOWS]
    for i in range(3):
        pair = moments[2 * i : 2 * i + 2]
        value = updates if i == 0 else trades if i == 1 else 1.0 * abs(move)
        most = np.inf if first else pair[0] + _CUT * np.sqrt(max(pair[1], pair[0], 1.0))
        learn(pair, value, weight, most)
    state[_LEARNT] += 1


@kernel
def _end_windows(book: Int1D, state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Close every window that ended by now."""
    length = np.int64(settings[WINDOW_NS])
    if state[WINDOW_END] == WINDOW_OPEN:
        state[WINDOW_END] = (ts // length + 1) * length
        state[_MID_AT] = NO_MID
    while ts >= state[WINDOW_END]:
        mid = two_mids(book, state)
        silent = state[WINDOW_END] - state[HEARD] > settings[STALE_NS]
        if state[_BAD] or silent or mid == NO_MID or state[_MID_AT] == NO_MID:
            state[_EPISODE + WINDOWS] = 0
        else:
            _sound_window(state, settings, mid - state[_MID_AT], ts, out)
        state[_BAD] = 0
        state[_MID_AT] = NO_MID if silent else mid
        state[_BY_SIDE:_SUMS_END] = 0
        if silent:  # nothing is learnt before the book speaks again
            state[WINDOW_END] = (ts // length + 1) * length
        else:
            state[WINDOW_END] += length


@inner_kernel
def _update(book: Int1D, state: Int1D, index: int, key: int, lots: int) -> None:
    change = lots - quantity_at(book, index, key)
    state[_BY_SIDE + index] += 1
    state[_NET_BY_SIDE + index] += change
    state[_GROSS] += abs(change)


@kernel
def stuffing_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    ids: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`."""
    book, state, settings, out = borrow(book), borrow(state), borrow(settings), borrow(out)
    state[0] = 0
    for i in range(start, len(kind)):
        ts = ts_local[i]
        if ts >= state[WINDOW_END] or state[WINDOW_END] == WINDOW_OPEN:
            if state[0] + 2 > len(out):
                return i
            _end_windows(book, state, settings, ts, out)
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            index = (1 - sign) >> 1
            if not room(book, index):
                return i
            if what == DELTA and in_sync(state):
                _update(book, state, index, sign * price_ticks[i], qty_lots[i])
            book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i])
            if (flag & LAST or what == GAP) and (
                not unbroken(book, state, ts, ts_venue[i], settings[STALE_NS]) or what == SNAPSHOT
            ):
                state[_BAD] = 1
        elif what == TRADE:
            state[_TRADES] += 1
            state[_UNKNOWN] += sign == 0
    return len(kind)
