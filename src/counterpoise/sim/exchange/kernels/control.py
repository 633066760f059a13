"""What the venue itself does: money in and out, fee tiers, the index, its clock, halts and auctions, moves off the book."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.sim.exchange.kernels.auction import match_at_one_price
from counterpoise.sim.exchange.kernels.codes import FILL, NO_ROOM, OPEN, R_LOTS, R_OTHER, R_VALUE, UNCROSSING
from counterpoise.sim.exchange.kernels.entry import fire_due, publish
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    CASH,
    DUE_MARKETS,
    INDEX,
    NUMBER,
    ORDERS,
    PAYOFF,
    PRICE,
    SIDE,
    SPOT,
    STATUS,
    TAG,
    TIER,
)
from counterpoise.sim.exchange.kernels.layout import MARKET as OF_MARKET
from counterpoise.sim.exchange.kernels.marks import fund, funding_due, set_mark, take_sample, wanted_mark
from counterpoise.sim.exchange.kernels.money import settle, value_of
from counterpoise.sim.exchange.kernels.orders import account_at, market_at, money_at
from counterpoise.sim.exchange.kernels.outputs import report, room, tell_levels

__all__ = ["deposit", "keep_time", "move_cash", "move_position", "open_market", "set_index", "set_status", "set_tier"]


@kernel
def deposit(ex: Int1D, account: int, currency: int, grains: int) -> None:
    """Money from outside into an account, below zero out of it. Assumes that both exist."""
    ex[money_at(ex, account, currency) + CASH] += grains


@kernel
def move_cash(ex: Int1D, source: int, target: int, currency: int, grains: int) -> None:
    """Money from one account to another, such as the fund's to a bankrupt one. Assumes that they exist."""
    ex[money_at(ex, source, currency) + CASH] -= grains
    ex[money_at(ex, target, currency) + CASH] += grains


@kernel
def set_tier(ex: Int1D, account: int, tier: int) -> None:
    """Fees of an account from now on. Assumes that both exist."""
    ex[account_at(ex, account) + TIER] = tier


@kernel
def set_index(ex: Int1D, market: int, price: int) -> None:
    """Price of the index [ticks], 0 for none; it counts from the next `keep_time` on."""
    ex[market_at(ex, market) + INDEX] = price


@kernel
def keep_time(ex: Int1D, tape: Int2D, reports: Int2D, ts: int, market: int) -> int:
    """Bring a market to a time: sample, pay funding that is due, set the mark and its band, let triggers at it enter.

    A venue does this at its own pace, once a second say. Returns 0, or −NO_ROOM when nothing was done for want of room.
    """
    if (ex[DUE_MARKETS] and not fire_due(ex, tape, reports, ts)) or not room(ex, tape, reports):
        return -NO_ROOM
    at = market_at(ex, market)
    if ex[at + PAYOFF] != SPOT:
        take_sample(ex, at, ts)
        if funding_due(ex, at, ts):
            fund(ex, at, ts)
    set_mark(ex, at, wanted_mark(ex, at, ts))
    publish(ex, tape, reports, at, ts)
    return 0


@kernel
def set_status(ex: Int1D, market: int, status: int) -> None:
    """Halt a market, or let orders only rest for an auction; `open_market` ends either."""
    ex[market_at(ex, market) + STATUS] = status


@kernel
def open_market(ex: Int1D, tape: Int2D, reports: Int2D, ts: int, market: int) -> int:
    """Match what is crossed at one price, then open. Returns 0, or −NO_ROOM: take the rows and ask again."""
    at = market_at(ex, market)
    ex[at + STATUS] = UNCROSSING if ex[at + STATUS] != OPEN else OPEN
    while ex[at + STATUS] == UNCROSSING:
        if not room(ex, tape, reports):
            return -NO_ROOM
        if match_at_one_price(ex, tape, reports, at, ts):
            ex[at + STATUS] = OPEN
        tell_levels(ex, tape, at, ts)
    publish(ex, tape, reports, at, ts)
    return 0


@kernel
def move_position(
    ex: Int1D, reports: Int2D, ts: int, market: int, buyer: int, seller: int, price: int, lots: int, tag: int
) -> None:
    """Lots from one account to another at a price, off the book and without fees: a take-over at bankruptcy, a deleveraging.

    Both sides are reported as fills of order 0. Assumes accounts, price > 0 and lots > 0 that exist, and room for two reports.
    """
    at, order = market_at(ex, market), ex[ORDERS]
    value = value_of(ex, at, price, lots)
    ex[order + OF_MARKET], ex[order + NUMBER], ex[order + TAG], ex[order + PRICE] = market, 0, tag, price
    for account, other, side in ((buyer, seller, 1), (seller, buyer, -1)):
        ex[order + ACCOUNT], ex[order + SIDE] = account, side
        row = report(ex, reports, ts, order, FILL, 0, 0)
        reports[row, R_LOTS], reports[row, R_VALUE], reports[row, R_OTHER] = lots, value, other
        settle(ex, at, account, side * lots, value, 0)
