"""Liquidation orders: worked first come, first served, against a backstop, the book, the fund and the winners."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, quantity_at, set_level
from counterpoise.sim.kernels.cascade_codes import (
    ADL_RULE,
    BACKSTOP,
    BACKSTOP_DISCOUNT,
    BAND,
    COIN,
    FEE_PPM,
    FRACTION_PPM,
    NONE,
    P_ADL,
    P_BACKSTOP,
    P_BOOK,
    P_VALUE,
    RERANK,
    SIDE,
    START,
    THROTTLE,
)
from counterpoise.sim.kernels.contract import worth
from counterpoise.sim.kernels.deleveraging import deleverage
from counterpoise.sim.kernels.liquidation import (
    BACKSTOP_CASH,
    BACKSTOP_LOTS,
    FUND,
    LOTS,
    MARKET_CASH,
    NEXT,
    NO_ACCOUNT,
    ORDER_LOTS,
    QUEUE_HEAD,
    QUEUE_TAIL,
    QUEUED_LOTS,
    bankruptcy_key,
    book_account,
    close_lots,
    debt_of,
    enqueue,
    least_worth,
    liquidation_key,
    order_lots,
    pay_fee,
    tier_of,
)

__all__ = ["finish_order", "liquidate", "mark_of", "put_level", "to_backstop"]

_MILLION: Final = 1_000_000


@kernel
def put_level(book: Int1D, index: int, key: int, lots: int) -> None:
    """Set a level; assumes room. `set_level` is inlined here once, not in every caller."""
    set_level(book, index, key, lots)


@inner_kernel
def mark_of(book: Int1D, index: int, shift: int, last: int, lowest: int) -> int:
    """Best key as shown; what it was when nothing is left."""
    best = book[index * HEAD + BEST]
    return last if best == NO_KEY else max(lowest, best + shift)


@kernel
def _clearing_key(book: Int1D, index: int, lots: int, shift: int, floor: int) -> int:
    """Key, unshifted, of the last level that so many lots need, not below `floor`; NO_KEY where nothing rests."""
    key = book[index * HEAD + BEST]
    found, left = NO_KEY, lots
    while key != NO_KEY and left > 0 and key + shift >= floor:
        found = key
        left -= quantity_at(book, index, key)
        key = next_below(book, index, key)
    return found


@inner_kernel
def _affordable(accounts: Int2D, state: Int1D, at: int, lots: int, key: int, broke: int, adl_rule: int, coin: int) -> int:
    """Lots whose loss below bankruptcy the fund is sure to pay, each rounded alone; all where nobody is deleveraged."""
    gap = least_worth(accounts, at, 1, broke, coin) - worth(1, key, coin)
    if gap <= 0 or adl_rule < 0:
        return lots
    return min(lots, max(0, state[FUND]) // gap)


@kernel
def _sell(
    book: Int1D,
    accounts: Int2D,
    state: Int1D,
    at: int,
    lots: int,
    shift: int,
    floor: int,
    uniform: int,
    plan: Int1D,
    lowest: int,
    forced: bool,
) -> int:
    """Sell a taker's lots level by level, at one key if it is an auction; returns lots sold."""
    index = (1 - plan[SIDE]) >> 1
    sold = 0
    while sold < lots:
        best = book[index * HEAD + BEST]
        if best == NO_KEY or best + shift < floor:
            break
        key = max(lowest, (best if uniform == NO_KEY else uniform) + shift)
        broke = bankruptcy_key(accounts, at, plan[COIN])
        rests = quantity_at(book, index, best)
        wanted = min(lots - sold, rests)
        taken = wanted if forced else _affordable(accounts, state, at, wanted, key, broke, plan[ADL_RULE], plan[COIN])
        if taken == 0:
            break
        put_level(book, index, best, rests - taken)
        close_lots(accounts, state, at, taken, key, broke, MARKET_CASH, plan[FEE_PPM], plan[COIN])
        sold += taken
    return sold


@kernel
def to_backstop(accounts: Int2D, state: Int1D, at: int, lots: int, mark: int, plan: Int1D) -> int:
    """Hand lots to the backstop at a discount to the mark, as far as its capacity and the fund go; returns lots."""
    free = min(lots, plan[BACKSTOP] - state[BACKSTOP_LOTS])
    if free <= 0:
        return 0
    key = mark - abs(mark) * plan[BACKSTOP_DISCOUNT] // _MILLION
    broke = bankruptcy_key(accounts, at, plan[COIN])
    taken = _affordable(accounts, state, at, free, key, broke, plan[ADL_RULE], plan[COIN])
    if taken > 0:
        close_lots(accounts, state, at, taken, key, broke, BACKSTOP_CASH, plan[FEE_PPM], plan[COIN])
    return taken


@kernel
def finish_order(
    accounts: Int2D, state: Int1D, heads: Int1D, at: int, mark: int, plan: Int1D, rates: Float1D, cums: Float1D, scale: float
) -> None:
    """Take a filled order off the queue; what is left of the position is queued again, or listed."""
    after = accounts[NEXT, at]
    state[QUEUE_HEAD] = after
    if after == NO_ACCOUNT:
        state[QUEUE_TAIL] = NO_ACCOUNT
    pay_fee(accounts, state, at)
    lots = accounts[LOTS, at]
    if lots == 0:
        return
    lowest = plan[START] - len(heads) + 1
    key = liquidation_key(accounts, at, rates, cums, scale, plan[SIDE], plan[COIN], plan[START], lowest)
    if key >= mark:
        enqueue(accounts, state, at, order_lots(lots, plan[FRACTION_PPM]))
    else:
        book_account(accounts, state, heads, at, plan[START], key)


@kernel
def _close_order(
    book: Int1D,
    accounts: Int2D,
    state: Int1D,
    ranking: Int1D,
    scores: Float1D,
    row: Int1D,
    at: int,
    lots: int,
    shift: int,
    mark: int,
    floor: int,
    uniform: int,
    plan: Int1D,
    lowest: int,
) -> int:
    """Close lots of an order: to the backstop, to the book while the fund can pay, to winners, to the book at any loss.

    Returns lots closed, fewer than asked where the book ends at `floor`.
    """
    index = (1 - plan[SIDE]) >> 1
    cash = state[MARKET_CASH] + state[BACKSTOP_CASH]
    taken = to_backstop(accounts, state, at, lots, mark, plan)
    sold = _sell(book, accounts, state, at, lots - taken, shift, floor, uniform, plan, lowest, False)
    handed = 0
    best = book[index * HEAD + BEST]
    if taken + sold < lots and best != NO_KEY and best + shift >= floor:
        debt, rest = debt_of(accounts, at, plan[COIN]), lots - taken - sold
        handed = deleverage(accounts, state, ranking, scores, at, rest, mark, plan[ADL_RULE], plan[RERANK], plan[COIN])
        row[P_VALUE] += abs(debt - debt_of(accounts, at, plan[COIN]))
        if handed < rest:
            sold += _sell(book, accounts, state, at, rest - handed, shift, floor, uniform, plan, lowest, True)
    row[P_BACKSTOP] += taken
    row[P_BOOK] += sold
    row[P_ADL] += handed
    row[P_VALUE] += abs(cash - state[MARKET_CASH] - state[BACKSTOP_CASH])
    return taken + sold + handed


@kernel
def liquidate(
    book: Int1D,
    accounts: Int2D,
    state: Int1D,
    heads: Int1D,
    ranking: Int1D,
    scores: Float1D,
    row: Int1D,
    by_tier: Int1D,
    plan: Int1D,
    rates: Float1D,
    cums: Float1D,
    floors: Int1D,
    scale: float,
    shift: int,
    mark: int,
    auction: bool,
) -> None:
    """Work the queue until it, the throttle, the band or the market is at its end."""
    index = (1 - plan[SIDE]) >> 1
    lowest = plan[START] - len(heads) + 1
    left = plan[THROTTLE]
    floor = max(lowest, mark - plan[BAND])
    uniform = NO_KEY
    if auction:
        left = NONE
        uniform = _clearing_key(book, index, state[QUEUED_LOTS], shift, floor)
    while state[QUEUE_HEAD] != NO_ACCOUNT and left > 0:
        at = state[QUEUE_HEAD]
        lots = min(left, accounts[ORDER_LOTS, at])
        tier = tier_of(abs(worth(accounts[LOTS, at], mark, plan[COIN])), floors)
        before = row[P_VALUE]
        done = _close_order(book, accounts, state, ranking, scores, row, at, lots, shift, mark, floor, uniform, plan, lowest)
        by_tier[tier] += row[P_VALUE] - before
        left -= done
        if accounts[ORDER_LOTS, at] == 0:
            finish_order(accounts, state, heads, at, mark_of(book, index, shift, mark, lowest), plan, rates, cums, scale)
        if done < lots:
            return
