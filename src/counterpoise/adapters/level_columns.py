"""Messages of one instrument gathered as text and turned into event columns by a kernel, block by block."""

from __future__ import annotations

from typing import Any

import numpy as np

from counterpoise.adapters.kernels.level_text import BAD_TEXT, OFF_GRID, PARSED, parse_pairs
from counterpoise.adapters.reader import Batch, ReadReport, tick_batches
from counterpoise.core.arrays import AnyArray, Int1D, UInt8_1D
from counterpoise.core.errors import CorruptRecord
from counterpoise.core.units import Grid
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument

__all__ = ["LevelColumns"]


class LevelColumns:
    """Collects messages whose prices and sizes are still JSON text, and parses them all at once.

    Parameters
    ----------
    instrument : Instrument
        Its grids say what a tick and a lot are.
    source : str
        File name for error messages.
    """

    def __init__(self, instrument: Instrument, *, source: str) -> None:
        self.instrument = instrument
        self._source = source
        self._messages: list[tuple[int, int, int, int, int, int]] = []  # ts_local, ts_venue, seq, id, kind, line
        self._texts: list[Any] = []
        self._owners: list[int] = []  # message of a segment
        self._sides: list[int] = []

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: tuple[int, int, int, int, int, int], *parts: tuple[int, Any]) -> None:
        """A message (ts_local, ts_venue, seq, id, kind, line) and its parts: side and ``[[price, size], ...]`` text."""
        owner = len(self._messages)
        self._messages.append(message)
        for side, text in parts:
            self._texts.append(text)
            self._owners.append(owner)
            self._sides.append(side)

    def flush(self, report: ReadReport) -> list[Batch]:
        """Event rows of everything added since the last flush, one batch a table."""
        if not self._messages:
            return []
        messages = np.array(self._messages, np.int64)
        owner, side, ticks, lots = self._parse(report, messages)
        gap_rows = np.flatnonzero(messages[:, 4] == GAP)
        order = np.argsort(np.concatenate([owner, gap_rows]), kind="stable")
        owner = np.concatenate([owner, gap_rows])[order]
        zeros = np.zeros(len(gap_rows), np.int64)
        side, ticks, lots = (np.concatenate([column, zeros])[order] for column in (side, ticks, lots))
        report.drop("message without levels", len(messages) - len(np.unique(owner)))
        of = messages[owner]
        events = Events(
            of[:, 0],
            of[:, 1],
            of[:, 2],
            of[:, 3],
            of[:, 4].astype(np.uint8),
            side.astype(np.int8),
            _flags(owner),
            ticks,
            lots,
        )
        self._messages.clear()
        self._texts.clear()
        self._owners.clear()
        self._sides.clear()
        return [*_batches(self.instrument, events, report)]

    def _parse(self, report: ReadReport, messages: Int1D) -> tuple[Int1D, Int1D, Int1D, Int1D]:
        """(owner, side, ticks, lots) of every pair; a message with a bad number is reported and taken out.

        A bad book message leaves a GAP in its place: its levels are unknown, so the book is void.
        """
        price, qty = _scale(self.instrument.price_grid), _scale(self.instrument.qty_grid)
        while True:
            text = np.frombuffer(b"".join(self._texts), np.uint8)
            ends = np.cumsum(np.fromiter(map(len, self._texts), np.int64, len(self._texts)))
            most = len(text) // 5 + 1  # [0,0] is the shortest pair
            pairs = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
            count, status, at = parse_pairs(text, ends, *price, *qty, pairs)
            segment, ticks, lots = (column[:count] for column in pairs)
            owners, sides = np.array(self._owners, np.int64), np.array(self._sides, np.int64)
            if status == PARSED:
                return owners[segment], sides[segment], ticks, lots
            at_fault = int(owners[min(int(np.searchsorted(ends, at, side="right")), len(owners) - 1)])
            self._take_out(at_fault, messages, report)
            report.corrupt(self._error(messages[at_fault], text, at, status))

    def _take_out(self, owner: int, messages: Int1D, report: ReadReport) -> None:
        keep = [i for i, of in enumerate(self._owners) if of != owner]
        self._texts = [self._texts[i] for i in keep]
        self._sides = [self._sides[i] for i in keep]
        self._owners = [self._owners[i] for i in keep]
        if messages[owner, 4] in (DELTA, SNAPSHOT):
            messages[owner, 4] = GAP
            report.gaps += 1

    def _error(self, message: Int1D, text: UInt8_1D, at: int, status: int) -> CorruptRecord:
        stop = at
        while stop < len(text) and text[stop] not in b'",] ':
            stop += 1
        found = bytes(text[at:stop]).decode("utf-8", "replace")
        grids = f"tick {self.instrument.tick}, lot {self.instrument.lot}"
        expected = {
            BAD_TEXT: "a decimal number",
            OFF_GRID: f"a multiple of its step ({grids}); declare a finer --tick or --lot",
        }.get(status, f"a number that fits 63 bits in steps of {grids}")
        return CorruptRecord(self._source, int(message[5]), "price or size", found, expected)


def _scale(grid: Grid) -> tuple[int, int]:
    """A grid step as (digits, step): step × 10^-digits."""
    digits = max(0, -int(grid.step.as_tuple().exponent))
    return digits, int(grid.step.scaleb(digits))


def _flags(owner: Int1D) -> AnyArray:
    """FIRST and LAST row of each message."""
    change = np.flatnonzero(np.diff(owner)) + 1
    flags = np.zeros(len(owner), np.uint8)
    if len(owner):
        flags[np.concatenate([[0], change])] |= FIRST
        flags[np.concatenate([change - 1, [len(owner) - 1]])] |= LAST
    return flags


def _batches(instrument: Instrument, events: Events, report: ReadReport) -> list[Batch]:
    batches = tick_batches(instrument, events)
    for batch in batches:
        report.rows[batch.table] += batch.frame.height
    return batches
