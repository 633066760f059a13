"""Medians of censored times against published ones, and half-lives of simulated books against the truth."""

from __future__ import annotations

from fractions import Fraction
from math import inf, log, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.book.recovery import median_time, resilience
from counterpoise.flow.book.sweeps import find_sweeps
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.message_script import events_of

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
# Freireich et al. (1963): weeks in remission; of those treated, 12 were still in remission when last seen
TREATED: Final = np.array([6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], np.float64)
PLACEBO: Final = np.array([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], np.float64)


def test_published_medians_of_remission() -> None:
    """As SAS's LIFETEST prints them with its log-log limits: 23 (13, none) and 8 (4, 11)."""
    assert median_time(TREATED, np.arange(21) < 9) == (23.0, 13.0, None)
    assert median_time(PLACEBO, np.ones(21, bool)) == (8.0, 4.0, 11.0)


def naive_median(times: list[float], ended: list[bool]) -> float | None:
    """First time by which the product of the shares that went on is at most one half."""
    alive = Fraction(1)
    for t in sorted(set(times)):
        here = [e for u, e in zip(times, ended, strict=True) if u == t]
        alive *= 1 - Fraction(sum(here), sum(u >= t for u in times))
        if 2 * alive <= 1:
            return t
    return None


@pytest.mark.parametrize("seed", range(8))
def test_median_equals_naive_product(seed: int) -> None:
    draw = np.random.default_rng(seed)
    times, ended = draw.integers(0, 12, 15).astype(np.float64), draw.random(15) < 0.7
    assert median_time(times, ended).value == naive_median(times.tolist(), ended.tolist())


def test_median_needs_ends() -> None:
    assert median_time(np.array([3.0, 4.0]), np.array([False, False])) == (None, None, None)
    assert median_time(np.zeros(0), np.zeros(0, bool)) == (None, None, None)
    assert median_time(np.array([3.0]), np.array([True])).value == 3.0
    for times, ended, confidence in (
        ([1.0], [True, True], 0.9),
        ([-1.0], [True], 0.9),
        ([np.nan], [True], 0.9),
        ([1.0], [True], 1),
    ):
        with pytest.raises(InputError):
            median_time(np.array(times), np.array(ended), confidence=confidence)


def test_interval_holds_the_true_median_as_often_as_it_says() -> None:
    """Exponential times watched for a random time: 95 % of 400 intervals, within three standard errors of that share."""
    draw, held = np.random.default_rng(2718), 0
    for _ in range(400):
        time, watch = draw.exponential(3.0, 60), draw.uniform(1.0, 10.0, 60)
        median = median_time(np.minimum(time, watch), time <= watch)
        assert median.low is not None
        held += median.low <= 3 * log(2) and (median.high is None or median.high > 3 * log(2))
    assert abs(held / 400 - 0.95) < 3 * (0.95 * 0.05 / 400) ** 0.5


def book_that_refills(seed: int, *, rate_per_s: float, sweeps: int, gradual: bool) -> Events:
    """Every 30 s a buy takes 100 and 300 lots at two asks; they come back unit by unit, or all at once, at a known rate."""
    draw, messages = np.random.default_rng(seed), []
    messages.append((29.0, SNAPSHOT, [(1, 1000, 500), (-1, 1002, 100), (-1, 1003, 300), (-1, 1009, 900)]))
    for n in range(sweeps):
        start = 30.0 * (n + 1)
        messages.append((start, TRADE, [(1, 1002, 100), (1, 1003, 300)]))
        messages.append((start, DELTA, [(-1, 1002, 0), (-1, 1003, 0)]))
        if gradual:
            back = np.sort(draw.exponential(1 / rate_per_s, 400))
            messages += [(start + t, DELTA, [(-1, 1003, i + 1)]) for i, t in enumerate(back.tolist()) if t < 28]
            messages.append((start + 28.5, DELTA, [(-1, 1002, 100), (-1, 1003, 300)]))
        else:
            at = start + draw.exponential(1 / rate_per_s)
            ticks = [(float(t), DELTA, [(1, 1000, 500 + t % 2)]) for t in np.arange(start + 4, start + 28, 4.0)]
            whole = [(min(at, start + 28.5), DELTA, [(-1, 1002, 100), (-1, 1003, 300)])]
            messages += sorted(ticks + whole)
    return events_of(messages)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_half_life_of_a_book_that_refills_at_once_at_a_known_rate(seed: int) -> None:
    """A quarter of the sweeps outlive patience; with 120 of them the 99.9 % interval holds the truth."""
    events = book_that_refills(seed, rate_per_s=0.35, sweeps=120, gradual=False)
    frame = find_sweeps(events, PERP, patience_ns=4 * SECOND_NS)
    half = resilience(frame, confidence=0.999).filter(pl.col("side") == 1, pl.col("what") == "half").row(0, named=True)
    assert (half["sweeps"], half["unseen"], half["unsound"]) == (120, 0, 0)
    assert 10 < half["sweeps"] - half["recovered"] < 60
    assert half["low_ns"] / SECOND_NS < log(2) / 0.35 < half["high_ns"] / SECOND_NS
    assert half["rho_low_per_s"] < 0.35 < half["rho_high_per_s"]
    assert resilience(frame).filter(pl.col("side") == -1)["sweeps"].to_list() == [0, 0, 0]


def test_both_rates_of_an_exponential_recovery_agree() -> None:
    """400 lots that come back each at its own exponential time: half by ln 2 / ρ, nine tenths by ln 10 / ρ."""
    frame = find_sweeps(book_that_refills(7, rate_per_s=0.5, sweeps=25, gradual=True), PERP)
    both = resilience(frame).filter(pl.col("side") == 0)
    assert both["rho_per_s"].to_list()[:2] == pytest.approx([0.5, 0.5], rel=0.05)
    assert both["rho_per_s"].to_list()[2] is None
    assert both["recovered"].to_list() == [25, 25, 0]  # the best ask comes back only with the last lot


def test_censored_sweeps_are_not_left_out() -> None:
    """Without those that never recovered the half-life would be half as long."""
    frame = find_sweeps(book_that_refills(5, rate_per_s=0.12, sweeps=100, gradual=False), PERP, patience_ns=10 * SECOND_NS)
    found = resilience(frame).row(0, named=True)["median_ns"]
    naive = frame["half_ns"].median()
    assert isinstance(naive, float)
    assert naive < 0.75 * found


def test_what_is_left_out_is_counted() -> None:
    hidden = [(10.0, TRADE, [(1, 1002, 1), (1, 1003, 1)]), (10.1, DELTA, [(1, 1000, 1)]), (20.0, DELTA, [(1, 1000, 2)])]
    unsound = [(1.0, TRADE, [(1, 5, 1), (1, 6, 1)])]
    start = (5.0, SNAPSHOT, [(1, 1000, 5), (-1, 1002, 5)])
    found = resilience(find_sweeps(events_of([*unsound, start, *hidden]), PERP)).row(0, named=True)
    assert (found["sweeps"], found["unseen"], found["unsound"]) == (0, 1, 1)
    assert found["median_ns"] is None
    with pytest.raises(InputError, match="half_ns"):
        resilience(pl.DataFrame({"side": [1]}))
    assert resilience(find_sweeps(Events.empty(), PERP))["sweeps"].sum() == 0


def exact_median(times: list[int], ended: list[bool], z: float) -> tuple[int | None, int | None, int | None]:
    """Median and limits from the exact S(t)."""
    alive, variance, value, low, high = Fraction(1), 0.0, None, None, None
    for t in sorted({u for u, e in zip(times, ended, strict=True) if e}):
        n = sum(u >= t for u in times)
        d = sum(e for u, e in zip(times, ended, strict=True) if u == t)
        alive *= Fraction(n - d, n)
        variance += d / (n * (n - d)) if d < n else 0.0
        away = log(-log(alive)) - log(log(2)) if alive else inf
        error = z * sqrt(variance) / -log(alive) if alive else 0.0
        value = t if value is None and alive <= Fraction(1, 2) else value
        low = t if low is None and away >= -error else low
        high = t if high is None and alive and away > error else high
    return value, low, high


@pytest.mark.parametrize("n", [2, 24, 46, 48, 90, 96, 178, 200])
def test_a_survival_of_exactly_one_half_is_the_median(n: int) -> None:
    """Among them sizes at which a product of floats stays a rounding above one half; also with censored times between."""
    z = NormalDist().inv_cdf(0.975)
    assert median_time(np.arange(1.0, n + 1), np.ones(n, bool)) == exact_median([*range(1, n + 1)], [True] * n, z)
    assert median_time(np.arange(1.0, n + 1), np.ones(n, bool)).value == n / 2
    for seed in range(5):
        draw = np.random.default_rng([n, seed])
        times, ended = draw.integers(1, 20, n), draw.random(n) < 0.8
        assert median_time(times.astype(np.float64), ended) == exact_median(times.tolist(), ended.tolist(), z)
