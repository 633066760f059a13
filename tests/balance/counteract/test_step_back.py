"""Bands with hysteresis and patience, step by step."""

from __future__ import annotations

from math import nan
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.counteract.step_back import Band, StepBack, StepBackState
from counterpoise.core.errors import ConfigError

RULE: Final = StepBack(bands={"vpin": Band(leave=0.6, enter=0.4), "volatility_bps": Band(leave=5, enter=3)}, patience=2, calm=3)


def went(*values: tuple[float, float], rule: StepBack = RULE) -> list[StepBackState]:
    states = [StepBackState()]
    for vpin, volatility in values:
        states.append(rule.step(states[-1], {"vpin": vpin, "volatility_bps": volatility}))
    return states[1:]


def test_it_leaves_after_its_patience_and_says_why() -> None:
    first, spared, again, left = went((0.7, 1), (0.5, 1), (0.7, 1), (0.8, 1))
    assert not any(state.away for state in (first, spared, again))
    assert left.reasons == ("vpin 0.8 is above 0.6",)


def test_between_the_levels_it_stays_where_it_is() -> None:
    assert not went(*[(0.5, 4)] * 9)[-1].away
    assert went((0.7, 1), (0.7, 1), *[(0.5, 4)] * 9)[-1].away


def test_it_comes_back_after_a_calm_of_all_measures() -> None:
    states = went((0.7, 1), (0.7, 1), (0.3, 1), (0.3, 4), (0.3, 1), (0.3, 1), (0.3, 1))
    assert [state.away for state in states] == [False, True, True, True, True, True, False]


def test_a_second_reason_is_added() -> None:
    assert len(went((0.7, 1), (0.7, 9), (0.7, 9))[-1].reasons) == 2


def test_what_is_not_known_moves_nobody() -> None:
    assert not went((nan, nan), (nan, nan), (nan, nan))[-1].away
    assert went((0.7, 1), (0.7, 1), *[(nan, 1)] * 9)[-1].away


def test_a_band_upside_down_and_a_missing_measure_are_refused() -> None:
    with pytest.raises(ConfigError, match="enter <= leave"):
        Band(leave=1, enter=2)
    with pytest.raises(ConfigError, match="no measure vpin"):
        RULE.step(StepBackState(), {"volatility_bps": 1.0})
    with pytest.raises(ConfigError, match="1 or more"):
        StepBack(patience=0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), min_size=1, max_size=60))
def test_a_change_is_always_backed_by_as_many_decisions(values: list[tuple[float, float]]) -> None:
    states = [StepBackState(), *went(*values)]
    for at in range(1, len(states)):
        before, after = states[at - 1].away, states[at].away
        if after and not before:
            assert all(v[0] > 0.6 for v in values[at - 2 : at]) or all(v[1] > 5 for v in values[at - 2 : at])
        if before and not after:
            assert all(v[0] < 0.4 and v[1] < 3 for v in values[at - 3 : at])
        assert bool(states[at].reasons) == after
