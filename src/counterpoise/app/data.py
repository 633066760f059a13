"""Where a run's market events come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_feed import LakeFeed
from counterpoise.app.config import DataConfig, recordings
from counterpoise.app.ingest import IngestOptions, ingest
from counterpoise.core.config import config_hash
from counterpoise.core.units import parse_time
from counterpoise.market.event import Events, Feed
from counterpoise.market.instrument import Instrument
from counterpoise.sim.synthetic.market import SyntheticFeed

__all__ = ["WatchedFeed", "open_feed"]


def open_feed(data: DataConfig, *, config_path: Path, out: Path) -> tuple[Feed, str]:
    """The feed of a configuration, and a hash of its data; captures go through a lake in `out`."""
    if data.synthetic is not None:
        return SyntheticFeed(data.synthetic), config_hash(data.synthetic)
    if data.captures:
        lake = Lake(out / "lake")
        venue, _, symbol = data.instrument.partition(":")
        told = IngestOptions(venue=venue, symbol=symbol)  # where a file does not say them
        done = ingest(recordings(data, config_path), lake=lake, options=told)
        digest = hashlib.sha256("".join(item.source for item in done).encode()).hexdigest()[:16]
    else:
        lake = Lake(config_path.parent / data.lake)
        digest = hashlib.sha256(lake.describe().write_csv().encode()).hexdigest()[:16]
    start_ns = parse_time(data.start) if data.start else None
    end_ns = parse_time(data.end) if data.end else None
    return LakeFeed(lake, [data.instrument], start_ns=start_ns, end_ns=end_ns), digest


class WatchedFeed:
    """A feed that remembers what it gave of one instrument, for its quality and its panels; `terms` are that instrument's."""

    def __init__(self, feed: Feed, terms: Instrument) -> None:
        self._feed, self._terms = feed, terms
        self.seen: list[Events] = []

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self._terms if i.id == self._terms.id else i for i in self._feed.instruments)

    @property
    def span_ns(self) -> tuple[int, int]:
        return self._feed.span_ns

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        for instrument, events in self._feed.until(ts_ns):
            if instrument.id == self._terms.id:
                self.seen.append(events)
                yield self._terms, events
            else:
                yield instrument, events
