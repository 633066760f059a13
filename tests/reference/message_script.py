"""Events written down by hand, a message a line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import FIRST, LAST, Events

T0: Final = 1_723_161_300 * SECOND_NS  # a whole minute
Message = tuple[float, int, list[tuple[int, int, int]]]  # seconds after T0, kind, (side, price ticks, lots) of each row


def events_of(messages: Iterable[Message]) -> Events:
    rows = []
    for seq, (seconds, kind, levels) in enumerate(messages):
        ts = T0 + round(seconds * SECOND_NS)
        for i, (side, price, lots) in enumerate(levels):
            flags = FIRST * (i == 0) | LAST * (i == len(levels) - 1)
            rows.append((ts, ts, seq, seq, kind, side, flags, price, lots))
    columns = zip(*rows, strict=True) if rows else ([],) * 9
    return Events._make(np.array(c, t.dtype) for c, t in zip(columns, Events.empty(), strict=True))
