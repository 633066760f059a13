"""Many executions at once over one market tape: each environment has a place of its own on it, and its own impact."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import AnyArray, Float1D, Float2D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.sim.env.kernels.node import (
    ARRIVAL,
    COMPONENTS,
    COST,
    FLOWN,
    LEFT,
    NODE_INTS,
    NODE_REALS,
    PRICE,
    QUEUE,
    SHIFT,
    TAKER_RATE,
    TICK,
    coins_of,
    cross,
    fade,
    meet,
    rest,
)
from counterpoise.sim.kernels.random import uniform

__all__ = [
    "AT",
    "BUY_SHARE",
    "DONE",
    "END",
    "HEAD_INTS",
    "HEAD_REALS",
    "LEAK",
    "LEAKAGE",
    "LOG_LEAST",
    "LOG_MOST",
    "OUT",
    "OVER",
    "OWN",
    "OWN_NODE",
    "PAR",
    "RATE",
    "REWARD",
    "RISK",
    "RISK_AVERSION",
    "SHORTFALL",
    "SIDE",
    "TARGET",
    "UNFILLED",
    "VALUE",
    "begin",
    "observe",
    "step",
]

# ints of one environment; then NODE_INTS for each market
AT: Final = 0  # the step whose end it sees
END: Final = 1  # the step at whose end all must be done
SIDE: Final = 2
HEAD_INTS: Final = 3

# reals of one environment; then NODE_REALS for each market
TARGET: Final = 0  # coins to trade
DONE: Final = 1  # coins traded
VALUE: Final = 2  # of the target at arrival [quote]
HEAD_REALS: Final = 3

# par
RATE: Final = 0  # rate of action 1 over that of an even schedule
RISK_AVERSION: Final = 1  # [1/bps]
LEAK: Final = 2  # price of one unit of gathered information [bps]
BUY_SHARE: Final = 3  # of parents that buy
LOG_LEAST: Final = 4  # of the least parent [log coins]
LOG_MOST: Final = 5
PAR: Final = 6

# out
REWARD: Final = 0  # [bps of the value at arrival]
SHORTFALL: Final = 1  # of this step [bps], fees included
RISK: Final = 2
LEAKAGE: Final = 3
UNFILLED: Final = 4  # coins left when it was over
OVER: Final = 5
OUT: Final = 6

OWN: Final = 3  # observations of the environment: left, time left, value of what rests
OWN_NODE: Final = 3  # and of each market: shift [bps], share of the queue ahead, cost so far [bps]
_BPS: Final = 1e4


@inner_kernel
def _mid(ticks: Int2D) -> float:
    return 0.5 * (ticks[0, 0] + ticks[1, 0])


@kernel
def begin(
    ints: Int2D,
    reals: Float2D,
    rng: UInt2D,
    rows: Int1D,
    starts: Int1D,
    horizon: int,
    ticks: AnyArray,
    nodes: Float2D,
    par: Float1D,
) -> None:
    """Put environments `rows` at a step of `starts`, with a parent of a drawn side and size and nothing done.

    Each draws from its own row of `rng`, so what it draws does not depend on the others.
    """
    for at in range(len(rows)):
        env = rows[at]
        start = starts[np.int64(uniform(rng, env) * len(starts))]
        buys = uniform(rng, env) < par[BUY_SHARE]
        size = np.exp(par[LOG_LEAST] + uniform(rng, env) * (par[LOG_MOST] - par[LOG_LEAST]))
        ints[env], reals[env] = 0, 0.0
        ints[env, AT], ints[env, END], ints[env, SIDE] = start, start + horizon, 1 if buys else -1
        for node in range(len(nodes)):
            reals[env, HEAD_REALS + node * NODE_REALS + ARRIVAL] = _mid(ticks[node, start])
        reals[env, TARGET] = size
        reals[env, VALUE] = size * reals[env, HEAD_REALS + ARRIVAL] * nodes[0, TICK]


@kernel
def step(
    ints: Int2D,
    reals: Float2D,
    actions: Float2D,
    ticks: AnyArray,
    lots: AnyArray,
    offsets: Int2D,
    trades: Int2D,
    noise: Float2D,
    variance: Float1D,
    nodes: Float2D,
    par: Float1D,
    out: Float2D,
) -> None:
    """One step of every environment that is not over.

    An action is rate, aggressiveness and a weight for each market, all in [0, 1]. The last step crosses all that is left.
    Assumes that AT + 1 is a step of the tape.
    """
    ints, reals, actions, out = borrow(ints), borrow(reals), borrow(actions), borrow(out)
    ticks, lots, offsets, trades = borrow(ticks), borrow(lots), borrow(offsets), borrow(trades)
    noise, variance, nodes, par = borrow(noise), borrow(variance), borrow(nodes), borrow(par)
    for env in range(len(ints)):
        if ints[env, AT] == ints[env, END]:
            out[env] = 0.0
            out[env, OVER] = 1.0
        else:
            _one(ints[env], reals[env], actions[env], ticks, lots, offsets, trades, noise, variance, nodes, par, out[env])


@inner_kernel
def _one(
    ints: Int1D,
    reals: Float1D,
    action: Float1D,
    ticks: AnyArray,
    lots: AnyArray,
    offsets: Int2D,
    trades: Int2D,
    noise: Float2D,
    variance: Float1D,
    nodes: Float2D,
    par: Float1D,
    out: Float1D,
) -> None:
    at, side, count = ints[AT], ints[SIDE], len(nodes)
    last = at + 1 == ints[END]
    left = reals[TARGET] - reals[DONE]
    horizon_left = ints[END] - at
    even = left / horizon_left
    wanted = left if last else min(left, action[0] * par[RATE] * even)
    aggressive = 1.0 if last else action[1]
    total = 0.0
    for node in range(count):
        total += action[2 + node]
    before, leakage, cost = 0.0, 0.0, 0.0
    for node in range(count):
        share = action[2 + node] / total if total > 0 else 1.0 / count
        mine = ints[HEAD_INTS + node * NODE_INTS : HEAD_INTS + (node + 1) * NODE_INTS]
        own = reals[HEAD_REALS + node * NODE_REALS : HEAD_REALS + (node + 1) * NODE_REALS]
        before += own[COST]
        fade(own, nodes[node])
        asked = np.int64(share * wanted / coins_of(nodes[node], _mid(ticks[node, at])) + 0.5)
        crossed = np.int64(aggressive * asked + 0.5)
        got = cross(mine, own, nodes[node], side, ticks[node, at], lots[node, at], crossed)
        rest(mine, own, side, ticks[node, at], lots[node, at], asked - crossed, 0)
        first, stop = offsets[node, at + 1], offsets[node, at + 2]
        got += meet(mine, own, nodes[node], side, trades, first, stop, ticks[node, at + 1], lots[node, at + 1])
        reals[DONE] += got
        cost += own[COST]
        if noise[node, at] > 0:
            leakage += (own[FLOWN] / noise[node, at]) ** 2
    ints[AT] = at + 1
    remaining = (reals[TARGET] - reals[DONE]) / reals[TARGET]
    out[SHORTFALL] = (cost - before) / reals[VALUE] * _BPS
    out[RISK] = par[RISK_AVERSION] * remaining * remaining * variance[at]
    out[LEAKAGE] = par[LEAK] * leakage
    out[UNFILLED], out[OVER] = 0.0, 0.0
    if last:
        short = _unfilled(reals, ticks[:, at + 1], nodes, side)
        out[SHORTFALL] += short
        out[UNFILLED], out[OVER] = max(reals[TARGET] - reals[DONE], 0.0), 1.0
    out[REWARD] = -out[SHORTFALL] - out[RISK] - out[LEAKAGE]


@inner_kernel
def _unfilled(reals: Float1D, ticks: AnyArray, nodes: Float2D, side: int) -> float:
    """What the rest would cost at the deepest level that is kept of the first market [bps], taker's fee included."""
    left = max(reals[TARGET] - reals[DONE], 0.0)
    deepest = ticks[0, (1 + side) >> 1, ticks.shape[2] - 1]
    away = side * (deepest - reals[HEAD_REALS + ARRIVAL]) * nodes[0, TICK]
    fee = nodes[0, TAKER_RATE] * deepest * nodes[0, TICK]
    return left * (away + fee) / reals[VALUE] * _BPS


@kernel
def observe(ints: Int2D, reals: Float2D, features: Float2D, nodes: Float2D, horizon: int, out: AnyArray) -> None:
    """What each environment sees at the end of its step: features of the markets, then its own."""
    ints, reals, features, nodes, out = borrow(ints), borrow(reals), borrow(features), borrow(nodes), borrow(out)
    seen, count = features.shape[1], len(nodes)
    for env in range(len(ints)):
        at = ints[env, AT]
        for i in range(seen):
            out[env, i] = features[at, i]
        out[env, seen] = (reals[env, TARGET] - reals[env, DONE]) / reals[env, TARGET]
        out[env, seen + 1] = (ints[env, END] - at) / horizon
        resting = 0.0
        for node in range(count):
            mine, own = HEAD_INTS + node * NODE_INTS, HEAD_REALS + node * NODE_REALS
            arrival = reals[env, own + ARRIVAL]
            left = ints[env, mine + LEFT]
            if left:
                resting += left * coins_of(nodes[node], ints[env, mine + PRICE])
            shift = 0.0
            for i in range(COMPONENTS):
                shift += reals[env, own + SHIFT + i]
            place = seen + OWN + node * OWN_NODE
            out[env, place] = shift / arrival * _BPS
            out[env, place + 1] = ints[env, mine + QUEUE] / (ints[env, mine + QUEUE] + left) if left else 0.0
            out[env, place + 2] = reals[env, own + COST] / reals[env, VALUE] * _BPS
        out[env, seen + 2] = resting / reals[env, TARGET]
