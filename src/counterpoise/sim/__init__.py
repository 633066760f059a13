"""A venue made of models, over a recording or a synthetic market."""

from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency, Latency, LognormalLatency
from counterpoise.sim.market import MarketConfig, SyntheticFeed, TokenConfig, default_config, generate
from counterpoise.sim.replay import ReplayMarket
from counterpoise.sim.response import NO_RESPONSE, Response
from counterpoise.sim.venue import FillContext, SimVenue

__all__ = [
    "NO_RESPONSE",
    "ConstantLatency",
    "Fees",
    "FillContext",
    "Latency",
    "LognormalLatency",
    "MarketConfig",
    "ReplayMarket",
    "Response",
    "SimVenue",
    "SyntheticFeed",
    "TokenConfig",
    "default_config",
    "generate",
]
