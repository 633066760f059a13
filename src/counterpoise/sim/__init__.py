"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.cascade import CascadeResult
from counterpoise.sim.cascade_config import CascadeConfig, Policy
from counterpoise.sim.deposits import DepositRun, run_on_deposits
from counterpoise.sim.fees import Fees
from counterpoise.sim.funds import FundsConfig, fund_market
from counterpoise.sim.latency import ConstantLatency, Latency, LognormalLatency
from counterpoise.sim.lending import LendingCascade, LendingRules, health_factor, lending_cascade
from counterpoise.sim.leverage import Accounts, AccountsConfig
from counterpoise.sim.maker import MakerModel, maker_paths, maker_quotes
from counterpoise.sim.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate
from counterpoise.sim.replay import ReplayMarket
from counterpoise.sim.response import NO_RESPONSE, Response
from counterpoise.sim.venue import FillContext, SimVenue

__all__ = [
    "NO_RESPONSE",
    "Accounts",
    "AccountsConfig",
    "CascadeConfig",
    "CascadeResult",
    "ConstantLatency",
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
    "Policy",
    "ReplayMarket",
    "Response",
    "SimVenue",
    "SyntheticFeed",
    "TokenConfig",
    "default_config",
    "fund_market",
    "generate",
    "health_factor",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "run_on_deposits",
]
