"""Laws every detector of episodes keeps, as functions a test calls with its own detector and stream."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from counterpoise.flow.column import Group
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

Detector = Callable[[Events], pl.DataFrame]


def assert_no_look_ahead(detector: Detector, events: Events, seed: int) -> int:
    """Whatever comes later, rows known by then stand; returns how many rows were compared."""
    whole, draw, compared = detector(events), np.random.default_rng(seed), 0
    for row in [events.rows - 1, *draw.integers(1, events.rows, 5).tolist()]:
        now = int(events.ts_local[row])
        start = events.until(now)
        price, lots = events.price_ticks.copy(), events.qty_lots.copy()
        price[start:] += draw.integers(-5, 5, events.rows - start)
        lots[start:] = draw.integers(0, 10**6, events.rows - start)
        known = pl.col("ts_local").dt.epoch("ns") < now
        for other in (events._replace(price_ticks=price, qty_lots=lots), events.cut(0, start)):
            assert_frame_equal(detector(other).filter(known), whole.filter(known), check_exact=True)
        compared += whole.filter(known).height
    return compared


def assert_batch_is_stream(made: Callable[[], Stream], events: Events, seed: int) -> None:
    """In one piece, in pieces, row by row, and saved and restored midway."""
    whole = pl.concat([(stream := made()).step(events), stream.finish()])
    cuts = sorted(random.Random(seed).sample(range(1, events.rows), 15))
    pieces = [events.cut(i, j) for i, j in zip([0, *cuts], [*cuts, events.rows], strict=True)]
    stream = made()
    assert_frame_equal(pl.concat([*map(stream.step, pieces), stream.finish()]), whole, check_exact=True)
    stream = made()
    for i in range(events.rows):
        stream.event(tuple(int(column[i]) for column in events))  # type: ignore[arg-type]
    assert_frame_equal(stream.finish(), whole, check_exact=True)
    first, middle = made(), events.rows // 2
    head = first.step(events.cut(0, middle))
    second = made().restore(first.save())
    tail = pl.concat([second.step(events.cut(middle, events.rows)), second.finish()])
    assert_frame_equal(pl.concat([head, tail]), whole, check_exact=True)


def assert_symmetric(detector: Detector, events: Events, group: Group, instrument: Instrument, *, centre: int) -> None:
    """Larger sizes and a mirror do to each column what its group says."""
    base = detector(events)
    behaviour = {column: next(c for c in group.columns if c.covers(column)) for column in base.columns}
    assert len(behaviour) == len(group.columns)
    scaled = detector(events._replace(qty_lots=events.qty_lots * 64))
    for name, column in behaviour.items():
        if column.size != "free":
            expected = base[name] * 64 if column.size == "linear" else base[name]
            assert_frame_equal(scaled.select(name), expected.to_frame(), check_exact=True)
    order = ["ts_local", "start", "end", "score"]
    flipped = detector(events._replace(side=-events.side, price_ticks=2 * centre - events.price_ticks))
    base, flipped = base.sort(order), flipped.sort(order)
    for name, column in behaviour.items():
        theirs = base[name]
        if column.mirror == "odd":
            theirs = (0 - theirs).alias(name)
        if column.mirror == "price":
            theirs = (instrument.price(2 * centre) - theirs).alias(name)
        assert_frame_equal(flipped.select(name), theirs.to_frame(), abs_tol=1e-9)


def assert_inputs_untouched(detector: Detector, events: Events) -> None:
    before = [column.copy() for column in events]
    first, second = detector(events), detector(events)
    assert all(np.array_equal(now, then) for now, then in zip(events, before, strict=True))
    assert_frame_equal(first, second, check_exact=True)
