"""How long a disparity lasts: the median life of its episodes, and the half-life of its return to the mean."""

from __future__ import annotations

from math import log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.flow.column import Column, Group

__all__ = ["GROUPS", "HalfLife", "episode_life", "reversion"]

_LEAST: Final = 10


class HalfLife(NamedTuple):
    """An estimate and its interval [ns]; NaN where data do not bound it.

    Attributes
    ----------
    ns, low_ns, high_ns : float
    pairs : int
        Neighbouring bins it was taken from.
    """

    ns: float
    low_ns: float
    high_ns: float
    pairs: int


def episode_life(
    episodes: pl.DataFrame, *, rng: np.random.Generator, resamples: int = 400, confidence: float = 0.95
) -> pl.DataFrame:
    """Median life of the episodes of each way of trading, those broken off counted as lasting longer.

    Parameters
    ----------
    episodes : pl.DataFrame
        As `counterpoise.flow.cross.disparity.Disparity` gives them.
    rng : numpy.random.Generator
        For the bootstrap of episodes.

    Returns
    -------
    pl.DataFrame
        ``buy``, ``sell``, ``median_ns``, ``low_ns``, ``high_ns``, ``episodes``, ``ended``. A median is null where less than
        half of them are known to have ended.

    References
    ----------
    Kaplan, Meier (1958), doi:10.1080/01621459.1958.10501452.
    """
    if resamples < 2 or not 0 < confidence < 1:
        raise InputError(f"a bootstrap wants 2 resamples or more and a confidence in (0, 1), found {resamples}, {confidence}")
    rows: list[tuple[object, ...]] = []
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    for (buy, sell), held in episodes.group_by("buy", "sell", maintain_order=True):
        life = held["duration_ns"].cast(pl.Float64).to_numpy()
        ended = (held["end"] == "ended").to_numpy()
        ages, at = np.unique(life, return_inverse=True)
        draws = rng.integers(0, len(life), (resamples, len(life)))
        medians = np.array([_median_life(ages, at[draw], ended[draw]) for draw in draws])
        low, high = np.quantile(np.where(np.isnan(medians), np.inf, medians), tails, method="inverted_cdf")
        numbers = [x if np.isfinite(x) else None for x in (_median_life(ages, at, ended), float(low), float(high))]
        rows.append((buy, sell, *numbers, len(life), int(ended.sum())))
    types = {"buy": pl.String, "sell": pl.String, **dict.fromkeys(("median_ns", "low_ns", "high_ns"), pl.Float64)}
    return pl.DataFrame(rows, schema=types | {"episodes": pl.Int64, "ended": pl.Int64}, orient="row")


def _median_life(ages: Float1D, at: Int1D, ended: Bool1D) -> float:
    """First age, of those that ascend, at which at most half of the lives at them survive (product-limit estimate); O(n)."""
    ending, lasting = np.bincount(at[ended], minlength=len(ages)), np.bincount(at, minlength=len(ages))
    older = np.cumsum(lasting[::-1])[::-1]
    half = np.flatnonzero(np.cumprod(1 - ending / np.maximum(older, 1)) <= 0.5)
    return float(ages[half[0]]) if len(half) else float("nan")


def reversion(values: pl.Series, *, every_ns: int, confidence: float = 0.95) -> HalfLife:
    """Half-life of the return to the mean, of an autoregression from bin to bin.

        x(t+1) = c + φ x(t) + e,    half-life = −ln 2 / ln φ bins

    Parameters
    ----------
    values : pl.Series
        One a bin; pairs with a null between them are left out.
    every_ns : int
        Length of a bin.

    Returns
    -------
    HalfLife
        0 where φ ≤ 0, NaN (it does not return) where φ ≥ 1; the interval is that of φ by its standard error.

    Raises
    ------
    NumericalError
        If fewer than ten pairs are left, or the values do not vary.

    Notes
    -----
    The estimate of φ is low by about (1 + 3φ)/n (Kendall 1954, doi:10.1093/biomet/41.3-4.403), so the half-life of a short
    sample is too short.
    """
    x = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    before, after = x[:-1], x[1:]
    held = np.isfinite(before) & np.isfinite(after)
    before, after = before[held], after[held]
    if len(before) < _LEAST or before.std() == 0:
        raise NumericalError(f"{len(before)} pairs of bins, expected {_LEAST} or more that vary; take a longer span")
    centred = before - before.mean()
    phi = float(centred @ after / (centred @ centred))
    rest = after - after.mean() - phi * centred
    spread = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(float(rest @ rest) / (len(rest) - 2) / float(centred @ centred))
    low, at, high = (_half_life(one) * every_ns for one in (phi - spread, phi, phi + spread))
    return HalfLife(at, low, high, len(before))


def _half_life(phi: float) -> float:
    if phi <= 0:
        return 0.0
    return -log(2) / log(phi) if phi < 1 else float("nan")


GROUPS: Final = (
    Group(
        name="episode_life",
        says="how long a disparity that pays lasts",
        made_by="episode_life",
        needs=("quotes",),
        columns=(
            Column("buy", "1", "market to buy in"),
            Column("sell", "1", "market to sell in"),
            Column("median_ns", "ns", "median life of its episodes; null while less than half are known to have ended", "free"),
            Column("low_ns", "ns", "lower end of its interval", "free"),
            Column("high_ns", "ns", "upper end of its interval", "free"),
            Column("episodes", "count", "episodes of this way of trading", "free"),
            Column("ended", "count", "those of them that ended by themselves", "free"),
        ),
        source="Kaplan, Meier (1958), doi:10.1080/01621459.1958.10501452",
    ),
)
