"""Size against frequency: by hand, against every whole size, and the way it moves with each price."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.disguise.child_size import ChildCosts, ChildSize, DetectionModel, child_size
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.core.errors import InputError
from counterpoise.sim.agents.detection import leakage_floor

MARKET: Final = DetectionModel(orders_per_s=2.0, mean_lots=10.0, sd_lots=20.0)


def test_without_information_the_root_of_order_cost_over_walk() -> None:
    """√(c/w) = √(.9/.01) ≈ 9.49; of 9 and 10 lots the cheaper: .9/9 + .09 = .19 = .9/10 + .1, the smaller of two equals."""
    found = child_size([5.0], MARKET, ChildCosts(fee=0.4, queue_s=2.0, wait_per_s=0.25, walk=0.01), price_per_nat=0.0)
    assert found.lots.tolist() == [9]
    assert found.cost_per_s == pytest.approx([5 * 0.19])


def test_without_costs_sizes_as_volume_comes() -> None:
    """E q²/E q = (10² + 20²)/10 = 50."""
    found = child_size([3.0], MARKET, ChildCosts(), price_per_nat=2.0)
    assert found.lots.tolist() == [50]
    assert found.nats_per_s == pytest.approx([3.0**2 / (2 * 2.0 * 500)])


def test_by_hand_with_both() -> None:
    """A = ½·20·3²/2 = 45; x = (2A m/σ² − v c)/(2A (1 + m²/σ²)) = (2.25 − 1.125)/112.5 = .01."""
    found = child_size([3.0], MARKET, ChildCosts(fee=0.375), price_per_nat=20.0)
    assert found.lots.tolist() == [100]


def test_the_floor_of_signed_flow_is_what_volume_sized_children_give_away() -> None:
    """Over a time T, d′² = Q² / Var, with Var = Λ T E q² of one side's compound Poisson flow; the drift is d′²/2 in T."""
    draw = np.random.default_rng(4)
    sizes, chances, horizon, order_rate, rate = np.array([1, 4, 20]), np.array([0.5, 0.3, 0.2]), 400.0, 3.0, 5.0
    m, square = chances @ sizes, chances @ sizes**2
    market = DetectionModel(order_rate, m, np.sqrt(square - m**2))
    counts = draw.poisson(order_rate * horizon * chances, (20_000, 3))
    floor = leakage_floor(rate * horizon, counts @ sizes.astype(float))
    assert market.nats_per_s(rate, square / m) * horizon == pytest.approx(floor.d_prime**2 / 2, rel=0.03)


def test_the_information_is_the_likelihood_ratio_of_simulated_orders() -> None:
    """Orders of three sizes with few children among them: mean of ln(L₁/L₀) over many runs, three standard errors."""
    draw = np.random.default_rng(7)
    sizes, p0, order_rate, child_rate, seconds = np.array([1, 5, 20]), np.array([0.6, 0.3, 0.1]), 2.0, 0.1, 100.0
    law = SizeLaw.like(sizes, chances=p0, mean=8.0)
    market = DetectionModel(order_rate, p0 @ sizes, np.sqrt(p0 @ sizes**2 - (p0 @ sizes) ** 2))
    base, children = order_rate * p0, child_rate * law.chances
    counts = draw.poisson((base + children) * seconds, (40_000, 3))
    ratio = counts @ np.log1p(children / base) - children.sum() * seconds
    expected = float(market.nats_per_s(child_rate * 8.0, 8.0)) * seconds
    assert abs(ratio.mean() - expected) < 3 * ratio.std() / 200 + 0.05 * expected  # (f/Λ)³ is left out
    even = SizeLaw(sizes, np.array([1 / 3, 2 / 3, 1.0]))
    assert float(even.chances @ (even.chances / p0)) > 1 + ((even.mean - p0 @ sizes) / market.sd_lots) ** 2


cost = st.floats(0.0, 5.0)


@given(st.floats(0.01, 50), cost, st.floats(0, 0.1), cost, st.floats(0.5, 50), st.floats(0.5, 80), st.floats(1, 20))
def test_no_whole_size_is_better(
    rate: float, fee: float, walk: float, price: float, mean: float, sd: float, regularity: float
) -> None:
    market, costs = DetectionModel(1.5, mean, sd, regularity), ChildCosts(fee=fee, walk=walk)
    found = child_size([rate], market, costs, price_per_nat=price, least_lots=2, most_lots=400)
    every = np.arange(2, 401)
    value = costs.per_s(rate, every) + price * market.nats_per_s(rate, every)
    best = found.cost_per_s[0] + price * found.nats_per_s[0]
    assert best <= value.min() * (1 + 1e-9) + 1e-12
    assert found.lots[0] * found.per_s[0] == pytest.approx(rate, rel=1e-15)


def sizes_by(rate: object = 3.0, price: object = 20.0, **costs: object) -> list[int]:
    """Sizes of nodes that differ in one thing."""
    found: ChildSize = child_size(rate, MARKET, ChildCosts(**costs), price_per_nat=price, most_lots=10_000)  # type: ignore[arg-type]
    return found.lots.tolist()


def test_it_moves_the_right_way() -> None:
    rising = np.linspace(0.0, 0.5, 9)
    by_fee, by_walk = sizes_by(fee=rising, walk=1e-4), sizes_by(walk=rising, fee=0.1)
    assert by_fee == sorted(by_fee)
    assert by_fee[0] < by_fee[-1]
    assert by_walk == sorted(by_walk, reverse=True)
    assert by_walk[0] > by_walk[-1]
    by_price = sizes_by(price=10 * rising, fee=0.4)  # towards 50 from above
    assert by_price == sorted(by_price, reverse=True)
    assert by_price[-1] >= 50
    assert sizes_by(fee=0.1, walk=1e-4) == [sizes_by(rate=[1.0, 3.0], fee=0.1, walk=1e-4)[1]]


def test_bounds_are_kept() -> None:
    costs = ChildCosts(fee=1.0, walk=1e-6)
    assert child_size([3.0], MARKET, costs, price_per_nat=0, most_lots=30).lots.tolist() == [30]
    assert child_size([3.0], MARKET, costs, price_per_nat=0, longest_s=5.0).lots.tolist() == [15]
    assert child_size([3.0], MARKET, costs, price_per_nat=0, longest_s=5.0, least_lots=20).lots.tolist() == [20]
    idle = child_size([0.0], MARKET, costs, price_per_nat=1.0, least_lots=3)
    assert (idle.lots.tolist(), idle.per_s.tolist(), idle.cost_per_s.tolist()) == ([3], [0.0], [0.0])


@pytest.mark.parametrize(
    ("rate", "market", "bounds", "said"),
    [
        (-1.0, MARKET, {}, "0 or more"),
        (np.nan, MARKET, {}, "finite"),
        (1.0, MARKET._replace(sd_lots=0.0), {}, "above 0"),
        (1.0, MARKET, {"least_lots": 0}, "least_lots"),
        (1.0, MARKET, {"least_lots": 5, "most_lots": 4}, "most_lots"),
    ],
)
def test_what_cannot_be_is_refused(rate: float, market: DetectionModel, bounds: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        child_size(rate, market, ChildCosts(), price_per_nat=1.0, **bounds)
