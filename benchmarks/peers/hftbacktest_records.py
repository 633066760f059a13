"""Event columns as hftbacktest's record array."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from counterpoise.market.event import FIRST, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument

_DEPTH, _TRADE, _CLEAR, _SNAPSHOT = 1, 2, 3, 4
_BUY, _SELL, _BOTH = 1 << 29, 1 << 28, (1 << 31) | (1 << 30)  # _BOTH: for exchange and local processor
_DTYPE: Final = [(n, "<u8" if n in ("ev", "order_id") else "<f8" if n in ("px", "qty", "fval") else "<i8")
                 for n in ("ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval")]  # fmt: skip
_LATENCY_NS: Final = 1_000_000


def records_of(events: Events, instrument: Instrument) -> np.ndarray[Any, Any]:
    """Depth and trade rows, one record each, and two more before each snapshot that clear the sides, as its own converter does.

    The venue's time is set 1 ms before the local one: the recording's own clocks would force the peer to read most rows twice.
    """
    out = np.zeros(events.rows, _DTYPE)
    kind = np.select([events.kind == TRADE, events.kind == SNAPSHOT], [_TRADE, _SNAPSHOT], _DEPTH)
    out["ev"] = kind | np.where(events.side > 0, _BUY, _SELL) | _BOTH
    out["local_ts"] = events.ts_local
    out["exch_ts"] = events.ts_local - _LATENCY_NS
    out["px"] = instrument.price_grid.values(events.price_ticks)
    out["qty"] = instrument.qty_grid.values(events.qty_lots)
    starts = np.flatnonzero((events.kind == SNAPSHOT) & (events.flags & FIRST > 0))
    clears = np.repeat(out[starts], 2)
    for i, start in enumerate(starts):
        stop = start + int(np.argmin(np.append(events.seq[start:] == events.seq[start], False)))
        for j, side in enumerate((_BUY, _SELL)):
            levels = out["px"][start:stop][(out["ev"][start:stop] & side) > 0]
            clears[2 * i + j]["ev"] = _CLEAR | side | _BOTH
            clears[2 * i + j]["px"] = levels.min() if side == _BUY else levels.max()
    return np.insert(out, np.repeat(starts, 2), clears)
