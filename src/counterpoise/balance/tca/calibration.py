"""Costs as they were foretold beside costs as they came: bias, error, slope, and whether the risk was stated rightly."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri
from scipy.stats import kstest

from counterpoise.balance.tca.breakdown import require_columns
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError

__all__ = ["Calibration", "calibrate"]

_Z68, _Z95 = ndtri(0.84), ndtri(0.975)
_STATISTICS: Final = ("bias", "rmse", "slope", "intercept", "mean_z", "sd_z", "within_68", "within_95")


class Calibration(NamedTuple):
    """How predictions of cost held.

    Attributes
    ----------
    frame : DataFrame
        ``statistic``, ``value``, ``low``, ``high``: bias (realised − predicted), rmse, slope and intercept of realised on
        predicted, mean and standard deviation of z = (realised − predicted) / sd, shares within 68 % and 95 %.
    pit : DataFrame
        ``low``, ``high``, ``parents``, ``expected``: how often Φ(z) fell into each of ten parts; flat where the risk is right.
    pit_p_value : float
        Kolmogorov-Smirnov, of a flat one; it takes parents as independent.
    parents, clusters : int
    """

    frame: pl.DataFrame
    pit: pl.DataFrame
    pit_p_value: float
    parents: int
    clusters: int


def calibrate(
    costs: pl.DataFrame,
    *,
    rng: np.random.Generator,
    cluster: str | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
) -> Calibration:
    """Predicted against realised cost over many parents, with intervals that draw whole clusters anew.

    Parameters
    ----------
    costs : DataFrame
        One row a parent (or node of one): ``predicted``, ``sd`` and ``realised``, one unit.
    rng : numpy.random.Generator
        Of the bootstrap.
    cluster : str, optional
        Column of what moves together, such as the day or the basket; each row by itself where none is given.
    confidence : float
    draws : int

    Returns
    -------
    Calibration
        The slope is null where all predictions are alike; intervals are percentiles of the draws that have the statistic.

    Raises
    ------
    SchemaError
        If a column is missing.
    InputError
        If there are fewer than two clusters, a number is missing or not finite, an sd is not positive, or confidence or draws
        cannot be meant.

    References
    ----------
    Davison and Hinkley (1997), doi:10.1017/CBO9780511802843, section 3.8: clusters drawn whole; Gneiting, Balabdaoui and
    Raftery (2007), doi:10.1111/j.1467-9868.2007.00587.x: the probability integral transform.
    """
    require_columns(costs, ("predicted", "sd", "realised", *([cluster] if cluster else ())), "costs")
    predicted, sd, realised = (costs[name].cast(pl.Float64).to_numpy() for name in ("predicted", "sd", "realised"))
    groups = costs[cluster] if cluster else pl.Series(np.arange(costs.height))
    number = groups.rank("dense").cast(pl.Int64).to_numpy() - 1 if costs.height else np.zeros(0, np.int64)
    clusters = int(number.max()) + 1 if costs.height else 0
    if clusters < 2 or not all(np.isfinite(column).all() for column in (predicted, sd, realised)) or not (sd > 0).all():
        raise InputError(f"calibration needs two clusters or more of finite costs with sd > 0, found {clusters}")
    if not 0 < confidence < 1 or draws < 100:
        raise InputError(f"confidence is {confidence} and draws are {draws}; expected between 0 and 1, and 100 or more")
    sums = _cluster_sums(predicted, sd, realised, number, clusters)
    value = _statistics(sums.sum(axis=0, keepdims=True))[0]
    counts = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)
    drawn = _statistics(counts @ sums)
    edges = [_quantiles(column, confidence) for column in drawn.T]
    frame = pl.DataFrame(
        {"statistic": _STATISTICS, "value": value, "low": [e[0] for e in edges], "high": [e[1] for e in edges]}
    ).with_columns(pl.col("value", "low", "high").fill_nan(None))
    level = np.asarray(ndtr((realised - predicted) / sd), np.float64)
    return Calibration(frame, _pit(level), float(kstest(level, "uniform").pvalue), costs.height, clusters)


def _cluster_sums(predicted: Float1D, sd: Float1D, realised: Float1D, number: np.ndarray, clusters: int) -> Float2D:
    """Sums from which every statistic follows, (clusters, 11): a draw of clusters is a weighting of these rows."""
    error = realised - predicted
    z = error / sd
    columns = (
        np.ones_like(error), error, error**2, predicted, realised, predicted**2, predicted * realised,
        z, z**2, np.abs(z) < _Z68, np.abs(z) < _Z95,
    )  # fmt: skip
    return np.stack([np.bincount(number, column, clusters) for column in columns], axis=1)


def _statistics(sums: Float2D) -> Float2D:
    """(draws, 11) → (draws, 8), in the order of `_STATISTICS`."""
    n, e, ee, x, y, xx, xy, z, zz, in68, in95 = sums.T
    spread = xx - x * x / n
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.where(spread > 1e-12 * np.maximum(xx, 1e-300), (xy - x * y / n) / spread, np.nan)
        sd_z = np.sqrt(np.maximum(zz - z * z / n, 0.0) / (n - 1))
    return np.stack([e / n, np.sqrt(ee / n), slope, y / n - slope * x / n, z / n, sd_z, in68 / n, in95 / n], axis=1)


def _quantiles(column: Float1D, confidence: float) -> tuple[float, float]:
    known = column[np.isfinite(column)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


def _pit(level: Float1D) -> pl.DataFrame:
    edges = np.linspace(0.0, 1.0, 11)
    counts = np.histogram(level, edges)[0]
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], "parents": counts, "expected": np.full(10, len(level) / 10)})
