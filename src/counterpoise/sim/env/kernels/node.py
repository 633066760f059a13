"""One market of an environment over one step: what we cross takes from the recorded book, what we rest waits in its queue.

Two frames of price, as in a replay: recorded, and shown = recorded + the shift that our own takes left behind. `ints` and
`reals` are one environment's memory of one market, `par` the market's constants.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel

__all__ = [
    "ARRIVAL",
    "COIN_PER_LOT",
    "COMPONENTS",
    "COST",
    "FLOWN",
    "INVERSE",
    "KEPT",
    "LEFT",
    "MAKER_LOTS",
    "MAKER_RATE",
    "MISSING",
    "MISSING_KEPT",
    "MOVE",
    "NODE_INTS",
    "NODE_PAR",
    "NODE_REALS",
    "PRICE",
    "QUEUE",
    "SHARES",
    "SHIFT",
    "TAKER_LOTS",
    "TAKER_RATE",
    "TICK",
    "coins_of",
    "cross",
    "fade",
    "meet",
    "moved",
    "rest",
]

COMPONENTS: Final = 4  # of the transient impact, the permanent one first

# ints
PRICE: Final = 0  # shown ticks of the resting order
LEFT: Final = 1  # its lots
QUEUE: Final = 2  # lots ahead of it
MAKER_LOTS: Final = 3  # filled at rest, so far
TAKER_LOTS: Final = 4  # filled by crossing, so far
NODE_INTS: Final = 5

# reals
ARRIVAL: Final = 0  # mid at the start [ticks]
MISSING: Final = 1  # lots we took of the side we cross that have not refilled
COST: Final = 2  # paid beyond the arrival mid, fees included, so far [quote]
FLOWN: Final = 3  # coins crossed in this step: what shows as signed flow
SHIFT: Final = 4  # [ticks], by component
NODE_REALS: Final = SHIFT + COMPONENTS

# par
TICK: Final = 0  # [quote]
COIN_PER_LOT: Final = 1  # linear; quote per lot of an inverse contract
INVERSE: Final = 2
MAKER_RATE: Final = 3  # fee as a fraction
TAKER_RATE: Final = 4
MOVE: Final = 5  # immediate shift of a take, as a fraction of the price per quote
MISSING_KEPT: Final = 6  # share of what is missing that is still missing a step later
SHARES: Final = 7  # of the immediate shift in each component
KEPT: Final = SHARES + COMPONENTS  # of each component a step later
NODE_PAR: Final = KEPT + COMPONENTS


@inner_kernel
def coins_of(par: Float1D, price: float) -> float:
    """Coins of one lot at a price [ticks]."""
    return par[COIN_PER_LOT] / (price * par[TICK]) if par[INVERSE] else par[COIN_PER_LOT]


@inner_kernel
def moved(reals: Float1D) -> int:
    """Whole ticks by which our own takes displace the quotes."""
    total = 0.0
    for i in range(SHIFT, SHIFT + COMPONENTS):
        total += reals[i]
    return np.int64(np.rint(total))


@inner_kernel
def fade(reals: Float1D, par: Float1D) -> None:
    """A step passes: the shift decays and what we took refills."""
    for i in range(COMPONENTS):
        reals[SHIFT + i] *= par[KEPT + i]
    reals[MISSING] *= par[MISSING_KEPT]
    reals[FLOWN] = 0.0


@inner_kernel
def _paid(reals: Float1D, par: Float1D, side: int, price: int, lots: int, rate: float) -> float:
    """Book a fill; returns its coins."""
    coins = coins_of(par, price) * lots
    value = coins * price * par[TICK]
    reals[COST] += side * (price - reals[ARRIVAL]) * par[TICK] * coins + rate * value
    return coins


@inner_kernel
def cross(ints: Int1D, reals: Float1D, par: Float1D, side: int, ticks: Int2D, lots: Int2D, wanted: int) -> float:
    """Take up to `wanted` lots of the other side, the levels of one step's end; returns coins."""
    against = (1 + side) >> 1
    shift, gone, left = moved(reals), np.int64(np.ceil(reals[MISSING])), wanted
    coins, value = 0.0, 0.0
    for level in range(lots.shape[1]):
        there = lots[against, level]
        hidden = min(there, gone)
        gone -= hidden
        filled = min(left, there - hidden)
        if filled > 0:
            price = ticks[against, level] + shift
            got = _paid(reals, par, side, price, filled, par[TAKER_RATE])
            coins += got
            value += got * price * par[TICK]
            left -= filled
        if left == 0:
            break
    reals[FLOWN] += coins
    ints[TAKER_LOTS] += wanted - left
    reals[MISSING] += wanted - left
    push = side * par[MOVE] * value * ticks[against, 0]
    for i in range(COMPONENTS):
        reals[SHIFT + i] += push * par[SHARES + i]
    return coins


@inner_kernel
def rest(ints: Int1D, reals: Float1D, side: int, ticks: Int2D, lots: Int2D, wanted: int, behind: int) -> None:
    """Rest `wanted` lots `behind` ticks from the own best; at the same price and no larger, the place in the queue is kept."""
    own = (1 - side) >> 1
    price = ticks[own, 0] - side * behind + moved(reals)
    if ints[LEFT] == 0 or price != ints[PRICE] or wanted > ints[LEFT]:
        ints[QUEUE] = _displayed(ticks, lots, own, price - moved(reals))
    ints[PRICE], ints[LEFT] = price, wanted


@inner_kernel
def _displayed(ticks: Int2D, lots: Int2D, own: int, price: int) -> int:
    """Lots shown at a recorded price; beyond the levels that are kept, as many as at the last of them."""
    sign = 1 - 2 * own
    last = lots.shape[1] - 1
    if sign * price < sign * ticks[own, last]:
        return lots[own, last]
    for level in range(last + 1):
        if ticks[own, level] == price:
            return lots[own, level]
    return 0


@inner_kernel
def meet(
    ints: Int1D, reals: Float1D, par: Float1D, side: int, trades: Int2D, first: int, stop: int, ticks: Int2D, lots: Int2D
) -> float:
    """The next step's trades and closing book against our resting order; returns coins.

    A trade through our price fills it, one at our price eats the queue first; an opposite side that closes the step at or
    through our price fills it by what stands there. What is ahead is no more than what the closing book shows at our price.
    """
    coins, shift = 0.0, moved(reals)
    for row in range(first, stop):
        if ints[LEFT] == 0:
            break
        beyond = side * (ints[PRICE] - (trades[row, 1] + shift))
        if trades[row, 0] == side or beyond < 0:
            continue
        ahead = min(ints[QUEUE], trades[row, 2]) if beyond == 0 else 0
        ints[QUEUE] -= ahead
        filled = min(ints[LEFT], trades[row, 2] - ahead)
        if filled > 0:
            coins += _filled(ints, reals, par, side, filled)
    against = (1 + side) >> 1
    for level in range(lots.shape[1]):
        if ints[LEFT] == 0 or lots[against, level] == 0 or side * (ints[PRICE] - ticks[against, level] - shift) < 0:
            break
        coins += _filled(ints, reals, par, side, min(ints[LEFT], lots[against, level]))
    if ints[LEFT]:
        ints[QUEUE] = min(ints[QUEUE], _displayed(ticks, lots, 1 - against, ints[PRICE] - shift))
    return coins


@inner_kernel
def _filled(ints: Int1D, reals: Float1D, par: Float1D, side: int, lots: int) -> float:
    ints[LEFT] -= lots
    ints[MAKER_LOTS] += lots
    return _paid(reals, par, side, ints[PRICE], lots, par[MAKER_RATE])
