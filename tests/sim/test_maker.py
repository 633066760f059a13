"""Avellaneda-Stoikov quotes: the formulas by hand, the published table, and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.sim.kernels.maker import run_makers
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel, maker_paths, maker_quotes
from reference.naive_maker import path
from reference.naive_market import Xoshiro

MODEL = MakerModel()


def test_quotes_by_hand() -> None:
    """γ = .1, σ = 2, κ = 1.5: spread .4 + 20 ln(1 + 1/15) = 1.690770 at the start, 1.290770 at the end."""
    bid, ask = maker_quotes(100.0, [0, 3], time=[0.0, 0.5], model=MODEL)
    assert ask - bid == pytest.approx([1.690770, 1.490770], abs=1e-6)
    assert (ask + bid) / 2 == pytest.approx([100.0, 100.0 - 3 * 0.1 * 4 * 0.5])
    bid, ask = maker_quotes(100.0, 3, time=0.0, model=MODEL, widening=False)
    assert float(ask - bid) == pytest.approx(1.290770, abs=1e-6)


@pytest.mark.parametrize(("skewed", "profit", "spread", "inventory"), [(True, 64.2, 6.0, 2.93), (False, 68.6, 13.8, 8.84)])
def test_published_table(skewed: bool, profit: float, spread: float, inventory: float) -> None:
    """The paper's table for γ = .1 (s = 100, T = 1, σ = 2, dt = .005, κ = 1.5, A = 140) over many paths, within 1 %."""
    rng = np.random.default_rng(20)
    frame = maker_paths(MODEL, paths=100_000, dt=0.005, rng=rng, skewed=skewed)
    found = [frame["profit"].mean(), frame["profit"].std(), frame["inventory"].std()]
    assert found == pytest.approx([profit, spread, inventory], rel=0.01)
    assert frame["inventory"].mean() == pytest.approx(0.0, abs=3.3 * inventory / np.sqrt(100_000))


def test_the_symmetric_maker_by_probability() -> None:
    """p = A dt e^{−κδ} a side and step: inventory variance 2 n p (1 − p), mean profit 2 n p δ (99.9 % intervals)."""
    frame = maker_paths(MODEL, paths=20_000, dt=0.005, rng=np.random.default_rng(5), skewed=False)
    half = 10 * np.log(1 + 1 / 15)
    p = 140 * 0.005 * np.exp(-1.5 * half)
    assert frame["inventory"].var() == pytest.approx(400 * p * (1 - p), rel=3.3 * np.sqrt(2 / 20_000))
    assert frame["profit"].mean() == pytest.approx(400 * p * half, abs=3.3 * 13.8 / np.sqrt(20_000))


def test_risk_aversion_trades_profit_for_inventory() -> None:
    timid, bold = (
        maker_paths(MakerModel(gamma=gamma), paths=5_000, dt=0.005, rng=np.random.default_rng(6)) for gamma in (0.5, 0.01)
    )
    assert timid["inventory"].std() < bold["inventory"].std()
    assert timid["profit"].mean() < bold["profit"].mean()


@pytest.mark.parametrize("skewed", [True, False])
def test_naive_loop(skewed: bool) -> None:
    model, words = MakerModel(gamma=0.3, sigma=1.0), np.random.SeedSequence(9).generate_state(4, np.uint64)
    left = 1.0 - 0.02 * np.arange(50)
    widths, skews = 0.3 * left + 1.2, 0.3 * left * skewed
    profit, inventory = np.empty(8), np.empty(8, np.int64)
    run_makers(100.0, 0.007, 1.0, 140.0, 1.5, widths, skews, words.reshape(1, 4).copy(), profit, inventory)
    random = Xoshiro(words)
    expected = [path(model, 0.007, widths, skews, random) for _ in range(8)]
    assert inventory.tolist() == [held for _, held in expected]
    assert profit == pytest.approx([earned for earned, _ in expected], rel=1e-12)


def test_same_seed_same_paths() -> None:
    runs = [maker_paths(MODEL, paths=20, dt=0.005, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert runs[0].equals(runs[1])
    assert not runs[0].equals(runs[2])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="gamma is 0"):
        MakerModel(gamma=0.0)
    with pytest.raises(InputError, match="0 to the horizon"):
        maker_quotes(100.0, 0, time=1.5, model=MODEL)
    with pytest.raises(InputError, match="1/intensity"):
        maker_paths(MODEL, paths=1, dt=0.01, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="0 paths"):
        maker_paths(MODEL, paths=0, dt=0.005, rng=np.random.default_rng(0))
