"""A venue in a process of its own, which lives on when its client is killed, and a client that takes up where one died.

    python living_venue.py venue SOCKET
    python living_venue.py client SOCKET JOURNAL

The venue serves one client after another; its time moves only when it is told to. A client resumes what the journal holds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Final

from counterpoise.adapters.journal_file import JournalFile, read_journal
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill
from counterpoise.market.venue import TopOfBook, VenueEvent
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import LineJournal, Started, decode
from counterpoise.runtime.restart import recover
from counterpoise.runtime.session import Session
from reference import small_session
from reference.message_script import T0
from reference.small_session import END_NS, PERP, SECONDS

CALLS: Final = ("submit", "amend", "cancel", "query", "advance", "events", "market", "top")


class Books:
    """What the venue itself knows of its client: every order that came, and every fill, however often it died."""

    def __init__(self) -> None:
        self.venue = small_session.venue()
        self.sent: list[str] = []
        self.filled_lots = self.now_ns = 0

    def serve(self, line: Connection) -> bool:
        """Answer one client until it is gone; whether another may come."""
        while True:
            try:
                name, given, named = line.recv()
                if name == "over":
                    line.send((self.sent, self.filled_lots))
                    return False
                line.send(self.now_ns if name == "now" else self.call(name, given, named))
            except (EOFError, ConnectionError):
                return True

    def call(self, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        assert name in CALLS
        if name == "submit":
            self.sent.append(given[0].order.client_id)
        if name == "advance":
            self.now_ns = given[0]
        answer = getattr(self.venue, name)(*given, **named)
        if name == "events":
            self.filled_lots += sum(event.qty_lots for event in answer if isinstance(event, Fill))
        return list(answer) if name in ("events", "market") else answer


class Remote:
    """The Venue port over a socket."""

    def __init__(self, line: Connection) -> None:
        self._line: Final = line

    def _call(self, name: str, *given: Any, **named: Any) -> Any:
        self._line.send((name, given, named))
        return self._line.recv()

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (PERP,)

    def now_ns(self) -> int:
        return int(self._call("now"))

    def submit(self, approved: Approved) -> None:
        self._call("submit", approved)

    def amend(self, client_id: str, *, qty_lots: int, price_ticks: int) -> None:
        self._call("amend", client_id, qty_lots=qty_lots, price_ticks=price_ticks)

    def cancel(self, client_id: str) -> None:
        self._call("cancel", client_id)

    def query(self, client_id: str) -> None:
        self._call("query", client_id)

    def advance(self, until_ns: int) -> None:
        self._call("advance", until_ns)

    def events(self) -> Sequence[VenueEvent]:
        events: Sequence[VenueEvent] = self._call("events")
        return events

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        return iter(self._call("market"))

    def top(self, instrument: str) -> TopOfBook:
        top: TopOfBook = self._call("top", instrument)
        return top


def parent() -> Parent:
    """Buy 200 within eight seconds, asking after half a second of silence."""
    config = ParentConfig(side="buy", qty="200", slice="1s", max_participation=1.0, patience="500ms")
    return Parent(PERP, config, name="small", start_ns=T0 + SECOND_NS, end_ns=T0 + (SECONDS - 1) * SECOND_NS)


def serve(socket: str) -> None:
    books, more = Books(), True
    with Listener(socket, "AF_UNIX") as listener:
        while more:
            with listener.accept() as line:
                more = books.serve(line)


def work(socket: str, journal: Path) -> None:
    """One life of the client; prints what it knows when it comes to its end."""
    of = parent()
    with JournalFile(journal, fsync="never") as file, Client(socket, "AF_UNIX") as line:
        records = [decode(data) for data in read_journal(journal)]
        venue, known = Remote(line), ()
        if records:
            known = recover(records, of).fills
        book = LineJournal(file)
        if not records:
            book.append(Started(config_hash="living", seed=3, version="0"))
        session = Session(
            venue,
            clock=SimClock(max(T0, venue.now_ns())),
            execution=of,
            limits=Limits(),
            measures={},
            journal=book,
            step_ns=50 * MS_NS,
            known=known,
        )
        result = session.run(END_NS)
        told = of.filled_lots, of.live_lots, len({(f.client_id, f.trade_id) for f in result.fills}), len(result.fills)
        sys.stdout.write(" ".join(map(str, told)) + "\n")


if __name__ == "__main__":
    if sys.argv[1] == "venue":
        serve(sys.argv[2])
    else:
        work(sys.argv[2], Path(sys.argv[3]))
