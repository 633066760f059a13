"""One pass over events: what each channel says, and what is wrong with it.

Assumes columns of one length. Values are read as they are: this kernel exists for streams that cannot be trusted.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D, Int3D, Int8_1D, UInt8_1D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE

__all__ = [
    "AT",
    "BOOK",
    "CHANNELS",
    "CHECKS",
    "COUNT",
    "CROSSED",
    "FIRST_NS",
    "FRAMING",
    "GAPS",
    "ID_BACK",
    "LAST_NS",
    "LOCAL_BACK",
    "LOCKED",
    "LONGEST_NS",
    "MESSAGES",
    "MISSING",
    "NEGATIVE_QTY",
    "OFF_RANGE",
    "QUOTES",
    "REPEATED",
    "ROWS",
    "SILENCE",
    "SKEW",
    "SUMMARY",
    "TIMED",
    "TIME_BACK",
    "TRADES",
    "WORST",
    "ZERO_QTY",
    "EventColumns",
    "Limits",
    "check_rows",
]

# channels
BOOK: Final = 0
QUOTES: Final = 1
TRADES: Final = 2
CHANNELS: Final = 4  # the last one is liquidations

# summary[channel, ...]
ROWS: Final = 0
MESSAGES: Final = 1
FIRST_NS: Final = 2
LAST_NS: Final = 3
MISSING: Final = 4  # ids left out
TIMED: Final = 5  # messages with both clocks
LONGEST_NS: Final = 6  # longest silence
SUMMARY: Final = 7

# found[channel, check, ...]
COUNT: Final = 0
WORST: Final = 1
AT: Final = 2  # ts_local of the first

GAPS: Final = 0
CROSSED: Final = 1
LOCKED: Final = 2
REPEATED: Final = 3
TIME_BACK: Final = 4
ID_BACK: Final = 5  # trades and liquidations: ids not above the greatest so far, duplicates among them
LOCAL_BACK: Final = 6
SILENCE: Final = 7
SKEW: Final = 8
ZERO_QTY: Final = 9
NEGATIVE_QTY: Final = 10
OFF_RANGE: Final = 11
FRAMING: Final = 12
CHECKS: Final = 13

# memory[channel, ...]
_MAX_VENUE: Final = 0
_MAX_ID: Final = 1
_START: Final = 2  # row where the message began
_BEFORE: Final = 3  # row where the one before it began, −1 when none
_SIZE_BEFORE: Final = 4
_UNFINISHED: Final = 5
_BID: Final = 6
_ASK: Final = 7
_MEMORY: Final = 8
_NO_BID: Final = -(2**62)
_NO_ASK: Final = 2**62


class EventColumns(NamedTuple):
    """Columns of events."""

    ts_local: Int1D
    ts_venue: Int1D
    seq: Int1D
    id: Int1D
    kind: UInt8_1D
    side: Int8_1D
    flags: UInt8_1D
    price_ticks: Int1D
    qty_lots: Int1D


class Limits(NamedTuple):
    """What is still right: silence and venue time going back [ns], prices [ticks], trade ids without holes."""

    stale_ns: int
    tolerance_ns: int
    low_ticks: int
    high_ticks: int
    consecutive: bool


@kernel
def _note(found: Int3D, channel: int, check: int, worst: int, at: int) -> None:
    if found[channel, check, COUNT] == 0:
        found[channel, check, AT] = at
        found[channel, check, WORST] = worst
    found[channel, check, COUNT] += 1
    found[channel, check, WORST] = max(found[channel, check, WORST], worst)


@kernel
def _check_order(summary: Int2D, found: Int3D, memory: Int2D, c: int, kind: int, at: int, first: bool, stale_ns: int) -> bool:
    """Silence and framing; returns whether a message begins here."""
    if summary[c, ROWS] == 0:
        summary[c, FIRST_NS] = at
    else:
        silence = at - summary[c, LAST_NS]
        summary[c, LONGEST_NS] = max(summary[c, LONGEST_NS], silence)
        if silence > stale_ns and kind != LIQUIDATION:
            _note(found, c, SILENCE, silence, summary[c, LAST_NS])
    summary[c, ROWS] += 1
    summary[c, LAST_NS] = at
    unfinished = memory[c, _UNFINISHED] != 0
    if first == unfinished:  # begins before the last one ended, or goes on without having begun
        _note(found, c, FRAMING, 0, at)
    begins = first or not unfinished
    summary[c, MESSAGES] += begins
    return bool(begins)


@kernel
def _check_id(summary: Int2D, found: Int3D, memory: Int2D, c: int, number: int, at: int, consecutive: bool) -> None:
    """Ids that go back (trades: or come again), and holes where there should be none."""
    greatest = memory[c, _MAX_ID]
    if greatest >= 0 and (number < greatest or (number == greatest and c >= TRADES)):
        _note(found, c, ID_BACK, greatest - number, at)
    elif greatest >= 0 and consecutive and number > greatest + 1:
        _note(found, c, GAPS, number - greatest - 1, at)
        summary[c, MISSING] += number - greatest - 1
    memory[c, _MAX_ID] = max(greatest, number)


@kernel
def _check_venue_time(found: Int3D, memory: Int2D, c: int, at: int, venue: int, tolerance_ns: int) -> None:
    if venue < memory[c, _MAX_VENUE] - tolerance_ns:
        _note(found, c, TIME_BACK, memory[c, _MAX_VENUE] - venue, at)
    memory[c, _MAX_VENUE] = max(memory[c, _MAX_VENUE], venue)


@kernel
def _check_numbers(found: Int3D, c: int, kind: int, price: int, lots: int, at: int, low: int, high: int) -> None:
    if lots < 0:
        _note(found, c, NEGATIVE_QTY, -lots, at)
    if lots == 0 and kind >= TRADE:
        _note(found, c, ZERO_QTY, 0, at)
    if lots == 0 and kind >= QUOTE:  # an empty side, or a trade of nothing: its price means nothing
        return
    if price < low:
        _note(found, c, OFF_RANGE, low - price, at)
    elif price > high:
        _note(found, c, OFF_RANGE, price - high, at)


@kernel
def _check_quote(found: Int3D, memory: Int2D, at: int) -> None:
    """At the end of a quote message: bid above or at ask?"""
    bid, ask = memory[QUOTES, _BID], memory[QUOTES, _ASK]
    if bid == _NO_BID or ask == _NO_ASK:
        return
    if bid > ask:
        _note(found, QUOTES, CROSSED, bid - ask, at)
    elif bid == ask:
        _note(found, QUOTES, LOCKED, 0, at)


@kernel
def _same(e: EventColumns, a: int, b: int, rows: int) -> bool:
    """Whether two runs of rows say the same of the same time and id."""
    for k in range(rows):
        i, j = a + k, b + k
        if e.price_ticks[i] != e.price_ticks[j] or e.qty_lots[i] != e.qty_lots[j] or e.side[i] != e.side[j]:
            return False
        if e.id[i] != e.id[j] or e.ts_venue[i] != e.ts_venue[j] or e.kind[i] != e.kind[j]:
            return False
    return True


@kernel
def check_rows(e: EventColumns, limits: Limits, summary: Int2D, found: Int3D, latency_ns: Int2D) -> None:
    """Fill `summary` (CHANNELS, SUMMARY), `found` (CHANNELS, CHECKS, 3) and the latencies of messages (CHANNELS, n)."""
    ts_local, ts_venue, _, ids, kinds, sides, flags, prices, qty = e
    stale_ns, tolerance_ns, low, high, consecutive = limits
    memory = np.zeros((CHANNELS, _MEMORY), np.int64)
    memory[:, _MAX_ID] = -1
    memory[:, _BEFORE] = -1
    memory[:, _BID] = _NO_BID
    memory[:, _ASK] = _NO_ASK
    newest = np.int64(-(2**63))
    for i in range(len(kinds)):
        kind, at, venue = int(np.int64(kinds[i])), ts_local[i], ts_venue[i]
        c = max(kind - QUOTE, -1) + 1
        if at < newest:
            _note(found, c, LOCAL_BACK, newest - at, at)
        newest = max(newest, at)
        begins = _check_order(summary, found, memory, c, kind, at, flags[i] & FIRST != 0, stale_ns)
        memory[c, _UNFINISHED] = flags[i] & LAST == 0
        if kind == GAP:
            _note(found, c, GAPS, 0, at)
        if kind == GAP or (kind == SNAPSHOT and begins):  # a snapshot may be older than the updates that waited for it
            memory[c, _MAX_ID] = -1
            memory[c, _MAX_VENUE] = 0
        if kind == GAP:
            memory[c, _BEFORE] = -1
            continue
        if begins:
            memory[c, _START] = i
        if venue > 0 and begins:
            latency_ns[c, summary[c, TIMED]] = at - venue
            summary[c, TIMED] += 1
            if at < venue:
                _note(found, c, SKEW, venue - at, at)
        if begins or kind >= TRADE:
            if venue > 0:
                _check_venue_time(found, memory, c, at, venue, tolerance_ns)
            if ids[i] >= 0:
                _check_id(summary, found, memory, c, ids[i], at, consecutive and kind == TRADE)
        _check_numbers(found, c, kind, prices[i], qty[i], at, low, high)
        if kind == QUOTE:
            here = qty[i] > 0
            if sides[i] > 0:
                memory[c, _BID] = prices[i] if here else _NO_BID
            else:
                memory[c, _ASK] = prices[i] if here else _NO_ASK
        if flags[i] & LAST == 0:
            continue
        if kind == QUOTE:
            _check_quote(found, memory, at)
        start, before = memory[c, _START], memory[c, _BEFORE]
        rows = i - start + 1
        if before >= 0 and rows == memory[c, _SIZE_BEFORE] and ids[start] == ids[before] and venue == ts_venue[before]:
            known = ids[start] < 0 and venue > 0 if kind >= TRADE else ids[start] >= 0 or venue > 0
            if known and _same(e, start, before, rows):
                _note(found, c, REPEATED, 0, at)
        memory[c, _BEFORE] = start
        memory[c, _SIZE_BEFORE] = rows
