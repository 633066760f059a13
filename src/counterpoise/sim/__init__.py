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
from counterpoise.sim.leverage.coin_accounts import CoinAccounts, draw_coin_accounts
from counterpoise.sim.leverage.funds import FundsConfig, fund_market
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel, maker_paths, maker_quotes
from counterpoise.sim.maker.bounded import asymptotic_distances, bounded_distances, bounded_paths, bounded_worth
from counterpoise.sim.otc.belief import Belief, BeliefModel, after_move, after_request, expected_residual
from counterpoise.sim.otc.competition import equilibrium_markup, expected_best_quote
from counterpoise.sim.otc.crowd import Crowd, DarkFlow, DarkOutlook, dark_outlook, presence_after_pings
from counterpoise.sim.otc.dark_pool import DarkFill, DarkPool
from counterpoise.sim.otc.dealer import Dealer, HoldingCost, holding_cost, reservation_bps
from counterpoise.sim.otc.displacement import Displacement
from counterpoise.sim.otc.frontier import request_frontier
from counterpoise.sim.otc.last_look import LastLook
from counterpoise.sim.otc.lit import LitTape, half_tick_instrument
from counterpoise.sim.otc.markout import Markout, MarkoutFit, fit_markout
from counterpoise.sim.otc.panel import DealerPanel
from counterpoise.sim.otc.rfq import Quote, Request, RfqRules
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
    "Belief",
    "BeliefModel",
    "CascadeConfig",
    "CascadeResult",
    "CoinAccounts",
    "Connection",
    "ConstantLatency",
    "Crowd",
    "DarkFill",
    "DarkFlow",
    "DarkOutlook",
    "DarkPool",
    "Dealer",
    "DealerPanel",
    "DepositRun",
    "Displacement",
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
    "HoldingCost",
    "LastLook",
    "Latency",
    "LendingCascade",
    "LendingRules",
    "LitTape",
    "LognormalLatency",
    "MakerModel",
    "MarketConfig",
    "MarketRules",
    "Markout",
    "MarkoutFit",
    "OptionChainConfig",
    "OrderDelays",
    "OrdinaryFlow",
    "Policy",
    "QueueModel",
    "Quote",
    "RecordedDelays",
    "RecordedLatency",
    "ReplayMarket",
    "Request",
    "Resilience",
    "ResponseFit",
    "ResponseModel",
    "RfqRules",
    "RoundTrips",
    "SampledLatency",
    "SimVenue",
    "SimulatedMarket",
    "SyntheticFeed",
    "TokenConfig",
    "after_move",
    "after_request",
    "agent_market_config",
    "aggressive_orders",
    "ahead_line",
    "ahead_report",
    "alarm_threshold",
    "asymptotic_distances",
    "auc",
    "bounded_distances",
    "bounded_paths",
    "bounded_worth",
    "dark_outlook",
    "dealer_report",
    "default_config",
    "detect",
    "detectability",
    "detection_delay",
    "draw_coin_accounts",
    "equilibrium_markup",
    "expected_best_quote",
    "expected_residual",
    "fit_markout",
    "fit_ordinary_flow",
    "fit_response",
    "fund_market",
    "generate",
    "half_tick_instrument",
    "health_factor",
    "hedging_path",
    "holding_cost",
    "leakage_floor",
    "least_detectable",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "presence_after_pings",
    "request_frontier",
    "reservation_bps",
    "round_trip_costs",
    "run_on_deposits",
    "simulate",
]
