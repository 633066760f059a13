"""Routing: the paper's numbers, a search by brute force, and what must hold of any split."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import expon, lognorm

from counterpoise.balance.router.outcome import RoutingTerms, VenueQueue, cost_and_slope
from counterpoise.balance.router.route import one_venue, route
from counterpoise.core.errors import InputError

TERMS: Final = RoutingTerms(half_spread=0.02, impact=0.0005, under=0.05, over=0.05)
ONE: Final = VenueQueue("one", 2000, expon(scale=2200), rebate=0.002, fee=0.003)


def test_the_numbers_of_the_paper() -> None:
    assert one_venue(1000, ONE, TERMS) == pytest.approx((132.681226, 867.318774), abs=5e-7)
    found = route(1000, [ONE], TERMS)
    assert (found.limits[0], found.taken[0]) == pytest.approx((132.681226, 867.318774), abs=5e-7)
    assert found.cost == pytest.approx(23.387727, abs=1e-5)


def test_the_search_finds_the_closed_form() -> None:
    """With a depth that never binds the general method is used."""
    found = route(1000, [ONE._replace(depth=1e9)], TERMS)
    assert found.limits[0] == pytest.approx(132.68, abs=2.0)
    assert found.cost == pytest.approx(23.387727, abs=1e-4)


def test_it_takes_or_waits_as_patience_costs() -> None:
    patient = RoutingTerms(half_spread=0.02, under=0.021, over=0.05)
    hurried = RoutingTerms(half_spread=0.02, under=5.0, over=0.05)
    assert one_venue(1000, ONE, patient) == (1000, 0.0)
    assert one_venue(1000, ONE, hurried)[0] == 0.0
    assert one_venue(1000, ONE._replace(queue=0), TERMS)[0] > one_venue(1000, ONE, TERMS)[0]


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 3),
    under=st.floats(0.02, 0.3),
    depth=st.sampled_from([100.0, 500.0, 1e6]),
)
def test_nothing_tried_is_cheaper(seed: int, count: int, under: float, depth: float) -> None:
    """Against random splits, judged on other draws."""
    draw = np.random.default_rng(seed)
    outflows = [expon(scale=800), lognorm(s=1.0, scale=500), expon(scale=2500)]
    venues = [
        VenueQueue(
            str(k), draw.uniform(0, 2000), outflows[k], rebate=draw.uniform(-0.01, 0.01), fee=draw.uniform(0, 0.01), depth=depth
        )
        for k in range(count)
    ]
    terms = RoutingTerms(half_spread=0.02, impact=0.001, under=under, over=0.05)
    found = route(1000, venues, terms)
    room = np.column_stack([np.maximum(v.outflow.rvs(40_000, random_state=draw) - v.queue, 0) for v in venues])
    rebates, fees = np.array([v.rebate for v in venues]), np.array([v.fee for v in venues])

    def judged(taken: np.ndarray, limits: np.ndarray) -> float:
        cost, _ = cost_and_slope(float(taken.sum()), limits, quantity=1000, room=room, rebates=rebates, terms=terms)
        return cost + float(fees @ taken)

    ours = judged(found.taken, found.limits)
    assert found.cost == pytest.approx(ours, rel=0.01, abs=0.7)  # 40,000 draws: a standard error is up to .5 % of it
    for _ in range(60):
        taken = np.minimum(draw.dirichlet(np.ones(count)) * draw.uniform(0, 1000), depth)
        limits = draw.dirichlet(np.ones(count)) * draw.uniform(0, 1500)
        assert ours <= judged(taken, limits) + 0.15


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), taken=st.floats(0, 1200))
def test_slopes_are_those_of_the_cost(seed: int, taken: float) -> None:
    """On average over draws without a kink between; a limit order's slope from above."""
    draw = np.random.default_rng(seed)
    room = np.maximum(draw.exponential(900, (500, 2)) - [100, 600], 0.0)
    limits, rebates = draw.uniform(10, 500, 2), np.array([0.002, -0.001])

    def cost(x: np.ndarray) -> float:
        return cost_and_slope(float(x[0]), x[1:], quantity=1000, room=room, rebates=rebates, terms=TERMS)[0]

    at, step = np.append(taken, limits), 1e-7
    _, slope = cost_and_slope(taken, limits, quantity=1000, room=room, rebates=rebates, terms=TERMS)
    for k in range(3):
        more = at.copy()
        more[k] += step
        assert (cost(more) - cost(at)) / step == pytest.approx(slope[k], abs=1e-4)


def test_depth_and_latency_bound_what_is_taken() -> None:
    cheap = ONE._replace(name="cheap", fee=0.0, depth=300.0, gone=0.5)
    dear = ONE._replace(name="dear", fee=0.004, depth=1e6)
    hurried = RoutingTerms(half_spread=0.02, under=1.0, over=0.05)
    found = route(1000, [dear, cheap], hurried)
    assert found.taken[1] == pytest.approx(150, abs=0.5)
    assert found.taken.sum() > 950


def test_lots_add_up() -> None:
    found = route(1000, [ONE, ONE._replace(name="two", queue=100.0, depth=50.0)], TERMS)
    lots = found.lots(10.0)
    whole = int(lots["taken_lots"].sum() + lots["limit_lots"].sum())
    assert whole == round(float(found.taken.sum() + found.limits.sum()) / 10)
    assert found.frame["venue"].to_list() == ["one", "two"]


def test_what_cannot_be_routed_is_refused() -> None:
    for bad in ([], [ONE, ONE], [ONE._replace(queue=-1.0)], [ONE._replace(gone=1.0)]):
        with pytest.raises(InputError):
            route(1000, bad, TERMS)
    with pytest.raises(InputError, match="positive quantity"):
        route(0, [ONE], TERMS)
    with pytest.raises(InputError, match="too much would pay"):
        route(1000, [ONE], RoutingTerms(half_spread=0.02, under=0.05, over=0.01))
    with pytest.raises(InputError):
        RoutingTerms(half_spread=0.0, under=1.0, over=1.0)
