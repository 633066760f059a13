"""A parent over a wire that loses, repeats, delays and reorders whatever it carries, in both directions."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Final, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder, QueryOrder, Seen
from counterpoise.balance.parent import Parent, ParentConfig, ParentState
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderStatus, OrderUpdate, RejectReason, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook, VenueEvent

PERP: Final = Instrument(
    venue="testex", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="1"
)
TOP: Final = TopOfBook(1000, 50, 1001, 50, BookState.SYNCED)


class There(NamedTuple):
    """An order as the venue holds it."""

    order: Order
    state: OrderState
    left: int
    fills: tuple[Fill, ...] = ()


class AnyWire(RuleBasedStateMachine):
    """Requests come in the order they were sent, or are lost; what the venue says comes in any order, again, or never."""

    @initialize(
        side=st.sampled_from(["buy", "sell"]),
        qty=st.integers(10, 300),
        cross_after=st.sampled_from([0.0, 0.5, 1.0]),
        completion=st.sampled_from(["cap", "cross"]),
    )
    def begin(self, side: str, qty: int, cross_after: float, completion: str) -> None:
        config = ParentConfig(
            side=side, qty=str(qty), slice="10s", max_participation=1.0, cross_after=cross_after, completion=completion
        )
        self.parent = Parent(PERP, config, name="p", start_ns=0, end_ns=100 * SECOND_NS)
        self.ts = 0
        self.trades = count(1)
        self.requests: deque[Action] = deque()
        self.there: dict[str, There] = {}
        self.wire: list[VenueEvent] = []
        self.names: set[str] = set()

    def send(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, PlaceOrder):
                assert action.order.client_id not in self.names  # nothing is sent twice
                self.names.add(action.order.client_id)
            self.requests.append(action)

    @rule(seconds=st.integers(0, 7))
    def decide(self, seconds: int) -> None:
        self.ts += seconds * SECOND_NS
        self.send(self.parent.step(self.ts, {PERP.id: Seen(TOP, 10**9)}))

    @rule(qty=st.integers(1, 400), later=st.integers(0, 60))
    def amend(self, qty: int, later: int) -> None:
        end_ns = int(self.parent.schedule.end_ns[-1]) + later * SECOND_NS
        if qty >= self.parent.filled_lots + self.parent.live_lots and not self.parent.state(self.ts).ended and end_ns > self.ts:
            self.parent.amend(self.ts, structs.replace(self.parent.config, qty=str(qty)), end_ns=end_ns)
            assert self.parent.qty_lots == qty

    @precondition(lambda self: self.requests)
    @rule(lost=st.booleans(), refuse=st.sampled_from([None, None, None, *RejectReason]), part=st.floats(0, 1))
    def arrive(self, lost: bool, refuse: RejectReason | None, part: float) -> None:
        action = self.requests.popleft()
        if not lost:
            self.take(action, refuse, part)

    def take(self, action: Action, refuse: RejectReason | None, part: float) -> None:
        name = action.order.client_id if isinstance(action, PlaceOrder) else action.client_id
        if isinstance(action, PlaceOrder):
            order = action.order
            self.there[name] = There(order, OrderState.WORKING, order.qty_lots)
            if refuse in (RejectReason.DUPLICATE_ID, RejectReason.UNKNOWN_ORDER):
                refuse = None
            if refuse is not None:
                self.say(name, OrderState.REJECTED, left=0, reason=refuse)
            elif order.time_in_force is TimeInForce.IOC:
                self.fill(name, int(part * order.qty_lots))
                if self.there[name].left:
                    self.say(name, OrderState.CANCELLED, left=self.there[name].left)
            else:
                self.say(name, OrderState.WORKING, left=order.qty_lots)
        elif isinstance(action, QueryOrder):
            held = self.there.get(name)
            told = (None, 0, ()) if held is None else held[1:]
            self.wire.append(OrderStatus(ts_ns=self.ts, client_id=name, state=told[0], left_lots=told[1], fills=told[2]))
        elif name not in self.there:
            unknown = RejectReason.UNKNOWN_ORDER
            self.wire.append(OrderUpdate(ts_ns=self.ts, client_id=name, state=OrderState.REJECTED, left_lots=0, reason=unknown))
        elif self.there[name].state is OrderState.WORKING:
            self.say(name, OrderState.CANCELLED, left=self.there[name].left)

    def say(self, name: str, state: OrderState, *, left: int, reason: RejectReason | None = None) -> None:
        self.there[name] = self.there[name]._replace(state=state, left=left)
        self.wire.append(OrderUpdate(ts_ns=self.ts, client_id=name, state=state, left_lots=left, reason=reason))

    def fill(self, name: str, lots: int) -> None:
        if not lots:
            return
        held = self.there[name]
        fill = Fill(
            ts_ns=self.ts,
            client_id=name,
            instrument=PERP.id,
            side=held.order.side,
            price_ticks=1000,
            qty_lots=lots,
            fee=0.0,
            maker=True,
            trade_id=next(self.trades),
        )
        self.there[name] = held._replace(left=held.left - lots, fills=(*held.fills, fill))
        self.wire.append(fill)
        if not self.there[name].left:
            self.say(name, OrderState.FILLED, left=0)

    @precondition(lambda self: any(held.state is OrderState.WORKING for held in self.there.values()))
    @rule(data=st.data(), part=st.floats(0.01, 1))
    def trade(self, data: st.DataObject, part: float) -> None:
        working = sorted(name for name, held in self.there.items() if held.state is OrderState.WORKING)
        name = data.draw(st.sampled_from(working))
        self.fill(name, max(1, int(self.there[name].left * part)))

    @precondition(lambda self: self.wire)
    @rule(data=st.data(), fate=st.sampled_from(["told", "told", "told", "again", "lost"]))
    def deliver(self, data: st.DataObject, fate: str) -> None:
        at = data.draw(st.integers(0, len(self.wire) - 1))
        event = self.wire[at] if fate == "again" else self.wire.pop(at)
        if fate != "lost":
            self.parent.hear(event)

    @precondition(lambda self: self.parent.paused)
    @rule()
    def resume(self) -> None:
        self.parent.resume()

    def filled(self) -> int:
        return sum(fill.qty_lots for held in self.there.values() for fill in held.fills)

    @invariant()
    def no_more_than_is_wanted_and_nothing_forgotten(self) -> None:
        if not hasattr(self, "parent"):
            return
        working = sum(held.left for held in self.there.values() if held.state is OrderState.WORKING)
        coming = sum(action.order.qty_lots for action in self.requests if isinstance(action, PlaceOrder))
        assert self.filled() + working + coming <= self.parent.qty_lots
        assert self.parent.filled_lots <= self.filled()
        assert self.parent.filled_lots + self.parent.live_lots >= self.filled() + working + coming
        assert self.parent.filled_lots + self.parent.live_lots <= self.parent.qty_lots

    def teardown(self) -> None:
        """Once the wire carries again, both sides come to know the same, and nothing is left at the venue."""
        if not hasattr(self, "parent"):
            return
        self.parent.cancel()
        for _ in range(20):
            self.ts += 6 * SECOND_NS
            actions = self.parent.step(self.ts, {PERP.id: Seen(TOP, 10**9)})
            assert not any(isinstance(action, PlaceOrder) for action in actions)
            self.send(actions)
            while self.requests:
                self.take(self.requests.popleft(), None, 0.5)
            while self.wire:
                self.parent.hear(self.wire.pop(0))
        assert self.parent.filled_lots == self.filled()
        assert self.parent.live_lots == 0
        assert not any(held.state is OrderState.WORKING for held in self.there.values())
        assert self.parent.state(self.ts) in (ParentState.FILLED, ParentState.CANCELLED)


AnyWire.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
TestAnyWire = AnyWire.TestCase


def test_cancels_are_requests_too() -> None:
    """The machine tells the three kinds of request apart by type."""
    assert {PlaceOrder, CancelOrder, QueryOrder} == set(Action.__args__)  # type: ignore[attr-defined]
