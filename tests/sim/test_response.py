"""The response model: its kernel against numbers, round trips that never earn, what is refused, and the law it carries."""

from __future__ import annotations

from copy import copy

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from counterpoise.core.config import parse_config
from counterpoise.core.errors import InputError
from counterpoise.core.units import HOUR_NS, MS_NS, SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.flow.impact.power_law import power_law, power_law_impact
from counterpoise.market.event import SNAPSHOT
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import Followers, Resilience, ResponseModel
from counterpoise.sim.replay.round_trips import round_trip_costs
from reference.message_script import T0, events_of

TWO = TransientImpact(bps_per_million=1.0, permanent=0.1, half_lives=("200ms", "5s"), weights=(0.6, 0.4))
POWER = power_law_impact(bps_per_million=2.0, exponent=0.5, since_ns=60 * MS_NS, until_ns=HOUR_NS)
FOLLOWED = Followers(per_lot=0.2, half_lives=("300ms", "2s"), weights=(0.3, 0.7), volume_per_s=5.0)
MODELS = {
    "alone": ResponseModel(impact=TWO),
    "followed": ResponseModel(impact=TWO, followers=FOLLOWED),
    "power law": ResponseModel(impact=POWER),
    "power law, followed": ResponseModel(impact=POWER, followers=FOLLOWED),
}


def unchecked(impact: TransientImpact, followers: Followers) -> ResponseModel:
    """A model that is refused when it is made."""
    model = copy(ResponseModel(impact=impact))
    msgspec.structs.force_setattr(model, "followers", followers)
    return model


# the kernel


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3, 1.0, 4.0, 20.0])
def test_displacement_is_the_propagator_and_its_convolution_with_those_who_follow(seconds: float) -> None:
    model = MODELS["followed"]

    def integrand(s: float) -> float:
        rate = FOLLOWED.rates * SECOND_NS
        follow = FOLLOWED.per_lot * float(FOLLOWED.shares @ (rate * np.exp(-rate * s)))
        return follow * float(TWO.kernel(np.array([int((seconds - s) * SECOND_NS)]))[0])

    expected = float(TWO.kernel(np.array([int(seconds * SECOND_NS)]))[0]) + quad(integrand, 0, seconds, epsabs=1e-10)[0]
    assert model.kernel(np.array([int(seconds * SECOND_NS)]))[0] == pytest.approx(expected, abs=1e-7)


def test_equal_rates_have_a_kernel_too() -> None:
    """e^(−rt) convolved with r e^(−rt) is r t e^(−rt)."""
    impact = TransientImpact(bps_per_million=1.0, permanent=0.0, half_lives=("1s",))
    model = ResponseModel(impact=impact, followers=Followers(per_lot=0.4, half_lives=("1s",), volume_per_s=1.0))
    t = np.array([0, 1, 3, 8])
    expected = 0.5**t * (1 + 0.4 * np.log(2) * t)
    assert model.kernel(t * SECOND_NS) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("exponent", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("since_ns", [10 * MS_NS, SECOND_NS])
def test_a_power_law_is_a_sum_of_exponentials(exponent: float, since_ns: int) -> None:
    impact = power_law_impact(bps_per_million=1.0, exponent=exponent, since_ns=since_ns, until_ns=HOUR_NS)
    lag = np.concatenate([[0], np.geomspace(MS_NS, HOUR_NS, 200)]).astype(np.int64)
    assert impact.kernel(lag) == pytest.approx(power_law(lag, exponent=exponent, since_ns=since_ns), rel=0.03)


@pytest.mark.parametrize("wrong", [{"exponent": 0.0}, {"exponent": 2.0}, {"since_ns": 0}, {"until_ns": MS_NS}])
def test_power_laws_that_are_none_are_refused(wrong: dict[str, float]) -> None:
    given = {"bps_per_million": 1.0, "exponent": 0.5, "since_ns": SECOND_NS, "until_ns": HOUR_NS} | wrong
    with pytest.raises(InputError, match="a power law needs"):
        power_law_impact(**given)


# no price manipulation


@pytest.mark.parametrize("name", MODELS)
def test_no_round_trip_earns_in_the_market_that_applies_the_model(name: str) -> None:
    found = round_trip_costs(MODELS[name], schedules=700, rng=np.random.default_rng(3))
    assert (found.cost >= -found.rounding).all()
    assert found.rounding.max() <= 0.002
    assert found.trades.min() == 2


def test_no_schedule_of_ten_thousand_has_negative_cost() -> None:
    """½ Σ qᵢ qⱼ K(|tᵢ − tⱼ|) of 10,000 random round trips of 2 to 12 trades, clustered or spread."""
    rng, model = np.random.default_rng(4), MODELS["power law, followed"]
    least = np.inf
    for n in range(2, 13):
        lots = rng.normal(size=(910, n)) * rng.lognormal(0, 1, (910, n))
        lots[:, -1] = -lots[:, :-1].sum(axis=1)
        gaps = np.exp(rng.uniform(np.log(1e3), np.log(1e13), (910, n)))
        times = np.cumsum(gaps, axis=1)
        lags = np.abs(times[:, :, None] - times[:, None, :]).astype(np.int64)
        cost = np.einsum("si,sij,sj->s", lots, model.kernel(lags.ravel()).reshape(lags.shape), lots) / (lots**2).sum(axis=1)
        least = min(least, float(cost.min()))
    assert least > 0


def test_what_is_refused_does_earn() -> None:
    """Followers faster than the decay: the search finds round trips that earn. It can fail, so it may be believed."""
    model = unchecked(TransientImpact(bps_per_million=1.0, permanent=1.0), Followers(per_lot=1.0, volume_per_s=1.0))
    found = round_trip_costs(model, schedules=300, rng=np.random.default_rng(5))
    assert (found.cost < -found.rounding).any()


def test_impact_that_admits_manipulation_is_refused_with_field_and_bound() -> None:
    """G = e^(−ρt) with followers n κe^(−κt): the transform at ω → ∞ is ρ − nκ, so n ≤ ρ/κ. Just below is admitted."""
    impact = TransientImpact(bps_per_million=1.0, permanent=0.0, half_lives=("4s",))
    with pytest.raises(InputError, match=r"followers per_lot is 0.51, and with this impact at most 0.5 is admitted"):
        ResponseModel(impact=impact, followers=Followers(per_lot=0.51, half_lives=("2s",), volume_per_s=1))
    ResponseModel(impact=impact, followers=Followers(per_lot=0.499, half_lives=("2s",), volume_per_s=1))


@given(
    per_lot=st.floats(0.01, 3),
    quick=st.integers(1, 10_000),
    slow=st.integers(1, 10_000),
    permanent=st.floats(0, 0.9),
)
@settings(max_examples=150)
def test_what_is_admitted_has_no_negative_eigenvalue(per_lot: float, quick: int, slow: int, permanent: float) -> None:
    """Of K(|t − t′|) on a grid of times, over round trips."""
    impact = TransientImpact(bps_per_million=1.0, permanent=permanent, half_lives=(f"{slow}ms",))
    followers = Followers(per_lot=per_lot, half_lives=(f"{quick}ms",), volume_per_s=1.0)
    times = np.arange(60) * min(quick, slow) * MS_NS // 8
    lags = np.abs(times[:, None] - times[None, :])
    model = unchecked(impact, followers)
    matrix = model.kernel(lags.ravel()).reshape(lags.shape)
    contrast = np.eye(60) - 1 / 60  # round trips only
    least = float(np.linalg.eigvalsh(contrast @ matrix @ contrast).min())
    try:
        ResponseModel(impact=impact, followers=followers)
    except InputError:
        return
    assert least >= -1e-9


# what cannot be meant


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[resilience]\nhalf_life = ''\nhalf_life_behind = '1s'", "half_life_behind"),
        ("[resilience]\ncancels = -0.1", "cancels"),
        ("[followers]\nper_lot = -1.0", "per_lot"),
        ("[followers]\nper_lot = 0.1", "volume_per_s"),
        ("[followers]\nhalf_lives = []", "half-life"),
        ("[followers]\nweights = [0.5]\nhalf_lives = ['1s', '2s']", "half-life"),
        ("[followers]\nweights = [0.5, 0.6]\nhalf_lives = ['1s', '2s']", "weights"),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused_by_name(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        parse_config(text, ResponseModel)


# the law that it carries


def test_at_one_participation_impact_is_the_square_root_of_size_and_relaxes() -> None:
    """β = ½ in a book that stands still: δ = ½ but for s, and after the end √(1 + x) − √x of the peak is left."""
    perp = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
    model = ResponseModel(impact=POWER, resilience=Resilience(half_life=""))
    peaks, left = [], []
    seconds = (10, 40, 160)
    for duration in seconds:
        m = ReplayMarket(perp, model)
        m.feed(events_of([(0, SNAPSHOT, [(1, 600_000, 10**9), (-1, 600_001, 10**9)])]))
        m.run(T0 + 1)
        for i in range(2 * duration):
            m.take(T0 + SECOND_NS + i * SECOND_NS // 2, 1, 500, None)
        end = T0 + (1 + duration) * SECOND_NS
        peaks.append(m.displacement(end))
        left.append([m.displacement(end + int(x * duration * SECOND_NS)) / peaks[-1] for x in (0.25, 0.5, 1.0)])
    slope = np.polyfit(np.log(seconds), np.log(peaks), 1)[0]
    assert 0.48 < slope < 0.6
    assert left[-1] == pytest.approx([np.sqrt(1 + x) - np.sqrt(x) for x in (0.25, 0.5, 1.0)], abs=0.05)
