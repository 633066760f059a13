"""Obizhaeva and Wang: a block at once, a constant rate into a book that refills exponentially, a block at the end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["ObizhaevaWang", "obizhaeva_wang"]


class ObizhaevaWang(NamedTuple):
    """The optimum.

    Attributes
    ----------
    block : float
        Traded at the start, and again at the end.
    rate : float
        Traded between them [quantity/time].
    horizon : float
    cost : float
        Expected cost when a unit displaces the price by one: ½ Σ Σ G over all pairs of trades.
    twap_cost : float
        The same of a constant rate.
    """

    block: float
    rate: float
    horizon: float
    cost: float
    twap_cost: float

    def done(self, times: Float1D) -> Float1D:
        """Quantity done by times from 0 to the horizon, the block at the start included."""
        at = np.asarray(times, np.float64)
        return self.block + self.rate * np.clip(at, 0, self.horizon) + np.where(at >= self.horizon, self.block, 0.0)


def obizhaeva_wang(quantity: float, *, horizon: float, resilience: float) -> ObizhaevaWang:
    """Cheapest way to trade a quantity when displacement decays as e^(−ρt):

        block = X/(ρT + 2),    rate = ρX/(ρT + 2)

    Parameters
    ----------
    quantity : float
        X, signed.
    horizon : float
        T > 0 [time].
    resilience : float
        ρ > 0 [1/time].

    Raises
    ------
    InputError
        If a number is not finite, or the horizon or the resilience not above 0.

    Notes
    -----
    Costs are X²/(ρT + 2), and X²(ρT − 1 + e^(−ρT))/(ρT)² of a constant rate. On a grid: `transient_schedule` with e^(−ρt).

    References
    ----------
    Obizhaeva, Wang (2013), "Optimal trading strategy and supply/demand dynamics", Journal of Financial Markets 16, proposition
    3, doi:10.1016/j.finmar.2012.09.001.

    Examples
    --------
    >>> found = obizhaeva_wang(100, horizon=1, resilience=2)
    >>> found.block, found.rate, round(100 * (1 - found.cost / found.twap_cost), 6)
    (25.0, 50.0, 11.920292)
    """
    if not np.isfinite(quantity) or not 0 < horizon < np.inf or not 0 < resilience < np.inf:
        raise InputError(
            f"a finite quantity, horizon > 0 and resilience > 0 are needed; found {quantity}, {horizon} and {resilience}"
        )
    times = resilience * horizon
    block = quantity / (times + 2)
    twap = quantity**2 * (times + np.expm1(-times)) / times**2
    return ObizhaevaWang(block, resilience * block, horizon, quantity**2 / (times + 2), float(twap))
