"""Linear equations that go one way, from each state to the next."""

from __future__ import annotations

from math import exp

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.jit import kernel

__all__ = ["advance"]

_PIECE = 16.0  # e^16 leaves room in a float64 for what is scaled by it


@kernel
def advance(value: Float1D, leave: Float1D, gain: Float1D) -> None:
    """value ← e^B value with −leave_q on the diagonal of B and gain_q at (q, q−1); gain is not below 0, gain_0 is not read.

    A series of positive terms, e^B = e^{−c} Σ (cI + B)ⁿ/n! with c no less than any `leave`: each entry is right to rounding
    times the number of terms, however small it is beside the others. Pieces are so short that e^c stays small.
    """
    top = 0.0
    for q in range(len(value)):
        top = max(top, leave[q])
    pieces = int(top / _PIECE) + 1
    term = np.empty(len(value))
    for _ in range(pieces):
        term[:] = value
        order, growing = 0, True
        while growing:
            order += 1
            growing = False
            below = 0.0
            for q in range(len(value)):
                sent = (top - leave[q]) * term[q]
                if q > 0:
                    sent += gain[q] * below
                below = term[q]
                term[q] = sent / (pieces * order)
                if term[q] > 1e-17 * value[q]:
                    growing = True
                value[q] += term[q]
        value *= exp(-top / pieces)
