"""What we took from recorded levels and is not back yet.

One row of `taken` is a level: lots × 1000 missing as of a time, and the half-life in which they come back.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.ladder import depth_between, quantity_at
from counterpoise.sim.kernels.replay_state import CANCELS, HALF_BEHIND_NS, HALF_NS, TAKEN_ROWS

__all__ = ["available", "forget", "remember", "shown_depth"]

_OF: Final = 0  # side index
_KEY: Final = 1  # recorded
_TIME: Final = 2  # ns of the last take
_MILLILOTS: Final = 3  # missing at that time
_HALF: Final = 4  # ns


@kernel
def _decayed(taken: Int2D, row: int, ts: int) -> int:
    """Lots × 1000 still missing of one row, rounded; a last thousandth of a lot is none, or the tail would last for ever."""
    left = np.int64(np.rint(taken[row, _MILLILOTS] * 0.5 ** ((ts - taken[row, _TIME]) / taken[row, _HALF])))
    return left if left > 1 else 0


@kernel
def available(book: Int1D, taken: Int2D, standing: Int1D, side: int, key: int, ts: int) -> int:
    """Lots at a recorded level that are there to take."""
    there = quantity_at(book, side, key)
    for i in range(standing[TAKEN_ROWS]):
        if taken[i, _KEY] == key and taken[i, _OF] == side:
            return max(0, there - (_decayed(taken, i, ts) + 998) // 1000)  # rounded up from a thousandth
    return there


@kernel
def remember(
    taken: Int2D, standing: Int1D, terms: Float1D, side: int, key: int, lots: int, left: int, behind: bool, ts: int
) -> None:
    """Add lots to what is missing at a level, and of the `left` ones what others cancel. Assumes room for one more row."""
    half_ns = standing[HALF_BEHIND_NS if behind else HALF_NS]
    if not half_ns:
        return
    gone = 1000 * lots + np.int64(min(np.rint(1000 * terms[CANCELS] * lots), 1000.0 * left))
    row = 0
    while row < standing[TAKEN_ROWS] and (taken[row, _KEY] != key or taken[row, _OF] != side):
        row += 1
    if row < standing[TAKEN_ROWS]:
        gone += _decayed(taken, row, ts)
    else:
        standing[TAKEN_ROWS] += 1
    taken[row, _OF], taken[row, _KEY], taken[row, _TIME], taken[row, _MILLILOTS] = side, key, ts, gone
    taken[row, _HALF] = half_ns


@kernel
def forget(taken: Int2D, standing: Int1D, ts: int) -> None:
    """Drop levels that are whole again."""
    kept = 0
    for i in range(standing[TAKEN_ROWS]):
        if _decayed(taken, i, ts):
            if kept < i:
                taken[kept] = taken[i]
            kept += 1
    standing[TAKEN_ROWS] = kept


@kernel
def shown_depth(book: Int1D, taken: Int2D, standing: Int1D, side: int, low: int, high: int, ts: int) -> int:
    """Lots that are there to take at recorded keys in [low, high]."""
    total = depth_between(book, side, low, high)
    for i in range(standing[TAKEN_ROWS]):
        key = taken[i, _KEY]
        if taken[i, _OF] == side and key >= low and key <= high:
            total -= min(quantity_at(book, side, key), (_decayed(taken, i, ts) + 998) // 1000)
    return total
