"""Realised d′ at nodes: by hand, never below its floor, and where a netted pair hides."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.tca import leakage
from counterpoise.balance.tca.leakage import slice_variance
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import Node, Tree

TREE = Tree(
    nodes=(
        Node(id="index:all"),
        Node(id="token:X", parent="index:all"),
        Node(id="v:X1", parent="token:X"),
        Node(id="v:X2", parent="token:X"),
    )
)


def test_by_hand() -> None:
    """Variances 3² + 4² = 25 and 6² + 8² = 100; flows 5 and 30: d′² = 1 + 9, floor 35/√125."""
    others = {"v:X1": np.array([3.0, -4.0, 6.0, 8.0])}
    row = leakage({"v:X1": np.array([5.0, 30.0])}, others, TREE, parts=2).to_dicts()[-1]
    assert row["d_prime"] == pytest.approx(10**0.5)
    assert row["floor_d_prime"] == pytest.approx(35 / 125**0.5)
    assert row["auc"] == pytest.approx(NormalDist().cdf(5**0.5))
    assert row["excess"] == pytest.approx(10**0.5 * 125**0.5 / 35)


FLOW = st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6)
NOISE = st.lists(st.floats(0.5, 50), min_size=12, max_size=12)


@given(FLOW, NOISE)
def test_no_schedule_is_below_its_floor(flow: list[float], noise: list[float]) -> None:
    row = leakage({"v:X1": np.array(flow)}, {"v:X1": np.array(noise)}, TREE, parts=2).to_dicts()[-1]
    assert row["d_prime"] >= row["floor_d_prime"] * (1 - 1e-9)


@given(NOISE, st.floats(0.1, 1e3))
def test_spread_as_the_variance_is_the_floor(noise: list[float], scale: float) -> None:
    others = np.array(noise)
    row = leakage({"v:X1": scale * slice_variance(others, parts=2)}, {"v:X1": others}, TREE, parts=2).to_dicts()[-1]
    assert row["excess"] == pytest.approx(1)


def test_legs_that_net_are_seen_below_and_not_above() -> None:
    rng = np.random.default_rng(0)
    others = {"v:X1": rng.normal(0, 1, 20), "v:X2": rng.normal(0, 1, 20)}
    own = {"v:X1": np.full(4, 2.0), "v:X2": np.full(4, -2.0)}
    rows = {row["node"]: row for row in leakage(own, others, TREE, parts=5).to_dicts()}
    assert (rows["token:X"]["d_prime"], rows["token:X"]["excess"], rows["token:X"]["auc"]) == (0, None, 0.5)
    assert rows["v:X1"]["d_prime"] > 1


def test_where_nobody_else_trades_nothing_is_said() -> None:
    table = leakage({"v:X1": np.array([1.0])}, {"v:X1": np.zeros(5), "v:X2": np.ones(5)}, TREE, parts=5)
    assert "v:X1" not in table["node"].to_list()
    assert "v:X2" in table["node"].to_list()


@pytest.mark.parametrize(
    ("own", "others", "parts"),
    [
        ({"v:X1": np.ones(2)}, {"v:X1": np.ones(5)}, 2),
        ({"v:X1": np.ones(3)}, {"v:X1": np.ones(4)}, 2),
        ({"v:X2": np.ones(2)}, {"v:X1": np.ones(4)}, 2),
        ({}, {"v:X1": np.ones(4)}, 0),
        ({}, {}, 1),
        ({"v:X1": np.array([np.nan])}, {"v:X1": np.ones(2)}, 2),
    ],
)
def test_what_does_not_fit_is_refused(own: dict[str, np.ndarray], others: dict[str, np.ndarray], parts: int) -> None:
    with pytest.raises(InputError, match=r"slices"):
        leakage(own, others, TREE, parts=parts)


def test_an_unknown_instrument_is_refused() -> None:
    with pytest.raises(UnknownName, match="'v:X9'"):
        leakage({}, {"v:X9": np.ones(1)}, TREE)
