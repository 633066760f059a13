"""The order book of one instrument, kept in integer ticks and lots."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.market.event import Events
from counterpoise.market.kernels import book as kernels
from counterpoise.market.kernels.ladder import (
    ABOVE_ALL,
    BEST,
    HEAD,
    LADDER_SIZE,
    NO_KEY,
    clear,
    depth_between,
    fill_top,
    next_below,
    quantity_at,
    rehash,
)
from counterpoise.market.quality import BookState

__all__ = ["Book", "Levels", "grow_ladder", "new_ladder", "require_sound"]

_FAR_SLOTS = 1 << 10


class Levels(NamedTuple):
    """Levels of one side, best first: (n,) int64 ticks and lots."""

    price_ticks: Int1D
    qty_lots: Int1D


def new_ladder() -> Int1D:
    """An empty ladder, see `counterpoise.market.kernels.ladder`."""
    book = np.zeros(LADDER_SIZE + 4 * _FAR_SLOTS, np.int64)
    clear(book, 0)
    clear(book, 1)
    return book


def grow_ladder(book: Int1D) -> Int1D:
    """The same ladder with a hash table twice as large."""
    larger = np.empty(LADDER_SIZE + 2 * (len(book) - LADDER_SIZE), np.int64)
    rehash(book, larger)
    return larger


class Book:
    """A book that rows are applied to.

    Before the first snapshot, and after a GAP row until the next one, it is empty and GAPPED.

    Notes
    -----
    Best price O(1); a row O(1) while it falls in the dense window of 2¹⁵ ticks a side. Memory: 0.5 MB, and 64 to 128 bytes a
    live level.
    """

    def __init__(self) -> None:
        self._ladder = new_ladder()
        self._status = np.zeros(kernels.STATUS_SIZE, np.int64)
        self._status[kernels.STATE] = BookState.GAPPED

    def apply(self, events: Events) -> None:
        """Apply the book rows of some events; rows of other kinds are passed over."""
        require_sound(events)
        done = 0
        while True:
            done = kernels.apply_rows(
                self._ladder,
                self._status,
                events.kind,
                events.side,
                events.flags,
                events.price_ticks,
                events.qty_lots,
                done,
            )
            if done == events.rows:
                return
            self._ladder = grow_ladder(self._ladder)

    def clear(self) -> None:
        """Empty both sides and wait for a snapshot."""
        clear(self._ladder, 0)
        clear(self._ladder, 1)
        self._status[kernels.STATE] = BookState.GAPPED

    @property
    def state(self) -> BookState:
        """SYNCED, CROSSED or GAPPED as of the last whole message; STALE is a matter of the reader's clock."""
        return BookState(int(self._status[kernels.STATE]))

    @property
    def messages(self) -> int:
        return int(self._status[kernels.MESSAGES])

    @property
    def crossings(self) -> int:
        """Messages that left the book crossed or locked."""
        return int(self._status[kernels.CROSSINGS])

    @property
    def gaps(self) -> int:
        return int(self._status[kernels.GAPS])

    @property
    def best_bid(self) -> int | None:
        """Ticks, or None when there are no bids."""
        return self._best(0)

    @property
    def best_ask(self) -> int | None:
        """Ticks, or None when there are no asks."""
        return self._best(1)

    def _best(self, index: int) -> int | None:
        key = int(self._ladder[index * HEAD + BEST])
        return None if key == NO_KEY else key * (1 - 2 * index)

    def quantity(self, side: int, price_ticks: int) -> int:
        """Lots resting at a price, 0 when none."""
        return int(quantity_at(self._ladder, _index(side), side * price_ticks))

    def levels(self, side: int, count: int | None = None) -> Levels:
        """The best `count` levels of a side, or all of them."""
        index = _index(side)
        if count is not None:
            if count <= 0:
                raise InputError(f"levels wants a positive count, found {count}")
            keys, lots = np.empty(count, np.int64), np.empty(count, np.int64)
            found = fill_top(self._ladder, index, 0, ABOVE_ALL, keys, lots)
            return Levels(side * keys[:found], lots[:found])
        keys_all: list[int] = []
        key = int(self._ladder[index * HEAD + BEST])
        while key != NO_KEY:
            keys_all.append(key)
            key = int(next_below(self._ladder, index, key))
        lots_all = [int(quantity_at(self._ladder, index, k)) for k in keys_all]
        return Levels(side * np.array(keys_all, np.int64), np.array(lots_all, np.int64))

    def depth(self, side: int, *, levels: int) -> int:
        """Lots in the best `levels` levels of a side."""
        return int(self.levels(side, levels).qty_lots.sum())

    def depth_within(self, side: int, *, bps: float) -> int:
        """Lots of a side at most `bps` basis points from mid; 0 when a side is empty."""
        index = _index(side)
        if not 0 < bps < 10_000:
            raise InputError(f"a distance from mid lies between 0 and 10,000 bps, found {bps}")
        bid, ask = self.best_bid, self.best_ask
        if bid is None or ask is None:
            return 0
        mid = Fraction(bid + ask, 2)
        key = ceil(side * mid - abs(mid) * Fraction(str(bps)) / 10_000)
        return int(depth_between(self._ladder, index, key, ABOVE_ALL))


def _index(side: int) -> int:
    if side not in (1, -1):
        raise InputError(f"a side of the book is +1 (bids) or -1 (asks), found {side}")
    return (1 - side) >> 1


def require_sound(events: Events, *, in_order: bool = False) -> None:
    """Refuse rows that kernels must not see and, when `in_order`, times that go back.

    Raises
    ------
    DataError
        If ts_local goes back and `in_order` is asked for.
    InputError
        If columns differ in length, or a level or quote has a side other than ±1, a trade one beyond −1 to +1, or a row a
        negative size, 2⁵⁸ lots or a price of 2⁶¹ ticks or more, or is of no known kind.
    """
    lengths = {len(column) for column in events}
    if len(lengths) > 1:
        raise InputError(f"event columns have {sorted(lengths)} rows, expected as many in each; cut them with Events.cut")
    e = events
    if kernels.all_sound(e.ts_local, e.kind, e.side, e.price_ticks, e.qty_lots):
        return
    if in_order:
        events.require_order()
    i = int(kernels.unsound_row(events.kind, events.side, events.price_ticks, events.qty_lots))
    if i < events.rows:
        raise InputError(
            f"row {i} of kind {events.kind[i]} cannot be: side {events.side[i]}, price {events.price_ticks[i]} ticks, "
            f"{events.qty_lots[i]} lots; expected a kind of 0 to 5, side +1 or -1 (0 for trades too), |price| < 2^61, "
            "0 <= lots < 2^58; correct the source, or choose a coarser lot"
        )
