"""Takers: those who follow or fade the price over a horizon, and those who know the value, late and with noise.

Both look, form a target position and send an immediate order for a part of the difference. A trend follower's target is
Q tanh(g z) with z = (mid − mean over the horizon) / (σ √horizon); a negative g fades.

An informed trader sees the value some steps of the grid late, with an Ornstein-Uhlenbeck error. What he takes for the gap
between value and price is what lies between them beyond its own slow mean: in time he takes the price for right, so he trades
on news and lets a lasting impact be. Beyond a threshold his target grows with the gap until it is Q at twice the threshold, and
he closes once the gap is small.
"""

from __future__ import annotations

from math import exp, sqrt, tanh
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import normal, wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_DELAY_NS,
    A_INTS,
    A_MARKET,
    A_PHASE,
    A_REALS,
    A_STREAM,
    ACT,
    LOOK,
    M_STATS,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    S_EMA,
    S_MID,
    S_OPEN,
    S_VAR,
)
from counterpoise.sim.agents.kernels.values import past_value
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_price, position_of, send

__all__ = [
    "TAKER_INTS",
    "TAKER_REALS",
    "T_ADAPT",
    "T_BELIEF",
    "T_CLIP",
    "T_ERROR",
    "T_ERROR_RATE",
    "T_ERROR_SIGMA",
    "T_GAIN",
    "T_HORIZON",
    "T_HORIZON_S",
    "T_LAG",
    "T_LOOKED_NS",
    "T_MOST",
    "T_PRICE",
    "T_RATE",
    "T_SLIP",
    "T_THRESHOLD",
    "T_WISH",
    "wake_informed",
    "wake_trend",
]

# integers
T_WISH: Final = 0  # signed lots to send
T_PRICE: Final = 1  # no worse than this
T_HORIZON: Final = 2  # which of the means he looks at
T_LAG: Final = 3  # steps of the grid
T_LOOKED_NS: Final = 4
TAKER_INTS: Final = 5

# numbers
T_RATE: Final = 0  # looks a second
T_MOST: Final = 1  # Q, lots
T_CLIP: Final = 2  # lots of an order at most
T_SLIP: Final = 3  # how far through the best he goes, in log price
T_GAIN: Final = 4
T_HORIZON_S: Final = 5
T_THRESHOLD: Final = 6  # in log price
T_ERROR: Final = 7
T_ERROR_SIGMA: Final = 8
T_ERROR_RATE: Final = 9  # how fast the error fades [1/s]
T_ADAPT: Final = 10  # how fast he takes the price for right [1/s]
T_BELIEF: Final = 11  # part of the gap that he takes for right
TAKER_REALS: Final = 12


@kernel
def wake_trend(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """A follower (gain above zero) or a fader (below) looks or acts."""
    if world[agent + A_PHASE] == ACT:
        return _act(world, reals, rng, ex, agent)
    ints, at = world[agent + A_INTS], world[agent + A_REALS]
    stats = world[world[MARKET_ROWS] + world[agent + A_MARKET] * MARKET_SIZE + M_STATS]
    scale = sqrt(reals[stats + S_VAR + 2] * reals[at + T_HORIZON_S])
    gap = reals[stats + S_MID] - reals[stats + S_EMA + world[ints + T_HORIZON]]
    target = reals[at + T_MOST] * tanh(reals[at + T_GAIN] * gap / scale) if scale > 0.0 else 0.0
    return _aim(world, reals, ex, agent, target)


@kernel
def wake_informed(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """One who is told the value looks or acts."""
    if world[agent + A_PHASE] == ACT:
        return _act(world, reals, rng, ex, agent)
    ints, at = world[agent + A_INTS], world[agent + A_REALS]
    elapsed = 1e-9 * (world[NOW] - world[ints + T_LOOKED_NS])
    fade = exp(-reals[at + T_ERROR_RATE] * elapsed)
    spread = reals[at + T_ERROR_SIGMA] * sqrt(1.0 - fade * fade)
    reals[at + T_ERROR] = fade * reals[at + T_ERROR] + spread * normal(rng, world[agent + A_STREAM])
    world[ints + T_LOOKED_NS] = world[NOW]
    row = world[MARKET_ROWS] + world[agent + A_MARKET] * MARKET_SIZE
    stats = world[row + M_STATS]
    gap = past_value(world, reals, world[row + M_TOKEN], world[ints + T_LAG]) - (reals[stats + S_MID] - reals[stats + S_OPEN])
    reals[at + T_BELIEF] += (gap - reals[at + T_BELIEF]) * (1.0 - exp(-reals[at + T_ADAPT] * elapsed))
    gap += reals[at + T_ERROR] - reals[at + T_BELIEF]
    return _aim(world, reals, ex, agent, _informed_target(world, reals, ex, agent, gap))


@kernel
def _informed_target(world: Int1D, reals: Float1D, ex: Int1D, agent: int, gap: float) -> float:
    at = world[agent + A_REALS]
    threshold, most = reals[at + T_THRESHOLD], reals[at + T_MOST]
    held = position_of(world, ex, world[agent + A_ACCOUNT], world[agent + A_MARKET])
    if abs(gap) > threshold:
        wish = most * min((abs(gap) - threshold) / threshold, 1.0)
        return max(wish, held) if gap > 0.0 else min(-wish, held)
    return held if gap * held > 0.25 * threshold * abs(held) else 0.0


@kernel
def _aim(world: Int1D, reals: Float1D, ex: Int1D, agent: int, target: float) -> int:
    """Write down an order towards the target, a clip at most; less than a fifth of a clip is let be."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    missing = target - position_of(world, ex, world[agent + A_ACCOUNT], market)
    clip = reals[at + T_CLIP]
    world[ints + T_WISH] = 0
    if abs(missing) >= 0.2 * clip:
        side = 1 if missing > 0.0 else -1
        touch = best_price(ex, market, -side)
        world[ints + T_WISH] = side * int(min(abs(missing), clip) + 0.5)
        world[ints + T_PRICE] = int(touch * exp(side * reals[at + T_SLIP]))
        if touch <= 0:
            world[ints + T_WISH] = 0
    world[agent + A_PHASE] = ACT
    return world[NOW] + world[agent + A_DELAY_NS]


@kernel
def _act(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    ints, wish = world[agent + A_INTS], world[world[agent + A_INTS] + T_WISH]
    if wish != 0:
        side = 1 if wish > 0 else -1
        send(world, world[agent + A_MARKET], side, IMMEDIATE, world[ints + T_PRICE], abs(wish), 0)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[world[agent + A_REALS] + T_RATE])
