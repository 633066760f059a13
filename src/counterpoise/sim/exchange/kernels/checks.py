"""Why an order is not taken: its own terms, or what it meets when it enters the book; the first reason found counts."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.codes import (
    AUCTION,
    BELOW_MIN_NOTIONAL,
    BY_MARK,
    CANCEL_OLDEST,
    CANNOT_FILL,
    FILL_OR_KILL,
    HALTED_MARKET,
    IMMEDIATE,
    INSUFFICIENT_FUNDS,
    MARKET,
    NO_LIQUIDITY,
    NOT_SUPPORTED,
    OFF_GRID,
    OPEN,
    OUT_OF_REACH,
    POSITION_LIMIT,
    POST_ONLY,
    PRICE_BAND,
    REDUCE_ONLY,
    SELF_TRADE_ALLOWED,
    SIZE_LIMIT,
    STOP,
    TAKE_PROFIT,
    WOULD_NOT_REDUCE,
    WOULD_TAKE,
)
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    BAND_HIGH,
    BAND_LOW,
    BEST,
    BUYING,
    CASH,
    COUNT,
    DISPLAY,
    HEAD,
    HELD,
    HIDDEN,
    KIND,
    LOT_STEP,
    MAX_FILLS,
    MAX_LOTS,
    MAX_POSITION,
    MAX_PRICE,
    MIN_LOTS,
    MIN_VALUE,
    NEXT,
    NO_KEY,
    PAYOFF,
    POSITION_LOTS,
    PRICE,
    SELF_TRADE,
    SELLING,
    SHOWN,
    SIDE,
    SPOT,
    STATUS,
    TICK_STEP,
    TRIGGER,
)
from counterpoise.sim.exchange.kernels.levels import level_at, next_below, reach, side_of
from counterpoise.sim.exchange.kernels.matching import reducible
from counterpoise.sim.exchange.kernels.money import hold_of, spot_money, value_of

__all__ = ["limit_key", "refusal_of_entry", "refusal_of_terms", "rests"]

_ALL: Final = MARKET | IMMEDIATE | FILL_OR_KILL | POST_ONLY | REDUCE_ONLY | STOP | TAKE_PROFIT | BY_MARK
_AT_ONCE: Final = MARKET | IMMEDIATE | FILL_OR_KILL


@inner_kernel
def rests(kind: int) -> bool:
    """Whether an order of a kind may rest in the book."""
    return kind & _AT_ONCE == 0


@inner_kernel
def limit_key(ex: Int1D, market: int, order: int) -> int:
    """Least key of the opposite side that an order may take: its price, of a market order the band."""
    side, price = ex[order + SIDE], ex[order + PRICE]
    if ex[order + KIND] & MARKET:
        price = ex[market + BAND_HIGH] if side > 0 else ex[market + BAND_LOW]
    return -side * price


@inner_kernel
def _contradicts(kind: int, display: int, spot: bool) -> bool:
    """Bits that are none, two lives at once, an iceberg that cannot rest, a trigger's reference without a trigger."""
    if kind == 0 and display == 0:
        return False
    at_once, wait = kind & _AT_ONCE, kind & (STOP | TAKE_PROFIT)
    if kind & ~_ALL or at_once == IMMEDIATE | FILL_OR_KILL or at_once == _AT_ONCE or wait == STOP | TAKE_PROFIT:
        return True
    if (at_once and (kind & POST_ONLY or display)) or (kind & BY_MARK and wait == 0):
        return True
    return spot and kind & REDUCE_ONLY != 0


@inner_kernel
def _off_grid(ex: Int1D, market: int, order: int) -> bool:
    side, kind, price, lots = ex[order + SIDE], ex[order + KIND], ex[order + PRICE], ex[order + SHOWN]
    trigger, display, tick, lot = ex[order + TRIGGER], ex[order + DISPLAY], ex[market + TICK_STEP], ex[market + LOT_STEP]
    if side * side != 1 or lots <= 0 or (price > 0) == (kind & MARKET != 0) or price < 0 or price > ex[market + MAX_PRICE]:
        return True
    if display < 0 or trigger < 0 or (trigger > 0) != (kind & (STOP | TAKE_PROFIT) != 0) or trigger > ex[market + MAX_PRICE]:
        return True
    return (tick > 1 and (price % tick or trigger % tick) != 0) or (lot > 1 and (lots % lot or display % lot) != 0)


@whole_kernel
def refusal_of_terms(ex: Int1D, market: int, order: int) -> int:
    """Reason that lies in an order's own terms and the state of the market, or 0; its lots stand in SHOWN."""
    kind, lots, status = ex[order + KIND], ex[order + SHOWN], ex[market + STATUS]
    if _contradicts(kind, ex[order + DISPLAY], ex[market + PAYOFF] == SPOT):
        return NOT_SUPPORTED
    if _off_grid(ex, market, order):
        return OFF_GRID
    if lots < ex[market + MIN_LOTS] or lots > ex[market + MAX_LOTS]:
        return SIZE_LIMIT
    if status != OPEN and (status != AUCTION or kind & (_AT_ONCE | POST_ONLY)):
        return HALTED_MARKET
    return 0


@whole_kernel
def refusal_of_entry(ex: Int1D, market: int, position: int, order: int) -> int:
    """Reason that lies in what an order meets when it enters the book, or 0."""
    side, kind, price, lots = ex[order + SIDE], ex[order + KIND], ex[order + PRICE], ex[order + SHOWN]
    opposite = ex[side_of(market, -side) + BEST]
    if kind & MARKET:
        if opposite == NO_KEY:
            return NO_LIQUIDITY
        price = -side * opposite
    elif side * price > side * ex[market + (BAND_HIGH if side > 0 else BAND_LOW)]:
        return PRICE_BAND
    if kind & _AT_ONCE == 0 and not reach(ex, market, price):
        return OUT_OF_REACH
    if kind & POST_ONLY and opposite >= -side * price:
        return WOULD_TAKE
    if kind & REDUCE_ONLY:
        most = reducible(ex, position, side)
        if most == 0 or (kind & FILL_OR_KILL and most < lots):
            return WOULD_NOT_REDUCE
    else:
        coming = ex[position + (BUYING if side > 0 else SELLING)]
        if side * ex[position + POSITION_LOTS] + coming + lots > ex[market + MAX_POSITION]:
            return POSITION_LIMIT
        if ex[market + MIN_VALUE] and value_of(ex, market, price, lots) < ex[market + MIN_VALUE]:
            return BELOW_MIN_NOTIONAL
    if kind & FILL_OR_KILL and not _fillable(ex, market, order, limit_key(ex, market, order), lots):
        return CANNOT_FILL
    if ex[market + PAYOFF] == SPOT and not _paid_for(ex, market, order, lots):
        return INSUFFICIENT_FUNDS
    return 0


@whole_kernel
def _paid_for(ex: Int1D, market: int, order: int, lots: int) -> bool:
    """Whether free money covers a spot order, whatever it is filled at; a market purchase is priced level by level."""
    side, price = ex[order + SIDE], ex[order + PRICE]
    money = spot_money(ex, market, ex[order + ACCOUNT], side)
    free = ex[money + CASH] - ex[money + HELD]
    if side < 0 or price:
        return lots * hold_of(ex, market, side, price) <= free
    book, limit = side_of(market, -1), limit_key(ex, market, order)
    key = ex[book + BEST]
    for level in range(ex[book + COUNT]):
        if level:
            key = next_below(ex, book, key)
        if key < limit:
            break
        at = ex[level_at(ex, book, key) + HEAD]
        while at and lots:
            own = ex[at + ACCOUNT] == ex[order + ACCOUNT] and ex[market + SELF_TRADE] != SELF_TRADE_ALLOWED
            taken = 0 if own else min(lots, ex[at + SHOWN] + ex[at + HIDDEN])
            lots -= taken
            free -= taken * hold_of(ex, market, side, -key)
            at = ex[at + NEXT]
    return free >= 0


@whole_kernel
def _fillable(ex: Int1D, market: int, order: int, limit: int, lots: int) -> bool:
    """Whether an order is sure to be filled whole within MAX_FILLS steps.

    Lots of reduce-only orders are not counted on; hidden lots count once their whole level is taken; a self-trade rule that
    would take from the order makes it unsure as soon as one of its account's orders stands in the way.
    """
    book, rule = side_of(market, -ex[order + SIDE]), ex[market + SELF_TRADE]
    key, got, steps = ex[book + BEST], 0, 0
    for level in range(ex[book + COUNT]):
        if level:
            key = next_below(ex, book, key)
        if key < limit:
            return False
        at, hidden = ex[level_at(ex, book, key) + HEAD], 0
        while at:
            steps += 1
            if ex[at + ACCOUNT] == ex[order + ACCOUNT] and rule != SELF_TRADE_ALLOWED:
                if rule != CANCEL_OLDEST:
                    return False
            elif ex[at + KIND] & REDUCE_ONLY == 0:
                got += ex[at + SHOWN]
                if got >= lots:
                    return steps <= ex[MAX_FILLS]
                if ex[at + HIDDEN]:
                    hidden += ex[at + HIDDEN]
                    steps += -(-ex[at + HIDDEN] // ex[at + DISPLAY])
            at = ex[at + NEXT]
        got += hidden
        if got >= lots:
            return steps <= ex[MAX_FILLS]
    return False
