"""What a parent wants beyond its schedule: states, amendments, limits, completion, and what it does when a venue says no."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from balance.test_parent import TOP, done, fill, parent, placed, step, update
from counterpoise.balance.execution import CancelOrder, QueryOrder
from counterpoise.balance.parent import ParentState
from counterpoise.balance.parent.reaction import REACTIONS, Reaction
from counterpoise.balance.schedule.schedule import Schedule, revised
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.order import OrderState, OrderStatus, RejectReason, TimeInForce


def test_it_goes_through_its_states() -> None:
    p = parent()
    assert p.state(-1) is ParentState.WAITING
    order = placed(p, 0)
    assert p.state(0) is ParentState.WORKING
    p.pause("the desk asked")
    assert p.state(0) is ParentState.PAUSED
    p.resume()
    p.cancel()
    assert p.state(0) is ParentState.ENDING
    assert step(p, 1) == [CancelOrder(order.client_id)]
    p.hear(update(order, OrderState.CANCELLED, 10))
    assert p.state(SECOND_NS) is ParentState.CANCELLED
    assert step(p, 20) == []
    assert parent().state(100 * SECOND_NS) is ParentState.EXPIRED
    whole = parent(qty="10", seconds=10)
    done(whole, placed(whole, 0))
    assert whole.state(1) is ParentState.FILLED
    assert [s for s in ParentState if s.ended] == [ParentState.FILLED, ParentState.CANCELLED, ParentState.EXPIRED]


def test_an_amended_size_spreads_over_what_remains() -> None:
    p = parent()
    done(p, placed(p, 0))
    p.amend(10 * SECOND_NS, structs.replace(p.config, qty="190"))
    assert p.qty_lots == 190
    assert placed(p, 10).qty_lots == 20  # (190 − 10) over nine slices
    with pytest.raises(InputError, match="10 lots are filled and 20 live; expected a size of at least that"):
        p.amend(11 * SECOND_NS, structs.replace(p.config, qty="29"))
    p.amend(11 * SECOND_NS, structs.replace(p.config, qty="30"))
    assert p.live_lots == 20


def test_an_amended_end_stretches_the_rest_and_a_side_cannot_change() -> None:
    p = parent()
    p.amend(0, p.config, end_ns=200 * SECOND_NS)
    assert p.schedule.end_ns.tolist() == [20 * n * SECOND_NS for n in range(1, 11)]
    with pytest.raises(InputError, match="expected an end to come"):
        p.amend(50 * SECOND_NS, p.config, end_ns=50 * SECOND_NS)
    with pytest.raises(InputError, match="start another parent"):
        p.amend(0, structs.replace(p.config, side="sell"))
    with pytest.raises(InputError, match="expired; start another"):
        p.amend(200 * SECOND_NS, p.config, end_ns=300 * SECOND_NS)


def test_an_amended_limit_and_urgency_hold_from_the_next_decision_on() -> None:
    p = parent()
    order = placed(p, 1)
    p.hear(update(order, OrderState.WORKING, 10))
    p.amend(2 * SECOND_NS, structs.replace(p.config, limit_price="99.9", cross_after=0.0))
    assert step(p, 2) == [CancelOrder(order.client_id)]  # beyond the limit
    p.hear(update(order, OrderState.CANCELLED, 10))
    again = placed(p, 3)
    assert (again.price_ticks, again.time_in_force) == (999, TimeInForce.POST_ONLY)  # urgent, but the limit forbids to cross


def test_a_revised_schedule_keeps_its_shape() -> None:
    times = np.array([0, 10, 20, 30, 40])
    plan = Schedule(times[:4], times[1:], np.array([40, 70, 90, 100]))
    later = revised(plan, 10, done_lots=20, qty_lots=140, end_ns=70)
    assert later.start_ns.tolist() == [10, 30, 50]
    assert later.end_ns.tolist() == [30, 50, 70]
    assert later.cumulative_lots.tolist() == [80, 120, 140]  # 30, 20 and 10 of 60, twice
    assert revised(plan, 35, done_lots=100, qty_lots=100).cumulative_lots.tolist() == [100]
    assert revised(plan, 45, done_lots=10, qty_lots=100, end_ns=60) == Schedule(
        *(np.array([v], np.int64) for v in (45, 60, 100))
    )
    with pytest.raises(InputError, match="no less than is done"):
        revised(plan, 10, done_lots=20, qty_lots=19)


def test_a_limit_counted_from_the_first_mid() -> None:
    p = parent(limit_bps=20.0, cross_after=0.0)
    order = placed(p, 0)  # mid 100.05: no worse than 100.25
    assert order.time_in_force is TimeInForce.IOC
    done(p, order)
    assert placed(p, 10, top=TOP._replace(bid_ticks=1002, ask_ticks=1003)).price_ticks == 1002  # out of reach: it waits
    lower = parent(limit_bps=20.0, limit_price="100.0", cross_after=0.0)
    assert placed(lower, 0).price_ticks == 1000  # the stricter of the two


def test_at_a_price_it_would_take_all_and_the_cap_holds() -> None:
    p = parent(would_price="99.5", cross_bps=50.0)
    order = placed(p, 1, top=TOP._replace(bid_ticks=993, ask_ticks=994))
    assert (order.qty_lots, order.price_ticks, order.time_in_force) == (100, 995, TimeInForce.IOC)
    capped = parent(would_price="99.5", max_participation=0.2, min_child=0.0)
    assert placed(capped, 1, top=TOP._replace(bid_ticks=993, ask_ticks=994), market_lots=120).qty_lots == 30


def test_a_least_participation_runs_ahead_of_the_schedule() -> None:
    p = parent(min_participation=0.1, max_participation=0.5)
    assert placed(p, 1, market_lots=270).qty_lots == 30  # a tenth of all, its own included
    assert placed(parent(), 1, market_lots=270).qty_lots == 10


def test_the_last_slice_may_be_completed_whatever_others_trade() -> None:
    for completion, sent in (("cap", 0), ("cross", 100)):
        p = parent(completion=completion, max_participation=0.1, min_child=0.0)
        actions = step(p, 96, market_lots=0)
        assert sum(action.order.qty_lots for action in actions) == sent  # type: ignore[union-attr]
        assert step(parent(completion=completion, max_participation=0.1, min_child=0.0), 91, market_lots=0) == []


def test_every_reason_of_a_venue_has_an_answer() -> None:
    assert set(REACTIONS) == set(RejectReason)


@pytest.mark.parametrize("reason", [r for r in RejectReason if REACTIONS[r] is Reaction.STOP])
def test_what_no_retry_mends_pauses_it(reason: RejectReason) -> None:
    p = parent()
    order = placed(p, 0)
    p.hear(update(order, OrderState.REJECTED, reason=reason))
    assert step(p, 1) == []
    assert p.paused.startswith(f"the venue refused {order.client_id}: {reason}; ")
    p.resume()
    assert placed(p, 2).qty_lots == 10


def test_what_may_pass_is_tried_later_and_later() -> None:
    p, tried, at = parent(seconds=1000), list[float](), 0.0
    while at < 100:
        for action in step(p, at):
            tried.append(at)
            p.hear(update(action.order, OrderState.REJECTED, reason=RejectReason.HALTED))  # type: ignore[union-attr]
        at += 0.05
    waits = np.diff(tried[:4])
    assert waits == pytest.approx([0.3, 0.55, 1.05], abs=0.06)  # a decision later than 250 ms, 500 ms, 1 s
    assert np.diff(tried).max() <= 2.6  # a quarter of a slice


def test_a_price_that_would_take_is_looked_at_again_at_once_but_not_for_ever() -> None:
    p = parent()
    for i in range(3):
        p.hear(update(placed(p, 0.1 * i), OrderState.REJECTED, reason=RejectReason.WOULD_TAKE))
    order = placed(p, 0.4)
    p.hear(update(order, OrderState.REJECTED, reason=RejectReason.WOULD_TAKE))
    assert step(p, 0.5) == []


def test_too_large_an_order_is_halved() -> None:
    p = parent()
    p.hear(update(placed(p, 0), OrderState.REJECTED, reason=RejectReason.SIZE_LIMIT))
    assert step(p, 1) == []
    assert placed(p, 2).qty_lots == 5


def test_silence_is_asked_after_and_counts_as_live() -> None:
    p = parent(patience="2s", cross_after=1.0)
    order = placed(p, 0)
    assert step(p, 1) == []
    assert step(p, 3) == [QueryOrder(order.client_id)]
    assert step(p, 4) == []
    assert p.live_lots == 10
    p.hear(OrderStatus(ts_ns=0, client_id=order.client_id, state=None))
    assert p.live_lots == 10  # one denial may be early
    assert step(p, 5) == []
    assert step(p, 7) == [QueryOrder(order.client_id)]
    p.hear(OrderStatus(ts_ns=0, client_id=order.client_id, state=None))
    assert p.live_lots == 0
    assert placed(p, 8).client_id == "p-00002"


def test_a_status_brings_the_fills_that_were_lost_once() -> None:
    p = parent()
    order = placed(p, 0)
    first = structs.replace(fill(order, 4), trade_id=1)
    p.hear(first)
    fills = (first, structs.replace(fill(order, 6), trade_id=2))
    status = OrderStatus(ts_ns=0, client_id=order.client_id, state=OrderState.FILLED, fills=fills)
    p.hear(status)
    p.hear(status)
    p.hear(fills[1])
    assert (p.filled_lots, p.live_lots) == (10, 0)
    assert p.repeated > 0


def test_a_schedule_of_another_size_is_refused() -> None:
    p = parent()
    with pytest.raises(InputError, match="they must agree"):
        p.follow(Schedule(np.array([0]), np.array([10]), np.array([99])))
