"""A batch auction at one price, which ends a time in which orders only rested.

The price is that of the greatest volume, of several the one with the least imbalance, of several the one nearest to the
reference (the mark, else the last trade, else the middle of the crossed quotes), of two equally near the lower. This is the
order of rules of continuous markets' auctions: Deutsche Börse, "Xetra market model: equities", price determination in
auctions, where market pressure stands before the reference. Orders are served by price and time, an iceberg slice by slice.
Both sides pay the maker's fee; trades have no aggressor; self-trades are not prevented. Hidden lots count. A reduce-only order
that finds no position ends.
"""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.codes import (
    FILL,
    R_CODE,
    R_FEE,
    R_LOTS,
    R_OTHER,
    R_PRICE,
    R_VALUE,
    REDUCE_ONLY,
    WOULD_NOT_REDUCE,
)
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    ASKS,
    AUCTION_PRICE,
    BEST,
    BIDS,
    COUNT,
    HEAD,
    HIDDEN,
    KIND,
    LAST_PRICE,
    MARK,
    MARKET,
    MAX_FILLS,
    NEXT,
    NO_KEY,
    PRICE,
    SHOWN,
    VOLUME,
)
from counterpoise.sim.exchange.kernels.levels import level_at, next_above, next_below
from counterpoise.sim.exchange.kernels.matching import MAKER_BIT, drop, give, reducible
from counterpoise.sim.exchange.kernels.money import rate_of, settle, value_of
from counterpoise.sim.exchange.kernels.orders import position_at
from counterpoise.sim.exchange.kernels.outputs import report, tell_trade, touch

__all__ = ["auction_price", "crossed", "match_at_one_price"]


@inner_kernel
def crossed(ex: Int1D, market: int) -> bool:
    """Whether the best bid is at or above the best ask."""
    bid, ask = ex[market + BIDS + BEST], ex[market + ASKS + BEST]
    return bid != NO_KEY and ask != NO_KEY and bid + ask >= 0


@inner_kernel
def _lots_of(ex: Int1D, book: int, key: int) -> int:
    """Lots of a level, hidden ones too."""
    lots, at = 0, ex[level_at(ex, book, key) + HEAD]
    while at:
        lots += ex[at + SHOWN] + ex[at + HIDDEN]
        at = ex[at + NEXT]
    return lots


@inner_kernel
def _demand(ex: Int1D, market: int, price: int) -> int:
    """Lots of all bids at or above a price."""
    book, lots = market + BIDS, 0
    key = ex[book + BEST]
    for level in range(ex[book + COUNT]):
        if level:
            key = next_below(ex, book, key)
        if key < price:
            break
        lots += _lots_of(ex, book, key)
    return lots


@whole_kernel
def auction_price(ex: Int1D, market: int) -> int:
    """Price of the auction; assumes a crossed book. O(levels and orders that cross).

    Demand and supply change only above a bid and at an ask, so prices come in stretches over which both are constant, from the
    best ask up to the best bid; in each the price nearest to the reference stands for all.
    """
    bids, asks = market + BIDS, market + ASKS
    low, high = -ex[asks + BEST], ex[bids + BEST]
    reference = ex[market + MARK] if ex[market + MARK] else ex[market + LAST_PRICE]
    if reference == 0:
        reference = (low + high) // 2
    demand, supply, bid, start = _demand(ex, market, low), 0, next_above(ex, bids, low - 1), low
    asks_left, ask_key, more_asks = ex[asks + COUNT], ex[asks + BEST], True
    best_price, best_volume, best_gap, best_distance = 0, -1, 0, 0
    while start <= high:
        while more_asks and -ask_key <= start:
            supply += _lots_of(ex, asks, ask_key)
            asks_left -= 1
            more_asks = asks_left > 0
            if more_asks:
                ask_key = next_below(ex, asks, ask_key)
        stop = bid
        if more_asks and -ask_key - 1 < stop:
            stop = -ask_key - 1
        price = min(max(reference, start), stop)
        volume, gap, distance = min(demand, supply), abs(demand - supply), abs(price - reference)
        better = volume > best_volume or (volume == best_volume and gap < best_gap)
        if better or (volume == best_volume and gap == best_gap and distance < best_distance):
            best_price, best_volume, best_gap, best_distance = price, volume, gap, distance
        if stop == bid:
            demand -= _lots_of(ex, bids, bid)
            bid = next_above(ex, bids, bid) if bid < high else high
        start = stop + 1
    return best_price


@inner_kernel
def _fill_both(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int, buy: int, sell: int, lots: int) -> None:
    price = ex[market + AUCTION_PRICE]
    value = value_of(ex, market, price, lots)
    ex[market + LAST_PRICE] = price
    ex[market + VOLUME] += lots
    tell_trade(ex, tape, market, ts, 0, price, lots)
    for order, other, side in ((buy, sell, 1), (sell, buy, -1)):
        row = report(ex, reports, ts, order, FILL, 0, ex[order + SHOWN] + ex[order + HIDDEN] - lots)
        account = ex[order + ACCOUNT]
        reports[row, R_CODE] += MAKER_BIT
        reports[row, R_PRICE] = price
        reports[row, R_LOTS] = lots
        reports[row, R_VALUE] = value
        reports[row, R_FEE] = settle(ex, market, account, side * lots, value, rate_of(ex, account, 1))
        reports[row, R_OTHER] = ex[other + ACCOUNT]
    touch(ex, 1, ex[buy + PRICE])
    touch(ex, -1, ex[sell + PRICE])
    give(ex, market, buy, lots)
    give(ex, market, sell, lots)


@inner_kernel
def _most(ex: Int1D, order: int, side: int) -> int:
    """Lots that an order can give now."""
    if ex[order + KIND] & REDUCE_ONLY:
        return min(ex[order + SHOWN], reducible(ex, position_at(ex, ex[order + ACCOUNT], ex[order + MARKET]), side))
    return ex[order + SHOWN]


@whole_kernel
def match_at_one_price(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int) -> bool:
    """Match crossed orders, half of MAX_FILLS steps at most; returns whether the book is no more crossed.

    The price is found anew only when reduce-only orders that ended have left the book crossed.
    """
    bids, asks = market + BIDS, market + ASKS
    for _ in range(max(ex[MAX_FILLS] // 2, 1)):
        price = ex[market + AUCTION_PRICE]
        if price == 0 or ex[bids + BEST] < price or -ex[asks + BEST] > price:
            ex[market + AUCTION_PRICE] = 0
            if not crossed(ex, market):
                return True
            ex[market + AUCTION_PRICE] = auction_price(ex, market)
        buy = ex[level_at(ex, bids, ex[bids + BEST]) + HEAD]
        sell = ex[level_at(ex, asks, ex[asks + BEST]) + HEAD]
        wanted, given = _most(ex, buy, 1), _most(ex, sell, -1)
        if wanted == 0:
            touch(ex, 1, ex[buy + PRICE])
            drop(ex, reports, market, ts, buy, WOULD_NOT_REDUCE)
        elif given == 0:
            touch(ex, -1, ex[sell + PRICE])
            drop(ex, reports, market, ts, sell, WOULD_NOT_REDUCE)
        else:
            _fill_both(ex, tape, reports, market, ts, buy, sell, min(wanted, given))
    if ex[market + AUCTION_PRICE] and (
        ex[bids + BEST] < ex[market + AUCTION_PRICE] or -ex[asks + BEST] > ex[market + AUCTION_PRICE]
    ):
        ex[market + AUCTION_PRICE] = 0
    return ex[market + AUCTION_PRICE] == 0 and not crossed(ex, market)
