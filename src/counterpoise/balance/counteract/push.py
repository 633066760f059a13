"""How far our own trading has carried a price, and how far noise may carry it besides."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import TransientImpact

__all__ = ["Noise", "OwnPush"]


class OwnPush:
    """Displacement of the mid by our own fills, fill by fill: `TransientImpact.displacement_bps` in constant memory.

    Parameters
    ----------
    impact : TransientImpact
    """

    def __init__(self, impact: TransientImpact) -> None:
        self.impact: Final = impact
        self._rates: Final = impact.rates
        self._parts: Float1D = np.zeros(len(self._rates))
        self._ts_ns = 0

    def at(self, ts_ns: int) -> float:
        """Displacement [bps], signed; a time before the last fill counts as that fill's."""
        return float(self._decayed(ts_ns).sum())

    def take(self, ts_ns: int, signed_millions: float) -> None:
        """A fill of ours [millions of quote], positive bought."""
        self._parts = self._decayed(ts_ns) + self.at_once(signed_millions) * self.impact.shares
        self._ts_ns = max(ts_ns, self._ts_ns)

    def at_once(self, signed_millions: float) -> float:
        """What a trade displaces the mid by as it is made [bps]."""
        return self.impact.bps_per_million * signed_millions

    def _decayed(self, ts_ns: int) -> Float1D:
        return np.asarray(self._parts * np.exp(-self._rates * max(ts_ns - self._ts_ns, 0)))


class Noise:
    """Volatility of a mid by what is seen of it at decision times.

        σ² = Σ w (ln m − ln m′)² / Σ w (t − t′),    w halves every `half_life`

    Parameters
    ----------
    half_life : str
    floor_bps : float
        Never said to be less [bps/√s]; what is said before a first change.

    Raises
    ------
    InputError
        If the floor is below 0.
    """

    def __init__(self, *, half_life: str, floor_bps: float) -> None:
        if not floor_bps >= 0:
            raise InputError(f"floor_bps is {floor_bps}; expected 0 or more bps a root second")
        self._rate: Final = log(2) / parse_duration(half_life)
        self._floor: Final = floor_bps
        self._last: tuple[int, float] | None = None
        self._squares = self._seconds = 0.0

    def see(self, ts_ns: int, mid: float) -> None:
        """The mid now, in any unit; a time that is not later is passed over."""
        if self._last is None:
            self._last = ts_ns, mid
            return
        before_ns, before = self._last
        if ts_ns <= before_ns:
            return
        kept = exp(-self._rate * (ts_ns - before_ns))
        self._squares = kept * self._squares + (log(mid / before) / BPS) ** 2
        self._seconds = kept * self._seconds + (ts_ns - before_ns) / SECOND_NS
        self._last = ts_ns, mid

    @property
    def bps(self) -> float:
        """σ [bps/√s]."""
        return max(self._floor, sqrt(self._squares / self._seconds) if self._seconds else 0.0)
