"""What the tokens are worth: a log value that is market, cluster and own factor, each with a volatility of several time scales.

Each step of the grid, factor f moves by e_f ε_f with ε_f a standard normal and

    e_f = exp(Σ_k x_fk − Σ_k s_k²),      x_fk ← a_k x_fk + s_k √(1 − a_k²) η,

Ornstein-Uhlenbeck logarithms of fading times τ_k, a_k = exp(−step/τ_k): volatility that clusters over every one of them and,
mixed over them, fat tails (the multifractal picture of Calvet and Fisher 2004, doi:10.1093/jjfinec/nbh003, with normal
components). E e² = 1. A token moves by vol · (β_m e_m ε_m + β_c e_c ε_c + β_o e_o ε_o), and now and then jumps.

The factors draw from streams of their own, so nothing that anyone does in the market changes the values.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import normal
from counterpoise.sim.agents.kernels.layout import (
    FACTORS,
    GRID_STEPS,
    HISTORY,
    HISTORY_LEN,
    TOKEN_ROWS,
    TOKEN_SIZE,
    TOKENS,
    V_ACTIVITY,
    V_CLUSTER,
    V_CLUSTER_LOADING,
    V_JUMP_RATE,
    V_JUMP_SIGMA,
    V_LOG,
    V_MARKET_LOADING,
    V_OWN_LOADING,
    V_VOL,
)
from counterpoise.sim.kernels.random import uniform

__all__ = ["FACTOR_SIZE", "F_COUNT", "F_FADE", "F_FIRST", "F_SIGMA", "F_VOL", "SCALES", "move_values", "past_value", "value_at"]

SCALES: Final = 4  # time scales of volatility
F_COUNT: Final = 0  # number of factors: the market, the clusters, the tokens' own
F_SIGMA: Final = 1  # s_k
F_FADE: Final = F_SIGMA + SCALES  # a_k
F_FIRST: Final = F_FADE + SCALES  # the first factor
F_VOL: Final = SCALES  # of a factor: after its x_k stands e_f, then its move e_f ε_f
FACTOR_SIZE: Final = SCALES + 2


@kernel
def move_values(world: Int1D, reals: Float1D, rng: UInt2D, stream: int) -> None:
    """One step of every factor and token, and a line of history."""
    _move_factors(reals, rng, stream, world[FACTORS])
    factors = world[FACTORS] + F_FIRST
    own = int(reals[world[FACTORS] + F_COUNT]) - world[TOKENS]
    world[GRID_STEPS] += 1
    line = world[GRID_STEPS] & (HISTORY_LEN - 1)
    for token in range(world[TOKENS]):
        row = world[TOKEN_ROWS] + token * TOKEN_SIZE
        market, cluster = factors, factors + int(reals[row + V_CLUSTER]) * FACTOR_SIZE
        alone = factors + (own + token) * FACTOR_SIZE
        b_market, b_cluster, b_own = reals[row + V_MARKET_LOADING], reals[row + V_CLUSTER_LOADING], reals[row + V_OWN_LOADING]
        step = b_market * reals[market + F_VOL + 1] + b_cluster * reals[cluster + F_VOL + 1] + b_own * reals[alone + F_VOL + 1]
        step *= reals[row + V_VOL]
        e_market, e_cluster, e_own = reals[market + F_VOL], reals[cluster + F_VOL], reals[alone + F_VOL]
        reals[row + V_ACTIVITY] = sqrt((b_market * e_market) ** 2 + (b_cluster * e_cluster) ** 2 + (b_own * e_own) ** 2)
        jumps = uniform(rng, stream) < reals[row + V_JUMP_RATE]
        size = normal(rng, stream)
        if jumps:
            step += reals[row + V_JUMP_SIGMA] * size
        reals[row + V_LOG] += step
        reals[world[HISTORY] + token * HISTORY_LEN + line] = reals[row + V_LOG]


@kernel
def _move_factors(reals: Float1D, rng: UInt2D, stream: int, at: int) -> None:
    for factor in range(int(reals[at + F_COUNT])):
        row = at + F_FIRST + factor * FACTOR_SIZE
        level = 0.0
        for k in range(SCALES):
            sigma, fade = reals[at + F_SIGMA + k], reals[at + F_FADE + k]
            reals[row + k] = fade * reals[row + k] + sigma * sqrt(1.0 - fade * fade) * normal(rng, stream)
            level += reals[row + k] - sigma * sigma
        reals[row + F_VOL] = exp(level)
        reals[row + F_VOL + 1] = reals[row + F_VOL] * normal(rng, stream)


@kernel
def value_at(world: Int1D, reals: Float1D, token: int) -> float:
    """Log value of a token now."""
    return reals[world[TOKEN_ROWS] + token * TOKEN_SIZE + V_LOG]


@kernel
def past_value(world: Int1D, reals: Float1D, token: int, steps: int) -> float:
    """Log value some steps of the grid ago, up to HISTORY_LEN − 1; the start's before the start."""
    step = max(world[GRID_STEPS] - steps, 0)
    return reals[world[HISTORY] + token * HISTORY_LEN + (step & (HISTORY_LEN - 1))]
