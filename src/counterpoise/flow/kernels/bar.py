"""The open bar of a footprint: when it ends, what it has seen, and what its rows come to.

A bar ends by the rule of its bins and at the end of a session, if there are sessions. Rows and the mean price start anew with
each bar; with sessions, with each session. Its slots lie in the state after those of the bins and of the rows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN, RULE, SIZE, TIME, start_bin
from counterpoise.flow.kernels.price_rows import (
    BUY,
    OCCUPIED,
    ROWS_SIZE,
    SELL,
    add_trade,
    address_of,
    clear_rows,
    lots_list,
    rows_list,
    value_area,
)

__all__ = [
    "ANCHOR",
    "AREA_HIGH",
    "AREA_LOW",
    "AREA_SHARE",
    "AREA_STEP",
    "BAR",
    "BARS",
    "BAR_BUY",
    "BAR_SELL",
    "BAR_TRADES",
    "BAR_UNKNOWN",
    "BEGUN",
    "BOUNDARY",
    "BUY_IMBALANCES",
    "BUY_STACKS",
    "CLOSE",
    "CLOSING",
    "COMPLETE",
    "COUNT_ZERO",
    "CURSOR",
    "DELTA_HIGH",
    "DELTA_LOW",
    "GAPS",
    "HIGH",
    "INVERSE",
    "LEVELS",
    "LOW",
    "MEAN",
    "MIN_LOTS",
    "OPEN",
    "POC",
    "POC_LOTS",
    "ROWS",
    "ROW_TICKS",
    "SELL_IMBALANCES",
    "SELL_STACKS",
    "SESSION",
    "SESSIONS",
    "SESSION_END",
    "SESSION_START",
    "SQUARE",
    "STACK",
    "STRICT",
    "SUMMARY",
    "SUMMARY_END",
    "SUM_BUY",
    "SUM_SELL",
    "SUM_TRADES",
    "SUM_UNKNOWN",
    "TAKEN",
    "TIMES_BOTTOM",
    "TIMES_TOP",
    "UNFINISHED_HIGH",
    "UNFINISHED_LOTS",
    "UNFINISHED_LOW",
    "UNLISTED",
    "WEIGHT",
    "WIDTH",
    "WRITES",
    "is_imbalance",
    "next_bar",
    "open_bar",
    "summarise",
    "take_trade",
]

# slots of the state, after those of the bins and of the rows
BEGUN: Final = ROWS_SIZE
SESSION_END: Final = BEGUN + 1  # where it, or the time between two, ends
BOUNDARY: Final = BEGUN + 2  # the earlier of that and the bin's end
CLOSING: Final = BEGUN + 3  # ts of the bar that is being written, NOT_OPEN when none is
CURSOR: Final = BEGUN + 4  # how much of it has been written, UNLISTED before its rows are listed
TAKEN: Final = BEGUN + 5  # 1 when the trade at hand has ended the bar and is part of it
SUMMARY: Final = BEGUN + 6  # from here to SUMMARY_END the slots are also the columns of a bar's summary
BAR: Final = SUMMARY
COMPLETE: Final = SUMMARY + 1
SESSION: Final = SUMMARY + 2  # −1 between sessions
SESSION_START: Final = SUMMARY + 3
OPEN: Final = SUMMARY + 4  # ticks
HIGH: Final = SUMMARY + 5
LOW: Final = SUMMARY + 6
CLOSE: Final = SUMMARY + 7
BAR_BUY: Final = SUMMARY + 8  # lots
BAR_UNKNOWN: Final = SUMMARY + 9
BAR_SELL: Final = SUMMARY + 10
BAR_TRADES: Final = SUMMARY + 11
DELTA_LOW: Final = SUMMARY + 12
DELTA_HIGH: Final = SUMMARY + 13
GAPS: Final = SUMMARY + 14
SUM_BUY: Final = SUMMARY + 15  # as BAR_*, of all that the rows hold
SUM_UNKNOWN: Final = SUMMARY + 16
SUM_SELL: Final = SUMMARY + 17
SUM_TRADES: Final = SUMMARY + 18
ANCHOR: Final = SUMMARY + 19  # first price, from which distances are weighed
WEIGHT: Final = SUMMARY + 20  # Σw, Σwd, Σwd²; floats by their bits
MEAN: Final = SUMMARY + 21
SQUARE: Final = SUMMARY + 22
POC: Final = SUMMARY + 23  # row
POC_LOTS: Final = SUMMARY + 24
AREA_LOW: Final = SUMMARY + 25
AREA_HIGH: Final = SUMMARY + 26
BUY_IMBALANCES: Final = SUMMARY + 27
SELL_IMBALANCES: Final = SUMMARY + 28
BUY_STACKS: Final = SUMMARY + 29
SELL_STACKS: Final = SUMMARY + 30
UNFINISHED_LOW: Final = SUMMARY + 31
UNFINISHED_HIGH: Final = SUMMARY + 32
SUMMARY_END: Final = SUMMARY + 33
WIDTH: Final = 1 + SUMMARY_END - SUMMARY

# settings, after the two of the bins
WRITES: Final = 2
ROW_TICKS: Final = 3
INVERSE: Final = 4
TIMES_TOP: Final = 5  # the multiplier is TIMES_TOP / TIMES_BOTTOM
TIMES_BOTTOM: Final = 6
STRICT: Final = 7
MIN_LOTS: Final = 8
COUNT_ZERO: Final = 9
STACK: Final = 10
UNFINISHED_LOTS: Final = 11
AREA_STEP: Final = 12
AREA_SHARE: Final = 13  # bps
SESSIONS: Final = 14  # their number, then start and end of each after midnight [ns]

ROWS: Final = 0
BARS: Final = 1
LEVELS: Final = 2

UNLISTED: Final = -1
_DAY: Final = 86_400_000_000_000


@kernel
def open_bar(state: Int1D, settings: Float1D, ts: int) -> None:
    """Which session, and which bin of time, a moment belongs to, and when that changes."""
    state[SESSION], state[SESSION_START], state[SESSION_END] = -1, NOT_OPEN, NOT_OPEN
    day = ts // _DAY * _DAY
    for i in range(int(settings[SESSIONS])):
        start, end = int(settings[SESSIONS + 1 + 2 * i]), int(settings[SESSIONS + 2 + 2 * i])
        for midnight in range(day - _DAY, day + 2 * _DAY, _DAY):
            if midnight + start <= ts < midnight + end:
                state[SESSION], state[SESSION_START], state[SESSION_END] = i, midnight + start, midnight + end
            elif midnight + start > ts and state[SESSION] < 0:
                state[SESSION_END] = min(state[SESSION_END], midnight + start)
    state[BIN_END] = NOT_OPEN
    every = int(settings[SIZE])
    if settings[RULE] == TIME and every > 0:
        state[BIN_END] = (ts // every + 1) * every
    state[BOUNDARY] = min(state[BIN_END], state[SESSION_END])


@kernel
def next_bar(state: Int1D, settings: Float1D) -> None:
    """Begin another bar after the one that CLOSING names."""
    end = state[CLOSING]
    state[CLOSING], state[CURSOR] = NOT_OPEN, UNLISTED
    start_bin(state)
    state[OPEN : GAPS + 1] = 0
    if settings[SESSIONS] == 0 or end >= state[SESSION_END]:
        state[SUM_BUY : SQUARE + 1] = 0
        clear_rows(state)
    if end >= state[BOUNDARY]:
        open_bar(state, settings, end)


@inner_kernel
def take_trade(state: Int1D, settings: Float1D, row: int, side: int, price_ticks: int, lots: int) -> bool:
    """Take one trade; false when the table must grow first."""
    if not add_trade(state, row, side, lots):
        return False
    state[BAR_TRADES] += 1
    if settings[WRITES] != BARS:
        return True
    if state[BAR_TRADES] == 1:
        state[OPEN], state[HIGH], state[LOW] = price_ticks, price_ticks, price_ticks
    state[HIGH] = max(state[HIGH], price_ticks)
    state[LOW] = min(state[LOW], price_ticks)
    state[CLOSE] = price_ticks
    state[BAR_UNKNOWN - side] += lots
    delta = state[BAR_BUY] - state[BAR_SELL]
    state[DELTA_LOW] = min(state[DELTA_LOW], delta)
    state[DELTA_HIGH] = max(state[DELTA_HIGH], delta)
    if state[SUM_TRADES] == 0:
        state[ANCHOR] = price_ticks
    state[SUM_UNKNOWN - side] += lots
    state[SUM_TRADES] += 1
    real = state[WEIGHT : SQUARE + 1].view(np.float64)
    weight = lots * 1.0
    if settings[INVERSE]:
        weight = lots / price_ticks if price_ticks > 0 else 0.0
    distance = price_ticks - state[ANCHOR]
    real[0] += weight
    real[1] += weight * distance
    real[2] += weight * distance * distance
    return True


@inner_kernel
def _opposite(state: Int1D, i: int, side: int) -> int:
    """Lots diagonally opposite the i-th row: sold a row lower for buyers, bought a row higher for sellers; −1 past the bar."""
    beside, rows = i - side, rows_list(state)
    if beside < 0 or beside >= state[OCCUPIED]:
        return -1
    if state[rows + beside] != state[rows + i] - side:
        return 0
    return state[address_of(state, beside) + 1 + side]


@inner_kernel
def is_imbalance(state: Int1D, settings: Float1D, i: int, side: int) -> bool:
    """Whether a side of the i-th row is out of balance with its diagonal opposite."""
    lots = state[address_of(state, i) + 1 - side]
    if lots == 0 or lots < settings[MIN_LOTS]:
        return False
    against = _opposite(state, i, side)
    if against <= 0:
        return against == 0 and settings[COUNT_ZERO] != 0
    top, bottom = int(settings[TIMES_TOP]), int(settings[TIMES_BOTTOM])
    ours, theirs = lots // top, against // bottom  # the products do not fit where lots are small
    if ours == theirs:
        ours, theirs = lots % top * bottom, against % bottom * top
    return ours > theirs or (ours == theirs and not settings[STRICT])


@kernel
def summarise(state: Int1D, settings: Float1D) -> None:
    """Point of control, value area, imbalances and unfinished auctions of the rows."""
    n, rows, lots = state[OCCUPIED], rows_list(state), lots_list(state)
    state[POC : UNFINISHED_HIGH + 1] = 0
    if n == 0:
        return
    step, share = int(settings[AREA_STEP]), int(settings[AREA_SHARE])
    value_area(state[rows : rows + n], state[lots : lots + n], step, share, state[POC : AREA_HIGH + 1])
    for side in (1, -1):
        run, last = 0, NOT_OPEN
        which = (1 - side) >> 1
        for i in range(n):
            if is_imbalance(state, settings, i, side):
                run = run + 1 if state[rows + i] == last + 1 else 1
                last = state[rows + i]
                state[BUY_IMBALANCES + which] += 1
                state[BUY_STACKS + which] += run == int(settings[STACK])
    low, high = address_of(state, 0), address_of(state, n - 1)
    state[UNFINISHED_LOW] = state[low + BUY] > 0 and state[low + SELL] > settings[UNFINISHED_LOTS]
    state[UNFINISHED_HIGH] = state[high + SELL] > 0 and state[high + BUY] > settings[UNFINISHED_LOTS]
