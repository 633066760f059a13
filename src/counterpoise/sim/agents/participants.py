"""Who trades on a market, each kind with its numbers and their bounds.

Distances are in bps of the price, sizes in multiples of the token's `clip`, its ordinary size, so that one description fits
every token. Rates are of one market at average liveliness.
"""

from __future__ import annotations

from typing import Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import parse_duration
from counterpoise.sim.agents.kernels.statistics import EMA_SECONDS

__all__ = ["ArbitrageConfig", "CrowdConfig", "InformedConfig", "MakerConfig", "PatientConfig", "TrendConfig", "require_within"]


def require_within(config: Config, bounds: dict[str, tuple[float, float]]) -> None:
    """Refuse a config with a number outside its bounds, both ends allowed.

    Raises
    ------
    ConfigError
        Names the field and its bounds.
    """
    for field, (low, high) in bounds.items():
        value = getattr(config, field)
        if not low <= value <= high:
            raise ConfigError(f"{type(config).__name__}: {field} is {value}; expected {low:g} to {high:g}")


class CrowdConfig(Config, frozen=True, kw_only=True):
    """Order flow of many small hands.

    Parameters
    ----------
    market_orders_per_s : float
        Stationary mean.
    branching, decay_per_s : float
        Market orders that one sets off, and how fast that fades.
    quotes_per_trade : float
        Limit orders that one market order sets off.
    limit_orders_per_s, order_life : float, str
        Limit orders, and how long one stands on average if it is not filled.
    near_exponent, reach_bps : float
        A limit order stands k steps from the opposite best with a chance k^−exponent, up to the reach; a step is a tick or
        `step_bps`, whichever is greater.
    step_bps : float
    limit_clips, limit_sigma, market_clips, market_sigma : float
        Median size and its log standard deviation.
    slip_bps : float
        How far through the best a market order goes.
    parents, parent_exponent, parent_most : int, float, int
        Hidden parents alive at once; children n ≥ m with chance m^−exponent, up to a most.
    """

    market_orders_per_s: float = 6.0
    branching: float = 0.6
    decay_per_s: float = 3.0
    quotes_per_trade: float = 4.0
    limit_orders_per_s: float = 60.0
    order_life: str = "3s"
    near_exponent: float = 1.0
    reach_bps: float = 25.0
    step_bps: float = 0.02
    limit_clips: float = 0.02
    limit_sigma: float = 1.3
    market_clips: float = 0.3
    market_sigma: float = 1.5
    slip_bps: float = 20.0
    parents: int = 6
    parent_exponent: float = 1.5
    parent_most: int = 5_000

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "market_orders_per_s": (0.001, 10_000.0),
                "branching": (0.0, 0.99),
                "decay_per_s": (0.001, 10_000.0),
                "quotes_per_trade": (0.0, 1_000.0),
                "limit_orders_per_s": (0.01, 100_000.0),
                "near_exponent": (0.0, 10.0),
                "reach_bps": (0.1, 500.0),
                "step_bps": (0.0, 10.0),
                "limit_clips": (1e-6, 1e6),
                "limit_sigma": (0.0, 4.0),
                "market_clips": (1e-6, 1e6),
                "market_sigma": (0.0, 4.0),
                "slip_bps": (0.0, 500.0),
                "parents": (1, 10_000),
                "parent_exponent": (0.1, 10.0),
                "parent_most": (1, 10**9),
            },
        )
        parse_duration(self.order_life)


class PatientConfig(Config, frozen=True, kw_only=True):
    """Traders with a price in mind: the slow liquidity of the locally linear book.

    Parameters
    ----------
    count : int
        Of them a market.
    thoughts_per_s : float
        How often one thinks.
    enter, memory : float, str
        Chance that one who shows nothing enters when he thinks; how long one stays who is not filled.
    step_bps : float
        How far a price moves at a thought.
    reach_bps : float
        Prices lie within it of the mid.
    news_share : float
        Share of the news of value that he follows.
    anchor : float
        Share of the way from the mid to the value around which one enters: what is not anchored of an impact stays.
    clips, sigma : float
        Median size and its log standard deviation.
    """

    count: int = 600
    thoughts_per_s: float = 0.25
    enter: float = 0.05
    memory: str = "12m"
    step_bps: float = 2.0
    reach_bps: float = 60.0
    news_share: float = 1.0
    anchor: float = 0.15
    clips: float = 25.0
    sigma: float = 0.7

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "count": (0, 1_000_000),
                "thoughts_per_s": (1e-4, 1_000.0),
                "enter": (1e-4, 1.0),
                "step_bps": (0.0, 1_000.0),
                "reach_bps": (0.1, 500.0),
                "news_share": (0.0, 1.0),
                "anchor": (0.0, 1.0),
                "clips": (1e-6, 1e6),
                "sigma": (0.0, 4.0),
            },
        )
        if self.leave > 1:
            raise ConfigError(
                f"PatientConfig: memory is {self.memory}; expected at least one thought, {1 / self.thoughts_per_s:g} s"
            )

    @property
    def leave(self) -> float:
        """Chance of leaving at a thought."""
        return 1e9 / (self.thoughts_per_s * parse_duration(self.memory))

    @property
    def depth_bps(self) -> float:
        """√(D/ν), over which the book thins towards the price: D is half the square of a step a thought, ν the leaving rate."""
        return float(self.step_bps * (0.5 / self.leave) ** 0.5)


class MakerConfig(Config, frozen=True, kw_only=True):
    """Market makers of one style on every market.

    Parameters
    ----------
    rule : {"gueant", "avellaneda"}
        Which quotes: those far from the end with bounded inventory (risk ∝ σ), or those of a rolling horizon (risk ∝ σ²).
    count : int
        Of them a market.
    half_spread_bps : float
        What is asked for at no risk: ln(1 + γ/κ)/γ.
    risk : float
        Distance in standard deviations of a second (gueant) or, times the horizon in seconds, of variance in bps (avellaneda)
        by which a unit of inventory moves the quotes.
    levels, gap_bps, clips, growth : int, float, float, float
        Levels a side, distance between them, size of the first, and of each as a multiple of the one before.
    bound : float
        Most inventory, in sizes of the first level.
    fair_time : str
        In it its fair price follows the mid.
    news_share, news_lag : float, str
        What of the news of value it follows, and how late it hears.
    index_weight : float
        How far the fair price leans to the token's index.
    volatile, toxic, most_caution : float
        Widening for each unit of excess volatility, at wholly one-sided flow, and the widening at which they leave.
    looks_per_s, delay : float, str
    """

    rule: Literal["gueant", "avellaneda"] = "gueant"
    count: int = 2
    half_spread_bps: float = 0.01
    risk: float = 0.15
    levels: int = 8
    gap_bps: float = 0.15
    clips: float = 0.25
    growth: float = 1.4
    bound: float = 6.0
    fair_time: str = "500ms"
    news_share: float = 0.8
    news_lag: str = "200ms"
    index_weight: float = 0.3
    volatile: float = 0.5
    toxic: float = 1.0
    most_caution: float = 4.0
    looks_per_s: float = 4.0
    delay: str = "5ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "count": (0, 1_000),
                "half_spread_bps": (0.0, 1_000.0),
                "risk": (0.0, 1_000.0),
                "levels": (1, 50),
                "gap_bps": (0.0, 100.0),
                "clips": (1e-6, 1e6),
                "growth": (0.01, 100.0),
                "bound": (1.0, 1e6),
                "news_share": (0.0, 1.0),
                "index_weight": (0.0, 1.0),
                "volatile": (0.0, 100.0),
                "toxic": (0.0, 100.0),
                "most_caution": (1.0, 1e6),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        for name in ("fair_time", "news_lag", "delay"):
            parse_duration(getattr(self, name))


class TrendConfig(Config, frozen=True, kw_only=True):
    """Those who follow (gain above zero) or fade (below) the move over a horizon.

    Parameters
    ----------
    horizon : str
        One of 1s, 4s, 15s, 60s, 240s, 900s: the means that everyone watches.
    gain : float
        Of the target, in moves of one standard deviation.
    most_clips, order_clips : float
        Largest position, largest order.
    slip_bps, looks_per_s, delay : float, float, str
    """

    horizon: str = "60s"
    gain: float = 0.5
    most_clips: float = 5.0
    order_clips: float = 0.5
    slip_bps: float = 2.0
    looks_per_s: float = 0.5
    delay: str = "30ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "gain": (-100.0, 100.0),
                "most_clips": (1e-6, 1e6),
                "order_clips": (1e-6, 1e6),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        parse_duration(self.delay)
        if parse_duration(self.horizon) / 1e9 not in EMA_SECONDS:
            raise ConfigError(
                f"TrendConfig: horizon is {self.horizon}; expected one of {', '.join(f'{s:g}s' for s in EMA_SECONDS)}"
            )


class InformedConfig(Config, frozen=True, kw_only=True):
    """Those who are told the value.

    Parameters
    ----------
    lag : str
        How late they hear of it, in whole steps of the grid.
    error_bps, error_time : float, str
        Standard deviation and fading time of what they have wrong.
    adapt : str
        Time in which they take the price for right; empty for never.
    threshold_bps : float
        Least gap between value and price that they trade on: their fees, half the spread, and a wage.
    most_clips, order_clips, slip_bps, looks_per_s, delay
        As in `TrendConfig`.
    """

    lag: str = "100ms"
    error_bps: float = 0.3
    error_time: str = "5s"
    adapt: str = "15s"
    threshold_bps: float = 2.0
    most_clips: float = 30.0
    order_clips: float = 2.0
    slip_bps: float = 1.0
    looks_per_s: float = 5.0
    delay: str = "10ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "error_bps": (0.0, 5_000.0),
                "threshold_bps": (0.01, 5_000.0),
                "most_clips": (1e-6, 1e6),
                "order_clips": (1e-6, 1e6),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        for name in ("lag", "error_time", "delay"):
            parse_duration(getattr(self, name))
        if self.adapt:
            parse_duration(self.adapt)


class ArbitrageConfig(Config, frozen=True, kw_only=True):
    """Those who keep the markets of a token together: one for each pair of them.

    Parameters
    ----------
    margin_bps : float
        What must be left after both fees.
    clips, most_clips : float
        Largest leg, largest position on one market.
    slip_bps, looks_per_s, delay : float, float, str
    """

    margin_bps: float = 0.3
    clips: float = 2.0
    most_clips: float = 40.0
    slip_bps: float = 0.3
    looks_per_s: float = 10.0
    delay: str = "4ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "margin_bps": (0.0, 1_000.0),
                "clips": (1e-6, 1e6),
                "most_clips": (1e-6, 1e6),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        parse_duration(self.delay)
