"""The session: events → measures → policy → limits → venue → journal, at decision times.

The same loop drives replay, paper and live: only the venue and the clock differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.balance.execution import Action, Execution, PlaceOrder, QueryOrder, Seen
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import InputError
from counterpoise.core.log import get_log
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import format_duration, format_time
from counterpoise.flow.measures import Measures
from counterpoise.market.event import TRADE, Events
from counterpoise.market.order import Approved, Fill, Order
from counterpoise.market.venue import Venue
from counterpoise.risk.limits import Limits, approve
from counterpoise.runtime.fill_book import FillBook
from counterpoise.runtime.journal import CancelIntent, Finished, Intent, Journal, RefusedIntent, VenueSaid

__all__ = ["Session", "SessionResult"]

_STEP_COLUMNS: Final = {
    "ts": pl.Int64,
    "instrument": pl.String,
    "bid_ticks": pl.Int64,
    "ask_ticks": pl.Int64,
    "state": pl.String,
    "target_lots": pl.Int64,
    "filled_lots": pl.Int64,
    "live_lots": pl.Int64,
    "market_lots": pl.Int64,
}


class SessionResult(NamedTuple):
    """What a session leaves behind.

    Attributes
    ----------
    measures : dict of DataFrame
        Bins of every instrument, see `counterpoise.flow.measures.Measures`.
    steps : DataFrame
        One row a decision time and instrument of the execution: best prices as shown, what should be done and is (signed, as
        `counterpoise.balance.execution.Standing`), what others traded.
    fills : list of Fill
    orders : list of (ts_ns, Order)
        Approved children in the order they were sent.
    refused : int
        Children a limit stopped.
    """

    measures: dict[str, pl.DataFrame]
    steps: pl.DataFrame
    fills: list[Fill]
    orders: list[tuple[int, Order]]
    refused: int


class Session:
    """Runs one execution over a venue.

    Parameters
    ----------
    venue : Venue
    clock : SimClock
        Moved to each decision time.
    execution : Execution
    limits : Limits
        Of each instrument.
    measures : mapping of Measures
        By instrument id; instruments without one are not measured.
    journal : Journal
        Every intent is written to it before it is sent.
    step_ns : int
        Time between decisions.
    observe : callable, optional
        Called with each decision time after everything else, for pictures.
    known : sequence of Fill
        Of an earlier process, see `counterpoise.runtime.restart.Recovered`.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        clock: SimClock,
        execution: Execution,
        limits: Limits,
        measures: Mapping[str, Measures],
        journal: Journal,
        step_ns: int,
        observe: Callable[[int], None] | None = None,
        known: Sequence[Fill] = (),
    ) -> None:
        if step_ns <= 0:
            raise InputError(f"decisions need a positive time between them, found {format_duration(step_ns)}")
        self._venue, self._clock, self._execution, self._limits = venue, clock, execution, limits
        self._measures, self._journal, self._step_ns, self._observe = measures, journal, step_ns, observe
        self._instruments: Final = {instrument.id: instrument for instrument in execution.instruments}
        self._steps: list[tuple[int, str, int, int, str, int, int, int, int]] = []
        self._fills: Final = FillBook(known)
        self._orders: list[tuple[int, Order]] = []
        self._refused = 0
        self._market_lots = dict.fromkeys(self._instruments, 0)

    def run(self, until_ns: int, *, progress: Progress = silent) -> SessionResult:
        """Decide every `step_ns` from the clock's time to `until_ns`, then cancel what is live and close the books.

        To hear what became of the last orders, let `until_ns` lie after the execution's end by a message's way there and back.
        """
        start_ns = ts_ns = self._clock.now_ns()
        execution = self._execution
        log = get_log(execution=execution.name, instruments=list(self._instruments))
        log.info("session starts", at=format_time(start_ns), until=format_time(until_ns))
        while ts_ns < until_ns:
            ts_ns = min(ts_ns + self._step_ns, until_ns)
            self._clock.move_to(ts_ns)
            self._step(ts_ns)
            progress((ts_ns - start_ns) / (until_ns - start_ns))
        for action in execution.stop():
            self._act(ts_ns, action)
        filled = {name: execution.standing(name, ts_ns).filled_lots for name in self._instruments}
        log.info("session ends", at=format_time(ts_ns), done=execution.done, filled_lots=filled)
        self._journal.append(Finished(ts_ns=ts_ns))
        self._journal.flush()
        measures = {name: one.finish() for name, one in self._measures.items()}
        steps = pl.DataFrame(self._steps, schema=_STEP_COLUMNS, orient="row")
        return SessionResult(measures, steps, self._fills.all, self._orders, self._refused)

    def _step(self, ts_ns: int) -> None:
        self._venue.advance(ts_ns)
        arrived = self._take_market()
        self._hear(ts_ns)
        market = {name: (self._market_lots[name], tuple(arrived.get(name, ()))) for name in self._instruments}
        seen = {name: Seen(self._venue.top(name), *rest) for name, rest in market.items()}
        for action in self._execution.step(ts_ns, seen):
            self._act(ts_ns, action)
        self._note(ts_ns, seen)
        if self._observe is not None:
            self._observe(ts_ns)

    def _take_market(self) -> dict[str, list[Events]]:
        """Measure what arrived, and count what others traded."""
        arrived: dict[str, list[Events]] = {}
        since_ns = self._execution.start_ns
        for instrument, events in self._venue.market():
            if instrument.id in self._measures:
                self._measures[instrument.id].push(events)
            if instrument.id in self._instruments:
                self._market_lots[instrument.id] += _traded(events, since_ns=since_ns)
                arrived.setdefault(instrument.id, []).append(events)
        return arrived

    def _hear(self, ts_ns: int) -> None:
        for event in self._venue.events():
            self._journal.append(VenueSaid(ts_ns=ts_ns, event=event))
            self._execution.hear(event)
            self._fills.hear(event)

    def _act(self, ts_ns: int, action: Action) -> None:
        if isinstance(action, PlaceOrder):
            self._place(ts_ns, action.order)
        elif isinstance(action, QueryOrder):
            self._venue.query(action.client_id)
        else:
            self._journal.append(CancelIntent(ts_ns=ts_ns, client_id=action.client_id))
            self._venue.cancel(action.client_id)

    def _place(self, ts_ns: int, order: Order) -> None:
        execution, name = self._execution, order.instrument
        standing = execution.standing(name, ts_ns)
        decision = approve(
            order,
            self._limits,
            self._instruments[name],
            top=self._venue.top(name),
            signed_position_lots=standing.filled_lots,
            signed_live_lots=standing.live_lots - order.side * order.qty_lots,
        )
        if isinstance(decision, Approved):
            self._journal.append(Intent(ts_ns=ts_ns, order=order))
            self._venue.submit(decision)
            self._orders.append((ts_ns, order))
        else:
            self._journal.append(RefusedIntent(ts_ns=ts_ns, order=order, reason=decision.reason))
            get_log(execution=execution.name).warning("a limit refused an order", order=order.client_id, reason=decision.reason)
            execution.refused(order.client_id)
            self._refused += 1

    def _note(self, ts_ns: int, seen: Mapping[str, Seen]) -> None:
        for name, (top, market_lots, _) in seen.items():
            standing = self._execution.standing(name, ts_ns)
            self._steps.append((ts_ns, name, top.bid_ticks, top.ask_ticks, top.state.name, *standing, market_lots))


def _traded(events: Events, *, since_ns: int) -> int:
    """Lots that traded since a time."""
    return int(np.sum(events.qty_lots, where=(events.kind == TRADE) & (events.ts_local >= since_ns)))
