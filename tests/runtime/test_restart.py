"""A death at any moment: what the journal rebuilds, and that nothing is sent twice or filled beyond the parent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from counterpoise.balance.execution import PlaceOrder, QueryOrder, Seen
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill, OrderState, OrderUpdate
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook, Venue, VenueEvent
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import Finished, Intent, JournalRecord, RefusedIntent, Started, VenueSaid
from counterpoise.runtime.restart import recover
from counterpoise.runtime.session import Session
from reference import small_session
from reference.message_script import T0
from reference.small_session import END_NS, PERP, SECONDS

TOP: Final = TopOfBook(1000, 50, 1001, 50, BookState.SYNCED)
MUCH: Final = 10**9


class Died(Exception):
    """The process ends here."""


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []

    def append(self, record: JournalRecord) -> None:
        self.records.append(record)

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Surviving:
    """A venue that outlives the session: its client dies at one submission, before or after it arrives."""

    def __init__(self, venue: Venue, *, dies_at: int = 0, arrives: bool = True) -> None:
        self._venue, self._dies_at, self._arrives = venue, dies_at, arrives
        self.sent: list[str] = []
        self.filled_lots = self._calls = self.now_ns = 0

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._venue.instruments

    def submit(self, approved: Approved) -> None:
        self._calls += 1
        dies = self._calls == self._dies_at
        if self._arrives or not dies:
            self.sent.append(approved.order.client_id)
            self._venue.submit(approved)
        if dies:
            raise Died

    def amend(self, client_id: str, *, qty_lots: int, price_ticks: int) -> None:
        self._venue.amend(client_id, qty_lots=qty_lots, price_ticks=price_ticks)

    def cancel(self, client_id: str) -> None:
        self._venue.cancel(client_id)

    def query(self, client_id: str) -> None:
        self._venue.query(client_id)

    def advance(self, until_ns: int) -> None:
        self.now_ns = until_ns
        self._venue.advance(until_ns)

    def events(self) -> Sequence[VenueEvent]:
        heard = self._venue.events()
        self.filled_lots += sum(event.qty_lots for event in heard if isinstance(event, Fill))
        return heard

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        return self._venue.market()

    def top(self, instrument: str) -> TopOfBook:
        return self._venue.top(instrument)


def parent(*, name: str = "small", side: str = "buy") -> Parent:
    config = ParentConfig(side=side, qty="200", slice="1s", max_participation=1.0, patience="500ms")
    return Parent(PERP, config, name=name, start_ns=T0 + SECOND_NS, end_ns=T0 + (SECONDS - 1) * SECOND_NS)


def session(venue: Venue, journal: Kept, execution: Parent, *, from_ns: int = T0) -> Session:
    return Session(
        venue,
        clock=SimClock(from_ns),
        execution=execution,
        limits=Limits(),
        measures={},
        journal=journal,
        step_ns=50 * MS_NS,
    )


def whole() -> list[JournalRecord]:
    journal = Kept()
    session(small_session.venue(), journal, parent()).run(END_NS)
    return journal.records


def test_every_prefix_of_a_journal_rebuilds_what_it_says() -> None:
    """Recounted from the records: fills, live lots with the unanswered among them, and the next client id."""
    records = whole()
    assert sum(isinstance(record, Intent) for record in records) > 10
    for cut in range(len(records)):
        before = records[:cut]
        again = parent()
        found = recover(before, again)
        intents = {r.order.client_id: r.order for r in before if isinstance(r, Intent)}
        said = [r.event for r in before if isinstance(r, VenueSaid)]
        left = {name: order.qty_lots for name, order in intents.items()}
        ended = set()
        for event in said:
            if isinstance(event, Fill):
                left[event.client_id] -= event.qty_lots
            elif not event.state.live and event.reason is None:
                left[event.client_id] -= event.left_lots
                ended.add(event.client_id)
        assert again.filled_lots == sum(event.qty_lots for event in said if isinstance(event, Fill))
        assert again.live_lots == sum(left.values())
        assert again.filled_lots + again.live_lots <= again.qty_lots
        assert set(found.unanswered) == set(intents) - {event.client_id for event in said}
        assert set(found.unsettled) == {name for name in intents if name not in ended or left[name]}


@pytest.mark.parametrize("dies_at", [1, 2, 5, 9])
def test_a_parent_that_died_after_sending_goes_on_with_the_rest(dies_at: int) -> None:
    journal, venue, again = Kept(), Surviving(small_session.venue(), dies_at=dies_at), parent()
    with pytest.raises(Died):
        session(venue, journal, parent()).run(END_NS)
    found = recover(journal.records, again)
    assert found.unanswered == (venue.sent[-1],)
    session(venue, journal, again, from_ns=venue.now_ns).run(END_NS)
    assert len(venue.sent) == len(set(venue.sent)) > dies_at
    assert venue.filled_lots == again.filled_lots > 190  # of 200: the last crossing order finds what the book holds
    assert again.live_lots == 0


@pytest.mark.parametrize("dies_at", [1, 2, 5, 9])
def test_an_order_that_never_arrived_is_asked_after_and_made_up_for_under_another_name(dies_at: int) -> None:
    """Only the venue can say that it never had it: until it has said so twice its lots are spoken for."""
    journal, venue, again = Kept(), Surviving(small_session.venue(), dies_at=dies_at, arrives=False), parent()
    with pytest.raises(Died):
        session(venue, journal, parent()).run(END_NS)
    (lost,) = recover(journal.records, again).unanswered
    assert lost not in venue.sent
    session(venue, journal, again, from_ns=venue.now_ns).run(END_NS)
    assert lost not in venue.sent
    assert len(venue.sent) == len(set(venue.sent))
    assert again.done
    assert venue.filled_lots == again.qty_lots


def test_an_order_the_venue_never_had_is_made_up_for_once_it_says_so() -> None:
    first, again = parent(), parent()
    at = T0 + 2 * SECOND_NS
    (action,) = first.step(at, {PERP.id: Seen(TOP, MUCH)})
    assert isinstance(action, PlaceOrder)
    name = action.order.client_id
    assert recover([Intent(ts_ns=at, order=action.order)], again)[:2] == ((name,), (name,))
    assert again.step(at, {PERP.id: Seen(TOP, MUCH)}) == [QueryOrder(name)]
    again.hear(OrderUpdate(ts_ns=at, client_id=name, state=OrderState.REJECTED, left_lots=0))
    assert again.step(at, {PERP.id: Seen(TOP, MUCH)}) == []  # after a refusal without a reason it waits a little
    at += SECOND_NS
    (action,) = again.step(at, {PERP.id: Seen(TOP, MUCH)})
    assert isinstance(action, PlaceOrder)
    assert action.order.client_id == "small-00002"


def test_a_refused_order_keeps_its_number_and_is_not_live() -> None:
    (action,) = parent().step(T0 + 2 * SECOND_NS, {PERP.id: Seen(TOP, MUCH)})
    assert isinstance(action, PlaceOrder)
    again = parent()
    assert recover([RefusedIntent(ts_ns=T0, order=action.order, reason="a limit")], again) == ((), (), ())
    assert again.live_lots == 0
    (action,) = again.step(T0 + 3 * SECOND_NS, {PERP.id: Seen(TOP, MUCH)})
    assert isinstance(action, PlaceOrder)
    assert action.order.client_id == "small-00002"


@pytest.mark.parametrize("other", [parent(name="other"), parent(side="sell")])
def test_a_journal_of_another_parent_is_refused(other: Parent) -> None:
    with pytest.raises(InputError, match="cannot take up order"):
        recover(whole()[:-1], other)


def test_a_journal_with_a_hole_is_refused() -> None:
    records = whole()[:-1]
    first = next(n for n, record in enumerate(records) if isinstance(record, Intent))
    with pytest.raises(InputError, match="whole"):
        recover(records[:first] + records[first + 1 :], parent())


def test_a_run_that_ended_and_another_configuration_are_refused() -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        recover([Finished(ts_ns=1)], parent())
    started = Started(config_hash="one", seed=1, version="0")
    with pytest.raises(InputError, match="began with configuration one"):
        recover([started], parent(), config_hash="two")
    assert recover([started], parent(), config_hash="one") == ((), (), ())
