"""A comparison on the smallest market: every contender runs, the table adds up, the intervals are those of seeds."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import pytest

from counterpoise.balance.basket.balanced import BalancedConfig
from counterpoise.balance.comparison.contenders import CONTENDERS, Task, contender
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.comparison.training import learn, watched
from counterpoise.balance.comparison.trial import NOBODY, Outcome, trial
from counterpoise.balance.comparison.verdict import bootstrap_mean, jobs_of, verdict
from counterpoise.core.errors import ConfigError, InputError, UnknownName

SMALL: Final = Scenario(
    tokens=2, venues=1, horizon="2m", share=0.1, train_seeds=tuple(range(901, 912)), settle="2s", tracking_bps=10.0
)


@pytest.fixture(scope="module")
def known() -> Known:
    return learn(SMALL, run=lambda task, seeds: [task(seed) for seed in seeds])


@pytest.fixture(scope="module")
def outcomes(known: Known) -> list[Outcome]:
    jobs = jobs_of(tuple(CONTENDERS), (1, 2))
    return [trial(SMALL, known, name, seed=seed, side=side) for name, seed, side in jobs]


def test_everybody_is_told_the_same(known: Known) -> None:
    assert known.volume.shape == known.price.shape == known.half_spread_bps.shape == (4,)
    assert (known.volume > 0).all()
    assert known.volume_curve.sum() == pytest.approx(float(known.volume @ known.price), rel=0.02)
    assert np.linalg.eigvalsh(known.covariance)[0] >= 0
    assert known.clean_net.shape == (11, 2)
    assert watched(SMALL) == (0, 2)
    task = Task(SMALL, known, 1, 0, 120 * 10**9)
    worth = task.quantity * np.bincount(task.tokens, known.volume * known.price) / np.bincount(task.tokens, known.volume)
    assert worth[0] == pytest.approx(worth[1])
    assert worth.sum() == pytest.approx(0.1 * float(known.volume @ known.price))


def test_every_contender_does_its_parent(outcomes: list[Outcome]) -> None:
    for one in outcomes:
        if one.contender == NOBODY:
            assert (one.orders, one.fills, one.completion) == (0, 0, pytest.approx(0.0))
        elif one.contender != "pov":  # whose cap may leave some undone
            assert one.completion == pytest.approx(1.0, abs=0.01)
        assert set(one.gini) <= {"token", "instrument"}
    crossing = [one for one in outcomes if one.contender == "twap_crossing"]
    assert {one.maker for one in crossing} == {0.0}
    assert all(one.fees_bps == pytest.approx(3.0, rel=0.01) for one in crossing)
    assert all(one.tracking_bps < 1e-3 for one in outcomes if one.contender == "twap")


def test_the_same_trial_is_the_same(known: Known, outcomes: list[Outcome]) -> None:
    again = trial(SMALL, known, "balanced", seed=1, side=1)
    first = next(one for one in outcomes if (one.contender, one.seed, one.side) == ("balanced", 1, 1))
    assert again._replace(peaks=0, delays=0, signed=0) == first._replace(peaks=0, delays=0, signed=0)
    assert np.array_equal(again.peaks, first.peaks)


def test_ours_may_draw_its_sizes_from_the_market_s(known: Known, outcomes: list[Outcome]) -> None:
    hidden = msgspec.structs.replace(SMALL, balanced=BalancedConfig(sizes="market", display=1.0))
    one = trial(hidden, known, "balanced", seed=1, side=1)
    plain = next(other for other in outcomes if (other.contender, other.seed, other.side) == ("balanced", 1, 1))
    assert one.completion == pytest.approx(1.0, abs=0.01)
    assert one.orders > plain.orders


def test_the_table_is_that_of_the_outcomes(known: Known, outcomes: list[Outcome]) -> None:
    found = verdict(SMALL, known, outcomes)
    assert found.frame["contender"].to_list() == list(CONTENDERS)
    twap = [one for one in outcomes if one.contender == "twap"]
    row = found.frame.filter(contender="twap").row(0, named=True)
    assert row["cost_bps"] == pytest.approx(np.mean([one.shortfall_bps for one in twap]))
    assert row["cost_undisturbed_bps"] == pytest.approx(np.mean([one.impact_bps + one.fees_bps for one in twap]))
    assert row["cost_bps_low"] <= row["cost_bps"] <= row["cost_bps_high"]
    ours = [one for one in outcomes if one.contender == "balanced"]
    pair = found.pairs.filter(contender="twap").row(0, named=True)
    saved = np.mean([one.shortfall_bps for one in twap]) - np.mean([one.shortfall_bps for one in ours])
    assert pair["shortfall_saved_bps"] == pytest.approx(saved)
    assert found.runs.height == len(outcomes)
    assert 0.5 <= row["auc_floor"] <= 1


def test_a_bootstrap_interval_covers_the_mean() -> None:
    """In nineteen of twenty samples, or so."""
    draw = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        _, low, high = bootstrap_mean(draw.normal(1.0, 2.0, 30), seed=int(draw.integers(1 << 30)))
        inside += low <= 1.0 <= high
    assert 175 <= inside <= 199
    assert np.isnan(bootstrap_mean(np.ones(1))[1])


def test_what_cannot_be_compared_is_refused(known: Known) -> None:
    with pytest.raises(UnknownName, match="contender"):
        jobs_of(("guess",), (1, 2))
    with pytest.raises(UnknownName, match="contender"):
        contender("guess", Task(SMALL, known, 1, 0, 1), np.random.default_rng(0))
    for seeds in ((1,), (1, 1)):
        with pytest.raises(InputError, match="two seeds"):
            jobs_of(("twap",), seeds)
    for bad in ({"index": "alphabet"}, {"share": 0.0}, {"train_seeds": (1,)}, {"participation": 1.0}):
        with pytest.raises(ConfigError):
            Scenario(**bad)
