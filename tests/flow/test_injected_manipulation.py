"""Detectors on a clean synthetic market with episodes put in: the stream stays one a venue could send, strong ones show."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from counterpoise.core.units import SECOND_NS
from counterpoise.flow.manipulation.icebergs import icebergs
from counterpoise.flow.manipulation.ignition import ignition
from counterpoise.flow.manipulation.spoofing import spoofing
from counterpoise.flow.manipulation.stuffing import stuffing
from counterpoise.flow.manipulation.wash import wash
from counterpoise.market.book import Book
from counterpoise.market.event import FIRST, LAST
from counterpoise.market.instrument import Instrument
from counterpoise.sim.synthetic.market import default_config, generate
from reference import injected

EPISODES = 5
CASES: dict[str, tuple[Callable[..., pl.DataFrame], Callable[..., Any]]] = {
    "icebergs": (icebergs, partial(injected.icebergs, refills=12)),
    "late refills": (partial(icebergs, min_score=0.1), partial(injected.icebergs, refills=15, latency_ns=20_000_000)),
    "spoofing": (partial(spoofing, min_score=0.3), partial(injected.spoofs, times_large=20)),
    "layering": (spoofing, partial(injected.spoofs, times_large=5, levels=4)),
    "stuffing": (stuffing, partial(injected.stuffings, times_usual=10)),
    "wash": (wash, partial(injected.washes, pairs=8)),
    "ignition": (ignition, partial(injected.ignitions, times_volume=16, sigmas=16)),
}
each_case = pytest.mark.parametrize("name", CASES)


@cache
def clean() -> tuple[injected.Clean, Instrument]:
    """Four minutes of the synthetic market's SOL."""
    config = default_config(seed=31, duration="4m")
    config = msgspec.structs.replace(config, tokens=tuple(t for t in config.tokens if t.name == "SOL"))
    instrument = config.tokens[0].instrument(config.venue)
    return injected.Clean(generate(config)[instrument.id]), instrument


@cache
def with_episodes(name: str) -> Any:
    return CASES[name][1](clean()[0], np.random.default_rng(7), count=EPISODES)


@each_case
def test_injected_streams_are_sound(name: str) -> None:
    """In order, messages whole and of one kind and time, and none that crosses the book."""
    events, episodes = with_episodes(name)
    assert len(episodes) >= EPISODES // 2
    events.require_order()
    first, last = (events.flags & FIRST) > 0, (events.flags & LAST) > 0
    assert first[0]
    assert last[-1]
    assert np.array_equal(first[1:], last[:-1])
    assert np.array_equal(events.seq, np.cumsum(first))
    inside = ~first[1:]
    for column in (events.ts_local, events.kind):
        assert (np.diff(column.astype(np.int64))[inside] == 0).all()
    book = Book()
    book.apply(events)
    assert book.crossings == 0
    assert events.rows > clean()[0].events.rows


@each_case
def test_after_the_episodes_the_book_is_the_clean_one(name: str) -> None:
    ours, theirs = Book(), Book()
    ours.apply(with_episodes(name)[0])
    theirs.apply(clean()[0].events)
    for side in (1, -1):
        assert [c.tolist() for c in ours.levels(side)] == [c.tolist() for c in theirs.levels(side)]


@each_case
def test_strong_episodes_are_found_and_clean_flow_is_quiet(name: str) -> None:
    detector = CASES[name][0]
    stream, instrument = clean()
    quiet = detector(stream.events, instrument)
    assert quiet.height <= 2
    events, episodes = with_episodes(name)
    frame = detector(events, instrument)
    starts, ends = (frame[column].dt.epoch("ns").to_numpy() for column in ("start", "end"))
    near = [((starts <= e.end_ns + SECOND_NS) & (ends >= e.start_ns - SECOND_NS)).any() for e in episodes]
    assert sum(near) >= (len(near) + 1) // 2
    assert frame["score"].is_between(0, 1).all()
