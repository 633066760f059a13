"""Laws that every measure of trades keeps, to be held against one maker at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from counterpoise.flow.column import Column, Group
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events

Maker = Callable[[], Stream]


def run(make: Maker, events: Events, at: Iterable[int] = ()) -> pl.DataFrame:
    """The frame of a stream that takes the events in pieces."""
    stream, cuts = make(), [0, *at, events.rows]
    pieces = [events.cut(i, j) for i, j in pairwise(cuts)]
    return pl.concat([*(stream.step(piece) for piece in pieces), stream.finish()])


def assert_same_however_cut(make: Maker, events: Events, *, seed: int = 1) -> None:
    """In one piece, in pieces, row by row, event by event, and saved and restored on the way; `now` changes nothing."""
    whole = run(make, events)
    some = sorted(random.Random(seed).sample(range(1, events.rows), min(20, events.rows - 1)))
    assert_frame_equal(run(make, events, some), whole, check_exact=True)
    assert_frame_equal(run(make, events, range(1, events.rows)), whole, check_exact=True)
    stream, frames = make(), []
    for i in range(events.rows):
        stream.event(tuple(int(column[i]) for column in events))  # type: ignore[arg-type]
        if i in some:
            frames += [stream.drain()]
            stream.now()
            stream = make().restore(stream.save())
    assert_frame_equal(pl.concat([*frames, stream.finish()]), whole, check_exact=True)


def assert_no_look_ahead(make: Maker, events: Events, *, time: str, seed: int = 1, known_at_end: bool) -> None:
    """Rows known before a moment do not change with what comes at it or later.

    `known_at_end`: a bin is known at its end, which is exclusive; a row of a table is known with an event of its own time.
    """
    draw, whole = np.random.default_rng(seed), run(make, events)
    for row in [events.rows - 1, *draw.integers(1, events.rows, 8).tolist()]:
        now = int(events.ts_local[row])
        start = events.until(now)
        ahead = events.rows - start
        price, lots, side = events.price_ticks.copy(), events.qty_lots.copy(), events.side.copy()
        price[start:] += draw.integers(-50, 50, ahead)
        lots[start:] = draw.integers(0, 10**6, ahead)
        side[start:] = -side[start:]
        changed = run(make, events._replace(price_ticks=price, qty_lots=lots, side=side))
        short = run(make, events.cut(0, start + 1))
        clock = pl.col(time).dt.epoch("ns")
        known = clock <= now if known_at_end else clock < now
        assert_frame_equal(changed.filter(known), whole.filter(known), check_exact=True)
        assert_frame_equal(short.filter(known), whole.filter(known), check_exact=True)


def column_of(group: Group, name: str) -> Column:
    """What the group says of a column; the first that covers it."""
    return next(column for column in group.columns if column.covers(name))


def assert_described(group: Group, frame: pl.DataFrame) -> None:
    """Every column is described and every description stands for a column, in the same order."""
    assert list(dict.fromkeys(column_of(group, name) for name in frame.columns)) == list(group.columns)


def assert_scale(make: Maker, group: Group, events: Events, *, factor: int = 64) -> None:
    """Sizes times a power of two, with no threshold in absolute terms."""
    base = run(make, events)
    scaled = run(make, events._replace(qty_lots=events.qty_lots * factor))
    for name in base.columns:
        size = column_of(group, name).size
        if size != "free":
            expected = base[name] * factor if size == "linear" else base[name]
            assert_frame_equal(scaled.select(name), expected.to_frame(), check_exact=True)


def assert_mirror(make: Maker, group: Group, events: Events, *, centre: int, tick: float) -> None:
    """Sides exchanged and prices turned about `centre` ticks."""
    base = run(make, events)
    turned = run(make, events._replace(side=-events.side, price_ticks=2 * centre - events.price_ticks))
    assert base.height == turned.height
    for name in base.columns:
        mirror, expected = column_of(group, name).mirror, base[name]
        if mirror == "free":
            continue
        if mirror == "swaps":
            other = name.replace("buy", "?").replace("sell", "buy").replace("?", "sell")
            expected = base[other].alias(name)
        if mirror == "odd":
            expected = (0 - expected).cast(base.schema[name])
        if mirror == "price":
            expected = 2 * centre * tick - expected
            assert_frame_equal(turned.select(name), expected.to_frame(), rel_tol=1e-12, abs_tol=0)
        else:
            assert_frame_equal(turned.select(name), expected.to_frame(), check_exact=True)
