"""An order enters the book: it takes what it may, what is left rests or ends, and those that waited for the price follow."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.checks import limit_key, refusal_of_entry, rests
from counterpoise.sim.exchange.kernels.codes import (
    AUCTION,
    BY_MARK,
    CANCELLED,
    MARKET,
    MATCH_LIMIT,
    NO_LIQUIDITY,
    OPEN,
    PRICE_BAND,
    REDUCE_ONLY,
    SELF_MATCH,
    STOP,
    TAKE_PROFIT,
    TRIGGERED,
    WORKING,
    WOULD_NOT_REDUCE,
)
from counterpoise.sim.exchange.kernels.heap import first_met, unwait
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    BEST,
    DUE,
    DUE_MARKETS,
    KIND,
    MARKET_COUNT,
    NO_KEY,
    NUMBER,
    ORDERS,
    PRICE,
    SHOWN,
    SIDE,
    STATUS,
    TRIGGER,
    WAITING,
)
from counterpoise.sim.exchange.kernels.layout import MARKET as OF_MARKET
from counterpoise.sim.exchange.kernels.levels import side_of
from counterpoise.sim.exchange.kernels.matching import match, reducible, rest
from counterpoise.sim.exchange.kernels.orders import disown, market_at, position_at, release
from counterpoise.sim.exchange.kernels.outputs import report, room, tell_levels, touch

__all__ = ["enter", "fire_due", "publish"]


@whole_kernel
def enter(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int, order: int) -> None:
    """An order that was let in, its lots in SHOWN, takes what it may; what is left rests or ends."""
    side, kind, lots = ex[order + SIDE], ex[order + KIND], ex[order + SHOWN]
    limit, left, undone = limit_key(ex, market, order), lots, 0
    opposite = side_of(market, -side)
    if ex[market + STATUS] != AUCTION and ex[opposite + BEST] >= limit:
        if kind & REDUCE_ONLY:
            most = reducible(ex, position_at(ex, ex[order + ACCOUNT], ex[order + OF_MARKET]), side)
            undone = max(lots - most, 0)
        left = match(ex, tape, reports, market, ts, order, limit, lots - undone)
    if left < 0:
        _end(ex, reports, ts, order, SELF_MATCH, undone - 1 - left)
    elif left == 0 and undone == 0:
        _let_go(ex, order)
    elif undone and (left == 0 or not rests(kind)):
        _end(ex, reports, ts, order, WOULD_NOT_REDUCE, left + undone)
    elif ex[market + STATUS] != AUCTION and ex[opposite + BEST] >= limit:
        _end(ex, reports, ts, order, MATCH_LIMIT, left + undone)
    elif rests(kind):
        rest(ex, market, order, left + undone)
        touch(ex, side, ex[order + PRICE])
        report(ex, reports, ts, order, WORKING, 0, left + undone)
    else:
        reason = 0
        if kind & MARKET:
            reason = NO_LIQUIDITY if ex[opposite + BEST] == NO_KEY else PRICE_BAND
        _end(ex, reports, ts, order, reason, left)


@inner_kernel
def _let_go(ex: Int1D, order: int) -> None:
    if order == ex[ORDERS]:
        ex[order + NUMBER] = 0
    else:
        release(ex, order)


@whole_kernel
def _end(ex: Int1D, reports: Int2D, ts: int, order: int, reason: int, left: int) -> None:
    report(ex, reports, ts, order, CANCELLED, reason, left)
    _let_go(ex, order)


@inner_kernel
def publish(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int) -> None:
    """Tell what a request changed, and let the orders enter that waited for the price it made."""
    tell_levels(ex, tape, market, ts)
    if ex[market + WAITING]:
        _fire(ex, tape, reports, market, ts)


@whole_kernel
def _fire(ex: Int1D, tape: Int2D, reports: Int2D, market: int, ts: int) -> None:
    """Let triggered orders enter one by one while there is room; the others are due before the next request."""
    ex[DUE_MARKETS] -= ex[market + DUE]
    ex[market + DUE] = 0
    while ex[market + STATUS] == OPEN:
        order = first_met(ex, market)
        if order == 0:
            return
        if not room(ex, tape, reports):
            ex[market + DUE] = 1
            ex[DUE_MARKETS] += 1
            return
        position = position_at(ex, ex[order + ACCOUNT], ex[order + OF_MARKET])
        unwait(ex, market, order)
        disown(ex, position, order)
        ex[order + KIND] &= ~(STOP | TAKE_PROFIT | BY_MARK)
        ex[order + TRIGGER] = 0
        report(ex, reports, ts, order, TRIGGERED, 0, ex[order + SHOWN])
        reason = refusal_of_entry(ex, market, position, order)
        if reason:
            _end(ex, reports, ts, order, reason, ex[order + SHOWN])
        else:
            enter(ex, tape, reports, market, ts, order)
            tell_levels(ex, tape, market, ts)


@whole_kernel
def fire_due(ex: Int1D, tape: Int2D, reports: Int2D, ts: int) -> bool:
    """Let orders enter that wait for room only; returns whether there are none left."""
    for number in range(ex[MARKET_COUNT]):
        market = market_at(ex, number)
        if ex[market + DUE]:
            _fire(ex, tape, reports, market, ts)
    return ex[DUE_MARKETS] == 0
