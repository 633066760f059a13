"""What is compared on: a market of agents, a parent over its index, and what everybody is told before."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from counterpoise.balance.basket.balanced import BalancedConfig
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import parse_duration
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.ahead import AheadConfig
from counterpoise.sim.agents.leverage_config import LeverageConfig
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow
from counterpoise.sim.leverage.accounts import AccountsConfig

__all__ = ["Known", "Scenario"]

_SETTLE: Final = "20s"


class Scenario(Config, frozen=True, kw_only=True):
    """A parent that buys, or sells, an index on a market of agents.

    Parameters
    ----------
    tokens, venues : int
        The first tokens of the demo's twelve and the first of its venues, spot and perpetual everywhere.
    horizon : str
        Time for the parent.
    share : float
        The parent's value as a share of what is traded in that time on all markets.
    index : {"equal", "volume"}
        Weights of the tokens: all alike, or as they are traded.
    tracking_bps : float
        Band in which what is held at the end may be from the index: standard deviation over a day in bps of the parent.
    participation : float
        Most anyone may be of what trades on a market or for a token, own ≤ p (own + others).
    decide_every : str
    latency : str
        One way, to each venue and back.
    adversary : AheadConfig
        One on the most active market of each token, who trades ahead; his threshold is set on training seeds.
    accounts : AccountsConfig, optional
        Leveraged accounts on the perpetual of each token on the first venue; the `notional` is that of the first token, of
        others in proportion to what an ordinary order of them is worth and how lively they are. Nobody by default.
    train_seeds, settle : tuple of int, str
        Seeds that everything is learnt on; time before the parent begins.
    balanced : BalancedConfig
    """

    tokens: int = 12
    venues: int = 2
    horizon: str = "1h"
    share: float = 0.3
    index: str = "equal"
    tracking_bps: float = 25.0
    participation: float = 0.6
    decide_every: str = "1s"
    latency: str = "5ms"
    adversary: AheadConfig = AheadConfig()
    accounts: AccountsConfig | None = None
    train_seeds: tuple[int, ...] = (901, 902, 903, 904)
    settle: str = _SETTLE
    balanced: BalancedConfig = msgspec.field(default_factory=BalancedConfig)

    def __post_init__(self) -> None:
        if self.index not in ("equal", "volume"):
            raise ConfigError(f"index is {self.index!r}; expected 'equal' or 'volume'")
        if not 0 < self.share < 1 or not 0 < self.participation < 1 or self.tracking_bps < 0:
            raise ConfigError(
                "share and participation lie in (0, 1) and tracking_bps is 0 or more; found "
                f"{self.share}, {self.participation} and {self.tracking_bps}"
            )
        if len(set(self.train_seeds)) < 2:
            raise ConfigError("two training seeds or more are needed: one is left out to tell how far to trust the forecast")
        for name in ("horizon", "decide_every", "latency", "settle"):
            parse_duration(getattr(self, name))

    def market(self, seed: int) -> AgentMarketConfig:
        """The market of a seed; it lives a minute longer than the parent."""
        length_ns = parse_duration(self.settle) + parse_duration(self.horizon) + parse_duration("1m")
        market = agent_market_config(seed=seed, duration=f"{length_ns // 10**6}ms", tokens=self.tokens, venues=self.venues)
        return market if self.accounts is None else msgspec.structs.replace(market, leverage=_houses(market, self.accounts))


def _houses(market: AgentMarketConfig, accounts: AccountsConfig) -> tuple[LeverageConfig, ...]:
    """A house for each token."""
    worth = [token.clip * token.price * token.activity for token in market.tokens]
    return tuple(
        LeverageConfig(
            token=token.name,
            venue=market.venues[0].name,
            accounts=msgspec.structs.replace(accounts, notional=accounts.notional * value / worth[0]),
        )
        for token, value in zip(market.tokens, worth, strict=True)
    )


class Known(NamedTuple):
    """What all are told before: learnt on the training seeds, where nobody works a large order.

    Attributes
    ----------
    volume : (instruments,) float64
        Traded in the horizon [base].
    volume_curve : (minutes,) float64
        Traded on all markets minute by minute [quote], mean of the training seeds.
    price : (instruments,) float64
        Mean mid [quote].
    half_spread_bps : (instruments,) float64
    covariance : (tokens, tokens) float64
        Of returns over a second, by minutes.
    forecast : MoveForecast
    ordinary : tuple of OrdinaryFlow
        Of the market that each adversary watches.
    threshold : float
        Score that one in twenty clean runs exceeds.
    clean_net : (runs, tokens) float64
        Signed volume of aggressive orders over the horizon by token [base]: the noise that an order hides in.
    """

    volume: Float1D
    volume_curve: Float1D
    price: Float1D
    half_spread_bps: Float1D
    covariance: Float2D
    forecast: MoveForecast
    ordinary: tuple[OrdinaryFlow, ...]
    threshold: float
    clean_net: Float2D
