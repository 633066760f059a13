"""Transient impact: Obizhaeva and Wang in closed form, any kernel on a grid, and those that let a round trip earn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from counterpoise.balance.schedule.obizhaeva_wang import obizhaeva_wang
from counterpoise.balance.schedule.schedule import whole_lots
from counterpoise.balance.schedule.transient import transient_schedule
from counterpoise.balance.schedule.volume import vwap
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.flow.impact.impact import TransientImpact


def test_obizhaeva_and_wang_on_a_fine_grid() -> None:
    """The closed form is the limit of the grid, and 11.920292 % cheaper than a constant rate."""
    exact = obizhaeva_wang(100, horizon=1, resilience=2)
    assert (exact.block, exact.rate, exact.block + exact.rate * exact.horizon + exact.block) == (25, 50, 100)
    assert 100 * (1 - exact.cost / exact.twap_cost) == pytest.approx(11.920292, abs=5e-7)
    grid = transient_schedule(np.linspace(0, 1, 1001), lambda lag: np.exp(-2 * lag), 100)
    assert grid.cost == pytest.approx(exact.cost, rel=1e-6)
    assert np.cumsum(grid.trades)[[0, 250, 999, 1000]] == pytest.approx(exact.done(np.array([0, 0.25, 0.999, 1.0])), abs=0.06)
    even = np.full(1001, 100 / 1001)
    lag = np.abs(np.subtract.outer(*[np.linspace(0, 1, 1001)] * 2))
    assert even @ np.exp(-2 * lag) @ even / 2 == pytest.approx(exact.twap_cost, rel=2e-3)


def test_eleven_trades_against_an_exponential_kernel() -> None:
    found = transient_schedule(np.linspace(0, 1, 11), lambda lag: np.exp(-2 * lag), 100)
    assert found.trades == pytest.approx([27.537413, *[4.991686] * 9, 27.537413], abs=5e-7)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 8),
    kernel=st.sampled_from(
        [
            lambda t: np.exp(-t),
            lambda t: (1 + 3 * t) ** -0.4,
            lambda t: np.maximum(1 - t / 3, 0.0),
            lambda t: 0.2 + 0.8 * np.exp(-5 * t),
        ]
    ),
)
def test_no_other_trades_are_cheaper(seed: int, count: int, kernel: object) -> None:
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.uniform(0.05, 1, count))
    found = transient_schedule(times, kernel, 3.0)  # type: ignore[arg-type]
    decay = kernel(np.abs(times[:, None] - times[None, :]))  # type: ignore[operator]

    def cost(inner: Float1D) -> float:
        trades = np.append(inner, 3.0 - inner.sum())
        return float(trades @ decay @ trades / 2)

    peer = minimize(cost, np.full(count - 1, 3.0 / count), method="BFGS", options={"gtol": 1e-10})
    assert found.cost == pytest.approx(cost(found.trades[:-1]), rel=1e-9)
    assert found.cost <= peer.fun + 1e-9
    assert found.trades.sum() == pytest.approx(3.0)
    assert (found.trades > -1e-9).all()
    assert found.trades[::-1] == pytest.approx(
        transient_schedule(times[-1] - times[::-1], kernel, 3.0).trades  # type: ignore[arg-type]
    )


def test_the_impact_that_prices_a_plan_makes_the_schedule() -> None:
    """The kernel of the impact object in ns, and its own price of the trades."""
    impact = TransientImpact(bps_per_million=4.0, permanent=0.1, half_lives=("5s", "1m"))
    times = np.arange(0, 61, 10) * 1_000_000_000
    found = transient_schedule(times, lambda lag: impact.kernel(lag.astype(np.int64)), 2.0)
    assert impact.cost_bps(times, found.trades) == pytest.approx(4.0 * found.cost / 2.0)
    assert impact.cost_bps(times, np.full(7, 2 / 7)) > impact.cost_bps(times, found.trades)


def test_kernels_that_let_a_round_trip_earn_are_refused() -> None:
    times = np.linspace(0, 1, 6)
    with pytest.raises(InputError, match="not positive definite"):
        transient_schedule(times, lambda lag: 1 - lag**2, 1.0)
    with pytest.raises(InputError, match="against its own side"):
        transient_schedule(times, lambda lag: np.exp(-(lag**2)), 1.0)
    assert transient_schedule(times, lambda lag: np.exp(-(lag**2)), 1.0, alternate=True).trades.min() < 0
    with pytest.raises(InputError, match="not finite"):
        transient_schedule(times, lambda lag: np.divide(1.0, lag, out=np.full_like(lag, np.inf), where=lag > 0), 1.0)


@pytest.mark.parametrize("times", [[], [0.0, 0.0], [1.0, 0.0], [0.0, np.nan]])
def test_times_increase(times: list[float]) -> None:
    with pytest.raises(InputError, match="increasing finite times"):
        transient_schedule(times, np.exp, 1.0)


@pytest.mark.parametrize("bad", [{"horizon": 0.0}, {"resilience": 0.0}, {"quantity": np.nan}])
def test_a_refill_needs_time_and_speed(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="resilience > 0"):
        obizhaeva_wang(**({"quantity": 1.0, "horizon": 1.0, "resilience": 1.0} | bad))


@settings(max_examples=50, deadline=None)
@given(path=st.lists(st.floats(-5, 5), min_size=1, max_size=9), end=st.floats(0.5, 5), lots=st.integers(1, 10**6))
def test_lots_stay_within_half_a_lot_of_the_path(path: list[float], end: float, lots: int) -> None:
    whole = np.array([*path, end])
    found = whole_lots(whole, qty_lots=lots)
    assert found[-1] == lots
    assert (np.abs(found - whole / end * lots) <= 0.5 + 1e-6).all()


def test_a_volume_schedule_goes_with_the_volume() -> None:
    found = vwap(1000, times_ns=np.array([0, 10, 20, 30]), volume=np.array([1.0, 0.0, 3.0]))
    assert found.cumulative_lots.tolist() == [250, 250, 1000]
    with pytest.raises(InputError, match="increasing edges"):
        vwap(10, times_ns=np.array([0, 10]), volume=np.array([1.0, 2.0]))
    with pytest.raises(InputError, match="not 0 in all"):
        vwap(10, times_ns=np.array([0, 10]), volume=np.array([0.0]))
