"""What every Venue does, on the market of agents: the cases of the numbered suite that need no script, by their numbers there.

Orders take 100 ms to the venue and answers 150 ms back; market data take 50 ms, so an order sent at t meets the book seen at
t + .15 and is heard of at t + .25.
"""

from __future__ import annotations

import random
from typing import Final

import numpy as np
import pytest
from msgspec import structs

from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import Measures
from counterpoise.market.book import Book
from counterpoise.market.event import TRADE, Events
from counterpoise.market.order import (
    Approved,
    Fill,
    Order,
    OrderState,
    OrderType,
    OrderUpdate,
    RejectReason,
    TimeInForce,
    require_transition,
)
from counterpoise.market.venue import VenueEvent
from counterpoise.risk.limits import Limits
from counterpoise.runtime.session import Session
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.ledger import venue_ledger
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.exchange.kernels.layout import ACCOUNT_COUNT
from counterpoise.sim.latency import ConstantLatency, LognormalLatency

CONFIG: Final = structs.replace(agent_market_config(seed=9, duration="30s", tokens=1, venues=1), warm_up="5s")
PERP, SPOT = (instrument.id for instrument in CONFIG.instruments)
LATENCY: Final = ConstantLatency(order="100ms", ack="150ms", feed="50ms")
TICK, LOT = 0.1, 0.001


def at(seconds: float) -> int:
    return CONFIG.start_ns + round(seconds * SECOND_NS)


class Client:
    """Sends orders and writes down what is heard, and when."""

    def __init__(self, latency: ConstantLatency | LognormalLatency = LATENCY) -> None:
        self.venue = AgentVenue(CONFIG, latency=latency)
        self.heard: list[tuple[int, VenueEvent]] = []
        self.sent = 0

    def to(self, seconds: float, *, every: float = 0.05) -> Client:
        while self.now < at(seconds):
            self.venue.advance(min(self.now + round(every * SECOND_NS), at(seconds)))
            self.heard += [(self.now, event) for event in self.venue.events()]
        return self

    @property
    def now(self) -> int:
        return max(self.venue._now_ns, CONFIG.start_ns)

    def send(self, side: int, lots: int, price: int, instrument: str = PERP, **terms: object) -> str:
        self.sent += 1
        name = f"o{self.sent}"
        kind = OrderType.LIMIT if price else OrderType.MARKET
        order = Order(client_id=name, instrument=instrument, side=side, qty_lots=lots, price_ticks=price, type=kind, **terms)
        self.venue.submit(Approved(order))
        return name

    def of(self, name: str) -> list[VenueEvent]:
        return [event for _, event in self.heard if event.client_id == name]

    def fills(self, name: str) -> list[Fill]:
        return [event for event in self.of(name) if isinstance(event, Fill)]

    def states(self, name: str) -> list[tuple[OrderState, int, RejectReason | None]]:
        return [(e.state, e.left_lots, e.reason) for e in self.of(name) if isinstance(e, OrderUpdate)]


def test_01_an_order_that_rests_is_working_until_it_is_cancelled() -> None:
    client = Client().to(1)
    bid = client.venue.top(PERP).bid_ticks
    name = client.send(1, 5, bid - 3000)
    client.to(2)
    assert client.states(name) == [(OrderState.WORKING, 5, None)]
    assert client.heard[0][0] == at(1.25)
    assert client.heard[0][1].ts_ns == at(1.15)
    client.venue.cancel(name)
    assert client.to(3).states(name)[1:] == [(OrderState.CANCELLED, 5, None)]


def test_02_a_market_order_takes_from_the_best_on_and_pays_the_taker_fee() -> None:
    client = Client().to(1)
    before = client.venue.top(PERP)
    name = client.send(1, 900, 0)
    fills = client.to(2).fills(name)
    assert sum(fill.qty_lots for fill in fills) == 900
    assert [fill.price_ticks for fill in fills] == sorted(fill.price_ticks for fill in fills)
    assert fills[0].price_ticks == pytest.approx(before.ask_ticks, abs=500)
    assert client.states(name) == [(OrderState.FILLED, 0, None)]
    for fill in fills:
        assert (fill.instrument, fill.side, fill.ts_ns, fill.maker) == (PERP, 1, at(1.15), False)
        assert fill.fee == pytest.approx(fill.price_ticks * TICK * fill.qty_lots * LOT * 3e-4, abs=1e-6)


def test_03_a_resting_order_is_hit_by_agents_and_pays_the_maker_fee() -> None:
    client, names = Client(), []
    for second in range(1, 12):
        client.to(second)
        names.append(client.send(1, 5, client.venue.top(PERP).bid_ticks, time_in_force=TimeInForce.POST_ONLY))
    client.to(15)
    fills = [fill for name in names for fill in client.fills(name) if fill.maker]
    assert fills
    for fill in fills:
        assert fill.fee == pytest.approx(fill.price_ticks * TICK * fill.qty_lots * LOT * 1e-4, abs=1e-6)


def test_04_post_only_that_would_take_is_refused() -> None:
    client = Client().to(1)
    name = client.send(1, 5, client.venue.top(PERP).ask_ticks + 500, time_in_force=TimeInForce.POST_ONLY)
    assert client.to(2).states(name) == [(OrderState.REJECTED, 0, RejectReason.WOULD_TAKE)]


def test_05_what_an_immediate_order_does_not_find_is_cancelled() -> None:
    client = Client().to(1)
    name = client.send(1, 10**6, client.venue.top(PERP).ask_ticks + 100, time_in_force=TimeInForce.IOC)
    client.to(2)
    filled = sum(fill.qty_lots for fill in client.fills(name))
    assert client.states(name)[-1][:2] == (OrderState.CANCELLED, 10**6 - filled)


def test_06_an_id_is_good_once_and_an_unknown_one_never() -> None:
    client = Client().to(1)
    name = client.send(1, 5, 1000 * (client.venue.top(PERP).bid_ticks // 1000) - 2000)
    client.venue.submit(Approved(client.venue._held[name].order))
    client.venue.cancel("nobody's")
    client.to(2)
    assert client.states(name)[1:] == [(OrderState.REJECTED, 0, RejectReason.DUPLICATE_ID)]
    assert client.states("nobody's") == [(OrderState.REJECTED, 0, RejectReason.UNKNOWN_ORDER)]


def test_07_an_amendment_that_is_refused_changes_nothing() -> None:
    client = Client().to(1)
    far = client.venue.top(PERP).bid_ticks - 2000
    name = client.send(1, 9, far)
    client.to(1.5)
    client.venue.amend(name, qty_lots=4, price_ticks=far)
    client.venue.amend(name, qty_lots=0, price_ticks=far)
    client.venue.amend(name, qty_lots=4, price_ticks=far - 10)
    client.to(2)
    working = OrderState.WORKING
    assert client.states(name) == [
        (working, 9, None),
        (working, 4, None),
        (working, 4, RejectReason.OFF_GRID),
        (working, 4, None),
    ]


def test_08_requests_keep_their_order_whatever_the_latency() -> None:
    client = Client(LognormalLatency(order="80ms", ack="300ms", feed="5ms", sigma=1.5)).to(1)
    name = client.send(1, 5, client.venue.top(PERP).bid_ticks - 2000)
    client.venue.cancel(name)
    assert [state for state, *_ in client.to(20).states(name)] == [OrderState.WORKING, OrderState.CANCELLED]


def test_25_time_does_not_go_back() -> None:
    client = Client().to(2)
    with pytest.raises(InputError, match="cannot go back"):
        client.venue.advance(at(1))


def test_26_market_events_are_handed_on_whole_once_and_late_by_the_feed() -> None:
    cut, whole = Client(), Client()
    pieces: dict[str, list[Events]] = {PERP: [], SPOT: []}
    for seconds in (0.3, 1.234, 1.3, 5.9, 9):
        cut.to(seconds, every=1)
        for instrument, events in cut.venue.market():
            assert events.ts_local[-1] < at(seconds)
            assert (events.ts_local - events.ts_venue == 50 * MS_NS).all()
            pieces[instrument.id].append(events)
    whole.to(9, every=9)
    found = {PERP: list[Events](), SPOT: list[Events]()}
    for instrument, events in whole.venue.market():
        found[instrument.id].append(events)
    for name in (PERP, SPOT):
        for a, b in zip(join(pieces[name]), join(found[name]), strict=True):
            assert a.tolist() == b.tolist()


def join(parts: list[Events]) -> Events:
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def test_27_the_top_is_that_of_the_time() -> None:
    client, book = Client(), Book()
    for seconds in (0.5, 1, 4):
        client.to(seconds)
        for instrument, events in client.venue.market():
            if instrument.id == PERP:
                book.apply(events)
        top = client.venue.top(PERP)
        assert (top.bid_ticks, top.ask_ticks) == (book.best_bid, book.best_ask)
        edges = np.array([top.bid_ticks - 200, top.bid_ticks, top.bid_ticks + 1])
        assert client.venue.depth_rows(PERP, edges)[1] == top.bid_lots


def test_28_instruments_are_known_by_name() -> None:
    client = Client().to(1)
    assert client.venue.instruments == CONFIG.instruments
    with pytest.raises(UnknownName, match="did you mean 'alpha:BTC-PERP'"):
        client.venue.top("alpha:BTC-PER")
    with pytest.raises(UnknownName):
        client.send(1, 1, 1, instrument="alpha:DOGE-PERP")


@pytest.mark.parametrize("seed", range(4))
def test_30_whatever_happens_is_legal_and_money_adds_up(seed: int) -> None:
    draw = random.Random(seed)
    client = Client(LognormalLatency(order="30ms", ack="60ms", feed="5ms", sigma=1.0)).to(0.5)
    orders: dict[str, Order] = {}
    for step in range(60):
        client.to(0.5 + 0.1 * step)
        instrument = draw.choice((PERP, SPOT))
        if orders and draw.random() < 0.4:
            name = draw.choice(list(orders))
            if draw.random() < 0.5:
                client.venue.cancel(name)
            else:
                price = max(orders[name].price_ticks, 1) + draw.randint(-30, 30)
                client.venue.amend(name, qty_lots=draw.choice((0, 1, 50)), price_ticks=price)
            continue
        side = draw.choice((1, -1))
        top = client.venue.top(instrument)
        touch = top.bid_ticks if side > 0 else top.ask_ticks
        market = draw.random() < 0.2
        price = 0 if market else touch + side * draw.choice((0, 0, 3, 300, -20))
        life = TimeInForce.GTC if market else draw.choice(list(TimeInForce))
        name = client.send(side, draw.choice((1, draw.randint(1, 100), 4000)), price, instrument, time_in_force=life)
        orders[name] = client.venue._held[name].order
    client.to(20)
    for name, order in orders.items():
        require_legal(order, client.of(name))
    made = sorted((fill for name in orders for fill in client.fills(name)), key=lambda fill: fill.trade_id)
    assert [fill.trade_id for fill in made] == list(range(1, len(made) + 1))
    assert [fill.ts_ns for fill in made] == sorted(fill.ts_ns for fill in made)
    for row in venue_ledger(client.venue.world).iter_rows(named=True):
        assert row["traders"] + row["venue"] + row["fund"] - row["cost"] == row["deposited"]


def require_legal(order: Order, heard: list[VenueEvent]) -> None:
    state, left, ts_ns = OrderState.IN_FLIGHT, order.qty_lots, 0
    assert heard
    for event in heard:
        assert event.ts_ns >= ts_ns
        ts_ns = event.ts_ns
        if isinstance(event, Fill):
            assert state.live
            assert event.qty_lots > 0
            continue
        require_transition(order.client_id, state, event.state)
        state, left = event.state, event.left_lots
    assert (left == 0) == (state in (OrderState.FILLED, OrderState.REJECTED))


def test_31_agents_answer_to_our_order() -> None:
    """The same world with and without a large purchase: ours is printed, and what it took is gone."""
    plain, ours = Client().to(1), Client().to(1)
    name = ours.send(1, 30_000, 0)
    plain.to(1.2)
    ours.to(1.2)
    assert ours.venue.top(PERP).ask_ticks > plain.venue.top(PERP).ask_ticks + 100
    ours.to(6)
    prints = join([events for instrument, events in ours.venue.market() if instrument.id == PERP])
    bought = prints.qty_lots[(prints.kind == TRADE) & (prints.side == 1) & (prints.ts_venue == at(1.1))]
    assert bought.tolist() == [fill.qty_lots for fill in ours.fills(name)]
    plain.to(6)
    assert ours.venue.world.log_values().tolist() == plain.venue.world.log_values().tolist()


def test_32_a_fill_knows_its_mids() -> None:
    """One context a fill: the mid before it stands inside the spread then seen, the undisturbed one moves as the value."""
    client = Client().to(1)
    top = client.venue.top(PERP)
    name = client.send(1, 400, 0)
    client.to(2)
    contexts = client.venue.contexts()
    assert [context.client_id for context in contexts] == [name] * len(client.fills(name))
    assert contexts[0].ts_ns == at(1.15)
    assert abs(contexts[0].shown_mid_ticks - (top.bid_ticks + top.ask_ticks) / 2) < 300
    assert all(c.shown_mid_ticks < fill.price_ticks + 0.5 for c, fill in zip(contexts, client.fills(name), strict=True))
    assert len({context.recorded_mid_ticks for context in contexts}) == 1


def test_33_a_session_works_a_parent_order() -> None:
    """The loop of replay, paper and live on the market of agents: the parent is done, and its shortfall has its mids."""
    venue = AgentVenue(CONFIG, latency=LATENCY)
    instrument = CONFIG.instruments[0]
    terms = ParentConfig(side="buy", qty="2", slice="2s", max_participation=0.5, cross_after=0.1, cross_bps=5.0)
    parent = Parent(instrument, terms, name="one", start_ns=at(2), end_ns=at(22))
    session = Session(
        venue,
        clock=SimClock(at(1)),
        execution=parent,
        limits=Limits(),
        measures={instrument.id: Measures(instrument, bins=Bins.every(SECOND_NS))},
        journal=Kept(),
        step_ns=100 * MS_NS,
    )
    result = session.run(at(25))
    assert parent.filled_lots == sum(fill.qty_lots for fill in result.fills) == 2000
    assert len(venue.contexts()) == len(result.fills)
    assert result.measures[instrument.id].height >= 20
    assert venue.world.position_lots(int(venue.world.ex[ACCOUNT_COUNT]) - 1, 0) == 2000


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[object] = []

    def append(self, record: object) -> None:
        self.records.append(record)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
