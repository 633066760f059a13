"""The guard: distances by hand, cut and held orders, what the inner execution hears, and that nothing passes the room."""

from __future__ import annotations

from math import sqrt
from typing import Final

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.basket.basket import Basket
from counterpoise.balance.counteract.guard import ClusterGuard, ClusterGuardConfig
from counterpoise.balance.counteract.liquidation_map import LiquidationMap
from counterpoise.balance.counteract.push import Noise, OwnPush
from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder, Seen
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderStatus, OrderUpdate, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "settle": "USD", "tick": "0.01", "lot": "1"}
ONE: Final = Instrument(venue="testex", symbol="XUSD", **TERMS)
TWO: Final = Instrument(venue="testex", symbol="YUSD", **TERMS)
IMPACT: Final = TransientImpact(bps_per_million=100.0)  # a lot of 100 USD moves .01 bps
CLOSE: Final = LiquidationMap([99.9], [1e6], [-1])  # 10 bps below


def top(mid: int = 10_000) -> TopOfBook:
    return TopOfBook(mid - 1, 50, mid + 1, 50, BookState.SYNCED)


def parent(qty: int = 5_000, *, instrument: Instrument = ONE, side: str = "sell", cross_after: float = 0.0) -> Parent:
    config = ParentConfig(side=side, qty=str(qty), slice="10s", max_participation=1.0, cross_after=cross_after)  # type: ignore[arg-type]
    return Parent(instrument, config, name=f"p{instrument.symbol}", start_ns=0, end_ns=100 * SECOND_NS)


def guard(inner: Parent | Basket, levels: LiquidationMap = CLOSE, **terms: object) -> ClusterGuard:
    config = ClusterGuardConfig(**({"most_set_off": 0.0, "impact": IMPACT, "sigmas": 0.0} | terms))  # type: ignore[arg-type]
    return ClusterGuard(inner, config, maps={ONE.id: levels})


def step(of: ClusterGuard, seconds: float, mid: int = 10_000) -> list[Action]:
    return of.step(round(seconds * SECOND_NS), {one.id: Seen(top(mid), 10**9) for one in of.instruments})


def order(actions: list[Action]) -> Order:
    (action,) = actions
    assert isinstance(action, PlaceOrder)
    return action.order


def fill(of: Order, lots: int) -> Fill:
    common = {"ts_ns": 0, "client_id": of.client_id, "instrument": of.instrument, "side": of.side}
    return Fill(price_ticks=10_000, qty_lots=lots, fee=0.0, maker=False, **common)  # type: ignore[arg-type]


def ended(of: Order, state: OrderState = OrderState.FILLED, left: int = 0) -> OrderUpdate:
    return OrderUpdate(ts_ns=0, client_id=of.client_id, state=state, left_lots=left, reason=None)


def test_what_has_room_passes_as_it_is() -> None:
    assert order(step(guard(parent()), 0)).qty_lots == 500  # 5 of 10 bps


def test_what_has_too_much_is_cut_to_the_room_and_the_rest_is_heard_as_cancelled() -> None:
    inner = parent(20_000)
    one = guard(inner)
    sent = order(step(one, 0))
    assert sent.qty_lots == 999  # 2,000 asked; 9.99 of 10 bps, never all of it
    assert one.held[0][2:4] == (2_000, 999)
    assert one.standing(ONE.id, 0).live_lots == -999
    one.hear(fill(sent, 999))
    one.hear(ended(sent))
    assert (inner.filled_lots, inner.live_lots) == (999, 0)
    assert one.standing(ONE.id, 0) == inner.standing(ONE.id, 0)


def test_what_has_no_room_is_held_and_the_parent_tries_in_its_next_slice() -> None:
    one = guard(parent(), sigmas=1.0, floor_bps=1.0, horizon="4s")
    assert step(one, 0, mid=9_991) == step(one, 1, mid=9_991) == []  # noise takes 2 bps, and there is but 1
    assert "would be liquidated at 99.9, 1 bps away, of which noise takes 2" in one.held[0].reason
    assert len(one.held) == 1  # the parent proposes nothing more within its slice
    assert order(step(one, 10, mid=10_100)).qty_lots == 1_000


def test_noise_takes_its_part_of_the_way() -> None:
    """Moves of 1 bps a second: σ = 1, two of them over 4 s take 4 of the 10 bps."""
    one = guard(parent(20_000, cross_after=0.5), sigmas=2.0, horizon="4s")
    noise = Noise(half_life="1m", floor_bps=0.0)
    for second, mid in enumerate((10_000, 10_001, 10_000, 10_001, 10_000)):
        noise.see(second * SECOND_NS, mid)
        actions = step(one, second - 4.5, mid)  # before the start
        assert not actions
    assert noise.bps == pytest.approx(1.0, rel=1e-3)
    lots = order(step(one, 0)).qty_lots
    assert lots == pytest.approx((10 - 2 * 2 * noise.bps * sqrt(4 / 4.5)) / 0.01, rel=0.02)


def test_what_rests_is_withdrawn_when_the_cluster_comes_near_and_only_once() -> None:
    one = guard(parent(cross_after=1.0))
    sent = order(step(one, 0))
    assert sent.time_in_force is TimeInForce.POST_ONLY
    one.hear(ended(sent, OrderState.WORKING, sent.qty_lots))
    assert step(one, 1, mid=9_994) == [CancelOrder(sent.client_id)]
    assert step(one, 2, mid=9_994) == []


def test_the_other_way_is_free() -> None:
    assert order(step(guard(parent(20_000, side="buy")), 0, mid=9_991)).qty_lots == 2_000


def test_a_basket_is_guarded_where_there_is_a_map() -> None:
    both = Basket("b", [parent(20_000), parent(20_000, instrument=TWO)])
    sizes = {
        action.order.instrument: action.order.qty_lots for action in step(guard(both), 0) if isinstance(action, PlaceOrder)
    }
    assert sizes == {ONE.id: 999, TWO.id: 2_000}


def test_a_renewed_map_holds_from_then_on() -> None:
    one = guard(parent(20_000))
    one.renew(ONE.id, LiquidationMap([], [], []))
    assert order(step(one, 0)).qty_lots == 2_000


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(UnknownName, match="guarded execution"):
        ClusterGuard(parent(), ClusterGuardConfig(most_set_off=0, impact=IMPACT), maps={TWO.id: CLOSE})
    with pytest.raises(UnknownName, match="guarded instrument"):
        guard(parent()).renew(TWO.id, CLOSE)
    with pytest.raises(ConfigError, match="at least 0"):
        ClusterGuardConfig(most_set_off=-1, impact=IMPACT)


def test_own_displacement_is_that_of_the_impact() -> None:
    rng = np.random.default_rng(3)
    times, values = np.sort(rng.integers(0, 100 * SECOND_NS, 30)), rng.standard_normal(30)
    push = OwnPush(IMPACT)
    for ts_ns, value in zip(times.tolist(), values.tolist(), strict=True):
        push.take(ts_ns, value)
    at = 120 * SECOND_NS
    assert push.at(at) == pytest.approx(float(IMPACT.displacement_bps(np.array([at]), times, values)[0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(9_985, 10_010), st.integers(0, 1_000)), min_size=1, max_size=25), st.floats(0, 3))
def test_no_order_goes_beyond_the_room_and_inner_and_guard_agree(path: list[tuple[int, int]], sigmas: float) -> None:
    inner = parent(30_000, cross_after=0.5)
    one = guard(inner, sigmas=sigmas, floor_bps=0.5)
    live: dict[str, tuple[Order, int]] = {}
    for number, (mid, lots) in enumerate(path):
        for action in step(one, number * 3, mid):
            if isinstance(action, PlaceOrder):
                live[action.order.client_id] = action.order, action.order.qty_lots
                resting = sum(left for _, left in live.values())
                if mid > 9_990:
                    distance = (mid - 9_990) / mid * 1e4
                    assert IMPACT.bps_per_million * resting * mid * 0.01 / 1e6 <= distance
            else:
                what, left = live.pop(action.client_id)
                one.hear(ended(what, OrderState.CANCELLED, left))
        for client_id, (what, left) in list(live.items()):
            done = min(left, lots)
            if done:
                one.hear(fill(what, done))
            if done == left or what.time_in_force is TimeInForce.IOC:
                one.hear(ended(what, OrderState.FILLED if done == left else OrderState.CANCELLED, left - done))
                del live[client_id]
            else:
                live[client_id] = what, left - done
        assert -one.standing(ONE.id, 0).live_lots == sum(left for _, left in live.values())


def test_an_answer_of_the_venue_counts_fills_once_and_tells_the_parent_of_the_cut() -> None:
    inner = parent(20_000)
    one = guard(inner)
    sent = order(step(one, 0))
    first = msgspec.structs.replace(fill(sent, 400), trade_id=7)
    rest = msgspec.structs.replace(fill(sent, 599), trade_id=8)
    one.hear(first)
    one.hear(OrderStatus(ts_ns=0, client_id=sent.client_id, state=OrderState.FILLED, fills=(first, rest)))
    assert (inner.filled_lots, inner.live_lots) == (999, 0)
    assert one.standing(ONE.id, 0) == inner.standing(ONE.id, 0)
    assert one.own_displacement_bps(ONE.id, 0) == pytest.approx(-9.99)
