"""Columns of a frame as arrays of times and of numbers, whatever they are written in; what cannot be meant is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_time

__all__ = ["numbered", "numbers_of", "times_of", "wholes_of"]


def times_of(frame: pl.DataFrame, column: str, *, what: str) -> Int1D:
    """A column of times as (n,) int64 ns: whole numbers are ns already, datetimes without a zone are UTC.

    Raises
    ------
    InputError
        If there is no such column, or it holds no times.
    DataError
        If a time is missing, or times go back.
    """
    series = _column(frame, column, what=what)
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
    series = _column(frame, column, what=what)
    if not (series.dtype.is_numeric() or series.dtype == pl.Null):
        raise InputError(f"{what}: column {column!r} is {series.dtype}, expected numbers")
    values = np.asarray(series.cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.float64)
    endless = np.flatnonzero(np.isinf(values))
    if len(endless):
        raise DataError(f"{what}: row {endless[0]} has {column} {values[endless[0]]}, expected a finite number; drop such rows")
    return values


def wholes_of(frame: pl.DataFrame, column: str, *, what: str, unsaid: int | None = None) -> Int1D:
    """A column of whole numbers or truths as (n,) int64; `unsaid` where nothing was said.

    Raises
    ------
    InputError
        If there is no such column, it holds no whole numbers, or one is missing and `unsaid` is not given.
    """
    series = _column(frame, column, what=what)
    if not (series.dtype.is_integer() or series.dtype in (pl.Boolean, pl.Null)):
        raise InputError(f"{what}: column {column!r} is {series.dtype}, expected whole numbers")
    filled = series.cast(pl.Int64) if unsaid is None else series.cast(pl.Int64).fill_null(unsaid)
    if filled.null_count():
        raise InputError(f"{what}: {filled.null_count()} rows have no {column}; drop them")
    return filled.to_numpy()


def numbered(names: pl.Series, number: Callable[[str], float]) -> pl.Series:
    """A number for each name, asked for once a name: whole numbers where all are whole."""
    of = {name: number(name) for name in names.unique(maintain_order=True)}
    kind = pl.Float64 if any(isinstance(one, float) for one in of.values()) else pl.Int64
    return names.cast(pl.String).replace_strict(of, return_dtype=kind) if of else pl.Series(dtype=kind)


def _column(frame: pl.DataFrame, column: str, *, what: str) -> pl.Series:
    if column not in frame.columns:
        raise InputError(f"{what} needs a column {column!r}, found {', '.join(frame.columns)}; rename the one that holds it")
    return frame[column]
