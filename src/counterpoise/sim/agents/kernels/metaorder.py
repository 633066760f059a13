"""One who works a large order: children of one size on a fixed clock, or a fixed share of what others trade.

The plainest of executions, and therefore the easiest to see: what an adversary looks for, and what the impact of size is
measured with. A share φ of the volume means that φ / (1 − φ) of what the others traded since the start is due.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_INTS,
    A_MARKET,
    A_REALS,
    M_BUYS,
    M_SELLS,
    MARKET_ROWS,
    MARKET_SIZE,
    NEVER,
    NOW,
)
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_price, position_of, send

__all__ = [
    "METAORDER_INTS",
    "METAORDER_REALS",
    "O_CHILD",
    "O_EVERY_NS",
    "O_LOTS",
    "O_SHARE",
    "O_SIDE",
    "O_SLIP",
    "O_START_NS",
    "O_VOLUME",
    "wake_metaorder",
]

# integers
O_SIDE: Final = 0
O_LOTS: Final = 1  # of the whole order
O_CHILD: Final = 2  # lots of a child, at most
O_EVERY_NS: Final = 3
O_START_NS: Final = 4
O_VOLUME: Final = 5  # of the market when the order began [lots], −1 before
METAORDER_INTS: Final = 6

# numbers
O_SHARE: Final = 0  # φ; 0 for the fixed clock
O_SLIP: Final = 1  # how far through the best a child goes, as a share of the price
METAORDER_REALS: Final = 2


@kernel
def wake_metaorder(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Send what is due; the position says what is done. Sleeps once the order is."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    row = world[MARKET_ROWS] + market * MARKET_SIZE
    volume, side = world[row + M_BUYS] + world[row + M_SELLS], world[ints + O_SIDE]
    if world[ints + O_VOLUME] < 0:
        world[ints + O_VOLUME] = volume
    done = side * position_of(world, ex, world[agent + A_ACCOUNT], market)
    due = min(world[ints + O_CHILD], world[ints + O_LOTS] - done)
    share = reals[at + O_SHARE]
    if share > 0.0:
        due = min(due, int(share / (1.0 - share) * (volume - world[ints + O_VOLUME] - done)) - done)
    touch = best_price(ex, market, -side)
    if due > 0 and touch > 0:
        price = int(touch * (1.0 + side * reals[at + O_SLIP]))
        send(world, market, side, IMMEDIATE, price, due, 0)
    return world[NOW] + world[ints + O_EVERY_NS] if done < world[ints + O_LOTS] else NEVER
