"""What a lit market says to a venue beside it: best prices as messages end, and lots traded."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import GAP, GAPPED, LAST, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, room

__all__ = ["LIT_ASK", "LIT_BID", "LIT_COLUMNS", "LIT_LOTS", "LIT_TS", "lit_rows"]

# columns of a row
LIT_TS: Final = 0
LIT_BID: Final = 1  # ticks; 0 while there is no sound book
LIT_ASK: Final = 2
LIT_LOTS: Final = 3  # traded by this row
LIT_COLUMNS: Final = 4


@kernel
def lit_rows(
    book: Int1D,
    status: Int1D,
    latest: Int1D,
    ts_local: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> tuple[int, int]:
    """Apply rows from `start`; returns (first row not applied, rows written): one for each change of the touch and each trade.

    Stops early when the book's hash table must grow. `latest` holds the touch written last. Assumes `out` has a row for each.
    """
    book, status, latest, out = borrow(book), borrow(status), borrow(latest), borrow(out)
    written = 0
    for i in range(start, len(kind)):
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        traded = 0
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                return i, written
            apply_row(book, status, what, sign, flag, price_ticks[i], qty_lots[i])
            if not flag & LAST and what != GAP:
                continue
            if flag & LAST:
                settle(book, status)
            bid, ask = book[BEST], book[HEAD + BEST]
            sound = status[STATE] != GAPPED and bid != NO_KEY and ask != NO_KEY and bid + ask <= 0
            bid, ask = (bid, -ask) if sound else (0, 0)
            if bid == latest[0] and ask == latest[1]:
                continue
            latest[0], latest[1] = bid, ask
        elif what == TRADE:
            traded = qty_lots[i]
        else:
            continue
        out[written, LIT_TS], out[written, LIT_BID], out[written, LIT_ASK] = ts_local[i], latest[0], latest[1]
        out[written, LIT_LOTS] = traded
        written += 1
    return len(kind), written
