"""Time to a fill, fitted: proportional hazards that grow as a power of time, orders that ended unfilled being censored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from counterpoise.balance.placement.features import FEATURES, whole_samples
from counterpoise.core.arrays import Bool1D, Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, NumericalError

__all__ = ["FillModel", "FillScore", "fill_score", "fit_fill_model"]

_LEAST = 100
_MOST_LOG = 50.0


class FillModel(Config, frozen=True, kw_only=True):
    """P(filled within t) = 1 − exp(−t^k e^{w·x}), t in seconds.

    Parameters
    ----------
    weights : tuple of float
        w, as `counterpoise.balance.placement.features.FEATURES`.
    shape : float
        k, above 0; below 1 where hope wanes.
    """

    weights: tuple[float, ...]
    shape: float

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES) or not np.isfinite(self.weights).all() or not 0 < self.shape < np.inf:
            raise InputError(
                f"a fill model has {len(FEATURES)} finite weights and shape > 0, found {self.weights}, {self.shape}"
            )

    def probability(self, rows: Float2D, horizon_s: float) -> Float1D:
        """(n, features) → (n,) chance of a fill within the horizon [s]."""
        hazard = np.exp(np.minimum(rows @ np.array(self.weights) + self.shape * np.log(horizon_s), _MOST_LOG))
        return np.asarray(-np.expm1(-hazard))


class FillScore(NamedTuple):
    """How good the chances of left-out recordings were, at one horizon.

    Attributes
    ----------
    orders : int
        Whose fate by the horizon is known.
    brier, base_brier : float
        Mean squared error of the chance, and of the training recordings' share of fills in its place.
    calibration : (bins, 3) float64
        Mean chance, share filled and number of orders of equally full bins by chance.
    """

    orders: int
    brier: float
    base_brier: float
    calibration: Float2D


def fit_fill_model(samples: Sequence[tuple[Float2D, Float1D, Bool1D]], *, ridge: float = 1e-3) -> FillModel:
    """Greatest likelihood: Σ filled (log k + (k − 1) log t + w·x) − t^k e^{w·x}.

    Parameters
    ----------
    samples : sequence of ((n, features) float64, (n,) float64 [s], (n,) bool)
        Of each recording: rows, time to the fill or to the end unfilled, whether it was filled.
    ridge : float
        Penalty ½ ridge n |w|², the constant's weight left out; ≥ 0.

    Raises
    ------
    InputError
        If there are fewer than two recordings or than 100 orders in one, or a time is not above 0.
    NumericalError
        If nothing was filled, or the fit does not converge.

    References
    ----------
    Lo, MacKinlay, Zhang (2002), Journal of Financial Economics 65, doi:10.1016/S0304-405X(02)00134-4: limit-order executions
    as survival times; the Weibull case.
    """
    whole_samples(samples, _LEAST)
    return _fit(samples, ridge)


def _fit(samples: Sequence[tuple[Float2D, Float1D, Bool1D]], ridge: float) -> FillModel:
    rows, times, filled = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    if not (times > 0).all():
        raise InputError(f"a time of {times.min()} s to a fill; expected above 0")
    if not filled.any():
        raise NumericalError(f"none of {len(times)} orders was filled: there is nothing to fit; watch longer")
    log_t, count = np.log(times), len(times)
    free = np.r_[0.0, np.ones(rows.shape[1] - 1)]

    def loss(theta: Float1D) -> tuple[float, Float1D]:
        weights, log_k = theta[:-1], theta[-1]
        k, view = np.exp(log_k), rows @ weights
        hazard = np.exp(np.minimum(view + k * log_t, _MOST_LOG))
        value = hazard.sum() - (filled * (log_k + (k - 1) * log_t + view)).sum()
        slope = rows.T @ (hazard - filled)
        by_k = (hazard * k * log_t).sum() - (filled * (1 + k * log_t)).sum()
        penalty = ridge * count * free * weights
        return (value + 0.5 * penalty @ weights) / count, np.append(slope + penalty, by_k) / count

    start = np.zeros(rows.shape[1] + 1)
    start[0] = np.log(filled.sum() / times.sum())
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    if not found.success:
        raise NumericalError(f"the fill model does not converge: {found.message}; look for columns that say the same")
    return FillModel(weights=tuple(found.x[:-1].tolist()), shape=float(np.exp(found.x[-1])))


def fill_score(
    samples: Sequence[tuple[Float2D, Float1D, Bool1D]], *, horizon_s: float, ridge: float = 1e-3, bins: int = 5
) -> FillScore:
    """Each recording foretold by a model of the others.

    Parameters
    ----------
    samples, ridge
        As `fit_fill_model`.
    horizon_s : float
        Orders that ended unfilled before it are left out: their fate is not known.
    bins : int
        Of the calibration, ≥ 1.

    Raises
    ------
    InputError
        As `fit_fill_model`, or if no order's fate is known.
    """
    whole_samples(samples, _LEAST)
    chances, fates, bases = [], [], []
    for left_out, (rows, times, filled) in enumerate(samples):
        others = [sample for i, sample in enumerate(samples) if i != left_out]
        known = filled | (times >= horizon_s)
        chances.append(_fit(others, ridge).probability(rows[known], horizon_s))
        fates.append((filled & (times <= horizon_s))[known])
        share = np.concatenate([(f & (t <= horizon_s))[f | (t >= horizon_s)] for _, t, f in others])
        bases.append(np.full(known.sum(), share.mean() if len(share) else 0.0))
    chance, fate, base = (np.concatenate(parts) for parts in (chances, fates, bases))
    if not len(chance):
        raise InputError(f"no order lived {horizon_s} s or was filled; score at a shorter horizon")
    parts = [part for part in np.array_split(np.argsort(chance, kind="stable"), bins) if len(part)]
    table = np.array([[chance[part].mean(), fate[part].mean(), len(part)] for part in parts])
    return FillScore(len(chance), float(np.mean((chance - fate) ** 2)), float(np.mean((base - fate) ** 2)), table)
