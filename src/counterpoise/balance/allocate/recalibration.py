"""When a plan is made anew: the market left the band it was planned for, fills fell behind, or time has passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["Recalibration", "RecalibrationState", "catch_up"]


class RecalibrationState(NamedTuple):
    """What the decision to plan anew remembers.

    Attributes
    ----------
    planned_ns : int
        When the plan in use was made.
    reference : dict of str to float
        What was measured then.
    outside : frozenset of str
        Measures out of their band that have not come back into the inner one; they do not fire again.
    asked_ns : int
        When a plan was last asked for, though perhaps not found.
    """

    planned_ns: int
    reference: dict[str, float]
    outside: frozenset[str] = frozenset()
    asked_ns: int = 0


class Recalibration(Config, frozen=True, kw_only=True):
    """Bands of the market around what a plan was made for, with hysteresis.

    A measure x fires when it leaves its band around the value x₀ at the plan: |ln(x / x₀)| > ln(1 + band) for those in
    `relative`, |x − x₀| > band for those in `absolute`. After the new plan x₀ is the value now. Where no plan was found, x₀
    stays, and the measure fires again only after it was back within `inner` of its band.

    Parameters
    ----------
    relative : dict of str to float
        Band by measure, for positive ones: volume, spread, volatility.
    absolute : dict of str to float
        For those of either sign: imbalance, forecast.
    inner : float
        Share of the band it must come back into, in (0, 1).
    behind : float
        Share of the parent that fills may be off the plan, either way; above 0.
    every : str
        A plan lives so long at most; ``""`` for ever.
    rest : str
        Time between two plans at least, whatever happens.

    Raises
    ------
    InputError
        If a band is not above 0, or a measure stands in both.
    """

    relative: dict[str, float] = msgspec.field(default_factory=lambda: {"volume": 0.3, "spread": 0.5, "volatility": 0.3})
    absolute: dict[str, float] = msgspec.field(default_factory=lambda: {"imbalance": 0.5, "forecast": 2.0})
    inner: float = 0.5
    behind: float = 0.05
    every: str = "5m"
    rest: str = "5s"

    def __post_init__(self) -> None:
        wrong = {name: band for name, band in (self.relative | self.absolute).items() if not 0 < band < np.inf}
        if wrong or not 0 < self.inner < 1 or not self.behind > 0:
            raise InputError(
                f"bands and behind lie above 0, inner in (0, 1); found {wrong or 'sound bands'}, {self.behind}, {self.inner}"
            )
        if both := set(self.relative) & set(self.absolute):
            raise InputError(f"{sorted(both)} stand in relative and in absolute; keep one")
        for text in (self.every, self.rest):
            if text:
                parse_duration(text)

    def init(self, ts_ns: int, measures: Mapping[str, float]) -> RecalibrationState:
        """With the plan just made.

        Raises
        ------
        InputError
            If a measure with a band is missing, not finite, or not above 0 where it is relative.
        """
        self._require(measures)
        return RecalibrationState(ts_ns, {name: measures[name] for name in self.relative | self.absolute}, asked_ns=ts_ns)

    def step(
        self, state: RecalibrationState, ts_ns: int, measures: Mapping[str, float], *, behind: float = 0.0
    ) -> tuple[RecalibrationState, tuple[str, ...]]:
        """The reasons to plan anew now; none, the plan stays. After a new plan call `init`, else go on with the state returned.

        Parameters
        ----------
        behind : float
            Planned less filled, as a share of the parent.

        Notes
        -----
        A measure that is missing or not finite for the moment keeps its place: silence is no reason to plan.
        """
        if ts_ns < state.asked_ns:
            raise InputError(f"time went back from {state.asked_ns} to {ts_ns}; a plan needs a clock that does not")
        away = {name: self._away(name, measures.get(name, np.nan), x0) for name, x0 in state.reference.items()}
        away["fills"] = abs(behind) / self.behind
        came_back = {name for name, share in away.items() if share <= self.inner}
        outside = state.outside - came_back
        due = bool(self.every) and ts_ns - state.asked_ns >= parse_duration(self.every)
        fresh = sorted(name for name, share in away.items() if share > 1 and name not in outside)
        if ts_ns - state.asked_ns < (parse_duration(self.rest) if self.rest else 0) or not (fresh or due):
            return state._replace(outside=outside), ()
        reasons = (*(f"{name} left its band" for name in fresh), *(("timer",) if due else ()))
        return state._replace(outside=outside | set(fresh), asked_ns=ts_ns), reasons

    def _away(self, name: str, x: float, x0: float) -> float:
        """Distance from the reference in bands; NaN where it is not known, which neither fires nor comes back."""
        if name in self.absolute:
            return abs(x - x0) / self.absolute[name] if np.isfinite(x) else np.nan
        return abs(float(np.log(x / x0))) / float(np.log1p(self.relative[name])) if np.isfinite(x) and x > 0 else np.nan

    def _require(self, measures: Mapping[str, float]) -> None:
        for name in self.relative | self.absolute:
            x = measures.get(name, np.nan)
            if not np.isfinite(x) or (name in self.relative and x <= 0):
                raise InputError(
                    f"{name} is {measures.get(name)}; a plan needs it finite{' and above 0' if name in self.relative else ''}"
                )


def catch_up(planned: float, filled: float, *, rate: float, cap: float) -> float:
    """What to do in the next slice when fills are off the plan: the slice's own and what is missing, between 0 and the cap.

    Parameters
    ----------
    planned, filled : float
        By the slice's beginning; of one unit, in the direction of the parent.
    rate : float
        Planned in the slice.
    cap : float
        Most that participation allows there.

    Examples
    --------
    >>> catch_up(10.0, 4.0, rate=2.0, cap=5.0), catch_up(10.0, 11.0, rate=2.0, cap=5.0), catch_up(10.0, 14.0, rate=2.0, cap=5.0)
    (5.0, 1.0, 0.0)
    """
    return min(max(rate + planned - filled, 0.0), cap)
