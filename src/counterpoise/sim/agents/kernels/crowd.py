"""The crowd of one market: limit orders and cancels by distance, market orders that come from hidden parents.

Market orders arrive as a Hawkes process, λ = a μ + x, where x rises by α with each of them and fades at β (Bacry, Mastromatteo
and Muzy 2015, arXiv 1502.04592); limit orders come at a ℓ + c x, and each of them that rests is taken back at a rate of its
own. a is the liveliness of the token. Drawn by thinning: between its events the crowd's total rate only falls.

A market order is a child of one of P parents that live at the same time, chosen at random; a parent has one side and n
children, P(n ≥ m) = m^−α, and makes way for a new one of a random side when it is done. Signs of trades then have a memory that
fades as lag^−(α − 1) (Lillo, Mike and Farmer 2005, doi:10.1103/PhysRevE.71.066122, eq. 24).
"""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import below, draw_table, power_law, sign, wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_INTS,
    A_MARKET,
    A_REALS,
    A_STREAM,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    TOKEN_ROWS,
    TOKEN_SIZE,
    V_ACTIVITY,
)
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, LIMIT, best_price, lots_left, send, withdraw
from counterpoise.sim.kernels.random import uniform

__all__ = [
    "CROWD_INTS",
    "CROWD_REALS",
    "C_BETA",
    "C_BOUND",
    "C_CANCEL",
    "C_COUNT",
    "C_EXCITED",
    "C_LAST_NS",
    "C_LIMIT",
    "C_LIMIT_LOTS",
    "C_LIMIT_TICKS",
    "C_MARKET",
    "C_MARKET_LOTS",
    "C_MOST",
    "C_ORDERS",
    "C_PARENTS",
    "C_PARENT_EXPONENT",
    "C_PARENT_MOST",
    "C_PARENT_ROWS",
    "C_QUOTES",
    "C_SELF",
    "C_SLIP",
    "wake_crowd",
]

# integers
C_LAST_NS: Final = 0  # the excitation is that of this time
C_COUNT: Final = 1  # orders held
C_MOST: Final = 2  # places for them
C_ORDERS: Final = 3  # where their numbers stand
C_PARENTS: Final = 4
C_PARENT_ROWS: Final = 5  # where they stand: side, children left
C_PARENT_MOST: Final = 6  # longest parent
C_LIMIT_TICKS: Final = 7  # tables
C_LIMIT_LOTS: Final = 8
C_MARKET_LOTS: Final = 9
CROWD_INTS: Final = 10

# numbers: rates [1/s]
C_MARKET: Final = 0  # μ
C_SELF: Final = 1  # α
C_BETA: Final = 2
C_LIMIT: Final = 3  # ℓ
C_QUOTES: Final = 4  # c
C_CANCEL: Final = 5  # of each order
C_SLIP: Final = 6  # how far through the best a market order goes, as a share of the price
C_PARENT_EXPONENT: Final = 7
C_EXCITED: Final = 8  # x
C_BOUND: Final = 9  # total rate the alarm was drawn with
CROWD_REALS: Final = 10


@kernel
def wake_crowd(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """One event of the crowd, or none, and the next alarm."""
    ints, at, stream = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM]
    reals[at + C_EXCITED] *= exp(-reals[at + C_BETA] * 1e-9 * (world[NOW] - world[ints + C_LAST_NS]))
    world[ints + C_LAST_NS] = world[NOW]
    lively = _liveliness(world, reals, agent)
    excited = reals[at + C_EXCITED]
    market = lively * reals[at + C_MARKET] + excited
    limit = lively * reals[at + C_LIMIT] + reals[at + C_QUOTES] * excited
    cancel = reals[at + C_CANCEL] * world[ints + C_COUNT]
    mark = uniform(rng, stream) * reals[at + C_BOUND]
    if mark < market:
        reals[at + C_EXCITED] += reals[at + C_SELF]
        _trade(world, reals, rng, ex, agent)
    elif mark < market + limit:
        _quote(world, reals, rng, ex, agent)
    elif mark < market + limit + cancel:
        _take_back(world, rng, ex, agent)
    excited = reals[at + C_EXCITED]
    bound = lively * (reals[at + C_MARKET] + reals[at + C_LIMIT]) + (1.0 + reals[at + C_QUOTES]) * excited
    reals[at + C_BOUND] = bound + reals[at + C_CANCEL] * world[ints + C_COUNT]
    return world[NOW] + wait_ns(rng, stream, reals[at + C_BOUND])


@kernel
def _liveliness(world: Int1D, reals: Float1D, agent: int) -> float:
    token = world[world[MARKET_ROWS] + world[agent + A_MARKET] * MARKET_SIZE + M_TOKEN]
    return reals[world[TOKEN_ROWS] + token * TOKEN_SIZE + V_ACTIVITY]


@kernel
def _trade(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> None:
    """A child of a parent at random; what it does not find within its slip is dropped."""
    ints, at, stream = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_STREAM]
    parent = world[ints + C_PARENT_ROWS] + 2 * below(rng, stream, world[ints + C_PARENTS])
    if world[parent + 1] == 0:
        world[parent] = sign(rng, stream, 0.0)
        world[parent + 1] = power_law(rng, stream, reals[at + C_PARENT_EXPONENT], world[ints + C_PARENT_MOST])
    world[parent + 1] -= 1
    side, market = world[parent], world[agent + A_MARKET]
    lots = draw_table(world, rng, stream, world[ints + C_MARKET_LOTS])
    touch = best_price(ex, market, -side)
    if touch > 0:
        price = int(touch * (1.0 + side * reals[at + C_SLIP]))
        send(world, market, side, IMMEDIATE, price, lots, 0)


@kernel
def _quote(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> None:
    """A limit order at a distance from the opposite best; where all places are taken, one is taken back instead."""
    ints, stream, market = world[agent + A_INTS], world[agent + A_STREAM], world[agent + A_MARKET]
    if world[ints + C_COUNT] == world[ints + C_MOST]:
        _take_back(world, rng, ex, agent)
        return
    side = sign(rng, stream, 0.0)
    distance = draw_table(world, rng, stream, world[ints + C_LIMIT_TICKS])
    lots = draw_table(world, rng, stream, world[ints + C_LIMIT_LOTS])
    opposite = best_price(ex, market, -side)
    if opposite - side * distance > 0 and opposite > 0:
        place = world[ints + C_ORDERS] + world[ints + C_COUNT]
        world[ints + C_COUNT] += 1
        send(world, market, side, LIMIT, opposite - side * distance, lots, place)


@kernel
def _take_back(world: Int1D, rng: UInt2D, ex: Int1D, agent: int) -> None:
    """Forget one of the orders at random, and cancel it if it still rests."""
    ints, stream = world[agent + A_INTS], world[agent + A_STREAM]
    orders = world[ints + C_ORDERS]
    place = orders + below(rng, stream, world[ints + C_COUNT])
    number = world[place]
    world[ints + C_COUNT] -= 1
    world[place] = world[orders + world[ints + C_COUNT]]
    if lots_left(ex, number) > 0:
        withdraw(world, number)
