"""Our orders come to a replayed book and leave it: take, rest, remove."""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, quantity_at
from counterpoise.sim.kernels.consumption import available, forget, remember
from counterpoise.sim.kernels.displacement import hold, kick_of_lot, most_lots, push, remembered
from counterpoise.sim.kernels.replay_state import (
    AHEAD,
    HALF_NS,
    JOINED_ROWS,
    KICK,
    LEFT,
    NUMBER,
    ORDER_ROWS,
    PRICE,
    SHIFT_NS,
    SHOWN,
    SIDE,
    SINCE,
    STAMP,
    TRADED,
)

__all__ = ["drop_filled", "remove", "rest", "row_of", "take"]


@kernel
def take(
    book: Int1D,
    orders: Int2D,
    places: Float2D,
    taken: Int2D,
    standing: Int1D,
    terms: Float1D,
    shift: Float2D,
    flow: Float2D,
    ts: int,
    side: int,
    lots: int,
    limit: int,
    fills: Int2D,
) -> int:
    """Aggressor of `side` takes up to `lots` at shown prices no worse than `limit`, then the quotes move; returns fills.

    Each piece pays half of its own displacement and all of that of the pieces before. Stops early when `fills` is full: with
    nothing changed where what we take is not remembered, so that it can be done again with more room. Assumes room in `taken`
    for as many rows as `fills` has.
    """
    book, taken, standing, fills = borrow(book), borrow(taken), borrow(standing), borrow(fills)
    if standing[HALF_NS]:
        forget(taken, standing, ts)
    against = (1 + side) >> 1
    key = book[against * HEAD + BEST]
    found, left, kicked, behind = 0, lots, 0.0, False
    displaced = side * remembered(shift, standing[SHIFT_NS], ts)
    while key != NO_KEY and left > 0 and found < len(fills):
        recorded = (1 - 2 * against) * key
        kick = kick_of_lot(standing, terms, recorded)
        most = most_lots(side * (limit - recorded), displaced + kicked, kick)
        if most == 0:
            break
        there = available(book, taken, standing, against, key, ts)
        filled = min(left, there, most)
        if filled > 0:
            paid = recorded + side * np.int64(np.rint(displaced + kicked + kick * filled / 2))
            fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, -1, paid, filled
            found += 1
            left -= filled
            kicked += kick * filled
            remember(taken, standing, terms, against, key, filled, there - filled, behind, ts)
        if most < there:
            break
        key, behind = next_below(book, against, key), True
    undone = found == len(fills) and left > 0 and not standing[HALF_NS]
    if found and len(shift) and not undone:
        push(standing, shift, flow, ts, side * kicked, side * (lots - left))
        hold(book, orders, places, standing, shift, ts)
    return found


@kernel
def row_of(orders: Int2D, standing: Int1D, number: int) -> int:
    """Row of an order, −1 when it does not rest."""
    for i in range(standing[ORDER_ROWS]):
        if orders[i, NUMBER] == number:
            return i
    return -1


@kernel
def rest(
    book: Int1D,
    orders: Int2D,
    places: Float2D,
    standing: Int1D,
    terms: Float1D,
    shift: Float2D,
    number: int,
    ts: int,
    side: int,
    price: int,
    lots: int,
) -> None:
    """Put an order behind all that is displayed at its price, and behind our own that are better or older.

    Assumes room for one more row.
    """
    hold(book, orders, places, standing, shift, ts)
    ahead = float(quantity_at(book, (1 - side) >> 1, side * (price - standing[SHOWN])))
    at = standing[ORDER_ROWS]
    while at > 0 and -orders[at - 1, SIDE] * orders[at - 1, PRICE] > -side * price:
        orders[at], places[at] = orders[at - 1], places[at - 1]
        at -= 1
    if at > 0 and orders[at - 1, SIDE] == side and orders[at - 1, PRICE] == price:  # never ahead of an older order of ours
        ahead = max(ahead, places[at - 1, AHEAD])
    standing[ORDER_ROWS] += 1
    standing[STAMP] += 1
    orders[at, SIDE], orders[at, PRICE], orders[at, LEFT], orders[at, NUMBER] = side, price, lots, number
    orders[at, TRADED], orders[at, SINCE] = 0, standing[STAMP]
    places[at, AHEAD], places[at, KICK] = ahead, kick_of_lot(standing, terms, price - standing[SHOWN])


@kernel
def remove(orders: Int2D, places: Float2D, standing: Int1D, number: int) -> int:
    """Take an order out; returns the lots that were left, 0 when it does not rest."""
    row = row_of(orders, standing, number)
    if row < 0:
        return 0
    left = orders[row, LEFT]
    standing[ORDER_ROWS] -= 1
    for i in range(row, standing[ORDER_ROWS]):
        orders[i], places[i] = orders[i + 1], places[i + 1]
    if not standing[ORDER_ROWS]:
        standing[JOINED_ROWS] = 0
    return np.int64(left)


@kernel
def drop_filled(orders: Int2D, places: Float2D, standing: Int1D) -> None:
    """Drop the orders that have nothing left."""
    kept = 0
    for i in range(standing[ORDER_ROWS]):
        if orders[i, LEFT]:
            if kept < i:
                orders[kept], places[kept] = orders[i], places[i]
            kept += 1
    standing[ORDER_ROWS] = kept
    if not kept:
        standing[JOINED_ROWS] = 0
