"""When a plan is to be made anew: what it was made for has left its band, fills have run away from it, or it has grown old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite

import msgspec

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import parse_duration

__all__ = ["Recalibration", "RecalibrationState"]


@dataclass(frozen=True)
class RecalibrationState:
    """What the last plan was made for.

    Attributes
    ----------
    ts_ns : int
    reference : mapping of str to float
        Measured values then.
    outside : mapping of str to int
        Decisions in a row that each has been outside its band.
    """

    ts_ns: int
    reference: Mapping[str, float]
    outside: Mapping[str, int] = field(default_factory=dict)


class Recalibration(Config, frozen=True, kw_only=True):
    """Bands with hysteresis: a value must stay outside for a while before the plan is made anew, and is then the new reference.

    Parameters
    ----------
    ratios : dict of str to float
        Of positive values (volume, spread, volatility): outside where it is more than 1 + b times the reference or less than
        that part of it; b > 0.
    differences : dict of str to float
        Of values of any sign (imbalance, forecast, how far fills are ahead of the plan): outside beyond so much from the
        reference.
    patience : int
        Decisions in a row that a value must be outside; ≥ 1.
    at_least, at_most : str
        No plan is made sooner after another than `at_least`, and none is older than `at_most`.

    Examples
    --------
    >>> bands = Recalibration(ratios={"spread": 0.5}, patience=2, at_least="1s", at_most="10m")
    >>> state = bands.init(0, {"spread": 1.0})
    >>> for second, spread in enumerate([2.0, 1.2, 2.0, 2.0], start=1):
    ...     state, why = bands.step(state, second * 10**9, {"spread": spread})
    >>> why
    ('spread 2 was planned as 1',)
    """

    ratios: dict[str, float] = msgspec.field(default_factory=dict)
    differences: dict[str, float] = msgspec.field(default_factory=dict)
    patience: int = 3
    at_least: str = "10s"
    at_most: str = "5m"

    def __post_init__(self) -> None:
        if any(not 0 < band < float("inf") for band in (*self.ratios.values(), *self.differences.values())):
            raise ConfigError(f"bands lie above 0 and are finite; found {self.ratios} and {self.differences}")
        if both := set(self.ratios) & set(self.differences):
            raise ConfigError(f"{sorted(both)} have two bands; give one each")
        if self.patience < 1 or parse_duration(self.at_least) > parse_duration(self.at_most):
            raise ConfigError(
                "patience is 1 or more and at_least no longer than at_most; found "
                f"{self.patience}, {self.at_least} and {self.at_most}"
            )

    def init(self, ts_ns: int, values: Mapping[str, float]) -> RecalibrationState:
        """The state after a plan was made for these values.

        Raises
        ------
        InputError
            If a value with a band is missing or not finite, or one with a ratio not positive.
        """
        return RecalibrationState(ts_ns, self._sound(values))

    def step(
        self, state: RecalibrationState, ts_ns: int, values: Mapping[str, float]
    ) -> tuple[RecalibrationState, tuple[str, ...]]:
        """The next state, and why the plan is to be made anew: empty where it is not.

        Raises
        ------
        InputError
            As `init`, or if time goes back.
        """
        if ts_ns < state.ts_ns:
            raise InputError(
                f"the plan is of {state.ts_ns} ns and cannot be looked at from {ts_ns} ns; pause, and look at the clock"
            )
        now = self._sound(values)
        left = {name for name in now if self._outside(name, now[name], state.reference[name])}
        outside = {name: state.outside.get(name, 0) + 1 for name in now if name in left}
        age = ts_ns - state.ts_ns
        reasons = [
            f"{name} {now[name]:.6g} was planned as {state.reference[name]:.6g}"
            for name, count in outside.items()
            if count >= self.patience
        ]
        if age >= parse_duration(self.at_most):
            reasons.append(f"the plan is older than {self.at_most}")
        if not reasons or age < parse_duration(self.at_least):
            return replace(state, outside=outside), ()
        return RecalibrationState(ts_ns, now), tuple(reasons)

    def _outside(self, name: str, value: float, reference: float) -> bool:
        if name in self.ratios:
            most = 1 + self.ratios[name]
            return not reference / most <= value <= reference * most
        return abs(value - reference) > self.differences[name]

    def _sound(self, values: Mapping[str, float]) -> dict[str, float]:
        found = {}
        for name in (*self.ratios, *self.differences):
            value = values.get(name, float("nan"))
            if not isfinite(value) or (name in self.ratios and value <= 0):
                raise InputError(f"{name} is {value}; a band needs it finite, and above 0 if it is a ratio's")
            found[name] = float(value)
        return found
