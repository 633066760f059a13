"""The agent market: same seed same bytes, pieces equal the whole, a copy is the market, money adds up, the tape is the book."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from counterpoise.core.units import SECOND_NS
from counterpoise.market.book import Book
from counterpoise.market.event import QUOTE, TRADE, Events
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.arrays import AgentLine
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.market import AgentMarket, SimulatedMarket, open_world, simulate, take_events
from counterpoise.sim.agents.metaorder import metaorder_line, with_metaorder
from counterpoise.sim.agents.world import AgentWorld, build_world
from counterpoise.sim.exchange.kernels.readers import best_lots, best_price, depth_of


def small(**changes: object) -> AgentMarketConfig:
    """One token, spot and perpetual on two venues, a few seconds."""
    base = agent_market_config(seed=3, duration="6s", tokens=1)
    return structs.replace(base, **({"warm_up": "2s", "funding_interval": "1m"} | changes))


def same(a: Events, b: Events) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def state(world: AgentWorld) -> list[bytes]:
    return [array.tobytes() for array in (world.world, world.reals, world.rng, world.ex)]


@pytest.fixture(scope="module")
def whole() -> SimulatedMarket:
    return simulate(small())


def test_every_market_trades(whole: SimulatedMarket) -> None:
    assert list(whole.events) == ["alpha:BTC-PERP", "alpha:BTC-SPOT", "beta:BTC-PERP", "beta:BTC-SPOT"]
    for events in whole.events.values():
        events.require_order()
        assert (events.kind == TRADE).sum() > 10
        assert (np.diff(events.ts_venue) >= 0).all()


def test_same_seed_same_bytes_another_seed_others(whole: SimulatedMarket) -> None:
    again, other = simulate(small()), simulate(small(seed=4))
    for name, events in whole.events.items():
        assert same(again.events[name], events)
        assert not same(other.events[name], events)
    assert again.agents.equals(whole.agents)


def test_pieces_equal_the_whole(whole: SimulatedMarket) -> None:
    feed = AgentMarket(small())
    pieces: dict[str, list[Events]] = {instrument.id: [] for instrument in feed.instruments}
    first, last = feed.span_ns
    for ts_ns in [*np.linspace(first - 1, last, 37).astype(int).tolist(), last + 1]:
        for instrument, events in feed.until(ts_ns):
            assert events.ts_local[-1] < ts_ns
            pieces[instrument.id].append(events)
    for name, parts in pieces.items():
        assert same(Events._make(np.concatenate(c) for c in zip(*parts, strict=True)), whole.events[name])


def test_a_copy_is_the_market() -> None:
    one = open_world(small())
    two = one.copy()
    end = one.config.start_ns + 2 * SECOND_NS
    one.pass_unseen(end)
    for ts_ns in range(one.config.start_ns, end + 1, SECOND_NS // 7):
        two.pass_unseen(ts_ns)
    two.pass_unseen(end)
    assert state(one) == state(two)


def test_a_full_tape_leaves_no_trace() -> None:
    """With room for one wake only the loop stops after almost every one."""
    one, two = open_world(small()), open_world(small())
    rows = len(two.tape) - 60
    end = one.config.start_ns + SECOND_NS // 2
    one.pass_unseen(end)
    two.tape, two.reports = two.tape[rows - 6500 :].copy(), two.reports[rows - 6500 :].copy()
    stops = 0
    while not two.advance(end):
        two.clear()
        stops += 1
    two.clear()
    assert stops > 2
    assert state(one) == state(two)


def test_money_is_conserved_to_the_last_grain() -> None:
    """Over trades, fees, rebates and two funding payments."""
    world = open_world(small())
    for seconds in (1, 30, 130):
        world.pass_unseen(world.config.start_ns + seconds * SECOND_NS)
        for row in venue_ledger(world).iter_rows(named=True):
            assert row["traders"] + row["venue"] + row["fund"] - row["cost"] == row["deposited"]
    ledger = venue_ledger(world)
    assert ledger.filter(currency="USDT")["venue"][0] > 0
    agents = agent_ledger(world)
    gone = agents["profit"].sum() + ledger.filter(currency="USDT")["venue"][0] / 1e6
    assert abs(gone) < 0.001 * agents["traded"].sum()  # but for the mids of two venues


def test_the_tape_is_the_book() -> None:
    config = small()
    feed = AgentMarket(config)
    books = {instrument.id: Book() for instrument in feed.instruments}
    for instrument, events in feed.until(feed.span_ns[1] + 1):
        books[instrument.id].apply(events)
    prices, lots = np.zeros(20, np.int64), np.zeros(20, np.int64)
    for market, instrument in enumerate(feed.instruments):
        for side in (1, -1):
            found = depth_of(feed.world.ex, market, side, prices, lots)
            shown = books[instrument.id].levels(side, 20)
            assert shown.price_ticks.tolist() == prices[:found].tolist()
            assert shown.qty_lots.tolist() == lots[:found].tolist()


def test_quotes_are_the_best_of_the_exchange(whole: SimulatedMarket) -> None:
    feed = AgentMarket(small())
    list(feed.until(feed.span_ns[1] + 1))
    for market, events in enumerate(whole.events.values()):
        for side in (1, -1):
            last = np.flatnonzero((events.kind == QUOTE) & (events.side == side))[-1]
            assert events.price_ticks[last] == best_price(feed.world.ex, market, side)
            assert events.qty_lots[last] == best_lots(feed.world.ex, market, side)


def test_an_agent_more_leaves_values_as_they_were() -> None:
    config = small()
    line = metaorder_line(config, 0, side=1, lots=500, child_lots=50, every="100ms")
    plain, moved = build_world(config), with_metaorder(config, line)
    for ts_ns in range(config.start_ns, config.start_ns + 5 * SECOND_NS + 1, SECOND_NS):
        plain.pass_unseen(ts_ns)
        moved.pass_unseen(ts_ns)
        assert plain.log_values().tolist() == moved.log_values().tolist()
    assert plain.log_mids().tolist() != moved.log_mids().tolist()


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_metaorder_is_done_as_told(share: float) -> None:
    """By the clock within lots/child × every; by participation its share of all that trades."""
    config = small()
    line: AgentLine = metaorder_line(config, 0, side=-1, lots=400, child_lots=40, every="200ms", share=share)
    world = with_metaorder(config, line)
    world.pass_unseen(config.start_ns - 1)
    before = world.traded_lots()[0]
    world.pass_unseen(config.start_ns + 2 * SECOND_NS)
    account = world.lines[-1].account
    done = -world.position_lots(account, 0)
    if share == 0.0:
        assert done == 400
    else:
        volume = world.traded_lots()[0] - before
        assert 0 < done <= share * volume + 40


def test_the_statistics_are_those_of_the_tape() -> None:
    """Signed volume and last price in the prints equal the trades told."""
    world = open_world(small())
    world.clear()
    rows = world.market_rows()
    before = rows[:, [at.M_BUYS, at.M_SELLS]].copy()
    world.advance(world.config.start_ns + SECOND_NS // 4)
    for market, events in enumerate(take_events(world)):
        trades = events.kind == TRADE
        for column, side in ((0, 1), (1, -1)):
            told = int(events.qty_lots[trades & (events.side == side)].sum())
            assert rows[market, [at.M_BUYS, at.M_SELLS][column]] - before[market, column] == told
