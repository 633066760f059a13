"""Paths of a market maker who quotes once a step, after Avellaneda and Stoikov (2008), section 3.3."""

from __future__ import annotations

from math import exp, sqrt

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.kernels.random import uniform

__all__ = ["fill_chance", "run_makers"]


@inner_kernel
def fill_chance(intensity: float, kappa: float, distance: float, dt: float) -> float:
    """Chance A e^{−κδ} dt of a fill within a step at a distance δ from the mid; above 1 means surely."""
    return intensity * exp(-kappa * distance) * dt


@kernel
def run_makers(
    mid: float,
    dt: float,
    sigma: float,
    intensity: float,
    kappa: float,
    widths: Float1D,
    skews: Float1D,
    rng: UInt2D,
    profit: Float1D,
    inventory: Int1D,
) -> None:
    """Fill `profit` (cash + inventory × mid at the end) and `inventory` of one path an element.

    Each step: quote a spread `widths[step]` around the mid less `skews[step]` for each unit held, let both sides be hit by
    chance, move the mid by ±σ√dt. Draws three uniforms a step from stream 0.
    """
    jump = sigma * sqrt(dt)
    for path in range(len(profit)):
        price, cash, held = mid, 0.0, 0
        for step in range(len(widths)):
            shift = held * skews[step]
            below, above = 0.5 * widths[step] + shift, 0.5 * widths[step] - shift
            bought = uniform(rng, 0) < fill_chance(intensity, kappa, below, dt)
            sold = uniform(rng, 0) < fill_chance(intensity, kappa, above, dt)
            if bought:
                held += 1
                cash -= price - below
            if sold:
                held -= 1
                cash += price + above
            price += jump if uniform(rng, 0) < 0.5 else -jump
        profit[path], inventory[path] = cash + held * price, held
