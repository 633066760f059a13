"""Butterfly and calendar arbitrage of SVI smiles, and the nearest smile on the published way out of it.

Gatheral and Jacquier (2014), arXiv 1204.0646, sections 2, 4 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import NumericalError
from counterpoise.options.svi import JumpWings, RawSvi, jump_wings, raw_from_jump_wings

__all__ = ["Least", "butterfly", "least_butterfly", "least_calendar", "repair_butterfly"]

_POINTS = 2001
_FAR = 20.0  # log-moneyness beyond which the limits of the wings decide
_HALVINGS = 50


class Least(NamedTuple):
    """Where a condition is nearest to failing, and its value there; infinite k is the limit of a wing."""

    k: float
    value: float


def butterfly(smile: RawSvi, k: ArrayLike) -> Float1D:
    """g(k) = (1 − kw′/2w)² − w′²/4 (1/w + 1/4) + w″/2, the sign of the density of the price.

    Parameters
    ----------
    smile : RawSvi
    k : (...) float64
        Log-moneyness ln(K/F).

    Returns
    -------
    (...) float64
        Below zero a butterfly has a negative price; −∞ where the variance is not positive.

    References
    ----------
    arXiv 1204.0646, equation 2.1 and lemma 2.2.
    """
    points = np.asarray(k, np.float64)
    y = points - smile.m
    radius = np.hypot(y, smile.sigma)
    w = smile.total_variance(points)
    slope = smile.b * (smile.rho + y / radius)
    bend = smile.b * smile.sigma**2 / radius**3
    safe = np.where(w > 0, w, 1.0)
    g = (1.0 - 0.5 * points * slope / safe) ** 2 - 0.25 * slope**2 * (1.0 / safe + 0.25) + 0.5 * bend
    return np.where(w > 0, g, np.where(np.isnan(w), np.nan, -np.inf))


def least_butterfly(smile: RawSvi) -> Least:
    """The least of g over all strikes, the limits (4 − b²(1 ± ρ)²)/16 of the wings with it (Lee's bound).

    Returns
    -------
    Least
        No butterfly arbitrage where the value is at least 0.
    """
    wings = [
        Least(side * np.inf, (4.0 - (smile.b * (1.0 + side * smile.rho)) ** 2) / 16.0 if smile.b > 0 else 1.0)
        for side in (-1, 1)
    ]
    inside = _least(lambda k: butterfly(smile, k), _grid(smile))
    return min(inside, *wings, key=lambda found: found.value)


def least_calendar(near: RawSvi, far: RawSvi) -> Least:
    """The least of w_far − w_near over all strikes; a far expiry of less total variance is calendar arbitrage.

    Returns
    -------
    Least
        No calendar arbitrage where the value is at least 0; −∞ where a wing of the near smile is the steeper.
    """
    for side in (-1, 1):
        if far.b * (1.0 + side * far.rho) < near.b * (1.0 + side * near.rho):
            return Least(side * np.inf, -np.inf)
    grid = np.union1d(_grid(near), _grid(far))
    return _least(lambda k: far.total_variance(k) - near.total_variance(k), grid)


def repair_butterfly(smile: RawSvi, *, years: float) -> RawSvi:
    """The first smile without butterfly arbitrage on the straight way to c′ = p + 2ψ, ṽ′ = 4vpc′/(p + c′)².

    Variance and skew at the money and the put wing stay; the call wing and the least variance move until g ≥ 0.

    Parameters
    ----------
    smile : RawSvi
    years : float [years]

    Returns
    -------
    RawSvi
        The smile itself where nothing is wrong with it.

    Raises
    ------
    NumericalError
        If even the end of the way can be arbitraged.

    References
    ----------
    arXiv 1204.0646, section 5.1.
    """
    if least_butterfly(smile).value >= 0:
        return smile
    wings = jump_wings(smile, years=years)
    call = wings.p + 2.0 * wings.psi  # above 0 for every raw smile: b(1 − m/√(m² + σ²))/√w
    lowest = 4.0 * wings.v * wings.p * call / (wings.p + call) ** 2
    good = _toward(wings, call, lowest, 1.0)
    if least_butterfly(good).value < 0:
        raise NumericalError(
            f"the smile at c = {call:.6g}, v_least = {lowest:.6g} still has g < 0: total variance is too large for its wings; "
            "fit this expiry again with bounded wings"
        )
    bad, ok = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = 0.5 * (bad + ok)
        smile = _toward(wings, call, lowest, share)
        if least_butterfly(smile).value >= 0:
            ok, good = share, smile
        else:
            bad = share
    return good


def _toward(wings: JumpWings, call: float, lowest: float, share: float) -> RawSvi:
    c = wings.c + share * (call - wings.c)
    v_least = wings.v_least + share * (lowest - wings.v_least)
    return raw_from_jump_wings(JumpWings(v=wings.v, psi=wings.psi, p=wings.p, c=c, v_least=v_least, years=wings.years))


def _grid(smile: RawSvi) -> Float1D:
    """Points dense at the bend of a smile, whatever its width, and thin toward its wings."""
    reach = np.arcsinh((abs(smile.m) + _FAR) / smile.sigma)
    return np.asarray(smile.m + smile.sigma * np.sinh(np.linspace(-reach, reach, _POINTS)))


def _least(of: Callable[[Float1D], Float1D], grid: Float1D) -> Least:
    values = of(grid)
    at = int(np.argmin(values))
    if not np.isfinite(values[at]):
        return Least(float(grid[at]), float(values[at]))
    ends = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, len(grid) - 1)])
    found = minimize_scalar(lambda k: float(of(np.asarray(k))), bounds=ends, method="bounded", options={"xatol": 1e-12})
    refined = Least(float(found.x), float(found.fun))
    return min(refined, Least(float(grid[at]), float(values[at])), key=lambda point: point.value)
