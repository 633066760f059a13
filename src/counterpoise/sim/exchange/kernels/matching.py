"""An order meets those that rest: best price first, at a price first come first served.

The trade is at the resting order's price. An iceberg whose shown lots are gone shows the next ones at the back of the queue.
An order that meets one of its own account does as the market's self-trade rule says. A resting reduce-only order gives no more
than its account's position and is cancelled when that is gone.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel, whole_kernel
from counterpoise.sim.exchange.kernels.codes import (
    CANCEL_BOTH,
    CANCEL_NEWEST,
    CANCELLED,
    DECREMENT,
    FILL,
    R_CODE,
    R_FEE,
    R_LOTS,
    R_OTHER,
    R_PRICE,
    R_VALUE,
    REDUCE_ONLY,
    SELF_MATCH,
    SELF_TRADE_ALLOWED,
    STOP,
    TAKE_PROFIT,
    WORKING,
    WOULD_NOT_REDUCE,
)
from counterpoise.sim.exchange.kernels.heap import unwait
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    BEST,
    DISPLAY,
    FILLED,
    FILLED_VALUE,
    HEAD,
    HIDDEN,
    KIND,
    LAST_PRICE,
    MARKET,
    MAX_FILLS,
    POSITION_LOTS,
    PRICE,
    SELF_TRADE,
    SHOWN,
    SIDE,
    VOLUME,
)
from counterpoise.sim.exchange.kernels.levels import enqueue, leave, level_at, reduce_shown, side_of
from counterpoise.sim.exchange.kernels.money import count_open, rate_of, settle, value_of
from counterpoise.sim.exchange.kernels.orders import disown, own, position_at, release
from counterpoise.sim.exchange.kernels.outputs import report, tell_trade, touch

__all__ = ["MAKER_BIT", "drop", "give", "match", "reducible", "rest", "shrink", "withdraw"]

MAKER_BIT: Final = 1 << 20


@inner_kernel
def reducible(ex: Int1D, position: int, side: int) -> int:
    """Lots of a side that a position still can be reduced by."""
    return max(-side * ex[position + POSITION_LOTS], 0)


@inner_kernel
def rest(ex: Int1D, market: int, order: int, lots: int) -> None:
    """Put an order into the book with so many lots, an iceberg with some of them shown, and into its account's list."""
    side, display = ex[order + SIDE], ex[order + DISPLAY]
    shown = min(lots, display) if display else lots
    ex[order + SHOWN], ex[order + HIDDEN] = shown, lots - shown
    enqueue(ex, side_of(market, side), side * ex[order + PRICE], order)
    count_open(ex, market, order, lots)
    own(ex, position_at(ex, ex[order + ACCOUNT], ex[order + MARKET]), order)


@inner_kernel
def withdraw(ex: Int1D, market: int, order: int) -> int:
    """Take a resting order out of the book and its account's list, not out of the pool; returns the lots it had left."""
    side, left = ex[order + SIDE], ex[order + SHOWN] + ex[order + HIDDEN]
    leave(ex, side_of(market, side), side * ex[order + PRICE], order)
    count_open(ex, market, order, -left)
    disown(ex, position_at(ex, ex[order + ACCOUNT], ex[order + MARKET]), order)
    return left


@whole_kernel
def drop(ex: Int1D, reports: Int2D, market: int, ts: int, order: int, reason: int) -> None:
    """End a resting or waiting order and say why."""
    report(ex, reports, ts, order, CANCELLED, reason, ex[order + SHOWN] + ex[order + HIDDEN])
    if ex[order + KIND] & (STOP | TAKE_PROFIT):
        unwait(ex, market, order)
        disown(ex, position_at(ex, ex[order + ACCOUNT], ex[order + MARKET]), order)
    else:
        withdraw(ex, market, order)
    release(ex, order)


@kernel
def shrink(ex: Int1D, market: int, order: int, lots: int) -> None:
    """Take lots, fewer than it has, off an order that keeps its place: hidden ones first."""
    side = ex[order + SIDE]
    hidden = min(lots, ex[order + HIDDEN])
    ex[order + HIDDEN] -= hidden
    reduce_shown(ex, side_of(market, side), side * ex[order + PRICE], order, lots - hidden)
    count_open(ex, market, order, -lots)


@inner_kernel
def give(ex: Int1D, market: int, order: int, lots: int) -> None:
    """Take lots, at most those shown, off a resting order; an emptied one ends, an emptied slice is refilled."""
    side = ex[order + SIDE]
    if lots < ex[order + SHOWN]:
        reduce_shown(ex, side_of(market, side), side * ex[order + PRICE], order, lots)
        count_open(ex, market, order, -lots)
        return
    if ex[order + HIDDEN]:
        _refill(ex, market, order, lots)
        return
    withdraw(ex, market, order)
    release(ex, order)


@whole_kernel
def _refill(ex: Int1D, market: int, order: int, lots: int) -> None:
    """Take the shown lots off an iceberg, and put it to the back of the queue with the next ones."""
    rest(ex, market, order, withdraw(ex, market, order) - lots)


@inner_kernel
def _fill(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int, order: int, maker: int, lots: int, left: int) -> None:
    """Trade lots of the order at one address against the resting one at another; `left` is what the first wants after it."""
    price, side = ex[maker + PRICE], ex[order + SIDE]
    value = value_of(ex, market, price, lots)
    ex[market + LAST_PRICE] = price
    ex[market + VOLUME] += lots
    ex[FILLED] += lots
    ex[FILLED_VALUE] += value
    tell_trade(ex, tape, market, ts, side, price, lots)
    row = report(ex, reports, ts, maker, FILL, 0, ex[maker + SHOWN] + ex[maker + HIDDEN] - lots)
    reports[row, R_CODE] += MAKER_BIT
    reports[row, R_LOTS] = lots
    reports[row, R_VALUE] = value
    reports[row, R_FEE] = settle(ex, market, ex[maker + ACCOUNT], -side * lots, value, rate_of(ex, ex[maker + ACCOUNT], 1))
    reports[row, R_OTHER] = ex[order + ACCOUNT]
    row = report(ex, reports, ts, order, FILL, 0, left)
    reports[row, R_PRICE] = price
    reports[row, R_LOTS] = lots
    reports[row, R_VALUE] = value
    reports[row, R_FEE] = settle(ex, market, ex[order + ACCOUNT], side * lots, value, rate_of(ex, ex[order + ACCOUNT], 0))
    reports[row, R_OTHER] = ex[maker + ACCOUNT]
    give(ex, market, maker, lots)


@whole_kernel
def _prevent(ex: Int1D, reports: Int2D, market: int, ts: int, order: int, maker: int, left: int) -> int:
    """Do what the rule says of two orders of one account; returns what is left of the newer, −1 − it when it must go."""
    rule = ex[market + SELF_TRADE]
    if rule == CANCEL_NEWEST:
        return -1 - left
    if rule != DECREMENT:
        drop(ex, reports, market, ts, maker, SELF_MATCH)
        return -1 - left if rule == CANCEL_BOTH else left
    both = min(left, ex[maker + SHOWN])
    behind = ex[maker + SHOWN] + ex[maker + HIDDEN] - both
    report(ex, reports, ts, maker, WORKING if behind else CANCELLED, SELF_MATCH, behind if behind else both)
    give(ex, market, maker, both)
    if left == both:
        return -1 - left
    report(ex, reports, ts, order, WORKING, SELF_MATCH, left - both)
    return left - both


@whole_kernel
def match(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int, order: int, limit_key: int, lots: int) -> int:
    """Take lots from the opposite side down to a key, in at most MAX_FILLS steps; returns the lots not taken.

    When self-trade prevention ends the order it returns −1 − the lots not taken.
    """
    side, account = ex[order + SIDE], ex[order + ACCOUNT]
    book, left, steps = side_of(market, -side), lots, ex[MAX_FILLS]
    while left > 0 and steps > 0:
        best, changed = ex[book + BEST], False
        if best < limit_key:
            break
        while left > 0 and steps > 0 and ex[book + BEST] == best:
            steps -= 1
            maker = ex[level_at(ex, book, best) + HEAD]
            if ex[maker + ACCOUNT] == account and ex[market + SELF_TRADE] != SELF_TRADE_ALLOWED:
                changed = changed or ex[market + SELF_TRADE] != CANCEL_NEWEST
                left = _prevent(ex, reports, market, ts, order, maker, left)
                continue
            changed, most = True, ex[maker + SHOWN]
            if ex[maker + KIND] & REDUCE_ONLY:
                most = min(most, reducible(ex, position_at(ex, ex[maker + ACCOUNT], ex[maker + MARKET]), -side))
                if most == 0:
                    drop(ex, reports, market, ts, maker, WOULD_NOT_REDUCE)
                    continue
            taken = min(left, most)
            left -= taken
            _fill(ex, tape, reports, market, ts, order, maker, taken, left)
        if changed:
            touch(ex, -side, -side * best)
    return left
