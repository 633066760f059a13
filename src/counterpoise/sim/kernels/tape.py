"""The growing end of an event stream: rows of seven integers, split into typed columns once a chunk is full.

One row is (ts_local, ts_venue, seq, id, code, price_ticks, qty_lots), code = kind + 256 × flags + 65536 × (side + 1).
Writing one short row costs a single cache line; nine columns would cost nine.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import FIRST, LAST

__all__ = [
    "CODE",
    "ID",
    "LOCAL",
    "LOTS",
    "PRICE",
    "SEQ",
    "TAPE_COLUMNS",
    "VENUE",
    "arrive",
    "bracket",
    "split_tape",
    "write_row",
]

LOCAL: Final = 0
VENUE: Final = 1
SEQ: Final = 2
ID: Final = 3
CODE: Final = 4
PRICE: Final = 5
LOTS: Final = 6
TAPE_COLUMNS: Final = 7


@kernel
def write_row(tape: Int2D, row: int, ts_venue: int, seq: int, number: int, kind: int, side: int, price: int, lots: int) -> None:
    """Write one row without flags and without ts_local. Assumes that the tape has room."""
    tape[row, VENUE] = ts_venue
    tape[row, SEQ] = seq
    tape[row, ID] = number
    tape[row, CODE] = kind + ((side + 1) << 16)
    tape[row, PRICE] = price
    tape[row, LOTS] = lots


@kernel
def arrive(tape: Int2D, first: int, stop: int, ts_local: int) -> None:
    """Give rows [first, stop) their time of arrival [ns]."""
    for row in range(first, stop):
        tape[row, LOCAL] = ts_local


@kernel
def bracket(tape: Int2D, first: int, stop: int) -> None:
    """Mark rows [first, stop), at least one, as one message."""
    tape[first, CODE] += FIRST << 8
    tape[stop - 1, CODE] += LAST << 8


@kernel
def split_tape(
    tape: Int2D,
    rows: int,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    number: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price: Int1D,
    lots: Int1D,
) -> None:
    """Columns of the first rows of a tape; every column has at least `rows` places."""
    for row in range(rows):
        code = tape[row, CODE]
        ts_local[row] = tape[row, LOCAL]
        ts_venue[row] = tape[row, VENUE]
        seq[row] = tape[row, SEQ]
        number[row] = tape[row, ID]
        kind[row] = code & 255
        flags[row] = (code >> 8) & 255
        side[row] = (code >> 16) - 1
        price[row] = tape[row, PRICE]
        lots[row] = tape[row, LOTS]
