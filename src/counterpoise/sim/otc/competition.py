"""What dealers add to their cost when they compete for one trade: the symmetric equilibrium of a sealed first-price auction.

n dealers have private costs c, independent and uniform on [0, w] above what they share. The client takes the lowest quote b if
it is not beyond what he would pay, which dealers believe to be exponential: P(he takes b) = e^{−κ b}. The first-order condition
of (b − c) e^{−κ b} (1 − F)^{n−1}, with m = b(c) − c and x = w − c, is

    dm/dx = 1 − (n − 1) m / (x (1 − κ m)),    m(0) = 0

    κ = 0   m = x / n: the winner's quote is the second lowest cost on average, 2w/(n + 1)
    n = 1   m = 1/κ, the monopolist's markup; with κ = 0 the reserve w: m = x

Riley and Samuelson (1981), American Economic Review 71, for the auction; Fermanian, Guéant and Pu (2017), arXiv 1511.07773, for
the competition of dealers on request-for-quote platforms.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["equilibrium_markup", "expected_best_quote"]

_START: Final = 1e-4
_NODES: Final = 257


def equilibrium_markup(private: ArrayLike, *, dealers: int, width: float, elasticity: float = 0.0) -> Float1D:
    """Markup over his cost of each dealer.

    Parameters
    ----------
    private : (...) float64 [bps]
        Private part c of the cost. Beyond w he cannot win and asks for no markup; below 0 he quotes as at 0, or the
        monopolist's markup when that is less.
    dealers : int
        n ≥ 1 that are asked.
    width : float
        w > 0 [bps].
    elasticity : float
        κ ≥ 0 [1/bps].

    Returns
    -------
    (...) float64 [bps]
        Falls with n and with κ.

    Raises
    ------
    InputError
        If a parameter is out of its bound or a cost is not finite.
    """
    if dealers < 1 or not (isfinite(width) and width > 0) or not 0 <= elasticity * width <= 1e3 or elasticity < 0:
        raise InputError(
            f"{dealers} dealers, width {width} bps, elasticity {elasticity}/bps; expected n >= 1, w > 0 and 0 <= κw <= 1,000"
        )
    cost = np.asarray(private, np.float64)
    if not np.isfinite(cost).all():
        raise InputError("a private cost is not finite")
    if dealers == 1 and elasticity > 0:
        return np.full(cost.shape, 1.0 / elasticity)
    gap = width - np.clip(cost, 0.0, width)
    markup = _markup(gap, dealers, width, elasticity) + np.maximum(-cost, 0.0)  # below 0 the quote stays that of 0
    return np.asarray(np.minimum(markup, 1.0 / elasticity) if elasticity > 0 else markup)


def expected_best_quote(*, dealers: int, width: float, elasticity: float = 0.0) -> float:
    """Mean of the lowest quote above the shared cost: ∫ b(c) n (1 − c/w)^{n−1} dc / w, by Gauss and Legendre's rule.

    Parameters
    ----------
    dealers, width, elasticity
        As `equilibrium_markup`.

    Returns
    -------
    float [bps]
        2w/(n + 1) for κ = 0, and w for a single dealer then.

    Raises
    ------
    InputError
        As `equilibrium_markup`.
    """
    nodes, weights = _gauss()
    cost = width * (nodes + 1) / 2
    quotes = cost + equilibrium_markup(cost, dealers=dealers, width=width, elasticity=elasticity)
    return float((weights / 2) @ (quotes * dealers * (1 - cost / width) ** (dealers - 1)))


@lru_cache(maxsize=1)
def _gauss() -> tuple[Float1D, Float1D]:
    nodes, weights = np.polynomial.legendre.leggauss(64)
    return np.asarray(nodes, np.float64), np.asarray(weights, np.float64)


def _markup(gap: Float1D, dealers: int, width: float, elasticity: float) -> Float1D:
    """m at x = gap, n ≥ 2 or κ = 0."""
    if elasticity == 0:
        return gap / dealers
    scaled, reach = elasticity * gap, elasticity * width
    grid, values = _solution(dealers, reach)
    near = _series(scaled, dealers)
    return np.asarray(np.where(scaled <= grid[0], near, np.interp(scaled, grid, values)) / elasticity)


@lru_cache(maxsize=64)
def _solution(dealers: int, reach: float) -> tuple[Float1D, Float1D]:
    """μ = κ m at u = κ x: dμ/du = 1 − (n − 1) μ / (u (1 − μ)), from its series at the singular point."""
    start = min(_START, reach / 10)
    grid = np.concatenate([np.geomspace(start, reach, 4 * _NODES), np.linspace(start, reach, 4 * _NODES)])
    grid = np.unique(np.clip(grid, start, reach))
    found = solve_ivp(
        lambda u, mu: 1 - (dealers - 1) * mu / (u * (1 - mu)),
        (start, reach),
        [float(_series(np.array(start), dealers))],
        method="LSODA",
        t_eval=grid,
        rtol=1e-10,
        atol=1e-14,
    )
    return grid, np.asarray(found.y[0], np.float64)


def _series(scaled: Float1D, dealers: int) -> Float1D:
    """u/n − (n − 1) u² / (n² (n + 1)), right to u³."""
    return np.asarray(scaled / dealers - (dealers - 1) * scaled**2 / (dealers**2 * (dealers + 1)))
