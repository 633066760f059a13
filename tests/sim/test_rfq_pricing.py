"""What a dealer asks: costs against the impact object, markups against best responses, beliefs against simulated clients."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import Impact, TemporaryImpact, TransientImpact
from counterpoise.sim.otc.belief import NO_BELIEF, BeliefModel, after_move, after_request, expected_residual, faded
from counterpoise.sim.otc.competition import equilibrium_markup, expected_best_quote
from counterpoise.sim.otc.dealer import Dealer, holding_cost, reservation_bps
from counterpoise.sim.otc.displacement import Displacement
from counterpoise.sim.otc.last_look import LastLook

IMPACT = Impact(
    temporary=TemporaryImpact(bps=3.0, exponent=0.6),
    propagator=TransientImpact(bps_per_million=0.8, permanent=0.3, half_lives=("2s", "1m")),
)


def test_holding_cost_is_the_impact_of_the_slices() -> None:
    dealer = Dealer(unwind="5m", slices=6, aversion=0.0)
    cost = holding_cost(dealer, IMPACT, sigma_bps=2.0, millions_per_s=0.5)
    for millions in (0.3, 4.0, -11.0):
        each = np.full(6, millions / 6)
        given_by = IMPACT.cost(np.array(dealer.slice_ns), each, participation=np.abs(each) / (0.5 * 300 / 6))
        assert cost.of(millions) == pytest.approx(given_by.total_bps * abs(millions), rel=1e-12)


def test_holding_risk_by_hand() -> None:
    """Two slices over 10 s: all of x for 5 s, half of it for 5: variance σ²x²(5 + 5/4) = 25 x² at σ = 2, times γ/2."""
    cost = holding_cost(Dealer(unwind="10s", slices=2, aversion=0.04), Impact(), sigma_bps=2.0, millions_per_s=1.0)
    assert cost.of(3.0) == pytest.approx(0.5 * 0.04 * 25 * 9)


def test_reservation_is_avellaneda_and_stoikovs() -> None:
    """Without impact and with the inventory held whole: half spread and skew of r = s − qγσ²(T − t), for size q."""
    cost = holding_cost(Dealer(unwind="100s", slices=1, aversion=0.01), Impact(), sigma_bps=1.5, millions_per_s=1.0)
    skew = 0.01 * 1.5**2 * 100
    for side in (1, -1):
        asked = reservation_bps(cost, inventory_millions=4.0, side=side, millions=2.0)
        assert asked == pytest.approx(0.5 * skew * 2.0 - side * skew * 4.0)
    assert reservation_bps(cost, inventory_millions=4.0, side=1, millions=8.0) == pytest.approx(0.0)


@given(
    x=st.floats(-20, 20),
    more=st.floats(0.01, 10),
    size=st.floats(0.01, 20),
    side=st.sampled_from((1, -1)),
    aversion=st.floats(0, 0.01),
)
@settings(max_examples=60, deadline=None)
def test_more_inventory_asks_less_and_bids_less(x: float, more: float, size: float, side: int, aversion: float) -> None:
    """And a price includes the drift expected; a larger trade from flat costs more a unit."""
    cost = holding_cost(Dealer(aversion=aversion), IMPACT, sigma_bps=1.0, millions_per_s=1.0)
    ask = {"side": side, "millions": size}
    low, high = (reservation_bps(cost, inventory_millions=x + add, **ask) for add in (0.0, more))
    assert side * (high - low) <= 1e-9
    assert reservation_bps(cost, inventory_millions=x, drift_bps=2.0, **ask) == pytest.approx(low + 2.0 * side)
    flat = [reservation_bps(cost, inventory_millions=0.0, side=side, millions=size * scale) for scale in (1.0, 1.5)]
    assert flat[0] < flat[1]


def test_displacement_is_that_of_the_impact_object() -> None:
    rng = np.random.default_rng(1)
    times, trades = np.cumsum(rng.integers(0, 20 * SECOND_NS, 30)), rng.normal(size=30)
    state = Displacement(IMPACT)
    for ts, millions in zip(times.tolist(), trades.tolist(), strict=True):
        state.add(ts, millions)
    at = times[-1:] + np.arange(0, 100, 7) * SECOND_NS + 1
    assert [state.bps(int(ts)) for ts in at] == pytest.approx(IMPACT.displacement_bps(at, times, trades).tolist(), rel=1e-9)
    with pytest.raises(InputError, match="in order"):
        state.add(0, 1.0)
    with pytest.raises(InputError, match="one instrument"):
        Displacement(Impact(instruments=("a", "b"), cross=((1.0, 0.0), (0.0, 1.0))))


@pytest.mark.parametrize("dealers", [1, 2, 3, 8])
def test_first_price_auction_in_closed_form(dealers: int) -> None:
    """κ = 0: each adds (w − c)/n, and the winner's quote is the second order statistic of the costs, 2w/(n + 1)."""
    cost = np.array([0.0, 1.0, 4.0])
    assert equilibrium_markup(cost, dealers=dealers, width=4.0) == pytest.approx((4.0 - cost) / dealers)
    mean = expected_best_quote(dealers=dealers, width=4.0)
    assert mean == pytest.approx(8.0 / (dealers + 1))
    draws = np.random.default_rng(dealers).uniform(0, 4, (100_000, dealers))
    quotes = (draws + equilibrium_markup(draws, dealers=dealers, width=4.0)).min(axis=1)
    error = quotes.std() / np.sqrt(len(quotes)) + 1e-9  # the only dealer always quotes the reserve
    assert quotes.mean() == pytest.approx(mean, abs=3.3 * error)
    if dealers > 1:
        second = np.sort(draws, axis=1)[:, 1]
        assert quotes.mean() == pytest.approx(second.mean(), abs=3.3 * np.hypot(error, second.std() / np.sqrt(len(second))))


def test_one_dealer_is_a_monopolist() -> None:
    """He maximises (b − c) e^{−κb}: a markup of 1/κ whatever his cost."""
    for elasticity in (0.2, 3.0):
        assert equilibrium_markup([0.0, 1.0, 9.0], dealers=1, width=2.0, elasticity=elasticity) == pytest.approx(1 / elasticity)
        quotes = np.linspace(0, 30, 300_001)
        best = quotes[((quotes - 1.0) * np.exp(-elasticity * quotes)).argmax()]
        assert best - 1.0 == pytest.approx(1 / elasticity, abs=1e-3)


@pytest.mark.parametrize("dealers", [2, 3, 6])
@pytest.mark.parametrize("elasticity", [0.05, 0.7, 20.0])
def test_nobody_gains_by_another_quote(dealers: int, elasticity: float) -> None:
    """Against rivals who quote so, the best response found by search is the quote itself: naive, on a grid of 40,000."""
    width = 3.0
    grid = np.linspace(-0.5, width, 40_001)
    quotes = grid + equilibrium_markup(grid, dealers=dealers, width=width, elasticity=elasticity)
    assert (np.diff(quotes[grid > 0]) > 0).all()
    wins = np.exp(-elasticity * quotes) * (1 - np.clip(grid, 0, width) / width) ** (dealers - 1)
    for cost in (-0.4, 0.0, 0.9, 2.0, 2.8):
        own = cost + float(equilibrium_markup(cost, dealers=dealers, width=width, elasticity=elasticity))
        gain = (quotes - cost) * wins
        at_own = (own - cost) * np.interp(own, quotes, wins)
        assert gain.max() <= at_own * (1 + 1e-5) + 1e-12


def test_markups_fall_with_rivals_and_with_elasticity() -> None:
    cost = np.linspace(0, 2, 21)
    by_rivals = [equilibrium_markup(cost, dealers=n, width=2.0, elasticity=0.4) for n in range(1, 8)]
    by_elasticity = [equilibrium_markup(cost, dealers=3, width=2.0, elasticity=k) for k in (0.0, 0.1, 1.0, 10.0)]
    for more, less in [*pairwise(by_rivals), *pairwise(by_elasticity)]:
        assert (less <= more + 1e-12).all()
    near = equilibrium_markup(cost, dealers=3, width=2.0, elasticity=1e-7)
    assert near == pytest.approx((2 - cost) / 3, abs=1e-6)


def test_beta_geometric_residual_is_what_clients_do() -> None:
    """Clients whose chance to come again is Beta(2, 4): of those seen j times more, (2 + j)/3 are still to come on average."""
    rng, model = np.random.default_rng(3), BeliefModel(again_a=2.0, again_b=4.0)
    times = rng.geometric(1 - rng.beta(2.0, 4.0, 400_000)) - 1
    belief = NO_BELIEF
    for repeated in range(3):
        belief = after_request(belief, model, side=1, millions=5.0)
        left = times[times >= repeated] - repeated
        expected = expected_residual(belief, model)
        assert expected == pytest.approx(5.0 * (2 + repeated) / 3)
        assert 5.0 * left.mean() == pytest.approx(expected, abs=3.3 * 5.0 * left.std() / np.sqrt(len(left)))


def test_side_by_bayes() -> None:
    model = BeliefModel(honesty=0.8)
    once = after_request(NO_BELIEF, model, side=1, millions=1.0)
    assert once.buyer == pytest.approx(0.8)
    assert after_request(once, model, side=1, millions=1.0).buyer == pytest.approx(0.64 / 0.68)
    assert after_request(once, model, side=-1, millions=1.0).buyer == pytest.approx(0.5)
    both = after_request(NO_BELIEF, model, side=0, millions=1.0)
    assert both.buyer == 0.5
    assert expected_residual(both, model) == 0
    sure = after_request(NO_BELIEF, BeliefModel(), side=-1, millions=1.0)
    assert sure.buyer == 0.0
    assert after_request(sure, BeliefModel(), side=1, millions=1.0).buyer == 0.5


def test_moves_tell_the_side_as_often_as_bayes_says() -> None:
    """Moves of ±1 bps drift and 2 bps/√s noise over 4 s: among those believed buyers with p in a band, a share p are."""
    rng, model = np.random.default_rng(4), BeliefModel(sigma_bps=2.0)
    side = rng.choice((-1, 1), 20_000)
    moves = side * 1.0 + rng.normal(0, 4.0, side.size)
    p = np.array(
        [after_move(NO_BELIEF, model, move_bps=m, drift_bps=1.0, elapsed_ns=4 * SECOND_NS).buyer for m in moves.tolist()]
    )
    for low, high in ((0.2, 0.4), (0.4, 0.6), (0.6, 0.8)):
        band = (p >= low) & (p < high)
        share = (side[band] > 0).mean()
        assert share == pytest.approx(p[band].mean(), abs=3.3 * np.sqrt(0.25 / band.sum()))
    assert after_move(NO_BELIEF, model, move_bps=1e9, drift_bps=1.0, elapsed_ns=1).buyer == pytest.approx(1.0)


def test_beliefs_fade() -> None:
    model = BeliefModel(memory="10s")
    belief = after_request(NO_BELIEF, model, side=1, millions=2.0)
    later = faded(belief, 10 * SECOND_NS, model)
    assert later.buyer - 0.5 == pytest.approx(0.5 / np.e)
    assert later.asked == pytest.approx(1 / np.e)
    twice = faded(faded(belief, 4 * SECOND_NS, model), 10 * SECOND_NS, model)
    assert twice == pytest.approx(later)


@pytest.mark.parametrize("rule", ["none", "symmetric", "asymmetric"])
def test_last_look_in_closed_form(rule: str) -> None:
    """Chance of a reject and the dealer's gain over simulated moves of σ = 2 bps/√s in a quarter of a second, θ = .7."""
    look = LastLook(rule=rule, threshold_bps=0.7, hold="250ms")
    moves = np.random.default_rng(6).normal(0, 1.0, 200_000)
    rejected = np.array([look.rejects(side=1, move_bps=m) for m in moves.tolist()])
    chance = look.reject_chance(sigma_bps=2.0, seconds=0.25)
    assert rejected.mean() == pytest.approx(chance, abs=3.3 * np.sqrt(0.25 / moves.size))
    gains = moves * rejected  # what selling to the client would have lost him
    gain = look.gain_bps(sigma_bps=2.0, seconds=0.25)
    assert gains.mean() == pytest.approx(gain, abs=3.3 * gains.std() / np.sqrt(moves.size) + 1e-12)
    expected = {"none": 0.0, "symmetric": 2 * 0.241964, "asymmetric": 0.241964}[rule]  # Φ(−.7)
    assert chance == pytest.approx(expected, abs=1e-6)
    assert look.hold_ns == (0 if rule == "none" else SECOND_NS // 4)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Dealer(prehedge=1.5), "prehedge is 1.5"),
        (lambda: Dealer(slices=0), "slices is 0"),
        (lambda: BeliefModel(again_b=1.0), "residual has no mean"),
        (lambda: BeliefModel(honesty=0.4), "honesty"),
        (lambda: LastLook(threshold_bps=-1), "threshold_bps is -1"),
        (lambda: holding_cost(Dealer(), IMPACT, sigma_bps=-1, millions_per_s=1), "volatility -1"),
    ],
)
def test_impossible_configs_are_refused(build, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="0 dealers"):
        equilibrium_markup(0.0, dealers=0, width=1.0)
    with pytest.raises(InputError, match="not finite"):
        equilibrium_markup(np.nan, dealers=2, width=1.0)
    with pytest.raises(InputError, match="both above 0"):
        LastLook(rule="symmetric").reject_chance(sigma_bps=0.0, seconds=1.0)
