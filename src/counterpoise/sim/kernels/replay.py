"""A recorded book that our own orders stand in and take from.

Two frames of price: *recorded*, as the venue sent it, and *shown* = recorded + shift, where the shift is the transient impact
of what we took. Resting orders keep their shown price. `orders` holds one row a resting order, best price first and of one
price the oldest first; `taken` one row a level that we took from.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, GAP, GAPPED, LAST, SNAPSHOT, SYNCED, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, depth_between, next_below, quantity_at, room

__all__ = [
    "FILL_COLUMNS",
    "LEFT",
    "ORDER_COLUMNS",
    "PRICE",
    "QUEUE",
    "SHOWN",
    "SIDE",
    "STANDING_SIZE",
    "TAKEN_COLUMNS",
    "TAKEN_ROWS",
    "available",
    "forget",
    "replay_rows",
    "requeue",
    "shift_at",
    "show_top",
    "shown_depth",
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

# standing: how things stand between two calls
SHOWN: Final = 0  # ticks between the recorded prices and those that the resting orders were last held against
TAKEN_ROWS: Final = 1  # rows of taken in use
STANDING_SIZE: Final = 2

FILL_COLUMNS: Final = 4  # ts, order row, shown price, lots


@kernel
def shift_at(shift: Float1D, rates: Float1D, shift_ns: int, ts: int) -> float:
    """Displacement of the quotes [ticks] at a time; `shift` holds the components as of `shift_ns`."""
    total = 0.0
    for i in range(len(shift)):
        total += shift[i] * np.exp(-rates[i] * (ts - shift_ns))
    return total


@kernel
def _decayed(taken: Int2D, row: int, ts: int, half_life_ns: int) -> int:
    """Lots × 1000 still missing of one row, rounded; a last thousandth of a lot is none, or the tail would last for ever."""
    left = np.int64(np.rint(taken[row, _MILLILOTS] * 0.5 ** ((ts - taken[row, _TIME]) / half_life_ns)))
    return left if left > 1 else 0


@kernel
def _missing(taken: Int2D, count: int, side: int, key: int, ts: int, half_life_ns: int) -> int:
    """Lots we took at a level that have not refilled, rounded up from a thousandth."""
    for i in range(count):
        if taken[i, _KEY] == key and taken[i, _OF] == side:
            return (_decayed(taken, i, ts, half_life_ns) + 998) // 1000
    return 0


@kernel
def available(book: Int1D, taken: Int2D, count: int, side: int, key: int, ts: int, half_life_ns: int) -> int:
    """Lots at a recorded level that are there to take; `half_life_ns` 0 says that we leave no trace."""
    standing = quantity_at(book, side, key)
    return max(0, standing - _missing(taken, count, side, key, ts, half_life_ns)) if half_life_ns else standing


@kernel
def show_top(
    book: Int1D, taken: Int2D, count: int, shift: Float1D, rates: Float1D, shift_ns: int, ts: int, half_life_ns: int, top: Int1D
) -> None:
    """Best bid, its lots, best ask, its lots as shown, into top[0:4]; zeros where a side has nothing to take."""
    displaced = np.int64(np.rint(shift_at(shift, rates, shift_ns, ts)))
    for side in range(2):
        top[2 * side], top[2 * side + 1] = 0, 0
        key = book[side * HEAD + BEST]
        while key != NO_KEY:
            lots = available(book, taken, count, side, key, ts, half_life_ns)
            if lots > 0:
                top[2 * side], top[2 * side + 1] = (1 - 2 * side) * key + displaced, lots
                break
            key = next_below(book, side, key)


@kernel
def shown_depth(book: Int1D, taken: Int2D, count: int, side: int, low: int, high: int, ts: int, half_life_ns: int) -> int:
    """Lots that are there to take at recorded keys in [low, high]."""
    total = depth_between(book, side, low, high)
    if half_life_ns:
        for i in range(count):
            key = taken[i, _KEY]
            if taken[i, _OF] == side and key >= low and key <= high:
                total -= quantity_at(book, side, key) - available(book, taken, count, side, key, ts, half_life_ns)
    return total


@kernel
def forget(taken: Int2D, count: int, ts: int, half_life_ns: int) -> int:
    """Drop levels that are whole again; returns how many rows are left."""
    kept = 0
    for i in range(count):
        if _decayed(taken, i, ts, half_life_ns):
            taken[kept] = taken[i]
            kept += 1
    return kept


@kernel
def _remember(taken: Int2D, count: int, side: int, key: int, lots: int, ts: int, half_life_ns: int) -> int:
    """Add lots to what is missing at a level; returns how many rows there are. Assumes room for one more."""
    for i in range(count):
        if taken[i, _KEY] == key and taken[i, _OF] == side:
            taken[i, _MILLILOTS] = _decayed(taken, i, ts, half_life_ns) + 1000 * lots
            taken[i, _TIME] = ts
            return count
    taken[count, _OF], taken[count, _KEY], taken[count, _TIME], taken[count, _MILLILOTS] = side, key, ts, 1000 * lots
    return count + 1


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

    Stops early when `fills` is full. Assumes room in `taken` for as many rows as `fills` has.
    """
    against = (1 + side) >> 1
    sign = 1 - 2 * against
    key = book[against * HEAD + BEST]
    found, left = 0, lots
    while key != NO_KEY and left > 0 and found < len(fills):
        price = sign * key + shift
        if side * price > side * limit:
            break
        filled = min(left, available(book, taken, count, against, key, ts, half_life_ns))
        if filled > 0:
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, -1, price, filled
            found += 1
            left -= filled
            if half_life_ns:
                count = _remember(taken, count, against, key, filled, ts, half_life_ns)
        key = next_below(book, against, key)
    return found, count


@kernel
def _trade_meets(orders: Int2D, side: int, price: int, lots: int, ts: int, fills: Int2D) -> int:
    """A recorded trade against our resting orders: through a price fills it, at a price first eats the queue ahead.

    Every lot goes to one order of ours at most; those of others ahead of two of ours are ahead of both.
    """
    found = 0
    for i in range(len(orders)):
        own = orders[i, SIDE]
        beyond = own * (orders[i, PRICE] - price)
        if own == side or beyond < 0:  # an order is met by aggressors of the other side, or unknown ones
            continue
        ahead = min(orders[i, QUEUE], lots) if beyond == 0 else 0
        orders[i, QUEUE] -= ahead
        filled = min(orders[i, LEFT], lots - ahead)
        if filled > 0:
            orders[i, LEFT] -= filled
            lots -= filled
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, i, orders[i, PRICE], filled
            found += 1
    return found


@kernel
def _book_meets(book: Int1D, orders: Int2D, taken: Int2D, standing: Int1D, ts: int, half_life_ns: int, fills: Int2D) -> int:
    """The opposite side has moved onto our price: what stands there would have traded with us, and is gone then."""
    found = 0
    for i in range(len(orders)):
        own = orders[i, SIDE]
        against = (1 + own) >> 1
        key = book[against * HEAD + BEST]
        while key != NO_KEY and orders[i, LEFT] > 0 and found < len(fills):
            if own * ((1 - 2 * against) * key + standing[SHOWN] - orders[i, PRICE]) > 0:
                break
            count = standing[TAKEN_ROWS]
            filled = min(orders[i, LEFT], available(book, taken, count, against, key, ts, half_life_ns))
            if filled > 0:
                orders[i, LEFT] -= filled
                fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, i, orders[i, PRICE], filled
                found += 1
                if half_life_ns:
                    standing[TAKEN_ROWS] = _remember(taken, count, against, key, filled, ts, half_life_ns)
            key = next_below(book, against, key)
    return found


@kernel
def _level_shrinks(orders: Int2D, side: int, price: int, lots: int) -> None:
    """A level changed to `lots`: no more than that can stand ahead of us (cancels are assumed to come from behind)."""
    for i in range(len(orders)):
        if orders[i, SIDE] == side and orders[i, PRICE] == price:
            orders[i, QUEUE] = min(orders[i, QUEUE], lots)


@kernel
def _standing_at(book: Int1D, orders: Int2D, row: int, shown: int) -> int:
    """Recorded lots on our own side at the price of one of our orders."""
    side = orders[row, SIDE]
    return quantity_at(book, (1 - side) >> 1, side * (orders[row, PRICE] - shown))


@kernel
def _levels_replaced(book: Int1D, orders: Int2D, shown: int) -> None:
    """A snapshot is complete: as `_level_shrinks` for every level."""
    for i in range(len(orders)):
        orders[i, QUEUE] = min(orders[i, QUEUE], _standing_at(book, orders, i, shown))


@kernel
def requeue(book: Int1D, orders: Int2D, standing: Int1D, shown: int) -> None:
    """The shift is `shown` now; if it changed, another recorded level stands at our price: all of it is ahead of us."""
    if shown == standing[SHOWN]:
        return
    standing[SHOWN] = shown
    for i in range(len(orders)):
        orders[i, QUEUE] = max(orders[i, QUEUE], _standing_at(book, orders, i, shown))


@kernel
def replay_rows(
    book: Int1D,
    status: Int1D,
    orders: Int2D,
    taken: Int2D,
    standing: Int1D,
    shift: Float1D,
    rates: Float1D,
    shift_ns: int,
    half_life_ns: int,
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

    Stops early after a row that filled a resting order of ours, or when the book's hash table must grow. An empty `shift` says
    that the quotes are where the recording has them. Assumes room in `taken` for as many rows as `fills` has, and no more
    orders than that.
    """
    book, status, orders, fills = borrow(book), borrow(status), borrow(orders), borrow(fills)
    taken, standing = borrow(taken), borrow(standing)
    moving, resting, moved_ns = len(shift) > 0 and len(orders) > 0, len(orders) > 0, shift_ns
    found, i = 0, start
    while i < len(kind) and ts_local[i] < until_ns and not found:
        what, sign, flag = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i])
        if moving and ts_local[i] != moved_ns:
            moved_ns = ts_local[i]
            requeue(book, orders, standing, np.int64(np.rint(shift_at(shift, rates, shift_ns, moved_ns))))
        if what <= GAP:
            if not room(book, (1 - sign) >> 1):
                break
            apply_row(book, status, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST:
                settle(book, status)
        if resting and status[STATE] != GAPPED:
            if what == DELTA:
                _level_shrinks(orders, sign, price_ticks[i] + standing[SHOWN], qty_lots[i])
            elif what == SNAPSHOT and flag & LAST:
                _levels_replaced(book, orders, standing[SHOWN])
            if status[STATE] == SYNCED:
                if what == TRADE:
                    found = _trade_meets(orders, sign, price_ticks[i] + standing[SHOWN], qty_lots[i], ts_local[i], fills)
                elif what <= SNAPSHOT and flag & LAST:
                    found = _book_meets(book, orders, taken, standing, ts_local[i], half_life_ns, fills)
        i += 1
    return i, found
