"""What agents draw: normals, waiting times, quantiles of tables, power-law lengths."""

from __future__ import annotations

from math import cos, exp, log, pi, sqrt

import numpy as np

from counterpoise.core.arrays import Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.layout import TABLES
from counterpoise.sim.kernels.random import TABLE_BITS, next_word, uniform

__all__ = ["below", "draw_table", "normal", "power_law", "sign", "wait_ns"]

_TABLE_SHIFT = np.uint64(64 - TABLE_BITS)
_BITS32 = np.uint64(32)


@kernel
def normal(rng: UInt2D, stream: int) -> float:
    """One standard normal (Box and Muller 1958, doi:10.1214/aoms/1177706645); the second of the pair is let go."""
    radius = sqrt(-2.0 * log(1.0 - uniform(rng, stream)))
    return radius * cos(2.0 * pi * uniform(rng, stream))


@kernel
def wait_ns(rng: UInt2D, stream: int, rate: float) -> int:
    """Exponential waiting time at a rate [1/s] > 0, one ns at least."""
    return int(-log(1.0 - uniform(rng, stream)) / rate * 1e9) + 1


@kernel
def below(rng: UInt2D, stream: int, count: int) -> int:
    """A whole number in [0, count), count < 2³¹; the bias is below 2⁻³²·count."""
    return ((np.int64(next_word(rng, stream) >> _BITS32)) * count) >> 32


@kernel
def sign(rng: UInt2D, stream: int, lean: float) -> int:
    """+1 with chance (1 + lean) / 2, else −1."""
    return 1 if uniform(rng, stream) * 2.0 < 1.0 + lean else -1


@kernel
def draw_table(world: Int1D, rng: UInt2D, stream: int, table: int) -> int:
    """One value of a distribution given as 2¹² equally likely quantiles."""
    return world[world[TABLES] + (table << TABLE_BITS) + np.int64(next_word(rng, stream) >> _TABLE_SHIFT)]


@kernel
def power_law(rng: UInt2D, stream: int, exponent: float, most: int) -> int:
    """A length n ≥ 1 with P(length ≥ n) = n^−exponent up to `most`, where the rest of the tail sits."""
    length = exp(-log(1.0 - uniform(rng, stream)) / exponent)
    return int(length) if length < most else most
