"""Power of scores: published figures, a slow twin, the least that can be given away, refusals."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.sim.agents.detection import (
    alarm_threshold,
    auc,
    auc_of,
    detectability,
    detection_delay,
    leakage_floor,
    least_detectable,
)

scores = st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(-inf)), min_size=2, max_size=12)


@pytest.mark.parametrize(("d_prime", "area"), [(0.178, 0.55), (0.358, 0.6), (0.742, 0.7)])
def test_area_of_a_d_prime(d_prime: float, area: float) -> None:
    """Green and Swets: AUC = Φ(d′/√2), by tables of the normal."""
    assert auc_of(d_prime) == pytest.approx(area, abs=1e-3)


@given(x=scores, y=scores)
@settings(max_examples=60)
def test_area_equals_naive_twin(x: list[float], y: list[float]) -> None:
    """Pair by pair, and DeLong's variance from the components of each run."""
    wins = np.array([[(a > b) + (a == b) / 2 for b in y] for a in x])
    found = auc(x, y)
    assert found.value == pytest.approx(wins.mean())
    assert found.value == pytest.approx(mannwhitneyu(np.nan_to_num(x), np.nan_to_num(y)).statistic / wins.size)
    if 0 < found.value < 1:
        spread = sqrt(wins.mean(axis=1).var(ddof=1) / len(x) + wins.mean(axis=0).var(ddof=1) / len(y))
        odds = found.value / (1 - found.value)
        step = np.exp(1.959964 * spread / (found.value * (1 - found.value)))
        assert found.high == pytest.approx(odds * step / (1 + odds * step), rel=1e-6)
        assert found.low == pytest.approx(odds / step / (1 + odds / step), rel=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    draw, truth = np.random.default_rng(3), auc_of(1.0)
    held = sum(low <= truth <= high for _, low, high in (auc(draw.normal(1, 1, 40), draw.normal(0, 1, 40)) for _ in range(600)))
    assert 0.925 < held / 600 < 0.975


def test_runs_told_apart_have_an_interval() -> None:
    assert auc([2.0] * 10, [1.0] * 30) == (1.0, pytest.approx(0.05 ** (1 / 10)), 1.0)
    assert auc([1.0] * 10, [2.0] * 30) == (0.0, 0.0, pytest.approx(1 - 0.05 ** (1 / 10)))


@pytest.mark.parametrize("count", [19, 50, 200])
def test_a_threshold_keeps_its_rate(count: int) -> None:
    """Exactly: a further exchangeable run exceeds it with a chance of at most, and nearly, 5 %."""
    draw = np.random.default_rng(count)
    rate = np.mean([draw.random() > alarm_threshold(draw.random(count)) for _ in range(4000)])
    assert rate < 0.05 + 4 * sqrt(0.05 * 0.95 / 4000)
    assert rate > 0.05 - 1 / (count + 1) - 4 * sqrt(0.05 * 0.95 / 4000)


def test_too_few_clean_runs_make_no_threshold() -> None:
    with pytest.raises(InputError, match="wants 19"):
        alarm_threshold(np.arange(18.0))
    with pytest.raises(InputError, match="between 0 and 1"):
        alarm_threshold(np.arange(18.0), alarm_rate=1.0)


def test_a_delay_is_the_share_done() -> None:
    fills = {"fill_ts": [10, 20, 30, 40], "fill_lots": [1, 1, 2, 4]}
    path = [5, 15, 25, 35, 45], [0.0, 1.0, 2.0, 3.0, 4.0]
    for threshold, share in ((-1.0, 0.0), (0.5, 0.125), (1.0, 0.25), (2.5, 0.5), (3.5, 1.0), (9.0, inf)):
        assert detection_delay(*path, threshold=threshold, **fills) == share
    with pytest.raises(InputError, match="some"):
        detection_delay(*path, threshold=0.0, fill_ts=[1], fill_lots=[0])


@given(seed=st.integers(0, 2**32), size=st.integers(2, 8))
@settings(max_examples=40)
def test_no_schedule_goes_below_the_floor(seed: int, size: int) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(size, size)) + 2 * np.eye(size)
    covariance = root @ root.T
    least = least_detectable(3.0, covariance)
    assert least.sum() == pytest.approx(3.0)
    floor = 3.0 / sqrt(covariance.sum())
    assert detectability(least, covariance) == pytest.approx(floor, rel=1e-6)
    other = draw.normal(size=size)
    other *= 3.0 / other.sum()
    assert detectability(other, covariance) >= floor * (1 - 1e-9)


def test_the_floor_from_runs_is_that_of_their_covariance() -> None:
    """Long memory included: net flow of correlated slices."""
    draw = np.random.default_rng(2)
    lags = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    covariance = (1.0 + lags) ** -0.5
    net = draw.multivariate_normal(np.zeros(10), covariance, 20_000).sum(axis=1)
    floor = leakage_floor(6.0, net)
    assert floor.d_prime == pytest.approx(6.0 / sqrt(covariance.sum()), rel=0.02)
    assert floor.auc == auc_of(floor.d_prime)


def test_independent_slices_are_traded_in_proportion_to_their_noise() -> None:
    """execution.md: spread in proportion to s²."""
    assert least_detectable(14.0, np.diag([1.0, 4.0, 9.0])) == pytest.approx([1.0, 4.0, 9.0])


def test_impossible_input_is_refused() -> None:
    for x, y in (([1.0], [1.0, 2.0]), ([1.0, 2.0], [np.nan, 1.0])):
        with pytest.raises(InputError, match="two or more"):
            auc(x, y)
    with pytest.raises(InputError, match="confidence"):
        auc([1.0, 2.0], [1.0, 2.0], confidence=1.0)
    with pytest.raises(InputError, match="does not vary"):
        leakage_floor(1.0, [2.0, 2.0])
    with pytest.raises(InputError, match="3 × 3"):
        detectability([1.0, 1.0, 1.0], np.eye(2))
    with pytest.raises(NumericalError, match="positive definite"):
        detectability([1.0, 1.0], [[1.0, 2.0], [2.0, 1.0]])
