"""What everyone can compute of a market of agents, against the events that were told."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from msgspec import structs

from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import TRADE
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels.statistics import EMA_SECONDS, FLOW_SECONDS, VAR_SECONDS
from counterpoise.sim.agents.kernels.wire import print_at
from counterpoise.sim.agents.market import open_world, take_events
from counterpoise.sim.agents.world import AgentWorld
from counterpoise.sim.exchange.kernels.readers import best_price

STEP_NS = SECOND_NS // 10


def opened() -> AgentWorld:
    config = structs.replace(agent_market_config(seed=12, tokens=1, venues=1), warm_up="3s", kinds=("perp",))
    world = open_world(config)
    world.clear()
    return world


def statistics(world: AgentWorld) -> np.ndarray:
    start = int(world.market_rows()[0, at.M_STATS])
    return world.reals[start : start + at.STATS_SIZE].copy()


def test_each_step_is_its_recursion() -> None:
    """Means, variances, signed flow and volume from the mids and trades up to the step, in plain Python."""
    world = opened()
    dt = 0.1
    for step in range(80):
        before, ts_ns = statistics(world), world.config.start_ns + step * STEP_NS
        bought = world.market_rows()[0, [at.M_BUYS, at.M_SELLS]].copy()
        world.pass_unseen(ts_ns)  # up to the step, which rings at that time
        mid = log((best_price(world.ex, 0, 1) + best_price(world.ex, 0, -1)) / 2)
        buys, sells = world.market_rows()[0, [at.M_BUYS, at.M_SELLS]] - before[[at.S_SEEN_BUYS, at.S_SEEN_SELLS]]
        assert (bought <= world.market_rows()[0, [at.M_BUYS, at.M_SELLS]]).all()
        world.pass_unseen(ts_ns + 1)
        after = statistics(world)
        assert after[at.S_MID] == pytest.approx(mid, abs=1e-12)
        move = mid - before[at.S_MID]
        for k, seconds in enumerate(VAR_SECONDS):
            old = before[at.S_VAR + k]
            assert after[at.S_VAR + k] == pytest.approx(old + (move**2 / dt - old) * (1 - exp(-dt / seconds)), rel=1e-9)
        for k, seconds in enumerate(EMA_SECONDS):
            old = before[at.S_EMA + k]
            assert after[at.S_EMA + k] == pytest.approx(old + (mid - old) * (1 - exp(-dt / seconds)), rel=1e-12)
        share = 1 - exp(-dt / FLOW_SECONDS)
        for slot, lots in ((at.S_FLOW, buys - sells), (at.S_VOLUME, buys + sells)):
            assert after[slot] == pytest.approx(before[slot] + (lots / dt - before[slot]) * share, rel=1e-9, abs=1e-9)


def test_prints_are_the_trades_that_were_told() -> None:
    """The ring holds time, side, price and lots of the last trades, by number."""
    world = opened()
    first = int(world.market_rows()[0, at.M_TRADES])
    assert world.advance(world.config.start_ns + 20 * SECOND_NS)
    last = int(world.market_rows()[0, at.M_TRADES])
    (events,) = take_events(world)
    trades = events.kind == TRADE
    assert last - first == trades.sum() > 100
    told = np.stack([events.ts_venue, events.side, events.price_ticks, events.qty_lots], axis=1)[trades]
    for number in range(max(first, last - at.PRINTS_LEN), last):
        row = int(print_at(world.world, 0, number))
        assert world.world[row : row + at.PRINT_SIZE].tolist() == told[number - first].tolist()
    assert world.market_rows()[0, [at.M_LAST, at.M_LAST_NS]].tolist() == told[-1, [2, 0]].tolist()
