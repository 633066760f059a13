"""The synthetic market: several correlated perpetuals, driven by order flow, that look like a venue's recording.

Each instrument has an efficient log price, a correlated Brownian motion; market orders, a buy/sell Hawkes process; limit
orders and cancels, at rates by distance from the opposite best and proportional to what rests. The flow leans to the side of
the efficient price, so the price follows the flow. What it shows is not evidence about a real market: see `docs/theory/sim.md`.

Known to differ from a recording (`benchmarks/stylised_facts.py` prints both): every event is a depth message of its own where a
venue gathers them for tens of milliseconds; volatility does not cluster, so 1 s returns have thin tails; there is about twice
the depth behind the best; nobody lives longer than one order, so there is no intention to detect but the lean of the flow.

References
----------
Cont, Stoikov and Talreja (2010), doi:10.1287/opre.1090.0780, section 2: rates by distance, cancels proportional to the queue.
Bacry, Mastromatteo and Muzy (2015), arXiv 1502.04592, section 2: Hawkes arrivals of market orders.
Cont, Kukanov and Stoikov (2014), doi:10.1093/jjfinec/nbt003: what best-level order flow explains of the price.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.synthetic.efficient import efficient_paths
from counterpoise.sim.synthetic.market_config import Jump, MarketConfig, TokenConfig, default_config
from counterpoise.sim.synthetic.order_flow import CHUNK_ROWS, OrderFlow

__all__ = ["Jump", "MarketConfig", "SyntheticFeed", "TokenConfig", "default_config", "generate"]


def generate(config: MarketConfig) -> dict[str, Events]:
    """Every event of the market, by instrument id. About 57 bytes a row: for long markets take `SyntheticFeed`.

    Raises
    ------
    ConfigError
        If an efficient price falls so low that the book would reach zero.
    """
    out = {}
    for flow in _flows(config, chunk_rows=CHUNK_ROWS):
        chunks = list(flow.events(config.start_ns + config.duration_ns))
        out[flow.instrument.id] = Events._make(np.concatenate(columns) for columns in zip(*chunks, strict=True))
    return out


class SyntheticFeed:
    """The synthetic market through the Feed port, made as it is asked for and in bounded memory.

    The bytes are those of `generate`, however the time is cut.

    Parameters
    ----------
    config : MarketConfig
    chunk_rows : int
        Rows of one instrument made at a time, about.

    Raises
    ------
    ConfigError
        As `generate`.
    """

    def __init__(self, config: MarketConfig, *, chunk_rows: int = CHUNK_ROWS) -> None:
        self._end_ns: Final = config.start_ns + config.duration_ns
        self._tracks: Final = [_Track(flow) for flow in _flows(config, chunk_rows=chunk_rows)]
        self._span: Final = (
            min(track.first_ns for track in self._tracks),
            max(track.flow.latest_ns for track in self._tracks),
        )

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(track.flow.instrument for track in self._tracks)

    @property
    def span_ns(self) -> tuple[int, int]:
        """First ts_local, and the latest that any row may have: the end of the market and the longest latency."""
        return self._span

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        """Rows with ts_local < ts_ns not given before, instrument by instrument, each in pieces in order of time."""
        for track in self._tracks:
            for events in track.until(ts_ns):
                yield track.flow.instrument, events


class _Track:
    """One instrument: its flow, and the rest of the chunk that was cut."""

    def __init__(self, flow: OrderFlow) -> None:
        self.flow: Final = flow
        self._rest = next(flow.events(0))
        self.first_ns: Final = int(self._rest.ts_local[0])

    def until(self, ts_ns: int) -> Iterator[Events]:
        given, self._rest = _split(self._rest, ts_ns)
        if given.rows:
            yield given
        if self._rest.rows:
            return
        for chunk in self.flow.events(ts_ns):
            given, rest = _split(chunk, ts_ns)
            if given.rows:
                yield given
            if rest.rows:
                self._rest = rest
                return


def _split(events: Events, ts_ns: int) -> tuple[Events, Events]:
    count = events.until(ts_ns)
    return events.cut(0, count), events.cut(count, events.rows)


def _flows(config: MarketConfig, *, chunk_rows: int) -> Iterator[OrderFlow]:
    """One flow a token; efficient price and flow have seeds of their own, so neither moves when the other is changed."""
    seeds = [child.spawn(2) for child in np.random.SeedSequence(config.seed).spawn(len(config.tokens))]
    paths = efficient_paths(config, [price for price, _ in seeds])
    for token, path, (_, flow) in zip(config.tokens, paths, seeds, strict=True):
        yield OrderFlow(config, token, path, seed=flow, chunk_rows=chunk_rows)
