"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.defi.deposits import DepositRun, run_on_deposits
from counterpoise.sim.defi.lending import LendingCascade, LendingRules, health_factor, lending_cascade
from counterpoise.sim.fees import Fees
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult
from counterpoise.sim.leverage.cascade_config import CascadeConfig, Policy
from counterpoise.sim.leverage.funds import FundsConfig, fund_market
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel, maker_paths, maker_quotes
from counterpoise.sim.maker.bounded import asymptotic_distances, bounded_distances, bounded_paths, bounded_worth
from counterpoise.sim.otc.crowd import Crowd, DarkFlow, DarkOutlook, dark_outlook, presence_after_pings
from counterpoise.sim.otc.dark_pool import DarkFill, DarkPool, half_tick_instrument
from counterpoise.sim.otc.markout import Markout, MarkoutFit, fit_markout
from counterpoise.sim.replay.latency import ConstantLatency, Latency, LognormalLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, Response
from counterpoise.sim.replay.venue import FillContext, SimVenue
from counterpoise.sim.synthetic.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate

__all__ = [
    "NO_RESPONSE",
    "Accounts",
    "AccountsConfig",
    "CascadeConfig",
    "CascadeResult",
    "ConstantLatency",
    "Crowd",
    "DarkFill",
    "DarkFlow",
    "DarkOutlook",
    "DarkPool",
    "DepositRun",
    "Fees",
    "FillContext",
    "FundsConfig",
    "Latency",
    "LendingCascade",
    "LendingRules",
    "LognormalLatency",
    "MakerModel",
    "MarketConfig",
    "Markout",
    "MarkoutFit",
    "Policy",
    "ReplayMarket",
    "Response",
    "SimVenue",
    "SyntheticFeed",
    "TokenConfig",
    "asymptotic_distances",
    "bounded_distances",
    "bounded_paths",
    "bounded_worth",
    "dark_outlook",
    "default_config",
    "fit_markout",
    "fund_market",
    "generate",
    "half_tick_instrument",
    "health_factor",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "presence_after_pings",
    "run_on_deposits",
]
