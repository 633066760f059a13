"""One event through several streams in one call.

What all of them remember lies in one array, cut up by a table: a call from Python pays for each array it hands over. The
kernels of the streams are called by their addresses, so this one compiles in a moment and serves any streams.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import borrow, call_at, kernel
from counterpoise.flow.kernels.bins import WRITTEN
from counterpoise.market.kernels.codes import DELTA, LIQUIDATION, QUOTE, SNAPSHOT

__all__ = [
    "ADDRESS",
    "BOOK",
    "COLUMNS",
    "EVENT_WORDS",
    "HORIZON",
    "LAST_TS",
    "MOST_LOTS",
    "OUT",
    "OUT_OF_TIME",
    "REACH",
    "SETTINGS",
    "STATE",
    "TAKEN",
    "UNSOUND",
    "WIDTH",
    "WORDS",
    "live_row",
]

# words of the row: one event as `counterpoise.flow.stream` packs it, then
EVENT_WORDS: Final = 7  # ts_local, ts_venue, seq, id, (kind, side, flags), price_ticks, qty_lots
LAST_TS: Final = 7  # ts_local of the event before
HORIZON: Final = 8  # an event beyond it must be looked at first
WORDS: Final = 9

# columns of the table, a row for each stream; a part has two, where it begins and where it ends in the memory
ADDRESS: Final = 0
BOOK: Final = 1
STATE: Final = 3
SETTINGS: Final = 5
OUT: Final = 7
WIDTH: Final = 9  # columns of `out`
TAKEN: Final = 10  # written: rows the stream took, 0 when it must grow or write first
COLUMNS: Final = 11

# what a call gives when nothing was done
UNSOUND: Final = -1
OUT_OF_TIME: Final = -2

REACH: Final = 1 << 61  # ticks; beyond it no price is sound
MOST_LOTS: Final = 1 << 58


@kernel
def live_row(memory: Int1D, table: Int2D, row: Int1D) -> int:
    """Give one event to every stream; returns how many of them must be looked at, as they wrote rows or did not take it."""
    memory, table, row = borrow(memory), borrow(table), borrow(row)
    small = row[4:5].view(np.uint8)
    kind, side, flags = small[0:1], row[4:5].view(np.int8)[1:2], small[2:3]
    ts, price_ticks, lots = row[0], row[5], row[6]
    sided = kind[0] == DELTA or kind[0] == SNAPSHOT or kind[0] == QUOTE
    if not (0 <= lots < MOST_LOTS and -2 < side[0] < 2 and kind[0] <= LIQUIDATION and -REACH < price_ticks < REACH):
        return UNSOUND
    if sided and side[0] == 0:
        return UNSOUND
    if ts < row[LAST_TS] or ts > row[HORIZON]:
        return OUT_OF_TIME
    row[LAST_TS] = ts
    waiting = 0
    for i in range(len(table)):
        part = table[i]
        out = memory[part[OUT] : part[OUT + 1]]
        part[TAKEN] = call_at(
            part[ADDRESS],
            (
                memory[part[BOOK] : part[BOOK + 1]],
                memory[part[STATE] : part[STATE + 1]],
                memory[part[SETTINGS] : part[SETTINGS + 1]].view(np.float64),
                row[0:1],
                row[1:2],
                row[2:3],
                row[3:4],
                kind,
                side,
                flags,
                row[5:6],
                row[6:7],
                np.int64(0),
                out.reshape((len(out) // part[WIDTH], part[WIDTH])),
            ),
        )
        waiting += part[TAKEN] == 0 or memory[part[STATE] + WRITTEN] != 0
    return waiting
