"""Packed rows of tables, and bins of time that rows of one of them open.

A row is ts_local, the code of its table, and numbers, doubles by their bits. Bins begin with the one that holds the first row
of the table that OPENS them and follow each other without a hole; a row of any table at or behind a bin's end closes it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import inner_kernel
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN

__all__ = ["CODE", "EVERY_NS", "OPENS", "TIME_ONLY", "TOLD", "TS", "due", "open_bin"]

# columns of a packed row
TS: Final = 0  # ns
CODE: Final = 1
TOLD: Final = 2  # the first number

# codes
TIME_ONLY: Final = 0
OPENS: Final = 1

EVERY_NS: Final = 0  # setting of whatever has bins of time


@inner_kernel
def due(state: Int1D, ts: int) -> bool:
    """Whether a bin is open that ends at or before a time."""
    return state[BIN_END] != NOT_OPEN and ts >= state[BIN_END]


@inner_kernel
def open_bin(state: Int1D, settings: Float1D, ts: int, code: int) -> None:
    """Let the first row of the table that opens bins open one."""
    if code == OPENS and state[BIN_END] == NOT_OPEN:
        every = np.int64(settings[EVERY_NS])
        state[BIN_END] = (ts // every + 1) * every
