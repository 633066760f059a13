"""Orders that go through prices, and what the book does after them: a short table of sweeps that are still followed.

Sides are seen as keys, as in `counterpoise.market.kernels.ladder`: an aggressor buy (+1) takes keys of side 1 (asks, −price), a
sell keys of side 0 (bids), and every fill goes to an equal or lower key. The record at slot ORDER is the order whose fills are
coming in; SWEEPS holds those that have ended and are followed, oldest first. ROW slots of a record are a row of `out`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.depth_rows import book_row, hears
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.kernels.codes import GAP, GAPPED, LAST, STALE, SYNCED, TRADE
from counterpoise.market.kernels.ladder import ABOVE_ALL, BEST, HEAD, NO_KEY, depth_between, fill_top, room

# columns of a row
TS: Final = 0
TS_START: Final = 1
TS_END: Final = 2
SIDE: Final = 3
FILLS: Final = 4
TAKEN_LEVELS: Final = 5
LOTS: Final = 6
FIRST_TICKS: Final = 7
LAST_TICKS: Final = 8
WALK: Final = 9  # Σ (price − first price) · lots
BEST_BEFORE: Final = 10  # keys, NO_KEY when a side is empty
OTHER_BEFORE: Final = 11
BEST_AFTER: Final = 12  # lowest best key of the hit side before the trough is over
WIDEST: Final = 13  # ticks, −1 while unknown
BEFORE: Final = 14  # 3 slots: lots at the swept prices, in the best levels, within the band
LOWEST: Final = 17  # 3 slots
HALF_NS: Final = 20  # times from the last fill, −1 while unknown
NINETY_NS: Final = 21
SPREAD_NS: Final = 22
WATCHED_NS: Final = 23
UNKNOWN: Final = 24  # lots of unknown side: total at the start, in a row since the start
QUALITY: Final = 25
SOUND: Final = 26  # whether BEFORE is of a SYNCED book
ENDED: Final = 27
ROW: Final = 28
# the rest of a record
VENUE_TS: Final = 28
WORST: Final = 29  # key of the last fill
FLOOR: Final = 30  # lowest key of the band
FROZEN: Final = 31
RECORD: Final = 32

# what BEFORE and LOWEST count, and recovery is measured on
SWEPT: Final = 0
LEVELS: Final = 1
BAND: Final = 2

RECOVERED: Final = 0
PATIENCE: Final = 1
VOID: Final = 2
UNSEEN: Final = 3
OVERFLOW: Final = 4
OPEN: Final = 5

# settings
LEAST_LEVELS: Final = 0
ORDER_NS: Final = 1
TROUGH_NS: Final = 2
PATIENCE_NS: Final = 3
STALE_NS: Final = 4
BAND_MILLIBPS: Final = 5
TOP: Final = 6
OVER: Final = 7
MOST: Final = 8

# slots of the state
WRITTEN: Final = 0
WAKE: Final = 1  # after this time something is due though the book says nothing
HEARD: Final = 2  # ts_local of the last book message, 0 before the first
COUNT: Final = 3
UNKNOWN_TOTAL: Final = 4
STATUS: Final = 5
COPY: Final = STATUS + STATUS_SIZE
COPY_LEVELS: Final = 256
ORDER: Final = COPY + 2 * COPY_LEVELS
SCRATCH: Final = ORDER + RECORD
MOST_TOP: Final = 64
SWEEPS: Final = SCRATCH + 2 * MOST_TOP
NEVER: Final = 2**62
_MILLI: Final = 10_000_000


@inner_kernel
def _band_floor(key: int, millibps: int) -> int:
    """The key that many thousandths of a basis point below; exact, without overflow."""
    size = abs(key)
    return key - (size // _MILLI * millibps + size % _MILLI * millibps // _MILLI)


@kernel
def _freeze(book: Int1D, state: Int1D, settings: Float1D) -> None:
    """Write down the book before the order, while it still is that book; copy levels that later fills may reach."""
    order = state[ORDER : ORDER + RECORD]
    order[FROZEN] = 1
    stale = state[HEARD] == 0 or order[TS_START] - state[HEARD] > np.int64(settings[STALE_NS])
    order[QUALITY] = max(state[STATUS + STATE], STALE) if stale else state[STATUS + STATE]
    order[SOUND] = order[QUALITY] == SYNCED
    if not order[SOUND]:
        return
    hit = (1 + order[SIDE]) >> 1
    best, other = book[hit * HEAD + BEST], book[(1 - hit) * HEAD + BEST]
    order[BEST_BEFORE], order[OTHER_BEFORE], order[BEST_AFTER] = best, other, best
    order[WIDEST] = -best - other if best != NO_KEY and other != NO_KEY else -1
    lots = state[COPY + COPY_LEVELS : ORDER]
    fill_top(book, hit, 0, ABOVE_ALL, state[COPY : COPY + COPY_LEVELS], lots)
    order[BEFORE + SWEPT] = depth_between(book, hit, order[WORST], ABOVE_ALL)
    order[BEFORE + LEVELS] = np.sum(lots[: np.int64(settings[TOP])])
    order[FLOOR] = _band_floor(best, np.int64(settings[BAND_MILLIBPS])) if best != NO_KEY else ABOVE_ALL
    order[BEFORE + BAND] = depth_between(book, hit, order[FLOOR], ABOVE_ALL)
    order[LOWEST : LOWEST + 3] = order[BEFORE : BEFORE + 3]


@kernel
def _reaches(book: Int1D, state: Int1D) -> None:
    """A fill of a frozen order has reached a worse price: what was shown down to there before."""
    order = state[ORDER : ORDER + RECORD]
    worst, total, last = order[WORST], 0, ABOVE_ALL
    for i in range(COPY_LEVELS):
        last = state[COPY + i]
        if last < worst:
            break
        total += state[COPY + COPY_LEVELS + i]
    if last > worst and last != ABOVE_ALL:  # past the copy the book as it is must do
        total += depth_between(book, (1 + order[SIDE]) >> 1, worst, last - 1)
    order[BEFORE + SWEPT], order[LOWEST + SWEPT] = total, total


@kernel
def _follow(book: Int1D, state: Int1D, at: int, ts: int, settings: Float1D) -> None:
    """A whole message has come: is the trough deeper, and how much of what was lost is back?"""
    sweep = state[at : at + RECORD]
    hit, over = (1 + sweep[SIDE]) >> 1, np.int64(settings[OVER])
    lag = ts - sweep[TS_END]
    best, other = book[hit * HEAD + BEST], book[(1 - hit) * HEAD + BEST]
    spread = -best - other if best != NO_KEY and other != NO_KEY else -1
    in_trough = lag <= np.int64(settings[TROUGH_NS])
    if sweep[NINETY_NS] < 0 or in_trough:
        for what in range(3):
            if what != over and not in_trough:
                continue
            depth = _depth(book, state, sweep, what, np.int64(settings[TOP]))
            if in_trough and depth < sweep[LOWEST + what]:
                sweep[LOWEST + what] = depth
                if what == over:
                    sweep[HALF_NS], sweep[NINETY_NS] = -1, -1
            if what == over:
                _recovers(sweep, over, depth, lag)
    if in_trough:
        sweep[BEST_AFTER] = min(sweep[BEST_AFTER], best)
        if spread > sweep[WIDEST] and sweep[WIDEST] >= 0:
            sweep[WIDEST], sweep[SPREAD_NS] = spread, -1
    if sweep[SPREAD_NS] < 0 and sweep[WIDEST] >= 0 and spread >= 0 and spread <= -sweep[BEST_BEFORE] - sweep[OTHER_BEFORE]:
        sweep[SPREAD_NS] = lag


@kernel
def _depth(book: Int1D, state: Int1D, sweep: Int1D, what: int, top: int) -> int:
    """Lots of the hit side at the swept prices, in the best levels, or within the band."""
    hit = (1 + sweep[SIDE]) >> 1
    if what == LEVELS:
        keys = state[SCRATCH : SCRATCH + top]
        lots = state[SCRATCH + MOST_TOP : SCRATCH + MOST_TOP + top]
        fill_top(book, hit, 0, ABOVE_ALL, keys, lots)
        return np.sum(lots)
    return depth_between(book, hit, sweep[WORST] if what == SWEPT else sweep[FLOOR], ABOVE_ALL)


@inner_kernel
def _recovers(sweep: Int1D, over: int, depth: int, lag: int) -> None:
    lowest = sweep[LOWEST + over]
    lost = sweep[BEFORE + over] - lowest
    if lost > 0:
        if sweep[HALF_NS] < 0 and 2 * (depth - lowest) >= lost:
            sweep[HALF_NS] = lag
        if sweep[NINETY_NS] < 0 and 10 * (depth - lowest) >= 9 * lost:
            sweep[NINETY_NS] = lag


@inner_kernel
def _all_known(sweep: Int1D, over: int) -> bool:
    lost = sweep[BEFORE + over] > sweep[LOWEST + over]
    return sweep[SPREAD_NS] >= 0 and (sweep[NINETY_NS] >= 0 or not lost)


@kernel
def _write(state: Int1D, at: int, ts: int, ended: int, out: Int2D) -> None:
    row = out[state[WRITTEN]]
    row[:] = state[at : at + ROW]
    row[TS], row[ENDED] = ts, ended
    row[WATCHED_NS] = ts - row[TS_END]
    row[UNKNOWN] = state[UNKNOWN_TOTAL] - row[UNKNOWN]
    state[WRITTEN] += 1


@kernel
def _due(state: Int1D, settings: Float1D, ts: int, quality: int, out: Int2D) -> None:
    """Write the sweeps that are void, out of patience, or wholly known; keep the others; say when to look again."""
    over, trough, patience = np.int64(settings[OVER]), np.int64(settings[TROUGH_NS]), np.int64(settings[PATIENCE_NS])
    wake = state[ORDER + TS_END] + np.int64(settings[ORDER_NS]) if state[ORDER + FILLS] else NEVER
    silence = state[HEARD] + np.int64(settings[STALE_NS])
    kept = 0
    for i in range(state[COUNT]):
        at = SWEEPS + i * RECORD
        sweep = state[at : at + RECORD]
        sweep[QUALITY] = max(sweep[QUALITY], quality)
        known = _all_known(sweep, over)
        until = sweep[TS_END] + (trough if known else patience)
        if quality != SYNCED:
            _write(state, at, ts, VOID, out)
        elif ts > until:
            unseen = sweep[BEFORE + over] <= sweep[LOWEST + over]
            _write(state, at, ts, UNSEEN if unseen else (RECOVERED if known else PATIENCE), out)
            row = out[state[WRITTEN] - 1]
            row[WATCHED_NS] = min(row[WATCHED_NS], patience)
        else:
            wake = min(wake, until, silence)
            to = SWEEPS + kept * RECORD
            if to != at:
                state[to : to + RECORD] = sweep
            kept += 1
    state[COUNT] = kept
    state[WAKE] = wake


@kernel
def _end_order(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """No more fills belong to the order: a sweep goes to the table, anything less is forgotten."""
    order = state[ORDER : ORDER + RECORD]
    if order[TAKEN_LEVELS] >= np.int64(settings[LEAST_LEVELS]):
        if order[QUALITY] != SYNCED:
            _write(state, ORDER, ts, VOID, out)
        elif state[COUNT] == np.int64(settings[MOST]):
            _write(state, ORDER, ts, OVERFLOW, out)
        else:
            at = SWEEPS + state[COUNT] * RECORD
            state[at : at + RECORD] = order
            state[COUNT] += 1
            silence = state[HEARD] + np.int64(settings[STALE_NS])
            state[WAKE] = min(state[WAKE], order[TS_END] + np.int64(settings[TROUGH_NS]), silence)
    order[:] = 0


@inner_kernel
def _belongs(order: Int1D, ts: int, ts_venue: int, side: int, key: int, order_ns: int) -> bool:
    """Whether a fill is of the order that is coming in: its side, its time at the venue, no better a price."""
    same = order[FILLS] > 0 and order[SIDE] == side and key <= order[WORST] and order[VENUE_TS] == ts_venue
    return same and ts - order[TS_END] <= (order_ns if ts_venue else 0)


@kernel
def _fill(
    book: Int1D, state: Int1D, settings: Float1D, ts: int, ts_venue: int, side: int, price: int, lots: int, out: Int2D
) -> None:
    order = state[ORDER : ORDER + RECORD]
    key, order_ns = -side * price, np.int64(settings[ORDER_NS])
    if not _belongs(order, ts, ts_venue, side, key, order_ns):
        if order[FILLS]:
            _end_order(state, settings, ts, out)
        order[TS_START], order[SIDE], order[FIRST_TICKS], order[VENUE_TS] = ts, side, price, ts_venue
        order[UNKNOWN], order[WORST] = state[UNKNOWN_TOTAL], key + 1
        order[WIDEST], order[BEST_BEFORE], order[OTHER_BEFORE], order[BEST_AFTER] = -1, NO_KEY, NO_KEY, NO_KEY
    order[HALF_NS], order[NINETY_NS], order[SPREAD_NS] = -1, -1, -1
    deeper = key < order[WORST]
    order[FILLS] += 1
    order[TAKEN_LEVELS] += deeper
    order[LOTS] += lots
    order[WALK] += lots * (price - order[FIRST_TICKS])
    order[TS_END], order[LAST_TICKS], order[WORST] = ts, price, key
    if deeper and order[FROZEN] and order[SOUND]:
        _reaches(book, state)
    if not order[FROZEN] and order[TAKEN_LEVELS] >= np.int64(settings[LEAST_LEVELS]):
        _freeze(book, state, settings)
    state[WAKE] = min(state[WAKE], ts + order_ns)


@kernel
def _void(state: Int1D, settings: Float1D, ts: int, quality: int, out: Int2D) -> None:
    """The book cannot be trusted: nothing pending will be known; an order that is still coming in remembers it."""
    _due(state, settings, ts, quality, out)
    if state[ORDER + FILLS]:
        state[ORDER + QUALITY] = max(state[ORDER + QUALITY], quality)


@kernel
def _message(book: Int1D, state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """The last row of a book message has been applied."""
    silent = state[HEARD] and ts - state[HEARD] > np.int64(settings[STALE_NS])
    quality = hears(book, state[STATUS : STATUS + STATUS_SIZE], silent)
    state[HEARD] = ts
    if quality != SYNCED:
        _void(state, settings, ts, quality, out)
        return
    order = state[ORDER : ORDER + RECORD]
    sweep = order[TAKEN_LEVELS] >= np.int64(settings[LEAST_LEVELS])
    if sweep and order[QUALITY] == SYNCED:
        _follow(book, state, ORDER, ts, settings)
    for i in range(state[COUNT]):
        _follow(book, state, SWEEPS + i * RECORD, ts, settings)
    if state[COUNT]:
        _due(state, settings, ts, SYNCED, out)


@kernel
def _wake(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """Time has passed: the order is over, patience is."""
    if state[ORDER + FILLS] and ts - state[ORDER + TS_END] > np.int64(settings[ORDER_NS]):
        _end_order(state, settings, ts, out)
    silent = ts - state[HEARD] > np.int64(settings[STALE_NS])
    _due(state, settings, ts, STALE if silent else SYNCED, out)


@kernel
def sweep_rows(
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
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`. O(1) a row, O(open sweeps) a book message."""
    book, state, settings = borrow(book), borrow(state), borrow(settings)
    status = state[STATUS : STATUS + STATUS_SIZE]
    state[WRITTEN] = 0
    room_for = len(out) - np.int64(settings[MOST]) - 2
    i = start
    while i < len(kind):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        if what <= GAP and not room(book, (1 - sign) >> 1):
            break
        if state[WRITTEN] > room_for:
            break
        if ts > state[WAKE]:
            _wake(state, settings, ts, out)
        if what <= GAP:
            if state[ORDER + FILLS] and not state[ORDER + FROZEN]:
                _freeze(book, state, settings)
            if what == GAP:
                _void(state, settings, ts, GAPPED, out)
                _end_order(state, settings, ts, out)  # fills may be missing too
            book_row(book, status, what, sign, np.int64(flags[i]), price_ticks[i], qty_lots[i])
            if flags[i] & LAST:
                _message(book, state, settings, ts, out)
        elif what == TRADE:
            if sign == 0:
                state[UNKNOWN_TOTAL] += qty_lots[i]
            elif qty_lots[i] > 0:
                _fill(book, state, settings, ts, ts_venue[i], sign, price_ticks[i], qty_lots[i], out)
        i += 1
    return i
