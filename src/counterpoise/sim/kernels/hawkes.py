"""Buy and sell arrivals that excite themselves and each other: a bivariate Hawkes process with exponential kernel.

    λ_buy(t) = μ_buy + Σ_{buys} α_self e^{−β(t−t_i)} + Σ_{sells} α_cross e^{−β(t−t_i)}        (and the same for sells)

Bacry, Mastromatteo and Muzy (2015), arXiv 1502.04592, sections 2.1 and 2.3. The branching ratio is
(α_self + α_cross) / β; below one the process is stationary with mean rate μ / (1 − n). Between arrivals the excitation decays,
so the present rate bounds all later ones and arrivals are drawn by thinning (Ogata 1981, doi:10.1109/TIT.1981.1056305).
"""

from __future__ import annotations

from math import exp, log

import numpy as np

from counterpoise.core.arrays import Float1D, Int8_1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.kernels.random import uniform

__all__ = ["excite", "fade", "sample_hawkes", "wait"]


@kernel
def fade(excitation: Float1D, at: int, beta: float, dt: float) -> None:
    """Let the excitation of buys (`at`) and sells (`at` + 1) decay over `dt` seconds."""
    decay = exp(-beta * dt)
    excitation[at] *= decay
    excitation[at + 1] *= decay


@kernel
def excite(excitation: Float1D, at: int, side: int, alpha_self: float, alpha_cross: float) -> None:
    """Raise both excitations after an arrival; side is +1 buy, −1 sell."""
    own = at if side > 0 else at + 1
    other = at + 1 if side > 0 else at
    excitation[own] += alpha_self
    excitation[other] += alpha_cross


@kernel
def wait(rng: UInt2D, stream: int, rate: float) -> float:
    """Exponential waiting time [s] at a rate [1/s] > 0."""
    return -log(1.0 - uniform(rng, stream)) / rate


@kernel
def sample_hawkes(
    mu: float, alpha_self: float, alpha_cross: float, beta: float, horizon_s: float, rng: UInt2D, times: Float1D, sides: Int8_1D
) -> int:
    """Fill `times` [s] and `sides` with arrivals before the horizon, from an unexcited start; returns how many.

    Stops early when the arrays are full. `mu` is the baseline rate [1/s] of either side.
    """
    excitation = np.zeros(2)
    t, count = 0.0, 0
    while count < len(times):
        bound = 2.0 * mu + excitation[0] + excitation[1]
        dt = wait(rng, 0, bound)
        t += dt
        if t >= horizon_s:
            break
        fade(excitation, 0, beta, dt)
        mark = uniform(rng, 0) * bound
        if mark >= 2.0 * mu + excitation[0] + excitation[1]:
            continue
        side = 1 if mark < mu + excitation[0] else -1
        times[count], sides[count] = t, side
        count += 1
        excite(excitation, 0, side, alpha_self, alpha_cross)
    return count
