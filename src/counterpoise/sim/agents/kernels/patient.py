"""Patient traders of one market: each has a price at which he would trade, and shows it.

Each of K wakes at a rate ω. One who shows nothing enters with a chance at a price drawn evenly within ± reach of the mid, or of
a point some of the way from the mid to the value, as a buyer below and a seller above. One who shows something leaves with a
chance, or else changes his mind: his price moves by a normal step s and by what he learned of the value since he last thought.
His order may then cross the book and trade.

This is the locally linear order book of Donier, Bonart, Mastromatteo and Bouchaud (2015, arXiv 1412.0141, section 2): with
diffusion D = ω s²/2 of minds, leaving rate ν and even entry, the density of orders at a distance y from the price goes as 1 −
e^{−√(ν/D) y}, so it thins to nothing towards the price, and an order worked at a given share of the volume moves the price as
the root of its size, √(D T), as long as it takes less than 1/ν. What is left when everyone has thought anew, and entered around
the new price, is the permanent part.
"""

from __future__ import annotations

from math import exp, log
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import below, draw_table, normal, wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_INTS,
    A_MARKET,
    A_REALS,
    A_STREAM,
    M_STATS,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    OUTBOX_LEN,
    S_MID,
    S_OPEN,
)
from counterpoise.sim.agents.kernels.values import value_at
from counterpoise.sim.agents.kernels.wire import LIMIT, log_mid, lots_left, price_of, reprice, send, withdraw
from counterpoise.sim.kernels.random import uniform

__all__ = [
    "PATIENT_INTS",
    "PATIENT_REALS",
    "P_ANCHOR",
    "P_COUNT",
    "P_DEPTH",
    "P_ENTER",
    "P_LEAVE",
    "P_LIVE",
    "P_LOTS",
    "P_NEWS",
    "P_OPENED",
    "P_ORDERS",
    "P_RATE",
    "P_REACH",
    "P_SEEN",
    "P_STEP",
    "wake_patient",
]

# integers
P_COUNT: Final = 0  # K
P_ORDERS: Final = 1  # where their numbers stand
P_LOTS: Final = 2  # table
P_SEEN: Final = 3  # where the value each knows stands, in `reals`
P_OPENED: Final = 4  # of them who have shown what they show at the opening
PATIENT_INTS: Final = 5

# numbers
P_RATE: Final = 0  # of all together [1/s]
P_ENTER: Final = 1  # chances at a wake
P_LEAVE: Final = 2
P_STEP: Final = 3  # s, in log price
P_REACH: Final = 4  # in log price
P_NEWS: Final = 5  # share of the news that he follows
P_ANCHOR: Final = 6  # share of the way from mid to value at which he enters
P_LIVE: Final = 7  # share of them who show something on average
P_DEPTH: Final = 8  # √(D/ν), in log price
PATIENT_REALS: Final = 9


@kernel
def wake_patient(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """One patient trader thinks."""
    ints, at, stream = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM]
    if world[ints + P_OPENED] < world[ints + P_COUNT]:
        return _open(world, reals, rng, ex, agent)
    one = below(rng, stream, world[ints + P_COUNT])
    if lots_left(ex, world[world[ints + P_ORDERS] + one]) > 0:
        _think(world, reals, rng, ex, agent, one)
    elif uniform(rng, stream) < reals[at + P_ENTER]:
        offset = (2.0 * uniform(rng, stream) - 1.0) * reals[at + P_REACH]
        _enter(world, reals, rng, ex, agent, one, _centre(world, reals, ex, agent), offset)
    return world[NOW] + wait_ns(rng, stream, reals[at + P_RATE])


@kernel
def _open(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """At the opening let the next of them show what they do on average: with a chance, at a density ∝ 1 − e^{−y/depth}."""
    ints, at, stream, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM], world[agent + A_MARKET]
    centre = reals[world[world[MARKET_ROWS] + market * MARKET_SIZE + M_STATS] + S_MID]
    last = min(world[ints + P_OPENED] + OUTBOX_LEN, world[ints + P_COUNT])
    for one in range(world[ints + P_OPENED], last):
        if uniform(rng, stream) < reals[at + P_LIVE]:
            offset = (2.0 * uniform(rng, stream) - 1.0) * reals[at + P_REACH]
            while uniform(rng, stream) >= 1.0 - exp(-abs(offset) / reals[at + P_DEPTH]):
                offset = (2.0 * uniform(rng, stream) - 1.0) * reals[at + P_REACH]
            _enter(world, reals, rng, ex, agent, one, centre, offset)
    world[ints + P_OPENED] = last
    return world[NOW]


@kernel
def _enter(
    world: Int1D,
    reals: Float1D,
    rng: UInt2D,
    ex: Int1D,
    agent: int,
    one: int,
    centre: float,
    offset: float,
) -> None:
    """Show an order at a distance from a log price, a buy below and a sale above."""
    ints, market = world[agent + A_INTS], world[agent + A_MARKET]
    lots = draw_table(world, rng, world[agent + A_STREAM], world[ints + P_LOTS])
    price, side = int(exp(centre + offset) + 0.5), 1 if offset < 0.0 else -1
    send(world, market, side, LIMIT, price, lots, world[ints + P_ORDERS] + one)
    reals[world[ints + P_SEEN] + one] = _value(world, reals, market)


@kernel
def _think(
    world: Int1D,
    reals: Float1D,
    rng: UInt2D,
    ex: Int1D,
    agent: int,
    one: int,
) -> None:
    """Leave, or move the price; one whose price ends out of reach leaves too."""
    ints, at, stream, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM], world[agent + A_MARKET]
    place, seen = world[ints + P_ORDERS] + one, world[ints + P_SEEN] + one
    number, value = world[place], _value(world, reals, market)
    was = price_of(ex, number)
    wish = log(was) + reals[at + P_STEP] * normal(rng, stream) + reals[at + P_NEWS] * (value - reals[seen])
    reals[seen] = value
    price = int(exp(wish) + 0.5)
    if uniform(rng, stream) < reals[at + P_LEAVE] or abs(wish - log_mid(world, reals, ex, market)) > reals[at + P_REACH]:
        withdraw(world, number)
        world[place] = 0
    elif price != was:
        reprice(world, number, price, lots_left(ex, number))


@kernel
def _centre(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> float:
    """Log price around which one enters: the mid, drawn to the value."""
    market = world[agent + A_MARKET]
    mid = log_mid(world, reals, ex, market)
    opening = reals[world[world[MARKET_ROWS] + market * MARKET_SIZE + M_STATS] + S_OPEN]
    return mid + reals[world[agent + A_REALS] + P_ANCHOR] * (opening + _value(world, reals, market) - mid)


@kernel
def _value(world: Int1D, reals: Float1D, market: int) -> float:
    return value_at(world, reals, world[world[MARKET_ROWS] + market * MARKET_SIZE + M_TOKEN])
