"""What the synthetic market is made of: tokens, their liquidity and their correlation, each value with its bounds."""

from __future__ import annotations

from typing import Final

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import Grid, parse_duration, parse_time
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["Jump", "MarketConfig", "TokenConfig", "default_config", "default_tokens"]

_BOUNDS: Final[dict[str, tuple[float, float]]] = {  # both ends allowed
    "price": (1e-12, 1e12),
    "vol_annual": (0.0, 20.0),
    "market_loading": (-1.0, 1.0),
    "cluster_loading": (-1.0, 1.0),
    "market_orders_per_s": (0.001, 10_000.0),
    "decay_per_s": (0.001, 10_000.0),
    "offspring_same_side": (0.0, 1.0),
    "offspring_other_side": (0.0, 1.0),
    "limit_orders_per_s": (0.01, 100_000.0),
    "cancels_per_s": (0.01, 100_000.0),
    "whole_level_share": (0.0, 1.0),
    "pulls_per_s": (0.0, 10_000.0),
    "refills_per_s": (0.01, 100_000.0),
    "improve_factor": (0.0, 1000.0),
    "lean_bps": (0.001, 1000.0),
    "impact_bps": (0.0, 100.0),
    "impact_decay_per_s": (0.0, 10_000.0),
    "limit_qty": (1e-12, 1e15),
    "limit_sigma": (0.0, 4.0),
    "market_qty": (1e-12, 1e15),
    "market_sigma": (0.0, 4.0),
    "limit_exponent": (0.0, 10.0),
    "cancel_exponent": (0.0, 10.0),
    "far_share": (0.0, 1.0),
    "reach_ticks": (8, 20_000),
}


class TokenConfig(Config, frozen=True, kw_only=True):
    """One perpetual of the synthetic market.

    Parameters
    ----------
    name, cluster : str
        The base coin, and the group whose factor it shares.
    tick, lot : str
        Steps of price [quote] and quantity [base].
    price : float
        Efficient price at the start [quote].
    vol_annual : float
        Of the efficient log price, as a fraction; 365 days a year.
    market_loading, cluster_loading : float
        Correlation with the common and the cluster's factor; their squares sum to less than one.
    market_orders_per_s : float
        Stationary mean of both sides together.
    offspring_same_side, offspring_other_side : float
        Market orders that one market order sets off; their sum is the branching ratio and stays below one.
    decay_per_s : float
        How fast the excitation fades.
    limit_orders_per_s, limit_exponent, far_share : float
        Rate of limit orders; a share falls anywhere within reach, the rest k ticks from the opposite best as k^−exponent.
    cancels_per_s, cancel_exponent, whole_level_share : float
        Rate of cancel attempts, a share of which takes the whole level and the others a uniform part of it. What is cancelled
        per second is proportional to what rests, and nothing happens at an empty level.
    pulls_per_s : float
        Best quotes pulled per second and unit of lean, on the side the efficient price has left behind.
    refills_per_s, improve_factor : float
        Orders into a spread of more than one tick, and how much larger they are than other limit orders.
    lean_bps : float
        Distance of the fair price (efficient price and impact) from the mid at which all baseline flow leans to its side.
    impact_bps, impact_decay_per_s : float
        What a market order of median size adds to the fair price, as the root of its size; and how fast that fades.
    limit_qty, limit_sigma, market_qty, market_sigma : float
        Median [base] and log standard deviation of order sizes.
    reach_ticks : int
        Deepest level behind the best.
    """

    name: str
    cluster: str = "majors"
    tick: str
    lot: str
    price: float
    vol_annual: float
    market_loading: float = 0.85
    cluster_loading: float = 0.3
    market_orders_per_s: float = 16.0
    offspring_same_side: float = 0.8
    offspring_other_side: float = 0.1
    decay_per_s: float = 3.0
    limit_orders_per_s: float = 700.0
    limit_exponent: float = 2.4
    far_share: float = 0.1
    cancels_per_s: float = 1400.0
    cancel_exponent: float = 0.7
    whole_level_share: float = 0.35
    pulls_per_s: float = 12.0
    refills_per_s: float = 5000.0
    improve_factor: float = 10.0
    lean_bps: float = 0.2
    impact_bps: float = 0.055
    impact_decay_per_s: float = 1.0
    limit_qty: float
    limit_sigma: float = 1.6
    market_qty: float
    market_sigma: float = 2.3
    reach_ticks: int = 600

    def __post_init__(self) -> None:
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if not low <= value <= high:
                raise ConfigError(f"token {self.name!r}: {field} is {value}; expected {low:g} to {high:g}")
        branching = self.offspring_same_side + self.offspring_other_side
        if branching >= 1:
            raise ConfigError(
                f"token {self.name!r}: offspring_same_side + offspring_other_side is {branching:g}, the branching ratio; "
                "expected less than 1, or market orders multiply without end"
            )
        if self.market_loading**2 + self.cluster_loading**2 >= 1:
            raise ConfigError(
                f"token {self.name!r}: market_loading² + cluster_loading² is "
                f"{self.market_loading**2 + self.cluster_loading**2:g}; expected less than 1, the rest is its own noise"
            )
        if not self.name or not self.name.isalnum():
            raise ConfigError(f"token name {self.name!r}; expected letters and digits")
        ticks = self.price / Grid(self.tick).size
        if ticks < 10 * self.reach_ticks:
            raise ConfigError(
                f"token {self.name!r}: price is {ticks:.0f} ticks; "
                f"expected at least 10 × reach_ticks = {10 * self.reach_ticks}; choose a finer tick or a smaller reach"
            )

    def instrument(self, venue: str) -> Instrument:
        """Linear perpetual ``venue:NAME-PERP`` settled in USDT."""
        return Instrument(
            venue=venue,
            symbol=f"{self.name}-PERP",
            kind=InstrumentKind.PERP,
            base=self.name,
            quote="USDT",
            settle="USDT",
            tick=self.tick,
            lot=self.lot,
        )


class Jump(Config, frozen=True, kw_only=True):
    """A sudden move of all efficient prices: of each by `size_bps` times its market loading."""

    at: str
    size_bps: float


def default_tokens() -> tuple[TokenConfig, ...]:
    """BTC, ETH and SOL: two small-tick contracts and a large-tick one.

    BTC's rates and sizes were set by hand so that `benchmarks/stylised_facts.py` comes near a Binance USD-M recording of
    2024-08-08; ETH's follow from them, SOL's have no recording behind them.
    """
    return (
        TokenConfig(name="BTC", tick="0.1", lot="0.001", price=92_000.0, vol_annual=0.5, limit_qty=0.07, market_qty=0.03),
        TokenConfig(
            name="ETH",
            tick="0.01",
            lot="0.001",
            price=3_150.0,
            vol_annual=0.65,
            market_orders_per_s=14.0,
            limit_qty=1.5,
            market_qty=0.6,
        ),
        TokenConfig(
            name="SOL",
            tick="0.01",
            lot="0.01",
            price=135.0,
            vol_annual=0.8,
            market_orders_per_s=10.0,
            limit_orders_per_s=400.0,
            cancels_per_s=700.0,
            limit_exponent=1.5,
            whole_level_share=0.05,
            limit_qty=30.0,
            limit_sigma=1.2,
            market_qty=10.0,
        ),
    )


class MarketConfig(Config, frozen=True, kw_only=True):
    """The synthetic market.

    Parameters
    ----------
    seed : int
        Same seed and config, same bytes.
    start, duration, warm_up : str
        Opening time (UTC), length, and how long the book lives before its opening snapshot.
    venue : str
        First part of the instrument ids.
    tokens : tuple of TokenConfig
    jumps : tuple of Jump
    path_step : str
        Grid of the efficient prices; between its points they run straight.
    feed_latency, feed_latency_sigma : str, float
        Median and log standard deviation of ts_local − ts_venue.
    """

    seed: int = 0
    start: str = "2026-01-05T00:00"
    duration: str = "30m"
    warm_up: str = "20s"
    venue: str = "sim"
    tokens: tuple[TokenConfig, ...] = default_tokens()
    jumps: tuple[Jump, ...] = ()
    path_step: str = "50ms"
    feed_latency: str = "3ms"
    feed_latency_sigma: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed is {self.seed}; expected 0 to 2⁶³ − 1")
        if not 0 <= self.feed_latency_sigma <= 4:
            raise ConfigError(f"feed_latency_sigma is {self.feed_latency_sigma}; expected 0 to 4")
        parse_time(self.start)
        lengths = {name: parse_duration(getattr(self, name)) for name in ("duration", "warm_up", "path_step", "feed_latency")}
        if lengths["path_step"] > lengths["duration"]:
            raise ConfigError(f"path_step {self.path_step} is longer than duration {self.duration}; choose a finer grid")
        names = [token.name for token in self.tokens]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"tokens are {names}; expected at least one, and each name once")
        for jump in self.jumps:
            if parse_duration(jump.at) >= lengths["duration"] or not abs(jump.size_bps) <= 5000:
                raise ConfigError(f"jump of {jump.size_bps} bps at {jump.at}; expected within {self.duration} and ±5000 bps")

    @property
    def start_ns(self) -> int:
        return parse_time(self.start)

    @property
    def duration_ns(self) -> int:
        return parse_duration(self.duration)


def default_config(*, seed: int = 0, duration: str = "30m") -> MarketConfig:
    """The market of the demo."""
    return MarketConfig(seed=seed, duration=duration)
