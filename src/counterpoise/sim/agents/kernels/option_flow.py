"""Those who buy and sell options of a chain for reasons of their own: many small hands that buy more often than they sell."""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chain import CHAIN_INTS, K_COUNT, K_FIRST
from counterpoise.sim.agents.kernels.chance import below, draw_table, sign, wait_ns
from counterpoise.sim.agents.kernels.layout import A_INTS, A_REALS, A_STREAM, NOW
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_price, send

__all__ = ["OPTION_FLOW_INTS", "OPTION_FLOW_REALS", "W_LEAN", "W_LOTS", "W_RATE", "W_SLIP", "wake_option_flow"]

# integers, behind the chain's
W_LOTS: Final = CHAIN_INTS  # table of sizes
OPTION_FLOW_INTS: Final = CHAIN_INTS + 1

# numbers
W_RATE: Final = 0  # orders a second
W_LEAN: Final = 1  # share of buys less share of sales
W_SLIP: Final = 2  # how far through the best, in log price
OPTION_FLOW_REALS: Final = 3


@kernel
def wake_option_flow(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """One immediate order in any option of the chain; none where nothing is quoted."""
    ints, at, stream = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM]
    market = world[ints + K_FIRST] + below(rng, stream, world[ints + K_COUNT])
    side = sign(rng, stream, reals[at + W_LEAN])
    lots = draw_table(world, rng, stream, world[ints + W_LOTS])
    touch = best_price(ex, market, -side)
    if touch > 0:
        price = max(int(touch * exp(side * reals[at + W_SLIP]) + 0.5), 1)
        send(world, market, side, IMMEDIATE, price, lots, 0)
    return world[NOW] + wait_ns(rng, stream, reals[at + W_RATE])
