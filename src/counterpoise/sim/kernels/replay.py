"""A recorded book that our own orders stand in and take from.

Two frames of price: *recorded*, as the venue sent it, and *shown* = recorded + displacement by our own fills, to the nearest
tick. Resting orders keep their shown price.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.book import STATE, apply_row, settle
from counterpoise.market.kernels.codes import DELTA, GAP, GAPPED, LAST, SNAPSHOT, SYNCED, TRADE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, room
from counterpoise.sim.kernels.consumption import available, remember
from counterpoise.sim.kernels.displacement import hold, most_lots, push, remembered
from counterpoise.sim.kernels.queue import ahead_of_trade, level_changes, levels_replaced
from counterpoise.sim.kernels.replay_state import (
    FILLED_AT,
    JOINED_ROWS,
    KICK,
    LEFT,
    NEVER,
    NUMBER,
    ORDER_ROWS,
    PRICE,
    SHIFT_NS,
    SHOWN,
    SIDE,
    VOLUME,
    WAKE_NS,
)

__all__ = ["replay_rows", "show_top"]


@kernel
def show_top(book: Int1D, taken: Int2D, standing: Int1D, shift: Float2D, ts: int, top: Int1D) -> None:
    """Best bid, its lots, best ask, its lots as shown, zeros where a side has nothing to take, and the state, into top."""
    book, taken, standing = borrow(book), borrow(taken), borrow(standing)
    displaced = np.int64(np.rint(remembered(shift, standing[SHIFT_NS], ts)))
    for side in range(2):
        top[2 * side], top[2 * side + 1] = 0, 0
        key = book[side * HEAD + BEST]
        while key != NO_KEY:
            lots = available(book, taken, standing, side, key, ts)
            if lots > 0:
                top[2 * side], top[2 * side + 1] = (1 - 2 * side) * key + displaced, lots
                break
            key = next_below(book, side, key)
    top[4] = standing[STATE]


@kernel
def _write(fills: Int2D, found: int, ts: int, number: int, price: int, lots: int) -> int:
    fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = ts, number, price, lots
    return found + 1


@kernel
def _with_followers(flow: Float2D, standing: Int1D, terms: Float1D, sign: int, lots: int, ts: int) -> int:
    """Lots of a recorded trade together with those whom our fills have called up on its side, in proportion to it."""
    if not len(flow):
        return lots
    extra = sign * remembered(flow, standing[SHIFT_NS], ts) / terms[VOLUME]
    return lots + np.int64(np.rint(lots * extra)) if extra > 0 else lots


@kernel
def _trade_meets(
    orders: Int2D,
    places: Float2D,
    joined: Int2D,
    standing: Int1D,
    terms: Float1D,
    shift: Float2D,
    flow: Float2D,
    side: int,
    price: int,
    lots: int,
    order_id: int,
    flags: int,
    ts: int,
    fills: Int2D,
) -> int:
    """A recorded trade against our resting orders: through a price fills it, at a price first eats the queue ahead.

    Every lot goes to one order of ours at most; those of others ahead of two of ours are ahead of both.
    """
    found, met, displaced, left, signed = 0, False, 0.0, lots, 0
    kicked = 0.0
    for i in range(standing[ORDER_ROWS]):
        own = orders[i, SIDE]
        reach = own * (orders[i, PRICE] - price)  # ticks by which the quotes may be displaced against us
        if own == side or reach < own * standing[SHOWN]:  # an order is met by aggressors of the other side, or unknown ones
            continue
        if not met:
            met, displaced = True, remembered(shift, standing[SHIFT_NS], ts)
            left = _with_followers(flow, standing, terms, side, lots, ts)
        ahead = 0.0
        if reach == own * standing[SHOWN]:
            ahead = ahead_of_trade(orders, places, joined, standing, i, float(left), lots, order_id, flags)
        filled = min(orders[i, LEFT], np.int64(left - ahead))
        if filled > 0:
            filled = min(filled, most_lots(reach, own * (displaced + kicked), places[i, KICK]))
        if filled > 0:
            orders[i, LEFT] -= filled
            left -= filled
            kicked += own * places[i, KICK] * filled
            signed += own * filled
            found = _write(fills, found, ts, orders[i, NUMBER], orders[i, PRICE], filled)
    if found and len(shift):
        push(standing, shift, flow, ts, kicked, signed)
    return found


@kernel
def _book_meets(
    book: Int1D,
    orders: Int2D,
    places: Float2D,
    taken: Int2D,
    standing: Int1D,
    terms: Float1D,
    shift: Float2D,
    flow: Float2D,
    ts: int,
    fills: Int2D,
) -> int:
    """The opposite side has moved onto our price: what stands there would have traded with us, and is gone then."""
    found, kicked, signed = 0, 0.0, 0
    for i in range(standing[ORDER_ROWS]):
        own = orders[i, SIDE]
        against = (1 + own) >> 1
        key = book[against * HEAD + BEST]
        behind = False
        while key != NO_KEY and orders[i, LEFT] > 0 and found < len(fills):
            reach = own * (orders[i, PRICE] - (1 - 2 * against) * key)
            if reach < own * standing[SHOWN]:
                break
            there = available(book, taken, standing, against, key, ts)
            filled = min(orders[i, LEFT], there)
            if filled > 0 and len(shift):
                displaced = remembered(shift, standing[SHIFT_NS], ts)
                filled = min(filled, most_lots(reach, own * (displaced + kicked), places[i, KICK]))
            if filled > 0:
                orders[i, LEFT] -= filled
                kicked += own * places[i, KICK] * filled
                signed += own * filled
                found = _write(fills, found, ts, orders[i, NUMBER], orders[i, PRICE], filled)
                remember(taken, standing, terms, against, key, filled, there - filled, behind, ts)
            key, behind = next_below(book, against, key), True
    if found and len(shift):
        push(standing, shift, flow, ts, kicked, signed)
    return found


@kernel
def _reach(orders: Int2D, standing: Int1D) -> tuple[int, int]:
    """Highest price that we bid and lowest that we ask; what is shown between them cannot concern us."""
    bid, ask = -NEVER, NEVER
    for i in range(standing[ORDER_ROWS]):
        if orders[i, SIDE] > 0:
            bid = max(bid, orders[i, PRICE])
        else:
            ask = min(ask, orders[i, PRICE])
    return bid, ask


@kernel
def _farthest(orders: Int2D, standing: Int1D) -> tuple[int, int]:
    """Lowest and highest price of all our orders."""
    low, high = NEVER, -NEVER
    for i in range(standing[ORDER_ROWS]):
        low, high = min(low, orders[i, PRICE]), max(high, orders[i, PRICE])
    return low, high


@kernel
def replay_rows(
    book: Int1D,
    standing: Int1D,
    terms: Float1D,
    orders: Int2D,
    places: Float2D,
    joined: Int2D,
    taken: Int2D,
    shift: Float2D,
    flow: Float2D,
    ts_local: Int1D,
    ids: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    until_ns: int,
    fills: Int2D,
    top: Int1D,
) -> tuple[int, int]:
    """Replay rows with ts_local < until_ns from `start`; returns (first row not taken, fills), and `top` as of until_ns.

    Stops early after a row that filled a resting order of ours, or when the book's hash table or `joined` must grow. Assumes
    room in `taken` for as many rows as `fills` has, and no more orders than that.
    """
    book, standing, terms, orders, places = borrow(book), borrow(standing), borrow(terms), borrow(orders), borrow(places)
    joined, taken, shift, flow, fills = borrow(joined), borrow(taken), borrow(shift), borrow(flow), borrow(fills)
    resting = standing[ORDER_ROWS] > 0
    own_bid, own_ask = _reach(orders, standing)
    low, high = _farthest(orders, standing)
    found, i = 0, start
    while i < len(kind) and ts_local[i] < until_ns and not found:
        what, sign, flag, ts = np.int64(kind[i]), np.int64(side[i]), np.int64(flags[i]), ts_local[i]
        if what <= GAP and not room(book, (1 - sign) >> 1):
            break
        if resting:
            if standing[JOINED_ROWS] == len(joined):
                break
            if ts >= standing[WAKE_NS]:
                hold(book, orders, places, standing, shift, ts)
            shown = price_ticks[i] + standing[SHOWN]
            if what == DELTA and shown >= low and shown <= high and standing[STATE] != GAPPED:
                level_changes(
                    book, orders, places, joined, standing, terms, sign, price_ticks[i], qty_lots[i], ids[i], flag
                )  # fmt: skip
        if what <= GAP:
            apply_row(book, standing, what, sign, flag, price_ticks[i], qty_lots[i])
            if flag & LAST:
                settle(book, standing)
        if resting and standing[STATE] != GAPPED:
            if what == SNAPSHOT and flag & LAST:
                levels_replaced(book, orders, places, standing)
            if standing[STATE] == SYNCED:
                if what == TRADE:
                    shown = price_ticks[i] + standing[SHOWN]
                    if shown <= own_bid or shown >= own_ask:
                        found = _trade_meets(
                            orders, places, joined, standing, terms, shift, flow,
                            sign, price_ticks[i], qty_lots[i], ids[i], flag, ts, fills,
                        )  # fmt: skip
                elif what <= SNAPSHOT and flag & LAST:
                    ask, bid = standing[SHOWN] - book[HEAD + BEST], standing[SHOWN] + book[BEST]
                    if ask <= own_bid or bid >= own_ask:
                        found = _book_meets(book, orders, places, taken, standing, terms, shift, flow, ts, fills)
            if found:
                standing[FILLED_AT] = standing[SHOWN]
                if len(shift):
                    hold(book, orders, places, standing, shift, ts)
        i += 1
    if not found:
        show_top(book, taken, standing, shift, until_ns, top)
    return i, found
