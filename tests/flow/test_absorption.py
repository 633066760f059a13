"""Absorption against a slow twin, and case by case: what counts, what is refilled, how it ends."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.book.absorption import Absorption, find_absorption
from counterpoise.flow.kernels import absorption as k
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.absorbing_stream import AbsorbingStream
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import run
from reference.message_script import T0, events_of
from reference.naive_absorption import naive_absorption

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE: dict[str, Any] = {"within_ns": SECOND_NS, "patience_ns": SECOND_NS, "stale_ns": 2 * SECOND_NS}
RULES = ({"threshold": "sigmas:0.5", "warm": 2, "memory": 5}, {"threshold": "qty:0.002"}, {"threshold": "notional:900"})
ENDS = ("break", "fade", "timeout", "void", "open")


def stream(seed: int, *, messages: int = 150, **kwargs: int) -> Events:
    return AbsorbingStream(seed, **{"far": 50_000, "pace_ns": 100 * MS_NS, **kwargs}).events(messages)


def assert_equals_naive(events: Events, instrument: Instrument = PERP, **given: Any) -> pl.DataFrame:
    frame = run(lambda: Absorption(instrument, **given), events)
    times = [pl.col(name).dt.epoch("ns") for name in ("ts_local", "ts_start", "ts_known", "ts_end")]
    found, expected = frame.with_columns(times).to_dicts(), naive_absorption(events, instrument, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("strength", "threshold"):
            assert math.isclose(ours.pop(name), theirs.pop(name), rel_tol=1e-12)
        assert ours == theirs
    return frame


@given(seed=st.integers(0, 2**32), rule=st.sampled_from(RULES), ticks=st.sampled_from([0, 1, 3]))
@settings(max_examples=60)
def test_equals_naive_twin_on_random_streams(seed: int, rule: dict[str, Any], ticks: int) -> None:
    events = stream(seed, far=60 if seed % 2 else 50_000)
    most = ticks + seed % 4
    assert_equals_naive(events, COIN if seed % 3 == 0 else PERP, ticks=ticks, max_move_ticks=most, **LOOSE, **rule)


def test_random_streams_hold_every_end() -> None:
    """The comparison above would be hollow if all episodes ended alike, or none was found by some rule."""
    for rule in RULES:
        frames = [run(lambda r=rule: Absorption(PERP, **LOOSE, **r), stream(seed)) for seed in range(60)]
        counts = dict(pl.concat(frames)["ended"].value_counts().rows())
        assert sum(counts.values()) > 30
        if "sigmas" not in rule["threshold"]:
            assert min(counts.get(name, 0) for name in ENDS) >= 2


def test_equals_naive_twin_on_the_shortest_patience() -> None:
    assert assert_equals_naive(stream(3, messages=80), **LOOSE, threshold="qty:0.001").height > 3


def test_a_long_silence_counts_window_by_window() -> None:
    """More windows without a trade than are worth counting one by one, and a memory that is longer still."""
    fills = [(0.5, 7), (1.5, 100), (2.5, 300), (20_000.5, 1)]
    one = Absorption(PERP, within_ns=SECOND_NS, patience_ns=SECOND_NS, memory=10_000)
    one.push(events_of((at, TRADE, [(1, 100, lots)]) for at, lots in fills))
    block = one._state[k.BLOCKS : k.BLOCKS + k.BLOCK]
    mean, variance, alpha = 100.0, 0.0, 2 / 10_001
    for volume in (300, *[0] * 19_997):
        away = volume - mean
        mean, variance = mean + alpha * away, (1 - alpha) * (variance + alpha * away**2)
    assert block[k.SEEN] == 19_999
    assert block[k.MEAN : k.VARIANCE + 1].view(np.float64).tolist() == pytest.approx([mean, variance], rel=1e-9)


START = (0, SNAPSHOT, [(1, 99, 50), (1, 100, 10), (-1, 102, 10), (-1, 103, 50)])
HIT = [
    START,
    (1.0, TRADE, [(1, 102, 8)]),
    (1.1, DELTA, [(-1, 102, 2)]),
    (1.2, DELTA, [(-1, 102, 9)]),
    (1.3, TRADE, [(1, 102, 4), (1, 102, 4)]),
    (1.4, DELTA, [(-1, 102, 7)]),
]


def only(*messages: Any, **given: Any) -> dict[str, Any]:
    """The one row of a script of buys that hit 10.2."""
    frame = run(lambda: Absorption(COIN, **{"threshold": "qty:16", **given}), events_of([*HIT, *messages]))
    assert frame.height == 1
    return frame.row(0, named=True)


def test_an_episode_by_hand() -> None:
    """16 bought, 10 shown before and 7 after: 13 were refilled."""
    row = only((2, TRADE, [(1, 102, 2)]), (2.1, DELTA, [(-1, 102, 5)]), (9, DELTA, [(1, 99, 51)]))
    assert (row["side"], row["price"], row["fills"], row["traded"]) == (1, 10.2, 4, 18.0)
    assert (row["displayed_before"], row["refilled"], row["max_move_ticks"]) == (10.0, 13.0, 0)
    assert (row["threshold"], row["strength"], row["ended"]) == (16.0, 18 / 16, "fade")
    times = [row[name].timestamp() - T0 / SECOND_NS for name in ("ts_start", "ts_known", "ts_end", "ts_local")]
    assert times == pytest.approx([1.0, 1.4, 2.0, 9.0])


@pytest.mark.parametrize(
    ("then", "ended"),
    [
        ([(2, DELTA, [(-1, 102, 0)]), (3, DELTA, [(-1, 103, 0), (-1, 110, 5)])], "break"),
        ([(2, TRADE, [(1, 105, 1)])], "break"),
        ([(2, DELTA, [(-1, 102, 0), (-1, 103, 0)])], "break"),
        ([(2, TRADE, [(1, 99, 1)])], "fade"),
        ([(2, DELTA, [(1, 100, 0), (1, 99, 0), (1, 90, 1), (-1, 99, 5)])], "fade"),
        ([(float(t), TRADE, [(1, 102, 1)]) for t in range(2, 13)], "void"),  # a silent book
        ([(2, GAP, [(0, 0, 0)])], "void"),
        ([(2, DELTA, [(1, 102, 1)])], "void"),
        ([(2, TRADE, [(1, 103, 1)]), (2.1, DELTA, [(-1, 102, 0)])], "open"),
        ([(t + b, kind, [(s, 102, 3)]) for t in range(2, 13) for b, kind, s in ((0, TRADE, 1), (0.5, DELTA, -1))], "timeout"),
    ],
)
def test_how_episodes_end(then: Any, ended: str) -> None:
    patience = 9 if ended == "timeout" else 60
    assert only(*then, patience_ns=patience * SECOND_NS)["ended"] == ended


def test_a_queue_that_is_eaten_is_not_absorption() -> None:
    """The same volume, but what was shown goes with it: 16 of 20, refilled 0."""
    eaten = [
        (0, SNAPSHOT, [(1, 100, 10), (-1, 102, 20)]),
        *HIT[1:2],
        (1.1, DELTA, [(-1, 102, 12)]),
        HIT[4],
        (1.4, DELTA, [(-1, 102, 4)]),
    ]
    assert find_absorption(events_of(eaten), COIN, threshold="qty:16").height == 0
    assert find_absorption(events_of(eaten), COIN, threshold="qty:16", min_refill=0).height == 1


def test_volume_counts_once_the_book_has_answered() -> None:
    """A message of an earlier time at the venue answers nothing, though it comes later."""
    events = events_of(HIT)
    assert find_absorption(events, COIN, threshold="qty:16").height == 1
    early = events.ts_venue.copy()
    early[events.ts_local == T0 + 1400 * MS_NS] = T0 + 1250 * MS_NS
    assert find_absorption(events._replace(ts_venue=early), COIN, threshold="qty:16").height == 0
    assert find_absorption(events._replace(ts_venue=np.zeros_like(early)), COIN, threshold="qty:16").height == 1


def test_volume_of_too_long_ago_does_not_count() -> None:
    assert run(lambda: Absorption(COIN, threshold="qty:16", within_ns=300 * MS_NS), events_of(HIT)).height == 1
    assert run(lambda: Absorption(COIN, threshold="qty:16", within_ns=250 * MS_NS), events_of(HIT)).height == 0


def test_the_threshold_is_of_whole_windows_before() -> None:
    """Windows of 6 and 10 lots, memory 3: mean 8, variance 4; 8 + 2·2 = 12 is reached, 8 + 2.5·2 = 13 is not."""
    past = [START, (0.5, TRADE, [(-1, 100, 99)]), (1.5, TRADE, [(1, 110, 6)]), (2.5, TRADE, [(1, 110, 10)])]
    now = [(3.2, TRADE, [(1, 102, 12)]), (3.3, DELTA, [(-1, 102, 10)])]
    first = [(0.6, TRADE, [(1, 110, 500)])]  # of the window that was not seen whole
    for sigmas, rows in (("2", 1), ("2.5", 0)):
        given: dict[str, Any] = {"threshold": f"sigmas:{sigmas}", "within_ns": SECOND_NS, "memory": 3, "warm": 2}
        frame = run(lambda g=given: Absorption(COIN, **g), events_of([*past[:2], *first, *past[2:], *now]))
        assert frame.height == rows
        if rows:
            assert frame["threshold"].to_list() == [12.0]
        given["warm"] = 3
        assert run(lambda g=given: Absorption(COIN, **g), events_of([*past, *now])).height == 0


def test_more_fills_than_are_told_apart_are_all_counted() -> None:
    """300 messages with fills in a window, 100 fills before one message, and 100 times at the venue."""
    one_by_one = [
        m for i in range(300) for m in ((1 + i / 100, TRADE, [(1, 102, 1)]), (1.005 + i / 100, DELTA, [(-1, 102, 10)]))
    ]
    row = run(lambda: Absorption(COIN, threshold="qty:300"), events_of([START, *one_by_one])).row(0, named=True)
    assert (row["traded"], row["refilled"], row["fills"]) == (300.0, 300.0, 300)
    at_once = [START, (1, TRADE, [(1, 102, 1)] * 100), (1.1, DELTA, [(-1, 102, 10)])]
    row = run(lambda: Absorption(COIN, threshold="qty:100"), events_of(at_once)).row(0, named=True)
    assert (row["traded"], row["refilled"], row["fills"]) == (100.0, 100.0, 100)
    apart = [START, *((1 + i / 1000, TRADE, [(1, 102, 1)]) for i in range(100)), (1.1, DELTA, [(-1, 102, 10)])]
    events = events_of(apart)
    assert find_absorption(events, COIN, threshold="qty:64").height == 1
    early = np.minimum(events.ts_venue, T0 + 1090 * MS_NS + (events.kind == TRADE) * SECOND_NS)
    # of fills 64 to 100, which wait as one, the message shows only some
    assert find_absorption(events._replace(ts_venue=early), COIN, threshold="qty:64").height == 0
    assert find_absorption(events._replace(ts_venue=early), COIN, threshold="qty:63").height == 1


def test_nothing_comes_of_nothing() -> None:
    assert find_absorption(Events.empty(), COIN).height == 0
    assert find_absorption(events_of([START] * 5), COIN, threshold="qty:1").height == 0
    assert find_absorption(events_of([(0, DELTA, START[2]), *HIT[1:]]), COIN, threshold="qty:1").height == 0
    one_sided = [(0, SNAPSHOT, [(1, 100, 9)]), *HIT[1:2], (2, DELTA, [(1, 100, 8)])]
    assert find_absorption(events_of(one_sided), COIN, threshold="qty:1", min_refill=0).height == 0
    unknown = events_of(HIT)
    assert (
        find_absorption(unknown._replace(side=np.where(unknown.kind == TRADE, 0, unknown.side).astype(np.int8)), COIN).height
        == 0
    )


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"ticks": -1}, InputError),
        ({"ticks": 3}, InputError),
        ({"memory": 0}, InputError),
        ({"warm": 0}, InputError),
        ({"min_refill": -0.1}, InputError),
        ({"min_refill": math.nan}, InputError),
        ({"within_ns": 0}, InputError),
        ({"patience_ns": SECOND_NS}, InputError),
        ({"stale_ns": 0}, InputError),
        ({"threshold": "qty:0"}, InputError),
        ({"threshold": "qty"}, InputError),
        ({"threshold": "sigmas:-1"}, InputError),
        ({"threshold": "sigma:3"}, UnknownName),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Absorption(PERP, **wrong)


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_absorption_on_binance(name: str, data_dir: Path) -> None:
    """Rare at the default; a low threshold finds some, and each row keeps to what the parameters say."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    assert find_absorption(events, instrument).height <= 12
    frame = find_absorption(events, instrument, threshold="notional:20000", ticks=1)
    assert 5 <= frame.height <= 2000
    assert (frame["ts_start"] <= frame["ts_known"]).all()
    assert (frame["ts_known"] <= frame["ts_local"]).all()
    assert (frame["max_move_ticks"] <= 2).all()
    assert (frame["strength"] >= 1).all()
    assert ((frame["price_farthest"] - frame["price_nearest"]) * frame["side"] >= 0).all()
    assert ((frame["price_farthest"] - frame["price"]).abs() <= 1.001 * instrument.price_grid.size).all()
    assert set(frame["side"]) == {1, -1}


def test_more_levels_than_the_ladder() -> None:
    far = [(-1, 1_000_000 + 50 * i, 7) for i in range(6000)]
    events = events_of([(0, SNAPSHOT, START[2] + far), *HIT[1:]])
    assert find_absorption(events, COIN, threshold="qty:16")["refilled"].to_list() == [13.0]


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_equals_twin_on_a_minute_of_binance(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    minute = events.cut(0, events.until(int(events.ts_local[0]) + 60 * SECOND_NS))
    given: dict[str, Any] = {"threshold": "sigmas:0.5", "ticks": 5, "max_move_ticks": 9, "within_ns": SECOND_NS}
    assert assert_equals_naive(minute, CAPTURES[name].instrument, **given).height >= 1
    assert assert_equals_naive(minute, CAPTURES[name].instrument, threshold="notional:20000", ticks=1).height >= 2
