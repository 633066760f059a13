"""A recorded book that our own orders stand in and take from.

Two frames of price: *recorded*, as the venue sent it, and *shown* = recorded + shift, where the shift is the transient impact
of what we took. Resting orders keep their shown price. `orders` holds one row a resting order, `taken` one row a level that we
took from.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, GAP, LAST, SYNCED, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, quantity_at, room

__all__ = [
    "FILL_COLUMNS",
    "LEFT",
    "ORDER_COLUMNS",
    "PRICE",
    "QUEUE",
    "SIDE",
    "TAKEN_COLUMNS",
    "available",
    "best_shown",
    "replay_rows",
    "shift_at",
    "take",
]

# columns of orders
SIDE: Final = 0  # +1 buy, -1 sell
PRICE: Final = 1  # shown ticks
LEFT: Final = 2  # lots; 0 when filled
QUEUE: Final = 3  # lots ahead of us
ORDER_COLUMNS: Final = 4

# columns of taken
_OF: Final = 0  # side index
_KEY: Final = 1  # recorded
_TIME: Final = 2  # ns of the last take
_MILLILOTS: Final = 3  # lots × 1000 missing at that time
TAKEN_COLUMNS: Final = 4

FILL_COLUMNS: Final = 4  # ts, order row, shown price, lots


@kernel
def shift_at(shift: Float1D, rates: Float1D, shift_ns: int, ts: int) -> float:
    """Displacement of the quotes [ticks] at a time; `shift` holds the components as of `shift_ns`."""
    total = 0.0
    for i in range(len(shift)):
        total += shift[i] * np.exp(-rates[i] * (ts - shift_ns))
    return total


@kernel
def _missing(taken: Int2D, count: int, side: int, key: int, ts: int, half_life_ns: int) -> int:
    """Lots we took at a level that have not refilled, rounded up."""
    for i in range(count):
        if taken[i, _OF] == side and taken[i, _KEY] == key:
            left = taken[i, _MILLILOTS] * 0.5 ** ((ts - taken[i, _TIME]) / half_life_ns)
            return np.int64(np.ceil(left * 1e-3 - 1e-3))
    return 0


@kernel
def available(book: Int1D, taken: Int2D, count: int, side: int, key: int, ts: int, half_life_ns: int) -> int:
    """Lots at a recorded level that are there to take."""
    return max(0, quantity_at(book, side, key) - _missing(taken, count, side, key, ts, half_life_ns))


@kernel
def best_shown(book: Int1D, taken: Int2D, count: int, side: int, ts: int, half_life_ns: int, found: Int1D) -> None:
    """Best recorded key that has lots to take, and how many, into found[0:2]; NO_KEY when the side is empty."""
    key = book[side * HEAD + BEST]
    while key != NO_KEY:
        lots = available(book, taken, count, side, key, ts, half_life_ns)
        if lots > 0:
            found[0], found[1] = key, lots
            return
        key = next_below(book, side, key)
    found[0], found[1] = NO_KEY, 0


@kernel
def _remember(taken: Int2D, count: int, side: int, key: int, lots: int, ts: int, half_life_ns: int) -> int:
    """Add lots to what is missing at a level, forgetting levels that are whole again; returns how many rows there are."""
    kept = 0
    at = -1
    for i in range(count):
        left = np.int64(taken[i, _MILLILOTS] * 0.5 ** ((ts - taken[i, _TIME]) / half_life_ns))
        if left > 1:
            taken[kept, _OF], taken[kept, _KEY] = taken[i, _OF], taken[i, _KEY]
            taken[kept, _TIME], taken[kept, _MILLILOTS] = ts, left
            if taken[kept, _OF] == side and taken[kept, _KEY] == key:
                at = kept
            kept += 1
    if at < 0:
        at = kept
        taken[at, _OF], taken[at, _KEY], taken[at, _TIME], taken[at, _MILLILOTS] = side, key, ts, 0
        kept += 1
    taken[at, _MILLILOTS] += lots * 1000
    return kept


@kernel
def take(
    book: Int1D,
    taken: Int2D,
    count: int,
    side: int,
    limit: int,
    lots: int,
    shift: int,
    ts: int,
    half_life_ns: int,
    fills: Int2D,
) -> tuple[int, int]:
    """Aggressor of `side` takes up to `lots` at shown prices no worse than `limit`; returns (fills, rows of taken).

    `half_life_ns` 0 leaves no trace. Stops early when `fills` or `taken` is full.
    """
    against = (1 + side) >> 1
    sign = 1 - 2 * against
    key = book[against * HEAD + BEST]
    found, left = 0, lots
    remembers = half_life_ns > 0
    while key != NO_KEY and left > 0 and found < len(fills) and count < len(taken):
        price = sign * key + shift
        if side * price > side * limit:
            break
        here = available(book, taken, count, against, key, ts, half_life_ns) if remembers else quantity_at(book, against, key)
        if here > 0:
            filled = min(here, left)
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, -1, price, filled
            found += 1
            left -= filled
            if remembers:
                count = _remember(taken, count, against, key, filled, ts, half_life_ns)
        key = next_below(book, against, key)
    return found, count


@kernel
def _trade_meets(orders: Int2D, side: int, price: int, lots: int, ts: int, fills: Int2D, found: int) -> int:
    """A recorded trade against our resting orders: through a price fills it, at a price first eats the queue ahead."""
    for i in range(len(orders)):
        own = orders[i, SIDE]
        if orders[i, LEFT] == 0 or own == side or lots == 0:  # an order is met by aggressors of the other side, or unknown ones
            continue
        beyond = own * (orders[i, PRICE] - price)
        if beyond < 0:
            continue
        if beyond == 0:
            ahead = min(orders[i, QUEUE], lots)
            orders[i, QUEUE] -= ahead
            lots -= ahead
        filled = min(orders[i, LEFT], lots)
        if filled > 0:
            orders[i, LEFT] -= filled
            lots -= filled
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, i, orders[i, PRICE], filled
            found += 1
    return found


@kernel
def _book_meets(book: Int1D, orders: Int2D, shift: int, ts: int, fills: Int2D, found: int) -> int:
    """The recorded opposite side has moved onto our price: what stands there would have traded with us."""
    for i in range(len(orders)):
        own = orders[i, SIDE]
        against = (1 + own) >> 1
        key = book[against * HEAD + BEST]
        while key != NO_KEY and orders[i, LEFT] > 0:
            price = (1 - 2 * against) * key + shift
            if own * price > own * orders[i, PRICE]:
                break
            filled = min(orders[i, LEFT], quantity_at(book, against, key))
            orders[i, LEFT] -= filled
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, i, orders[i, PRICE], filled
            found += 1
            if found == len(fills):
                return found
            key = next_below(book, against, key)
    return found


@kernel
def _queue_at_most(orders: Int2D, side: int, price: int, lots: int) -> None:
    """A level shrank to `lots`: no more than that can stand ahead of us (cancels are assumed to come from behind)."""
    for i in range(len(orders)):
        if orders[i, SIDE] == side and orders[i, PRICE] == price:
            orders[i, QUEUE] = min(orders[i, QUEUE], lots)


@kernel
def _requeue(book: Int1D, orders: Int2D, shift: int) -> None:
    """The shift changed, so another recorded level stands at our price: at least all of it is ahead of us."""
    for i in range(len(orders)):
        side = orders[i, SIDE]
        standing = quantity_at(book, (1 - side) >> 1, side * (orders[i, PRICE] - shift))
        orders[i, QUEUE] = max(orders[i, QUEUE], standing)


@kernel
def replay_rows(
    book: Int1D,
    status: Int1D,
    orders: Int2D,
    shift: Float1D,
    rates: Float1D,
    shift_ns: int,
    ts_local: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    until_ns: int,
    fills: Int2D,
) -> tuple[int, int]:
    """Replay rows with ts_local < until_ns from `start`; returns (first row not taken, fills).

    Stops early when a resting order of ours filled, after its message, or when the book's hash table must grow.
    """
    book, status, orders, fills = borrow(book), borrow(status), borrow(orders), borrow(fills)
    moving = len(orders) > 0 and len(shift) > 0
    shown = np.int64(np.rint(shift_at(shift, rates, shift_ns, ts_local[start]))) if moving and start < len(kind) else 0
    found = 0
    i = start
    while i < len(kind) and ts_local[i] < until_ns:
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            apply_row(book, status, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST:
                settle(book, status)
        if len(orders) and status[STATE] == SYNCED:
            if what == DELTA:
                _queue_at_most(orders, sign, price_ticks[i] + shown, qty_lots[i])
            elif what == TRADE:
                found = _trade_meets(orders, sign, price_ticks[i] + shown, qty_lots[i], ts_local[i], fills, found)
            if flag & LAST:
                if moving:
                    now = np.int64(np.rint(shift_at(shift, rates, shift_ns, ts_local[i])))
                    if now != shown:
                        shown = now
                        _requeue(book, orders, shown)
                if what <= GAP:
                    found = _book_meets(book, orders, shown, ts_local[i], fills, found)
        i += 1
        if found:
            break
    return i, found
