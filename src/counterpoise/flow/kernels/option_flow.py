"""Option trades with the greeks their options were last quoted with before them: one by one, and summed per bin and place.

An option has a record in the state, its last two quotes of different times, so that a trade never meets a quote of its own
time, whichever of the two is told first. A place (all options together, or an expiry and strike) has a record of sums. Records
lie where the rows say. Sums are doubles, added in order of the trades.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END
from counterpoise.flow.kernels.option_weights import (
    DELTA_COIN,
    FORWARD,
    GAMMA_COIN,
    OUTSIDE,
    SAID,
    VEGA_CASH,
    WEIGHTS,
    weigh,
)
from counterpoise.flow.kernels.tables import CODE, EVERY_NS, OPENS, TOLD, TS, due, open_bin

__all__ = [
    "AGE_NS",
    "ALL_OPTIONS",
    "BARE",
    "BUY_QTY",
    "CALL",
    "CALL_PREMIUM",
    "CALL_QTY",
    "CALL_VEGA",
    "CASH_VALUE",
    "COIN_VALUE",
    "DEALER_GAMMA",
    "DELTA_FLOW",
    "END",
    "EXPIRY",
    "FLOW_STATE_SIZE",
    "FLOW_WIDTH",
    "GAMMA_FLOW",
    "IN_COINS",
    "NEVER",
    "NOTIONAL",
    "OPTION",
    "PLACE",
    "PLACE_OF",
    "PLACE_SIZE",
    "PREMIUM",
    "PRICE",
    "PUT_PREMIUM",
    "PUT_QTY",
    "PUT_VEGA",
    "QTY",
    "QUOTE",
    "QUOTED",
    "QUOTES_SIZE",
    "ROW_WIDTH",
    "SELL_QTY",
    "SIDE",
    "SIGNED_CALL_QTY",
    "SIGNED_PREMIUM",
    "SIGNED_PUT_QTY",
    "STRIKE",
    "SUMS",
    "TRADE",
    "TRADED",
    "TRADES",
    "UNKNOWN",
    "UNKNOWN_QTY",
    "VEGA_FLOW",
    "WEIGHED",
    "WEIGHED_WIDTH",
    "close_places",
    "option_flow_rows",
    "weighted_trade_rows",
]

WRITTEN: Final = 0
TRADE: Final = OPENS  # codes of tables
QUOTE: Final = OPENS + 1
NEVER: Final = np.iinfo(np.int64).max

# columns of a trade; where its option and its place lie in the state
OPTION: Final = TOLD
SIDE: Final = TOLD + 1
PRICE: Final = TOLD + 2
QTY: Final = TOLD + 3
IN_COINS: Final = TOLD + 4  # 1 when premium and mark are in coins
CALL: Final = TOLD + 5
STRIKE: Final = TOLD + 6
EXPIRY: Final = TOLD + 7
COIN_VALUE: Final = TOLD + 8
CASH_VALUE: Final = TOLD + 9
PLACE: Final = TOLD + 10
ROW_WIDTH: Final = TOLD + 11
QUOTED: Final = TOLD + 1  # of a quote: the first of the numbers that the venue said

# record of an option: times of its last quote and of the last before that time, then what each said
_NEW: Final = 0
_OLD: Final = 1
_NEW_SAID: Final = 2
_OLD_SAID: Final = _NEW_SAID + SAID
QUOTES_SIZE: Final = _OLD_SAID + SAID

# settings
_MAX_AGE: Final = EVERY_NS + 1
_NET: Final = EVERY_NS + 2  # 1: the premium of a coin-settled option comes off its delta
_DEALER_CALL: Final = EVERY_NS + 3  # sign of the dealers' position; both 0: the other side of each aggressor
_DEALER_PUT: Final = EVERY_NS + 4
_EVERY_BIN: Final = EVERY_NS + 5  # 1: a bin without a trade is a row too, of the one place there is

# state, before the records
_TOUCHED: Final = 2  # the place that traded last in the open bin; 0 for none
_WEIGHED: Final = 3  # of the trade at hand
FLOW_STATE_SIZE: Final = _WEIGHED + WEIGHTS
ALL_OPTIONS: Final = FLOW_STATE_SIZE  # the one place of a flow that has only one

# record of a place: the place that traded before it, whether it is in that chain, then sums
_BEFORE: Final = 0
_IN_CHAIN: Final = 1
SUMS: Final = 2
TRADES: Final = 0  # counts
UNKNOWN: Final = 1
BARE: Final = 2
BUY_QTY: Final = 3  # doubles
SELL_QTY: Final = 4
UNKNOWN_QTY: Final = 5
CALL_QTY: Final = 6
PUT_QTY: Final = 7
SIGNED_CALL_QTY: Final = 8
SIGNED_PUT_QTY: Final = 9
CALL_PREMIUM: Final = 10
PUT_PREMIUM: Final = 11
SIGNED_PREMIUM: Final = 12
NOTIONAL: Final = 13
DELTA_FLOW: Final = 14
GAMMA_FLOW: Final = 15
VEGA_FLOW: Final = 16
PUT_VEGA: Final = 17
CALL_VEGA: Final = 18
DEALER_GAMMA: Final = 19
_SUM_COUNT: Final = 20
PLACE_SIZE: Final = SUMS + _SUM_COUNT

# columns of a closed place
END: Final = 0
PLACE_OF: Final = 1
FLOW_WIDTH: Final = 2 + _SUM_COUNT

# columns of a weighted trade: those of the trade, what was said, what it weighs, age of the quote, premium in cash
TRADED: Final = 0
_SAID_AT: Final = ROW_WIDTH
WEIGHED: Final = _SAID_AT + SAID
AGE_NS: Final = WEIGHED + WEIGHTS
PREMIUM: Final = AGE_NS + 1
WEIGHED_WIDTH: Final = PREMIUM + 1


@inner_kernel
def _take_quote(state: Int1D, row: Int1D) -> None:
    """Remember a quote that has a delta and a forward; one of a new time pushes the last one back."""
    told = row.view(np.float64)
    if np.isnan(told[QUOTED + FORWARD]) or np.isnan(told[QUOTED + 3]):
        return
    at = row[OPTION]
    if state[at + _NEW] != row[TS]:
        state[at + _OLD] = state[at + _NEW]
        for i in range(SAID):  # a slice would be copied aside first
            state[at + _OLD_SAID + i] = state[at + _NEW_SAID + i]
    state[at + _NEW] = row[TS]
    for i in range(SAID):
        state[at + _NEW_SAID + i] = row[QUOTED + i]


@inner_kernel
def _quoted_before(state: Int1D, at: int, ts: int, max_age: int) -> int:
    """Where the last quote strictly before a time says its numbers; 0 when there is none that is young enough."""
    new = state[at + _NEW]
    if new < ts:
        return at + _NEW_SAID if ts - new <= max_age else 0
    old = state[at + _OLD]
    return at + _OLD_SAID if old < ts and ts - old <= max_age else 0


@inner_kernel
def _weigh_trade(state: Int1D, settings: Float1D, row: Int1D, said: int, weights: Float1D) -> None:
    told = state.view(np.float64)[said : said + SAID]
    strike = row.view(np.float64)[STRIKE]
    weigh(told, strike, row[EXPIRY] - row[TS], row[CALL], row[IN_COINS], settings[_NET] != 0, weights)


@inner_kernel
def _add_weighted(row: Int1D, forward: float, weights: Float1D, settings: Float1D, sums: Float1D) -> None:
    """What only a trade with all its greeks adds to."""
    told = row.view(np.float64)
    qty, side, coin, cash = told[QTY], np.float64(row[SIDE]), told[COIN_VALUE], told[CASH_VALUE]
    premium = told[PRICE] * qty * (forward if row[IN_COINS] else 1.0)
    gamma, vega = qty * weights[GAMMA_COIN], qty * weights[VEGA_CASH] * (cash * side)
    dealers = settings[_DEALER_CALL] if row[CALL] else settings[_DEALER_PUT]
    sums[CALL_PREMIUM if row[CALL] else PUT_PREMIUM] += premium * cash
    sums[SIGNED_PREMIUM] += premium * (cash * side)
    sums[NOTIONAL] += qty * forward * (cash * side)
    sums[DELTA_FLOW] += qty * weights[DELTA_COIN] * (coin * side)
    sums[GAMMA_FLOW] += gamma * (coin * side)
    sums[VEGA_FLOW] += vega
    if weights[OUTSIDE] == 1:
        sums[CALL_VEGA if row[CALL] else PUT_VEGA] += vega
    sums[DEALER_GAMMA] += gamma * (coin * (dealers if dealers != 0 else -side))


@inner_kernel
def _add_trade(state: Int1D, settings: Float1D, row: Int1D) -> None:
    place = row[PLACE]
    _touch(state, place)
    counts, sums = state[place + SUMS : place + PLACE_SIZE], state.view(np.float64)[place + SUMS : place + PLACE_SIZE]
    told, side = row.view(np.float64), row[SIDE]
    counts[TRADES] += 1
    counts[UNKNOWN] += side == 0
    qty = told[QTY] * told[COIN_VALUE]
    sums[BUY_QTY if side > 0 else SELL_QTY if side < 0 else UNKNOWN_QTY] += qty
    sums[CALL_QTY if row[CALL] else PUT_QTY] += qty
    sums[SIGNED_CALL_QTY if row[CALL] else SIGNED_PUT_QTY] += told[QTY] * side
    said = _quoted_before(state, row[OPTION], row[TS], np.int64(settings[_MAX_AGE]))
    weights = state.view(np.float64)[_WEIGHED : _WEIGHED + WEIGHTS]
    whole = False
    if said:
        _weigh_trade(state, settings, row, said, weights)
        whole = not (np.isnan(weights[DELTA_COIN]) or np.isnan(weights[GAMMA_COIN]) or np.isnan(weights[VEGA_CASH]))
    if whole:
        _add_weighted(row, state.view(np.float64)[said + FORWARD], weights, settings, sums)
    else:
        counts[BARE] += 1


@inner_kernel
def _touch(state: Int1D, place: int) -> None:
    if not state[place + _IN_CHAIN]:
        state[place + _IN_CHAIN] = 1
        state[place + _BEFORE] = state[_TOUCHED]
        state[_TOUCHED] = place


@inner_kernel
def _close_place(state: Int1D, row: Int1D) -> None:
    """One place of the chain; what comes after it may be the next call's."""
    place = state[_TOUCHED]
    row[END], row[PLACE_OF] = state[BIN_END], place
    row[PLACE_OF + 1 :] = state[place + SUMS : place + PLACE_SIZE]
    state[_TOUCHED] = state[place + _BEFORE]
    state[place : place + PLACE_SIZE] = 0


@kernel
def close_places(state: Int1D, settings: Float1D, out: Int2D) -> bool:
    """Places of the open bin as they stand, as many as there is room for; returns whether some are left."""
    written = 0
    if settings[_EVERY_BIN]:
        _touch(state, ALL_OPTIONS)
    while state[_TOUCHED] and written < len(out):
        _close_place(state, out[written])
        written += 1
    state[WRITTEN] = written
    return state[_TOUCHED] != 0


@kernel
def option_flow_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """Sums of option trades per bin and place; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    written, i = 0, start
    every = np.int64(settings[EVERY_NS])
    while i < len(rows):
        row = rows[i]
        if due(state, row[TS]):
            if settings[_EVERY_BIN]:
                if written == len(out):
                    break
                _touch(state, ALL_OPTIONS)
            while state[_TOUCHED] and written < len(out):
                _close_place(state, out[written])
                written += 1
            if state[_TOUCHED]:
                break
            state[BIN_END] = state[BIN_END] + every if settings[_EVERY_BIN] else (row[TS] // every + 1) * every
            continue
        open_bin(state, settings, row[TS], row[CODE])
        if row[CODE] == TRADE:
            _add_trade(state, settings, row)
        elif row[CODE] == QUOTE:
            _take_quote(state, row)
        i += 1
    state[WRITTEN] = written
    return i


@kernel
def weighted_trade_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """One row a trade, with what it weighs; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    written, i = 0, start
    while i < len(rows) and written < len(out):
        row = rows[i]
        if row[CODE] == QUOTE:
            _take_quote(state, row)
        elif row[CODE] == TRADE:
            line = out[written]
            values, told = line.view(np.float64), row.view(np.float64)
            line[TRADED:_SAID_AT] = row
            said = _quoted_before(state, row[OPTION], row[TS], np.int64(settings[_MAX_AGE]))
            values[_SAID_AT:AGE_NS] = np.nan
            line[AGE_NS] = -1
            if said:
                line[_SAID_AT:WEIGHED] = state[said : said + SAID]
                _weigh_trade(state, settings, row, said, values[WEIGHED:AGE_NS])
                newer = said == row[OPTION] + _NEW_SAID
                line[AGE_NS] = row[TS] - state[row[OPTION] + (_NEW if newer else _OLD)]
            values[PREMIUM] = told[PRICE] * told[QTY] * (values[_SAID_AT + FORWARD] if row[IN_COINS] else 1.0)
            written += 1
        i += 1
    state[WRITTEN] = written
    return i
