"""Orders as places of one pool: taken from a free list, linked into their account's list, and known by a number.

A number is serial × 2^bits + place, so it is found at once, and an order that is gone is not mistaken for the next in its
place. Place 0 holds none: orders that cannot rest are numbered with it.
"""

from __future__ import annotations

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    ACCOUNT_SIZE,
    ACCOUNTS,
    FIRST_MONEY,
    FREE,
    LIVE,
    MARKET_COUNT,
    MARKET_SIZE,
    MARKETS,
    MONEY_SIZE,
    NEXT,
    NUMBER,
    OPEN_ORDERS,
    ORDER_BITS,
    ORDER_SIZE,
    ORDERS,
    OWN,
    OWN_NEXT,
    OWN_PREV,
    POSITION_SIZE,
    POSITIONS,
    SERIAL,
)

__all__ = [
    "account_at",
    "allot",
    "disown",
    "find_order",
    "market_at",
    "money_at",
    "next_number",
    "own",
    "position_at",
    "release",
]


@inner_kernel
def market_at(ex: Int1D, market: int) -> int:
    """Address of a market."""
    return ex[MARKETS] + market * MARKET_SIZE


@inner_kernel
def account_at(ex: Int1D, account: int) -> int:
    """Address of an account."""
    return ex[ACCOUNTS] + account * ex[ACCOUNT_SIZE]


@inner_kernel
def money_at(ex: Int1D, account: int, currency: int) -> int:
    """Address of an account's money in a currency."""
    return account_at(ex, account) + FIRST_MONEY + currency * MONEY_SIZE


@inner_kernel
def position_at(ex: Int1D, account: int, market: int) -> int:
    """Address of an account's position in the market of a number."""
    return ex[POSITIONS] + (account * ex[MARKET_COUNT] + market) * POSITION_SIZE


@inner_kernel
def next_number(ex: Int1D, order: int) -> int:
    """Number of a new order in a place; address 0 for one that cannot rest."""
    ex[SERIAL] += 1
    place = (order - ex[ORDERS]) // ORDER_SIZE if order else 0
    return (ex[SERIAL] << ex[ORDER_BITS]) + place


@inner_kernel
def find_order(ex: Int1D, number: int) -> int:
    """Address of a live order, 0 when there is none of the number."""
    order = ex[ORDERS] + (number & ((1 << ex[ORDER_BITS]) - 1)) * ORDER_SIZE
    return order if number > 0 and ex[order + NUMBER] == number else 0


@inner_kernel
def allot(ex: Int1D) -> int:
    """Address of a free place, taken; 0 when there is none."""
    order = ex[FREE]
    if order:
        ex[FREE] = ex[order + NEXT]
        ex[LIVE] += 1
    return order


@inner_kernel
def release(ex: Int1D, order: int) -> None:
    """Give a place back."""
    ex[order + NUMBER] = 0
    ex[order + NEXT] = ex[FREE]
    ex[FREE] = order
    ex[LIVE] -= 1


@inner_kernel
def own(ex: Int1D, position: int, order: int) -> None:
    """Put an order first into its account's list."""
    first = ex[position + OWN]
    ex[order + OWN_PREV] = 0
    ex[order + OWN_NEXT] = first
    ex[position + OWN] = order
    if first:
        ex[first + OWN_PREV] = order
    ex[account_at(ex, ex[order + ACCOUNT]) + OPEN_ORDERS] += 1


@inner_kernel
def disown(ex: Int1D, position: int, order: int) -> None:
    """Take an order out of its account's list."""
    ahead, behind = ex[order + OWN_PREV], ex[order + OWN_NEXT]
    if ahead:
        ex[ahead + OWN_NEXT] = behind
    else:
        ex[position + OWN] = behind
    if behind:
        ex[behind + OWN_PREV] = ahead
    ex[account_at(ex, ex[order + ACCOUNT]) + OPEN_ORDERS] -= 1
