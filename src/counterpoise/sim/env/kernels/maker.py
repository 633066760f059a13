"""Many market makers at once over one market tape: each quotes both sides, holds an inventory, and is marked at the mid."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import AnyArray, Float1D, Float2D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.sim.env.kernels.node import (
    ARRIVAL,
    COIN_PER_LOT,
    COST,
    LEFT,
    MAKER_LOTS,
    NODE_INTS,
    NODE_REALS,
    PRICE,
    QUEUE,
    TAKER_LOTS,
    TICK,
    cross,
    fade,
    meet,
    rest,
)
from counterpoise.sim.kernels.random import uniform

__all__ = [
    "ACTIONS",
    "AT",
    "END",
    "EQUITY",
    "FEATURES_OWN",
    "HEAD_INTS",
    "HEAD_REALS",
    "INVENTORY",
    "MOST_LOTS",
    "ORDER_LOTS",
    "OUT",
    "OVER",
    "PAR",
    "PROFIT",
    "REACH",
    "REWARD",
    "RISK",
    "RISK_AVERSION",
    "UNSOLD",
    "begin",
    "observe",
    "step",
]

# ints of one environment; then NODE_INTS for the bids and for the asks
AT: Final = 0
END: Final = 1
INVENTORY: Final = 2  # signed lots
HEAD_INTS: Final = 3

# reals; then NODE_REALS for the bids and for the asks
EQUITY: Final = 0  # as marked at the last step [quote]
HEAD_REALS: Final = 1

# par
MOST_LOTS: Final = 0  # of inventory
ORDER_LOTS: Final = 1  # of an order at action 1
REACH: Final = 2  # ticks behind the best at action 1
RISK_AVERSION: Final = 3  # [1/bps]
PAR: Final = 4

# out
REWARD: Final = 0  # [bps of the value of the largest inventory]
PROFIT: Final = 1  # of this step [same]
RISK: Final = 2
UNSOLD: Final = 3  # lots that the book could not take at the end
OVER: Final = 4
OUT: Final = 5

ACTIONS: Final = 4  # distance of the bid, of the ask, size of the bid, of the ask
FEATURES_OWN: Final = 6  # inventory, time left, queue and place of each order
_BPS: Final = 1e4


@inner_kernel
def _mid(ticks: Int2D) -> float:
    return 0.5 * (ticks[0, 0] + ticks[1, 0])


@inner_kernel
def _equity(ints: Int1D, reals: Float1D, mid: float, node: Float1D) -> float:
    """Profit since the start with the inventory at the mid [quote]."""
    paid = reals[HEAD_REALS + COST] + reals[HEAD_REALS + NODE_REALS + COST]
    return ints[INVENTORY] * node[COIN_PER_LOT] * (mid - reals[HEAD_REALS + ARRIVAL]) * node[TICK] - paid


@kernel
def begin(ints: Int2D, reals: Float2D, rng: UInt2D, rows: Int1D, starts: Int1D, horizon: int, ticks: AnyArray) -> None:
    """Put environments `rows` at a drawn step, with no inventory. Each draws from its own row of `rng`."""
    for at in range(len(rows)):
        env = rows[at]
        start = starts[np.int64(uniform(rng, env) * len(starts))]
        ints[env], reals[env] = 0, 0.0
        ints[env, AT], ints[env, END] = start, start + horizon
        for side in range(2):
            reals[env, HEAD_REALS + side * NODE_REALS + ARRIVAL] = _mid(ticks[0, start])


@kernel
def step(
    ints: Int2D,
    reals: Float2D,
    actions: Float2D,
    ticks: AnyArray,
    lots: AnyArray,
    offsets: Int2D,
    trades: Int2D,
    variance: Float1D,
    node: Float1D,
    par: Float1D,
    out: Float2D,
) -> None:
    """One step of every environment that is not over; the last one crosses the inventory back to nothing."""
    ints, reals, actions, out = borrow(ints), borrow(reals), borrow(actions), borrow(out)
    ticks, lots, offsets, trades = borrow(ticks), borrow(lots), borrow(offsets), borrow(trades)
    variance, node, par = borrow(variance), borrow(node), borrow(par)
    for env in range(len(ints)):
        out[env] = 0.0
        if ints[env, AT] == ints[env, END]:
            out[env, OVER] = 1.0
        else:
            _one(ints[env], reals[env], actions[env], ticks, lots, offsets, trades, variance, node, par, out[env])


@inner_kernel
def _one(
    ints: Int1D,
    reals: Float1D,
    action: Float1D,
    ticks: AnyArray,
    lots: AnyArray,
    offsets: Int2D,
    trades: Int2D,
    variance: Float1D,
    node: Float1D,
    par: Float1D,
    out: Float1D,
) -> None:
    at = ints[AT]
    most = np.int64(par[MOST_LOTS])
    first, stop = offsets[0, at + 1], offsets[0, at + 2]
    held = ints[INVENTORY]
    for index in range(2):
        side = 1 - 2 * index
        mine = ints[HEAD_INTS + index * NODE_INTS : HEAD_INTS + (index + 1) * NODE_INTS]
        own = reals[HEAD_REALS + index * NODE_REALS : HEAD_REALS + (index + 1) * NODE_REALS]
        fade(own, node)
        wanted = min(np.int64(action[2 + index] * par[ORDER_LOTS] + 0.5), most - side * held)
        rest(mine, own, side, ticks[0, at], lots[0, at], wanted, np.int64(action[index] * par[REACH] + 0.5))
        before = mine[MAKER_LOTS]
        meet(mine, own, node, side, trades, first, stop, ticks[0, at + 1], lots[0, at + 1])
        ints[INVENTORY] += side * (mine[MAKER_LOTS] - before)
    ints[AT] = at + 1
    if ints[AT] == ints[END]:
        _sell_out(ints, reals, ticks[0, at + 1], lots[0, at + 1], node)
        out[OVER], out[UNSOLD] = 1.0, ints[INVENTORY]
    mid = _mid(ticks[0, at + 1])
    value = par[MOST_LOTS] * node[COIN_PER_LOT] * reals[HEAD_REALS + ARRIVAL] * node[TICK]
    equity = _equity(ints, reals, mid, node)
    share = ints[INVENTORY] / par[MOST_LOTS]
    out[PROFIT] = (equity - reals[EQUITY]) / value * _BPS
    out[RISK] = par[RISK_AVERSION] * share * share * variance[at]
    out[REWARD] = out[PROFIT] - out[RISK]
    reals[EQUITY] = equity


@inner_kernel
def _sell_out(ints: Int1D, reals: Float1D, ticks: Int2D, lots: Int2D, node: Float1D) -> None:
    held = ints[INVENTORY]
    if held == 0:
        return
    side = -1 if held > 0 else 1
    index = (1 - side) >> 1
    mine = ints[HEAD_INTS + index * NODE_INTS : HEAD_INTS + (index + 1) * NODE_INTS]
    own = reals[HEAD_REALS + index * NODE_REALS : HEAD_REALS + (index + 1) * NODE_REALS]
    before = mine[TAKER_LOTS]
    cross(mine, own, node, side, ticks, lots, -side * held)
    ints[INVENTORY] += side * (mine[TAKER_LOTS] - before)


@kernel
def observe(ints: Int2D, reals: Float2D, features: Float2D, ticks: AnyArray, par: Float1D, horizon: int, out: AnyArray) -> None:
    """What each environment sees at the end of its step: features of the market, then its own."""
    ints, reals, features, out = borrow(ints), borrow(reals), borrow(features), borrow(out)
    ticks, par = borrow(ticks), borrow(par)
    seen = features.shape[1]
    for env in range(len(ints)):
        at = ints[env, AT]
        for i in range(seen):
            out[env, i] = features[at, i]
        out[env, seen] = ints[env, INVENTORY] / par[MOST_LOTS]
        out[env, seen + 1] = (ints[env, END] - at) / horizon
        for index in range(2):
            mine, left = HEAD_INTS + index * NODE_INTS, ints[env, HEAD_INTS + index * NODE_INTS + LEFT]
            queue = ints[env, mine + QUEUE]
            away = (1 - 2 * index) * (ticks[0, at, index, 0] - ints[env, mine + PRICE])
            out[env, seen + 2 + 2 * index] = queue / (queue + left) if left else 1.0
            out[env, seen + 3 + 2 * index] = away if left else par[REACH]
