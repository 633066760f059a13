"""What every reader gives: batches of one table of one instrument, and a report of what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np
import polars as pl

from counterpoise.core.errors import CorruptRecord
from counterpoise.market.event import BOOK_KINDS, LIQUIDATION, QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument

__all__ = ["Batch", "ReadReport", "Reader", "tick_batches"]

_TABLES: Final = {"book": BOOK_KINDS, "quote": (QUOTE,), "trade": (TRADE,), "liquidation": (LIQUIDATION,)}


class Batch(NamedTuple):
    """Rows of one table (`counterpoise.core.schema`) of one instrument, in order of arrival."""

    instrument: Instrument
    table: str
    frame: pl.DataFrame


def tick_batches(instrument: Instrument, events: Events) -> list[Batch]:
    """Market events as rows of the tick tables; a table without rows is left out."""
    whole = events.to_frame()
    frames = {table: whole.filter(np.isin(events.kind, kinds)) for table, kinds in _TABLES.items()}
    return [Batch(instrument, table, frame) for table, frame in frames.items() if frame.height]


@dataclass(slots=True)
class ReadReport:
    """What a reader met. Nothing is left out in silence: a record is read, dropped for a named reason, or bad.

    Attributes
    ----------
    messages : int
        Records seen (lines, rows or socket messages).
    rows : Counter
        Rows given, by table.
    dropped : Counter
        Good records that cannot be used, by reason (before the snapshot, stale, other channel, ...).
    bad : int
        Records that could not be read.
    errors : list of CorruptRecord
        The first 20 of them.
    truncated : bool
        The file was cut off; what was whole has been read.
    max_bad : int
        Reading stops with an error at the first bad record past this many.
    """

    max_bad: int = 0
    messages: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    bad: int = 0
    errors: list[CorruptRecord] = field(default_factory=list)
    truncated: bool = False

    def drop(self, reason: str, count: int = 1) -> None:
        if count:
            self.dropped[reason] += count

    def corrupt(self, error: CorruptRecord) -> None:
        """Count a bad record; raise it when there are more than `max_bad`."""
        self.bad += 1
        if len(self.errors) < 20:
            self.errors.append(error)
        if self.bad > self.max_bad:
            raise error


class Reader(Protocol):
    """An open recording; iterating reads it in bounded memory."""

    @property
    def report(self) -> ReadReport: ...

    def __iter__(self) -> Iterator[Batch]: ...
