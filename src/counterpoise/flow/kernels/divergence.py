"""Swings of price, known once price has turned by a size, and what CVD did between two of the same kind."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "LEAST_STRENGTH",
    "MARK",
    "MARK_CVD",
    "MARK_PRICE",
    "MARK_TS",
    "MARK_UNKNOWN",
    "MARK_VOLUME",
    "OUT_FIRST",
    "OUT_HIDDEN",
    "OUT_SECOND",
    "OUT_SIDE",
    "OUT_TS",
    "OUT_WIDTH",
    "REVERSAL_BPS",
    "REVERSAL_TICKS",
    "STATE_SIZE",
    "TREND",
    "UNSEEN",
    "WRITE_SWINGS",
    "swing_rows",
]

# a mark: a trade, and the running sums up to and with it
MARK: Final = 5
MARK_TS: Final = 0
MARK_PRICE: Final = 1  # ticks
MARK_CVD: Final = 2  # lots
MARK_VOLUME: Final = 3
MARK_UNKNOWN: Final = 4

# slots of the state
TREND: Final = 1  # the side price goes to, +1 or −1; 0 before the first turn; UNSEEN before the first trade
_NOW: Final = 2  # the mark of this trade
_EXTREME: Final = _NOW + MARK  # highest and lowest since the last turn
_SWING: Final = _EXTREME + 2 * MARK  # last swing high and low
_HELD: Final = _SWING + 2 * MARK  # whether there is one
STATE_SIZE: Final = _HELD + 2

UNSEEN: Final = 2

# settings
REVERSAL_TICKS: Final = 0  # 0 when it is in basis points
REVERSAL_BPS: Final = 1
WRITE_SWINGS: Final = 2  # 1: a row for every swing; 0: for every divergence
LEAST_STRENGTH: Final = 3

# columns of a row
OUT_TS: Final = 0
OUT_SIDE: Final = 1  # +1 swing high, −1 swing low
OUT_HIDDEN: Final = 2
OUT_FIRST: Final = 3
OUT_SECOND: Final = OUT_FIRST + MARK
OUT_WIDTH: Final = OUT_SECOND + MARK


@inner_kernel
def _turned(settings: Float1D, extreme: int, away: int) -> bool:
    """Whether a distance from an extreme is a reversal."""
    if settings[REVERSAL_TICKS] > 0:
        return away >= settings[REVERSAL_TICKS]
    return away > 0 and away * 1e4 >= settings[REVERSAL_BPS] * abs(extreme)


@inner_kernel
def _put(state: Int1D, slot: int) -> None:
    """This trade as the mark at a slot."""
    for i in range(MARK):
        state[slot + i] = state[_NOW + i]


@inner_kernel
def _turn(state: Int1D, settings: Float1D) -> int:
    """Follow the extremes; returns +1 or −1 when this trade shows a swing high or low, else 0."""
    price, trend, shown = state[_NOW + MARK_PRICE], state[TREND], 0
    if trend == UNSEEN:
        _put(state, _EXTREME)
        _put(state, _EXTREME + MARK)
        state[TREND] = 0
        return 0
    for index in range(2):
        sign, slot = 1 - 2 * index, _EXTREME + MARK * index
        if trend == -sign:
            continue
        extreme = state[slot + MARK_PRICE]
        if sign * (price - extreme) > 0:
            _put(state, slot)
        elif _turned(settings, extreme, sign * (extreme - price)):
            _put(state, _EXTREME + MARK * (1 - index))
            state[TREND] = -sign
            shown = trend
    return shown


@kernel
def _write(state: Int1D, settings: Float1D, side: int, row: Int1D) -> int:
    """Take the new swing in; returns whether a row was written for it, 0 or 1."""
    index = (1 - side) >> 1
    new, old = _EXTREME + MARK * index, _SWING + MARK * index
    higher = side * (state[new + MARK_PRICE] - state[old + MARK_PRICE])
    gain = side * (state[new + MARK_CVD] - state[old + MARK_CVD])
    volume = state[new + MARK_VOLUME] - state[old + MARK_VOLUME]
    apart = state[_HELD + index] != 0 and ((higher > 0 and gain < 0) or (higher < 0 and gain > 0))
    written = settings[WRITE_SWINGS] != 0 or (apart and abs(gain) >= settings[LEAST_STRENGTH] * volume)
    if written:
        row[OUT_TS], row[OUT_SIDE], row[OUT_HIDDEN] = state[_NOW + MARK_TS], side, higher < 0
        for i in range(MARK):
            row[OUT_FIRST + i], row[OUT_SECOND + i] = state[old + i], state[new + i]
    for i in range(MARK):
        state[old + i] = state[new + i]
    state[_HELD + index] = 1
    return 1 if written else 0


@kernel
def swing_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    trade_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`; a row shows at most one swing."""
    state, settings = borrow(state), borrow(settings)
    written = 0
    i = start
    while i < len(kind) and written < len(out):
        if kind[i] == GAP:
            state[TREND] = UNSEEN
            state[_HELD] = state[_HELD + 1] = 0
        elif kind[i] == TRADE and qty_lots[i] > 0:
            sign, lots = np.int64(side[i]), qty_lots[i]
            state[_NOW + MARK_TS], state[_NOW + MARK_PRICE] = ts_local[i], price_ticks[i]
            state[_NOW + MARK_CVD] += sign * lots
            state[_NOW + MARK_VOLUME] += lots
            state[_NOW + MARK_UNKNOWN] += lots * (sign == 0)
            shown = _turn(state, settings)
            if shown:
                written += _write(state, settings, shown, out[written])
        i += 1
    state[0] = written
    return i
