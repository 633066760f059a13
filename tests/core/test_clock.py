"""Clocks do not run backwards."""

from __future__ import annotations

import time

import pytest

from counterpoise.core.clock import Clock, SimClock, WallClock
from counterpoise.core.errors import InputError


def test_the_wall_clock_agrees_with_the_machine() -> None:
    before = time.time_ns()
    now = WallClock().now_ns()
    assert before <= now <= time.time_ns()


def test_the_wall_clock_stands_when_the_machine_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([100, 90, 110])
    monkeypatch.setattr(time, "time_ns", lambda: next(readings))
    clock = WallClock()
    assert [clock.now_ns() for _ in range(3)] == [100, 100, 110]


def test_a_sim_clock_stands_until_moved() -> None:
    clock = SimClock(5)
    port: Clock = clock
    assert [port.now_ns(), port.now_ns()] == [5, 5]
    clock.move_to(5)
    clock.move_to(9)
    assert port.now_ns() == 9


def test_a_sim_clock_refuses_to_go_back() -> None:
    clock = SimClock(5)
    with pytest.raises(InputError, match="cannot go back to 4 ns"):
        clock.move_to(4)
    assert clock.now_ns() == 5
