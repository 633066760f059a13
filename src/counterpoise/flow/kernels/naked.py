"""Levels that bars leave behind, watched until a trade reaches them: points of control and unfinished auctions.

They stand in order of price at the end of the state, in two stacks with free room between them: those at or below the last
trade from the front, those above it from the back. What a trade reaches is at the near end of one. Two slots hold the nearest
above and below, so that a trade that reaches none costs two comparisons.

A row has no more than the three levels of one bar: the trade of a later bar in that row has reached them.
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
    "LEVELS_ABOVE",
    "LEVELS_BELOW",
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
LEVELS_BELOW: Final = LAST_ROW + 4  # held in the stack of those at or below the last trade
LEVELS_ABOVE: Final = LAST_ROW + 5
LEVEL_CAPACITY: Final = LAST_ROW + 6

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
def _top_below(state: Int1D) -> int:
    """Where the nearest level at or below the last trade stands; there must be one."""
    return levels_at(state) + ENTRY * (state[LEVELS_BELOW] - 1)


@inner_kernel
def _top_above(state: Int1D) -> int:
    """Where the nearest level above the last trade stands; one past the end when there is none."""
    return levels_at(state) + ENTRY * (state[LEVEL_CAPACITY] - state[LEVELS_ABOVE])


@kernel
def watch(state: Int1D) -> None:
    """Say which levels are nearest to the last trade, after one of them was reached or passed."""
    last = state[LAST_ROW]
    state[WATCH_LOW] = state[_top_below(state)] if state[LEVELS_BELOW] else -NOT_OPEN
    if state[WATCH_LOW] == last:
        state[WATCH_HIGH] = last
    else:
        state[WATCH_HIGH] = state[_top_above(state)] if state[LEVELS_ABOVE] else NOT_OPEN


@kernel
def reached(state: Int1D, ts: int, row: int, written: int, out: Int2D) -> int:
    """A trade may have reached levels: write and drop those between the last trade and it, the nearest to the last trade first.

    What the last trade stood at is not reached by going away from it. Returns rows written in all; as `out` may be full, call
    again until it is not.
    """
    last = state[LAST_ROW]
    while row < last and state[LEVELS_BELOW] and state[_top_below(state)] == last:
        entry, to = _top_below(state), _top_above(state) - ENTRY
        for word in range(ENTRY):
            state[to + word] = state[entry + word]
        state[LEVELS_BELOW] -= 1
        state[LEVELS_ABOVE] += 1
    while row <= last and state[LEVELS_BELOW] and written < len(out) and state[_top_below(state)] >= row:
        _write(state, out[written], ts, 1, _top_below(state))
        state[LEVELS_BELOW] -= 1
        written += 1
    while row > last and state[LEVELS_ABOVE] and written < len(out) and state[_top_above(state)] <= row:
        _write(state, out[written], ts, 1, _top_above(state))
        state[LEVELS_ABOVE] -= 1
        written += 1
    return written


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
            if state[LEVELS_BELOW] + state[LEVELS_ABOVE] == state[LEVEL_CAPACITY]:
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
    """Make room for a level in order, after those of the same row; returns where.

    It passes over no level but those of its own bar: the bar's trades have reached what stood between its row and its last.
    """
    if row <= state[LAST_ROW]:
        entry = levels_at(state) + ENTRY * state[LEVELS_BELOW]
        while entry > levels_at(state) and state[entry - ENTRY] > row:
            for word in range(entry, entry + ENTRY):
                state[word] = state[word - ENTRY]
            entry -= ENTRY
        state[LEVELS_BELOW] += 1
        return entry
    entry, end = _top_above(state) - ENTRY, levels_at(state) + ENTRY * state[LEVEL_CAPACITY]
    while entry + ENTRY < end and state[entry + ENTRY] <= row:
        for word in range(entry, entry + ENTRY):
            state[word] = state[word + ENTRY]
        entry += ENTRY
    state[LEVELS_ABOVE] += 1
    return entry
