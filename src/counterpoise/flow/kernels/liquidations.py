"""Forced orders: summed over bins, and gathered into episodes beside the order flow of the best quotes.

Lots and prices are summed as integers; only notionals are doubles, added in order of arrival, so that pieces and the whole
agree.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, BINS_SIZE, NOT_OPEN, RULE, SIZE, TIME, fills, start_bin
from counterpoise.flow.kernels.queues import queue_change
from counterpoise.market.kernels.book import STATE, STATUS_SIZE, apply_row, settle
from counterpoise.market.kernels.codes import GAP, GAPPED, LAST, LIQUIDATION, STALE, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at, room

__all__ = [
    "BUSY",
    "COUNT",
    "EPISODE",
    "EPISODE_SIZE",
    "EPISODE_STATE_SIZE",
    "EPISODE_WIDTH",
    "E_AFTER",
    "E_BEFORE",
    "E_CLOSED_BY",
    "E_COUNT",
    "E_END",
    "E_FIRST",
    "E_LAST",
    "E_LOTS",
    "E_NOTIONAL",
    "E_NOW",
    "E_OFI",
    "E_OFI_AFTER",
    "E_QUALITY",
    "E_START",
    "FROM",
    "GAPS",
    "GAP_NS",
    "HEARD",
    "IN_SECOND",
    "LARGEST",
    "LIQUIDATION_STATE_SIZE",
    "LIQUIDATION_WIDTH",
    "LONG",
    "LOTS",
    "NOTIONAL_SUM",
    "OPEN",
    "ROWS",
    "SHORT",
    "SINGLE",
    "STALE_NS",
    "STATUS",
    "SUMS",
    "TOP",
    "UNKNOWN",
    "UNTIL",
    "liquidation_episode_rows",
    "liquidation_rows",
]

WRITTEN: Final = 0

# whose position was closed: by the side of the forced order, −1, +1, 0
LONG: Final = 0
SHORT: Final = 1
UNKNOWN: Final = 2

# columns of a closed bin, and slots of the open one: column c lies in state[SUMS + c]
UNTIL: Final = 0  # ns, exclusive: how far the bin was seen
FROM: Final = 1  # ns: since when it was seen
COUNT: Final = 2  # 3 columns
LOTS: Final = 5  # 3 columns
NOTIONAL_SUM: Final = 8  # 3 columns, ticks·lots, floats by their bits
LARGEST: Final = 11  # lots
BUSY: Final = 12  # seconds of the venue's clock with a liquidation
SINGLE: Final = 13  # of these, finished ones with exactly one
IN_SECOND: Final = 14  # liquidations in the second that is going on
GAPS: Final = 15
LIQUIDATION_WIDTH: Final = 16
SUMS: Final = BINS_SIZE
_SECOND: Final = SUMS + LIQUIDATION_WIDTH  # the second that is going on, −1 for none
ROWS: Final = _SECOND + 1  # rows taken in the open bin
LIQUIDATION_STATE_SIZE: Final = ROWS + 1

_NS: Final = 1_000_000_000


@inner_kernel
def _whose(side: int) -> int:
    return (1 + side) >> 1 if side == 1 or side == -1 else UNKNOWN


@inner_kernel
def _close_bin(state: Int1D, until: int, row: Int1D) -> None:
    state[SUMS + UNTIL] = until
    row[:] = state[SUMS : SUMS + LIQUIDATION_WIDTH]
    state[SUMS + COUNT : SUMS + LIQUIDATION_WIDTH] = 0
    state[SUMS + FROM] = until
    state[_SECOND] = -1
    state[ROWS] = 0
    start_bin(state)


@inner_kernel
def _take_forced(state: Int1D, second: int, side: int, price_ticks: int, lots: int) -> None:
    whose = _whose(side)
    state[SUMS + COUNT + whose] += 1
    state[SUMS + LOTS + whose] += lots
    notional = state[SUMS + NOTIONAL_SUM : SUMS + LARGEST].view(np.float64)
    notional[whose] += np.float64(price_ticks) * np.float64(lots)
    state[SUMS + LARGEST] = max(state[SUMS + LARGEST], lots)
    if second != state[_SECOND]:
        state[SUMS + SINGLE] += state[SUMS + IN_SECOND] == 1
        state[SUMS + BUSY] += 1
        state[SUMS + IN_SECOND] = 0
        state[_SECOND] = second
    state[SUMS + IN_SECOND] += 1


@kernel
def liquidation_rows(
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
    """Liquidations per bin, by whose position was closed; returns the first row not taken."""
    state = borrow(state)
    written, i = 0, start
    timed, size = settings[RULE] == TIME, np.int64(settings[SIZE])
    while i < len(kind) and written < len(out):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        if state[SUMS + FROM] == NOT_OPEN:
            state[SUMS + FROM] = ts
        if timed and state[BIN_END] == NOT_OPEN:
            state[BIN_END] = (ts // size + 1) * size
        if timed and ts >= state[BIN_END]:
            _close_bin(state, state[BIN_END], out[written])
            state[BIN_END] += size
            written += 1
            continue
        state[ROWS] += 1
        if what == LIQUIDATION:
            at = ts_venue[i] if ts_venue[i] > 0 else ts
            _take_forced(state, at // _NS, sign, price_ticks[i], qty_lots[i])
        elif what == GAP:
            state[SUMS + GAPS] += 1
        elif what == TRADE and fills(state, settings, sign, price_ticks[i], qty_lots[i]):
            _close_bin(state, ts + 1, out[written])
            written += 1
        i += 1
    state[WRITTEN] = written
    return i


# settings of episodes
GAP_NS: Final = 0
STALE_NS: Final = 1

# columns of an episode, and slots of the open one: column c lies in state[EPISODE + c]
E_START: Final = 0  # ns, first liquidation
E_END: Final = 1  # ns, last liquidation
E_COUNT: Final = 2  # 3 columns
E_LOTS: Final = 5  # 3 columns
E_NOTIONAL: Final = 8  # 3 columns, ticks·lots, floats by their bits
E_FIRST: Final = 11  # price of the first forced order, and of the last [ticks]
E_LAST: Final = 12
E_BEFORE: Final = 13  # best keys, 2 columns each: before the first, at the last, when the episode closed
E_AFTER: Final = 15
E_NOW: Final = 17
E_OFI: Final = 19  # lots: from the first to the last, and to the close
E_OFI_AFTER: Final = 20
E_QUALITY: Final = 21
E_CLOSED_BY: Final = 22  # ns, the row that showed the silence
EPISODE_SIZE: Final = 23
EPISODE_WIDTH: Final = EPISODE_SIZE

STATUS: Final = 1  # counterpoise.market.kernels.book
HEARD: Final = STATUS + STATUS_SIZE  # ts_local of the last book message, 0 before the first
VALID: Final = HEARD + 1  # 1 when TOP is the top of a book, so that a change of it is order flow
TOP: Final = VALID + 1  # best key and lots of bids, then of asks
OPEN: Final = TOP + 4
EPISODE: Final = OPEN + 1
EPISODE_STATE_SIZE: Final = EPISODE + EPISODE_SIZE


@inner_kernel
def _heard_quality(state: Int1D, ts: int, stale_ns: int) -> int:
    quality = state[STATUS + STATE]
    silent = state[HEARD] != 0 and ts - state[HEARD] > stale_ns
    return max(quality, STALE) if silent else quality


@inner_kernel
def _book_spoke(book: Int1D, state: Int1D, ts: int, stale_ns: int) -> None:
    """A whole book message was applied: its order flow at the best quotes goes to the open episode."""
    silent = state[HEARD] != 0 and ts - state[HEARD] > stale_ns
    settle(book, state[STATUS:HEARD])
    quality = state[STATUS + STATE]
    change = 0
    for index in range(2):
        key = book[index * HEAD + BEST]
        lots = quantity_at(book, index, key) if key != NO_KEY else 0
        change += (1 - 2 * index) * queue_change(key, lots, state[TOP + 2 * index], state[TOP + 2 * index + 1])
        state[TOP + 2 * index], state[TOP + 2 * index + 1] = key, lots
    if state[OPEN]:
        state[EPISODE + E_OFI_AFTER] += change * state[VALID]
        state[EPISODE + E_QUALITY] = max(state[EPISODE + E_QUALITY], quality, STALE if silent else quality)
    state[VALID] = quality != GAPPED
    state[HEARD] = ts


@inner_kernel
def _forced_in_episode(state: Int1D, ts: int, side: int, price_ticks: int, lots: int, stale_ns: int) -> None:
    e = state[EPISODE:EPISODE_STATE_SIZE]
    if not state[OPEN]:
        e[:] = 0
        state[OPEN] = 1
        e[E_START] = ts
        e[E_FIRST] = price_ticks
        e[E_BEFORE], e[E_BEFORE + 1] = state[TOP], state[TOP + 2]
    whose = _whose(side)
    e[E_COUNT + whose] += 1
    e[E_LOTS + whose] += lots
    notional = e[E_NOTIONAL:E_FIRST].view(np.float64)
    notional[whose] += np.float64(price_ticks) * np.float64(lots)
    e[E_END] = ts
    e[E_LAST] = price_ticks
    e[E_AFTER], e[E_AFTER + 1] = state[TOP], state[TOP + 2]
    e[E_OFI] = e[E_OFI_AFTER]
    e[E_QUALITY] = max(e[E_QUALITY], _heard_quality(state, ts, stale_ns))


@kernel
def liquidation_episode_rows(
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
    """Episodes of liquidations no further apart than GAP_NS; returns the first row not taken."""
    book, state = borrow(book), borrow(state)
    written, i = 0, start
    gap_ns, stale_ns = np.int64(settings[GAP_NS]), np.int64(settings[STALE_NS])
    while i < len(kind) and written < len(out):
        ts, what, sign, flag = ts_local[i], np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if state[OPEN] and ts - state[EPISODE + E_END] > gap_ns:
            e = state[EPISODE:EPISODE_STATE_SIZE]
            e[E_NOW], e[E_NOW + 1] = state[TOP], state[TOP + 2]
            e[E_QUALITY] = max(e[E_QUALITY], _heard_quality(state, e[E_END] + gap_ns, stale_ns))
            e[E_CLOSED_BY] = ts
            out[written] = e
            state[OPEN] = 0
            written += 1
            continue
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            if state[STATUS + STATE] == GAPPED or what == GAP:
                state[VALID] = 0
            apply_row(book, state[STATUS:HEARD], what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST or what == GAP:
                _book_spoke(book, state, ts, stale_ns)
        elif what == LIQUIDATION:
            _forced_in_episode(state, ts, sign, price_ticks[i], qty_lots[i], stale_ns)
        i += 1
    state[WRITTEN] = written
    return i
