"""Accounts by the price that liquidates them, and what closing a position pays to whom.

Prices are *keys*: s × ticks, where s is the side of the positions that a move against them liquidates (+1 longs in a fall, −1
shorts in a rise). A position of that side, a *taker*, gains lots × (key − entry key); one of the other side, a *counterparty*,
gains the negative. A move against takers lowers the key, so one piece of code serves falls and rises.

Takers wait in lists, one for each key that liquidates them, and then in one queue; `NEXT` links either. Money is whole: units
of one tick × one lot of a linear contract, grains of the coin of an inverse one, which gains in `contract.worth` what a linear
one gains in keys. Assumes that no account's lots × key exceeds 2⁶², and what `contract` assumes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.kernels.contract import key_of, share_of, worth

__all__ = [
    "ACCOUNT_FIELDS",
    "ADL_LOTS",
    "ADL_VALUE",
    "ARMED_FROM",
    "BACKSTOP_CASH",
    "BACKSTOP_LOTS",
    "BASIS",
    "COLLATERAL",
    "CURSOR",
    "DEEPEST",
    "ENTRY",
    "FUND",
    "HALTED_UNTIL",
    "INVERSE_FIELDS",
    "LOTS",
    "MARK",
    "MARKET_CASH",
    "MARKET_LOTS",
    "MISSING",
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
    "SCALED",
    "STATE_SIZE",
    "TAKER",
    "TOP_ENTRY",
    "WEIGHTING",
    "bankruptcy_key",
    "book_account",
    "close_for",
    "close_lots",
    "debt_of",
    "enqueue",
    "fill_lists",
    "least_worth",
    "liquidation_key",
    "open_state",
    "order_lots",
    "pay_fee",
    "release",
    "tier_of",
    "trigger",
]

# accounts[field, i]
LOTS: Final = 0  # open, >= 0
TAKER: Final = 1  # 1 taker, 0 counterparty
ENTRY: Final = 2  # key; of an inverse position the whole one at or below its mean
COLLATERAL: Final = 3  # what the position can lose
NEXT: Final = 4
ORDER_LOTS: Final = 5  # lots left of its liquidation order
OWED: Final = 6  # fee not yet paid
ADL_LOTS: Final = 7
ADL_VALUE: Final = 8  # worth of them where they were handed over
WEIGHTING: Final = 9  # leverage × 1000 that the holder chose
ACCOUNT_FIELDS: Final = 10
BASIS: Final = 10  # of an inverse position alone: its worth at entry, exactly what it cost
INVERSE_FIELDS: Final = 11

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
MARK: Final = 13  # key as shown
SCALED: Final = 14  # 1 once maintenance is multiplied
DEEPEST: Final = 15  # no level below this key is short
MISSING: Final = 16  # lots that the book is short of
HALTED_UNTIL: Final = 17  # step
ARMED_FROM: Final = 18  # step from which the next halt can come
STATE_SIZE: Final = 19

NO_ACCOUNT: Final = -1
NO_ENTRY: Final = -(2**62)
_MILLION: Final = 1_000_000


@kernel
def open_state(state: Int1D, fund: int, start: int) -> None:
    """A market before its first step: empty queue, no ranking, the mark at the start."""
    state[:] = 0
    state[FUND] = fund
    state[QUEUE_HEAD] = NO_ACCOUNT
    state[QUEUE_TAIL] = NO_ACCOUNT
    state[RANK_KEY] = NO_ENTRY
    state[TOP_ENTRY] = -NO_ENTRY
    state[MARK] = start
    state[DEEPEST] = start + 1
    state[HALTED_UNTIL] = -1


@inner_kernel
def debt_of(accounts: Int2D, at: int, coin: int) -> int:
    """Worth of a taker's lots at which its equity is zero."""
    basis = accounts[BASIS, at] if coin else accounts[LOTS, at] * accounts[ENTRY, at]
    return basis - accounts[COLLATERAL, at]


@inner_kernel
def liquidation_key(
    accounts: Int2D, at: int, rates: Float1D, cums: Float1D, scale: float, side: int, coin: int, highest: int, lowest: int
) -> int:
    """Greatest key at which equity is at most maintenance, within [lowest − 1, highest].

        worth of a lot = max over tiers of (q E − C − cum) / (q (1 − s rate)),    of an inverse one with 1 + s rate

    The requirement is the greatest of its tiers' lines. A lot of s > 0 is worth something if linear, owed if inverse.
    """
    best = -np.inf
    lots, owed = accounts[LOTS, at], float(debt_of(accounts, at, coin))
    turn = -side if coin else side
    for tier in range(len(rates)):
        best = max(best, (owed - scale * cums[tier]) / (lots * (1.0 - turn * scale * rates[tier])))
    key = key_of(best, side, coin)
    if key >= highest:
        return highest
    return lowest - 1 if key < lowest else int(np.floor(key))


@inner_kernel
def bankruptcy_key(accounts: Int2D, at: int, coin: int) -> int:
    """Least whole key at which a taker's collateral covers the closing of all its lots; NO_ENTRY where every key does."""
    lots = accounts[LOTS, at]
    if coin == 0:
        return accounts[ENTRY, at] - accounts[COLLATERAL, at] // lots
    debt = debt_of(accounts, at, coin)
    if debt <= 0 and accounts[ENTRY, at] < 0:  # a short that holds the coins it owes
        return NO_ENTRY
    return -(lots * coin // debt)


@inner_kernel
def least_worth(accounts: Int2D, at: int, lots: int, broke: int, coin: int) -> int:
    """What closing so many lots has to bring a taker: their worth at its price of bankruptcy.

    That price is the whole key `broke` of a linear contract, and exact of an inverse one, the part of a grain rounded up.
    """
    return -share_of(-debt_of(accounts, at, coin), lots, accounts[LOTS, at]) if coin else lots * broke


@inner_kernel
def release(accounts: Int2D, at: int, lots: int, coin: int) -> int:
    """Cost of so many lots, taken out of the position's; what rounding leaves stays with the rest."""
    if coin == 0:
        return lots * accounts[ENTRY, at]
    part = share_of(accounts[BASIS, at], lots, accounts[LOTS, at])
    accounts[BASIS, at] -= part
    return part


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
    accounts: Int2D, state: Int1D, heads: Int1D, rates: Float1D, cums: Float1D, scale: float, side: int, coin: int, start: int
) -> None:
    """List every open taker that is not in the queue; accounts of one key stand in their own order."""
    heads[:] = NO_ACCOUNT
    lowest = start - len(heads) + 1
    for at in range(accounts.shape[1] - 1, -1, -1):
        if accounts[TAKER, at] and accounts[LOTS, at] and not accounts[ORDER_LOTS, at]:
            key = liquidation_key(accounts, at, rates, cums, scale, side, coin, start, lowest)
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
def close_lots(
    accounts: Int2D, state: Int1D, at: int, lots: int, key: int, broke: int, cash: int, fee_ppm: int, coin: int
) -> None:
    """Close lots of a taker's queued order at a key; the fund pays what lies below its price of bankruptcy, see `least_worth`.

    `cash` is the state's slot of who buys; its lots are in the next slot.
    """
    close_for(accounts, state, at, lots, worth(lots, key, coin), broke, cash, fee_ppm, coin)


@inner_kernel
def close_for(
    accounts: Int2D, state: Int1D, at: int, lots: int, got: int, broke: int, cash: int, fee_ppm: int, coin: int
) -> None:
    """As `close_lots`, for the worth that several prices brought together."""
    paid = max(got, least_worth(accounts, at, lots, broke, coin))
    accounts[COLLATERAL, at] += paid - release(accounts, at, lots, coin)
    accounts[LOTS, at] -= lots
    accounts[ORDER_LOTS, at] -= lots
    value = abs(got)
    accounts[OWED, at] += value // _MILLION * fee_ppm + value % _MILLION * fee_ppm // _MILLION
    state[QUEUED_LOTS] -= lots
    state[FUND] -= paid - got
    state[cash] -= got
    state[cash + 1] += lots


@inner_kernel
def pay_fee(accounts: Int2D, state: Int1D, at: int) -> None:
    """What is owed goes to the fund, as far as the collateral reaches."""
    paid = max(0, min(accounts[OWED, at], accounts[COLLATERAL, at]))
    accounts[COLLATERAL, at] -= paid
    accounts[OWED, at] = 0
    state[FUND] += paid
