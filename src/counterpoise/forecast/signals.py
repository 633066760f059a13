"""Signals of markets that belong together: where each stands against its siblings, and where they all come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS

__all__ = ["MarketSignals"]

MEMORIES_S: Final = (5.0, 20.0, 60.0, 240.0)
BASIS_MEMORY_S: Final = 900.0


class MarketSignals:
    """Signals of all markets at once, as quotes come: causal, flat memory, O(markets × memories) a push.

    Parameters
    ----------
    groups : sequence of int
        Group of each market, from 0 on: its token.
    memories_s : sequence of float
        Time constants of the moving averages that moves are measured from [s].
    basis_memory_s : float
        Time constant of what is a market's ordinary distance from its siblings [s].

    Notes
    -----
    With m the log mid of a market, g the mean of its group, x the mean of all groups, E_k an exponential average of memory k,
    the signals of a market are [bps]: (m − g) − E(m − g); for each k g − E_k g, x − E_k x and m − E_k m; and last the
    imbalance of its best sizes (bid − ask)/(bid + ask), no unit. A market without two sides gives NaN in all of its own.
    """

    def __init__(
        self, groups: Sequence[int], *, memories_s: Sequence[float] = MEMORIES_S, basis_memory_s: float = BASIS_MEMORY_S
    ) -> None:
        self._groups: Final[Int1D] = np.asarray(groups, np.int64)
        present = np.unique(self._groups)
        if not len(present) or not np.array_equal(present, np.arange(len(present))):
            raise InputError(f"groups of markets are {present.tolist()}; expected 0, 1, … without a gap")
        if not all(0 < memory < np.inf for memory in (*memories_s, basis_memory_s)):
            raise InputError(f"memories are {tuple(memories_s)} and {basis_memory_s} s; expected positive and finite")
        self._count: Final = np.bincount(self._groups)
        self._memories: Final = np.array(memories_s, np.float64)
        self._basis_memory: Final = basis_memory_s
        self._mids = np.full(len(self._groups), np.nan)
        self._averages = np.empty((len(memories_s), 0))
        self._basis = np.empty(0)
        self._ts_ns = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Of the signals, in their order."""
        kinds = [f"{kind}_{memory:g}s" for memory in self._memories for kind in ("group", "all", "own")]
        return ("basis", *kinds, "imbalance")

    def push(self, ts_ns: int, *, bid: Float1D, ask: Float1D, bid_lots: Float1D, ask_lots: Float1D) -> Float2D:
        """Signals by the quotes of now.

        Parameters
        ----------
        ts_ns : int
            Not before the last one.
        bid, ask : (m,) float64
            Best prices in any unit, 0 where a side is empty: the market then counts with its last mid.
        bid_lots, ask_lots : (m,) float64
            Sizes there.

        Returns
        -------
        (m, signals) float64
            NaN while a market of the whole has never had two sides.

        Raises
        ------
        InputError
            If time goes back.
        """
        if ts_ns < self._ts_ns:
            raise InputError(f"signals stand at {self._ts_ns} ns and cannot take quotes of {ts_ns} ns; push in order of time")
        sound = (bid > 0) & (ask > 0)
        self._mids = np.where(sound, np.log(np.where(sound, (bid + ask) / 2, 1.0)) / BPS, self._mids)
        if np.isnan(self._mids).any():
            return np.full((len(self._mids), len(self.names)), np.nan)
        levels = self._levels()
        basis = self._mids - levels[: len(self._count)][self._groups]
        if not len(self._basis):
            self._averages, self._basis = np.tile(levels, (len(self._memories), 1)), basis.copy()
        else:
            passed = (ts_ns - self._ts_ns) / SECOND_NS
            self._averages += (1 - np.exp(-passed / self._memories))[:, None] * (levels - self._averages)
            self._basis += (1 - np.exp(-passed / self._basis_memory)) * (basis - self._basis)
        self._ts_ns = ts_ns
        return self._rows(basis - self._basis, levels - self._averages, sound, bid_lots, ask_lots)

    def _levels(self) -> Float1D:
        """Means of the groups, the mean of them all, then the markets."""
        means = np.bincount(self._groups, self._mids) / self._count
        return np.concatenate([means, [means.mean()], self._mids])

    def _rows(self, basis: Float1D, moves: Float2D, sound: Bool1D, bid_lots: Float1D, ask_lots: Float1D) -> Float2D:
        groups, rows = len(self._count), np.empty((len(self._mids), len(self.names)))
        rows[:, 0] = basis
        rows[:, 1:-1:3] = moves[:, :groups].T[self._groups]
        rows[:, 2:-1:3] = moves[:, groups]
        rows[:, 3:-1:3] = moves[:, groups + 1 :].T
        total = bid_lots + ask_lots
        rows[:, -1] = np.where(total > 0, (bid_lots - ask_lots) / np.where(total > 0, total, 1), 0.0)
        rows[~sound] = np.nan
        return rows
