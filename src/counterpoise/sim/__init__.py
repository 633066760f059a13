"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.agents.adversary import Adversary, AdversaryConfig, detect
from counterpoise.sim.agents.detection import (
    alarm_threshold,
    auc,
    detectability,
    detection_delay,
    leakage_floor,
    least_detectable,
)
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, aggressive_orders, fit_ordinary_flow
from counterpoise.sim.defi.deposits import DepositRun, run_on_deposits
from counterpoise.sim.defi.lending import LendingCascade, LendingRules, health_factor, lending_cascade
from counterpoise.sim.fees import Fees
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult
from counterpoise.sim.leverage.cascade_config import CascadeConfig, Policy
from counterpoise.sim.leverage.funds import FundsConfig, fund_market
from counterpoise.sim.maker import MakerModel, maker_paths, maker_quotes
from counterpoise.sim.replay.latency import ConstantLatency, Latency, LognormalLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, Response
from counterpoise.sim.replay.venue import FillContext, SimVenue
from counterpoise.sim.synthetic.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate

__all__ = [
    "NO_RESPONSE",
    "Accounts",
    "AccountsConfig",
    "Adversary",
    "AdversaryConfig",
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
    "OrdinaryFlow",
    "Policy",
    "ReplayMarket",
    "Response",
    "SimVenue",
    "SyntheticFeed",
    "TokenConfig",
    "aggressive_orders",
    "alarm_threshold",
    "auc",
    "default_config",
    "detect",
    "detectability",
    "detection_delay",
    "fit_ordinary_flow",
    "fund_market",
    "generate",
    "health_factor",
    "leakage_floor",
    "least_detectable",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "run_on_deposits",
]
