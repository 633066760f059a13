"""Constant-product pools in exact integers: x y never falls.

Adams, Zinsmeister and Robinson, Uniswap v2 Core (2020), section 3.2.1; a fee φ is taken from what goes in.
"""

from __future__ import annotations

from typing import NamedTuple

from counterpoise.core.errors import InputError
from counterpoise.market.pool.sqrt_price import PPM

__all__ = ["ConstantProductPool", "ProductSwap"]


class ProductSwap(NamedTuple):
    """A swap: what went in with the fee, what came out, the fee [smallest units of the token in], and the marginal prices.

    Prices are of token 0 in token 1, in smallest units, before and after.
    """

    amount_in: int
    amount_out: int
    fee: int
    price_before: float
    price_after: float

    @property
    def impact(self) -> float:
        """Relative move of the marginal price."""
        return self.price_after / self.price_before - 1.0


class ConstantProductPool(NamedTuple):
    """Two reserves [smallest units] and the fee in millionths; a swap returns the pool after it.

    The fee stays in the reserves and so belongs to the liquidity.
    """

    reserve0: int
    reserve1: int
    fee_ppm: int = 3_000

    @property
    def price(self) -> float:
        """Marginal price of token 0 in token 1."""
        return self.reserve1 / self.reserve0

    def swap_in(self, amount: int, *, zero_in: bool) -> tuple[ConstantProductPool, ProductSwap]:
        """Give exactly so much; out comes ⌊a γ y/(x + a γ)⌋, γ = 1 − φ.

        Raises
        ------
        InputError
            If the amount or the pool is not positive.
        """
        own, other = self._sides(amount, zero_in)
        kept = amount * (PPM - self.fee_ppm)
        return self._after(amount, kept * other // (own * PPM + kept), zero_in)

    def swap_out(self, amount: int, *, zero_in: bool) -> tuple[ConstantProductPool, ProductSwap]:
        """Take exactly so much; in goes ⌊x a/((y − a) γ)⌋ + 1.

        Raises
        ------
        InputError
            If the amount or the pool is not positive, or the pool holds no more than the amount.
        """
        own, other = self._sides(amount, zero_in)
        if amount >= other:
            raise InputError(f"{amount} asked of a reserve of {other}; a pool is never emptied, ask for less")
        return self._after(own * amount * PPM // ((other - amount) * (PPM - self.fee_ppm)) + 1, amount, zero_in)

    def _sides(self, amount: int, zero_in: bool) -> tuple[int, int]:
        if min(self.reserve0, self.reserve1) <= 0 or not 0 <= self.fee_ppm < PPM:
            raise InputError(f"a pool needs positive reserves and a fee below {PPM} ppm, found {self}")
        if amount <= 0:
            raise InputError(f"an amount of {amount} cannot be swapped; expected a positive integer of smallest units")
        return (self.reserve0, self.reserve1) if zero_in else (self.reserve1, self.reserve0)

    def _after(self, amount_in: int, amount_out: int, zero_in: bool) -> tuple[ConstantProductPool, ProductSwap]:
        change0, change1 = (amount_in, -amount_out) if zero_in else (-amount_out, amount_in)
        pool = ConstantProductPool(self.reserve0 + change0, self.reserve1 + change1, self.fee_ppm)
        fee = -(-amount_in * self.fee_ppm // PPM)
        return pool, ProductSwap(amount_in, amount_out, fee, self.price, pool.price)
