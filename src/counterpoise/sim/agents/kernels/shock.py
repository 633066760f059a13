"""News that moves the values of some tokens, in equal steps of the grid, for good."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import A_INTS, A_REALS, GRID_NS, NEVER, NOW, TOKEN_ROWS, TOKEN_SIZE, V_LOG

__all__ = ["SHOCK_INTS", "SHOCK_REALS", "X_LEFT", "X_MOVE", "X_TOKEN", "wake_shock"]

X_TOKEN: Final = 0
X_LEFT: Final = 1  # steps
SHOCK_INTS: Final = 2
X_MOVE: Final = 0  # of the log value, a step
SHOCK_REALS: Final = 1


@kernel
def wake_shock(world: Int1D, reals: Float1D, agent: int) -> int:
    """One step of it; sleeps once it is over."""
    ints = world[agent + A_INTS]
    reals[world[TOKEN_ROWS] + world[ints + X_TOKEN] * TOKEN_SIZE + V_LOG] += reals[world[agent + A_REALS] + X_MOVE]
    world[ints + X_LEFT] -= 1
    return world[NOW] + world[GRID_NS] if world[ints + X_LEFT] > 0 else NEVER
