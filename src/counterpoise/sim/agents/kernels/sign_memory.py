"""Ordinary flow remembers: the chance that the next aggressive order buys, given the signs of those before.

    P(s = +1 | past) = 1 / (1 + e^{−x}),   x = Σ_k w_k f_k

f_k: means of past signs with exponential weights whose lengths quadruple from 2 to 2,048 orders (a power law in steps, after
the long memory of Lillo and Farmer 2004, doi:10.2202/1558-3708.1226), then the last sign faded over .1 s and over 1 s. There is
no constant, so buying and selling are alike.
"""

from __future__ import annotations

from math import exp
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = ["MEANS", "MEMORY", "SIGN_FEATURES", "buy_chance", "draw_signs", "remember_sign", "sign_features"]

MEANS: Final = 6  # over 2, 8, 32, 128, 512 and 2,048 orders
_FADES: Final = 2
SIGN_FEATURES: Final = MEANS + _FADES
MEMORY: Final = MEANS + 1  # floats: the means, then the last sign, 0 before the first order
_NS: Final = 1e-9


@inner_kernel
def _feature(memory: Float1D, k: int, waited_s: float) -> float:
    if k < MEANS:
        return memory[k]
    return memory[MEANS] * exp(-waited_s * (10.0 if k == MEANS else 1.0))


@inner_kernel
def buy_chance(memory: Float1D, weights: Float1D, waited_s: float) -> float:
    """P(+1 | past), `waited_s` seconds after the last order."""
    x = 0.0
    for k in range(SIGN_FEATURES):
        x += weights[k] * _feature(memory, k, waited_s)
    return 1.0 / (1.0 + exp(-x))


@inner_kernel
def remember_sign(memory: Float1D, sign: int) -> None:
    """Take the sign of an order, +1 or −1, into the means."""
    weight = 0.5
    for k in range(MEANS):
        memory[k] += weight * (sign - memory[k])
        weight *= 0.25
    memory[MEANS] = sign


@kernel
def sign_features(ts_ns: Int1D, sign: Int1D, out: Float2D) -> None:
    """Features of each order from those before it; a row an order."""
    memory = np.zeros(MEMORY)
    for i in range(len(sign)):
        waited = (ts_ns[i] - ts_ns[i - 1]) * _NS if i else 0.0
        for k in range(SIGN_FEATURES):
            out[i, k] = _feature(memory, k, waited)
        remember_sign(memory, sign[i])


@kernel
def draw_signs(ts_ns: Int1D, uniforms: Float1D, weights: Float1D, out: Int1D) -> None:
    """Signs of orders at given times, drawn from the model by one uniform each."""
    memory = np.zeros(MEMORY)
    for i in range(len(out)):
        waited = (ts_ns[i] - ts_ns[i - 1]) * _NS if i else 0.0
        out[i] = 1 if uniforms[i] < buy_chance(memory, weights, waited) else -1
        remember_sign(memory, out[i])
