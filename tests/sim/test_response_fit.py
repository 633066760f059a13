"""A response fitted from a recording: known answers where there are any, standard errors, saving, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.fit import Z95
from counterpoise.sim.replay.response_fit import ResponseFit, _followers, _level, _Tape, fit_response
from counterpoise.sim.synthetic.market import default_config, generate
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import events_of

CONFIG = default_config(seed=3, duration="5m")
INSTRUMENT = CONFIG.tokens[0].instrument(CONFIG.venue)


@pytest.fixture(scope="module")
def fit() -> ResponseFit:
    events = generate(CONFIG)[INSTRUMENT.id]
    return fit_response(events, INSTRUMENT, rng=np.random.default_rng(1))


def test_a_market_whose_price_follows_flow_has_a_response(fit: ResponseFit) -> None:
    level, decay, since, runs = fit.estimates[:4]
    assert level.value > 3 * level.se > 0
    assert (decay.value, decay.se) == (0.5, None)
    assert 0 < since.value < 1
    assert runs.n >= 20
    assert fit.model.impact.bps_per_million == level.value
    assert fit.frame["name"].to_list()[4:7] == [
        f"resilience.{name}" for name in ("half_life_s", "half_life_behind_s", "cancels")
    ]


def test_it_is_saved_and_read_back_whole(fit: ResponseFit) -> None:
    again = ResponseFit.from_json(fit.to_json())
    assert again == fit
    assert again.to_json() == fit.to_json()
    assert "followers.per_lot" in fit.to_html()


def test_one_seed_one_fit(fit: ResponseFit) -> None:
    events = generate(CONFIG)[INSTRUMENT.id]
    assert fit_response(events, INSTRUMENT, rng=np.random.default_rng(1)).to_json() == fit.to_json()


def test_a_saved_fit_that_cannot_be_meant_is_refused(fit: ResponseFit) -> None:
    """What is read is checked as what is given."""
    with pytest.raises(DataError, match=r"fit.json is no fitted response"):
        ResponseFit.from_json(fit.to_json().replace(b'"half_life": "', b'"half_life": "-'), source="fit.json")


@pytest.mark.parametrize("reacting", [0.1, 0.5])
def test_followers_of_signs_that_stay_with_a_known_chance(reacting: float) -> None:
    """Signs that stay with chance .8 are an autoregression of .6: if a part ρ is reaction, .6ρ / (1 − .6ρ) follow one."""
    rng = np.random.default_rng(2)
    turns = np.where(rng.random(40_000) < 0.8, 1.0, -1.0)
    tape = _Tape(np.cumprod(turns), since_ns=SECOND_NS // 10, qty=4000.0, span_ns=4000 * SECOND_NS)
    model, (estimate,) = _followers(tape, reacting, np.random.default_rng(3))
    expected = 0.6 * reacting / (1 - 0.6 * reacting)
    assert abs(estimate.value - expected) < 4 * estimate.se
    assert estimate.se < 0.2 * expected
    assert model.per_lot == estimate.value
    assert model.volume_per_s == pytest.approx(0.5)


def test_the_level_of_a_propagator_that_is_known() -> None:
    """Returns made by 3 bps a million, (1 + t)^(−½) and noise: within the interval, and the interval is narrow."""
    rng, n = np.random.default_rng(4), 3000
    flow = rng.normal(size=n)
    steps = np.diff((1 + (np.arange(n) + 0.5)) ** -0.5, prepend=0.0)
    change = 3 * np.convolve(flow, steps)[:n] + rng.normal(size=n)
    change[100:130] = np.nan
    level = _level(pl.DataFrame({"change": change, "flow": flow}), beta=0.5, since_ns=SECOND_NS)
    assert abs(level.value - 3) < 2 * Z95 * level.se
    assert 0 < level.se < 0.1
    assert level.n == n - 30


@pytest.mark.parametrize("wrong", [{"exponent": 0.0}, {"exponent": 1.0}, {"reacting": -0.1}, {"reacting": 1.1}])
def test_numbers_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="reacting lies in"):
        fit_response(events_of([]), INSTRUMENT, rng=np.random.default_rng(0), **wrong)


def test_a_recording_without_trades_is_refused() -> None:
    with pytest.raises(DataError, match="0 trades of known side"):
        fit_response(events_of([(0, 1, [(1, 1000, 5)])]), INSTRUMENT, rng=np.random.default_rng(0))


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_each_of_the_recordings_gives_a_response(name: str, data_dir: Path) -> None:
    """Linear, inverse and spot: every number has its error and count, and the model is admitted."""
    events, _ = read_recording(name, data_dir)
    fit = fit_response(events, CAPTURES[name].instrument, rng=np.random.default_rng(1))
    told = {one.name: one for one in fit.estimates}
    assert told["impact.bps_per_million"].value > 3 * told["impact.bps_per_million"].se
    assert told["runs.exponent"].n > 100
    assert 0.3 < told["runs.exponent"].value < 1.1
    assert 0.5 < told["resilience.half_life_s"].value < 10
    assert 0.05 < told["followers.per_lot"].value < 0.12
    assert told["followers.per_lot"].se < 0.01
    assert fit.model.followers.per_lot == told["followers.per_lot"].value
