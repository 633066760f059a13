"""One pass over events: book, depth, order-flow imbalance and trades, summed per bin, all in integers where they can be.

Every sum is in lots and ticks, so batch and event-by-event results agree to the last bit; units appear in
`counterpoise.flow.measures`. Sides are seen as keys, +price for bids and −price for asks, as in
`counterpoise.market.kernels.ladder`.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN, RULE, SIZE, TIME, WRITTEN, fills, start_bin
from counterpoise.flow.kernels.columns import (
    ASK,
    BID,
    BIN_SUMS,
    BOOK,
    BOOK_HEARD,
    BUY,
    BUY_TRADES,
    BUY_VALUE,
    CLOSE,
    COMPLETE,
    CVD,
    DEPTH,
    DEPTH_SUM,
    DIRTY,
    END,
    HEARD,
    HIGH,
    INVERSE,
    LAST_MID,
    LEVELS,
    LOCKED,
    LOCKED_RULE,
    LOW,
    MATCH_NS,
    MAX_DELTA,
    MESSAGES,
    MID_BEFORE,
    MIN_DELTA,
    NEW_KEY,
    NEW_LOTS,
    NEW_QUOTE_KEY,
    NEW_QUOTE_LOTS,
    OBV,
    OFI,
    OPEN,
    PARTS,
    PREVIOUS_CLOSE,
    QUALITY,
    QUEUES,
    QUOTE_KEY,
    QUOTE_LOTS,
    QUOTE_STATE,
    SELL,
    SELL_TRADES,
    SELL_VALUE,
    SOURCE,
    STALE_NS,
    STANDING,
    STATE_SIZE,
    STATUS,
    SUMS,
    TICKER,
    TOP_KEY,
    TOP_LOTS,
    TOP_SUM,
    TOTAL,
    TRADES,
    TRADES_ONLY,
    UNKNOWN,
    VALID,
    WORST,
)
from counterpoise.flow.kernels.queues import forget, queue_change, split_change, traded
from counterpoise.flow.kernels.standing import write_standing
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import CROSSED, DELTA, FIRST, GAP, GAPPED, LAST, QUOTE, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, fill_top, room, set_level

__all__ = ["close_bins", "close_open", "measure_rows"]


@inner_kernel
def _best_changed(state: Int1D, side: int, key: int, change: int, ts: int, match_ns: int) -> None:
    """The best queue of a side changed by so many lots; if its book was valid that is order flow."""
    if state[VALID] and change != 0:
        state[SUMS + OFI] += (1 - 2 * side) * change
        split_change(state[QUEUES:SUMS], side, key, change, ts, match_ns)


@inner_kernel
def _top_changed(book: Int1D, state: Int1D, side: int, ts: int, match_ns: int) -> None:
    """A message touched the top of a side: add its queue changes, level by level, and remember the new top.

    Levels better than all it touched are as they were.
    """
    top_key, top_lots = TOP_KEY + side * LEVELS, TOP_LOTS + side * LEVELS
    first = 0
    while first < LEVELS - 1 and state[top_key + first] > state[DIRTY + side]:
        first += 1
    below = state[top_key + first - 1] if first else ABOVE_ALL
    fill_top(book, side, first, below, state[NEW_KEY + first : NEW_LOTS], state[NEW_LOTS + first : STATE_SIZE])
    sign = state[VALID] * (1 - 2 * side)
    for level in range(first, LEVELS):
        key, lots = state[NEW_KEY + level], state[NEW_LOTS + level]
        key_before, lots_before = state[top_key + level], state[top_lots + level]
        change = queue_change(key, lots, key_before, lots_before)
        if level == 0:
            _best_changed(state, side, max(key, key_before), change, ts, match_ns)
        else:
            state[SUMS + OFI + level] += sign * change
        state[TOTAL] += lots - lots_before
        state[top_key + level], state[top_lots + level] = key, lots


@inner_kernel
def _heard(state: Int1D, ts: int, quality: int, stale_ns: int) -> None:
    """The price source spoke: was it silent too long before, and in what state is it?"""
    if state[HEARD] and ts - state[HEARD] > stale_ns:
        quality = max(quality, STALE)
    state[HEARD] = ts
    state[WORST] = max(state[WORST], quality)
    state[SUMS + MESSAGES] += 1


@inner_kernel
def _size_changed(state: Int1D, side: int, key: int, lots: int, ts: int, match_ns: int) -> bool:
    """A message that gives one level another size, no more: if the level is of the top, only its queue has changed."""
    top_key, top_lots = TOP_KEY + side * LEVELS, TOP_LOTS + side * LEVELS
    level = 0
    while level < LEVELS and state[top_key + level] > key:
        level += 1
    if level == LEVELS or state[top_key + level] != key:
        return False
    change = lots - state[top_lots + level]
    if level == 0:
        _best_changed(state, side, key, change, ts, match_ns)
    else:
        state[SUMS + OFI + level] += state[VALID] * (1 - 2 * side) * change
    state[TOTAL] += change
    state[top_lots + level] = lots
    return True


@inner_kernel
def _book_row(
    book: Int1D,
    state: Int1D,
    ts: int,
    kind: int,
    side: int,
    flags: int,
    price_ticks: int,
    lots: int,
    source: int,
    match_ns: int,
) -> None:
    if kind == DELTA and state[STATUS + STATE] != GAPPED:
        index = (1 - side) >> 1
        key = side * price_ticks
        set_level(book, index, key, lots)
        top = key >= state[TOP_KEY + index * LEVELS + LEVELS - 1]
        single = flags & (FIRST | LAST) == FIRST | LAST and source == DEPTH and lots > 0
        if single and top and _size_changed(state, index, key, lots, ts, match_ns):
            return
        if top:
            state[DIRTY + index] = max(state[DIRTY + index], key)
        return
    if state[STATUS + STATE] == GAPPED or kind == GAP:
        state[VALID] = 0
        if source == DEPTH:
            state[QUOTE_STATE] = state[WORST] = GAPPED
            forget(state[QUEUES:SUMS])
    apply_row(book, state[STATUS:QUEUES], kind, side, flags, price_ticks, lots)
    state[DIRTY], state[DIRTY + 1] = ABOVE_ALL, ABOVE_ALL


@inner_kernel
def _book_message(book: Int1D, state: Int1D, ts: int, source: int, stale_ns: int, match_ns: int) -> None:
    """The last row of a book message has been applied."""
    settle(book, state[STATUS:QUEUES])
    state[BOOK_HEARD] = ts
    if source == DEPTH:
        one_sided = book[BEST] == NO_KEY or book[HEAD + BEST] == NO_KEY
        state[QUOTE_STATE] = GAPPED if one_sided else state[STATUS + STATE]
        _heard(state, ts, state[QUOTE_STATE], stale_ns)
        for side in range(2):
            if state[DIRTY + side] != NO_KEY:
                _top_changed(book, state, side, ts, match_ns)
        state[SUMS + TOP_SUM] += state[TOP_LOTS] + state[TOP_LOTS + LEVELS]
        state[SUMS + DEPTH_SUM] += state[TOTAL]
        state[VALID] = state[QUOTE_STATE] != GAPPED
    state[DIRTY], state[DIRTY + 1] = NO_KEY, NO_KEY


@inner_kernel
def _quote_row(
    state: Int1D, settings: Float1D, ts: int, side: int, flags: int, price_ticks: int, lots: int, stale_ns: int, match_ns: int
) -> None:
    """One side of a ticker quote; no size means no quote on that side."""
    index = (1 - side) >> 1
    state[NEW_QUOTE_KEY + index], state[NEW_QUOTE_LOTS + index] = side * price_ticks if lots > 0 else NO_KEY, lots
    if not flags & LAST:
        return
    bid, ask = state[NEW_QUOTE_KEY], state[NEW_QUOTE_KEY + 1]
    whole = bid != NO_KEY and ask != NO_KEY
    crossed = whole and bid + ask >= 0
    if crossed and settings[LOCKED_RULE] != 0:  # the other side has not spoken yet
        state[SUMS + LOCKED] += 1
        return
    state[VALID] = state[QUOTE_STATE] != GAPPED
    for i in range(2):
        key, size, before = state[NEW_QUOTE_KEY + i], state[NEW_QUOTE_LOTS + i], state[QUOTE_KEY + i]
        change = queue_change(key, size, before, state[QUOTE_LOTS + i])
        _best_changed(state, i, max(key, before), change, ts, match_ns)
        state[QUOTE_KEY + i], state[QUOTE_LOTS + i] = key, size
    state[QUOTE_STATE] = CROSSED if crossed else (SYNCED if whole else GAPPED)
    _heard(state, ts, state[QUOTE_STATE], stale_ns)
    state[SUMS + TOP_SUM] += state[QUOTE_LOTS] + state[QUOTE_LOTS + 1]


@inner_kernel
def _trade_row(state: Int1D, ts: int, side: int, price_ticks: int, lots: int, inverse: bool, match_ns: int) -> None:
    if lots == 0:  # nothing was traded
        return
    sums = state[SUMS:TOP_KEY]
    value = float(lots) if inverse else float(lots) * float(price_ticks)
    worth = sums[BUY_VALUE : SELL_VALUE + 1].view(np.float64)
    sums[TRADES] += 1
    if side > 0:
        sums[BUY] += lots
        sums[BUY_TRADES] += 1
        worth[0] += value
    elif side < 0:
        sums[SELL] += lots
        sums[SELL_TRADES] += 1
        worth[1] += value
    else:
        sums[UNKNOWN] += lots
    sums[CVD] += side * lots
    delta = sums[BUY] - sums[SELL]
    sums[MIN_DELTA] = min(sums[MIN_DELTA], delta)
    sums[MAX_DELTA] = max(sums[MAX_DELTA], delta)
    if sums[CLOSE] == NO_KEY:
        sums[OPEN] = sums[HIGH] = sums[LOW] = price_ticks
    sums[HIGH] = max(sums[HIGH], price_ticks)
    sums[LOW] = min(sums[LOW], price_ticks)
    sums[CLOSE] = price_ticks
    traded(state[QUEUES:SUMS], side, price_ticks, lots, ts, match_ns)


@kernel
def _quality(state: Int1D, end: int, source: int, stale_ns: int) -> int:
    """State of the price source at a moment."""
    if source == TRADES_ONLY:
        return SYNCED
    silent = state[HEARD] and end - state[HEARD] > stale_ns
    return max(state[QUOTE_STATE], STALE) if silent else state[QUOTE_STATE]


@kernel
def _close_bin(book: Int1D, state: Int1D, settings: Float1D, end: int, complete: bool, row: Int1D) -> None:
    """Write the open bin, and begin the next."""
    source, stale_ns = settings[SOURCE], np.int64(settings[STALE_NS])
    quality = _quality(state, end, source, stale_ns)
    sums = state[SUMS:TOP_KEY]
    if sums[CLOSE] != NO_KEY:
        before = state[PREVIOUS_CLOSE]
        if before != NO_KEY:
            moved = np.int64(sums[CLOSE] > before) - np.int64(sums[CLOSE] < before)
            sums[OBV] += (sums[BUY] + sums[SELL] + sums[UNKNOWN]) * moved
        state[PREVIOUS_CLOSE] = sums[CLOSE]
    row[:PARTS] = sums[:PARTS]
    row[PARTS:STANDING] = state[QUEUES : QUEUES + 3]
    row[END] = end
    row[COMPLETE] = complete
    row[QUALITY] = SYNCED if source == TRADES_ONLY else max(state[WORST], quality)
    row[MID_BEFORE] = state[LAST_MID]
    write_standing(book, state, settings, row)
    silent = end - state[BOOK_HEARD] > stale_ns
    row[BOOK] = max(state[STATUS + STATE], STALE) if silent else state[STATUS + STATE]
    sound = row[QUALITY] == SYNCED and row[BID] != NO_KEY and row[ASK] != NO_KEY
    state[LAST_MID] = row[BID] - row[ASK] if sound else NO_KEY
    sums[:BIN_SUMS] = 0
    sums[OPEN], sums[HIGH], sums[LOW], sums[CLOSE] = NO_KEY, NO_KEY, NO_KEY, NO_KEY
    state[QUEUES : QUEUES + 3] = 0
    state[WORST] = quality


@kernel
def close_bins(book: Int1D, state: Int1D, settings: Float1D, until_ns: int, complete: bool, out: Int2D) -> int:
    """Close every bin of time that ends at or before `until_ns`, as far as `out` has rows; returns how many."""
    closed = 0
    while state[BIN_END] <= until_ns and closed < len(out):
        _close_bin(book, state, settings, state[BIN_END], complete, out[closed])
        state[BIN_END] += np.int64(settings[SIZE])
        closed += 1
    return closed


@kernel
def close_open(book: Int1D, state: Int1D, settings: Float1D, end: int, out: Int2D) -> int:
    """Close the open bin of a rule that no clock ends, at a time."""
    _close_bin(book, state, settings, end, False, out[0])
    start_bin(state)
    return 1


@kernel
def measure_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    number: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`; returns the first row not taken. See `counterpoise.flow.stream.Stream`.

    Stops early when `out` is full or when the book's hash table must grow. A message that a call ends in the middle of goes on
    in the next call.
    """
    book, state, settings, out = borrow(book), borrow(state), borrow(settings), borrow(out)
    source, stale_ns, match_ns = np.int64(settings[SOURCE]), np.int64(settings[STALE_NS]), np.int64(settings[MATCH_NS])
    timed, inverse = settings[RULE] == TIME, settings[INVERSE] != 0
    closed = 0
    i = start
    if timed and state[BIN_END] == NOT_OPEN and start < len(kind):
        every_ns = np.int64(settings[SIZE])
        state[BIN_END] = (ts_local[start] // every_ns + 1) * every_ns
    while i < len(kind):
        ts = ts_local[i]
        if timed and ts >= state[BIN_END]:
            closed += close_bins(book, state, settings, ts, True, out[closed:])
            if ts >= state[BIN_END]:
                break
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            _book_row(book, state, ts, what, sign, flag, price_ticks[i], qty_lots[i], source, match_ns)
            if flag & LAST:
                _book_message(book, state, ts, source, stale_ns, match_ns)
        elif what == TRADE:
            if closed == len(out):
                break
            _trade_row(state, ts, sign, price_ticks[i], qty_lots[i], inverse, match_ns)
            if not timed and fills(state, settings, sign, price_ticks[i], qty_lots[i]):
                _close_bin(book, state, settings, ts + 1, True, out[closed])
                start_bin(state)
                closed += 1
        elif what == QUOTE and source == TICKER:
            _quote_row(state, settings, ts, sign, flag, price_ticks[i], qty_lots[i], stale_ns, match_ns)
        i += 1
    state[WRITTEN] = closed
    return i
