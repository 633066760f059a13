"""When a plan is made anew: out of the band, once; not for noise at its edge; not oftener than it may."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.allocate.recalibration import Recalibration, RecalibrationState, catch_up
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS

QUIET = {"volume": 1.0, "spread": 2.0, "volatility": 0.5, "imbalance": 0.1, "forecast": -0.5}


def rules(**terms: object) -> Recalibration:
    return Recalibration(**({"every": "", "rest": ""} | terms))  # type: ignore[arg-type]


def run(of: Recalibration, state: RecalibrationState, name: str, values: list[float]) -> list[tuple[str, ...]]:
    out = []
    for k, value in enumerate(values):
        state, reasons = of.step(state, (k + 1) * SECOND_NS, QUIET | {name: value})
        out.append(reasons)
    return out


@pytest.mark.parametrize(
    ("name", "edge"),
    [("volume", 1.3), ("volume", 1 / 1.3), ("spread", 3.0), ("volatility", 0.65), ("imbalance", -0.4), ("forecast", 1.5)],
)
def test_a_measure_fires_just_outside_its_band_and_not_just_inside(name: str, edge: float) -> None:
    of, outward = rules(), edge - QUIET[name]
    state = of.init(0, QUIET)
    assert run(of, state, name, [edge - 1e-6 * outward]) == [()]
    assert run(of, state, name, [edge + 1e-6 * outward]) == [(f"{name} left its band",)]


def test_noise_at_the_edge_fires_once_and_a_return_arms_it_again() -> None:
    of = rules()
    fired = run(of, of.init(0, QUIET), "volume", [1.31, 1.29, 1.31, 1.29, 1.31, 1.0, 1.31])
    assert [bool(reasons) for reasons in fired] == [True, False, False, False, False, False, True]


def test_the_new_plan_has_the_new_reference() -> None:
    of = rules()
    assert run(of, of.init(0, QUIET | {"volume": 1.5}), "volume", [1.5, 1.9, 1.0]) == [(), (), ("volume left its band",)]


def test_fills_off_the_plan_either_way_fire() -> None:
    of = rules()
    state = of.init(0, QUIET)
    assert of.step(state, 1, QUIET, behind=0.049)[1] == ()
    for behind in (0.051, -0.051):
        assert of.step(state, 1, QUIET, behind=behind)[1] == ("fills left its band",)


def test_the_timer_fires_and_rest_holds_everything_back() -> None:
    of = rules(every="10s", rest="4s")
    state = of.init(0, QUIET)
    asked = []
    for second in range(1, 31):
        state, reasons = of.step(state, second * SECOND_NS, QUIET | {"spread": 9.0})
        asked += [(second, reasons)] if reasons else []
    assert asked == [(4, ("spread left its band",)), (14, ("timer",)), (24, ("timer",))]


def test_silence_neither_fires_nor_comes_back() -> None:
    of = rules()
    assert [bool(found) for found in run(of, of.init(0, QUIET), "spread", [np.nan, 9.0, np.nan, 9.0])] == [
        False,
        True,
        False,
        False,
    ]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=40), st.integers(1, 9))
def test_plans_are_never_closer_than_the_rest(values: list[float], rest: int) -> None:
    of = rules(rest=f"{rest}s", every="3s")
    fired = [k for k, reasons in enumerate(run(of, of.init(0, QUIET), "volume", values), start=1) if reasons]
    assert all(later - sooner >= rest for sooner, later in zip([0, *fired], fired, strict=False))


@given(*(st.floats(0, 1e6) for _ in range(4)))
def test_catching_up_stays_between_nothing_and_the_cap(planned: float, filled: float, rate: float, cap: float) -> None:
    more = catch_up(planned, filled, rate=rate, cap=cap)
    assert 0 <= more <= cap
    assert more == cap or filled + more >= planned + rate - 1e-6


def test_what_cannot_be_is_refused() -> None:
    for bad in ({"inner": 1.0}, {"behind": 0.0}, {"relative": {"volume": -1.0}}, {"absolute": {"volume": 1.0}}):
        with pytest.raises(InputError):
            rules(**bad)
    with pytest.raises(InputError, match="spread is None"):
        rules().init(0, {"volume": 1.0})
    with pytest.raises(InputError, match="volume is 0"):
        rules().init(0, QUIET | {"volume": 0})
    with pytest.raises(InputError, match="time went back"):
        rules().step(rules().init(5, QUIET), 4, QUIET)
