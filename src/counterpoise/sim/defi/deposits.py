"""A run on deposits: withdrawals in waves against what a lending pool has not lent out."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import polars as pl

from counterpoise.core.errors import InputError, SchemaError, UnknownName

__all__ = ["WITHDRAWAL_COLUMNS", "DepositRun", "run_on_deposits", "shared_out"]

WITHDRAWAL_COLUMNS: Final = {
    "wave": pl.Int64(),  # waves are served in rising order
    "account": pl.Int64(),  # index into the deposits
    "requested": pl.Int64(),  # smallest units
}
_ORDERS: Final = ("first_come", "pro_rata")


class DepositRun(NamedTuple):
    """What a run did.

    Attributes
    ----------
    withdrawals : pl.DataFrame
        The requests in the order served, with ``paid`` and ``unpaid`` (of what the account still had) [smallest units].
    waves : pl.DataFrame
        After each wave: ``wave``, ``liquid``, ``deposits`` left, ``utilisation`` = borrowed/deposits (NaN without deposits),
        ``unpaid``.
    deposits : pl.Series
        What each account has left.
    """

    withdrawals: pl.DataFrame
    waves: pl.DataFrame
    deposits: pl.Series


def run_on_deposits(
    deposits: pl.Series, withdrawals: pl.DataFrame, *, borrowed: int, order: Literal["first_come", "pro_rata"] = "first_come"
) -> DepositRun:
    """Serve withdrawals wave by wave until the liquid reserves are gone; the rest of the requests lapse.

    Parameters
    ----------
    deposits : pl.Series
        (n,) Int64 [smallest units], by account.
    withdrawals : pl.DataFrame
        `WITHDRAWAL_COLUMNS`. A request beyond the account's deposit is for all of it.
    borrowed : int
        Part of the deposits that is lent out [smallest units]; liquid reserves are the rest.
    order : {"first_come", "pro_rata"}
        Within a wave: in row order, or by equal shares of what is asked, left-over units to the largest remainders.

    Returns
    -------
    DepositRun
        Paid and left add up to the deposits, to the unit.

    Raises
    ------
    InputError
        If more is lent out than deposited, an amount is negative, or an account does not exist.
    SchemaError
        If a column is missing or of another type.
    UnknownName
        If the order is unknown.
    """
    if order not in _ORDERS:
        raise UnknownName("order of withdrawals", order, _ORDERS)
    left = _checked_deposits(deposits, borrowed)
    requests = _checked_requests(withdrawals, len(left))
    liquid = sum(left) - borrowed
    served, waves = [], []
    for (wave,), asked in requests.group_by("wave", maintain_order=True):
        accounts, wanted = asked["account"].to_list(), asked["requested"].to_list()
        claims = _claims(left, accounts, wanted)
        paid = _in_turn(liquid, claims) if order == "first_come" else shared_out(min(liquid, sum(claims)), claims)
        for account, sum_paid in zip(accounts, paid, strict=True):
            left[account] -= sum_paid
        liquid -= sum(paid)
        unpaid = [claim - sum_paid for claim, sum_paid in zip(claims, paid, strict=True)]
        served.append(asked.with_columns(pl.Series("paid", paid, pl.Int64), pl.Series("unpaid", unpaid, pl.Int64)))
        total = sum(left)
        waves.append((wave, liquid, total, borrowed / total if total else float("nan"), sum(unpaid)))
    return DepositRun(_joined(served), _waves(waves), pl.Series("deposits", left, pl.Int64))


def shared_out(total: int, claims: list[int]) -> list[int]:
    """Whole units of a total in proportion to claims: floors, and the left-over units to the largest remainders.

    Raises
    ------
    InputError
        If the total exceeds the claims, or a number is negative.
    """
    asked = sum(claims)
    if not 0 <= total <= asked or min(claims, default=0) < 0:
        raise InputError(f"{total} cannot be shared out over claims of {asked}; expected 0 <= total <= claims, none negative")
    if not asked:
        return list(claims)
    floors = [total * claim // asked for claim in claims]
    remainders = [total * claim % asked for claim in claims]
    first = sorted(range(len(claims)), key=lambda i: -remainders[i])[: total - sum(floors)]
    for i in first:
        floors[i] += 1
    return floors


def _claims(left: list[int], accounts: list[int], wanted: list[int]) -> list[int]:
    """Requests cut to what the account still has after its earlier requests of the wave."""
    rest, claims = dict.fromkeys(accounts, 0), []
    for account, amount in zip(accounts, wanted, strict=True):
        claim = min(amount, left[account] - rest[account])
        rest[account] += claim
        claims.append(claim)
    return claims


def _in_turn(liquid: int, claims: list[int]) -> list[int]:
    paid = []
    for claim in claims:
        paid.append(min(claim, liquid))
        liquid -= paid[-1]
    return paid


def _checked_deposits(deposits: pl.Series, borrowed: int) -> list[int]:
    if deposits.dtype != pl.Int64 or deposits.null_count():
        raise SchemaError(f"deposits are {deposits.dtype} with {deposits.null_count()} nulls, expected Int64 smallest units")
    left = deposits.to_list()
    if min(left, default=0) < 0:
        raise InputError(f"a deposit of {min(left)} is none; expected at least 0")
    if not 0 <= borrowed <= sum(left):
        raise InputError(f"{borrowed} borrowed of deposits of {sum(left)}; expected 0 to all of them")
    return left


def _checked_requests(withdrawals: pl.DataFrame, accounts: int) -> pl.DataFrame:
    for name, dtype in WITHDRAWAL_COLUMNS.items():
        if withdrawals.schema.get(name) != dtype or withdrawals[name].null_count():
            found = withdrawals.schema.get(name, "no such column")
            raise SchemaError(f"withdrawals have {name} as {found}; expected {dtype} without nulls")
    wrong = withdrawals.filter(~pl.col("account").is_between(0, accounts - 1) | (pl.col("requested") < 0))
    if wrong.height:
        raise InputError(f"withdrawal {wrong.row(0)}: expected an account of 0 to {accounts - 1} and at least 0 requested")
    return withdrawals.sort("wave", maintain_order=True)


def _joined(served: list[pl.DataFrame]) -> pl.DataFrame:
    empty = pl.DataFrame(schema={**WITHDRAWAL_COLUMNS, "paid": pl.Int64, "unpaid": pl.Int64})
    return pl.concat(served) if served else empty


def _waves(rows: list[tuple[object, int, int, float, int]]) -> pl.DataFrame:
    schema = {"wave": pl.Int64, "liquid": pl.Int64, "deposits": pl.Int64, "utilisation": pl.Float64, "unpaid": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
