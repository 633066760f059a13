"""Runs of orders on one side: what trades alone show of orders that were worked in pieces."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "CLOSE",
    "END",
    "INVERSE",
    "LEAST_ORDERS",
    "LOTS",
    "NOTIONAL",
    "OPEN",
    "ORDERS",
    "SIDE",
    "SILENCE_NS",
    "START",
    "STATE_SIZE",
    "TRADES",
    "TS",
    "UNKNOWN",
    "WIDTH",
    "metaorder_rows",
    "write_run",
]

# settings
LEAST_ORDERS: Final = 0  # that make a run
SILENCE_NS: Final = 1  # a longer one ends it
INVERSE: Final = 2  # 1: a contract is worth the same at every price

# columns of a row
TS: Final = 0  # ns, of the event that ended it
START: Final = 1  # ns, of its first trade; this and the rest are slots of the state too
END: Final = 2  # ns, of its last trade
SIDE: Final = 3  # 0 in the state: none is open
ORDERS: Final = 4
TRADES: Final = 5
LOTS: Final = 6
UNKNOWN: Final = 7  # lots of unknown side between its trades
NOTIONAL: Final = 8  # lots · ticks, lots of an inverse instrument; a float by its bits, for it may pass 2⁶³
OPEN: Final = 9  # ticks
CLOSE: Final = 10
WIDTH: Final = 11

_WRITTEN: Final = 0
_PENDING: Final = WIDTH  # lots of unknown side since its last trade
_ORDER: Final = WIDTH + 1  # time of the order that traded last
STATE_SIZE: Final = WIDTH + 2


@kernel
def write_run(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """End the open run, if there is one; it is written if it has orders enough."""
    if state[SIDE] != 0 and state[ORDERS] >= settings[LEAST_ORDERS]:
        row = out[state[_WRITTEN]]
        row[START:] = state[START:WIDTH]
        row[TS] = ts
        state[_WRITTEN] += 1
    state[START:] = 0


@inner_kernel
def _trade(state: Int1D, settings: Float1D, ts: int, order: int, sign: int, price_ticks: int, lots: int) -> None:
    """A trade on the side of the open run, or the first of a new one."""
    if state[SIDE] == 0:
        state[SIDE], state[START], state[OPEN] = sign, ts, price_ticks
    if state[ORDERS] == 0 or order != state[_ORDER]:
        state[ORDERS] += 1
        state[_ORDER] = order
    state[TRADES] += 1
    state[LOTS] += lots
    value = np.float64(lots) if settings[INVERSE] else np.float64(lots) * price_ticks
    state[NOTIONAL : NOTIONAL + 1].view(np.float64)[0] += value
    state[UNKNOWN] += state[_PENDING]
    state[_PENDING] = 0
    state[END], state[CLOSE] = ts, price_ticks


@kernel
def metaorder_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    venue_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`."""
    state, settings, out = borrow(state), borrow(settings), borrow(out)
    state[_WRITTEN] = 0
    i = start
    while i < len(kind) and state[_WRITTEN] < len(out):
        what, ts, lots, sign = np.int64(kind[i]), ts_local[i], qty_lots[i], np.int64(side[i])
        if state[SIDE] != 0 and ts - state[END] > settings[SILENCE_NS]:
            write_run(state, settings, ts, out)
            if state[_WRITTEN] == len(out):
                break
        if what == GAP:
            state[START:] = 0
        elif what == TRADE and lots > 0:
            if sign == 0:
                state[_PENDING] += lots * (state[SIDE] != 0)
            else:
                if sign == -state[SIDE]:
                    write_run(state, settings, ts, out)
                order = ts_venue[i] if ts_venue[i] != 0 else ts
                _trade(state, settings, ts, order, sign, price_ticks[i], lots)
        i += 1
    return i
