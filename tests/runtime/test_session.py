"""The session: what is written before it is sent, the same bytes every time, and a death at any moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from counterpoise.adapters.journal_file import read_journal
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill, OrderUpdate
from counterpoise.market.venue import TopOfBook, Venue, VenueEvent
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import (
    CancelIntent,
    Finished,
    Intent,
    JournalRecord,
    RefusedIntent,
    Started,
    VenueSaid,
    decode,
    encode,
)
from counterpoise.runtime.session import Session, SessionResult
from reference import small_session
from reference.message_script import T0
from reference.small_session import END_NS, PERP, market, session

CHILD: Final = Path(small_session.__file__)
TESTS: Final = Path(__file__).resolve().parents[1]


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []
        self.flushed = 0

    def append(self, record: JournalRecord) -> None:
        self.records.append(record)

    def flush(self) -> None:
        self.flushed = len(self.records)

    def close(self) -> None:
        self.flush()


class Watched:
    """A venue that looks into the journal at every call."""

    def __init__(self, venue: Venue, journal: Kept) -> None:
        self._venue, self._journal = venue, journal
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.said: list[VenueEvent] = []

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._venue.instruments

    def submit(self, approved: Approved) -> None:
        last = self._journal.records[-1]
        assert isinstance(last, Intent)
        assert last.order == approved.order
        self.sent.append(approved.order.client_id)
        self._venue.submit(approved)

    def amend(self, client_id: str, *, qty_lots: int, price_ticks: int) -> None:
        self._venue.amend(client_id, qty_lots=qty_lots, price_ticks=price_ticks)

    def cancel(self, client_id: str) -> None:
        last = self._journal.records[-1]
        assert isinstance(last, CancelIntent)
        assert last.client_id == client_id
        self.cancelled.append(client_id)
        self._venue.cancel(client_id)

    def advance(self, until_ns: int) -> None:
        self._venue.advance(until_ns)

    def events(self) -> Sequence[VenueEvent]:
        heard = self._venue.events()
        self.said += heard
        return heard

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        return self._venue.market()

    def top(self, instrument: str) -> TopOfBook:
        return self._venue.top(instrument)


def run(*, limits: Limits | None = None, until_ns: int = END_NS) -> tuple[SessionResult, Kept, Watched]:
    journal = Kept()
    venue = Watched(small_session.venue(), journal)
    result = session(journal, of=venue, limits=limits)[0].run(until_ns)
    return result, journal, venue


def test_every_intent_is_written_before_it_is_sent_and_every_answer_after() -> None:
    result, journal, venue = run()
    records = journal.records
    assert [r.order.client_id for r in records if isinstance(r, Intent)] == venue.sent
    assert [r.client_id for r in records if isinstance(r, CancelIntent)] == venue.cancelled
    assert [r.event for r in records if isinstance(r, VenueSaid)] == venue.said
    assert isinstance(records[-1], Finished)
    assert journal.flushed == len(records)
    assert min(len(venue.sent), len(venue.cancelled), len(result.fills)) > 10
    assert [(ts, order.client_id) for ts, order in result.orders] == [
        (r.ts_ns, r.order.client_id) for r in records if isinstance(r, Intent)
    ]
    assert result.fills == [event for event in venue.said if isinstance(event, Fill)]


def test_nothing_is_written_as_known_before_it_was() -> None:
    """Times of records never go back, and no answer is older than its news."""
    _, journal, _ = run()
    times = [r.ts_ns for r in journal.records if not isinstance(r, Started)]
    assert times == sorted(times)
    assert all(r.event.ts_ns <= r.ts_ns for r in journal.records if isinstance(r, VenueSaid))


def test_a_session_is_understood_from_its_journal_alone() -> None:
    """Fills by order, and which orders may live still, without asking the parent."""
    result, journal, _ = run()
    intents = {r.order.client_id: r.order.qty_lots for r in journal.records if isinstance(r, Intent)}
    said = [r.event for r in journal.records if isinstance(r, VenueSaid)]
    ended = {event.client_id for event in said if isinstance(event, OrderUpdate) and not event.state.live}
    assert ended == set(intents)
    filled = sum(event.qty_lots for event in said if isinstance(event, Fill))
    assert result.steps["filled_lots"][-1] == filled > 100


def test_the_same_run_gives_the_same_bytes_and_frames() -> None:
    (one, first, _), (two, second, _) = run(), run()
    assert [encode(r) for r in first.records] == [encode(r) for r in second.records]
    assert one.steps.equals(two.steps)
    assert one.measures[PERP.id].equals(two.measures[PERP.id])
    assert (one.fills, one.orders) == (two.fills, two.orders)


def test_refused_orders_are_written_and_not_sent() -> None:
    result, journal, venue = run(limits=Limits(max_order_notional=1500.0))
    refused = [r for r in journal.records if isinstance(r, RefusedIntent)]
    assert result.refused == len(refused) > 0
    assert all("exceeds max_order_notional 1,500" in r.reason for r in refused)
    assert not {r.order.client_id for r in refused} & set(venue.sent)
    assert all(order.qty_lots * order.price_ticks <= 15_000 for _, order in result.orders)


def test_steps_say_how_things_stood() -> None:
    result, _, _ = run()
    steps = result.steps
    assert steps.columns == [
        "ts",
        "instrument",
        "bid_ticks",
        "ask_ticks",
        "state",
        "target_lots",
        "filled_lots",
        "live_lots",
        "market_lots",
    ]
    assert steps["ts"].to_list() == list(range(T0 + SECOND_NS // 20, END_NS + 1, SECOND_NS // 20))
    assert (steps["filled_lots"] + steps["live_lots"]).max() <= 200
    for name in ("filled_lots", "target_lots", "market_lots"):
        assert all(a <= b for a, b in pairwise(steps[name].to_list()))
    assert steps["target_lots"][0] == 0
    assert steps["target_lots"][-1] == 200


def test_participation_is_of_what_others_traded_since_the_start() -> None:
    result, _, _ = run()
    events = market()
    since = (events.kind == TRADE) & (events.ts_local >= T0 + SECOND_NS)
    assert (
        result.steps["market_lots"][-1] == int(events.qty_lots[since].sum()) < int(events.qty_lots[events.kind == TRADE].sum())
    )
    own = result.steps["filled_lots"] + result.steps["live_lots"]
    assert (own * 7 <= result.steps["market_lots"] * 3).all()  # 30 % of all: 3 to their 7


def test_measures_are_those_of_the_market_alone() -> None:
    result, _, _ = run()
    assert result.measures[PERP.id].equals(measure(market(), PERP, bins=Bins.every(SECOND_NS)))


def test_a_session_that_ends_early_cancels_what_is_live() -> None:
    """Stopped while orders rest: a cancel for each is the last thing written before the end."""
    for tenths in range(12, 60):
        result, journal, _ = run(until_ns=T0 + tenths * SECOND_NS // 10)
        live = result.steps["live_lots"][-1]
        waiting = {o.client_id for _, o in result.orders if o.time_in_force == "post_only"} - {
            r.event.client_id
            for r in journal.records
            if isinstance(r, VenueSaid) and isinstance(r.event, OrderUpdate) and not r.event.state.live
        }
        assert waiting <= {r.client_id for r in journal.records if isinstance(r, CancelIntent)}
        if live and waiting and isinstance(journal.records[-2], CancelIntent):
            return
    pytest.fail("no early end found an order at rest")


def test_the_clock_stops_at_every_decision() -> None:
    seen: list[int] = []
    session(Kept(), observe=seen.append)[0].run(END_NS)
    assert seen == list(range(T0 + SECOND_NS // 20, END_NS + 1, SECOND_NS // 20))


@pytest.mark.parametrize("step_ns", [0, -1])
def test_decisions_need_time_between_them(step_ns: int) -> None:
    _, parent = session(Kept())
    with pytest.raises(InputError, match="positive time between them"):
        Session(
            small_session.venue(),
            clock=SimClock(T0),
            execution=parent,
            limits=Limits(),
            measures={},
            journal=Kept(),
            step_ns=step_ns,
        )


# death


def child(journal: Path, *, pause: float) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
    command = [sys.executable, str(CHILD), str(journal), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def said_whole(text: str) -> list[int]:
    """Numbers of records that were said to be taken; a line cut off was not said."""
    return [int(line) for line in text.rpartition("\n")[0].split()]


def test_a_killed_session_leaves_every_record_it_was_told_was_taken(tmp_path: Path) -> None:
    """Killed at random moments: all that was acknowledged is there, whole, and is how a fresh run begins."""
    fresh = tmp_path / "fresh.log"
    with child(fresh, pause=0) as process:
        assert process.stdout is not None
        said = said_whole(process.stdout.read())
    records = list(read_journal(fresh))
    assert process.returncode == 0
    assert said == list(range(1, len(records) + 1))
    assert isinstance(decode(records[-1]), Finished)
    draw, lengths = random.Random(11), set()
    for number in range(5):
        journal = tmp_path / f"{number}.log"
        with child(journal, pause=0.002) as process:
            assert process.stdout is not None
            heard = "".join(process.stdout.readline() for _ in range(draw.randint(1, len(records) * 9 // 10)))
            time.sleep(draw.random() * 0.01)
            process.kill()
            acknowledged = said_whole(heard + process.stdout.read())
        left = list(read_journal(journal))
        lengths.add(len(left))
        assert acknowledged[-1] <= len(left)
        assert left == records[: len(left)]
        assert fresh.read_bytes().startswith(journal.read_bytes())
    assert max(lengths) < len(records)
    assert len(lengths) > 2
