"""What an environment asks of whoever acts in it, and how its market answers."""

from __future__ import annotations

from math import isfinite

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import parse_duration
from counterpoise.flow.impact.impact import NO_IMPACT, TransientImpact
from counterpoise.sim.env.kernels.node import COMPONENTS
from counterpoise.sim.fees import Fees

__all__ = ["ExecutionTask", "MakerTask"]


class ExecutionTask(Config, frozen=True, kw_only=True):
    """Trade a parent within a horizon, over one market of a token or several.

    Parameters
    ----------
    horizon : int
        Steps; the last crosses what is left.
    least_coins, most_coins : float
        A parent's size is drawn between them, evenly in its logarithm [base coins].
    buy_share : float
        Share of parents that buy, the others sell.
    max_rate : float
        Rate of action 1 over that of an even schedule of what is left.
    risk_aversion : float
        λ ≥ 0 [1/bps]: a step costs λ (left / size)² σ², with σ the running volatility of the first market [bps/√step].
    leakage_price : float
        ≥ 0 [bps]: a step costs as much times Σ (signed flow crossed / standard deviation of others' signed flow)², what an
        observer of a market's flow learns of us.
    impact : TransientImpact
        By how much what we cross moves the quotes; three half-lives at the most.
    refill_half_life : str
        Time in which half of what we crossed is back.
    fees : Fees
    """

    horizon: int = 60
    least_coins: float = 1.0
    most_coins: float = 1.0
    buy_share: float = 0.5
    max_rate: float = 4.0
    risk_aversion: float = 0.0
    leakage_price: float = 0.0
    impact: TransientImpact = NO_IMPACT
    refill_half_life: str = "2s"
    fees: Fees = Fees()

    def __post_init__(self) -> None:
        _require_horizon(self.horizon)
        if not 0 < self.least_coins <= self.most_coins < 1e15:
            raise ConfigError(f"sizes from {self.least_coins} to {self.most_coins} coins; expected 0 < least <= most < 1e15")
        if not 0 <= self.buy_share <= 1:
            raise ConfigError(f"buy_share is {self.buy_share}, expected 0 to 1")
        if not 1 <= self.max_rate <= 1e6:
            raise ConfigError(f"max_rate is {self.max_rate}, expected 1 to 1e6; below 1 nothing can be caught up")
        _require_response(self.risk_aversion, self.leakage_price, self.impact, self.refill_half_life)


class MakerTask(Config, frozen=True, kw_only=True):
    """Quote both sides of one linear market, and end without an inventory.

    Parameters
    ----------
    horizon : int
        Steps; at the end of the last the inventory is crossed.
    most_qty, order_qty : float
        Largest inventory either way, and size of an order at action 1 [venue unit].
    reach_ticks : int
        Distance behind the best at action 1.
    risk_aversion : float
        λ ≥ 0 [1/bps]: a step costs λ (inventory / most_qty)² σ².
    impact, refill_half_life, fees
        As in `ExecutionTask`; only what is crossed at the end moves anything.
    """

    horizon: int = 60
    most_qty: float = 10.0
    order_qty: float = 1.0
    reach_ticks: int = 20
    risk_aversion: float = 0.0
    impact: TransientImpact = NO_IMPACT
    refill_half_life: str = "2s"
    fees: Fees = Fees()

    def __post_init__(self) -> None:
        _require_horizon(self.horizon)
        if not 0 < self.order_qty <= self.most_qty < 1e15:
            raise ConfigError(f"order_qty {self.order_qty}, most_qty {self.most_qty}; expected 0 < order <= most < 1e15")
        if not 0 <= self.reach_ticks <= 100_000:
            raise ConfigError(f"reach_ticks is {self.reach_ticks}, expected 0 to 100,000")
        _require_response(self.risk_aversion, 0.0, self.impact, self.refill_half_life)


def _require_horizon(horizon: int) -> None:
    if not 2 <= horizon <= 1_000_000:
        raise ConfigError(f"horizon is {horizon} steps, expected 2 to 1,000,000")


def _require_response(risk_aversion: float, leakage_price: float, impact: TransientImpact, refill_half_life: str) -> None:
    for name, value in (("risk_aversion", risk_aversion), ("leakage_price", leakage_price)):
        if not (isfinite(value) and value >= 0):
            raise ConfigError(f"{name} is {value}, expected a finite number of 0 or more")
    if len(impact.half_lives) >= COMPONENTS:
        raise ConfigError(
            f"impact has {len(impact.half_lives)} half-lives, an environment keeps {COMPONENTS - 1} beside the permanent part; "
            "leave the shortest out"
        )
    parse_duration(refill_half_life)
