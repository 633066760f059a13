"""What lies between us and a simulated venue: one ordered connection, on which everything takes its time.

Time runs on the axis of what we see (ts_local of the market data). A request sent at t reaches the state of the venue that we
see at t + order + feed delay: the data we hold are feed delay old when we send, and it takes order delay to get there. No
request overtakes another. What the venue says of a request is heard ack − feed delay after the market data of its instant, and
never before them; what is said of one order is heard in the order it was said.
"""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import Generic, TypeVar

import numpy as np

from counterpoise.market.venue import VenueEvent
from counterpoise.sim.latency import Latency

__all__ = ["Connection"]

RequestT = TypeVar("RequestT")


class Connection(Generic[RequestT]):
    """Carries requests to a venue and its reports back.

    Parameters
    ----------
    latency : Latency
    seed : int
        Of the latency model's randomness.
    """

    def __init__(self, latency: Latency, *, seed: int) -> None:
        self._latency = latency
        self._rng = np.random.default_rng(seed)
        self._requests: deque[tuple[int, RequestT]] = deque()
        self._last_reach_ns = 0
        self._reports: list[tuple[int, int, VenueEvent]] = []
        self._said = count()
        self._last_heard_ns: dict[str, int] = {}

    def send(self, ts_ns: int, request: RequestT) -> None:
        """Send a request at a time; later calls have no earlier one."""
        reach_ns = ts_ns + self._latency.order_delay(ts_ns, self._rng)
        seen_ns = reach_ns + self._latency.feed_delay(reach_ns + self._latency.feed_delay(ts_ns))
        self._last_reach_ns = max(self._last_reach_ns, seen_ns)
        self._requests.append((self._last_reach_ns, request))

    def arrival(self, until_ns: int) -> tuple[int, RequestT] | None:
        """The next request that reaches the venue no later than a time, and when; None when there is none."""
        if self._requests and self._requests[0][0] <= until_ns:
            return self._requests.popleft()
        return None

    def report(self, ts_ns: int, event: VenueEvent) -> None:
        """The venue says something of an order at a time."""
        heard_ns = ts_ns + max(0, self._latency.ack_delay(ts_ns, self._rng) - self._latency.feed_delay(ts_ns))
        heard_ns = max(heard_ns, self._last_heard_ns.get(event.client_id, heard_ns))
        self._last_heard_ns[event.client_id] = heard_ns
        heapq.heappush(self._reports, (heard_ns, next(self._said), event))

    def heard(self, now_ns: int) -> list[VenueEvent]:
        """What is known by a time and was not told before, in order of time."""
        events: list[VenueEvent] = []
        while self._reports and self._reports[0][0] <= now_ns:
            events.append(heapq.heappop(self._reports)[2])
        return events
