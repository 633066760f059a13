"""A parent order: from the intention to child orders, and back from what the venue says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterpoise.balance.children import Children
from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.balance.parent.config import ParentConfig
from counterpoise.balance.parent.reaction import REACTIONS, Reaction
from counterpoise.balance.parent.state import ParentState
from counterpoise.balance.parent.terms import Terms
from counterpoise.balance.parent.watch import Watch
from counterpoise.balance.schedule.schedule import Schedule, revised
from counterpoise.balance.schedule.twap import twap
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, parse_duration
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, RejectReason, TimeInForce
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["Parent"]

_FIRST_WAIT_NS: Final = 250 * MS_NS  # after a refusal; doubles with each that follows
_MOST_WAIT_NS: Final = 60_000 * MS_NS
_MOST_REPRICES: Final = 3  # refusals in a row that are answered at once


class Parent:
    """One parent order over one instrument, on a schedule with a participation cap.

    Each slice first waits in the queue at our own touch, then crosses for what is left of it. What a slice could not do, for
    lack of volume, price or book, is caught up later, never above the cap. While it is paused, by us or because the clock went
    back, the price jumped or the venue refused what it never will take, it cancels what rests and sends nothing, until
    `resume`. An order that the venue is silent about is asked after, and counts as live until it answers.

    Parameters
    ----------
    name : str
        Prefix of the client order ids, which are its name and a running number: the same run gives the same ids.
    schedule : Schedule, optional
        To follow in place of the TWAP; it ends with the parent's quantity.
    """

    def __init__(
        self,
        instrument: Instrument,
        config: ParentConfig,
        *,
        name: str,
        start_ns: int,
        end_ns: int,
        schedule: Schedule | None = None,
    ) -> None:
        self.instrument, self.config, self.name = instrument, config, name
        self._terms = Terms(instrument, config)
        plain = twap(self.qty_lots, start_ns=start_ns, end_ns=end_ns, slice_ns=parse_duration(config.slice))
        self.schedule = plain if schedule is None else schedule
        self.follow(self.schedule)
        self.start_ns: Final = int(self.schedule.start_ns[0])
        self._children: Final = Children(name, instrument, side=self.side, most_lots=self.qty_lots)
        self._watch: Final = Watch(config.max_jump_bps)
        self._cancelled = False
        self._not_before_ns, self._refusals, self._most_child_lots = 0, 0, self.qty_lots
        self.waited = 0  # decisions that could not be taken, the book being out of order
        self.paused = ""  # why it is, and what to do; empty while it works

    @property
    def side(self) -> int:
        return self._terms.side

    @property
    def qty_lots(self) -> int:
        return self._terms.qty_lots

    @property
    def filled_lots(self) -> int:
        return self._children.filled_lots

    @property
    def live_lots(self) -> int:
        """Working, in flight, unknown, or filled by what the venue says though we have not heard the fills."""
        return self._children.live_lots

    @property
    def repeated(self) -> int:
        """Events of the venue that told nothing new."""
        return self._children.repeated

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    @property
    def done(self) -> bool:
        """All is filled and nothing is live."""
        return not self._children.live and self.filled_lots == self.qty_lots

    def state(self, ts_ns: int) -> ParentState:
        """Where it stands at a time."""
        if self.done:
            return ParentState.FILLED
        ended = self.schedule.slice_at(ts_ns) == len(self.schedule.end_ns)
        if self._cancelled or ended:
            over = ParentState.CANCELLED if self._cancelled else ParentState.EXPIRED
            return ParentState.ENDING if self._children.live else over
        if self.paused:
            return ParentState.PAUSED
        return ParentState.WAITING if self.schedule.slice_at(ts_ns) < 0 else ParentState.WORKING

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        now = self.schedule.slice_at(ts_ns)
        target = 0 if now < 0 else int(self.schedule.cumulative_lots[min(now, len(self.schedule.end_ns) - 1)])
        return Standing(self.side * target, self.side * self.filled_lots, self.side * self.live_lots)

    def hear(self, event: VenueEvent) -> None:
        """Take note of what the venue says of one of our children; others' events are passed over."""
        self._children.hear(event)
        if isinstance(event, Fill) or (isinstance(event, OrderUpdate) and event.state is OrderState.WORKING):
            self._refusals = 0

    def pause(self, reason: str) -> None:
        """Send nothing more and cancel what rests, from the next decision on; fills on the way are still heard.

        Raises
        ------
        InputError
            If no reason is given.
        """
        if not reason:
            raise InputError("a pause needs a reason: whoever resumes wants to know it")
        self.paused = reason

    def resume(self) -> None:
        """Go on with what remains; clock and price are compared with the decisions after this, not with those before."""
        self.paused = ""
        self._watch.forget()
        self._not_before_ns = self._refusals = 0

    def cancel(self) -> None:
        """Cancel what rests and send nothing more, for good."""
        self._cancelled = True

    def follow(self, schedule: Schedule) -> None:
        """Follow another schedule, which counts what is done already and ends with the parent's quantity.

        Raises
        ------
        InputError
            If it ends with another quantity.
        """
        if int(schedule.cumulative_lots[-1]) != self.qty_lots:
            raise InputError(
                f"the schedule ends with {schedule.cumulative_lots[-1]} lots and the parent wants {self.qty_lots}; "
                "they must agree"
            )
        self.schedule = schedule
        self._slice = self._refused_in = self._crumb_in = -1

    def amend(self, ts_ns: int, config: ParentConfig, *, end_ns: int | None = None) -> None:
        """Want something else from now on: size, limits, urgency, participation, end; what is done stays done.

        The schedule keeps its shape over what remains, in lots and in time.

        Parameters
        ----------
        ts_ns : int
            Now.
        config : ParentConfig
            ``msgspec.structs.replace(parent.config, qty=…)``.
        end_ns : int, optional
            As before by default.

        Raises
        ------
        InputError
            If the side changes, the parent has ended, the new size is less than what is filled or live, or the end is past.
        """
        terms = Terms(self.instrument, config, twice_mid=self._terms.twice_mid)
        spoken_for = self.filled_lots + self.live_lots
        if terms.side != self.side or self.state(ts_ns).ended:
            raise InputError(f"{self.name} is a {self.config.side} and {self.state(ts_ns)}; start another parent instead")
        if terms.qty_lots < spoken_for:
            raise InputError(
                f"{self.name}: {self.filled_lots} lots are filled and {self.live_lots} live; expected a size of at least that: "
                "pause it until they are cancelled, or take a larger size"
            )
        schedule = revised(self.schedule, ts_ns, done_lots=self.filled_lots, qty_lots=terms.qty_lots, end_ns=end_ns)
        self.config, self._terms, self._children.most_lots = config, terms, terms.qty_lots
        self._watch.max_jump_bps, self._most_child_lots = config.max_jump_bps, terms.qty_lots
        self.follow(schedule)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now."""
        top, market_lots = seen[self.instrument.id][:2]
        self._react(ts_ns)
        wrong = "" if self.paused else self._watch.look(ts_ns, top)
        if wrong:
            self.pause(wrong)
        asked = self._children.ask(ts_ns, patience_ns=parse_duration(self.config.patience))
        return asked + self._work(ts_ns, top, market_lots)

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        return self._children.cancel(self._children.live)

    def _work(self, ts_ns: int, top: TopOfBook, market_lots: int) -> list[Action]:
        now, last = self.schedule.slice_at(ts_ns), len(self.schedule.end_ns) - 1
        if self.paused or self._cancelled or now > last:
            return self.stop()
        if now < 0:
            return []
        if not top.sound:
            self.waited += 1
            return []
        if self.config.limit_bps and not self._terms.twice_mid:
            self._terms = Terms(self.instrument, self.config, twice_mid=top.bid_ticks + top.ask_ticks)
        late, would = self._late(ts_ns, now), self._terms.would(top)
        crossing = would or (late and self._terms.reaches(top))
        price = self._terms.price(top, crossing=crossing)
        stale = [c for c in self._children.live if crossing or c.order.price_ticks != price]
        if stale:
            return self._children.cancel(stale)
        if self._children.live or ts_ns < self._not_before_ns:
            return []
        self._slice = now
        if now == self._refused_in:
            return []
        cap = self._terms.cap_lots(market_lots)
        if now == last and late and self.config.completion == "cross":
            cap = self.qty_lots
        target = self.qty_lots if would else int(self.schedule.cumulative_lots[now])
        due = self._terms.due_lots(target, market_lots)
        lots = self._terms.child_lots(due, cap, self.filled_lots + self.live_lots, price, last=now == last)
        lots = min(lots, self._most_child_lots)
        if not lots or (now < last and self._is_crumb(lots, due, now, late=late)):
            return []
        return [self._children.place(lots, price, TimeInForce.IOC if crossing else TimeInForce.POST_ONLY)]

    def _late(self, ts_ns: int, now: int) -> bool:
        start, end = int(self.schedule.start_ns[now]), int(self.schedule.end_ns[now])
        return ts_ns - start >= self.config.cross_after * (end - start)

    def _is_crumb(self, lots: int, due_lots: int, now: int, *, late: bool) -> bool:
        """Whether a child is too small to be sent yet; one a slice goes out, when it is late."""
        least = int(self.config.min_child * self.qty_lots / len(self.schedule.end_ns))
        if lots >= min(least, due_lots - self.filled_lots, self._most_child_lots):
            return False
        first = late and self._crumb_in != now
        self._crumb_in = now if first else self._crumb_in
        return not first

    def _react(self, ts_ns: int) -> None:
        """Answer the last refusal of the venue, if there is one that was not answered."""
        event, self._children.rejected = self._children.rejected, None
        if event is None:
            return
        reaction = Reaction.LATER if event.reason is None else REACTIONS[event.reason]
        self._refusals += 1
        if reaction is Reaction.SMALLER:
            size = self._children.size_of(event.client_id) // 2
            self._most_child_lots = size
            reaction = Reaction.LATER if size else Reaction.STOP
        if reaction is Reaction.LATER or (reaction is Reaction.REPRICE and self._refusals > _MOST_REPRICES):
            wait_ns = min(_FIRST_WAIT_NS << min(self._refusals - 1, 20), _MOST_WAIT_NS, parse_duration(self.config.slice) // 4)
            self._not_before_ns = ts_ns + wait_ns
        elif reaction is Reaction.SKIP:
            self._refused_in = self._slice
        elif reaction is Reaction.STOP:
            advice = _ADVICE.get(event.reason, _ASK) if event.reason else _ASK
            self.pause(f"the venue refused {event.client_id}: {event.reason}; {advice}")

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send; what is not filled or live is what remains to be done."""
        self._children.take_up(order)

    def doubt(self) -> tuple[str, ...]:
        """Ask the venue about everything that is live, at the next decision; returns its client ids."""
        return self._children.doubt()

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent: nothing more is proposed within its slice."""
        self._children.refused(client_id)
        self._refused_in = self._slice


_ASK: Final = "look at the order and the account, then resume or cancel"
_ADVICE: Final = {
    RejectReason.OFF_GRID: "check tick and lot of the instrument, then start anew",
    RejectReason.UNKNOWN_ACCOUNT: "check the account, then resume",
    RejectReason.UNKNOWN_MARKET: "check the instrument, then start anew",
    RejectReason.POSITION_LIMIT: "make room in the position, or amend the size, then resume",
    RejectReason.SIZE_LIMIT: "the least size is refused: check the venue's rules, then resume",
    RejectReason.INSUFFICIENT_FUNDS: "deposit, or amend the size, then resume",
}
