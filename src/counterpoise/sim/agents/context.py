"""What a fill of ours in a market of agents would be held against: the mid just before it, and the mid without us.

Nobody knows what the market would have done without us. What is known, in a simulation only, is what the token's value did,
which nobody's trading changes. So the mid without us is the mid when our first request arrived, moved as the value has moved
since.
"""

from __future__ import annotations

from bisect import bisect_right
from math import exp

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.market.event import QUOTE, Events
from counterpoise.market.order import Fill
from counterpoise.sim.replay.venue import FillContext

__all__ = ["MidsBefore", "ValuesSeen", "fill_context"]


class MidsBefore:
    """Best quotes of one market as they come, for the mid before an instant."""

    def __init__(self) -> None:
        self._ts: list[Int1D] = []
        self._mids: list[Float1D] = []
        self._best = {1: 0, -1: 0}

    def hear(self, events: Events) -> None:
        """Take a piece of events; the quotes of one message count together."""
        rows = np.flatnonzero(events.kind == QUOTE)
        if not len(rows):
            return
        mids = np.zeros(len(rows))
        for i, (side, price) in enumerate(zip(events.side[rows].tolist(), events.price_ticks[rows].tolist(), strict=True)):
            self._best[side] = price
            mids[i] = (self._best[1] + self._best[-1]) / 2
        self._ts.append(events.ts_local[rows])
        self._mids.append(mids)

    def before(self, ts_ns: int) -> float:
        """Mid [ticks] by the last quote before a time; NaN before the first."""
        for ts, mids in zip(reversed(self._ts), reversed(self._mids), strict=True):
            count = int(np.searchsorted(ts, ts_ns, side="left"))
            if count:
                return float(mids[count - 1])
        return float("nan")


class ValuesSeen:
    """Log value of a token as time passes."""

    def __init__(self) -> None:
        self._ts: list[int] = []
        self._values: list[float] = []

    def note(self, ts_ns: int, value: float) -> None:
        self._ts.append(ts_ns)
        self._values.append(value)

    def at(self, ts_ns: int) -> float:
        """The last one noted by a time, or the first."""
        return self._values[max(bisect_right(self._ts, ts_ns) - 1, 0)]


def fill_context(fill: Fill, *, mids: MidsBefore, values: ValuesSeen, first_ns: int) -> FillContext:
    """The context of a fill; `first_ns` is when our first request arrived."""
    shown, start = mids.before(fill.ts_ns), mids.before(first_ns)
    shown = float(fill.price_ticks) if np.isnan(shown) else shown
    start = shown if np.isnan(start) else start
    moved = values.at(fill.ts_ns) - values.at(first_ns)
    return FillContext(fill.ts_ns, fill.client_id, shown, start * exp(moved))
