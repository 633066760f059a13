"""What was traded, as everyone sees it: taken down from the tape into a ring a market."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import TRADE
from counterpoise.sim.agents.kernels.layout import (
    HEARD,
    M_BUYS,
    M_LAST,
    M_LAST_NS,
    M_PRINTS,
    M_SELLS,
    M_TRADES,
    MARKET_ROWS,
    MARKET_SIZE,
    PRINT_SIZE,
    PRINTS_LEN,
)
from counterpoise.sim.exchange.kernels.layout import TAPE_ROWS
from counterpoise.sim.exchange.kernels.outputs import MARKET_COLUMN
from counterpoise.sim.kernels.tape import CODE, LOTS, PRICE, VENUE

__all__ = ["hear"]


@kernel
def hear(world: Int1D, ex: Int1D, tape: Int2D) -> None:
    """Take down the trades that stand on the tape since the last time."""
    for row in range(world[HEARD], ex[TAPE_ROWS]):
        code = tape[row, CODE]
        if code & 255 == TRADE:
            market = world[MARKET_ROWS] + tape[row, MARKET_COLUMN] * MARKET_SIZE
            side, price, lots = (code >> 16) - 1, tape[row, PRICE], tape[row, LOTS]
            at = world[market + M_PRINTS] + (world[market + M_TRADES] & (PRINTS_LEN - 1)) * PRINT_SIZE
            world[at], world[at + 1], world[at + 2], world[at + 3] = tape[row, VENUE], side, price, lots
            world[market + M_TRADES] += 1
            world[market + M_LAST], world[market + M_LAST_NS] = price, tape[row, VENUE]
            world[market + (M_BUYS if side > 0 else M_SELLS)] += lots
    world[HEARD] = ex[TAPE_ROWS]
