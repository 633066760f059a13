"""Guéant, Lehalle and Fernandez-Tapia: to sell by limit orders alone, at which distance from the mid."""

from __future__ import annotations

from math import exp, inf, isfinite, log
from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.schedule.kernels.falling import advance
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel

__all__ = ["GueantLehalle", "gueant_lehalle"]

_SURE: Final = 700.0  # e^−700: what leaves so surely has left
_MAX_EXPONENT: Final = 600.0  # of e, with room below the largest float64


class GueantLehalle(NamedTuple):
    """The optimal limit order for every time and whatever is left.

    Attributes
    ----------
    times : (steps + 1,) float64
        From 0 to the horizon.
    distances : (steps + 1, units) float64 [price]
        Of the order beyond the mid, in column q − 1 with q units left; below 0 it lies on the other side of the mid. At the
        horizon with an infinite penalty −inf.
    holdings : (steps + 1,) float64
        Units left at each time, in expectation: the trading curve. The last is what the penalty is paid for.
    worth : (units + 1,) float64 [cash]
        Certainty equivalent at the start of having q units to sell, above q times the mid.
    """

    times: Float1D
    distances: Float2D
    holdings: Float1D
    worth: Float1D


def gueant_lehalle(units: int, *, model: MakerModel, penalty: float, steps: int, drift: float = 0.0) -> GueantLehalle:
    """Most of E[−exp(−γ (cash + q_T (S_T − b)))] when an order of one unit, δ above the mid, is filled at rate A e^(−κδ).

        w′_q = (αq² − βq) w_q − η w_{q−1},    w_0 = 1,    w_q(T) = e^(−κbq)
        α = ½ κγσ²,    β = κμ,    η = A (1 + γ/κ)^(−(1 + κ/γ))
        δ_q(t) = (1/κ) ln(w_q(t) / w_{q−1}(t)) + (1/γ) ln(1 + γ/κ)

    Parameters
    ----------
    units : int
        To be sold, counted in orders; to buy, take the distance below the mid and the drift with the other sign.
    model : MakerModel
        A, κ, σ, γ and T, as of a market maker who quotes one side.
    penalty : float
        b ≥ 0 [price]: what a unit that is left at T costs; ``inf`` where nothing may be left.
    steps : int
        Equal, from 0 to T, that the answer is given at.
    drift : float
        μ, expected move of the mid [price/time].

    Returns
    -------
    GueantLehalle

    Raises
    ------
    InputError
        If a number is out of its range, or so large that it cannot be told from an infinite one.

    Notes
    -----
    Distances and worth are exact whatever the steps: w is a series of positive terms, each entry scaled by itself. The trading
    curve takes rates as constant by step, with their exact integrals over it, ∫λ_q = (1 + γ/κ)((αq² − βq)Δt − Δ ln w_q): its
    error falls as the square of the step. Far from the horizon δ_q → (1/κ) ln(A / ((1 + γ/κ)(αq² − βq))), whatever the penalty.
    O(steps · units²).

    References
    ----------
    Guéant, Lehalle, Fernandez-Tapia (2012), "Optimal portfolio liquidation with limit orders", SIAM Journal on Financial
    Mathematics 3, doi:10.1137/110850475, arXiv 1106.3279.

    Examples
    --------
    >>> model = MakerModel(sigma=0.3, intensity=0.1, kappa=0.3, gamma=0.05, horizon=300.0)
    >>> found = gueant_lehalle(6, model=model, penalty=3.0, steps=300)
    >>> found.distances[0, [0, 5]].round(3).tolist(), found.distances[-1].round(3).tolist()
    ([10.609, 2.807], [0.083, 0.083, 0.083, 0.083, 0.083, 0.083])
    """
    _check(units, model, penalty=penalty, steps=steps, drift=drift)
    q = np.arange(units + 1.0)
    step, ratio = model.horizon / steps, 1 + model.gamma / model.kappa
    fixed = log(ratio) / model.gamma
    decay = step * model.kappa * (model.gamma * model.sigma**2 / 2 * q**2 - drift * q)
    pull = step * model.intensity * exp(-model.kappa * fixed) / ratio
    logs = _log_values(decay, pull, steps=steps, end=-model.kappa * penalty)
    rise = np.diff(logs[:-1], axis=1, append=0.0)[:, :-1]
    distances = np.vstack([rise / model.kappa, np.full(units, -penalty)]) + fixed
    leaving = np.clip(ratio * (decay + logs[:-1] - logs[1:]), 0.0, _SURE)
    return GueantLehalle(np.linspace(0, model.horizon, steps + 1), distances, _curve(leaving), logs[0] / model.kappa)


def _log_values(decay: Float1D, pull: float, *, steps: int, end: float) -> Float2D:
    """(steps + 1, units + 1) ln w at each time; `end` is ln w_1 at the last, −inf for an infinite penalty."""
    q = np.arange(len(decay))
    logs = np.empty((steps + 1, len(decay)))
    if end == -inf:
        logs[-1] = np.where(q > 0, end, 0.0)
        scale, value = q * log(pull), np.where(q > 0, 0.0, 1.0)
    else:
        logs[-1] = q * end
        scale, value = logs[-1].copy(), np.ones(len(decay))
    for i in range(steps - 1, -1, -1):
        advance(value, decay, pull * np.exp(-np.diff(scale, prepend=0.0)))
        if not (np.isfinite(value).all() and value.all()):
            raise InputError(
                f"the values of {q[-1]} units leave the range of numbers within one step; take more steps or fewer units"
            )
        scale = scale + np.log(value)
        scale[0] = 0.0  # w_0 = 1, exactly
        logs[i], value[:] = scale, 1.0
    return logs


def _curve(leaving: Float2D) -> Float1D:
    """(steps + 1,) expected units left, from (steps, units + 1) integrals of the rate with q left over each step."""
    units = leaving.shape[1] - 1
    chance = np.zeros(units + 1)  # of having sold 0, 1, … units
    chance[0] = 1.0
    left = np.empty(len(leaving) + 1)
    left[0] = units
    for i, rates in enumerate(leaving):
        falling = rates[::-1].copy()
        falling[-1] = 0.0
        advance(chance, falling, np.roll(falling, 1))
        left[i + 1] = chance @ np.arange(units, -1, -1)
    return left


def _check(units: int, model: MakerModel, *, penalty: float, steps: int, drift: float) -> None:
    if units < 1 or steps < 1 or not penalty >= 0 or not isfinite(drift):
        raise InputError(
            "expected at least 1 unit and 1 step, a penalty of at least 0 and a finite drift; "
            f"found {units}, {steps}, {penalty}, {drift}"
        )
    if isfinite(penalty) and model.kappa * penalty * units > _MAX_EXPONENT:
        raise InputError(f"a penalty of {penalty:g} cannot be told from an infinite one for {units} units; take inf")
