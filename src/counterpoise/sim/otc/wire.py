"""The way to a venue and back: requests that none overtakes, and reports that are heard no earlier than they can be."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import Generic, TypeVar

import numpy as np

from counterpoise.market.venue import VenueEvent
from counterpoise.sim.replay.latency import Latency

__all__ = ["Wire"]

RequestT = TypeVar("RequestT")


class Wire(Generic[RequestT]):
    """One ordered connection, as `SimVenue` has it: times on the axis of ts_local.

    Parameters
    ----------
    latency : Latency
    rng : np.random.Generator
        Of the delays.
    """

    def __init__(self, latency: Latency, rng: np.random.Generator) -> None:
        self._latency, self._rng = latency, rng
        self._sent: deque[tuple[int, RequestT]] = deque()
        self._said: list[tuple[int, int, VenueEvent]] = []
        self._numbers = count()
        self._reach_ns = 0
        self._heard_ns: dict[str, int] = {}

    def send(self, now_ns: int, request: RequestT) -> None:
        """A request leaves us now."""
        self._reach_ns = max(self._reach_ns, now_ns + self._latency.order_delay(self._rng) + self._latency.feed_ns)
        self._sent.append((self._reach_ns, request))

    def next_by(self, until_ns: int) -> tuple[int, RequestT] | None:
        """The next request that arrives by a time."""
        return self._sent.popleft() if self._sent and self._sent[0][0] <= until_ns else None

    def say(self, ts_ns: int, event: VenueEvent) -> None:
        """The venue reports; what it says of one order is heard in the order it was said."""
        heard_ns = ts_ns + max(0, self._latency.ack_delay(self._rng) - self._latency.feed_ns)
        heard_ns = max(heard_ns, self._heard_ns.get(event.client_id, heard_ns))
        self._heard_ns[event.client_id] = heard_ns
        heapq.heappush(self._said, (heard_ns, next(self._numbers), event))

    def heard_by(self, now_ns: int) -> list[VenueEvent]:
        """Reports that reached us since the last call."""
        heard = []
        while self._said and self._said[0][0] <= now_ns:
            heard.append(heapq.heappop(self._said)[2])
        return heard
