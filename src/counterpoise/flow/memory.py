"""What a measure remembers, and the rows it has completed: read at any moment, saved, restored, the same wherever it is cut.

All of it lies in integer arrays: `state`, whose slots the measure's kernel names, and more where a subclass says so. Floats are
kept by their bits. A copy of the arrays is therefore a copy of the measure.
"""

from __future__ import annotations

import zlib
from copy import copy
from typing import Any, ClassVar, Final, Self

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import format_time
from counterpoise.flow.kernels.bins import WRITTEN
from counterpoise.market.instrument import Instrument

__all__ = ["WRITTEN", "Memory", "words_of"]

_OUT_ROWS: Final = 4096
_BEFORE_ALL: Final = -(2**63)
_AFTER_ALL: Final = 2**63 - 1


class Memory:
    """Base of a measure that takes what comes piece by piece; `counterpoise.flow.stream.Stream` takes events,
    `counterpoise.flow.tables.TableStream` rows of tables.

    A subclass gives `_take`, which lets its kernel take rows, and `_frame`, which turns rows of `out` into a frame with units.
    It may also give `_close`, for what is still open at the end, and `_grow`, which is called when the kernel stopped though
    `out` has room.

    Parameters
    ----------
    state : (n,) int64
        Where it begins; slot 0 is WRITTEN.
    settings : (m,) float64
        Numbers that do not change, in the order the kernel names them.
    width : int
        Columns of `out`, int64; floats by their bits.
    """

    kept: ClassVar[tuple[str, ...]] = ("_state",)  # arrays that hold the memory
    taken: ClassVar[str] = "rows"

    def __init__(self, *, state: Int1D, settings: Float1D, width: int) -> None:
        self._state = state
        self._settings = settings
        self._out = np.zeros((_OUT_ROWS, width), np.int64)
        self.waiting = 0  # completed rows that `drain` would give
        self._closed: list[Int2D] = []
        self._last_ts = _BEFORE_ALL
        self._horizon = _BEFORE_ALL  # what comes beyond it is looked at by `_begin`

    # rows in

    def _run(self, rows: Any, count: int) -> None:
        """Let the kernel take all of some rows, with room made where it needs it."""
        done = 0
        while done < count:
            before, held = done, self._size()
            done = self._take(rows, done)
            written = self._keep()
            if written < len(self._out) and done < count:
                self._grow()
            if done == before and not written and held == self._size():
                raise NumericalError(
                    f"{type(self).__name__} cannot go on: its kernel stopped with room to write and nothing to grow"
                )

    def _take(self, rows: Any, start: int) -> int:
        """Take rows from `start`; returns the first that was not taken."""
        raise TypeError(f"{type(self).__name__} does not say what takes its rows")

    def _size(self) -> int:
        return sum(len(getattr(self, name)) for name in self.kept)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        if first_ns < self._last_ts:
            raise DataError(
                f"{self.taken} begin at {format_time(first_ns)}, but up to {format_time(self._last_ts)} all was taken; "
                f"give each {self.taken.removesuffix('s')} once, in order"
            )
        self._last_ts = last_ns
        self._horizon = _AFTER_ALL

    def _grow(self) -> None:
        """Called when the kernel stopped though `out` has room."""

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
        """What waits, and what is open as far as it is known; empty when nothing ever came."""
        self._close()
        return self.drain()

    def now(self) -> pl.DataFrame:
        """The open row, to be read at any moment: what `finish` would give behind the rows that wait, without finishing."""
        twin = copy(self)
        for name in ("_out", *self.kept):
            setattr(twin, name, getattr(self, name).copy())
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
            "arrays": [_packed(array) for array in (*(getattr(self, name) for name in self.kept), *self._closed)],
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
        try:
            fits = self._fits(arrays, extra)
        except (TypeError, IndexError, ValueError):  # what stands beside the arrays is not what this measure remembers
            fits = False
        if not fits:
            shapes = ", ".join(str(array.shape) for array in arrays)
            raise InputError(f"these bytes are no memory of a measure (arrays of {shapes}); give what save() gave")
        for name, array in zip(self.kept, arrays, strict=False):
            setattr(self, name, array)
        self._closed = arrays[len(self.kept) :]
        self.waiting = sum(map(len, self._closed))
        self._last_ts, self._horizon = last_ts, _BEFORE_ALL
        self._set_extra(extra)
        return self

    def _fits(self, arrays: list[Any], extra: Any) -> bool:
        """Whether the arrays are of the sizes that the kernel indexes, and closed rows are as wide as `out`."""
        count = len(self.kept)
        sized = len(arrays) >= count and all(array.ndim == 1 for array in arrays[:count])
        if not sized or any(array.ndim != 2 or array.shape[1] != self._out.shape[1] for array in arrays[count:]):
            return False
        return all(self._holds(name, array, extra) for name, array in zip(self.kept, arrays, strict=False))

    def _holds(self, name: str, array: Int1D, extra: Any) -> bool:
        """Whether an array of the memory is of a size that the kernel can index."""
        return len(array) == len(getattr(self, name))

    def _made_by(self) -> str:
        settings = zlib.crc32(self._settings.tobytes() + self._words().encode())
        return f"{type(self).__name__} of {self._of()}, settings {settings:08x}"

    def _of(self) -> str:
        """What it measures: a memory goes on only where that is the same."""
        return "tables"

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


def words_of(of: Instrument) -> str:
    """An instrument and its terms, as a memory names it."""
    return f"{of.id}, tick {of.tick}, lot {of.lot}, terms {zlib.crc32(msgspec.json.encode(of)):08x}"
