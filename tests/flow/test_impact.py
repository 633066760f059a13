"""Transient impact: laws of the kernel, published schedules, and no round trip that earns."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import NO_IMPACT, TransientImpact

HALF_LIVES = st.lists(st.sampled_from(["50ms", "1s", "7s", "2m", "3h"]), min_size=1, max_size=4).map(tuple)
MODELS = st.builds(
    TransientImpact,
    bps_per_million=st.floats(0.01, 100),
    permanent=st.floats(0, 1),
    half_lives=HALF_LIVES,
)
TRADES = st.lists(st.tuples(st.integers(0, 600 * SECOND_NS), st.integers(-50, 50)), min_size=1, max_size=25)

# resilience ρ = 2 over a span of 1 s: half-life ln 2 / 2 s, to the nanosecond
OBIZHAEVA_WANG = TransientImpact(bps_per_million=3, permanent=0, half_lives=(f"{round(math.log(2) / 2 * 1e9)}ns",))


def columns(trades: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    time, millions = zip(*trades, strict=True)
    return np.array(time, np.int64), np.array(millions, np.float64) / 10


@given(MODELS)
def test_kernel_starts_at_one_falls_and_is_convex(model: TransientImpact) -> None:
    lag = np.linspace(0, 4 * 3600 * SECOND_NS, 2001).astype(np.int64)
    decay = model.kernel(lag)
    assert decay[0] == pytest.approx(1, abs=1e-15)
    assert (np.diff(decay) <= 1e-15).all()
    assert (np.diff(decay, 2) >= -1e-12).all()
    assert decay.min() >= model.permanent - 1e-15


def test_each_half_life_halves_its_part() -> None:
    model = TransientImpact(bps_per_million=1, permanent=0.2, half_lives=("1s", "10s"), weights=(0.25, 0.75))
    expected = 0.2 + 0.8 * (0.25 * 2**-10 + 0.75 / 2)
    assert model.kernel(np.array([10 * SECOND_NS]))[0] == pytest.approx(expected, rel=1e-14)
    equal = TransientImpact(bps_per_million=1, permanent=0, half_lives=("1s", "10s"))
    assert equal.kernel(np.array([10 * SECOND_NS]))[0] == pytest.approx((2**-10 + 1 / 2) / 2, rel=1e-14)


@given(MODELS, TRADES, st.lists(st.integers(0, 700 * SECOND_NS), min_size=1, max_size=5))
def test_displacement_is_the_sum_over_earlier_trades(
    model: TransientImpact, trades: list[tuple[int, int]], at: list[int]
) -> None:
    time, millions = columns(trades)
    found = model.displacement_bps(np.array(at, np.int64), time, millions)
    for i, now in enumerate(at):
        expected = 0.0
        for then, q in zip(time.tolist(), millions.tolist(), strict=True):
            if then < now:
                weights = model.weights or (1 / len(model.half_lives),) * len(model.half_lives)
                decay = zip(weights, model.rates[1:].tolist(), strict=True)
                left = sum(w * math.exp(-rate * (now - then)) for w, rate in decay)
                expected += q * (model.permanent + (1 - model.permanent) * left)
        assert found[i] == pytest.approx(model.bps_per_million * expected, rel=1e-9, abs=1e-9)


@given(MODELS, TRADES)
def test_no_round_trip_earns(model: TransientImpact, trades: list[tuple[int, int]]) -> None:
    """Whatever is bought is sold again at the end; trades at one instant included (Gatheral 2010, section 5)."""
    time, millions = columns(trades)
    time, millions = np.append(time, 600 * SECOND_NS), np.append(millions, -millions.sum())
    assert model.cost_bps(time, millions) >= -1e-9


def test_pieces_at_one_instant_cost_what_the_whole_costs() -> None:
    """Else a block bought in a thousand pieces at once would be free, and selling it would earn."""
    model = TransientImpact(bps_per_million=2, permanent=0.5)
    whole = model.cost_bps(np.array([5]), np.array([1.0]))
    assert whole == pytest.approx(1.0)
    assert model.cost_bps(np.full(1000, 5), np.full(1000, 1e-3)) == pytest.approx(whole)


@given(MODELS, TRADES)
def test_cost_is_half_own_and_all_earlier_displacement(model: TransientImpact, trades: list[tuple[int, int]]) -> None:
    """At distinct times the quadratic form is what each trade pays, one after the other."""
    time, millions = columns([(t, q) for t, q in dict(trades).items() if q] or [(0, 1)])
    paid = model.displacement_bps(time, time, millions) + model.bps_per_million * millions / 2
    assert model.cost_bps(time, millions) == pytest.approx(float(paid @ millions) / np.abs(millions).sum(), rel=1e-9, abs=1e-9)


def test_obizhaeva_wang_blocks_save_their_published_share_of_twap() -> None:
    """X = 100, T = 1, ρ = 2: blocks of 25, 50 evenly between, 11.920292 % below TWAP; 2,000 midpoints stand for dt."""
    slices = 2000
    between = ((np.arange(slices) + 0.5) / slices * 1e9).astype(np.int64)
    twap = OBIZHAEVA_WANG.cost_bps(between, np.full(slices, 100 / slices))
    time = np.concatenate([[0], between, [SECOND_NS]])
    best = OBIZHAEVA_WANG.cost_bps(time, np.concatenate([[25.0], np.full(slices, 50 / slices), [25.0]]))
    assert 1 - best / twap == pytest.approx(0.11920292, abs=2e-6)
    assert best == pytest.approx(3 * 2500 / 100, rel=1e-5)  # ½ × 50 × 100 of displacement × value


def test_best_eleven_trades_are_the_published_ones() -> None:
    """w = G⁻¹1 / 1ᵀG⁻¹1 (Gatheral, Schied, Slynko 2012) with our G; moving a little either way costs more."""
    time = np.linspace(0, SECOND_NS, 11).astype(np.int64)
    decay = OBIZHAEVA_WANG.kernel(np.abs(time[:, None] - time[None, :]).ravel()).reshape(11, 11)
    best = np.linalg.solve(decay, np.ones(11))
    best *= 100 / best.sum()
    assert best == pytest.approx([27.537413, *[4.991686] * 9, 27.537413], abs=1e-6)
    least = OBIZHAEVA_WANG.cost_bps(time, best)
    for i in range(10):
        for step in (-0.5, 0.5):
            moved = best.copy()
            moved[i] += step
            moved[i + 1] -= step
            assert OBIZHAEVA_WANG.cost_bps(time, moved) > least


def test_cost_of_nothing_is_nothing() -> None:
    assert TransientImpact(bps_per_million=2).cost_bps(np.array([1]), np.array([0.0])) == 0
    assert NO_IMPACT.cost_bps(np.array([1, 2]), np.array([5.0, 5.0])) == 0


def test_ticks_of_one_lot() -> None:
    """1 bp a million: a lot of 600 at a price of 600,000 ticks moves it by 600,000 × 1e-4 × 600 / 1e6 = 0.036 ticks."""
    model = TransientImpact(bps_per_million=1)
    assert model.ticks_per_lot(notional_per_lot=600, price_ticks=600_000) == pytest.approx(0.036)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"bps_per_million": -0.1}, r"bps_per_million >= 0 and permanent in \[0, 1\], found -0.1"),
        ({"bps_per_million": float("nan")}, "found nan"),
        ({"bps_per_million": float("inf")}, "found inf"),
        ({"permanent": 1.1}, "and 1.1"),
        ({"permanent": float("nan")}, "and nan"),
        ({"half_lives": ()}, "needs a half-life"),
        ({"half_lives": ("1s", "2s"), "weights": (1.0,)}, "found 2 and 1"),
        ({"half_lives": ("1s", "2s"), "weights": (1.5, -0.5)}, "positive and sum to 1"),
        ({"half_lives": ("1s", "2s"), "weights": (0.5, 0.4)}, "positive and sum to 1"),
        ({"half_lives": ("1s",), "weights": (float("nan"),)}, "positive and sum to 1"),
        ({"half_lives": ("soon",)}, "duration 'soon' not understood"),
        ({"half_lives": ("0s",)}, "must be a positive"),
    ],
)
def test_models_that_cannot_be_meant_are_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TransientImpact(**bad)  # type: ignore[arg-type]
