"""A market maker whose inventory is bounded: the exact quotes of Guéant, Lehalle and Fernandez-Tapia, and what they are worth.

    v′_q(t) = α q² v_q(t) − η (v_{q−1}(t) + v_{q+1}(t)),    v_q(T) = 1,    v beyond ±Q is 0
    α = ½ κ γ σ²,    η = A (1 + γ/κ)^{−(1 + κ/γ)}
    bid distance  (1/κ) ln(v_q / v_{q+1}) + (1/γ) ln(1 + γ/κ)
    ask distance  (1/κ) ln(v_q / v_{q−1}) + (1/γ) ln(1 + γ/κ)

Guéant, Lehalle and Fernandez-Tapia (2013), doi:10.1007/s11579-012-0087-0, arXiv 1105.3115, theorem 1 and section 4.
"""

from __future__ import annotations

from math import exp, log1p, sqrt
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.sim.kernels.maker import bounded_values, run_bounded_makers
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel, checked_steps, checked_times

__all__ = ["asymptotic_distances", "bounded_distances", "bounded_paths", "bounded_worth"]

_MAX_TERMS: Final = 5e8  # of the series, times states: seconds


def bounded_distances(inventory: ArrayLike, *, time: ArrayLike, model: MakerModel, limit: int) -> tuple[Float1D, Float1D]:
    """Distances of bid and ask from the mid that maximise E[−exp(−γ (cash + inventory × mid at T))], inventory within ±limit.

    Parameters
    ----------
    inventory : (...) int64 [units], signed
        Of the units the model's fills come in.
    time : (...) float64
        From 0 to the horizon; shapes broadcast.
    model : MakerModel
    limit : int
        Q ≥ 1.

    Returns
    -------
    bid, ask : (...) float64 [price]
        Below and above the mid; negative when a quote lies beyond it. ``inf`` where the limit forbids the side: no quote.

    Raises
    ------
    InputError
        If a time lies outside the horizon, an inventory is not whole or beyond the limit, or the model is so fast that the
        series would take more than seconds.

    Notes
    -----
    v is a sum of positive terms (uniformisation), so each v_q is right to a relative error of about 1e-16 times the number of
    terms, however small it is beside the others. O(Q (A + κγσ²Q²) T).

    Examples
    --------
    >>> model = MakerModel(sigma=0.3, intensity=0.9, kappa=0.3, gamma=0.01, horizon=600.0)
    >>> bid, ask = bounded_distances(0, time=0.0, model=model, limit=30)
    >>> f"{bid:.9f}"
    '3.313045410'
    """
    left, row, column = _cells(inventory, time, model, limit)
    bid, ask = _distances(_log_values(left, model, limit), model)
    return np.asarray(bid[row, column]), np.asarray(ask[row, column])


def bounded_worth(inventory: ArrayLike, *, time: ArrayLike, model: MakerModel, limit: int) -> Float1D:
    """What making this market until T is worth: the certainty equivalent ln(v_q) / κ, above the inventory's value at the mid.

    Parameters
    ----------
    inventory, time, model, limit
        As `bounded_distances`.

    Returns
    -------
    (...) float64 [cash]
        −(1/γ) ln E[exp(−γ (profit from here to T))] of the best quotes.

    Raises
    ------
    InputError
        As `bounded_distances`.
    """
    left, row, column = _cells(inventory, time, model, limit)
    return np.asarray(_log_values(left, model, limit)[row, column] / model.kappa)


def asymptotic_distances(inventory: ArrayLike, *, model: MakerModel, limit: int | None = None) -> tuple[Float1D, Float1D]:
    """Distances far from the horizon: exact for a limit, in closed form without one.

        closed form  (1/γ) ln(1 + γ/κ) + ½ (1 ± 2q) √( σ²γ/(2κA) · (1 + γ/κ)^{1 + κ/γ} )        + bid, − ask

    Parameters
    ----------
    inventory : (...) int64 [units], signed
    model : MakerModel
        Its horizon does not matter.
    limit : int, optional
        Q: the distances are those of the ground state f of the matrix of theorem 2, with f in the place of v.

    Returns
    -------
    bid, ask : (...) float64 [price]
        ``inf`` where the limit forbids the side.

    Raises
    ------
    InputError
        If an inventory is not whole or beyond the limit, or the ground state vanishes to rounding at it.

    References
    ----------
    Guéant, Lehalle and Fernandez-Tapia (2013), theorem 2 and section 4.2.
    """
    held = _checked_inventory(inventory, limit)
    if limit is None:
        skew = sqrt(model.gamma * model.sigma**2 / (2 * model.kappa * model.intensity) / _discount(model))
        return np.asarray(_fixed(model) + (0.5 + held) * skew), np.asarray(_fixed(model) + (0.5 - held) * skew)
    bid, ask = _distances(np.log(_ground_state(model, limit))[None, :], model)
    return np.asarray(bid[0, held + limit]), np.asarray(ask[0, held + limit])


def bounded_paths(
    model: MakerModel, *, limit: int, paths: int, dt: float, rng: np.random.Generator, mid: float = 100.0
) -> pl.DataFrame:
    """What the bounded quotes earn on simulated paths from no inventory, one unit a fill.

    Parameters
    ----------
    model, paths, dt, rng, mid
        As `maker_paths`.
    limit : int
        Q ≥ 1.

    Returns
    -------
    pl.DataFrame
        ``profit`` [cash] with the inventory at the last mid, and ``inventory`` [units], a row a path.

    Raises
    ------
    InputError
        If the number of paths, the step, the mid or the limit is impossible.

    Notes
    -----
    A step is short of the model's continuous time by O(A dt): at most one fill a side and step.
    """
    step, steps = checked_steps(model, paths, dt, mid)
    _checked_inventory(0, limit)
    bid, ask = _distances(_log_values(np.asarray(step * np.arange(1, steps + 1), np.float64), model, limit), model)
    state = rng.integers(1, 2**64, (1, 4), dtype=np.uint64)
    profit, inventory = np.empty(paths), np.empty(paths, np.int64)
    market = np.array([mid, step, model.sigma, model.intensity, model.kappa])
    run_bounded_makers(market, bid[::-1].copy(), ask[::-1].copy(), state, profit, inventory)
    return pl.DataFrame({"profit": profit, "inventory": inventory})


def _cells(inventory: ArrayLike, time: ArrayLike, model: MakerModel, limit: int) -> tuple[Float1D, Int1D, Int1D]:
    """Distinct times to the horizon, rising, and the row and column of each point asked for."""
    clock, held = np.broadcast_arrays(checked_times(time, model), _checked_inventory(inventory, limit))
    if np.isnan(clock).any():
        raise InputError("a time is NaN; expected 0 to the horizon")
    left, row = np.unique(model.horizon - clock, return_inverse=True)
    return np.asarray(left, np.float64), np.asarray(row.reshape(clock.shape)), np.asarray(held + limit)


def _log_values(left: Float1D, model: MakerModel, limit: int) -> Float2D:
    """ln v of each inventory −Q … Q: (times to the horizon, rising; 2Q + 1)."""
    risk, pull = _rates(model)
    terms = (risk * limit**2 + 2 * pull) * float(left[-1]) * (2 * limit + 1)
    if not terms < _MAX_TERMS:
        raise InputError(
            f"{terms:.1e} terms for a limit of {limit} and a horizon of {model.horizon}, at most {_MAX_TERMS:.0e}; "
            "lower the limit, take a coarser unit of inventory, or `asymptotic_distances`"
        )
    out = np.empty((len(left), 2 * limit + 1))
    bounded_values(left, risk, pull, limit, out)
    return out


def _distances(logs: Float2D, model: MakerModel) -> tuple[Float2D, Float2D]:
    """Bid and ask of each row of ln v."""
    bid, ask = np.full_like(logs, np.inf), np.full_like(logs, np.inf)
    bid[:, :-1] = (logs[:, :-1] - logs[:, 1:]) / model.kappa + _fixed(model)
    ask[:, 1:] = (logs[:, 1:] - logs[:, :-1]) / model.kappa + _fixed(model)
    return bid, ask


def _ground_state(model: MakerModel, limit: int) -> Float1D:
    """Positive eigenvector of the least eigenvalue of the matrix of theorem 2."""
    risk, pull = _rates(model)
    held = np.arange(-limit, limit + 1)
    _, vectors = eigh_tridiagonal(risk * held**2.0, np.full(2 * limit, -pull), select="i", select_range=(0, 0))
    state = np.abs(vectors[:, 0])
    if not state.min() > 1e-12 * state.max():  # an eigenvector is right to 1e-16 of its largest entry
        raise InputError(f"the ground state vanishes to rounding within ±{limit}; lower the limit, or leave it out")
    return np.asarray(state, np.float64)


def _rates(model: MakerModel) -> tuple[float, float]:
    """α and η of the linear equations."""
    return 0.5 * model.kappa * model.gamma * model.sigma**2, model.intensity * _discount(model)


def _discount(model: MakerModel) -> float:
    """(1 + γ/κ)^{−(1 + κ/γ)}."""
    return exp(-(1.0 + model.kappa / model.gamma) * log1p(model.gamma / model.kappa))


def _fixed(model: MakerModel) -> float:
    """What both quotes keep from the mid whatever is held."""
    return log1p(model.gamma / model.kappa) / model.gamma


def _checked_inventory(inventory: ArrayLike, limit: int | None) -> Int1D:
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}, expected at least 1 unit either way")
    held = np.asarray(inventory)
    if held.size and not (np.isfinite(held).all() and (held == np.rint(held)).all()):
        raise InputError(f"inventory {held!r} is not whole; count it in units of one fill")
    whole = held.astype(np.int64)
    if limit is not None and whole.size and int(np.abs(whole).max()) > limit:
        raise InputError(f"inventories {whole.min()} to {whole.max()} given; expected within ±{limit}")
    return whole
