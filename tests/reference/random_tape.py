"""Random trades as a venue tells them: bursts of one venue time, sweeps, late arrivals, gaps, other events between."""

from __future__ import annotations

import random

import numpy as np

from counterpoise.market.event import DELTA, FIRST, GAP, LAST, TRADE, Events

T0 = 1_723_161_300_000_000_000
CENTRE = 600_000


def random_tape(seed: int, rows: int, *, delay_ns: int = 30_000_000, pace_ns: int = 400_000_000, odd: float = 1.0) -> Events:
    """Rows of which about two in three are fills.

    Parameters
    ----------
    seed, rows : int
    delay_ns : int
        Greatest delay between fills of one venue time.
    pace_ns : int
        Greatest time between orders.
    odd : float
        How often something odd comes (gap, no venue time, no size, unknown side); 0 for never.
    """
    draw = random.Random(seed)
    local, venue, side, price = T0, T0 - 7, 1, CENTRE
    out = []
    for seq in range(rows):
        kind, lots = TRADE, draw.choice((1, 7, 60, draw.randint(1, 4000)))
        what = draw.random()
        if what < 0.45:  # goes on in the same order, or nearly
            local += draw.choice((0, 900, draw.randint(0, delay_ns)))
            price += side * draw.choice((0, 0, 1, 5)) * draw.choice((1, 1, 1, -1))
        elif what < 0.70:
            local += draw.randint(0, pace_ns)
            venue = max(venue + draw.choice((0, 1, 50)), local - 7) if venue else local
            side, price = draw.choice((1, -1)), price + draw.randint(-9, 9)
        elif what < 1 - 0.08 * odd:
            kind, local = DELTA, local + draw.choice((0, 2000, draw.randint(0, delay_ns)))
        elif what < 1 - 0.06 * odd:
            kind = GAP
        elif what < 1 - 0.04 * odd:
            side = draw.choice((0, 0, 1))
        elif what < 1 - 0.02 * odd:
            venue = 0 if venue else local - 7
        else:
            lots = 0
        says = {TRADE: side, DELTA: draw.choice((1, -1)), GAP: 0}[kind]
        out.append((local, venue, seq, seq, kind, says, FIRST | LAST, price, lots))
        side = side or 1
    columns = zip(*out, strict=True) if out else ([],) * 9
    return Events._make(np.array(c, t.dtype) for c, t in zip(columns, Events.empty(), strict=True))
