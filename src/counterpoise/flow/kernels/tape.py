"""Fills of one aggressor's order, joined into one print as they come.

The open print lies behind the slots of bins, so that a binned stream may hold both. Its notional is kept as
``first price · lots + rest``: a print at one price, and any print below 2⁵³ ticks·lots, is exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BINS_SIZE
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "ABSOLUTE",
    "BOTTOM",
    "ENDED",
    "ESTIMATES",
    "ESTIMATE_SIZE",
    "EVERY",
    "FILLS",
    "INVERSE",
    "JOIN",
    "LARGE",
    "LEAST",
    "OUT_FILLS",
    "OUT_FIRST",
    "OUT_LAST",
    "OUT_LEVELS",
    "OUT_LOTS",
    "OUT_REST",
    "OUT_SIDE",
    "OUT_THRESHOLD",
    "OUT_TS_LOCAL",
    "OUT_TS_VENUE",
    "OUT_WHOLE",
    "OUT_WIDTH",
    "PRINT_LOTS",
    "PRINT_SIDE",
    "QUANTILE",
    "SIGMA",
    "SPAN",
    "TAPE_SIZE",
    "WAIT",
    "WARM",
    "WINDOWS",
    "add_fill",
    "belongs",
    "deadline",
    "print_value",
    "tape_rows",
]

ENDED: Final = 255  # kind of the row by which a stream says that no more will come

# slots of the state: the open print
FILLS: Final = BINS_SIZE  # 0 while none is open
PRINT_SIDE: Final = FILLS + 1
PRINT_LOTS: Final = FILLS + 2
_LAST_LOCAL: Final = FILLS + 3  # ts of its last fill
_LAST_VENUE: Final = FILLS + 4
_FIRST_VENUE: Final = FILLS + 5
_FIRST: Final = FILLS + 6  # ticks
_LAST: Final = FILLS + 7
_LEVELS: Final = FILLS + 8  # distinct prices
_REST: Final = FILLS + 9  # Σ lots·(price − first); of inverse contracts Σ lots·(first − price)/price; a float by its bits
TAPE_SIZE: Final = FILLS + 10

# then, for what is large: three estimates, of sells, of unknown side, of buys
ESTIMATES: Final = TAPE_SIZE
ESTIMATE_SIZE: Final = 3  # prints seen, and mean and variance as floats by their bits
WINDOWS: Final = ESTIMATES + 3 * ESTIMATE_SIZE  # for each: SPAN values in order of arrival, then SPAN sorted

# settings; the first two are those of bins
JOIN: Final = 2  # ns
WAIT: Final = 3  # ns
INVERSE: Final = 4
LARGE: Final = 5  # which prints are written
LEAST: Final = 6  # ticks·lots (lots of inverse contracts), standard deviations, or a probability times BOTTOM
SPAN: Final = 7  # prints
WARM: Final = 8  # prints
BOTTOM: Final = 9  # of the probability

EVERY: Final = 0
ABSOLUTE: Final = 1
SIGMA: Final = 2
QUANTILE: Final = 3

# columns of a print
OUT_TS_LOCAL: Final = 0
OUT_TS_VENUE: Final = 1
OUT_SIDE: Final = 2
OUT_LOTS: Final = 3
OUT_FILLS: Final = 4
OUT_FIRST: Final = 5
OUT_LAST: Final = 6
OUT_LEVELS: Final = 7
OUT_WHOLE: Final = 8
OUT_REST: Final = 9
OUT_THRESHOLD: Final = 10
OUT_WIDTH: Final = 11


@inner_kernel
def deadline(state: Int1D, settings: Float1D) -> int:
    """The last ts_local at which a fill may join the open print; without a venue clock the local one is all there is."""
    wait = settings[WAIT] if state[_LAST_VENUE] != 0 else 0.0
    return state[_LAST_LOCAL] + np.int64(settings[JOIN] + wait)


@inner_kernel
def belongs(state: Int1D, settings: Float1D, ts_venue: int, side: int, price_ticks: int) -> bool:
    """Whether a fill within the deadline is of the open print's order; of an unknown side no two are."""
    if side == 0 or side != state[PRINT_SIDE] or side * (price_ticks - state[_LAST]) < 0:
        return False
    last = state[_LAST_VENUE]
    if ts_venue == 0 or last == 0:
        return ts_venue == last
    return 0 <= ts_venue - last <= np.int64(settings[JOIN])


@inner_kernel
def add_fill(state: Int1D, settings: Float1D, ts_local: int, ts_venue: int, side: int, price_ticks: int, lots: int) -> None:
    """Add a fill to the open print, or open one."""
    rest = state[_REST : _REST + 1].view(np.float64)
    if state[FILLS] == 0:
        state[PRINT_SIDE], state[PRINT_LOTS], state[_LEVELS] = side, 0, 1
        state[_FIRST_VENUE], state[_FIRST], state[_LAST] = ts_venue, price_ticks, price_ticks
        rest[0] = 0.0
    elif price_ticks != state[_LAST]:
        state[_LEVELS] += 1
    away = np.float64(price_ticks - state[_FIRST])
    if settings[INVERSE] and price_ticks != 0:
        away = -away / price_ticks
    rest[0] += lots * away
    state[FILLS] += 1
    state[PRINT_LOTS] += lots
    state[_LAST_LOCAL], state[_LAST_VENUE], state[_LAST] = ts_local, ts_venue, price_ticks


@inner_kernel
def print_value(state: Int1D, settings: Float1D) -> float:
    """Size of the open print: |Σ price·lots| in ticks·lots, or lots of an inverse contract."""
    lots = np.float64(state[PRINT_LOTS])
    if settings[INVERSE]:
        return lots
    return abs(state[_FIRST] * lots + state[_REST : _REST + 1].view(np.float64)[0])


@inner_kernel
def _rank(values: Float1D, count: int, value: float) -> int:
    """Number of ascending values below one."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _window_quantile(state: Int1D, settings: Float1D, at: int, window: int, value: float) -> float:
    """Quantile of the last SPAN values, which then take `value` in; `at` is the slot of the number seen."""
    span, seen = np.int64(settings[SPAN]), state[at]
    held = min(seen, span)
    arrived = state[window : window + span].view(np.float64)
    ascending = state[window + span : window + 2 * span].view(np.float64)
    rank = -(-held * np.int64(settings[LEAST]) // np.int64(settings[BOTTOM]))
    limit = ascending[rank - 1] if held else np.inf
    slot = seen % span
    if held == span:
        gone = _rank(ascending, held, arrived[slot])
        held -= 1
        for i in range(gone, held):
            ascending[i] = ascending[i + 1]
    place = _rank(ascending, held, value)
    for i in range(held, place, -1):
        ascending[i] = ascending[i - 1]
    arrived[slot] = ascending[place] = value
    return limit


@kernel
def _limit(state: Int1D, settings: Float1D, value: float) -> float:
    """What a print of the open one's side must exceed, from those before it; then it is remembered."""
    of = state[PRINT_SIDE] + 1
    at = ESTIMATES + ESTIMATE_SIZE * of
    real = state[at + 1 : at + ESTIMATE_SIZE].view(np.float64)  # mean, variance
    if settings[LARGE] == QUANTILE:
        limit = _window_quantile(state, settings, at, WINDOWS + 2 * np.int64(settings[SPAN]) * of, value)
    else:
        limit = real[0] + settings[LEAST] * np.sqrt(real[1])
        alpha = max(2.0 / (settings[SPAN] + 1.0), 1.0 / (state[at] + 1.0))  # a plain mean of the first ones
        away = value - real[0]
        real[0] += alpha * away
        real[1] = (1.0 - alpha) * (real[1] + alpha * away * away)
    warm = state[at] >= settings[WARM]
    state[at] += 1
    return limit if warm else np.inf


@kernel
def _complete(state: Int1D, settings: Float1D, ts_local: int, whole: bool, row: Int1D) -> int:
    """End the open print; returns whether it was written, 0 or 1."""
    value, large = print_value(state, settings), settings[LARGE]
    limit = -1.0 if large == EVERY else settings[LEAST] if large == ABSOLUTE else _limit(state, settings, value)
    fills = state[FILLS]
    state[FILLS] = 0
    if value < limit or (value == limit and large != ABSOLUTE):
        return 0
    row[OUT_TS_LOCAL], row[OUT_TS_VENUE] = ts_local, state[_FIRST_VENUE]
    row[OUT_SIDE], row[OUT_LOTS], row[OUT_FILLS] = state[PRINT_SIDE], state[PRINT_LOTS], fills
    row[OUT_FIRST], row[OUT_LAST], row[OUT_LEVELS] = state[_FIRST], state[_LAST], state[_LEVELS]
    row[OUT_WHOLE], row[OUT_REST] = whole, state[_REST]
    row[OUT_THRESHOLD : OUT_THRESHOLD + 1].view(np.float64)[0] = limit
    return 1


@kernel
def tape_rows(
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
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`; a row ends at most one print."""
    state, settings = borrow(state), borrow(settings)
    written = 0
    i = start
    while i < len(kind):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        fill = what == TRADE and qty_lots[i] > 0
        if state[FILLS]:
            cut = what == GAP or what == ENDED
            ends = cut or ts > deadline(state, settings)
            if ends or (fill and not belongs(state, settings, ts_venue[i], sign, price_ticks[i])):
                if written == len(out):
                    break
                known = ts if what != ENDED else deadline(state, settings) + 1
                written += _complete(state, settings, known, not cut, out[written])
        if fill:
            add_fill(state, settings, ts, ts_venue[i], sign, price_ticks[i], qty_lots[i])
        i += 1
    state[0] = written
    return i
