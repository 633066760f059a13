"""Patience that runs out: how long an order joins, then improves, before it crosses."""

from __future__ import annotations

from math import inf

from counterpoise.balance.placement.stance import Stance
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["Escalation"]


class Escalation(Config, frozen=True, kw_only=True):
    """Post-only first, with a clock: join, then improve, then cross.

    Parameters
    ----------
    join, improve : str
        Time in the queue, and then a tick before it; ``""`` passes over it.
    cross : bool
        Whether it crosses at last, or goes on improving.

    Examples
    --------
    >>> patience = Escalation(join="5s", improve="3s")
    >>> [patience.stance(seconds * 10**9).value for seconds in (0, 5, 8)]
    ['join', 'improve', 'cross']
    >>> patience.next_ns(6 * 10**9) / 1e9
    8.0
    """

    join: str = "5s"
    improve: str = "5s"
    cross: bool = True

    def __post_init__(self) -> None:
        self._edges_ns()

    def _edges_ns(self) -> tuple[int, int]:
        """When joining ends, and improving."""
        joining, improving = (parse_duration(text) if text else 0 for text in (self.join, self.improve))
        return joining, joining + improving

    def stance(self, waited_ns: int) -> Stance:
        """Where to stand after so long.

        Raises
        ------
        InputError
            If the time is below 0: the clock went back.
        """
        if waited_ns < 0:
            raise InputError(f"waited {waited_ns} ns; expected 0 or more: count from when the child's turn began")
        joined, improved = self._edges_ns()
        if waited_ns < joined:
            return Stance.JOIN
        return Stance.IMPROVE if waited_ns < improved or not self.cross else Stance.CROSS

    def next_ns(self, waited_ns: int) -> float:
        """When the stance changes next, from the beginning [ns]; ∞ where it stays."""
        edges = self._edges_ns()[: 1 + self.cross]
        return next((edge for edge in edges if edge > waited_ns), inf)
