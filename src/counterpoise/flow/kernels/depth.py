"""The shape of a standing book: levels, bands around mid, slope, and what it costs to trade through it."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel
from counterpoise.market.kernels.ladder import (
    BEST,
    COUNT,
    HEAD,
    LO,
    NO_KEY,
    WINDOW,
    depth_between,
    fill_top,
    live_word,
    window_lots,
)

__all__ = ["COST_DONE", "COST_GOT", "NEAR", "WALK_SIZE", "band_depths", "slope", "walk"]

# what a walk into one side gathers, as floats; the costs asked for follow
NEAR: Final = 0  # lots, each level weighted by 1 − distance / reach
COST_DONE: Final = 1  # value met so far
COST_GOT: Final = 2  # lots met so far; of inverse contracts lots per tick
_COST_NEXT: Final = 3  # which value is not reached yet
WALK_SIZE: Final = 4

_BPS: Final = 1e4
_PIECE: Final = 64


@kernel
def band_depths(book: Int1D, mid: float, bands: Float1D, out: Int1D) -> None:
    """Lots within each fraction of mid, bid and ask by turns; `bands` ascend."""
    for side in range(2):
        total, top = 0, -NO_KEY
        for band in range(len(bands)):
            key = np.int64(np.ceil((1 - 2 * side) * mid - bands[band] * abs(mid)))
            total += depth_between(book, side, key, top)
            out[2 * band + side] = total
            top = key - 1


@kernel
def slope(keys: Int1D, lots: Int1D, centre: float) -> float:
    """Lots gained per bps away from mid: least squares through the origin of cumulative depth on distance; NaN if empty.

    `centre` is the key of mid.
    """
    both, square, total = 0.0, 0.0, 0.0
    for level in range(len(keys)):
        if keys[level] == NO_KEY or centre == 0:
            break
        total += lots[level]
        distance = (centre - keys[level]) / abs(centre) * _BPS
        both += distance * total
        square += distance * distance
    return both / square if square > 0.0 else np.nan


@inner_kernel
def _level(key: int, lots: float, centre: float, reach: float, values: Float1D, inverse: bool, out: Float1D) -> bool:
    """Add one level; whether levels below it can still matter."""
    distance = centre - key
    if 0.0 < reach and distance < reach:
        out[NEAR] += lots * (1.0 - distance / reach)
    wanted = int(out[_COST_NEXT])
    if wanted == len(values):
        return distance < reach
    price = float(key) if centre > 0 else -float(key)
    if price <= 0:  # no value can be met where nothing costs anything
        out[_COST_NEXT] = len(values)
        return distance < reach
    here = lots if inverse else lots * price
    while wanted < len(values) and out[COST_DONE] + here >= values[wanted]:
        got = out[COST_GOT] + (values[wanted] - out[COST_DONE]) / price
        out[WALK_SIZE + wanted] = abs(values[wanted] / got / abs(centre) - 1.0) * _BPS
        wanted += 1
    out[_COST_NEXT] = wanted
    out[COST_DONE] += here
    out[COST_GOT] += here / price
    return wanted < len(values) or distance < reach


@kernel
def walk(book: Int1D, side: int, mid: float, reach: float, values: Float1D, inverse: bool, out: Float1D) -> None:
    """Go into one side of the book from its best level, as far as `reach` ticks from mid or until all `values` are met.

    Fills `out` with the weighted lots near mid, and for each value, ascending, the distance in bps from mid of the average
    price at which it can be traded. A value is in ticks × lots, of inverse contracts in lots; NaN where the book shows less.
    Assumes a positive mid and a sound book.
    """
    out[:] = 0.0
    out[WALK_SIZE:] = np.nan
    centre = (1 - 2 * side) * mid
    base = window_lots(side)
    key = book[side * HEAD + BEST]
    going = key != NO_KEY
    while going and key >= book[side * HEAD + LO]:  # 64 ticks of the window at a time
        live = live_word(book, side, key)
        first = key - (key & 63)
        while live and going:
            bit = 63 - count_leading_zeros(live)
            live ^= np.int64(1) << bit
            lots = float(book[base + ((first + bit) & (WINDOW - 1))])
            going = _level(first + bit, lots, centre, reach, values, inverse, out)
        key = first - 1
    below = book[side * HEAD + LO]  # what lies under the window is not in order: take the best of it piece by piece
    keys, lots_far = np.empty(_PIECE, np.int64), np.empty(_PIECE, np.int64)
    while going:
        found = fill_top(book, side, book[side * HEAD + COUNT], below, keys, lots_far)
        for i in range(found):
            going = going and _level(keys[i], float(lots_far[i]), centre, reach, values, inverse, out)
        going = going and found == _PIECE
        below = keys[_PIECE - 1]
