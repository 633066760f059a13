"""Delays of a recording: clocks that disagree, tables, and what travels over the connection."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import FIRST, LAST, TRADE, Events
from counterpoise.market.order import OrderState, OrderUpdate
from counterpoise.sim.connection import Connection
from counterpoise.sim.latency import ConstantLatency, LognormalLatency
from counterpoise.sim.recorded_latency import OrderDelays, RecordedLatency
from reference.binance_recordings import CAPTURES, read_recording

RNG = np.random.default_rng(0)


def events(*messages: tuple[float, float | None]) -> Events:
    """Trades by (seen, ms it took), None where the venue gives no time."""
    n = len(messages)
    local = np.array([int(seen * SECOND_NS) for seen, _ in messages])
    venue = np.array([0 if took is None else int(seen * SECOND_NS) - int(took * MS_NS) for seen, took in messages])
    ones = np.ones(n, np.int64)
    return Events(
        local, venue, np.arange(n), -ones, np.full(n, TRADE, np.uint8), ones.astype(np.int8),
        np.full(n, FIRST | LAST, np.uint8), 1000 * ones, ones,
    )  # fmt: skip


def test_the_feed_takes_what_it_took_and_orders_a_multiple_of_it() -> None:
    delays = RecordedLatency(order_multiple=2, ack_multiple=0.5).of(events((10, 4), (11, 10), (12, None), (13, 6)))
    seen = [delays.feed_delay(int(s * SECOND_NS)) / MS_NS for s in (9, 10, 10.9, 11, 12.5, 99)]
    assert seen == [4, 4, 4, 10, 10, 6]
    assert delays.order_delay(11 * SECOND_NS, RNG) == 20 * MS_NS
    assert delays.ack_delay(11 * SECOND_NS, RNG) == 5 * MS_NS
    assert (delays.offset_ns, delays.unknown) == (0, 1)


def test_a_clock_that_is_behind_has_to_be_set_right() -> None:
    behind = events((10, -1270), (11, -1265))
    with pytest.raises(DataError, match=r"1\.27s before it happened.*give latency least"):
        RecordedLatency().of(behind)
    delays = RecordedLatency(least="1ms").of(behind)
    assert delays.offset_ns == 1271 * MS_NS
    assert [delays.feed_delay(s * SECOND_NS) for s in (10, 11)] == [MS_NS, 6 * MS_NS]


def test_tables_are_interpolated_and_stay_beyond_their_ends() -> None:
    start = 1_723_161_300 * SECOND_NS
    table = OrderDelays(start + np.array([0, 10]) * SECOND_NS, np.array([2, 4]) * MS_NS, np.array([8, 6]) * MS_NS)
    delays = RecordedLatency(table="delays.csv").of(events((start / SECOND_NS, 3)), orders=table)
    at = [start + s * SECOND_NS for s in (-5, 0, 5, 10, 50)]
    assert [delays.order_delay(ts, RNG) for ts in at] == [2 * MS_NS, 2 * MS_NS, 3 * MS_NS, 4 * MS_NS, 4 * MS_NS]
    assert [delays.ack_delay(ts, RNG) for ts in at] == [8 * MS_NS, 8 * MS_NS, 7 * MS_NS, 6 * MS_NS, 6 * MS_NS]
    with pytest.raises(InputError, match=r"'delays.csv' is named"):
        RecordedLatency(table="delays.csv").of(events((1, 3)))


@pytest.mark.parametrize("wrong", [([2, 1], [1, 1], [1, 1]), ([1], [-1], [1]), ([1], [1, 2], [1]), ([], [], [])])
def test_tables_that_cannot_be_meant_are_refused(wrong: tuple[list[int], ...]) -> None:
    with pytest.raises(InputError, match="delays"):
        OrderDelays(*(np.array(column, np.int64) for column in wrong))


@pytest.mark.parametrize("wrong", [{"order_multiple": -1}, {"ack_multiple": 1e4}, {"least": "soon"}])
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="latency"):
        RecordedLatency(**wrong)


def test_a_recording_without_times_of_the_venue_is_refused() -> None:
    with pytest.raises(DataError, match="no message of the recording has a time of the venue"):
        RecordedLatency().of(events((1, None)))


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_the_local_clock_of_the_recordings_is_behind_by_more_than_a_second(name: str, data_dir: Path) -> None:
    recorded, _ = read_recording(name, data_dir)
    with pytest.raises(DataError, match="before it happened"):
        RecordedLatency().of(recorded)
    delays = RecordedLatency(least="1ms").of(recorded)
    assert SECOND_NS < delays.offset_ns < 2 * SECOND_NS
    assert delays.feed_ns.min() == MS_NS
    assert np.median(delays.feed_ns) < 100 * MS_NS


# the connection


def update(client_id: str, ts_ns: int) -> OrderUpdate:
    return OrderUpdate(ts_ns=ts_ns, client_id=client_id, state=OrderState.WORKING, left_lots=1)


def test_a_request_meets_what_is_seen_order_and_feed_delay_later() -> None:
    line = Connection[str](ConstantLatency(order="3ms", ack="9ms", feed="4ms"), seed=0)
    line.send(SECOND_NS, "first")
    assert line.arrival(SECOND_NS + 7 * MS_NS - 1) is None
    assert line.arrival(SECOND_NS + 7 * MS_NS) == (SECOND_NS + 7 * MS_NS, "first")
    line.report(2 * SECOND_NS, update("a", 0))
    assert line.heard(2 * SECOND_NS + 5 * MS_NS - 1) == []
    assert [event.client_id for event in line.heard(2 * SECOND_NS + 5 * MS_NS)] == ["a"]
    assert line.heard(9 * SECOND_NS) == []


def test_the_feed_delay_is_that_of_the_arrival() -> None:
    """Sent at 10, there at 10.004; what happens then is seen only after the feed has slowed down to 50 ms."""
    delays = RecordedLatency().of(events((10, 4), (10.006, 50)))
    line = Connection[str](delays, seed=0)
    line.send(10 * SECOND_NS, "first")
    assert line.arrival(99 * SECOND_NS) == (10 * SECOND_NS + 54 * MS_NS, "first")


@given(st.integers(0, 2**32))
def test_nothing_overtakes(seed: int) -> None:
    """Requests arrive in the order they were sent, reports on one order in the order they were made."""
    draw, line = random.Random(seed), Connection[int](LognormalLatency(order="80ms", ack="300ms", sigma=1.5), seed=seed)
    ts = 0
    for i in range(40):
        ts += draw.randint(0, 100) * MS_NS
        line.send(ts, i)
        line.report(ts, update(draw.choice("abc"), i))
    arrived = []
    while got := line.arrival(10**15):
        arrived.append(got)
    assert [request for _, request in arrived] == list(range(40))
    assert [at for at, _ in arrived] == sorted(at for at, _ in arrived)
    heard = line.heard(10**15)
    assert len(heard) == 40
    for client_id in "abc":
        told = [event.ts_ns for event in heard if event.client_id == client_id]
        assert told == sorted(told)
