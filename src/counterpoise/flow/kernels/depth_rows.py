"""Rows of a book for measures that keep one and act when a message is whole."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, GAPPED, STALE, SYNCED
from counterpoise.market.kernels.ladder import set_level

__all__ = ["book_row", "hears"]


@inner_kernel
def book_row(book: Int1D, status: Int1D, what: int, sign: int, flag: int, price_ticks: int, lots: int) -> None:
    """Apply one row of kind DELTA, SNAPSHOT or GAP; a level of a book in order without a call. Only when `room` is true."""
    if what == DELTA and status[STATE] != GAPPED:
        set_level(book, (1 - sign) >> 1, sign * price_ticks, lots)
    else:
        apply_row(book, status, what, sign, flag, price_ticks, lots)


@inner_kernel
def hears(book: Int1D, status: Int1D, silent: bool) -> int:
    """The last row of a message was applied: the state of the book since the message before."""
    settle(book, status)
    return STALE if status[STATE] == SYNCED and silent else status[STATE]
