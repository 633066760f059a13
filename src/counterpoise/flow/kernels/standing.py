"""What stands in the book at the end of a bin, written beside what was summed over it."""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import kernel
from counterpoise.flow.kernels.columns import (
    ASK,
    ASK_DEPTH,
    BANDS,
    BANDS_AT,
    BANDS_COUNT,
    BID,
    BID_DEPTH,
    DEPTH,
    DEPTH_SUM,
    INVERSE,
    LEVELS,
    MESSAGES,
    NEAR,
    NEW_KEY,
    QUOTE_KEY,
    QUOTE_LOTS,
    SLOPES,
    SOURCE,
    TICKER,
    TOP_KEY,
    TOP_LOTS,
    TOP_SUM,
)
from counterpoise.flow.kernels.depth import NEAR as WALK_NEAR
from counterpoise.flow.kernels.depth import WALK_SIZE, band_depths, slope, walk
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, fill_top

__all__ = ["write_standing"]


@kernel
def write_standing(book: Int1D, state: Int1D, settings: Float1D, row: Int1D) -> None:
    """Best prices and resting lots at the end of the bin."""
    source, bands = settings[SOURCE], int(settings[BANDS_COUNT])
    bid, ask = (state[QUOTE_KEY], state[QUOTE_KEY + 1]) if source == TICKER else (book[BEST], book[HEAD + BEST])
    row[BID], row[ASK] = bid, ask
    if source != DEPTH:  # the tops are kept for the depth stream's order flow alone
        fill_top(book, 0, 0, ABOVE_ALL, state[TOP_KEY : TOP_KEY + LEVELS], state[TOP_LOTS : TOP_LOTS + LEVELS])
        fill_top(book, 1, 0, ABOVE_ALL, state[TOP_KEY + LEVELS : TOP_LOTS], state[TOP_LOTS + LEVELS : NEW_KEY])
    for side in range(2):
        total = 0
        for level in range(LEVELS):
            total += state[TOP_LOTS + side * LEVELS + level]
            row[BID_DEPTH + side * LEVELS + level] = total
    if source == TICKER:
        row[BID_DEPTH], row[ASK_DEPTH] = state[QUOTE_LOTS], state[QUOTE_LOTS + 1]
    if not row[MESSAGES]:  # the mean over no message is what stands
        row[MESSAGES] = 1
        row[TOP_SUM] = row[BID_DEPTH] + row[ASK_DEPTH]
        row[DEPTH_SUM] = row[BID_DEPTH + LEVELS - 1] + row[ASK_DEPTH + LEVELS - 1]
    row[SLOPES:] = 0
    if bid == NO_KEY or ask == NO_KEY:
        return
    mid = (bid - ask) / 2
    reals = row.view(np.float64)
    shares = settings[BANDS_AT : BANDS_AT + bands]
    band_depths(book, mid, shares, row[BANDS : BANDS + 2 * bands])
    reach = shares[bands - 1] * abs(mid) if bands else 0.0
    values = settings[BANDS_AT + bands :]
    met = np.empty(WALK_SIZE + len(values))
    for side in range(2):
        keys = state[TOP_KEY + side * LEVELS : TOP_KEY + (side + 1) * LEVELS]
        reals[SLOPES + side] = slope(
            keys, state[TOP_LOTS + side * LEVELS : TOP_LOTS + (side + 1) * LEVELS], (1 - 2 * side) * mid
        )
        at = BANDS + 2 * bands + (1 - side) * len(values)
        reals[at : at + len(values)] = np.nan
        if mid > 0:
            walk(book, side, mid, reach, values, settings[INVERSE] != 0, met)
            reals[NEAR + side] = met[WALK_NEAR]
            reals[at : at + len(values)] = met[WALK_SIZE:]
