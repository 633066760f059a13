"""How likely an order's size is in ordinary flow, and how likely if one side repeats what it has used before.

Sizes are counted in quarters of an octave, and one by one where a size is common. Ordinary flow repeats itself too: with some
chance a size is one of those of the last 2,000 orders, or of the last 100 or 10 of its side. How often is learnt as it goes, so
that a burst of one size is ordinary: each order's weights are the posterior of the one before, a tenth of it given back to what
is usual (fixed share, Herbster and Warmuth 1998, doi:10.1023/A:1007424614876). Sizes that came are kept with a weight each in a
`table` of floats, in slots found by the size's bits; a `profile` is the weight held in each quarter, then such a table.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel

__all__ = [
    "LATELY",
    "MEMORIES",
    "MODEL_HEAD",
    "PROFILE",
    "QUARTERS",
    "learn_size",
    "ordinary_chance",
    "quarters_of",
    "recent_chances",
    "remember_lately",
    "scale_profile",
    "size_ratio",
    "static_chance",
    "static_chances",
    "volume_ratio",
    "weigh_memories",
]

QUARTERS: Final = 256  # lots below 2⁶³ lie in 252
MEMORIES: Final = 3  # of ordinary flow: of all orders, and two of each side
_TABLES: Final = 2 * MEMORIES - 1
_SLOTS: Final = 1024

# a model of sizes, floats: chance of each quarter, then of it by sizes that are not common, the chance of each memory, a cap
# and the mean of sizes up to it, how many sizes are common, these, their chances
_REST: Final = QUARTERS
_REPEATS: Final = 2 * QUARTERS
_CAP: Final = _REPEATS + MEMORIES
_MEAN: Final = _CAP + 1
_COMMON: Final = _CAP + 2
MODEL_HEAD: Final = _COMMON + 1

# a table
_WEIGHTS: Final = _SLOTS  # behind the sizes themselves
_TOTAL: Final = 2 * _SLOTS
_UNIT: Final = _TOTAL + 1  # weight of an order now: it grows, so that what is old fades; used by the table of ordinary flow
TABLE: Final = _UNIT + 1
_SHARES: Final = _TABLES * TABLE  # behind the tables of all, of buys and sells over 100, of buys and sells over 10
LATELY: Final = _SHARES + 2 * MEMORIES  # weights of the memories as they are now, of buys, of sells; 0 before any order

# a profile
_HELD: Final = QUARTERS
_USED: Final = QUARTERS + 1
PROFILE: Final = _USED + TABLE

# how a size of the hidden order comes about: as any other; of a quarter it used; one it used
_ANY: Final = 0.2
_ALIKE: Final = 0.3
_SAME: Final = 0.5
_PRIOR: Final = 1.0  # orders that speak for ordinary flow before any was seen
_RESCALED: Final = 1e100
_GIVEN_BACK: Final = 0.1


@inner_kernel
def _quarter(lots: int) -> int:
    """Which quarter of an octave lots ≥ 1 lie in."""
    octave = 63 - count_leading_zeros(lots)
    if octave < 2:
        return 4 * octave + 2 * (lots & octave)
    return 4 * octave + ((lots >> (octave - 2)) & 3)


@kernel
def static_chance(model: Float1D, lots: int) -> float:
    """Chance of a size whatever came before: that of a common one, and its part of what its quarter has besides."""
    quarter = _quarter(lots)
    chance = model[_REST + quarter]
    if quarter >= 8:
        chance /= 2.0 ** ((quarter >> 2) - 2)
    count = np.int64(model[_COMMON])
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if model[MODEL_HEAD + middle] < lots:
            low = middle + 1
        else:
            high = middle
    if low < count and model[MODEL_HEAD + low] == lots:
        chance += model[MODEL_HEAD + count + low]
    return chance


@inner_kernel
def _slot(lots: int) -> int:
    return (lots ^ (lots >> 10) ^ (lots >> 20) ^ (lots >> 30)) & (_SLOTS - 1)


@inner_kernel
def _weight_of(table: Float1D, lots: int) -> float:
    slot = _slot(lots)
    return table[_WEIGHTS + slot] if table[slot] == lots else 0.0


@kernel
def _add(table: Float1D, lots: int, weight: float) -> None:
    """Of two sizes in one slot the one with more weight stays, less the other's."""
    slot = _slot(lots)
    held = table[_WEIGHTS + slot]
    if table[slot] == lots:
        table[_WEIGHTS + slot] += weight
        table[_TOTAL] += weight
    elif held > weight:
        table[_WEIGHTS + slot] -= weight
        table[_TOTAL] -= weight
    else:
        table[slot], table[_WEIGHTS + slot] = lots, weight
        table[_TOTAL] += weight - held


@inner_kernel
def _memory_of(lately: Float1D, memory: int, side: int) -> Float1D:
    """Table of a memory that an order of a side belongs to."""
    at = 0 if memory == 0 else 2 * memory - 1 + ((1 - side) >> 1)
    return lately[at * TABLE : (at + 1) * TABLE]


@inner_kernel
def _recent_chance(table: Float1D, lots: int, static: float) -> float:
    """(weight of the size + prior · static) / (all weight + prior)."""
    prior = _PRIOR * max(table[_UNIT], 1.0)
    return (_weight_of(table, lots) + prior * static) / (table[_TOTAL] + prior)


@inner_kernel
def _share(model: Float1D, lately: Float1D, memory: int, side: int) -> float:
    """Weight of a memory for the next order of a side: the usual one before the first."""
    held = lately[_SHARES + MEMORIES * ((1 - side) >> 1) + memory]
    return held if held > 0.0 else model[_REPEATS + memory]


@kernel
def weigh_memories(model: Float1D, lately: Float1D, side: int, lots: int, static: float) -> None:
    """Bring the weights of the memories to what an order of a side says, before it is remembered."""
    whole = ordinary_chance(model, lately, side, lots, static)
    at = _SHARES + MEMORIES * ((1 - side) >> 1)
    for memory in range(MEMORIES):
        chance = _recent_chance(_memory_of(lately, memory, side), lots, static)
        posterior = _share(model, lately, memory, side) * chance / whole
        lately[at + memory] = (1.0 - _GIVEN_BACK) * posterior + _GIVEN_BACK * model[_REPEATS + memory]


@kernel
def ordinary_chance(model: Float1D, lately: Float1D, side: int, lots: int, static: float) -> float:
    """p0(lots | side, past): the static chance and those of the memories, weighed."""
    chance, rest = 0.0, 1.0
    for memory in range(MEMORIES):
        weight = _share(model, lately, memory, side)
        chance += weight * _recent_chance(_memory_of(lately, memory, side), lots, static)
        rest -= weight
    return chance + rest * static


@kernel
def remember_lately(lately: Float1D, side: int, lots: int) -> None:
    """Take an order's size into the memories of ordinary flow."""
    fade = 1.0 / 2000.0
    for memory in range(MEMORIES):
        table = _memory_of(lately, memory, side)
        unit = max(table[_UNIT], 1.0)
        _add(table, lots, unit)
        unit *= 1.0 + fade
        if unit > _RESCALED:
            table[_WEIGHTS:_UNIT] *= 1.0 / unit
            unit = 1.0
        table[_UNIT] = unit
        fade = 0.01 if memory == 0 else 0.1


@inner_kernel
def volume_ratio(model: Float1D, lots: int, static: float, ordinary: float) -> float:
    """p1(lots) / p0(lots | past) of children that come as volume does: p1(q) ∝ min(q, cap) · static chance of q."""
    return min(np.float64(lots), model[_CAP]) / model[_MEAN] * static / ordinary


@kernel
def size_ratio(profile: Float1D, model: Float1D, lots: int, static: float, ordinary: float, unit: float) -> float:
    """p1(lots) / p0(lots | past): of a size as any, of a size from a quarter the side has used, of a size it has used.

    Each of the three is a distribution over sizes, so the mean of the ratio in ordinary flow is 1.
    """
    quarter, prior = _quarter(lots), _PRIOR * unit
    alike = static * (profile[quarter] / model[quarter] + prior) / (profile[_HELD] + prior)
    used = profile[_USED:]
    same = (_weight_of(used, lots) + prior * ordinary) / (used[_TOTAL] + prior)
    return _ANY + (_ALIKE * alike + _SAME * same) / ordinary


@kernel
def learn_size(profile: Float1D, lots: int, weight: float) -> None:
    """Take an order's size into a profile."""
    profile[_quarter(lots)] += weight
    profile[_HELD] += weight
    _add(profile[_USED:], lots, weight)


@kernel
def scale_profile(profile: Float1D, factor: float) -> None:
    """Multiply every weight."""
    profile[:_USED] *= factor
    profile[_USED + _WEIGHTS : _USED + _UNIT] *= factor


@kernel
def quarters_of(lots: Int1D, out: Int1D) -> None:
    """Quarter of each size."""
    for i in range(len(lots)):
        out[i] = _quarter(lots[i])


@kernel
def static_chances(model: Float1D, lots: Int1D, out: Float1D) -> None:
    """Static chance of each size."""
    for i in range(len(lots)):
        out[i] = static_chance(model, lots[i])


@kernel
def recent_chances(model: Float1D, side: Int1D, lots: Int1D, out: Float2D) -> None:
    """Chance of each size by each memory of what came before it; a row an order."""
    lately = np.zeros(LATELY)
    for i in range(len(lots)):
        static = static_chance(model, lots[i])
        for memory in range(MEMORIES):
            out[i, memory] = _recent_chance(_memory_of(lately, memory, side[i]), lots[i], static)
        remember_lately(lately, side[i], lots[i])
