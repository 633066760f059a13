"""Cartea and Jaimungal: the limits known in closed form, two solvers that know nothing of it, and the market of the paper."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from counterpoise.balance.schedule.almgren_chriss import almgren_chriss
from counterpoise.balance.schedule.cartea_jaimungal import cartea_jaimungal
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

TERMS: Final = {"horizon": 2.0, "eta": 0.3, "gamma": 0.2, "phi": 0.5, "alpha": 4.0}


def test_without_penalty_and_flow_it_is_twap() -> None:
    found = cartea_jaimungal(-100.0, np.zeros(8), horizon=2.0, eta=0.3, gamma=0.2)
    assert found.trades == pytest.approx(np.full(8, -12.5), rel=1e-14)
    assert found.speed == pytest.approx(np.full(8, -50.0), rel=1e-14)


@pytest.mark.parametrize(("phi", "alpha"), [(1e-12, np.inf), (0.0, 1e12), (1e-12, 1e12)])
def test_both_penalties_reach_their_limits(phi: float, alpha: float) -> None:
    flow = np.array([5.0, -3.0, 0.0, 20.0])
    limit = cartea_jaimungal(100.0, flow, horizon=2.0, eta=0.3, gamma=0.2)
    found = cartea_jaimungal(100.0, flow, horizon=2.0, eta=0.3, gamma=0.2, phi=phi, alpha=alpha)
    assert found.holdings == pytest.approx(limit.holdings, abs=1e-8)
    assert found.speed == pytest.approx(limit.speed, abs=1e-8)


@pytest.mark.parametrize("flow", [0.0, 40.0, -15.0])
def test_a_constant_flow_is_the_drift_of_almgren_and_chriss(flow: float) -> None:
    """With φ = λσ² and α = γμ; theirs is in steps, ours in continuous time: the difference falls as the square of the step."""
    sigma, risk_aversion = 0.95, 0.4
    gaps = []
    for steps in (100, 200):
        theirs = almgren_chriss(
            50.0, horizon=2.0, steps=steps, sigma=sigma, risk_aversion=risk_aversion, eta=0.3, gamma=0.0, drift=0.2 * flow
        )
        ours = cartea_jaimungal(
            50.0, np.full(steps, flow), horizon=2.0, eta=0.3, gamma=0.2, phi=risk_aversion * sigma**2, alpha=np.inf
        )
        gaps.append(np.abs(theirs.holdings - ours.holdings).max())
    assert gaps[1] < 1e-3
    assert gaps[0] / gaps[1] == pytest.approx(4, rel=0.02)


def least(quantity: float, flow: Float1D, *, horizon: float, eta: float, gamma: float, phi: float, alpha: float) -> Float1D:
    """Holdings, linear in each step, that minimise ∫(ην² + φq² − γμq)dt + (α − γ/2)q_T², by its normal equations."""
    n = len(flow)
    step = horizon / n
    pair = eta / step * np.array([[1, -1], [-1, 1]]) + phi * step / 6 * np.array([[2, 1], [1, 2]])
    bend, pull = np.zeros((n + 1, n + 1)), np.zeros(n + 1)
    for i in range(n):
        bend[i : i + 2, i : i + 2] += pair
        pull[i : i + 2] += gamma * flow[i] * step / 4
    bend[n, n] += alpha - gamma / 2
    rest = np.linalg.solve(bend[1:, 1:], pull[1:] - bend[1:, 0] * quantity)
    return np.concatenate([[quantity], rest])


@settings(max_examples=25, deadline=None)
@given(
    quantity=st.floats(-100, 100),
    flow=st.lists(st.floats(-100, 100), min_size=1, max_size=5),
    horizon=st.floats(0.2, 3),
    eta=st.floats(0.1, 2),
    gamma=st.floats(0, 1),
    phi=st.floats(0, 1),
    excess=st.floats(0, 10),
)
def test_no_other_path_is_better(
    quantity: float, flow: list[float], horizon: float, eta: float, gamma: float, phi: float, excess: float
) -> None:
    terms = {"horizon": horizon, "eta": eta, "gamma": gamma, "phi": phi, "alpha": gamma / 2 + excess}
    fine = 300 // len(flow)
    found = cartea_jaimungal(quantity, flow, **terms)
    best = least(quantity, np.repeat(flow, fine), **terms)
    assert found.holdings == pytest.approx(best[::fine], abs=1e-3 * (1 + abs(quantity) + np.abs(flow).max()))


def test_the_speed_solves_the_equation_of_the_value() -> None:
    """With H = x + qS + h₀ + q·h₁ + q²·h₂: the two equations of h₁ and h₂ backward, then what is left forward, by scipy."""
    flow = np.array([30.0, -80.0, 10.0, 60.0, 0.0])
    horizon, eta, gamma, phi, alpha = (TERMS[name] for name in ("horizon", "eta", "gamma", "phi", "alpha"))
    edges = np.linspace(0, horizon, len(flow) + 1)
    exact = {"rtol": 1e-10, "atol": 1e-10}
    value, solved = np.array([0.0, -alpha]), []
    for i in range(len(flow) - 1, -1, -1):

        def back(_: float, h: Float1D, mu: float = flow[i]) -> list[float]:
            lean = gamma + 2 * h[1]
            return [-gamma * mu - lean * h[0] / (2 * eta), phi - lean**2 / (4 * eta)]

        part = solve_ivp(back, (edges[i + 1], edges[i]), value, dense_output=True, **exact)
        solved.insert(0, part.sol)
        value = part.y[:, -1]

    def speed(i: int, t: float, q: float) -> float:
        h1, h2 = solved[i](t)
        return float(-(h1 + (gamma + 2 * h2) * q) / (2 * eta))

    holdings = [40.0]
    for i in range(len(flow)):
        run = solve_ivp(lambda t, q, i=i: [-speed(i, t, q[0])], (edges[i], edges[i + 1]), [holdings[-1]], **exact)
        holdings.append(run.y[0, -1])
    found = cartea_jaimungal(40.0, flow, **TERMS)
    assert found.holdings == pytest.approx(holdings, rel=1e-7)
    assert found.speed == pytest.approx([speed(i, edges[i], holdings[i]) for i in range(len(flow))], rel=1e-7)


@pytest.mark.parametrize("alpha", [0.1, 4.0, np.inf])
def test_to_plan_again_on_the_way_changes_nothing(alpha: float) -> None:
    flow = np.random.default_rng(1).normal(0, 50, 10)
    terms = TERMS | {"alpha": alpha}
    whole = cartea_jaimungal(40.0, flow, **terms)
    rest = cartea_jaimungal(whole.holdings[4], flow[4:], **terms | {"horizon": 1.2})
    assert rest.holdings == pytest.approx(whole.holdings[4:], rel=1e-11, abs=1e-11)
    assert rest.speed == pytest.approx(whole.speed[4:], rel=1e-11)


def test_linear_and_in_any_step() -> None:
    flow = np.random.default_rng(2).normal(0, 50, 6)
    both = cartea_jaimungal(40.0, flow, **TERMS)
    parts = cartea_jaimungal(40.0, np.zeros(6), **TERMS), cartea_jaimungal(0.0, flow, **TERMS)
    fine = cartea_jaimungal(40.0, np.repeat(flow, 7), **TERMS)
    assert both.holdings == pytest.approx(parts[0].holdings + parts[1].holdings)
    assert both.holdings == pytest.approx(fine.holdings[::7])
    assert both.trades.sum() == pytest.approx(40.0 - both.holdings[-1])


def test_buyers_to_come_are_waited_for() -> None:
    calm, buyers = (cartea_jaimungal(40.0, np.full(5, mu), **TERMS) for mu in (0.0, 30.0))
    assert buyers.speed[0] < calm.speed[0]
    assert (buyers.holdings[1:] > calm.holdings[1:]).all()


def test_the_most_urgent_does_not_overflow() -> None:
    """κT = 10⁵: all at once, and after that the penalty balances the drift, 2φq = γμ."""
    found = cartea_jaimungal(100.0, np.full(4, 3.0), horizon=10.0, eta=1e-8, gamma=0.2, phi=1.0)
    assert found.holdings == pytest.approx([100, 0.3, 0.3, 0.3, 0])


def test_following_the_flow_saves_what_the_theory_says() -> None:
    """Their market: buyers and sellers who come at random move a flow that fades, and the price follows it and our own trades.

    Both rules are linear in what is left and in μ, so the public function is asked once a step for each. By completing the
    square the flow is worth η∫ g(t)² E[μ_t²] dt, with g·μ the answer to it.
    """
    saved, predicted = saving(np.random.default_rng(2016), paths=8000, steps=150)
    half = 3.3 * saved.std(ddof=1) / np.sqrt(len(saved))
    assert saved.mean() - half > 0
    assert abs(saved.mean() - predicted) < half


def saving(rng: np.random.Generator, *, paths: int, steps: int) -> tuple[Float1D, float]:
    """(paths,) gain over the same rule without a forecast, in the same market, and its expectation by theory."""
    fading, arrivals, size, sigma = 3.0, 40.0, 4.0, 0.3
    eta, gamma, phi, alpha = (TERMS[name] for name in ("eta", "gamma", "phi", "alpha"))
    step = TERMS["horizon"] / steps
    kept, mean = np.exp(-fading * step), -np.expm1(-fading * step) / (fading * step)
    left, gain, price = np.full((2, paths), 40.0), np.zeros((2, paths)), np.zeros((2, paths))
    mu, reply, second = np.zeros(paths), np.zeros(steps + 1), np.zeros(steps + 1)  # g and E[μ²]
    for i in range(steps):
        terms = TERMS | {"horizon": (steps - i) * step}
        own = cartea_jaimungal(1.0, np.zeros(steps - i), **terms).trades[0] / step
        answer = cartea_jaimungal(0.0, mean * kept ** np.arange(steps - i), **terms)
        speed = own * left
        speed[0] += answer.trades[0] / step * mu
        moved = gamma * (mean * mu - speed) * step
        gain += (price + moved / 2 - eta * speed) * speed * step - phi * (left - speed * step / 2) ** 2 * step
        left -= speed * step
        price += moved + sigma * np.sqrt(step) * rng.standard_normal(paths)
        reply[i], second[i + 1] = answer.speed[0], kept**2 * second[i] + 4 * arrivals * step * size**2
        buyers, sellers = rng.poisson(arrivals * step, (2, paths))
        mu = kept * mu + size * (rng.standard_gamma(buyers) - rng.standard_gamma(sellers))
    gain += left * (price - alpha * left)
    during = second[:-1] * (1 - kept**2) / (2 * fading)  # others come between steps, in each the flow only fades
    return gain[0] - gain[1], float(eta * during @ (reply[:-1] ** 2 + reply[1:] ** 2) / 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"horizon": 0.0}, "horizon and eta above 0"),
        ({"eta": 0.0}, "horizon and eta above 0"),
        ({"gamma": -1.0}, "gamma and phi"),
        ({"phi": np.nan}, "gamma and phi"),
        ({"alpha": 0.09}, "below gamma/2 = 0.1"),
        ({"alpha": np.nan}, "below gamma/2"),
    ],
)
def test_what_has_no_optimum_is_refused(changed: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cartea_jaimungal(1.0, [0.0], **TERMS | changed)


@pytest.mark.parametrize("flow", [[], [np.nan], [[1.0]], 1.0])
def test_a_forecast_that_is_none_is_refused(flow: object) -> None:
    with pytest.raises(InputError, match="a forecast is one finite number for each step"):
        cartea_jaimungal(1.0, flow, **TERMS)  # type: ignore[arg-type]


def test_a_quantity_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="finite quantity"):
        cartea_jaimungal(np.inf, [0.0], **TERMS)
