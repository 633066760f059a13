"""Accounts by the price that liquidates them, what closing a position pays to whom, and who is deleveraged.

Prices are *keys*: s × ticks, where s is the side of the positions that a move against them liquidates (+1 longs in a fall, −1
shorts in a rise). A position of that side, a *taker*, gains lots × (key − entry key); one of the other side, a *counterparty*,
gains the negative. A move against takers lowers the key, so one piece of code serves falls and rises.

Takers wait in lists, one for each key that liquidates them, and then in one queue; `NEXT` links either. Money is in units of
one tick × one lot, exact. Assumes that no account's lots × key exceeds 2⁶².
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = [
    "ACCOUNT_FIELDS",
    "ADL_LOTS",
    "ADL_VALUE",
    "BACKSTOP_CASH",
    "BACKSTOP_LOTS",
    "COLLATERAL",
    "CURSOR",
    "ENTRY",
    "FUND",
    "LOTS",
    "MARKET_CASH",
    "MARKET_LOTS",
    "NEXT",
    "NO_ACCOUNT",
    "NO_ENTRY",
    "ORDER_LOTS",
    "OWED",
    "QUEUED_LOTS",
    "QUEUE_HEAD",
    "QUEUE_TAIL",
    "RANKED",
    "RANK_AT",
    "RANK_KEY",
    "STATE_SIZE",
    "TAKER",
    "TOP_ENTRY",
    "WEIGHTING",
    "bankruptcy_key",
    "book_account",
    "close_lots",
    "deleverage",
    "enqueue",
    "fill_lists",
    "liquidation_key",
    "order_lots",
    "pay_fee",
    "rank_counterparties",
    "tier_of",
    "trigger",
]

# accounts[field, i]
LOTS: Final = 0  # open, >= 0
TAKER: Final = 1  # 1 taker, 0 counterparty
ENTRY: Final = 2  # key
COLLATERAL: Final = 3  # what the position can lose
NEXT: Final = 4
ORDER_LOTS: Final = 5  # lots left of its liquidation order
OWED: Final = 6  # fee not yet paid
ADL_LOTS: Final = 7
ADL_VALUE: Final = 8  # lots × key
WEIGHTING: Final = 9  # leverage × 1000 that the holder chose
ACCOUNT_FIELDS: Final = 10

# state[...]
FUND: Final = 0
MARKET_CASH: Final = 1
MARKET_LOTS: Final = 2
BACKSTOP_CASH: Final = 3
BACKSTOP_LOTS: Final = 4
QUEUE_HEAD: Final = 5
QUEUE_TAIL: Final = 6
QUEUED_LOTS: Final = 7
CURSOR: Final = 8  # next list to look at, counted downwards from the start key
RANKED: Final = 9  # counterparties in the ranking
RANK_AT: Final = 10  # next of them
RANK_KEY: Final = 11  # mark at which it was made
TOP_ENTRY: Final = 12  # no open counterparty has a greater key of entry
STATE_SIZE: Final = 13

NO_ACCOUNT: Final = -1
NO_ENTRY: Final = -(2**62)
_MILLION: Final = 1_000_000
_BINS: Final = 1024
_RANK_MANY: Final = 8192  # at least so many, and a sixteenth of all, are ranked at once, if there are
_BYBIT: Final = 1
_OKX: Final = 2


@inner_kernel
def liquidation_key(
    lots: int, entry: int, collateral: int, rates: Float1D, cums: Float1D, scale: float, side: int, highest: int, lowest: int
) -> int:
    """Greatest key at which equity is at most maintenance, within [lowest − 1, highest].

    K = max over tiers of (q E − C − cum) / (q (1 − s rate)): the requirement is the greatest of its tiers' lines.
    """
    best = -np.inf
    owed = float(lots * entry - collateral)
    for tier in range(len(rates)):
        best = max(best, (owed - scale * cums[tier]) / (lots * (1.0 - side * scale * rates[tier])))
    if best >= highest:
        return highest
    return lowest - 1 if best < lowest else int(np.floor(best))


@inner_kernel
def bankruptcy_key(accounts: Int2D, at: int) -> int:
    """Least key at which a taker's collateral covers the closing of all its lots."""
    lots = accounts[LOTS, at]
    return accounts[ENTRY, at] - accounts[COLLATERAL, at] // lots


@inner_kernel
def tier_of(value: int, floors: Int1D) -> int:
    """Tier of a position value; assumes floors that rise from 0."""
    tier = len(floors) - 1
    while tier > 0 and value < floors[tier]:
        tier -= 1
    return tier


@inner_kernel
def enqueue(accounts: Int2D, state: Int1D, at: int, lots: int) -> None:
    """Put an account at the end of the queue with an order of so many lots."""
    accounts[NEXT, at] = NO_ACCOUNT
    accounts[ORDER_LOTS, at] = lots
    state[QUEUED_LOTS] += lots
    if state[QUEUE_HEAD] == NO_ACCOUNT:
        state[QUEUE_HEAD] = at
    else:
        accounts[NEXT, state[QUEUE_TAIL]] = at
    state[QUEUE_TAIL] = at


@inner_kernel
def book_account(accounts: Int2D, state: Int1D, heads: Int1D, at: int, start: int, key: int) -> None:
    """Put a taker first into the list of its key; the cursor goes back to it if it has passed."""
    slot = start - key
    if slot < len(heads):
        accounts[NEXT, at] = heads[slot]
        heads[slot] = at
        state[CURSOR] = min(state[CURSOR], slot)


@kernel
def fill_lists(
    accounts: Int2D, state: Int1D, heads: Int1D, rates: Float1D, cums: Float1D, scale: float, side: int, start: int
) -> None:
    """List every open taker that is not in the queue; accounts of one key stand in their own order."""
    heads[:] = NO_ACCOUNT
    lowest = start - len(heads) + 1
    for at in range(accounts.shape[1] - 1, -1, -1):
        if accounts[TAKER, at] and accounts[LOTS, at] and not accounts[ORDER_LOTS, at]:
            key = liquidation_key(
                accounts[LOTS, at],
                accounts[ENTRY, at],
                accounts[COLLATERAL, at],
                rates,
                cums,
                scale,
                side,
                start,
                lowest,
            )
            book_account(accounts, state, heads, at, start, key)
    state[CURSOR] = 0


@kernel
def trigger(accounts: Int2D, state: Int1D, heads: Int1D, start: int, mark: int, fraction_ppm: int) -> int:
    """Queue every listed account whose key the mark has reached; returns how many."""
    found = 0
    end = min(start - mark, len(heads) - 1)
    while state[CURSOR] <= end:
        slot = state[CURSOR]
        at = heads[slot]
        heads[slot] = NO_ACCOUNT
        while at != NO_ACCOUNT:
            after = accounts[NEXT, at]
            enqueue(accounts, state, at, order_lots(accounts[LOTS, at], fraction_ppm))
            found += 1
            at = after
        state[CURSOR] = slot + 1
    return found


@inner_kernel
def order_lots(lots: int, fraction_ppm: int) -> int:
    """Lots of a liquidation order: a share of the position, one lot at least."""
    return max(1, lots // _MILLION * fraction_ppm + lots % _MILLION * fraction_ppm // _MILLION)


@inner_kernel
def close_lots(accounts: Int2D, state: Int1D, at: int, lots: int, key: int, broke: int, cash: int, fee_ppm: int) -> None:
    """Close lots of a taker's queued order at a key; the fund pays what lies below the key of bankruptcy `broke`.

    `cash` is the state's slot of who buys; its lots are in the next slot.
    """
    paid = max(key, broke)
    accounts[COLLATERAL, at] += lots * (paid - accounts[ENTRY, at])
    accounts[LOTS, at] -= lots
    accounts[ORDER_LOTS, at] -= lots
    value = lots * abs(key)
    accounts[OWED, at] += value // _MILLION * fee_ppm + value % _MILLION * fee_ppm // _MILLION
    state[QUEUED_LOTS] -= lots
    state[FUND] -= lots * (paid - key)
    state[cash] -= lots * key
    state[cash + 1] += lots


@inner_kernel
def pay_fee(accounts: Int2D, state: Int1D, at: int) -> None:
    """What is owed goes to the fund, as far as the collateral reaches."""
    paid = max(0, min(accounts[OWED, at], accounts[COLLATERAL, at]))
    accounts[COLLATERAL, at] -= paid
    accounts[OWED, at] = 0
    state[FUND] += paid


@inner_kernel
def _score(accounts: Int2D, at: int, mark: int, rule: int) -> float:
    """Rank of a counterparty in profit; 0 of one that is not."""
    entry = accounts[ENTRY, at]
    if entry <= mark:
        return 0.0
    gain = float(accounts[LOTS, at]) * (entry - mark)
    equity = accounts[COLLATERAL, at] + gain
    change = (entry - mark) / abs(entry)
    if rule == _BYBIT:
        return change * accounts[WEIGHTING, at]
    if equity <= 0:
        return 0.0
    value = float(accounts[LOTS, at]) * abs(mark)
    if rule == _OKX:
        return gain * value / (equity * equity)
    return change * value / equity


@kernel
def rank_counterparties(
    accounts: Int2D, state: Int1D, ranking: Int1D, scores: Float1D, mark: int, least_entry: int, rule: int
) -> int:
    """Write the first counterparties in profit by score, ties in their own order; returns how many.

    Only the bins of score that hold the first m are sorted. O(n + m log m).
    """
    greatest, top = 0.0, NO_ENTRY
    for at in range(accounts.shape[1]):
        scores[at] = 0.0
        if accounts[LOTS, at] and not accounts[TAKER, at]:
            top = max(top, accounts[ENTRY, at])
            if accounts[ENTRY, at] >= least_entry:
                scores[at] = _score(accounts, at, mark, rule)
                greatest = max(greatest, scores[at])
    state[TOP_ENTRY] = top
    state[RANK_KEY] = mark
    state[RANK_AT] = 0
    state[RANKED] = 0
    if greatest == 0.0:
        return 0
    least = _least_bin(scores, greatest)
    count = 0
    for at in range(len(scores)):
        if scores[at] > 0.0 and _bin(scores[at], greatest) >= least:
            ranking[count] = at
            count += 1
    chosen = ranking[:count].copy()
    order = np.argsort(-scores[chosen], kind="mergesort")
    for i in range(count):
        ranking[i] = chosen[order[i]]
    state[RANKED] = count
    return count


@inner_kernel
def _bin(score: float, greatest: float) -> int:
    return min(_BINS - 1, int(score / greatest * _BINS))


@kernel
def _least_bin(scores: Float1D, greatest: float) -> int:
    held = np.zeros(_BINS, np.int64)
    for at in range(len(scores)):
        if scores[at] > 0.0:
            held[_bin(scores[at], greatest)] += 1
    total, least = 0, _BINS
    while least > 0 and total < max(_RANK_MANY, len(scores) >> 4):
        least -= 1
        total += held[least]
    return least


@kernel
def deleverage(
    accounts: Int2D, state: Int1D, ranking: Int1D, scores: Float1D, at: int, lots: int, mark: int, rule: int, rerank: int
) -> int:
    """Close lots of a taker's order against counterparties by rank, at its key of bankruptcy; returns lots closed.

    Only who is in profit is ranked, and who would lose by it is passed over. The ranking is made again when the mark has moved
    by `rerank` keys, and, of those who do not lose by it, when it is used up.
    """
    broke = bankruptcy_key(accounts, at)
    if abs(mark - state[RANK_KEY]) >= rerank:
        if state[TOP_ENTRY] > mark:
            rank_counterparties(accounts, state, ranking, scores, mark, NO_ENTRY, rule)
        else:
            state[RANKED] = 0
            state[RANK_KEY] = mark
    done = 0
    while done < lots:
        if state[RANK_AT] >= state[RANKED]:
            if state[TOP_ENTRY] <= mark or state[TOP_ENTRY] < broke:
                break
            if rank_counterparties(accounts, state, ranking, scores, mark, broke, rule) == 0:
                break
        victim = ranking[state[RANK_AT]]
        taken = min(lots - done, accounts[LOTS, victim])
        if taken == 0 or accounts[ENTRY, victim] < broke:
            state[RANK_AT] += 1
        else:
            _hand_over(accounts, state, at, victim, taken, broke)
            done += taken
    return done


@inner_kernel
def _hand_over(accounts: Int2D, state: Int1D, at: int, victim: int, lots: int, key: int) -> None:
    accounts[COLLATERAL, victim] += lots * (accounts[ENTRY, victim] - key)
    accounts[LOTS, victim] -= lots
    accounts[ADL_LOTS, victim] += lots
    accounts[ADL_VALUE, victim] += lots * key
    accounts[COLLATERAL, at] += lots * (key - accounts[ENTRY, at])
    accounts[LOTS, at] -= lots
    accounts[ORDER_LOTS, at] -= lots
    state[QUEUED_LOTS] -= lots
