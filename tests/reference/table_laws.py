"""Laws of tables of things that happened: what the past says stays said, however events are cut, scaled or turned."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from counterpoise.flow.column import Group
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

CENTRE: Final = 600_000
Make = Callable[[], Stream]


def whole(make: Make, events: Events) -> pl.DataFrame:
    stream = make()
    return pl.concat([stream.step(events), stream.finish()])


def column_law(groups: tuple[Group, ...], name: str) -> tuple[str, str]:
    """Mirror and size law of a column; every column of a frame has one."""
    found = [(c.mirror, c.size) for group in groups for c in group.columns if c.covers(name)]
    assert len(found) == 1, f"column {name!r} stands {len(found)} times in GROUPS"
    return found[0]


def assert_no_look_ahead(make: Make, events: Events, *, seed: int) -> int:
    """Whatever happens from a moment on, rows known before it are bit-equal; returns how many rows that held for."""
    draw, held = np.random.default_rng(seed), 0
    frame = whole(make, events)
    for start in sorted(draw.integers(1, events.rows, 6).tolist()):
        now = int(events.ts_local[start])
        first = events.until(now)
        price, lots = events.price_ticks.copy(), events.qty_lots.copy()
        price[first:] += draw.integers(-50, 50, events.rows - first)
        lots[first:] = draw.integers(0, 10**6, events.rows - first)
        known = pl.col("ts_local").dt.epoch("ns") < now
        for other in (events._replace(price_ticks=price, qty_lots=lots), events.cut(0, first + 1)):
            assert_frame_equal(whole(make, other).filter(known), frame.filter(known), check_exact=True)
        held += frame.filter(known).height
    return held


def assert_stream_laws(make: Make, events: Events, *, seed: int) -> None:
    """In pieces, row by row, through `event`, and saved and restored half-way: one frame, and untouched inputs."""
    before = [column.copy() for column in events]
    expected = whole(make, events)
    cuts = sorted(random.Random(seed).sample(range(1, events.rows), 15))
    stream = make()
    frames = [stream.step(events.cut(i, j)) for i, j in zip([0, *cuts], [*cuts, events.rows], strict=True)]
    assert_frame_equal(pl.concat([*frames, stream.finish()]), expected, check_exact=True)
    stream, memory = make(), b""
    for i, row in enumerate(zip(*(column.tolist() for column in events), strict=True)):
        if i == events.rows // 2:
            memory = stream.save()
            stream = make().restore(memory)
        stream.event(row)
    assert_frame_equal(stream.now(), stream.now(), check_exact=True)
    assert_frame_equal(stream.finish(), expected, check_exact=True)
    assert memory
    assert stream.finish().height == 0
    assert all(np.array_equal(now, then) for now, then in zip(events, before, strict=True))


def assert_scale(make: Make, events: Events, groups: tuple[Group, ...], *, factor: int) -> None:
    base = whole(make, events)
    scaled = whole(make, events._replace(qty_lots=events.qty_lots * factor))
    laws = {name: column_law(groups, name)[1] for name in base.columns}
    held = [name for name, law in laws.items() if law != "free"]
    expected = base.with_columns(pl.col(name) * factor for name, law in laws.items() if law == "linear")
    assert_frame_equal(scaled.select(held), expected.select(held), check_exact=True)


def assert_mirror(make: Make, events: Events, groups: tuple[Group, ...], instrument: Instrument) -> None:
    """Sides exchanged and prices turned about CENTRE."""
    turned = events._replace(side=-events.side, price_ticks=2 * CENTRE - events.price_ticks)
    base, mirrored = whole(make, events), whole(make, turned)
    assert mirrored.height == base.height
    for name in base.columns:
        law, theirs = column_law(groups, name)[0], base[name]
        if law == "odd":
            theirs = (0 - theirs).alias(name)
        elif law == "price":
            theirs = (instrument.price(2 * CENTRE) - theirs).alias(name)
        if law != "free":
            assert_frame_equal(mirrored.select(name), theirs.to_frame(), rel_tol=0, abs_tol=1e-9 * (law == "price"))
