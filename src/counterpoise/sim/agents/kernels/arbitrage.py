"""An arbitrageur between two markets of one token: two venues, or spot and perpetual.

He sells where the bid, and buys where the ask is better by more than both fees and a margin, as much as both show, a clip at
most and within his bound. A leg that missed leaves him with a net position: he closes it first, on the market where that is
cheaper. Prices are compared as logarithms from the opening, sizes in lots: the two markets have lots of the same size.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_DELAY_NS,
    A_INTS,
    A_MARKET,
    A_OTHER,
    A_PHASE,
    A_REALS,
    A_STREAM,
    ACT,
    LOOK,
    M_STATS,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    S_OPEN,
)
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_lots, best_price, send

__all__ = ["ARBITRAGE_INTS", "ARBITRAGE_REALS", "B_CLIP", "B_COST", "B_MOST", "B_RATE", "B_SLIP", "wake_arbitrage"]

# integers: what he wants and what he has on the first market, then on the second
_LOTS: Final = 0  # signed, to send
_PRICE: Final = 1
_HELD: Final = 2  # signed
_LEG: Final = 3
ARBITRAGE_INTS: Final = 6

# numbers
B_RATE: Final = 0  # looks a second
B_COST: Final = 1  # fees of both legs and margin, in log price
B_CLIP: Final = 2  # lots of a leg at most
B_MOST: Final = 3  # lots on either market at most
B_SLIP: Final = 4  # how far through the best he goes, in log price
ARBITRAGE_REALS: Final = 5


@kernel
def wake_arbitrage(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Look at both markets, or send the legs."""
    ints = world[agent + A_INTS]
    if world[agent + A_PHASE] == LOOK:
        world[ints + _LOTS] = world[ints + _LEG + _LOTS] = 0
        if best_price(ex, world[agent + A_MARKET], 1) > 0 and best_price(ex, world[agent + A_MARKET], -1) > 0:
            if best_price(ex, world[agent + A_OTHER], 1) > 0 and best_price(ex, world[agent + A_OTHER], -1) > 0:
                _wish(world, reals, ex, agent)
        world[agent + A_PHASE] = ACT
        return world[NOW] + world[agent + A_DELAY_NS]
    for leg in range(2):
        at = ints + leg * _LEG
        lots, side = world[at + _LOTS], 1 if world[at + _LOTS] > 0 else -1
        if lots != 0:
            market = world[agent + A_MARKET] if leg == 0 else world[agent + A_OTHER]
            send(world, market, side, IMMEDIATE, world[at + _PRICE], abs(lots), at + _HELD)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[world[agent + A_REALS] + B_RATE])


@kernel
def _opening(world: Int1D, reals: Float1D, market: int) -> float:
    return reals[world[world[MARKET_ROWS] + market * MARKET_SIZE + M_STATS] + S_OPEN]


@kernel
def _wish(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> None:
    """Both legs, or the hedge of a leg that missed. Assumes that both markets have both sides."""
    ints, at = world[agent + A_INTS], world[agent + A_REALS]
    here, there = world[agent + A_MARKET], world[agent + A_OTHER]
    open_here, open_there = _opening(world, reals, here), _opening(world, reals, there)
    bid, ask = log(best_price(ex, here, 1)) - open_here, log(best_price(ex, here, -1)) - open_here
    other_bid, other_ask = log(best_price(ex, there, 1)) - open_there, log(best_price(ex, there, -1)) - open_there
    held, net = world[ints + _HELD], world[ints + _HELD] + world[ints + _LEG + _HELD]
    if net != 0:
        cheaper_here = ask <= other_ask if net < 0 else bid >= other_bid
        _leg(world, reals, ex, agent, 0 if cheaper_here else 1, -net)
        return
    room = int(reals[at + B_MOST])
    if bid - other_ask > reals[at + B_COST]:
        lots = min(min(best_lots(ex, here, 1), best_lots(ex, there, -1)), min(int(reals[at + B_CLIP]), room + held))
        if lots > 0:
            _leg(world, reals, ex, agent, 0, -lots)
            _leg(world, reals, ex, agent, 1, lots)
    elif other_bid - ask > reals[at + B_COST]:
        lots = min(min(best_lots(ex, here, -1), best_lots(ex, there, 1)), min(int(reals[at + B_CLIP]), room - held))
        if lots > 0:
            _leg(world, reals, ex, agent, 0, lots)
            _leg(world, reals, ex, agent, 1, -lots)


@kernel
def _leg(world: Int1D, reals: Float1D, ex: Int1D, agent: int, leg: int, lots: int) -> None:
    ints, market = world[agent + A_INTS], world[agent + A_MARKET] if leg == 0 else world[agent + A_OTHER]
    touch, side = (best_price(ex, market, -1), 1) if lots > 0 else (best_price(ex, market, 1), -1)
    world[ints + leg * _LEG + _LOTS] = lots
    world[ints + leg * _LEG + _PRICE] = int(touch * exp(side * reals[world[agent + A_REALS] + B_SLIP]) + 0.5)
