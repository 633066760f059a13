"""How the best queues change, and which part of a change was limit orders, cancels and trades.

Trades and book messages of one event reach us apart, in either order. A traded quantity waits for the fall of the queue it hit;
a fall that no trade explains yet counts as cancelled and waits for a trade, which then moves it from cancel to market. Each lot
is matched once, so in every bin the three parts add up to the whole, and nothing looks ahead.

Sides are seen as keys, +price for bids and −price for asks. All sums are in lots.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = ["CANCEL", "LIMIT", "MARKET", "QUEUES_SIZE", "forget", "queue_change", "split_change", "traded"]

# slots of the part of a state that is given to these kernels
LIMIT: Final = 0
CANCEL: Final = 1
MARKET: Final = 2
_WAITING: Final = 3
_ENTRY: Final = 3  # key, lots, ts_local
_ENTRIES: Final = 256  # key k waits in entry k mod 256; of two that fall together the later is kept
_TABLE: Final = _ENTRIES * _ENTRY
_TRADES: Final = _WAITING  # two tables, by the side that was hit: trades that no queue has shown yet
_FALLS: Final = _WAITING + 2 * _TABLE  # two tables: falls that no trade has explained yet
QUEUES_SIZE: Final = _FALLS + 2 * _TABLE


@inner_kernel
def queue_change(key: int, lots: int, key_before: int, lots_before: int) -> int:
    """e of one side (Cont, Kukanov, Stoikov 2014, eq. 3): + what was added at or above, − what was there at or below."""
    change = 0
    if key >= key_before:
        change += lots
    if key <= key_before:
        change -= lots_before
    return change


@kernel
def forget(queues: Int1D) -> None:
    """Nothing waits for its counterpart any more; the sums stay."""
    for slot in range(_WAITING, QUEUES_SIZE):
        queues[slot] = 0


@inner_kernel
def _take(queues: Int1D, table: int, key: int, most: int, since: int) -> int:
    """Take up to `most` lots that wait at a key since a time; returns how many there were."""
    at = table + (key & (_ENTRIES - 1)) * _ENTRY
    if queues[at] != key or queues[at + 1] == 0:
        return 0
    taken = min(queues[at + 1], most) if queues[at + 2] >= since else 0
    queues[at + 1] = queues[at + 1] - taken if queues[at + 2] >= since else 0
    return taken


@inner_kernel
def _wait(queues: Int1D, table: int, key: int, lots: int, ts: int, since: int) -> None:
    """Let lots wait at a key, beside those that wait there since a time."""
    at = table + (key & (_ENTRIES - 1)) * _ENTRY
    held = queues[at + 1] if queues[at] == key and queues[at + 2] >= since else 0
    queues[at], queues[at + 1], queues[at + 2] = key, held + lots, ts


@kernel
def split_change(queues: Int1D, side: int, key: int, change: int, ts: int, match_ns: int) -> None:
    """Book a change of a best queue in its parts; `key` is the better price of before and after."""
    sign = 1 - 2 * side
    matched = _take(queues, _TRADES + side * _TABLE, key, 1 << 61, ts - match_ns)
    rest = change + matched
    queues[MARKET] -= sign * matched
    if rest >= 0:
        queues[LIMIT] += sign * rest
    else:
        queues[CANCEL] += sign * rest
        _wait(queues, _FALLS + side * _TABLE, key, -rest, ts, ts - match_ns)


@kernel
def traded(queues: Int1D, aggressor: int, price_ticks: int, lots: int, ts: int, match_ns: int) -> None:
    """A trade hit the queue opposite its aggressor; where the venue names none, no queue is known."""
    if aggressor == 0 or lots == 0:
        return
    side = (1 + aggressor) >> 1
    sign = 1 - 2 * side
    key = sign * price_ticks
    matched = _take(queues, _FALLS + side * _TABLE, key, lots, ts - match_ns)
    queues[CANCEL] += sign * matched
    queues[MARKET] -= sign * matched
    if lots > matched:
        _wait(queues, _TRADES + side * _TABLE, key, lots - matched, ts, ts - match_ns)
