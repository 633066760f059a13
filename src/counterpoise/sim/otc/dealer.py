"""What a trade costs a dealer: to unwind it in the lit market, to hold it meanwhile, and what the client may do next."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import Impact

__all__ = ["Dealer", "HoldingCost", "holding_cost", "reservation_bps"]


class Dealer(Config, frozen=True, kw_only=True):
    """How a dealer holds and unwinds.

    Parameters
    ----------
    limit_millions : float
        Largest inventory either way [millions of quote]; what would go beyond is not quoted.
    aversion : float
        Risk aversion γ ≥ 0 [1 / (bps · million)]: a gain of variance v is worth ½ γ v less.
    unwind : str
        Time over which he trades an inventory away in the lit market.
    slices : int
        Equal trades he does it in, ≥ 1.
    prehedge : float
        When asked without winning, he trades ahead of the client this share of what he expects him still to do; in [0, 1].

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    limit_millions: float = 50.0
    aversion: float = 0.001
    unwind: str = "10m"
    slices: int = 10
    prehedge: float = 0.0

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("limit_millions", self.limit_millions, 1e-9, 1e9),
            ("aversion", self.aversion, 0.0, 1e6),
            ("slices", self.slices, 1, 1000),
            ("prehedge", self.prehedge, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise ConfigError(f"dealer: {name} is {value}; expected {low:g} to {high:g}")
        parse_duration(self.unwind)

    @property
    def slice_ns(self) -> tuple[int, ...]:
        """When each slice is traded, after the inventory came."""
        return tuple(parse_duration(self.unwind) * (i + 1) // self.slices for i in range(self.slices))


class HoldingCost(NamedTuple):
    """Cost of an inventory of x millions [bps · millions]: ``temporary · |x|^power + quadratic · x²``.

    Attributes
    ----------
    temporary, power : float
        Of the temporary impact of the slices.
    quadratic : float
        Half the propagator's displacement by his own slices, and the risk ½ γ σ² ∫ (share left)² dt.
    """

    temporary: float
    power: float
    quadratic: float

    def of(self, millions: float) -> float:
        return float(self.temporary * abs(millions) ** self.power + self.quadratic * millions * millions)


def holding_cost(dealer: Dealer, impact: Impact, *, sigma_bps: float, millions_per_s: float) -> HoldingCost:
    """What it costs to trade an inventory away, from the impact object that moves the lit market.

    Parameters
    ----------
    dealer : Dealer
    impact : Impact
        Of one instrument.
    sigma_bps : float
        Volatility of the mid [bps/√s].
    millions_per_s : float
        Lit volume [millions of quote/s], for a temporary impact of participation.

    Returns
    -------
    HoldingCost
        Exact for every size: each part of `Impact.cost` is homogeneous in it.

    Raises
    ------
    ConfigError
        If the volatility is negative or the volume is not positive.

    Notes
    -----
    Before a slice at share k/n of the time, (n − k + 1)/n of the inventory is held.
    """
    if not (isfinite(sigma_bps) and sigma_bps >= 0) or not (isfinite(millions_per_s) and millions_per_s > 0):
        raise ConfigError(f"volatility {sigma_bps} bps/√s and volume {millions_per_s} millions/s; expected >= 0 and > 0")
    count, seconds = dealer.slices, parse_duration(dealer.unwind) / SECOND_NS
    each = np.full(count, 1.0 / count)
    cost = impact.cost(np.array(dealer.slice_ns), each, participation=each / (millions_per_s * seconds / count))
    held = (np.arange(count) + 1) / count
    risk = 0.5 * dealer.aversion * sigma_bps**2 * float((held**2).sum()) * seconds / count
    moved = cost.transient_bps + cost.permanent_bps
    return HoldingCost(cost.temporary_bps, 1.0 + impact.temporary.exponent, moved + risk)


def reservation_bps(
    cost: HoldingCost, *, inventory_millions: float, side: int, millions: float, drift_bps: float = 0.0
) -> float:
    """Distance from the mid at which a dealer is as well off with a client's trade as without it.

        r = (C(x − s q) − C(x)) / q + s · drift

    Parameters
    ----------
    cost : HoldingCost
        C.
    inventory_millions : float
        x, signed.
    side : int
        s of the client: +1 buys from the dealer.
    millions : float
        q > 0.
    drift_bps : float
        Where he expects the mid to go while he unwinds, signed.

    Returns
    -------
    float [bps]
        Above the mid for a buyer, below it for a seller; negative when the trade relieves him. Falls with x for a buyer and
        rises with it for a seller, C being convex: with more inventory he asks less and bids less.

    References
    ----------
    Avellaneda and Stoikov (2008), section 2.2: the indifference price of a frozen inventory, r = s − qγσ²(T − t), here for
    any size and with a cost of unwinding. Bergault and Guéant (2021), arXiv 1907.01225, for sizes in a dealer's quotes.
    """
    before, after = inventory_millions, inventory_millions - side * millions
    return (cost.of(after) - cost.of(before)) / millions + side * drift_bps
