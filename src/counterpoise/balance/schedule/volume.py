"""A schedule in the market's own time: as volume is expected to come."""

from __future__ import annotations

import numpy as np

from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["vwap"]


def vwap(qty_lots: int, *, times_ns: Int1D, volume: Float1D) -> Schedule:
    """In proportion to the volume expected in each slice.

    Parameters
    ----------
    qty_lots : int
        Of the parent, > 0.
    times_ns : (n + 1,) int64
        Edges of the slices, increasing.
    volume : (n,) float64
        Expected in each, any unit, ≥ 0: a mean by time of day, or what a forecast of the day says by now.

    Raises
    ------
    InputError
        If shapes do not fit, times do not increase, or there is no volume at all.

    References
    ----------
    Konishi (2002), Journal of Financial Markets 5: with volume and price independent this tracks the VWAP best.

    Examples
    --------
    >>> vwap(10, times_ns=np.array([0, 10, 20]), volume=np.array([1.0, 3.0])).cumulative_lots.tolist()
    [3, 10]
    """
    if len(times_ns) != len(volume) + 1 or not len(volume) or (np.diff(times_ns) <= 0).any():
        raise InputError(f"{len(volume)} slices have {len(volume) + 1} increasing edges, found {len(times_ns)}")
    if qty_lots <= 0 or not np.isfinite(volume).all() or (volume < 0).any() or volume.sum() <= 0:
        raise InputError("a volume schedule needs lots to trade, and a finite volume >= 0 in each slice that is not 0 in all")
    return Schedule(times_ns[:-1], times_ns[1:], whole_lots(np.cumsum(volume), qty_lots=qty_lots))
