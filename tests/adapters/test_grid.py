"""Steps found from decimal texts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.adapters.grid import StepGauge, StepScale, infer_step
from counterpoise.core.errors import InputError


@pytest.mark.parametrize(
    ("texts", "step"),
    [
        (["61800.50", "61801.00"], "0.5"),
        (["0.0015", "0.001", "0.002"], "0.0005"),
        (["1e-8", "3.5"], "0.00000001"),
        (["2000.000000", "0", "500"], "500"),
        (["-0.25", "0.5"], "0.25"),
        (["7"], "7"),
    ],
)
def test_cases(texts: list[str], step: str) -> None:
    assert infer_step(texts) == step


@settings(deadline=None)
@given(
    step=st.sampled_from(["0.05", "0.01", "0.5", "25", "0.0000001", "3"]),
    counts=st.lists(st.integers(-(10**9), 10**9), max_size=20),
    start=st.integers(1, 10**6),
)
def test_law_two_neighbours_give_the_step(step: str, counts: list[int], start: int) -> None:
    """Any multiples leave the step as it is once two neighbours have been seen."""
    values = [count * Decimal(step) for count in [*counts, start, start + 1]]
    assert Decimal(infer_step([f"{value:f}" for value in values])) == Decimal(step)
    scale = StepScale(step, what="tick")
    assert [scale(f"{value:f}") for value in values] == [*counts, start, start + 1]


def test_nothing_to_learn() -> None:
    assert StepGauge().step is None
    with pytest.raises(InputError, match="zeros"):
        infer_step(["0", "0.00"])
    with pytest.raises(InputError, match="finer"):
        infer_step(["1e-30"])
    with pytest.raises(InputError, match="not a decimal"):
        infer_step(["abc"])


def test_off_the_grid_says_so() -> None:
    scale = StepScale("0.5", what="tick")
    with pytest.raises(InputError, match=r"100\.3 is off the grid of tick 0\.5"):
        scale("100.3")
    with pytest.raises(InputError, match="off the grid"):
        StepScale("0.00000001", what="lot")("1e12")
