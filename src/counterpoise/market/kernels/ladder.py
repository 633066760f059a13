"""Integer-tick ladder: a dense window of levels around the best price of each side, exact levels beyond it.

A side is seen through *keys*: +price for bids (side 0), −price for asks (side 1), so the best level of either side is the
greatest key and one piece of code serves both. The window is a ring: key k lives in slot k mod WINDOW, so moving it costs only
the levels that enter or leave. Occupied slots are bits, so the next level below is found 64 ticks at a time. Levels outside the
window live in an open-addressing hash table (linear probing), exact and bounded by the number of live levels; every far key is
below the window.

A ladder is one flat int64 array (a tuple of arrays cost 90 ns a row in reference counts), so copying the array copies the book:

    [head of side 0][head of side 1][bits 0][bits 1][lots 0][lots 1][far keys 0][far keys 1][far lots 0][far lots 1]

Assumes |price| < 2⁶¹ and quantities ≥ 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel

__all__ = [
    "ABOVE_ALL",
    "BEST",
    "COUNT",
    "FAR",
    "HEAD",
    "LADDER_SIZE",
    "LO",
    "NO_KEY",
    "WINDOW",
    "clear",
    "depth_between",
    "far_slots",
    "fill_top",
    "live_word",
    "next_below",
    "quantity_at",
    "rehash",
    "room",
    "set_level",
    "window_lots",
]

WINDOW: Final = 1 << 15  # ticks a side
HEAD: Final = 4  # slots of a head
LO: Final = 0  # least key of the window, a multiple of 64
BEST: Final = 1  # greatest live key, NO_KEY when the side is empty
COUNT: Final = 2  # live levels in the window
FAR: Final = 3  # live levels in the hash table
NO_KEY: Final = -(2**62)
ABOVE_ALL: Final = 2**62  # greater than every key
_EMPTY: Final = NO_KEY - 1

_MASK: Final = WINDOW - 1
_WORDS: Final = WINDOW >> 6
_BITS: Final = 2 * HEAD
_LOTS: Final = _BITS + 2 * _WORDS
_KEYS: Final = _LOTS + 2 * WINDOW
LADDER_SIZE: Final = _KEYS  # without the hash table: 4 × its slots follow


@kernel
def far_slots(book: Int1D) -> int:
    """Slots of one side's hash table, a power of two."""
    return (len(book) - _KEYS) >> 2


@inner_kernel
def room(book: Int1D, side: int) -> bool:
    """Whether one more row can be applied without growing the hash table, even if it moves the window."""
    head = side * HEAD
    return (book[head + FAR] + book[head + COUNT] + 1) * 8 <= len(book) - _KEYS


@kernel
def clear(book: Int1D, side: int) -> None:
    """Remove every level of a side."""
    head, bits, lots = side * HEAD, _BITS + side * _WORDS, _LOTS + side * WINDOW
    if book[head + COUNT]:
        for word in range(_WORDS):
            if book[bits + word]:
                book[bits + word] = 0
                book[lots + (word << 6) : lots + (word << 6) + 64] = 0
    slots = far_slots(book)
    book[_KEYS + side * slots : _KEYS + (side + 1) * slots] = _EMPTY
    book[head + LO] = 0
    book[head + BEST] = NO_KEY
    book[head + COUNT] = 0
    book[head + FAR] = 0


@kernel
def _far_find(book: Int1D, side: int, key: int) -> int:
    """Index of a key in the table of its side, or of the free slot where it would go."""
    slots = far_slots(book)
    base = _KEYS + side * slots
    at = (key ^ (key >> 10) ^ (key >> 20)) & (slots - 1)  # near keys do not collide, round ones are spread
    while book[base + at] != key and book[base + at] != _EMPTY:
        at = (at + 1) & (slots - 1)
    return base + at


@kernel
def _far_set(book: Int1D, side: int, key: int, lots: int) -> None:
    slots = far_slots(book)
    at = _far_find(book, side, key)
    held = book[at] != _EMPTY
    if lots > 0:
        book[side * HEAD + FAR] += not held
        book[at] = key
        book[at + 2 * slots] = lots
    elif held:
        book[side * HEAD + FAR] -= 1
        book[at] = _EMPTY
        base = _KEYS + side * slots
        probe = base + ((at - base + 1) & (slots - 1))
        while book[probe] != _EMPTY:  # re-place the rest of the run so that no probe is cut
            key, lots = book[probe], book[probe + 2 * slots]
            book[probe] = _EMPTY
            at = _far_find(book, side, key)
            book[at] = key
            book[at + 2 * slots] = lots
            probe = base + ((probe - base + 1) & (slots - 1))


@kernel
def _far_below(book: Int1D, side: int, key: int) -> int:
    """Greatest far key < key; NO_KEY when there is none. O(slots), rare."""
    found = NO_KEY
    if book[side * HEAD + FAR]:
        slots = far_slots(book)
        for at in range(_KEYS + side * slots, _KEYS + (side + 1) * slots):
            if book[at] < key and book[at] > found:
                found = book[at]
    return found


@kernel
def _window_add(book: Int1D, side: int, key: int, lots: int) -> None:
    slot = key & _MASK
    book[_LOTS + side * WINDOW + slot] = lots
    book[_BITS + side * _WORDS + (slot >> 6)] |= np.int64(1) << (slot & 63)
    book[side * HEAD + COUNT] += 1


@kernel
def _evict(book: Int1D, side: int, old_lo: int, word: int) -> None:
    """Move the levels of one word of bits to the hash table."""
    bits = _BITS + side * _WORDS + word
    live = book[bits]
    book[bits] = 0
    base = old_lo + (((word << 6) - old_lo) & _MASK)
    while live:
        bit = 63 - count_leading_zeros(live)
        live ^= np.int64(1) << bit
        at = _LOTS + side * WINDOW + (word << 6) + bit
        lots = book[at]
        book[at] = 0
        book[side * HEAD + COUNT] -= 1
        _far_set(book, side, base + bit, lots)


@kernel
def _move_window(book: Int1D, side: int, best: int) -> None:
    """Put `best` at three quarters of the window; levels that leave go to the table, those that enter come from it."""
    head = side * HEAD
    old_lo = book[head + LO]
    new_lo = (best - (WINDOW >> 2) * 3) & ~63
    book[head + LO] = new_lo
    if book[head + COUNT]:
        for word in range(_WORDS):
            base = old_lo + (((word << 6) - old_lo) & _MASK)
            if book[_BITS + side * _WORDS + word] and (base < new_lo or base >= new_lo + WINDOW):
                _evict(book, side, old_lo, word)
    slots = far_slots(book)
    at = _KEYS + side * slots
    while at < _KEYS + (side + 1) * slots and book[head + FAR]:
        key = book[at]
        if key >= new_lo and key < new_lo + WINDOW:
            lots = book[at + 2 * slots]
            _far_set(book, side, key, 0)  # may shift another key into this slot: look again
            _window_add(book, side, key, lots)
        else:
            at += 1


@inner_kernel
def _window_below(book: Int1D, side: int, key: int) -> int:
    """Greatest live window key < key; NO_KEY when there is none."""
    lo = book[side * HEAD + LO]
    bits = _BITS + side * _WORDS
    at = key - 1
    while at >= lo:
        slot = at & _MASK
        bit = slot & 63
        live = book[bits + (slot >> 6)] & ~(np.int64(-2) << bit)
        if live:
            return at - bit + 63 - count_leading_zeros(live)
        at -= bit + 1
    return NO_KEY


@inner_kernel
def window_lots(side: int) -> int:
    """Where the lots of a side's window begin; key k lies at k mod WINDOW."""
    return _LOTS + side * WINDOW


@inner_kernel
def live_word(book: Int1D, side: int, key: int) -> int:
    """Bits of the live levels at a window key and below it, down to the last multiple of 64."""
    slot = key & _MASK
    return book[_BITS + side * _WORDS + (slot >> 6)] & ~(np.int64(-2) << (slot & 63))


@kernel
def next_below(book: Int1D, side: int, key: int) -> int:
    """Greatest live key < key anywhere; NO_KEY when there is none."""
    found = _window_below(book, side, key)
    return _far_below(book, side, key) if found == NO_KEY else found


@kernel
def quantity_at(book: Int1D, side: int, key: int) -> int:
    """Lots at a key, 0 when there is no such level."""
    offset = key - book[side * HEAD + LO]
    if offset >= 0 and offset < WINDOW:
        return book[_LOTS + side * WINDOW + (key & _MASK)]
    at = _far_find(book, side, key)
    return book[at + 2 * far_slots(book)] if book[at] == key else 0


@kernel
def _best_gone(book: Int1D, side: int, key: int) -> None:
    head = side * HEAD
    best = next_below(book, side, key)
    book[head + BEST] = best
    # a quarter is left below the best: move before deep levels are missed in the dense part
    if book[head + FAR] and best != NO_KEY and best < book[head + LO] + (WINDOW >> 2):
        _move_window(book, side, best)


@kernel
def _set_far_level(book: Int1D, side: int, key: int, lots: int) -> None:
    head = side * HEAD
    if lots > 0 and key > book[head + BEST]:  # a better price than the window holds, or the first of all
        _move_window(book, side, key)
        _window_add(book, side, key, lots)
        book[head + BEST] = key
    else:
        _far_set(book, side, key, lots)


@inner_kernel
def set_level(book: Int1D, side: int, key: int, lots: int) -> None:
    """Set the quantity at a key; 0 deletes it. Call only when `room` is true."""
    head = side * HEAD
    offset = key - book[head + LO]
    if offset < 0 or offset >= WINDOW:
        _set_far_level(book, side, key, lots)
        return
    # no branch on what the level held or holds: it is a coin toss, and a wrong guess costs more than all of this
    slot = key & _MASK
    at, word, bit = _LOTS + side * WINDOW + slot, _BITS + side * _WORDS + (slot >> 6), slot & 63
    held, holds = np.int64(book[at] > 0), np.int64(lots > 0)
    book[at] = lots
    book[word] = (book[word] & ~(np.int64(1) << bit)) | (holds << bit)
    book[head + COUNT] += holds - held
    if key >= book[head + BEST]:
        if holds:
            book[head + BEST] = key
        elif held:
            _best_gone(book, side, key)


@inner_kernel
def fill_top(book: Int1D, side: int, above: int, below: int, keys: Int1D, lots: Int1D) -> int:
    """Write the best keys and lots under `below`, of which `above` levels are not under it; returns how many were found.

    Fills `keys` with NO_KEY where there are no more. The whole top is ``above=0, below=ABOVE_ALL``.
    """
    head, bits = side * HEAD, _BITS + side * _WORDS
    depth = len(keys)
    found, left = 0, min(depth, book[head + COUNT] - above)
    at = min(book[head + BEST], below - 1)
    slot = at & _MASK
    word = slot >> 6
    base = at - (slot & 63)
    live = book[bits + word] & ~(np.int64(-2) << (slot & 63))
    while found < left:
        while live == 0:
            word = (word - 1) & (_WORDS - 1)
            base -= 64
            live = book[bits + word]
        bit = 63 - count_leading_zeros(live)
        live ^= np.int64(1) << bit
        keys[found] = base + bit
        lots[found] = book[_LOTS + side * WINDOW + (word << 6) + bit]
        found += 1
    for empty in range(found, depth):
        keys[empty] = NO_KEY
        lots[empty] = 0
    if found < depth and book[head + FAR]:
        return _fill_far(book, side, below, keys, lots, found)
    return found


@kernel
def _fill_far(book: Int1D, side: int, below: int, keys: Int1D, lots: Int1D, start: int) -> int:
    """Go on from `start` with the greatest far levels: one pass over the table, insertion into the short list."""
    found, depth, slots = start, len(keys), far_slots(book)
    for at in range(_KEYS + side * slots, _KEYS + (side + 1) * slots):
        key = book[at]
        if key <= keys[depth - 1] or key >= below:  # an empty slot is below any key
            continue
        to = min(found, depth - 1)
        while to > start and keys[to - 1] < key:
            keys[to] = keys[to - 1]
            lots[to] = lots[to - 1]
            to -= 1
        keys[to] = key
        lots[to] = book[at + 2 * slots]
        found = min(found + 1, depth)
    return found


@kernel
def rehash(book: Int1D, larger: Int1D) -> None:
    """Copy a ladder into a new array with a larger hash table."""
    larger[:_KEYS] = book[:_KEYS]
    larger[_KEYS:] = _EMPTY
    slots, larger_slots = far_slots(book), far_slots(larger)
    for side in range(2):
        for at in range(_KEYS + side * slots, _KEYS + (side + 1) * slots):
            if book[at] != _EMPTY:
                to = _far_find(larger, side, book[at])
                larger[to] = book[at]
                larger[to + 2 * larger_slots] = book[at + 2 * slots]


@kernel
def _sum(lots: Int1D) -> int:
    total = 0
    for i in range(len(lots)):
        total += lots[i]
    return total


@kernel
def depth_between(book: Int1D, side: int, key: int, top: int) -> int:
    """Lots resting at keys in [key, top]."""
    head, bits, lots = side * HEAD, _BITS + side * _WORDS, _LOTS + side * WINDOW
    total = 0
    at = min(top, book[head + BEST])
    end = max(key, book[head + LO])
    if at - end < 4 * book[head + COUNT]:  # many of the slots are live: add them all, the ring in two runs
        first, last = lots + (end & _MASK), lots + (at & _MASK)
        if at >= end and first > last:
            total += _sum(book[first : lots + WINDOW]) + _sum(book[lots : last + 1])
        elif at >= end:
            total += _sum(book[first : last + 1])
        at = end - 1
    while at >= end:
        slot = at & _MASK
        live = book[bits + (slot >> 6)] & ~(np.int64(-2) << (slot & 63))
        base = at - (slot & 63)
        if end > base:
            live &= np.int64(-1) << (end - base)
        while live:
            bit = 63 - count_leading_zeros(live)
            live ^= np.int64(1) << bit
            total += book[lots + (slot & ~63) + bit]
        at = base - 1
    if book[head + FAR] and key < book[head + LO]:
        slots = far_slots(book)
        for far in range(_KEYS + side * slots, _KEYS + (side + 1) * slots):
            if book[far] >= key and book[far] <= top:
                total += book[far + 2 * slots]
    return total
