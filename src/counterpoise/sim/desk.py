"""The desk of a simulated venue: it takes requests as they arrive, holds orders, and says what became of them.

Where orders are matched, and by what rules they are taken, is the venue's own; all of them answer alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import numpy as np

from counterpoise.core.errors import InputError
from counterpoise.market.order import Approved, Fill, Order, OrderState, OrderStatus, OrderUpdate, RejectReason
from counterpoise.market.venue import VenueEvent
from counterpoise.sim.connection import Connection
from counterpoise.sim.latency import Latency
from counterpoise.sim.request import Request, What, rejected

__all__ = ["Held", "OrderDesk"]


@dataclass(slots=True)
class Held:
    """An order as the venue holds it.

    Attributes
    ----------
    order : Order
    number : int
        The desk's; the n-th order that was sent has n − 1.
    least_lots : int
        No match of it is smaller.
    state : OrderState
    left_lots : int
    fills : list of Fill
        From its first on.
    """

    order: Order
    number: int
    least_lots: int
    state: OrderState
    left_lots: int
    fills: list[Fill] = field(default_factory=list)


class OrderDesk(ABC):
    """What the venues of a simulation have in common.

    Parameters
    ----------
    latency : Latency
    seed : int or SeedSequence
        Of the latency model's randomness.
    """

    def __init__(self, latency: Latency, *, seed: int | np.random.SeedSequence) -> None:
        self._connection: Final = Connection[Request](latency, seed=seed)
        self._held: Final[dict[str, Held]] = {}
        self._ids: Final[list[str]] = []  # by number
        self._trades: Final = count(1)
        self._now_ns = 0

    def submit(self, approved: Approved) -> None:
        self._take(approved.order)

    def _take(self, order: Order, *, least_lots: int = 1) -> None:
        """Send an order; what was sent under its name before is answered to, and nothing is sent again."""
        self._require(order)
        known = order.client_id in self._held
        if not known:
            self._held[order.client_id] = Held(order, len(self._ids), least_lots, OrderState.IN_FLIGHT, order.qty_lots)
            self._ids.append(order.client_id)
        self._send("submit again" if known else "submit", order.client_id)

    def amend(self, client_id: str, *, qty_lots: int, price_ticks: int) -> None:
        self._send("amend", client_id, qty_lots=qty_lots, price_ticks=price_ticks)

    def cancel(self, client_id: str) -> None:
        self._send("cancel", client_id)

    def query(self, client_id: str) -> None:
        self._send("query", client_id)

    def events(self) -> Sequence[VenueEvent]:
        return self._connection.heard(self._now_ns)

    def _send(self, what: What, client_id: str, *, qty_lots: int = 0, price_ticks: int = 0) -> None:
        self._connection.send(self._now_ns, Request(what, client_id, qty_lots, price_ticks))

    def _arrivals(self, until_ns: int) -> Iterator[tuple[int, Request]]:
        """Requests that arrive no later than a time, and when; whatever the venue does in between may bring more."""
        if until_ns < self._now_ns:
            raise InputError(f"the venue stands at {self._now_ns} ns and cannot go back to {until_ns} ns")
        return self._due(until_ns)

    def _due(self, until_ns: int) -> Iterator[tuple[int, Request]]:
        while arrival := self._connection.arrival(until_ns):
            yield arrival

    def _receive(self, ts_ns: int, request: Request) -> None:
        """Answer a request, or hand it on to where orders are matched."""
        name, held = request.client_id, self._held.get(request.client_id)
        if request.what == "query":
            self._connection.report(ts_ns, _status(ts_ns, name, held))
        elif held is None:
            self._connection.report(ts_ns, rejected(ts_ns, name, RejectReason.UNKNOWN_ORDER))
        elif request.what == "submit again":
            self._connection.report(ts_ns, rejected(ts_ns, name, RejectReason.DUPLICATE_ID))
        elif request.what == "submit":
            self._arrive(held, ts_ns)
        elif held.state is OrderState.WORKING and request.what == "cancel":
            self._withdraw(held, ts_ns)
        elif held.state is OrderState.WORKING:
            self._change(held, ts_ns, request)

    @abstractmethod
    def _require(self, order: Order) -> None:
        """Refuse an order that can be of no market here."""

    @abstractmethod
    def _arrive(self, held: Held, ts_ns: int) -> None:
        """An order reaches the venue."""

    @abstractmethod
    def _withdraw(self, held: Held, ts_ns: int) -> None:
        """A working order is cancelled."""

    @abstractmethod
    def _change(self, held: Held, ts_ns: int, request: Request) -> None:
        """A working order is amended, or is not."""

    def _refuse(self, held: Held, ts_ns: int, reason: RejectReason | None) -> None:
        """An order is not taken."""
        held.state = OrderState.REJECTED
        self._connection.report(ts_ns, rejected(ts_ns, held.order.client_id, reason))

    def _fill(self, held: Held, ts_ns: int, *, price_ticks: int, qty_lots: int, fee: float, maker: bool) -> None:
        """Some of an order is filled; what is left of it is kept by the venue, `_update` says that it is all."""
        order = held.order
        fill = Fill(
            ts_ns=ts_ns,
            client_id=order.client_id,
            instrument=order.instrument,
            side=order.side,
            price_ticks=price_ticks,
            qty_lots=qty_lots,
            fee=fee,
            maker=maker,
            trade_id=next(self._trades),
        )
        held.fills.append(fill)
        self._connection.report(ts_ns, fill)

    def _update(self, held: Held, ts_ns: int, state: OrderState, reason: RejectReason | None = None) -> None:
        """Say what an order has become."""
        held.state = state
        update = OrderUpdate(ts_ns=ts_ns, client_id=held.order.client_id, state=state, left_lots=held.left_lots, reason=reason)
        self._connection.report(ts_ns, update)


def _status(ts_ns: int, client_id: str, held: Held | None) -> OrderStatus:
    if held is None:
        return OrderStatus(ts_ns=ts_ns, client_id=client_id, state=None)
    return OrderStatus(ts_ns=ts_ns, client_id=client_id, state=held.state, left_lots=held.left_lots, fills=tuple(held.fills))
