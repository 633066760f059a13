"""Measures of typed tables: rows of marks, open interest, quotes or trades in, rows out, the same however they are cut.

What a venue tells of a derivative beside its book comes as rows of tables, each with the time at which it was known. A
`TableStream` takes them as they arrive, of several tables in order of that time, and remembers as a
`counterpoise.flow.stream.Stream` does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from math import isinf, nan
from typing import Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.flow.kernels.bins import WRITTEN
from counterpoise.flow.kernels.tables import CODE, TIME_ONLY, TS
from counterpoise.flow.memory import Memory
from counterpoise.flow.numbers import numbers_of, times_of, wholes_of

__all__ = ["Field", "Table", "TableRows", "TableStream", "age_setting"]

Kind = Literal["time", "whole", "stamp", "real", "price", "size", "given"]
TableRows = Callable[..., int]
_BOUND: Final = ("price", "size", "given")
_REALS: Final = ("real", "price", "size", "given")
_EXPECTED: Final = {"price": "a positive price", "size": "0 or more", "given": "0 or more, and never nothing"}


class Field(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
    at : int
        Where its number lies in a packed row.
    kind : {"time", "whole", "stamp", "real", "price", "size", "given"}
        Whole numbers: ns UTC, ascending; any; 0 where the venue said nothing. Doubles, NaN where the venue said nothing: any;
        above 0; not below 0; not below 0, and the venue must have said it.
    needed : bool
        Whether the column must be there.
    """

    name: str
    at: int
    kind: Kind = "real"
    needed: bool = True


class Table(NamedTuple):
    """What rows of one kind hold, in the words of errors, and the code that a kernel knows them by."""

    code: int
    what: str
    fields: tuple[Field, ...]


class TableStream(Memory):
    """Base of a measure that takes rows of tables piece by piece.

    A subclass gives `rows`, a kernel

        rows(state, settings, rows, start, out) → next

    over packed rows: ts_local, the code of the table, and numbers, floats by their bits, where the `Field` of each says; a
    double that nothing was said of is NaN. It stops, and says what it wrote, as the kernel of a
    `counterpoise.flow.stream.Stream` does. A row of code TIME_ONLY holds nothing but the time.

    Parameters
    ----------
    tables : mapping of str to Table
    state, settings, width
        See `counterpoise.flow.memory.Memory`.
    row_width : int
        Numbers in a packed row.

    Notes
    -----
    Rows of equal time may come in any order of their tables: no kernel lets one see another.
    """

    rows: ClassVar[TableRows]

    def __init__(self, tables: Mapping[str, Table], *, state: Int1D, settings: Float1D, width: int, row_width: int) -> None:
        super().__init__(state=state, settings=settings, width=width)
        self.tables = dict(tables)
        self._blank = np.zeros(row_width, np.int64)
        self._one = np.zeros((1, row_width), np.int64)
        self._packers = {name: _packer(table, self._one) for name, table in self.tables.items()}

    # rows in

    def step(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Take rows of tables, all up to a moment; returns the rows they completed. Raises as `push`."""
        self.push(frames)
        return self.drain()

    def whole(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """All rows of tables that are at hand at once: `step`, then `finish`. Raises as `push`."""
        return pl.concat([self.step(frames), self.finish()])

    def push(self, frames: Mapping[str, pl.DataFrame]) -> int:
        """Take rows of tables, all up to a moment; returns how many rows wait for `drain`.

        Parameters
        ----------
        frames : mapping of str to pl.DataFrame
            By the name of the table; ``ts_local`` ascends in each. Other columns than those of the table are not looked at.

        Raises
        ------
        UnknownName
            If there is no such table.
        InputError
            If a column is missing or of another kind.
        DataError
            If times go back, within a table or behind what was taken before, or a number cannot be.
        """
        return self._push([self._packed(name, frame) for name, frame in frames.items()])

    def _push(self, parts: list[Int2D]) -> int:
        rows = np.concatenate(parts) if len(parts) > 1 else parts[0] if parts else self._one[:0]
        if len(parts) > 1:
            rows = rows.take(np.argsort(rows[:, TS], kind="stable"), axis=0)
        if len(rows):
            self._look(rows)
            self._begin(int(rows[0, TS]), int(rows[-1, TS]))
            self._run(rows, len(rows))
        return self.waiting

    def event(self, table: str, row: Mapping[str, Any]) -> int:
        """Take one row, as it comes from a socket; returns how many rows wait for `drain`. Raises as `push`.

        Parameters
        ----------
        table : str
        row : mapping of str to number
            By the names of the columns; None where the venue said nothing.
        """
        self._pack(table, row)
        one = self._one
        ts_local = int(one[0, TS])
        if ts_local < self._last_ts or ts_local > self._horizon:
            self._look(one)
            self._begin(ts_local, ts_local)
        self._last_ts = ts_local
        taken = self.rows(self._state, self._settings, one, 0, self._out)
        if self._state[WRITTEN] or not taken:
            self._keep()
            if not taken:
                self._run(one, 1)
        return self.waiting

    def until(self, ts_ns: int) -> int:
        """Let time pass though no row says so: what ends at or before it is complete. Raises DataError if time goes back."""
        self._one[0] = self._blank
        self._one[0, TS], self._one[0, CODE] = ts_ns, TIME_ONLY
        self._look(self._one)
        self._begin(ts_ns, ts_ns)
        self._run(self._one, 1)
        return self.waiting

    def _take(self, rows: Any, start: int) -> int:
        return self.rows(self._state, self._settings, rows, start, self._out)

    def _look(self, rows: Int2D) -> None:
        """Refuse packed rows that cannot be, before any is taken; of single rows it sees those beyond the horizon."""

    def _table(self, name: str) -> Table:
        if name not in self.tables:
            raise UnknownName("table", name, self.tables)
        return self.tables[name]

    def _packed(self, name: str, frame: pl.DataFrame) -> Int2D:
        """Rows of a table as the kernel takes them."""
        table = self._table(name)
        out = np.empty((frame.height, len(self._blank)), np.int64)
        reals = out.view(np.float64)
        told = {field.at for field in table.fields}
        for at in range(len(self._blank)):
            if at not in told:
                out[:, at] = self._blank[at]
        out[:, CODE] = table.code
        for field in table.fields:
            if field.needed or field.name in frame.columns:
                if field.kind in _REALS:
                    reals[:, field.at] = _reals(frame, field, what=table.what)
                else:
                    out[:, field.at] = _whole_numbers(frame, field, what=table.what)
            elif field.kind in _REALS:
                reals[:, field.at] = nan
        return out

    def _pack(self, name: str, row: Mapping[str, Any]) -> None:
        """One row of a table into the buffer of single rows."""
        table = self._table(name)
        self._one[0] = self._blank
        self._packers[name](row)
        self._one[0, CODE] = table.code


def age_setting(max_age_ns: int) -> int:
    """An age as a kernel takes it: nothing is ever older than 146 years, which a double still holds.

    Raises
    ------
    InputError
        If it is negative.
    """
    if max_age_ns < 0:
        raise InputError(f"what may be so old must be 0 ns or more, found {max_age_ns}")
    return min(max_age_ns, 1 << 62)


def _reals(frame: pl.DataFrame, field: Field, *, what: str) -> Float1D:
    values = numbers_of(frame, field.name, what=what)
    if field.kind != "real":
        bad = np.flatnonzero(~_possible(values, field.kind))
        if len(bad):
            raise DataError(f"{what}: row {bad[0]} has {_not_this(field, float(values[bad[0]]))}; drop such rows")
    return values


def _whole_numbers(frame: pl.DataFrame, field: Field, *, what: str) -> Int1D:
    if field.kind == "time":
        return times_of(frame, field.name, what=what)
    return wholes_of(frame, field.name, what=what, unsaid=0 if field.kind == "stamp" else None)


def _possible(values: Any, kind: Kind) -> Any:
    if kind == "given":
        return values >= 0
    return (values != values) | (values > 0 if kind == "price" else values >= 0)


def _not_this(field: Field, value: float) -> str:
    return f"{field.name} {value}, expected {_EXPECTED[field.kind]}"


def _packer(table: Table, one: Int2D) -> Callable[[Mapping[str, Any]], None]:
    """What writes the numbers of one row of a table to their places in a buffer."""
    buffer = one.data.cast("B")
    fields = [(f, f.name, f.kind, struct.Struct("<d" if f.kind in _REALS else "<q"), 8 * f.at) for f in table.fields]

    def pack(row: Mapping[str, Any]) -> None:
        for field, name, kind, form, at in fields:
            value = row.get(name)
            try:
                if value is None:
                    value = _unsaid(row, field, what=table.what)
                elif kind in _BOUND and not _possible(value, kind):
                    raise DataError(f"{table.what}: a row has {_not_this(field, value)}; leave it out")
                elif kind in _REALS and isinf(value):
                    raise DataError(f"{table.what}: a row has {name} {value}, expected a finite number; leave it out")
                form.pack_into(buffer, at, value)
            except (struct.error, TypeError) as error:
                raise InputError(f"{table.what}: {name} is {value!r} ({error}); give a number") from error

    return pack


def _unsaid(row: Mapping[str, Any], field: Field, *, what: str) -> float:
    """What stands for a number that a row does not say."""
    if field.needed and field.name not in row:
        raise InputError(f"{what} needs {field.name!r}, found {', '.join(row)}; give None where the venue said nothing")
    if field.kind in ("time", "whole", "given"):
        raise DataError(f"{what}: a row has no {field.name}; leave it out")
    return 0 if field.kind == "stamp" else nan
