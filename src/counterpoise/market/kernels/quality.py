"""What each channel of some events says, and what is wrong with it.

Assumes columns of one length and |price| < 2⁶¹; values are read as they are, for these streams are the ones not to be trusted.
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
def _channel(kind: int) -> int:
    """Channel of a kind of row."""
    return max(int(np.int64(kind)) - QUOTE, -1) + 1


@kernel
def _check_arrival(e: EventColumns, stale_ns: int, summary: Int2D, found: Int3D) -> None:
    """Arrival in order, silence, whole messages, gaps that were recorded."""
    ts_local, _, _, _, kinds, _, flags, _, _ = e
    unfinished = np.zeros(CHANNELS, np.int64)
    newest = ts_local[0] if len(ts_local) else np.int64(0)
    for i in range(len(kinds)):
        at, c = ts_local[i], _channel(kinds[i])
        if at < newest:
            _note(found, c, LOCAL_BACK, newest - at, at)
        newest = max(newest, at)
        if summary[c, ROWS] == 0:
            summary[c, FIRST_NS] = at
            summary[c, LAST_NS] = at
        silence = at - summary[c, LAST_NS]
        if silence > summary[c, LONGEST_NS]:
            summary[c, LONGEST_NS] = silence
        if silence > stale_ns and kinds[i] != LIQUIDATION:
            _note(found, c, SILENCE, silence, summary[c, LAST_NS])
        summary[c, ROWS] += 1
        summary[c, LAST_NS] = at
        first = flags[i] & FIRST
        if first == unfinished[c]:  # begins before the last one ended, or goes on without having begun
            _note(found, c, FRAMING, 0, at)
        summary[c, MESSAGES] += first | (1 - unfinished[c])
        unfinished[c] = 1 - (flags[i] & LAST) // LAST
        if kinds[i] == GAP:
            _note(found, c, GAPS, 0, at)


@kernel
def _check_order(
    e: EventColumns, tolerance_ns: int, consecutive: bool, summary: Int2D, found: Int3D, latency_ns: Int2D
) -> None:
    """Latency, and venue times and ids against the greatest so far. A snapshot may be older than what waited for it."""
    ts_local, ts_venue, _, ids, kinds, _, flags, _, _ = e
    latest, greatest, ended = np.zeros(CHANNELS, np.int64), np.full(CHANNELS, -1), np.ones(CHANNELS, np.bool_)
    for i in range(len(kinds)):
        at, venue, number, c = ts_local[i], ts_venue[i], ids[i], _channel(kinds[i])
        begins = ended[c] or flags[i] & FIRST != 0
        ended[c] = flags[i] & LAST != 0
        if kinds[i] == GAP or (kinds[i] == SNAPSHOT and begins):
            latest[c], greatest[c] = 0, -1
        if kinds[i] == GAP or not (begins or kinds[i] >= TRADE):
            continue
        if venue > 0:
            if begins:
                latency_ns[c, summary[c, TIMED]] = at - venue
                summary[c, TIMED] += 1
                if at < venue:
                    if found[c, SKEW, COUNT] == 0:
                        found[c, SKEW, AT] = at
                    found[c, SKEW, COUNT] += 1
                    found[c, SKEW, WORST] = max(found[c, SKEW, WORST], venue - at)
            if venue < latest[c] - tolerance_ns:
                _note(found, c, TIME_BACK, latest[c] - venue, at)
            latest[c] = max(latest[c], venue)
        if number < 0:
            continue
        top = greatest[c]
        if number < top or (number == top and c >= TRADES):
            _note(found, c, ID_BACK, top - number, at)
        elif consecutive and number > top + 1 and kinds[i] == TRADE and top >= 0:
            _note(found, c, GAPS, number - top - 1, at)
            summary[c, MISSING] += number - top - 1
        greatest[c] = max(top, number)


@kernel
def _check_numbers(e: EventColumns, low: int, high: int, found: Int3D) -> None:
    """Prices and quantities that cannot be, quotes at or over their ask."""
    ts_local, _, _, _, kinds, sides, flags, prices, qty = e
    bid, ask = np.int64(_NO_BID), np.int64(_NO_ASK)
    for i in range(len(kinds)):
        kind, price, lots = int(np.int64(kinds[i])), prices[i], qty[i]
        if lots < 0 and kind != GAP:
            _note(found, _channel(kind), NEGATIVE_QTY, -lots, ts_local[i])
        if lots == 0 and kind >= TRADE:
            _note(found, _channel(kind), ZERO_QTY, 0, ts_local[i])
        named = lots != 0 or kind < QUOTE  # an empty side and a trade of nothing have no price
        if named and kind != GAP and (price < low or price > high):
            _note(found, _channel(kind), OFF_RANGE, max(low - price, price - high), ts_local[i])
        if kind != QUOTE:
            continue
        if sides[i] > 0:
            bid = price if lots > 0 else np.int64(_NO_BID)
        else:
            ask = price if lots > 0 else np.int64(_NO_ASK)
        if flags[i] & LAST and bid >= ask:
            _note(found, QUOTES, CROSSED if bid > ask else LOCKED, bid - ask, ts_local[i])


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
def _check_repeats(e: EventColumns, found: Int3D) -> None:
    """Messages that say what the one before of their channel said, where an id or a venue time makes them known."""
    ts_local, ts_venue, _, ids, kinds, _, flags, prices, _ = e
    start, before, size = np.zeros(CHANNELS, np.int64), np.full(CHANNELS, -1), np.zeros(CHANNELS, np.int64)
    ended = np.ones(CHANNELS, np.bool_)
    for i in range(len(kinds)):
        c = _channel(kinds[i])
        if ended[c] or flags[i] & FIRST:
            start[c] = i
        ended[c] = flags[i] & LAST != 0
        if kinds[i] == GAP:
            before[c] = -1
        if kinds[i] == GAP or not ended[c]:
            continue
        now, old, rows = start[c], before[c], i - start[c] + 1
        if old >= 0 and rows == size[c] and ids[now] == ids[old] and prices[now] == prices[old]:
            known = ids[now] < 0 and ts_venue[i] > 0 if c >= TRADES else ids[now] >= 0 or ts_venue[i] > 0
            if known and _same(e, now, old, rows):
                _note(found, c, REPEATED, 0, ts_local[i])
        before[c], size[c] = now, rows


@kernel
def check_rows(e: EventColumns, limits: Limits, summary: Int2D, found: Int3D, latency_ns: Int2D) -> None:
    """Fill `summary` (CHANNELS, SUMMARY), `found` (CHANNELS, CHECKS, 3) and the latencies of messages (CHANNELS, n)."""
    _check_arrival(e, limits.stale_ns, summary, found)
    _check_order(e, limits.tolerance_ns, limits.consecutive, summary, found, latency_ns)
    _check_numbers(e, limits.low_ticks, limits.high_ticks, found)
    _check_repeats(e, found)
