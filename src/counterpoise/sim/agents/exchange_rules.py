"""The exchange that all venues of an agent market stand on: a market with its rules for each place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from counterpoise.core.units import Grid
from counterpoise.sim.agents.agent_config import AgentMarketConfig, Place
from counterpoise.sim.agents.option_chain import OptionChainConfig
from counterpoise.sim.exchange.rules import ExchangeConfig, FeeTier, FundingRules, MarketRules

__all__ = ["MAX_FILLS", "exchange_config"]

MAX_FILLS: Final = 512
_PPM: Final = 100  # of a bp
_MOST_RISE: Final = 8  # highest price taken, as a multiple of that at the opening
_COIN_GRAIN: Final = "0.0000000001"
_MOST_OPTION_LOTS: Final = 1 << 20
_IMPACT_CLIPS: Final = 10  # whose price the premium of funding is measured with


def exchange_config(config: AgentMarketConfig, *, accounts: int) -> ExchangeConfig:
    """The exchange that all venues of a config stand on: market i is place i.

    Fee tier 0 is the crowd's and ours, tier 1 that of professionals.
    """
    tiers = (config.maker_bps, config.taker_bps), (config.pro_maker_bps, config.pro_taker_bps)
    options = [rules for chain in config.chains for rules in _option_rules(config, chain)]
    rules = (*(_rules(config, place) for place in config.outrights), *options)
    orders = len(config.outrights) * _resting_orders(config) + sum(4 * c.options * c.dealer.count for c in config.chains)
    return ExchangeConfig(
        markets=rules,
        fee_tiers=tuple(FeeTier(maker_ppm=round(_PPM * maker), taker_ppm=round(_PPM * taker)) for maker, taker in tiers),
        accounts=accounts,
        orders=1 << (2 * orders).bit_length(),
        max_fills=MAX_FILLS,
        grains={chain.token: _COIN_GRAIN for chain in config.chains if chain.settle == "coin"},
    )


def _rules(config: AgentMarketConfig, place: Place) -> MarketRules:
    token, perp = config.tokens[place.token], place.kind == "perp"
    funding = FundingRules(
        interval=config.funding_interval, impact_lots=round(_IMPACT_CLIPS * token.clip / Grid(token.lot).size)
    )
    return MarketRules(
        instrument=config.instrument(place),
        reach_ticks=config.reach_ticks(token),
        max_price_ticks=int(_MOST_RISE * token.price / Grid(token.tick).size),
        self_trade="allowed",
        mark="median" if perp else "last",
        funding=funding if perp else None,
    )


def _option_rules(config: AgentMarketConfig, chain: OptionChainConfig) -> Iterator[MarketRules]:
    price = config.tokens[config.outrights[config.perp(chain)].token].price
    for instrument in config.chain_instruments(chain):
        yield MarketRules(
            instrument=instrument,
            reach_ticks=chain.reach_ticks(price),
            max_price_ticks=8 * chain.reach_ticks(price),
            max_lots=_MOST_OPTION_LOTS,
            self_trade="cancel_oldest",
        )


def _resting_orders(config: AgentMarketConfig) -> int:
    """Orders that may rest on one market."""
    makers = sum(2 * maker.levels * maker.count for maker in config.makers)
    return config.patient.count + makers + 4096
