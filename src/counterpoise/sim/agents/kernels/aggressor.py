"""Fills of one aggressive order gathered into the order: the same time at the venue, the same side, one after the other.

What gathers lies in four slots of a stream's state. An order is complete with the first fill of another, or when nothing of it
came for GATHER_NS.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import TRADE

__all__ = [
    "AGGRESSOR_STATE",
    "AGGRESSOR_WIDTH",
    "GATHER_NS",
    "ORDER_HEARD",
    "ORDER_LOTS",
    "ORDER_SIDE",
    "ORDER_TIME",
    "aggressor_rows",
    "continues",
    "gather",
    "is_over",
]

GATHER_NS: Final = 2_000_000

# slots of the state, behind WRITTEN; ORDER_SIDE is 0 while nothing gathers
ORDER_TIME: Final = 1  # ns at the venue, or of arrival where the venue gives none
ORDER_HEARD: Final = 2  # ns: arrival of its last fill
ORDER_SIDE: Final = 3
ORDER_LOTS: Final = 4
AGGRESSOR_STATE: Final = 5
AGGRESSOR_WIDTH: Final = 4  # arrival of the row that completed it, then the slots above but ORDER_HEARD


@inner_kernel
def is_over(state: Int1D, ts_local: int) -> bool:
    """Whether an order gathers of which nothing came for too long."""
    return state[ORDER_SIDE] != 0 and ts_local - state[ORDER_HEARD] > GATHER_NS


@inner_kernel
def continues(state: Int1D, ts_order: int, side: int) -> bool:
    """Whether a fill is of the order that gathers."""
    return state[ORDER_SIDE] == side and state[ORDER_TIME] == ts_order


@inner_kernel
def gather(state: Int1D, ts_local: int, ts_order: int, side: int, lots: int) -> None:
    """Add a fill to the order that gathers, or begin one with it."""
    if not continues(state, ts_order, side):
        state[ORDER_TIME], state[ORDER_SIDE], state[ORDER_LOTS] = ts_order, side, 0
    state[ORDER_HEARD] = ts_local
    state[ORDER_LOTS] += lots


@inner_kernel
def _complete(state: Int1D, known: int, out: Int2D) -> None:
    row = state[0]
    out[row, 0], out[row, 1] = known, state[ORDER_TIME]
    out[row, 2], out[row, 3] = state[ORDER_SIDE], state[ORDER_LOTS]
    state[0] += 1
    state[ORDER_SIDE] = 0


@kernel
def aggressor_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    ids: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`. One row an order whose side is known."""
    state, out = borrow(state), borrow(out)
    state[0] = 0
    for i in range(start, len(kind)):
        if state[0] + 2 > len(out):
            return i
        ts = ts_local[i]
        if is_over(state, ts):
            _complete(state, ts, out)
        if kind[i] != TRADE or side[i] == 0 or qty_lots[i] == 0:
            continue
        when = ts_venue[i] if ts_venue[i] > 0 else ts
        if state[ORDER_SIDE] != 0 and not continues(state, when, side[i]):
            _complete(state, ts, out)
        gather(state, ts, when, side[i], qty_lots[i])
    return len(kind)
