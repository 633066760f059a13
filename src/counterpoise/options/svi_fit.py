"""Fit of a raw SVI smile to total variances, with the errors of its parameters.

For given (m, σ) the smile is linear in a and in the wing slopes p = b(1 + ρ), q = b(1 − ρ), and Lee's bound is the box
0 ≤ p, q ≤ 2; so a small grid of (m, σ) with a bounded linear fit each finds the valley (the quasi-explicit calibration of
De Marco and Martini, Zeliade Systems 2009), and a bounded least-squares fit in (least variance, p, q, m, ln σ) its floor.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares, lsq_linear

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError
from counterpoise.options.svi import RawSvi

__all__ = ["SviFit", "fit_svi"]

_STEEPEST = 2.0  # Lee: total variance grows by at most 2 a unit of log-moneyness
_NARROW, _WIDE = 1e-3, 10.0  # σ in k
_FLATTEST = 1e-12
_STARTS = 4
_BLIND = 1e7  # condition beyond which the inverse of JᵀJ holds no digits


class SviFit(NamedTuple):
    """A fitted smile.

    Attributes
    ----------
    smile : RawSvi
    errors : dict of str to float
        Standard error of each raw parameter; infinite where the points do not tell it.
    rmse : float
        Root of the weighted mean square of the residuals [total variance].
    points : int
    """

    smile: RawSvi
    errors: dict[str, float]
    rmse: float
    points: int


def fit_svi(k: ArrayLike, total_variance: ArrayLike, *, weights: ArrayLike | None = None) -> SviFit:
    """The raw SVI smile of least weighted squares through total variances of one expiry.

    Parameters
    ----------
    k : (n,) float64
        Log-moneyness ln(K/F) of at least six different strikes.
    total_variance : (n,) float64
        Implied variance times years.
    weights : (n,) float64, optional
        Weight of each squared residual, as the squared vega; equal by default.

    Returns
    -------
    SviFit
        Its wings obey Lee's bound and its variance is nowhere negative; `svi_arbitrage` says the rest.

    Raises
    ------
    InputError
        If there are fewer than six strikes, lengths differ, or a number is not finite or negative.

    Notes
    -----
    The same points in any order give the same smile up to rounding. O(n) in each of some hundred evaluations.

    References
    ----------
    Gatheral and Jacquier (2014), arXiv 1204.0646, section 3; De Marco and Martini (2009), Quasi-explicit calibration of
    Gatheral's SVI model, Zeliade white paper.
    """
    points, w, root_weights = _checked(k, total_variance, weights)
    refined = [_refined(start, points, w, root_weights) for start in _starts(points, w, root_weights)]
    _, best = min(refined, key=lambda pair: pair[0])
    smile = _smile(best)
    misses = (smile.total_variance(points) - w) * root_weights
    rmse = float(np.sqrt(np.sum(misses**2) / np.sum(root_weights**2)))
    return SviFit(smile, _errors(smile, points, root_weights, misses), rmse, len(points))


def _checked(k: ArrayLike, total_variance: ArrayLike, weights: ArrayLike | None) -> tuple[Float1D, Float1D, Float1D]:
    points, w = np.asarray(k, np.float64), np.asarray(total_variance, np.float64)
    weight = np.ones_like(points) if weights is None else np.asarray(weights, np.float64)
    if not points.ndim == 1 or not points.shape == w.shape == weight.shape:
        raise InputError(
            f"k, total_variance and weights have shapes {points.shape}, {w.shape}, {weight.shape}; expected one (n,)"
        )
    if not (np.isfinite(points).all() and np.isfinite(w).all() and np.isfinite(weight).all()):
        raise InputError("k, total_variance and weights must be finite; drop the strikes without a volatility")
    if (w < 0).any() or (weight < 0).any():
        raise InputError(f"least total variance {w.min()} and weight {weight.min()} must be at least 0; drop these strikes")
    strikes = len(np.unique(points[weight > 0]))
    if strikes < 6:
        raise InputError(
            f"a smile of five parameters and their errors needs six different strikes with weight, found {strikes}"
        )
    return points, w, np.sqrt(weight / weight.max())


def _starts(points: Float1D, w: Float1D, root_weights: Float1D) -> list[Float1D]:
    """The best few of the bounded linear fits at a grid of (m, σ)."""
    spread = float(np.ptp(points))
    found = []
    for m in np.quantile(points, np.linspace(0.0, 1.0, 7)):
        for sigma in np.clip(spread * np.array([0.02, 0.08, 0.25, 0.75]), 2 * _NARROW, _WIDE / 2):
            y, bend = points - m, np.hypot(points - m, sigma)
            design = np.column_stack([np.ones_like(y), 0.5 * (y + bend), 0.5 * (bend - y)])
            fit = lsq_linear(design * root_weights[:, None], w * root_weights, (np.zeros(3), [np.inf, _STEEPEST, _STEEPEST]))
            a, p, q = np.maximum(fit.x, 0.0)
            found.append((float(fit.cost), np.array([a + sigma * np.sqrt(p * q), p, q, m, np.log(sigma)])))
    return [start for _, start in sorted(found, key=lambda pair: pair[0])[:_STARTS]]


def _refined(start: Float1D, points: Float1D, w: Float1D, root_weights: Float1D) -> tuple[float, Float1D]:
    """Cost and place of the floor of the valley a start lies in."""
    reach = float(np.ptp(points))
    low = np.array([0.0, _FLATTEST, _FLATTEST, points.min() - reach, np.log(_NARROW)])
    high = np.array([np.inf, _STEEPEST, _STEEPEST, points.max() + reach, np.log(_WIDE)])
    scale = root_weights / max(float(w.max()), _FLATTEST)

    def misses(x: Float1D) -> Float1D:
        return (_smile(x).total_variance(points) - w) * scale

    def slopes(x: Float1D) -> Float2D:
        return _slopes(x, points) * scale[:, None]

    inside = np.clip(start, low + 1e-10, high - 1e-10)  # the solver starts strictly inside
    fit = least_squares(
        misses, inside, slopes, bounds=(low, high), x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=500
    )
    return float(fit.cost), fit.x


def _smile(x: Float1D) -> RawSvi:
    """Raw parameters of (least variance, p, q, m, ln σ)."""
    least, p, q, m, log_sigma = (float(value) for value in x)
    sigma = exp(log_sigma)
    return RawSvi(a=least - sigma * sqrt(p * q), b=0.5 * (p + q), rho=(p - q) / (p + q), m=m, sigma=sigma)


def _slopes(x: Float1D, points: Float1D) -> Float2D:
    """∂w of each point by (least variance, p, q, m, ln σ)."""
    _, p, q, m, sigma = *x[:4], np.exp(x[4])
    y = points - m
    bend, root = np.hypot(y, sigma), np.sqrt(p * q)
    by_p = 0.5 * (y + bend) - 0.5 * sigma * q / root
    by_q = 0.5 * (bend - y) - 0.5 * sigma * p / root
    by_m = -0.5 * (p - q) - 0.5 * (p + q) * y / bend
    by_log_sigma = sigma * (0.5 * (p + q) * sigma / bend - root)
    return np.column_stack([np.ones_like(y), by_p, by_q, by_m, by_log_sigma])


def _errors(smile: RawSvi, points: Float1D, root_weights: Float1D, misses: Float1D) -> dict[str, float]:
    """Square roots of the diagonal of s² (JᵀJ)⁻¹ over the raw parameters, s² = Σ misses²/(n − 5)."""
    y = points - smile.m
    bend = np.hypot(y, smile.sigma)
    columns = [
        np.ones_like(y),
        smile.rho * y + bend,
        smile.b * y,
        -smile.b * (smile.rho + y / bend),
        smile.b * smile.sigma / bend,
    ]
    design = np.column_stack(columns) * root_weights[:, None]
    scale = np.linalg.norm(design, axis=0)
    names = ("a", "b", "rho", "m", "sigma")
    if not (scale > 0).all() or np.linalg.cond(design / scale) > _BLIND:
        return dict.fromkeys(names, float("inf"))
    covariance = np.linalg.inv((design / scale).T @ (design / scale)) / np.outer(scale, scale)
    noise = float(np.sum(misses**2)) / (np.count_nonzero(root_weights) - len(names))
    return dict(zip(names, np.sqrt(noise * np.diag(covariance)).tolist(), strict=True))
