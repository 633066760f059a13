"""Funding of perpetuals: what was paid, annualised by its own interval, beside what was foretold.

A positive rate is paid by longs to shorts.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, format_duration, format_time
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.latest import numbers_of, times_of

__all__ = ["GROUPS", "INTERVALS_NS", "YEAR_NS", "RateUnit", "funding", "funding_settlements"]

RateUnit = Literal["fraction", "percent"]
YEAR_NS: Final = 365 * DAY_NS
INTERVALS_NS: Final = tuple(hours * HOUR_NS for hours in (1, 2, 4, 8))
_SLACK_NS: Final = MINUTE_NS  # stamps come some milliseconds late
_MOST: Final = 0.1  # no venue lets a payment be a tenth of the position
_USUAL_MOST: Final = 0.005  # a median above it for a month would eat a third of the position
_ENOUGH: Final = 60

GROUPS: Final = (
    Group(
        "funding",
        "payments of a perpetual, annualised by the interval each was paid for",
        "funding",
        ("marks",),
        (
            Column("ts_local", "ns", "when the payment was known"),
            Column("ts", "ns", "when it was due"),
            Column("funding_rate", "1", "fraction of the position's value; positive: longs pay", "free"),
            Column("interval_ns", "ns", "time it was paid for: since the payment before, or as given"),
            Column("annualised", "1", "funding_rate · 365 d / interval, without compounding", "free"),
            Column("cumulative", "1", "sum of the known rates", "free"),
            Column("changed", "1", "whether the interval differs from the one before"),
            Column("missing", "count", "payments that must have happened since the last one known, but are not there"),
            Column("predicted", "1", "what the venue foretold for this payment before its interval began", "free"),
            Column("surprise", "1", "funding_rate − predicted", "free"),
            Column("drift", "1", "funding_rate − the rate first shown for this payment", "free"),
        ),
        "docs/theory/flow.md, Funding",
    ),
)


def funding(payments: pl.DataFrame, *, interval_ns: int | None = None, unit: RateUnit | None = None) -> pl.DataFrame:
    """Annualise and add up payments of one perpetual.

    Parameters
    ----------
    payments : pl.DataFrame
        ``ts`` (due, ns or datetime, ascending) and ``funding_rate``; where known also ``ts_local`` (when it was known; else
        ``ts``), ``predicted`` and ``first_rate``, as `funding_settlements` gives them.
    interval_ns : int, optional
        What every payment is for. Without it, the time since the payment before, if that is 1, 2, 4 or 8 h.
    unit : {"fraction", "percent"}, optional
        What the rates are in. Without it fractions, and rates that can only be percent are refused.

    Returns
    -------
    pl.DataFrame
        The columns of `GROUPS`. ``interval_ns`` and ``annualised`` are null for the first payment (unless `interval_ns` is
        given) and where the time since the last is neither a known interval nor a multiple of the one before.

    Raises
    ------
    InputError
        If a column is missing, or `interval_ns` not positive.
    DataError
        If stamps go back or stand twice, do not fit `interval_ns`, or rates can only be percent.

    Notes
    -----
    Causal: a row depends on itself and those before. O(rows). A time of 8 h after 4 h is taken for a change of interval, not
    for a missing payment; give `interval_ns` where it is known.
    """
    due = times_of(payments, "ts", what="funding payments")
    rate = _in_fractions(numbers_of(payments, "funding_rate", what="funding payments"), unit)
    scale = 0.01 if unit == "percent" else 1.0
    gaps = np.diff(due)
    if (gaps <= _SLACK_NS).any():
        row = int(np.argmax(gaps <= _SLACK_NS)) + 1
        raise DataError(
            f"funding payments: rows {row - 1} and {row} are both due at {format_time(due[row])}; "
            "keep one of each, of one instrument"
        )
    interval, missing = _given(due, interval_ns) if interval_ns is not None else _inferred(due)
    known = interval > 0
    before = _last_known(interval)
    optional = {
        name: numbers_of(payments, name, what="funding payments") * scale
        if name in payments.columns
        else np.full(len(due), np.nan)
        for name in ("predicted", "first_rate")
    }
    local = times_of(payments, "ts_local", what="funding payments") if "ts_local" in payments.columns else due
    annualised = np.divide(rate * YEAR_NS, interval, out=np.full(len(due), np.nan), where=known)
    frame = pl.DataFrame(
        {
            "ts_local": local,
            "ts": due,
            "funding_rate": rate,
            "interval_ns": interval,
            "annualised": annualised,
            "cumulative": np.cumsum(np.where(np.isnan(rate), 0.0, rate)),
            "changed": known & (before > 0) & (interval != before),
            "missing": missing,
            "predicted": optional["predicted"],
            "surprise": rate - optional["predicted"],
            "drift": rate - optional["first_rate"],
        },
        nan_to_null=True,
    )
    whole = pl.when(pl.col("interval_ns") > 0).then(pl.col("interval_ns"))
    return frame.with_columns(pl.col("ts_local", "ts").cast(UTC_NS), whole.alias("interval_ns"))


def funding_settlements(mark: pl.DataFrame, *, max_age_ns: int = 5 * MINUTE_NS) -> pl.DataFrame:
    """Payments that a recording of the ``mark`` table saw happen.

    A payment is known when the stamp of the next one is first seen; its rate is the last one shown before.

    Parameters
    ----------
    mark : pl.DataFrame
        ``ts_local``, ``ts_venue``, ``funding_rate``, ``predicted_funding_rate``, ``next_funding_ns`` of one perpetual.
    max_age_ns : int
        A rate last shown longer before the payment is none.

    Returns
    -------
    pl.DataFrame
        ``ts_local`` (known), ``ts`` (due), ``funding_rate``, ``predicted`` (the last ``predicted_funding_rate`` before the
        interval began), ``first_rate`` (shown first for this payment, null for the first payment of the recording, whose
        interval had begun), ``age_ns`` (from the last showing until it was due).

    Raises
    ------
    DataError
        If the stamp of the next payment goes back.
    """
    said = mark.filter(pl.col("next_funding_ns").is_not_null())
    local = times_of(said, "ts_local", what="mark table")
    due = said["next_funding_ns"].to_numpy().astype(np.int64)
    back = np.flatnonzero(np.diff(due) < -_SLACK_NS)
    if len(back):
        raise DataError(
            f"mark table: the next funding goes back at {format_time(local[back[0] + 1])}, from "
            f"{format_time(due[back[0]])} to {format_time(due[back[0] + 1])}; give the rows of one instrument"
        )
    starts = np.flatnonzero(np.diff(due, prepend=due[:1] - 2 * _SLACK_NS) > _SLACK_NS)
    first, after = starts[:-1], starts[1:]
    shown = numbers_of(said, "funding_rate", what="mark table")
    foretold = numbers_of(said, "predicted_funding_rate", what="mark table")
    last = [_last_said(shown, a, b) for a, b in zip(first, after, strict=True)]
    venue = said["ts_venue"].to_numpy()
    clock = np.where(venue > 0, venue, local)
    age = np.array([due[a] - clock[i] if i >= 0 else -1 for a, i in zip(first, last, strict=True)], np.int64)
    rate = np.array([shown[i] if i >= 0 and x <= max_age_ns else np.nan for i, x in zip(last, age, strict=True)])
    begins = [_last_said(foretold, starts[j - 1], starts[j]) if j else -1 for j in range(len(first))]
    predicted = np.array([foretold[i] if i >= 0 else np.nan for i in begins])
    opening = np.where(np.arange(len(first)) > 0, shown[first], np.nan)
    columns = {"ts_local": local[after], "ts": due[first], "funding_rate": rate, "predicted": predicted}
    frame = pl.DataFrame({**columns, "first_rate": opening, "age_ns": age}, nan_to_null=True)
    reals = pl.col("funding_rate", "predicted", "first_rate").cast(pl.Float64)
    return frame.with_columns(pl.col("ts_local", "ts").cast(UTC_NS), reals)


def _last_said(values: Float1D, start: int, stop: int) -> int:
    said = np.flatnonzero(~np.isnan(values[start:stop]))
    return int(start + said[-1]) if len(said) else -1


def _in_fractions(rates: Float1D, unit: RateUnit | None) -> Float1D:
    """Rates as fractions; without a unit, refuse what can only be percent."""
    if unit not in (None, "fraction", "percent"):
        raise UnknownName("unit of funding", str(unit), ("fraction", "percent"))
    if unit is not None:
        return np.asarray(rates * (0.01 if unit == "percent" else 1.0), np.float64)
    size = np.abs(rates[~np.isnan(rates)])
    largest, usual = (float(size.max()), float(np.median(size))) if len(size) else (0.0, 0.0)
    if largest > _MOST or (len(size) >= _ENOUGH and usual > _USUAL_MOST):
        found = f"a rate of {largest:g}" if largest > _MOST else f"a median of {usual:g} over {len(size)} payments"
        raise DataError(
            f"funding payments: {found} is too much for a fraction (1 is the whole position) and can only be percent; "
            "pass unit='percent', or unit='fraction' to take it at its word"
        )
    return rates


def _inferred(due: Int1D) -> tuple[Int1D, Int1D]:
    """Interval and missing payments of each payment from the time since the one before; 0 where it is not known."""
    known, gaps = np.array(INTERVALS_NS, np.int64), np.diff(due)
    nearest = known[np.abs(gaps[:, None] - known).argmin(axis=1)]
    interval = np.concatenate([[0], np.where(np.abs(gaps - nearest) <= _SLACK_NS, nearest, 0)])[: len(due)]
    missing = np.zeros(len(interval), np.int64)
    before = _last_known(interval)
    for row in np.flatnonzero(interval == 0)[1:]:
        step = int(interval[row - 1]) if interval[row - 1] else int(before[row])
        times = round(gaps[row - 1] / step) if step else 0
        if times > 1 and abs(int(gaps[row - 1]) - times * step) <= _SLACK_NS:
            interval[row], missing[row] = step, times - 1
    return interval, missing


def _given(due: Int1D, interval_ns: int) -> tuple[Int1D, Int1D]:
    if interval_ns <= 0:
        raise InputError(f"a funding interval must be longer than nothing, found {interval_ns} ns")
    gaps = np.diff(due)
    times = np.rint(gaps / interval_ns).astype(np.int64)
    wrong: Bool1D = np.abs(gaps - times * interval_ns) > _SLACK_NS
    if wrong.any():
        row = int(np.argmax(wrong)) + 1
        raise DataError(
            f"funding payments: {format_duration(int(gaps[row - 1]))} before {format_time(due[row])} are no multiple of "
            f"{format_duration(interval_ns)}; leave interval_ns out to have it inferred"
        )
    return np.full(len(due), interval_ns), np.concatenate([[0], times - 1])[: len(due)]


def _last_known(interval: Int1D) -> Int1D:
    """The last known interval before each payment, 0 when there is none."""
    at = np.maximum.accumulate(np.where(interval > 0, np.arange(len(interval)), -1)) if len(interval) else interval
    held = np.where(at >= 0, interval[np.maximum(at, 0)], 0) if len(interval) else interval
    return np.concatenate([[0], held])[: len(interval)].astype(np.int64)
