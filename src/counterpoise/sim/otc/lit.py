"""A lit market as a venue beside it sees it: the touch after each message, and what traded."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from counterpoise.core.arrays import Int2D
from counterpoise.market.book import grow_ladder, new_ladder, require_sound
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.quality import BookState
from counterpoise.sim.kernels.lit import LIT_COLUMNS, lit_rows

__all__ = ["LitTape", "half_tick_instrument"]


class LitTape:
    """Follows the events of one market, in pieces of any length.

    Notes
    -----
    A row is made when the touch changes and at each trade. The touch is 0 without a sound book: gapped, crossed or one-sided;
    locked is sound.
    """

    def __init__(self) -> None:
        self._book, self._latest = new_ladder(), np.zeros(2, np.int64)
        self._status = np.zeros(STATUS_SIZE, np.int64)
        self._status[STATE] = BookState.GAPPED

    def rows(self, events: Events) -> Int2D:
        """(n, 4) int64: ts_local [ns], bid and ask [ticks], lots traded."""
        require_sound(events, in_order=True)
        out, done, written = np.empty((events.rows, LIT_COLUMNS), np.int64), 0, 0
        while done < events.rows:
            done, found = lit_rows(
                self._book,
                self._status,
                self._latest,
                events.ts_local,
                events.kind,
                events.side,
                events.flags,
                events.price_ticks,
                events.qty_lots,
                done,
                out[written:],
            )
            written += found
            if done < events.rows:
                self._book = grow_ladder(self._book)
        return out[:written].copy()


def half_tick_instrument(lit: Instrument, *, venue: str = "dark") -> Instrument:
    """The same contract on another venue, on a grid of half ticks: a lit price p is 2p here, and every mid is whole."""
    return structs.replace(lit, venue=venue, tick=f"{lit.price_grid.step / 2:f}")
