"""Schedules in the market's time: what is done follows what came, and the day's level is believed as far as Bayes would."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.schedule.volume import level_certainty, pov, updated_vwap, vwap
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError

CURVE: Final = np.array([50.0, 30.0, 20.0, 15.0, 15.0, 20.0, 40.0, 60.0])
EDGES: Final = np.arange(9) * 10


def days(rng: np.random.Generator, count: int, *, certainty: float) -> tuple[Float1D, Float2D]:
    """The model itself: levels gamma distributed around 1, trades of 1 that come in Poisson numbers."""
    level = rng.gamma(certainty, 1 / certainty, count)
    return level, rng.poisson(level[:, None] * CURVE).astype(np.float64)


def test_nothing_seen_or_nothing_believed_is_the_past() -> None:
    plain = vwap(1000, times_ns=EDGES, volume=CURVE).cumulative_lots.tolist()
    for seen, certainty in ((np.zeros(0), 5.0), (CURVE[:3], 0.0), (CURVE[:5], 7.0), (np.zeros(8), 0.0)):
        found = updated_vwap(1000, times_ns=EDGES, volume=CURVE, seen=seen, certainty=certainty)
        assert found.cumulative_lots.tolist() == plain


def test_a_day_twice_as_busy_in_all_slices_is_the_past_if_the_day_is_believed_and_ahead_of_it_if_not() -> None:
    plain = vwap(1000, times_ns=EDGES, volume=CURVE).cumulative_lots
    believed, not_believed = (
        updated_vwap(1000, times_ns=EDGES, volume=CURVE, seen=2 * CURVE[:3], certainty=c).cumulative_lots for c in (0.0, np.inf)
    )
    assert (believed == plain).all()
    assert not_believed[2] == round(1000 * 200 / 350)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=8),
    st.lists(st.floats(0, 1e6), max_size=8),
    st.floats(0, 1e6),
    st.integers(1, 10**9),
)
def test_it_ends_with_all_and_never_goes_back(curve: list[float], seen: list[float], certainty: float, lots: int) -> None:
    if not sum(curve):
        return
    found = updated_vwap(
        lots, times_ns=np.arange(len(curve) + 1), volume=np.array(curve), seen=np.array(seen[: len(curve)]), certainty=certainty
    )
    assert found.cumulative_lots[-1] == lots
    assert (np.diff(found.cumulative_lots, prepend=0) >= 0).all()


def test_once_the_day_is_over_it_is_the_day() -> None:
    came = np.array([3.0, 0, 0, 1, 0, 0, 0, 4])
    found = updated_vwap(80, times_ns=EDGES, volume=CURVE, seen=came, certainty=1e9)
    assert found.cumulative_lots.tolist() == [30, 30, 30, 40, 40, 40, 40, 80]


def test_the_level_is_its_mean_given_what_was_seen() -> None:
    """In the model the level found less the true one has mean 0 whatever was seen: overall, on quiet and on busy mornings."""
    certainty, seen = 9.0, 3
    level, came = days(np.random.default_rng(11), 4000, certainty=certainty)
    lots = 10**12
    found = []
    for day in came:
        path = updated_vwap(lots, times_ns=EDGES, volume=CURVE, seen=day[:seen], certainty=certainty).cumulative_lots / lots
        found.append(day[:seen].sum() * (1 - path[seen - 1]) / (path[seen - 1] * CURVE[seen:].sum()))
    gap, busy = np.array(found) - level, came[:, :seen].sum(axis=1) > 100
    for part in (gap, gap[busy], gap[~busy]):
        assert abs(part.mean()) < 3.3 * part.std() / len(part) ** 0.5


def test_it_tracks_the_day_better_than_the_past_or_the_day_alone() -> None:
    """Squared distance of what should be done from the share of the day's volume, the morning after; over fresh days."""
    certainty = 9.0
    _, came = days(np.random.default_rng(12), 1500, certainty=certainty)
    lots, missed = 10**9, {}
    for believed in (0.0, certainty, np.inf):
        missed[believed] = np.array(
            [
                updated_vwap(lots, times_ns=EDGES, volume=CURVE, seen=day[:1], certainty=believed).cumulative_lots[0] / lots
                - day[0] / day.sum()
                for day in came
            ]
        )
    for other in (0.0, np.inf):
        worse = missed[other] ** 2 - missed[certainty] ** 2
        assert worse.mean() > 3.3 * worse.std() / len(worse) ** 0.5


def test_the_certainty_of_the_model_is_found() -> None:
    found = [level_certainty(days(np.random.default_rng(seed), 250, certainty=9.0)[1]) for seed in range(40)]
    assert abs(np.mean(found) - 9) < 3.3 * np.std(found) / 40**0.5 + 0.3  # a ratio of estimates leans by O(1/days)
    assert np.std(found) < 2


def test_days_that_differ_by_chance_alone_keep_the_level_of_the_past() -> None:
    rng = np.random.default_rng(3)
    found = [level_certainty(rng.poisson(CURVE, (40, 8)).astype(np.float64)) for _ in range(20)]
    assert min(found) > 250  # a whole day's volume
    assert np.isinf(level_certainty(np.tile(CURVE, (5, 1))))


def test_pov_has_all_due_from_the_first_slice_on() -> None:
    found = pov(100, start_ns=5, end_ns=45, slice_ns=10)
    assert found.cumulative_lots.tolist() == [100] * 4
    assert (found.start_ns[0], found.end_ns[-1]) == (5, 45)
    with pytest.raises(InputError, match="at least one slice"):
        pov(100, start_ns=5, end_ns=10, slice_ns=10)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"times_ns": EDGES[:-1]}, "increasing edges"),
        ({"times_ns": EDGES[::-1]}, "increasing edges"),
        ({"volume": -CURVE}, "finite volume >= 0"),
        ({"volume": 0 * CURVE}, "finite volume >= 0"),
        ({"seen": np.ones(9)}, "at most 8 slices"),
        ({"seen": np.array([-1.0])}, "at most 8 slices"),
        ({"seen": np.array([np.nan])}, "at most 8 slices"),
        ({"certainty": -1.0}, "certainty is at least 0"),
        ({"certainty": np.nan}, "certainty is at least 0"),
    ],
)
def test_a_curve_that_is_none_is_refused(changed: dict[str, object], message: str) -> None:
    terms = {"times_ns": EDGES, "volume": CURVE, "seen": CURVE[:2], "certainty": 1.0} | changed
    with pytest.raises(InputError, match=message):
        updated_vwap(100, **terms)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lots to trade"):
        updated_vwap(0, times_ns=EDGES, volume=CURVE, seen=CURVE[:2], certainty=1.0)


@pytest.mark.parametrize("volume", [np.ones((1, 8)), np.ones((8, 1)), np.ones(8), np.zeros((3, 3)), np.full((2, 2), np.nan)])
def test_too_few_days_are_refused(volume: Float2D) -> None:
    with pytest.raises(InputError, match="two days or more"):
        level_certainty(volume)
