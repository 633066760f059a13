"""The public tape of an exchange as events, instrument by instrument."""

from __future__ import annotations

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
    ends = np.searchsorted(tape[order, MARKET_COLUMN], np.arange(markets + 1))
    out = []
    for market in range(markets):
        rows = np.ascontiguousarray(tape[order[ends[market] : ends[market + 1]], :TAPE_COLUMNS])
        events = Events._make(np.empty(len(rows), column.dtype) for column in Events.empty())
        split_tape(rows, len(rows), *events)
        out.append(events)
    return tuple(out)
