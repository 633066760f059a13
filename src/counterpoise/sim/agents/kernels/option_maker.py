"""A dealer in options: quotes a whole chain off his smile, and hedges what he is left with in the perpetual.

    centre = value − s · vega · clamp(Σ position · vega / bound, ±1),      quotes at centre ∓ (h · vega + c · |delta| · F)

s and h in volatility, c as a share of the price: a vega that he holds makes every option cheaper, and what a stale quote can
lose to a move is paid for. He writes his quotes anew when the forward has moved by a share or when they are old; those that
step back go first, so that he does not meet himself. His net delta, the options' and what he holds of the perpetual, he lets be
within a band and brings to nought beyond it, at whatever the book gives: short gamma, he buys what has risen.
"""

from __future__ import annotations

from math import ceil, exp, floor, log
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
    K_TICK,
    O_DELTA,
    O_GAMMA,
    O_VALUE,
    O_VEGA,
    forward_of,
    move_level,
    option_row,
    value_chain,
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
from counterpoise.sim.agents.kernels.wire import (
    IMMEDIATE,
    POST_ONLY,
    best_price,
    lots_left,
    position_of,
    price_of,
    reprice,
    send,
    withdraw,
)

__all__ = [
    "D_BAND",
    "D_BOUND",
    "D_CHAIN",
    "D_GAMMA",
    "D_HALF",
    "D_HALF_DELTA",
    "D_HEDGES",
    "D_LOTS",
    "D_MOST",
    "D_MOVE",
    "D_NET",
    "D_OLD_NS",
    "D_ORDERS",
    "D_RATE",
    "D_SKEW",
    "D_SLIP",
    "D_VEGA",
    "MAKER_OF_OPTIONS_INTS",
    "wake_option_maker",
]

# integers, behind the chain's
D_ORDERS: Final = CHAIN_INTS  # where his orders stand: number, wished price and lots; bid and ask of each option
D_LOTS: Final = CHAIN_INTS + 1  # of a quote
D_MOST: Final = CHAIN_INTS + 2  # most lots of one option, either way
D_OLD_NS: Final = CHAIN_INTS + 3  # age at which quotes are written anew
_WROTE_NS: Final = CHAIN_INTS + 4
_LOOKED_NS: Final = CHAIN_INTS + 5
_FRESH: Final = CHAIN_INTS + 6  # 1 when there are new wishes
_HEDGE: Final = CHAIN_INTS + 7  # signed lots of the perpetual
_HEDGE_PRICE: Final = CHAIN_INTS + 8
D_HEDGES: Final = CHAIN_INTS + 9  # hedges sent
MAKER_OF_OPTIONS_INTS: Final = CHAIN_INTS + 10

# numbers, before the chain's
D_RATE: Final = 0  # looks a second
D_HALF: Final = 1  # h
D_HALF_DELTA: Final = 2  # c
D_SKEW: Final = 3  # s
D_BOUND: Final = 4  # of Σ position · vega [premium's money · lots]
D_MOVE: Final = 5  # relative move of the forward that makes quotes anew
D_BAND: Final = 6  # net delta let be [lots of the perpetual]
D_SLIP: Final = 7
_WROTE_AT: Final = 8  # forward of the quotes
D_NET: Final = 9  # net delta [lots of the perpetual], gamma [the same for a relative move of 1] and vega at the last look
D_GAMMA: Final = 10
D_VEGA: Final = 11
D_CHAIN: Final = 12


@kernel
def wake_option_maker(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Look and wish, or write quotes and hedge."""
    ints, at = world[world[agent + A_INTS] :], world[agent + A_REALS]
    if world[agent + A_PHASE] == LOOK:
        ints[_FRESH] = ints[_HEDGE] = 0
        move_level(reals, at + D_CHAIN, rng, world[agent + A_STREAM], 1e-9 * (world[NOW] - ints[_LOOKED_NS]))
        ints[_LOOKED_NS] = world[NOW]
        forward = forward_of(ex, reals, ints, at + D_CHAIN)
        if forward > 0.0:
            value_chain(world, reals, ints, at + D_CHAIN, forward)
            _weigh(world, reals, ex, agent)
            _wish(world, reals, ex, agent, forward)
            _wish_hedge(world, reals, ex, agent)
        world[agent + A_PHASE] = ACT
        return world[NOW] + world[agent + A_DELAY_NS]
    if ints[_HEDGE] != 0:
        side = 1 if ints[_HEDGE] > 0 else -1
        send(world, ints[K_PERP], side, IMMEDIATE, ints[_HEDGE_PRICE], abs(ints[_HEDGE]), 0)
        ints[D_HEDGES] += 1
    if ints[_FRESH]:
        for forward in range(2):
            _write(world, ex, agent, forward == 1)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[at + D_RATE])


@kernel
def _weigh(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> None:
    """Net delta, gamma and vega of what he holds."""
    ints, at, account = world[world[agent + A_INTS] :], world[agent + A_REALS], world[agent + A_ACCOUNT]
    delta, gamma, vega = 0.0, 0.0, 0.0
    for option in range(ints[K_COUNT]):
        held, row = position_of(world, ex, account, ints[K_FIRST] + option), option_row(ints, at + D_CHAIN, option)
        delta += held * reals[row + O_DELTA]
        gamma += held * reals[row + O_GAMMA]
        vega += held * reals[row + O_VEGA]
    ratio = reals[at + D_CHAIN + K_PERP_LOTS]
    reals[at + D_NET] = ratio * delta + position_of(world, ex, account, ints[K_PERP])
    reals[at + D_GAMMA], reals[at + D_VEGA] = ratio * gamma, vega


@kernel
def _wish(world: Int1D, reals: Float1D, ex: Int1D, agent: int, forward: float) -> None:
    """Price and lots of every quote, when it is time; 0 lots for none."""
    ints, at, account = world[world[agent + A_INTS] :], world[agent + A_REALS], world[agent + A_ACCOUNT]
    old = world[NOW] - ints[_WROTE_NS] >= ints[D_OLD_NS]
    if not old and abs(log(forward / reals[at + _WROTE_AT])) < reals[at + D_MOVE]:
        return
    ints[_FRESH], ints[_WROTE_NS], reals[at + _WROTE_AT] = 1, world[NOW], forward
    lean = reals[at + D_SKEW] * min(max(reals[at + D_VEGA] / reals[at + D_BOUND], -1.0), 1.0)
    tick, unit = reals[at + D_CHAIN + K_TICK], 1.0 if ints[K_COIN] else forward
    for option in range(ints[K_COUNT]):
        row, place = option_row(ints, at + D_CHAIN, option), ints[D_ORDERS] + 6 * option
        centre = reals[row + O_VALUE] - lean * reals[row + O_VEGA]
        half = reals[at + D_HALF] * reals[row + O_VEGA] + reals[at + D_HALF_DELTA] * abs(reals[row + O_DELTA]) * unit
        held = position_of(world, ex, account, ints[K_FIRST] + option)
        bid = floor((centre - half) / tick)
        world[place + 1], world[place + 4] = max(bid, 1), max(ceil((centre + half) / tick), max(bid, 0) + 1)
        world[place + 2] = min(ints[D_LOTS], max(ints[D_MOST] - held, 0)) if bid > 0 else 0
        world[place + 5] = min(ints[D_LOTS], max(ints[D_MOST] + held, 0))


@kernel
def _wish_hedge(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> None:
    """An order for the whole net delta once it leaves the band."""
    ints, at = world[world[agent + A_INTS] :], world[agent + A_REALS]
    net = reals[at + D_NET]
    if abs(net) <= reals[at + D_BAND]:
        return
    side = -1 if net > 0.0 else 1
    ints[_HEDGE] = side * int(abs(net) + 0.5)
    ints[_HEDGE_PRICE] = int(best_price(ex, ints[K_PERP], -side) * exp(side * reals[at + D_SLIP]) + 0.5)


@kernel
def _write(world: Int1D, ex: Int1D, agent: int, forward: bool) -> None:
    """Bring to their wish the quotes that step back or go, or those that step forward or are new."""
    ints = world[world[agent + A_INTS] :]
    for quote in range(2 * ints[K_COUNT]):
        place, side = ints[D_ORDERS] + 3 * quote, 1 - 2 * (quote & 1)
        number, price, lots = world[place], world[place + 1], world[place + 2]
        left = lots_left(ex, number)
        if left == 0:
            if forward and lots:
                send(world, ints[K_FIRST] + (quote >> 1), side, POST_ONLY, price, lots, place)
        elif lots == 0:
            if not forward:
                withdraw(world, number)
        elif forward == (side * (price - price_of(ex, number)) > 0) and (price_of(ex, number) != price or left != lots):
            reprice(world, number, price, lots)
