"""Prints of the tape: the slow twin, hand-made orders, laws, real recordings."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from math import ulp
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.tape.tape import LargePrints, Tape, large_prints, time_and_sales
from counterpoise.market.event import DELTA, GAP, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import run
from reference.message_script import T0, events_of
from reference.naive_tape import exceeds_quantile, exceeds_sigma, naive_large, naive_tape
from reference.random_stream import RandomStream
from reference.random_tape import random_tape

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
WHOLE_COINS = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="1")
SPOT = parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")
LARGE = {
    "sigma": partial(LargePrints, PERP, least_sigma=0.5, span=10, warm=3),
    "quantile": partial(LargePrints, PERP, least_quantile=0.75, span=10, warm=3),
}


def rows_of(frame: pl.DataFrame) -> list[dict[str, object]]:
    """Times as integers."""
    return frame.with_columns(pl.col("ts_local", "ts_venue").dt.epoch("ns")).to_dicts()


def assert_rows_equal(found: list[dict[str, object]], expected: list[dict[str, object]]) -> None:
    """All to the last bit but the mean price, which is rounded five times where the twin rounds once."""
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        ours.pop("threshold", None)
        mean, exactly = ours.pop("vwap"), theirs.pop("vwap")
        assert ours == theirs
        assert isinstance(mean, float)
        assert isinstance(exactly, float)
        assert abs(mean - exactly) <= 5 * ulp(exactly)


@given(
    seed=st.integers(0, 2**32),
    instrument=st.sampled_from([PERP, COIN, SPOT]),
    join_ns=st.sampled_from([0, 60, 100_000_000]),
    wait_ns=st.sampled_from([0, 1000, 25_000_000]),
)
@settings(max_examples=60)
def test_tape_equals_naive_twin(seed: int, instrument: Instrument, join_ns: int, wait_ns: int) -> None:
    events = random_tape(seed, 120)
    found = time_and_sales(events, instrument, join_ns=join_ns, wait_ns=wait_ns)
    assert_rows_equal(rows_of(found), naive_tape(events, instrument, join_ns=join_ns, wait_ns=wait_ns))


@pytest.mark.parametrize("seed", range(6))
def test_tape_equals_naive_twin_on_market_streams(seed: int) -> None:
    """Snapshots, crossed books, quotes of one side and far prices between the trades."""
    events = RandomStream(seed, far=40_000).events(150)
    assert_rows_equal(rows_of(time_and_sales(events, PERP)), naive_tape(events, PERP))


def test_streams_of_the_naive_twin_hold_every_case() -> None:
    """Long prints, sweeps, prints cut by gaps, unknown sides, rows without venue time."""
    frame = pl.concat([time_and_sales(random_tape(seed, 120), PERP) for seed in range(30)])
    assert frame.filter(pl.col("fills") >= 4).height > 50
    assert frame.filter(pl.col("levels") >= 3).height > 30
    assert frame.filter(~pl.col("whole")).height > 30
    assert frame.filter(pl.col("side") == 0).height > 20
    assert frame["ts_venue"].null_count() > 50
    assert (frame["qty"] > 0).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("span", [1, 7, 40])
def test_large_prints_equal_naive_twin(seed: int, span: int) -> None:
    events = random_tape(seed, 130)
    found = large_prints(events, PERP, least_sigma=1.5, span=span, warm=3)
    large = partial(exceeds_sigma, sigmas=Fraction(3, 2), span=span)
    assert_rows_equal(rows_of(found), naive_large(events, PERP, large=large, warm=3))
    found = large_prints(events, PERP, least_quantile=0.8, span=span, warm=3)
    large = partial(exceeds_quantile, quantile=0.8, span=span)
    assert_rows_equal(rows_of(found), naive_large(events, PERP, large=large, warm=3))
    found = large_prints(events, PERP, least_notional="30000")
    assert_rows_equal(rows_of(found), naive_large(events, PERP, large=lambda value, _: value >= 30_000, warm=0))


def test_large_prints_of_the_naive_twin_are_some_but_not_all() -> None:
    for rule in ({"least_sigma": 1.5}, {"least_quantile": 0.8}):
        share = [
            large_prints(e, PERP, span=40, warm=3, **rule).height / time_and_sales(e, PERP).height  # type: ignore[arg-type]
            for e in (random_tape(seed, 130) for seed in range(8))
        ]
        assert 0.02 < np.mean(share) < 0.4


# by hand


def trade(seconds: float, side: int, price: int, lots: int) -> tuple[float, int, list[tuple[int, int, int]]]:
    return seconds, TRADE, [(side, price, lots)]


def test_a_sweep_is_one_print() -> None:
    """A buy of 6 lots through three prices, then a sell: 1 at 100, 3 at 101, 2 at 104 cost 1·10 + 3·10.1 + 2·10.4."""
    events = events_of([(0, TRADE, [(1, 100, 1), (1, 101, 3), (1, 104, 2)]), trade(1, -1, 99, 5), trade(2, 1, 99, 5)])
    first, second, third = time_and_sales(events, WHOLE_COINS).to_dicts()
    assert (first["qty"], first["fills"], first["levels"], first["walked"]) == (6.0, 3, 3, 4)
    assert first["notional"] == pytest.approx(10 + 30.3 + 20.8, rel=1e-15)
    assert first["vwap"] == pytest.approx(61.1 / 6, rel=1e-15)
    assert (first["first_price"], first["last_price"]) == (10.0, 10.4)
    assert [row["whole"] for row in (first, second, third)] == [True, True, False]
    assert [row["ts_local"].timestamp() * 1e9 - T0 for row in (first, second)] == [SECOND_NS, 2 * SECOND_NS]


@pytest.mark.parametrize(
    ("second", "fills"),
    [
        ((0, 1, 100, 1), [2]),  # the same price
        ((0, 1, 99, 1), [1, 1]),  # against the buyer's direction
        ((0, -1, 100, 1), [1, 1]),  # the other side
        ((0, 0, 100, 1), [1, 1]),  # nobody knows
        ((0.001, 1, 100, 1), [1, 1]),  # another venue time
        ((0, 1, 100, 0), [1]),  # nothing was traded
    ],
    ids=["same", "backwards", "other", "unknown", "later", "empty"],
)
def test_what_joins(second: tuple[float, int, int, int], fills: list[int]) -> None:
    assert time_and_sales(events_of([trade(0, 1, 100, 1), trade(*second)]), PERP)["fills"].to_list() == fills


@pytest.mark.parametrize(("later_ns", "fills"), [(60, [2]), (61, [1, 1]), (-1, [1, 1])])
def test_the_venue_clock_must_not_go_back_nor_too_far_ahead(later_ns: int, fills: list[int]) -> None:
    events = events_of([trade(0, 1, 100, 1), trade(0, 1, 100, 1)])._replace(ts_venue=np.array([T0, T0 + later_ns]))
    assert time_and_sales(events, PERP, join_ns=60)["fills"].to_list() == fills


def test_a_print_of_the_very_notional_is_large() -> None:
    """0.1 coins at 10,000.0 are 1,000."""
    events = events_of([trade(0, 1, 100_000, 100), trade(1, -1, 99_999, 100)])
    assert large_prints(events, PERP, least_notional="1000").select("side", "threshold").rows() == [(1, 1000.0)]
    assert large_prints(events, PERP, least_notional="1000.01").height == 0


def test_unknown_sides_never_join() -> None:
    frame = time_and_sales(events_of([(0, TRADE, [(0, 100, 1), (0, 100, 1), (0, 101, 1)])]), PERP)
    assert frame.select("side", "fills").rows() == [(0, 1)] * 3


@pytest.mark.parametrize(("delay_ms", "fills"), [(25, [2]), (25.000001, [1, 1])])
def test_fills_of_one_venue_time_may_arrive_apart(delay_ms: float, fills: list[int]) -> None:
    """Other events between them change only when the print is known."""
    alone = events_of([trade(0, 1, 100, 1), trade(delay_ms / 1000, 1, 101, 1), trade(9, -1, 101, 1)])
    alone = alone._replace(ts_venue=np.array([T0, T0, T0 + 9]))
    between = events_of([trade(0, 1, 100, 1), (0.01, DELTA, [(1, 99, 1)]), trade(delay_ms / 1000, 1, 101, 1)])
    between = between._replace(ts_venue=np.array([T0, T0 + 10, T0]))
    assert time_and_sales(alone, PERP)["fills"].to_list()[:-1] == fills
    assert time_and_sales(between, PERP)["fills"].to_list() == fills


def test_any_event_past_the_wait_completes_a_print() -> None:
    events = events_of([trade(0, 1, 100, 1), (0.025, DELTA, [(1, 99, 1)]), (0.026, DELTA, [(1, 99, 1)]), trade(5, 1, 100, 1)])
    frame = time_and_sales(events, PERP)
    assert frame["ts_local"].dt.epoch("ns").to_list() == [T0 + 26 * MS_NS, T0 + 5025 * MS_NS + 1]
    tape = Tape(PERP)
    assert [tape.push(events.cut(i, i + 1)) for i in range(4)] == [0, 0, 1, 1]
    assert tape.now()["ts_local"].dt.epoch("ns").to_list() == [T0 + 5025 * MS_NS + 1]


def test_a_gap_ends_a_print() -> None:
    frame = time_and_sales(events_of([trade(0, 1, 100, 1), (0, GAP, [(0, 0, 0)]), trade(0, 1, 100, 1)]), PERP)
    assert frame.select("fills", "whole").rows() == [(1, False), (1, False)]


def test_inverse_contracts_have_the_harmonic_mean() -> None:
    """100 USD a contract: 1 at 10, 3 at 20 are worth 400 USD, and 10 + 15 = 25 coins; 400 / 25 = 16."""
    (row,) = time_and_sales(events_of([(0, TRADE, [(1, 100, 1), (1, 200, 3)])]), COIN).to_dicts()
    assert (row["notional"], row["vwap"], row["qty"]) == (400.0, 16.0, 4.0)


def test_prices_that_are_not_positive() -> None:
    """A spread may trade at or below zero; an inverse contract that does has no mean price."""
    events = events_of([(0, TRADE, [(-1, 5, 1), (-1, 0, 1), (-1, -5, 4)]), (1, TRADE, [(1, 5, 1)])])
    linear, inverse = (time_and_sales(events, instrument) for instrument in (WHOLE_COINS, COIN))
    assert linear["vwap"].to_list() == [-0.25, 0.5]
    assert linear["notional"].to_list() == [1.5, 0.5]
    assert inverse["vwap"].to_list() == [None, 0.5]


def test_nothing_comes_of_nothing() -> None:
    for batch in (time_and_sales, large_prints):
        empty = batch(Events.empty(), PERP)
        assert empty.height == 0
        assert empty.schema == batch(random_tape(1, 60), PERP).schema


def test_sizes_that_never_change_are_never_large() -> None:
    events = events_of([trade(i, 1, 100, 5) for i in range(300)])
    assert time_and_sales(events, PERP).height == 300
    assert large_prints(events, PERP, least_sigma=0.0, warm=1).height == 0
    assert large_prints(events, PERP, least_quantile=0.1, warm=1).height == 0


@pytest.mark.parametrize(("quantile", "rank"), [(0.55, 55), (0.07, 7), (0.29, 29), (0.999, 100), (0.5, 50)])
def test_the_rank_of_a_quantile_is_exact(quantile: float, rank: int) -> None:
    """Of prints of 1 to 100 lots the least with that share at or below it; in floats .55 of 100 is more than 55."""
    sizes = [(i, TRADE, [(1, 100, 1 + i * 37 % 100)]) for i in range(100)]
    for lots, large in ((rank, 0), (rank + 1, 1)):
        events = events_of([*sizes, (100, TRADE, [(1, 100, lots)])])
        assert large_prints(events, PERP, least_quantile=quantile, span=100, warm=100).height == large


def test_the_mean_price_of_a_linear_contract_is_turned_with_prices() -> None:
    """That of an inverse one is harmonic: 100 and 200 give 133.3, and so does their mirror image about 150."""
    for instrument, both in ((PERP, (150.0, 150.0)), (COIN, (400 / 3, 400 / 3))):
        up = events_of([(0, TRADE, [(1, 1000, 1), (1, 2000, 1)])])
        down = events_of([(0, TRADE, [(-1, 2000, 1), (-1, 1000, 1)])])
        assert [time_and_sales(e, instrument)["vwap"].item() for e in (up, down)] == pytest.approx(list(both))


def test_sides_have_each_their_own_past() -> None:
    """Sells of 50 are large after sells of 10, though buys are all of 1,000."""
    small = [trade(i, -1, 100, 10 + i % 2) for i in range(200)]
    big = [trade(i + 0.5, 1, 100, 1000 + i % 2) for i in range(200)]
    frame = large_prints(events_of(sorted([*small, *big, trade(300, -1, 100, 50), trade(301, 1, 100, 900)])), PERP)
    assert frame.select("side", "qty").rows() == [(-1, 0.05)]
    assert 0.01 < frame["threshold"][0] / 10 < 0.05


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"least_sigma": 1.0, "least_quantile": 0.5}, "give one of them"),
        ({"least_quantile": 1.0}, "between 0 and 1"),
        ({"least_sigma": -1.0}, "not negative"),
        ({"least_notional": -1}, "not negative"),
        ({"span": 0}, "span lies between"),
        ({"warm": 0}, "warm is 1 or more"),
        ({"wait_ns": -1}, "between 0 and"),
        ({"join_ns": 1 << 53}, "between 0 and"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        LargePrints(PERP, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", LARGE)
def test_the_threshold_of_large_prints_scales(name: str) -> None:
    """The threshold grows with sizes."""
    events = random_tape(5, 300)
    base, more = (run(LARGE[name], events._replace(qty_lots=events.qty_lots * x)) for x in (1, 2))
    assert base.height > 3
    assert (base["threshold"] * 2).equals(more["threshold"])


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_joining_loses_and_invents_nothing_nojit(seed: int) -> None:
    """Lots per side and rows are those of the fills, whatever the way they are joined."""
    events = random_tape(seed, 80)
    traded = (events.kind == TRADE) & (events.qty_lots > 0)
    for join_ns, wait_ns in ((0, 0), (0, 25 * MS_NS), (10**9, 10**9)):
        frame = time_and_sales(events, SPOT, join_ns=join_ns, wait_ns=wait_ns)
        assert frame["fills"].sum() == traded.sum()
        for side in (-1, 0, 1):
            lots = (frame.filter(pl.col("side") == side)["qty"] * 1e8).round().sum()
            assert lots == events.qty_lots[traded & (events.side == side)].sum()


# recordings


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_equals_naive_twin_on_binance(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument, start = CAPTURES[name].instrument, events.cut(0, events.until(int(events.ts_local[0]) + 20 * SECOND_NS))
    assert_rows_equal(rows_of(time_and_sales(start, instrument)), naive_tape(start, instrument))


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "fills_a_print"), [("usdm", 3.9), ("coinm", 3.2), ("spot", 3.0)])
def test_fills_a_print_on_binance(name: str, fills_a_print: float, data_dir: Path) -> None:
    """Without venue times that agree there would be none; no print walks against its side, nearly all are whole."""
    events, _ = read_recording(name, data_dir)
    frame = time_and_sales(events, CAPTURES[name].instrument)
    assert frame["fills"].sum() / frame.height == pytest.approx(fills_a_print, abs=0.1)
    assert (frame["side"] * (frame["last_price"] - frame["first_price"]) >= 0).all()
    assert frame["whole"].sum() >= frame.height - 1
    assert (
        frame["vwap"]
        .is_between(
            frame.select(pl.min_horizontal("first_price", "last_price")).to_series() * (1 - 1e-12),
            frame.select(pl.max_horizontal("first_price", "last_price")).to_series() * (1 + 1e-12),
        )
        .all()
    )


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_other_events_do_not_change_the_prints(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    alone = Events._make(column[events.kind == TRADE] for column in events)
    instrument = CAPTURES[name].instrument
    whole, trades = (time_and_sales(e, instrument).drop("ts_local", "whole") for e in (events, alone))
    assert whole.equals(trades)


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_a_quantile_is_exceeded_about_as_often_as_it_says(name: str, data_dir: Path) -> None:
    """95 %: between 2 % and 9 % of prints after the first hundred; sizes come in clusters, so the bounds are wide."""
    events, _ = read_recording(name, data_dir)
    frame = large_prints(events, CAPTURES[name].instrument, least_quantile=0.95, span=500)
    prints = time_and_sales(events, CAPTURES[name].instrument)
    judged = sum(max(prints.filter(pl.col("side") == side).height - 100, 0) for side in (1, -1))
    assert 0.02 < frame.height / judged < 0.09
