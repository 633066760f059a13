"""Trades into a footprint, and what a bar says when it ends: its rows, a summary, its imbalances, or the levels it leaves."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.flow.kernels.bar import (
    BAR,
    BAR_TRADES,
    BARS,
    BEGUN,
    BOUNDARY,
    CLOSING,
    COMPLETE,
    CURSOR,
    GAPS,
    LEVELS,
    ROW_TICKS,
    ROWS,
    SESSION,
    SESSION_START,
    SESSIONS,
    SUMMARY,
    SUMMARY_END,
    TAKEN,
    UNLISTED,
    WRITES,
    is_imbalance,
    next_bar,
    open_bar,
    summarise,
    take_trade,
)
from counterpoise.flow.kernels.bins import NOT_OPEN, RULE, TIME, fills
from counterpoise.flow.kernels.naked import (
    LAST_ROW,
    SEEN_GAPS,
    WATCH_HIGH,
    WATCH_LOW,
    leave_levels,
    reached,
    watch,
)
from counterpoise.flow.kernels.price_rows import BUY, COUNT, OCCUPIED, SELL, UNKNOWN, address_of, list_rows, rows_list
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = ["ROW_COLUMNS", "SUMMARY_COLUMNS", "WRITTEN", "footprint_rows"]

WRITTEN: Final = 0  # of every state, see counterpoise.flow.stream

# columns of `out`, besides ts in the first
ROW_COLUMNS: Final = 11  # bar, session, its start, row, bought, unknown, sold, trades, imbalance of buyers, of sellers
SUMMARY_COLUMNS: Final = 1 + SUMMARY_END - SUMMARY


@kernel
def _write_rows(state: Int1D, settings: Float1D, written: int, out: Int2D) -> int:
    while state[CURSOR] < state[OCCUPIED] and written < len(out):
        i = state[CURSOR]
        at, row = address_of(state, i), out[written]
        row[0], row[1], row[2], row[3] = state[CLOSING], state[BAR], state[SESSION], state[SESSION_START]
        row[4], row[5], row[6] = state[rows_list(state) + i], state[at + BUY], state[at + UNKNOWN]
        row[7], row[8] = state[at + SELL], state[at + COUNT]
        row[9], row[10] = is_imbalance(state, settings, i, 1), is_imbalance(state, settings, i, -1)
        written += 1
        state[CURSOR] += 1
    return written


@kernel
def _write_bar(state: Int1D, settings: Float1D, written: int, out: Int2D) -> int:
    """Write what is still to be written of the bar that ends, and begin another when that is done; rows written in all."""
    writes = int(settings[WRITES])
    if state[CURSOR] == UNLISTED:
        list_rows(state)
        if writes == BARS or writes == LEVELS:
            summarise(state, settings)
        state[CURSOR] = 0
    done = True
    if writes == ROWS:
        written = _write_rows(state, settings, written, out)
        done = state[CURSOR] == state[OCCUPIED]
    elif writes == LEVELS and state[COMPLETE]:
        written = leave_levels(state, written, out)
        done = state[CURSOR] == 3
    elif writes == BARS:
        done = written < len(out)
        if done:
            out[written, 0] = state[CLOSING]
            out[written, 1 : 1 + SUMMARY_END - SUMMARY] = state[SUMMARY:SUMMARY_END]
            written += 1
    if done:
        state[BAR] += 1
        next_bar(state, settings)
    return written


@kernel
def _at_boundary(state: Int1D, settings: Float1D, ts: int) -> None:
    """The clock begins the first bar, or ends one, if there is one: not between sessions, nor a bar of trades without any."""
    if not state[BEGUN]:
        state[BEGUN] = 1
        open_bar(state, settings, ts)
        return
    state[CLOSING], state[COMPLETE] = state[BOUNDARY], 1
    between = settings[SESSIONS] > 0 and state[SESSION] < 0
    if between or (settings[RULE] != TIME and state[BAR_TRADES] == 0):
        next_bar(state, settings)


@kernel
def footprint_rows(
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
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`. Also ends the bar that state[CLOSING] names."""
    book, state, settings, out = borrow(book), borrow(state), borrow(settings), borrow(out)
    writes, row_ticks = int(settings[WRITES]), int(settings[ROW_TICKS])
    timed, everywhere = settings[RULE] == TIME, settings[SESSIONS] == 0
    written, i = 0, start
    while True:
        if state[CLOSING] != NOT_OPEN:
            written = _write_bar(state, settings, written, out)
            if state[CLOSING] != NOT_OPEN:
                break
            i += state[TAKEN]
            state[TAKEN] = 0
        if i >= len(kind):
            break
        ts, price, lots = ts_local[i], price_ticks[i], qty_lots[i]
        if ts >= state[BOUNDARY]:
            _at_boundary(state, settings, ts)
            continue
        if kind[i] == TRADE and lots > 0 and (everywhere or state[SESSION] >= 0):
            row = price if row_ticks == 1 else price // row_ticks
            passes = writes == LEVELS and (row >= state[WATCH_HIGH] or row <= state[WATCH_LOW])
            if passes:
                written = reached(state, ts, row, written, out)
                if written == len(out):
                    break
            sign = np.int64(side[i])
            if not take_trade(state, settings, row, sign, price, lots):
                break
            state[LAST_ROW] = row
            if passes:
                watch(state)
            if not timed and fills(state, settings, sign, price, lots):
                state[CLOSING], state[COMPLETE], state[TAKEN] = ts + 1, 1, 1
                continue
        elif kind[i] == GAP:
            state[GAPS] += 1
            state[SEEN_GAPS] += 1
        i += 1
    state[WRITTEN] = written
    return i
