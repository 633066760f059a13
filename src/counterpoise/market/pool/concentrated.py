"""Concentrated-liquidity pools in exact integers: ranges of ticks, swaps across them, and the fees each range earned.

Uniswap v3 Core whitepaper (2021), sections 6.2 and 6.3. A pool is a value: mint, burn and swap return the pool after them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from counterpoise.core.errors import InputError
from counterpoise.market.pool.sqrt_price import (
    MAX_TICK,
    PPM,
    Q96,
    amount0_between,
    amount1_between,
    sqrt_price_at,
    swap_step,
    tick_at,
)

__all__ = ["ConcentratedPool", "Position", "RangeSwap", "Tick"]

_Q128: Final = 1 << 128


class Tick(NamedTuple):
    """A border of ranges: liquidity that begins (ends) there, and the fees a unit of liquidity earned beyond it [Q128]."""

    net: int
    gross: int
    outside0: int
    outside1: int


class Position(NamedTuple):
    """Liquidity between two ticks, and the fees a unit of it had earned when last settled [Q128]."""

    lower: int
    upper: int
    liquidity: int
    inside0: int
    inside1: int


class RangeSwap(NamedTuple):
    """A swap: totals in smallest units, square-root prices before and after [Q64.96], borders crossed.

    ``amount_in`` holds the fee. ``unfilled`` is what was asked and not done, at the price limit or the last border.
    """

    amount_in: int
    amount_out: int
    fee: int
    price_before: int
    price_after: int
    crossed: int
    unfilled: int

    @property
    def impact(self) -> float:
        """Relative move of the marginal price of token 0 in token 1."""
        return float((self.price_after / self.price_before) ** 2 - 1.0)


class ConcentratedPool(NamedTuple):
    """Price, liquidity in range, fee growth and the borders of all ranges.

    Attributes
    ----------
    sqrt_price : int
        √(token 1 a token 0, in smallest units) in Q64.96.
    tick : int
        The tick at or below it; one less than a border just crossed downward.
    liquidity : int
        Of the ranges that hold the price.
    fee_ppm, spacing : int
        Fee in millionths of the input; ticks on which ranges may end are its multiples.
    growth0, growth1 : int
        Fees a unit of liquidity in range has ever earned [Q128].
    ticks : dict of int to Tick
        Never changed in place.
    """

    sqrt_price: int
    tick: int
    liquidity: int
    fee_ppm: int
    spacing: int
    growth0: int
    growth1: int
    ticks: dict[int, Tick]

    @classmethod
    def at(cls, sqrt_price: int, *, fee_ppm: int = 500, spacing: int = 10) -> ConcentratedPool:
        """A pool without liquidity at a square-root price [Q64.96].

        Raises
        ------
        InputError
            If the price, fee or spacing is out of range.
        """
        if not (0 <= fee_ppm < PPM and 0 < spacing <= MAX_TICK):
            raise InputError(f"fee {fee_ppm} ppm and spacing {spacing}: expected 0 to {PPM - 1} and 1 to {MAX_TICK}")
        return cls(sqrt_price, tick_at(sqrt_price), 0, fee_ppm, spacing, 0, 0, {})

    @property
    def price(self) -> float:
        """Marginal price of token 0 in token 1, in smallest units."""
        return float((self.sqrt_price / Q96) ** 2)

    def amounts(self, lower: int, upper: int, liquidity: int, *, up: bool) -> tuple[int, int]:
        """Tokens 0 and 1 in so much liquidity of a range at the present price (whitepaper, equations 6.29 and 6.30)."""
        low, high = sqrt_price_at(lower), sqrt_price_at(upper)
        here = min(max(self.sqrt_price, low), high)
        return amount0_between(here, high, liquidity, up=up), amount1_between(low, here, liquidity, up=up)

    def mint(self, lower: int, upper: int, liquidity: int) -> tuple[ConcentratedPool, Position, tuple[int, int]]:
        """Add liquidity to a range; the pool, the position, and what it costs [smallest units of tokens 0 and 1].

        Raises
        ------
        InputError
            If the ticks are no range of this pool, or the liquidity is not positive.
        """
        if liquidity <= 0:
            raise InputError(f"liquidity {liquidity} cannot be added; expected a positive integer")
        if not -MAX_TICK <= lower < upper <= MAX_TICK or lower % self.spacing or upper % self.spacing:
            raise InputError(
                f"ticks {lower} and {upper} are no range; expected rising multiples of {self.spacing} to ±{MAX_TICK}"
            )
        paid = self.amounts(lower, upper, liquidity, up=True)
        pool = self._with_liquidity(lower, upper, liquidity)
        return pool, Position(lower, upper, liquidity, *pool.growth_inside(lower, upper)), paid

    def burn(self, position: Position) -> tuple[ConcentratedPool, tuple[int, int], tuple[int, int]]:
        """Take a whole position out; the pool, its tokens, and its fees [smallest units of tokens 0 and 1].

        Raises
        ------
        InputError
            If the pool does not hold so much liquidity between these ticks.
        """
        held = min(self.ticks[t].gross if t in self.ticks else 0 for t in (position.lower, position.upper))
        if held < position.liquidity:
            raise InputError(f"{position} is not in this pool, whose borders hold {held}; use the pool the mint returned")
        fees = self.fees_owed(position)
        out = self.amounts(position.lower, position.upper, position.liquidity, up=False)
        return self._with_liquidity(position.lower, position.upper, -position.liquidity), out, fees

    def growth_inside(self, lower: int, upper: int) -> tuple[int, int]:
        """Fees a unit of liquidity earned between two borders, up to a constant of the range (equations 6.17 to 6.19)."""
        below, above = self.ticks[lower], self.ticks[upper]
        under = (below.outside0, below.outside1)
        over = (above.outside0, above.outside1)
        grown = (self.growth0, self.growth1)
        if self.tick < lower:
            under = (grown[0] - under[0], grown[1] - under[1])
        if self.tick >= upper:
            over = (grown[0] - over[0], grown[1] - over[1])
        return grown[0] - under[0] - over[0], grown[1] - under[1] - over[1]

    def fees_owed(self, position: Position) -> tuple[int, int]:
        """Fees a position has earned since it was settled [smallest units of tokens 0 and 1], rounded down."""
        inside = self.growth_inside(position.lower, position.upper)
        return (
            (inside[0] - position.inside0) * position.liquidity // _Q128,
            (inside[1] - position.inside1) * position.liquidity // _Q128,
        )

    def swap(
        self, amount: int, *, zero_in: bool, exact_out: bool = False, limit: int | None = None
    ) -> tuple[ConcentratedPool, RangeSwap]:
        """Swap through as many ranges as it takes.

        Parameters
        ----------
        amount : int
            What goes in, the fee with it; with `exact_out` what comes out [smallest units].
        zero_in : bool
            Whether token 0 goes in, and the price falls.
        exact_out : bool
        limit : int, optional
            Square-root price [Q64.96] at which to stop.

        Returns
        -------
        ConcentratedPool, RangeSwap

        Raises
        ------
        InputError
            If the amount is not positive, or the limit lies on the wrong side of the price.

        Notes
        -----
        Rounded step by step as the contract rounds, except that the contract also breaks a step at every 256 spacings, which
        may move a total by one unit for each.
        """
        stop = sqrt_price_at(-MAX_TICK if zero_in else MAX_TICK) if limit is None else limit
        if amount <= 0:
            raise InputError(f"an amount of {amount} cannot be swapped; expected a positive integer of smallest units")
        if (stop > self.sqrt_price) if zero_in else (stop < self.sqrt_price):
            raise InputError(
                f"limit {stop} lies behind the price {self.sqrt_price}; token {1 - zero_in} in moves it the other way"
            )
        return _run(self, amount, stop, zero_in=zero_in, exact_out=exact_out)

    def _with_liquidity(self, lower: int, upper: int, change: int) -> ConcentratedPool:
        ticks = dict(self.ticks)
        for border, sign in ((lower, 1), (upper, -1)):
            old = ticks.get(border)
            if old is None:
                old = Tick(0, 0, *((self.growth0, self.growth1) if border <= self.tick else (0, 0)))
            ticks[border] = old._replace(net=old.net + sign * change, gross=old.gross + change)
            if ticks[border].gross == 0:
                del ticks[border]
        in_range = change if lower <= self.tick < upper else 0
        return self._replace(ticks=ticks, liquidity=self.liquidity + in_range)


def _run(
    pool: ConcentratedPool, amount: int, stop: int, *, zero_in: bool, exact_out: bool
) -> tuple[ConcentratedPool, RangeSwap]:
    borders = sorted(pool.ticks)
    remaining, totals, crossed, start = amount, [0, 0, 0], 0, pool.sqrt_price
    while remaining > 0 and pool.sqrt_price != stop:
        at = bisect_right(borders, pool.tick)
        ahead = (borders[at - 1] if at else None) if zero_in else (borders[at] if at < len(borders) else None)
        if ahead is None:
            break  # no liquidity lies that way
        edge = sqrt_price_at(ahead)
        target = max(edge, stop) if zero_in else min(edge, stop)
        if target != pool.sqrt_price:
            step = swap_step(pool.sqrt_price, target, pool.liquidity, remaining, fee_ppm=pool.fee_ppm, exact_out=exact_out)
            remaining -= step.amount_out if exact_out else step.amount_in + step.fee
            for i, part in enumerate((step.amount_in + step.fee, step.amount_out, step.fee)):
                totals[i] += part
            pool = _grown(pool, step.fee, zero_in)._replace(sqrt_price=step.price, tick=tick_at(step.price))
        if pool.sqrt_price == edge:
            pool, crossed = _cross(pool, ahead, zero_in), crossed + 1
    return pool, RangeSwap(totals[0], totals[1], totals[2], start, pool.sqrt_price, crossed, remaining)


def _grown(pool: ConcentratedPool, fee: int, zero_in: bool) -> ConcentratedPool:
    if not fee or not pool.liquidity:
        return pool
    more = fee * _Q128 // pool.liquidity
    return pool._replace(growth0=pool.growth0 + more) if zero_in else pool._replace(growth1=pool.growth1 + more)


def _cross(pool: ConcentratedPool, border: int, zero_in: bool) -> ConcentratedPool:
    """Step over a border: its outside fees change sides, its liquidity comes or goes (whitepaper, section 6.3.1)."""
    old = pool.ticks[border]
    new = old._replace(outside0=pool.growth0 - old.outside0, outside1=pool.growth1 - old.outside1)
    change, tick = (-old.net, border - 1) if zero_in else (old.net, border)
    return pool._replace(ticks={**pool.ticks, border: new}, liquidity=pool.liquidity + change, tick=tick)
