"""A parent order: its invariant, cap, dust and price under whatever a venue may legally say."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from counterpoise.balance.execution import CancelOrder, PlaceOrder, Seen
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, RejectReason, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook, VenueEvent

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "settle": "USD", "tick": "0.1", "lot": "1"}
ANY_SIZE: Final = Instrument(venue="testex", symbol="XUSD", **TERMS)
TEN_LOTS: Final = Instrument(venue="testex", symbol="XUSD", min_notional="1000", **TERMS)  # at 100.0
TOP: Final = TopOfBook(1000, 50, 1001, 50, BookState.SYNCED)
MUCH: Final = 10**9


def parent(instrument: Instrument = ANY_SIZE, *, seconds: int = 100, **config: object) -> Parent:
    """100 lots to buy in ten slices of 10 s, unless told otherwise."""
    settings_of = ParentConfig(**({"side": "buy", "qty": "100", "slice": "10s", "max_participation": 1.0} | config))
    return Parent(instrument, settings_of, name="p", start_ns=0, end_ns=seconds * SECOND_NS)


def step(of: Parent, seconds: float, *, top: TopOfBook = TOP, market_lots: int = MUCH) -> list[PlaceOrder | CancelOrder]:
    return of.step(round(seconds * SECOND_NS), {of.instrument.id: Seen(top, market_lots)})


def placed(of: Parent, seconds: float, *, top: TopOfBook = TOP, market_lots: int = MUCH) -> Order:
    (action,) = step(of, seconds, top=top, market_lots=market_lots)
    assert isinstance(action, PlaceOrder)
    return action.order


def fill(order: Order, lots: int) -> Fill:
    return Fill(
        ts_ns=0,
        client_id=order.client_id,
        instrument=order.instrument,
        side=order.side,
        price_ticks=order.price_ticks,
        qty_lots=lots,
        fee=0,
        maker=True,
    )


def update(order: Order, state: OrderState, left: int = 0, reason: RejectReason | None = None) -> OrderUpdate:
    return OrderUpdate(ts_ns=0, client_id=order.client_id, state=state, left_lots=left, reason=reason)


def done(of: Parent, order: Order) -> None:
    of.hear(fill(order, order.qty_lots))
    of.hear(update(order, OrderState.FILLED))


# what it does in a slice


def test_it_waits_at_its_own_touch_then_crosses_for_the_rest() -> None:
    p = parent()
    first = placed(p, 0)
    assert (first.side, first.qty_lots, first.price_ticks, first.time_in_force) == (1, 10, 1000, TimeInForce.POST_ONLY)
    p.hear(update(first, OrderState.WORKING, 10))
    p.hear(fill(first, 4))
    assert step(p, 4.9) == []
    assert step(p, 5) == [CancelOrder(first.client_id)]
    assert step(p, 5.1) == []  # once is enough
    p.hear(update(first, OrderState.CANCELLED, 6))
    second = placed(p, 5.2, top=TOP._replace(ask_ticks=100_000))
    assert (second.qty_lots, second.price_ticks, second.time_in_force) == (6, 100_010, TimeInForce.IOC)  # 1 bp beyond
    done(p, second)
    assert step(p, 9) == []
    assert placed(p, 10).qty_lots == 10


def test_a_sale_mirrors_a_purchase() -> None:
    p = parent(side="sell", cross_bps=10.0)
    first = placed(p, 0)
    assert (first.side, first.price_ticks) == (-1, 1001)
    step(p, 5)
    p.hear(update(first, OrderState.CANCELLED, 10))
    assert placed(p, 6).price_ticks == 999


def test_it_follows_its_touch() -> None:
    p = parent()
    order = placed(p, 0)
    p.hear(update(order, OrderState.WORKING, 10))
    assert step(p, 1) == []
    assert step(p, 2, top=TOP._replace(bid_ticks=998)) == [CancelOrder(order.client_id)]


@pytest.mark.parametrize(("cross_after", "tif"), [(0.0, TimeInForce.IOC), (1.0, TimeInForce.POST_ONLY)])
def test_it_may_cross_at_once_or_never(cross_after: float, tif: TimeInForce) -> None:
    p = parent(cross_after=cross_after)
    assert placed(p, 9.99).time_in_force is tif


def test_nothing_before_the_start_and_only_cancels_after_the_end() -> None:
    p = parent(cross_after=1.0)
    assert step(p, -1) == []
    order = placed(p, 99)
    p.hear(update(order, OrderState.WORKING, order.qty_lots))
    assert step(p, 100) == [CancelOrder(order.client_id)]
    assert step(p, 101) == []
    p.hear(update(order, OrderState.CANCELLED, order.qty_lots))
    assert step(p, 102) == []
    assert not p.done


@pytest.mark.parametrize("top", [TOP._replace(state=BookState.GAPPED), TOP._replace(bid_ticks=0), TOP._replace(ask_ticks=0)])
def test_a_book_out_of_order_is_waited_for(top: TopOfBook) -> None:
    p = parent()
    assert step(p, 1, top=top) == []
    assert p.waited == 1
    assert placed(p, 2).qty_lots == 10


def test_what_a_slice_could_not_do_is_caught_up() -> None:
    p = parent()
    assert placed(p, 35).qty_lots == 40


def test_names_count_up() -> None:
    p = parent()
    for seconds, name in ((0, "p-00001"), (10, "p-00002"), (20, "p-00003")):
        order = placed(p, seconds)
        assert order.client_id == name
        done(p, order)


def test_all_done() -> None:
    p = parent(seconds=10)
    order = placed(p, 0)
    p.hear(fill(order, 100))
    assert not p.done  # the venue has not said that the order ended
    p.hear(update(order, OrderState.FILLED))
    assert p.done


# limit price


def test_an_order_at_its_limit_price_stays() -> None:
    """The touch is beyond the limit: one order rests at the limit, is not sent anew at every step, and crosses nothing."""
    p = parent(limit_price="99.5")
    order = placed(p, 0)
    assert order.price_ticks == 995
    p.hear(update(order, OrderState.WORKING, 10))
    assert [step(p, s) for s in (0.1, 1, 4, 6, 9.9, 30)] == [[]] * 6
    assert step(p, 31, top=TopOfBook(990, 5, 991, 5, BookState.SYNCED)) == [CancelOrder(order.client_id)]


def test_a_late_slice_waits_when_its_limit_does_not_reach() -> None:
    p = parent(limit_price="100.0")
    assert placed(p, 9).time_in_force is TimeInForce.POST_ONLY
    q = parent(limit_price="100.1")
    assert placed(q, 9).time_in_force is TimeInForce.IOC


# participation


@pytest.mark.parametrize(("share", "others", "own"), [(0.2, 4, 1), (0.2, 3, 0), (0.3, 7, 3), (0.1, 9, 1), (0.5, 10, 10)])
def test_cap_leaves_out_own_volume(share: float, others: int, own: int) -> None:
    """own ≤ p (own + others), to the lot: 30 % of 10 are 3, though no double is 0.3."""
    found = step(parent(max_participation=share), 0, market_lots=others)
    assert [action.order.qty_lots for action in found if isinstance(action, PlaceOrder)] == ([own] if own else [])


# dust


def test_dust_waits() -> None:
    p = parent(TEN_LOTS, max_participation=0.5)
    assert step(p, 0, market_lots=9) == []
    assert placed(p, 0.1, market_lots=10).qty_lots == 10


def test_what_would_be_left_as_dust_is_taken_along() -> None:
    """Ten of 19 are due; the nine to come no venue would take."""
    assert placed(parent(TEN_LOTS, qty="19", seconds=20), 0).qty_lots == 19
    assert placed(parent(TEN_LOTS, qty="20", seconds=20), 0).qty_lots == 10


def test_under_the_cap_enough_is_left_for_one_more_order() -> None:
    """17 of 25 are due and 18 allowed: eight would be left that no venue takes; so 15, and 10 later."""
    p = parent(TEN_LOTS, qty="25", seconds=30, max_participation=0.5)
    order = placed(p, 10, market_lots=18)
    assert order.qty_lots == 15
    done(p, order)
    assert placed(p, 20, market_lots=40).qty_lots == 10


def test_in_the_last_slice_rather_dust_is_left_than_more() -> None:
    assert placed(parent(TEN_LOTS, qty="25", seconds=10, max_participation=0.5), 0, market_lots=18).qty_lots == 18


# what the venue says


def test_an_end_heard_before_its_fills_keeps_them_live() -> None:
    """Else the same lots would be sent again, and filled twice."""
    p = parent(cross_after=0.0)
    order = placed(p, 0)
    p.hear(update(order, OrderState.FILLED))
    assert (p.live_lots, step(p, 1), p.stop()) == (10, [], [])
    p.hear(fill(order, 4))
    assert (p.filled_lots, p.live_lots, step(p, 1)) == (4, 6, [])
    p.hear(fill(order, 6))
    assert (p.filled_lots, p.live_lots) == (10, 0)
    late = placed(p, 10)
    p.hear(update(late, OrderState.CANCELLED, 7))
    assert p.live_lots == 3
    p.hear(fill(late, 3))
    assert placed(p, 11).qty_lots == 7


def test_unknown_counts_as_live() -> None:
    p = parent(cross_after=0.0)
    order = placed(p, 0)
    p.hear(update(order, OrderState.UNKNOWN))
    assert (p.live_lots, step(p, 5)) == (10, [])
    p.hear(update(order, OrderState.CANCELLED, 10))
    assert placed(p, 6).qty_lots == 10


def test_a_request_that_was_refused_is_not_the_end_of_the_order() -> None:
    p = parent()
    order = placed(p, 0)
    assert p.stop() == [CancelOrder(order.client_id)]
    p.hear(update(order, OrderState.REJECTED, reason=RejectReason.UNKNOWN_ORDER))
    assert p.live_lots == 10
    p.hear(update(order, OrderState.WORKING, 10))
    assert p.stop() == [CancelOrder(order.client_id)]  # asked again
    p.hear(update(order, OrderState.REJECTED, reason=RejectReason.DUPLICATE_ID))
    assert p.live_lots == 10


def test_a_refused_order_frees_its_lots_and_is_not_proposed_again_within_its_slice() -> None:
    p = parent()
    order = placed(p, 0)
    p.refused(order.client_id)
    assert p.live_lots == 0
    assert step(p, 1) == []
    assert placed(p, 10).client_id == "p-00002"


def test_a_cap_that_grows_trade_by_trade_sends_no_crumbs() -> None:
    """A slice is 10 lots; under half of it waits while the cap holds the rest back. One crumb goes when a slice crosses."""
    p = parent(max_participation=0.5, min_child=0.5)
    assert [step(p, 0, market_lots=others) for others in (0, 4)] == [[], []]
    assert placed(p, 1, market_lots=5).qty_lots == 5
    slow = parent(max_participation=0.5, min_child=0.5, cross_after=0.5)
    assert step(slow, 4, market_lots=3) == []
    assert step(slow, 5, market_lots=0) == []  # nothing is no crumb
    crumb = placed(slow, 5, market_lots=3)
    assert crumb.qty_lots == 3
    slow.hear(fill(crumb, 3))
    slow.hear(update(crumb, OrderState.FILLED))
    assert step(slow, 6, market_lots=4) == []
    late = parent(max_participation=0.5, min_child=0.5)
    assert placed(late, 91, market_lots=1).qty_lots == 1


def test_what_cannot_be_is_an_error() -> None:
    p = parent()
    order = placed(p, 0)
    with pytest.raises(InputError, match="a fill of 11 lots but only 10 are left; reconcile"):
        p.hear(fill(order, 11))
    with pytest.raises(InputError, match="11 lots undone, but only 10 are left; reconcile"):
        p.hear(update(order, OrderState.CANCELLED, 11))


def test_a_fill_after_a_rejection_is_an_error() -> None:
    p = parent()
    order = placed(p, 0)
    p.hear(update(order, OrderState.REJECTED, reason=RejectReason.WOULD_TAKE))
    with pytest.raises(InputError, match="only 0 are left; reconcile"):
        p.hear(fill(order, 1))
    p.hear(update(order, OrderState.WORKING, 10))  # an old one that was overtaken
    assert p.repeated == 1
    assert p.live_lots == 0


def test_strangers_are_passed_over() -> None:
    p = parent()
    stranger = Order(client_id="else", instrument="testex:XUSD", side=1, qty_lots=5, price_ticks=1000)
    done(p, stranger)
    assert p.filled_lots == 0


@pytest.mark.parametrize(
    "bad",
    [
        {"max_participation": 0.0},
        {"max_participation": 1.1},
        {"max_participation": float("nan")},
        {"cross_after": -0.1},
        {"cross_after": 1.1},
        {"cross_bps": -1.0},
        {"cross_bps": 1000.0},
        {"slice": "soon"},
        {"qty": "0"},
        {"qty": "1.5"},
        {"qty": "-3"},
        {"limit_price": "99.55"},
        {"slice": "101s"},
    ],
)
def test_wishes_that_cannot_be_meant_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        parent(**bad)


# whatever happens


class AnyVenue(RuleBasedStateMachine):
    """A venue that delays, splits, refuses, and says the end of an order before its fills; each order's own fills in order."""

    @initialize(
        side=st.sampled_from(["buy", "sell"]),
        qty=st.integers(10, 400),
        share=st.sampled_from([0.1, 0.3, 0.5, 1.0]),
        cross_after=st.sampled_from([0.0, 0.5, 1.0]),
        limit=st.sampled_from(["", "99.0", "100.0", "101.0"]),
    )
    def begin(self, side: str, qty: int, share: float, cross_after: float, limit: str) -> None:
        self.parent = parent(
            TEN_LOTS, side=side, qty=str(qty), max_participation=share, cross_after=cross_after, limit_price=limit
        )
        self.share, self.limit = Fraction(str(share)), round(float(limit) * 10) if limit else 0
        self.ts = self.others = self.traded = 0
        self.bid = 1000
        self.orders: dict[str, Order] = {}
        self.left: dict[str, int] = {}  # at the venue, orders that live
        self.cancels: list[str] = []
        self.unheard: list[VenueEvent] = []
        self.fresh: set[str] = set()  # sent, the venue has not answered

    @rule(seconds=st.integers(0, 6), move=st.integers(-3, 3), volume=st.integers(0, 300), state=st.sampled_from(BookState))
    def decide(self, seconds: int, move: int, volume: int, state: BookState) -> None:
        self.ts += seconds * SECOND_NS
        self.bid += move
        self.others += volume
        top = TopOfBook(self.bid, 5, self.bid + 1, 5, BookState.SYNCED if volume % 3 else state)
        for action in self.parent.step(self.ts, {ANY_SIZE.id: Seen(top, self.others)}):
            if isinstance(action, PlaceOrder):
                self.send(action.order)
            else:
                self.cancels.append(action.client_id)

    def send(self, order: Order) -> None:
        assert self.ts < 100 * SECOND_NS
        assert order.client_id == f"p-{len(self.orders) + 1:05d}"
        assert order.qty_lots * order.price_ticks >= 10 * 1000  # no dust
        if self.limit:
            assert order.side * (order.price_ticks - self.limit) <= 0
        self.orders[order.client_id] = order
        self.left[order.client_id] = order.qty_lots
        self.fresh.add(order.client_id)
        own = self.traded + sum(self.left.values())  # all that may be ours, were every live order filled
        assert own <= self.parent.qty_lots
        if self.share < 1:
            assert own <= self.share / (1 - self.share) * self.others

    @precondition(lambda self: self.fresh)
    @rule(data=st.data(), refuse=st.booleans())
    def answer(self, data: st.DataObject, refuse: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.fresh)))
        self.fresh.discard(name)
        if refuse:
            del self.left[name]
            self.unheard.append(update(self.orders[name], OrderState.REJECTED, reason=RejectReason.WOULD_TAKE))
        elif self.orders[name].time_in_force is not TimeInForce.IOC:
            self.unheard.append(update(self.orders[name], OrderState.WORKING, self.left[name]))

    @precondition(lambda self: set(self.left) - self.fresh)
    @rule(data=st.data(), part=st.floats(0.01, 1), end_first=st.booleans())
    def trade(self, data: st.DataObject, part: float, end_first: bool) -> None:
        name = data.draw(st.sampled_from(sorted(set(self.left) - self.fresh)))
        lots = max(1, int(self.left[name] * part))
        self.left[name] -= lots
        self.traded += lots
        self.unheard.append(fill(self.orders[name], lots))
        if not self.left[name]:
            self.end(name, OrderState.FILLED, end_first=end_first)

    def end(self, name: str, state: OrderState, *, end_first: bool) -> None:
        said = update(self.orders[name], state, self.left.pop(name))
        own = [i for i, e in enumerate(self.unheard) if isinstance(e, Fill) and e.client_id == name]
        self.unheard.insert(own[-1] if end_first and own else len(self.unheard), said)

    @precondition(lambda self: self.cancels or any(self.orders[n].time_in_force is TimeInForce.IOC for n in self.left))
    @rule(end_first=st.booleans())
    def cancel(self, end_first: bool) -> None:
        """The oldest cancel arrives, or an IOC order ends; nothing is said when a fill came first."""
        ending = [n for n in self.left if n not in self.fresh and self.orders[n].time_in_force is TimeInForce.IOC]
        name = self.cancels.pop(0) if self.cancels else (ending or [""])[0]
        self.fresh.discard(name)
        if name in self.left:
            self.end(name, OrderState.CANCELLED, end_first=end_first)

    @precondition(lambda self: self.unheard)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        """Orders' reports overtake each other; those of one order do not."""
        name = data.draw(st.sampled_from(sorted({event.client_id for event in self.unheard})))
        event = next(e for e in self.unheard if e.client_id == name)
        self.unheard.remove(event)
        self.parent.hear(event)

    @rule()
    def stop(self) -> None:
        asked = {a.client_id for a in self.parent.stop() if isinstance(a, CancelOrder)}
        self.cancels += sorted(asked)
        waiting = {n for n in self.left if self.orders[n].time_in_force is not TimeInForce.IOC}
        assert waiting <= asked | set(self.cancels)

    @invariant()
    def never_more_than_wanted(self) -> None:
        """filled + live ≤ parent, as we see it and as the venue does; and we never think less live than is."""
        if not hasattr(self, "parent"):
            return
        assert self.parent.filled_lots + self.parent.live_lots <= self.parent.qty_lots
        assert self.traded + sum(self.left.values()) <= self.parent.qty_lots
        assert self.parent.filled_lots <= self.traded
        assert self.parent.filled_lots + self.parent.live_lots >= self.traded + sum(self.left.values())


AnyVenue.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyVenue = AnyVenue.TestCase


@given(st.integers(10, 300), st.integers(1, 10), st.integers(0, 100), st.sampled_from([0.1, 0.5, 1.0]))
def test_a_market_that_fills_leaves_no_dust(qty: int, slices: int, volume: int, share: float) -> None:
    """Orders fill at once: nothing unsendable is left before the last slice, and nothing at all if the cap is open by then."""
    p = parent(TEN_LOTS, qty=str(qty), seconds=10 * slices, max_participation=share, cross_after=0.0)
    others = 0
    for second in range(10 * slices):
        others += volume
        for action in step(p, second, top=TopOfBook(999, 5, 1000, 5, BookState.SYNCED), market_lots=others):
            assert isinstance(action, PlaceOrder)
            assert action.order.qty_lots >= 10
            done(p, action.order)
        if second < 10 * (slices - 1):
            assert p.filled_lots == qty or qty - p.filled_lots >= 10
    open_by_then = volume * 10 * (slices - 1) + volume
    if share == 1 or Fraction(str(share)) / (1 - Fraction(str(share))) * open_by_then >= qty:
        assert p.done


# pauses


def test_a_pause_cancels_what_rests_and_a_resume_catches_up() -> None:
    of = parent()
    order = placed(of, 1)
    of.hear(update(order, OrderState.WORKING, 10))
    of.pause("the desk asked")
    assert step(of, 2) == [CancelOrder(order.client_id)]
    of.hear(fill(order, 3))  # was on its way
    of.hear(update(order, OrderState.CANCELLED, 7))
    assert step(of, 3) == step(of, 25) == []
    of.resume()
    assert placed(of, 26).qty_lots == 27
    assert of.paused == ""


def test_a_pause_needs_a_reason() -> None:
    with pytest.raises(InputError, match="reason"):
        parent().pause("")


def test_a_clock_that_goes_back_pauses_it_until_resumed() -> None:
    of = parent()
    order = placed(of, 2)
    of.hear(update(order, OrderState.WORKING, 10))
    assert step(of, 2) == []  # the same time is not back
    assert of.paused == ""
    assert step(of, 1) == [CancelOrder(order.client_id)]
    assert "the clock went back from 2000000000 to 1000000000 ns" in of.paused
    of.hear(update(order, OrderState.CANCELLED, 10))
    assert step(of, 3) == []
    of.resume()
    assert placed(of, 1).qty_lots == 10


def test_a_jump_beyond_the_band_pauses_it_and_one_inside_does_not() -> None:
    of = parent(max_jump_bps=100.0)
    order = placed(of, 1)
    of.hear(update(order, OrderState.WORKING, 10))
    assert step(of, 2, top=TopOfBook(1010, 50, 1011, 50, BookState.SYNCED)) == [CancelOrder(order.client_id)]  # re-priced
    assert of.paused == ""
    of.hear(update(order, OrderState.CANCELLED, 10))
    assert step(of, 3, top=TopOfBook(1040, 50, 1041, 50, BookState.SYNCED)) == []
    assert "jumped from 1010.5 to 1040.5 ticks" in of.paused
    of.resume()
    assert placed(of, 4, top=TopOfBook(1040, 50, 1041, 50, BookState.SYNCED)).price_ticks == 1040


def test_a_jump_is_measured_across_a_book_out_of_order() -> None:
    of = parent(max_jump_bps=100.0)
    placed(of, 1)
    step(of, 2, top=TopOfBook(0, 0, 0, 0, BookState.GAPPED))
    assert of.paused == ""
    step(of, 3, top=TopOfBook(1040, 50, 1041, 50, BookState.SYNCED))
    assert of.paused


def test_without_a_band_no_jump_pauses_it() -> None:
    of = parent()
    placed(of, 1)
    step(of, 2, top=TopOfBook(5000, 50, 5001, 50, BookState.SYNCED))
    assert of.paused == ""


@pytest.mark.parametrize("bps", [-1.0, float("nan"), float("inf")])
def test_a_band_is_finite_and_not_negative(bps: float) -> None:
    with pytest.raises(InputError, match="max_jump_bps"):
        parent(max_jump_bps=bps)
