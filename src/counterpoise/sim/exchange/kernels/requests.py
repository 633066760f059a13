"""Requests to an exchange, for kernels that trade on it: this is the whole interface.

    place(ex, tape, reports, ts, market, account, side, kind, price, lots, tag)  → number of the order, or −reason
    place_with(..., tag, display, trigger)                                       the same for icebergs and triggered orders
    amend(ex, tape, reports, ts, number, price, lots)                            → number, or −reason
    cancel(ex, tape, reports, ts, number)                                        → lots it left undone, or −reason
    cancel_all(ex, tape, reports, ts, market, account)                           → orders cancelled, or −reason

`ex` is the exchange (`layout`). `tape` (n, EXCHANGE_TAPE_COLUMNS) and `reports` (n, REPORT_COLUMNS), int64, take its public
and private rows: ``ex[TAPE_ROWS]`` and ``ex[REPORT_ROWS]`` say how many are in them, and whoever takes the rows sets both back
to 0. When either has no room for all that one request may write, nothing is done and the answer is −NO_ROOM: take the rows and
ask again. Every other answer is final, and reported. Markets and accounts are numbers, prices ticks, `kind` a sum of bits of
`codes`, `ts` the time [ns] at the venue, `tag` the sender's own number, which reports repeat.

After a request ``ex[FILLED]`` and ``ex[FILLED_VALUE]`` say what it took at once. What stands in the book and what an account
has is read by `readers`; `batch` carries out many requests at once. An outer loop borrows its arrays on entry
(`core.jit.borrow`) and calls these as they are; a request takes some 100 ns.
"""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel, whole_kernel
from counterpoise.sim.exchange.kernels.checks import refusal_of_entry, refusal_of_terms, rests
from counterpoise.sim.exchange.kernels.codes import (
    NO_ROOM,
    REJECTED,
    STOP,
    TAKE_PROFIT,
    TRIGGER_PASSED,
    UNKNOWN_ACCOUNT,
    UNKNOWN_MARKET,
    UNKNOWN_ORDER,
    VENUE_FULL,
    WORKING,
)
from counterpoise.sim.exchange.kernels.entry import enter, fire_due, publish
from counterpoise.sim.exchange.kernels.heap import is_met, wait
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    ACCOUNT_COUNT,
    DISPLAY,
    DUE_MARKETS,
    FILLED,
    FILLED_VALUE,
    FREE,
    HIDDEN,
    KIND,
    MARKET_COUNT,
    MAX_FILLS,
    NUMBER,
    ORDERS,
    OWN,
    PRICE,
    REQUESTS,
    SHOWN,
    SIDE,
    TAG,
    TRIGGER,
)
from counterpoise.sim.exchange.kernels.layout import MARKET as OF_MARKET
from counterpoise.sim.exchange.kernels.matching import drop, shrink, withdraw
from counterpoise.sim.exchange.kernels.money import count_open
from counterpoise.sim.exchange.kernels.orders import allot, find_order, market_at, next_number, own, position_at
from counterpoise.sim.exchange.kernels.outputs import report, room, tell_levels, touch

__all__ = ["amend", "cancel", "cancel_all", "place", "place_with", "settle_due"]


@inner_kernel
def _begin(ex: Int1D, tape: Int2D, reports: Int2D, ts: int) -> bool:
    if (ex[DUE_MARKETS] and not fire_due(ex, tape, reports, ts)) or not room(ex, tape, reports):
        return False
    ex[REQUESTS] += 1
    ex[FILLED] = 0
    ex[FILLED_VALUE] = 0
    return True


@kernel
def settle_due(ex: Int1D, tape: Int2D, reports: Int2D, ts: int) -> bool:
    """Let triggered orders enter that waited for room only, as every request does first; returns whether none are left."""
    return ex[DUE_MARKETS] == 0 or fire_due(ex, tape, reports, ts)


@inner_kernel
def _unknown(ex: Int1D, market: int, account: int) -> int:
    if market < 0 or market >= ex[MARKET_COUNT]:
        return UNKNOWN_MARKET
    return UNKNOWN_ACCOUNT if account < 0 or account >= ex[ACCOUNT_COUNT] else 0


@inner_kernel
def _refuse(ex: Int1D, reports: Int2D, ts: int, order: int, reason: int) -> int:
    report(ex, reports, ts, order, REJECTED, reason, ex[order + SHOWN])
    return -reason


@kernel
def place(
    ex: Int1D,
    tape: Int2D,
    reports: Int2D,
    ts: int,
    market: int,
    account: int,
    side: int,
    kind: int,
    price: int,
    lots: int,
    tag: int,
) -> int:
    """Place a limit or market order; returns its number, or −reason. What it took at once is in FILLED."""
    return place_with(ex, tape, reports, ts, market, account, side, kind, price, lots, tag, 0, 0)


@whole_kernel
def place_with(
    ex: Int1D,
    tape: Int2D,
    reports: Int2D,
    ts: int,
    market: int,
    account: int,
    side: int,
    kind: int,
    price: int,
    lots: int,
    tag: int,
    display: int,
    trigger: int,
) -> int:
    """Place an order that shows at most `display` lots (0: all), or waits for `trigger` (0: does not); answers as `place`."""
    if not _begin(ex, tape, reports, ts):
        return -NO_ROOM
    waits = kind & (STOP | TAKE_PROFIT)
    keeps = waits or rests(kind)
    order = ex[FREE] if keeps and ex[FREE] else ex[ORDERS]
    ex[order + OF_MARKET], ex[order + ACCOUNT], ex[order + NUMBER], ex[order + TAG] = market, account, 0, tag
    ex[order + SIDE], ex[order + KIND], ex[order + PRICE], ex[order + SHOWN] = side, kind, price, lots
    ex[order + HIDDEN], ex[order + DISPLAY], ex[order + TRIGGER] = 0, display, trigger
    reason = _unknown(ex, market, account)
    if reason:
        return _refuse(ex, reports, ts, order, reason)
    at = market_at(ex, market)
    reason = refusal_of_terms(ex, at, order)
    if reason == 0 and waits == 0:
        reason = refusal_of_entry(ex, at, position_at(ex, account, market), order)
    if reason == 0 and waits and is_met(ex, at, order):
        reason = TRIGGER_PASSED
    if reason == 0 and keeps and order == ex[ORDERS]:
        reason = VENUE_FULL
    if reason:
        return _refuse(ex, reports, ts, order, reason)
    if keeps:
        allot(ex)
    number = next_number(ex, order)
    ex[order + NUMBER] = number
    if waits:
        wait(ex, at, order)
        own(ex, position_at(ex, account, market), order)
        report(ex, reports, ts, order, WORKING, 0, lots)
        return number
    enter(ex, tape, reports, at, ts, order)
    filled, value = ex[FILLED], ex[FILLED_VALUE]
    publish(ex, tape, reports, at, ts)
    ex[FILLED], ex[FILLED_VALUE] = filled, value
    return number


@inner_kernel
def _waits(ex: Int1D, order: int) -> bool:
    return ex[order + KIND] & (STOP | TAKE_PROFIT) != 0


@kernel
def _drop_and_note(ex: Int1D, reports: Int2D, market: int, ts: int, order: int) -> None:
    if not _waits(ex, order):
        touch(ex, ex[order + SIDE], ex[order + PRICE])
    drop(ex, reports, market, ts, order, 0)


@whole_kernel
def cancel(ex: Int1D, tape: Int2D, reports: Int2D, ts: int, number: int) -> int:
    """Cancel an order; returns the lots it left undone, or −reason."""
    if not _begin(ex, tape, reports, ts):
        return -NO_ROOM
    order = find_order(ex, number)
    if order == 0:
        return _refuse_number(ex, reports, ts, number)
    market, left = market_at(ex, ex[order + OF_MARKET]), ex[order + SHOWN] + ex[order + HIDDEN]
    _drop_and_note(ex, reports, market, ts, order)
    tell_levels(ex, tape, market, ts)
    return left


@kernel
def _refuse_number(ex: Int1D, reports: Int2D, ts: int, number: int) -> int:
    """Answer a request for an order that does not live: no account, no market, only its number."""
    order = ex[ORDERS]
    ex[order + OF_MARKET], ex[order + ACCOUNT], ex[order + NUMBER], ex[order + TAG] = -1, -1, number, -1
    ex[order + SIDE], ex[order + PRICE], ex[order + SHOWN] = 0, 0, 0
    _refuse(ex, reports, ts, order, UNKNOWN_ORDER)
    ex[order + NUMBER] = 0
    return -UNKNOWN_ORDER


@whole_kernel
def cancel_all(ex: Int1D, tape: Int2D, reports: Int2D, ts: int, market: int, account: int) -> int:
    """Cancel an account's orders in a market, the newest first, at most MAX_FILLS of them; returns how many, or −reason."""
    if not _begin(ex, tape, reports, ts):
        return -NO_ROOM
    reason = _unknown(ex, market, account)
    if reason:
        return -reason
    position, at, count = position_at(ex, account, market), market_at(ex, market), 0
    while ex[position + OWN] and count < ex[MAX_FILLS]:
        order = ex[position + OWN]
        _drop_and_note(ex, reports, at, ts, order)
        count += 1
    tell_levels(ex, tape, at, ts)
    return count


@whole_kernel
def amend(ex: Int1D, tape: Int2D, reports: Int2D, ts: int, number: int, price: int, lots: int) -> int:
    """Change price and lots left of an order; its place is kept only when nothing but the size falls.

    Returns the number, which stays, or −reason: then nothing was changed and the order works on.
    """
    if not _begin(ex, tape, reports, ts):
        return -NO_ROOM
    order = find_order(ex, number)
    if order == 0:
        return _refuse_number(ex, reports, ts, number)
    market, position = market_at(ex, ex[order + OF_MARKET]), position_at(ex, ex[order + ACCOUNT], ex[order + OF_MARKET])
    before, was, side = ex[order + SHOWN] + ex[order + HIDDEN], ex[order + PRICE], ex[order + SIDE]
    wanted = ex[ORDERS]
    for field in (ACCOUNT, SIDE, NUMBER, TAG, DISPLAY, KIND, TRIGGER, OF_MARKET):
        ex[wanted + field] = ex[order + field]
    ex[wanted + PRICE], ex[wanted + SHOWN] = price, lots
    reason = refusal_of_terms(ex, market, wanted)
    if reason == 0 and not _waits(ex, order) and (price != was or lots > before):
        count_open(ex, market, order, -before)
        reason = refusal_of_entry(ex, market, position, wanted)
        count_open(ex, market, order, before)
    if reason:
        _refuse(ex, reports, ts, wanted, reason)
        ex[wanted + NUMBER] = 0
        return -reason
    ex[wanted + NUMBER] = 0
    if _waits(ex, order):
        ex[order + PRICE], ex[order + SHOWN] = price, lots
        report(ex, reports, ts, order, WORKING, 0, lots)
    elif price == was and lots <= before:
        if lots < before:
            shrink(ex, market, order, before - lots)
        touch(ex, side, price)
        report(ex, reports, ts, order, WORKING, 0, lots)
    else:
        withdraw(ex, market, order)
        if price != was:
            touch(ex, side, was)
        ex[order + PRICE], ex[order + SHOWN], ex[order + HIDDEN] = price, lots, 0
        enter(ex, tape, reports, market, ts, order)
    filled, value = ex[FILLED], ex[FILLED_VALUE]
    publish(ex, tape, reports, market, ts)
    ex[FILLED], ex[FILLED_VALUE] = filled, value
    return number
