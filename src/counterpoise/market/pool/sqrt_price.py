"""Square-root prices of concentrated liquidity: Q64.96 integers, ticks, and the amounts between two prices.

Rounded as Uniswap v3-core rounds (`TickMath`, `SqrtPriceMath`, `SwapMath`), always in the pool's favour. Whitepaper of
Adams, Zinsmeister, Salem, Keefer and Robinson (2021), section 6: √P = 1.0001^{tick/2}, Δx = L Δ(1/√P), Δy = L Δ√P.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import floor, log
from typing import Final, NamedTuple

from counterpoise.core.errors import InputError

__all__ = [
    "MAX_TICK",
    "PPM",
    "Q96",
    "Step",
    "amount0_between",
    "amount1_between",
    "next_price_from_input",
    "next_price_from_output",
    "sqrt_price_at",
    "swap_step",
    "tick_at",
]

Q96: Final = 1 << 96
MAX_TICK: Final = 887_272
PPM: Final = 1_000_000  # fees are counted in millionths
_WORD: Final = 1 << 256


def _ratios() -> tuple[int, ...]:
    """1.0001^{−2^i/2} in Q128.128, to the nearest, as the twenty constants of `TickMath`."""
    with localcontext() as context:
        context.prec = 120
        roots = (Decimal("1.0001") ** (-(Decimal(2) ** i) / 2) for i in range(20))
        return tuple(round(root * (1 << 128)) for root in roots)


_RATIOS: Final = _ratios()


def sqrt_price_at(tick: int) -> int:
    """√(1.0001^tick) in Q64.96, rounded up.

    Raises
    ------
    InputError
        If the tick lies beyond ±887,272.
    """
    if abs(tick) > MAX_TICK:
        raise InputError(f"tick {tick} lies beyond ±{MAX_TICK}; ticks are log prices to the base 1.0001")
    ratio = 1 << 128
    for i, factor in enumerate(_RATIOS):
        if abs(tick) >> i & 1:
            ratio = ratio * factor >> 128
    if tick > 0:
        ratio = (_WORD - 1) // ratio
    return -(-ratio >> 32)


def tick_at(sqrt_price: int) -> int:
    """The greatest tick whose square-root price is at most this one.

    Raises
    ------
    InputError
        If the price lies beyond the prices of the outermost ticks.
    """
    if not sqrt_price_at(-MAX_TICK) <= sqrt_price <= sqrt_price_at(MAX_TICK):
        raise InputError(f"square-root price {sqrt_price} (Q64.96) lies beyond those of ticks ±{MAX_TICK}")
    tick = min(max(floor(2.0 * log(sqrt_price / Q96) / log(1.0001)), -MAX_TICK), MAX_TICK)
    while sqrt_price_at(tick) > sqrt_price:
        tick -= 1
    while tick < MAX_TICK and sqrt_price_at(tick + 1) <= sqrt_price:
        tick += 1
    return tick


def _ceil_div(numerator: int, divisor: int) -> int:
    return -(-numerator // divisor)


def amount0_between(price_a: int, price_b: int, liquidity: int, *, up: bool) -> int:
    """Token 0 between two square-root prices, L (√P_b − √P_a)/(√P_a √P_b) [smallest units], rounded up or down."""
    low, high = sorted((price_a, price_b))
    product = (liquidity << 96) * (high - low)
    return _ceil_div(_ceil_div(product, high), low) if up else product // high // low


def amount1_between(price_a: int, price_b: int, liquidity: int, *, up: bool) -> int:
    """Token 1 between two square-root prices, L |√P_b − √P_a| [smallest units], rounded up or down."""
    product = liquidity * abs(price_b - price_a)
    return _ceil_div(product, Q96) if up else product // Q96


def next_price_from_input(price: int, liquidity: int, amount: int, *, zero_in: bool) -> int:
    """Square-root price after so much of token 0 (`zero_in`) or token 1 came in, rounded so that less goes out."""
    if not zero_in:
        return price + (amount << 96) // liquidity
    scaled, product = liquidity << 96, amount * price
    if product < _WORD and scaled + product < _WORD:
        return _ceil_div(scaled * price, scaled + product)
    return _ceil_div(scaled, scaled // price + amount)  # what the contract does where 256 bits do not hold the product


def next_price_from_output(price: int, liquidity: int, amount: int, *, zero_in: bool) -> int:
    """Square-root price after so much of token 1 (`zero_in`) or token 0 went out, rounded so that more comes in.

    Raises
    ------
    InputError
        If the range does not hold so much.
    """
    if zero_in:
        drop = _ceil_div(amount << 96, liquidity)
        if drop >= price:
            raise InputError(f"{amount} of token 1 asked of a range of liquidity {liquidity} that holds less; ask for less")
        return price - drop
    scaled, product = liquidity << 96, amount * price
    if product >= scaled:
        raise InputError(f"{amount} of token 0 asked of a range of liquidity {liquidity} that holds less; ask for less")
    return _ceil_div(scaled * price, scaled - product)


class Step(NamedTuple):
    """A swap inside one range: where the price ended, and what went in (without the fee), out, and to the fee."""

    price: int
    amount_in: int
    amount_out: int
    fee: int


def swap_step(price: int, target: int, liquidity: int, remaining: int, *, fee_ppm: int, exact_out: bool = False) -> Step:
    """Swap within one range toward a target price until the amount is done or the target reached (`computeSwapStep`).

    Parameters
    ----------
    price, target : int
        Square-root prices in Q64.96; a target at or below the price takes token 0 in.
    liquidity : int
    remaining : int
        What may still go in, the fee with it; with `exact_out` what shall still go out [smallest units].
    fee_ppm : int
        Fee in millionths of what goes in.
    exact_out : bool
    """
    zero_in = price >= target
    between_in = amount0_between if zero_in else amount1_between
    between_out = amount1_between if zero_in else amount0_between
    if exact_out:
        reached = remaining >= between_out(price, target, liquidity, up=False)
        end = target if reached else next_price_from_output(price, liquidity, remaining, zero_in=zero_in)
    else:
        spendable = remaining * (PPM - fee_ppm) // PPM
        reached = spendable >= between_in(price, target, liquidity, up=True)
        end = target if reached else next_price_from_input(price, liquidity, spendable, zero_in=zero_in)
    amount_in = between_in(price, end, liquidity, up=True)
    amount_out = between_out(price, end, liquidity, up=False)
    if exact_out:
        amount_out = min(amount_out, remaining)
    whole = not exact_out and end != target  # the rest of an exact input that moves nothing is fee
    fee = remaining - amount_in if whole else _ceil_div(amount_in * fee_ppm, PPM - fee_ppm)
    return Step(end, amount_in, amount_out, fee)
