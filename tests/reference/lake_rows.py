"""Rows for lakes, and what a lake must give back, written the slow way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from counterpoise.adapters.part import empty_frame
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument, InstrumentKind

START_NS = 1_723_161_255_030_314_667  # 2024-08-08 23:54:15 UTC


def perp(symbol: str = "BTC/USDT:USDT", *, tick: str = "0.1", venue: str = "testex") -> Instrument:
    return Instrument(
        venue=venue, symbol=symbol, kind=InstrumentKind.PERP, base="BTC", quote="USDT", settle="USDT", tick=tick, lot="0.001"
    )


def rows(table: str, n: int, *, seed: int = 0, start_ns: int = START_NS, span_ns: int = 1_000_000_000) -> pl.DataFrame:
    """Random rows in order of arrival: messages of one to four rows, some at the same time; nulls where a table allows them."""
    random = np.random.default_rng(seed)
    message = np.repeat(np.arange(n), random.integers(1, 5, n))[:n]
    times = np.sort(random.integers(0, span_ns // 1000, message[-1] + 1 if n else 0)) * 1000 + start_ns
    frame = pl.DataFrame({"ts_local": times[message], "ts_venue": times[message] - 5, "seq": message})
    for name, dtype in list(empty_frame(table).schema.items())[3:]:
        if dtype == pl.Float64:
            values = pl.Series(random.normal(size=n)).set(pl.Series(random.random(n) < 0.2), None)
        elif dtype == pl.String:
            values = pl.Series([f"BTC-{x}" for x in random.integers(0, 9, n)])
        else:
            values = pl.Series(random.integers(0, 100, n)).cast(dtype)
        frame = frame.with_columns(values.alias(name))
    return frame


def in_order(frames: Iterable[pl.DataFrame]) -> list[tuple[object, ...]]:
    """Rows of frames one after the other, sorted by (ts_local, seq), equal keys as they came."""
    every = [row for frame in frames for row in frame.rows()]
    return sorted(every, key=lambda row: (row[0], row[2]))


def as_rows(pieces: Iterable[Events]) -> list[tuple[int, ...]]:
    return [row for events in pieces for row in zip(*(column.tolist() for column in events), strict=True)]


def split(frame: pl.DataFrame, cuts: Sequence[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(cuts), frame.height]
    return [frame[a:b] for a, b in pairwise(edges)]
