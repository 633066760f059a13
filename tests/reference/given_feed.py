"""A Feed over events that lie ready."""

from __future__ import annotations

from collections.abc import Iterator

from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument


class Given:
    """A feed of events that lie ready, of several instruments."""

    def __init__(self, *of: tuple[Instrument, Events]) -> None:
        self._of = [(instrument, events, [0]) for instrument, events in of]

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(instrument for instrument, _, _ in self._of)

    @property
    def span_ns(self) -> tuple[int, int]:
        times = [int(ts) for _, events, _ in self._of for ts in events.ts_local[[0, -1]]]
        return min(times), max(times)

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        for instrument, events, given_rows in self._of:
            start, given_rows[0] = given_rows[0], events.until(ts_ns)
            if given_rows[0] > start:
                yield instrument, events.cut(start, given_rows[0])
