"""The participants of a config as lines of agents, in an order that never changes what came before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, count
from math import log
from typing import Final

import numpy as np

from counterpoise.core.units import BPS, SECOND_NS, Grid, parse_duration
from counterpoise.sim.agents.agent_config import AgentMarketConfig, Place
from counterpoise.sim.agents.arrays import AgentLine, Draft, distance_table, lognormal_table
from counterpoise.sim.agents.kernels import arbitrage as b
from counterpoise.sim.agents.kernels import crowd as c
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import maker as q
from counterpoise.sim.agents.kernels import patient as p
from counterpoise.sim.agents.kernels import taker as t
from counterpoise.sim.agents.kernels.statistics import EMA_SECONDS
from counterpoise.sim.agents.option_agents import chain_lines
from counterpoise.sim.agents.participants import InformedConfig, MakerConfig, TrendConfig
from counterpoise.sim.exchange.floor import RESERVED_ACCOUNTS

__all__ = ["population"]

_CROWD_ROOM: Final = 8  # places for orders as a multiple of those that rest on average


class _Sizes:
    """Bps as log prices and clips as lots of one market."""

    def __init__(self, config: AgentMarketConfig, place: Place) -> None:
        token = config.tokens[place.token]
        self.lots_per_clip = token.clip / Grid(token.lot).size
        self.ticks_per_bp = BPS * token.price / Grid(token.tick).size
        self.activity = config.activity(place)
        self.opening = log(round(token.price / Grid(token.tick).size))


def population(config: AgentMarketConfig, draft: Draft) -> list[AgentLine]:
    """Every agent but the clock; accounts are numbered one each from the first free one.

    Parameters
    ----------
    config : AgentMarketConfig
    draft : Draft
        Takes the tables and the places of crowds.
    """
    accounts = count(RESERVED_ACCOUNTS)
    lines = list(_lines(config, draft))
    return [line._replace(account=next(accounts)) for line in lines]


def _lines(config: AgentMarketConfig, draft: Draft) -> Iterator[AgentLine]:
    for market, place in enumerate(config.outrights):
        sizes = _Sizes(config, place)
        yield _crowd(config, draft, market, sizes)
        if config.patient.count:
            yield _patient(config, draft, market, sizes)
        for maker in config.makers:
            for _ in range(maker.count):
                yield _maker(config, draft, maker, market, sizes)
        for trend in config.trends:
            yield _trend(trend, market, sizes)
        for informed in config.informed:
            yield _informed(config, informed, market, sizes)
    for here, there in combinations(range(len(config.outrights)), 2):
        if config.places[here].token == config.places[there].token:
            yield _arbitrage(config, here, there)
    for chain in config.chains:
        yield from chain_lines(config, draft, chain)


def _crowd(config: AgentMarketConfig, draft: Draft, market: int, sizes: _Sizes) -> AgentLine:
    crowd, act = config.crowd, sizes.activity
    life_s = parse_duration(crowd.order_life) / SECOND_NS
    step = max(round(crowd.step_bps * sizes.ticks_per_bp), 1)
    reach = max(round(crowd.reach_bps * sizes.ticks_per_bp), 8)
    quotes_per_s = act * (crowd.limit_orders_per_s + crowd.quotes_per_trade * crowd.market_orders_per_s)
    room = int(_CROWD_ROOM * quotes_per_s * life_s) + 64
    ints = {
        c.C_MOST: room,
        c.C_ORDERS: draft.add_ints(np.zeros(room, np.int64)),
        c.C_PARENTS: crowd.parents,
        c.C_PARENT_ROWS: draft.add_ints(np.zeros(2 * crowd.parents, np.int64)),
        c.C_PARENT_MOST: crowd.parent_most,
        c.C_LIMIT_TICKS: draft.add_table(distance_table(crowd.near_exponent, step=step, reach=reach)),
        c.C_LIMIT_LOTS: draft.add_table(lognormal_table(crowd.limit_clips * sizes.lots_per_clip, crowd.limit_sigma)),
        c.C_MARKET_LOTS: draft.add_table(lognormal_table(crowd.market_clips * sizes.lots_per_clip, crowd.market_sigma)),
        c.C_LAST_NS: config.opening_ns,
    }
    reals = {
        c.C_MARKET: act * crowd.market_orders_per_s * (1 - crowd.branching),
        c.C_SELF: crowd.branching * crowd.decay_per_s,
        c.C_BETA: crowd.decay_per_s,
        c.C_LIMIT: act * crowd.limit_orders_per_s,
        c.C_QUOTES: crowd.quotes_per_trade,
        c.C_CANCEL: 1 / life_s,
        c.C_SLIP: crowd.slip_bps * BPS,
        c.C_PARENT_EXPONENT: crowd.parent_exponent,
        c.C_BOUND: quotes_per_s,
    }
    return AgentLine("crowd", loop.CROWD, market, -1, -1, 0, quotes_per_s, ints, reals, (c.CROWD_INTS, c.CROWD_REALS))


def _patient(config: AgentMarketConfig, draft: Draft, market: int, sizes: _Sizes) -> AgentLine:
    patient = config.patient
    rate = patient.count * patient.thoughts_per_s * sizes.activity
    ints = {
        p.P_COUNT: patient.count,
        p.P_ORDERS: draft.add_ints(np.zeros(patient.count, np.int64)),
        p.P_LOTS: draft.add_table(lognormal_table(patient.clips * sizes.lots_per_clip, patient.sigma)),
        p.P_SEEN: draft.add_reals(np.zeros(patient.count)),
    }
    reals = {
        p.P_RATE: rate,
        p.P_ENTER: patient.enter,
        p.P_LEAVE: patient.leave,
        p.P_STEP: patient.step_bps * BPS,
        p.P_REACH: patient.reach_bps * BPS,
        p.P_NEWS: patient.news_share,
        p.P_ANCHOR: patient.anchor,
        p.P_LIVE: patient.enter / (patient.enter + patient.leave),
        p.P_DEPTH: patient.depth_bps * BPS,
    }
    return AgentLine("patient", loop.PATIENT, market, -1, -1, 0, rate, ints, reals, (p.PATIENT_INTS, p.PATIENT_REALS))


def _maker(config: AgentMarketConfig, draft: Draft, maker: MakerConfig, market: int, sizes: _Sizes) -> AgentLine:
    gueant = maker.rule == "gueant"
    skew = maker.risk if gueant else maker.risk / BPS
    ints = {
        q.Q_LEVELS: maker.levels,
        q.Q_ORDERS: draft.add_ints(np.zeros(6 * maker.levels, np.int64)),
        q.Q_LAG: round(parse_duration(maker.news_lag) / config.fundamental.step_ns),
        q.Q_LOOKED_NS: config.opening_ns,
    }
    reals = {
        q.Q_HALF: maker.half_spread_bps * BPS,
        q.Q_HALF_SIGMA: 0.5 * skew,
        q.Q_SKEW: skew,
        q.Q_POWER: 1.0 if gueant else 2.0,
        q.Q_GAP: maker.gap_bps * BPS,
        q.Q_LOTS: max(maker.clips * sizes.lots_per_clip, 1.0),
        q.Q_GROWTH: maker.growth,
        q.Q_BOUND: maker.bound,
        q.Q_INDEX: maker.index_weight if len(config.outrights) > len(config.tokens) else 0.0,
        q.Q_VOLATILE: maker.volatile,
        q.Q_TOXIC: maker.toxic,
        q.Q_MOST_CAUTION: maker.most_caution,
        q.Q_RATE: maker.looks_per_s,
        q.Q_NEWS: maker.news_share,
        q.Q_FORGET: SECOND_NS / parse_duration(maker.fair_time),
        q.Q_FAIR: sizes.opening,
    }
    name, delay = f"maker {maker.rule}", parse_duration(maker.delay)
    return AgentLine(name, loop.MAKER, market, -1, -1, delay, maker.looks_per_s, ints, reals, (q.MAKER_INTS, q.MAKER_REALS))


def _taker(config: TrendConfig | InformedConfig, sizes: _Sizes) -> dict[int, float]:
    return {
        t.T_RATE: config.looks_per_s,
        t.T_MOST: config.most_clips * sizes.lots_per_clip,
        t.T_CLIP: max(config.order_clips * sizes.lots_per_clip, 1.0),
        t.T_SLIP: config.slip_bps * BPS,
    }


def _trend(trend: TrendConfig, market: int, sizes: _Sizes) -> AgentLine:
    seconds = parse_duration(trend.horizon) / SECOND_NS
    ints = {t.T_HORIZON: EMA_SECONDS.index(seconds)}
    reals = _taker(trend, sizes) | {t.T_GAIN: trend.gain, t.T_HORIZON_S: seconds}
    name = f"{'follower' if trend.gain > 0 else 'fader'} {trend.horizon}"
    size = t.TAKER_INTS, t.TAKER_REALS
    return AgentLine(name, loop.TREND, market, -1, -1, parse_duration(trend.delay), trend.looks_per_s, ints, reals, size)


def _informed(config: AgentMarketConfig, informed: InformedConfig, market: int, sizes: _Sizes) -> AgentLine:
    ints = {t.T_LAG: round(parse_duration(informed.lag) / config.fundamental.step_ns), t.T_LOOKED_NS: config.opening_ns}
    reals = _taker(informed, sizes) | {
        t.T_THRESHOLD: informed.threshold_bps * BPS,
        t.T_ERROR_SIGMA: informed.error_bps * BPS,
        t.T_ERROR_RATE: SECOND_NS / parse_duration(informed.error_time),
        t.T_ADAPT: SECOND_NS / parse_duration(informed.adapt) if informed.adapt else 0.0,
    }
    name, delay = f"informed {informed.lag}", parse_duration(informed.delay)
    size = t.TAKER_INTS, t.TAKER_REALS
    return AgentLine(name, loop.INFORMED, market, -1, -1, delay, informed.looks_per_s, ints, reals, size)


def _arbitrage(config: AgentMarketConfig, here: int, there: int) -> AgentLine:
    arbitrage, sizes = config.arbitrage, _Sizes(config, config.places[here])
    fees = 2 * config.pro_taker_bps
    reals = {
        b.B_RATE: arbitrage.looks_per_s,
        b.B_COST: log(1 + (fees + arbitrage.margin_bps) * BPS),
        b.B_CLIP: max(arbitrage.clips * sizes.lots_per_clip, 1.0),
        b.B_MOST: arbitrage.most_clips * sizes.lots_per_clip,
        b.B_SLIP: arbitrage.slip_bps * BPS,
    }
    delay, size = parse_duration(arbitrage.delay), (b.ARBITRAGE_INTS, b.ARBITRAGE_REALS)
    return AgentLine("arbitrage", loop.ARBITRAGE, here, there, -1, delay, arbitrage.looks_per_s, {}, reals, size)
