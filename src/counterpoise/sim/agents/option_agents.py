"""Dealers, takers and arbitrageurs of an option chain as agents, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.units import BPS, SECOND_NS, Grid, parse_duration
from counterpoise.options.black import black76
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine, Draft, lognormal_table
from counterpoise.sim.agents.kernels import chain as k
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import option_flow as w
from counterpoise.sim.agents.kernels import option_maker as d
from counterpoise.sim.agents.kernels import parity as y
from counterpoise.sim.agents.option_chain import OptionChainConfig

__all__ = ["chain_lines", "opening_ticks"]


def chain_lines(config: AgentMarketConfig, draft: Draft, chain: OptionChainConfig) -> Iterator[AgentLine]:
    """Everyone who trades on a chain: dealers, the flow, arbitrageurs."""
    ints, numbers = _chain_ints(config, chain), _chain_numbers(config, chain)
    for _ in range(chain.dealer.count):
        yield _dealer(config, draft, chain, ints, numbers)
    yield _flow(draft, chain, ints)
    for _ in range(chain.parity.count):
        yield _parity(config, chain, ints, numbers)


def opening_ticks(config: AgentMarketConfig, chain: OptionChainConfig) -> Float1D:
    """Value of every option at the opening [ticks]."""
    forward = config.tokens[config.outrights[config.perp(chain)].token].price
    coin, tick = chain.settle == "coin", Grid(chain.tick).size
    strike = np.array([float(instrument.strike or 0) for instrument in config.chain_instruments(chain)])
    each = 2 * len(chain.strikes)
    years = np.repeat([(expiry - config.opening_ns) / 1e9 / k.YEAR_S for expiry in chain.expiries_ns(config.start_ns)], each)
    moneyness = np.log(strike / forward)
    volatility = np.concatenate(
        [chain.smile_of(years[i]).volatility(moneyness[i : i + each], years=years[i]) for i in range(0, len(years), each)]
    )
    values = black76(forward, strike, years, volatility, np.tile(["C", "P"], len(strike) // 2))
    return np.asarray(values / (forward if coin else 1.0) / tick, np.float64)


def _chain_ints(config: AgentMarketConfig, chain: OptionChainConfig) -> dict[int, int]:
    number = config.chains.index(chain)
    return {
        k.K_FIRST: len(config.outrights) + sum(before.options for before in config.chains[:number]),
        k.K_COUNT: chain.options,
        k.K_STRIKES: len(chain.strikes),
        k.K_PERP: config.perp(chain),
        k.K_COIN: int(chain.settle == "coin"),
        k.K_OPENING_NS: config.opening_ns,
    }


def _chain_numbers(config: AgentMarketConfig, chain: OptionChainConfig) -> Float1D:
    """Head, expiries, options of a chain, as `kernels.chain` has them."""
    perp = config.instrument(config.outrights[config.perp(chain)])
    head = np.zeros(k.CHAIN_HEAD)
    head[k.K_TICK], head[k.K_PERP_TICK], head[k.K_PERP_LOTS] = Grid(chain.tick).size, perp.price_grid.size, chain.perp_lots
    head[k.K_LEVEL_SIGMA], head[k.K_FADE] = chain.level_sigma, SECOND_NS / parse_duration(chain.level_time)
    expiries = np.zeros((len(chain.days), k.EXPIRY_SIZE))
    for row, expiry in zip(expiries, chain.expiries_ns(config.start_ns), strict=True):
        left_s = (expiry - config.opening_ns) / SECOND_NS
        smile = chain.smile_of(left_s / k.YEAR_S)
        row[:] = smile.a, smile.b, smile.rho, smile.m, smile.sigma, left_s
    options = np.zeros((chain.options, k.OPTION_SIZE))
    options[:, k.O_STRIKE] = [float(instrument.strike or 0) for instrument in config.chain_instruments(chain)]
    return np.concatenate([head, expiries.ravel(), options.ravel()])


def _numbers(start: int, own: dict[int, float], chain: Float1D) -> dict[int, float]:
    return own | {start + i: value for i, value in enumerate(chain.tolist())}


def _dealer(
    config: AgentMarketConfig, draft: Draft, chain: OptionChainConfig, ints: dict[int, int], numbers: Float1D
) -> AgentLine:
    dealer, price = chain.dealer, config.tokens[config.outrights[ints[k.K_PERP]].token].price
    unit = 1.0 if chain.settle == "coin" else price
    years = chain.days[0] / 365
    money_vega = unit * sqrt(years) / sqrt(2 * np.pi)  # of an option at the money, for 1.00 of volatility
    own = {
        d.D_ORDERS: draft.add_ints(np.zeros(6 * chain.options, np.int64)),
        d.D_LOTS: dealer.quote_lots,
        d.D_MOST: dealer.most_lots,
        d.D_OLD_NS: parse_duration(dealer.requote_time),
    }
    reals = {
        d.D_RATE: dealer.looks_per_s,
        d.D_HALF: dealer.half_vol,
        d.D_HALF_DELTA: dealer.half_delta_bps * BPS,
        d.D_SKEW: dealer.skew_vol,
        d.D_BOUND: dealer.most_vega_lots * money_vega,
        d.D_MOVE: dealer.requote_bps * BPS,
        d.D_BAND: dealer.hedge_band_lots * chain.perp_lots,
        d.D_SLIP: dealer.slip_bps * BPS,
    }
    delay, size = parse_duration(dealer.delay), (d.MAKER_OF_OPTIONS_INTS, d.D_CHAIN + len(numbers))
    together = _numbers(d.D_CHAIN, reals, numbers)
    return AgentLine(
        "option dealer", loop.OPTION_MAKER, ints[k.K_PERP], -1, -1, delay, dealer.looks_per_s, ints | own, together, size
    )


def _flow(draft: Draft, chain: OptionChainConfig, ints: dict[int, int]) -> AgentLine:
    flow = chain.flow
    own = {w.W_LOTS: draft.add_table(lognormal_table(flow.lots, flow.sigma))}
    reals = {w.W_RATE: flow.orders_per_s, w.W_LEAN: 2 * flow.buy_share - 1, w.W_SLIP: flow.slip}
    size = w.OPTION_FLOW_INTS, w.OPTION_FLOW_REALS
    return AgentLine("option flow", loop.OPTION_FLOW, ints[k.K_FIRST], -1, -1, 0, flow.orders_per_s, ints | own, reals, size)


def _parity(config: AgentMarketConfig, chain: OptionChainConfig, ints: dict[int, int], numbers: Float1D) -> AgentLine:
    parity = chain.parity
    reals = {
        y.Y_RATE: parity.looks_per_s,
        y.Y_FEE: config.pro_taker_bps * BPS,
        y.Y_OPTION_FEE: config.pro_taker_bps * BPS,
        y.Y_MARGIN: parity.margin_bps * BPS,
        y.Y_SLIP: parity.slip_bps * BPS,
    }
    delay, size = parse_duration(parity.delay), (y.PARITY_INTS, y.Y_CHAIN + len(numbers))
    together = _numbers(y.Y_CHAIN, reals, numbers)
    return AgentLine(
        "option arbitrage",
        loop.PARITY,
        ints[k.K_PERP],
        -1,
        -1,
        delay,
        parity.looks_per_s,
        ints | {y.Y_MOST: parity.most_lots},
        together,
        size,
    )
