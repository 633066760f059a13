"""One pass over events: book, depth, order-flow imbalance and trades, summed per time bin, all in integers.

Every sum is in lots and ticks, so batch and event-by-event results agree to the last bit; floats appear in
`counterpoise.flow.measures`. Sides are seen as keys, +price for bids and −price for asks, as in
`counterpoise.market.kernels.ladder`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.book import STATE, STATUS_SIZE, apply_row, settle
from counterpoise.market.kernels.codes import CROSSED, DELTA, FIRST, GAP, GAPPED, LAST, QUOTE, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, depth_between, fill_top, room, set_level

__all__ = [
    "ASK",
    "ASK_DEPTH",
    "BANDS",
    "BID",
    "BID_DEPTH",
    "BIN_END",
    "BUY",
    "CLOSED",
    "CVD",
    "DEPTH",
    "DIRTY",
    "END",
    "LEVELS",
    "OFI",
    "QUALITY",
    "QUOTE_KEY",
    "QUOTE_STATE",
    "SELL",
    "STATE_SIZE",
    "STATUS",
    "TICKER",
    "TOP_KEY",
    "TOP_LOTS",
    "TRADES",
    "TRADES_ONLY",
    "WORST",
    "close_bins",
    "measure_rows",
    "queue_change",
]

LEVELS: Final = 10

# columns of a closed bin
END: Final = 0  # ns, exclusive
BID: Final = 1  # best key of each side in ticks, NO_KEY when the side is empty
ASK: Final = 2
QUALITY: Final = 3  # worst state within the bin
TRADES: Final = 4
BUY: Final = 5  # lots
SELL: Final = 6
CVD: Final = 7  # lots since the first event
OFI: Final = 8  # LEVELS columns
BID_DEPTH: Final = OFI + LEVELS  # LEVELS columns: lots in the best 1..LEVELS levels
ASK_DEPTH: Final = BID_DEPTH + LEVELS
BANDS: Final = ASK_DEPTH + LEVELS  # then for each band: bid lots, ask lots within it

# where prices come from
DEPTH: Final = 0  # the depth stream's book
TICKER: Final = 1  # best quotes of a ticker channel
TRADES_ONLY: Final = 2  # no prices: only the trade measures mean something

# slots of `state`: all that one instrument's measures remember between rows, but for the ladder
BIN_END: Final = 0
HEARD: Final = 1  # ts_local of the last message of the price source, 0 before the first
WORST: Final = 2  # worst state of the price source in the open bin
QUOTE_STATE: Final = 3
VALID: Final = 4  # 1 when TOP_* is the top of a book, so that a change of it is order flow
DIRTY: Final = 5  # 2 slots: greatest key of that side's top that the message being read touched, NO_KEY when none
CLOSED: Final = 7  # bins written by the last call
QUOTE_KEY: Final = 8  # 2 slots: best keys of the ticker
QUOTE_LOTS: Final = 10
STATUS: Final = 12  # counterpoise.market.kernels.book
SUMS: Final = STATUS + STATUS_SIZE  # BANDS slots: running sums of the open bin, in the columns of a closed one
TOP_KEY: Final = SUMS + BANDS  # 2 × LEVELS slots: the best keys after the last message
TOP_LOTS: Final = TOP_KEY + 2 * LEVELS
_NEW_KEY: Final = TOP_LOTS + 2 * LEVELS  # scratch
_NEW_LOTS: Final = _NEW_KEY + LEVELS
STATE_SIZE: Final = _NEW_LOTS + LEVELS


@inner_kernel
def queue_change(key: int, lots: int, key_before: int, lots_before: int) -> int:
    """e of one side (Cont, Kukanov, Stoikov 2014, eq. 3): + what was added at or above, − what was there at or below."""
    change = 0
    if key >= key_before:
        change += lots
    if key <= key_before:
        change -= lots_before
    return change


@inner_kernel
def _top_changed(book: Int1D, state: Int1D, side: int) -> None:
    """A message touched the top of a side: add its queue changes, level by level, and remember the new top.

    Levels better than all it touched are as they were.
    """
    top_key, top_lots = TOP_KEY + side * LEVELS, TOP_LOTS + side * LEVELS
    first = 0
    while first < LEVELS - 1 and state[top_key + first] > state[DIRTY + side]:
        first += 1
    below = state[top_key + first - 1] if first else ABOVE_ALL
    fill_top(book, side, first, below, state[_NEW_KEY + first : _NEW_LOTS], state[_NEW_LOTS + first : STATE_SIZE])
    sign = state[VALID] * (1 - 2 * side)
    for level in range(first, LEVELS):
        key, lots = state[_NEW_KEY + level], state[_NEW_LOTS + level]
        state[SUMS + OFI + level] += sign * queue_change(key, lots, state[top_key + level], state[top_lots + level])
        state[top_key + level], state[top_lots + level] = key, lots


@inner_kernel
def _heard(state: Int1D, ts: int, quality: int, stale_ns: int) -> None:
    """The price source spoke: was it silent too long before, and in what state is it?"""
    if state[HEARD] and ts - state[HEARD] > stale_ns:
        quality = max(quality, STALE)
    state[HEARD] = ts
    state[WORST] = max(state[WORST], quality)


@inner_kernel
def _size_changed(state: Int1D, side: int, key: int, lots: int) -> bool:
    """A message that gives one level another size, no more: if the level is of the top, only its queue has changed."""
    top_key, top_lots = TOP_KEY + side * LEVELS, TOP_LOTS + side * LEVELS
    level = 0
    while level < LEVELS and state[top_key + level] > key:
        level += 1
    if level == LEVELS or state[top_key + level] != key:
        return False
    state[SUMS + OFI + level] += state[VALID] * (1 - 2 * side) * (lots - state[top_lots + level])
    state[top_lots + level] = lots
    return True


@inner_kernel
def _book_row(book: Int1D, state: Int1D, kind: int, side: int, flags: int, price_ticks: int, lots: int, source: int) -> None:
    if kind == DELTA and state[STATUS + STATE] != GAPPED:
        index = (1 - side) >> 1
        key = side * price_ticks
        set_level(book, index, key, lots)
        top = key >= state[TOP_KEY + index * LEVELS + LEVELS - 1]
        if flags == FIRST | LAST and source == DEPTH and lots > 0 and top and _size_changed(state, index, key, lots):
            return
        if top:
            state[DIRTY + index] = max(state[DIRTY + index], key)
        return
    if state[STATUS + STATE] == GAPPED or kind == GAP:
        state[VALID] = 0
    apply_row(book, state[STATUS:SUMS], kind, side, flags, price_ticks, lots)
    state[DIRTY], state[DIRTY + 1] = ABOVE_ALL, ABOVE_ALL


@inner_kernel
def _book_message(book: Int1D, state: Int1D, ts: int, source: int, stale_ns: int) -> None:
    """The last row of a book message has been applied."""
    settle(book, state[STATUS:SUMS])
    quality = state[STATUS + STATE]
    if source == DEPTH:
        _heard(state, ts, quality, stale_ns)
        for side in range(2):
            if state[DIRTY + side] != NO_KEY:
                _top_changed(book, state, side)
    state[DIRTY], state[DIRTY + 1] = NO_KEY, NO_KEY
    state[VALID] = quality != GAPPED


@inner_kernel
def _quote_row(state: Int1D, ts: int, side: int, flags: int, price_ticks: int, lots: int, stale_ns: int) -> None:
    """One side of a ticker quote; no size means no quote on that side."""
    index = (1 - side) >> 1
    key = side * price_ticks if lots > 0 else NO_KEY
    if state[QUOTE_STATE] != GAPPED:
        state[SUMS + OFI] += side * queue_change(key, lots, state[QUOTE_KEY + index], state[QUOTE_LOTS + index])
    state[QUOTE_KEY + index], state[QUOTE_LOTS + index] = key, lots
    if flags & LAST:
        whole = state[QUOTE_KEY] != NO_KEY and state[QUOTE_KEY + 1] != NO_KEY
        crossed = whole and state[QUOTE_KEY] + state[QUOTE_KEY + 1] >= 0
        state[QUOTE_STATE] = CROSSED if crossed else (SYNCED if whole else GAPPED)
        _heard(state, ts, state[QUOTE_STATE], stale_ns)


@inner_kernel
def _trade_row(state: Int1D, side: int, lots: int) -> None:
    state[SUMS + TRADES] += 1
    state[SUMS + BUY] += lots * (side > 0)
    state[SUMS + SELL] += lots * (side < 0)
    state[SUMS + CVD] += side * lots


@kernel
def _quality(state: Int1D, source: int, stale_ns: int) -> int:
    """State of the price source at the end of the open bin."""
    if source == TRADES_ONLY:
        return SYNCED
    quality = state[QUOTE_STATE] if source == TICKER else state[STATUS + STATE]
    silent = state[HEARD] and state[BIN_END] - state[HEARD] > stale_ns
    return max(quality, STALE) if silent else quality


@kernel
def _write_depth(book: Int1D, state: Int1D, source: int, bands: Float1D, row: Int1D) -> None:
    """Best prices and resting lots at the end of the bin; `bands` are fractions of mid, ascending."""
    bid, ask = (state[QUOTE_KEY], state[QUOTE_KEY + 1]) if source == TICKER else (book[BEST], book[HEAD + BEST])
    row[BID], row[ASK] = bid, ask
    if source != DEPTH:  # the tops are kept for the depth stream's order flow alone
        fill_top(book, 0, 0, ABOVE_ALL, state[TOP_KEY : TOP_KEY + LEVELS], state[TOP_LOTS : TOP_LOTS + LEVELS])
        fill_top(book, 1, 0, ABOVE_ALL, state[TOP_KEY + LEVELS : TOP_LOTS], state[TOP_LOTS + LEVELS : _NEW_KEY])
    for side in range(2):
        total = 0
        for level in range(LEVELS):
            total += state[TOP_LOTS + side * LEVELS + level]
            row[BID_DEPTH + side * LEVELS + level] = total
    if source == TICKER:
        row[BID_DEPTH], row[ASK_DEPTH] = state[QUOTE_LOTS], state[QUOTE_LOTS + 1]
    row[BANDS:] = 0
    if bid != NO_KEY and ask != NO_KEY:
        mid = (bid - ask) / 2
        for side in range(2):
            total, top = 0, -NO_KEY
            for band in range(len(bands)):
                key = np.int64(np.ceil((1 - 2 * side) * mid - bands[band] * abs(mid)))
                total += depth_between(book, side, key, top)
                row[BANDS + 2 * band + side] = total
                top = key - 1


@kernel
def close_bins(
    book: Int1D, state: Int1D, until_ns: int, every_ns: int, stale_ns: int, source: int, bands: Float1D, out: Int2D
) -> int:
    """Close every bin that ends at or before `until_ns`, as far as `out` has rows; returns how many."""
    closed = 0
    while state[BIN_END] <= until_ns and closed < len(out):
        row = out[closed]
        quality = _quality(state, source, stale_ns)
        row[:BANDS] = state[SUMS : SUMS + BANDS]
        row[END] = state[BIN_END]
        row[QUALITY] = SYNCED if source == TRADES_ONLY else max(state[WORST], quality)
        _write_depth(book, state, source, bands, row)
        state[SUMS + TRADES], state[SUMS + BUY], state[SUMS + SELL] = 0, 0, 0
        state[SUMS + OFI : SUMS + OFI + LEVELS] = 0
        state[WORST] = quality
        state[BIN_END] += every_ns
        closed += 1
    return closed


@kernel
def measure_rows(
    book: Int1D,
    state: Int1D,
    ts_local: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    every_ns: int,
    stale_ns: int,
    source: int,
    bands: Float1D,
    out: Int2D,
) -> int:
    """Take rows from `start`; returns the first row not taken, and state[CLOSED] says how many bins were closed.

    Stops early when `out` is full (CLOSED == len(out)) or when the book's hash table must grow. A message that a call ends in
    the middle of goes on in the next call.
    """
    book, state = borrow(book), borrow(state)
    closed = 0
    i = start
    while i < len(kind):
        ts = ts_local[i]
        if ts >= state[BIN_END]:
            closed += close_bins(book, state, ts, every_ns, stale_ns, source, bands, out[closed:])
            if ts >= state[BIN_END]:
                break
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            _book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i], source)
            if flag & LAST:
                _book_message(book, state, ts, source, stale_ns)
        elif what == TRADE:
            _trade_row(state, sign, qty_lots[i])
        elif what == QUOTE and source == TICKER:
            _quote_row(state, ts, sign, flag, price_ticks[i], qty_lots[i], stale_ns)
        i += 1
    state[CLOSED] = closed
    return i
