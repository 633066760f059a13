"""Fills and refills of levels that were best: odds that more is hidden there than is shown.

A level of a side is kept from the moment it is best; LEVELS of a side at a time, the worst price makes room. What it shows is
read once a message. Keys as in `counterpoise.market.kernels.ladder`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.base_rates import count_share
from counterpoise.flow.kernels.watched_book import BOOK_VENUE, WATCH_SIZE, book_row, in_sync, odds_to_score, unbroken
from counterpoise.market.kernels.codes import GAP, LAST, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at, room

__all__ = [
    "COUNTS",
    "DELAY",
    "END",
    "EXECUTED",
    "FIELDS",
    "FILLS",
    "KNOWN",
    "LEVELS",
    "MOST",
    "PRICE",
    "REFILLED",
    "REFILLS",
    "SAME",
    "SCORE",
    "SIDE",
    "START",
    "STATE_SIZE",
    "TABLE",
    "UNKNOWN",
    "WIDTH",
    "iceberg_rows",
]

LEVELS: Final = 8

# settings
REFILL_NS: Final = 0
STALE_NS: Final = 1
PRIOR: Final = 2
SIMILAR: Final = 3
MIN_SCORE: Final = 4
MIN_REFILLS: Final = 5
HIDDEN: Final = 6  # 3 numbers: chance of each outcome of a fill when an iceberg rests
HIDDEN_SAME: Final = 9

# outcomes of a fill
_NOTHING: Final = 0
_REFILL: Final = 1
_OVERRUN: Final = 2

# columns of a row
KNOWN: Final = 0
START: Final = 1
END: Final = 2
SIDE: Final = 3
PRICE: Final = 4
MOST: Final = 5
EXECUTED: Final = 6
UNKNOWN: Final = 7
FILLS: Final = 8
REFILLS: Final = 9
SAME: Final = 10
REFILLED: Final = 11
DELAY: Final = 12
SCORE: Final = 13
WIDTH: Final = 14

COUNTS: Final = WATCH_SIZE  # of each side: 3 outcomes of fills; refills that were not like, and like, the one before
TABLE: Final = COUNTS + 10  # LEVELS a side
# fields of a level; 1 to 12 as in a row
_KEY: Final = 0
_ODDS: Final = 13  # floats by their bits
_PEAK: Final = 14
_HELD: Final = 15  # shown after the last message, and before it
_WAS: Final = 16
_PENDING: Final = 17  # executed since the book last told; from what was shown before; when at the venue
_FROM: Final = 18
_VENUE: Final = 19
_DUE: Final = 20  # a late refill may still come until then; 0 when none is awaited
_GONE: Final = 21  # when it became empty, 0 while it shows something
_LAST_REFILL: Final = 22
FIELDS: Final = 23
STATE_SIZE: Final = TABLE + 2 * LEVELS * FIELDS


@inner_kernel
def _at(side: int, level: int) -> int:
    return TABLE + (side * LEVELS + level) * FIELDS


@kernel
def _filled(state: Int1D, settings: Float1D, at: int, side: int, outcome: int) -> None:
    """One fill has come to its end: odds by Bayes, with a chance of an iceberg placed since the last fill."""
    real = state[at + _ODDS : at + _PEAK + 1].view(np.float64)
    prior = settings[PRIOR]
    likelihood = settings[HIDDEN + outcome] / count_share(state[COUNTS + 5 * side : COUNTS + 5 * side + 3], outcome)
    real[0] = (real[0] + prior) / (1.0 - prior) * likelihood
    state[at + FILLS] += 1
    state[at + _DUE] = 0


@kernel
def _refilled(state: Int1D, settings: Float1D, at: int, side: int, lots: int, ts: int) -> None:
    """A fill was followed by lots of new size; is it the size of the refill before?"""
    real = state[at + _ODDS : at + _PEAK + 1].view(np.float64)
    before = state[at + _LAST_REFILL]
    if before > 0:
        same = abs(lots - before) <= settings[SIMILAR] * max(lots, before)
        share = count_share(state[COUNTS + 5 * side + 3 : COUNTS + 5 * side + 5], np.int64(same))
        hidden = settings[HIDDEN_SAME] if same else 1.0 - settings[HIDDEN_SAME]
        real[0] *= hidden / share
        state[at + SAME] += same
    state[at + REFILLS] += 1
    state[at + REFILLED] += lots
    state[at + DELAY] += ts - state[at + END]
    state[at + _LAST_REFILL] = lots
    real[1] = max(real[1], real[0])


@kernel
def _told(state: Int1D, settings: Float1D, at: int, side: int, ts: int) -> None:
    """The book has spoken: what has become of the fills of a level?"""
    waits = state[at + _DUE] > 0
    if state[at + _PENDING] > 0 and (state[BOOK_VENUE] == 0 or state[BOOK_VENUE] >= state[at + _VENUE]):
        if waits:
            _filled(state, settings, at, side, _NOTHING)
        executed, shown = state[at + _PENDING], state[at + _FROM]
        lots = state[at + _HELD] - shown + executed
        state[at + _PENDING] = 0
        if lots > 0:
            _filled(state, settings, at, side, _OVERRUN if executed > shown else _REFILL)
            _refilled(state, settings, at, side, lots, ts)
        else:
            state[at + _DUE] = ts + np.int64(settings[REFILL_NS])
    elif waits and ts > state[at + _DUE]:
        _filled(state, settings, at, side, _NOTHING)
    elif waits and state[at + _HELD] > state[at + _WAS]:
        _filled(state, settings, at, side, _REFILL)
        _refilled(state, settings, at, side, state[at + _HELD] - state[at + _WAS], ts)


@kernel
def _closed(state: Int1D, settings: Float1D, at: int, ts: int, out: Int2D) -> None:
    """A level is over: a row of it when the odds are good enough."""
    real = state[at + _ODDS : at + _PEAK + 1].view(np.float64)
    score = odds_to_score(real[1])
    if state[at + _KEY] != NO_KEY and score >= settings[MIN_SCORE] and state[at + REFILLS] >= settings[MIN_REFILLS]:
        row = out[state[0]]
        row[:SCORE] = state[at : at + SCORE]
        row[KNOWN] = ts
        row[SCORE : SCORE + 1].view(np.float64)[0] = score
        state[0] += 1
    state[at + _KEY] = NO_KEY


@kernel
def _opened(book: Int1D, state: Int1D, settings: Float1D, side: int, ts: int, out: Int2D) -> None:
    """Keep the best level of a side, if it is not kept."""
    key = book[side * HEAD + BEST]
    worst = _at(side, 0)
    for level in range(LEVELS):
        at = _at(side, level)
        if state[at + _KEY] == key:
            return
        if state[at + _KEY] < state[worst + _KEY]:
            worst = at
    if key == NO_KEY or key < state[worst + _KEY]:
        return
    _closed(state, settings, worst, ts, out)
    state[worst : worst + FIELDS] = 0
    sign = 1 - 2 * side
    state[worst + _KEY], state[worst + START], state[worst + END] = key, ts, ts
    state[worst + SIDE], state[worst + PRICE] = sign, sign * key
    held = quantity_at(book, side, key)
    state[worst + MOST], state[worst + _HELD], state[worst + _WAS] = held, held, held


@kernel
def _message(book: Int1D, state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """A book message is whole and the book in sync: look at every level that is kept."""
    for side in range(2):
        for level in range(LEVELS):
            at = _at(side, level)
            if state[at + _KEY] == NO_KEY:
                continue
            held = quantity_at(book, side, state[at + _KEY])
            state[at + _WAS], state[at + _HELD] = state[at + _HELD], held
            state[at + MOST] = max(state[at + MOST], held)
            _told(state, settings, at, side, ts)
            if held > 0:
                state[at + _GONE] = 0
            elif state[at + _GONE] == 0:
                state[at + _GONE] = ts
            elif ts - state[at + _GONE] > settings[REFILL_NS]:
                _closed(state, settings, at, ts, out)
        _opened(book, state, settings, side, ts, out)


@kernel
def _trade(state: Int1D, ts: int, venue: int, sign: int, price_ticks: int, lots: int) -> None:
    """Executed at a level that is kept; one without a side is only counted."""
    for side in range(2):
        if sign == 1 - 2 * side or lots <= 0:
            continue
        key = (1 - 2 * side) * price_ticks
        for level in range(LEVELS):
            at = _at(side, level)
            if state[at + _KEY] == key:
                if sign == 0:
                    state[at + UNKNOWN] += lots
                else:
                    _executed(state, at, ts, venue, lots)


@kernel
def _executed(state: Int1D, at: int, ts: int, venue: int, lots: int) -> None:
    if state[at + _PENDING] == 0:
        in_book = venue > 0 and venue <= state[BOOK_VENUE]  # the last message told of it before the trade came
        state[at + _FROM] = state[at + _WAS] if in_book else state[at + _HELD]
    state[at + _PENDING] += lots
    state[at + EXECUTED] += lots
    state[at + END] = ts
    state[at + _VENUE] = venue


@kernel
def _void(state: Int1D) -> None:
    for side in range(2):
        for level in range(LEVELS):
            state[_at(side, level) + _KEY] = NO_KEY


@kernel
def iceberg_rows(
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
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`."""
    book, state, settings, out = borrow(book), borrow(state), borrow(settings), borrow(out)
    state[0] = 0
    for i in range(start, len(kind)):
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1) or state[0] + 2 * LEVELS + 2 > len(out):
                return i
            book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST or what == GAP:
                if not unbroken(book, state, ts_local[i], ts_venue[i], settings[STALE_NS]):
                    _void(state)
                if in_sync(state):
                    _message(book, state, settings, ts_local[i], out)
        elif what == TRADE and in_sync(state):
            _trade(state, ts_local[i], ts_venue[i], sign, price_ticks[i], qty_lots[i])
    return len(kind)
