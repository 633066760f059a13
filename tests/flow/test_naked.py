"""Watched levels and tables of imbalances: by hand, against the slow twin, and under the laws of the stage."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.auction.definition import imbalance_definition
from counterpoise.flow.auction.diagonal import diagonal_imbalances, stacked_imbalances
from counterpoise.flow.auction.footprint import footprint
from counterpoise.flow.auction.naked import GROUPS, NakedLevels, naked_levels, standing
from counterpoise.flow.auction.sessions import Sessions
from counterpoise.flow.bins import Bins
from counterpoise.flow.kernels import naked as levels
from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_footprint import NaiveBars, watched
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SECOND = Bins.every(SECOND_NS)
SMALL = imbalance_definition("atas")._replace(unfinished_qty=Decimal("0.001"))
CENTRE = 600_000
SEEDS = (1, 2, 3, 4)
KINDS = ["poc", "unfinished_low", "unfinished_high"]


def trades(*rows: tuple[float, int, int, int]) -> Events:
    return events_of((seconds, TRADE, [(side, ticks, lots)]) for seconds, side, ticks, lots in rows)


def walk(seed: int, count: int = 150) -> Events:
    """A price that wanders and jumps, around zero."""
    draw = random.Random(seed)
    at, price, out = 0.0, 0, []
    for _ in range(count):
        at += draw.choice((0, 0, 0.02, 0.3))
        price += draw.choice((0, 0, 1, -1, 1, -1, 3, -3, draw.randint(-20, 20)))
        out.append((at, draw.choice((1, -1, 0)), price, draw.choice((0, 1, 2, 5, 9))))
    return trades(*out)


def test_levels_by_hand() -> None:
    table = naked_levels(
        trades(
            (0.1, 1, 100, 9),  # leaves its point of control at 100
            (1.1, 1, 101, 5),  # goes away from it
            (1.2, 1, 103, 6),
            (2.1, 1, 99, 1),  # jumps over 100, but not over 103, where the last trade stood
            (3.1, 1, 103, 1),
            (4.1, 1, 104, 1),
        ),
        COIN,
        bins=SECOND,
    )
    seconds = ((table["ts_local"].dt.epoch("ns") - T0) / SECOND_NS).to_list()
    assert list(zip(seconds, table["event"], table["price"], table["bar"], strict=True)) == [
        (1.0, "left", 10.0, 0),
        (2.0, "left", 10.3, 1),
        (2.1, "reached", 10.0, 0),
        (3.0, "left", 9.9, 2),
        (3.1, "reached", 10.3, 1),
        (4.0, "left", 10.3, 3),
    ]
    now = standing(table)
    assert now.filter(pl.col("reached").is_null())["price"].to_list() == [9.9, 10.3]


def test_unfinished_auctions_stand_until_touched() -> None:
    """Atas: sellers more than 20 and any buyer at the low; buyers more than 20 and any seller at the high."""
    bar = [(0.1, -1, 100, 21), (0.2, 1, 100, 1), (0.3, 1, 105, 900), (0.4, 1, 110, 21), (0.5, -1, 110, 1)]
    stream = NakedLevels(COIN, bins=SECOND)
    first = stream.step(trades(*bar, (1.5, 1, 106, 1)))
    assert first.filter(pl.col("level") != "poc")["price"].to_list() == [10.0, 11.0]
    assert stream.open.select("level", "price").rows() == [("unfinished_low", 10.0), ("poc", 10.5), ("unfinished_high", 11.0)]
    reached = stream.step(events_of([(1.7, GAP, [(0, 0, 0)]), (1.8, TRADE, [(1, 111, 1)])])).filter(
        pl.col("event") == "reached"
    )
    assert reached.select("level", "gaps").rows() == [("unfinished_high", 1)]
    assert stream.open["gaps"].to_list() == [1, 1]
    one_less = trades(*((t, s, p, n - (n == 21)) for t, s, p, n in bar), (1.5, 1, 106, 1))
    assert naked_levels(one_less, COIN, bins=SECOND)["level"].unique().to_list() == ["poc"]


def test_a_bar_that_trades_end_is_known_at_its_last_trade() -> None:
    events = trades((0.5, 1, 100, 1), (0.5, 1, 100, 1), (0.5, 1, 100, 1))
    table = naked_levels(events, COIN, bins=Bins.parse("trades:1"))
    assert table["ts_local"].is_sorted()
    assert table["event"].to_list() == ["left", "reached"] * 2 + ["left"]
    assert (table["bar_ts"].dt.epoch("ns") - table["ts_local"].dt.epoch("ns")).head(1).to_list() == [1]


@given(seed=st.integers(0, 2**32), row_ticks=st.sampled_from([1, 3]), timed=st.booleans())
@settings(max_examples=40)
def test_equals_naive_twin(seed: int, row_ticks: int, timed: bool) -> None:
    events = walk(seed)
    bins = SECOND if timed else Bins.parse("trades:6")
    bars = NaiveBars(PERP, rule="time" if timed else "trades", size=SECOND_NS if timed else 6).of(events)
    expected = watched(bars, events, SMALL, Fraction(PERP.flow_grid.step), row_ticks)
    table = standing(naked_levels(events, PERP, bins=bins, row_ticks=row_ticks, definition=SMALL))
    found = table.with_columns(pl.col("reached").dt.epoch("ns").fill_null(-1))
    ticks = [round(price * 10) // row_ticks for price in found["price"]]
    kinds = [KINDS.index(level) for level in found["level"]]
    assert [list(r) for r in zip(found["bar"], kinds, ticks, found["reached"], strict=True)] == expected


def test_many_levels_and_many_reached_at_once() -> None:
    """A price that only rises leaves a thousand levels, more than the first table holds; one trade back takes them all."""
    rising = [(i * 1.0, 1, i, 1) for i in range(6000)]
    table = naked_levels(trades(*rising, (6000.5, -1, 0, 1)), PERP, bins=SECOND)
    assert table.filter(pl.col("event") == "left").height == 6000
    reached = table.filter(pl.col("event") == "reached")
    assert reached["price"].to_list() == pytest.approx([i / 10 for i in range(5998, -1, -1)])
    assert reached["ts_local"].n_unique() == 1


@pytest.mark.parametrize("way", [1, -1])
def test_a_trend_leaves_levels_at_a_cost_that_does_not_grow(way: int) -> None:
    """Each trade of a trend leaves its level in one place of memory, however many stand: nothing of the rest is moved."""
    stream = NakedLevels(COIN, bins=Bins.parse("trades:1"))
    stream.push(trades(*((i * 0.1, 1, 1000 + 2 * way * i, 1) for i in range(200))))
    stack = int(stream._state[levels.LEVELS_BELOW if way > 0 else levels.LEVELS_ABOVE])
    assert stack >= 199
    before = stream._state[stream._levels_at :].copy()
    stream.push(trades((30.0, 1, 1000 + 2 * way * 200, 1)))
    assert len(before) == len(stream._state[stream._levels_at :])
    assert np.count_nonzero(before != stream._state[stream._levels_at :]) <= 2 * levels.ENTRY
    assert stream.open["price"].is_sorted()
    assert stream.open.height == 201


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_open_levels_are_those_that_stand(seed: int) -> None:
    """In order of price, whichever way price went, also when a thousand wait on both sides."""
    draw = random.Random(seed)
    rows, price = [], 0
    for i in range(900):
        price += draw.choice((7, 5, -5, -7, 0)) if i % 300 < 299 else draw.choice((-2000, 2000))
        rows.append((0.1 * i, draw.choice((1, -1)), price, draw.choice((1, 30))))
    stream = NakedLevels(COIN, bins=Bins.parse("trades:2"))
    table = stream.step(trades(*rows))
    still = standing(table).filter(pl.col("reached").is_null()).select("level", "price", "bar")
    assert stream.open["price"].is_sorted()
    assert sorted(stream.open.select("level", "price", "bar").rows()) == sorted(still.rows())


def test_levels_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterpoise.flow.auction.naked._MOST_LEVELS", 600)
    with pytest.raises(InputError, match=r"512 levels stand.*higher rows"):
        naked_levels(trades(*((i * 0.1, 1, -i, 1) for i in range(600))), COIN, bins=Bins.parse("trades:1"))


def test_levels_survive_a_table_of_rows_that_grows() -> None:
    """Prices far apart need more and more pages while levels wait behind them."""
    draw = random.Random(9)
    far = [(0.05 * i, draw.choice((1, -1)), draw.randint(-300, 300) * 10**6, draw.randint(1, 50)) for i in range(600)]
    events = trades(*far)
    bars = NaiveBars(PERP, rule="time", size=SECOND_NS).of(events)
    expected = watched(bars, events, SMALL, Fraction(PERP.flow_grid.step), 1)
    table = standing(naked_levels(events, PERP, bins=SECOND, definition=SMALL))
    rows = [round(price * 10) for price in table["price"]]
    reached = table["reached"].dt.epoch("ns").fill_null(-1)
    kinds = [KINDS.index(level) for level in table["level"]]
    assert [list(r) for r in zip(table["bar"], kinds, rows, reached, strict=True)] == expected
    assert len(expected) == 29


def test_sessions_leave_levels_too() -> None:
    day = 86_400
    events = trades((1.0, 1, 100, 5), (2.0, 1, 103, 1), (day + 1.0, 1, 104, 1), (2 * day, -1, 100, 1))
    table = naked_levels(events, COIN, bins=Sessions.of("utc_day"))
    assert table["event"].to_list() == ["left", "left", "reached"]
    assert table["price"].to_list() == [10.0, 10.4, 10.0]
    assert standing(table).filter(pl.col("price") == 10.0)["reached"].dt.epoch("ns").to_list() == [T0 + 2 * day * SECOND_NS]


@pytest.mark.parametrize("seed", SEEDS)
def test_laws_of_the_stage(seed: int) -> None:
    """Batch is stream is row by row, also saved and restored; nothing is known too early; inputs stay as they are."""
    draw = random.Random(seed)
    for events in (walk(seed), RandomStream(seed, centre=CENTRE, far=50_000).events(250)):
        whole = naked_levels(events, PERP, bins=SECOND, definition=SMALL)
        before = [column.copy() for column in events]
        now, frames = NakedLevels(PERP, bins=SECOND, definition=SMALL), []
        for row in range(events.rows):
            frames.append(now.step(events.cut(row, row + 1)))
            if draw.random() < 0.05:
                now = NakedLevels(PERP, bins=SECOND, definition=SMALL).restore(now.save())
        assert_frame_equal(pl.concat([*frames, now.finish()]), whole, check_exact=True)
        for row in (draw.randrange(1, events.rows) for _ in range(6)):
            at = int(events.ts_local[row])
            start = events.until(at)
            price = events.price_ticks.copy()
            price[start:] += np.random.default_rng(seed).integers(-9, 9, events.rows - start)
            known = pl.col("ts_local").dt.epoch("ns") < at
            changed = naked_levels(events._replace(price_ticks=price), PERP, bins=SECOND, definition=SMALL)
            assert_frame_equal(changed.filter(known), whole.filter(known))
            short = naked_levels(events.cut(0, start + 1), PERP, bins=SECOND, definition=SMALL)
            assert_frame_equal(short.filter(known), whole.filter(known))
        assert all(np.array_equal(a, b) for a, b in zip(events, before, strict=True))
        assert whole["ts_local"].is_sorted()
        assert set(whole["event"]) == {"left", "reached"}
    assert [column.name for column in GROUPS[0].columns] == whole.columns


def test_mirrored_levels_are_reached_when_the_others_are() -> None:
    for seed in SEEDS:
        draw = random.Random(seed)
        events = trades(*((0.05 * i, draw.choice((1, -1)), draw.randint(-20, 20), 1 + 3**i % 9973) for i in range(300)))
        flipped = events._replace(side=-events.side, price_ticks=-events.price_ticks)
        base, mirrored = (naked_levels(e, PERP, bins=SECOND) for e in (events, flipped))
        for table, sign in ((base, 1), (mirrored, -1)):
            assert table.filter(pl.col("level") == "poc").height > 20, sign
        one = standing(base.filter(pl.col("level") == "poc"))
        other = standing(mirrored.filter(pl.col("level") == "poc"))
        assert one["reached"].equals(other["reached"])
        assert one["price"].to_list() == (0 - other["price"]).to_list()


def test_tables_of_imbalances_by_hand() -> None:
    rungs = [(row, side, 1 if side < 0 else 40) for base in (100, 110) for row in range(base, base + 4) for side in (1, -1)]
    rungs += [(120, -1, 90), (121, 1, 30), (121, -1, 3)]
    events = trades(*((0.01 * n, side, row, lots) for n, (row, side, lots) in enumerate(rungs)))
    rows = footprint(events, COIN, bins=SECOND)
    table = diagonal_imbalances(rows)
    assert table["row"].to_list() == [101, 102, 103, 111, 112, 113, 120]
    assert table["side"].to_list() == [1] * 6 + [-1]
    assert table["against_qty"].to_list() == [1.0] * 6 + [30.0]
    assert table["times"].to_list() == [40.0] * 6 + [3.0]
    stacks = stacked_imbalances(rows)
    assert stacks.select("side", "low", "high", "rows", "qty").rows() == [(1, 10.1, 10.3, 3, 120.0), (1, 11.1, 11.3, 3, 120.0)]
    assert diagonal_imbalances(rows.clear()).schema == table.schema
    assert stacked_imbalances(rows.clear()).schema == stacks.schema


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_recordings_leave_levels_of_both_fates(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    table = naked_levels(events, instrument, bins=Bins.every(5 * SECOND_NS), row_ticks=10)
    levels = standing(table)
    gone = levels.filter(pl.col("reached").is_not_null())
    assert levels.height > 50
    assert 0.5 < gone.height / levels.height < 1
    assert (gone["reached"] >= gone["bar_ts"]).all()
    stacks = stacked_imbalances(
        footprint(events, instrument, bins=Bins.every(5 * SECOND_NS), row_ticks=10, definition="flowsurface")
    )
    assert (stacks["rows"] >= 3).all()
