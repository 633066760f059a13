"""Sweeps against a slow twin, and case by case: what belongs to an order, what was there before, when it is back."""

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
from counterpoise.flow.book.sweeps import Recovery, Sweeps, find_sweeps
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import run
from reference.message_script import T0, events_of
from reference.naive_sweeps import naive_sweeps
from reference.sweeping_stream import SweepingStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
RECOVERIES: tuple[Recovery, ...] = ("swept", "levels", "band")


def stream(seed: int, *, messages: int = 150, **kwargs: int) -> Events:
    """The same times at the venue within 100 ms, as fills of one order have."""
    events = SweepingStream(seed, **{"far": 50_000, "pace_ns": 100 * MS_NS, **kwargs}).events(messages)
    return events._replace(ts_venue=events.ts_venue // (100 * MS_NS) * (100 * MS_NS))


def assert_equals_naive(events: Events, instrument: Instrument = PERP, **given: Any) -> pl.DataFrame:
    made = Sweeps(instrument, **given)
    frame = pl.concat([made.step(events), made.finish()])
    times = [pl.col(name).dt.epoch("ns") for name in ("ts_local", "ts_start", "ts_end")]
    found, expected = frame.with_columns(times).to_dicts(), naive_sweeps(events, instrument, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert math.isclose(ours.pop("notional"), theirs.pop("notional"), rel_tol=1e-14)
        assert ours == theirs
    return frame


@given(seed=st.integers(0, 2**32), recovery=st.sampled_from(RECOVERIES), open_at_most=st.sampled_from([1, 3, 128]))
@settings(max_examples=60)
def test_equals_naive_twin_on_random_streams(seed: int, recovery: Recovery, open_at_most: int) -> None:
    events = stream(seed, far=60 if seed % 2 else 50_000)
    assert_equals_naive(
        events,
        COIN if seed % 3 else PERP,
        recovery=recovery,
        levels=1 + seed % 3,
        depth_levels=3,
        band_bps="0.25",
        patience_ns=2 * SECOND_NS,
        stale_ns=SECOND_NS,
        most_open=open_at_most,
    )


@pytest.mark.parametrize("recovery", RECOVERIES)
def test_equals_naive_twin_on_a_small_stream(recovery: Recovery) -> None:
    frame = assert_equals_naive(stream(5, messages=60), recovery=recovery, levels=1)
    assert frame.height > 5


def test_random_streams_hold_every_end() -> None:
    """The comparison above would be hollow if all sweeps ended alike."""
    given = {"levels": 1, "patience_ns": 2 * SECOND_NS, "stale_ns": SECOND_NS, "most_open": 3}
    frames = [run(lambda: Sweeps(PERP, **given), stream(seed)) for seed in range(40)]
    counts = dict(pl.concat(frames)["ended"].value_counts().rows())
    assert min(counts[name] for name in ("recovered", "patience", "void", "unseen", "overflow", "open")) >= 3
    assert pl.concat(frames)["unknown_qty"].sum() > 0


BOOK = [(1, 100, 50), (1, 99, 50), (-1, 102, 4), (-1, 103, 6), (-1, 105, 10), (-1, 106, 20)]


def only(*messages: tuple[float, int, list[tuple[int, int, int]]], **given: Any) -> dict[str, Any]:
    """The one row of a script, times of which are in seconds."""
    events = events_of(messages)
    return find_sweeps_row(events, **given)


def find_sweeps_row(events: Events, **given: Any) -> dict[str, Any]:
    frame = run(lambda: Sweeps(COIN, **given), events)
    assert frame.height == 1
    return frame.row(0, named=True)


TAKEN = (1, TRADE, [(1, 102, 4), (1, 103, 6), (1, 105, 2)])


def test_a_sweep_and_its_recovery_by_hand() -> None:
    """12 contracts over three asks; 16 of 20 shown were lost, 8 are back at 1.3 s, 15 at 1.8 s."""
    row = only(
        (0, SNAPSHOT, BOOK),
        TAKEN,
        (1.1, DELTA, [(-1, 102, 0), (-1, 103, 0), (-1, 105, 4)]),
        (1.3, DELTA, [(-1, 103, 8)]),
        (1.5, DELTA, [(-1, 102, 2)]),
        (1.8, DELTA, [(-1, 105, 9)]),
        (2.5, DELTA, [(1, 99, 51)]),
    )
    assert (row["side"], row["fills"], row["levels"], row["walked_ticks"]) == (1, 3, 3, 3)
    assert (row["qty"], row["notional"]) == (12.0, 1200.0)  # contracts of 100 USD
    assert (row["price_first"], row["price_last"]) == (10.2, 10.5)
    assert (row["best_before"], row["best_after"]) == (10.2, 10.5)
    assert (row["spread_before"], row["spread_widest"]) == (0.2, 0.5)
    assert (row["swept_before"], row["swept_lowest"]) == (20.0, 4.0)
    assert (row["depth_before"], row["depth_lowest"]) == (40.0, 24.0)
    assert (row["band_before"], row["band_lowest"]) == (4.0, 0.0)  # 5 bps of 102 ticks reach no other level
    assert [row[name] / MS_NS for name in ("half_ns", "ninety_ns", "spread_ns")] == [300, 800, 500]
    assert (row["ended"], row["quality"]) == ("recovered", "SYNCED")
    assert row["ts_local"].timestamp() - T0 / SECOND_NS == pytest.approx(1.8)


def test_a_message_that_does_not_show_the_order_yet_is_no_recovery() -> None:
    """Depth lags trades: at 1.02 s the book is as before; the clock of recovery starts when the loss is seen."""
    lost = [(-1, 102, 0), (-1, 103, 0)]
    back = [(-1, 102, 4), (-1, 103, 6)]
    row = only((0, SNAPSHOT, BOOK), TAKEN, (1.02, DELTA, [(1, 99, 5)]), (1.1, DELTA, lost), (1.4, DELTA, back))
    assert [row[name] / MS_NS for name in ("half_ns", "ninety_ns", "spread_ns")] == [400, 400, 400]


def test_orders_are_told_apart() -> None:
    """A better price, another side, another time at the venue, or a long wait is another order."""
    start = (0, SNAPSHOT, BOOK)
    for second in [(1, TRADE, [(1, 102, 1)]), (1, TRADE, [(-1, 100, 1)]), (1.2, TRADE, [(1, 105, 1)])]:
        frame = run(lambda: Sweeps(COIN), events_of([start, (1, TRADE, [(1, 103, 1)]), second]))
        assert frame.height == 0
    assert only(start, (1, TRADE, [(1, 102, 1)]), (1, TRADE, [(1, 103, 1)]))["levels"] == 2
    assert only(start, (1, TRADE, [(1, 102, 1)]), (1, TRADE, [(0, 50, 7), (1, 103, 1)]))["unknown_qty"] == 7.0
    late = events_of([start, (1, TRADE, [(1, 102, 1)]), (1.04, TRADE, [(1, 103, 1)])])
    same = late._replace(ts_venue=np.full(late.rows, T0))
    assert find_sweeps_row(same)["fills"] == 2
    assert run(lambda: Sweeps(COIN, order_ns=30 * MS_NS), same).height == 0
    without = late._replace(ts_venue=np.zeros(late.rows, np.int64))
    assert run(lambda: Sweeps(COIN), without).height == 0
    assert find_sweeps_row(without._replace(ts_local=np.minimum(without.ts_local, T0 + SECOND_NS)))["fills"] == 2


@pytest.mark.parametrize(
    ("then", "ended", "half"),
    [
        ((20, DELTA, [(1, 99, 1)]), "void", None),  # silent for more than 10 s
        ((2, GAP, [(0, 0, 0)]), "void", None),
        ((2, DELTA, [(-1, 100, 1)]), "void", None),  # crossed
        ((1.2, DELTA, [(1, 99, 1)]), "open", None),
        ((1.2, DELTA, [(-1, 103, 10)]), "open", 200 * MS_NS),
    ],
)
def test_a_time_that_is_null_says_why(then: Any, ended: str, half: int | None) -> None:
    lost = (1.1, DELTA, [(-1, 102, 0), (-1, 103, 0), (-1, 105, 8)])
    row = only((0, SNAPSHOT, BOOK), TAKEN, lost, then)
    assert (row["ended"], row["half_ns"], row["ninety_ns"]) == (ended, half, None)
    assert (row["swept_lowest"] is None) == (ended == "void")
    assert row["swept_before"] == 20.0


def test_patience_is_over_with_the_next_event() -> None:
    lost = (1.1, DELTA, [(-1, 102, 0), (-1, 103, 0), (-1, 105, 8)])
    keeps = [(float(i), DELTA, [(1, 99, i)]) for i in range(2, 6)]
    row = only((0, SNAPSHOT, BOOK), TAKEN, lost, *keeps, (5.5, TRADE, [(1, 1, 0)]), patience_ns=4 * SECOND_NS)
    assert (row["ended"], row["half_ns"], row["watched_ns"]) == ("patience", None, 4 * SECOND_NS)
    assert row["ts_local"].timestamp() - T0 / SECOND_NS == pytest.approx(5.5)


def test_a_book_not_in_order_before_gives_no_book_columns() -> None:
    row = only((0, DELTA, BOOK), TAKEN, (2, DELTA, [(1, 99, 1)]))
    assert (row["quality"], row["ended"], row["qty"]) == ("GAPPED", "void", 12.0)
    assert row["swept_before"] is row["best_before"] is row["spread_ns"] is None
    late = only((0, SNAPSHOT, BOOK), (11, *TAKEN[1:]))
    assert (late["quality"], late["ended"], late["swept_before"]) == ("STALE", "open", None)


def test_one_sided_and_empty_books_and_no_events() -> None:
    row = only((0, SNAPSHOT, [(1, 100, 5)]), TAKEN, (2, DELTA, [(1, 99, 1)]))
    assert (row["best_before"], row["spread_before"], row["swept_before"]) == (None, None, 0.0)
    assert find_sweeps(Events.empty(), COIN).height == 0
    assert find_sweeps(events_of([TAKEN]), COIN)["ended"].to_list() == ["open"]
    assert find_sweeps(events_of([(0, SNAPSHOT, BOOK)] * 3), COIN).height == 0


def test_prices_reached_after_a_message_count_as_they_were_before() -> None:
    """The book tells of 102 and 103 between the fills; what was lost at 105 still counts from the book before the order."""
    told = [(-1, 102, 0), (-1, 103, 0), (-1, 105, 3)]
    row = only((0, SNAPSHOT, BOOK), (1, TRADE, TAKEN[2][:2]), (1, DELTA, told), (1, TRADE, TAKEN[2][2:]), (1.1, DELTA, told))
    assert (row["fills"], row["swept_before"], row["swept_lowest"]) == (3, 20.0, 3.0)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"levels": 0}, InputError),
        ({"depth_levels": 65}, InputError),
        ({"most_open": 0}, InputError),
        ({"patience_ns": MS_NS}, InputError),
        ({"order_ns": 0}, InputError),
        ({"stale_ns": 0}, InputError),
        ({"band_bps": "0.0001"}, InputError),
        ({"band_bps": "10000"}, InputError),
        ({"recovery": "levles"}, UnknownName),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Sweeps(PERP, **wrong)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "orders"), [("usdm", 645), ("coinm", 146), ("spot", 451)])
def test_sweeps_of_binance(name: str, orders: int, data_dir: Path) -> None:
    """As many, within 3 %, as a count by side and ts_venue with two prices or more, which joins orders of one millisecond."""
    events, _ = read_recording(name, data_dir)
    frame = find_sweeps(events, CAPTURES[name].instrument)
    assert frame.height == pytest.approx(orders, rel=0.03)
    assert set(frame["quality"]) == {"SYNCED"}
    assert (frame["spread_ns"].drop_nulls() < SECOND_NS).mean() > 0.95
    assert frame.filter(pl.col("ended") != "open").height >= frame.height - 5


def test_more_rows_than_one_call_holds_and_more_levels_than_the_ladder() -> None:
    """10,000 orders beside a book that is not there; then 6,000 far asks before a sweep."""
    trades = [(i / 1000, TRADE, [(1 if i % 2 else -1, 102, 1)]) for i in range(10_000)]
    frame = run(lambda: Sweeps(COIN, levels=1), events_of(trades))
    assert frame.height == 10_000
    assert set(frame["ended"]) == {"void", "open"}
    far = [(-1, 1_000_000 + 50 * i, 7) for i in range(6000)]
    row = only((0, SNAPSHOT, BOOK + far), TAKEN, (1.1, DELTA, [(-1, 102, 0), (-1, 103, 0), (-1, 105, 8)]), recovery="levels")
    assert (row["depth_before"], row["depth_lowest"]) == (40.0 + 6 * 7, 82.0)  # 28 + 8 * 7 is no less


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "seconds"), [("usdm", 3), ("coinm", 6), ("spot", 8)])
def test_equals_twin_on_seconds_of_binance(name: str, seconds: int, data_dir: Path) -> None:
    """The twin keeps whole books, so not many."""
    events, _ = read_recording(name, data_dir)
    first = events.cut(0, events.until(int(events.ts_local[0]) + seconds * SECOND_NS))
    given: dict[str, Any] = {"patience_ns": 300 * MS_NS, "levels": 1 if name == "coinm" else 2}
    assert assert_equals_naive(first, CAPTURES[name].instrument, **given).height >= 1
