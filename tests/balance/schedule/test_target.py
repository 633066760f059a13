"""Schedules for the close and for a time on the way: the mirror of the arrival price, and what no other path beats."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.schedule.almgren_chriss import almgren_chriss
from counterpoise.balance.schedule.target import target_schedule
from counterpoise.core.errors import InputError

TERMS: Final = {"horizon": 5.0, "steps": 5, "sigma": 0.95, "risk_aversion": 1e-6, "eta": 2.375e-6}


def test_the_close_is_the_published_arrival_price_schedule_mirrored() -> None:
    """Almgren and Chriss's own example (η = 2.5e-6 less γτ/2): their holdings are what is done, from the other end."""
    found = target_schedule(1e6, target_step=5, **TERMS)
    assert found.done.round(4).tolist() == [0.0, 62141.8016, 147897.4878, 289854.2194, 541955.5544, 1000000.0]
    assert round(found.variance / 1e11, 8) == 3.64128572


@given(st.floats(-1e6, 1e6), st.floats(0, 1e-4))
def test_the_arrival_price_is_a_target(quantity: float, risk_aversion: float) -> None:
    terms = TERMS | {"risk_aversion": risk_aversion}
    theirs = almgren_chriss(quantity, **terms)
    found = target_schedule(quantity, target_step=0, **terms)
    assert found.trades == pytest.approx(theirs.trades, abs=1e-8 * (1 + abs(quantity)))
    assert (found.cost, found.variance) == pytest.approx((theirs.cost, theirs.variance))


@settings(max_examples=40)
@given(st.integers(1, 9), st.data(), st.floats(0, 3), st.floats(0.1, 4))
def test_no_other_path_is_better(steps: int, data: st.DataObject, risk_aversion: float, eta: float) -> None:
    """The normal equations of the whole quadratic, which know nothing of the two pieces."""
    target = data.draw(st.integers(0, steps))
    terms = {"horizon": 2.0, "sigma": 1.3, "risk_aversion": risk_aversion, "eta": eta}
    found = target_schedule(10.0, steps=steps, target_step=target, **terms)
    tau = 2.0 / steps
    n = np.eye(steps)
    done = np.tril(np.ones((steps, steps)))  # y = done @ n
    before = np.vstack([np.zeros((1, steps)), done[:-1]])[:target]
    after, whole = (np.ones((steps, steps)) - done)[target:], 1.69 * tau
    bend = eta / tau * n + risk_aversion * whole * (before.T @ before + after.T @ after)
    weights = np.linalg.solve(bend, np.ones(steps))
    best = 10 * weights / weights.sum()
    assert found.trades == pytest.approx(best, abs=1e-8)
    assert found.cost == pytest.approx(eta / tau * best @ best)
    assert found.variance == pytest.approx(whole * (((before @ best) ** 2).sum() + ((after @ best) ** 2).sum()), abs=1e-9)


def test_the_variance_is_that_of_random_prices() -> None:
    rng = np.random.default_rng(5)
    found = target_schedule(10.0, horizon=2.0, steps=8, target_step=5, sigma=1.3, risk_aversion=0.5, eta=1.0)
    prices = np.cumsum(rng.normal(0, 1.3 * 0.25**0.5, (40_000, 9)), axis=1)
    paid = np.concatenate([prices[:, 1:6], prices[:, 5:8]], axis=1)  # at that end of its step that is nearer to the target
    shortfall = (paid - prices[:, [5]]) @ found.trades
    assert shortfall.var() == pytest.approx(found.variance, rel=3.3 * (2 / 40_000) ** 0.5)


def test_without_risk_aversion_it_is_even() -> None:
    for target in range(6):
        found = target_schedule(10.0, target_step=target, **TERMS | {"risk_aversion": 0.0})
        assert found.trades == pytest.approx(np.full(5, 2.0))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target_step": 6}, "expected one of the grid"),
        ({"target_step": -1}, "expected one of the grid"),
        ({"risk_aversion": -1e-9}, "risk aversion of at least 0"),
        ({"eta": 0.0}, "positive definite"),
    ],
)
def test_what_has_no_optimum_is_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        target_schedule(1.0, **TERMS | {"target_step": 2} | changed)  # type: ignore[arg-type]
