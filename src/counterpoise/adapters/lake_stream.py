"""Sorted files joined into one stream, in bounded memory.

Every file is sorted, but files may overlap in time: those of several tables always do. Rows may leave only when no file can
still hold an earlier one, so the merge keeps one block of each file that is open at the moment and gives what lies before the
horizon: the least key up to which every file is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.market.event import Events, merge_events

__all__ = ["Sorted", "chunks", "joined", "merged"]

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


def merged(sources: Sequence[Sorted]) -> Iterator[Events]:
    """One stream in order of (ts_local, seq); rows of equal keys keep the order of `sources`, and never leave in two pieces."""
    waiting = sorted(enumerate(sources), key=lambda item: item[1].first, reverse=True)
    files: list[_File] = []
    while waiting or files:
        if not files or (waiting and waiting[-1][1].first <= min(file.last for file in files)):
            rank, source = waiting.pop()
            files.append(_File(rank, source.blocks()))
            files = sorted((f for f in files if f.alive), key=lambda f: f.rank)
            continue
        horizon = min(file.last for file in files)
        pieces = [piece for file in files if (piece := file.take(horizon)).rows]
        if pieces:
            yield pieces[0] if len(pieces) == 1 else merge_events(pieces)
        for file in files:
            if file.last == horizon:
                file.load()
        files = [file for file in files if file.alive]


def chunks(pieces: Iterable[Events], *, rows: int) -> Iterator[Events]:
    """The same stream in chunks of at most `rows` rows, cut only between messages; a longer message is a chunk of its own."""
    if rows < 1:
        raise InputError(f"chunk_rows must be at least 1, found {rows}")
    held: list[Events] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += piece.rows
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
        self._blocks, self._held = blocks, Events.empty()
        self.last: Key = self._END
        self.load()

    @property
    def alive(self) -> bool:
        return self._held.rows > 0 or self.last != self._END

    def load(self) -> None:
        """Take the next block; at the end of the source everything is known."""
        block = next(self._blocks, None)
        if block is None:
            self.last = self._END
            return
        self._held = joined([self._held, block]) if self._held.rows else block
        self.last = int(block.ts_local[-1]), int(block.seq[-1])

    def take(self, horizon: Key) -> Events:
        """Rows before the horizon; at the end of all sources, every row."""
        held = self._held
        if horizon == self._END:
            count = held.rows
        else:
            low, high = (int(np.searchsorted(held.ts_local, horizon[0], side)) for side in ("left", "right"))
            count = low + int(np.searchsorted(held.seq[low:high], horizon[1], "left"))
        self._held = held.cut(count, held.rows)
        return held.cut(0, count)


def joined(parts: Sequence[Events]) -> Events:
    """Rows of parts one after the other."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Events.empty()
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


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
