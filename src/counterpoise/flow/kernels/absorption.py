"""A price that is hit again and again and holds: one attack per side of the aggressor, from its first fill to its end.

Sides are seen as keys, as in `counterpoise.market.kernels.ladder`: buys (block 0) hit keys of side 1, sells (block 1) those
of side 0, and an attack that gets through moves to lower keys. What the book shows is read at whole messages only, and a fill
waits in PENDING until a message of its time at the venue or later, so that a fall of the queue and the fills that caused it are
booked together. ROW slots of a block are a row of `out`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.depth_rows import book_row, hears
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.kernels.codes import GAP, GAPPED, LAST, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, depth_between, room

# columns of a row
TS: Final = 0
TS_START: Final = 1
TS_END: Final = 2
TS_KNOWN: Final = 3
SIDE: Final = 4
ANCHOR: Final = 5  # key that was hit first
NEAREST: Final = 6  # greatest and least key of the fills
FARTHEST: Final = 7
LOTS: Final = 8  # traded, as far as the book has answered
REFILLED: Final = 9
SHOWN: Final = 10  # lots before the first fill
MOVE: Final = 11  # ticks
FILLS: Final = 12
THRESHOLD: Final = 13  # lots, a float by its bits
UNKNOWN: Final = 14
QUALITY: Final = 15
ENDED: Final = 16
ROW: Final = 17
# the rest of a block
PHASE: Final = 17
LAST_FILL: Final = 18
SHOWN_NOW: Final = 19  # lots at the attacked prices after the last message
FIRST: Final = 20  # oldest message of the window, and how many there are
COUNT: Final = 21
WINDOW_LOTS: Final = 22
WINDOW_REFILLED: Final = 23
WAITING: Final = 24  # fills in PENDING
BIN: Final = 25  # number of the bin of recent volume that is being filled
BIN_LOTS: Final = 26
SKIP: Final = 27  # 1 while that bin is not whole
SEEN: Final = 28  # whole bins
MEAN: Final = 29  # two floats by their bits
VARIANCE: Final = 30
PENDING: Final = 31
MOST_PENDING: Final = 64
FILL: Final = 5  # ts_venue, first ts_local, lots, number of fills, last ts_local
MESSAGES: Final = PENDING + MOST_PENDING * FILL
MOST_MESSAGES: Final = 256
MESSAGE: Final = 6  # ts_local, ts_local of its first fill, lots, refilled, shown before, fills
ENTRY: Final = MESSAGES + MOST_MESSAGES * MESSAGE  # scratch
BLOCK: Final = ENTRY + MESSAGE

NONE: Final = 0
ATTACK: Final = 1
ABSORBED: Final = 2

BREAK: Final = 0
FADE: Final = 1
TIMEOUT: Final = 2
VOID: Final = 3
OPEN: Final = 4

SIGMAS: Final = 0
QTY: Final = 1
NOTIONAL: Final = 2

# settings
WITHIN_NS: Final = 0
PATIENCE_NS: Final = 1
STALE_NS: Final = 2
REACH: Final = 3
MOST_MOVE: Final = 4
RULE: Final = 5
LEAST: Final = 6  # standard deviations, lots, or ticks times lots (lots of an inverse contract under QTY)
LEAST_REFILL: Final = 7
ALPHA: Final = 8
WARM: Final = 9

# slots of the state
WRITTEN: Final = 0
WAKE: Final = 1
HEARD: Final = 2
UNKNOWN_TOTAL: Final = 3
STATUS: Final = 4
BLOCKS: Final = STATUS + STATUS_SIZE
STATE_SIZE: Final = BLOCKS + 2 * BLOCK
NEVER: Final = 2**62


@kernel
def _roll(block: Int1D, settings: Float1D, ts: int) -> None:
    """Close the bins of recent volume that ended by now: exponential mean and variance (West 1979).

    Over n bins without a trade m → ρm and s² → ρ(s² + (1 − ρ)m²), with ρ = (1 − α)ⁿ.
    """
    number = ts // np.int64(settings[WITHIN_NS])
    if block[BIN] == 0:
        block[BIN], block[SKIP] = number, 1
    empty = number - block[BIN] - 1
    if empty < 0:
        return
    real = block[MEAN : VARIANCE + 1].view(np.float64)
    if not block[SKIP]:
        away, alpha = block[BIN_LOTS] - real[0], settings[ALPHA] if block[SEEN] else 1.0
        real[0] += alpha * away
        real[1] = (1 - alpha) * (real[1] + alpha * away * away)
        block[SEEN] += 1
    kept = (1 - settings[ALPHA]) ** empty
    real[1] = kept * (real[1] + (1 - kept) * real[0] * real[0])
    real[0] *= kept
    block[SEEN] += empty
    block[BIN], block[BIN_LOTS], block[SKIP] = number, 0, 0


@inner_kernel
def _threshold(block: Int1D, settings: Float1D) -> float:
    """Lots that an attack must trade to count."""
    rule, least = settings[RULE], settings[LEAST]
    if rule == QTY:
        return least
    if rule == NOTIONAL:
        return least / max(abs(block[ANCHOR]), 1)
    real = block[MEAN : VARIANCE + 1].view(np.float64)
    enough = block[SEEN] >= settings[WARM] and real[0] > 0  # without recent volume there is nothing to compare with
    return real[0] + least * np.sqrt(real[1]) if enough else np.inf


@inner_kernel
def _shown(book: Int1D, block: Int1D, settings: Float1D) -> int:
    reach = np.int64(settings[REACH])
    return depth_between(book, (1 + block[SIDE]) >> 1, block[ANCHOR] - reach, block[ANCHOR] + reach)


@kernel
def _end(state: Int1D, block: Int1D, ts: int, ended: int, quality: int, out: Int2D) -> None:
    """The attack is over; a row if it was absorbed."""
    if block[PHASE] == ABSORBED:
        row = out[state[WRITTEN]]
        row[:] = block[:ROW]
        row[TS], row[ENDED], row[QUALITY] = ts, ended, quality
        row[UNKNOWN] = state[UNKNOWN_TOTAL] - row[UNKNOWN]
        state[WRITTEN] += 1
    block[PHASE] = NONE


@inner_kernel
def _wait(block: Int1D, ts: int, ts_venue: int, key: int, lots: int) -> None:
    """A fill at the attacked prices, until the book has answered."""
    block[LAST_FILL] = ts
    block[NEAREST], block[FARTHEST] = max(block[NEAREST], key), min(block[FARTHEST], key)
    at = PENDING + (block[WAITING] - 1) * FILL
    if block[WAITING] and (block[at] == ts_venue or block[WAITING] == MOST_PENDING):  # when there is no room, as the later one
        block[at] = max(block[at], ts_venue)
    else:
        at += FILL
        block[WAITING] += 1
        block[at], block[at + 1], block[at + 2], block[at + 3] = ts_venue, ts, 0, 0
    block[at + 2] += lots
    block[at + 3] += 1
    block[at + 4] = ts


@kernel
def _fill(
    book: Int1D, state: Int1D, settings: Float1D, ts: int, ts_venue: int, side: int, price: int, lots: int, out: Int2D
) -> None:
    at = BLOCKS + ((1 - side) >> 1) * BLOCK
    block = state[at : at + BLOCK]
    _roll(block, settings, ts)
    block[BIN_LOTS] += lots
    key, reach, most = -side * price, np.int64(settings[REACH]), np.int64(settings[MOST_MOVE])
    if block[PHASE] != NONE:
        below = block[ANCHOR] - key
        if abs(below) <= reach:
            _wait(block, ts, ts_venue, key, lots)
            return
        if abs(below) > most:
            _end(state, block, ts, BREAK if below > 0 else FADE, SYNCED, out)
        elif block[PHASE] == ABSORBED:
            return
    stale = state[HEARD] == 0 or ts - state[HEARD] > np.int64(settings[STALE_NS])
    if state[STATUS + STATE] != SYNCED or stale:
        block[PHASE] = NONE
        return
    block[PHASE], block[SIDE], block[ANCHOR] = ATTACK, side, key
    block[NEAREST], block[FARTHEST], block[MOVE] = key, key, 0
    block[COUNT], block[WINDOW_LOTS], block[WINDOW_REFILLED], block[WAITING] = 0, 0, 0, 0
    block[UNKNOWN], block[SHOWN_NOW] = state[UNKNOWN_TOTAL], _shown(book, block, settings)
    _wait(block, ts, ts_venue, key, lots)


@kernel
def _answered(block: Int1D, ts_venue: int, entry: Int1D) -> None:
    """Fills that a message of this time at the venue must show: lots, number, first time; the others go on waiting."""
    kept = 0
    entry[1], entry[2], entry[5] = 0, 0, 0
    for i in range(block[WAITING]):
        at = PENDING + i * FILL
        fill = block[at : at + FILL]
        if ts_venue == 0 or fill[0] <= ts_venue:
            if entry[5] == 0:
                entry[1] = fill[1]
            entry[2] += fill[2]
            entry[5] += fill[3]
            block[TS_END] = fill[4]
        else:
            to = PENDING + kept * FILL
            block[to : to + FILL] = fill
            kept += 1
    block[WAITING] = kept


@inner_kernel
def _slot(block: Int1D, number: int) -> int:
    return MESSAGES + (number & (MOST_MESSAGES - 1)) * MESSAGE


@kernel
def _book_in(block: Int1D, settings: Float1D, ts: int, refilled: int, entry: Int1D) -> None:
    """Put one message into the window and take out what is older than the window is long."""
    newest = _slot(block, block[FIRST] + block[COUNT] - 1)
    if entry[5] and block[COUNT] < MOST_MESSAGES:
        at = _slot(block, block[FIRST] + block[COUNT])
        block[at : at + MESSAGE] = entry
        block[COUNT] += 1
    elif block[COUNT]:
        block[newest + 2] += entry[2]
        block[newest + 3] += refilled
        block[newest + 5] += entry[5]
    else:
        return
    block[WINDOW_LOTS] += entry[2]
    block[WINDOW_REFILLED] += refilled
    while block[COUNT]:
        oldest = _slot(block, block[FIRST])
        if ts - block[oldest] <= np.int64(settings[WITHIN_NS]):
            return
        block[WINDOW_LOTS] -= block[oldest + 2]
        block[WINDOW_REFILLED] -= block[oldest + 3]
        block[FIRST] += 1
        block[COUNT] -= 1


@kernel
def _recognise(block: Int1D, settings: Float1D, ts: int) -> None:
    """Enough traded within the window, and enough of it shown anew: the attack is being absorbed."""
    least = _threshold(block, settings)
    if block[COUNT] == 0 or block[WINDOW_LOTS] < least or block[WINDOW_REFILLED] < settings[LEAST_REFILL] * block[WINDOW_LOTS]:
        return
    oldest = _slot(block, block[FIRST])
    block[PHASE], block[TS_KNOWN] = ABSORBED, ts
    block[TS_START], block[SHOWN] = block[oldest + 1], block[oldest + 4]
    block[LOTS], block[REFILLED] = block[WINDOW_LOTS], block[WINDOW_REFILLED]
    block[FILLS] = 0
    for i in range(block[COUNT]):
        block[FILLS] += block[_slot(block, block[FIRST] + i) + 5]
    block[THRESHOLD : THRESHOLD + 1].view(np.float64)[0] = least


@kernel
def _watch(book: Int1D, state: Int1D, block: Int1D, settings: Float1D, ts: int, ts_venue: int, out: Int2D) -> None:
    """A whole message has come: which fills does it answer, what was shown anew, and does the price hold?"""
    entry = block[ENTRY:]
    shown = _shown(book, block, settings)
    _answered(block, ts_venue, entry)
    refilled = entry[2] + shown - block[SHOWN_NOW]
    entry[0], entry[3], entry[4] = ts, refilled, block[SHOWN_NOW]
    block[SHOWN_NOW] = shown
    fallen, most = block[ANCHOR] - book[((1 + block[SIDE]) >> 1) * HEAD + BEST], np.int64(settings[MOST_MOVE])
    if block[PHASE] == ABSORBED:
        block[LOTS] += entry[2]
        block[REFILLED] += refilled
        block[FILLS] += entry[5]
    if abs(fallen) > most:
        _end(state, block, ts, BREAK if fallen > 0 else FADE, SYNCED, out)
        return
    block[MOVE] = max(block[MOVE], fallen)
    if block[PHASE] == ATTACK:
        _book_in(block, settings, ts, refilled, entry)
        _roll(block, settings, ts)
        _recognise(block, settings, ts)


@inner_kernel
def _older(state: Int1D, turn: int) -> int:
    """Where the block of the episode lies that began first (turn 0), or the other (1): neither side goes before the other."""
    swapped = state[BLOCKS + BLOCK + TS_START] < state[BLOCKS + TS_START]
    return BLOCKS + (turn ^ swapped) * BLOCK


@kernel
def _due(state: Int1D, settings: Float1D, ts: int, quality: int, out: Int2D) -> None:
    """End attacks that are void, have faded or last too long; say when to look again."""
    within, patience = np.int64(settings[WITHIN_NS]), np.int64(settings[PATIENCE_NS])
    wake = NEVER
    first, second = _older(state, 0), _older(state, 1)
    for at in (first, second):
        block = state[at : at + BLOCK]
        if block[PHASE] == NONE:
            continue
        if quality != SYNCED:
            _end(state, block, ts, VOID, quality, out)
        elif ts - block[LAST_FILL] > within:
            _end(state, block, ts, FADE, SYNCED, out)
        elif block[PHASE] == ABSORBED and ts - block[TS_START] > patience:
            _end(state, block, ts, TIMEOUT, SYNCED, out)
        else:
            wake = min(wake, block[LAST_FILL] + within, state[HEARD] + np.int64(settings[STALE_NS]))
            if block[PHASE] == ABSORBED:
                wake = min(wake, block[TS_START] + patience)
    state[WAKE] = wake


@kernel
def _message(book: Int1D, state: Int1D, settings: Float1D, ts: int, ts_venue: int, out: Int2D) -> None:
    """The last row of a book message has been applied."""
    silent = state[HEARD] and ts - state[HEARD] > np.int64(settings[STALE_NS])
    quality = hears(book, state[STATUS : STATUS + STATUS_SIZE], silent)
    state[HEARD] = ts
    if quality != SYNCED:
        _due(state, settings, ts, quality, out)
        return
    first, second = _older(state, 0), _older(state, 1)
    for at in (first, second):
        block = state[at : at + BLOCK]
        if block[PHASE] != NONE:
            _watch(book, state, block, settings, ts, ts_venue, out)
            if block[PHASE] == ABSORBED:
                state[WAKE] = min(state[WAKE], block[TS_START] + np.int64(settings[PATIENCE_NS]))


@kernel
def _gap(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Fills may be missing: nothing pending counts, nor does the bin of recent volume that is being filled."""
    _due(state, settings, ts, GAPPED, out)
    for side in range(2):
        at = BLOCKS + side * BLOCK
        block = state[at : at + BLOCK]
        _roll(block, settings, ts)
        block[SKIP] = 1


@kernel
def absorption_rows(
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
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`. O(1) a row."""
    book, state, settings = borrow(book), borrow(state), borrow(settings)
    status = state[STATUS : STATUS + STATUS_SIZE]
    state[WRITTEN] = 0
    i = start
    while i < len(kind):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        if what <= GAP and not room(book, (1 - sign) >> 1):
            break
        if state[WRITTEN] + 4 > len(out):
            break
        if ts > state[WAKE]:
            silent = ts - state[HEARD] > np.int64(settings[STALE_NS])
            _due(state, settings, ts, STALE if silent else SYNCED, out)
        if what <= GAP:
            if what == GAP:
                _gap(state, settings, ts, out)
            book_row(book, status, what, sign, np.int64(flags[i]), price_ticks[i], qty_lots[i])
            if flags[i] & LAST:
                _message(book, state, settings, ts, ts_venue[i], out)
        elif what == TRADE:
            if sign == 0:
                state[UNKNOWN_TOTAL] += qty_lots[i]
            elif qty_lots[i] > 0:
                _fill(book, state, settings, ts, ts_venue[i], sign, price_ticks[i], qty_lots[i], out)
                silence = state[HEARD] + np.int64(settings[STALE_NS])
                state[WAKE] = min(state[WAKE], ts + np.int64(settings[WITHIN_NS]), silence)
        i += 1
    return i
