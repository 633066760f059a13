"""Price impact of our own trading: the one object that prices a plan and that the simulated venue applies to our orders."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration

__all__ = ["NO_IMPACT", "TransientImpact"]


class TransientImpact(Config, frozen=True, kw_only=True):
    """Linear transient impact with an exponential-sum decay kernel (propagator).

    A signed trade of value q [quote, millions] at time s moves the mid by

        bps_per_million · q · G(t − s),    G(t) = permanent + (1 − permanent) · Σ wᵢ 2^(−t / half_lifeᵢ),    G(0) = 1

    Parameters
    ----------
    bps_per_million : float
        Immediate displacement [bps of price] of a trade worth one million of the quote currency; ≥ 0, 0 turns impact off.
    permanent : float
        Part that never decays, in [0, 1].
    half_lives : tuple of str
        Durations such as ``"2s"``.
    weights : tuple of float
        Of the half-lives; positive, sum to 1. Empty means equal.

    Raises
    ------
    InputError
        If a number is out of its bound. Every kernel that passes is convex, decreasing and positive, so with linear impact no
        round trip has negative expected cost (Gatheral 2010, section 5; Gatheral, Schied, Slynko 2012, Theorem 1).

    References
    ----------
    Bouchaud, Gefen, Potters, Wyart (2004), Quantitative Finance 4, eq. (5). Obizhaeva, Wang (2013) for a single half-life.
    """

    bps_per_million: float = 0.0
    permanent: float = 0.2
    half_lives: tuple[str, ...] = ("1s", "10s", "2m")
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.bps_per_million < 1e6 or not 0 <= self.permanent <= 1:
            raise InputError(
                f"impact needs bps_per_million >= 0 and permanent in [0, 1], found {self.bps_per_million} and {self.permanent}"
            )
        if not self.half_lives or (self.weights and len(self.weights) != len(self.half_lives)):
            raise InputError(
                f"impact needs a half-life, and a weight for each or none: found {len(self.half_lives)} and {len(self.weights)}"
            )
        if self.weights and not (all(w > 0 for w in self.weights) and abs(sum(self.weights) - 1) <= 1e-9):
            raise InputError(f"impact weights must be positive and sum to 1, found {self.weights}")
        for text in self.half_lives:
            parse_duration(text)

    @property
    def shares(self) -> Float1D:
        """(n + 1,) share of the displacement in each component; the first is the permanent one."""
        weights = self.weights or (1 / len(self.half_lives),) * len(self.half_lives)
        return np.array([self.permanent, *((1 - self.permanent) * w for w in weights)])

    @property
    def rates(self) -> Float1D:
        """(n + 1,) decay rate of each component [1/ns]; 0 for the permanent one."""
        return np.array([0.0, *(np.log(2) / parse_duration(text) for text in self.half_lives)])

    def kernel(self, lag_ns: Int1D) -> Float1D:
        """G at non-negative lags: (m,) ns → (m,)."""
        return np.asarray(np.exp(-np.outer(lag_ns, self.rates)) @ self.shares)

    def displacement_bps(self, at_ns: Int1D, trade_ns: Int1D, signed_millions: Float1D) -> Float1D:
        """Displacement of mid [bps] just before each time in `at_ns`, by trades strictly before it. O(m n)."""
        lag = at_ns[:, None] - trade_ns[None, :]
        weight = np.where(lag > 0, self.kernel(np.maximum(lag, 0).ravel()).reshape(lag.shape), 0.0)
        return np.asarray(self.bps_per_million * (weight @ signed_millions))

    def cost_bps(self, trade_ns: Int1D, signed_millions: Float1D) -> float:
        """Expected cost of a schedule from its own earlier trades [bps of its value]; spread and depth are extra.

        Each trade pays the displacement its predecessors left, and half of its own and of those at the same instant: together
        ``½ Σᵢⱼ qᵢ qⱼ G(|tᵢ − tⱼ|)``, which no schedule makes negative. O(n²).
        """
        total = float(np.abs(signed_millions).sum())
        if total == 0:
            return 0.0
        lag = np.abs(trade_ns[:, None] - trade_ns[None, :])
        both = signed_millions @ self.kernel(lag.ravel()).reshape(lag.shape) @ signed_millions
        return float(self.bps_per_million * both / 2) / total

    def ticks_per_lot(self, *, notional_per_lot: float, price_ticks: float) -> float:
        """Immediate displacement in ticks of one lot worth `notional_per_lot` [quote] at a price."""
        return self.bps_per_million * BPS * price_ticks * notional_per_lot / _MILLION


_MILLION: Final = 1e6
NO_IMPACT: Final = TransientImpact()
