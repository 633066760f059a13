"""A market maker who minds his inventory: the quotes of Avellaneda and Stoikov, and what they earn.

    reservation price  r = s − q γ σ² (T − t)
    spread             γ σ² (T − t) + (2/γ) ln(1 + γ/κ)

for a mid that diffuses with σ and fills that arrive at rate A e^{−κδ} at a distance δ from it. Avellaneda and Stoikov (2008),
doi:10.1080/14697680701381228, equations 29 and 30.
"""

from __future__ import annotations

from math import ceil, isfinite, log

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.sim.kernels.maker import run_makers

__all__ = ["MakerModel", "checked_steps", "checked_times", "maker_paths", "maker_quotes"]


class MakerModel(Config, frozen=True, kw_only=True):
    """The market a maker believes in, and how much he minds risk.

    Parameters
    ----------
    sigma : float
        Standard deviation of the mid over one unit of time [price/√time].
    intensity : float
        Fills A a unit of time at the mid.
    kappa : float
        Decay of the fill rate with distance [1/price].
    gamma : float
        Absolute risk aversion [1/cash].
    horizon : float
        Time T at which the inventory is valued at the mid.
    """

    sigma: float = 2.0
    intensity: float = 140.0
    kappa: float = 1.5
    gamma: float = 0.1
    horizon: float = 1.0

    def __post_init__(self) -> None:
        for name in ("sigma", "intensity", "kappa", "gamma", "horizon"):
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ConfigError(f"{name} is {value}, expected a finite number above 0")


def maker_quotes(
    mid: ArrayLike, inventory: ArrayLike, *, time: ArrayLike, model: MakerModel, widening: bool = True
) -> tuple[Float1D, Float1D]:
    """Bid and ask: half the spread below and above the reservation price.

    Parameters
    ----------
    mid : (...) float64 [price]
    inventory : (...) float64 [units], signed
    time : (...) float64
        From 0 to the horizon.
    model : MakerModel
    widening : bool
        Whether the spread holds its term γσ²(T − t). The authors' own simulation leaves it out.

    Returns
    -------
    bid, ask : (...) float64 [price]
        With much inventory one of them may lie beyond the mid: the maker then pays to be rid of it. NaN where an argument is.

    Raises
    ------
    InputError
        If a time lies outside the horizon.
    """
    left = model.horizon - checked_times(time, model)
    middle = np.asarray(mid, np.float64) - np.asarray(inventory, np.float64) * _skew(model, left)
    half = 0.5 * _width(model, left, widening)
    return middle - half, middle + half


def maker_paths(
    model: MakerModel,
    *,
    paths: int,
    dt: float,
    rng: np.random.Generator,
    mid: float = 100.0,
    skewed: bool = True,
    widening: bool = False,
) -> pl.DataFrame:
    """What the quotes earn on simulated paths from no inventory, one unit a fill.

    Parameters
    ----------
    model : MakerModel
    paths : int
    dt : float
        Step of time; A dt is a chance, so it must not exceed 1.
    rng : np.random.Generator
        Only the seed of the paths is drawn from it.
    mid : float
        At the start [price].
    skewed : bool
        Whether quotes stand around the reservation price; otherwise around the mid (the symmetric strategy).
    widening : bool
        As `maker_quotes`; False is the published table.

    Returns
    -------
    pl.DataFrame
        ``profit`` [cash] with the inventory at the last mid, and ``inventory`` [units], a row a path.

    Raises
    ------
    InputError
        If the number of paths, the step or the mid is impossible.
    """
    step, steps = checked_steps(model, paths, dt, mid)
    left = np.asarray(model.horizon - step * np.arange(steps), np.float64)
    widths, skews = _width(model, left, widening), _skew(model, left) * float(skewed)
    state = rng.integers(1, 2**64, (1, 4), dtype=np.uint64)
    profit, inventory = np.empty(paths), np.empty(paths, np.int64)
    run_makers(mid, step, model.sigma, model.intensity, model.kappa, widths, skews, state, profit, inventory)
    return pl.DataFrame({"profit": profit, "inventory": inventory})


def checked_times(time: ArrayLike, model: MakerModel) -> Float1D:
    """Times within the horizon, or an `InputError`; a NaN passes."""
    clock = np.asarray(time, np.float64)
    if ((clock < 0) | (clock > model.horizon)).any():
        raise InputError(f"times {clock.min()} to {clock.max()} given; expected 0 to the horizon {model.horizon}")
    return clock


def checked_steps(model: MakerModel, paths: int, dt: float, mid: float) -> tuple[float, int]:
    """Length and number of steps that fill the horizon, or an `InputError`."""
    if paths < 1 or not isfinite(mid):
        raise InputError(f"{paths} paths from a mid of {mid}: expected at least one, from a finite price")
    if not 0 < dt <= min(model.horizon, 1.0 / model.intensity):
        raise InputError(
            f"dt is {dt}, expected above 0 and at most {min(model.horizon, 1.0 / model.intensity):.6g} (1/intensity)"
        )
    steps = ceil(model.horizon / dt - 1e-9)
    return model.horizon / steps, steps


def _skew(model: MakerModel, left: Float1D) -> Float1D:
    return np.asarray(model.gamma * model.sigma**2 * left)


def _width(model: MakerModel, left: Float1D, widening: bool) -> Float1D:
    fixed = 2.0 / model.gamma * log(1.0 + model.gamma / model.kappa)
    return _skew(model, left) * float(widening) + fixed
