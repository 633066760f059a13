"""Covariance of two prices that are seen at different times (Hayashi, Yoshida 2005), one shift of the clock after another."""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.jit import borrow, kernel

__all__ = ["covariance_by_block"]


@kernel
def covariance_by_block(
    x_start: Int1D,
    x_end: Int1D,
    x_change: Float1D,
    x_block: Int1D,
    y_start: Int1D,
    y_end: Int1D,
    y_level: Float1D,
    lags: Int1D,
    out: Float2D,
) -> None:
    """Add Σᵢ Δxᵢ Σⱼ Δyⱼ 1{(sᵢ, tᵢ] ∩ (s'ⱼ − lag, t'ⱼ − lag] ≠ ∅} to out[block of i, lag].

    Intervals ascend and do not overlap within a price; `y_level` has one more element than y has changes, their running sum.
    The overlapping j are neighbours, so two pointers that only go forward find them: O(n + m) a lag.
    """
    x_start, x_end, x_change, x_block = borrow(x_start), borrow(x_end), borrow(x_change), borrow(x_block)
    y_start, y_end, y_level = borrow(y_start), borrow(y_end), borrow(y_level)
    for at in range(len(lags)):
        lag = lags[at]
        first, after = 0, 0
        for i in range(len(x_start)):
            while first < len(y_end) and y_end[first] - lag <= x_start[i]:
                first += 1
            after = max(after, first)
            while after < len(y_start) and y_start[after] - lag < x_end[i]:
                after += 1
            out[np.int64(x_block[i]), at] += x_change[i] * (y_level[after] - y_level[first])
