"""Random numbers of kernels: xoshiro256++ with its state in an explicit array, one row of four words per stream.

Blackman and Vigna (2021), doi:10.1145/3460772, fig. 5. The state is all there is: copying the array copies the generator, and a
run cut in two draws the same numbers as a run in one piece. A row must not be all zeros.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int2D, UInt2D
from counterpoise.core.jit import kernel

__all__ = ["TABLE_BITS", "draw", "next_word", "uniform"]

TABLE_BITS: Final = 12  # a table holds 2¹² quantiles of a distribution

_R23, _L41, _S17, _R45, _L19 = np.uint64(23), np.uint64(41), np.uint64(17), np.uint64(45), np.uint64(19)
_LOW, _S32 = np.uint64(2**32 - 1), np.uint64(32)
_S11, _SINDEX = np.uint64(11), np.uint64(64 - TABLE_BITS)
_ULP: Final = 2.0**-53


@kernel
def _sum(a: np.uint64, b: np.uint64) -> np.uint64:
    """a + b mod 2⁶⁴ by halves: numpy, when the kernels run as Python, warns of a sum that wraps."""
    low = (a & _LOW) + (b & _LOW)
    return (((a >> _S32) + (b >> _S32) + (low >> _S32)) << _S32) | (low & _LOW)


@kernel
def next_word(rng: UInt2D, stream: int) -> np.uint64:
    """Next 64 random bits of a stream."""
    s0, s1, s2, s3 = rng[stream, 0], rng[stream, 1], rng[stream, 2], rng[stream, 3]
    total = _sum(s0, s3)
    word = _sum((total << _R23) | (total >> _L41), s0)
    shifted = s1 << _S17
    s2 ^= s0
    s3 ^= s1
    rng[stream, 1] = s1 ^ s2
    rng[stream, 0] = s0 ^ s3
    rng[stream, 2] = s2 ^ shifted
    rng[stream, 3] = (s3 << _R45) | (s3 >> _L19)
    return np.uint64(word)


@kernel
def uniform(rng: UInt2D, stream: int) -> float:
    """Next double in [0, 1) of a stream: its upper 53 bits."""
    return np.float64(next_word(rng, stream) >> _S11) * _ULP


@kernel
def draw(rng: UInt2D, stream: int, tables: Int2D, table: int) -> int:
    """One value of a distribution given as 2¹² equally likely quantiles."""
    return np.int64(tables[table, np.int64(next_word(rng, stream) >> _SINDEX)])
