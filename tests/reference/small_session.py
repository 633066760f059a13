"""A session of ten seconds over a market made by hand, in this process or in one of its own that may be killed.

    python small_session.py JOURNAL PAUSE

writes the journal, and after each record that was taken says how many there are and pauses for so many seconds.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from counterpoise.adapters.journal_file import JournalFile
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.flow.measures import Measures
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.venue import Venue
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import Journal, JournalRecord, LineJournal, Started
from counterpoise.runtime.session import Session
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import LognormalLatency
from counterpoise.sim.replay.response import Resilience, ResponseModel
from counterpoise.sim.replay.venue import SimVenue
from reference.given_feed import Given
from reference.message_script import T0, Message, events_of

PERP: Final = Instrument(
    venue="testex",
    symbol="XUSD",
    kind=InstrumentKind.PERP,
    base="X",
    quote="USD",
    settle="USD",
    tick="0.1",
    lot="1",
    min_notional="200",
)
SECONDS: Final = 10
END_NS: Final = T0 + (SECONDS + 1) * SECOND_NS


def market(seed: int = 1) -> Events:
    """A mid that walks a tick at a time, ten levels a side, trades at the touch ten times a second."""
    draw, mid, messages = random.Random(seed), 1000, list[Message]()
    for i in range(SECONDS * 20):
        seconds = i / 20
        moved = draw.choice((-1, 0, 0, 0, 1)) if i else 0
        mid += moved
        if moved or not i:
            messages.append((seconds, SNAPSHOT, [(s, mid - s * n, 5 + 3 * n) for s in (1, -1) for n in range(1, 11)]))
        elif i % 2:
            messages.append((seconds, DELTA, [(s, mid - s, draw.randint(1, 30)) for s in (1, -1)]))
        else:
            side = draw.choice((1, -1))
            messages.append((seconds, TRADE, [(side, mid + side, draw.randint(1, 25))]))
    return events_of(messages)


def venue() -> SimVenue:
    return SimVenue(
        Given((PERP, market())),
        response=ResponseModel(impact=TransientImpact(bps_per_million=1000), resilience=Resilience(half_life="500ms")),
        fees=Fees(),
        latency=LognormalLatency(order="30ms", ack="40ms", feed="10ms"),
        seed=3,
    )


def session(
    journal: Journal, *, of: Venue | None = None, limits: Limits | None = None, observe: Callable[[int], None] | None = None
) -> tuple[Session, Parent]:
    """Buy 200 between the first second and the ninth, two decisions every tenth of a second."""
    config = ParentConfig(side="buy", qty="200", slice="1s", max_participation=0.3)
    parent = Parent(PERP, config, name="small", start_ns=T0 + SECOND_NS, end_ns=T0 + (SECONDS - 1) * SECOND_NS)
    built = Session(
        of or venue(),
        clock=SimClock(T0),
        execution=parent,
        limits=limits or Limits(),
        measures={PERP.id: Measures(PERP, bins=Bins.every(SECOND_NS))},
        journal=journal,
        step_ns=50 * MS_NS,
        observe=observe,
    )
    return built, parent


class Counting:
    """A journal that says how many records it was given, once they are taken."""

    def __init__(self, journal: Journal, *, pause: float) -> None:
        self._journal, self._pause, self._taken = journal, pause, 0

    def append(self, record: JournalRecord) -> None:
        self._journal.append(record)
        self._taken += 1
        sys.stdout.write(f"{self._taken}\n")
        sys.stdout.flush()
        time.sleep(self._pause)

    def flush(self) -> None:
        self._journal.flush()

    def close(self) -> None:
        self._journal.close()


def main() -> None:
    with JournalFile(Path(sys.argv[1]), fsync="never") as file:
        journal = Counting(LineJournal(file), pause=float(sys.argv[2]))
        journal.append(Started(config_hash="small", seed=3, version="0"))
        session(journal)[0].run(END_NS)


if __name__ == "__main__":
    main()
