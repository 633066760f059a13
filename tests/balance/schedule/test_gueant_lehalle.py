"""Guéant, Lehalle and Fernandez-Tapia: their closed forms, a solver that tries every distance, and sellers on random paths."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from counterpoise.balance.schedule.gueant_lehalle import gueant_lehalle
from counterpoise.balance.schedule.kernels.falling import advance
from counterpoise.core.errors import InputError
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel
from reference import naive_falling

FIVE_MINUTES: Final = MakerModel(sigma=0.3, intensity=0.1, kappa=0.3, gamma=0.05, horizon=300.0)  # in ticks and seconds
FIXED: Final = np.log(1 + 0.05 / 0.3) / 0.05


def test_far_from_the_end_the_distances_are_those_printed() -> None:
    """Their limit: (1/κ) ln(A / ((1 + γ/κ)(αq² − βq))), whatever the penalty."""
    q = np.arange(1, 7)
    for drift, penalty in ((0.0, 3.0), (0.0, np.inf), (-0.001, 3.0)):
        long = replace(FIVE_MINUTES, horizon=40_000.0)
        found = gueant_lehalle(6, model=long, penalty=penalty, steps=40, drift=drift)
        decay = 0.5 * 0.3 * 0.05 * 0.3**2 * q**2 - 0.3 * drift * q
        assert found.distances[0] == pytest.approx(np.log(0.1 / (1 + 0.05 / 0.3) / decay) / 0.3, abs=1e-9)


@pytest.mark.parametrize("penalty", [0.0, 3.0, 40.0])
def test_without_risk_the_values_are_the_sum_printed(penalty: float) -> None:
    calm = replace(FIVE_MINUTES, sigma=1e-12)
    found = gueant_lehalle(6, model=calm, penalty=penalty, steps=5)
    values = naive_falling.risk_neutral(6, calm, penalty, 300.0)
    assert found.worth == pytest.approx(np.log(values) / 0.3, abs=1e-10)
    assert found.distances[0] == pytest.approx(np.diff(np.log(values)) / 0.3 + FIXED, abs=1e-10)


def test_at_the_end_the_order_is_priced_by_the_penalty() -> None:
    found = gueant_lehalle(6, model=FIVE_MINUTES, penalty=3.0, steps=10)
    assert found.distances[-1] == pytest.approx(np.full(6, FIXED - 3.0))
    must = gueant_lehalle(6, model=FIVE_MINUTES, penalty=np.inf, steps=10)
    assert (must.distances[-1] == -np.inf).all()
    assert must.holdings[-1] < 1e-200
    nearly = gueant_lehalle(6, model=FIVE_MINUTES, penalty=300.0, steps=10)
    assert nearly.distances[0] == pytest.approx(must.distances[0], abs=1e-9)


@pytest.mark.parametrize(("penalty", "drift"), [(3.0, 0.0), (0.0, -0.004), (10.0, 0.004)])
def test_no_distance_is_better(penalty: float, drift: float) -> None:
    found = gueant_lehalle(4, model=FIVE_MINUTES, penalty=penalty, steps=10, drift=drift)
    tried = naive_falling.worth(4, FIVE_MINUTES, penalty, drift, 1000)
    assert found.worth == pytest.approx(tried, abs=2e-3)


def test_sellers_who_follow_it_earn_what_it_says() -> None:
    """The mean of the utility against that of the certainty equivalent, and the trading curve, within 3.3 standard errors."""
    rng = np.random.default_rng(2012)
    found = gueant_lehalle(6, model=FIVE_MINUTES, penalty=3.0, steps=600)
    cash, left = naive_falling.sell(FIVE_MINUTES, found.distances, 3.0, 0.0, 15_000, rng)
    utility = np.exp(-0.05 * (cash - found.worth[6]))
    assert abs(utility.mean() - 1) < 3.3 * utility.std() / 15_000**0.5 + 0.002  # a step's discretisation
    assert abs(left.mean() - found.holdings[-1]) < 3.3 * left.std() / 15_000**0.5 + 0.002


def test_steps_change_the_curve_by_their_square_and_the_distances_not_at_all() -> None:
    coarse, middle, fine = (gueant_lehalle(6, model=FIVE_MINUTES, penalty=3.0, steps=n) for n in (60, 120, 240))
    assert coarse.distances == pytest.approx(fine.distances[::4], abs=1e-11)
    gaps = np.abs(coarse.holdings - middle.holdings[::2]).max(), np.abs(middle.holdings - fine.holdings[::2]).max()
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.05)


def test_what_hurries() -> None:
    """More to sell, more risk, less time for the last unit: a nearer order; a rising mid: a farther one."""
    plain = gueant_lehalle(20, model=FIVE_MINUTES, penalty=3.0, steps=60)
    assert (np.diff(plain.distances, axis=1) < 0).sum() == 60 * 19  # at the end all are the same
    assert (np.diff(plain.distances[:, 0]) < 0).all()
    assert (np.diff(plain.holdings) < 0).all()
    wild = gueant_lehalle(20, model=replace(FIVE_MINUTES, sigma=0.6), penalty=3.0, steps=60)
    rising = gueant_lehalle(20, model=FIVE_MINUTES, penalty=3.0, steps=60, drift=0.01)
    assert (wild.distances[:-1] < plain.distances[:-1]).all()
    assert (rising.distances[:-1] > plain.distances[:-1]).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.floats(0, 60), st.integers(0, 2**32 - 1))
def test_kernel_equals_its_naive_twin(n: int, most: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    value, leave, gain = rng.random(n), most * rng.random(n) - 1, 3 * rng.random(n)
    expected = naive_falling.advance(value, leave, gain)
    advance(value, leave, gain)
    assert value == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_kernel_of_nothing_nan_and_constants() -> None:
    nothing = np.zeros(0)
    advance(nothing, nothing, nothing)
    still = np.full(3, 2.0)
    advance(still, np.zeros(3), np.zeros(3))
    assert still.tolist() == [2, 2, 2]
    poisoned = np.array([1.0, np.nan, 1.0])
    advance(poisoned, np.ones(3), np.ones(3))
    assert poisoned[0] == pytest.approx(np.exp(-1))
    assert np.isnan(poisoned[1:]).all()


def test_small_entries_are_right_beside_large_ones() -> None:
    """q lots in a time in which one is rare: (1e-4)^q/q! e^(−1e-4) of a Poisson process."""
    value, rate = np.eye(40)[0], np.full(40, 1e-4)
    advance(value, rate, rate)
    expected = -1e-4 + np.arange(40) * np.log(1e-4) - np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 40)))])
    assert np.log(value) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"units": 0}, "at least 1 unit"),
        ({"steps": 0}, "1 step"),
        ({"penalty": -1.0}, "a penalty of at least 0"),
        ({"penalty": np.nan}, "a penalty of at least 0"),
        ({"drift": np.inf}, "a finite drift"),
        ({"penalty": 1e6}, "take inf"),
        ({"units": 400, "penalty": np.inf, "steps": 1}, "more steps or fewer units"),
    ],
)
def test_what_has_no_answer_is_refused(changed: dict[str, float], message: str) -> None:
    terms = {"units": 6, "penalty": 3.0, "steps": 10, "drift": 0.0} | changed
    units = int(terms.pop("units"))
    with pytest.raises(InputError, match=message):
        gueant_lehalle(units, model=FIVE_MINUTES, **terms)  # type: ignore[arg-type]
