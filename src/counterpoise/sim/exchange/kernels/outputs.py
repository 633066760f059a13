"""What an exchange says: rows of the public tape, shaped as `counterpoise.sim.kernels.tape` with a market, and private reports.

A request makes a message for each trade, then one of the levels it changed, then, if either best changed, one of quotes.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel, whole_kernel
from counterpoise.market.kernels.codes import DELTA, FIRST, LAST, QUOTE, SNAPSHOT, TRADE
from counterpoise.sim.exchange.kernels.codes import (
    R_ACCOUNT,
    R_CODE,
    R_FEE,
    R_LEFT,
    R_LOTS,
    R_MARKET,
    R_NUMBER,
    R_OTHER,
    R_PRICE,
    R_TAG,
    R_TS,
    R_VALUE,
)
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    ASKS,
    BEST,
    BIDS,
    COUNT,
    LEVEL_LOTS,
    MARKET,
    MARKET_NUMBER,
    MAX_FILLS,
    NO_KEY,
    NUMBER,
    PRICE,
    QUOTING,
    REPORT_ROWS,
    SEQ,
    SIDE,
    TAG,
    TAPE_ROWS,
    TOLD_ASK,
    TOLD_ASK_LOTS,
    TOLD_BID,
    TOLD_BID_LOTS,
    TOUCHED,
    TOUCHED_COUNT,
    TRADE_ID,
    UPDATE_ID,
)
from counterpoise.sim.exchange.kernels.levels import level_at, next_below, side_of
from counterpoise.sim.kernels.tape import CODE, ID, LOCAL, LOTS, TAPE_COLUMNS, VENUE
from counterpoise.sim.kernels.tape import PRICE as PRICE_COLUMN
from counterpoise.sim.kernels.tape import SEQ as SEQ_COLUMN

__all__ = ["EXCHANGE_TAPE_COLUMNS", "MARKET_COLUMN", "report", "room", "tell_levels", "tell_snapshot", "tell_trade", "touch"]

MARKET_COLUMN: Final = TAPE_COLUMNS
EXCHANGE_TAPE_COLUMNS: Final = TAPE_COLUMNS + 1


@inner_kernel
def _row(
    ex: Int1D, tape: Int2D, market: int, ts: int, number: int, kind: int, flags: int, side: int, price: int, lots: int
) -> None:
    row = ex[TAPE_ROWS]
    ex[TAPE_ROWS] = row + 1
    tape[row, LOCAL] = ts
    tape[row, VENUE] = ts
    tape[row, SEQ_COLUMN] = ex[SEQ]
    tape[row, ID] = number
    tape[row, CODE] = kind + (flags << 8) + ((side + 1) << 16)
    tape[row, PRICE_COLUMN] = price
    tape[row, LOTS] = lots
    tape[row, MARKET_COLUMN] = ex[market + MARKET_NUMBER]


@inner_kernel
def tell_trade(ex: Int1D, tape: Int2D, market: int, ts: int, side: int, price: int, lots: int) -> None:
    """One trade, a message of its own; `side` is the aggressor's, 0 in an auction."""
    ex[market + TRADE_ID] += 1
    _row(ex, tape, market, ts, ex[market + TRADE_ID], TRADE, FIRST + LAST, side, price, lots)
    ex[SEQ] += 1


@inner_kernel
def touch(ex: Int1D, side: int, price: int) -> None:
    """Note a level that the request has changed."""
    code, count = 2 * price + (side > 0), ex[TOUCHED_COUNT]
    if (count and ex[ex[TOUCHED] + count - 1] == code) or (count > 1 and ex[ex[TOUCHED] + count - 2] == code):
        return
    ex[ex[TOUCHED] + count] = code
    ex[TOUCHED_COUNT] = count + 1


@whole_kernel
def tell_levels(ex: Int1D, tape: Int2D, market: int, ts: int) -> None:
    """The levels noted since the last call as they now stand, and the best of both sides if either is not what was told."""
    count = ex[TOUCHED_COUNT]
    if count == 0:
        return
    ex[TOUCHED_COUNT] = 0
    ex[market + UPDATE_ID] += 1
    for i in range(count):
        code = ex[ex[TOUCHED] + i]
        side, price = 2 * (code & 1) - 1, code >> 1
        lots = ex[level_at(ex, side_of(market, side), side * price) + LEVEL_LOTS]
        flags = (FIRST if i == 0 else 0) + (LAST if i == count - 1 else 0)
        _row(ex, tape, market, ts, ex[market + UPDATE_ID], DELTA, flags, side, price, lots)
    ex[SEQ] += 1
    if ex[QUOTING]:
        _tell_best(ex, tape, market, ts)


@inner_kernel
def _tell_best(ex: Int1D, tape: Int2D, market: int, ts: int) -> None:
    bid_key, ask_key = ex[market + BIDS + BEST], ex[market + ASKS + BEST]
    bid, ask, bid_lots, ask_lots = 0, 0, 0, 0  # an empty side is 0 lots at 0
    if bid_key != NO_KEY:
        bid, bid_lots = bid_key, ex[level_at(ex, market + BIDS, bid_key) + LEVEL_LOTS]
    if ask_key != NO_KEY:
        ask, ask_lots = -ask_key, ex[level_at(ex, market + ASKS, ask_key) + LEVEL_LOTS]
    same_bid = bid == ex[market + TOLD_BID] and bid_lots == ex[market + TOLD_BID_LOTS]
    if same_bid and ask == ex[market + TOLD_ASK] and ask_lots == ex[market + TOLD_ASK_LOTS]:
        return
    ex[market + TOLD_BID], ex[market + TOLD_BID_LOTS] = bid, bid_lots
    ex[market + TOLD_ASK], ex[market + TOLD_ASK_LOTS] = ask, ask_lots
    _row(ex, tape, market, ts, ex[market + UPDATE_ID], QUOTE, FIRST, 1, bid, bid_lots)
    _row(ex, tape, market, ts, ex[market + UPDATE_ID], QUOTE, LAST, -1, ask, ask_lots)
    ex[SEQ] += 1


@kernel
def tell_snapshot(ex: Int1D, tape: Int2D, market: int, ts: int) -> None:
    """The whole book as one message; of an empty book, one row of no lots. Assumes room for all its levels."""
    first, levels = ex[TAPE_ROWS], ex[market + BIDS + COUNT] + ex[market + ASKS + COUNT]
    for side in (1, -1):
        book = side_of(market, side)
        key = ex[book + BEST]
        for i in range(ex[book + COUNT]):
            lots = ex[level_at(ex, book, key) + LEVEL_LOTS]
            _row(ex, tape, market, ts, ex[market + UPDATE_ID], SNAPSHOT, 0, side, side * key, lots)
            if i + 1 < ex[book + COUNT]:
                key = next_below(ex, book, key)
    if levels == 0:
        _row(ex, tape, market, ts, ex[market + UPDATE_ID], SNAPSHOT, 0, 1, 0, 0)
    tape[first, CODE] += FIRST << 8
    tape[ex[TAPE_ROWS] - 1, CODE] += LAST << 8
    ex[SEQ] += 1


@inner_kernel
def report(ex: Int1D, reports: Int2D, ts: int, order: int, what: int, reason: int, left: int) -> int:
    """Write what became of the order at an address; returns the row, so that a fill can add to it."""
    row = ex[REPORT_ROWS]
    ex[REPORT_ROWS] = row + 1
    reports[row, R_TS] = ts
    reports[row, R_MARKET] = ex[order + MARKET]
    reports[row, R_ACCOUNT] = ex[order + ACCOUNT]
    reports[row, R_NUMBER] = ex[order + NUMBER]
    reports[row, R_TAG] = ex[order + TAG]
    reports[row, R_CODE] = what + (reason << 8) + ((ex[order + SIDE] + 1) << 16)
    reports[row, R_PRICE] = ex[order + PRICE]
    reports[row, R_LOTS] = 0
    reports[row, R_LEFT] = left
    reports[row, R_VALUE] = 0
    reports[row, R_FEE] = 0
    reports[row, R_OTHER] = -1
    return row


@inner_kernel
def room(ex: Int1D, tape: Int2D, reports: Int2D) -> bool:
    """Whether the outputs can take whatever one request may write."""
    rows = 2 * ex[MAX_FILLS] + 8
    return len(tape) - ex[TAPE_ROWS] >= rows and len(reports) - ex[REPORT_ROWS] >= rows
