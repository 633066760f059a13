"""What the venues do on their own: hear of the index, set marks, pay funding; each market once in `EVERY` steps of the grid."""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import (
    GRID_STEPS,
    M_STATS,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    MARKETS,
    S_OPEN,
    TOKEN_ROWS,
    TOKEN_SIZE,
    V_INDEX,
)
from counterpoise.sim.agents.kernels.wire import keep

__all__ = ["EVERY", "keep_venues"]

EVERY: Final = 10


@kernel
def keep_venues(world: Int1D, reals: Float1D) -> None:
    """Ask for the markets whose turn it is to be brought to this time. Assumes that there are at most 10 × OUTBOX_LEN."""
    for market in range(world[GRID_STEPS] % EVERY, world[MARKETS], EVERY):
        row = world[MARKET_ROWS] + market * MARKET_SIZE
        index = reals[world[TOKEN_ROWS] + world[row + M_TOKEN] * TOKEN_SIZE + V_INDEX]
        keep(world, market, int(exp(reals[world[row + M_STATS] + S_OPEN] + index) + 0.5))
