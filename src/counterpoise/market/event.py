"""What a venue says, as columns with two clocks, and the port it arrives through.

One row is one level, one side of a quote, one trade or one liquidation. Rows of one venue message stand together: the first
carries the flag FIRST, the last LAST, and they apply together. Scalars that are not on a tick grid (mark, index, funding, open
interest, option quotes) are tables of their own, see `counterpoise.core.schema`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int8_1D, UInt8_1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.codes import DELTA, FIRST, GAP, LAST, LIQUIDATION, ORDER, QUOTE, SNAPSHOT, TRADE

__all__ = [
    "BOOK_KINDS",
    "DELTA",
    "FIRST",
    "GAP",
    "LAST",
    "LIQUIDATION",
    "ORDER",
    "QUOTE",
    "SNAPSHOT",
    "TRADE",
    "Events",
    "Feed",
    "merge_events",
]

BOOK_KINDS: Final = (DELTA, SNAPSHOT, GAP)
_TYPES: Final = (np.int64,) * 4 + (np.uint8, np.int8, np.uint8) + (np.int64,) * 2


class Events(NamedTuple):
    """Columns of n rows, in order of arrival.

    Attributes
    ----------
    ts_local : (n,) int64 [ns UTC]
        When it reached us; the clock of every decision. Never decreases.
    ts_venue : (n,) int64 [ns UTC]
        When it happened at the venue; 0 when the venue gives none.
    seq : (n,) int64
        Ordinal of the message in its source: settles the order of equal times.
    id : (n,) int64
        The venue's own number: last update id of a book message, trade id of a trade; −1 when there is none. With the flag
        ORDER that of the one order that changed the level, or was traded with.
    kind : (n,) uint8
    side : (n,) int8
        +1 bid or buy, −1 ask or sell, 0 unknown.
    flags : (n,) uint8
    price_ticks, qty_lots : (n,) int64
    """

    ts_local: Int1D
    ts_venue: Int1D
    seq: Int1D
    id: Int1D
    kind: UInt8_1D
    side: Int8_1D
    flags: UInt8_1D
    price_ticks: Int1D
    qty_lots: Int1D

    @property
    def rows(self) -> int:
        return len(self.ts_local)

    def cut(self, start: int, stop: int) -> Events:
        """Rows [start, stop) without copying."""
        return Events._make(column[start:stop] for column in self)

    def until(self, ts_ns: int) -> int:
        """Number of rows with ts_local < ts_ns."""
        return int(np.searchsorted(self.ts_local, ts_ns, side="left"))

    def to_frame(self) -> pl.DataFrame:
        return pl.DataFrame(dict(zip(self._fields, self, strict=True)))

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> Events:
        """Columns of a frame in the tick schema; ts_local must not decrease."""
        missing = [name for name in cls._fields if name not in frame.columns]
        if missing:
            raise InputError(f"events need columns {', '.join(cls._fields)}; missing: {', '.join(missing)}")
        empty = [name for name in cls._fields if frame[name].null_count()]
        if empty:
            raise InputError(f"event columns have no nulls (0 or -1 says unknown); found some in {', '.join(empty)}")
        events = cls._make(
            np.ascontiguousarray(frame[name].to_numpy(), dtype=dtype) for name, dtype in zip(cls._fields, _TYPES, strict=True)
        )
        events.require_order()
        return events

    @classmethod
    def empty(cls) -> Events:
        return cls._make(np.empty(0, dtype) for dtype in _TYPES)

    def require_order(self) -> None:
        """Refuse rows whose ts_local goes back."""
        back = np.flatnonzero(np.diff(self.ts_local) < 0)
        if len(back):
            i = int(back[0]) + 1
            raise DataError(
                f"ts_local goes back at row {i}: {self.ts_local[i]} after {self.ts_local[i - 1]}; "
                "sort by (ts_local, seq), or ingest the source into a lake, which does"
            )


def merge_events(parts: Sequence[Events]) -> Events:
    """One stream in order of (ts_local, seq), stable; messages stay whole."""
    parts = [p for p in parts if p.rows]
    if not parts:
        return Events.empty()
    joined = Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((joined.seq, joined.ts_local))
    return Events._make(column[order] for column in joined)


class Feed(Protocol):
    """Where events come from: a replayed lake, a synthetic market, or live sockets."""

    @property
    def instruments(self) -> tuple[Instrument, ...]: ...

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last ts_local the feed will give; the last is 2⁶³−1 when it is open-ended."""
        ...

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        """Every row with ts_local < ts_ns that was not given before, per instrument."""
        ...
