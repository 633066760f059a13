"""Where trades of others have pushed the lit mid: the transient impact of `flow.impact` as a running state."""

from __future__ import annotations

import numpy as np

from counterpoise.core.errors import InputError
from counterpoise.flow.impact.impact import Impact

__all__ = ["Displacement"]


class Displacement:
    """Sum over trades of λ q G(t − s), each component of G decaying by itself: O(components) a trade, whatever came before.

    Parameters
    ----------
    impact : Impact
        Of one instrument; its propagator moves the mid, what is temporary does not.

    Raises
    ------
    InputError
        If the impact is of several instruments.
    """

    def __init__(self, impact: Impact) -> None:
        if len(impact.instruments) > 1:
            raise InputError(f"one instrument expected, found the impact of {impact.instruments}")
        self._size = float(impact.matrix[0, 0])
        self._shares, self._rates = impact.propagator.shares, impact.propagator.rates
        self._components, self._ts_ns = np.zeros_like(self._shares), 0

    def add(self, ts_ns: int, signed_millions: float) -> None:
        """A trade at a time no earlier than the last one."""
        if ts_ns < self._ts_ns:
            raise InputError(f"a trade at {ts_ns} ns after one at {self._ts_ns} ns; give them in order")
        self._components = self._decayed(ts_ns) + self._size * signed_millions * self._shares
        self._ts_ns = ts_ns

    def bps(self, ts_ns: int) -> float:
        """Displacement [bps of the mid] at a time no earlier than the last trade, that trade included."""
        return float(self._decayed(ts_ns).sum())

    def _decayed(self, ts_ns: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.asarray(self._components * np.exp(-self._rates * (ts_ns - self._ts_ns)))
