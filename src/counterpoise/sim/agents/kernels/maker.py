"""A market maker of one market: several levels a side around a fair price that leans away from its inventory.

    fair ← fair + n (news) + (1 − e^{−f dt}) (mid − fair),      centre = fair + w (index − fair) − σ^p k q,
    quotes at centre ∓ ((h + σ^p c) · caution + l · gap),        l = 0, 1, …

in log price, q the inventory in units of its first level, the news what the value changed since its last look, a few steps of
the grid late. p = 2 with k = γT, c = γT/2 are the quotes of Avellaneda and Stoikov (2008, doi:10.1080/14697680701381228, eqs
29-30); p = 1 with c = k/2 those of Guéant, Lehalle and Tapia far from the end (2013, doi:10.1007/s11579-012-0087-0, section 4);
h = ln(1 + γ/κ)/γ in both. At its bound it quotes one side only. Caution rises with the volatility of the last seconds over that
of the last ten minutes, and with the one-sidedness of the flow; at much of both it leaves until its next look.
"""

from __future__ import annotations

from math import exp, sqrt
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.chance import wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_DELAY_NS,
    A_INTS,
    A_MARKET,
    A_PHASE,
    A_REALS,
    A_STREAM,
    ACT,
    LOOK,
    M_STATS,
    M_TOKEN,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    S_FLOW,
    S_OPEN,
    S_VAR,
    S_VOLUME,
    TOKEN_ROWS,
    TOKEN_SIZE,
    V_INDEX,
)
from counterpoise.sim.agents.kernels.values import past_value
from counterpoise.sim.agents.kernels.wire import (
    POST_ONLY,
    best_price,
    log_mid,
    lots_left,
    position_of,
    price_of,
    reprice,
    send,
    withdraw,
)

__all__ = [
    "MAKER_INTS",
    "MAKER_REALS",
    "Q_BOUND",
    "Q_FAIR",
    "Q_FORGET",
    "Q_GAP",
    "Q_GROWTH",
    "Q_HALF",
    "Q_HALF_SIGMA",
    "Q_INDEX",
    "Q_LAG",
    "Q_LEVELS",
    "Q_LOOKED_NS",
    "Q_LOTS",
    "Q_MOST_CAUTION",
    "Q_NEWS",
    "Q_ORDERS",
    "Q_POWER",
    "Q_RATE",
    "Q_SEEN",
    "Q_SKEW",
    "Q_TOXIC",
    "Q_VOLATILE",
    "wake_maker",
]

# integers
Q_LEVELS: Final = 0  # a side
Q_ORDERS: Final = 1  # where its orders stand, bids first: number, wished price, wished lots
Q_LAG: Final = 2  # steps of the grid by which news is late
Q_LOOKED_NS: Final = 3
MAKER_INTS: Final = 4

# numbers, in log price
Q_HALF: Final = 0  # h
Q_HALF_SIGMA: Final = 1  # c
Q_SKEW: Final = 2  # k
Q_POWER: Final = 3  # p, 1 or 2
Q_GAP: Final = 4
Q_LOTS: Final = 5  # of the first level
Q_GROWTH: Final = 6  # each level behind is so many times larger
Q_BOUND: Final = 7  # most inventory, in first levels
Q_INDEX: Final = 8  # w
Q_VOLATILE: Final = 9  # caution for each unit of excess of volatility
Q_TOXIC: Final = 10  # caution at wholly one-sided flow
Q_MOST_CAUTION: Final = 11  # beyond it he leaves
Q_RATE: Final = 12  # looks a second
Q_NEWS: Final = 13  # n
Q_FORGET: Final = 14  # f [1/s]
Q_FAIR: Final = 15
Q_SEEN: Final = 16  # value of the last look
MAKER_REALS: Final = 17


@kernel
def wake_maker(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Look and wish, or act on the wishes."""
    if world[agent + A_PHASE] == LOOK:
        _wish(world, reals, ex, agent)
        world[agent + A_PHASE] = ACT
        return world[NOW] + world[agent + A_DELAY_NS]
    _act(world, ex, agent)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[world[agent + A_REALS] + Q_RATE])


@kernel
def _wish(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> None:
    """Prices and lots of every level, 0 lots for none."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    row = world[MARKET_ROWS] + market * MARKET_SIZE
    stats = world[row + M_STATS]
    caution = _caution(reals, stats, at)
    variance = reals[stats + S_VAR + 1]
    risk = variance if reals[at + Q_POWER] > 1.5 else sqrt(variance)
    fair = _fair(world, reals, ex, agent)
    index = reals[stats + S_OPEN] + reals[world[TOKEN_ROWS] + world[row + M_TOKEN] * TOKEN_SIZE + V_INDEX]
    held = position_of(world, ex, world[agent + A_ACCOUNT], market) / reals[at + Q_LOTS]
    middle = fair + reals[at + Q_INDEX] * (index - fair) - risk * reals[at + Q_SKEW] * held
    half = (reals[at + Q_HALF] + risk * reals[at + Q_HALF_SIGMA]) * caution
    levels, bid, ask = world[ints + Q_LEVELS], best_price(ex, market, 1), best_price(ex, market, -1)
    for side in (1, -1):
        quoting = caution <= reals[at + Q_MOST_CAUTION] and side * held < reals[at + Q_BOUND]
        lots = reals[at + Q_LOTS]
        for level in range(levels):
            price = exp(middle - side * (half + level * reals[at + Q_GAP]))
            order = world[ints + Q_ORDERS] + 3 * (level + (levels if side < 0 else 0))
            if side > 0:
                world[order + 1] = min(int(price), ask - 1 - level) if ask > 0 else int(price)
            else:
                world[order + 1] = max(int(price) + 1, bid + 1 + level)
            world[order + 2] = int(lots) if quoting else 0
            lots *= reals[at + Q_GROWTH]


@kernel
def _fair(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> float:
    """What it takes for the log price now."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    token = world[world[MARKET_ROWS] + market * MARKET_SIZE + M_TOKEN]
    value = past_value(world, reals, token, world[ints + Q_LAG])
    keep = exp(-reals[at + Q_FORGET] * 1e-9 * (world[NOW] - world[ints + Q_LOOKED_NS]))
    mid = log_mid(world, reals, ex, market)
    reals[at + Q_FAIR] = mid + keep * (reals[at + Q_FAIR] - mid) + reals[at + Q_NEWS] * (value - reals[at + Q_SEEN])
    reals[at + Q_SEEN] = value
    world[ints + Q_LOOKED_NS] = world[NOW]
    return reals[at + Q_FAIR]


@kernel
def _caution(reals: Float1D, stats: int, at: int) -> float:
    fast, slow = reals[stats + S_VAR], reals[stats + S_VAR + 2]
    excess = sqrt(fast / slow) - 1.0 if slow > 0.0 else 0.0
    volume = reals[stats + S_VOLUME]
    lean = abs(reals[stats + S_FLOW]) / volume if volume > 0.0 else 0.0
    return 1.0 + reals[at + Q_VOLATILE] * max(excess, 0.0) + reals[at + Q_TOXIC] * lean


@kernel
def _act(world: Int1D, ex: Int1D, agent: int) -> None:
    """Bring every order to its wish: withdrawals first, so that nothing of its own stands in the way."""
    ints, market = world[agent + A_INTS], world[agent + A_MARKET]
    levels, orders = world[ints + Q_LEVELS], world[ints + Q_ORDERS]
    for order in range(orders, orders + 6 * levels, 3):
        left = lots_left(ex, world[order])
        if left == 0:
            world[order] = 0
        elif world[order + 2] == 0 or world[order + 1] <= 0:
            withdraw(world, world[order])
            world[order] = 0
    for order in range(orders, orders + 6 * levels, 3):
        side = 1 if order < orders + 3 * levels else -1
        number, price, lots = world[order], world[order + 1], world[order + 2]
        if lots == 0 or price <= 0:
            continue
        if number == 0:
            send(world, market, side, POST_ONLY, price, lots, order)
        elif price_of(ex, number) != price or 2 * lots_left(ex, number) < lots:
            reprice(world, number, price, lots)
