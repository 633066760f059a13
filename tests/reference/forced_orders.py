"""Liquidations strewn into a random stream, in bursts as real ones come."""

from __future__ import annotations

import numpy as np

from counterpoise.market.event import FIRST, LAST, LIQUIDATION, Events, merge_events
from reference.random_stream import RandomStream


def with_liquidations(seed: int, *, messages: int = 250, forced: int = 40, centre: int = 600_000, far: int = 50_000) -> Events:
    """A `RandomStream` with `forced` liquidations, some without a side or a venue's time, some of no size."""
    events = RandomStream(seed, centre=centre, far=far).events(messages)
    draw = np.random.default_rng(seed)
    bursts = draw.choice(events.ts_local, max(forced // 4, 1))
    ts = np.sort(draw.choice(bursts, forced) + draw.integers(0, 1_500_000_000, forced))
    one = np.ones(forced)
    columns = (
        ts,
        np.where(draw.random(forced) < 0.2, 0, ts - draw.integers(0, 2_000_000_000, forced)),
        np.full(forced, events.seq[-1] + 1),
        -one,
        LIQUIDATION * one,
        draw.choice([1, -1, 1, -1, 0], forced),
        (FIRST | LAST) * one,
        centre + draw.integers(-50, 50, forced),
        draw.choice([0, 1, 7, 5000], forced),
    )
    strewn = Events._make(np.asarray(c).astype(t.dtype) for c, t in zip(columns, Events.empty(), strict=True))
    return merge_events([events, strewn])
