"""Which of two markets moves first: Hayashi-Yoshida correlation as a function of the lag, on event times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.core.units import MS_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import lead_lag as k

__all__ = ["GROUPS", "Changes", "LeadLag", "default_lags", "lead_lag", "price_changes"]

_LEAST_CHANGES: Final = 10
_MOST_EMPTY: Final = 0.25  # share of draws in which a price stood still; with more the rest says little of the whole


class Changes(NamedTuple):
    """Log changes of a price, each over its interval (start, end].

    Attributes
    ----------
    start, end : (n,) int64 [ns UTC]
    change : (n,) float64
    """

    start: Int1D
    end: Int1D
    change: Float1D


class LeadLag(NamedTuple):
    """What `lead_lag` found.

    Attributes
    ----------
    frame : pl.DataFrame
        ``lag_ns``, ``covariance``, ``correlation``; at a positive lag the first market leads.
    lag_ns : int
        Where the absolute correlation is greatest.
    low_ns, high_ns : int
        Interval of `lag_ns` by the block bootstrap.
    correlation : float
        At `lag_ns`, with its sign.
    ratio : float
        Lead-lag ratio: Σ ρ²(lag) over Σ ρ²(−lag), lags > 0; above 1 the first market leads. NaN where no lag has its opposite.
    ratio_low, ratio_high : float
        Its interval.
    empty_draws : int
        Draws of the bootstrap in which a price stood still: they have no correlation and are left out of both intervals.
    ts_local : int
        ns UTC of the last change that was used: when it was known.
    """

    frame: pl.DataFrame
    lag_ns: int
    low_ns: int
    high_ns: int
    correlation: float
    ratio: float
    ratio_low: float
    ratio_high: float
    empty_draws: int
    ts_local: int


def default_lags(reach_ns: int = 1000 * MS_NS, step_ns: int = 10 * MS_NS) -> Int1D:
    """Lags from −`reach_ns` to `reach_ns`, zero among them."""
    if not 0 < step_ns <= reach_ns:
        raise InputError(f"lags want a positive step within their reach, found {step_ns} of {reach_ns} ns")
    count = reach_ns // step_ns
    return np.arange(-count, count + 1, dtype=np.int64) * step_ns


def price_changes(table: pl.DataFrame, *, price: str = "mid") -> Changes:
    """Log changes between the moments a price moved; none across a gap.

    Parameters
    ----------
    table : pl.DataFrame
        ``ts_local`` and `price`, in order of time: `flow.cross.best_quotes`, or trades. A null is a gap. Of rows with
        one time the last counts; rows that do not move the price are left out (tick time).

    Raises
    ------
    InputError
        If a column is missing, time goes back, or a price is not positive.
    """
    if not {"ts_local", price} <= set(table.columns):
        raise InputError(f"the table lacks ts_local or {price}, it has {', '.join(table.columns)}")
    last = table.select(ts=pl.col("ts_local"), price=price).unique("ts", keep="last", maintain_order=True)
    ts = last["ts"].dt.epoch("ns").to_numpy()
    values = last["price"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if (np.diff(ts) < 0).any() or (values <= 0).any():
        raise InputError("a price wants times that do not go back and positive values; sort the rows, look at the source")
    held = np.isfinite(values)
    run = np.cumsum(~held)  # prices with a gap between them are of different runs
    ts, log, run = ts[held], np.log(values[held]), run[held]
    new_run = np.diff(run, prepend=-1) != 0
    moved = (np.diff(log, prepend=np.nan) != 0) | new_run
    ts, log, new_run = ts[moved], log[moved], new_run[moved]
    inside = ~new_run[1:]
    return Changes(ts[:-1][inside], ts[1:][inside], np.diff(log)[inside])


def lead_lag(
    first: pl.DataFrame,
    second: pl.DataFrame,
    *,
    rng: np.random.Generator,
    lags_ns: Sequence[int] | Int1D | None = None,
    price: str = "mid",
    blocks: int = 20,
    resamples: int = 400,
    confidence: float = 0.95,
) -> LeadLag:
    """Hayashi-Yoshida correlation of two prices at each lag, the lag where it is greatest, and the lead-lag ratio.

        C(lag) = Σᵢⱼ Δxᵢ Δyⱼ 1{Iᵢ ∩ (Jⱼ − lag) ≠ ∅},     ρ = C / √(ΣΔx² ΣΔy²)

    Parameters
    ----------
    first, second : pl.DataFrame
        As `price_changes` takes them, on one clock.
    rng : numpy.random.Generator
        For the bootstrap.
    lags_ns : sequence of int, optional
        Ascending; −1 s to 1 s by 10 ms when not given.
    price : str
    blocks, resamples, confidence
        The span is cut into `blocks` of equal length, drawn with replacement `resamples` times. Blocks should be much longer
        than the lags.

    Raises
    ------
    InputError
        If lags do not ascend, or the counts are too small, or blocks are shorter than the greatest lag.
    NumericalError
        If a price moved fewer than ten times in the span both have, or stood still in a quarter of the draws.

    Notes
    -----
    Unbiased at lag 0 for observation times that do not depend on the prices, with no bias towards zero at high frequency (the
    Epps effect). Clocks: within one machine `ts_local` is one clock. A second clock that is off by d shifts every lag by
    exactly d; one that drifts smears the peak. A statistic of the whole span, known at its end. O((n + m) · lags).

    References
    ----------
    Hayashi, Yoshida (2005), doi:10.3150/bj/1116340299; Hoffmann, Rosenbaum, Yoshida (2013), arXiv 1303.4871; Huth, Abergel
    (2014), arXiv 1111.7103, eq. (2)-(3) and the ratio.
    """
    lags = default_lags() if lags_ns is None else np.asarray(lags_ns, np.int64)
    if not len(lags) or (np.diff(lags) <= 0).any() or blocks < 2 or resamples < 2 or not 0 < confidence < 1:
        raise InputError(
            "lead_lag wants ascending lags, 2 blocks and resamples or more and a confidence in (0, 1), "
            f"found {len(lags)} lags, {blocks}, {resamples} and {confidence}"
        )
    x, y = _common_span(price_changes(first, price=price), price_changes(second, price=price))
    sums, x_var, y_var, block_ns = _by_block(x, y, lags, blocks)
    if np.abs(lags).max() > block_ns:
        raise InputError(
            f"blocks of {block_ns} ns are shorter than the lag {np.abs(lags).max()} ns; take fewer, or nearer lags"
        )
    frame, at, rho = _correlation(sums, x_var, y_var, lags)
    drawn = rng.integers(0, blocks, (resamples, blocks))
    moved = drawn[(x_var[drawn].sum(axis=1) > 0) & (y_var[drawn].sum(axis=1) > 0)]
    empty = resamples - len(moved)
    if empty > _MOST_EMPTY * resamples:
        raise NumericalError(
            f"a price stood still in {empty} of {resamples} draws of {blocks} blocks, so nothing says how sure the lag is; "
            "take the part of the recording in which both moved, or fewer and longer blocks"
        )
    found = [_peak_and_ratio(sums[draw].sum(axis=0), x_var[draw].sum(), y_var[draw].sum(), lags) for draw in moved]
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile([lags[peak] for peak, _ in found], tails, method="inverted_cdf")
    ratios = np.array([ratio for _, ratio in found])
    ratio_low, ratio_high = np.quantile(ratios, tails) if np.isfinite(ratios).all() else (np.nan, np.nan)
    return LeadLag(
        frame=frame,
        lag_ns=int(lags[at]),
        low_ns=int(low),
        high_ns=int(high),
        correlation=float(rho[at]),
        ratio=_ratio(rho, lags),
        ratio_low=float(ratio_low),
        ratio_high=float(ratio_high),
        empty_draws=empty,
        ts_local=int(max(x.end[-1], y.end[-1])),
    )


def _common_span(x: Changes, y: Changes) -> tuple[Changes, Changes]:
    """Changes that lie within the time both prices are known."""
    if min(len(x.start), len(y.start)):
        since, until = max(x.start[0], y.start[0]), min(x.end[-1], y.end[-1])
        x, y = (_cut(one, (one.start >= since) & (one.end <= until)) for one in (x, y))
    if min(len(x.start), len(y.start)) < _LEAST_CHANGES:
        raise NumericalError(
            f"prices moved {len(x.start)} and {len(y.start)} times in the span both have, expected {_LEAST_CHANGES} or more; "
            "take a longer recording"
        )
    return x, y


def _cut(changes: Changes, kept: Bool1D) -> Changes:
    return Changes(changes.start[kept], changes.end[kept], changes.change[kept])


def _by_block(x: Changes, y: Changes, lags: Int1D, blocks: int) -> tuple[Float2D, Float1D, Float1D, int]:
    """Covariance by block and lag, variances by block, and the blocks' length."""
    start, end = min(x.start[0], y.start[0]), max(x.end[-1], y.end[-1])
    length = -(-(int(end - start)) // blocks)
    x_block, y_block = ((one.end - start - 1) // length for one in (x, y))
    sums = np.zeros((blocks, len(lags)))
    level = np.concatenate([[0.0], np.cumsum(y.change)])
    k.covariance_by_block(x.start, x.end, x.change, x_block, y.start, y.end, level, lags, sums)
    x_var = np.bincount(x_block, x.change**2, minlength=blocks).astype(np.float64)
    y_var = np.bincount(y_block, y.change**2, minlength=blocks).astype(np.float64)
    return sums, x_var, y_var, length


def _correlation(sums: Float2D, x_var: Float1D, y_var: Float1D, lags: Int1D) -> tuple[pl.DataFrame, int, Float1D]:
    covariance = sums.sum(axis=0)
    rho = covariance / np.sqrt(x_var.sum() * y_var.sum())
    frame = pl.DataFrame({"lag_ns": lags, "covariance": covariance, "correlation": rho})
    return frame, int(np.argmax(np.abs(rho))), rho


def _peak_and_ratio(covariance: Float1D, x_var: float, y_var: float, lags: Int1D) -> tuple[int, float]:
    rho = covariance / np.sqrt(x_var * y_var)
    return int(np.argmax(np.abs(rho))), _ratio(rho, lags)


def _ratio(rho: Float1D, lags: Int1D) -> float:
    """Σ ρ²(lag) / Σ ρ²(−lag) over the lags that stand on both sides."""
    both = np.isin(-lags, lags)
    ahead, behind = (rho[both & (lags > 0)] ** 2).sum(), (rho[both & (lags < 0)] ** 2).sum()
    return float(ahead / behind) if behind > 0 else float("nan")


GROUPS: Final = (
    Group(
        name="lead_lag",
        says="correlation of two markets as a function of the lag between them",
        made_by="lead_lag",
        needs=("quotes",),
        columns=(
            Column("lag_ns", "ns", "shift of the second market; at a positive one the first leads"),
            Column("covariance", "1", "Hayashi-Yoshida covariance of log prices over the span", "free"),
            Column("correlation", "1", "covariance over the root of both variances", "free"),
        ),
        source="Hayashi, Yoshida (2005); Huth, Abergel (2014), arXiv 1111.7103",
    ),
)
