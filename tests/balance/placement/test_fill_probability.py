"""Chances of a queue: the published table, the closed forms, the whole chain by brute force, and laws."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.stats import gamma

from counterpoise.balance.placement.fill_probability import diffusion_up_probability, fill_probability, up_probability
from counterpoise.balance.placement.queue_rates import QueueRates
from counterpoise.core.arrays import Float2D
from counterpoise.core.errors import InputError

SKY = QueueRates(limit=1.85, market=0.94, cancel=0.71)  # Sky Perfect Communications, at distance 1
RATES = st.builds(
    QueueRates, limit=st.floats(0.0, 3.0), market=st.floats(0.1, 3.0), cancel=st.floats(0.05, 2.0)
)  # fmt: skip


def test_the_table_of_cont_stoikov_and_talreja() -> None:
    """Table 3, Laplace transforms: chance of a mid that goes up at a spread of one tick, by orders at bid (rows) and ask."""
    published = [
        [0.500, 0.336, 0.259, 0.216, 0.188],
        [0.664, 0.500, 0.407, 0.348, 0.307],
        [0.741, 0.593, 0.500, 0.437, 0.391],
        [0.784, 0.652, 0.563, 0.500, 0.452],
        [0.812, 0.693, 0.609, 0.548, 0.500],
    ]
    found = [[up_probability(SKY, SKY, bid_orders=b, ask_orders=a) for a in range(1, 6)] for b in range(1, 6)]
    assert np.array(found) == pytest.approx(np.array(published), abs=1e-3)


def test_their_table_of_fills_is_the_other_event() -> None:
    """Table 4, Laplace transforms, b down and a across: printed is what the equations give for the price moving first.

    With b and a in each other's place: 1 less the chance of a fill of the last of a orders against b across. Read as a fill it
    would be off by .21.
    """
    published = [
        [0.497, 0.641, 0.709, 0.749, 0.776],
        [0.302, 0.449, 0.535, 0.591, 0.631],
        [0.206, 0.336, 0.422, 0.483, 0.528],
        [0.152, 0.263, 0.344, 0.404, 0.452],
        [0.118, 0.213, 0.287, 0.346, 0.393],
    ]
    found = [[1 - fill_probability(SKY, SKY, ahead=a - 1, opposite_orders=b) for a in range(1, 6)] for b in range(1, 6)]
    assert np.array(found) == pytest.approx(np.array(published), abs=6e-4)


@pytest.mark.parametrize(("bid", "ask"), [(1, 1), (2, 1), (1, 3), (5, 2)])
def test_the_integral_of_cont_and_de_larrard(bid: int, ask: int) -> None:
    """Direction of the next move in arXiv 1104.4596 where λ = μ + θ, queues without drift."""

    def part(t: float) -> float:
        z = 2 - np.cos(t)
        return float((z - np.sqrt(z * z - 1)) ** ask * np.sin(bid * t) * np.cos(t / 2) / np.sin(t / 2))

    published = quad(part, 0, np.pi, limit=200)[0] / np.pi
    fair = QueueRates(limit=1.0, market=1.0)
    assert up_probability(fair, fair, bid_orders=bid, ask_orders=ask) == pytest.approx(published, abs=5e-4)


def test_the_diffusion_is_where_long_queues_tend_to() -> None:
    fair = QueueRates(limit=1.0, market=1.0)
    assert up_probability(fair, fair, bid_orders=6, ask_orders=3) == pytest.approx(diffusion_up_probability(6, 3), abs=5e-3)
    assert diffusion_up_probability(3.0, 1.0, correlation=-1.0) == 0.75
    assert diffusion_up_probability(3.0, 1.0, correlation=-1 + 1e-12) == pytest.approx(0.75, abs=1e-6)
    assert diffusion_up_probability(7.0, 7.0, correlation=0.3) == 0.5


def test_a_price_that_never_moves_fills_by_a_sum_of_waits() -> None:
    never = QueueRates(limit=50.0, market=1e-9)
    own = QueueRates(limit=0.0, market=2.0)
    found = fill_probability(own, never, ahead=4, opposite_orders=5, horizon_s=2.0)
    assert found == pytest.approx(gamma.cdf(2.0, 5, scale=0.5), abs=1e-7)
    assert fill_probability(own, never, ahead=4, opposite_orders=5) == pytest.approx(1.0, abs=1e-6)


def test_one_step_by_hand() -> None:
    """Nobody ahead and one order across that no order joins: a race of two exponential times, and of a third inside."""
    own, other = QueueRates(limit=0.0, market=1.0), QueueRates(limit=0.0, market=2.0, cancel=1.0)
    assert fill_probability(own, other, ahead=0, opposite_orders=1) == pytest.approx(1 / 4)
    assert fill_probability(own, other, ahead=0, opposite_orders=1, inside_rate=4.0) == pytest.approx(1 / 8)
    assert fill_probability(own, other, ahead=0, opposite_orders=1, horizon_s=0.5) == pytest.approx((1 - np.exp(-2)) / 4)


def whole_chain(own: QueueRates, other: QueueRates, *, ahead: int, orders: int, inside: float, horizon: float) -> float:
    """Every pair of queue lengths up to 25 across, as one generator, exponentiated."""
    most = 25
    size = (ahead + 1) * most
    generator: Float2D = np.zeros((size + 1, size + 1))  # the last state is the fill; what is lost leaves the matrix
    for i in range(ahead + 1):
        for a in range(1, most + 1):
            here = i * most + a - 1
            loss, births, deaths = own.market + own.cancel * i, other.limit * (a < most), other.market + other.cancel * a
            generator[here, here] = -(loss + births + deaths + inside)
            generator[here, here - most if i else size] += loss
            if a < most:
                generator[here, here + 1] += births
            if a > 1:
                generator[here, here - 1] += deaths
    return float(expm(generator * horizon)[ahead * most + orders - 1, size])


@given(
    own=RATES, ahead=st.integers(0, 3), orders=st.integers(1, 4), inside=st.sampled_from([0.0, 0.7]), horizon=st.floats(0.2, 9)
)
@settings(max_examples=8, deadline=None)
def test_the_transform_is_the_whole_chain(own: QueueRates, ahead: int, orders: int, inside: float, horizon: float) -> None:
    found = fill_probability(own, SKY, ahead=ahead, opposite_orders=orders, inside_rate=inside, horizon_s=horizon)
    expected = whole_chain(own, SKY, ahead=ahead, orders=orders, inside=inside, horizon=horizon)
    assert found == pytest.approx(expected, abs=1e-6)


@given(own=RATES, other=RATES, ahead=st.integers(0, 20), orders=st.integers(1, 20), horizon=st.floats(0.1, 30))
@settings(max_examples=20, deadline=None)
def test_laws(own: QueueRates, other: QueueRates, ahead: int, orders: int, horizon: float) -> None:
    """It falls with what is ahead, grows with what stands across and with time, and ends at the chance without a horizon."""
    here = fill_probability(own, other, ahead=ahead, opposite_orders=orders)
    assert 0 <= here <= 1
    assert fill_probability(own, other, ahead=ahead + 1, opposite_orders=orders) <= here + 1e-12
    assert fill_probability(own, other, ahead=ahead, opposite_orders=orders + 1) >= here - 1e-12
    soon, later = (
        fill_probability(own, other, ahead=ahead, opposite_orders=orders, horizon_s=t) for t in (horizon, 2 * horizon)
    )
    assert soon <= later + 1e-7
    assert later <= here + 1e-7


@given(bid=st.integers(1, 6), ask=st.integers(1, 6))
@settings(max_examples=10, deadline=None)
def test_up_for_one_side_is_down_for_the_other(bid: int, ask: int) -> None:
    up, down = (
        up_probability(SKY, SKY, bid_orders=bid, ask_orders=ask),
        up_probability(SKY, SKY, bid_orders=ask, ask_orders=bid),
    )
    assert up + down == pytest.approx(1.0, abs=1e-9)


def test_what_is_refused() -> None:
    for terms in ({"ahead": -1}, {"opposite_orders": 0}, {"horizon_s": 0.0}, {"inside_rate": -1.0}, {"ahead": 10**6}):
        with pytest.raises(InputError):
            fill_probability(SKY, SKY, **({"ahead": 1, "opposite_orders": 1} | terms))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        up_probability(SKY, SKY, bid_orders=0, ask_orders=1)
    with pytest.raises(InputError):
        diffusion_up_probability(0.0, 1.0)
    for rates in ({"limit": -1.0, "market": 1.0}, {"limit": 1.0, "market": 0.0}, {"limit": inf, "market": 1.0}):
        with pytest.raises(InputError):
            QueueRates(**rates)
