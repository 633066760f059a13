"""Maintenance tiers by notional: what each asks, and what keeps the requirement continuous where they meet."""

from __future__ import annotations

from math import inf, isinf
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError

__all__ = ["Tier", "TierTable"]

_TOLERANCE: Final = 1e-9  # a published leverage of 3 is an initial rate of .3333


class Tier(Config, frozen=True, kw_only=True):
    """One bracket of position value.

    Parameters
    ----------
    floor, cap : float
        It holds for a value in [floor, cap) [settle-side notional: quote if linear, coins if inverse]; the last cap may be inf.
    maintenance : float
        Marginal maintenance rate, in (0, 1).
    initial : float
        Least initial rate, 1 / maximum leverage; 0 where the source does not say, then not checked.
    """

    floor: float
    cap: float = inf
    maintenance: float
    initial: float = 0.0


class TierTable(Config, frozen=True, kw_only=True):
    """Tiers that cover every value once, with rates that rise.

        maintenance(n) = rate_k n − cum_k,    cum_k = cum_{k−1} + floor_k (rate_k − rate_{k−1}),    cum_0 = 0

    Parameters
    ----------
    tiers : tuple of Tier

    Raises
    ------
    ConfigError
        If tiers overlap or leave a gap, do not start at 0 or end at infinity, or a rate is out of (0, 1), does not rise, or is
        above the initial rate.

    Notes
    -----
    ``cum`` is Binance's maintenance amount and Hyperliquid's maintenance deduction. With it the requirement is continuous and
    convex in the value, so that a position has one liquidation price.
    """

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not self.tiers:
            raise ConfigError("tiers is empty; expected at least one tier from 0 to inf")
        if self.tiers[0].floor != 0:
            raise ConfigError(f"tiers[0].floor is {self.tiers[0].floor:g}; expected 0, or small positions need no margin")
        if not isinf(self.tiers[-1].cap):
            raise ConfigError(f"tiers[{len(self.tiers) - 1}].cap is {self.tiers[-1].cap:g}; expected inf: leave it out")
        for at, tier in enumerate(self.tiers):
            _require_rates(at, tier)
        for at in range(1, len(self.tiers)):
            _require_order(at, self.tiers[at - 1], self.tiers[at])

    @property
    def floors(self) -> Float1D:
        """(k,) least value of each tier."""
        return np.array([tier.floor for tier in self.tiers])

    @property
    def rates(self) -> Float1D:
        """(k,) marginal maintenance rates."""
        return np.array([tier.maintenance for tier in self.tiers])

    @property
    def cums(self) -> Float1D:
        """(k,) what is taken off, in the unit of the floors."""
        rates = self.rates
        return np.cumsum(self.floors * np.diff(rates, prepend=rates[0]))

    def index(self, notional: Float1D) -> Int1D:
        """Tier of each value: (n,) → (n,) int64."""
        return np.asarray(np.searchsorted(self.floors, notional, side="right") - 1, np.int64)

    def maintenance(self, notional: Float1D) -> Float1D:
        """Requirement of each value ≥ 0, in its unit: (n,) → (n,)."""
        at = self.index(notional)
        return np.asarray(self.rates[at] * notional - self.cums[at])


def _require_rates(at: int, tier: Tier) -> None:
    if not 0 <= tier.floor < tier.cap:
        raise ConfigError(f"tiers[{at}] reaches from {tier.floor:g} to {tier.cap:g}; expected 0 <= floor < cap")
    if not 0 < tier.maintenance < 1:
        raise ConfigError(f"tiers[{at}].maintenance is {tier.maintenance:g}; expected a fraction above 0 and below 1")
    if tier.initial and not tier.maintenance - _TOLERANCE <= tier.initial <= 1:
        raise ConfigError(
            f"tiers[{at}].initial is {tier.initial:g}; expected at least maintenance = {tier.maintenance:g} and at most 1"
        )


def _require_order(at: int, before: Tier, tier: Tier) -> None:
    if tier.floor != before.cap:
        what = "overlaps" if tier.floor < before.cap else "leaves a gap after"
        raise ConfigError(
            f"tiers[{at}].floor is {tier.floor:g}, which {what} tiers[{at - 1}] with cap {before.cap:g}; expected that"
        )
    if tier.maintenance <= before.maintenance:
        raise ConfigError(
            f"tiers[{at}].maintenance is {tier.maintenance:g} after {before.maintenance:g}; expected rates that rise with value"
        )
    if tier.initial and tier.initial < before.initial:
        raise ConfigError(f"tiers[{at}].initial is {tier.initial:g} after {before.initial:g}; expected rates that do not fall")
