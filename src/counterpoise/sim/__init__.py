"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.defi.deposits import DepositRun, run_on_deposits
from counterpoise.sim.defi.lending import LendingCascade, LendingRules, health_factor, lending_cascade
from counterpoise.sim.exchange.exchange import Exchange, ExchangeMemory
from counterpoise.sim.exchange.rules import ExchangeConfig, FeeTier, FundingRules, MarketRules
from counterpoise.sim.fees import Fees
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult
from counterpoise.sim.leverage.cascade_config import CascadeConfig, Policy
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
from counterpoise.sim.replay.latency import ConstantLatency, Latency, LognormalLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, Response
from counterpoise.sim.replay.venue import FillContext, SimVenue
from counterpoise.sim.synthetic.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate

__all__ = [
    "NO_RESPONSE",
    "Accounts",
    "AccountsConfig",
    "Belief",
    "BeliefModel",
    "CascadeConfig",
    "CascadeResult",
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
    "Exchange",
    "ExchangeConfig",
    "ExchangeMemory",
    "FeeTier",
    "Fees",
    "FillContext",
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
    "Policy",
    "Quote",
    "ReplayMarket",
    "Request",
    "Response",
    "RfqRules",
    "SimVenue",
    "SyntheticFeed",
    "TokenConfig",
    "after_move",
    "after_request",
    "asymptotic_distances",
    "bounded_distances",
    "bounded_paths",
    "bounded_worth",
    "dark_outlook",
    "default_config",
    "equilibrium_markup",
    "expected_best_quote",
    "expected_residual",
    "fit_markout",
    "fund_market",
    "generate",
    "half_tick_instrument",
    "health_factor",
    "holding_cost",
    "lending_cascade",
    "maker_paths",
    "maker_quotes",
    "presence_after_pings",
    "request_frontier",
    "reservation_bps",
    "run_on_deposits",
]
