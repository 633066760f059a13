"""Raw SVI smiles: total variance by log-moneyness, with its natural and jump-wings forms.

    w(k) = a + b (ρ(k − m) + √((k − m)² + σ²)),   k = ln(K/F),   w = implied variance × years

Gatheral and Jacquier (2014), arXiv 1204.0646, section 3. Whether a smile can be arbitraged is said by `svi_arbitrage`.
"""

from __future__ import annotations

from math import copysign, isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, NumericalError

__all__ = ["JumpWings", "NaturalSvi", "RawSvi", "jump_wings", "natural_svi", "raw_from_jump_wings", "raw_from_natural"]

_ROUNDING = 1e-12


class RawSvi(Config, frozen=True, kw_only=True):
    """Raw parameters: level, slope of the wings, skew, place and width of the bend.

    Parameters
    ----------
    a, b, sigma : float
        Total variance; total variance a unit of k; k. b ≥ 0, σ > 0, and a + bσ√(1 − ρ²) ≥ 0, the least total variance.
    rho, m : float
        |ρ| < 1; k.
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    def __post_init__(self) -> None:
        if not all(isfinite(value) for value in (self.a, self.b, self.rho, self.m, self.sigma)):
            raise InputError(f"SVI parameters must be finite, found {self}")
        if not (self.b >= 0 and abs(self.rho) < 1 and self.sigma > 0):
            raise InputError(f"SVI needs b >= 0, |rho| < 1 and sigma > 0, found b={self.b}, rho={self.rho}, sigma={self.sigma}")
        if self.least_variance() < -_ROUNDING:
            raise InputError(f"SVI variance falls to {self.least_variance():.6g}, expected at least 0; raise a or lower b")

    def least_variance(self) -> float:
        """a + bσ√(1 − ρ²), the total variance at the lowest point of the smile."""
        return self.a + self.b * self.sigma * sqrt(1.0 - self.rho * self.rho)

    def total_variance(self, k: ArrayLike) -> Float1D:
        """w at each log-moneyness; (...) float64 in and out, NaN stays NaN."""
        y = np.asarray(k, np.float64) - self.m
        return np.asarray(self.a + self.b * (self.rho * y + np.hypot(y, self.sigma)))

    def volatility(self, k: ArrayLike, *, years: float) -> Float1D:
        """√(w/T) [1/√year] at each log-moneyness.

        Raises
        ------
        InputError
            If `years` is not positive.
        """
        _require_years(years)
        return np.sqrt(np.maximum(self.total_variance(k), 0.0) / years)


class NaturalSvi(Config, frozen=True, kw_only=True):
    """w = Δ + ω/2 (1 + ζρ(k − μ) + √((ζ(k − μ) + ρ)² + 1 − ρ²)); ω ≥ 0, ζ > 0, |ρ| < 1."""

    delta: float
    mu: float
    rho: float
    omega: float
    zeta: float

    def __post_init__(self) -> None:
        if not (self.omega >= 0 and self.zeta > 0 and abs(self.rho) < 1):
            raise InputError(f"natural SVI needs omega >= 0, zeta > 0 and |rho| < 1, found {self}")


class JumpWings(Config, frozen=True, kw_only=True):
    """What a trader sees of one expiry; the figures of a smile that only scales with time stay the same.

    Parameters
    ----------
    v, v_least : float [1/year]
        Implied variance at the money, and the least.
    psi : float
        ∂σ√T/∂k at the money.
    p, c : float
        Slopes of the put and call wing over √w.
    years : float [years]
    """

    v: float
    psi: float
    p: float
    c: float
    v_least: float
    years: float

    def __post_init__(self) -> None:
        _require_years(self.years)
        if not (self.v > 0 and self.p >= 0 and self.c >= 0 and self.p + self.c > 0 and 0 <= self.v_least <= self.v):
            raise InputError(f"jump wings need v > 0, p and c >= 0 but not both 0, and 0 <= v_least <= v, found {self}")


def natural_svi(raw: RawSvi) -> NaturalSvi:
    """The natural form of raw parameters (lemma 3.1)."""
    root = sqrt(1.0 - raw.rho**2)
    omega = 2.0 * raw.b * raw.sigma / root
    shift = raw.m + raw.rho * raw.sigma / root
    return NaturalSvi(delta=raw.a - 0.5 * omega * (1.0 - raw.rho**2), mu=shift, rho=raw.rho, omega=omega, zeta=root / raw.sigma)


def raw_from_natural(natural: NaturalSvi) -> RawSvi:
    """The raw form of natural parameters (lemma 3.1).

    Raises
    ------
    InputError
        If the smile would fall below zero.
    """
    root = sqrt(1.0 - natural.rho**2)
    return RawSvi(
        a=natural.delta + 0.5 * natural.omega * (1.0 - natural.rho**2),
        b=0.5 * natural.omega * natural.zeta,
        rho=natural.rho,
        m=natural.mu - natural.rho / natural.zeta,
        sigma=root / natural.zeta,
    )


def jump_wings(raw: RawSvi, *, years: float) -> JumpWings:
    """The jump wings of a raw smile of one expiry (equation 3.5).

    Raises
    ------
    InputError
        If `years` is not positive, the wings are flat, or the variance at the money is nought.
    """
    _require_years(years)
    radius = sqrt(raw.m**2 + raw.sigma**2)
    w = float(raw.total_variance(0.0))
    if not (w > 0 and raw.b > 0):
        raise InputError(f"jump wings need variance at the money and b > 0, found w(0)={w} and b={raw.b}")
    return JumpWings(
        v=w / years,
        psi=raw.b / (2.0 * sqrt(w)) * (raw.rho - raw.m / radius),
        p=raw.b * (1.0 - raw.rho) / sqrt(w),
        c=raw.b * (1.0 + raw.rho) / sqrt(w),
        v_least=max(raw.least_variance(), 0.0) / years,
        years=years,
    )


def raw_from_jump_wings(wings: JumpWings) -> RawSvi:
    """The raw smile with these jump wings (lemma 3.2).

    Raises
    ------
    NumericalError
        If no convex smile has them, or the bend is at the money without skew, where many have.
    """
    w = wings.v * wings.years
    b = 0.5 * sqrt(w) * (wings.c + wings.p)
    rho = 1.0 - wings.p * sqrt(w) / b
    beta = rho - 2.0 * wings.psi * sqrt(w) / b  # m/√(m² + σ²)
    if not (abs(beta) < 1 and abs(rho) < 1):
        raise NumericalError(f"no convex smile has the wings {wings}: -p <= 2 psi <= c is needed; check psi, p and c")
    root, drop = sqrt(1.0 - rho**2), (wings.v - wings.v_least) * wings.years
    if beta == 0.0:
        m, lever = 0.0, 1.0 - root
        sigma = drop / (b * lever) if lever > _ROUNDING else 0.0
    else:
        alpha = copysign(sqrt(1.0 / beta**2 - 1.0), beta)
        lever = -rho + copysign(sqrt(1.0 + alpha**2), alpha) - alpha * root
        m = drop / (b * lever) if abs(lever) > _ROUNDING else 0.0
        sigma = alpha * m
    if not sigma > 0:
        raise NumericalError(f"the wings {wings} put the lowest point at the money, which leaves sigma open; fit the raw form")
    return RawSvi(a=wings.v_least * wings.years - b * sigma * root, b=b, rho=rho, m=m, sigma=sigma)


def _require_years(years: float) -> None:
    if not (isfinite(years) and years > 0):
        raise InputError(f"years to expiry must be finite and above 0, found {years}")
