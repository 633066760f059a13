"""Volume by time of day over calendar dates and clock times: the slow twin of `counterpoise.flow.tape.seasonality`."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from statistics import fmean, median

import polars as pl

Bins = dict[tuple[date, time], float]  # when it begins → volume; unknown ones are absent


def naive_bins(frame: pl.DataFrame, every: timedelta) -> Bins:
    """Bins of a frame with ``ts``, the end of each, and ``volume``."""
    out: Bins = {}
    for ts, volume in frame.select(pl.col("ts").dt.epoch("us"), "volume").iter_rows():
        if volume is not None:
            start = datetime.fromtimestamp(ts / 1e6, UTC) - every
            out[start.date(), start.time()] = volume
    return out


def naive_fit(bins: Bins, *, by_weekday: bool) -> dict[tuple[int | None, time], tuple[float, float, int]]:
    """Mean, median and number of days of each time of day that any day has."""
    held: dict[tuple[int | None, time], list[float]] = {}
    for (day, clock), volume in bins.items():
        held.setdefault((day.isoweekday() if by_weekday else None, clock), []).append(volume)
    return {place: (fmean(values), median(values), len(values)) for place, values in held.items()}


def naive_relative(
    bins: Bins, at: datetime, *, days: int, by_weekday: bool, mean: bool
) -> tuple[float | None, float | None, int, int]:
    """Expected, relative, days seen, days missing of the bin that begins at a moment."""
    step = timedelta(days=7 if by_weekday else 1)
    past = [bins.get(((at - i * step).date(), at.time())) for i in range(1, days + 1)]
    known = [volume for volume in past if volume is not None]
    volume = bins.get((at.date(), at.time()))
    if not known:
        return None, None, 0, days
    expected = fmean(known) if mean else median(known)
    relative = None if volume is None or expected == 0 else volume / expected
    return expected, relative, len(known), days - len(known)
