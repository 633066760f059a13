"""A market cut at equal steps: the best levels of the book at each step's end, and the trades between."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D, Int3D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import GAP, LAST, SYNCED, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, NO_KEY, fill_top, room

__all__ = ["STEP", "TRADES", "WRITTEN_SIZE", "cut_rows"]

STEP: Final = 0  # of written: steps that are complete
TRADES: Final = 1  # of written: rows of trades
WRITTEN_SIZE: Final = 2


@kernel
def _end_step(book: Int1D, status: Int1D, written: Int1D, ticks: Int3D, lots: Int3D, sound: UInt8_1D, offsets: Int1D) -> None:
    """Write the book as it stands; levels that are not there have no lots and the price of the last one that is."""
    step = written[STEP]
    whole = status[STATE] == SYNCED
    for side in range(2):
        found = fill_top(book, side, 0, ABOVE_ALL, ticks[step, side], lots[step, side])
        whole = whole and found > 0
        sign = 1 - 2 * side
        for level in range(ticks.shape[2]):
            if ticks[step, side, level] == NO_KEY:
                ticks[step, side, level] = ticks[step, side, level - 1] if level else 0
            else:
                ticks[step, side, level] *= sign
    sound[step] = whole
    written[STEP] += 1
    offsets[written[STEP]] = written[TRADES]


@kernel
def cut_rows(
    book: Int1D,
    status: Int1D,
    written: Int1D,
    ts_local: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    first_ns: int,
    step_ns: int,
    ticks: Int3D,
    lots: Int3D,
    sound: UInt8_1D,
    offsets: Int1D,
    trades: Int2D,
) -> int:
    """Take rows from `start`, ending step k at ``first_ns + (k + 1) step_ns``; returns the first row not taken.

    Stops early when the book's hash table must grow. Steps that the rows do not reach are ended once all rows are taken.
    Assumes as many rows in `trades` as there are trades from `first_ns` on.
    """
    book, status, written, offsets, trades = borrow(book), borrow(status), borrow(written), borrow(offsets), borrow(trades)
    ticks, lots, sound = borrow(ticks), borrow(lots), borrow(sound)
    i = start
    while i < len(kind):
        while written[STEP] < len(sound) and ts_local[i] >= first_ns + (written[STEP] + 1) * step_ns:
            _end_step(book, status, written, ticks, lots, sound, offsets)
        if written[STEP] == len(sound):
            return len(kind)
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                return i
            apply_row(book, status, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST:
                settle(book, status)
        elif what == TRADE and ts_local[i] >= first_ns and qty_lots[i] > 0:
            row = written[TRADES]
            trades[row, 0], trades[row, 1], trades[row, 2] = sign, price_ticks[i], qty_lots[i]
            written[TRADES] += 1
        i += 1
    while written[STEP] < len(sound):
        _end_step(book, status, written, ticks, lots, sound, offsets)
    return i
