"""Measures with a memory: events in, rows out, the same however the events are cut; and the memory can be saved.

All that a `Stream` remembers lies in integer arrays: a ladder when it keeps a book, and `state`, whose slots its kernel names.
Floats are kept in `state` by their bits. A copy of the arrays is therefore a copy of the measure.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar, Final, Self

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt8_1D
from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import format_time
from counterpoise.flow.kernels.bins import WRITTEN
from counterpoise.flow.kernels.live import MOST_LOTS, REACH
from counterpoise.market.book import grow_ladder, new_ladder, require_sound
from counterpoise.market.event import DELTA, LIQUIDATION, QUOTE, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.ladder import LADDER_SIZE, room

__all__ = ["EVENT", "NO_BOOK", "WRITTEN", "EventRow", "Rows", "Stream", "event_columns"]

NO_BOOK: Final = np.zeros(1, np.int64)
_OUT_ROWS: Final = 4096
_BEFORE_ALL: Final = -(2**63)
_AFTER_ALL: Final = 2**63 - 1
EVENT: Final = struct.Struct("<qqqqBbB5xqq")  # one event, aligned
_OFFSETS: Final = (0, 8, 16, 24, 32, 33, 34, 40, 48)
_TYPES: Final = (np.int64,) * 4 + (np.uint8, np.int8, np.uint8) + (np.int64,) * 2

_SIDED: Final = (DELTA, SNAPSHOT, QUOTE)

Rows = Callable[..., int]
EventRow = tuple[int, int, int, int, int, int, int, int, int]


class Stream:
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

    rows: ClassVar[Rows]

    def __init__(self, instrument: Instrument, *, state: Int1D, settings: Float1D, width: int, book: bool = False) -> None:
        self.instrument = instrument
        self._book = new_ladder() if book else NO_BOOK.copy()
        self._state = state
        self._settings = settings
        self._least = len(self._book), len(state)
        self._out = np.zeros((_OUT_ROWS, width), np.int64)
        self.waiting = 0  # completed rows that `drain` would give
        self._closed: list[Int2D] = []
        self._last_ts = _BEFORE_ALL
        self._horizon = _BEFORE_ALL  # an event beyond it is looked at by `_begin`
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
            self._run(events)
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
                self._run(self._row)
        return self.waiting

    def _pass_time(self, ts_ns: int, kind: int) -> None:
        """Let a row of a kind of the stream's own say what time it is."""
        if ts_ns < self._last_ts:
            self._begin(ts_ns, ts_ns)
        self._last_ts = ts_ns
        EVENT.pack_into(self._one, 0, ts_ns, 0, 0, 0, kind, 0, 0, 0, 0)
        self._run(self._row)

    def _run(self, events: Events) -> None:
        done = 0
        while done < events.rows:
            before, held = done, len(self._book) + len(self._state)
            done = self.rows(self._book, self._state, self._settings, *events, done, self._out)
            written = self._keep()
            if written < len(self._out) and done < events.rows:
                self._grow()
            if done == before and not written and held == len(self._book) + len(self._state):
                raise NumericalError(
                    f"{type(self).__name__} cannot go on: its kernel stopped with room to write and nothing to grow"
                )

    def _begin(self, first_ns: int, last_ns: int) -> None:
        if first_ns < self._last_ts:
            raise DataError(
                f"events begin at {format_time(first_ns)}, but up to {format_time(self._last_ts)} all was taken; "
                "give each event once, in order"
            )
        self._last_ts = last_ns
        self._horizon = _AFTER_ALL

    def _grow(self) -> None:
        """Called when the kernel stopped though `out` has room: for the book, or for what one event may write at once."""
        if len(self._book) > len(NO_BOOK) and not (room(self._book, 0) and room(self._book, 1)):
            self._book = grow_ladder(self._book)

    def _keep(self, out: Int2D | None = None) -> int:
        written = int(self._state[WRITTEN])
        if written:
            self._closed.append((self._out if out is None else out)[:written].copy())
            self.waiting += written
        return written

    # rows out

    def drain(self) -> pl.DataFrame:
        """Rows completed since the last call."""
        rows = np.concatenate(self._closed) if self._closed else np.zeros((0, self._out.shape[1]), np.int64)
        self._closed.clear()
        self.waiting = 0
        return self._frame(rows)

    def finish(self) -> pl.DataFrame:
        """What waits, and what is open as far as it is known; empty when no event ever came."""
        self._close()
        return self.drain()

    def now(self) -> pl.DataFrame:
        """The open row, to be read at any moment: what `finish` would give behind the rows that wait, without finishing."""
        twin = copy(self)
        twin._book, twin._state, twin._out = self._book.copy(), self._state.copy(), self._out.copy()
        twin._closed = list(self._closed)
        twin.drain()  # a change from the row before needs that row
        return twin.finish()

    def _close(self) -> None:
        """Write what is open to the closed rows."""

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        raise TypeError(f"{type(self).__name__} does not say what its rows mean")

    # memory

    def save(self) -> bytes:
        """All that it remembers, to go on from later, elsewhere.

        See Also
        --------
        restore
        """
        memory = {
            "made_by": self._made_by(),
            "last_ts": self._last_ts,
            "extra": self._extra(),
            "arrays": [_packed(array) for array in (self._book, self._state, *self._closed)],
        }
        return zlib.compress(msgspec.msgpack.encode(memory), 1)

    def restore(self, memory: bytes) -> Self:
        """Go on from what `save` gave; it goes on bit-identically.

        Raises
        ------
        InputError
            If the bytes are no memory, or one of another measure, instrument or settings; then nothing has changed.
        """
        try:
            held = msgspec.msgpack.decode(zlib.decompress(memory))
            arrays = [np.frombuffer(data, np.int64).reshape(shape).copy() for shape, data in held["arrays"]]
            made_by, last_ts, extra = held["made_by"], int(held["last_ts"]), held["extra"]
        except (zlib.error, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"these bytes are no memory of a measure ({error}); give what save() gave") from error
        if made_by != self._made_by():
            raise InputError(f"this is the memory of {made_by}; it cannot go on in {self._made_by()}; make that one first")
        if not self._fits(arrays):
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise InputError(f"these bytes are no memory of a measure (arrays of {shapes}); give what save() gave")
        self._book, self._state, *self._closed = arrays
        self.waiting = sum(map(len, self._closed))
        self._last_ts, self._horizon = last_ts, _BEFORE_ALL
        self._set_extra(extra)
        return self

    def _fits(self, arrays: list[Any]) -> bool:
        """Whether a book, a state and closed rows are of the sizes that the kernel indexes; both may have grown."""
        sizes = [array.shape for array in arrays[:2]]
        flat = len(sizes) == 2 and all(len(shape) == 1 for shape in sizes)
        whole = flat and all(shape[0] >= least for shape, least in zip(sizes, self._least, strict=True))
        if whole and self._least[0] == len(NO_BOOK):
            whole = sizes[0] == NO_BOOK.shape
        elif whole:
            times, rest = divmod(sizes[0][0] - LADDER_SIZE, self._least[0] - LADDER_SIZE)
            whole = not rest and times & (times - 1) == 0  # its table doubles
        return whole and all(array.ndim == 2 and array.shape[1] == self._out.shape[1] for array in arrays[2:])

    def _made_by(self) -> str:
        of, settings = self.instrument, zlib.crc32(self._settings.tobytes() + self._words().encode())
        terms = zlib.crc32(msgspec.json.encode(of))
        return f"{type(self).__name__} of {of.id}, tick {of.tick}, lot {of.lot}, terms {terms:08x}, settings {settings:08x}"

    def _words(self) -> str:
        """Settings that are no numbers for the kernel, as text: a memory goes on only where they are the same."""
        return ""

    def _extra(self) -> Any:
        """Anything else that must be remembered; plain numbers and lists."""
        return None

    def _set_extra(self, extra: Any) -> None:
        """Take back what `_extra` gave."""


def _packed(array: Int1D | Int2D) -> tuple[tuple[int, ...], bytes]:
    return array.shape, np.ascontiguousarray(array).tobytes()


def event_columns(buffer: bytearray | UInt8_1D) -> Events:
    """Event columns of one row over a buffer that `EVENT` packs."""
    return Events._make(np.frombuffer(buffer, kind, 1, at) for kind, at in zip(_TYPES, _OFFSETS, strict=True))
