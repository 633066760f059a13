"""Scalar tables read as of a time: what was said last before it, and how old that is."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_duration, format_time

__all__ = ["NEVER", "bin_ends", "latest", "numbers_of", "times_of"]

NEVER: Final = np.iinfo(np.int64).max  # age of what was never said
_MAX_BINS: Final = 50_000_000


def times_of(frame: pl.DataFrame, column: str, *, what: str) -> Int1D:
    """A column of times as (n,) int64 ns: whole numbers are ns already, datetimes without a zone are UTC.

    Raises
    ------
    InputError
        If there is no such column, or it holds no times.
    DataError
        If a time is missing, or times go back.
    """
    if column not in frame.columns:
        raise InputError(f"{what} needs a column {column!r}, found {', '.join(frame.columns)}; rename the one that holds it")
    series = frame[column]
    if not (series.dtype.is_integer() or series.dtype == pl.Datetime):
        raise InputError(f"{what}: column {column!r} is {series.dtype}, expected ns as integers or datetimes")
    if series.null_count():
        raise DataError(f"{what}: {series.null_count()} rows have no {column}; drop them")
    times = (series if series.dtype.is_integer() else series.dt.epoch("ns")).to_numpy().astype(np.int64)
    back = np.flatnonzero(np.diff(times) < 0)
    if len(back):
        raise DataError(f"{what}: {column} goes back at row {back[0] + 1}, to {format_time(times[back[0] + 1])}; sort by it")
    return times


def numbers_of(frame: pl.DataFrame, column: str, *, what: str) -> Float1D:
    """A column of numbers as (n,) float64, NaN where nothing was said.

    Raises
    ------
    InputError
        If there is no such column, or it holds no numbers.
    DataError
        If a number is infinite.
    """
    if column not in frame.columns:
        raise InputError(f"{what} needs a column {column!r}, found {', '.join(frame.columns)}; rename the one that holds it")
    series = frame[column]
    if not (series.dtype.is_numeric() or series.dtype == pl.Null):
        raise InputError(f"{what}: column {column!r} is {series.dtype}, expected numbers")
    values = np.asarray(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.float64)
    endless = np.flatnonzero(np.isinf(values))
    if len(endless):
        raise DataError(f"{what}: row {endless[0]} has {column} {values[endless[0]]}, expected a finite number; drop such rows")
    return values


def latest(ts: Int1D, values: Float1D, at: Int1D, *, max_age_ns: int) -> tuple[Float1D, Int1D]:
    """What was said last strictly before each time.

    Parameters
    ----------
    ts : (n,) int64 [ns]
        Never decreases.
    values : (n,) float64
        NaN where nothing was said; such rows are passed over.
    at : (m,) int64 [ns]
    max_age_ns : int
        Older values are none.

    Returns
    -------
    values : (m,) float64
        NaN where there is none.
    age : (m,) int64 [ns]
        Since it was said; NEVER where nothing was.
    """
    said = np.flatnonzero(~np.isnan(values))
    if not len(said):
        return np.full(len(at), np.nan), np.full(len(at), NEVER)
    row = np.searchsorted(ts[said], at, side="left") - 1
    known = said[np.maximum(row, 0)]
    age = np.where(row >= 0, at - ts[known], NEVER)
    return np.asarray(np.where(age <= max_age_ns, values[known], np.nan), np.float64), age


def bin_ends(first_ns: int, last_ns: int, every_ns: int) -> Int1D:
    """Ends of the bins of time, exclusive, from the one that holds `first_ns` to the one that holds `last_ns`.

    Raises
    ------
    InputError
        If bins are not longer than nothing, or too many.
    """
    if every_ns <= 0:
        raise InputError(f"a bin must be longer than nothing, found {every_ns} ns")
    first, last = first_ns // every_ns + 1, last_ns // every_ns + 1
    if last - first >= _MAX_BINS:
        raise InputError(
            f"{format_duration(last_ns - first_ns)} make more than {_MAX_BINS:,} bins of {format_duration(every_ns)}; "
            "choose longer bins"
        )
    return np.arange(first, last + 1, dtype=np.int64) * every_ns
