"""When to have done how much, in whole lots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["Schedule", "whole_lots"]


class Schedule(NamedTuple):
    """Slices of a parent order.

    Attributes
    ----------
    start_ns : (n,) int64 [ns UTC]
    end_ns : (n,) int64 [ns UTC]
    cumulative_lots : (n,) int64
        What should be done by the end of each slice.
    """

    start_ns: Int1D
    end_ns: Int1D
    cumulative_lots: Int1D

    def slice_at(self, ts_ns: int) -> int:
        """Slice that holds a time; −1 before the first, n after the last."""
        if ts_ns >= self.end_ns[-1]:
            return len(self.end_ns)
        return int(np.searchsorted(self.start_ns, ts_ns, side="right")) - 1


def whole_lots(path: Float1D, *, qty_lots: int) -> Int1D:
    """Round a path of what should be done to whole lots, its end exactly.

    Parameters
    ----------
    path : (n,) float64
        Done by the end of each slice, in any unit; the last is the whole, not 0. It need not be monotone.
    qty_lots : int
        What the whole is in lots.

    Returns
    -------
    (n,) int64
        Each within half a lot of the path: the error is carried, never added up.

    Raises
    ------
    InputError
        If the path is empty or not finite, or ends with nothing.

    Examples
    --------
    >>> whole_lots(np.array([0.1, 0.35, 1.0]), qty_lots=10).tolist()
    [1, 4, 10]
    """
    if not len(path) or not np.isfinite(path).all() or path[-1] == 0:
        raise InputError("a path needs finite numbers, and something at its end, to become lots")
    lots: Int1D = np.floor(path / path[-1] * qty_lots + 0.5).astype(np.int64)
    lots[-1] = qty_lots
    return lots
