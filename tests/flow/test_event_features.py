"""Features of events: the slow twin, order flow that adds up, laws of streams, and cases by hand."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.flow.participants.event_features import FEATURES, GROUPS, EventFeatures, event_features
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import events_of
from reference.naive_participants import naive_event_features
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SWAP = parse_instrument("okx:BTC-USDT-SWAP", tick="0.1", lot="1", multiplier="0.01")
CENTRE = 600_000
STALE = 4 * SECOND_NS
LAWS = {column.name: column for column in GROUPS[0].columns}


def stream(seed: int, messages: int = 150, far: int = 40_000) -> Events:
    return RandomStream(seed, centre=CENTRE, far=far).events(messages)


def assert_equals_naive(events: Events, *, stale_ns: int = STALE) -> None:
    for instrument in (PERP, COIN, SWAP):
        frame = event_features(events, instrument, stale_ns=stale_ns)
        found = frame.with_columns(pl.col("ts_local").dt.epoch("ns")).to_dicts()
        assert found == naive_event_features(events, instrument, stale_ns=stale_ns)


@given(seed=st.integers(0, 2**32), far=st.sampled_from([60, 9000, 40_000, 10**8]))
@settings(max_examples=30)
def test_equals_naive_on_random_streams(seed: int, far: int) -> None:
    assert_equals_naive(stream(seed, 120, far))


def test_random_streams_of_the_naive_twin_hold_every_event_and_quality() -> None:
    frame = pl.concat([event_features(stream(seed), PERP, stale_ns=STALE) for seed in range(12)])
    for column, least in (("event", 5), ("quality", 4)):
        assert frame[column].n_unique() == least
        assert frame[column].value_counts()["count"].min() >= 3
    assert frame.filter(pl.col("since_level_ns") != pl.col("level_age_ns")).height > 50


@pytest.mark.parametrize(
    "events",
    [
        Events.empty(),
        events_of([(0, GAP, [(0, 0, 0)])] * 3),
        events_of([(0, DELTA, [(1, 100, 5)]), (1, TRADE, [(1, 101, 5)])]),
        events_of([(0, SNAPSHOT, [(1, 100, 5)]), (1, DELTA, [(1, 99, 5)]), (2, TRADE, [(-1, 100, 0)])]),
        events_of([(i, SNAPSHOT, [(1, 100, 5), (-1, 101, 5)]) for i in range(4)]),
        events_of([(i, DELTA, [(1, 100, 5), (-1, 101, 5)]) for i in range(4)]),
        events_of([(0, SNAPSHOT, [(1, 100, 5), (-1, 101, 5)]), (1, DELTA, [(1, 101, 2)]), (2, DELTA, [(1, 101, 0)])]),
        events_of([(0, SNAPSHOT, [(1, 100, 5), (-1, 101, 5)]), (1, TRADE, [(0, 100, 2)]), (9, TRADE, [(1, 101, 1)])]),
    ],
    ids=["empty", "gaps", "no-snapshot", "one-sided", "constant", "never-synced", "crossed", "unknown-side"],
)
def test_equals_naive_on_odd_streams(events: Events) -> None:
    assert_equals_naive(events, stale_ns=3 * SECOND_NS)


BOOK = [(1, 100, 5), (1, 99, 7), (1, 97, 2), (-1, 102, 4), (-1, 103, 6)]


def test_the_six_features_by_hand() -> None:
    """Depths are after the event; the second event at 99 comes a second after the first; a better bid resets T_M."""
    events = events_of(
        [
            (0, SNAPSHOT, BOOK),
            (1, DELTA, [(1, 99, 9)]),
            (2, DELTA, [(1, 99, 6)]),
            (3, DELTA, [(1, 101, 1)]),
            (4, TRADE, [(-1, 101, 1)]),
            (6, TRADE, [(1, 102, 3)]),
        ]
    )
    rows = event_features(events, COIN).select("event", "side", "qty", "ofi", *FEATURES).rows()
    s = SECOND_NS
    assert rows == [
        ("add", 1, 2.0, 0.0, 9.0, 14.0, 10.0, 1 * s, 0, 0),
        ("remove", -1, 3.0, 0.0, 6.0, 11.0, 10.0, 2 * s, 1 * s, 1 * s),
        ("add", 1, 1.0, 1.0, 1.0, 1.0, 4.0, 3 * s, 0, 0),
        ("trade", -1, 1.0, 0.0, 1.0, 1.0, 4.0, 1 * s, 1 * s, 1 * s),
        ("trade", 1, 3.0, 0.0, 4.0, 4.0, 1.0, 3 * s, 0, 0),
    ]


@pytest.mark.parametrize("seed", range(6))
def test_order_flow_adds_up_to_the_measure(seed: int) -> None:
    """In lots, exactly, in every SYNCED bin."""
    events = stream(seed, 300)
    assert _sums_differ(events, PERP) == 0


def _sums_differ(events: Events, instrument: Instrument) -> int:
    bins = measure(events, instrument, bins=Bins.every(SECOND_NS)).filter(quality="SYNCED")
    lot = instrument.flow_grid.size
    rows = event_features(events, instrument)
    ends = (rows["ts_local"].dt.epoch("ns") // SECOND_NS + 1) * SECOND_NS
    rows = rows.with_columns(ts=ends.cast(pl.Datetime("ns", "UTC")), lots=(pl.col("ofi") / lot).round().cast(pl.Int64))
    sums = rows.group_by("ts").agg(pl.col("lots").sum(), null=pl.col("ofi").null_count())
    both = bins.select("ts", whole=(pl.col("ofi") / lot).round().cast(pl.Int64)).join(sums, on="ts", how="left")
    assert both.height > 10
    assert both["null"].fill_null(0).sum() == 0
    return both.filter(pl.col("whole") != pl.col("lots").fill_null(0)).height


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_order_flow_adds_up_on_recordings(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    assert _sums_differ(events, CAPTURES[name].instrument) == 0


@pytest.mark.realdata
def test_equals_naive_on_a_recording(data_dir: Path) -> None:
    events, _ = read_recording("coinm", data_dir)
    start = events.cut(0, events.until(int(events.ts_local[0]) + 20 * SECOND_NS))
    frame = event_features(start, COIN)
    assert frame.height > 500
    assert frame.with_columns(pl.col("ts_local").dt.epoch("ns")).to_dicts() == naive_event_features(start, COIN)


def test_more_rows_than_one_call_holds_and_a_table_that_grows() -> None:
    """The rows of a message are never cut in two, and the ladder grows only when it must."""
    quiet = events_of([(0, SNAPSHOT, BOOK), *((i, DELTA, [(1, 100, i + 9), (-1, 102, i)]) for i in range(1, 5001))])
    made = EventFeatures(COIN)
    before = len(made._book)
    assert made.step(quiet).height == 10_000
    assert len(made._book) == before
    far = [(0.0, SNAPSHOT, BOOK), *((i, DELTA, [(1, -i * 10**6, 5)]) for i in range(1, 2001))]
    assert made.__class__(COIN).step(events_of(far)).height == 2000


def test_groups_name_every_column_and_bad_parameters_are_refused() -> None:
    frame = event_features(Events.empty(), PERP)
    assert list(LAWS) == frame.columns
    assert frame.schema == event_features(stream(1), PERP).schema
    with pytest.raises(InputError, match="stale time must be positive"):
        EventFeatures(PERP, stale_ns=0)
