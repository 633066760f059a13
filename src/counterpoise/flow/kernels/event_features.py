"""One row a touched side of a book message, one a trade: what it did to the queues, and six numbers of where and when.

Sides are keys as in `counterpoise.market.kernels.ladder`. Times of prices are remembered in a table of SLOTS entries a side,
by key modulo SLOTS: two prices of one slot forget each other, so the memory has a size and needs no clearing up.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.queues import queue_change
from counterpoise.market.kernels.book import STATE, STATUS_SIZE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, FIRST, GAP, GAPPED, LAST, SNAPSHOT, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, fill_top, quantity_at, room

__all__ = [
    "ADD",
    "BEFORE",
    "EVENT",
    "EVENT_WIDTH",
    "KNOWN",
    "LEVELS",
    "LEVEL_LOTS",
    "LOTS",
    "MOVE",
    "NO_SIDE",
    "OFI",
    "OPENING",
    "PRICE",
    "QUALITY",
    "REMOVE",
    "REPLACE",
    "SIDE",
    "SINCE_MID",
    "SLOTS",
    "STATE_SIZE",
    "STATUS",
    "TOP",
    "TOUCHED",
    "TS",
    "event_rows",
]

LEVELS: Final = 10
SLOTS: Final = 1 << 13

# slots of the state; 0 is WRITTEN
HEARD: Final = 1  # ts_local of the last book message, 0 before the first
VALID: Final = 2  # 1 when TOP is the top of a book, so that a change of it is order flow
BEFORE: Final = 3  # state of the book after the last message
MID_SINCE: Final = 4  # ts_local since when the best prices are what they are
OPENING: Final = 5  # index of the side that the message being read touched first, NO_SIDE when none
REPLACES: Final = 6  # 1 when the message being read is a snapshot
TOUCHED: Final = 7  # 2 slots: greatest key changed by the message being read, NO_KEY when none
ADDED: Final = 9  # 2 slots: lots
REMOVED: Final = 11  # 2 slots: lots
TOP: Final = 13  # key and lots of the best bid, of the best ask
STATUS: Final = 17
_KEYS: Final = STATUS + STATUS_SIZE  # scratch: LEVELS keys and lots of each side
_LOTS: Final = _KEYS + 2 * LEVELS
_TABLE: Final = _LOTS + 2 * LEVELS  # 3 slots an entry: key, last event there, first event there
STATE_SIZE: Final = _TABLE + 6 * SLOTS

# columns of a row
TS: Final = 0
EVENT: Final = 1
SIDE: Final = 2  # which way it pushes
PRICE: Final = 3  # ticks, NO_KEY when the side was and is empty
LOTS: Final = 4  # added + removed, or traded
OFI: Final = 5  # lots
KNOWN: Final = 6  # 1 when the six below are numbers
LEVEL_LOTS: Final = 7
SAME_LOTS: Final = 8
OPPOSITE_LOTS: Final = 9
SINCE_MID: Final = 10  # ns
SINCE_LEVEL: Final = 11
LEVEL_AGE: Final = 12
QUALITY: Final = 13
EVENT_WIDTH: Final = 14

# EVENT
ADD: Final = 0
REMOVE: Final = 1
MOVE: Final = 2  # as much added as removed
REPLACE: Final = 3  # a snapshot of a book in sync
PRINT: Final = 4

NO_SIDE: Final = 2
_STALE_NS: Final = 0  # settings


@inner_kernel
def _book_row(book: Int1D, state: Int1D, kind: int, side: int, flags: int, price_ticks: int, lots: int) -> None:
    status = state[STATUS:_KEYS]
    index = (1 - side) >> 1
    if kind == GAP:
        state[VALID] = 0
        state[_TABLE::3] = NO_KEY
    elif kind == SNAPSHOT and flags & FIRST and status[STATE] == GAPPED:
        state[VALID] = 0
    elif kind == DELTA and status[STATE] != GAPPED:
        change = lots - quantity_at(book, index, side * price_ticks)
        if change != 0:
            state[TOUCHED + index] = max(state[TOUCHED + index], side * price_ticks)
            state[ADDED + index] += max(change, 0)
            state[REMOVED + index] += max(-change, 0)
    if kind != GAP and state[OPENING] == NO_SIDE and (kind == SNAPSHOT or state[TOUCHED + index] != NO_KEY):
        state[OPENING] = index
    state[REPLACES] |= kind == SNAPSHOT
    apply_row(book, status, kind, side, flags, price_ticks, lots)


@inner_kernel
def _place(book: Int1D, state: Int1D, ts: int, index: int, key: int, row: Int1D) -> None:
    """The six numbers of an event at a key; the price remembers that it happened."""
    depth = 0
    for side in range(2):
        keys, lots = _KEYS + side * LEVELS, _LOTS + side * LEVELS
        fill_top(book, side, 0, ABOVE_ALL, state[keys : keys + LEVELS], state[lots : lots + LEVELS])
    while depth < LEVELS and state[_KEYS + index * LEVELS + depth] >= key:
        depth += 1
    same, opposite = 0, 0
    for level in range(depth):
        same += state[_LOTS + index * LEVELS + level]
        opposite += state[_LOTS + (1 - index) * LEVELS + level]
    row[LEVEL_LOTS] = quantity_at(book, index, key)
    row[SAME_LOTS], row[OPPOSITE_LOTS] = same, opposite
    row[SINCE_MID] = ts - state[MID_SINCE]
    at = _TABLE + 3 * (index * SLOTS + (key & (SLOTS - 1)))
    if state[at] != key:
        state[at], state[at + 1], state[at + 2] = key, ts, ts
    row[SINCE_LEVEL], row[LEVEL_AGE] = ts - state[at + 1], ts - state[at + 2]
    state[at + 1] = ts
    row[KNOWN] = 1


@inner_kernel
def _side_row(book: Int1D, state: Int1D, ts: int, index: int, quality: int, row: Int1D) -> bool:
    """The event of one side of a message, if there is one."""
    key, lots = book[index * HEAD + BEST], np.int64(0)
    if key != NO_KEY:
        lots = quantity_at(book, index, key)
    own = 1 - 2 * index
    before, touched = state[TOP + 2 * index], state[TOUCHED + index]
    if not state[REPLACES] and touched == NO_KEY:
        return False
    row[:] = 0
    row[TS], row[QUALITY] = ts, quality
    row[OFI] = own * queue_change(key, lots, before, state[TOP + 2 * index + 1])
    if state[REPLACES]:
        row[EVENT] = REPLACE
        row[SIDE] = np.sign(row[OFI])
        row[PRICE] = own * key if key != NO_KEY else own * before if before != NO_KEY else NO_KEY
        return True
    net = state[ADDED + index] - state[REMOVED + index]
    row[EVENT] = ADD if net > 0 else REMOVE if net < 0 else MOVE
    row[SIDE] = own * np.sign(net)
    row[PRICE] = own * touched
    row[LOTS] = state[ADDED + index] + state[REMOVED + index]
    if quality == SYNCED:
        _place(book, state, ts, index, touched, row)
    return True


@inner_kernel
def _message(book: Int1D, state: Int1D, ts: int, stale_ns: int, out: Int2D) -> int:
    """The last row of a book message has been applied; returns how many rows of `out` it gave."""
    settle(book, state[STATUS:_KEYS])
    now = state[STATUS + STATE]
    quality = max(state[BEFORE], now)
    if state[HEARD] and ts - state[HEARD] > stale_ns:
        quality = max(quality, STALE)
    written = 0
    if state[VALID] and state[OPENING] != NO_SIDE:
        for turn in range(2):
            written += _side_row(book, state, ts, state[OPENING] ^ turn, quality, out[written])
    moved = not state[VALID]
    for index in range(2):
        key = book[index * HEAD + BEST]
        moved |= key != state[TOP + 2 * index]
        state[TOP + 2 * index] = key
        state[TOP + 2 * index + 1] = quantity_at(book, index, key) if key != NO_KEY else 0
        state[TOUCHED + index], state[ADDED + index], state[REMOVED + index] = NO_KEY, 0, 0
    if moved:
        state[MID_SINCE] = ts
    state[VALID] = now != GAPPED
    state[HEARD], state[BEFORE], state[OPENING], state[REPLACES] = ts, now, NO_SIDE, 0
    return written


@inner_kernel
def _trade(book: Int1D, state: Int1D, ts: int, side: int, price_ticks: int, lots: int, stale_ns: int, row: Int1D) -> None:
    """A print: its place is in the queue it hit."""
    row[:] = 0
    quality = state[BEFORE]
    if state[HEARD] and ts - state[HEARD] > stale_ns:
        quality = max(quality, STALE)
    row[TS], row[EVENT], row[SIDE], row[PRICE], row[LOTS], row[QUALITY] = ts, PRINT, side, price_ticks, lots, quality
    if quality == SYNCED and side != 0:
        _place(book, state, ts, (1 + side) >> 1, -side * price_ticks, row)


@kernel
def event_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    row_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`."""
    book, state, settings, out = borrow(book), borrow(state), borrow(settings), borrow(out)
    stale_ns = np.int64(settings[_STALE_NS])
    written = 0
    i = start
    while i < len(kind):
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if written + 2 > len(out):
            break
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            _book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST:
                written += _message(book, state, ts_local[i], stale_ns, out[written:])
        elif what == TRADE:
            _trade(book, state, ts_local[i], sign, price_ticks[i], qty_lots[i], stale_ns, out[written])
            written += 1
        i += 1
    state[0] = written
    return i
