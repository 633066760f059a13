"""Delays as a recording has them: the feed's own, and the orders' from a table or in proportion to the feed's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_duration
from counterpoise.market.event import FIRST, Events
from counterpoise.sim.latency import whole_ns

__all__ = ["OrderDelays", "RecordedDelays", "RecordedLatency"]

_MOST_MULTIPLE = 1000


@dataclass(frozen=True, slots=True)
class OrderDelays:
    """Measured delays of our own messages, between which is interpolated; before the first and after the last they stay.

    Parameters
    ----------
    ts_ns : (n,) int64
        When each was measured, ascending.
    order_ns, ack_ns : (n,) int64
        Us to venue, and its answer to us; ≥ 0.

    Raises
    ------
    InputError
        If lengths differ, times do not ascend, or a delay is negative.
    """

    ts_ns: Int1D
    order_ns: Int1D
    ack_ns: Int1D

    def __post_init__(self) -> None:
        lengths = {len(self.ts_ns), len(self.order_ns), len(self.ack_ns)}
        if len(lengths) > 1 or not len(self.ts_ns) or (np.diff(self.ts_ns) <= 0).any():
            raise InputError(
                f"order delays need as many times, ascending, as delays of both ways, at least one; found {len(self.ts_ns)}, "
                f"{len(self.order_ns)} and {len(self.ack_ns)}"
            )
        for what, delays in (("order_ns", self.order_ns), ("ack_ns", self.ack_ns)):
            if delays.min() < 0:
                raise InputError(f"{what} holds {delays.min()} ns; expected delays >= 0: set the two clocks right first")


@dataclass(frozen=True, slots=True)
class RecordedDelays:
    """A latency model made from a recording; see `RecordedLatency`.

    Attributes
    ----------
    ts_ns : (n,) int64
        ts_local of messages that say when they happened, ascending.
    feed_ns : (n,) int64
        What each took, after `offset_ns` was added.
    offset_ns : int
        What was added to ts_local − ts_venue, because the two clocks disagree.
    unknown : int
        Messages without a time of the venue.
    orders : OrderDelays or None
    """

    ts_ns: Int1D
    feed_ns: Int1D
    offset_ns: int
    unknown: int
    order_multiple: float
    ack_multiple: float
    orders: OrderDelays | None

    def feed_delay(self, ts_ns: int) -> int:
        """Of the last message that had come by then; of the first, before it."""
        return int(self.feed_ns[max(int(np.searchsorted(self.ts_ns, ts_ns, side="right")) - 1, 0)])

    def order_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        if self.orders is not None:
            return _between(self.orders, self.orders.order_ns, ts_ns)
        return round(self.order_multiple * self.feed_delay(ts_ns))

    def ack_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        if self.orders is not None:
            return _between(self.orders, self.orders.ack_ns, ts_ns)
        return round(self.ack_multiple * self.feed_delay(ts_ns))


class RecordedLatency(Config, frozen=True, kw_only=True, tag_field="model", tag="recorded"):
    """The feed takes what it took when it was recorded; orders take a multiple of that, or what a table says.

    The delay of a message is ts_local − ts_venue. Where the clocks disagree this can be negative, and no delay is: the quickest
    message of the recording is then taken to have needed `least`, and the same is added to all.

    Assumes that one offset fits the whole recording (clocks do not drift apart within it), and that the state of the network is
    that of the latest message.

    Parameters
    ----------
    order_multiple, ack_multiple : float
        Our orders and the reports on them take so many times the feed's delay, in [0, 1000].
    least : str
        What the quickest message needed; ``""`` takes the two clocks as they are.
    table : str
        File with columns ts_ns, order_ns, ack_ns, in place of the multiples; who reads it gives them to `of`.
    """

    order_multiple: float = 1.0
    ack_multiple: float = 1.0
    least: str = ""
    table: str = ""

    def __post_init__(self) -> None:
        for what in ("order_multiple", "ack_multiple"):
            if not 0 <= getattr(self, what) <= _MOST_MULTIPLE:
                raise InputError(f"latency {what} must lie in [0, {_MOST_MULTIPLE}], found {getattr(self, what)}")
        if self.least:
            whole_ns(self.least, what="latency least")

    def of(self, events: Events, *, orders: OrderDelays | None = None) -> RecordedDelays:
        """The model of a recording.

        Raises
        ------
        DataError
            If no message says when it happened, or one came before it happened and `least` is not given.
        InputError
            If a table is named and its delays are not given.
        """
        if self.table and orders is None:
            raise InputError(f"latency table {self.table!r} is named; give its delays as orders=")
        begins = (events.flags & FIRST) > 0
        known = begins & (events.ts_venue > 0)
        if not known.any():
            raise DataError("no message of the recording has a time of the venue; take latency model 'constant' or 'sampled'")
        ts, delay = events.ts_local[known], events.ts_local[known] - events.ts_venue[known]
        quickest = int(delay.min())
        if quickest < 0 and not self.least:
            raise DataError(
                f"a message came {format_duration(-quickest)} before it happened: the local clock is behind the venue's by as "
                'much or more; give latency least, what the quickest message needed, such as "1ms"'
            )
        offset = whole_ns(self.least, what="latency least") - quickest if self.least else 0
        last = np.append(np.diff(ts) > 0, True)  # of one time the last message counts
        return RecordedDelays(
            ts_ns=ts[last],
            feed_ns=delay[last] + offset,
            offset_ns=offset,
            unknown=int(begins.sum() - known.sum()),
            order_multiple=self.order_multiple,
            ack_multiple=self.ack_multiple,
            orders=orders,
        )


def _between(orders: OrderDelays, delays: Int1D, ts_ns: int) -> int:
    since = orders.ts_ns[0]  # int64 nanoseconds do not fit a float; what has passed since the first does
    return round(float(np.interp(ts_ns - since, orders.ts_ns - since, delays)))
