"""How well a hidden order can be told from none: power of scores, their threshold and delay, and the least there can be."""

from __future__ import annotations

from math import ceil, exp, inf, log, sqrt
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError, NumericalError

__all__ = [
    "Auc",
    "Floor",
    "alarm_threshold",
    "auc",
    "auc_of",
    "detectability",
    "detection_delay",
    "leakage_floor",
    "least_detectable",
]

_NORMAL: Final = NormalDist()


class Auc(NamedTuple):
    """Chance that a run with a hidden order scores above one without, and its interval."""

    value: float
    low: float
    high: float


class Floor(NamedTuple):
    """The least a hidden order gives away, whatever its schedule: d′ and the AUC of the best observer; NaN where unknown."""

    d_prime: float
    auc: float


def auc_of(d_prime: float) -> float:
    """Φ(d′/√2), the AUC of two normal scores of one variance whose means differ by d′ standard deviations."""
    return _NORMAL.cdf(d_prime / sqrt(2.0))


def auc(with_order: ArrayLike, without: ArrayLike, *, confidence: float = 0.95) -> Auc:
    """Area under the ROC curve, P(X > Y) + P(X = Y)/2, with DeLong's interval on the logit scale.

    Parameters
    ----------
    with_order, without : (m,), (n,) float64
        Scores of independent runs, two or more of each; −∞ is a score, NaN is none.
    confidence : float

    Returns
    -------
    Auc
        Where all runs are told apart (the value is 0 or 1) DeLong's variance is nought; the interval then ends where the chance
        of that is 1 − confidence for ``min(m, n)`` independent pairs.

    Raises
    ------
    InputError
        If there are fewer than two runs of either kind, a score is NaN, or the confidence is not between 0 and 1.

    Notes
    -----
    Runs that share a seed, with and without the order, are positively dependent; the interval is then too wide. O((m + n) log).

    References
    ----------
    DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595, equations 3 and 5.
    """
    x, y = np.asarray(with_order, np.float64).ravel(), np.asarray(without, np.float64).ravel()
    if min(len(x), len(y)) < 2 or np.isnan(x).any() or np.isnan(y).any():
        raise InputError(f"{len(x)} scores with and {len(y)} without an order; expected two or more of each and no NaN")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected between 0 and 1")
    above, below = _placements(x, y), 1.0 - _placements(y, x)
    value = float(above.mean())
    spread = sqrt(above.var(ddof=1) / len(x) + below.var(ddof=1) / len(y))
    if not 0 < value < 1:
        edge = float((1 - confidence) ** (1 / min(len(x), len(y))))
        return Auc(value, edge if value == 1 else 0.0, 1.0 if value == 1 else 1 - edge)
    logit, step = log(value / (1 - value)), _NORMAL.inv_cdf(0.5 + confidence / 2) * spread / (value * (1 - value))
    return Auc(value, 1 / (1 + exp(step - logit)), 1 / (1 + exp(-step - logit)))


def _placements(x: Float1D, y: Float1D) -> Float1D:
    """Share of y below each x, ties by half."""
    ordered = np.sort(y)
    return (np.searchsorted(ordered, x, side="left") + np.searchsorted(ordered, x, side="right")) / (2.0 * len(y))


def alarm_threshold(clean: ArrayLike, *, alarm_rate: float = 0.05) -> float:
    """Score that a clean run exceeds with a chance of at most `alarm_rate`: the ⌈(1 − rate)(n + 1)⌉-th least of n.

    Parameters
    ----------
    clean : (n,) float64
        The greatest score of each clean run over the horizon that the rate is stated for. Runs are exchangeable.
    alarm_rate : float

    Raises
    ------
    InputError
        If the rate is not between 0 and 1, or there are fewer than 1/rate − 1 runs.
    """
    scores = np.sort(np.asarray(clean, np.float64).ravel())
    if not 0 < alarm_rate < 1:
        raise InputError(f"alarm_rate is {alarm_rate}; expected between 0 and 1")
    place = ceil((1 - alarm_rate) * (len(scores) + 1) - 1e-9)
    if place > len(scores):
        raise InputError(
            f"{len(scores)} clean runs; a false-alarm rate of {alarm_rate} wants {ceil(1 / alarm_rate) - 1} or more"
        )
    return float(scores[place - 1])


def detection_delay(ts: ArrayLike, score: ArrayLike, *, threshold: float, fill_ts: ArrayLike, fill_lots: ArrayLike) -> float:
    """Share of the hidden order that was done when the score first exceeded the threshold.

    Parameters
    ----------
    ts : (n,) int64 [ns]
        When each score was known, ascending.
    score : (n,) float64
    threshold : float
    fill_ts, fill_lots : (m,) int64 [ns], [lots]
        Fills of the order, ascending.

    Returns
    -------
    float
        From 0 to 1; ∞ when it never did.

    Raises
    ------
    InputError
        If the order has no lots.
    """
    times, scores = np.asarray(ts, np.int64), np.asarray(score, np.float64)
    lots = np.asarray(fill_lots, np.float64)
    if not lots.sum() > 0:
        raise InputError(f"the order has {lots.sum():g} lots in {len(lots)} fills; expected some")
    crossed = np.flatnonzero(scores > threshold)
    if not len(crossed):
        return inf
    done = np.asarray(fill_ts, np.int64) <= times[crossed[0]]
    return float(lots[done].sum() / lots.sum())


def leakage_floor(quantity: float, clean_net: ArrayLike) -> Floor:
    """The least d′ of an order of a given total: d′ = Q / sd(net flow over the horizon).

    Parameters
    ----------
    quantity : float
        Q, in the unit of the net flow.
    clean_net : (n,) float64
        Signed volume over the horizon in runs without the order, two or more.

    Raises
    ------
    InputError
        If there are fewer than two runs, or all are equal.

    Notes
    -----
    Cut the flow in any way, into slices of time and classes of size, with covariance Σ (long memory included). Rates v that sum
    to Q shift it by d′² = vᵀΣ⁻¹v, least for v = QΣ1/1ᵀΣ1 (`least_detectable`): Q²/1ᵀΣ1, and 1ᵀΣ1 is the variance of the total.
    It is the floor for an observer who knows side, sizes and schedule and weighs each part as a normal; parts with few orders
    are not normal.
    """
    net = np.asarray(clean_net, np.float64).ravel()
    spread = float(net.std(ddof=1)) if len(net) > 1 else 0.0
    if not spread > 0:
        raise InputError(f"net flow of {len(net)} clean runs does not vary; give two or more that do")
    d_prime = abs(quantity) / spread
    return Floor(d_prime, auc_of(d_prime))


def detectability(rates: ArrayLike, covariance: ArrayLike) -> float:
    """d′ = √(vᵀ Σ⁻¹ v) of a schedule v against ordinary flow of covariance Σ, for an observer who knows v.

    Raises
    ------
    InputError
        If shapes do not fit.
    NumericalError
        If the covariance is not positive definite.
    """
    v = np.asarray(rates, np.float64)
    return sqrt(float(v @ np.linalg.solve(_sound(covariance, len(v)), v)))


def least_detectable(total: float, covariance: ArrayLike) -> Float1D:
    """The schedule of a given total with the least d′: v = Q Σ1 / 1ᵀΣ1; errors as `detectability`."""
    matrix = np.asarray(covariance, np.float64)
    weight = _sound(matrix, len(matrix)).sum(axis=1)
    return np.asarray(total * weight / weight.sum(), np.float64)


def _sound(covariance: ArrayLike, size: int) -> Float2D:
    matrix = np.asarray(covariance, np.float64)
    if matrix.shape != (size, size):
        raise InputError(f"a covariance of {size} slices is {size} × {size}, found {matrix.shape}")
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError as error:
        raise NumericalError("the covariance of ordinary flow is not positive definite; estimate it on more runs") from error
    return matrix
