"""Child orders of one side in one instrument: what was sent, what is live, what was filled.

The invariant, at every instant: filled + working + in flight ≤ the most that may be. What is unknown counts as live, until the
venue, asked, says otherwise. What is told twice is counted once, and what comes late changes nothing that has ended.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder, QueryOrder
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import (
    Fill,
    Order,
    OrderState,
    OrderStatus,
    OrderUpdate,
    TimeInForce,
    fills_of,
    require_transition,
    tells_of_order,
)
from counterpoise.market.venue import VenueEvent

__all__ = ["PATIENCE_NS", "Child", "Children"]

PATIENCE_NS: Final = 5 * SECOND_NS
_DENIALS: Final = 2  # a venue that says so often that it never had an order is believed


@dataclass(slots=True)
class Child:
    """An order of ours and what is left of it."""

    order: Order
    state: OrderState
    left_lots: int  # once the order has ended: fills that we have yet to hear of
    cancelling: bool = False
    trades: set[int] = field(default_factory=set)  # numbers of the fills heard
    filled_lots: int = 0
    waiting_ns: int | None = None  # since when we wait to hear of it, as far as we have looked
    denied: int = 0  # times that the venue said it never had it

    @property
    def live(self) -> bool:
        return self.state.live or self.left_lots > 0

    @property
    def given_up(self) -> bool:
        """Whether it ended because the venue said that it never had it."""
        return self.denied >= _DENIALS

    @property
    def owed(self) -> bool:
        """Whether the venue has yet to answer: an order that works answers to nobody."""
        return self.live and (self.state is not OrderState.WORKING or self.cancelling)


class Children:
    """Child orders under one name.

    Parameters
    ----------
    name : str
        Prefix of the client order ids, which are the name and a running number: the same run gives the same ids.
    instrument : Instrument
    side : int
    most_lots : int
        What all fills together may come to.
    """

    def __init__(self, name: str, instrument: Instrument, *, side: int, most_lots: int) -> None:
        self.name, self.instrument, self.side, self.most_lots = name, instrument, side, most_lots
        self._all: Final[dict[str, Child]] = {}
        self._live: Final[dict[str, Child]] = {}
        self.filled_lots = self.live_lots = 0
        self._doubted = False
        self.repeated = 0  # events that told nothing new
        self.rejected: OrderUpdate | None = None  # the last rejection of an order, until it is taken

    @property
    def live(self) -> Collection[Child]:
        """Those that may still be filled, or whose fills we have yet to hear of."""
        return self._live.values()

    def size_of(self, client_id: str) -> int:
        """Lots of an order of ours, as it was sent."""
        return self._all[client_id].order.qty_lots

    def hear(self, event: VenueEvent) -> list[Fill]:
        """Take note of what the venue says of one of ours, and return the fills that are new; others' events are passed over.

        Raises
        ------
        InputError
            If more was filled, or left undone, than was left of the order, or its state cannot change so.
        """
        child = self._all.get(event.client_id)
        if child is None:
            return []
        before = child.left_lots if event.client_id in self._live else 0
        if tells_of_order(event) or isinstance(event, OrderStatus):
            child.waiting_ns = None
        if child.given_up and tells_of_order(event):
            child.denied, child.state = 0, OrderState.UNKNOWN  # it was there after all
            child.left_lots = child.order.qty_lots - child.filled_lots
        new = [fill for fill in fills_of(event) if self._fill(child, fill)]
        if isinstance(event, OrderStatus):
            self._status(child, event)
        elif isinstance(event, OrderUpdate):
            self._update(child, event)
        else:
            self.repeated += not new
        self._count(child, before)
        self._require_invariant()
        return new

    def _count(self, child: Child, before_lots: int) -> None:
        name = child.order.client_id
        now_lots = child.left_lots if child.live else 0
        self.live_lots += now_lots - before_lots
        if child.live:
            self._live[name] = child
        else:
            self._live.pop(name, None)

    def _fill(self, child: Child, fill: Fill) -> bool:
        """Book a fill; whether it was new."""
        if fill.trade_id in child.trades:
            return False
        if fill.qty_lots > child.left_lots:
            raise InputError(
                f"order {fill.client_id}: a fill of {fill.qty_lots} lots but only {child.left_lots} are left; reconcile"
            )
        if fill.trade_id:
            child.trades.add(fill.trade_id)
        child.left_lots -= fill.qty_lots
        child.filled_lots += fill.qty_lots
        self.filled_lots += fill.qty_lots
        return True

    def _update(self, child: Child, event: OrderUpdate) -> None:
        """A child that ended stays live by the fills that its end tells of and that we have yet to hear."""
        if not tells_of_order(event):
            child.cancelling = False  # of a request, not of the order: what becomes of it we hear in its own events
            return
        if event.state is OrderState.REJECTED:
            self.rejected = event
        self._become(child, event.state, event.left_lots)

    def _status(self, child: Child, status: OrderStatus) -> None:
        """The state that the venue knows, unless it is older than what we have heard; its fills are booked by now."""
        if status.state is not None:
            child.cancelling = child.cancelling and status.state is not OrderState.WORKING
            if status.state is not OrderState.IN_FLIGHT:
                self._become(child, status.state, status.left_lots)
        elif child.state in (OrderState.IN_FLIGHT, OrderState.UNKNOWN) and not child.filled_lots:
            child.denied += 1
            if child.given_up:
                child.state, child.left_lots = OrderState.REJECTED, 0

    def _become(self, child: Child, state: OrderState, left_lots: int) -> None:
        if not child.state.live and (state.live or state is child.state):
            self.repeated += 1
            return
        require_transition(child.order.client_id, child.state, state)
        child.state = state
        if state.live:
            return
        undone = child.left_lots if state is OrderState.REJECTED else left_lots
        if undone > child.left_lots:
            raise InputError(
                f"order {child.order.client_id}: {state} with {undone} lots undone, but only {child.left_lots} are left; "
                "reconcile with the venue"
            )
        child.left_lots -= undone

    def place(self, lots: int, price_ticks: int, time_in_force: TimeInForce) -> PlaceOrder:
        order = Order(
            client_id=self._next_id(),
            instrument=self.instrument.id,
            side=self.side,
            qty_lots=lots,
            price_ticks=price_ticks,
            time_in_force=time_in_force,
        )
        self._take(order)
        return PlaceOrder(order)

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send under this name; orders come in the order they were made.

        Raises
        ------
        InputError
            If it is not the next order under this name, or of another instrument or side.
        """
        found, expected = (order.client_id, order.instrument, order.side), (self._next_id(), self.instrument.id, self.side)
        if found != expected:
            raise InputError(f"cannot take up order {found}; expected {expected}: take the journal of this very parent, whole")
        self._take(order)

    def _next_id(self) -> str:
        return f"{self.name}-{len(self._all) + 1:05d}"

    def _take(self, order: Order) -> None:
        self._all[order.client_id] = self._live[order.client_id] = Child(order, OrderState.IN_FLIGHT, order.qty_lots)
        self.live_lots += order.qty_lots
        self._require_invariant()

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent."""
        child = self._live.pop(client_id)
        self.live_lots -= child.left_lots
        child.state, child.left_lots = OrderState.REJECTED, 0

    @staticmethod
    def cancel(children: Collection[Child]) -> list[Action]:
        """Cancels of those that rest and have none on the way."""
        actions: list[Action] = []
        for child in children:
            if not child.cancelling and child.order.time_in_force is not TimeInForce.IOC:
                child.cancelling = True
                actions.append(CancelOrder(child.order.client_id))
        return actions

    def ask(self, ts_ns: int, *, patience_ns: int = PATIENCE_NS) -> list[Action]:
        """Questions about those of which the venue has said nothing for longer than our patience, and about all in doubt.

        Each waits anew.
        """
        if self._doubted:
            self._doubted = False
            return [QueryOrder(name) for name in self._live]
        actions: list[Action] = []
        for child in self._live.values():
            if not child.owed:
                child.waiting_ns = None
            elif child.waiting_ns is None:
                child.waiting_ns = ts_ns
            elif ts_ns - child.waiting_ns >= patience_ns:
                child.waiting_ns = ts_ns
                actions.append(QueryOrder(child.order.client_id))
        return actions

    def doubt(self) -> tuple[str, ...]:
        """Ask about everything that is live at the next occasion, such as after a restart; returns its client ids."""
        self._doubted = True
        return tuple(self._live)

    def _require_invariant(self) -> None:
        if self.filled_lots + self.live_lots > self.most_lots:
            raise InputError(
                f"{self.name}: {self.filled_lots} lots filled and {self.live_lots} live exceed its {self.most_lots}; "
                "nothing more is sent: reconcile with the venue"
            )
