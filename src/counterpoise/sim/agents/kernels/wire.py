"""What agents read of the exchange beside its `readers`, and how they write what they want of it."""

from __future__ import annotations

from math import log

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.agents.kernels.layout import (
    AMEND,
    CALL,
    CANCEL,
    KEEP,
    M_COINS,
    M_PRINTS,
    M_STATS,
    MARKET_ROWS,
    MARKET_SIZE,
    OUT_COUNT,
    OUT_INTO,
    OUT_KIND,
    OUT_LOTS,
    OUT_PRICE,
    OUT_SIDE,
    OUT_SIZE,
    OUT_TARGET,
    OUT_WHAT,
    OUTBOX,
    PLACE,
    PRINT_SIZE,
    PRINTS_LEN,
    S_MID,
    UNCROSS,
)
from counterpoise.sim.exchange.kernels.codes import IMMEDIATE, LIMIT, POST_ONLY
from counterpoise.sim.exchange.kernels.layout import PRICE, SIDE
from counterpoise.sim.exchange.kernels.orders import find_order
from counterpoise.sim.exchange.kernels.readers import best_lots, best_price, lots_left, position_lots

__all__ = [
    "IMMEDIATE",
    "LIMIT",
    "POST_ONLY",
    "begin_auction",
    "best_lots",
    "best_price",
    "end_auction",
    "keep",
    "log_mid",
    "lots_left",
    "position_of",
    "price_of",
    "print_at",
    "reprice",
    "send",
    "side_of_order",
    "withdraw",
]


@kernel
def log_mid(world: Int1D, reals: Float1D, ex: Int1D, market: int) -> float:
    """Logarithm of the mid in ticks; that of the last step of the grid when a side is empty."""
    bid, ask = best_price(ex, market, 1), best_price(ex, market, -1)
    if bid > 0 and ask > 0:
        return log(0.5 * (bid + ask))
    return reals[world[world[MARKET_ROWS] + market * MARKET_SIZE + M_STATS] + S_MID]


@inner_kernel
def price_of(ex: Int1D, number: int) -> int:
    """Price of a resting order [ticks]."""
    return ex[find_order(ex, number) + PRICE]


@inner_kernel
def side_of_order(ex: Int1D, number: int) -> int:
    """Side of a resting order."""
    return ex[find_order(ex, number) + SIDE]


@inner_kernel
def position_of(world: Int1D, ex: Int1D, account: int, market: int) -> int:
    """Signed lots that an account has bought in a market; on spot markets of one coin, in all of them together."""
    return position_lots(ex, market, account) - world[world[MARKET_ROWS] + market * MARKET_SIZE + M_COINS]


@kernel
def print_at(world: Int1D, market: int, number: int) -> int:
    """Where a print stands: time, side, price, lots. Its number is at most PRINTS_LEN below the market's count."""
    ring = world[world[MARKET_ROWS] + market * MARKET_SIZE + M_PRINTS]
    return ring + (number & (PRINTS_LEN - 1)) * PRINT_SIZE


@inner_kernel
def _write(world: Int1D, what: int, target: int) -> int:
    row = world[OUTBOX] + world[OUT_COUNT] * OUT_SIZE
    world[OUT_COUNT] += 1
    world[row + OUT_WHAT], world[row + OUT_TARGET], world[row + OUT_INTO] = what, target, 0
    return row


@kernel
def send(world: Int1D, market: int, side: int, kind: int, price: int, lots: int, into: int) -> None:
    """Ask for a new order. Assumes that the outbox has room."""
    row = _write(world, PLACE, market)
    world[row + OUT_SIDE], world[row + OUT_KIND], world[row + OUT_PRICE], world[row + OUT_LOTS] = side, kind, price, lots
    world[row + OUT_INTO] = into


@kernel
def reprice(world: Int1D, number: int, price: int, lots: int) -> None:
    """Ask for another price and size of an order, one message; if it is refused the order is as it was."""
    row = _write(world, AMEND, number)
    world[row + OUT_PRICE], world[row + OUT_LOTS] = price, lots


@kernel
def withdraw(world: Int1D, number: int) -> None:
    """Ask for an order to be cancelled."""
    _write(world, CANCEL, number)


@kernel
def keep(world: Int1D, market: int, index: int) -> None:
    """Ask for a market to be brought to this time, with a price of its index."""
    row = _write(world, KEEP, market)
    world[row + OUT_PRICE] = index


@kernel
def begin_auction(world: Int1D, market: int) -> None:
    """Ask the venue to let orders only rest in a market."""
    _write(world, CALL, market)


@kernel
def end_auction(world: Int1D, market: int) -> None:
    """Ask the venue to match what is crossed at one price and to open the market; ask again while it is not open."""
    _write(world, UNCROSS, market)
