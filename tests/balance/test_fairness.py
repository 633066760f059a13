"""Gini and its kin: known values, the definition by pairs, and the laws of an inequality measure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.fairness import gini, max_to_mean, normalised_impact
from counterpoise.core.errors import InputError

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda found: max(found) > 1e-3)


@given(VALUES)
def test_gini_is_half_the_mean_difference_of_two_draws(values: list[float]) -> None:
    found = np.array(values)
    pairs = np.abs(np.subtract.outer(found, found)).mean() / (2 * found.mean())
    assert gini(values) == pytest.approx(pairs, abs=1e-9)


@given(VALUES, st.floats(0.1, 10))
def test_only_proportions_count(values: list[float], factor: float) -> None:
    assert gini(factor * np.array(values)) == pytest.approx(gini(values), abs=1e-9)
    assert gini(values * 2) == pytest.approx(gini(values), abs=1e-9)
    assert max_to_mean(values[::-1]) == pytest.approx(max_to_mean(values))


def test_a_transfer_from_rich_to_poor_makes_it_smaller() -> None:
    assert gini([2, 3, 6]) < gini([1, 3, 7])


def test_impact_goes_with_the_root_of_the_share() -> None:
    assert normalised_impact([1.0, 4.0, 0.0], [4.0, 4.0, 0.0]).tolist() == [0.5, 1.0, 0.0]
    assert normalised_impact([1.0], [0.0]).tolist() == [np.inf]


def test_nothing_has_no_inequality() -> None:
    assert np.isnan(gini([0.0, 0.0]))
    assert np.isnan(max_to_mean([0.0]))


@pytest.mark.parametrize("bad", [[], [-1.0], [np.nan], [np.inf]])
def test_what_is_no_amount_is_refused(bad: list[float]) -> None:
    with pytest.raises(InputError):
        gini(bad)


def test_impact_of_what_is_no_amount_is_refused() -> None:
    for own, others, exponent in (([-1.0], [1.0], 0.5), ([1.0], [1.0, 2.0], 0.5), ([1.0], [1.0], 0.0)):
        with pytest.raises(InputError):
            normalised_impact(own, others, exponent=exponent)
