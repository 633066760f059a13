"""Cartea and Jaimungal: how fast to sell when the flow of others, which moves the price, can be forecast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["CarteaJaimungal", "cartea_jaimungal"]


class CarteaJaimungal(NamedTuple):
    """The optimal way to sell what is held, as long as the flow comes as forecast.

    Attributes
    ----------
    holdings : (n + 1,) float64
        Left at each time of the grid; the first is the quantity, the last 0 only if `alpha` is infinite.
    trades : (n,) float64
        Sold in each step; below 0 where the forecast makes buying pay.
    speed : (n,) float64
        Of selling at the start of each step [quantity/time]; the first is the optimal answer to what is held and forecast now.
    """

    holdings: Float1D
    trades: Float1D
    speed: Float1D


def cartea_jaimungal(
    quantity: float,
    forecast: ArrayLike,
    *,
    horizon: float,
    eta: float,
    gamma: float,
    phi: float = 0.0,
    alpha: float = np.inf,
) -> CarteaJaimungal:
    """Most money at the end, less penalties on what is held, when others' net flow μ moves the price like one's own.

    With ν the speed, q what is left and dS = γ(μ − ν)dt + σdW, a unit is sold at S − ην:

        max E[∫ (S − ην)ν dt + q_T(S_T − αq_T) − φ∫ q² dt],
        ν = (D′(T−t)/D(T−t))·q − (γ/2η) ∫_t^T (D(T−u)/D(T−t))·E_t[μ_u] du,
        D(τ) = cosh κτ + ((α − γ/2)/ηκ)·sinh κτ,    κ² = φ/η

    Parameters
    ----------
    quantity : float
        Signed; a negative quantity is bought back.
    forecast : (n,) float64
        E_t[μ], bought less sold by others [quantity/time], constant over each of n equal steps from now to the horizon.
    horizon : float
        T − t > 0 [time].
    eta, gamma : float
        Temporary [money·time] and permanent [money] impact a unit and unit², as in `almgren_chriss`; the paper's k and b.
    phi : float
        Running penalty [money/time]; λσ² is the risk aversion of `almgren_chriss`.
    alpha : float
        Penalty on what is left at the end [money], at least γ/2; infinite: nothing is left.

    Returns
    -------
    CarteaJaimungal

    Raises
    ------
    InputError
        If the forecast is empty or not finite, or a number is outside of its range; the message names it.

    Notes
    -----
    The problem is linear-quadratic: only the mean of the coming flow counts. To follow it, call again at each step with what is
    left, the rest of the horizon and the forecast as it then is; while the forecast holds this changes nothing. Exact for a
    forecast constant by step, whatever the step. Nothing keeps ν from changing sign. O(n).

    References
    ----------
    Cartea, Jaimungal (2016), "Incorporating order-flow into optimal execution", Mathematics and Financial Economics 10,
    doi:10.1007/s11579-016-0162-z: the optimal speed with a terminal and a running penalty.

    Examples
    --------
    >>> calm = cartea_jaimungal(100, [0, 0, 0, 0], horizon=1, eta=0.02, gamma=0.01)
    >>> buyers = cartea_jaimungal(100, [160, 160, 160, 160], horizon=1, eta=0.02, gamma=0.01)
    >>> calm.trades.tolist(), buyers.trades.round(9).tolist()
    ([25.0, 25.0, 25.0, 25.0], [21.25, 23.75, 26.25, 28.75])
    """
    flow = np.asarray(forecast, np.float64)
    _check(quantity, flow, horizon=horizon, eta=eta, gamma=gamma, phi=phi, alpha=alpha)
    n = len(flow)
    step, kappa, lean = horizon / n, np.sqrt(phi / eta), gamma / (2 * eta)
    left = step * np.arange(n, -1, -1)
    # e^(−κτ)·D and e^(−κτ)·D′, of an infinite penalty their limits over it: sums of what is not negative, and no overflow
    end, push = (0.0, 1.0) if np.isinf(alpha) else (1.0, (alpha - gamma / 2) / eta)
    even, odd = (1 + np.exp(-2 * kappa * left)) / 2, _reach(2 * kappa, left)
    level, slope = end * even + push * odd, end * kappa * kappa * odd + push * even
    once, twice = float(_reach(2 * kappa, step)), float(_reach(kappa, step)) ** 2 / 2
    keep, decay = level[1:] / level[:-1], np.exp(-kappa * step)
    weight = (level[1:] * once + slope[1:] * twice) / level[:-1]

    ahead = np.zeros(n + 1)  # the integral of the speed's formula, at each time
    for i in range(n - 1, -1, -1):
        ahead[i] = decay * keep[i] * ahead[i + 1] + weight[i] * flow[i]
    holdings = np.empty(n + 1)
    holdings[0] = quantity
    for i in range(n):
        holdings[i + 1] = keep[i] * (decay * holdings[i] + lean * (twice * flow[i] + once * ahead[i + 1]))
    speed = slope[:-1] / level[:-1] * holdings[:-1] - lean * ahead[:-1]
    return CarteaJaimungal(holdings, -np.diff(holdings), speed)


def _check(quantity: float, flow: Float1D, **terms: float) -> None:
    if flow.ndim != 1 or not len(flow) or not np.isfinite(flow).all():
        raise InputError(f"a forecast is one finite number for each step to the horizon, found shape {flow.shape}: {flow}")
    horizon, eta, gamma, phi, alpha = (terms[name] for name in ("horizon", "eta", "gamma", "phi", "alpha"))
    if not np.isfinite(quantity) or not 0 < horizon < np.inf or not 0 < eta < np.inf:
        raise InputError(f"expected a finite quantity, horizon and eta above 0; found {quantity}, {horizon} and {eta}")
    if not 0 <= gamma < np.inf or not 0 <= phi < np.inf:
        raise InputError(f"expected finite gamma and phi, not below 0; found {gamma} and {phi}")
    if not alpha >= gamma / 2:
        raise InputError(
            f"alpha is {alpha}: below gamma/2 = {gamma / 2:g} what is left costs less than the impact of selling it; take more"
        )


def _reach(rate: float, time: ArrayLike) -> Float1D:
    """∫₀^time e^(−rate·s) ds."""
    span = np.asarray(time, np.float64)
    return span if rate == 0 else np.asarray(-np.expm1(-rate * span) / rate)
