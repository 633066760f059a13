"""Cost along the tree: sums are exact at every node, and of every part."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.tca import PARTS, Executions, Shortfall, by_node, shortfall
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import Node, Tree

TREE = Tree(
    nodes=(
        Node(id="index:all"),
        Node(id="cluster:a", parent="index:all"),
        Node(id="token:X", parent="cluster:a"),
        Node(id="v:X1", parent="token:X"),
        Node(id="v:X2", parent="token:X"),
        Node(id="token:Y", parent="cluster:a"),
        Node(id="v:Y1", parent="token:Y"),
        Node(id="token:Z", parent="index:all"),
        Node(id="v:Z1", parent="token:Z"),
    )
)
MONEY = st.floats(-1e9, 1e9)


def cost(price: float, qty: float = 3.0, *, fee: float = 0.1, inverse: bool = False) -> Shortfall:
    column = [np.array([x]) for x in (price, qty / 2, fee, price * 0.999, price * 0.998)]
    return shortfall(
        Executions(*column),
        side=1,
        qty=qty,
        decision_price=100,
        arrival_price=101,
        close_price=103,
        inverse=inverse,
        funding=0.7,
    )


@given(st.dictionaries(st.sampled_from(TREE.leaves()), st.tuples(st.floats(50, 200), st.floats(1e-6, 1e6), MONEY), min_size=1))
def test_sums_are_exact(terms: dict[str, tuple[float, float, float]]) -> None:
    costs = [(name, cost(price, qty, fee=fee)) for name, (price, qty, fee) in terms.items()]
    rows = {row["node"]: row for row in by_node(costs, TREE).to_dicts()}
    assert set(rows) == {node for name in terms for node in TREE.path(name)}
    for node, row in rows.items():
        assert sum((row[part] for part in PARTS), Decimal(0)) == row["total"]
        below = [rows[child] for child in TREE.children(node) if child in rows]
        for name in (*PARTS, "total", "notional", "orders"):
            assert not below or sum(child[name] for child in below) == row[name]
    for name, one in costs:
        assert float(rows[name]["total"]) == pytest.approx(one.total, rel=1e-9, abs=1e-9 * max(1.0, *map(abs, (one.fees,))))


def test_a_node_by_hand() -> None:
    """Two equal buys beside one that costs twice as much in twice the size."""
    table = by_node([("v:X1", cost(102)), ("v:X2", cost(102)), ("v:Z1", cost(102, 6.0, fee=0.2))], TREE)
    assert table["node"].to_list() == ["index:all", "cluster:a", "token:X", "token:Z", "v:X1", "v:X2", "v:Z1"]
    of = {row["node"]: row for row in table.to_dicts()}
    one = cost(102)
    assert float(of["token:X"]["total"]) == pytest.approx(2 * one.total)
    assert of["token:X"]["total_bps"] == pytest.approx(one.total_bps)
    assert of["index:all"]["share"] == 1
    assert of["token:Z"]["share"] == pytest.approx((one.total * 2 - 0.7) / (one.total * 4 - 0.7))
    assert of["token:X"]["parent"] == "cluster:a"
    assert of["index:all"]["parent"] is None


def test_several_parents_of_one_instrument_add_up() -> None:
    row = by_node([("v:X1", cost(102)), ("v:X1", cost(99))], TREE).filter(pl.col("node") == "v:X1").to_dicts()[0]
    assert row["orders"] == 2
    assert float(row["total"]) == pytest.approx(cost(102).total + cost(99).total)


def test_coins_are_worth_what_is_said() -> None:
    coins = cost(102, 1e4, fee=1e-4, inverse=True)
    row = by_node([("v:X1", coins), ("v:Y1", cost(102))], TREE, worth={"v:X1": 100.0}).to_dicts()[0]
    assert float(row["total"]) == pytest.approx(100 * coins.total + cost(102).total)
    assert float(row["notional"]) == pytest.approx(1e4 + 300)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="no instrument has a cost"):
        by_node([], TREE)
    with pytest.raises(UnknownName, match="instrument of the tree 'v:X3'"):
        by_node([("v:X3", cost(100))], TREE)
    with pytest.raises(UnknownName, match="instrument with a cost 'v:X2'"):
        by_node([("v:X1", cost(100))], TREE, worth={"v:X2": 1.0})
    for worth in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="expected a positive number"):
            by_node([("v:X1", cost(100))], TREE, worth={"v:X1": worth})
