"""The adversary in the agent market: he earns from a naive TWAP, is quiet without one, sees only what is public, adds up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import TRADE, Events
from counterpoise.sim.agents.adversary import detect
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.ahead import AheadConfig, ahead_line, ahead_report
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.market import simulate, take_events
from counterpoise.sim.agents.metaorder import metaorder_line
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, aggressive_orders, fit_ordinary_flow
from counterpoise.sim.agents.world import AgentWorld, build_world
from reference.hidden_orders import in_a_row

MINUTES = 10
THRESHOLD = 26.0  # nats; one run in twenty reaches it without an order, about


def config_of(seed: int) -> AgentMarketConfig:
    return agent_market_config(seed=seed, duration=f"{MINUTES}m", tokens=1, venues=1)


@pytest.fixture(scope="module")
def ordinary() -> OrdinaryFlow:
    instrument = config_of(0).instruments[0]
    return fit_ordinary_flow(in_a_row([simulate(config_of(s)).events[instrument.id] for s in range(900, 904)]), instrument)


def world_of(seed: int, ordinary: OrdinaryFlow, *, side: int, threshold: float = THRESHOLD) -> AgentWorld:
    """A TWAP of 400,000 lots, half the volume of the others, in children of 10 s; asleep when the side is 0."""
    config = config_of(seed)
    children = 6 * MINUTES
    line = metaorder_line(config, 0, side=side or 1, lots=400_000, child_lots=-(-400_000 // children), every="10s")
    ahead = ahead_line(config, 0, ordinary=ordinary, ahead=AheadConfig(threshold=threshold))
    world = build_world(config, extra=[line, ahead])
    world.wake_at(len(world.lines) - 2, config.start_ns if side else at.NEVER)
    return world


def profit_of(world: AgentWorld) -> float:
    return float(agent_ledger(world).filter(pl.col("type") == "adversary")["profit"][0])


def test_he_earns_from_an_even_twap_and_is_quiet_without_one(ordinary: OrdinaryFlow) -> None:
    """Each seed bought and sold: found nearly always, profit beyond fees; next to nothing where there is no order.

    Six of the seeds on which he was made; `benchmarks/adversary_profit.py` has others, and intervals.
    """
    earned, found, quiet = [], 0, 0
    for seed in range(700, 706):
        for side in (1, -1, 0) if seed % 2 else (1, -1):
            world = world_of(seed, ordinary, side=side)
            world.pass_unseen(world.config.end_ns + 120 * SECOND_NS)
            report = ahead_report(world).row(0, named=True)
            assert report["missed"] == 0
            if side:
                earned.append(profit_of(world))
                found += report["alarms"] > 0
            else:
                quiet += report["alarms"] > 0
    pairs = np.array(earned).reshape(-1, 2).mean(axis=1)
    assert pairs.mean() > 2 * pairs.std(ddof=1) / np.sqrt(len(pairs)) > 0
    assert found >= 11
    assert quiet <= 1


def test_he_unwinds_when_the_order_is_done(ordinary: OrdinaryFlow) -> None:
    world = world_of(1, ordinary, side=-1)
    held = []
    for second in range(0, 60 * MINUTES + 300, 20):
        world.pass_unseen(world.config.start_ns + second * SECOND_NS)
        held.append(ahead_report(world)["position_lots"][0])
    assert max(map(abs, held)) == 1_500
    assert {np.sign(lots) for lots in held if lots} == {-1}  # with the seller
    assert abs(held[-1]) < 100


def test_what_he_knows_is_what_the_public_prints_say(ordinary: OrdinaryFlow) -> None:
    """The score of one who only watches is that of `detect` on the tape: he reads nothing that is not printed."""
    world = world_of(2, ordinary, side=1, threshold=499.0)
    config, parts = world.config, []
    stop = config.start_ns + 90 * SECOND_NS
    while not world.advance(stop):
        parts.append(take_events(world)[0])
    parts.append(take_events(world)[0])
    events = Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    traded = events.kind == TRADE
    prints = Events._make(np.ascontiguousarray(column[traded]) for column in events)
    path = detect(prints, config.instruments[0], ordinary=ordinary, every="90s")
    orders = aggressive_orders(prints, config.instruments[0]).height
    score = ahead_report(world)["score"][0]
    assert path["orders"][-1] == orders
    assert score == pytest.approx(path["score"][-1], abs=0.5)  # the last print or two he has not looked at


def test_pieces_are_the_whole_and_money_adds_up(ordinary: OrdinaryFlow) -> None:
    whole, pieces = (world_of(1, ordinary, side=-1) for _ in range(2))
    end = whole.config.start_ns + 240 * SECOND_NS
    whole.pass_unseen(end)
    for stop in range(pieces.config.opening_ns, end, 9_700_000_000):
        pieces.pass_unseen(stop)
        pieces = pieces.copy()
    pieces.pass_unseen(end)
    assert profit_of(whole) == profit_of(pieces) != 0
    assert whole.reals.tobytes() == pieces.reals.tobytes()
    assert whole.ex.tobytes() == pieces.ex.tobytes()
    for row in venue_ledger(whole).iter_rows(named=True):
        assert row["traders"] + row["venue"] + row["fund"] - row["cost"] == row["deposited"]


def test_until_he_acts_the_market_is_the_same(ordinary: OrdinaryFlow) -> None:
    watching, trading = (world_of(3, ordinary, side=1, threshold=threshold) for threshold in (499.0, THRESHOLD))
    same = 0
    for second in range(5, 60 * MINUTES, 5):
        for world in (watching, trading):
            world.pass_unseen(world.config.start_ns + second * SECOND_NS)
        if ahead_report(trading)["alarms"][0]:
            break
        assert np.array_equal(watching.log_mids(), trading.log_mids())
        same += 1
    assert same > 2


def test_impossible_adversaries_are_refused(ordinary: OrdinaryFlow) -> None:
    for field, value in (("threshold", -1.0), ("drop", 0.0), ("most_clips", 0.0), ("looks_per_s", 0.0), ("slip_bps", 501.0)):
        with pytest.raises(ConfigError, match=field):
            AheadConfig(**{field: value})
    with pytest.raises(InputError, match="soon"):
        AheadConfig(hold="soon")
    with pytest.raises(InputError, match="market 9"):
        ahead_line(config_of(0), 9, ordinary=ordinary, ahead=AheadConfig())
