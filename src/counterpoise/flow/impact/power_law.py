"""A decay as a power of time, as a sum of exponentials with positive weights."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import gammainc

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.flow.impact.impact import TransientImpact

__all__ = ["power_law", "power_law_impact"]

_FACTOR: Final = 2.0  # between neighbouring rates
_HIGHEST: Final = 16.0  # times 1/since: exp(−16) of the gamma density lies beyond


def power_law(lag_ns: Float1D, *, exponent: float, since_ns: int) -> Float1D:
    """(1 + t / since)^(−exponent) at lags t ≥ 0, shape kept."""
    return np.asarray((1 + np.asarray(lag_ns, np.float64) / since_ns) ** -exponent)


def power_law_impact(
    *, bps_per_million: float, exponent: float, since_ns: int, until_ns: int, permanent: float = 0.0
) -> TransientImpact:
    """Impact that decays as G(t) = (1 + t / since)^(−β), as a sum of exponentials.

        (1 + t/s)^(−β) = 1/Γ(β) ∫₀^∞ u^(β−1) e^(−u) e^(−u t/s) du

    The integral is cut into octaves of u; each becomes one exponential with the weight and the mean rate of its octave.

    Parameters
    ----------
    bps_per_million : float
        λ: displacement at once.
    exponent : float
        β in (0, 2).
    since_ns : int
        s: earlier than that it hardly decays.
    until_ns : int
        Within 3 % of the power law up to there, and exponential later.
    permanent : float
        Part that never decays.

    Raises
    ------
    InputError
        If the exponent or the times are out of their bounds.

    Notes
    -----
    At a fixed participation a linear propagator makes an order of duration T ≫ s cost ∝ T^(1−β): with β = ½ the square root
    of its size. Weights are positive, so that no round trip earns, whatever the exponent.

    References
    ----------
    Bouchaud, Gefen, Potters, Wyart (2004), arXiv cond-mat/0307332: decay as a power of time. Donier, Bonart, Mastromatteo,
    Bouchaud (2015), arXiv 1412.0141: a latent book that diffuses gives β = ½.

    Examples
    --------
    >>> made = power_law_impact(bps_per_million=1, exponent=0.5, since_ns=10**9, until_ns=10**12)
    >>> round(float(made.kernel(np.array([99 * 10**9]))[0]), 3)
    0.1
    """
    if not 0 < exponent < 2 or not 0 < since_ns < until_ns:
        raise InputError(
            f"a power law needs an exponent in (0, 2) and 0 < since < until; found {exponent}, {since_ns} and {until_ns} ns"
        )
    lowest = since_ns / until_ns / 4
    octaves = int(np.ceil(np.log(_HIGHEST / lowest) / np.log(_FACTOR)))
    edges = np.concatenate([[0.0], _HIGHEST * _FACTOR ** np.arange(-octaves, 1.0)])
    mass = np.diff(gammainc(exponent, edges))
    rate = exponent * np.diff(gammainc(exponent + 1, edges)) / mass / since_ns
    half_lives = tuple(_whole_ns(np.log(2) / r) for r in rate)
    return TransientImpact(
        bps_per_million=bps_per_million,
        permanent=permanent,
        half_lives=half_lives,
        weights=tuple((mass / mass.sum()).tolist()),
    )


def _whole_ns(duration_ns: float) -> str:
    return f"{max(round(duration_ns), 1)}ns"
