"""The arrays of a world while they are put together: slices of integers and numbers, tables, rows of agents."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.kernels.random import TABLE_BITS

__all__ = ["AgentLine", "Draft", "distance_table", "lognormal_table", "slots"]

_QUANTILES: Final = (np.arange(1 << TABLE_BITS) + 0.5) / (1 << TABLE_BITS)


class AgentLine(NamedTuple):
    """One agent: what it is, where it trades, whose account it uses.

    Attributes
    ----------
    type : str
        As a person calls it: ``"crowd"``, ``"maker gueant"``, ``"informed 500ms"``.
    kind : int
        Number of its wake function.
    market, other : int
        −1 for none.
    account : int
        −1 for none.
    delay_ns : int
    rate : float
        Wakes a second, about: staggers the first ones.
    ints, reals : mapping of slot to value
        Start of its own slices.
    sizes : (int, int)
        Their lengths.
    funds : int
        What its account holds beside what everyone begins with [ticks × lots of its market].
    begins_ns : int
        First wake; 0 for one that is staggered by the rate.
    """

    type: str
    kind: int
    market: int
    other: int
    account: int
    delay_ns: int
    rate: float
    ints: Mapping[int, int]
    reals: Mapping[int, float]
    sizes: tuple[int, int]
    funds: int = 0
    begins_ns: int = 0


class Draft:
    """Integers and numbers of a world, growing at their ends."""

    def __init__(self) -> None:
        self._ints: list[Int1D] = []
        self._reals: list[Float1D] = []
        self._tables: list[Int1D] = []
        self.int_count = 0
        self.real_count = 0

    def add_ints(self, values: Int1D) -> int:
        """Append integers; returns where they stand."""
        start = self.int_count
        self._ints.append(values.astype(np.int64))
        self.int_count += len(values)
        return start

    def add_reals(self, values: Float1D) -> int:
        """Append numbers; returns where they stand."""
        start = self.real_count
        self._reals.append(values.astype(np.float64))
        self.real_count += len(values)
        return start

    def add_table(self, quantiles: Int1D) -> int:
        """Append a table of 2¹² quantiles; returns its number."""
        self._tables.append(quantiles)
        return len(self._tables) - 1

    def finish(self) -> tuple[Int1D, Float1D]:
        """Both arrays; the tables stand last."""
        tables = self.add_ints(np.concatenate(self._tables) if self._tables else np.zeros(0, np.int64))
        world, reals = np.concatenate(self._ints), np.concatenate(self._reals)
        world[at.TABLES] = tables
        return world, reals


def slots(size: int, values: Mapping[int, float]) -> Float1D:
    """A row of a size with some slots set."""
    row = np.zeros(size)
    for slot, value in values.items():
        row[slot] = value
    return row


def lognormal_table(median: float, sigma: float) -> Int1D:
    """Quantiles of a lognormal size in lots, one at least."""
    return np.maximum(np.rint(median * np.exp(sigma * _normal_quantiles())), 1).astype(np.int64)


@cache
def _normal_quantiles() -> Float1D:
    normal = NormalDist()
    return np.array([normal.inv_cdf(q) for q in _QUANTILES])


def distance_table(exponent: float, *, step: int, reach: int) -> Int1D:
    """Quantiles of a distance in ticks: k steps with a chance k^−exponent up to the reach, evenly within a step.

    The least distance is one tick.
    """
    steps = np.arange(1, max(reach // step, 1) + 1)
    weight = steps.astype(np.float64) ** -exponent
    edges = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    ticks = np.interp(_QUANTILES, edges, step * np.arange(len(edges)))
    return np.asarray(np.ceil(ticks), np.int64)
