"""Price and size pairs in JSON text to whole ticks and lots, exactly."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D, UInt8_1D
from counterpoise.core.jit import kernel

__all__ = ["BAD_TEXT", "OFF_GRID", "PARSED", "TOO_LONG", "parse_pairs"]

# what parse_pairs says of a number
PARSED: Final = 0
BAD_TEXT: Final = 1  # not a plain decimal number
OFF_GRID: Final = 2  # not a whole number of steps
TOO_LONG: Final = 3  # does not fit 63 bits

_QUOTE: Final = 34
_COMMA: Final = 44
_MINUS: Final = 45
_POINT: Final = 46
_ZERO: Final = 48
_NINE: Final = 57
_OPEN: Final = 91
_CLOSE: Final = 93
_SPACE: Final = 32
_ROOM: Final = 900_000_000_000_000_000  # a further digit would not fit


@kernel
def _number(text: UInt8_1D, start: int, stop: int, digits: int, step: int, found: Int1D) -> int:
    """Decimal text [start, stop) as a number of `step × 10^-digits` in found[0]."""
    value, seen, after = 0, 0, -1
    negative = start < stop and text[start] == _MINUS
    for i in range(start + negative, stop):
        c = text[i]
        if c == _POINT and after < 0:
            after = 0
        elif _ZERO <= c <= _NINE:
            seen += 1
            if after >= 0:
                if after == digits:  # finer than the grid: only zeros may follow
                    if c != _ZERO:
                        return OFF_GRID
                    continue
                after += 1
            if value >= _ROOM:
                return TOO_LONG
            value = value * 10 + np.int64(c - _ZERO)
        else:
            return BAD_TEXT
    if seen == 0:
        return BAD_TEXT
    for _ in range(digits - max(after, 0)):
        if value >= _ROOM:
            return TOO_LONG
        value *= 10
    if value % step:
        return OFF_GRID
    found[0] = -(value // step) if negative else value // step
    return PARSED


@kernel
def parse_pairs(
    text: UInt8_1D,
    ends: Int1D,
    price_digits: int,
    price_step: int,
    qty_digits: int,
    qty_step: int,
    pairs: tuple[Int1D, Int1D, Int1D],
) -> tuple[int, int, int]:
    """Every ``[price, size, ...]`` of consecutive segments ``[[...], ...]`` of one text.

    `ends` are the ends of the segments; `pairs` takes segment, ticks and lots of each pair, as far as it has rows. Numbers may
    be quoted. Returns (pairs found, status, byte where a number that is at fault begins).
    """
    segment_of, ticks, lots = pairs
    count, i = 0, 0
    found = np.zeros(1, np.int64)
    for segment in range(len(ends)):
        nested, item, read = 0, 0, 0  # read: numbers of the open pair
        while i < ends[segment]:
            c = text[i]
            if c == _OPEN:
                nested += 1
                if nested == 2:
                    item, read = 0, 0
            elif c == _CLOSE:
                if nested == 2:
                    if read != 2:
                        return count, BAD_TEXT, i
                    count += 1
                nested -= 1
            elif c == _COMMA:
                item += nested == 2
            elif c == _QUOTE:
                if nested < 2:  # text where a list should be
                    return count, BAD_TEXT, i
            elif c != _SPACE:
                begin = i
                while i < ends[segment] and text[i] != _QUOTE and text[i] != _COMMA and text[i] != _CLOSE and text[i] != _SPACE:
                    i += 1
                if nested < 2 or (item < 2 and (read != item or nested > 2)):
                    return count, BAD_TEXT, begin
                if item < 2:
                    read += 1
                    if item == 0:
                        status = _number(text, begin, i, price_digits, price_step, found)
                        ticks[count] = found[0]
                        segment_of[count] = segment
                    else:
                        status = _number(text, begin, i, qty_digits, qty_step, found)
                        lots[count] = found[0]
                    if status != PARSED:
                        return count, status, begin
                continue
            i += 1
    return count, PARSED, i
