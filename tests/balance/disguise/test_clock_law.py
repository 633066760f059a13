"""Random clocks: their mean, bounds and intensity, no phase, and what their regularity gives away."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.tca.habits import PERIODS, rayleigh
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS, parse_duration

LAWS = [
    ClockLaw(),
    ClockLaw(every="2s", shape=3.0, least="500ms", most="4s"),
    ClockLaw(every="2s", shape=0.7, most="30s"),
    ClockLaw(every="6s", shape=2.0, most="10s"),
]


@pytest.mark.parametrize("law", LAWS)
def test_gaps_have_the_mean_and_the_bounds(law: ClockLaw) -> None:
    """Mean within four standard errors."""
    gaps = law.after(0, np.random.default_rng(2), count=50_000) / SECOND_NS
    every, least, most = (parse_duration(one) / SECOND_NS for one in (law.every, law.least, law.most))
    assert abs(gaps.mean() - every) < 4 * gaps.std() / np.sqrt(len(gaps))
    assert gaps.min() >= least - 1e-9
    assert gaps.max() <= most + 1e-9


def test_one_series_keeps_no_clock() -> None:
    """Rayleigh's test on the twelve periods an adversary tries; the clock itself fails it."""
    start = 1_700_000_000 * SECOND_NS
    law = ClockLaw(every="2s", shape=2.0, least="500ms", most="10s")
    times = law.times(start, start + 3_600 * SECOND_NS, np.random.default_rng(8))
    assert len(times) == pytest.approx(1_800, abs=150)
    assert (np.diff(times) > 0).all()
    assert min(rayleigh(times, parse_duration(period)).p_value for period in PERIODS) > 0.05 / len(PERIODS) / 10
    assert rayleigh(start + 2 * SECOND_NS * np.arange(1_800), 2 * SECOND_NS).p_value < 1e-12
    again = law.times(start, start + 3_600 * SECOND_NS, np.random.default_rng(8))
    assert np.array_equal(times, again)


def test_it_follows_the_intensity_of_the_day() -> None:
    """Three quarters of the decisions come in the half with three times the intensity; the mean over the day stays."""
    law = ClockLaw(every="10s", most="10m", intensity=(1.0, 3.0), period="1d")
    times = law.times(0, 86_400 * SECOND_NS, np.random.default_rng(3))
    assert len(times) == pytest.approx(8_640, abs=4 * 93)
    assert (times >= 43_200 * SECOND_NS).mean() == pytest.approx(0.75, abs=0.02)
    flat = ClockLaw(every="10s", most="10m").after(10**18, np.random.default_rng(1), count=5)
    level = ClockLaw(every="10s", most="10m", intensity=(2.0, 2.0)).after(10**18, np.random.default_rng(1), count=5)
    assert np.abs(flat - level).max() <= 1


def test_regularity_of_chance_is_one_and_of_a_clock_large() -> None:
    chance = ClockLaw(every="1s", most="60s").regularity(1e-3)
    assert chance == pytest.approx(1.0, rel=2e-3)
    even = [ClockLaw(every="1s", shape=shape, most="5s").regularity(0.02) for shape in (1.0, 2.0, 5.0, 20.0)]
    assert even == sorted(even)
    assert even[-1] > 3


@pytest.mark.parametrize("law", LAWS[1:3])
def test_regularity_is_that_of_simulated_hazards(law: ClockLaw) -> None:
    """Information of the hazard by ages on a fine grid, from drawn gaps alone."""
    share, every = 0.05, parse_duration(law.every) / SECOND_NS
    gaps = np.sort(law.after(0, np.random.default_rng(6), count=300_000) / SECOND_NS)
    edges = np.linspace(0, float(np.quantile(gaps, 0.9995)), 200)
    alive = 1 - np.searchsorted(gaps, edges) / len(gaps)
    hazard = -np.diff(np.log(np.maximum(alive, 1e-9))) / np.diff(edges)
    r, held = share * every * hazard, 0.5 * (alive[1:] + alive[:-1]) * np.diff(edges)
    expected = float(held @ ((1 + r) * np.log1p(r) - r)) / every * 2 / share**2
    assert law.regularity(share) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"shape": 0.5}, "shape"),
        ({"shape": 25.0}, "shape"),
        ({"every": "1s", "least": "1s"}, "every"),
        ({"every": "6s", "most": "10s"}, "below 5.0005 s"),
        ({"intensity": ()}, "intensity"),
        ({"intensity": (1.0, 0.0)}, "intensity"),
        ({"period": "1ns", "intensity": (1.0, 1.0)}, "period"),
    ],
)
def test_what_is_no_clock_is_refused(terms: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ClockLaw(**terms)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="share"):
        ClockLaw().regularity(0.0)
