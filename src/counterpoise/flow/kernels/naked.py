"""Levels that bars leave behind, watched until a trade reaches them: points of control and unfinished auctions.

They stand in order of price at the end of the state. Two slots hold the nearest above and below the last trade, so that a trade
that reaches none costs two comparisons.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.flow.kernels.bar import BAR, CLOSING, CURSOR, POC, SUMMARY_END, TAKEN, UNFINISHED_HIGH, UNFINISHED_LOW
from counterpoise.flow.kernels.bins import NOT_OPEN
from counterpoise.flow.kernels.price_rows import CAPACITY, NEED, OCCUPIED, PAGE_WORDS, TABLE, rows_list

__all__ = [
    "ENTRY",
    "LAST_ROW",
    "LEVELS_HELD",
    "LEVEL_CAPACITY",
    "LEVEL_COLUMNS",
    "NEED_LEVELS",
    "POC_LEVEL",
    "SEEN_GAPS",
    "UNFINISHED_HIGH_LEVEL",
    "UNFINISHED_LOW_LEVEL",
    "WATCH_HIGH",
    "WATCH_LOW",
    "leave_levels",
    "levels_at",
    "reached",
    "watch",
]

LAST_ROW: Final = SUMMARY_END  # of the last trade
WATCH_HIGH: Final = LAST_ROW + 1  # nearest levels at or above it, and at or below it
WATCH_LOW: Final = LAST_ROW + 2
SEEN_GAPS: Final = LAST_ROW + 3
LEVELS_HELD: Final = LAST_ROW + 4
LEVEL_CAPACITY: Final = LAST_ROW + 5

NEED_LEVELS: Final = 2
POC_LEVEL: Final = 0
UNFINISHED_LOW_LEVEL: Final = 1
UNFINISHED_HIGH_LEVEL: Final = 2
ENTRY: Final = 5  # words of a level: row, kind, ts and number of the bar that left it, gaps seen by then
LEVEL_COLUMNS: Final = 7  # ts, whether it was reached, and the entry; gaps since it was left


@inner_kernel
def levels_at(state: Int1D) -> int:
    """Where the levels begin."""
    return TABLE + state[CAPACITY] * PAGE_WORDS


@inner_kernel
def _first_from(state: Int1D, row: int) -> int:
    """Number of the first level at or above a row."""
    at, first, last = levels_at(state), 0, state[LEVELS_HELD]
    while first < last:
        middle = (first + last) >> 1
        if state[at + ENTRY * middle] < row:
            first = middle + 1
        else:
            last = middle
    return first


@kernel
def watch(state: Int1D) -> None:
    """Find the nearest levels about the last trade, after one of them was reached or passed."""
    at, row = levels_at(state), state[LAST_ROW]
    above, below = _first_from(state, row), _first_from(state, row + 1) - 1
    state[WATCH_HIGH] = state[at + ENTRY * above] if above < state[LEVELS_HELD] else NOT_OPEN
    state[WATCH_LOW] = state[at + ENTRY * below] if below >= 0 else -NOT_OPEN


@kernel
def reached(state: Int1D, ts: int, row: int, written: int, out: Int2D) -> int:
    """A trade may have reached levels: write and drop those between the last trade and it; returns rows written in all.

    What the last trade stood at is not reached by going away from it. As `out` may be full, call again until it is not.
    """
    last = state[LAST_ROW]
    low = min(row, last + 1) if row >= last else row
    high = max(row, last - 1) if row <= last else row
    first, stop = _first_from(state, low), _first_from(state, high + 1)
    count = min(stop - first, len(out) - written)
    at = levels_at(state)
    for i in range(count):
        entry = at + ENTRY * (first + i)
        _write(state, out[written + i], ts, 1, entry)
    end = at + ENTRY * state[LEVELS_HELD]
    for word in range(at + ENTRY * first, end - ENTRY * count):
        state[word] = state[word + ENTRY * count]
    state[LEVELS_HELD] -= count
    return written + count


@inner_kernel
def _write(state: Int1D, row: Int1D, ts: int, is_reached: int, entry: int) -> None:
    row[0], row[1] = ts, is_reached
    row[2 : 2 + ENTRY] = state[entry : entry + ENTRY]
    row[1 + ENTRY] = state[SEEN_GAPS] - state[entry + ENTRY - 1]


@kernel
def leave_levels(state: Int1D, written: int, out: Int2D) -> int:
    """Write what the bar that ends leaves behind and watch it; returns rows written, state[CURSOR] 3 when that was all."""
    while state[CURSOR] < 3 and written < len(out):
        kind = state[CURSOR]
        rows = rows_list(state)
        row = state[POC] if kind == POC_LEVEL else state[rows + (state[OCCUPIED] - 1) * (kind == UNFINISHED_HIGH_LEVEL)]
        left = state[OCCUPIED] > 0
        if kind == UNFINISHED_LOW_LEVEL:
            left = left and state[UNFINISHED_LOW] == 1
        elif kind == UNFINISHED_HIGH_LEVEL:
            left = left and state[UNFINISHED_HIGH] == 1
        if left:
            if state[LEVELS_HELD] == state[LEVEL_CAPACITY]:
                state[NEED] = NEED_LEVELS
                return written
            entry = _insert(state, row)
            state[entry], state[entry + 1], state[entry + 2] = row, kind, state[CLOSING]
            state[entry + 3], state[entry + 4] = state[BAR], state[SEEN_GAPS]
            _write(state, out[written], state[CLOSING] - state[TAKEN], 0, entry)
            written += 1
        state[CURSOR] += 1
    watch(state)
    return written


@inner_kernel
def _insert(state: Int1D, row: int) -> int:
    """Make room for a level, after those of the same row; returns where."""
    entry = levels_at(state) + ENTRY * _first_from(state, row + 1)
    end = levels_at(state) + ENTRY * state[LEVELS_HELD]
    for word in range(end - 1, entry - 1, -1):
        state[word + ENTRY] = state[word]
    state[LEVELS_HELD] += 1
    return entry
