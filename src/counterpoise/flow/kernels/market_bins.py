"""One market per bin, so that it can be added to others: best quotes, depth, trades and order flow in both of its units.

Every quantity is kept twice: in lots, exactly, and as what it is worth at its own price, lots · ticks of a linear instrument,
lots / ticks of an inverse one. Between them stand coins and quote currency, whichever way the contract turns.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels import bins
from counterpoise.flow.kernels.best import BEST_SIZE, HEARD, KEY, LOTS, NOW, SOURCE, STALE_NS, STATUS, follow, has_room
from counterpoise.flow.kernels.bins import BINS_SIZE, NOT_OPEN, TIME, fills, start_bin
from counterpoise.flow.kernels.queues import queue_change
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.codes import GAPPED, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, quantity_at

__all__ = [
    "BANDS",
    "BIN",
    "BIN_END",
    "COUNT",
    "FIRST_BAND",
    "INVERSE",
    "MESSAGES",
    "NOT_OPEN",
    "OFI",
    "STATE_SIZE",
    "SUMS",
    "TOLD",
    "TRADES",
    "VALUES",
    "WORST",
    "close_market_bin",
    "market_rows",
]

# slots of the state, after those of counterpoise.flow.kernels.best
BIN: Final = BEST_SIZE  # those of counterpoise.flow.kernels.bins
BIN_END: Final = BIN + bins.BIN_END
WORST: Final = BIN + BINS_SIZE  # worst state in the open bin
MESSAGES: Final = WORST + 1  # of the source of quotes in the open bin
TOLD: Final = MESSAGES + 1  # slot of the next end that was told; they lie behind STATE_SIZE
_VALID: Final = TOLD + 1  # 1 when the quotes before were those of a market, so that a change of them is order flow
_BEFORE: Final = _VALID + 1  # 4 slots: two keys, two lots
SUMS: Final = _BEFORE + 4  # the columns TRADES to BANDS of the open bin
STATE_SIZE: Final = SUMS + 11

# settings, after SOURCE and STALE_NS
_BIN_RULE: Final = 2  # RULE and SIZE of counterpoise.flow.kernels.bins
INVERSE: Final = 4
FIRST_BAND: Final = 5  # fractions of mid, ascending

# columns of a bin: TS to QUALITY of counterpoise.flow.kernels.best, then
TRADES: Final = 6
_BUY: Final = 7  # lots; sell, unknown side, running sum and order-flow imbalance follow
_CVD: Final = 10
OFI: Final = 11
VALUES: Final = 12  # what those five are worth, floats by their bits
BANDS: Final = 17  # for each band: bid lots, ask lots, bid value, ask value; −1 lots where the book is not in order
COUNT: Final = 5
_WRITTEN: Final = 0


@inner_kernel
def _worth(lots: int, ticks: int, inverse: bool) -> float:
    """Lots at a price in the instrument's other unit; an inverse contract has none at a price of zero or less."""
    if not inverse:
        return float(lots) * float(ticks)
    return lots / ticks if ticks > 0 else np.nan


@inner_kernel
def _flow(state: Int1D, inverse: bool) -> None:
    """Order flow between the quotes before and those now, each queue at its own price."""
    worth = 0.0
    for side in range(2):
        sign = 1 - 2 * side
        key, lots = state[KEY + side], state[LOTS + side]
        before, lots_before = state[_BEFORE + side], state[_BEFORE + 2 + side]
        state[SUMS + OFI - TRADES] += state[_VALID] * sign * queue_change(key, lots, before, lots_before)
        if key >= before and lots > 0:
            worth += sign * _worth(lots, sign * key, inverse)
        if key <= before and lots_before > 0:
            worth -= sign * _worth(lots_before, sign * before, inverse)
        state[_BEFORE + side], state[_BEFORE + 2 + side] = key, lots
    if state[_VALID]:
        state[SUMS + VALUES - TRADES : SUMS + BANDS - TRADES].view(np.float64)[4] += worth
    state[_VALID] = state[NOW] != GAPPED


@inner_kernel
def _traded(state: Int1D, side: int, ticks: int, lots: int, inverse: bool) -> None:
    sums = state[SUMS : SUMS + BANDS - TRADES]
    values = sums[VALUES - TRADES :].view(np.float64)
    at = 0 if side > 0 else (1 if side < 0 else 2)
    sums[0] += 1
    sums[_BUY - TRADES + at] += lots
    sums[_CVD - TRADES] += side * lots
    values[at] += _worth(lots, ticks, inverse)
    values[3] += side * _worth(lots, ticks, inverse)


@kernel
def _write_bands(book: Int1D, side: int, mid: float, settings: Float1D, row: Int1D) -> None:
    """Lots and worth of one side within each distance of mid, widest last: one walk over the levels."""
    sign, inverse = 1 - 2 * side, settings[INVERSE] != 0
    total, worth = 0, 0.0
    key = book[side * HEAD + BEST]
    for band in range(len(settings) - FIRST_BAND):
        least = np.int64(np.ceil(sign * mid - settings[FIRST_BAND + band] * abs(mid)))
        while key != NO_KEY and key >= least:
            lots = quantity_at(book, side, key)
            total += lots
            worth += _worth(lots, sign * key, inverse)
            key = next_below(book, side, key)
        at = BANDS + 4 * band + side
        row[at] = total
        row[at + 2 : at + 3].view(np.float64)[0] = worth


@kernel
def _close(book: Int1D, state: Int1D, settings: Float1D, end: int, row: Int1D) -> None:
    """Write the bin that is open and begin the next."""
    silent = state[HEARD] and end - state[HEARD] > settings[STALE_NS]
    quality = max(state[NOW], STALE) if silent else state[NOW]
    row[0] = end
    for side in range(2):
        row[1 + 2 * side], row[2 + 2 * side] = state[KEY + side], state[LOTS + side]
    row[5] = max(state[WORST], quality)
    row[TRADES:BANDS] = state[SUMS:STATE_SIZE]
    row[BANDS:] = -1
    if state[KEY] != NO_KEY and state[KEY + 1] != NO_KEY and state[STATUS + STATE] == SYNCED:
        mid = (state[KEY] - state[KEY + 1]) / 2
        _write_bands(book, 0, mid, settings, row)
        _write_bands(book, 1, mid, settings, row)
    for at in range(SUMS, STATE_SIZE):
        if at != SUMS + _CVD - TRADES and at != SUMS + VALUES - TRADES + 3:
            state[at] = 0
    state[WORST], state[MESSAGES] = quality, 0
    start_bin(state[BIN:WORST])


@kernel
def close_market_bin(book: Int1D, state: Int1D, settings: Float1D, end: int, out: Int2D) -> int:
    """End the open bin at a time, which nothing of this market said; returns how many rows were written."""
    _close(book, state, settings, end, out[0])
    return 1


@kernel
def market_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    id: Int1D,  # noqa: A002
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start` and write each bin that a row shows to be over, or fills; a row of any kind moves the clock."""
    book, state, out = borrow(book), borrow(state), borrow(out)
    source, stale_ns, inverse = np.int64(settings[SOURCE]), np.int64(settings[STALE_NS]), settings[INVERSE] != 0
    rule = settings[_BIN_RULE:INVERSE]
    every_ns = np.int64(rule[bins.SIZE]) if rule[bins.RULE] == TIME else 0
    written = 0
    i = start
    while i < len(kind):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        if every_ns and state[BIN_END] == NOT_OPEN:
            state[BIN_END] = (ts // every_ns + 1) * every_ns
        while state[BIN_END] <= ts and written < len(out):
            _close(book, state, settings, state[BIN_END], out[written])
            if every_ns:
                state[BIN_END] += every_ns
            else:
                state[TOLD] += 1
                state[BIN_END] = state[state[TOLD]] if state[TOLD] < len(state) else NOT_OPEN
            written += 1
        if state[BIN_END] <= ts or not has_room(book, what, sign):
            break
        if follow(book, state, source, what, sign, np.int64(flags[i]), price_ticks[i], qty_lots[i]):
            if state[HEARD] and ts - state[HEARD] > stale_ns:
                state[WORST] = max(state[WORST], STALE)
            state[HEARD] = ts
            state[WORST] = max(state[WORST], state[NOW])
            state[MESSAGES] += 1
            _flow(state, inverse)
        elif what == TRADE:
            if written == len(out):
                break
            _traded(state, sign, price_ticks[i], qty_lots[i], inverse)
            if fills(state[BIN:WORST], rule, sign, price_ticks[i], qty_lots[i]):
                _close(book, state, settings, ts + 1, out[written])
                written += 1
        i += 1
    state[_WRITTEN] = written
    return i
