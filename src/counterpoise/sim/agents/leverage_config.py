"""Leveraged accounts on a perpetual of an agent market, and news that shakes it."""

from __future__ import annotations

from typing import Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import parse_duration
from counterpoise.risk.margin import MarginRules, margin_rules
from counterpoise.sim.agents.participants import require_within
from counterpoise.sim.leverage.accounts import AccountsConfig
from counterpoise.sim.leverage.cascade_config import Hedge, Policy

__all__ = ["LeverageConfig", "ShockConfig"]


class LeverageConfig(Config, frozen=True, kw_only=True):
    """Accounts whose positions are liquidated into the book of one perpetual, and the rules of the house that clears them.

    What the accounts are long or short together is held against them by one account of leverage 1.

    Parameters
    ----------
    token, venue : str
        Whose perpetual.
    accounts : AccountsConfig
        Drawn about the token's price at the opening; entries move along with the mark until the market is shown.
    margin_venue, margin_symbol, margin_on : str
        Which margin rules: see `counterpoise.risk.margin.margin_rules`.
    rules : MarginRules, optional
        Own ones instead.
    fund : float
        Insurance fund at the start [quote].
    fee_bps : float
        Liquidation fee into the fund, as far as the collateral reaches; the fund pays the venue's fee on forced orders.
    adl : bool
        Whether winners are deleveraged when the fund cannot pay; without it the fund goes below zero.
    rerank_bps : float
        Move of the mark after which their ranking is made again.
    every : str
        How often the house looks at the mark; one order a look and side at most.
    reach_bps : float
        Accounts that are liquidated further than this from the price at the start never are.
    hedge, hedge_side : Hedge, optional, and {"short", "long"}
        Our own position among the accounts: the last of them.
    policy : Policy
        Levers of the house.

    Raises
    ------
    ConfigError
        If a value is out of its bound.
    """

    token: str
    venue: str
    accounts: AccountsConfig = AccountsConfig()
    margin_venue: str = "binance_usdm"
    margin_symbol: str = "BTCUSDT"
    margin_on: str = "2024-08-08"
    rules: MarginRules | None = None
    fund: float = 1_000_000.0
    fee_bps: float = 50.0
    adl: bool = True
    rerank_bps: float = 20.0
    every: str = "100ms"
    reach_bps: float = 5_000.0
    hedge: Hedge | None = None
    hedge_side: Literal["short", "long"] = "short"
    policy: Policy = Policy()

    def __post_init__(self) -> None:
        bounds = {
            "fund": (0.0, 1e13),
            "fee_bps": (0.0, 10_000.0),
            "rerank_bps": (0.01, 10_000.0),
            "reach_bps": (10.0, 9_000.0),
        }
        require_within(self, bounds)
        parse_duration(self.every)
        rules = self.margin_rules
        if rules.inverse or rules.maintenance_at != "mark":
            raise ConfigError(
                f"leverage of {self.token}: margin rules of {rules.venue}:{rules.symbol} are inverse or fix maintenance at "
                "entry; expected a linear contract's, taken at the mark"
            )
        highest = rules.tiers.tiers[-1].maintenance + rules.fee
        if self.policy.margin and self.policy.margin.factor * highest >= 1:
            raise ConfigError(f"policy.margin.factor is {self.policy.margin.factor}; expected below {1 / highest:g}")

    @property
    def margin_rules(self) -> MarginRules:
        if self.rules is not None:
            return self.rules
        try:
            return margin_rules(self.margin_venue, self.margin_symbol, on=self.margin_on)
        except UnknownName as error:
            raise ConfigError(f"{error} Or give the contract's own table as [rules]") from error


class ShockConfig(Config, frozen=True, kw_only=True):
    """News: values of tokens move, evenly in their logarithm, and stay there.

    Parameters
    ----------
    tokens : tuple of str
        None for all of the market.
    bps : float
        Below zero a fall.
    at, over : str
        After the market is shown; how long it takes.
    """

    tokens: tuple[str, ...] = ()
    bps: float
    at: str = "1m"
    over: str = "10s"

    def __post_init__(self) -> None:
        require_within(self, {"bps": (-9_000.0, 9_000.0)})
        parse_duration(self.at)
        parse_duration(self.over)
