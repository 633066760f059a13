"""Undiscounted Black-76 values and derivatives of options, without cancellation out of the money.

In x = −|ln(F/K)| and s = σ√T the out-of-the-money value over √(FK) is (Jäckel 2015, doi:10.1002/wilm.10395, section 2)

    b(x, s) = e^{x/2} N(h + t) − e^{−x/2} N(h − t) = φ(h) e^{−t²/2} [Y(h + t) − Y(h − t)],   h = x/s, t = s/2, Y = N/φ.

Small t: the bracket is 2 Σ J_{2k+1}(−h) t^{2k+1}/(2k+1)! with J_n(a) = ∫_0^∞ uⁿ e^{−au − u²/2} du, of positive terms only.
"""

from __future__ import annotations

from math import erfc, exp, log, log1p, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int8_1D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = [
    "black_derivatives",
    "black_prices",
    "black_value",
    "log_moneyness",
    "log_normalised",
    "missing_value",
    "normal_cdf",
    "normalised",
    "normalised_vega",
]

_SQRT_HALF: Final = 0.7071067811865476
_SQRT_2PI: Final = 2.5066282746310002
_LOG_SQRT_2PI: Final = 0.9189385332046728
_SMALL_T: Final = 0.2  # eight terms of the series are then below 1e-18 of the first
_MILLS_A: Final = 5.0  # above, N(−a) by erfc begins to lose digits to its e^{a²/2}
_MILLS_STEPS: Final = 32  # a recurrence of n steps is right to e^{−2a√n}: here 1e-24
_SERIES_A: Final = 2.5  # above, the forward recurrence of J_n cancels; below, the backward one is slow
_SERIES_STEPS: Final = 100  # right to 1e-21
_TERMS: Final = 16


@inner_kernel
def normal_cdf(z: float) -> float:
    """N(z), accurate in its lower tail."""
    return 0.5 * erfc(-z * _SQRT_HALF)


@inner_kernel
def log_moneyness(forward: float, strike: float) -> float:
    """ln(F/K); near the money from F − K, which is exact."""
    ratio = forward / strike
    return log1p((forward - strike) / strike) if 0.5 < ratio < 2.0 else log(forward) - log(strike)


@kernel
def _mills(a: float) -> float:
    """Y(−a) = J_0(a) for a ≥ 0: by `erfc`, or by the backward recurrence J_{n−1} = (J_{n+1} + a J_n)/n with J_1 + a J_0 = 1."""
    if a < _MILLS_A:
        return _SQRT_2PI * exp(0.5 * a * a) * normal_cdf(-a)
    above, here = 0.0, 1.0
    for n in range(_MILLS_STEPS, 0, -1):
        above, here = here, (above + a * here) / n
        if here > 1e200:
            above, here = above * 1e-200, here * 1e-200
    return here / (above + a * here)


@kernel
def _series(a: float, t: float) -> float:
    """2 Σ J_{2k+1}(a) t^{2k+1}/(2k+1)!, the bracket of b for small t."""
    moments = np.empty(_TERMS)
    if a < _SERIES_A:
        moments[0] = _mills(a)
        moments[1] = 1.0 - a * moments[0]
        for n in range(1, _TERMS - 1):
            moments[n + 1] = n * moments[n - 1] - a * moments[n]
    else:
        above, here = 0.0, 1e-200
        for n in range(_SERIES_STEPS, 0, -1):
            above, here = here, (above + a * here) / n
            if n <= _TERMS:
                moments[n - 1] = here
            if here > 1e200:
                above, here = above * 1e-200, here * 1e-200
                moments[n - 1 :] *= 1e-200
        moments /= moments[1] + a * moments[0]
    total, power = 0.0, t
    for k in range(_TERMS // 2):
        total += moments[2 * k + 1] * power
        power *= t * t / ((2 * k + 2) * (2 * k + 3))
    return 2.0 * total


@kernel
def log_normalised(x: float, s: float) -> float:
    """ln b(x, s) for x ≤ 0 and h + t ≤ 0 or t small, where b itself may be too small for a double."""
    h, t = x / s, 0.5 * s
    gap = _series(-h, t) if t < _SMALL_T else _mills(-h - t) - _mills(t - h)
    return log(gap) - 0.5 * (h * h + t * t) - _LOG_SQRT_2PI


@kernel
def normalised(x: float, s: float) -> float:
    """b(x, s) for x ≤ 0, s > 0."""
    h, t = x / s, 0.5 * s
    if t < _SMALL_T or h + t <= 0.0:
        return exp(log_normalised(x, s))
    return exp(0.5 * x) * normal_cdf(h + t) - exp(-0.5 * x) * normal_cdf(h - t)


@kernel
def missing_value(x: float, s: float) -> float:
    """e^{x/2} − b(x, s), what the value lacks of its upper bound."""
    h, t = x / s, 0.5 * s
    return exp(0.5 * x) * normal_cdf(-h - t) + exp(-0.5 * x) * normal_cdf(h - t)


@inner_kernel
def normalised_vega(x: float, s: float) -> float:
    """∂b/∂s = e^{−(h² + t²)/2}/√(2π)."""
    h, t = x / s, 0.5 * s
    return exp(-0.5 * (h * h + t * t)) / _SQRT_2PI


@kernel
def black_value(forward: float, strike: float, deviation: float, sign: int) -> float:
    """Undiscounted price for a standard deviation σ√T > 0 of ln(F); sign is +1 call, −1 put."""
    intrinsic = max(sign * (forward - strike), 0.0)
    return intrinsic + sqrt(forward) * sqrt(strike) * normalised(-abs(log_moneyness(forward, strike)), deviation)


@kernel
def black_prices(forward: Float1D, strike: Float1D, years: Float1D, sigma: Float1D, sign: Int8_1D, out: Float1D) -> None:
    """Undiscounted price of each option; sign is +1 call, −1 put. Assumes positive finite numbers; NaN stays NaN."""
    for i in range(len(out)):
        deviation = sigma[i] * sqrt(years[i])
        if deviation > 0.0 and forward[i] > 0.0 and strike[i] > 0.0:
            out[i] = black_value(forward[i], strike[i], deviation, sign[i])
        else:
            out[i] = np.nan


@kernel
def black_derivatives(forward: Float1D, strike: Float1D, years: Float1D, sigma: Float1D, sign: Int8_1D, out: Float2D) -> None:
    """Rows of price, ∂/∂F, ∂²/∂F², ∂/∂σ, −∂/∂T, and K N(±d2) (which is ±K times minus ∂/∂K); assumptions as `black_prices`."""
    for i in range(len(out)):
        root = sqrt(years[i])
        deviation = sigma[i] * root
        if not (deviation > 0.0 and forward[i] > 0.0 and strike[i] > 0.0):
            out[i, :] = np.nan
            continue
        d1 = log_moneyness(forward[i], strike[i]) / deviation + 0.5 * deviation
        density = exp(-0.5 * d1 * d1) / _SQRT_2PI
        out[i, 0] = black_value(forward[i], strike[i], deviation, sign[i])
        out[i, 1] = sign[i] * normal_cdf(sign[i] * d1)
        out[i, 2] = density / (forward[i] * deviation)
        out[i, 3] = forward[i] * density * root
        out[i, 4] = -0.5 * forward[i] * density * sigma[i] / root
        out[i, 5] = strike[i] * normal_cdf(sign[i] * (d1 - deviation))
