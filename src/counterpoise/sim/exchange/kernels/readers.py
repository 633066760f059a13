"""What a kernel that trades may read of an exchange: best prices, depth, queues, cash, positions. They change nothing."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.exchange.kernels.layout import (
    BASE,
    BASE_GRAINS,
    BEST,
    BIDS,
    BUYING,
    CASH,
    COST,
    COUNT,
    HIDDEN,
    LAST_PRICE,
    LEVEL_LOTS,
    LOW,
    MARK,
    MASK,
    NO_KEY,
    PAYOFF,
    POSITION_LOTS,
    PREV,
    PRICE,
    SELLING,
    SHOWN,
    SIDE,
    SPOT,
)
from counterpoise.sim.exchange.kernels.layout import MARKET as OF_MARKET
from counterpoise.sim.exchange.kernels.levels import level_at, next_below, side_of
from counterpoise.sim.exchange.kernels.money import signed_value
from counterpoise.sim.exchange.kernels.orders import find_order, market_at, money_at, position_at

__all__ = [
    "best_lots",
    "best_price",
    "cash_of",
    "depth_of",
    "last_price",
    "lots_at_price",
    "lots_left",
    "mark_price",
    "mid_times_two",
    "open_lots_of",
    "position_lots",
    "profit_of",
    "queue_ahead",
]


@inner_kernel
def best_price(ex: Int1D, market: int, side: int) -> int:
    """Best bid (+1) or ask (−1) of a market [ticks], 0 when the side is empty."""
    key = ex[side_of(market_at(ex, market), side) + BEST]
    return 0 if key == NO_KEY else side * key


@inner_kernel
def best_lots(ex: Int1D, market: int, side: int) -> int:
    """Lots shown at the best price of a side, 0 when it is empty."""
    book = side_of(market_at(ex, market), side)
    key = ex[book + BEST]
    return 0 if key == NO_KEY else ex[level_at(ex, book, key) + LEVEL_LOTS]


@inner_kernel
def mid_times_two(ex: Int1D, market: int) -> int:
    """Best bid + best ask [ticks], 0 when a side is empty."""
    bid, ask = best_price(ex, market, 1), best_price(ex, market, -1)
    return bid + ask if bid and ask else 0


@inner_kernel
def last_price(ex: Int1D, market: int) -> int:
    """Price of the last trade [ticks], 0 before the first."""
    return ex[market_at(ex, market) + LAST_PRICE]


@inner_kernel
def mark_price(ex: Int1D, market: int) -> int:
    """Mark [ticks], 0 when there is none yet."""
    return ex[market_at(ex, market) + MARK]


@inner_kernel
def lots_at_price(ex: Int1D, market: int, side: int, price: int) -> int:
    """Lots shown at a price of a side; 0 also beyond the reach of the ring."""
    at = market_at(ex, market)
    book, offset = side_of(at, side), price - ex[at + LOW]
    if offset < 0 or offset > ex[at + BIDS + MASK]:
        return 0
    return ex[level_at(ex, book, side * price) + LEVEL_LOTS]


@kernel
def depth_of(ex: Int1D, market: int, side: int, prices: Int1D, lots: Int1D) -> int:
    """Write the best levels of a side into two columns of one length; returns how many there are, the rest is set to 0."""
    book = side_of(market_at(ex, market), side)
    found, key = min(len(prices), ex[book + COUNT]), ex[book + BEST]
    for i in range(len(prices)):
        prices[i], lots[i] = 0, 0
        if i < found:
            if i:
                key = next_below(ex, book, key)
            prices[i], lots[i] = side * key, ex[level_at(ex, book, key) + LEVEL_LOTS]
    return found


@inner_kernel
def lots_left(ex: Int1D, number: int) -> int:
    """Lots left of an order, hidden ones too; 0 when it does not live."""
    order = find_order(ex, number)
    return ex[order + SHOWN] + ex[order + HIDDEN] if order else 0


@kernel
def queue_ahead(ex: Int1D, number: int) -> int:
    """Lots shown ahead of an order at its price, −1 when it does not rest; O(orders ahead)."""
    order = find_order(ex, number)
    if order == 0 or lots_at_price(ex, ex[order + OF_MARKET], ex[order + SIDE], ex[order + PRICE]) == 0:
        return -1
    lots, at = 0, ex[order + PREV]
    while at:
        lots += ex[at + SHOWN]
        at = ex[at + PREV]
    return lots


@inner_kernel
def position_lots(ex: Int1D, market: int, account: int) -> int:
    """Signed lots of an account in a market; in a spot market whole lots of its base coins."""
    at = market_at(ex, market)
    if ex[at + PAYOFF] == SPOT:
        return ex[money_at(ex, account, ex[at + BASE]) + CASH] // ex[at + BASE_GRAINS]
    return ex[position_at(ex, account, market) + POSITION_LOTS]


@inner_kernel
def open_lots_of(ex: Int1D, market: int, account: int, side: int) -> int:
    """Lots of an account's resting orders of a side."""
    return ex[position_at(ex, account, market) + (BUYING if side > 0 else SELLING)]


@inner_kernel
def cash_of(ex: Int1D, account: int, currency: int) -> int:
    """Cash of an account in a currency [grains]; of open positions nothing is in it."""
    return ex[money_at(ex, account, currency) + CASH]


@inner_kernel
def profit_of(ex: Int1D, market: int, account: int, price: int) -> int:
    """Unrealised profit of an account's position at a price [grains of the settle currency]; 0 in a spot market."""
    at, position = market_at(ex, market), position_at(ex, account, market)
    return signed_value(ex, at, price, ex[position + POSITION_LOTS]) - ex[position + COST] if price > 0 else 0
