"""Is one of those who trade here working a large order? Evidence order by order, for either side.

Let an aggressive order of side s and size q arrive at t. In ordinary flow it has the chance P(s | past) p0(q | s, past); if a
share π of all orders are children of one hidden order of side S, that is mixed with the children's own. The likelihood ratio is

    1 − π(t) + π(t) [s = S] / P(S | past) · p1(q) / p0(q | s, past),        π(t) = min(π h(t), 0.9)

with p1 one of three: as p0; as volume, q · p0 (its log is nearly a sum of signed lots, the best there is against many normal
parts); or the sizes that the side has used so far. h is 1, or the times (phase on a clock of one period) that it has used. Both
memories weigh each order by the chance that it was a child. All is known before the order comes, so the mean in ordinary flow
is 1. What began when is unknown: every order is a possible beginning, R ← (1 + R) · ratio, for each hypothesis: side, π, sizes,
clock or none.

Shiryaev (1963), doi:10.1137/1108002, and Roberts (1966), doi:10.1080/00401706.1966.10490374, for R; R − n is a martingale, so
the chance that it reaches A within n orders is at most n / A.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.jit import inner_kernel, kernel, whole_kernel
from counterpoise.sim.agents.kernels.order_sizes import (
    LATELY,
    PROFILE,
    learn_size,
    ordinary_chance,
    remember_lately,
    scale_profile,
    size_ratio,
    static_chance,
    volume_ratio,
    weigh_memories,
)
from counterpoise.sim.agents.kernels.sign_memory import MEMORY, SIGN_FEATURES, buy_chance, remember_sign

__all__ = [
    "ALL_MEAN",
    "CLOCKS",
    "COUNTED",
    "EXPLAINED",
    "HYPOTHESES",
    "MODEL",
    "PHASES",
    "RATES",
    "SIZES",
    "SUSPICION",
    "explain",
    "forget",
    "likelier_side",
    "mean_evidence",
    "suspect",
]

RATES: Final = 4
CLOCKS: Final = 12
PHASES: Final = 128
SIZES: Final = 3  # as any, as volume, as used
HYPOTHESES: Final = RATES * SIZES * (CLOCKS + 1)  # of one side: clock (none first) × sizes × rate
EXPLAINED: Final = 7

# settings, floats: shares π, periods [ns] and how many, children remembered, weights of sign_memory, model of order_sizes
_RATE: Final = 0
_PERIOD: Final = RATES
_PERIODS: Final = _PERIOD + CLOCKS  # how many there are
_LENGTH: Final = _PERIODS + 1
_WEIGHTS: Final = _LENGTH + 1
MODEL: Final = _WEIGHTS + SIGN_FEATURES

# state, floats: of all, then of buying, then of selling
_MEMORY: Final = 0
_LAST_SIGN: Final = MEMORY - 1  # 0 before the first order
_BEFORE: Final = MEMORY  # [ns] time of the order before, an integer by its bits
_LATELY: Final = MEMORY + 1  # sizes that ordinary flow remembers
COUNTED: Final = _LATELY + LATELY  # orders since the last `forget`
ALL_MEAN: Final = COUNTED + 1  # mean of R over all hypotheses
_NOW: Final = COUNTED + 2  # phase of the order on each clock
_SIDES: Final = _NOW + CLOCKS
_EVIDENCE: Final = 0  # R of each hypothesis
_UNIT: Final = HYPOTHESES  # weight of one certain child: it grows, so that what is old fades
_SUM: Final = _UNIT + 1
_CLOCKED: Final = _UNIT + 2  # children held by phase, of every clock
_PHASE: Final = _CLOCKED + 1
_PROFILE: Final = _PHASE + CLOCKS * PHASES
_SIDE_SIZE: Final = _PROFILE + PROFILE
SUSPICION: Final = _SIDES + 2 * _SIDE_SIZE

_MOST: Final = 1e250  # R stays there: 575 nats
_MOST_SHARE: Final = 0.9
_PRIOR: Final = 1.0  # children that speak for no clock before any was seen
_RESCALED: Final = 1e100
_NS: Final = 1e-9


@kernel
def forget(state: Float1D) -> None:
    """Suspect nobody; the memory of ordinary flow stays."""
    state[COUNTED:] = 0.0
    state[_SIDES + _UNIT] = 1.0
    state[_SIDES + _SIDE_SIZE + _UNIT] = 1.0


@inner_kernel
def _hypotheses(settings: Float1D) -> float:
    return 2.0 * RATES * SIZES * (settings[_PERIODS] + 1.0)


@inner_kernel
def mean_evidence(state: Float1D) -> float:
    """Mean of R over both sides' hypotheses."""
    return state[ALL_MEAN]


@inner_kernel
def likelier_side(state: Float1D) -> int:
    """+1 or −1 by which side's evidence is greater, 0 when they are equal."""
    buying, selling = state[_SIDES + _SUM], state[_SIDES + _SIDE_SIZE + _SUM]
    return np.int64(buying > selling) - np.int64(buying < selling)


@inner_kernel
def _weigh(evidence: float, share: float, ratio: float) -> float:
    return min((1.0 + evidence) * (1.0 - share + share * ratio), _MOST)


@inner_kernel
def _timing(own: Float1D, phases: Float1D, clock: int) -> float:
    """h: how much likelier a child is at this phase of a clock than at any; 1 without a clock."""
    if clock == 0:
        return 1.0
    prior = _PRIOR * own[_UNIT]
    held = own[_PHASE + (clock - 1) * PHASES + np.int64(phases[clock - 1])]
    return (held * PHASES + prior) / (own[_CLOCKED] + prior)


@kernel
def _other_side(own: Float1D, settings: Float1D, phases: Float1D) -> None:
    """An order of the other side: it was no child."""
    total = 0.0
    for clock in range(np.int64(settings[_PERIODS]) + 1):
        h = _timing(own, phases, clock)
        for i in range(RATES):
            share = min(settings[_RATE + i] * h, _MOST_SHARE)
            for sizes in range(SIZES):
                at = _EVIDENCE + (clock * SIZES + sizes) * RATES + i
                own[at] = _weigh(own[at], share, 0.0)
                total += own[at]
    own[_SUM] = total


@kernel
def _own_side(own: Float1D, settings: Float1D, phases: Float1D, by_sign: float, by_volume: float, by_use: float) -> float:
    """An order of this side; returns the chance that it was a child if anyone is at work.

    What supposes that children come as volume has no say in it: it would find a child in every large order.
    """
    total, heard, child = 0.0, 0.0, 0.0
    for clock in range(np.int64(settings[_PERIODS]) + 1):
        h = _timing(own, phases, clock)
        for i in range(RATES):
            share = min(settings[_RATE + i] * h, _MOST_SHARE)
            for sizes in range(SIZES):
                at = _EVIDENCE + (clock * SIZES + sizes) * RATES + i
                ratio = by_sign * (by_volume if sizes == 1 else by_use if sizes == 2 else 1.0)
                own[at] = _weigh(own[at], share, ratio)
                total += own[at]
                if sizes != 1:
                    heard += own[at]
                    child += own[at] * (share * ratio / (1.0 - share + share * ratio))
    own[_SUM] = total
    return child / heard


@kernel
def _learn(own: Float1D, settings: Float1D, phases: Float1D, lots: int, chance: float) -> None:
    """Take size and phase of an order that was a child with a chance."""
    weight = chance * own[_UNIT]
    learn_size(own[_PROFILE:], lots, weight)
    own[_CLOCKED] += weight
    for clock in range(CLOCKS):
        own[_PHASE + clock * PHASES + np.int64(phases[clock])] += weight
    own[_UNIT] *= 1.0 + chance / settings[_LENGTH]
    if own[_UNIT] > _RESCALED:
        _rescale(own)


@kernel
def _rescale(own: Float1D) -> None:
    down = 1.0 / own[_UNIT]
    own[_UNIT] = 1.0
    own[_CLOCKED:_PROFILE] *= down
    scale_profile(own[_PROFILE:], down)


@whole_kernel
def suspect(state: Float1D, settings: Float1D, ts_ns: int, side: int, lots: int) -> None:
    """Weigh one aggressive order, then remember it. Assumes lots ≥ 1, side ±1."""
    before, lately = state[_BEFORE:_LATELY].view(np.int64), state[_LATELY:COUNTED]
    waited = max(ts_ns - before[0], 0) * _NS if state[_LAST_SIGN] != 0.0 else 0.0
    buys = buy_chance(state[:_BEFORE], settings[_WEIGHTS:MODEL], waited)
    model, phases = settings[MODEL:], state[_NOW:_SIDES]
    for clock in range(np.int64(settings[_PERIODS])):
        period = np.int64(settings[_PERIOD + clock])
        phases[clock] = (ts_ns % period) * PHASES // period
    at = _SIDES + _SIDE_SIZE * ((1 - side) >> 1)
    own = state[at : at + _SIDE_SIZE]
    at = _SIDES + _SIDE_SIZE * ((1 + side) >> 1)
    other = state[at : at + _SIDE_SIZE]
    by_sign = 1.0 / (buys if side > 0 else 1.0 - buys)
    static = static_chance(model, lots)
    ordinary = ordinary_chance(model, lately, side, lots, static)
    by_volume = volume_ratio(model, lots, static, ordinary)
    by_use = size_ratio(own[_PROFILE:], model, lots, static, ordinary, own[_UNIT])
    _other_side(other, settings, phases)
    _learn(own, settings, phases, lots, _own_side(own, settings, phases, by_sign, by_volume, by_use))
    state[ALL_MEAN] = (own[_SUM] + other[_SUM]) / _hypotheses(settings)
    state[COUNTED] += 1.0
    remember_sign(state[:_BEFORE], side)
    weigh_memories(model, lately, side, lots, static)
    remember_lately(lately, side, lots)
    before[0] = ts_ns


@kernel
def explain(state: Float1D, settings: Float1D, out: Float1D) -> None:
    """What the evidence is made of, EXPLAINED long.

    Mean R by signs alone, as volume, with sizes used, with a clock, with a clock and either; then the share π, weighed by R;
    the period with the greatest R, 0 when that is no clock.
    """
    clocks = np.int64(settings[_PERIODS])
    out[:] = 0.0
    best, weight, total = 0.0, 0.0, 0.0
    for side in range(2):
        own = state[_SIDES + side * _SIDE_SIZE : _SIDES + (side + 1) * _SIDE_SIZE]
        for clock in range(clocks + 1):
            here = 0.0
            for sizes in range(SIZES):
                for i in range(RATES):
                    evidence = own[(clock * SIZES + sizes) * RATES + i]
                    here += evidence
                    part = sizes if clock == 0 else 3 + min(sizes, 1)
                    out[part] += evidence / (2 * RATES * (clocks if clock else 1) * (SIZES - 1 if part == 4 else 1))
                    weight += evidence * settings[_RATE + i]
            total += here
            if here > best:
                best = here
                out[EXPLAINED - 1] = settings[_PERIOD + clock - 1] if clock else 0.0
    out[EXPLAINED - 2] = weight / total if total > 0.0 else 0.0
