"""Paths of a market maker who quotes once a step, after Avellaneda and Stoikov (2008), section 3.3; values of a bounded one."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, UInt2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.kernels.random import uniform

__all__ = ["bounded_values", "fill_chance", "run_bounded_makers", "run_makers"]


@inner_kernel
def fill_chance(intensity: float, kappa: float, distance: float, dt: float) -> float:
    """Chance A e^{−κδ} dt of a fill within a step at a distance δ from the mid; above 1 means surely."""
    return intensity * exp(-kappa * distance) * dt


@inner_kernel
def _step(
    rng: UInt2D,
    price: float,
    cash: float,
    held: int,
    below: float,
    above: float,
    intensity: float,
    kappa: float,
    dt: float,
    jump: float,
) -> tuple[float, float, int]:
    """Mid, cash and inventory after both quotes could be hit and the mid moved."""
    bought = uniform(rng, 0) < fill_chance(intensity, kappa, below, dt)
    sold = uniform(rng, 0) < fill_chance(intensity, kappa, above, dt)
    if bought:
        held += 1
        cash -= price - below
    if sold:
        held -= 1
        cash += price + above
    return price + (jump if uniform(rng, 0) < 0.5 else -jump), cash, held


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
            price, cash, held = _step(rng, price, cash, held, below, above, intensity, kappa, dt, jump)
        profit[path], inventory[path] = cash + held * price, held


@kernel
def bounded_values(left: Float1D, risk: float, pull: float, limit: int, out: Float2D) -> None:
    """Fill `out` with ln v of the inventories −limit … limit at rising times `left` to the horizon.

    v = e^{−Mτ} 1 for the matrix with α q² on the diagonal and −η beside it, as a series of positive terms: with c no less than
    any diagonal entry, e^{−Mτ} = e^{−cτ} Σ ((cI − M)τ)ⁿ/n!. Each piece of time is so short that e^{cτ} stays small; v is scaled
    to its largest entry after each.
    """
    states = 2 * limit + 1
    top = risk * limit * limit
    bound = top + 2.0 * pull
    value, term, moved = np.ones(states), np.empty(states), np.empty(states)
    scale, now = 0.0, 0.0
    for row in range(len(left)):
        pieces = int(bound * (left[row] - now) / 16.0) + 1
        span = (left[row] - now) / pieces
        for _ in range(pieces):
            term[:] = value
            order = 0
            largest = 1.0
            while largest > 0.0:
                order += 1
                largest = 0.0
                for state in range(states):
                    held = state - limit
                    sent = (top - risk * held * held) * term[state]
                    if state > 0:
                        sent += pull * term[state - 1]
                    if state < states - 1:
                        sent += pull * term[state + 1]
                    moved[state] = sent * span / order
                    if moved[state] > 1e-17 * value[state]:
                        largest = 1.0
                    value[state] += moved[state]
                term[:] = moved
            biggest = value.max()
            scale += log(biggest) - top * span
            value /= biggest
        now = left[row]
        for state in range(states):
            out[row, state] = log(value[state]) + scale


@kernel
def run_bounded_makers(market: Float1D, below: Float2D, above: Float2D, rng: UInt2D, profit: Float1D, inventory: Int1D) -> None:
    """As `run_makers` for quotes `below[step, held + Q]` and `above[step, held + Q]` from the mid, `inf` for none.

    `market` is the mid at the start, the step of time, σ, A and κ. Draws three uniforms a step from stream 0.
    """
    mid, dt, sigma, intensity, kappa = market[0], market[1], market[2], market[3], market[4]
    jump, limit = sigma * sqrt(dt), below.shape[1] // 2
    for path in range(len(profit)):
        price, cash, held = mid, 0.0, 0
        for step in range(len(below)):
            bid, ask = below[step, held + limit], above[step, held + limit]
            price, cash, held = _step(rng, price, cash, held, bid, ask, intensity, kappa, dt, jump)
        profit[path], inventory[path] = cash + held * price, held
