"""Measures of market events: events in, rows out, the same however the events are cut; and the memory can be saved.

All that a `Stream` remembers lies in integer arrays: a ladder when it keeps a book, and `state`, whose slots its kernel names.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, UInt8_1D
from counterpoise.core.errors import InputError
from counterpoise.flow.kernels.bins import WRITTEN
from counterpoise.flow.kernels.live import MOST_LOTS, REACH
from counterpoise.flow.memory import Memory, words_of
from counterpoise.market.book import grow_ladder, new_ladder, require_sound
from counterpoise.market.event import DELTA, LIQUIDATION, QUOTE, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.ladder import LADDER_SIZE, room

__all__ = ["EVENT", "NO_BOOK", "WRITTEN", "EventRow", "Rows", "Stream", "event_columns"]

NO_BOOK: Final = np.zeros(1, np.int64)
EVENT: Final = struct.Struct("<qqqqBbB5xqq")  # one event, aligned
_OFFSETS: Final = (0, 8, 16, 24, 32, 33, 34, 40, 48)
_TYPES: Final = (np.int64,) * 4 + (np.uint8, np.int8, np.uint8) + (np.int64,) * 2

_SIDED: Final = (DELTA, SNAPSHOT, QUOTE)

Rows = Callable[..., int]
EventRow = tuple[int, int, int, int, int, int, int, int, int]


class Stream(Memory):
    """Base of a measure that takes events piece by piece.

    A subclass gives `rows`, a kernel

        rows(book, state, settings, ts_local, ts_venue, seq, id, kind, side, flags, price_ticks, qty_lots, start, out) → next

    that takes rows from `start`, writes what they completed to `out`, says in ``state[WRITTEN]`` how many rows of it, and
    returns the first row it has not taken: all are taken, or `out` has no room for the next, or something must grow; and
    `_frame`, which turns rows of `out` into a frame with units. It may also give `_close`, for what is still open at the end,
    and `_grow`, which is called when the kernel stopped though `out` has room.

    Parameters
    ----------
    instrument : Instrument
    state : (n,) int64
        Where it begins; slot 0 is WRITTEN.
    settings : (m,) float64
        Numbers that do not change, in the order the kernel names them.
    width : int
        Columns of `out`, int64; floats by their bits.
    book : bool
        Whether it keeps a book.
    """

    kept: ClassVar[tuple[str, ...]] = ("_book", "_state")
    taken: ClassVar[str] = "events"
    rows: ClassVar[Rows]

    def __init__(self, instrument: Instrument, *, state: Int1D, settings: Float1D, width: int, book: bool = False) -> None:
        super().__init__(state=state, settings=settings, width=width)
        self.instrument = instrument
        self._book = new_ladder() if book else NO_BOOK.copy()
        self._least = len(self._book), len(state)
        self._one = bytearray(EVENT.size)
        self._row = event_columns(self._one)

    # events in

    def step(self, events: Events) -> pl.DataFrame:
        """Take events in order of ts_local; returns the rows they completed. Raises as `push`."""
        self.push(events)
        return self.drain()

    def whole(self, events: Events) -> pl.DataFrame:
        """All rows of events that are at hand at once: `step`, then `finish`. Raises as `push`."""
        return pl.concat([self.step(events), self.finish()])

    def push(self, events: Events) -> int:
        """Take events; returns how many rows wait for `drain`. A frame costs a millisecond, this does not.

        Raises
        ------
        InputError
            If a row cannot be (see `counterpoise.market.book.require_sound`).
        DataError
            If ts_local goes back, within these events or behind what was taken before.
        """
        if events.rows:
            require_sound(events, in_order=True)
            self._begin(int(events.ts_local[0]), int(events.ts_local[-1]))
            self._run(events, events.rows)
        return self.waiting

    def event(self, row: EventRow) -> int:
        """Take one event, as it comes from a socket; returns how many rows wait for `drain`. Raises as `push`.

        Parameters
        ----------
        row : tuple of int
            ts_local, ts_venue, seq, id, kind, side, flags, price_ticks, qty_lots: the order of `Events`.
        """
        ts_local, _, _, _, kind, side, _, price_ticks, qty_lots = row
        try:
            EVENT.pack_into(self._one, 0, *row)
        except struct.error as error:
            raise InputError(f"no event: {row} ({error}); give nine whole numbers in the order of Events") from error
        if (
            not 0 <= qty_lots < MOST_LOTS
            or not -2 < side < 2
            or kind > LIQUIDATION
            or (side == 0 and kind in _SIDED)
            or not -REACH < price_ticks < REACH
        ):
            require_sound(self._row)
        if ts_local < self._last_ts or ts_local > self._horizon:
            self._begin(ts_local, ts_local)
        self._last_ts = ts_local
        taken = self.rows(self._book, self._state, self._settings, *self._row, 0, self._out)
        if self._state[WRITTEN] or not taken:
            self._keep()
            if not taken:
                self._run(self._row, 1)
        return self.waiting

    def _pass_time(self, ts_ns: int, kind: int) -> None:
        """Let a row of a kind of the stream's own say what time it is."""
        if ts_ns < self._last_ts:
            self._begin(ts_ns, ts_ns)
        self._last_ts = ts_ns
        EVENT.pack_into(self._one, 0, ts_ns, 0, 0, 0, kind, 0, 0, 0, 0)
        self._run(self._row, 1)

    def _take(self, rows: Any, start: int) -> int:
        return self.rows(self._book, self._state, self._settings, *rows, start, self._out)

    def _grow(self) -> None:
        """Called when the kernel stopped though `out` has room: for the book, or for what one event may write at once."""
        if len(self._book) > len(NO_BOOK) and not (room(self._book, 0) and room(self._book, 1)):
            self._book = grow_ladder(self._book)

    def _holds(self, name: str, array: Int1D, extra: Any) -> bool:
        """A book's table doubles; a state may have grown."""
        if name != "_book":
            return len(array) >= self._least[1]
        if self._least[0] == len(NO_BOOK):
            return len(array) == len(NO_BOOK)
        times, rest = divmod(len(array) - LADDER_SIZE, self._least[0] - LADDER_SIZE)
        return not rest and times > 0 and times & (times - 1) == 0

    def _of(self) -> str:
        return words_of(self.instrument)


def event_columns(buffer: bytearray | UInt8_1D) -> Events:
    """Event columns of one row over a buffer that `EVENT` packs."""
    return Events._make(np.frombuffer(buffer, kind, 1, at) for kind, at in zip(_TYPES, _OFFSETS, strict=True))
