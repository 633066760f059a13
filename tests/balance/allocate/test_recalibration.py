"""When a plan is made anew: not at every tick, not too soon, not too late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.allocate.recalibration import Recalibration
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS

BANDS = Recalibration(ratios={"volume": 0.5}, differences={"imbalance": 0.3}, patience=2, at_least="5s", at_most="60s")


def reasons(volumes: list[float], *, imbalance: float = 0.0, every_s: int = 5) -> list[int]:
    """Decisions at which the plan is made anew; the first plan is for a volume of 1."""
    state, found = BANDS.init(0, {"volume": 1.0, "imbalance": 0.0}), []
    for number, volume in enumerate(volumes, start=1):
        state, why = BANDS.step(state, number * every_s * SECOND_NS, {"volume": volume, "imbalance": imbalance})
        found += [number] if why else []
    return found


def test_a_value_inside_its_band_changes_nothing() -> None:
    assert reasons([1.49, 0.67, 1.0, 1.5]) == []


def test_a_spike_is_not_enough_and_staying_outside_is() -> None:
    assert reasons([2.0, 1.0, 2.0, 1.0]) == []
    assert reasons([2.0, 2.0]) == [2]
    assert reasons([0.5, 0.5]) == [2]


def test_the_new_value_is_the_new_reference() -> None:
    """A value that wavers about the edge of a band makes one plan, not many."""
    assert reasons([1.6, 1.6, 1.4, 1.6, 1.4, 1.6]) == [2]


def test_imbalance_counts_by_its_difference() -> None:
    assert reasons([1.0, 1.0], imbalance=0.31) == [2]
    assert reasons([1.0, 1.0], imbalance=-0.31) == [2]
    assert reasons([1.0, 1.0], imbalance=0.29) == []


def test_never_too_soon_and_never_too_old() -> None:
    assert reasons([9.0] * 4, every_s=1) == []
    assert reasons([9.0] * 5, every_s=1) == [5]
    assert reasons([1.0] * 25) == [12, 24]


def test_it_says_why() -> None:
    state = BANDS.init(0, {"volume": 1.0, "imbalance": 0.0})
    for second in (60, 65):
        state, why = BANDS.step(state, second * SECOND_NS, {"volume": 3.0, "imbalance": 0.0})
        if second == 60:
            assert why == ("the plan is older than 60s",)
    assert why == ()


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=60))
def test_plans_are_never_nearer_than_they_may(volumes: list[float]) -> None:
    made = reasons(volumes, every_s=2)
    assert all((b - a) * 2 >= 5 for a, b in zip([0, *made], made, strict=False))


def test_what_cannot_be_meant_is_refused() -> None:
    for bad in (
        {"ratios": {"a": 0.0}},
        {"differences": {"a": float("inf")}},
        {"ratios": {"a": 1.0}, "differences": {"a": 1.0}},
        {"patience": 0},
        {"at_least": "10m", "at_most": "1m"},
    ):
        with pytest.raises(ConfigError):
            Recalibration(**bad)  # type: ignore[arg-type]
    for values in ({"volume": 0.0, "imbalance": 0.0}, {"volume": 1.0}, {"volume": float("nan"), "imbalance": 0.0}):
        with pytest.raises(InputError, match="a band needs it finite"):
            BANDS.init(0, values)
    state = BANDS.init(10, {"volume": 1.0, "imbalance": 0.0})
    with pytest.raises(InputError, match="look at the clock"):
        BANDS.step(state, 9, {"volume": 1.0, "imbalance": 0.0})
