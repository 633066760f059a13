"""Large sizes posted behind the touch and pulled before anything executed against them; several at once are layering.

A posting is an increase of one level. How large it is, is its place among the recent postings of its side at its distance from
the touch, by octaves of both. Keys as in `counterpoise.market.kernels.ladder`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.base_rates import SIZES, count_share, count_size, octave, tail_share
from counterpoise.flow.kernels.watched_book import WATCH_SIZE, book_row, in_sync, odds_to_score, unbroken
from counterpoise.market.kernels.codes import DELTA, GAP, LAST, SNAPSHOT, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, depth_between, quantity_at, room

__all__ = [
    "CANCELLED",
    "COUNTS",
    "COUNTS_SIZE",
    "DISTANCE",
    "DISTANCE_END",
    "DUE",
    "END",
    "EXECUTED",
    "IMBALANCE",
    "KEYS",
    "KNOWN",
    "LEVELS",
    "LIFETIME",
    "NEXT_DUE",
    "OPPOSITE",
    "PRICE",
    "REACTION",
    "REACTION_NONE",
    "SCORE",
    "SIDE",
    "SIZE",
    "SLOTS",
    "START",
    "STATE_SIZE",
    "TAIL",
    "TOP",
    "UNKNOWN",
    "WIDTH",
    "spoofing_rows",
]

SLOTS: Final = 1024  # postings of a side that can be open at a time, one for each price modulo SLOTS
REACTION_NONE: Final = -1

# settings
REACH: Final = 0  # ticks
TAIL_MAX: Final = 1
MIN_SEEN: Final = 2
LIFE_NS: Final = 3
BRIEF_NS: Final = 4
REACT_NS: Final = 5
TOGETHER_NS: Final = 6
PULLED_SHARE: Final = 7
PRIOR: Final = 8
MIN_LEVELS: Final = 9
MIN_SCORE: Final = 10
STALE_NS: Final = 11
SIZE_POWER: Final = 12
HEAVY: Final = 13
SPOOF: Final = 14  # chances of what is counted below, when it is a spoof, in the same order

# columns of a row
KNOWN: Final = 0
START: Final = 1
END: Final = 2
SIDE: Final = 3
PRICE: Final = 4
LEVELS: Final = 5
SIZE: Final = 6
EXECUTED: Final = 7
CANCELLED: Final = 8
UNKNOWN: Final = 9
DISTANCE: Final = 10
DISTANCE_END: Final = 11
LIFETIME: Final = 12
OPPOSITE: Final = 13
REACTION: Final = 14
IMBALANCE: Final = 15  # floats by their bits from here on
TAIL: Final = 16
SCORE: Final = 17
WIDTH: Final = 18

# what is counted of each side
_ENDS: Final = 0  # eaten, pulled
_REACTIONS: Final = 2  # pulls soon after an execution on the other side, later, much later or after none
_NEARED: Final = 5  # touch as far as at the posting or farther, nearer
_BRIEF: Final = 7  # long after the posting, soon after it
_WHOLE: Final = 9  # taken away in parts, all at once as it was posted
_HEAVY: Final = 11  # imbalance made, small and large
_LAYERED: Final = 13  # episodes of few levels, of many
COUNTS_SIZE: Final = _LAYERED + 2

TOP: Final = WATCH_SIZE  # best key of each side after the last message
_TRADED: Final = TOP + 2  # lots of aggressors that bought, that sold, and of unknown ones, since the first event
_TRADED_AT: Final = _TRADED + 3  # when they last did
NEXT_DUE: Final = _TRADED_AT + 2  # the first open episode ends then
DUE: Final = NEXT_DUE + 1  # of each side
_BROKEN: Final = DUE + 2  # times the book was lost: a posting of another time is void
_ENDING: Final = _BROKEN + 1  # levels pulled by this message
COUNTS: Final = _ENDING + 1
_EPISODE: Final = COUNTS + 2 * COUNTS_SIZE  # a row for each side; its score slot holds odds
_DISTANCES: Final = 12  # octaves of the distance; the last holds all beyond
_SIZES: Final = _EPISODE + 2 * WIDTH  # a histogram for each side and distance
_LIST: Final = _SIZES + 2 * _DISTANCES * SIZES
KEYS: Final = _LIST + 2 * SLOTS
_POSTINGS: Final = KEYS + 2 * SLOTS
# fields of a posting
_SINCE: Final = 0
_TIME: Final = 1  # _BROKEN of then
_LOTS: Final = 2
_FLOOR: Final = 3  # what rested there before
_FAR: Final = 4
_HIT: Final = 5  # lots executed there since
_BLIND: Final = 6  # lots of unknown aggressors since the first event, then
_LIFTED: Final = 7  # the same of aggressors against the other side
_LEFT: Final = 8  # what was left of it when it was pulled, -1 before
_ONCE: Final = 9  # whether the row that took it away took just its size
_MADE: Final = 10  # imbalance, float
_RARE: Final = 11  # tail, float
_FIELDS: Final = 12
STATE_SIZE: Final = _POSTINGS + 2 * SLOTS * _FIELDS


@kernel
def _live(state: Int1D, settings: Float1D, side: int, key: int, ts: int) -> int:
    """Where an open posting at a key stands in the state; -1 when there is none."""
    slot = side * SLOTS + (key & (SLOTS - 1))
    at = _POSTINGS + slot * _FIELDS
    if state[KEYS + slot] != key or state[at + _TIME] != state[_BROKEN] or state[at + _LEFT] >= 0:
        return -1
    return at if ts - state[at + _SINCE] <= settings[LIFE_NS] else -1


@kernel
def _imbalance_made(book: Int1D, side: int, reach: int, lots: int) -> float:
    """What lots just added changed (own − other) / (own + other) by, within reach of either touch."""
    own = depth_between(book, side, book[side * HEAD + BEST] - reach, ABOVE_ALL)
    other = depth_between(book, 1 - side, book[(1 - side) * HEAD + BEST] - reach, ABOVE_ALL)
    before = own - lots + other
    if before <= 0 or own + other <= 0:
        return 0.0
    return (own - other) / (own + other) - (own - lots - other) / before


@kernel
def _post(
    book: Int1D, state: Int1D, settings: Float1D, side: int, key: int, lots: int, held: int, ts: int, tail: float
) -> None:
    """Open a posting, unless a larger one has its place."""
    slot = side * SLOTS + (key & (SLOTS - 1))
    at = _POSTINGS + slot * _FIELDS
    if _live(state, settings, side, state[KEYS + slot], ts) >= 0 and state[at + _LOTS] >= lots:
        return
    state[KEYS + slot] = key
    state[at + _SINCE], state[at + _TIME], state[at + _LOTS], state[at + _FLOOR] = ts, state[_BROKEN], lots, held
    state[at + _FAR], state[at + _HIT], state[at + _LEFT] = state[TOP + side] - key, 0, -1
    state[at + _BLIND], state[at + _LIFTED] = state[_TRADED + 2], state[_TRADED + side]
    real = state[at + _MADE : at + _RARE + 1].view(np.float64)
    real[0] = _imbalance_made(book, side, np.int64(settings[REACH]), lots)
    real[1] = tail


@inner_kernel
def _added(book: Int1D, state: Int1D, settings: Float1D, side: int, key: int, lots: int, held: int, ts: int) -> None:
    far = state[TOP + side] - key
    if far < 1 or far > settings[REACH]:
        return
    row = _SIZES + (side * _DISTANCES + min(octave(far), _DISTANCES - 1)) * SIZES
    sizes = state[row : row + SIZES]
    if sizes[0] >= settings[MIN_SEEN]:
        tail = tail_share(sizes, lots, settings[TAIL_MAX])
        if tail <= settings[TAIL_MAX]:
            _post(book, state, settings, side, key, lots, held, ts, tail)
    count_size(sizes, lots)


@inner_kernel
def _taken(state: Int1D, settings: Float1D, side: int, key: int, lots: int, held: int, ts: int) -> None:
    """A level became smaller: is a posting gone with it?"""
    at = _live(state, settings, side, key, ts)
    if at >= 0:
        left = max(lots - state[at + _FLOOR], 0)
        if left <= (1.0 - settings[PULLED_SHARE]) * state[at + _LOTS]:
            state[at + _LEFT] = left
            state[at + _ONCE] = np.int64(held - lots == state[at + _LOTS])
            state[_LIST + state[_ENDING]] = at
            state[_ENDING] += 1


@inner_kernel
def _level(book: Int1D, state: Int1D, settings: Float1D, side: int, price_ticks: int, lots: int, ts: int) -> None:
    """A row of a delta, before it is applied to a book in sync."""
    index = (1 - side) >> 1
    key = side * price_ticks
    held = quantity_at(book, index, key)
    book_row(book, state, DELTA, side, 0, price_ticks, lots)
    if lots > held:
        _added(book, state, settings, index, key, lots - held, held, ts)
    elif lots < held and state[_ENDING] < 2 * SLOTS:
        _taken(state, settings, index, key, lots, held, ts)


@kernel
def _ratio(state: Int1D, settings: Float1D, side: int, group: int, size: int, outcome: int) -> float:
    """P(outcome | spoof) / P(outcome | none) of one thing that is counted."""
    first = COUNTS + side * COUNTS_SIZE + group
    return settings[SPOOF + group + outcome] / count_share(state[first : first + size], outcome)


@kernel
def _pull_odds(state: Int1D, settings: Float1D, side: int, at: int, reaction: int, far_end: int, ts: int) -> float:
    """Likelihood ratio of one pulled posting: its size, that it was pulled, and how."""
    real = state[at + _MADE : at + _RARE + 1].view(np.float64)
    power, react_ns = settings[SIZE_POWER], settings[REACT_NS]
    slow = 2 if reaction < 0 or reaction > 4 * react_ns else 1 if reaction > react_ns else 0
    odds = power * (real[1] / settings[TAIL_MAX]) ** (power - 1.0)
    odds *= _ratio(state, settings, side, _ENDS, 2, 1)
    odds *= _ratio(state, settings, side, _REACTIONS, 3, slow)
    odds *= _ratio(state, settings, side, _NEARED, 2, np.int64(far_end < state[at + _FAR]))
    odds *= _ratio(state, settings, side, _BRIEF, 2, np.int64(ts - state[at + _SINCE] <= settings[BRIEF_NS]))
    odds *= _ratio(state, settings, side, _WHOLE, 2, state[at + _ONCE])
    return odds * _ratio(state, settings, side, _HEAVY, 2, np.int64(real[0] >= settings[HEAVY]))


@kernel
def _pulled(state: Int1D, settings: Float1D, side: int, at: int, key: int, far_end: int, ts: int) -> None:
    """One posting was pulled: it joins the open episode of its side, or begins one."""
    lots, hit, since = state[at + _LOTS], state[at + _HIT], state[at + _SINCE]
    lifted_at = state[_TRADED_AT + side]
    reaction = ts - lifted_at if lifted_at >= since and lifted_at > 0 else REACTION_NONE
    odds = _pull_odds(state, settings, side, at, reaction, far_end, ts)
    row = state[_EPISODE + side * WIDTH : _EPISODE + (side + 1) * WIDTH]
    numbers = row[IMBALANCE:].view(np.float64)
    if row[LEVELS] == 0:
        row[START], row[SIZE], row[EXECUTED], row[CANCELLED] = since, 0, 0, 0
        numbers[:] = 0.0
    row[LEVELS] += 1
    row[START] = min(row[START], since)
    row[END] = ts
    row[SIZE] += lots
    row[EXECUTED] += hit
    row[CANCELLED] += max(lots - state[at + _LEFT] - hit, 0)
    real = state[at + _MADE : at + _RARE + 1].view(np.float64)
    numbers[0] += real[0]
    if odds > numbers[2]:  # the row describes the posting that speaks most clearly
        row[PRICE], row[SIDE] = (1 - 2 * side) * key, 1 - 2 * side
        row[DISTANCE], row[DISTANCE_END], row[LIFETIME] = state[at + _FAR], far_end, ts - since
        row[OPPOSITE] = state[_TRADED + side] - state[at + _LIFTED]
        row[UNKNOWN] = state[_TRADED + 2] - state[at + _BLIND]
        row[REACTION] = reaction
        numbers[1], numbers[2] = real[1], odds
    state[DUE + side] = ts + np.int64(settings[TOGETHER_NS])
    state[NEXT_DUE] = min(state[DUE], state[DUE + 1])


@kernel
def _end_of_message(book: Int1D, state: Int1D, settings: Float1D, ts: int, sound: bool) -> None:
    """Judge the postings that this message took away, against where the touch was before it and is after it."""
    if sound:
        for i in range(state[_ENDING]):
            at = state[_LIST + i]
            slot = (at - _POSTINGS) // _FIELDS
            side, key = slot // SLOTS, state[KEYS + slot]
            if state[at + _LEFT] < 0:  # a larger one has taken its place within the message
                continue
            state[KEYS + slot] = NO_KEY
            swept = key >= book[side * HEAD + BEST]
            if swept or state[at + _HIT] > (1.0 - settings[PULLED_SHARE]) * state[at + _LOTS]:
                _ratio(state, settings, side, _ENDS, 2, 0)
            else:
                _pulled(state, settings, side, at, key, state[TOP + side] - key, ts)
            state[at + _LEFT] = -1  # one message may have ended two postings in this place: judge the last, once
    else:
        state[_BROKEN] += 1
        state[_EPISODE + LEVELS], state[_EPISODE + WIDTH + LEVELS] = 0, 0
        state[DUE], state[DUE + 1], state[NEXT_DUE] = ABOVE_ALL, ABOVE_ALL, ABOVE_ALL
    state[_ENDING] = 0
    state[TOP], state[TOP + 1] = book[BEST], book[HEAD + BEST]


@kernel
def _close_due(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Episodes that no further pull can join."""
    for side in range(2):
        if ts <= state[DUE + side]:
            continue
        episode = state[_EPISODE + side * WIDTH : _EPISODE + (side + 1) * WIDTH]
        layers = _ratio(state, settings, side, _LAYERED, 2, np.int64(episode[LEVELS] >= settings[MIN_LEVELS]))
        prior = settings[PRIOR] / (1.0 - settings[PRIOR])
        score = odds_to_score(prior * episode[SCORE : SCORE + 1].view(np.float64)[0] * layers)
        if score >= settings[MIN_SCORE]:
            row = out[state[0]]
            row[:] = episode
            row[KNOWN] = ts
            row[SCORE : SCORE + 1].view(np.float64)[0] = score
            state[0] += 1
        episode[LEVELS] = 0
        state[DUE + side] = ABOVE_ALL
    state[NEXT_DUE] = min(state[DUE], state[DUE + 1])


@kernel
def _trade(state: Int1D, settings: Float1D, sign: int, price_ticks: int, lots: int, ts: int) -> None:
    if lots <= 0:
        return
    index = (1 - sign) >> 1
    if sign == 0:
        state[_TRADED + 2] += lots
        return
    state[_TRADED + index] += lots
    state[_TRADED_AT + index] = ts
    at = _live(state, settings, 1 - index, -sign * price_ticks, ts)
    if at >= 0:
        state[at + _HIT] += lots


@kernel
def spoofing_rows(
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
        ts = ts_local[i]
        if ts > state[NEXT_DUE]:
            if state[0] + 2 > len(out):
                return i
            _close_due(state, settings, ts, out)
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                return i
            if what == DELTA and in_sync(state):
                _level(book, state, settings, sign, price_ticks[i], qty_lots[i], ts)
            else:
                book_row(book, state, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST or what == GAP:
                sound = unbroken(book, state, ts, ts_venue[i], settings[STALE_NS]) and what != SNAPSHOT
                _end_of_message(book, state, settings, ts, sound)
        elif what == TRADE:
            _trade(state, settings, sign, price_ticks[i], qty_lots[i], ts)
    return len(kind)
