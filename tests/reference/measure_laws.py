"""Laws of streams over events, held against what their columns say: no look-ahead, batch equals stream, symmetries."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.flow.column import Column, Group
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

Measure = Callable[[Events], pl.DataFrame]


def column_of(groups: tuple[Group, ...], name: str) -> Column:
    """What the groups say of a column; exactly one of them does."""
    found = [column for group in groups for column in group.columns if column.covers(name)]
    assert len(found) == 1, f"column {name!r} is described {len(found)} times"
    return found[0]


def assert_no_look_ahead(measure: Measure, events: Events, *, seed: int) -> None:
    """Whatever happens from a moment on, every row known by then is bit-equal."""
    whole = measure(events)
    draw = np.random.default_rng(seed)
    for row in [events.rows - 1, *draw.integers(1, events.rows, 6).tolist()]:
        now = int(events.ts_local[row])
        start = events.until(now)
        price, lots = events.price_ticks.copy(), events.qty_lots.copy()
        price[start:] += draw.integers(-50, 50, events.rows - start)
        lots[start:] = draw.integers(0, 10**6, events.rows - start)
        time = whole.columns[0]
        known = pl.col(time).dt.epoch("ns") <= now if time == "ts" else pl.col(time).dt.epoch("ns") < now
        for other in (measure(events._replace(price_ticks=price, qty_lots=lots)), measure(events.cut(0, start + 1))):
            assert_frame_equal(other.filter(known), whole.filter(known), check_exact=True)


def assert_batch_is_stream(made: Callable[[], Any], measure: Measure, events: Events, *, seed: int) -> None:
    """In pieces, one row at a time, as single events, and through a memory; inputs untouched; the same twice."""
    before = [column.copy() for column in events]
    whole = measure(events)
    assert whole.equals(measure(events))
    cuts = sorted(random.Random(seed).sample(range(1, events.rows), min(20, events.rows - 1)))
    for at in (cuts, range(1, events.rows)):
        stream, frames = made(), []
        for i, j in zip([0, *at], [*at, events.rows], strict=True):
            frames.append(stream.step(events.cut(i, j)))
            stream = made().restore(stream.save()) if i % 7 == 3 else stream
        assert_frame_equal(pl.concat([*frames, stream.finish()]), whole, check_exact=True)
    single = made()
    for row in zip(*(column.tolist() for column in events), strict=True):
        single.event(row)
    assert_frame_equal(single.finish(), whole, check_exact=True)
    assert all(np.array_equal(now, then) for now, then in zip(events, before, strict=True))


def assert_scale(measure: Measure, groups: tuple[Group, ...], events: Events, *, factor: int) -> None:
    """Sizes times a power of two: what is linear times it, to the last bit; what has no size as it was."""
    base, scaled = measure(events), measure(events._replace(qty_lots=events.qty_lots * factor))
    for name in base.columns:
        law = column_of(groups, name).size
        if law != "free":
            expected = base[name] * factor if law == "linear" else base[name]
            assert_frame_equal(scaled.select(name), expected.to_frame(), check_exact=True)


def assert_mirror(measure: Measure, groups: tuple[Group, ...], events: Events, instrument: Instrument, *, centre: int) -> None:
    """Sides exchanged and prices turned about `centre` [ticks]."""
    flipped = events._replace(side=-events.side, price_ticks=2 * centre - events.price_ticks)
    base, mirrored = measure(events), measure(flipped)
    for name in base.columns:
        law, theirs = column_of(groups, name).mirror, base[name]
        if law == "swaps":
            theirs = base[name.replace("buy", "?").replace("sell", "buy").replace("?", "sell")].alias(name)
        elif law == "odd":
            theirs = (0 - theirs).alias(name)
        elif law == "price":
            theirs = (instrument.price(2 * centre) - theirs).alias(name)
        if law != "free":
            exact = {"rel_tol": 0.0, "abs_tol": 1e-9} if law == "price" else {"check_exact": True}
            assert_frame_equal(mirrored.select(name), theirs.to_frame(), **exact)  # type: ignore[arg-type]


def assert_same_rows(frame: pl.DataFrame, expected: list[dict[str, Any]], *, rel: float = 1e-9, near: float = 1e-12) -> None:
    """A frame against the dictionaries of a twin: the same columns, nulls at the same places, numbers as near as said."""
    time = frame.columns[0]
    found = frame.with_columns(pl.col(time).dt.epoch("ns")).to_dicts()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            if isinstance(value, float):
                assert ours[name] == pytest.approx(value, rel=rel, abs=near), (name, ours, theirs)
            else:
                assert ours[name] == value, (name, ours, theirs)
