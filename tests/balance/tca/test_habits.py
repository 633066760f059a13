"""Clocks and repeated sizes: a textbook's example, chances by simulation, and children with and without habits."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.balance.tca import habits, rayleigh
from counterpoise.core.errors import InputError

SECOND = 1_000_000_000


def test_textbook_example() -> None:
    """Zar, Biostatistical Analysis, examples 26.1 and 27.1: eight bearings, r = .82522, z = 5.448, .001 < p < .002."""
    degrees = np.array([45, 55, 81, 96, 110, 117, 132, 154])
    found = rayleigh(degrees, 360)
    assert found.resultant == pytest.approx(0.82522, abs=2e-5)
    assert found.z == pytest.approx(5.448, abs=2e-3)
    assert 0.001 < found.p_value < 0.002


@pytest.mark.parametrize("n", [10, 50])
def test_chance_is_what_uniform_phases_show(n: int) -> None:
    """Of 20,000 sets of uniform phases as many are below p as p says, within 4 standard errors."""
    times = np.random.default_rng(n).integers(0, 10**9, (20_000, n))
    found = np.array([rayleigh(row, 10**6).p_value for row in times])
    for p in (0.01, 0.05, 0.2, 0.5):
        assert (found <= p).mean() == pytest.approx(p, abs=4 * (p * (1 - p) / len(found)) ** 0.5 + 0.002)


def test_a_fixed_clock_is_found_and_a_random_one_is_not() -> None:
    rng = np.random.default_rng(4)
    even = np.arange(40) * 7 * SECOND
    clock = habits(even + rng.integers(0, SECOND // 10, 40), np.arange(40), periods=("3s", "5s", "7s", "10s"))
    assert clock.period == "7s"
    assert clock.clock is not None
    assert clock.clock.resultant > 0.9
    assert clock.clock_p_value is not None
    assert clock.clock_p_value < 1e-9
    free = habits(np.sort(rng.integers(0, 280 * SECOND, 40)), np.arange(40))
    assert free.clock_p_value is not None
    assert free.clock_p_value > 0.01


def test_repeats_by_hand() -> None:
    """Sizes 5 5 5 7: two of three repeat; by chance 3·2 of 4·3 pairs are alike."""
    found = habits(np.arange(4) * SECOND, np.array([5, 5, 5, 7]))
    assert found.repeats == pytest.approx(2 / 3)
    assert found.repeats_by_chance == pytest.approx(0.5)
    assert found.most_common == 0.75


def test_repeats_by_chance_are_those_of_random_order() -> None:
    rng = np.random.default_rng(2)
    sizes = rng.choice([1, 2, 5, 10], 60, p=[0.4, 0.3, 0.2, 0.1])
    times = np.arange(60)
    shuffled = [habits(times, rng.permutation(sizes), periods=("1s",)).repeats or 0.0 for _ in range(400)]
    assert np.mean(shuffled) == pytest.approx(habits(times, sizes).repeats_by_chance, abs=4 * np.std(shuffled) / 20)


def test_few_children_say_little() -> None:
    none, one = np.zeros(0, np.int64), np.array([1])
    assert habits(none, none) == (0, None, None, None, None, None, None)
    assert habits(one, one) == (1, None, None, 1.0, None, None, None)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="one size a time"):
        habits(np.arange(3), np.arange(2))
    with pytest.raises(InputError, match="one size a time"):
        habits(np.arange(3), np.arange(3), periods=())
    with pytest.raises(InputError, match="one time or more"):
        rayleigh(np.zeros(0, np.int64), 10)
    with pytest.raises(InputError, match="positive period"):
        rayleigh(np.arange(3), 0)
