"""Almgren and Chriss: their own numbers, a numeric optimiser, and the laws of the model."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from counterpoise.balance.schedule.almgren_chriss import almgren_chriss, efficient_frontier
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError

PAPER: Final = {"horizon": 5.0, "steps": 5, "sigma": 0.95, "eta": 2.5e-6, "gamma": 2.5e-7, "epsilon": 0.0625}


def test_the_numbers_of_the_paper() -> None:
    found = almgren_chriss(1e6, risk_aversion=1e-6, **PAPER)
    assert found.kappa == pytest.approx(0.6070761632, abs=5e-11)
    assert found.holdings[1:-1] == pytest.approx([541955.5544, 289854.2194, 147897.4878, 62141.8016], abs=5e-5)
    assert found.cost == pytest.approx(911226.986304, abs=5e-7)
    assert found.variance == pytest.approx(3.64128572e11, rel=1e-9)


def test_without_aversion_it_is_a_straight_line() -> None:
    found = almgren_chriss(1e6, risk_aversion=0.0, **PAPER)
    assert found.trades == pytest.approx(np.full(5, 2e5))
    assert (found.cost, found.variance) == pytest.approx((662500, 1.083e12))


def test_two_assets_that_move_together() -> None:
    """The second is sold short on the way: it hedges the first."""
    terms = PAPER | {
        "sigma": 0.95**2 * np.array([[1, 0.5], [0.5, 1]]),
        "eta": np.diag([2.5e-6, 6.25e-7]),
        "gamma": np.diag([2.5e-7, 6.25e-8]),
    }
    found = almgren_chriss([1e6, 1e6], risk_aversion=1e-6, **terms)
    assert found.holdings[1:-1, 0] == pytest.approx([528808.481, 289181.344, 153575.464, 66814.744], abs=1e-3)
    assert found.holdings[1:-1, 1] == pytest.approx([161142.944, -30882.391, -50071.139, -28650.666], abs=1e-3)
    assert found.cost == pytest.approx(1464021.900647, abs=5e-7)


def objective(trades: Float1D, start: Float1D, terms: dict[str, object], risk_aversion: float) -> float:
    """E + λV − drift, summed step by step as the model is told."""
    m = len(start)
    covariance, eta, gamma, drift = (np.asarray(terms[name], float) for name in ("sigma", "eta", "gamma", "drift"))
    steps = int(terms["steps"])  # type: ignore[call-overload]
    tau = float(terms["horizon"]) / steps  # type: ignore[arg-type]
    inner = trades.reshape(steps - 1, m)
    every = np.vstack([inner, start - inner.sum(axis=0)])
    value, left, fallen = 0.0, start.copy(), np.zeros(m)
    for sold in every:
        value += sold @ (fallen + eta @ sold / tau)  # the price of the step: what fell before it, and what it pays at once
        fallen = fallen + gamma @ sold
        left = left - sold
        value += risk_aversion * tau * left @ covariance @ left - tau * drift @ left
    return float(value)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), assets=st.integers(1, 3), steps=st.integers(2, 6), aversion=st.floats(0, 5))
def test_no_other_way_is_cheaper(seed: int, assets: int, steps: int, aversion: float) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(3, assets, assets))
    spd = [r @ r.T / assets + 0.3 * np.eye(assets) for r in root]
    terms = {"horizon": 1.0, "steps": steps, "sigma": spd[0], "eta": spd[1] + np.eye(assets), "gamma": 0.2 * spd[2]}
    terms["drift"] = draw.normal(size=assets)
    start = draw.normal(size=assets)
    found = almgren_chriss(start, risk_aversion=aversion, **terms)
    peer = minimize(objective, np.zeros(assets * (steps - 1)), (start, terms, aversion), method="BFGS", options={"gtol": 1e-9})
    at_ours = objective(found.trades[:-1].ravel(), start, terms, aversion)
    assert at_ours <= peer.fun + 1e-7
    assert found.cost + aversion * found.variance == pytest.approx(at_ours, abs=1e-9)


def test_a_cosine_seeks_risk_until_there_is_no_minimum() -> None:
    """Below the bound told in the message nothing is least; just above it the path is still found, and later than the line."""
    with pytest.raises(InputError, match="no minimum") as refused:
        almgren_chriss(1e6, risk_aversion=-1.0, **PAPER)
    bound = float(str(refused.value).split("below ")[1].split(" ")[0])
    path = almgren_chriss(1e6, risk_aversion=0.5 * bound, **PAPER).holdings
    assert (path[1:-1] > 1e6 * (1 - np.arange(1, 5) / 5)).all()
    with pytest.raises(InputError, match="no minimum"):
        almgren_chriss(1e6, risk_aversion=1.001 * bound, **PAPER)


def test_branches_meet() -> None:
    """A little aversion, a little of its opposite and none are one path."""
    line = almgren_chriss(1e6, risk_aversion=0.0, drift=0.02, **PAPER).holdings
    for tiny in (1e-15, -1e-15):
        assert almgren_chriss(1e6, risk_aversion=tiny, drift=0.02, **PAPER).holdings == pytest.approx(line, rel=1e-6)


def test_great_aversion_sells_at_once_without_overflow() -> None:
    found = almgren_chriss(1e6, risk_aversion=1e3, horizon=5.0, steps=2000, sigma=0.95, eta=2.5e-6)
    assert np.isfinite(found.holdings).all()
    assert found.trades[0] == pytest.approx(1e6, rel=1e-3)


def test_the_frontier_falls_and_is_convex() -> None:
    cost, risk = efficient_frontier(1e6, np.geomspace(1e-8, 1e-4, 12), **PAPER).T
    assert (np.diff(risk) < 0).all()
    assert (np.diff(cost) > 0).all()
    slope = np.diff(cost) / np.diff(risk)
    assert (np.diff(slope) < 0).all()


def matrix(*rows: tuple[float, float]) -> Float2D:
    return np.array(rows)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"horizon": 0.0}, "horizon above 0"),
        ({"steps": 0}, "steps and a finite"),
        ({"eta": 1e-8}, "positive definite"),
        ({"sigma": matrix((1, 2), (2, 1))}, "positive semidefinite"),
        ({"gamma": matrix((1e-8, 2e-8), (0, 1e-8))}, "symmetric"),
        ({"sigma": np.eye(3)}, "2 × 2 matrix"),
    ],
)
def test_what_cannot_be_meant_is_refused(bad: dict[str, object], said: str) -> None:
    terms = PAPER | {"sigma": np.eye(2)} | bad
    with pytest.raises(InputError, match=said):
        almgren_chriss([1e6, 1e6], risk_aversion=1e-6, **terms)
