"""Our share of volume, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.balance.tca import participation, rates
from counterpoise.core.errors import InputError

SPAN = {"start_ns": 100, "end_ns": 350, "every_ns": 100}


def test_by_hand() -> None:
    """Three slices, the last of half the length; what lies outside is left out, both ends to the nanosecond."""
    own_ns, own = np.array([99, 100, 199, 200, 349, 350]), np.array([50.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    others_ns, others = np.array([150, 340]), np.array([9.0, 1.0])
    table = rates(own_ns, own, others_ns, others, **SPAN)
    assert table["own"].to_list() == [3, 3, 4]
    assert table["others"].to_list() == [9, 0, 1]
    assert table["share"].to_list() == [0.25, 1, 0.8]
    found = participation(table)
    assert (found.own, found.others, found.share, found.worst, found.p50) == (10, 10, 0.5, 1, 0.8)
    assert found.p90 == pytest.approx(0.96)
    assert found.p99 == pytest.approx(0.996)


def test_a_silent_slice_has_no_share() -> None:
    nothing = np.zeros(0, np.int64), np.zeros(0)
    table = rates(*nothing, *nothing, **SPAN)
    assert table["share"].to_list() == [None] * 3
    assert participation(table) == (0, 0, None, None, None, None, None)


def test_slices_lose_nothing() -> None:
    rng = np.random.default_rng(0)
    ts, qty = rng.integers(100, 350, 500), rng.random(500)
    table = rates(ts, qty, ts[::-1], 2 * qty, **SPAN | {"every_ns": 7})
    assert table.height == 36
    assert participation(table).own == pytest.approx(qty.sum())
    assert participation(table).share == pytest.approx(1 / 3)


@pytest.mark.parametrize("wrong", [{"end_ns": 100}, {"every_ns": 0}])
def test_no_interval_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected an interval in parts"):
        rates(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), np.zeros(0), **SPAN | wrong)


@pytest.mark.parametrize("qty", [[-1.0], [np.nan], [1.0, 2.0]])
def test_no_quantity_is_refused(qty: list[float]) -> None:
    with pytest.raises(InputError, match="own: 1 times"):
        rates(np.array([120]), np.array(qty), np.zeros(0, np.int64), np.zeros(0), **SPAN)
