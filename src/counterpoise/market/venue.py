"""The Venue port: simulated, paper and live venues look the same from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill, OrderStatus, OrderUpdate
from counterpoise.market.quality import BookState

__all__ = ["TopOfBook", "Venue", "VenueEvent"]

VenueEvent: TypeAlias = Fill | OrderUpdate | OrderStatus


class TopOfBook(NamedTuple):
    """Best prices and sizes as we see them now; 0 where a side is empty."""

    bid_ticks: int
    bid_lots: int
    ask_ticks: int
    ask_lots: int
    state: BookState

    @property
    def sound(self) -> bool:
        """Whether the book is in order and has two sides."""
        return self.state is BookState.SYNCED and self.bid_ticks > 0 and self.ask_ticks > 0


class Venue(Protocol):
    """Takes approved orders, says what became of them.

    Calls never block and never raise for what the venue thinks of an order: its answer comes as an event.
    """

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...

    def submit(self, approved: Approved) -> None: ...

    def amend(self, client_id: str, *, qty_lots: int, price_ticks: int) -> None:
        """Change what is left of an order; priority is kept only when nothing but the size falls."""
        ...

    def cancel(self, client_id: str) -> None: ...

    def query(self, client_id: str) -> None:
        """Ask what became of an order; the answer is an `OrderStatus`."""
        ...

    def advance(self, until_ns: int) -> None:
        """Let the venue live until that time: market events in, fills out."""
        ...

    def events(self) -> Sequence[VenueEvent]:
        """What became known since the last call, in order of time."""
        ...

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        """Market events that arrived since the last call."""
        ...

    def top(self, instrument: str) -> TopOfBook: ...
