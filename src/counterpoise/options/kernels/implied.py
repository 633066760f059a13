"""Implied deviation s = σ√T of a normalised out-of-the-money value: Halley steps on a fitting objective, kept in a bracket.

The objective follows the size of the value as in Jäckel (2015), doi:10.1002/wilm.10395, section 4: 1/ln b below the value at
the inflection s_c = √(2|x|), b itself above it, and ln(e^{x/2} − b) near the upper bound.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int8_1D
from counterpoise.core.jit import kernel
from counterpoise.options.kernels.black import log_moneyness, log_normalised, missing_value, normalised, normalised_vega

__all__ = ["implied_deviation", "implied_volatilities"]

_LOW, _MIDDLE, _HIGH = 0, 1, 2
_ENOUGH: Final = 1e-6  # the step after this one would be its cube
_MAX_STEPS: Final = 200
_SQRT_2PI: Final = 2.5066282746310002


@kernel
def _rise(target: float, value: float) -> float:
    """1/target − 1/value of two logarithms below zero, which rises with the value."""
    return (value - target) / (target * value)


@kernel
def _objective(x: float, s: float, target: float, branch: int) -> tuple[float, float, float]:
    """Objective (it rises with s), its slope, and curvature over slope."""
    vega, bend = normalised_vega(x, s), x * x / (s * s * s) - 0.25 * s
    if branch == _LOW:
        value = log_normalised(x, s)
        h, t = x / s, 0.5 * s
        slope = exp(-0.5 * (h * h + t * t) - 0.9189385332046728 - value)
        return _rise(target, value), slope / (value * value), bend - slope - 2.0 * slope / value
    if branch == _MIDDLE:
        return normalised(x, s) - target, vega, bend
    lacking = missing_value(x, s)
    return log(target) - log(lacking), vega / lacking, bend + vega / lacking


@kernel
def implied_deviation(x: float, beta: float) -> float:
    """s with b(x, s) = beta for x ≤ 0, 0 < beta < e^{x/2}; relative error near 1e-15 times the conditioning of the value."""
    bound, centre = exp(0.5 * x), sqrt(-2.0 * x)
    lower, upper = centre, np.inf
    at_centre = normalised(x, centre) if centre > 0.0 else 0.0
    if beta < at_centre:
        branch, target, lower, upper = _LOW, log(beta), 0.0, centre
        s = min(-x / sqrt(-2.0 * target), centre)
    elif beta < 0.75 * bound:
        branch, target = _MIDDLE, beta
        s = centre + (beta - at_centre) / (normalised_vega(x, centre) if centre > 0.0 else 1.0 / _SQRT_2PI)
    else:
        branch, target = _HIGH, bound - beta
        s = max(centre, 2.0 * sqrt(-2.0 * log(target / bound)))
    for _ in range(_MAX_STEPS):
        miss, slope, bend = _objective(x, s, target, branch)
        if miss == 0.0:
            return s
        lower, upper = (s, upper) if miss < 0.0 else (lower, s)
        newton = -miss / slope if slope > 0.0 else np.inf
        ahead = s + newton / max(1.0 + 0.5 * newton * bend, 0.5)
        if not lower <= ahead <= upper or not np.isfinite(ahead):
            s = 0.5 * (lower + upper) if np.isfinite(upper) else 2.0 * lower
        elif abs(ahead - s) <= _ENOUGH * s:
            return ahead
        else:
            s = ahead
        if np.isfinite(upper) and upper - lower <= 1e-16 * upper:
            break
    return s


@kernel
def implied_volatilities(
    price: Float1D, forward: Float1D, strike: Float1D, years: Float1D, sign: Int8_1D, out: Float1D
) -> None:
    """σ of each undiscounted price strictly inside its bounds; 0 at intrinsic value, NaN where anything is NaN."""
    for i in range(len(out)):
        intrinsic = max(sign[i] * (forward[i] - strike[i]), 0.0)
        beta = (price[i] - intrinsic) / (sqrt(forward[i]) * sqrt(strike[i]))
        if beta > 0.0:
            out[i] = implied_deviation(-abs(log_moneyness(forward[i], strike[i])), beta) / sqrt(years[i])
        else:
            out[i] = 0.0 if beta == 0.0 else np.nan
