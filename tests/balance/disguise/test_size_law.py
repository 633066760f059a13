"""Laws of sizes: the mean that was asked for, as little unlike the market as can be, never one size twice running."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.core.errors import InputError

SIZES: Final = np.array([1, 2, 5, 10, 50, 100])
CHANCES: Final = np.array([0.4, 0.25, 0.15, 0.12, 0.05, 0.03])
MEAN: Final = float(SIZES @ CHANCES)


@given(st.floats(1.001, 99.9))
def test_it_has_the_mean_that_was_asked_for(mean: float) -> None:
    law = SizeLaw.like(SIZES, chances=CHANCES, mean=mean)
    assert law.mean == pytest.approx(mean, rel=1e-5)
    assert law.up_to[-1] == pytest.approx(1.0)
    assert (law.chances > 0).all()


def test_the_market_s_own_mean_is_the_market_and_its_volume_the_volume() -> None:
    assert SizeLaw.like(SIZES, chances=CHANCES, mean=MEAN).chances == pytest.approx(CHANCES, abs=1e-9)
    by_volume = CHANCES * SIZES
    wanted = float(by_volume @ SIZES / by_volume.sum())
    assert SizeLaw.like(SIZES, chances=CHANCES, mean=wanted).chances == pytest.approx(by_volume / by_volume.sum(), abs=1e-6)
    drawn = np.repeat(SIZES, (CHANCES * 100).astype(int))
    assert SizeLaw.like(drawn, mean=MEAN).chances == pytest.approx(CHANCES, abs=1e-9)


@pytest.mark.parametrize("mean", [2.0, 6.0, 20.0, 60.0, 80.0])
def test_no_law_of_that_mean_is_less_unlike(mean: float) -> None:
    """Against a general solver of the quadratic program."""
    law = SizeLaw.like(SIZES, chances=CHANCES, mean=mean)
    ours = np.zeros(len(SIZES))
    ours[np.searchsorted(SIZES, law.lots)] = law.chances
    found = minimize(
        lambda p: float(p @ (p / CHANCES)),
        np.full(len(SIZES), 1 / len(SIZES)),
        jac=lambda p: 2 * p / CHANCES,
        method="SLSQP",
        bounds=[(0, 1)] * len(SIZES),
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1},
            {"type": "eq", "fun": lambda p: (p @ SIZES - mean) / mean},
        ],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success
    assert float(ours @ (ours / CHANCES)) <= found.fun * (1 + 1e-5)


def test_means_out_of_reach_come_as_near_as_they_may() -> None:
    assert SizeLaw.like(SIZES, chances=CHANCES, mean=0.1).mean == pytest.approx(1.0, rel=1e-3)
    assert SizeLaw.like(SIZES, chances=CHANCES, mean=1e6).mean == pytest.approx(100.0, rel=1e-3)
    assert SizeLaw.like(SIZES, chances=CHANCES, mean=50.0, most=10).lots.max() == 10
    assert SizeLaw.like([7, 7], mean=3.0).lots.tolist() == [7]
    assert SizeLaw.like(SIZES, mean=3.0, most=0.5).lots.tolist() == [1]


def test_draws_follow_the_law() -> None:
    """Frequencies within four standard errors; without `last` each draw is the law's."""
    law, rng = SizeLaw.like(SIZES, chances=CHANCES, mean=12.0), np.random.default_rng(5)
    drawn = np.array([law.draw(rng, most=1_000) for _ in range(20_000)])
    share = np.array([(drawn == size).mean() for size in law.lots])
    assert (np.abs(share - law.chances) < 4 * np.sqrt(law.chances * (1 - law.chances) / 20_000)).all()
    bounded = np.array([law.draw(rng, most=20, last=2) for _ in range(5_000)])
    assert set(bounded.tolist()) == {1, 5, 10, 20}
    able = law.chances[[0, 2, 3, 4, 5]]
    assert (bounded == 1).mean() == pytest.approx(able[0] / able.sum(), abs=0.03)
    assert (bounded == 20).mean() == pytest.approx(able[3:].sum() / able.sum(), abs=0.03)


@given(st.integers(0, 2**32), st.integers(2, 300), st.floats(0, 0.99))
def test_never_the_same_twice_running_and_never_above_the_cap(seed: int, most: int, urgency: float) -> None:
    rng = np.random.default_rng(seed)
    for law in (SizeLaw.around(9.0), SizeLaw.around(0.3), SizeLaw.like([40], mean=40), SizeLaw.like(SIZES, mean=8.0)):
        shown = [0]
        for _ in range(12):
            shown.append(law.draw(rng, most=most, last=shown[-1], urgency=urgency))
        assert all(a != b for a, b in pairwise(shown))
        assert min(shown[1:]) >= 1
        assert max(shown) <= most


def test_a_last_lot_is_a_lot_again() -> None:
    law, rng = SizeLaw.around(4.0), np.random.default_rng(0)
    assert law.draw(rng, most=1, last=1) == 1
    assert SizeLaw.around(0.3).draw(rng, most=5, last=1) == 2
    assert 2 <= SizeLaw.like([40], mean=40).draw(rng, most=4, last=4) <= 3
    assert law.draw(rng, most=0) == 0


def test_urgency_leaves_the_small_ones_out() -> None:
    law, rng = SizeLaw.like(SIZES, chances=CHANCES, mean=12.0), np.random.default_rng(0)
    mean = [np.mean([law.draw(rng, most=100, urgency=u) for _ in range(500)]) for u in (0.0, 0.5, 0.9)]
    assert mean == sorted(mean)
    assert min(law.draw(rng, most=100, urgency=0.95) for _ in range(200)) >= 50


def test_around_a_mean() -> None:
    assert SizeLaw.around(10.0).lots.tolist() == list(range(5, 16))
    assert SizeLaw.around(0.4).lots.tolist() == [1]
    assert SizeLaw.around(10.0).mean == pytest.approx(10.0)


@pytest.mark.parametrize(("sizes", "chances"), [([], None), ([0, 1], None), ([1, 2], [1.0]), ([1, 2], [1.0, 0.0])])
def test_what_is_no_law_is_refused(sizes: list[int], chances: list[float] | None) -> None:
    with pytest.raises(InputError, match="sizes"):
        SizeLaw.like(sizes, chances=chances, mean=2.0)
