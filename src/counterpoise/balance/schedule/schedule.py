"""When to have done how much, in whole lots."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["Schedule", "revised", "whole_lots"]


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


def revised(schedule: Schedule, ts_ns: int, *, done_lots: int, qty_lots: int, end_ns: int | None = None) -> Schedule:
    """What remains of a schedule for another quantity and end: its shape is kept, in lots and in time.

    Parameters
    ----------
    schedule : Schedule
    ts_ns : int
        Now; slices that have ended are left out, the one that runs begins now.
    done_lots : int
        What is done, whatever should have been.
    qty_lots : int
        At the end, `done_lots` included.
    end_ns : int, optional
        As before by default.

    Raises
    ------
    InputError
        If the end is past, or less is wanted than is done.

    Examples
    --------
    >>> times = np.array([0, 10, 20, 30])
    >>> plan = Schedule(times[:3], times[1:], np.array([10, 20, 30]))
    >>> revised(plan, 10, done_lots=14, qty_lots=24).cumulative_lots.tolist()
    [19, 24]
    """
    begin, before = max(ts_ns, int(schedule.start_ns[0])), int(schedule.end_ns[-1])
    after = before if end_ns is None else end_ns
    if after <= begin or qty_lots < done_lots:
        raise InputError(
            f"a schedule that ends at {after} ns with {qty_lots} lots, now {begin} ns with {done_lots} done; "
            "expected an end to come and no less than is done"
        )
    kept = np.flatnonzero(schedule.end_ns > begin)
    if not len(kept):
        return Schedule(*(np.array([value], np.int64) for value in (begin, after, qty_lots)))
    ends = begin + np.rint((schedule.end_ns[kept] - begin) * ((after - begin) / (before - begin))).astype(np.int64)
    ends[-1] = after
    planned = schedule.cumulative_lots[kept] - (schedule.cumulative_lots[kept[0] - 1] if kept[0] else 0)
    if planned[-1] <= 0:
        planned = ends - begin
    rest = qty_lots - done_lots
    lots = whole_lots(planned.astype(np.float64), qty_lots=rest) if rest else np.zeros(len(kept), np.int64)
    return Schedule(np.append(np.int64(begin), ends[:-1]), ends, done_lots + lots)
