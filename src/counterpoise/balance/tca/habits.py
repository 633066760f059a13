"""Habits that give a hidden order away order by order: repeated sizes, and children that keep a clock."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, sqrt
from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["PERIODS", "Habits", "Rayleigh", "habits", "rayleigh"]

PERIODS = ("1s", "2s", "3s", "5s", "6s", "10s", "12s", "15s", "20s", "30s", "1m", "2m")


class Rayleigh(NamedTuple):
    """Whether times keep to one phase of a period: mean resultant length in [0, 1], z = n R², and the chance of it by luck."""

    resultant: float
    z: float
    p_value: float


class Habits(NamedTuple):
    """What the children repeat.

    Attributes
    ----------
    orders : int
    repeats : float or None
        Share of orders whose size is that of the one before; None below two orders.
    repeats_by_chance : float or None
        The same if the very sizes came in random order, Σ n(n − 1) / N(N − 1).
    most_common : float or None
        Share of the commonest size.
    period : str or None
        The period with the strongest clock; None below two orders.
    clock : Rayleigh or None
        Of that period.
    clock_p_value : float or None
        Its chance among all periods tried, at most (Bonferroni).
    """

    orders: int
    repeats: float | None
    repeats_by_chance: float | None
    most_common: float | None
    period: str | None
    clock: Rayleigh | None
    clock_p_value: float | None


def rayleigh(times_ns: Int1D, period_ns: int) -> Rayleigh:
    """Rayleigh's test of uniform phases: R = |Σ exp(2πi t/period)| / n.

    p = exp(√(1 + 4n + 4(n² − n²R²)) − (1 + 2n)), good to about .001 for n of 10 and more.

    Raises
    ------
    InputError
        If there is no time, or the period is not positive.

    References
    ----------
    Wilkie (1983), doi:10.2307/2347954; Mardia and Jupp (2000), "Directional Statistics", section 6.3.1.

    Examples
    --------
    >>> rayleigh(np.array([0, 1000, 2000, 3000]), 1000).resultant
    1.0
    """
    n = len(times_ns)
    if not n or period_ns <= 0:
        raise InputError(f"{n} times and a period of {period_ns} ns; expected one time or more and a positive period")
    phase = 2 * np.pi * (np.asarray(times_ns, np.int64) % period_ns) / period_ns
    resultant = min(float(np.hypot(np.cos(phase).sum(), np.sin(phase).sum())) / n, 1.0)
    length = n * resultant
    p_value = exp(sqrt(1 + 4 * n + 4 * (n * n - length * length)) - (1 + 2 * n))
    return Rayleigh(resultant, n * resultant**2, min(p_value, 1.0))


def habits(times_ns: Int1D, sizes: Int1D, *, periods: Sequence[str] = PERIODS) -> Habits:
    """Repeated sizes and clocks of the children of one order.

    Parameters
    ----------
    times_ns : (n,) int64 [ns]
        When each was sent, rising.
    sizes : (n,) int64 [lots]
        As displayed.
    periods : sequence of str
        Clocks to look for.

    Raises
    ------
    InputError
        If times and sizes differ in number, or there is no period.
    """
    n = len(times_ns)
    if len(sizes) != n or not periods:
        raise InputError(f"{n} times, {len(sizes)} sizes and {len(periods)} periods; expected one size a time and a period")
    if n < 2:
        return Habits(n, None, None, 1.0 if n else None, None, None, None)
    lots = np.asarray(sizes, np.int64)
    counts = np.unique(lots, return_counts=True)[1]
    tests = {period: rayleigh(times_ns, parse_duration(period)) for period in periods}
    period = min(tests, key=lambda name: (tests[name].p_value, -tests[name].z))
    return Habits(
        orders=n,
        repeats=float((lots[1:] == lots[:-1]).mean()),
        repeats_by_chance=float((counts * (counts - 1)).sum() / (n * (n - 1))),
        most_common=float(counts.max() / n),
        period=period,
        clock=tests[period],
        clock_p_value=min(1.0, len(tests) * tests[period].p_value),
    )
