"""A parent order: from the intention to child orders, and back from what the venue says."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, inf
from typing import Final, Literal

from counterpoise.balance.children import Children
from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.balance.schedule.schedule import Schedule
from counterpoise.balance.schedule.twap import twap
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["Parent", "ParentConfig"]


class ParentConfig(Config, frozen=True, kw_only=True):
    """What is wanted of a massive order.

    Parameters
    ----------
    side : {"buy", "sell"}
    qty : str
        Decimal quantity in the venue's unit; a multiple of the lot.
    slice : str
        Length of a TWAP slice.
    max_participation : float
        Most we may be of all that trades since the start, our own volume included: own ≤ p (own + others). In (0, 1].
    limit_price : str
        No worse than this; ``""`` for none.
    cross_after : float
        Part of a slice spent waiting at our own touch before what is left crosses the spread; 0 crosses at once, 1 never.
    cross_bps : float
        How far beyond the opposite touch a crossing order may reach.
    min_child : float
        Part of a slice's quantity that a child waits to have, so that a cap that grows trade by trade does not send crumbs: of
        what is smaller, one a slice goes out, when it crosses. In [0, 1].
    max_jump_bps : float
        Most that the mid may move between two decisions with a book in order: beyond it the parent pauses; 0 for no bound.
    """

    side: Literal["buy", "sell"]
    qty: str
    slice: str = "5s"
    max_participation: float = 0.2
    limit_price: str = ""
    cross_after: float = 0.5
    cross_bps: float = 1.0
    min_child: float = 0.1
    max_jump_bps: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.max_participation <= 1 or not 0 <= self.cross_after <= 1 or not 0 <= self.cross_bps < 1000:
            raise InputError(
                "a parent needs max_participation in (0, 1], cross_after in [0, 1] and cross_bps in [0, 1000), found "
                f"{self.max_participation}, {self.cross_after}, {self.cross_bps}"
            )
        if not 0 <= self.min_child <= 1:
            raise InputError(f"a parent needs min_child in [0, 1], found {self.min_child}")
        if not 0 <= self.max_jump_bps < inf:
            raise InputError(f"a parent needs a finite max_jump_bps of at least 0, found {self.max_jump_bps}")
        parse_duration(self.slice)


class Parent:
    """One parent order over one instrument, on a TWAP schedule with a participation cap.

    Each slice first waits in the queue at our own touch, then crosses for what is left of it. What a slice could not do, for
    lack of volume, price or book, is caught up later, never above the cap. While it is paused, by us or because the clock went
    back or the price jumped, it cancels what rests and sends nothing, until `resume`.

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
        self.side: Final = 1 if config.side == "buy" else -1
        self.qty_lots: Final = instrument.qty_grid.steps(config.qty)
        plain = twap(self.qty_lots, start_ns=start_ns, end_ns=end_ns, slice_ns=parse_duration(config.slice))
        self.schedule: Final[Schedule] = schedule or plain
        if int(self.schedule.cumulative_lots[-1]) != self.qty_lots:
            raise InputError(
                f"the schedule ends with {self.schedule.cumulative_lots[-1]} lots and the parent wants {self.qty_lots}; "
                "they must agree"
            )
        self._limit = instrument.price_grid.steps(config.limit_price) if config.limit_price else 0
        self._share = Fraction(str(config.max_participation))
        self._least_child = int(config.min_child * self.qty_lots / len(self.schedule.end_ns))
        self._slice = self._refused_in = self._crumb_in = -1
        self._children: Final = Children(name, instrument, side=self.side, most_lots=self.qty_lots)
        self._last_ns: int | None = None  # of the decision before; none at first and after a resume
        self._last_twice_mid = 0  # likewise, with a book in order
        self.waited = 0  # decisions that could not be taken, the book being out of order
        self.paused = ""  # why it is, and what to do; empty while it works

    @property
    def filled_lots(self) -> int:
        return self._children.filled_lots

    @property
    def live_lots(self) -> int:
        """Working, in flight, unknown, or filled by what the venue says though we have not heard the fills."""
        return self._children.live_lots

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    @property
    def start_ns(self) -> int:
        return int(self.schedule.start_ns[0])

    @property
    def done(self) -> bool:
        """All is filled and nothing is live."""
        return not self._children.live and self.filled_lots == self.qty_lots

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        now = self.schedule.slice_at(ts_ns)
        target = 0 if now < 0 else int(self.schedule.cumulative_lots[min(now, len(self.schedule.end_ns) - 1)])
        return Standing(self.side * target, self.side * self.filled_lots, self.side * self.live_lots)

    def hear(self, event: VenueEvent) -> None:
        """Take note of what the venue says of one of our children; others' events are passed over."""
        self._children.hear(event)

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
        self._last_ns, self._last_twice_mid = None, 0

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now."""
        top, market_lots = seen[self.instrument.id][:2]
        self._watch(ts_ns, top)
        if self.paused:
            return self.stop()
        now = self.schedule.slice_at(ts_ns)
        if now < 0:
            return []
        if now == len(self.schedule.end_ns):
            return self.stop()
        if top.state is not BookState.SYNCED or not top.bid_ticks or not top.ask_ticks:
            self.waited += 1
            return []
        start, end = int(self.schedule.start_ns[now]), int(self.schedule.end_ns[now])
        late = ts_ns - start >= self.config.cross_after * (end - start)
        crossing = late and self._reaches(top)
        price = self._price(top, crossing=crossing)
        stale = [c for c in self._children.live if crossing or c.order.price_ticks != price]
        if stale:
            return self._children.cancel(stale)
        if self._children.live:
            return []
        self._slice = now
        if now == self._refused_in:
            return []
        target_lots = int(self.schedule.cumulative_lots[now])
        last = now == len(self.schedule.end_ns) - 1
        lots = self._lots(target_lots, market_lots, price, last=last)
        crumb = not last and lots < min(self._least_child, target_lots - self.filled_lots)
        if not lots or (crumb and (not late or self._crumb_in == now)):
            return []
        if crumb:
            self._crumb_in = now
        return [self._children.place(lots, price, TimeInForce.IOC if crossing else TimeInForce.POST_ONLY)]

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        return self._children.cancel(self._children.live)

    def _watch(self, ts_ns: int, top: TopOfBook) -> None:
        """Pause when the clock went back or, with a book in order, the mid jumped."""
        if self.paused:
            return
        if self._last_ns is not None and ts_ns < self._last_ns:
            self.pause(f"the clock went back from {self._last_ns} to {ts_ns} ns; check its source, then resume")
            return
        self._last_ns = ts_ns
        if top.state is not BookState.SYNCED or not top.bid_ticks or not top.ask_ticks:
            return
        before, after, most_bps = self._last_twice_mid, top.bid_ticks + top.ask_ticks, self.config.max_jump_bps
        self._last_twice_mid = after
        if before and most_bps and abs(after - before) > most_bps * BPS * before:
            self.pause(
                f"the mid jumped from {before / 2} to {after / 2} ticks, more than {most_bps} bps, between two decisions; "
                "check the price against other venues, then resume or cancel"
            )

    def _reaches(self, top: TopOfBook) -> bool:
        """Whether the limit price lets us trade with the opposite touch."""
        opposite = top.ask_ticks if self.side > 0 else top.bid_ticks
        return not self._limit or self.side * (self._limit - opposite) >= 0

    def _price(self, top: TopOfBook, *, crossing: bool) -> int:
        """Our own touch, or as far beyond the other one as we may reach; never worse than the limit."""
        if crossing:
            opposite = top.ask_ticks if self.side > 0 else top.bid_ticks
            price = opposite + self.side * int(opposite * self.config.cross_bps * BPS)
        else:
            price = top.bid_ticks if self.side > 0 else top.ask_ticks
        if not self._limit:
            return price
        return min(price, self._limit) if self.side > 0 else max(price, self._limit)

    def _lots(self, target_lots: int, market_lots: int, price_ticks: int, *, last: bool) -> int:
        """Behind the schedule, inside the cap, and neither dust now nor leaving dust behind.

        What would leave dust takes it along where the cap allows, else leaves enough for one more order; in the last slice,
        when there may be none, as little as can be is left.
        """
        spoken_for = self.filled_lots + self.live_lots
        cap = self.qty_lots if self._share == 1 else int(self._share / (1 - self._share) * market_lots)
        lots = min(target_lots, cap) - spoken_for
        if lots <= 0:
            return 0
        least = max(1, ceil(self.instrument.least_notional / self.instrument.notional(price_ticks, 1)))
        whole = self.qty_lots - spoken_for
        if lots < whole < lots + least:
            if spoken_for + whole <= cap:
                lots = whole
            elif not last:
                lots = whole - least
        return lots if lots >= least else 0

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send; what is not filled or live is what remains to be done."""
        self._children.take_up(order)

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent: nothing more is proposed within its slice."""
        self._children.refused(client_id)
        self._refused_in = self._slice
