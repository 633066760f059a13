"""A leg stands where it is told to, one order at a time."""

from __future__ import annotations

from typing import Final

import pytest

from counterpoise.balance.basket.leg import Leg
from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder
from counterpoise.balance.placement.stance import Stance
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

PERP: Final = Instrument(
    venue="testex", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="1"
)


def top(bid: int, ask: int) -> TopOfBook:
    return TopOfBook(bid, 5, ask, 5, BookState.SYNCED)


def leg(side: int = 1, **terms: float) -> Leg:
    return Leg("leg", PERP, side=side, most_lots=100, **terms)


def order_of(actions: list[Action]) -> Order:
    (action,) = actions
    assert isinstance(action, PlaceOrder)
    return action.order


def working(of: Leg, order: Order) -> None:
    of.hear(OrderUpdate(ts_ns=0, client_id=order.client_id, state=OrderState.WORKING, left_lots=order.qty_lots))


@pytest.mark.parametrize(
    ("side", "stance", "price", "life"),
    [
        (1, Stance.JOIN, 10_000, TimeInForce.POST_ONLY),
        (-1, Stance.JOIN, 10_003, TimeInForce.POST_ONLY),
        (1, Stance.IMPROVE, 10_001, TimeInForce.POST_ONLY),
        (-1, Stance.IMPROVE, 10_002, TimeInForce.POST_ONLY),
        (1, Stance.CROSS, 10_006, TimeInForce.IOC),
        (-1, Stance.CROSS, 9_997, TimeInForce.IOC),
    ],
)
def test_where_it_stands(side: int, stance: Stance, price: int, life: TimeInForce) -> None:
    order = order_of(leg(side).step(top(10_000, 10_003), stance, lots=10))
    assert (order.side, order.qty_lots, order.price_ticks, order.time_in_force) == (side, 10, price, life)


def test_a_spread_of_one_tick_has_no_room() -> None:
    assert order_of(leg().step(top(10_000, 10_001), Stance.IMPROVE, lots=1)).price_ticks == 10_000


def test_it_works_one_order_and_moves_it_when_the_touch_runs_away() -> None:
    one = leg(leash_bps=2.0)  # two ticks at 10,000
    order = order_of(one.step(top(10_000, 10_003), Stance.JOIN, lots=10))
    working(one, order)
    assert one.step(top(10_002, 10_004), Stance.JOIN, lots=10) == []
    assert one.step(top(10_003, 10_004), Stance.JOIN, lots=10) == [CancelOrder(order.client_id)]
    assert one.step(top(10_003, 10_004), Stance.JOIN, lots=10) == []  # its cancel is on the way
    one.hear(OrderUpdate(ts_ns=0, client_id=order.client_id, state=OrderState.CANCELLED, left_lots=10))
    assert order_of(one.step(top(10_003, 10_004), Stance.JOIN, lots=10)).price_ticks == 10_003


def test_a_touch_that_falls_back_leaves_it_in_front() -> None:
    one = leg()
    working(one, order_of(one.step(top(10_000, 10_003), Stance.JOIN, lots=10)))
    assert one.step(top(9_900, 10_003), Stance.JOIN, lots=10) == []


@pytest.mark.parametrize("stance", [Stance.WAIT, Stance.CROSS])
def test_what_rests_is_taken_away_before_it_waits_or_crosses(stance: Stance) -> None:
    one = leg()
    order = order_of(one.step(top(10_000, 10_003), Stance.JOIN, lots=10))
    working(one, order)
    assert one.step(top(10_000, 10_003), stance, lots=10) == [CancelOrder(order.client_id)]


def test_no_more_than_all() -> None:
    one = leg()
    assert order_of(one.step(top(10_000, 10_003), Stance.JOIN, lots=1_000)).qty_lots == 100
    assert one.live_lots == 100
    one.refused("leg-00001")
    assert (one.live_lots, one.filled_lots) == (0, 0)
    order = order_of(one.step(top(10_000, 10_003), Stance.CROSS, lots=100))
    fill = Fill(
        ts_ns=0, client_id=order.client_id, instrument=PERP.id, side=1, price_ticks=1, qty_lots=100, fee=0.0, maker=False
    )
    one.hear(fill)
    assert (one.live_lots, one.filled_lots) == (0, 100)
    assert one.step(top(10_000, 10_003), Stance.CROSS, lots=5) == []
