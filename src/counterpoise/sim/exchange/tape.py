"""The public tape of an exchange as events, instrument by instrument."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from counterpoise.core.arrays import Int2D
from counterpoise.market.event import Events
from counterpoise.sim.exchange.kernels.outputs import MARKET_COLUMN
from counterpoise.sim.kernels.tape import TAPE_COLUMNS, split_tape

__all__ = ["tape_events"]


def tape_events(tape: Int2D, *, markets: int) -> tuple[Events, ...]:
    """Events of each market, in order of arrival.

    Parameters
    ----------
    tape : (n, EXCHANGE_TAPE_COLUMNS) int64
        Only rows that were written.
    markets : int

    Returns
    -------
    tuple of Events
        One a market, empty where nothing happened. O(rows × log rows).
    """
    order = np.argsort(tape[:, MARKET_COLUMN], kind="stable")
    rows = np.ascontiguousarray(tape[order, :TAPE_COLUMNS])
    nothing = Events.empty()
    columns = Events._make(np.empty(len(rows), column.dtype) for column in nothing)
    split_tape(rows, len(rows), *columns)
    ends = np.searchsorted(tape[order, MARKET_COLUMN], np.arange(markets + 1)).tolist()
    return tuple(columns.cut(a, b) if b > a else nothing for a, b in pairwise(ends))
