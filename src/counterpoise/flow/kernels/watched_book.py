"""A book that a detector keeps, and whether it could be trusted without a break.

The slots lie at the beginning of the state of every such stream; slot 0 is WRITTEN.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel
from counterpoise.market.kernels.book import STATE, STATUS_SIZE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, GAPPED, SYNCED
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, set_level

__all__ = [
    "BOOK_VENUE",
    "HEARD",
    "NO_MID",
    "STATUS",
    "WATCH_SIZE",
    "book_row",
    "in_sync",
    "odds_to_score",
    "two_mids",
    "unbroken",
]

STATUS: Final = 1  # counterpoise.market.kernels.book
HEARD: Final = STATUS + STATUS_SIZE  # ts_local of the last book message, 0 before the first
BOOK_VENUE: Final = HEARD + 1  # its ts_venue
WATCH_SIZE: Final = BOOK_VENUE + 1
NO_MID: Final = NO_KEY


@inner_kernel
def in_sync(state: Int1D) -> bool:
    """Whether the book is whole and not crossed, as of the last message."""
    return state[STATUS + STATE] == SYNCED


@inner_kernel
def two_mids(book: Int1D, state: Int1D) -> int:
    """Best bid + best ask [ticks], NO_MID unless the book is in sync and has both sides."""
    bid, ask = book[BEST], book[HEAD + BEST]
    return bid - ask if in_sync(state) and bid != NO_KEY and ask != NO_KEY else NO_MID


@inner_kernel
def book_row(book: Int1D, state: Int1D, kind: int, side: int, flags: int, price_ticks: int, lots: int) -> None:
    """Apply one row of kind DELTA, SNAPSHOT or GAP; call only when the ladder has room."""
    if kind == DELTA and state[STATUS + STATE] != GAPPED:
        set_level(book, (1 - side) >> 1, side * price_ticks, lots)
    else:
        apply_row(book, state[STATUS:HEARD], kind, side, flags, price_ticks, lots)


@inner_kernel
def unbroken(book: Int1D, state: Int1D, ts_local: int, ts_venue: int, stale_ns: float) -> bool:
    """At the end of a book message: whether the book was in sync and never silent for too long since the message before."""
    before = state[STATUS + STATE]
    settle(book, state[STATUS:HEARD])
    fresh = state[HEARD] != 0 and ts_local - state[HEARD] <= stale_ns
    state[HEARD] = ts_local
    state[BOOK_VENUE] = ts_venue
    return fresh and before == SYNCED and state[STATUS + STATE] == SYNCED


@inner_kernel
def odds_to_score(odds: float) -> float:
    """Probability of odds, also of infinite ones."""
    return 1.0 - 1.0 / (1.0 + np.float64(odds))
