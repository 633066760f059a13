"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.agents.agent_config import AgentMarketConfig, AgentToken, AgentVenueConfig, agent_market_config
from counterpoise.sim.agents.market import AgentMarket, SimulatedMarket, simulate
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
    "AgentMarket",
    "AgentMarketConfig",
    "AgentToken",
    "AgentVenue",
    "AgentVenueConfig",
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
    "OrderDelays",
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
    "default_config",
    "fit_response",
    "fund_market",
    "generate",
    "health_factor",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "round_trip_costs",
    "run_on_deposits",
    "simulate",
]
