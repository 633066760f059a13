"""Costs of fills add up to the shortfall, whatever they are grouped by."""

from __future__ import annotations

import polars as pl
import pytest

from counterpoise.balance.tca import FILL_PARTS, Executions, breakdown, fill_costs, shortfall
from counterpoise.core.errors import InputError, SchemaError
from reference.random_fills import random_fills

TERMS = {"decision_price": 99.5, "arrival_price": 99.8}


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("side", [1, -1])
def test_fills_add_up_to_the_shortfall(side: int, inverse: bool) -> None:
    fills = random_fills(3, side=side, inverse=inverse)
    costs = fill_costs(fills, side=side, unit=2.0, inverse=inverse, **TERMS)
    columns = {name: fills[name].to_numpy() for name in Executions._fields}
    executions = Executions(**columns | {"qty": 2.0 * columns["qty"]})
    qty = float(executions.qty.sum())
    whole = shortfall(executions, side=side, qty=qty, close_price=101.0, inverse=inverse, **TERMS)
    for part in FILL_PARTS:
        assert costs[part].sum() == pytest.approx(getattr(whole, part), rel=1e-12)
    assert costs["cost"].sum() == pytest.approx(whole.total, rel=1e-12)
    assert costs["notional"].sum() == pytest.approx(whole.notional)


@pytest.mark.parametrize("by", [[], ["client_id"], ["maker"], ["client_id", "maker"]])
def test_groups_add_up_to_the_whole(by: list[str]) -> None:
    costs = fill_costs(random_fills(4), side=1, **TERMS)
    table = breakdown(costs, by)
    assert table["fills"].sum() == costs.height
    for name in (*FILL_PARTS, "cost", "notional", "qty"):
        assert table[name].sum() == pytest.approx(costs[name].sum(), rel=1e-12)
    mean = (table["price"] * table["qty"]).sum() / table["qty"].sum()
    assert mean == pytest.approx((costs["price"] * costs["qty"]).sum() / costs["qty"].sum(), rel=1e-12)
    assert (table["maker_share"] * table["qty"]).sum() == pytest.approx(costs.filter(pl.col("maker"))["qty"].sum())
    assert table["cost_bps"].to_list() == pytest.approx((1e4 * table["cost"] / table["notional"]).to_list())


def test_one_child_by_hand() -> None:
    """Buys 2 at 101 and 1 at 103: mids 100 and 102, market mids 99 and 100, decision 90, arrival 95, fees 1 and 2."""
    rows = {
        "ts": [1, 2], "client_id": ["a", "a"], "side": [1, 1], "price": [101.0, 103.0], "qty": [2.0, 1.0], "fee": [1.0, 2.0],
        "maker": [True, False], "mid": [100.0, 102.0], "market_mid": [99.0, 100.0],
    }  # fmt: skip
    row = breakdown(fill_costs(pl.DataFrame(rows), side=1, decision_price=90, arrival_price=95), ["client_id"]).to_dicts()[0]
    assert {part: row[part] for part in FILL_PARTS} == {"delay": 15, "spread": 3, "impact": 4, "timing": 13, "fees": 3}
    assert (row["cost"], row["notional"], row["orders"], row["fills"]) == (38, 270, 1, 2)
    assert row["price"] == pytest.approx(305 / 3)
    assert row["maker_share"] == pytest.approx(2 / 3)


def test_no_fill_costs_nothing() -> None:
    costs = fill_costs(random_fills(1).clear(), side=1, **TERMS)
    assert costs.is_empty()
    assert breakdown(costs, ["maker"]).is_empty()
    assert breakdown(costs, [])["cost"].to_list() == [0]


def test_what_cannot_be_meant_is_refused() -> None:
    fills = random_fills(1)
    with pytest.raises(InputError, match="not of the parent's side -1"):
        fill_costs(fills, side=-1, **TERMS)
    with pytest.raises(SchemaError, match="fills lack fee, mid"):
        fill_costs(fills.drop("fee", "mid"), side=1, **TERMS)
    with pytest.raises(InputError, match="all finite"):
        fill_costs(fills.with_columns(mid=pl.lit(float("nan"))), side=1, **TERMS)
    with pytest.raises(SchemaError, match="lack venue"):
        breakdown(fill_costs(fills, side=1, **TERMS), ["venue"])
