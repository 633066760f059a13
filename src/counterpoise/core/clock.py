"""Clocks. Only this module reads one; replay never does."""

from __future__ import annotations

import time
from typing import Protocol

from counterpoise.core.errors import InputError

__all__ = ["Clock", "SimClock", "WallClock"]


class Clock(Protocol):
    """What tells the session the time, in ns UTC."""

    def now_ns(self) -> int: ...


class WallClock:
    """The machine's clock, never running backwards within one process."""

    def __init__(self) -> None:
        self._last_ns = 0

    def now_ns(self) -> int:
        self._last_ns = max(self._last_ns, time.time_ns())
        return self._last_ns


class SimClock:
    """A clock that stands until it is moved, and is only moved forward."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def move_to(self, ts_ns: int) -> None:
        if ts_ns < self._now_ns:
            raise InputError(f"clock stands at {self._now_ns} ns and cannot go back to {ts_ns} ns")
        self._now_ns = ts_ns
