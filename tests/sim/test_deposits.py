"""A run on deposits: who is paid, in which order, to the last unit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, SchemaError, UnknownName
from counterpoise.sim.defi.deposits import WITHDRAWAL_COLUMNS, run_on_deposits, shared_out

DEPOSITS = pl.Series([100, 60, 40])


def requests(*rows: tuple[int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=WITHDRAWAL_COLUMNS, orient="row")


def test_first_come_by_hand() -> None:
    """200 deposited, 120 lent: of the 80 left the first takes 50, the second 30 of 60, the third nothing."""
    run = run_on_deposits(DEPOSITS, requests((1, 0, 50), (1, 1, 60), (2, 2, 40)), borrowed=120)
    assert run.withdrawals["paid"].to_list() == [50, 30, 0]
    assert run.withdrawals["unpaid"].to_list() == [0, 30, 40]
    assert run.deposits.to_list() == [50, 30, 40]
    assert run.waves.rows() == [(1, 0, 120, 1.0, 30), (2, 0, 120, 1.0, 40)]


def test_pro_rata_by_hand() -> None:
    """The same 80 over claims of 50, 60 and 40: 26⅔, 32 and 21⅓; the odd unit goes to the largest remainder."""
    run = run_on_deposits(DEPOSITS, requests((1, 0, 50), (1, 1, 60), (1, 2, 40)), borrowed=120, order="pro_rata")
    assert run.withdrawals["paid"].to_list() == [27, 32, 21]


def test_utilisation_rises_as_deposits_leave() -> None:
    waves = run_on_deposits(DEPOSITS, requests((2, 1, 30), (1, 0, 20), (1, 2, 0)), borrowed=100).waves
    assert waves["wave"].to_list() == [1, 2]
    assert waves["utilisation"].to_list() == pytest.approx([100 / 180, 100 / 150])
    assert np.isnan(
        run_on_deposits(DEPOSITS, requests((1, 0, 100), (1, 1, 60), (1, 2, 40)), borrowed=0).waves["utilisation"][0]
    )


def test_nobody_takes_more_than_he_has() -> None:
    run = run_on_deposits(DEPOSITS, requests((1, 2, 30), (1, 2, 30), (2, 2, 30)), borrowed=0)
    assert run.withdrawals["paid"].to_list() == [30, 10, 0]
    assert run.withdrawals["unpaid"].to_list() == [0, 0, 0]


@given(
    st.lists(st.integers(0, 10**15), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 10**15)), max_size=12),
    st.integers(0, 10**15),
    st.sampled_from(["first_come", "pro_rata"]),
)
def test_every_unit_is_accounted_for(deposits: list[int], rows: list[tuple[int, int, int]], borrowed: int, order: str) -> None:
    lent = min(borrowed, sum(deposits))
    asked = requests(*((wave, account % len(deposits), amount) for wave, account, amount in rows))
    run = run_on_deposits(pl.Series(deposits, dtype=pl.Int64), asked, borrowed=lent, order=order)  # type: ignore[arg-type]
    paid = run.withdrawals["paid"].sum()
    assert paid + run.deposits.sum() == sum(deposits)
    assert run.deposits.sum() >= lent
    assert (run.withdrawals["paid"] + run.withdrawals["unpaid"] <= run.withdrawals["requested"]).all()
    assert run.withdrawals.select((pl.col("paid", "unpaid") >= 0).all()).row(0) == (True, True)
    liquid = sum(deposits) - lent
    for row in run.waves.iter_rows(named=True):
        assert row["unpaid"] == 0 or row["liquid"] == 0
    assert run.waves.height == 0 or run.waves["liquid"][-1] == liquid - paid


@given(st.lists(st.integers(0, 10**18), min_size=1, max_size=9), st.floats(0, 1))
def test_shares_are_within_a_unit_of_proportion(claims: list[int], part: float) -> None:
    total = min(int(sum(claims) * part), sum(claims))
    shares = shared_out(total, claims)
    assert sum(shares) == total
    for share, claim in zip(shares, claims, strict=True):
        assert 0 <= share <= claim
        assert abs(share * sum(claims) - total * claim) < max(sum(claims), 1)


@pytest.mark.parametrize(
    ("deposits", "asked", "borrowed", "error", "said"),
    [
        (DEPOSITS, requests((1, 3, 1)), 0, InputError, "account of 0 to 2"),
        (DEPOSITS, requests((1, 0, -1)), 0, InputError, "at least 0 requested"),
        (DEPOSITS, requests(), 201, InputError, "201 borrowed"),
        (pl.Series([-1]), requests(), 0, InputError, "deposit of -1"),
        (pl.Series([1.0]), requests(), 0, SchemaError, "expected Int64"),
        (DEPOSITS, requests().drop("wave"), 0, SchemaError, "wave as no such column"),
    ],
)
def test_impossible_runs_are_refused(
    deposits: pl.Series, asked: pl.DataFrame, borrowed: int, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        run_on_deposits(deposits, asked, borrowed=borrowed)


def test_other_impossible_inputs_are_refused() -> None:
    with pytest.raises(UnknownName, match="pro_rata"):
        run_on_deposits(DEPOSITS, requests(), borrowed=0, order="prorata")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="shared out"):
        shared_out(5, [1, 2])
    assert run_on_deposits(DEPOSITS, requests(), borrowed=0).withdrawals.height == 0
