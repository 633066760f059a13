"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.agents.adversary import Adversary, AdversaryConfig, detect
from counterpoise.sim.agents.agent_config import AgentMarketConfig, AgentToken, AgentVenueConfig, agent_market_config
from counterpoise.sim.agents.ahead import AheadConfig, ahead_line, ahead_report
from counterpoise.sim.agents.detection import (
    alarm_threshold,
    auc,
    detectability,
    detection_delay,
    leakage_floor,
    least_detectable,
)
from counterpoise.sim.agents.hedging import dealer_report, hedging_path
from counterpoise.sim.agents.market import AgentMarket, SimulatedMarket, simulate
from counterpoise.sim.agents.option_chain import OptionChainConfig
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, aggressive_orders, fit_ordinary_flow
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.connection import Connection
from counterpoise.sim.defi.deposits import DepositRun, run_on_deposits
from counterpoise.sim.defi.lending import LendingCascade, LendingRules, health_factor, lending_cascade
from counterpoise.sim.exchange.exchange import Exchange, ExchangeMemory
from counterpoise.sim.exchange.rules import ExchangeConfig, FeeTier, FundingRules, MarketRules
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency, Latency, LognormalLatency, SampledLatency
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult
from counterpoise.sim.leverage.cascade_config import CascadeConfig, Policy
from counterpoise.sim.leverage.funds import FundsConfig, fund_market
from counterpoise.sim.maker import MakerModel, maker_paths, maker_quotes
from counterpoise.sim.recorded_latency import OrderDelays, RecordedDelays, RecordedLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.queue import QUEUE_MODELS, QueueModel
from counterpoise.sim.replay.response import NO_FOLLOWERS, NO_RESPONSE, Followers, Resilience, ResponseModel
from counterpoise.sim.replay.response_fit import Estimate, ResponseFit, fit_response
from counterpoise.sim.replay.round_trips import RoundTrips, round_trip_costs
from counterpoise.sim.replay.venue import FillContext, SimVenue
from counterpoise.sim.synthetic.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate

__all__ = [
    "NO_FOLLOWERS",
    "NO_RESPONSE",
    "QUEUE_MODELS",
    "Accounts",
    "AccountsConfig",
    "Adversary",
    "AdversaryConfig",
    "AgentMarket",
    "AgentMarketConfig",
    "AgentToken",
    "AgentVenue",
    "AgentVenueConfig",
    "AheadConfig",
    "CascadeConfig",
    "CascadeResult",
    "Connection",
    "ConstantLatency",
    "DepositRun",
    "Estimate",
    "Exchange",
    "ExchangeConfig",
    "ExchangeMemory",
    "FeeTier",
    "Fees",
    "FillContext",
    "Followers",
    "FundingRules",
    "FundsConfig",
    "Latency",
    "LendingCascade",
    "LendingRules",
    "LognormalLatency",
    "MakerModel",
    "MarketConfig",
    "MarketRules",
    "OptionChainConfig",
    "OrderDelays",
    "OrdinaryFlow",
    "Policy",
    "QueueModel",
    "RecordedDelays",
    "RecordedLatency",
    "ReplayMarket",
    "Resilience",
    "ResponseFit",
    "ResponseModel",
    "RoundTrips",
    "SampledLatency",
    "SimVenue",
    "SimulatedMarket",
    "SyntheticFeed",
    "TokenConfig",
    "agent_market_config",
    "aggressive_orders",
    "ahead_line",
    "ahead_report",
    "alarm_threshold",
    "auc",
    "dealer_report",
    "default_config",
    "detect",
    "detectability",
    "detection_delay",
    "fit_ordinary_flow",
    "fit_response",
    "fund_market",
    "generate",
    "health_factor",
    "hedging_path",
    "leakage_floor",
    "least_detectable",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "round_trip_costs",
    "run_on_deposits",
    "simulate",
]
