"""Prints of one size that meet an opposite print of the same size at the same price, and what chance that had.

Depends on trades alone. Sizes are counted in a hash table of exact lots (open addressing), prints of late stand in a ring.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.flow.kernels.watched_book import odds_to_score
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "CHANCE",
    "CV",
    "END",
    "GAPS",
    "HALVED_AT",
    "KNOWN",
    "LOTS",
    "NEVER",
    "NEXT_DUE",
    "PAIRS",
    "PRICE",
    "RING",
    "RUNS",
    "SCORE",
    "SIDE",
    "START",
    "STATE_SIZE",
    "UNKNOWN",
    "WAIT",
    "WIDTH",
    "wash_rows",
]

RING: Final = 64  # prints remembered
RUNS: Final = 16  # open at a time
HALVED_AT: Final = 4096  # sizes counted before all counts are halved
NEVER: Final = 2**62

# settings
WITHIN_NS: Final = 0
PRIOR: Final = 1
WASH_MATCH: Final = 2
MIN_SCORE: Final = 3
MIN_PAIRS: Final = 4

# columns of a row
KNOWN: Final = 0
START: Final = 1
END: Final = 2
SIDE: Final = 3
PRICE: Final = 4
LOTS: Final = 5
PAIRS: Final = 6
UNKNOWN: Final = 7
WAIT: Final = 8  # ns between the two prints of each pair, summed
GAPS: Final = 9  # GAP rows from its first print to its last
CV: Final = 10  # floats by their bits from here on
CHANCE: Final = 11
SCORE: Final = 12
WIDTH: Final = 13

NEXT_DUE: Final = 1  # the first open run is over then
_PRINTS: Final = 2  # ever written to the ring
_SIZES: Final = 3  # counted in the table
_LOST: Final = 4  # GAP rows ever
_RING: Final = 5
_TS: Final = 0
_SIGN: Final = 1
_AT: Final = 2
_SIZE: Final = 3
_USED: Final = 4
_LOST_BEFORE: Final = 5
_PRINT: Final = 6
_RUNS: Final = _RING + RING * _PRINT
# fields of a run: as in a row up to GAPS, then
_TIMES: Final = 10  # sum and sum of squares of ns between its pairs, product of chances, odds: floats
_TRIED: Final = 14  # prints at its price since its last pair
_LOST_AT_START: Final = 15
_RUN: Final = 16
_SLOTS: Final = 8192
_KEYS: Final = _RUNS + RUNS * _RUN
_COUNTS: Final = _KEYS + _SLOTS
_SCRATCH: Final = _COUNTS + _SLOTS
STATE_SIZE: Final = _SCRATCH + 2 * _SLOTS


@kernel
def _slot(state: Int1D, lots: int) -> int:
    """Where a size is counted, or would be; a key of 0 is free."""
    at = (lots ^ (lots >> 7) ^ (lots >> 17)) & (_SLOTS - 1)
    while state[_KEYS + at] != lots and state[_KEYS + at] != 0:
        at = (at + 1) & (_SLOTS - 1)
    return at


@kernel
def _forget(state: Int1D) -> None:
    """Halve all counts; sizes seen once are dropped."""
    held = 0
    for at in range(_SLOTS):
        count = state[_COUNTS + at] >> 1
        if count:
            state[_SCRATCH + 2 * held], state[_SCRATCH + 2 * held + 1] = state[_KEYS + at], count
            held += 1
    state[_KEYS:_SCRATCH] = 0
    state[_SIZES] = 0
    for i in range(held):
        slot = _slot(state, state[_SCRATCH + 2 * i])
        state[_KEYS + slot], state[_COUNTS + slot] = state[_SCRATCH + 2 * i], state[_SCRATCH + 2 * i + 1]
        state[_SIZES] += state[_COUNTS + slot]


@kernel
def _size_share(state: Int1D, lots: int) -> float:
    """Share that a size has among recent prints; then count it."""
    at = _slot(state, lots)
    share = (state[_COUNTS + at] + 1) / (state[_SIZES] + 2)
    state[_KEYS + at] = lots
    state[_COUNTS + at] += 1
    state[_SIZES] += 1
    if state[_SIZES] >= HALVED_AT:
        _forget(state)
    return share


@kernel
def _write(state: Int1D, settings: Float1D, at: int, ts: int, out: Int2D) -> None:
    """A run is over: its row, when the odds are good enough."""
    real = state[at + _TIMES : at + _TRIED].view(np.float64)
    score = odds_to_score(real[3])
    if score >= settings[MIN_SCORE] and state[at + PAIRS] >= settings[MIN_PAIRS]:
        row = out[state[0]]
        row[:CV] = state[at : at + CV]
        row[KNOWN] = ts
        numbers = row[CV:].view(np.float64)
        gaps = state[at + PAIRS] - 1
        numbers[0] = np.nan
        if gaps >= 2 and real[0] > 0.0:
            mean = real[0] / gaps
            numbers[0] = np.sqrt(max(real[1] / gaps - mean * mean, 0.0)) / mean
        numbers[1], numbers[2] = real[2], score
        state[0] += 1
    state[at + PAIRS] = 0


@kernel
def _close_due(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Runs that no further pair can join."""
    due = NEVER
    for run in range(RUNS):
        at = _RUNS + run * _RUN
        if state[at + PAIRS] == 0:
            continue
        over = state[at + END] + np.int64(settings[WITHIN_NS])
        if ts > over:
            _write(state, settings, at, ts, out)
        else:
            due = min(due, over)
    state[NEXT_DUE] = due


@kernel
def _run_of(state: Int1D, settings: Float1D, price: int, lots: int, ts: int, out: Int2D) -> int:
    """Where the open run of a price and size stands; a fresh one has no pairs, and may cost the run that was silent longest."""
    fresh = _RUNS
    for run in range(RUNS):
        at = _RUNS + run * _RUN
        if state[at + PAIRS] > 0 and state[at + PRICE] == price and state[at + LOTS] == lots:
            return at
        if state[fresh + PAIRS] > 0 and (state[at + PAIRS] == 0 or state[at + END] < state[fresh + END]):
            fresh = at
    if state[fresh + PAIRS] > 0:
        _write(state, settings, fresh, ts, out)
    return fresh


@kernel
def _paired(state: Int1D, settings: Float1D, met: int, ts: int, share: float, chances: int, out: Int2D) -> None:
    """A print met the one at `met` in the ring: begin or continue the run of their price and size."""
    price, lots, before = state[met + _AT], state[met + _SIZE], state[met + _TS]
    at = _run_of(state, settings, price, lots, ts, out)
    real = state[at + _TIMES : at + _TRIED].view(np.float64)
    if state[at + PAIRS] == 0:
        state[at + START], state[at + SIDE] = before, state[met + _SIGN]
        state[at + PRICE], state[at + LOTS] = price, lots
        state[at + UNKNOWN], state[at + WAIT], state[at + _TRIED] = 0, 0, 0
        state[at + _LOST_AT_START] = state[met + _LOST_BEFORE]
        real[0], real[1], real[2], real[3] = 0.0, 0.0, 1.0, settings[PRIOR] / (1.0 - settings[PRIOR])
    else:
        gap = 1.0 * (ts - state[at + END])
        real[0] += gap
        real[1] += gap * gap
    state[at + PAIRS] += 1
    state[at + END] = ts
    state[at + GAPS] = state[_LOST] - state[at + _LOST_AT_START]
    state[at + WAIT] += ts - before
    chance = 1.0 - (1.0 - share) ** (chances * max(1.0, share * state[at + _TRIED]))
    state[at + _TRIED] = 0
    real[2] *= chance
    real[3] *= settings[WASH_MATCH] / chance
    state[NEXT_DUE] = min(state[NEXT_DUE], ts + np.int64(settings[WITHIN_NS]))


@kernel
def _unknown(state: Int1D, price: int, lots: int) -> None:
    for run in range(RUNS):
        at = _RUNS + run * _RUN
        if state[at + PAIRS] > 0 and state[at + PRICE] == price and state[at + LOTS] == lots:
            state[at + UNKNOWN] += 1


@kernel
def _print(state: Int1D, settings: Float1D, ts: int, sign: int, price: int, lots: int, out: Int2D) -> None:
    """One trade with an aggressor: has it an opposite of its size, and how likely was that?"""
    share = _size_share(state, lots)
    for run in range(RUNS):
        state[_RUNS + run * _RUN + _TRIED] += state[_RUNS + run * _RUN + PRICE] == price
    met, chances, others, alike = -1, 0, 0, 0
    newest = state[_PRINTS] - 1
    for i in range(newest, max(newest - RING, -1), -1):
        at = _RING + (i & (RING - 1)) * _PRINT
        if state[at + _SIGN] != -sign:
            continue
        if state[at + _AT] != price:
            others += 1
            alike += state[at + _SIZE] == lots
        elif not state[at + _USED] and ts - state[at + _TS] <= settings[WITHIN_NS]:
            chances += 1
            if met < 0 and state[at + _SIZE] == lots:
                met = at
    if met >= 0:
        if alike > 0:  # sizes come in trains: of late this one was more common than it is
            share = max(share, alike / others)
        state[met + _USED] = 1
        _paired(state, settings, met, ts, share, chances, out)
    at = _RING + (state[_PRINTS] & (RING - 1)) * _PRINT
    state[at + _TS], state[at + _SIGN], state[at + _AT], state[at + _SIZE] = ts, sign, price, lots
    state[at + _USED], state[at + _LOST_BEFORE] = np.int64(met >= 0), state[_LOST]
    state[_PRINTS] += 1


@kernel
def wash_rows(
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
    state, settings, out = borrow(state), borrow(settings), borrow(out)
    state[0] = 0
    for i in range(start, len(kind)):
        ts = ts_local[i]
        if ts > state[NEXT_DUE] or kind[i] == TRADE:
            if state[0] + RUNS + 1 > len(out):
                return i
            if ts > state[NEXT_DUE]:
                _close_due(state, settings, ts, out)
        if kind[i] == GAP:
            state[_LOST] += 1
        elif kind[i] == TRADE and qty_lots[i] > 0:
            sign = np.int64(side[i])
            if sign == 0:
                _unknown(state, price_ticks[i], qty_lots[i])
            else:
                _print(state, settings, ts, sign, price_ticks[i], qty_lots[i], out)
    return len(kind)
