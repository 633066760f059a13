"""What the venues do on their own: hear of the index, set marks, pay funding; each market once in `EVERY` steps of the grid."""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import (
    GRID_STEPS,
    M_STATS,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    MARKETS,
    NOW,
    S_OPEN,
    TOKEN_ROWS,
    TOKEN_SIZE,
    V_INDEX,
)
from counterpoise.sim.agents.kernels.post import hear
from counterpoise.sim.exchange.kernels.control import keep_time, set_index

__all__ = ["EVERY", "keep_venues"]

EVERY: Final = 10


@kernel
def keep_venues(world: Int1D, reals: Float1D, ex: Int1D, tape: Int2D, reports: Int2D) -> None:
    """Bring the markets whose turn it is to this time; triggered orders may trade."""
    for market in range(world[GRID_STEPS] % EVERY, world[MARKETS], EVERY):
        row = world[MARKET_ROWS] + market * MARKET_SIZE
        index = reals[world[TOKEN_ROWS] + world[row + M_TOKEN] * TOKEN_SIZE + V_INDEX]
        set_index(ex, market, int(exp(reals[world[row + M_STATS] + S_OPEN] + index) + 0.5))
        keep_time(ex, tape, reports, world[NOW], market)
    hear(world, ex, tape)
