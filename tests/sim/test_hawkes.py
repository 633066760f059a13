"""The Hawkes kernel alone against what the theory says of it, and its random numbers against the published generator."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.sim.kernels.hawkes import excite, fade, sample_hawkes
from counterpoise.sim.kernels.random import draw, next_word, uniform
from reference.naive_market import Xoshiro


def arrivals(mu: float, own: float, other: float, beta: float, horizon_s: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.SeedSequence(seed).generate_state(4, np.uint64).reshape(1, 4)
    times, sides = np.empty(2_000_000), np.empty(2_000_000, np.int8)
    count = sample_hawkes(mu, own * beta, other * beta, beta, horizon_s, rng, times, sides)
    assert count < len(times)
    return times[:count], sides[:count]


@pytest.mark.parametrize(("own", "other"), [(0.0, 0.0), (0.5, 0.0), (0.3, 0.3), (0.75, 0.1)])
def test_rate_is_the_stationary_mean(own: float, other: float) -> None:
    """E N(T) = 2 μ T / (1 − n), Var N(T) → E N(T) / (1 − n)² (Bacry et al. 2015, section 2.3); 99.9 % interval."""
    mu, horizon_s, n = 2.0, 20_000.0, own + other
    times, _ = arrivals(mu, own, other, 5.0, horizon_s, seed=17)
    mean = 2 * mu * horizon_s / (1 - n)
    assert abs(len(times) - mean) < 3.29 * np.sqrt(mean) / (1 - n)


def test_counts_are_overdispersed_as_theory_says() -> None:
    """Over windows much longer than the memory, variance over mean of the counts is 1 / (1 − n)²."""
    times, _ = arrivals(1.0, 0.4, 0.1, 10.0, 100_000.0, seed=18)
    counts = np.histogram(times, np.arange(0, 100_001, 20.0))[0]
    fano = counts.var() / counts.mean()
    assert fano == pytest.approx(4.0, rel=3.29 * np.sqrt(2 / len(counts)) + 0.03)


def test_sides_follow_their_own() -> None:
    """Buys minus sells are excited by α_self − α_cross only: variance over mean count is 1 / (1 − (s − c))²."""
    times, sides = arrivals(1.0, 0.6, 0.1, 10.0, 100_000.0, seed=19)
    assert sides.mean() == pytest.approx(0.0, abs=0.02)
    edges = np.arange(0, 100_001, 20.0)
    signed = np.histogram(times, edges, weights=sides.astype(float))[0]
    counts = np.histogram(times, edges)[0]
    assert signed.var() / counts.mean() == pytest.approx(4.0, rel=3.29 * np.sqrt(2 / len(counts)) + 0.03)


def test_without_offspring_gaps_are_exponential() -> None:
    """Kolmogorov-Smirnov distance to 1 − exp(−2 μ t) below its 99.9 % point 1.95 / √n."""
    times, _ = arrivals(3.0, 0.0, 0.0, 1.0, 5_000.0, seed=20)
    gaps = np.sort(np.diff(times))
    cdf = 1 - np.exp(-6.0 * gaps)
    grid = np.arange(len(gaps) + 1) / len(gaps)
    assert max(np.abs(cdf - grid[1:]).max(), np.abs(cdf - grid[:-1]).max()) < 1.95 / np.sqrt(len(gaps))


def test_hawkes_naive_intensity() -> None:
    """The running excitation is the sum over all past arrivals, as in the definition."""
    times, sides = np.array([0.1, 0.4, 0.45, 1.3]), np.array([1, -1, 1, 1])
    state, last = np.zeros(3), 0.0
    for t, side in zip(times, sides, strict=True):
        fade(state, 1, 2.0, t - last)
        excite(state, 1, int(side), 1.5, 0.25)
        last = t
    fade(state, 1, 2.0, 2.0 - last)
    decayed = np.exp(-2.0 * (2.0 - times))
    assert state[1] == pytest.approx((np.where(sides > 0, 1.5, 0.25) * decayed).sum())
    assert state[2] == pytest.approx((np.where(sides < 0, 1.5, 0.25) * decayed).sum())
    assert state[0] == 0


def test_arrivals_stop_when_the_arrays_are_full() -> None:
    rng = np.random.SeedSequence(1).generate_state(4, np.uint64).reshape(1, 4)
    assert sample_hawkes(100.0, 0.0, 0.0, 1.0, 1e6, rng, np.empty(7), np.empty(7, np.int8)) == 7


def test_generator_is_the_published_one() -> None:
    """First outputs of xoshiro256++ from the state 1, 2, 3, 4, as the reference implementation gives them."""
    rng = np.array([[1, 2, 3, 4]], np.uint64)
    published = [41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205]
    assert [int(next_word(rng, 0)) for _ in published] == published


def test_random_naive_twin() -> None:
    words = np.random.SeedSequence(2).generate_state(8, np.uint64)
    rng, naive = words.reshape(2, 4).copy(), Xoshiro(words[4:])
    table = np.arange(4096).reshape(1, -1) ** 2
    for _ in range(200):
        assert uniform(rng, 1) == naive.uniform()
        assert draw(rng, 1, table, 0) == naive.one_of(table[0])
    assert (rng[0] == words[:4]).all()
