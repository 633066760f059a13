"""What works an order: it sees markets at decision times, says what to send, and hears what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeAlias

from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["Action", "CancelOrder", "Execution", "PlaceOrder", "QueryOrder", "Seen", "Standing"]


class PlaceOrder(NamedTuple):
    order: Order


class CancelOrder(NamedTuple):
    client_id: str


class QueryOrder(NamedTuple):
    """Ask the venue what became of an order."""

    client_id: str


Action: TypeAlias = PlaceOrder | CancelOrder | QueryOrder


class Seen(NamedTuple):
    """One market at a decision time.

    Attributes
    ----------
    top : TopOfBook
        Best prices as shown.
    market_lots : int
        What others traded since the execution began; our own volume is left out.
    events : tuple of Events
        What arrived since the last decision, in order.
    """

    top: TopOfBook
    market_lots: int
    events: tuple[Events, ...] = ()


class Standing(NamedTuple):
    """Where an execution stands in one instrument; all are signed lots, positive bought.

    Attributes
    ----------
    target_lots : int
        What should be done by now.
    filled_lots : int
    live_lots : int
        Working, in flight, unknown, or filled by what the venue says though we have not heard the fills.
    """

    target_lots: int
    filled_lots: int
    live_lots: int


class Execution(Protocol):
    """A parent order, a basket of them, or a standing policy: `counterpoise.runtime.session.Session` drives it on any venue."""

    @property
    def name(self) -> str:
        """Prefix of its client order ids, which are the same whenever the same run is."""
        ...

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...

    @property
    def start_ns(self) -> int:
        """When it begins; what others trade is counted from then on."""
        ...

    @property
    def done(self) -> bool:
        """All is filled that should be, and nothing is live."""
        ...

    def standing(self, instrument: str, ts_ns: int) -> Standing: ...

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now, by what each of its instruments shows."""
        ...

    def hear(self, event: VenueEvent) -> None:
        """Take note of what a venue says of one of our children; others' events are passed over."""
        ...

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent."""
        ...

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        ...
