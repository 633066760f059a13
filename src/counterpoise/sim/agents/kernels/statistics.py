"""What everyone can compute of a market, computed once for all, each step of the grid.

Log mid, its exponential means over six horizons, its variance a second over three, signed flow and volume a second. A market
with an empty side keeps the mid it had.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import (
    EMAS,
    GRID_NS,
    M_BUYS,
    M_SELLS,
    M_STATS,
    M_TOKEN,
    M_WEIGHT,
    MARKET_ROWS,
    MARKET_SIZE,
    MARKETS,
    S_EMA,
    S_FLOW,
    S_MID,
    S_OPEN,
    S_SEEN_BUYS,
    S_SEEN_SELLS,
    S_VAR,
    S_VOLUME,
    TOKEN_ROWS,
    TOKEN_SIZE,
    TOKENS,
    V_INDEX,
    V_WEIGHT,
    VARS,
)
from counterpoise.sim.agents.kernels.wire import best_price

__all__ = ["EMA_SECONDS", "FLOW_SECONDS", "VAR_SECONDS", "observe"]

EMA_SECONDS: Final = (1.0, 4.0, 15.0, 60.0, 240.0, 900.0)
VAR_SECONDS: Final = (5.0, 60.0, 600.0)
FLOW_SECONDS: Final = 15.0


@kernel
def observe(world: Int1D, reals: Float1D, ex: Int1D) -> None:
    """Bring the statistics of every market to this step."""
    dt = world[GRID_NS] * 1e-9
    for market in range(world[MARKETS]):
        row = world[MARKET_ROWS] + market * MARKET_SIZE
        at = world[row + M_STATS]
        bid, ask = best_price(ex, market, 1), best_price(ex, market, -1)
        if bid > 0 and ask > 0:
            mid = log(0.5 * (bid + ask))
            move = mid - reals[at + S_MID]
            reals[at + S_MID] = mid
            for k in range(VARS):
                reals[at + S_VAR + k] += (move * move / dt - reals[at + S_VAR + k]) * (1.0 - exp(-dt / VAR_SECONDS[k]))
        for k in range(EMAS):
            reals[at + S_EMA + k] += (reals[at + S_MID] - reals[at + S_EMA + k]) * (1.0 - exp(-dt / EMA_SECONDS[k]))
        _observe_flow(world, reals, row, at, dt)

    _observe_index(world, reals)


@kernel
def _observe_index(world: Int1D, reals: Float1D) -> None:
    """Index of each token, and after the last token that of the whole."""
    for token in range(world[TOKENS]):
        total, count = 0.0, 0
        for market in range(world[MARKETS]):
            row = world[MARKET_ROWS] + market * MARKET_SIZE
            if world[row + M_TOKEN] == token and world[row + M_WEIGHT] > 0:
                total += reals[world[row + M_STATS] + S_MID] - reals[world[row + M_STATS] + S_OPEN]
                count += 1
        reals[world[TOKEN_ROWS] + token * TOKEN_SIZE + V_INDEX] = total / count
    whole = world[TOKEN_ROWS] + world[TOKENS] * TOKEN_SIZE
    reals[whole] = 0.0
    for token in range(world[TOKENS]):
        row = world[TOKEN_ROWS] + token * TOKEN_SIZE
        reals[whole] += reals[row + V_WEIGHT] * reals[row + V_INDEX]


@kernel
def _observe_flow(world: Int1D, reals: Float1D, row: int, at: int, dt: float) -> None:
    buys, sells = world[row + M_BUYS] - reals[at + S_SEEN_BUYS], world[row + M_SELLS] - reals[at + S_SEEN_SELLS]
    share = 1.0 - exp(-dt / FLOW_SECONDS)
    reals[at + S_FLOW] += ((buys - sells) / dt - reals[at + S_FLOW]) * share
    reals[at + S_VOLUME] += ((buys + sells) / dt - reals[at + S_VOLUME]) * share
    reals[at + S_SEEN_BUYS], reals[at + S_SEEN_SELLS] = world[row + M_BUYS], world[row + M_SELLS]
