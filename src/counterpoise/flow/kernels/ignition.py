"""A one-sided burst of volume on a still price, a large move its way, and the way back: a machine of three phases over windows.

Prices are in half ticks, best bid + best ask.
"""

from __future__ import annotations

from math import erfc
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.base_rates import learn
from counterpoise.flow.kernels.watched_book import HEARD, NO_MID, WATCH_SIZE, book_row, two_mids, unbroken
from counterpoise.market.kernels.codes import GAP, LAST, TRADE
from counterpoise.market.kernels.ladder import room

__all__ = [
    "AFTER_AGAINST",
    "AFTER_WITH",
    "AGAINST",
    "BURST",
    "END",
    "GAIN",
    "KNOWN",
    "MID",
    "MID_END",
    "MOST_CALM",
    "PEAK",
    "SCORE",
    "SIDE",
    "SIGMAS",
    "START",
    "STATE_SIZE",
    "UNKNOWN",
    "WIDTH",
    "WINDOW_END",
    "WINDOW_OPEN",
    "ignition_rows",
]

MOST_CALM: Final = 63  # windows

# settings
WINDOW_NS: Final = 0
VOLUME_SIGMAS: Final = 1
ONE_SIDED: Final = 2
CALM_WINDOWS: Final = 3
CALM_SIGMAS: Final = 4
MOVE_WINDOWS: Final = 5
MOVE_SIGMAS: Final = 6
BACK_WINDOWS: Final = 7
BACK_SHARE: Final = 8
WEIGHT: Final = 9
MIN_WINDOWS: Final = 10
MIN_SCORE: Final = 11
STALE_NS: Final = 12
_CUT: Final = 3.0

# columns of a row
KNOWN: Final = 0
START: Final = 1
END: Final = 2
SIDE: Final = 3
MID: Final = 4  # half ticks: before, furthest, at the end
PEAK: Final = 5
MID_END: Final = 6
BURST: Final = 7  # lots of aggressors with it up to the peak, against it
AGAINST: Final = 8
AFTER_WITH: Final = 9  # the same after the peak
AFTER_AGAINST: Final = 10
UNKNOWN: Final = 11
GAIN: Final = 12  # half ticks · lots that the burst paid beyond the mid before; floats by their bits from here on
SIGMAS: Final = 13
SCORE: Final = 14
WIDTH: Final = 15

WINDOW_END: Final = WATCH_SIZE
WINDOW_OPEN: Final = 2**62
_BAD: Final = WINDOW_END + 1
_MID_AT: Final = _BAD + 1  # at the window's start
_LEARNT: Final = _MID_AT + 1  # sound windows so far
_CALM: Final = _LEARNT + 1  # sound windows in a row
_SUMS: Final = _CALM + 1  # lots bought, lots sold, unknown lots, half ticks · lots of the first two above the
# window's first mid: floats, for they may pass 2⁶³
_UNKNOWN: Final = _SUMS + 2
_PAID: Final = _SUMS + 3
_SUMS_END: Final = _SUMS + 5
_MOMENTS: Final = _SUMS_END  # mean and variance of volume, of squared moves
_MIDS: Final = _MOMENTS + 4
_PHASE: Final = _MIDS + MOST_CALM + 1
_ELAPSED: Final = _PHASE + 1  # windows up to the peak, and after it
_AFTER: Final = _ELAPSED + 1
_SIGMA: Final = _AFTER + 1  # float, of a window's move, when the burst began
_AFTER_GAIN: Final = _SIGMA + 1  # as GAIN, float, after the peak
_EPISODE: Final = _AFTER_GAIN + 1
STATE_SIZE: Final = _EPISODE + WIDTH
_IDLE: Final = 0
_BURST: Final = 1
_MOVED: Final = 2


@kernel
def _begins(state: Int1D, settings: Float1D) -> None:
    """A spike of one-sided volume after a calm: phase one."""
    moments = state[_MOMENTS : _MOMENTS + 4].view(np.float64)
    bought, sold = state[_SUMS], state[_SUMS + 1]
    calm = np.int64(settings[CALM_WINDOWS])
    if state[_LEARNT] < settings[MIN_WINDOWS] or state[_CALM] < calm or moments[0] <= 0.0:
        return
    sigmas = (bought + sold - moments[0]) / np.sqrt(max(moments[1], 0.25 * moments[0] * moments[0]))
    sigma = np.sqrt(max(moments[2], 1.0))
    drift = state[_MID_AT] - state[_MIDS + ((state[_LEARNT] - calm) & MOST_CALM)]
    if sigmas < settings[VOLUME_SIGMAS] or abs(drift) > settings[CALM_SIGMAS] * sigma * np.sqrt(1.0 * calm):
        return
    if abs(bought - sold) < settings[ONE_SIDED] * (bought + sold):
        return
    row = state[_EPISODE : _EPISODE + WIDTH]
    row[:] = 0
    row[START] = state[WINDOW_END] - np.int64(settings[WINDOW_NS])
    row[SIDE] = 1 if bought > sold else -1
    row[MID], row[PEAK] = state[_MID_AT], state[_MID_AT]
    row[SIGMAS:].view(np.float64)[0] = sigmas
    state[_SIGMA : _SIGMA + 1].view(np.float64)[0] = sigma
    state[_PHASE], state[_ELAPSED], state[_AFTER] = _BURST, 0, 0


@inner_kernel
def _gain(state: Int1D, row: Int1D) -> float:
    """Half ticks · lots that aggressors of the episode's side paid in this window beyond the mid before the episode."""
    index = (1 - row[SIDE]) >> 1
    paid = state[_PAID:_SUMS_END].view(np.float64)[index]
    return row[SIDE] * (paid + np.float64(state[_SUMS + index]) * (state[_MID_AT] - row[MID]))


@kernel
def _burst(state: Int1D, settings: Float1D, mid: int) -> None:
    """Up to the peak: did the price go along far enough?"""
    row = state[_EPISODE : _EPISODE + WIDTH]
    way = row[SIDE]
    index = (1 - way) >> 1
    state[_ELAPSED] += 1
    row[BURST] += state[_SUMS + index]
    row[AGAINST] += state[_SUMS + 1 - index]
    row[GAIN:SIGMAS].view(np.float64)[0] += _gain(state, row)
    state[_AFTER_GAIN] = 0
    row[UNKNOWN] += state[_UNKNOWN]
    sigma = state[_SIGMA : _SIGMA + 1].view(np.float64)[0]
    if way * (mid - row[MID]) >= settings[MOVE_SIGMAS] * sigma * np.sqrt(1.0 * state[_ELAPSED]):
        state[_PHASE] = _MOVED
        row[PEAK] = mid
    elif state[_ELAPSED] >= settings[MOVE_WINDOWS]:
        state[_PHASE] = _IDLE


@kernel
def _score(state: Int1D) -> float:
    """1 − p of three chances together, by Fisher: the spike, a walk going as far, a walk coming back as far."""
    row = state[_EPISODE : _EPISODE + WIDTH]
    sigma = state[_SIGMA : _SIGMA + 1].view(np.float64)[0]
    sigmas = row[SIGMAS:].view(np.float64)[0]
    out = abs(row[PEAK] - row[MID]) / (sigma * np.sqrt(2.0 * state[_ELAPSED]))
    back = abs(row[PEAK] - row[MID_END]) / (sigma * np.sqrt(2.0 * state[_AFTER]))
    spike = np.log1p(sigmas * sigmas)
    walks = -np.log(max(erfc(out), 1e-300)) - np.log(max(erfc(back), 1e-300))
    x = spike + walks
    return 1.0 - np.exp(-x) * (1.0 + x + 0.5 * x * x)


@kernel
def _moved(state: Int1D, settings: Float1D, mid: int, ts: int, out: Int2D) -> None:
    """After the move: further, back, or neither for too long."""
    row = state[_EPISODE : _EPISODE + WIDTH]
    way = row[SIDE]
    index = (1 - way) >> 1
    state[_AFTER] += 1
    row[AFTER_WITH] += state[_SUMS + index]
    row[AFTER_AGAINST] += state[_SUMS + 1 - index]
    row[UNKNOWN] += state[_UNKNOWN]
    after_gain = state[_AFTER_GAIN : _AFTER_GAIN + 1].view(np.float64)
    after_gain[0] += _gain(state, row)
    if way * (mid - row[PEAK]) > 0:
        row[PEAK] = mid
        row[BURST] += row[AFTER_WITH]
        row[AGAINST] += row[AFTER_AGAINST]
        row[GAIN:SIGMAS].view(np.float64)[0] += after_gain[0]
        after_gain[0] = 0.0
        row[AFTER_WITH], row[AFTER_AGAINST] = 0, 0
        state[_ELAPSED] += state[_AFTER]
        state[_AFTER] = 0
        return
    volume, after = row[BURST] + row[AGAINST], row[AFTER_WITH] + row[AFTER_AGAINST]
    back = way * (row[PEAK] - mid) >= settings[BACK_SHARE] * (way * (row[PEAK] - row[MID]))
    if back and after * state[_ELAPSED] <= volume * state[_AFTER]:
        row[MID_END], row[END], row[KNOWN] = mid, state[WINDOW_END], ts
        score = _score(state)
        if score >= settings[MIN_SCORE]:
            out[state[0]] = row
            out[state[0], SCORE:].view(np.float64)[0] = score
            state[0] += 1
        state[_PHASE] = _IDLE
    elif state[_AFTER] >= settings[BACK_WINDOWS]:
        state[_PHASE] = _IDLE


@kernel
def _sound_window(state: Int1D, settings: Float1D, mid: int, ts: int, out: Int2D) -> None:
    """A window with a book in sync has ended: the phases, and what is usual."""
    state[_MIDS + (state[_LEARNT] & MOST_CALM)] = state[_MID_AT]
    if state[_PHASE] == _MOVED:
        _moved(state, settings, mid, ts, out)
    else:
        if state[_PHASE] == _IDLE:
            _begins(state, settings)
        if state[_PHASE] == _BURST:
            _burst(state, settings, mid)
    moments = state[_MOMENTS : _MOMENTS + 4].view(np.float64)
    weight = max(settings[WEIGHT], 1.0 / (1.0 + state[_LEARNT]))
    first = state[_LEARNT] < settings[MIN_WINDOWS]
    change = 1.0 * (mid - state[_MID_AT])
    most_volume = np.inf if first else moments[0] + _CUT * np.sqrt(moments[1])
    learn(moments[0:2], 1.0 * (state[_SUMS] + state[_SUMS + 1]), weight, most_volume)
    learn(moments[2:4], change * change, weight, np.inf if first else _CUT * _CUT * max(moments[2], 1.0))
    state[_LEARNT] += 1
    state[_CALM] += 1


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
            state[_PHASE], state[_CALM] = _IDLE, 0
        else:
            _sound_window(state, settings, mid, ts, out)
        state[_BAD] = 0
        state[_MID_AT] = NO_MID if silent else mid
        state[_SUMS:_SUMS_END] = 0
        if silent:
            state[WINDOW_END] = (ts // length + 1) * length
        else:
            state[WINDOW_END] += length


@inner_kernel
def _trade(state: Int1D, sign: int, price_ticks: int, lots: int) -> None:
    if sign == 0:
        state[_UNKNOWN] += lots
        return
    index = (1 - sign) >> 1
    state[_SUMS + index] += lots
    if state[_MID_AT] != NO_MID:
        state[_PAID:_SUMS_END].view(np.float64)[index] += np.float64(lots) * (2 * price_ticks - state[_MID_AT])


@kernel
def ignition_rows(
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
            if not room(book, (1 - sign) >> 1):
                return i
            book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i])
            if (flag & LAST or what == GAP) and not unbroken(book, state, ts, ts_venue[i], settings[STALE_NS]):
                state[_BAD] = 1
        elif what == TRADE:
            _trade(state, sign, price_ticks[i], qty_lots[i])
    return len(kind)
