"""Lending accounts whose liquidations sell their collateral into a pool, and so bring the next accounts down.

Health = collateral × price × threshold / debt. Below one a liquidator may repay a part of the debt, the close factor, for
collateral of that worth and a bonus; he does so when selling it into the pool at once brings at least what he repaid. The price
of the pool after a round is the oracle's price of the next. Rules as in Aave v3.3; money is exact.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError, SchemaError
from counterpoise.market.pool import ConcentratedPool, ConstantProductPool
from counterpoise.market.pool.sqrt_price import Q96

__all__ = ["ACCOUNT_COLUMNS", "LendingCascade", "LendingRules", "Pool", "health_factor", "lending_cascade"]

ACCOUNT_COLUMNS: Final = {
    "collateral": pl.Int64(),  # smallest units of token 0 of the pool
    "debt": pl.Int64(),  # smallest units of token 1 of the pool
    "threshold_bps": pl.Int64(),  # share of the collateral's worth that counts
}
_BPS: Final = 10_000

Pool: TypeAlias = ConstantProductPool | ConcentratedPool


class LendingRules(Config, frozen=True, kw_only=True):
    """When and how much of an account is liquidated.

    Parameters
    ----------
    close_factor_bps : int
        Share of the debt one liquidation may repay.
    full_below : float
        Health below which all of it may be repaid.
    small_debt : int
        Debt up to which all of it may be repaid [smallest units].
    bonus_bps : int
        What the liquidator gets beyond the worth of what he repays.
    """

    close_factor_bps: int = 5_000
    full_below: float = 0.95
    small_debt: int = 0
    bonus_bps: int = 500

    def __post_init__(self) -> None:
        if not (0 < self.close_factor_bps <= _BPS and 0 <= self.bonus_bps < _BPS):
            raise ConfigError(
                f"close_factor_bps {self.close_factor_bps} and bonus_bps {self.bonus_bps}: "
                f"expected 1 to {_BPS} and 0 to {_BPS - 1}"
            )
        if not (0 <= self.full_below <= 1 and self.small_debt >= 0):
            raise ConfigError(f"full_below {self.full_below} and small_debt {self.small_debt}: expected 0 to 1, and at least 0")


class LendingCascade(NamedTuple):
    """What a cascade did.

    Attributes
    ----------
    accounts : pl.DataFrame
        The accounts after it, in their order, with ``health`` at the last price.
    liquidations : pl.DataFrame
        One row each: ``round``, ``account`` (row), ``repaid``, ``proceeds`` [token 1], ``seized`` [token 0].
    path : pl.DataFrame
        One row a round, the first after the shock alone: ``round``, ``price`` (after it), ``liquidated``, ``refused``
        (unhealthy, but the pool would not pay for them), ``seized``, ``repaid``, ``proceeds``, ``bad_debt`` (debt beyond the
        collateral's worth).
    pool : Pool
    amplification : float
        Fall of the price over its fall by the shock alone; NaN without a shock.
    """

    accounts: pl.DataFrame
    liquidations: pl.DataFrame
    path: pl.DataFrame
    pool: Pool
    amplification: float


def health_factor(collateral_value: ArrayLike, debt: ArrayLike, *, threshold: ArrayLike) -> Float1D:
    """Collateral × threshold / debt; infinite without debt.

    Parameters
    ----------
    collateral_value, debt : (n,) float64
        In one currency, at least 0.
    threshold : (n,) float64
        Share of the collateral's worth that counts, 0 to 1.

    Raises
    ------
    InputError
        If a number is negative or not finite, or a threshold above 1.
    """
    value, owed, share = (np.asarray(x, np.float64) for x in (collateral_value, debt, threshold))
    for name, numbers in (("collateral_value", value), ("debt", owed), ("threshold", share)):
        if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise InputError(f"{name} must be finite and at least 0, found {numbers.min()}")
    if (share > 1).any():
        raise InputError(f"threshold {share.max()} is above 1; divide basis points by 10,000")
    counted = value * share
    return np.asarray(np.divide(counted, owed, out=np.full(np.broadcast(counted, owed).shape, np.inf), where=owed > 0))


def lending_cascade(
    accounts: pl.DataFrame, pool: Pool, *, rules: LendingRules, shock_sale: int = 0, bankrupt_allowed: bool = False
) -> LendingCascade:
    """Sell so much collateral into the pool, then liquidate round by round until nobody can or will be.

    Parameters
    ----------
    accounts : pl.DataFrame
        `ACCOUNT_COLUMNS`; more columns are kept.
    pool : Pool
        Token 0 is the collateral, token 1 the money owed.
    rules : LendingRules
    shock_sale : int
        Token 0 sold by others at first [smallest units].
    bankrupt_allowed : bool
        Whether accounts may owe more than their collateral is worth before the shock.

    Returns
    -------
    LendingCascade

    Raises
    ------
    InputError
        If an account holds a negative amount, a threshold is out of range, one is bankrupt at the start, or the pool cannot
        take the shock.
    SchemaError
        If a column is missing or of another type.

    Notes
    -----
    The least healthy account goes first in a round. Tokens given by accounts are exactly those the pool takes, and debts fall
    by exactly what is repaid. O(n) in each round and O(ranges) in each sale.
    """
    book = _Book.of(accounts, pool)
    if not bankrupt_allowed:
        _refuse_bankrupt(book)
    start = float(book.price())
    if shock_sale and (unsold := book.sell(shock_sale)[1]):
        raise InputError(f"the pool has no liquidity for {unsold} of a shock_sale of {shock_sale}; sell less or add ranges")
    shocked, number = float(book.price()), 1
    rounds, liquidations = [book.round_row(0, [], 0)], []
    while True:
        done, refused = _liquidate_round(book, rules, number)
        liquidations += done
        rounds.append(book.round_row(number, done, refused))
        if not done:
            break
        number += 1
    fall = start - shocked
    amplification = (start - float(book.price())) / fall if fall > 0 else float("nan")
    return LendingCascade(book.frame(accounts), _events(liquidations), pl.DataFrame(rounds), book.pool, amplification)


class _Liquidation(NamedTuple):
    round: int
    account: int
    repaid: int
    proceeds: int
    seized: int


class _Book:
    """Accounts as columns of integers, and the pool they are sold into."""

    def __init__(self, collateral: list[int], debt: list[int], threshold_bps: list[int], pool: Pool) -> None:
        self.collateral, self.debt, self.threshold_bps, self.pool = collateral, debt, threshold_bps, pool

    @classmethod
    def of(cls, accounts: pl.DataFrame, pool: Pool) -> _Book:
        for name, dtype in ACCOUNT_COLUMNS.items():
            if accounts.schema.get(name) != dtype or accounts[name].null_count():
                found = accounts.schema.get(name, "no such column")
                raise SchemaError(f"accounts have {name} as {found}; expected {dtype} without nulls, in smallest units")
        columns = [accounts[name].to_list() for name in ACCOUNT_COLUMNS]
        for name, values in zip(ACCOUNT_COLUMNS, columns, strict=True):
            if values and min(values) < 0:
                raise InputError(f"{name} is {min(values)} in some account, expected at least 0")
        if columns[2] and max(columns[2]) > _BPS:
            raise InputError(f"threshold_bps is {max(columns[2])} in some account, expected at most {_BPS}")
        collateral, debt, threshold_bps = columns
        return cls(collateral, debt, threshold_bps, pool)

    def price(self) -> Fraction:
        """Token 1 for one of token 0, smallest units, as the pool has it."""
        if isinstance(self.pool, ConstantProductPool):
            return Fraction(self.pool.reserve1, self.pool.reserve0)
        return Fraction(self.pool.sqrt_price**2, Q96**2)

    def health(self) -> Float1D:
        value = np.array(self.collateral, np.float64) * float(self.price())
        return health_factor(value, np.array(self.debt, np.float64), threshold=np.array(self.threshold_bps) / _BPS)

    def sell(self, amount: int) -> tuple[int, int]:
        """Sell token 0 into the pool; what comes out, and what it would not take."""
        if isinstance(self.pool, ConstantProductPool):
            self.pool, swap = self.pool.swap_in(amount, zero_in=True)
            return swap.amount_out, 0
        self.pool, crossing = self.pool.swap(amount, zero_in=True)
        return crossing.amount_out, crossing.unfilled

    def bad_debt(self) -> int:
        price = self.price()
        return sum(max(owed - int(held * price), 0) for held, owed in zip(self.collateral, self.debt, strict=True) if owed)

    def round_row(self, number: int, done: list[_Liquidation], refused: int) -> dict[str, float | int]:
        return {
            "round": number,
            "price": float(self.price()),
            "liquidated": len(done),
            "refused": refused,
            "seized": sum(each.seized for each in done),
            "repaid": sum(each.repaid for each in done),
            "proceeds": sum(each.proceeds for each in done),
            "bad_debt": self.bad_debt(),
        }

    def frame(self, accounts: pl.DataFrame) -> pl.DataFrame:
        kept = {"collateral": self.collateral, "debt": self.debt}
        after = [pl.Series(name, values, pl.Int64) for name, values in kept.items()]
        return accounts.with_columns(*after, pl.Series("health", self.health()))


def _refuse_bankrupt(book: _Book) -> None:
    price = book.price()
    for row, (held, owed) in enumerate(zip(book.collateral, book.debt, strict=True)):
        if owed > held * price:
            raise InputError(
                f"account {row} owes {owed} against collateral worth {float(held * price):.6g}; "
                "drop accounts bankrupt at the start, or pass bankrupt_allowed=True"
            )


def _liquidate_round(book: _Book, rules: LendingRules, number: int) -> tuple[list[_Liquidation], int]:
    """One liquidation of each unhealthy account at the price at the round's start; those done, and how many nobody wanted."""
    price, health = book.price(), book.health()
    unhealthy = np.flatnonzero(health < 1.0)
    done, refused = [], 0
    for account in unhealthy[np.argsort(health[unhealthy], kind="stable")].tolist():
        repaid, seized = _terms(book, account, float(health[account]), price, rules)
        before = book.pool
        proceeds, unsold = book.sell(seized) if seized > 0 else (0, 0)
        if repaid <= 0 or proceeds < repaid or unsold:
            book.pool = before
            refused += 1
            continue
        book.collateral[account] -= seized
        book.debt[account] -= repaid
        done.append(_Liquidation(number, account, repaid, proceeds, seized))
    return done, refused


def _terms(book: _Book, account: int, health: float, price: Fraction, rules: LendingRules) -> tuple[int, int]:
    """Debt repaid and collateral seized: by the close factor, or as much as all the collateral pays for."""
    debt, held = book.debt[account], book.collateral[account]
    whole = health < rules.full_below or debt <= rules.small_debt
    repaid = debt if whole else -(-debt * rules.close_factor_bps // _BPS)
    worth = Fraction(_BPS + rules.bonus_bps, _BPS) / price  # collateral for one unit repaid
    seized = int(repaid * worth)
    return (repaid, seized) if seized <= held else (int(held / worth), held)


def _events(liquidations: list[_Liquidation]) -> pl.DataFrame:
    return pl.DataFrame(liquidations, schema=dict.fromkeys(_Liquidation._fields, pl.Int64), orient="row")
