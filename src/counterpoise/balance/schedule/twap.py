"""Equal quantities in equal times."""

from __future__ import annotations

import numpy as np

from counterpoise.balance.schedule.schedule import Schedule
from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration

__all__ = ["twap"]


def twap(qty_lots: int, *, start_ns: int, end_ns: int, slice_ns: int) -> Schedule:
    """Time-weighted: equal lots in equal times, with rounding carried so that the sum is exact.

    Raises
    ------
    InputError
        If the span is shorter than a slice or the quantity is not positive.

    Examples
    --------
    >>> twap(10, start_ns=0, end_ns=30, slice_ns=10).cumulative_lots.tolist()
    [3, 7, 10]
    """
    if qty_lots <= 0 or slice_ns <= 0 or end_ns - start_ns < slice_ns:
        raise InputError(
            f"a TWAP needs a positive quantity and at least one slice of {format_duration(slice_ns)}, "
            f"found {qty_lots} lots over {format_duration(end_ns - start_ns)}"
        )
    count = (end_ns - start_ns) // slice_ns
    starts = start_ns + slice_ns * np.arange(count, dtype=np.int64)
    ends = np.append(starts[1:], np.int64(end_ns))
    # integers all the way: half up, as a person would round
    cumulative = np.array([(2 * qty_lots * (j + 1) + count) // (2 * count) for j in range(count)], np.int64)
    return Schedule(starts, ends, cumulative)
