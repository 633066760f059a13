"""Measures of tables in bins of time, opened by the rows of one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration
from counterpoise.flow.kernels import latest as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS
from counterpoise.flow.tables import Field, Table, TableStream, age_setting

__all__ = ["LatestBins", "TableBins", "require_bins", "told_table"]

_MAX_BINS: Final = 50_000_000
_LONGEST_BIN: Final = 1 << 62


class TableBins(TableStream):
    """Base of a measure of tables with one row a bin, from the first row of the table that opens bins on.

    The end of a bin is a multiple of `every_ns` in ts_local; a row at the end itself belongs to the next bin.
    """

    every_ns: int

    def opened(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """All bins of tables that are at hand at once: as `whole`, but none behind the last row of the table that opens bins.

        Raises
        ------
        InputError, DataError
            As `push`.
        """
        parts = [self._packed(name, frame) for name, frame in frames.items()]
        ends = [int(rows[-1, TS]) for rows in parts if len(rows) and rows[0, CODE] == OPENS]
        if ends:
            end = (ends[0] // self.every_ns + 1) * self.every_ns
            self._push([rows[: np.searchsorted(rows[:, TS], end)] for rows in parts])
        return self.finish()

    def _look(self, rows: Int2D) -> None:
        opened = int(self._state[BIN_END])
        opening = rows[rows[:, CODE] == OPENS, TS]
        if opened == NOT_OPEN and not len(opening):
            return
        begun = opened - self.every_ns if opened != NOT_OPEN else int(opening[0])
        span = int(rows[-1, TS]) - begun
        if span // self.every_ns >= _MAX_BINS:
            raise InputError(
                f"{format_duration(span)} make more than {_MAX_BINS:,} bins of {format_duration(self.every_ns)}; "
                "choose longer bins"
            )

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        self._horizon = last_ns + (_MAX_BINS - 1) * self.every_ns if self._state[BIN_END] != NOT_OPEN else last_ns


class LatestBins(TableBins):
    """Base of a measure that reads several numbers as they were said last before each bin's end.

    Parameters
    ----------
    tables : mapping of str to Table
        Made by `told_table`.
    every_ns : int
        Length of a bin.
    max_age_ns : sequence of int
        Of each number: when it is older than this at the bin's end, it is none.

    Raises
    ------
    InputError
        If bins are not longer than nothing.
    """

    rows = staticmethod(k.latest_rows)

    def __init__(self, tables: Mapping[str, Table], *, every_ns: int, max_age_ns: tuple[int, ...]) -> None:
        require_bins(every_ns)
        state = np.zeros(k.LATEST + len(max_age_ns) * k.PER_NUMBER, np.int64)
        state[BIN_END] = NOT_OPEN
        state[k.LATEST + 1 :: k.PER_NUMBER] = k.NEVER
        state[k.LATEST :: k.PER_NUMBER] = state[k.LATEST + 2 :: k.PER_NUMBER] = np.array(np.nan).view(np.int64)
        ages = [age_setting(age) for age in max_age_ns]
        super().__init__(
            tables,
            state=state,
            settings=np.array([every_ns, *ages], np.float64),
            width=k.FIRST + len(max_age_ns) * k.PER_NUMBER,
            row_width=TOLD + len(max_age_ns),
        )
        self._blank[TOLD:] = np.array(np.nan).view(np.int64)
        self.every_ns = every_ns

    def _close(self) -> None:
        if self._state[BIN_END] != NOT_OPEN:
            k.close_latest(self._state, self._settings, self._out)
            self._keep()


def require_bins(every_ns: int) -> None:
    """Refuse bins that are not longer than nothing."""
    if not 0 < every_ns < _LONGEST_BIN:
        raise InputError(f"a bin must be longer than nothing, found {every_ns} ns")


def told_table(code: int, what: str, numbers: Mapping[str, int], *, kind: str = "price") -> Table:
    """A table with ``ts_local`` and columns that say the numbers of those indices."""
    fields = [Field(name, TOLD + number, kind) for name, number in numbers.items()]  # type: ignore[arg-type]
    return Table(code, what, (Field("ts_local", TS, "time"), *fields))
