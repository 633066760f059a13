"""What a match moves: value, fees, cash and positions, in whole grains and to the last of them.

A fill changes ``cash − cost`` of an account by exactly minus its signed value, however its position is opened or closed, and
by minus its fee; the fee is the venue's. So the sum of cash − cost over all accounts is what was deposited, after any run.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT,
    BASE,
    BASE_GRAINS,
    BUYING,
    CASH,
    COST,
    CURRENCY,
    FEES,
    FEES_PAID,
    GRAINS,
    HELD,
    HOLD_PPM,
    INVERSE,
    MARKET_NUMBER,
    OPEN_INTEREST,
    PAYOFF,
    POSITION_LOTS,
    PRICE,
    SELLING,
    SIDE,
    SPOT,
    TIER,
    TRADED,
    VENUE,
)
from counterpoise.sim.exchange.kernels.layout import MARKET as OF_MARKET
from counterpoise.sim.exchange.kernels.orders import account_at, money_at, position_at

__all__ = [
    "count_open",
    "fee_of",
    "hold_of",
    "rate_of",
    "settle",
    "share",
    "signed_value",
    "spot_money",
    "value_of",
]

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
def rate_of(ex: Int1D, account: int, maker: int) -> int:
    """Fee [ppm] of an account's tier."""
    return ex[ex[FEES] + 2 * ex[account_at(ex, account) + TIER] + 1 - maker]


@whole_kernel
def settle(ex: Int1D, market: int, account: int, signed_lots: int, value: int, ppm: int) -> int:
    """Book one side of a match; returns its fee [grains]. `value` is that of the whole match, the same for both sides."""
    position = position_at(ex, account, ex[market + MARKET_NUMBER])
    money = money_at(ex, account, ex[market + CURRENCY])
    fee = fee_of(value, ppm)
    ex[money + CASH] -= fee
    ex[money_at(ex, VENUE, ex[market + CURRENCY]) + CASH] += fee
    ex[position + FEES_PAID] += fee
    ex[position + TRADED] += abs(signed_lots)
    payoff = ex[market + PAYOFF]
    signed = value if (signed_lots > 0) == (payoff != INVERSE) else -value
    if payoff == SPOT:
        ex[money + CASH] -= signed
        ex[money_at(ex, account, ex[market + BASE]) + CASH] += signed_lots * ex[market + BASE_GRAINS]
    else:
        _open_or_close(ex, market, position, money, signed_lots, signed)
    return fee


@inner_kernel
def _open_or_close(ex: Int1D, market: int, position: int, money: int, signed_lots: int, signed: int) -> None:
    """Closed lots realise their share of the cost, rounded down; the rest of the cost stays with the lots that are left."""
    held = ex[position + POSITION_LOTS]
    ex[position + POSITION_LOTS] = held + signed_lots
    ex[market + OPEN_INTEREST] += abs(held + signed_lots) - abs(held)
    if held == 0 or (held > 0) == (signed_lots > 0):
        ex[position + COST] += signed
        return
    closed = min(abs(held), abs(signed_lots))
    of_cost = share(ex[position + COST], closed, abs(held))
    of_fill = share(signed, closed, abs(signed_lots))
    ex[money + CASH] -= of_fill + of_cost
    ex[position + COST] += signed - of_fill - of_cost


@inner_kernel
def hold_of(ex: Int1D, market: int, side: int, price: int) -> int:
    """Grains that each open spot lot holds back: its value with the highest fee a fill could round to, or its base coins."""
    if side < 0:
        return ex[market + BASE_GRAINS]
    value = price * ex[market + GRAINS]
    return value + fee_of(value, ex[HOLD_PPM]) + 1


@inner_kernel
def spot_money(ex: Int1D, market: int, account: int, side: int) -> int:
    """Address of the money that a spot order of a side spends."""
    return money_at(ex, account, ex[market + (CURRENCY if side > 0 else BASE)])


@inner_kernel
def count_open(ex: Int1D, market: int, order: int, lots: int) -> None:
    """Count lots that an order adds to its account's open ones, and what they hold back in a spot market."""
    side, account = ex[order + SIDE], ex[order + ACCOUNT]
    ex[position_at(ex, account, ex[order + OF_MARKET]) + (BUYING if side > 0 else SELLING)] += lots
    if ex[market + PAYOFF] == SPOT:
        ex[spot_money(ex, market, account, side) + HELD] += lots * hold_of(ex, market, side, ex[order + PRICE])
