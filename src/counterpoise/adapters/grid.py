"""The step of a price or size grid, found from decimal texts, and texts as whole steps of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import gcd
from typing import Final

from counterpoise.core.errors import InputError
from counterpoise.core.units import Grid, parse_decimal

__all__ = ["StepGauge", "StepScale", "infer_step"]

_FINEST: Final = -18  # a text with more decimals than this is a float's noise, not a grid
_REMEMBERED: Final = 1 << 16


class StepGauge:
    """Greatest common divisor of the decimals seen so far; zeros say nothing."""

    __slots__ = ("_exponent", "_units")

    def __init__(self) -> None:
        self._units, self._exponent = 0, 0

    def add(self, text: str) -> None:
        """Take one value into account.

        Raises
        ------
        InputError
            If it is not a decimal number, or finer than 1e-18.
        """
        _, digits, exponent = parse_decimal(text).normalize().as_tuple()
        assert isinstance(exponent, int)  # finite
        if exponent < _FINEST:
            raise InputError(f"{text} is finer than 1e{_FINEST}, no grid has such a step; give tick and lot yourself")
        units = int("".join(map(str, digits)))
        if not units:
            return
        common = min(exponent, self._exponent) if self._units else exponent
        mine = self._units * 10 ** (self._exponent - common) if self._units else 0
        self._units, self._exponent = gcd(mine, units * 10 ** (exponent - common)), common

    @property
    def step(self) -> str | None:
        """The step as text; None while nothing but zeros was seen."""
        if not self._units:
            return None
        return f"{Decimal(self._units).scaleb(self._exponent).normalize():f}"


class StepScale:
    """Decimal texts as whole steps of a grid.

    Parameters
    ----------
    step : str
    what : str
        Name of the grid for messages: ``"tick"`` or ``"lot"``.
    """

    __slots__ = ("_grid", "_known", "_what")

    def __init__(self, step: str, *, what: str) -> None:
        self._grid, self._what = Grid(step), what
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Whole steps.

        Raises
        ------
        InputError
            If the value lies off the grid or does not fit 63 bits of steps.
        """
        steps = self._known.get(text)
        if steps is None:
            exact = parse_decimal(text) / self._grid.step
            steps = int(exact)
            if steps != exact or abs(steps) >= 1 << 63:
                raise InputError(f"{text} is off the grid of {self._what} {self._grid}; declare a finer {self._what}")
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = steps
        return steps


def infer_step(texts: Iterable[str]) -> str:
    """Coarsest step on whose grid every value lies: the greatest common divisor of the decimals.

    Few values give too coarse a step: look at whole snapshots, or at a whole recording.

    Raises
    ------
    InputError
        If there is no value but zeros, one is not a decimal number, or one is finer than 1e-18.

    Examples
    --------
    >>> infer_step(["61800.50", "61801.00", "61799.5"])
    '0.5'
    """
    gauge = StepGauge()
    for text in texts:
        gauge.add(text)
    if gauge.step is None:
        raise InputError("no step can be found: there is no value but zeros; give tick and lot yourself")
    return gauge.step
