"""Sorted files joined into one stream, in bounded memory.

Every file is sorted, but files may overlap in time: those of several tables always do. Rows may leave only when no file can
still hold an earlier one, so the merge keeps one block of each file that is open at the moment and gives what lies before the
horizon: the least key up to which every file is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterpoise.core.arrays import AnyArray, Int1D
from counterpoise.core.errors import InputError
from counterpoise.market.event import Events, merge_events

__all__ = ["Sorted", "chunks", "gathered", "joined", "merged"]

Key: TypeAlias = tuple[int, int]


class Sorted(NamedTuple):
    """A source of rows sorted by (ts_local, seq), opened when its first row is due.

    Attributes
    ----------
    first : tuple of int
        Key that no row of it comes before.
    blocks : callable
        Opens it; blocks have at least one row.
    """

    first: Key
    blocks: Callable[[], Iterator[Events]]


def merged(sources: Sequence[Sorted]) -> Iterator[list[Events]]:
    """One stream in order of (ts_local, seq); rows of equal keys keep the order of `sources`, and leave in one list.

    A list holds the rows between two horizons, in order; it is given in pieces so that what needs no merging is not copied.
    """
    waiting = sorted(enumerate(sources), key=lambda item: item[1].first, reverse=True)
    files: list[_File] = []
    while waiting or files:
        if not files or (waiting and waiting[-1][1].first <= min(file.last for file in files)):
            rank, source = waiting.pop()
            files.append(_File(rank, source.blocks()))
            files = sorted((f for f in files if f.alive), key=lambda f: f.rank)
            continue
        horizon = min(file.last for file in files)
        taken = [pieces for file in files if (pieces := file.take(horizon))]
        if taken:
            yield taken[0] if len(taken) == 1 else [merge_events(list(chain.from_iterable(taken)))]
        for file in files:
            if file.last == horizon:
                file.load()
        files = [file for file in files if file.alive]


def chunks(groups: Iterable[Sequence[Events]], *, rows: int) -> Iterator[Events]:
    """The rows of `merged` in chunks of at most `rows` rows, cut only between messages; a longer message is one chunk."""
    if rows < 1:
        raise InputError(f"chunk_rows must be at least 1, found {rows}")
    held: list[Events] = []
    count = 0
    for pieces in groups:
        held += pieces
        count += sum(piece.rows for piece in pieces)
        if count < rows:
            continue
        whole = joined(held)
        cuts = _cuts(whole)
        start = 0
        while whole.rows - start >= rows:
            stop = _cut_before(cuts, start, start + rows)
            yield whole.cut(start, stop)
            start = stop
        held, count = [whole.cut(start, whole.rows)], whole.rows - start
    if count:
        yield joined(held)


class _File:
    """An open source: the rows known so far, and the key up to which it is known."""

    _END: Final[Key] = (2**63 - 1, 2**63 - 1)

    def __init__(self, rank: int, blocks: Iterator[Events]) -> None:
        self.rank: Final = rank
        self._blocks = blocks
        self._held: list[Events] = []
        self.last: Key = self._END
        self.load()

    @property
    def alive(self) -> bool:
        return bool(self._held) or self.last != self._END

    def load(self) -> None:
        """Take the next block; at the end of the source everything is known."""
        block = next(self._blocks, None)
        if block is None:
            self.last = self._END
            return
        self._held.append(block)
        self.last = int(block.ts_local[-1]), int(block.seq[-1])

    def take(self, horizon: Key) -> list[Events]:
        """Rows before the horizon; at the end of all sources, every row."""
        if horizon == self._END:
            taken, self._held = self._held, []
            return taken
        taken, kept = [], []
        for piece in self._held:
            low, high = (int(np.searchsorted(piece.ts_local, horizon[0], side)) for side in ("left", "right"))
            count = low + int(np.searchsorted(piece.seq[low:high], horizon[1], "left"))
            taken += [piece.cut(0, count)] if count else []
            kept += [piece.cut(count, piece.rows)] if count < piece.rows else []
        self._held = kept
        return taken


def joined(parts: Sequence[Events]) -> Events:
    """Rows of parts one after the other, always a copy: what polars gives is read-only."""
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def gathered(groups: Iterable[Sequence[Events]], *, capacity: int) -> Events:
    """Every row of `merged`, at most `capacity` of them, copied once into place while the files are read."""
    whole: list[AnyArray] = [np.empty(capacity, column.dtype) for column in Events.empty()]
    rows = 0
    for piece in chain.from_iterable(groups):
        for column, values in zip(whole, piece, strict=True):
            column[rows : rows + piece.rows] = values
        rows += piece.rows
    return Events._make(column[:rows] for column in whole)


def _cuts(events: Events) -> Int1D:
    """Row numbers at which a message starts, and the end."""
    change = (np.diff(events.ts_local) != 0) | (np.diff(events.seq) != 0)
    return np.append(np.flatnonzero(change) + 1, events.rows)


def _cut_before(cuts: Int1D, start: int, stop: int) -> int:
    """The last cut in (start, stop], else the first one after it."""
    at = int(np.searchsorted(cuts, stop, side="right"))
    if at and cuts[at - 1] > start:
        return int(cuts[at - 1])
    return int(cuts[at])
