"""The bounded maker of Guéant, Lehalle and Fernandez-Tapia: published digits, other ways to the same numbers, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from counterpoise.core.errors import InputError
from counterpoise.sim.kernels.maker import bounded_values, run_bounded_makers
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel, maker_paths
from counterpoise.sim.maker.bounded import asymptotic_distances, bounded_distances, bounded_paths, bounded_worth
from reference.naive_maker import bounded_path, bounded_value
from reference.naive_market import Xoshiro

PAPER = MakerModel(sigma=0.3, intensity=0.9, kappa=0.3, gamma=0.01, horizon=600.0)
ALL = np.arange(-30, 31)
MODELS = st.builds(
    MakerModel,
    sigma=st.floats(0.05, 3.0),
    intensity=st.floats(0.1, 20.0),
    kappa=st.floats(0.2, 3.0),
    gamma=st.floats(0.005, 0.5),
    horizon=st.floats(0.5, 5.0),
)


def test_published_distance() -> None:
    """σ = .3, A = .9, κ = .3, γ = .01, T = 600, Q = 30: the bid at no inventory and time 0, to the last of its ten digits."""
    bid, ask = bounded_distances(0, time=0.0, model=PAPER, limit=30)
    assert f"{bid:.9f}" == "3.313045410"
    assert ask == pytest.approx(bid, abs=1e-12)


def test_matrix_exponential_says_the_same() -> None:
    held = np.arange(-6, 7)
    model = MakerModel(sigma=1.0, intensity=5.0, kappa=0.8, gamma=0.2, horizon=2.0)
    alpha = 0.5 * 0.8 * 0.2
    eta = 5.0 * (1 + 0.2 / 0.8) ** -(1 + 0.8 / 0.2)
    v = expm(-2.0 * (np.diag(alpha * held**2.0) - eta * (np.eye(13, k=1) + np.eye(13, k=-1)))) @ np.ones(13)
    bid, ask = bounded_distances(held, time=0.0, model=model, limit=6)
    assert bid[:-1] == pytest.approx(np.log(v[:-1] / v[1:]) / 0.8 + np.log(1.25) / 0.2, rel=1e-11)
    assert ask[1:] == pytest.approx(np.log(v[1:] / v[:-1]) / 0.8 + np.log(1.25) / 0.2, rel=1e-11)
    assert bounded_worth(held, time=0.0, model=model, limit=6) == pytest.approx(np.log(v) / 0.8, rel=1e-11)


def test_naive_integration() -> None:
    model, limit = MakerModel(sigma=1.2, intensity=6.0, kappa=1.1, gamma=0.3), 3
    alpha = model.kappa / 2 * model.gamma * model.sigma**2
    eta = model.intensity * (1 + model.gamma / model.kappa) ** -(1 + model.kappa / model.gamma)
    left, out = np.array([0.0, 0.3, 0.3, 1.0]), np.empty((4, 7))
    bounded_values(left, alpha, eta, limit, out)
    for tau, logs in zip(left, out, strict=True):
        assert np.exp(logs) == pytest.approx(bounded_value(model, limit, tau, 200), rel=1e-8)


def test_small_entries_are_right_too() -> None:
    """Far inventories are worth e^{−hundreds} beside the flat one; each still obeys v′ = αq²v − η(v₋ + v₊) at the far end."""
    model = MakerModel(sigma=2.0, intensity=1.0, kappa=1.5, gamma=0.1, horizon=10.0)
    near = [bounded_worth(ALL, time=t, model=model, limit=30) * 1.5 for t in (5.0 - 1e-4, 5.0, 5.0 + 1e-4)]
    assert near[1][30] - near[1][0] > 140
    eta = (1 + 0.1 / 1.5) ** -16.0
    slope = (near[2] - near[0]) / 2e-4
    expected = 0.3 * ALL[1:-1] ** 2 - eta * (np.exp(near[1][:-2] - near[1][1:-1]) + np.exp(near[1][2:] - near[1][1:-1]))
    assert slope[1:-1] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_far_from_the_horizon() -> None:
    """The exact asymptote is reached; the closed form is within 2 % of it near no inventory."""
    exact = bounded_distances(ALL, time=0.0, model=PAPER, limit=30)
    ground = asymptotic_distances(ALL, model=PAPER, limit=30)
    closed = asymptotic_distances(ALL, model=PAPER)
    for there, limit, formula in zip(exact, ground, closed, strict=True):
        held = np.isfinite(there)
        assert limit[held] == pytest.approx(there[held], abs=1e-6)
        assert formula[25:36] == pytest.approx(there[25:36], rel=0.02)
    spread = closed[0] + closed[1]
    assert spread == pytest.approx(
        2 * np.log(1 + 0.01 / 0.3) / 0.01 + np.sqrt(0.09 * 0.01 / (2 * 0.3 * 0.9) * (1 + 0.01 / 0.3) ** 31)
    )


def test_at_the_horizon_only_the_fixed_part_is_left() -> None:
    bid, ask = bounded_distances([-30, 0, 30], time=600.0, model=PAPER, limit=30)
    fixed = np.log(1 + 0.01 / 0.3) / 0.01
    assert bid.tolist() == pytest.approx([fixed, fixed, np.inf])
    assert ask.tolist() == pytest.approx([np.inf, fixed, fixed])


@given(model=MODELS, limit=st.integers(1, 8), share=st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_more_inventory_bids_lower(model: MakerModel, limit: int, share: float) -> None:
    """And asks closer; the book is symmetric in the inventory; a wider limit is worth more."""
    held, time = np.arange(-limit, limit + 1), share * model.horizon
    bid, ask = bounded_distances(held, time=time, model=model, limit=limit)
    assert (np.diff(bid) >= -1e-9).all()
    assert (np.diff(ask[1:]) <= 1e-9).all()
    assert bid == pytest.approx(ask[::-1], rel=1e-9, abs=1e-9)
    worth = bounded_worth(held, time=time, model=model, limit=limit)
    assert (bounded_worth(held, time=time, model=model, limit=limit + 1) >= worth - 1e-9).all()


def test_paths_are_worth_what_the_equation_says() -> None:
    """The certainty equivalent of simulated profits is ln(v₀)/κ, and no maker of the table beats it (3.3 errors)."""
    model, paths = MakerModel(), 20_000
    rng = np.random.default_rng(4)
    quotes = bounded_paths(model, limit=10, paths=paths, dt=0.0005, rng=rng)
    worth = float(bounded_worth(0, time=0.0, model=model, limit=10))
    found, error = equivalent(quotes["profit"].to_numpy(), model.gamma)
    assert found == pytest.approx(worth, abs=3.3 * error + 0.0015 * worth)  # at most one fill a step: .1 % at this step
    assert quotes["inventory"].abs().max() <= 10
    for skewed in (True, False):
        other, wide = equivalent(
            maker_paths(model, paths=paths, dt=0.0005, rng=rng, skewed=skewed)["profit"].to_numpy(), model.gamma
        )
        assert other < found + 3.3 * np.hypot(error, wide)


def equivalent(profit: np.ndarray, gamma: float) -> tuple[float, float]:
    """Certainty equivalent and its standard error."""
    utility = np.exp(-gamma * (profit - profit.mean()))
    error = utility.std() / utility.mean() / gamma / np.sqrt(len(profit))
    return float(profit.mean() - np.log(utility.mean()) / gamma), float(error)


def test_naive_paths() -> None:
    model, words = MakerModel(gamma=0.3, sigma=1.0), np.random.SeedSequence(9).generate_state(4, np.uint64)
    below, above = bounded_distances(np.arange(-2, 3), time=np.linspace(0, 1, 40)[:, None], model=model, limit=2)
    profit, inventory = np.empty(8), np.empty(8, np.int64)
    market = np.array([100.0, 0.007, model.sigma, model.intensity, model.kappa])
    run_bounded_makers(market, below, above, words.reshape(1, 4).copy(), profit, inventory)
    random = Xoshiro(words)
    expected = [bounded_path(model, 0.007, below, above, random) for _ in range(8)]
    assert inventory.tolist() == [held for _, held in expected]
    assert profit == pytest.approx([earned for earned, _ in expected], rel=1e-12)
    assert max(abs(inventory)) == 2


def test_shapes_broadcast_and_order_does_not_matter() -> None:
    times = np.array([[600.0], [0.0], [300.0]])
    bid, _ = bounded_distances(ALL, time=times, model=PAPER, limit=30)
    assert bid.shape == (3, 61)
    for row, time in zip(bid, times[:, 0], strict=True):
        assert row == pytest.approx(bounded_distances(ALL, time=time, model=PAPER, limit=30)[0], rel=1e-10)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="within ±2"):
        bounded_distances(3, time=0.0, model=PAPER, limit=2)
    with pytest.raises(InputError, match="not whole"):
        bounded_distances(0.5, time=0.0, model=PAPER, limit=2)
    with pytest.raises(InputError, match="at least 1"):
        bounded_paths(PAPER, limit=0, paths=1, dt=0.1, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="0 to the horizon"):
        bounded_worth(0, time=601.0, model=PAPER, limit=2)
    with pytest.raises(InputError, match="NaN"):
        bounded_worth(0, time=float("nan"), model=PAPER, limit=2)
    with pytest.raises(InputError, match="coarser unit"):
        bounded_worth(0, time=0.0, model=MakerModel(horizon=1e6), limit=1000)
    with pytest.raises(InputError, match="vanishes"):
        asymptotic_distances(0, model=MakerModel(gamma=5.0, sigma=5.0), limit=200)
