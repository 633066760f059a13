"""Fitted fills and what follows them: known laws are found again, recordings are foretold by parts of them left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoise.balance.placement.adverse_selection import AdverseSelection, fit_adverse_selection
from counterpoise.balance.placement.features import FEATURES, features
from counterpoise.balance.placement.fill_model import FillModel, fill_score, fit_fill_model
from counterpoise.balance.placement.probes import Probes, replay_probes
from counterpoise.core.arrays import Bool1D, Float1D, Float2D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.market.event import TRADE, Events
from reference.binance_recordings import CAPTURES, read_recording

TRUE = FillModel(weights=(-1.0, 0.8, -0.3, 0.5, -0.4, 0.2), shape=0.7)
Sample = tuple[Float2D, Float1D, Bool1D]


def drawn(rng: np.random.Generator, count: int = 4_000, life_s: float = 30.0) -> Sample:
    rows = features(
        inside=rng.random(count) < 0.5,
        spread_ticks=rng.integers(1, 6, count).astype(float),
        own_lots=rng.lognormal(2, 1, count),
        opposite_lots=rng.lognormal(2, 1, count),
        unit_lots=np.ones(count),
    )
    seconds = (rng.exponential(size=count) / np.exp(rows @ np.array(TRUE.weights))) ** (1 / TRUE.shape)
    return rows, np.minimum(seconds, life_s), seconds <= life_s


def test_a_known_law_is_found_again_from_censored_times() -> None:
    rng = np.random.default_rng(1)
    samples = [drawn(rng) for _ in range(3)]
    found = fit_fill_model(samples, ridge=0.0)
    assert found.weights == pytest.approx(TRUE.weights, abs=0.15)
    assert found.shape == pytest.approx(TRUE.shape, abs=0.03)
    score = fill_score(samples, horizon_s=5.0)
    assert score.brier < score.base_brier - 0.01
    assert score.calibration[:, 0] == pytest.approx(score.calibration[:, 1], abs=0.05)
    assert score.calibration[:, 2].sum() == score.orders == 12_000


def test_the_slope_of_the_likelihood_leads_to_its_top() -> None:
    """No model near the fit explains the sample better."""
    rows, seconds, filled = drawn(np.random.default_rng(2))
    found = fit_fill_model(
        [(rows[:2000], seconds[:2000], filled[:2000]), (rows[2000:], seconds[2000:], filled[2000:])], ridge=0.0
    )

    def likelihood(weights: Float1D, shape: float) -> float:
        view = rows @ weights
        hazard = seconds**shape * np.exp(view)
        return float((filled * (np.log(shape) + (shape - 1) * np.log(seconds) + view) - hazard).sum())

    best = likelihood(np.array(found.weights), found.shape)
    for place in range(len(FEATURES)):
        for step in (-0.05, 0.05):
            near = np.array(found.weights)
            near[place] += step
            assert likelihood(near, found.shape) < best
    assert max(likelihood(np.array(found.weights), found.shape * by) for by in (0.95, 1.05)) < best


def test_a_chance_grows_with_time_and_wanes_with_the_queue() -> None:
    def one(own: float) -> Float2D:
        column = {"spread_ticks": np.ones(1), "opposite_lots": np.ones(1), "unit_lots": np.ones(1)}
        return features(inside=np.zeros(1, bool), own_lots=np.full(1, own), **column)

    chances = [TRUE.probability(one(5.0), t)[0] for t in (0.1, 1.0, 10.0, 1e9)]
    assert chances == sorted(chances)
    assert chances[-1] == 1.0
    flat = FillModel(weights=(-1.0, 0.0, 0.0, 0.0, -0.4, 0.0), shape=1.0)
    assert flat.probability(one(50.0), 1.0)[0] < flat.probability(one(5.0), 1.0)[0]


def test_what_follows_a_fill_is_found_again() -> None:
    rng = np.random.default_rng(3)
    weights = np.array([-1.5, 0.4, 0.2, 1.0, -0.3, 0.1])
    samples = []
    for _ in range(3):
        rows = drawn(rng)[0]
        samples.append((rows, rows @ weights + rng.normal(0, 2, len(rows))))
    found = fit_adverse_selection(samples, ridge=0.0)
    assert found.weights == pytest.approx(weights, abs=0.25)
    assert 0.02 < found.r2 < 0.3
    noise = [(rows, rng.normal(0, 2, len(rows))) for rows, _ in samples]
    assert fit_adverse_selection(noise).r2 < 0.005


def recorded(name: str, data_dir: Path) -> tuple[Events, Probes]:
    events, _ = read_recording(name, data_dir)
    unit = float(events.qty_lots[events.kind == TRADE].mean())
    return events, replay_probes(events, CAPTURES[name].instrument, unit_lots=unit, every="500ms")


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_recorded_fills_are_foretold_and_are_adverse(name: str, data_dir: Path) -> None:
    """Each third of the six minutes by the other two, against their share of fills; a filled order is filled for a reason."""
    _, probes = recorded(name, data_dir)
    thirds = np.array_split(np.arange(len(probes.rows)), 3)
    samples = [(probes.rows[part], probes.seconds[part], probes.filled[part]) for part in thirds]
    score = fill_score(samples, horizon_s=2.0)
    assert score.brier < score.base_brier
    assert score.calibration[-1, 1] > score.calibration[0, 1] + 0.15
    assert score.calibration[:, 0] == pytest.approx(score.calibration[:, 1], abs=0.15)
    within = probes.filled_within(10.0)
    missed = ~within & np.isfinite(probes.moves_bps)
    filled, away = probes.moves_bps[within], probes.moves_bps[missed]
    assert filled.mean() < -2 * filled.std() / len(filled) ** 0.5
    assert away.mean() > 2 * away.std() / len(away) ** 0.5


@pytest.mark.realdata
def test_probes_do_not_look_ahead(data_dir: Path) -> None:
    events, probes = recorded("coinm", data_dir)
    half = Events._make(column[: events.rows // 2] for column in events)
    unit = float(events.qty_lots[events.kind == TRADE].mean())
    first = replay_probes(half, CAPTURES["coinm"].instrument, unit_lots=unit, every="500ms")
    count = len(first.rows)
    assert count > 100
    assert np.array_equal(first.rows, probes.rows[:count])
    sooner = first.filled
    assert np.array_equal(first.seconds[sooner], probes.seconds[:count][sooner])


def test_what_is_refused() -> None:
    rows, seconds, filled = drawn(np.random.default_rng(4), 200)
    with pytest.raises(InputError, match="two or more"):
        fit_fill_model([(rows, seconds, filled)])
    with pytest.raises(InputError, match="expected 100 or more"):
        fit_fill_model([(rows[:50], seconds[:50], filled[:50])] * 2)
    with pytest.raises(InputError, match="above 0"):
        fit_fill_model([(rows, 0 * seconds, filled)] * 2)
    with pytest.raises(NumericalError, match="nothing to fit"):
        fit_fill_model([(rows, seconds, np.zeros(200, bool))] * 2)
    with pytest.raises(InputError):
        fit_adverse_selection([(rows, seconds)] * 2, ridge=-1.0)
    with pytest.raises(InputError):
        fit_adverse_selection([(rows, np.full(200, np.nan))] * 2)
    with pytest.raises(InputError):
        FillModel(weights=TRUE.weights, shape=0.0)
    with pytest.raises(InputError):
        AdverseSelection(weights=(1.0,))
    with pytest.raises(InputError, match="above 0"):
        features(
            inside=np.zeros(1, bool),
            spread_ticks=np.zeros(1),
            own_lots=np.ones(1),
            opposite_lots=np.ones(1),
            unit_lots=np.ones(1),
        )
