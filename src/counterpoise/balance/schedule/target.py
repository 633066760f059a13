"""Almgren and Chriss turned to another benchmark: the price at the close, or at any time on the way."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.schedule.almgren_chriss import AlmgrenChriss, almgren_chriss
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["TargetSchedule", "target_schedule"]

_NOTHING: Final = AlmgrenChriss(np.ones(1), np.zeros(0), 0.0, 0.0, 0.0)


class TargetSchedule(NamedTuple):
    """The optimum.

    Attributes
    ----------
    done : (steps + 1,) float64
        Traded by each time of the grid: from 0 to the quantity.
    trades : (steps,) float64
        In each step.
    cost : float
        Expected temporary impact [money].
    variance : float
        Of the shortfall against the target price [money²].
    """

    done: Float1D
    trades: Float1D
    cost: float
    variance: float


def target_schedule(
    quantity: float, *, horizon: float, steps: int, target_step: int, sigma: float, risk_aversion: float, eta: float
) -> TargetSchedule:
    """Least E + λV of the shortfall against the price at one time of the grid.

    What is done before that time is exposed to the price from then on, what is left after it to the price since; n_k is traded
    in step k, y_k done by its end, m the target:

        E = Σ η n_k²/τ,    V = σ²τ (Σ_{k ≤ m} y_{k−1}² + Σ_{k > m} (X − y_k)²)

    The close is ``target_step=steps``: the mirror of a schedule for the arrival price, which is ``target_step=0``. Between them
    one piece of each meets at the target, and y_m = X c_{N−m}/(c_m + c_{N−m}) with c_j the least E + λV of a unit in j steps.

    Parameters
    ----------
    quantity : float
        X, signed.
    horizon : float
        T > 0 [time].
    steps : int
    target_step : int
        m, from 0 to `steps`.
    sigma : float
        Standard deviation of the price in one unit of time [money/√time].
    risk_aversion : float
        λ ≥ 0 [1/money].
    eta : float
        Temporary impact [money·time a unit²].

    Raises
    ------
    InputError
        If the target is not on the grid, or as `almgren_chriss`.

    Notes
    -----
    A step's trade is priced at that end of it which is nearer to the target. Permanent impact has no place here on purpose: it
    moves the price at the target too, and a schedule that counts what it gains from that marks the close. O(steps).

    References
    ----------
    Guéant (2016), "The financial mathematics of market liquidity", the chapter on target close, POV and VWAP orders,
    doi:10.1201/b21350. The benchmark between start and end follows from it by joining two pieces.

    Examples
    --------
    >>> terms = {"horizon": 4, "steps": 4, "sigma": 1, "risk_aversion": 1, "eta": 1}
    >>> target_schedule(10, target_step=4, **terms).done.round(2).tolist()
    [0.0, 0.48, 1.43, 3.81, 10.0]
    >>> target_schedule(10, target_step=2, **terms).done.round(2).tolist()
    [0.0, 1.67, 5.0, 8.33, 10.0]
    """
    if not 0 <= target_step <= steps:
        raise InputError(f"the target is step {target_step}; expected one of the grid, 0 to {steps}")
    if not risk_aversion >= 0:
        raise InputError(f"a risk aversion of at least 0 is needed against a target, found {risk_aversion}")

    terms = {"sigma": sigma, "risk_aversion": risk_aversion, "eta": eta}
    pieces = [
        almgren_chriss(1.0, horizon=horizon * count / steps, steps=count, **terms) if count else _NOTHING
        for count in (target_step, steps - target_step)
    ]
    weight = [piece.cost + risk_aversion * piece.variance for piece in pieces]
    early = float(target_step > 0) if target_step in (0, steps) else weight[1] / (weight[0] + weight[1])
    parts = quantity * early, quantity * (1 - early)
    done = np.concatenate([parts[0] * pieces[0].holdings[::-1], quantity - parts[1] * pieces[1].holdings[1:]])
    cost, variance = (
        sum(part**2 * getattr(piece, name) for part, piece in zip(parts, pieces, strict=True)) for name in ("cost", "variance")
    )
    return TargetSchedule(done, np.diff(done), cost, variance)
