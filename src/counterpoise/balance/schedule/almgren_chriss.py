"""Almgren and Chriss: the trade-off of impact and risk, for one asset and for a portfolio, on a grid of time."""

from __future__ import annotations

from math import asinh
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["AlmgrenChriss", "almgren_chriss", "efficient_frontier"]

_TOLERANCE: Final = 1e-9  # of the largest entry, for what rounding does to symmetry


class AlmgrenChriss(NamedTuple):
    """The optimal way to sell what is held.

    Attributes
    ----------
    holdings : (steps + 1,) or (steps + 1, assets) float64
        Left at each time of the grid; the first is the quantity, the last 0.
    trades : (steps,) or (steps, assets) float64
        Sold in each step.
    cost : float
        Expected shortfall [money].
    variance : float
        Of the shortfall [money²].
    kappa : float or (assets,) float64
        Urgency [1/time]; of a portfolio those of its combinations. NaN where the branch has none (a cosine).
    """

    holdings: Float2D
    trades: Float2D
    cost: float
    variance: float
    kappa: float | Float1D


def almgren_chriss(
    quantity: ArrayLike,
    *,
    horizon: float,
    steps: int,
    sigma: ArrayLike,
    risk_aversion: float,
    eta: ArrayLike,
    gamma: ArrayLike = 0.0,
    epsilon: ArrayLike = 0.0,
    drift: ArrayLike = 0.0,
) -> AlmgrenChriss:
    """Least E + λV over all ways to bring a quantity to nought in equal steps.

    With τ = horizon/steps, n_k what is sold in step k and x_k what is left after it, the price falls by γ n_k for good and the
    seller gets ε·sgn n_k + η n_k/τ less in that step:

        E = ½ xᵀγx + ε·Σ|n_k| + Σ n_kᵀ η̃ n_k/τ − Σ τ αᵀx_k,    V = Σ τ x_kᵀ Σ x_k,    η̃ = η − γτ/2

    Parameters
    ----------
    quantity : float or (m,) float64
        Signed; a negative quantity is bought back.
    horizon : float
        T > 0 [time].
    steps : int
    sigma : float or (m, m) float64
        Standard deviation of the price in one unit of time [money/√time], or the covariance of a portfolio's prices.
    risk_aversion : float
        λ [1/money]. Below 0 risk is sought: the path is then a cosine, as long as there is a minimum.
    eta, gamma : float or (m, m) float64
        Temporary [money·time] and permanent [money] impact a unit and unit². Of a portfolio symmetric: what is not lets a round
        trip earn.
    epsilon : float or (m,) float64
        Half spread and fee [money a unit].
    drift : float or (m,) float64
        α, expected move of the price [money/time].

    Returns
    -------
    AlmgrenChriss

    Raises
    ------
    InputError
        If a shape does not fit, a matrix is not symmetric, the covariance not positive semidefinite, η̃ not positive definite,
        or λ so far below 0 that there is no minimum; the message names the bound.

    Notes
    -----
    The optimum solves η̃ (x_{k+1} − 2x_k + x_{k−1})/τ² = λΣx_k − α/2. Both matrices are diagonal in one basis, in which each
    combination is an asset of its own, 2(cosh κτ − 1)/τ² = λs. With a drift the path is the one without plus a round trip
    around x̄ = (2λΣ)⁻¹α; without risk that part is a parabola. O(m³ + m² steps).

    References
    ----------
    Almgren, Chriss (2000), "Optimal execution of portfolio transactions", Journal of Risk 3, equations (14) to (20),
    section 4.1 for the drift and appendix A for portfolios, doi:10.21314/JOR.2001.041.

    Examples
    --------
    >>> terms = {"horizon": 5, "steps": 5, "sigma": 0.95, "eta": 2.5e-6, "gamma": 2.5e-7, "epsilon": 0.0625}
    >>> found = almgren_chriss(1e6, risk_aversion=1e-6, **terms)
    >>> found.holdings.round(4).tolist()
    [1000000.0, 541955.5544, 289854.2194, 147897.4878, 62141.8016, 0.0]
    >>> round(found.cost, 6), round(found.kappa, 10)
    (911226.986304, 0.6070761632)
    """
    if not 0 < horizon < np.inf or steps < 1 or not np.isfinite(risk_aversion):
        raise InputError(
            f"expected a horizon above 0, steps and a finite risk aversion; found {horizon}, {steps} and {risk_aversion}"
        )
    alone = np.ndim(quantity) == 0
    x = np.atleast_1d(np.asarray(quantity, np.float64))
    covariance = _square(np.square(sigma) if np.ndim(sigma) == 0 else sigma, len(x), "sigma")
    tau = horizon / steps
    permanent = _square(gamma, len(x), "gamma")
    temporary = _square(eta, len(x), "eta") - permanent * (tau / 2)
    spread, alpha = (np.broadcast_to(np.asarray(each, np.float64), x.shape) for each in (epsilon, drift))
    risk, basis = _combinations(covariance, temporary)
    inner = np.linalg.solve(basis, x)
    pull = basis.T @ alpha
    paths, kappas = zip(
        *(_path(*each, risk_aversion, horizon, steps) for each in zip(inner, risk, pull, strict=True)), strict=True
    )
    holdings = np.column_stack(paths) @ basis.T
    holdings[0], holdings[-1] = x, 0.0
    trades = -np.diff(holdings, axis=0)
    left = holdings[1:]
    cost = float(
        x @ permanent @ x / 2
        + (np.abs(trades) @ spread).sum()
        + np.einsum("ki,ij,kj->", trades, temporary, trades) / tau
        - tau * (left @ alpha).sum()
    )
    variance = float(tau * np.einsum("ki,ij,kj->", left, covariance, left))
    if alone:
        return AlmgrenChriss(holdings[:, 0], trades[:, 0], cost, variance, kappas[0])
    return AlmgrenChriss(holdings, trades, cost, variance, np.array(kappas))


def efficient_frontier(
    quantity: ArrayLike,
    risk_aversions: ArrayLike,
    *,
    horizon: float,
    steps: int,
    sigma: ArrayLike,
    eta: ArrayLike,
    gamma: ArrayLike = 0.0,
    epsilon: ArrayLike = 0.0,
) -> Float2D:
    """(n, 2): expected cost and standard deviation of the optimum for each risk aversion; as `almgren_chriss`."""
    found = [
        almgren_chriss(
            quantity, horizon=horizon, steps=steps, sigma=sigma, risk_aversion=float(one), eta=eta, gamma=gamma, epsilon=epsilon
        )
        for one in np.atleast_1d(risk_aversions)
    ]
    return np.array([(one.cost, one.variance**0.5) for one in found])


def _square(values: ArrayLike, size: int, name: str) -> Float2D:
    """A symmetric (size, size) matrix; a number alone is that of a single asset, or of each apart."""
    matrix = np.asarray(values, np.float64)
    if matrix.ndim == 0:
        return np.asarray(matrix * np.eye(size))
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        raise InputError(f"{name} of {size} assets is a finite {size} × {size} matrix, found shape {matrix.shape}")
    if np.abs(matrix - matrix.T).max() > _TOLERANCE * np.abs(matrix).max():
        raise InputError(f"{name} must be symmetric: otherwise a round trip earns; take its symmetric part")
    return matrix


def _combinations(covariance: Float2D, temporary: Float2D) -> tuple[Float1D, Float2D]:
    """Risk s of each combination and the (m, m) basis B with Bᵀη̃B = 1 and BᵀΣB = diag s."""
    least = float(np.linalg.eigvalsh(temporary)[0])
    if least <= 0:
        raise InputError(
            f"eta − gamma·step/2 must be positive definite, found an eigenvalue of {least:.3g}; take shorter steps or more eta"
        )
    inverse = np.linalg.inv(np.linalg.cholesky(temporary))
    values, vectors = np.linalg.eigh(inverse @ covariance @ inverse.T)
    if values[0] < -_TOLERANCE * max(values[-1], 1e-300):
        raise InputError(
            f"the covariance must be positive semidefinite, found an eigenvalue of {values[0]:.3g}; see nearest_psd"
        )
    return np.maximum(values, 0.0), inverse.T @ vectors


def _path(start: float, risk: float, pull: float, risk_aversion: float, horizon: float, steps: int) -> tuple[Float1D, float]:
    """Holdings of one combination with η̃ = 1, and its κ."""
    tau, k = horizon / steps, np.arange(steps + 1)
    bend = risk_aversion * risk * tau * tau  # 2(cosh κτ − 1)
    least = -2 * (1 - np.cos(np.pi / steps))
    if bend <= least and steps > 1:
        raise InputError(
            f"risk_aversion is {risk_aversion:g}: below {least / (risk * tau * tau):.6g} there is no minimum; take one above it"
        )
    push = pull * tau * tau / 4
    if bend == 0:
        return start * (1 - k / steps) + push * k * (steps - k), 0.0
    if bend > 0:
        angle = 2 * asinh(np.sqrt(bend) / 2)
        down = _sinh_ratio(angle, steps - k, steps)
        # sinh(angle·(steps − k)/2)·sinh(angle·k/2) / cosh(angle·steps/2), without overflow
        bump = np.expm1(-angle * (steps - k)) * np.expm1(-angle * k) / (2 * (1 + np.exp(-angle * steps)))
        return start * down + push * bump / (bend / 4), angle / tau
    angle = 2 * np.arcsin(np.sqrt(-bend) / 2)
    bump = np.sin(angle * (steps - k) / 2) * np.sin(angle * k / 2) / np.cos(angle * steps / 2)
    return start * np.sin(angle * (steps - k)) / np.sin(angle * steps) + push * bump / (-bend / 4), float("nan")


def _sinh_ratio(angle: float, k: Int1D, whole: int) -> Float1D:
    """sinh(angle·k)/sinh(angle·whole) without overflow."""
    return np.asarray(np.exp(angle * (k - whole)) * -np.expm1(-2 * angle * k) / -np.expm1(-2 * angle * whole))
