"""When to leave a market and when to come back: bands with hysteresis and patience, and the reasons why."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isnan
from typing import NamedTuple

import msgspec

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError

__all__ = ["Band", "StepBack", "StepBackState"]


class Band(Config, frozen=True, kw_only=True):
    """Leave above one level, come back below a lower one.

    Parameters
    ----------
    leave, enter : float
        enter ≤ leave, both finite.
    """

    leave: float
    enter: float

    def __post_init__(self) -> None:
        if not -inf < self.enter <= self.leave < inf:
            raise ConfigError(
                f"a band leaves at {self.leave} and comes back at {self.enter}; expected enter <= leave, both finite"
            )


class StepBackState(NamedTuple):
    """What a step back remembers.

    Attributes
    ----------
    away : bool
    beyond : tuple of (str, int)
        Decisions in a row that each measure has been above the level to leave.
    calm : int
        Decisions in a row that all have been below the level to come back, while away.
    reasons : tuple of str
        Why it is away; empty inside.
    """

    away: bool = False
    beyond: tuple[tuple[str, int], ...] = ()
    calm: int = 0
    reasons: tuple[str, ...] = ()


class StepBack(Config, frozen=True, kw_only=True):
    """Leaves when a measure was above its band for a while, comes back when all were below theirs for a while.

    Parameters
    ----------
    bands : dict of str to Band
        By measure: `counterpoise.balance.counteract.gauges.Gauges` says which there are.
    patience : int
        Decisions in a row above before it leaves; ≥ 1.
    calm : int
        Decisions in a row below before it comes back; ≥ 1.

    Notes
    -----
    A value that is NaN is neither above nor below: it makes no one leave and lets no one come back.

    Examples
    --------
    >>> rule = StepBack(bands={"vpin": Band(leave=0.6, enter=0.4)}, patience=1, calm=2)
    >>> state = StepBackState()
    >>> for vpin in (0.5, 0.7, 0.5, 0.3, 0.3):
    ...     state = rule.step(state, {"vpin": vpin})
    ...     print(state.away, *state.reasons)
    False
    True vpin 0.7 is above 0.6
    True vpin 0.7 is above 0.6
    True vpin 0.7 is above 0.6
    False
    """

    bands: dict[str, Band] = msgspec.field(default_factory=dict)
    patience: int = 2
    calm: int = 5

    def __post_init__(self) -> None:
        if self.patience < 1 or self.calm < 1:
            raise ConfigError(f"patience and calm are 1 or more decisions; found {self.patience} and {self.calm}")

    def step(self, state: StepBackState, values: Mapping[str, float]) -> StepBackState:
        """The next state by the measures of now.

        Raises
        ------
        ConfigError
            If a measure with a band is not among them.
        """
        missing = sorted(set(self.bands) - set(values))
        if missing:
            raise ConfigError(f"no measure {', '.join(missing)}; expected bands of {', '.join(sorted(values))}")
        before = dict(state.beyond)
        beyond = {name: before.get(name, 0) + 1 for name, band in self.bands.items() if values[name] > band.leave}
        why = tuple(
            f"{name} {values[name]:.4g} is above {self.bands[name].leave:.4g}"
            for name, count in beyond.items()
            if count >= self.patience
        )
        if not state.away:
            return StepBackState(bool(why), tuple(beyond.items()), 0, why)
        below = all(not isnan(values[name]) and values[name] < band.enter for name, band in self.bands.items())
        calm = state.calm + 1 if below else 0
        if calm >= self.calm:
            return StepBackState()
        new = tuple(one for one in why if one.partition(" ")[0] not in {told.partition(" ")[0] for told in state.reasons})
        return StepBackState(True, tuple(beyond.items()), calm, state.reasons + new)
