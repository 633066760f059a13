"""What every Venue does, case by case; a new venue joins by a line in `VENUES`.

The market is small and made by hand: a book of 1,000 bid, 1,001 asked, trades now and then. Times are seconds after T0. Orders
take 100 ms to the venue and answers 150 ms back; market data take 50 ms, so an order sent at t meets the book seen at t + .15
and is heard of at t + .25.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Final, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import (
    Approved,
    Conditions,
    Fill,
    Order,
    OrderState,
    OrderType,
    TimeInForce,
    Trigger,
    TriggerKind,
    require_transition,
)
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook, Venue, VenueEvent
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency, LognormalLatency
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE, Followers, Resilience, ResponseModel
from counterpoise.sim.replay.venue import SimVenue
from reference.given_feed import Given
from reference.message_script import T0, Message, events_of
from reference.random_stream import RandomStream

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "tick": "0.1", "lot": "1"}
LINEAR: Final = Instrument(venue="testex", symbol="XUSD", settle="USD", min_notional="300", **TERMS)
INVERSE: Final = Instrument(venue="testex", symbol="XUSD_INV", settle="X", multiplier="10", inverse=True, **TERMS)
FEES: Final = Fees(maker_bps=-1, taker_bps=5)
LATENCY: Final = ConstantLatency(order="100ms", ack="150ms", feed="50ms")
BOOK: Final[Message] = (0, SNAPSHOT, [(1, 1000, 10), (1, 999, 20), (-1, 1001, 30), (-1, 1002, 40)])


Maker: TypeAlias = Callable[[Given], Venue]
VENUES: Final[dict[str, Maker]] = {"sim": lambda feed: SimVenue(feed, fees=FEES, latency=LATENCY)}


@pytest.fixture(params=VENUES)
def make(request: pytest.FixtureRequest) -> Maker:
    return VENUES[request.param]


class Client:
    """Sends orders and writes down what is heard, with the second it was heard in."""

    def __init__(self, make: Maker, *messages: Message, instrument: Instrument = LINEAR) -> None:
        self.instrument = instrument
        self.venue = make(Given((instrument, events_of([BOOK, *messages]))))
        self.names = (f"o{i}" for i in count(1))
        self.heard: list[tuple[float, VenueEvent]] = []
        self.now = 0.0

    def to(self, seconds: float, *, every: float = 0.01) -> Client:
        """Advance in small steps, so that what is heard is heard when it can be."""
        while self.now < seconds:
            self.now = min(seconds, round(self.now + every, 9))
            self.venue.advance(at(self.now))
            self.heard += [(self.now, event) for event in self.venue.events()]
        return self

    def send(self, side: int, lots: int, price: int, tif: TimeInForce = TimeInForce.GTC, *, name: str = "") -> str:
        order = Order(
            client_id=name or next(self.names),
            instrument=self.instrument.id,
            side=side,
            qty_lots=lots,
            type=OrderType.LIMIT if price else OrderType.MARKET,
            price_ticks=price,
            time_in_force=tif,
        )
        self.venue.submit(Approved(order))
        return order.client_id

    def said(self, name: str = "o1") -> list[str]:
        """What was heard of one order, in short."""
        return [brief(event) for _, event in self.heard if event.client_id == name]

    def fills(self, name: str = "o1") -> list[Fill]:
        return [event for _, event in self.heard if isinstance(event, Fill) and event.client_id == name]


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_NS)


def brief(event: VenueEvent) -> str:
    if isinstance(event, Fill):
        return f"{event.qty_lots}@{event.price_ticks} {'maker' if event.maker else 'taker'}"
    return f"{event.state} {event.left_lots}" + (f" {event.reason}" if event.reason else "")


def test_01_a_limit_order_rests_and_is_filled_in_its_turn(make: Maker) -> None:
    client = Client(make, (2, TRADE, [(-1, 1000, 12)]), (3, TRADE, [(-1, 1000, 12)])).to(1)
    client.send(1, 5, 1000)
    assert client.to(9).said() == ["working 5", "2@1000 maker", "3@1000 maker", "filled 0"]


def test_02_a_limit_order_that_crosses_takes_and_rests_with_what_is_left(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 35, 1001)
    assert client.to(9).said() == ["30@1001 taker", "working 5"]


def test_03_a_market_order_walks_the_book_and_never_rests(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 40, 0)
    client.send(-1, 100, 0)
    client.to(9)
    assert client.said("o1") == ["30@1001 taker", "10@1002 taker", "filled 0"]
    assert client.said("o2") == ["10@1000 taker", "20@999 taker", "cancelled 70"]


def test_04_immediate_or_cancel(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 35, 1001, TimeInForce.IOC)
    client.send(1, 5, 1000, TimeInForce.IOC)
    client.to(9)
    assert client.said("o1") == ["30@1001 taker", "cancelled 5"]
    assert client.said("o2") == ["cancelled 5"]


@pytest.mark.parametrize(("side", "touch"), [(1, 1001), (-1, 1000)])
def test_05_post_only_never_takes(make: Maker, side: int, touch: int) -> None:
    client = Client(make).to(1)
    client.send(side, 5, touch, TimeInForce.POST_ONLY)
    client.send(side, 5, touch - side, TimeInForce.POST_ONLY)
    client.to(9)
    assert client.said("o1") == ["rejected 0 would_take"]
    assert client.said("o2") == ["working 5"]


def test_06_a_cancel_leaves_what_was_not_filled(make: Maker) -> None:
    client = Client(make, (2, TRADE, [(-1, 999, 2)]), (4, TRADE, [(-1, 999, 9)])).to(1)
    client.send(1, 5, 1000)
    client.to(3).venue.cancel("o1")
    assert client.to(9).said() == ["working 5", "2@1000 maker", "cancelled 3"]


def test_07_a_cancel_that_loses_the_race_changes_nothing(make: Maker) -> None:
    """Sent at 1.99, on its way when the order fills at 2.0; the venue has nothing to add to the fill."""
    client = Client(make, (2, TRADE, [(-1, 999, 50)])).to(1)
    client.send(1, 5, 1000)
    client.to(1.99).venue.cancel("o1")
    assert client.to(9).said() == ["working 5", "5@1000 maker", "filled 0"]


def test_08_a_cancel_that_wins_the_race_prevents_the_fill(make: Maker) -> None:
    """Sent at 1.84 it is there at 1.99 of the book that we see."""
    client = Client(make, (2, TRADE, [(-1, 999, 50)])).to(1)
    client.send(1, 5, 1000)
    client.to(1.84).venue.cancel("o1")
    assert client.to(9).said() == ["working 5", "cancelled 5"]


def test_09_a_cancel_never_overtakes_its_order(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 5, 1000)
    client.venue.cancel("o1")
    assert client.to(9).said() == ["working 5", "cancelled 5"]


def test_10_unknown_orders_are_said_to_be_unknown(make: Maker) -> None:
    client = Client(make).to(1)
    client.venue.cancel("ghost")
    client.venue.amend("ghost", qty_lots=1, price_ticks=1000)
    assert client.to(9).said("ghost") == ["rejected 0 unknown_order"] * 2


def test_11_an_id_is_taken_once(make: Maker) -> None:
    client = Client(make, (2, TRADE, [(-1, 999, 50)])).to(1)
    client.send(1, 5, 1000, name="twice")
    client.send(1, 9, 1000, name="twice")
    client.to(3)
    assert client.said("twice") == ["working 5", "rejected 0 duplicate_id", "5@1000 maker", "filled 0"]
    client.send(1, 9, 1000, name="twice")
    assert client.to(9).said("twice")[4:] == ["rejected 0 duplicate_id"]


def test_12_dust_is_refused(make: Maker) -> None:
    """3 lots at 100.0 are worth 300, the least; 3 at 99.9 are not."""
    client = Client(make).to(1)
    client.send(1, 3, 1000)
    client.send(1, 3, 999)
    client.send(-1, 2, 0)
    client.to(9)
    assert [client.said(name) for name in ("o1", "o2", "o3")] == [["working 3"], *[["rejected 0 below_min_notional"]] * 2]


def test_13_a_book_out_of_order_takes_no_order(make: Maker) -> None:
    client = Client(make, (0.5, GAP, [(0, 0, 0)]), (4, *BOOK[1:])).to(1)
    client.send(1, 5, 1000)
    client.to(5).send(1, 5, 1000)
    client.to(9)
    assert [client.said(name) for name in ("o1", "o2")] == [["rejected 0 book_not_synced"], ["working 5"]]


def test_14_a_market_order_into_an_empty_side_is_refused(make: Maker) -> None:
    client = Client(make, (0.5, SNAPSHOT, [(1, 1000, 10)])).to(1)
    client.send(1, 5, 0)
    client.send(1, 5, 1005)
    client.to(9)
    assert [client.said(name) for name in ("o1", "o2")] == [["rejected 0 no_liquidity"], ["working 5"]]


def test_15_a_smaller_size_keeps_its_place(make: Maker) -> None:
    """20 lots join behind us, 10 are ahead: a trade of 12 reaches us, and would not at the back."""
    client = Client(make, (2, DELTA, [(1, 1000, 30)]), (4, TRADE, [(-1, 1000, 12)])).to(1)
    client.send(1, 8, 1000)
    client.to(3).venue.amend("o1", qty_lots=4, price_ticks=1000)
    assert client.to(9).said() == ["working 8", "working 4", "2@1000 maker"]


@pytest.mark.parametrize(("lots", "price"), [(9, 1000), (8, 999)])
def test_16_any_other_amendment_goes_to_the_back(make: Maker, lots: int, price: int) -> None:
    client = Client(make, (2, DELTA, [(1, price, 30)]), (4, TRADE, [(-1, price, 32)])).to(1)
    client.send(1, 8, 1000)
    client.to(3).venue.amend("o1", qty_lots=lots, price_ticks=price)
    assert client.to(9).said() == ["working 8", f"working {lots}", f"2@{price} maker"]


def test_17_an_amendment_may_cross(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 5, 1000)
    client.to(2).venue.amend("o1", qty_lots=33, price_ticks=1001)
    assert client.to(9).said() == ["working 5", "30@1001 taker", "working 3"]


@pytest.mark.parametrize(
    ("lots", "price", "reason"),
    [
        (5, 1001, "would_take"),
        (1, 1000, "below_min_notional"),
        (0, 1000, "off_grid"),
        (-3, 1000, "off_grid"),
        (5, 0, "off_grid"),
    ],
)
def test_18_a_refused_amendment_leaves_the_order_as_it_was(make: Maker, lots: int, price: int, reason: str) -> None:
    client = Client(make, (4, TRADE, [(-1, 1000, 12)])).to(1)
    client.send(1, 5, 1000, TimeInForce.POST_ONLY)
    client.to(2).venue.amend("o1", qty_lots=lots, price_ticks=price)
    assert client.to(9).said() == ["working 5", f"working 5 {reason}", "2@1000 maker"]


def test_19_an_amendment_of_an_order_that_ended_changes_nothing(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(1, 5, 1001)
    client.to(2).venue.amend("o1", qty_lots=5, price_ticks=1002)
    assert client.to(9).said() == ["5@1001 taker", "filled 0"]


def test_20_nothing_is_heard_before_it_can_be(make: Maker) -> None:
    client = Client(make, (3, TRADE, [(-1, 999, 50)])).to(1)
    client.send(1, 5, 1000)
    client.to(9)
    assert [(round(heard, 2), event.ts_ns) for heard, event in client.heard] == [
        (1.25, at(1.15)),
        (3.1, at(3)),
        (3.1, at(3)),
    ]


@pytest.mark.parametrize(("moves", "expected"), [(1.149, "5@1003 taker"), (1.15, "5@1001 taker")])
def test_21_an_order_meets_the_book_of_its_arrival(make: Maker, moves: float, expected: str) -> None:
    """Sent at 1.0 it is there at 1.15 of the book that we see, and meets what stood there just before."""
    client = Client(make, (moves, DELTA, [(-1, 1001, 0), (-1, 1002, 0), (-1, 1003, 9)])).to(1)
    client.send(1, 5, 0)
    assert client.to(9).said()[0] == expected


def test_22_fees_of_a_linear_contract_are_in_the_quote(make: Maker) -> None:
    """5 lots at 100.1: 500.5 × 5 bps; 5 lots at 99.9: a rebate of 499.5 × 1 bp."""
    client = Client(make, (2, TRADE, [(-1, 998, 50)])).to(1)
    client.send(1, 5, 1001)
    client.send(1, 5, 999)
    client.to(9)
    assert client.fills("o1")[0].fee == pytest.approx(0.25025)
    assert client.fills("o2")[0].fee == pytest.approx(-0.04995)


def test_23_fees_of_an_inverse_contract_are_in_the_coin(make: Maker) -> None:
    """5 contracts of 10 USD at 100.1 are 0.4995 coins: 5 bps of them."""
    client = Client(make, instrument=INVERSE).to(1)
    client.send(1, 5, 1001)
    assert client.to(9).fills()[0].fee == pytest.approx(50 / 100.1 * 5e-4)


def test_24_fills_say_all_of_an_execution(make: Maker) -> None:
    client = Client(make).to(1)
    client.send(-1, 5, 0)
    (fill,) = client.to(9).fills()
    assert (fill.instrument, fill.side, fill.ts_ns, fill.maker) == (LINEAR.id, -1, at(1.15), False)


def test_25_time_does_not_go_back(make: Maker) -> None:
    client = Client(make).to(2)
    with pytest.raises(InputError, match="cannot go back"):
        client.venue.advance(at(1))
    client.venue.advance(at(2))


def test_26_market_events_are_handed_on_whole_and_once(make: Maker) -> None:
    messages = [BOOK, *((s / 10, TRADE, [(-1, 1000, s), (-1, 999, 1)]) for s in range(1, 60))]
    client = Client(make, *messages[1:])
    heard: list[Events] = []
    for seconds in (0, 0.3, 0.3, 1.234, 5.9, 9):
        client.to(seconds, every=1)
        for instrument, events in client.venue.market():
            assert instrument == LINEAR
            assert events.ts_local[-1] < at(seconds)
            heard.append(events)
    joined = Events._make(np.concatenate(columns) for columns in zip(*heard, strict=True))
    for found, expected in zip(joined, events_of(messages), strict=True):
        assert found.tolist() == expected.tolist()
    assert not list(client.venue.market())


def test_27_the_top_is_that_of_the_time(make: Maker) -> None:
    client = Client(make, (2, DELTA, [(1, 1000, 0)]), (3, GAP, [(0, 0, 0)]))
    assert client.to(1).venue.top(LINEAR.id) == TopOfBook(1000, 10, 1001, 30, BookState.SYNCED)
    assert client.to(2).venue.top(LINEAR.id).bid_ticks == 1000
    assert client.to(2.01).venue.top(LINEAR.id) == TopOfBook(999, 20, 1001, 30, BookState.SYNCED)
    assert client.to(4).venue.top(LINEAR.id) == TopOfBook(0, 0, 0, 0, BookState.GAPPED)


def test_28_instruments_are_known_by_name(make: Maker) -> None:
    client = Client(make).to(1)
    assert client.venue.instruments == (LINEAR,)
    with pytest.raises(UnknownName, match="did you mean 'testex:XUSD'"):
        client.venue.top("testex:XUS")
    order = Order(client_id="a", instrument="testex:YUSD", side=1, qty_lots=1, price_ticks=1)
    with pytest.raises(UnknownName):
        client.venue.submit(Approved(order))


def test_29_orders_of_two_instruments_do_not_meet(make: Maker) -> None:
    other = (2, TRADE, [(-1, 900, 50)])
    feed = Given((LINEAR, events_of([BOOK])), (INVERSE, events_of([BOOK, other])))
    venue = make(feed)
    venue.advance(at(1))
    for i in (LINEAR, INVERSE):
        venue.submit(Approved(Order(client_id=i.symbol, instrument=i.id, side=1, qty_lots=5, price_ticks=1000)))
    venue.advance(at(9))
    heard = [(e.client_id, brief(e)) for e in venue.events()]
    assert [b for name, b in heard if name == "XUSD"] == ["working 5"]
    assert [b for name, b in heard if name == "XUSD_INV"] == ["working 5", "5@1000 maker", "filled 0"]


RANDOM_VENUES: Final[dict[str, Callable[[Given, int], Venue]]] = {
    "sim": lambda feed, seed: SimVenue(feed, fees=FEES, latency=LATENCY, seed=seed),
    "sim, slow and wide": lambda feed, seed: SimVenue(
        feed,
        response=ResponseModel(resilience=Resilience(half_life="1s")),
        fees=FEES,
        latency=LognormalLatency(order="80ms", ack="300ms", feed="5ms", sigma=1.5),
        seed=seed,
    ),
    "sim, all that answers": lambda feed, seed: SimVenue(
        feed,
        response=ResponseModel(
            impact=TransientImpact(bps_per_million=2e-6, permanent=0.1, half_lives=("300ms", "5s")),
            resilience=Resilience(half_life="1s", half_life_behind="3s", cancels=0.5),
            followers=Followers(per_lot=0.2, volume_per_s=50.0),
        ),
        queue=QueueModel.parse("power:3"),
        fees=FEES,
        latency=LATENCY,
        seed=seed,
    ),
    "sim, no delay": lambda feed, seed: SimVenue(
        feed, response=NO_RESPONSE, fees=FEES, latency=ConstantLatency(order="0", ack="0", feed="0"), seed=seed
    ),
}


@pytest.mark.parametrize("name", RANDOM_VENUES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_30_whatever_happens_is_legal(name: str, seed: int) -> None:
    """Random orders and cancels on a random market: states change legally, lots add up, events come in time order.

    Every fill has a number of its own, from 1 on in the order in which the venue made them.
    """
    draw = random.Random(seed)
    events = RandomStream(seed, centre=10**8, far=100_000, pace_ns=100 * MS_NS).events(150)
    venue = RANDOM_VENUES[name](Given((LINEAR, events)), seed)
    orders: dict[str, Order] = {}
    heard: list[VenueEvent] = []
    first, last = (int(t) for t in events.ts_local[[0, -1]])
    for ts in range(first, last, 150 * MS_NS):
        venue.advance(ts)
        heard += venue.events()
        for _ in range(draw.choice((0, 1, 2))):
            if orders and draw.random() < 0.3:
                venue.cancel(draw.choice(list(orders)))
                continue
            order = random_order(draw, f"{len(orders)}", venue.top(LINEAR.id))
            orders[order.client_id] = order
            venue.submit(Approved(order))
    venue.advance(last + 3600 * SECOND_NS)
    heard += venue.events()
    for client_id, order in orders.items():
        require_legal(order, [event for event in heard if event.client_id == client_id])
    require_numbered([event for event in heard if isinstance(event, Fill)])


@pytest.mark.parametrize(
    ("tif", "conditions"),
    [
        (TimeInForce.FOK, Conditions()),
        (TimeInForce.GTC, Conditions(display_lots=1)),
        (TimeInForce.GTC, Conditions(reduce_only=True)),
        (TimeInForce.GTC, Conditions(trigger=Trigger(kind=TriggerKind.STOP, price_ticks=1005))),
    ],
)
def test_31_a_kind_that_a_replay_does_not_know_is_refused(tif: TimeInForce, conditions: Conditions) -> None:
    client = Client(VENUES["sim"]).to(1)
    order = Order(
        client_id="o1",
        instrument=LINEAR.id,
        side=1,
        qty_lots=5,
        price_ticks=1000,
        time_in_force=tif,
        conditions=conditions,
    )
    client.venue.submit(Approved(order))
    assert client.to(9).said() == ["rejected 0 not_supported"]


def random_order(draw: random.Random, client_id: str, top: TopOfBook) -> Order:
    side = draw.choice((1, -1))
    touch = (top.bid_ticks if side > 0 else top.ask_ticks) or 10**8
    market = draw.random() < 0.2
    return Order(
        client_id=client_id,
        instrument=LINEAR.id,
        side=side,
        qty_lots=draw.choice((1, draw.randint(1, 100), 10**6)),
        type=OrderType.MARKET if market else OrderType.LIMIT,
        price_ticks=0 if market else touch + side * draw.choice((0, 0, 3, 30, -2)),
        time_in_force=draw.choice(list(TimeInForce)),
    )


def require_numbered(fills: list[Fill]) -> None:
    made = sorted(fills, key=lambda fill: fill.trade_id)
    assert [fill.trade_id for fill in made] == list(range(1, len(fills) + 1))
    times = [fill.ts_ns for fill in made]
    assert times == sorted(times)


def require_legal(order: Order, heard: list[VenueEvent]) -> None:
    state, left, ts_ns = OrderState.IN_FLIGHT, order.qty_lots, 0
    for event in heard:
        assert event.ts_ns >= ts_ns
        ts_ns = event.ts_ns
        if isinstance(event, Fill):
            assert state.live
            assert not order.price_ticks or order.side * (event.price_ticks - order.price_ticks) <= 0
            assert event.maker == (state is OrderState.WORKING)
            assert 0 < event.qty_lots <= left
            left -= event.qty_lots
            continue
        require_transition(order.client_id, state, event.state)
        state = event.state
        assert event.left_lots == (0 if state is OrderState.REJECTED else left)
    assert heard
    assert (left == 0) == (state is OrderState.FILLED)
    resting = order.type is OrderType.LIMIT and order.time_in_force is not TimeInForce.IOC
    assert resting or not state.live
