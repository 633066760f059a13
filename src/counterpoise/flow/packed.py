"""Streams whose memories lie in one array, so that one call from Python gives an event to all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.jit import address_of
from counterpoise.flow.kernels import live as k
from counterpoise.flow.stream import EVENT, WRITTEN, EventRow, Stream, event_columns
from counterpoise.market.book import require_sound

__all__ = ["Packed"]


class Packed:
    """Streams of one instrument, in one array.

    Parameters
    ----------
    streams : iterable of Stream
        Their arrays become views into one. Their kernels are compiled now.

    Notes
    -----
    The kernels are those of the streams, called by address, so rows are theirs to the last bit. An event costs one call with
    three arrays, and some 80 ns a stream.
    """

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._streams = tuple(streams)
        self._row = np.zeros(k.WORDS, np.int64)
        self._one = memoryview(self._row.view(np.uint8))[: EVENT.size]  # type: ignore[arg-type]
        self._columns = event_columns(self._row.view(np.uint8))
        self.pack()

    def event(self, row: EventRow) -> bool:
        """Take one event; whether a stream completed rows. Raises as `counterpoise.flow.stream.Stream.push`."""
        try:
            EVENT.pack_into(self._one, 0, *row)
        except struct.error as error:
            raise InputError(f"no event: {row} ({error}); give nine whole numbers in the order of Events") from error
        found = k.live_row(self._memory, self._table, self._row)
        if not found:
            return False
        if found == k.UNSOUND:
            require_sound(self._columns)
        if found < 0:
            self._begin()
            found = k.live_row(self._memory, self._table, self._row)
        return found > 0 and self._look()

    def tell_time(self) -> None:
        """Let every stream know how far it has come; before it is asked for anything."""
        last = int(self._row[k.LAST_TS])
        for stream in self._streams:
            stream._last_ts = max(stream._last_ts, last)

    def pack(self) -> None:
        """Bring together what the streams remember, where one has moved since."""
        parts: list[Int1D] = []
        self._outs: list[Int2D] = []
        self._table = np.zeros((len(self._streams), k.COLUMNS), np.int64)
        for line, stream in zip(self._table, self._streams, strict=True):
            out = np.zeros_like(stream._out)  # no smaller: a kernel takes no row unless there is room for all it might write
            for column, part in (
                (k.BOOK, stream._book),
                (k.STATE, stream._state),
                (k.SETTINGS, stream._settings.view(np.int64)),
                (k.OUT, out.ravel()),
            ):
                line[column] = sum(map(len, parts))
                line[column + 1] = line[column] + len(part)
                parts.append(part)
            line[k.WIDTH] = out.shape[1]
            arrays = stream._book, stream._state, stream._settings
            line[k.ADDRESS] = address_of(stream.rows, *arrays, *self._columns, 0, out)
        self._memory = np.concatenate(parts)
        for line, stream in zip(self._table, self._streams, strict=True):
            stream._book = self._memory[line[k.BOOK] : line[k.BOOK + 1]]
            stream._state = self._memory[line[k.STATE] : line[k.STATE + 1]]
            self._outs.append(self._memory[line[k.OUT] : line[k.OUT + 1]].reshape(-1, line[k.WIDTH]))
        self._held = [(stream._book, stream._state) for stream in self._streams]
        self._row[k.LAST_TS] = max(stream._last_ts for stream in self._streams)
        self._row[k.HORIZON] = min(stream._horizon for stream in self._streams)

    def fit(self) -> None:
        """Pack again if a stream was given events by another way: it may have moved to a larger array."""
        moved = any(
            stream._book is not book or stream._state is not state
            for stream, (book, state) in zip(self._streams, self._held, strict=True)
        )
        if moved:
            self.pack()
        self._row[k.LAST_TS] = max(stream._last_ts for stream in self._streams)
        self._row[k.HORIZON] = min(stream._horizon for stream in self._streams)

    def _begin(self) -> None:
        self.tell_time()
        ts = int(self._row[0])
        for stream in self._streams:
            stream._begin(ts, ts)
        self._row[k.LAST_TS] = ts
        self._row[k.HORIZON] = min(stream._horizon for stream in self._streams)

    def _look(self) -> bool:
        """Keep the rows that were written; what was not taken is taken by the stream alone, which may write and grow."""
        self.tell_time()
        waiting = False
        for stream, line, out in zip(self._streams, self._table, self._outs, strict=True):
            taken = bool(line[k.TAKEN])
            waiting |= bool(stream._state[WRITTEN])
            stream._keep(out)
            if not taken:
                stream._run(self._columns, 1)
                waiting = True
        self.fit()
        return waiting
