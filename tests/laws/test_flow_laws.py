"""Laws of every public measure of `counterpoise.flow`: found by walking the package, so that later ones fall under them too.

A measure is a public function whose first parameter is `Events` and which gives a frame; or a public class with `step` and
`finish` that gives such frames piece by piece. A frame has ``ts``, the end of each bin, or ``ts_local``, when a row was known.
"""

from __future__ import annotations

import inspect
import random
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.core.units import SECOND_NS
from counterpoise.flow.stream import Stream
from counterpoise.market.event import TRADE, Events
from reference.flow_walk import Found, assert_described, column_of, measures, run, streams
from reference.law_cases import CENTRE, stream_for

SEEDS: Final = (1, 2, 3)
MEASURES, STREAMS = measures(), streams()
each_measure = pytest.mark.parametrize("one", [MEASURES[name] for name in sorted(MEASURES)], ids=lambda one: one.name)
each_stream = pytest.mark.parametrize("one", [STREAMS[name] for name in sorted(STREAMS)], ids=lambda one: one.name)
ROOMS: Final = {"auction", "book", "tape"}  # where a trade of no quantity is no trade
OPPOSITES: Final = {"buy": "sell", "bid": "ask", "long": "short", "high": "low", "max": "min"}
OPPOSITES.update({other: word for word, other in OPPOSITES.items()})


def events_for(one: Found, seed: int) -> Events:
    """The third stream is silent for half a minute in its middle, so that there are bins in which nothing happened."""
    events = stream_for(one.name.partition("-")[0], seed)
    if seed != 3:
        return events
    late = np.where(np.arange(events.rows) < events.rows // 2, 0, 30 * SECOND_NS)
    return events._replace(ts_local=events.ts_local + late, ts_venue=events.ts_venue + late)


def room_of(one: Found) -> str:
    """Folder of `counterpoise.flow` that a measure lies in."""
    return one.make.func.__module__.split(".")[2]  # type: ignore[attr-defined, no-any-return]


def known(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    """Rows that were complete before anything of `now` happened: bins by their exclusive end, what happened by its time."""
    if "ts" in frame.columns:
        return frame.filter(pl.col("ts").dt.epoch("ns") <= now)
    return frame.filter(pl.col("ts_local").dt.epoch("ns") < now)


def takes_pieces(one: Found) -> bool:
    """Whether the function takes events in pieces, too."""
    return "Iterable" in next(iter(inspect.signature(one.make).parameters.values())).annotation


def test_the_walk_finds_the_measures() -> None:
    """Without this, laws over nothing would hold."""
    assert {"measure-depth", "measure-ticker", "measure-trades"} <= set(MEASURES)
    assert "Measures-depth" in STREAMS


@each_measure
def test_frames_hold_something_and_say_what(one: Found) -> None:
    frame = pl.concat([one.make(events_for(one, seed)) for seed in SEEDS])
    assert frame.height > 2
    assert any(frame[column].n_unique() > min(10, frame.height / 2) for column in frame.columns[1:])
    assert_described(one.groups, frame)
    nothing = one.make(Events.empty())
    assert (nothing.height, nothing.schema) == (0, frame.schema)


@each_measure
def test_no_look_ahead(one: Found) -> None:
    """Whatever happens from a moment on, what was known by then is bit-equal; also when only the last event changes."""
    held = 0
    for seed in SEEDS:
        events, draw = events_for(one, seed), np.random.default_rng(seed)
        whole = one.make(events)
        for row in [events.rows - 1, *draw.integers(1, events.rows, 6).tolist()]:
            now = int(events.ts_local[row])
            start = events.until(now) if row < events.rows - 1 else row
            ahead = events.rows - start
            price, lots, side = events.price_ticks.copy(), events.qty_lots.copy(), events.side.copy()
            price[start:] += draw.integers(-50, 50, ahead)
            lots[start:] = draw.integers(0, 10**6, ahead)
            side[start:] = -side[start:]
            for other in (events._replace(price_ticks=price, qty_lots=lots, side=side), events.cut(0, start + 1)):
                assert_frame_equal(known(one.make(other), now), known(whole, now), check_exact=True)
            held += known(whole, now).height
    assert held > 0


@each_measure
def test_a_change_is_seen(one: Found) -> None:
    """The law above would hold for a constant too."""
    events = events_for(one, 1)
    doubled = one.make(events._replace(qty_lots=events.qty_lots * 2, price_ticks=events.price_ticks + 1))
    assert not doubled.equals(one.make(events))


@each_measure
def test_inputs_are_untouched_and_bytes_are_the_same(one: Found) -> None:
    events = events_for(one, 2)
    before = [column.copy() for column in events]
    first, second = (one.make(events).write_ipc(None, compat_level=pl.CompatLevel.oldest()) for _ in range(2))
    assert first.getvalue() == second.getvalue()
    assert all(np.array_equal(now, then) and now.dtype == then.dtype for now, then in zip(events, before, strict=True))


@pytest.mark.parametrize("one", [one for one in MEASURES.values() if takes_pieces(one)], ids=lambda one: one.name)
def test_pieces_are_the_whole(one: Found) -> None:
    events = events_for(one, 3)
    cuts = [0, *sorted(random.Random(3).sample(range(1, events.rows), 9)), events.rows]
    pieces = (events.cut(start, stop) for start, stop in pairwise(cuts))
    assert_frame_equal(one.make(pieces), one.make(events), check_exact=True)


@pytest.mark.parametrize("one", [one for one in MEASURES.values() if room_of(one) in ROOMS], ids=lambda one: one.name)
def test_trades_of_no_quantity_are_passed_over(one: Found) -> None:
    """A trade of nothing at another price, after each trade, changes no row."""
    for seed in SEEDS:
        events = events_for(one, seed)
        again = np.repeat(np.arange(events.rows), 1 + (events.kind == TRADE))
        nothing = np.flatnonzero(np.diff(again, prepend=-1) == 0)
        more = Events._make(column[again] for column in events)
        more.qty_lots[nothing] = 0
        more.price_ticks[nothing] += 7
        assert len(nothing) > 20
        assert_frame_equal(one.make(more), one.make(events), check_exact=True)


@pytest.mark.parametrize("one", [one for one in MEASURES.values() if not one.case.no_scale], ids=lambda one: one.name)
def test_scale(one: Found) -> None:
    """Sizes times a power of two: flows times it, to the last bit; prices, shares and counts as they were."""
    for seed, factor in zip(SEEDS, (2, 64, 4), strict=True):
        events = events_for(one, seed)
        base, scaled = one.make(events), one.make(events._replace(qty_lots=events.qty_lots * factor))
        size = {c: column_of(one.groups, c).size for c in base.columns}
        held = [c for c in base.columns if size[c] != "free"]
        expected = base.select(pl.col(c) * factor if size[c] == "linear" else pl.col(c) for c in held)
        assert_frame_equal(scaled.select(held), expected, check_exact=True)


@pytest.mark.parametrize("one", [one for one in MEASURES.values() if not one.case.no_mirror], ids=lambda one: one.name)
def test_mirror(one: Found) -> None:
    """Sides exchanged and prices turned about a constant: every column does what it says of itself."""
    for seed in SEEDS:
        events = events_for(one, seed)
        flipped = events._replace(side=-events.side, price_ticks=2 * CENTRE - events.price_ticks)
        base, mirrored = in_order(one.make(events), 1), in_order(one.make(flipped), -1)
        for column in base.columns:
            mirror = column_of(one.groups, column).mirror
            if mirror != "free":
                exact = mirror != "price" and column != "mid_change"  # prices are not on a binary grid
                tolerance = {"check_exact": True} if exact else {"rel_tol": 0.0, "abs_tol": 1e-9}
                theirs = in_mirror(one, base, column, mirror).to_frame()
                assert_frame_equal(mirrored.select(column), theirs, **tolerance)  # type: ignore[arg-type]


def in_order(frame: pl.DataFrame, way: int) -> pl.DataFrame:
    """What becomes known at one time, by side and by row of price, which a mirror turns."""
    keys = [name for name in ("ts", "ts_local", "bar", "start", "end") if name in frame.columns]
    turned = [way * pl.col(name).cast(pl.Int64) for name in ("side", "row") if name in frame.columns]
    return frame.sort(*keys[: len(keys) if turned else 0], *turned, maintain_order=True) if turned else frame


def in_mirror(one: Found, base: pl.DataFrame, column: str, mirror: str) -> pl.Series:
    """What a column should be when sides are exchanged and prices turned about the centre."""
    other = "_".join(OPPOSITES.get(word, word) for word in column.split("_"))
    theirs = base[other if mirror != "even" and other in base.columns else column]
    if mirror == "odd":
        theirs = 0 - theirs
    if mirror == "price":
        theirs = one.case.instrument.price(2 * CENTRE) - theirs
    return theirs.alias(column)


@each_stream
def test_batch_equals_stream(one: Found) -> None:
    """In one piece, in pieces, some of one row, and, as from a socket, one event at a time; then there is nothing left."""
    for seed in SEEDS:
        events = events_for(one, seed)
        whole, some = run(one.make, events), random.Random(seed).sample(range(1, events.rows), 12)
        cuts = sorted({*some, *range(100, 130)})
        assert_frame_equal(run(one.make, events, cuts), whole, check_exact=True)
        stream = one.make()
        for row in zip(*(column.tolist() for column in events), strict=True):
            stream.event(row)
        assert_frame_equal(stream.finish(), whole, check_exact=True)
        assert stream.drain().height == 0


@pytest.mark.parametrize("name", sorted(name for name in MEASURES if name.partition("-")[0] not in ("find_absorption",)))
def test_functions_are_their_streams(name: str) -> None:
    """A function gives what the class of its noun gives, where both are given the same."""
    one = MEASURES[name]
    twins = [other for other in STREAMS.values() if other.groups == one.groups and other.case == one.case]
    for stream in twins[:1]:
        events = events_for(one, 1)
        assert_frame_equal(run(stream.make, events), one.make(events), check_exact=True)


@each_stream
def test_saved_and_restored_it_goes_on_the_same(one: Found) -> None:
    """At any row, also within a message; and `now` changes nothing."""
    assert issubclass(one.make.func, Stream)  # type: ignore[attr-defined]
    for seed in SEEDS:
        events, at = events_for(one, seed), random.Random(seed)
        whole, frames, stream = run(one.make, events), [], one.make()
        cuts = [0, 1, *sorted(at.sample(range(2, events.rows - 1), 12)), events.rows - 1, events.rows]
        for start, stop in pairwise(cuts):
            stream.push(events.cut(start, stop))
            assert_frame_equal(stream.now(), stream.now(), check_exact=True)
            frames += [stream.drain()] if at.random() < 0.5 else []
            stream = one.make().restore(stream.save())
        still_open = stream.now()
        frames.append(stream.drain())
        assert_frame_equal(stream.finish(), still_open, check_exact=True)
        assert_frame_equal(pl.concat([*frames, still_open]), whole, check_exact=True)
