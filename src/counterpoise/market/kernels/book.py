"""Book rows into a ladder: messages apply whole, a snapshot clears, a gap voids."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import CROSSED, FIRST, GAP, GAPPED, LAST, LIQUIDATION, QUOTE, SNAPSHOT, SYNCED
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, clear, room, set_level

__all__ = [
    "CROSSINGS",
    "GAPS",
    "MESSAGES",
    "SNAPSHOTS",
    "STATE",
    "STATUS_SIZE",
    "all_sound",
    "apply_row",
    "apply_rows",
    "settle",
    "unsound_row",
]

# status[...]
STATE: Final = 0  # SYNCED, CROSSED or GAPPED
MESSAGES: Final = 1  # whole book messages applied
SNAPSHOTS: Final = 2
GAPS: Final = 3
CROSSINGS: Final = 4  # messages that left the book crossed or locked
STATUS_SIZE: Final = 5

_REACH: Final = 1 << 61  # ticks
_MOST_LOTS: Final = 1 << 58  # of a row, so that the best levels of both sides add up in int64


@kernel
def apply_row(book: Int1D, status: Int1D, kind: int, side: int, flags: int, price_ticks: int, qty_lots: int) -> None:
    """Apply one row of kind DELTA, SNAPSHOT or GAP."""
    if kind == GAP:
        clear(book, 0)
        clear(book, 1)
        status[STATE] = GAPPED
        status[GAPS] += 1
        return
    if kind == SNAPSHOT and flags & FIRST:
        clear(book, 0)
        clear(book, 1)
        status[STATE] = SYNCED
        status[SNAPSHOTS] += 1
    if status[STATE] == GAPPED:
        return
    index = (1 - side) >> 1
    set_level(book, index, side * price_ticks, qty_lots)


@inner_kernel
def settle(book: Int1D, status: Int1D) -> None:
    """At the end of a message: is the book crossed? A book with an empty side is not."""
    if status[STATE] == GAPPED:
        return
    status[MESSAGES] += 1
    bid, ask = book[BEST], book[HEAD + BEST]
    crossed = bid != NO_KEY and ask != NO_KEY and bid + ask >= 0
    status[STATE] = CROSSED if crossed else SYNCED
    status[CROSSINGS] += crossed


@kernel
def apply_rows(
    book: Int1D,
    status: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
) -> int:
    """Apply rows from `start`; returns the first row not applied: the number of rows, or where the hash table must grow."""
    book, status = borrow(book), borrow(status)
    for i in range(start, len(kind)):
        if kind[i] > GAP:
            continue
        index = (1 - np.int64(side[i])) >> 1
        if not room(book, index):
            return i
        apply_row(book, status, np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i]), price_ticks[i], qty_lots[i])
        if flags[i] & LAST:
            settle(book, status)
    return len(kind)


@kernel
def all_sound(ts_local: Int1D, kind: UInt8_1D, side: Int8_1D, price_ticks: Int1D, qty_lots: Int1D) -> bool:
    """Whether time never goes back and no row is an `unsound_row`; without a branch, so that it runs at memory speed."""
    bad = False
    for i in range(1, len(ts_local)):
        bad |= ts_local[i] < ts_local[i - 1]
    for i in range(len(kind)):
        what, sign = kind[i], side[i]
        sided = (what <= SNAPSHOT) | (what == QUOTE)
        bad |= (sign > 1) & (what != GAP)
        bad |= (sign < -1) & (what != GAP)
        bad |= (sign == 0) & sided
        bad |= what > LIQUIDATION
    for i in range(len(kind)):
        within = (price_ticks[i] < _REACH) & (price_ticks[i] > -_REACH) & (qty_lots[i] >= 0) & (qty_lots[i] < _MOST_LOTS)
        bad |= (not within) & (kind[i] != GAP)
    return not bad


@kernel
def unsound_row(kind: UInt8_1D, side: Int8_1D, price_ticks: Int1D, qty_lots: Int1D) -> int:
    """First level, quote or trade that other kernels must not see, else the number of rows."""
    for i in range(len(kind)):
        what, sign = kind[i], side[i]
        if what > LIQUIDATION:
            return i
        if what <= SNAPSHOT or what == QUOTE:
            sound = (sign == 1) | (sign == -1)
        else:
            sound = (what == GAP) | ((sign >= -1) & (sign <= 1))
        within = (price_ticks[i] < _REACH) & (price_ticks[i] > -_REACH) & (qty_lots[i] >= 0) & (qty_lots[i] < _MOST_LOTS)
        if not (sound and (within or what == GAP)):
            return i
    return len(kind)
