"""Steps of a cascade: quotes shift, the book refills, accounts are triggered, their orders eat the book, losses are shared.

The ladder holds the levels at the keys where they would stand without any shift; a level is hit at its key + shift. The shift
is the shock so far plus a transient impact, in whole keys, and is renewed at the beginning of a step.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, next_below, quantity_at, room, set_level
from counterpoise.sim.kernels.liquidation import (
    BACKSTOP_CASH,
    BACKSTOP_LOTS,
    COLLATERAL,
    ENTRY,
    FUND,
    LOTS,
    MARKET_CASH,
    NEXT,
    NO_ACCOUNT,
    QUEUE_HEAD,
    QUEUE_TAIL,
    QUEUED_LOTS,
    TODO,
    bankruptcy_key,
    book_account,
    close_lots,
    deleverage,
    enqueue,
    fill_lists,
    liquidation_key,
    order_lots,
    pay_fee,
    tier_of,
    trigger,
)

__all__ = [
    "ADL_RULE",
    "AUCTION_TICKS",
    "BACKSTOP",
    "BACKSTOP_DISCOUNT",
    "BAND",
    "FACTOR_AFTER",
    "FEE_PPM",
    "FRACTION_PPM",
    "HALT",
    "NONE",
    "PATH_FIELDS",
    "PLAN_SIZE",
    "P_ADL",
    "P_BACKSTOP",
    "P_BOOK",
    "P_FUND",
    "P_HALTED",
    "P_MARK",
    "P_QUEUED",
    "P_TRIGGERED",
    "P_VALUE",
    "RERANK",
    "SHOCK_KEYS",
    "SHOCK_STEPS",
    "SIDE",
    "START",
    "THROTTLE",
    "WINDOW",
    "load_levels",
    "run_steps",
]

NONE: Final = 2**62  # a bound that never binds

# plan[...]
SIDE: Final = 0
START: Final = 1  # best key before the shock
SHOCK_KEYS: Final = 2
SHOCK_STEPS: Final = 3
FEE_PPM: Final = 4
ADL_RULE: Final = 5  # 0 Binance, 1 Bybit, 2 OKX, -1 none: the fund may go below zero
RERANK: Final = 6
THROTTLE: Final = 7  # lots a step
BAND: Final = 8  # keys below the mark at the beginning of a step
AUCTION_TICKS: Final = 9  # fall over the window that halts
WINDOW: Final = 10  # steps
HALT: Final = 11  # steps
FACTOR_AFTER: Final = 12  # fall since the start that scales maintenance
BACKSTOP: Final = 13  # lots
BACKSTOP_DISCOUNT: Final = 14  # ppm of the mark
FRACTION_PPM: Final = 15
PLAN_SIZE: Final = 16

# path[step, field]
P_MARK: Final = 0  # key after the step
P_TRIGGERED: Final = 1  # accounts
P_BOOK: Final = 2  # lots sold to the book
P_BACKSTOP: Final = 3  # lots taken by the backstop
P_ADL: Final = 4  # lots deleveraged
P_QUEUED: Final = 5  # lots waiting after the step
P_FUND: Final = 6
P_HALTED: Final = 7
P_VALUE: Final = 8  # liquidated value
PATH_FIELDS: Final = 9

_MILLION: Final = 1_000_000


@kernel
def load_levels(book: Int1D, index: int, full: Int1D, start: int, done: int) -> int:
    """Put levels in from `done` on, best first; returns how many are in when the hash table is full, or all."""
    while done < len(full) and room(book, index):
        if full[done] > 0:
            _set(book, index, start - done, full[done])
        done += 1
    return done


@kernel
def _set(book: Int1D, index: int, key: int, lots: int) -> None:
    set_level(book, index, key, lots)  # inlined once, not in every caller


@kernel
def _refill(book: Int1D, index: int, full: Int1D, start: int, deepest: int, lots: int) -> int:
    """Bring back so many lots, nearest to the touch first; returns the deepest key that may still be short."""
    key = deepest
    while lots > 0 and key <= start:
        held = quantity_at(book, index, key)
        back = min(lots, full[start - key] - held)
        if back > 0:
            _set(book, index, key, held + back)
            lots -= back
        if lots > 0:
            key += 1
    return key


@inner_kernel
def _mark_of(book: Int1D, index: int, shift: int, last: int, lowest: int) -> int:
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
def _affordable(state: Int1D, lots: int, key: int, broke: int, adl_rule: int) -> int:
    """Lots whose loss below bankruptcy the fund can pay; all where nobody is deleveraged."""
    if key >= broke or adl_rule < 0:
        return lots
    return min(lots, max(0, state[FUND]) // (broke - key))


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
        broke = bankruptcy_key(accounts, at)
        rests = quantity_at(book, index, best)
        wanted = min(lots - sold, rests)
        taken = wanted if forced else _affordable(state, wanted, key, broke, plan[ADL_RULE])
        if taken == 0:
            break
        _set(book, index, best, rests - taken)
        close_lots(accounts, state, at, taken, key, broke, MARKET_CASH, plan[FEE_PPM])
        sold += taken
    return sold


@kernel
def _to_backstop(accounts: Int2D, state: Int1D, at: int, lots: int, mark: int, plan: Int1D) -> int:
    """Hand lots to the backstop at a discount to the mark, as far as its capacity and the fund go; returns lots."""
    free = min(lots, plan[BACKSTOP] - state[BACKSTOP_LOTS])
    if free <= 0:
        return 0
    key = mark - abs(mark) * plan[BACKSTOP_DISCOUNT] // _MILLION
    broke = bankruptcy_key(accounts, at)
    taken = _affordable(state, free, key, broke, plan[ADL_RULE])
    if taken > 0:
        close_lots(accounts, state, at, taken, key, broke, BACKSTOP_CASH, plan[FEE_PPM])
    return taken


@kernel
def _finish(
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
    key = liquidation_key(
        lots, accounts[ENTRY, at], accounts[COLLATERAL, at], rates, cums, scale, plan[SIDE], plan[START], lowest
    )
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
    taken = _to_backstop(accounts, state, at, lots, mark, plan)
    sold = _sell(book, accounts, state, at, lots - taken, shift, floor, uniform, plan, lowest, False)
    handed = 0
    best = book[index * HEAD + BEST]
    if taken + sold < lots and best != NO_KEY and best + shift >= floor:
        broke, rest = bankruptcy_key(accounts, at), lots - taken - sold
        handed = deleverage(accounts, state, ranking, scores, at, rest, mark, plan[ADL_RULE], plan[RERANK])
        row[P_VALUE] += handed * abs(broke)
        if handed < rest:
            sold += _sell(book, accounts, state, at, rest - handed, shift, floor, uniform, plan, lowest, True)
    row[P_BACKSTOP] += taken
    row[P_BOOK] += sold
    row[P_ADL] += handed
    row[P_VALUE] += abs(cash - state[MARKET_CASH] - state[BACKSTOP_CASH])
    return taken + sold + handed


@kernel
def _liquidate(
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
        lots = min(left, accounts[TODO, at])
        tier = tier_of(accounts[LOTS, at] * abs(mark), floors)
        before = row[P_VALUE]
        done = _close_order(book, accounts, state, ranking, scores, row, at, lots, shift, mark, floor, uniform, plan, lowest)
        by_tier[tier] += row[P_VALUE] - before
        left -= done
        if accounts[TODO, at] == 0:
            _finish(accounts, state, heads, at, _mark_of(book, index, shift, mark, lowest), plan, rates, cums, scale)
        if done < lots:
            return


@kernel
def run_steps(
    book: Int1D,
    full: Int1D,
    accounts: Int2D,
    state: Int1D,
    heads: Int1D,
    ranking: Int1D,
    scores: Float1D,
    path: Int2D,
    by_tier: Int2D,
    plan: Int1D,
    rates: Float1D,
    cums: Float1D,
    floors: Int1D,
    shares: Float1D,
    keeps: Float1D,
    keys_per_lot: float,
    refill_keep: float,
    factor: float,
) -> None:
    """Run every step; `path` and `by_tier` take a row of each.

    `shares` and `keeps` are the parts of the impact and what of each is left after a step; `refill_keep` is what of the
    shortage is left after a step, 1.0 for no refill. Assumes lists filled, and a ladder of `full[start − key]` lots at each
    key, with room for all of them.
    """
    book, accounts, heads = borrow(book), borrow(accounts), borrow(heads)
    index = (1 - plan[SIDE]) >> 1
    lowest = plan[START] - len(heads) + 1
    moved = np.zeros(len(shares))
    scale, deepest, missing = 1.0, plan[START] + 1, 0
    halted_until, armed_from = -1, 0
    mark = plan[START]
    for step in range(len(path)):
        row = path[step]
        if step > 0:
            moved *= keeps
        if refill_keep < 1.0:
            back = missing - int(missing * refill_keep)
            deepest = _refill(book, index, full, plan[START], deepest, back)
            missing -= back
        shocked = plan[SHOCK_KEYS] * min(step + 1, plan[SHOCK_STEPS]) // plan[SHOCK_STEPS]
        shift = -shocked - int(np.rint(moved.sum()))
        mark = _mark_of(book, index, shift, mark, lowest)
        auction = step == halted_until
        before = plan[START] if step < plan[WINDOW] else path[step - plan[WINDOW], P_MARK]
        if step >= armed_from and before - mark >= plan[AUCTION_TICKS]:
            halted_until = step + plan[HALT]
            armed_from = halted_until + plan[WINDOW]
        row[P_HALTED] = step < halted_until
        if step >= halted_until:
            if scale == 1.0 and plan[START] - mark >= plan[FACTOR_AFTER]:
                scale = factor
                fill_lists(accounts, state, heads, rates, cums, scale, plan[SIDE], plan[START])
            row[P_TRIGGERED] = trigger(accounts, state, heads, plan[START], mark, plan[FRACTION_PPM])
            _liquidate(
                book,
                accounts,
                state,
                heads,
                ranking,
                scores,
                row,
                by_tier[step],
                plan,
                rates,
                cums,
                floors,
                scale,
                shift,
                mark,
                auction,
            )
            best = book[index * HEAD + BEST]
            deepest = min(deepest, lowest if best == NO_KEY else best)
            missing += row[P_BOOK]
            moved += row[P_BOOK] * keys_per_lot * shares
            mark = _mark_of(book, index, shift, mark, lowest)
        row[P_MARK] = mark
        row[P_QUEUED] = state[QUEUED_LOTS]
        row[P_FUND] = state[FUND]
