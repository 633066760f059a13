"""What was said last before the end of each bin, and how old it was: several numbers, each with an age of its own.

A number that is NaN was not said. The numbers at the end of the bin before stand in the row too, so that a change needs no
other row.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END
from counterpoise.flow.kernels.tables import CODE, EVERY_NS, TOLD, TS, due, open_bin

__all__ = ["END", "FIRST", "LATEST", "MAX_AGE_NS", "NEVER", "PER_NUMBER", "close_latest", "latest_rows"]

WRITTEN: Final = 0
LATEST: Final = 2  # per number: what was said last, by its bits, when, and what counted at the end of the bin before
PER_NUMBER: Final = 3

MAX_AGE_NS: Final = EVERY_NS + 1  # settings, one for each number

END: Final = 0  # columns of a row: then value, age and value before of each number
FIRST: Final = 1

NEVER: Final = np.iinfo(np.int64).max  # age, and never said


@inner_kernel
def _close_bin(state: Int1D, settings: Float1D, row: Int1D) -> None:
    end = state[BIN_END]
    row[END] = end
    values, before = row.view(np.float64), state.view(np.float64)
    for number in range(len(settings) - MAX_AGE_NS):
        at, to = LATEST + number * PER_NUMBER, FIRST + number * PER_NUMBER
        age = NEVER if state[at + 1] == NEVER else end - state[at + 1]
        values[to + 2] = before[at + 2]
        values[to] = before[at] if age <= np.int64(settings[MAX_AGE_NS + number]) else np.nan
        before[at + 2] = values[to]
        row[to + 1] = age
    state[BIN_END] = end + np.int64(settings[EVERY_NS])


@kernel
def close_latest(state: Int1D, settings: Float1D, out: Int2D) -> None:
    """The open bin as it stands."""
    _close_bin(state, settings, out[0])
    state[WRITTEN] = 1


@kernel
def latest_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """What was said last before each bin's end; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    said, told = state.view(np.float64), rows.view(np.float64)
    written, i = 0, start
    while i < len(rows):
        ts = rows[i, TS]
        if due(state, ts):
            if written == len(out):
                break
            _close_bin(state, settings, out[written])
            written += 1
            continue
        open_bin(state, settings, ts, rows[i, CODE])
        for number in range(rows.shape[1] - TOLD):
            if not np.isnan(told[i, TOLD + number]):
                at = LATEST + number * PER_NUMBER
                said[at], state[at + 1] = told[i, TOLD + number], ts
        i += 1
    state[WRITTEN] = written
    return i
