"""Schedules for any transient linear impact: the trades whose costs through each other are least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cho_factor, cho_solve

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["TransientSchedule", "transient_schedule"]

_ROUNDING: Final = 1e-10


class TransientSchedule(NamedTuple):
    """The optimum.

    Attributes
    ----------
    trades : (n,) float64
        They sum to the quantity.
    cost : float
        Expected cost when a unit displaces the price by G(0): ½ Σᵢⱼ wᵢ wⱼ G(|tᵢ − tⱼ|).
    """

    trades: Float1D
    cost: float


def transient_schedule(
    times: ArrayLike, kernel: Callable[[Float1D], Float1D], quantity: float, *, alternate: bool = False
) -> TransientSchedule:
    """Cheapest trades at given times when each displaces the price by w·G(t − s) at t: w = X G⁻¹1 / (1ᵀG⁻¹1).

    Parameters
    ----------
    times : (n,) float64
        Increasing, in the kernel's unit of time.
    kernel : callable
        G: (m,) lags ≥ 0 → (m,), as the `kernel` of `counterpoise.flow.impact.TransientImpact`.
    quantity : float
        X, signed.
    alternate : bool
        Whether trades against the quantity's side are allowed.

    Raises
    ------
    InputError
        If times do not increase; if G is not positive definite on them, for then a round trip earns from its own impact; or if
        the optimum trades against its own side (what Alfonsi, Schied and Slynko call transaction-triggered manipulation) and
        that is not allowed. A convex, decreasing, non-negative kernel gives neither.

    Notes
    -----
    O(n³).

    References
    ----------
    Gatheral, Schied, Slynko (2012), "Transient linear price impact and Fredholm integral equations", Mathematical Finance 22,
    doi:10.1111/j.1467-9965.2011.00478.x. Alfonsi, Schied, Slynko (2012), SIAM Journal on Financial Mathematics 3,
    doi:10.1137/110822098, theorem 1.

    Examples
    --------
    >>> found = transient_schedule(np.linspace(0, 1, 11), lambda lag: np.exp(-2 * lag), 100)
    >>> found.trades[[0, 1, 10]].round(6).tolist()
    [27.537413, 4.991686, 27.537413]
    """
    at = np.asarray(times, np.float64)
    if at.ndim != 1 or not len(at) or not np.isfinite(at).all() or (np.diff(at) <= 0).any() or not np.isfinite(quantity):
        raise InputError("a schedule needs increasing finite times, one at least, and a finite quantity")
    matrix = np.asarray(kernel(np.abs(at[:, None] - at[None, :]).ravel()), np.float64).reshape(len(at), len(at))
    if not np.isfinite(matrix).all():
        raise InputError("the impact kernel is not finite at some lag; a power law needs a cut-off at 0")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least <= _ROUNDING * abs(matrix[0, 0]):
        worst = np.linalg.eigh(matrix)[1][:, 0]
        raise InputError(
            f"the impact kernel is not positive definite on these times (least eigenvalue {least:.3g}): trades in the "
            f"proportions {np.array2string(worst[:4], precision=2)}… would earn from their own impact; take a convex, "
            "decreasing, non-negative kernel, or fewer times"
        )
    answer = cho_solve(cho_factor(matrix), np.ones(len(at)))
    trades = quantity * answer / answer.sum()
    against = trades * np.sign(quantity) < -_ROUNDING * abs(quantity)
    if against.any() and not alternate:
        raise InputError(
            f"with this impact kernel the best schedule trades against its own side {int(against.sum())} times, first at "
            f"{at[np.argmax(against)]:g}; take a convex kernel, or allow it with alternate=True"
        )
    return TransientSchedule(np.asarray(trades), float(quantity**2 / answer.sum() / 2))
