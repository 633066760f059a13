"""What a match moves: value, fees, cash and positions, in whole grains and to the last of them.

A fill changes ``cash − cost`` of an account by exactly minus its signed value, however its position is opened or closed, and
by minus its fee; the fee is the venue's. So the sum of cash − cost over all accounts is what was deposited, after any run.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel
from counterpoise.sim.exchange.kernels.layout import (
    BASE,
    BASE_GRAINS,
    BOUGHT,
    CASH,
    COST,
    CURRENCY,
    FEES,
    FEES_PAID,
    GRAINS,
    INVERSE,
    MARKET_NUMBER,
    PAYOFF,
    POSITION_LOTS,
    SPOT,
    TIER,
    VENUE,
)
from counterpoise.sim.exchange.kernels.orders import account_at, money_at, position_at

__all__ = ["fee_of", "settle", "share", "signed_value", "value_of"]

_MILLION: Final = 1_000_000


@inner_kernel
def value_of(ex: Int1D, market: int, price: int, lots: int) -> int:
    """Value of lots at a price [grains]: exact where linear, of an inverse contract rounded to the nearest, halves up.

    linear   ticks × lots × grains           inverse   lots × grains / ticks
    """
    if ex[market + PAYOFF] != INVERSE:
        return price * lots * ex[market + GRAINS]
    return (2 * lots * ex[market + GRAINS] + price) // (2 * price)


@inner_kernel
def signed_value(ex: Int1D, market: int, price: int, signed_lots: int) -> int:
    """What a position of so many lots is worth at a price, less its cost is its profit: an inverse one is short of the coin."""
    if ex[market + PAYOFF] != INVERSE:
        return price * signed_lots * ex[market + GRAINS]
    value = value_of(ex, market, price, abs(signed_lots))
    return value if signed_lots < 0 else -value


@inner_kernel
def fee_of(value: int, ppm: int) -> int:
    """A fee [grains] of ppm of a value, to the nearest grain, halves up; below zero a rebate."""
    whole = value // _MILLION
    return whole * ppm + ((value - whole * _MILLION) * ppm + _MILLION // 2) // _MILLION


@inner_kernel
def share(amount: int, part: int, whole: int) -> int:
    """amount × part / whole, rounded down, without leaving 64 bits. Assumes 0 <= part <= whole < 2³¹, whole > 0."""
    each = amount // whole
    return each * part + (amount - each * whole) * part // whole


@inner_kernel
def settle(ex: Int1D, market: int, account: int, signed_lots: int, price: int, value: int, maker: int) -> int:
    """Book one side of a match; returns its fee [grains]. `value` is that of the whole match, the same for both sides."""
    number = ex[market + MARKET_NUMBER]
    position = position_at(ex, account, number)
    money = money_at(ex, account, ex[market + CURRENCY])
    fee = fee_of(value, ex[ex[FEES] + 2 * ex[account_at(ex, account) + TIER] + 1 - maker])
    ex[money + CASH] -= fee
    ex[money_at(ex, VENUE, ex[market + CURRENCY]) + CASH] += fee
    ex[position + FEES_PAID] += fee
    ex[position + BOUGHT] += abs(signed_lots)
    payoff = ex[market + PAYOFF]
    signed = value if (signed_lots > 0) == (payoff != INVERSE) else -value
    if payoff == SPOT:
        ex[money + CASH] -= signed
        ex[money_at(ex, account, ex[market + BASE]) + CASH] += signed_lots * ex[market + BASE_GRAINS]
    else:
        _open_or_close(ex, position, money, signed_lots, signed)
    return fee


@inner_kernel
def _open_or_close(ex: Int1D, position: int, money: int, signed_lots: int, signed: int) -> None:
    """Closed lots realise their share of the cost, rounded down; the rest of the cost stays with the lots that are left."""
    held = ex[position + POSITION_LOTS]
    ex[position + POSITION_LOTS] = held + signed_lots
    if held == 0 or (held > 0) == (signed_lots > 0):
        ex[position + COST] += signed
        return
    closed = min(abs(held), abs(signed_lots))
    of_cost = share(ex[position + COST], closed, abs(held))
    of_fill = share(signed, closed, abs(signed_lots))
    ex[money + CASH] -= of_fill + of_cost
    ex[position + COST] += signed - of_fill - of_cost
