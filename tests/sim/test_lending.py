"""Lending accounts and their cascades: the rules by hand, every unit accounted for, and recorded accounts."""

from __future__ import annotations

import lzma
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import ConfigError, InputError, SchemaError
from counterpoise.market.pool import ConcentratedPool, ConstantProductPool, sqrt_price_at
from counterpoise.sim.defi.lending import LendingRules, health_factor, lending_cascade

RULES = LendingRules()
DEEP = ConstantProductPool(10**9, 2 * 10**9, 0)  # price 2


def accounts(*rows: tuple[int, int, int]) -> pl.DataFrame:
    schema = {"collateral": pl.Int64, "debt": pl.Int64, "threshold_bps": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_health_of_the_worked_account() -> None:
    """10 ETH at 2,000, threshold .83, debt 12,000: 1.383333, and 1 at a price of 1,445.78."""
    assert float(health_factor(20_000.0, 12_000.0, threshold=0.83)) == pytest.approx(1.383333, abs=1e-6)
    assert float(health_factor(14_457.83, 12_000.0, threshold=0.83)) == pytest.approx(1.0, abs=1e-6)
    assert health_factor([5.0, 0.0], [0.0, 0.0], threshold=0.8).tolist() == [np.inf, np.inf]


def test_one_liquidation_by_hand() -> None:
    """Health .98 at price 2: half of 1,000 is repaid for 500 · 1.05/2 = 262 of collateral."""
    result = lending_cascade(accounts((613, 1_000, 8_000)), DEEP, rules=RULES)
    first = result.liquidations.row(0, named=True)
    assert (first["repaid"], first["seized"], first["proceeds"]) == (500, 262, 523)
    assert result.liquidations.height == 1
    assert result.accounts.select("collateral", "debt").row(0) == (351, 500)
    assert result.accounts["health"][0] == pytest.approx(351 * 2 * 0.8 / 500, rel=1e-5)


def test_far_below_one_all_is_closed_and_bad_debt_stays() -> None:
    """Collateral worth 900 against 1,000: all 450 are seized for ⌊450/.525⌋ = 857, and 143 are owed by nobody."""
    result = lending_cascade(accounts((450, 1_000, 8_000)), DEEP, rules=RULES, bankrupt_allowed=True)
    assert result.accounts.select("collateral", "debt").row(0) == (0, 143)
    assert result.path["bad_debt"].to_list() == [100, 143, 143]


def test_a_small_debt_is_closed_at_once() -> None:
    whole = lending_cascade(accounts((613, 1_000, 8_000)), DEEP, rules=LendingRules(small_debt=1_000))
    assert whole.accounts["debt"].to_list() == [0]


def test_a_thin_pool_refuses_what_it_cannot_pay_for() -> None:
    """A third of the reserves sold at once brings less than the bonus allows: nobody liquidates, the bad debt remains."""
    thin = ConstantProductPool(1_000, 2_000, 0)
    result = lending_cascade(accounts((613, 1_000, 8_000)), thin, rules=RULES)
    assert result.liquidations.height == 0
    assert result.path["refused"].to_list() == [0, 1]
    assert result.pool == thin


def test_liquidations_bring_down_the_next() -> None:
    """Thresholds reached one after the other: the shock reaches the first only, its sale the second, and so on."""
    ladder = accounts(*((40_000_000, debt, 8_000) for debt in range(58_000_000, 63_000_000, 500_000)))
    rules, pool = LendingRules(bonus_bps=1_000), ConstantProductPool(10**9, 2 * 10**9, 0)
    calm = lending_cascade(ladder, pool, rules=rules)
    shaken = lending_cascade(ladder, pool, rules=rules, shock_sale=20_000_000)
    assert calm.liquidations.height == 0
    assert np.isnan(calm.amplification)
    assert shaken.path["liquidated"].sum() > 1
    assert shaken.path.height > 3
    assert shaken.amplification > 1.5
    assert shaken.path["price"].is_sorted(descending=True)


pools = st.sampled_from(
    [ConstantProductPool(10**7, 2 * 10**7), ConstantProductPool(10**5, 10**5), ConcentratedPool.at(sqrt_price_at(0))]
)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10_000)), max_size=8),
    pools,
    st.integers(0, 10**5),
    st.integers(0, 2_000),
)
def test_every_unit_is_accounted_for(rows: list[tuple[int, int, int]], pool: object, shock: int, bonus: int) -> None:
    """Collateral leaves accounts for the pool, money leaves the pool for lender and liquidator; nothing appears or is lost."""
    if isinstance(pool, ConcentratedPool):
        pool, _, _ = pool.mint(-20_000, 20_000, 10**8)
    before = accounts(*rows)
    result = lending_cascade(before, pool, rules=LendingRules(bonus_bps=bonus), shock_sale=shock, bankrupt_allowed=True)  # type: ignore[arg-type]
    done, path = result.liquidations, result.path
    assert before["collateral"].sum() - result.accounts["collateral"].sum() == done["seized"].sum()
    assert before["debt"].sum() - result.accounts["debt"].sum() == done["repaid"].sum()
    assert (done["proceeds"] >= done["repaid"]).all()
    assert result.accounts.select((pl.col("collateral", "debt") >= 0).all()).row(0) == (True, True)
    assert [path[name].sum() for name in ("seized", "repaid", "proceeds")] == [
        done[n].sum() for n in ("seized", "repaid", "proceeds")
    ]
    if isinstance(pool, ConstantProductPool) and isinstance(result.pool, ConstantProductPool):
        assert result.pool.reserve0 - pool.reserve0 == done["seized"].sum() + shock
        only_shock = pool.swap_in(shock, zero_in=True)[1].amount_out if shock else 0
        assert pool.reserve1 - result.pool.reserve1 == done["proceeds"].sum() + only_shock


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (accounts((100, 1_000, 8_000)), InputError, "account 0 owes 1000"),
        (accounts((-1, 0, 8_000)), InputError, "collateral is -1"),
        (accounts((1, 0, 10_001)), InputError, "threshold_bps is 10001"),
        (accounts((1, 0, 1)).drop("debt"), SchemaError, "debt as no such column"),
        (accounts((1, 0, 1)).cast(pl.Float64), SchemaError, "collateral as Float64"),
    ],
)
def test_impossible_accounts_are_refused(wrong: pl.DataFrame, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        lending_cascade(wrong, DEEP, rules=RULES)


def test_other_impossible_inputs_are_refused() -> None:
    with pytest.raises(ConfigError, match="close_factor_bps 0"):
        LendingRules(close_factor_bps=0)
    with pytest.raises(ConfigError, match="full_below 2"):
        LendingRules(full_below=2.0)
    with pytest.raises(InputError, match="divide basis points"):
        health_factor(1.0, 1.0, threshold=83.0)
    with pytest.raises(InputError, match="debt must be finite"):
        health_factor(1.0, -1.0, threshold=0.8)
    with pytest.raises(InputError, match="no liquidity for"):
        lending_cascade(accounts(), ConcentratedPool.at(sqrt_price_at(0)), rules=RULES, shock_sale=5)


def recorded(data_dir: Path, name: str) -> pl.DataFrame:
    with lzma.open(data_dir / "06_defi" / f"{name}.csv.xz") as file:
        return pl.read_csv(file.read(), infer_schema_length=None).select("collateral", "debt", "threshold", "healthf")


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["aave_v2_steth_positions", "aave_v2_steth_vs_stables_detail"])
def test_recorded_health_factors_are_reproduced(data_dir: Path, name: str) -> None:
    """Every stored figure of the Aave v2 stETH accounts with debt, to the rounding of amounts on the chain."""
    table = recorded(data_dir, name).filter(pl.col("debt") > 0)
    numbers = (table[column].to_numpy() for column in ("collateral", "debt", "threshold"))
    value, debt, threshold = numbers
    assert table.height > 600
    assert health_factor(value, debt, threshold=threshold / 10_000) == pytest.approx(table["healthf"].to_numpy(), rel=1e-9)


@pytest.mark.realdata
def test_recorded_accounts_cascade(data_dir: Path) -> None:
    """All stETH accounts against a pool of 200,000 a side in units of 1e-6 ETH: a sale of 15,000 unwinds them.

    The pool's own price is the oracle here; a venue's oracle follows many markets, so this is the worst case.
    """
    table = recorded(data_dir, "aave_v2_steth_positions")
    units = (pl.col("collateral", "debt") * 1e6).cast(pl.Int64)
    book = table.select(units, threshold_bps=pl.col("threshold").cast(pl.Int64))
    pool = ConstantProductPool(2 * 10**11, 2 * 10**11, 400)
    result = lending_cascade(book, pool, rules=RULES, shock_sale=15 * 10**9, bankrupt_allowed=True)
    assert result.liquidations.height > 100
    assert result.amplification > 1.05
    assert isinstance(result.pool, ConstantProductPool)
    assert result.pool.reserve0 - pool.reserve0 == result.liquidations["seized"].sum() + 15 * 10**9
