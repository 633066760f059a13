"""Footprints against hand-worked bars, a slow twin, the laws of the stage and the core measures on recordings."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.auction.definition import IMBALANCES, ImbalanceDefinition, imbalance_definition
from counterpoise.flow.auction.footprint import Footprint, footprint, footprint_bars
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.market.event import DELTA, GAP, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.footprint_frames import bar_frame, row_frame
from reference.message_script import T0, events_of
from reference.naive_footprint import NaiveBars
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SMALL = imbalance_definition("atas")._replace(min_qty=Decimal("0.1"), unfinished_qty=Decimal("0.01"), stack=2, zero="count")
SECOND, LONG = Bins.every(SECOND_NS), Bins.every(3600 * SECOND_NS)
CENTRE = 600_000
SEEDS = (1, 2, 3, 4)


def trades(*rows: tuple[float, int, int, int]) -> Events:
    """(seconds, side, ticks, lots)."""
    return events_of((seconds, TRADE, [(side, ticks, lots)]) for seconds, side, ticks, lots in rows)


def stream(seed: int, messages: int = 250) -> Events:
    return RandomStream(seed, centre=CENTRE, far=50_000).events(messages)


def busy(seed: int, rows: int, *, centre: int = CENTRE, spread: int = 5) -> Events:
    """Trades alone, many at few prices, so that rows hold both sides; some of unknown side, some of no size."""
    draw = random.Random(seed)
    at, out = 0.0, []
    for _ in range(rows):
        at += draw.choice((0, 0, 0.05, 0.4))
        price = centre + round(draw.gauss(0, spread / 3))
        out.append((at, draw.choice((1, 1, -1, -1, 0)), price, draw.choice((0, 1, 40, 40, draw.randint(1, 900)))))
    return trades(*out)


def dicts(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()


# a bar by hand, in ticks of 0.1 and contracts: rows 100..104
HAND = trades(
    (0.1, -1, 100, 25),  # low row: 25 sold, 2 bought: unfinished for atas
    (0.2, 1, 100, 2),
    (0.3, 1, 101, 90),  # against 25 sold at 100: 3.6 times
    (0.4, -1, 101, 10),
    (0.5, 1, 102, 30),  # against 10 sold at 101: 3 times, and the least volume
    (0.6, -1, 102, 9),
    (0.7, 1, 103, 29),  # 29 against 9 is more than 3 times, but less than 30
    (0.8, 0, 103, 500),
    (0.9, 1, 104, 4),
)


def test_rows_by_hand() -> None:
    frame = footprint(HAND, COIN, bins=SECOND)
    assert frame["price"].to_list() == [10.0, 10.1, 10.2, 10.3, 10.4]
    assert frame["buy_qty"].to_list() == [2.0, 90.0, 30.0, 29.0, 4.0]
    assert frame["sell_qty"].to_list() == [25.0, 10.0, 9.0, 0.0, 0.0]
    assert frame["unknown_qty"].to_list() == [0.0, 0.0, 0.0, 500.0, 0.0]
    assert frame["trades"].to_list() == [2, 2, 2, 2, 1]
    assert frame["buy_imbalance"].to_list() == [False, True, True, False, False]
    assert not frame["sell_imbalance"].any()
    assert not frame["buy_stack"].any()
    assert frame["ts"].dt.epoch("ns").unique().to_list() == [T0 + SECOND_NS]


def test_bar_by_hand() -> None:
    (bar,) = dicts(footprint_bars(HAND, COIN, bins=SECOND))
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (10.0, 10.4, 10.0, 10.4)
    assert (bar["volume"], bar["delta"], bar["trades"]) == (699.0, 155.0 - 44.0, 9)
    assert (bar["min_delta"], bar["max_delta"]) == (-25.0, 111.0)
    assert (bar["poc"], bar["poc_qty"]) == (10.3, 529.0)
    assert (bar["buy_imbalances"], bar["sell_imbalances"]) == (2, 0)
    assert (bar["unfinished_low"], bar["unfinished_high"]) == (True, False)
    assert not bar["complete"]


def test_sources_differ_in_what_is_out_of_balance() -> None:
    by = {d.name: footprint(HAND, COIN, bins=SECOND, definition=d.name)["buy_imbalance"].sum() for d in IMBALANCES}
    assert by == {"atas": 2, "flowsurface": 3, "chart_patterns": 0}


def test_diagonal_pairs_a_row_with_the_next_one_only() -> None:
    """A jump of two rows is no diagonal, and trade counts are not volumes."""
    far = trades((0, -1, 100, 1), (0.1, 1, 102, 400), (0.2, 1, 102, 1))
    assert not footprint(far, COIN, bins=SECOND)["buy_imbalance"].any()
    counted = trades(*((0.1 * i, -1, 100, 1) for i in range(9)), (0.95, 1, 101, 31))
    assert footprint(counted, COIN, bins=SECOND)["buy_imbalance"].to_list() == [False, True]


def test_nothing_opposite_counts_only_when_asked_for() -> None:
    events = trades((0, 1, 100, 1), (0.1, 1, 101, 50), (0.2, 1, 103, 50), (0.3, -1, 103, 60))
    meant = imbalance_definition("atas")._replace(zero="count")
    assert footprint(events, COIN, bins=SECOND)["buy_imbalance"].to_list() == [False] * 3
    frame = footprint(events, COIN, bins=SECOND, definition=meant)
    assert frame["buy_imbalance"].to_list() == [False, True, True]  # at 103 against the row 102 that did not trade
    assert frame["sell_imbalance"].to_list() == [False, False, False]  # nothing was auctioned above the high


def test_every_stack_is_shown_not_the_last() -> None:
    rungs = [(i, s) for base in (100, 110) for i in range(base, base + 4) for s in (1, -1)]
    events = trades(*((0.01 * n, side, row, 1 if side < 0 else 40) for n, (row, side) in enumerate(rungs)))
    frame = footprint(events, COIN, bins=SECOND)
    assert frame.filter("buy_stack")["row"].to_list() == [101, 102, 103, 111, 112, 113]
    assert footprint_bars(events, COIN, bins=SECOND)["buy_stacks"].to_list() == [2]


@pytest.mark.parametrize("row_ticks", [1, 3, 10])
def test_rows_of_prices_below_zero(row_ticks: int) -> None:
    events = trades(*((0.01 * i, 1, price, 1) for i, price in enumerate(range(-7, 8))))
    frame = footprint(events, COIN, bins=SECOND, row_ticks=row_ticks)
    assert frame["row"].to_list() == sorted({p // row_ticks for p in range(-7, 8)})
    assert frame["buy_qty"].sum() == 15.0
    assert frame["price"].to_list() == pytest.approx([r * row_ticks / 10 for r in frame["row"]], abs=1e-12)


RULES = {"time": ("1s", SECOND_NS), "trades": ("trades:7", 7), "volume": ("volume:0.9", 900), "range": ("range:0.8", 8)}


@given(seed=st.integers(0, 2**32), rule=st.sampled_from(sorted(RULES)), row_ticks=st.sampled_from([1, 4]))
@settings(max_examples=40)
def test_equals_naive_twin(seed: int, rule: str, row_ticks: int) -> None:
    text, size = RULES[rule]
    events = busy(seed, 120, centre=random.Random(seed).choice((0, -3, CENTRE)))
    bars = NaiveBars(PERP, rule=rule, size=size).of(events)
    rows = footprint(events, PERP, bins=Bins.parse(text), row_ticks=row_ticks, definition=SMALL)
    assert dicts(rows) == row_frame(bars, PERP, row_ticks=row_ticks, definition=SMALL)
    frame = footprint_bars(events, PERP, bins=Bins.parse(text), row_ticks=row_ticks, definition=SMALL)
    assert dicts(frame.drop("vwap")) == bar_frame(bars, PERP, row_ticks=row_ticks, definition=SMALL)


@given(seed=st.integers(0, 2**32), far=st.sampled_from([60, 40_000]), definition=st.sampled_from([d.name for d in IMBALANCES]))
@settings(max_examples=20)
def test_equals_naive_twin_on_random_streams(seed: int, far: int, definition: str) -> None:
    events = RandomStream(seed, far=far).events(150)
    bars = NaiveBars(COIN, rule="time", size=5 * SECOND_NS).of(events)
    bins = Bins.every(5 * SECOND_NS)
    assert dicts(footprint(events, COIN, bins=bins, definition=definition)) == row_frame(bars, COIN, definition=definition)
    rows = footprint_bars(events, COIN, bins=bins, definition=definition, row_ticks=1000).drop("vwap")
    assert dicts(rows) == bar_frame(bars, COIN, definition=definition, row_ticks=1000)


def test_the_twin_is_not_asked_about_nothing() -> None:
    """The comparisons above would be hollow without imbalances, stacks, unfinished auctions and gaps."""
    bars = pl.concat([footprint_bars(busy(seed, 120), PERP, bins=SECOND, definition=SMALL) for seed in range(16)])
    sums = bars.select("buy_imbalances", "sell_imbalances", "buy_stacks", "sell_stacks", "unfinished_low", "unfinished_high")
    assert min(sums.sum().row(0)) > 5
    assert sum(footprint_bars(stream(seed), PERP, bins=LONG)["gaps"].sum() for seed in SEEDS) > 3


def test_prices_without_bound_need_no_window() -> None:
    """A jump of 10⁹ ticks within a bar costs a page; many make the table grow."""
    steps = [CENTRE + (i % 2 * 2 - 1) * i * 10**7 for i in range(300)]
    events = trades(*((0.001 * i, 1, price, i + 1) for i, price in enumerate(steps)))
    frame = footprint(events, PERP, bins=LONG)
    assert frame["row"].to_list() == sorted(steps)
    assert frame["buy_qty"].sum() == pytest.approx(sum(range(1, 301)) / 1000)
    assert footprint_bars(events, PERP, bins=LONG)["poc"].to_list() == [steps[-1] / 10]


def test_mean_price_of_linear_and_inverse_contracts() -> None:
    """Coins weigh: 100 contracts at 10 are ten coins and at 20 five."""
    events = trades((0, 1, 100, 100), (0.1, -1, 200, 100))
    assert footprint_bars(events, PERP, bins=SECOND)["vwap"].to_list() == pytest.approx([15.0])
    assert footprint_bars(events, COIN, bins=SECOND)["vwap"].to_list() == pytest.approx([40 / 3])


def test_bars_share_the_bins_of_the_core_measures() -> None:
    for seed in SEEDS:
        events = stream(seed)
        bars, core = (
            footprint_bars(events, PERP, bins=SECOND),
            measure(events, PERP, bins=Bins.every(SECOND_NS), quotes="trades"),
        )
        assert bars["ts"].equals(core["ts"])
        assert bars["buy_qty"].equals(core["buy_qty"])
        assert bars["sell_qty"].equals(core["sell_qty"])


def test_input_that_says_nothing() -> None:
    empty = footprint(Events.empty(), PERP, bins=SECOND)
    assert empty.height == 0
    assert empty.schema == footprint(HAND, PERP, bins=SECOND).schema
    assert footprint_bars(Events.empty(), PERP, bins=SECOND).schema == footprint_bars(HAND, PERP, bins=SECOND).schema
    silent = events_of([(0, DELTA, [(1, 100, 1)]), (2.5, GAP, [(0, 0, 0)]), (2.6, TRADE, [(1, 100, 0)])])
    bars = footprint_bars(silent, PERP, bins=SECOND)
    assert bars["trades"].to_list() == [0, 0, 0]
    assert bars["gaps"].to_list() == [0, 0, 1]
    assert bars["poc"].to_list() == [None] * 3
    assert bars["unfinished_high"].to_list() == [False] * 3
    assert footprint_bars(silent, PERP, bins=Bins.parse("trades:5")).height == 0
    constant = trades(*((0.1 * i, 1, 100, 5) for i in range(5)))
    assert footprint_bars(constant, PERP, bins=SECOND)["value_area_low"].to_list() == [10.0]


def test_a_mirror_exchanges_extremes_and_imbalances() -> None:
    """The laws that columns keep only together, on bars without ties."""
    draw = random.Random(5)
    events = trades(*((0.01 * i, draw.choice((1, -1)), CENTRE + draw.randint(-9, 9), 1 + 2**i % 10**6) for i in range(400)))
    flipped = events._replace(side=-events.side, price_ticks=2 * CENTRE - events.price_ticks)
    base, mirrored = (footprint_bars(e, PERP, bins=SECOND, definition=SMALL) for e in (events, flipped))
    turned = 2 * CENTRE / 10
    for one, other in (("high", "low"), ("value_area_high", "value_area_low"), ("poc", "poc"), ("vwap", "vwap")):
        np.testing.assert_allclose(base[one].to_numpy(), turned - mirrored[other].to_numpy(), rtol=0, atol=1e-9)
    assert base["max_delta"].equals((0 - mirrored["min_delta"]).alias("max_delta"))
    for name in ("imbalances", "stacks"):
        assert base[f"buy_{name}"].equals(mirrored[f"sell_{name}"].alias(f"buy_{name}"))
    assert base["unfinished_high"].equals(mirrored["unfinished_low"].alias("unfinished_high"))
    assert base["buy_imbalances"].sum() > 10


# refusals


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"definition": "atass"}, UnknownName, "did you mean 'atas'"),
        ({"value_area": "clasic"}, UnknownName, "did you mean 'classic'"),
        ({"row_ticks": 0}, InputError, "at least one tick"),
        ({"share": 0.0}, InputError, r"\(0, 1\]"),
        ({"share": 1.5}, InputError, r"\(0, 1\]"),
        ({"definition": imbalance_definition("atas")._replace(multiplier=Decimal(0))}, InputError, "positive multiplier"),
        ({"definition": imbalance_definition("atas")._replace(zero="perhaps")}, UnknownName, "treatment of zero"),
        ({"definition": imbalance_definition("atas")._replace(min_qty=Decimal(10) ** 20)}, InputError, "2\\^53"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        footprint_bars(HAND, PERP, bins=SECOND, **wrong)


def test_times_that_cannot_be_are_refused() -> None:
    stream = Footprint(PERP, bins=SECOND)
    stream.push(HAND)
    with pytest.raises(DataError, match="all was taken"):
        stream.push(HAND)
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        footprint(trades((0, 1, 1, 1), (60, 1, 1, 1)), PERP, bins=Bins.every(1))


def test_a_quiet_time_between_pieces_is_refused_too() -> None:
    """Sixty thousand seconds are sixty million bins, whether they lie within a piece, between two, or before one event."""
    first, later = trades((0, 1, 1, 1)), trades((60_000, 1, 1, 1))
    streams = [Footprint(PERP, bins=Bins.parse("1ms")) for _ in range(2)]
    for one in streams:
        one.push(first)
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        streams[0].push(later)
    (row,) = zip(*(column.tolist() for column in later), strict=True)
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        streams[1].event(row)
    assert streams[0].finish()["bar"].to_list() == [0]


@pytest.mark.parametrize("multiplier", [3.3, "3.3", Decimal("3.3")])
def test_a_multiplier_is_read_as_it_is_written(multiplier: Any) -> None:
    """3.3 as a binary fraction is 7430939385161318 / 2^51, whose products with lots do not fit."""
    meant = imbalance_definition("flowsurface")._replace(multiplier=multiplier)
    for sold, bought, expected in ((1000, 10_000, True), (9000, 9000, False), (1000, 3300, True), (1000, 3299, False)):
        events = trades((0, -1, 1000, sold), (0.1, 1, 1001, bought))
        assert footprint(events, PERP, bins=SECOND, definition=meant)["buy_imbalance"].to_list() == [False, expected]
    with pytest.raises(InputError, match="write it short"):
        footprint(HAND, PERP, bins=SECOND, definition=meant._replace(multiplier=Decimal(7430939385161318) / 2**51))


@given(sold=st.integers(1, 2**57), away=st.integers(-3, 3), times=st.sampled_from(["3", "3.3", "0.7", "1.048575", "999999"]))
@settings(max_examples=60)
def test_imbalance_is_exact_at_any_size(sold: int, away: int, times: str) -> None:
    meant = imbalance_definition("flowsurface")._replace(multiplier=Decimal(times))
    bought = min(max(int(sold * Fraction(times)) + away, 1), 2**58 - 1)
    events = trades((0, -1, 1000, sold), (0.1, 1, 1001, bought))
    found = footprint(events, PERP, bins=SECOND, definition=meant)["buy_imbalance"].to_list()
    assert found == [False, bought >= sold * Fraction(times)]


def test_definitions_say_a_multiplier() -> None:
    assert [(d.name, d.multiplier) for d in IMBALANCES] == [("atas", 3), ("flowsurface", 3), ("chart_patterns", 4)]
    assert isinstance(imbalance_definition("atas"), ImbalanceDefinition)
    half = imbalance_definition("flowsurface")._replace(multiplier=Decimal("2.5"))
    events = trades((0, -1, 100, 2), (0.1, 1, 101, 5))
    assert footprint(events, PERP, bins=SECOND, definition=half)["buy_imbalance"].to_list() == [False, True]
    strict = half._replace(strict=True)
    assert not footprint(events, PERP, bins=SECOND, definition=strict)["buy_imbalance"].any()


# recordings


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_rows_add_up_to_the_core_measures(name: str, data_dir: Path) -> None:
    """To the last lot, second by second; and the rows of all bars are those of one bar over everything."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    rows = footprint(events, instrument, bins=SECOND, row_ticks=5)
    core = measure(events, instrument, bins=Bins.every(SECOND_NS), quotes="trades").filter(pl.col("trades") > 0)
    lot = Fraction(instrument.flow_grid.step)
    lots = rows.group_by("ts", maintain_order=True).agg(
        pl.col("trades").sum(), *((pl.col(c) / float(lot)).round().cast(pl.Int64).sum() for c in ("buy_qty", "sell_qty"))
    )
    assert lots["ts"].equals(core["ts"])
    assert lots["trades"].equals(core["trades"])
    for column in ("buy_qty", "sell_qty"):
        assert [float(n * lot) for n in lots[column]] == core[column].to_list()
    assert rows["trades"].sum() == int((events.kind == TRADE).sum()) > 300
    assert rows["unknown_qty"].sum() == 0


@pytest.mark.realdata
def test_equals_the_slow_twin_on_a_recording(data_dir: Path) -> None:
    events, _ = read_recording("usdm", data_dir)
    start = events.cut(0, events.until(int(events.ts_local[0]) + 60 * SECOND_NS))
    bars = NaiveBars(PERP, rule="time", size=20 * SECOND_NS).of(start)
    bins = Bins.every(20 * SECOND_NS)
    assert dicts(footprint(start, PERP, bins=bins, definition=SMALL)) == row_frame(bars, PERP, definition=SMALL)
    frame = footprint_bars(start, PERP, bins=bins, definition=SMALL).drop("vwap")
    assert dicts(frame) == bar_frame(bars, PERP, definition=SMALL)
    assert frame["buy_imbalances"].sum() + frame["sell_imbalances"].sum() > 5
