"""How evenly impact is spread: normalised impact of nodes, its Gini coefficient, the largest beside the mean."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.flow.wallet import concentration

__all__ = ["gini", "max_to_mean", "normalised_impact"]


def normalised_impact(traded: ArrayLike, volume: ArrayLike, *, exponent: float = 0.5) -> Float1D:
    """(own/others)^δ of each node: its impact in units of what its whole volume would have, by the square-root law.

    Parameters
    ----------
    traded, volume : (n,) float64
        What we traded, buys and sells added, and what others did; one unit.
    exponent : float
        δ in (0, 1].

    Returns
    -------
    (n,) float64
        0 where we did not trade; ∞ where nobody else did.

    Raises
    ------
    InputError
        If a number is negative or not finite, or the exponent out of its bound.
    """
    own, others = np.asarray(traded, np.float64), np.asarray(volume, np.float64)
    if (
        own.shape != others.shape
        or not 0 < exponent <= 1
        or not np.isfinite([own, others]).all()
        or min(own.min(), others.min()) < 0
    ):
        raise InputError("normalised impact needs what we and others traded at each node, >= 0, and an exponent in (0, 1]")
    with np.errstate(divide="ignore"):
        return np.where(own > 0, np.divide(own, others, out=np.full_like(own, np.inf), where=others > 0), 0.0) ** exponent


def gini(values: ArrayLike) -> float:
    """Gini coefficient: half the mean absolute difference of two draws, as a share of the mean. 0 all alike, → 1 one has all.

    Returns
    -------
    float
        NaN where all are 0.

    Raises
    ------
    InputError
        If there is none, or one is negative or not finite.

    References
    ----------
    Gini (1914); Sen (1973), "On Economic Inequality", section 2.3.

    Examples
    --------
    >>> [round(gini(held), 6) for held in ([1.0, 1.0, 1.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0, 4.0])]
    [0.0, 0.666667, 0.25]
    """
    sound = _sound(values)
    return concentration.gini(sound) if sound.max() > 0 else float("nan")


def max_to_mean(values: ArrayLike) -> float:
    """Largest over mean; NaN where all are 0, errors as `gini`."""
    sound = _sound(values)
    return float(sound.max() / sound.mean()) if sound.max() > 0 else float("nan")


def _sound(values: ArrayLike) -> Float1D:
    found = np.asarray(values, np.float64).ravel()
    if not len(found) or not np.isfinite(found).all() or found.min() < 0:
        raise InputError("inequality is of one or more finite numbers >= 0; leave out nodes that have no volume")
    return found
