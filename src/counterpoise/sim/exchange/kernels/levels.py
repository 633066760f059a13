"""Price levels of one side of a book in a ring of a power of two, each a queue of orders, found by two layers of bits.

The level of key k lies in slot k mod ring, so nothing moves when the price does. All live prices of a market lie within one
ring's length, which `reach` sees to, so no two of them share a slot. A bit tells a live level, a bit of the upper layer a live
word, so a gap of any width costs one look for each 4,096 slots.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel
from counterpoise.sim.exchange.kernels.layout import (
    ASKS,
    BEST,
    BIDS,
    BITS,
    COUNT,
    HEAD,
    LEVEL_LOTS,
    LEVEL_ORDERS,
    LEVEL_SIZE,
    LEVELS,
    LOW,
    MASK,
    NEXT,
    NO_KEY,
    PREV,
    SHOWN,
    SUMS,
    TAIL,
)

__all__ = ["enqueue", "key_of", "leave", "level_at", "next_above", "next_below", "reach", "reduce_shown", "side_of"]

_ONE: Final = np.int64(1)
_ABOVE: Final = np.int64(-2)
_ALL: Final = np.int64(-1)
_TOP: Final = np.int64(-(2**63))


@inner_kernel
def side_of(market: int, side: int) -> int:
    """Address of the bids (+1) or asks (−1) of the market at an address."""
    return market + (BIDS if side > 0 else ASKS)


@inner_kernel
def key_of(side: int, price: int) -> int:
    """Key of a price: of two prices of a side the better has the greater."""
    return side * price


@inner_kernel
def level_at(ex: Int1D, book: int, key: int) -> int:
    """Address of the level of a key; `book` is the address of its side."""
    return ex[book + LEVELS] + (key & ex[book + MASK]) * LEVEL_SIZE


@inner_kernel
def next_below(ex: Int1D, book: int, key: int) -> int:
    """Greatest live key below a key. Assumes that there is one."""
    mask, bits = ex[book + MASK], ex[book + BITS]
    start = (key - 1) & mask
    word = start >> 6
    live = ex[bits + word] & ~(_ABOVE << (start & 63))
    if live == 0:
        sums = ex[book + SUMS]
        word = (word - 1) & (mask >> 6)
        upper = word >> 6
        some = ex[sums + upper] & ~(_ABOVE << (word & 63))
        while some == 0:
            upper = (upper - 1) & (mask >> 12)
            some = ex[sums + upper]
        word = (upper << 6) + 63 - count_leading_zeros(some)
        live = ex[bits + word]
    slot = (word << 6) + 63 - count_leading_zeros(live)
    return key - 1 - ((start - slot) & mask)


@inner_kernel
def _lowest_bit(word: int) -> int:
    """Number of the lowest set bit; of the highest alone the negative leaves 64 bits."""
    return 63 if word == _TOP else 63 - count_leading_zeros(word & -word)


@inner_kernel
def next_above(ex: Int1D, book: int, key: int) -> int:
    """Least live key above a key. Assumes that there is one."""
    mask, bits = ex[book + MASK], ex[book + BITS]
    start = (key + 1) & mask
    word = start >> 6
    live = ex[bits + word] & (_ALL << (start & 63))
    if live == 0:
        sums = ex[book + SUMS]
        word = (word + 1) & (mask >> 6)
        upper = word >> 6
        some = ex[sums + upper] & (_ALL << (word & 63))
        while some == 0:
            upper = (upper + 1) & (mask >> 12)
            some = ex[sums + upper]
        word = (upper << 6) + _lowest_bit(some)
        live = ex[bits + word]
    slot = (word << 6) + _lowest_bit(live)
    return key + 1 + ((slot - start) & mask)


@inner_kernel
def enqueue(ex: Int1D, book: int, key: int, order: int) -> None:
    """Put an order at the end of the queue of its key. Assumes that the key is within reach."""
    level, shown = level_at(ex, book, key), ex[order + SHOWN]
    tail = ex[level + TAIL]
    ex[order + PREV] = tail
    ex[order + NEXT] = 0
    ex[level + TAIL] = order
    ex[level + LEVEL_LOTS] += shown
    ex[level + LEVEL_ORDERS] += 1
    if tail:
        ex[tail + NEXT] = order
        return
    ex[level + HEAD] = order
    slot = key & ex[book + MASK]
    ex[ex[book + BITS] + (slot >> 6)] |= _ONE << (slot & 63)
    ex[ex[book + SUMS] + (slot >> 12)] |= _ONE << ((slot >> 6) & 63)
    ex[book + COUNT] += 1
    if key > ex[book + BEST]:
        ex[book + BEST] = key


@inner_kernel
def leave(ex: Int1D, book: int, key: int, order: int) -> None:
    """Take an order out of the queue of its key, and the level with its last one."""
    level, ahead, behind = level_at(ex, book, key), ex[order + PREV], ex[order + NEXT]
    ex[level + LEVEL_LOTS] -= ex[order + SHOWN]
    ex[level + LEVEL_ORDERS] -= 1
    if ahead:
        ex[ahead + NEXT] = behind
    else:
        ex[level + HEAD] = behind
    if behind:
        ex[behind + PREV] = ahead
    else:
        ex[level + TAIL] = ahead
    if ex[level + HEAD] == 0:
        _close(ex, book, key)


@inner_kernel
def _close(ex: Int1D, book: int, key: int) -> None:
    slot = key & ex[book + MASK]
    word = ex[book + BITS] + (slot >> 6)
    ex[word] &= ~(_ONE << (slot & 63))
    if ex[word] == 0:
        ex[ex[book + SUMS] + (slot >> 12)] &= ~(_ONE << ((slot >> 6) & 63))
    ex[book + COUNT] -= 1
    if key == ex[book + BEST]:
        ex[book + BEST] = next_below(ex, book, key) if ex[book + COUNT] else NO_KEY


@inner_kernel
def reduce_shown(ex: Int1D, book: int, key: int, order: int, lots: int) -> None:
    """Take lots off the shown size of an order that keeps its place."""
    ex[order + SHOWN] -= lots
    ex[level_at(ex, book, key) + LEVEL_LOTS] -= lots


@inner_kernel
def reach(ex: Int1D, market: int, price: int) -> bool:
    """Whether a price can be held beside all live ones; the span of the market moves to it if it can."""
    offset = price - ex[market + LOW]
    if offset >= 0 and offset <= ex[market + BIDS + MASK]:
        return True
    return _slide(ex, market, price)


@kernel
def _slide(ex: Int1D, market: int, price: int) -> bool:
    """Move the span of held prices so that a new one and all live ones lie in its middle, if they fit."""
    mask, low, high = ex[market + BIDS + MASK], price, price
    for side in (1, -1):
        book = side_of(market, side)
        if ex[book + COUNT]:
            best = ex[book + BEST]
            worst = next_above(ex, book, best)  # a turn of the ring above the best stands the worst
            worst -= mask + 1 if worst > best else 0
            low, high = min(low, side * best, side * worst), max(high, side * best, side * worst)
    if high - low > mask:
        return False
    ex[market + LOW] = low - ((mask - (high - low)) >> 1)
    return True
