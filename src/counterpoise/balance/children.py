"""Child orders of one side in one instrument: what was sent, what is live, what was filled.

The invariant, at every instant: filled + working + in flight ≤ the most that may be. What is unknown counts as live.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, RejectReason, TimeInForce, require_transition
from counterpoise.market.venue import VenueEvent

__all__ = ["Child", "Children"]


@dataclass(slots=True)
class Child:
    """An order of ours and what is left of it."""

    order: Order
    state: OrderState
    left_lots: int  # once the order has ended: fills that we have yet to hear of
    cancelling: bool = False

    @property
    def live(self) -> bool:
        return self.state.live or self.left_lots > 0


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

    @property
    def live(self) -> Collection[Child]:
        """Those that may still be filled, or whose fills we have yet to hear of."""
        return self._live.values()

    def hear(self, event: VenueEvent) -> None:
        """Take note of what the venue says of one of ours; others' events are passed over.

        Raises
        ------
        InputError
            If more was filled, or left undone, than was left of the order, or its state cannot change so.
        """
        child = self._all.get(event.client_id)
        if child is None:
            return
        before = child.left_lots if event.client_id in self._live else 0
        if isinstance(event, Fill):
            if event.qty_lots > child.left_lots:
                raise InputError(
                    f"order {event.client_id}: a fill of {event.qty_lots} lots but only {child.left_lots} are left; reconcile"
                )
            child.left_lots -= event.qty_lots
            self.filled_lots += event.qty_lots
        else:
            self._update(child, event)
        self.live_lots += child.left_lots - before
        if not child.live:
            self._live.pop(event.client_id, None)
        self._require_invariant()

    @staticmethod
    def _update(child: Child, event: OrderUpdate) -> None:
        """A child that ended stays live by the fills that its end tells of and that we have yet to hear."""
        if event.reason in (RejectReason.DUPLICATE_ID, RejectReason.UNKNOWN_ORDER):
            child.cancelling = False  # of a request, not of the order: what becomes of it we hear in its own events
            return
        require_transition(event.client_id, child.state, event.state)
        child.state = event.state
        if event.state.live:
            return
        undone = child.left_lots if event.state is OrderState.REJECTED else event.left_lots
        if undone > child.left_lots:
            raise InputError(
                f"order {event.client_id}: {event.state} with {undone} lots undone, but only {child.left_lots} are left; "
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

    def _require_invariant(self) -> None:
        if self.filled_lots + self.live_lots > self.most_lots:
            raise InputError(
                f"{self.name}: {self.filled_lots} lots filled and {self.live_lots} live exceed its {self.most_lots}; "
                "nothing more is sent: reconcile with the venue"
            )
