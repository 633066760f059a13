"""Best quotes of one market as its messages end, from the depth stream's book or a ticker channel.

Sides are seen as keys, +price for bids and −price for asks, as in `counterpoise.market.kernels.ladder`. The slots lie at the
beginning of the state of every stream that follows a market.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.book import STATE, STATUS_SIZE, apply_row, settle
from counterpoise.market.kernels.codes import CROSSED, GAP, GAPPED, LAST, QUOTE, STALE, SYNCED
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at, room

__all__ = [
    "ASK",
    "ASK_LOTS",
    "BEST_SIZE",
    "BID",
    "BID_LOTS",
    "DEPTH",
    "HEARD",
    "KEY",
    "LOTS",
    "NOW",
    "QUALITY",
    "SOURCE",
    "STALE_NS",
    "STATUS",
    "TICKER",
    "TS",
    "WIDTH",
    "best_rows",
    "follow",
    "has_room",
]

# slots of the state; 0 is WRITTEN
STATUS: Final = 1  # counterpoise.market.kernels.book
KEY: Final = STATUS + STATUS_SIZE  # 2 slots: best keys after the last whole message, NO_KEY when the side is empty
LOTS: Final = KEY + 2
NOW: Final = LOTS + 2  # state of the source after it
HEARD: Final = NOW + 1  # its ts_local, 0 before the first
BEST_SIZE: Final = HEARD + 1
_LAST: Final = BEST_SIZE  # 5 slots: BID to QUALITY of the row written last
_WRITTEN: Final = 0

# settings
SOURCE: Final = 0
STALE_NS: Final = 1
DEPTH: Final = 0
TICKER: Final = 1

# columns of a row
TS: Final = 0
BID: Final = 1
BID_LOTS: Final = 2
ASK: Final = 3
ASK_LOTS: Final = 4
QUALITY: Final = 5
WIDTH: Final = 6


@inner_kernel
def has_room(book: Int1D, kind: int, side: int) -> bool:
    """Whether a row can be applied without growing the book."""
    return kind > GAP or room(book, (1 - side) >> 1)


@kernel
def _settled(book: Int1D, state: Int1D) -> None:
    """The book's message is whole: its best levels and its state are what holds now."""
    settle(book, state[STATUS:KEY])
    state[NOW] = state[STATUS + STATE]
    for side in range(2):
        key = book[side * HEAD + BEST]
        state[KEY + side] = key
        state[LOTS + side] = quantity_at(book, side, key) if key != NO_KEY else 0
        if key == NO_KEY:  # a market with one side is no market
            state[NOW] = GAPPED


@kernel
def _quoted(state: Int1D, side: int, flags: int, price_ticks: int, lots: int) -> None:
    """One side of a ticker quote; no size means no quote on that side, and a market with one side is no market."""
    index = (1 - side) >> 1
    state[KEY + index] = side * price_ticks if lots > 0 else NO_KEY
    state[LOTS + index] = lots
    if flags & LAST:
        whole = state[KEY] != NO_KEY and state[KEY + 1] != NO_KEY
        crossed = whole and state[KEY] + state[KEY + 1] >= 0
        state[NOW] = CROSSED if crossed else (SYNCED if whole else GAPPED)


@inner_kernel
def follow(book: Int1D, state: Int1D, source: int, kind: int, side: int, flags: int, price_ticks: int, lots: int) -> bool:
    """Take one row; whether a message of the source ended with it. A gap ends one at once."""
    if kind <= GAP:
        apply_row(book, state[STATUS:KEY], kind, side, flags, price_ticks, lots)
        if flags & LAST or kind == GAP:
            if source == DEPTH:
                _settled(book, state)
                return True
            settle(book, state[STATUS:KEY])
    elif kind == QUOTE and source == TICKER:
        _quoted(state, side, flags, price_ticks, lots)
        return flags & LAST != 0
    return False


@inner_kernel
def _write(state: Int1D, ts: int, quality: int, row: Int1D) -> bool:
    """Write the best quotes if they, or how far they can be trusted, are not what was written last."""
    new = quality != state[_LAST + QUALITY - 1]
    for side in range(2):
        key, lots = state[KEY + side], state[LOTS + side]
        new |= state[_LAST + 2 * side] != key or state[_LAST + 2 * side + 1] != lots
        row[BID + 2 * side], row[BID_LOTS + 2 * side] = key, lots
    row[TS], row[QUALITY] = ts, quality
    state[_LAST : _LAST + 5] = row[BID:]
    return new


@kernel
def best_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    id: Int1D,  # noqa: A002
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Write a row for each change of the best quotes or of their state; silence is one, at the moment it is too long.

    Before the first row state[_LAST + QUALITY - 1] is GAPPED. A row of any kind moves the clock.
    """
    book, state, out = borrow(book), borrow(state), borrow(out)
    source, stale_ns = np.int64(settings[SOURCE]), np.int64(settings[STALE_NS])
    written = 0
    i = start
    while i < len(kind) and written < len(out):
        what, sign = np.int64(kind[i]), np.int64(side[i])
        if not has_room(book, what, sign):
            break
        ts = ts_local[i]
        if state[HEARD] and ts - state[HEARD] > stale_ns:
            quality = max(state[NOW], STALE)
            written += _write(state, state[HEARD] + stale_ns + 1, quality, out[written])
            if written == len(out):
                break
        if follow(book, state, source, what, sign, np.int64(flags[i]), price_ticks[i], qty_lots[i]):
            state[HEARD] = ts
            written += _write(state, ts, state[NOW], out[written])
        i += 1
    state[_WRITTEN] = written
    return i
