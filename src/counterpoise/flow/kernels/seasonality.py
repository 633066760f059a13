"""Averages over days of a table of volumes, NaN where there is no bin. A row is a day, a column a time of day."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D

__all__ = ["WEEK", "bins_of_calendar", "known_days", "mean_of_days", "median_of_days", "weekday"]

WEEK: Final = 7
_THURSDAY: Final = 3  # 1970-01-01, Monday being 0


def weekday(days: Int1D) -> Int1D:
    """0 Monday to 6 Sunday of days since 1970."""
    return (days + _THURSDAY) % WEEK


def known_days(volume: Float2D) -> Int1D:
    """Days of each column that are known."""
    return np.asarray((~np.isnan(volume)).sum(axis=0), np.int64)


def mean_of_days(volume: Float2D) -> Float1D:
    """Mean of each column over its known days; NaN when there is none."""
    count = known_days(volume)
    total = np.where(np.isnan(volume), 0.0, volume).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0), np.float64)


def median_of_days(volume: Float2D) -> Float1D:
    """Median of each column over its known days; NaN when there is none."""
    if not len(volume):
        return np.full(volume.shape[1], np.nan)
    ordered, count = np.sort(volume, axis=0), known_days(volume)  # NaN stand last
    places = [np.maximum(place, 0)[None] for place in ((count - 1) // 2, count // 2)]
    low, high = (np.take_along_axis(ordered, place, axis=0)[0] for place in places)
    return np.asarray(low / 2 + high / 2, np.float64)


def bins_of_calendar(first_ns: int, until_ns: int, every_ns: int, *, day_ns: int, rows: int) -> Int2D:
    """How many bins a span without holes has at each time of day: by weekday when `rows` is 7, all in one when 1."""
    into = np.arange(day_ns // every_ns) * every_ns
    out = np.zeros((rows, len(into)), np.int64)
    for day in range(first_ns // day_ns, (until_ns - 1) // day_ns + 1):
        start = day * day_ns + into
        out[(day + _THURSDAY) % rows] += (start >= first_ns) & (start < until_ns)
    return out
