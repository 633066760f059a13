"""Our share of what traded: over all, slice by slice, and at its worst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration

__all__ = ["Participation", "participation", "rates"]


class Participation(NamedTuple):
    """Our share of the volume, own / (own + others); None where nothing traded.

    Attributes
    ----------
    own, others : float
        Quantities of the whole interval.
    share, worst : float or None
        Over all, and of the slice where it was greatest.
    p50, p90, p99 : float or None
        Quantiles of the slices in which anything traded.
    """

    own: float
    others: float
    share: float | None
    worst: float | None
    p50: float | None
    p90: float | None
    p99: float | None


def rates(
    own_ns: Int1D, own_qty: Float1D, others_ns: Int1D, others_qty: Float1D, *, start_ns: int, end_ns: int, every_ns: int
) -> pl.DataFrame:
    """Own and others' volume in slices of [start, end), the last one shorter where it does not fit.

    Parameters
    ----------
    own_ns, others_ns : (n,), (m,) int64 [ns]
    own_qty, others_qty : (n,), (m,) float64
        In one unit, >= 0; what lies outside the interval is left out.
    start_ns, end_ns, every_ns : int [ns]

    Returns
    -------
    DataFrame
        ``ts`` (start of the slice, UTC), ``own``, ``others``, ``share`` (null where nothing traded).

    Raises
    ------
    InputError
        If times and quantities differ in number, a quantity is negative or not finite, or the interval or slice is empty.
    """
    if end_ns <= start_ns or every_ns <= 0:
        raise InputError(f"slices of {format_duration(every_ns)} from {start_ns} to {end_ns} ns; expected an interval in parts")
    slices = -(-(end_ns - start_ns) // every_ns)
    sums = {}
    for name, ts, qty in (("own", own_ns, own_qty), ("others", others_ns, others_qty)):
        if len(ts) != len(qty) or not (np.isfinite(qty) & (qty >= 0)).all():
            raise InputError(f"{name}: {len(ts)} times of {len(qty)} quantities; expected one each, 0 or more")
        inside = (ts >= start_ns) & (ts < end_ns)
        sums[name] = np.bincount((ts[inside] - start_ns) // every_ns, qty[inside], slices)
    total = pl.col("own") + pl.col("others")
    return pl.DataFrame({"ts": start_ns + every_ns * np.arange(slices, dtype=np.int64), **sums}).with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC")), share=pl.when(total > 0).then(pl.col("own") / total)
    )


def participation(slices: pl.DataFrame) -> Participation:
    """Sum of the slices that `rates` gives."""
    own, others = float(slices["own"].sum()), float(slices["others"].sum())
    share = slices["share"].drop_nulls().to_numpy()
    quantiles = [float(q) for q in np.quantile(share, (0.5, 0.9, 0.99))] if len(share) else [None] * 3
    worst = float(share.max()) if len(share) else None
    return Participation(own, others, own / (own + others) if own + others else None, worst, *quantiles)
