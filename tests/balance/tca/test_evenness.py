"""Fairness by level: hand-computed impacts, and the Gini coefficient as an area."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.fairness import gini
from counterpoise.balance.tca import evenness, lorenz
from counterpoise.balance.tca.evenness import node_impacts
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import Node, Tree

TREE = Tree(
    nodes=(
        Node(id="index:all"),
        Node(id="token:X", parent="index:all"),
        Node(id="v:X1", parent="token:X"),
        Node(id="v:X2", parent="token:X"),
        Node(id="token:Y", parent="index:all"),
        Node(id="v:Y1", parent="token:Y"),
    )
)


def test_by_hand() -> None:
    """X trades 9 of 100, all in one market with 36 of it; Y 1 of 100."""
    table = node_impacts({"v:X1": 9.0, "v:Y1": 1.0}, {"v:X1": 36.0, "v:X2": 64.0, "v:Y1": 100.0}, TREE)
    impact = dict(table.select("node", "impact").rows())
    assert impact == pytest.approx(
        {"index:all": 0.05**0.5, "token:X": 0.3, "token:Y": 0.1, "v:X1": 0.5, "v:X2": 0, "v:Y1": 0.1}
    )
    rows = {row["level"]: row for row in evenness(table).to_dicts()}
    assert rows["index"] == {"level": "index", "nodes": 1, "gini": 0, "max_to_mean": 1, "worst": "index:all"}
    assert rows["token"]["max_to_mean"] == pytest.approx(1.5)
    assert rows["token"]["gini"] == pytest.approx(0.25)
    assert rows["instrument"]["worst"] == "v:X1"
    assert rows["instrument"]["gini"] == pytest.approx((2 * (0.1 * 2 + 0.5 * 3) / 0.6 - 4) / 3)


def test_nothing_traded_is_neither_fair_nor_unfair() -> None:
    rows = evenness(node_impacts({}, {"v:X1": 36.0, "v:X2": 64.0}, TREE)).to_dicts()
    assert {(row["level"], row["gini"], row["max_to_mean"]) for row in rows} == {
        ("index", None, None), ("token", None, None), ("instrument", None, None)
    }  # fmt: skip
    assert evenness(node_impacts({}, {}, TREE)).is_empty()


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda found: max(found) > 1e-3))
def test_gini_is_the_area_above_the_curve(values: list[float]) -> None:
    curve = lorenz(values)
    x, y = curve["nodes"].to_numpy(), curve["share"].to_numpy()
    area = float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
    assert 1 - 2 * area == pytest.approx(gini(values), abs=1e-9)
    assert (np.diff(y) >= 0).all()
    assert (y <= x + 1e-12).all()


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="we traded v:X1 where nobody else did"):
        node_impacts({"v:X1": 1.0}, {"v:X2": 1.0}, TREE)
    with pytest.raises(UnknownName, match="'v:X9'"):
        node_impacts({"v:X9": 1.0}, {"v:X9": 1.0}, TREE)
    for values in ([], [0.0], [-1.0, 2.0], [np.nan]):
        with pytest.raises(InputError, match="Lorenz curve"):
            lorenz(values)
