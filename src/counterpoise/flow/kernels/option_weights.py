"""What an option weighs, from what the venue said of it: delta in coins, gamma for a move of 1 %, vega for a vol point.

A venue that gives no gamma gets that of Black (1976) with its own iv, φ(d₁) / (F σ √τ), and a year of 365 days.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = [
    "DELTA",
    "DELTA_COIN",
    "FORWARD",
    "GAMMA",
    "GAMMA_COIN",
    "IV",
    "MARK",
    "OUTSIDE",
    "SAID",
    "VEGA",
    "VEGA_CASH",
    "WEIGHTS",
    "WORTH_CASH",
    "option_weight_rows",
    "weigh",
]

# what the venue said, NaN where it said nothing
FORWARD: Final = 0
MARK: Final = 1
IV: Final = 2
DELTA: Final = 3
GAMMA: Final = 4
VEGA: Final = 5
SAID: Final = 6

# what it weighs, NaN where that is not known
DELTA_COIN: Final = 0
GAMMA_COIN: Final = 1
VEGA_CASH: Final = 2
WORTH_CASH: Final = 3
OUTSIDE: Final = 4  # 1 when struck beyond the forward, else 0
WEIGHTS: Final = 5

_YEAR_NS: Final = 365.0 * 86_400_000_000_000
_ROOT_TWO_PI: Final = math.sqrt(2 * math.pi)


@inner_kernel
def _black_gamma(forward: float, strike: float, iv: float, tenor_ns: int) -> float:
    if not (forward > 0 and iv > 0 and tenor_ns > 0):
        return np.nan
    width = iv * math.sqrt(tenor_ns / _YEAR_NS)
    moneyness = math.log(forward / strike)
    distance = moneyness / width + width / 2
    return math.exp(-(distance * distance) / 2) / _ROOT_TWO_PI / (forward * width)


@inner_kernel
def weigh(said: Float1D, strike: float, tenor_ns: int, call: int, in_coins: int, net: bool, weights: Float1D) -> None:
    """Weights of one coin of an option; `net` takes the premium of a coin-settled one off its delta."""
    forward, gamma = said[FORWARD], said[GAMMA]
    if np.isnan(gamma):
        gamma = _black_gamma(forward, strike, said[IV], tenor_ns)
    weights[DELTA_COIN] = said[DELTA] - (said[MARK] if net and in_coins else 0.0)
    weights[GAMMA_COIN] = gamma * forward / 100
    weights[VEGA_CASH] = said[VEGA]
    weights[WORTH_CASH] = said[MARK] * (forward if in_coins else 1.0)
    beyond = strike > forward if call else strike < forward
    weights[OUTSIDE] = np.nan if np.isnan(forward) else np.float64(beyond)


@kernel
def option_weight_rows(said: Float1D, strike: Float1D, terms: Int2D, net: bool, weights: Float1D) -> None:
    """Weights of many options: what was said and what they weigh in rows; terms are ns to expiry, call, coin-settled."""
    for i in range(len(strike)):
        of = terms[i]
        told, out = said[i * SAID : (i + 1) * SAID], weights[i * WEIGHTS : (i + 1) * WEIGHTS]
        weigh(told, strike[i], of[0], of[1], of[2], net, out)
