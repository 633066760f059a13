"""What usually happens: shares of outcomes and sizes of postings in the recent past, counted in integers.

The past is forgotten by halving all counts when they have become many, so a rate is that of the last half to whole of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel

__all__ = ["HALVED_AT", "SIZES", "SIZES_HALVED_AT", "count_share", "count_size", "learn", "octave", "tail_share"]

HALVED_AT: Final = 512  # outcomes
SIZES_HALVED_AT: Final = 4096

# slots of a histogram: how many sizes, their greatest octave, then one count for each octave
_SEEN: Final = 0
_MOST: Final = 1
_FIRST: Final = 2
SIZES: Final = _FIRST + 64


@kernel
def count_share(counts: Int1D, outcome: int) -> float:
    """Share that an outcome had until now; then count it."""
    total = 0
    for i in range(len(counts)):
        total += counts[i]
    share = counts[outcome] / total
    counts[outcome] += 1
    if total + 1 >= HALVED_AT:
        for i in range(len(counts)):
            counts[i] = (counts[i] + 1) >> 1  # never to nothing: a share is divided by
    return share


@inner_kernel
def octave(number: int) -> int:
    """Whole part of log2 of a positive number."""
    return 63 - count_leading_zeros(number)


@kernel
def tail_share(sizes: Int1D, lots: int, limit: float) -> float:
    """Share of sizes at least as large, itself included, evenly spread within an octave; 1 once it is above the limit."""
    of, above = octave(lots), 1.0
    at = sizes[_MOST]
    while at > of and above <= limit * (sizes[_SEEN] + 1):
        above += sizes[_FIRST + at]
        at -= 1
    if at > of:
        return 1.0
    one = np.int64(1) << of
    above += sizes[_FIRST + of] * ((2.0 * one - lots) / one)
    return above / (sizes[_SEEN] + 1)


@inner_kernel
def count_size(sizes: Int1D, lots: int) -> None:
    """Count one size."""
    of = octave(lots)
    sizes[_FIRST + of] += 1
    sizes[_SEEN] += 1
    sizes[_MOST] = max(sizes[_MOST], of)
    if sizes[_SEEN] >= SIZES_HALVED_AT:
        _halve(sizes)


@kernel
def _halve(sizes: Int1D) -> None:
    sizes[_SEEN] = 0
    for of in range(64):
        sizes[_FIRST + of] >>= 1
        sizes[_SEEN] += sizes[_FIRST + of]
        if sizes[_FIRST + of]:
            sizes[_MOST] = of


@inner_kernel
def learn(moments: Float1D, value: float, weight: float, most: float) -> None:
    """Exponential mean and variance, in `moments`, of values cut at `most`."""
    change = min(value, most) - moments[0]
    moments[0] += weight * change
    moments[1] = (1.0 - weight) * (moments[1] + weight * change * change)
