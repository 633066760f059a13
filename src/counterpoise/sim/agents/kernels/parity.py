"""An arbitrageur between the options of a chain and its perpetual: C − P = F − K, at every strike and so between any two.

He looks at each pair of a call and a put, takes the pair that is furthest out by more than fees and a margin, and sends three
legs: a call sold against a put and the perpetual bought, or the other way round; two strikes out of line with each other (a
box) are two such trades whose perpetual legs cancel. A leg that missed he makes good before he looks for more.
"""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chain import (
    CHAIN_INTS,
    K_COIN,
    K_COUNT,
    K_FIRST,
    K_PERP,
    K_PERP_LOTS,
    K_PERP_TICK,
    K_TICK,
    O_STRIKE,
    forward_of,
    option_row,
)
from counterpoise.sim.agents.kernels.chance import wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_DELAY_NS,
    A_INTS,
    A_PHASE,
    A_REALS,
    A_STREAM,
    ACT,
    LOOK,
    NOW,
)
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_lots, best_price, position_of, send

__all__ = [
    "PARITY_INTS",
    "Y_CHAIN",
    "Y_FEE",
    "Y_MARGIN",
    "Y_MOST",
    "Y_OPTION_FEE",
    "Y_PAIRS",
    "Y_RATE",
    "Y_SLIP",
    "wake_parity",
]

# integers, behind the chain's: signed lots and price of the call, of the put, of the perpetual; then their markets
_LEGS: Final = CHAIN_INTS
Y_MOST: Final = CHAIN_INTS + 9  # lots of a pair at most, either way
Y_PAIRS: Final = CHAIN_INTS + 10  # trades begun
PARITY_INTS: Final = CHAIN_INTS + 11

# numbers, before the chain's
Y_RATE: Final = 0  # looks a second
Y_FEE: Final = 1  # of the perpetual, as a share of its price
Y_OPTION_FEE: Final = 2  # of options, as a share of the premium
Y_MARGIN: Final = 3  # what must be left, as a share of the forward
Y_SLIP: Final = 4
Y_CHAIN: Final = 5


@kernel
def wake_parity(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Look at every pair, or send the legs."""
    ints, at = world[world[agent + A_INTS] :], world[agent + A_REALS]
    if world[agent + A_PHASE] == LOOK:
        ints[_LEGS : _LEGS + 9] = 0
        forward = forward_of(ex, reals, ints, at + Y_CHAIN)
        if forward > 0.0 and not _make_good(world, reals, ex, agent):
            _wish(world, reals, ex, agent, forward)
        world[agent + A_PHASE] = ACT
        return world[NOW] + world[agent + A_DELAY_NS]
    for leg in range(_LEGS, _LEGS + 9, 3):
        if ints[leg] != 0:
            side = 1 if ints[leg] > 0 else -1
            send(world, ints[leg + 2], side, IMMEDIATE, ints[leg + 1], abs(ints[leg]), 0)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[at + Y_RATE])


@kernel
def _make_good(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> bool:
    """Close the larger leg of a pair that is uneven, then bring the perpetual to the pairs; whether there was something."""
    ints, at, account = world[world[agent + A_INTS] :], world[agent + A_REALS], world[agent + A_ACCOUNT]
    synthetic = 0
    for pair in range(ints[K_COUNT] >> 1):
        call = ints[K_FIRST] + 2 * pair
        calls, puts = position_of(world, ex, account, call), position_of(world, ex, account, call + 1)
        synthetic += calls
        if calls + puts != 0:
            excess = calls + puts
            larger = call if abs(calls) > abs(puts) else call + 1
            _leg(world, reals, ex, agent, 0, larger, -excess)
            return True
    wanted = -synthetic * int(reals[at + Y_CHAIN + K_PERP_LOTS])
    missing = wanted - position_of(world, ex, account, ints[K_PERP])
    if missing != 0:
        _leg(world, reals, ex, agent, 2, ints[K_PERP], missing)
    return missing != 0


@kernel
def _wish(world: Int1D, reals: Float1D, ex: Int1D, agent: int, forward: float) -> None:
    """The pair that is furthest out, as much as its three books show and his bound lets."""
    ints, at = world[world[agent + A_INTS] :], world[agent + A_REALS]
    chain, best, best_pair, best_side = at + Y_CHAIN, 0.0, -1, 0
    for pair in range(ints[K_COUNT] >> 1):
        for side in (1, -1):
            gain = _gain(reals, ex, ints, at, pair, side, forward)
            if gain > best and side * position_of(world, ex, world[agent + A_ACCOUNT], ints[K_FIRST] + 2 * pair) < ints[Y_MOST]:
                best, best_pair, best_side = gain, pair, side
    if best_pair < 0:
        return
    call, ratio = ints[K_FIRST] + 2 * best_pair, int(reals[chain + K_PERP_LOTS])
    shown = min(best_lots(ex, call, -best_side), best_lots(ex, call + 1, best_side))
    held = best_side * position_of(world, ex, world[agent + A_ACCOUNT], call)
    lots = best_side * min(min(shown, best_lots(ex, ints[K_PERP], best_side) // ratio), ints[Y_MOST] - held)
    if lots != 0:
        _leg(world, reals, ex, agent, 0, call, lots)
        _leg(world, reals, ex, agent, 1, call + 1, -lots)
        _leg(world, reals, ex, agent, 2, ints[K_PERP], -lots * ratio)
        ints[Y_PAIRS] += 1


@kernel
def _gain(reals: Float1D, ex: Int1D, ints: Int1D, at: int, pair: int, side: int, forward: float) -> float:
    """What buying (+1) or selling (−1) a call against put and perpetual leaves beyond fees and margin [quote]; below 0 none."""
    call, chain = ints[K_FIRST] + 2 * pair, at + Y_CHAIN
    call_touch, put_touch = best_price(ex, call, -side), best_price(ex, call + 1, side)
    perp_touch = best_price(ex, ints[K_PERP], side)
    if call_touch <= 0 or put_touch <= 0 or perp_touch <= 0:
        return -1.0
    unit = reals[chain + K_TICK] * (forward if ints[K_COIN] else 1.0)
    synthetic = (call_touch - put_touch) * unit + reals[option_row(ints, chain, 2 * pair) + O_STRIKE]
    gain = side * (perp_touch * reals[chain + K_PERP_TICK] - synthetic)
    fees = reals[at + Y_FEE] * forward + reals[at + Y_OPTION_FEE] * (call_touch + put_touch) * unit
    return gain - fees - reals[at + Y_MARGIN] * forward


@kernel
def _leg(world: Int1D, reals: Float1D, ex: Int1D, agent: int, leg: int, market: int, lots: int) -> None:
    """Write down an immediate order for signed lots."""
    place, side = world[agent + A_INTS] + _LEGS + 3 * leg, 1 if lots > 0 else -1
    touch = best_price(ex, market, -side)
    if touch > 0:
        price = int(touch * exp(side * reals[world[agent + A_REALS] + Y_SLIP]) + 0.5)
        world[place], world[place + 1], world[place + 2] = lots, max(price, 1), market
