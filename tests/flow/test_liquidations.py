"""Liquidations and their episodes: against a slow twin, by hand, and under the laws of every measure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS, parse_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.derivatives.coverage import RULES, CoverageRule, coverage_at
from counterpoise.flow.derivatives.liquidations import (
    LiquidationEpisodes,
    Liquidations,
    liquidation_episodes,
    liquidations,
)
from counterpoise.flow.measures import measure
from counterpoise.flow.stream import Stream
from counterpoise.market.event import DELTA, GAP, LIQUIDATION, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.forced_orders import with_liquidations
from reference.message_script import T0, events_of
from reference.naive_liquidations import naive_episodes, naive_liquidations

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
CENTRE = 600_000
SECOND = Bins.every(SECOND_NS)
BOOK = [(1, 1000, 5), (-1, 1002, 5)]
MAKERS: dict[str, Callable[[], Stream]] = {
    "liquidations": lambda: Liquidations(PERP, bins=SECOND),
    "liquidations by volume": lambda: Liquidations(PERP, bins=Bins.parse("volume:1")),
    "episodes": lambda: LiquidationEpisodes(PERP, gap_ns=SECOND_NS),
}
each_maker = pytest.mark.parametrize("name", sorted(MAKERS))


def whole(name: str, events: Events) -> pl.DataFrame:
    stream = MAKERS[name]()
    return pl.concat([stream.step(events), stream.finish()])


def assert_rows(frame: pl.DataFrame, expected: list[dict[str, Any]]) -> None:
    """All columns of all rows; sums of notionals and logarithms have roundings the twin has not."""
    times = [c for c in frame.columns if frame[c].dtype == pl.Datetime("ns", "UTC")]
    found = frame.with_columns(pl.col(times).dt.epoch("ns")).to_dicts()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(theirs)
        for column, value in ours.items():
            rounded = column.endswith(("notional", "_bps")) or column in ("poisson_count", "busy_share")
            same = pytest.approx(theirs[column], rel=1e-12, abs=0) if rounded and value is not None else theirs[column]
            assert value == same, column


@given(seed=st.integers(0, 2**32), every_ms=st.sampled_from([300, 1000, 20_000]))
@settings(max_examples=20)
def test_bins_equal_naive_twin(seed: int, every_ms: int) -> None:
    events = with_liquidations(seed, messages=60, forced=25)
    for instrument in (PERP, COIN):
        frame = liquidations(events, instrument, bins=Bins.every(every_ms * 10**6))
        naive = naive_liquidations(events, instrument, every_ns=every_ms * 10**6, coverage="latest_per_second")
        assert_rows(frame, naive)


@given(seed=st.integers(0, 2**32), gap_ms=st.sampled_from([1, 700, 20_000]), stale_ms=st.sampled_from([500, 30_000]))
@settings(max_examples=25)
def test_episodes_equal_naive_twin(seed: int, gap_ms: int, stale_ms: int) -> None:
    events = with_liquidations(seed, messages=100, forced=25, far=random.Random(seed).choice([60, 40_000, 10**9]))
    how = {"gap_ns": gap_ms * 10**6, "stale_ns": stale_ms * 10**6}
    for instrument in (PERP, COIN):
        naive = naive_episodes(events, instrument, coverage="latest_per_second", **how)
        assert_rows(liquidation_episodes(events, instrument, **how), naive)


def test_streams_of_the_twin_hold_every_case() -> None:
    """The comparisons above would be hollow without sound and unsound episodes and without hidden liquidations."""
    frames = [liquidation_episodes(with_liquidations(s), PERP, gap_ns=SECOND_NS, stale_ns=2 * SECOND_NS) for s in range(12)]
    episodes = pl.concat(frames)
    assert set(episodes["quality"]) >= {"SYNCED", "STALE", "GAPPED"}
    assert episodes["mid_change"].drop_nulls().n_unique() > 10
    assert episodes["ofi_after"].drop_nulls().n_unique() > 10
    bins = pl.concat([liquidations(with_liquidations(seed), PERP, bins=Bins.parse("10s")) for seed in range(6)])
    assert bins["poisson_count"].drop_nulls().n_unique() > 3
    assert bins["unknown_qty"].sum() > 0


def test_a_forced_buy_liquidates_a_short() -> None:
    events = events_of([(0, LIQUIDATION, [(1, 1000, 7)]), (0.2, LIQUIDATION, [(-1, 990, 2)]), (0.5, LIQUIDATION, [(0, 1, 4)])])
    row = liquidations(events, PERP, bins=SECOND).to_dicts()[0]
    assert (row["short_qty"], row["long_qty"], row["unknown_qty"], row["signed_qty"]) == (0.007, 0.002, 0.004, 0.005)
    assert (row["short_count"], row["long_count"], row["unknown_count"], row["liquidations"]) == (1, 1, 1, 3)
    assert row["short_notional"] == pytest.approx(0.7)
    assert row["largest_qty"] == 0.007


@each_maker
def test_a_side_that_cannot_be_writes_nowhere_else(name: str) -> None:
    """Kernels must not index by what a stream says, whoever lets it through."""
    events = events_of(
        [(0, LIQUIDATION, [(1, 1000, 7)]), (0.1, LIQUIDATION, [(5, 1000, 3)]), (0.2, LIQUIDATION, [(-9, 1000, 4)])]
    )
    stream = MAKERS[name]()
    stream._begin(int(events.ts_local[0]), int(events.ts_local[-1]))
    stream._run(events, events.rows)
    row = stream.finish().to_dicts()[0]
    assert (row["short_qty"], row["long_qty"], row["unknown_qty"]) == (0.007, 0.0, 0.007)
    assert (row["short_count"], row["long_count"], row["unknown_count"]) == (1, 0, 2)


def test_an_inverse_contract_is_worth_the_same_at_every_price() -> None:
    events = events_of([(0, LIQUIDATION, [(1, 500_000, 3)]), (0.1, LIQUIDATION, [(1, 700_000, 2)])])
    row = liquidations(events, COIN, bins=SECOND).to_dicts()[0]
    assert (row["short_qty"], row["short_notional"]) == (5.0, 500.0)


def test_seconds_say_what_can_be_hidden() -> None:
    """Ten watched seconds, four with a liquidation, one of them with two."""
    at = (0.1, 2.5, 4.0, 4.9, 7.0)
    events = events_of([*((t, LIQUIDATION, [(1, 10, 1)]) for t in at), (10, TRADE, [(1, 10, 1)])])
    first = liquidations(events, PERP, bins=Bins.parse("10s")).to_dicts()[0]
    assert (first["busy_seconds"], first["single_seconds"], first["observed_ns"]) == (4, 3, int(9.9e9))
    assert first["busy_share"] == pytest.approx(4 / 9.9)
    assert first["poisson_count"] == pytest.approx(-9.9 * math.log(1 - 4 / 9.9))
    assert first["poisson_count"] > 4


def test_a_bin_of_volume_ends_with_the_trade_that_fills_it() -> None:
    events = events_of(
        [
            (1, LIQUIDATION, [(1, 10, 5)]),
            (2, TRADE, [(1, 10, 700)]),
            (3, LIQUIDATION, [(-1, 10, 2)]),
            (4, TRADE, [(-1, 10, 400)]),
            (4, LIQUIDATION, [(-1, 10, 9)]),
            (9, GAP, [(0, 0, 0)]),
        ]
    )
    frame = liquidations(events, PERP, bins=Bins.parse("volume:1"))
    assert (frame["ts"].dt.epoch("ns") - T0).to_list() == [4 * SECOND_NS + 1, 9 * SECOND_NS + 1]
    assert frame.select("short_count", "long_count", "gaps").rows() == [(1, 1, 0), (0, 1, 1)]
    assert frame["observed_ns"].to_list() == [3 * SECOND_NS + 1, 5 * SECOND_NS]


def test_independent_arrivals_of_which_one_a_second_is_shown() -> None:
    """The estimate comes back to the true count within its error, and the shown count does not. 50 fresh hours."""
    shown, guessed, ends = [], [], [(0, TRADE, [(1, 1, 1)]), (3600, TRADE, [(1, 1, 1)])]
    for seed in range(50):
        draw = np.random.default_rng([20261120, seed])
        at = np.sort(draw.uniform(0, 3600, draw.poisson(0.7 * 3600)))
        last = [t for t, after in zip(at, [*at[1:], np.inf], strict=True) if int(t) != after // 1]
        events = events_of([ends[0], *((t, LIQUIDATION, [(1, 10, 1)]) for t in last), ends[1]])
        row = liquidations(events, PERP, bins=Bins.parse("1h")).select("liquidations", "poisson_count").sum().to_dicts()[0]
        shown.append(row["liquidations"] / len(at))
        guessed.append(row["poisson_count"] / len(at))
    spread = np.std(guessed) / math.sqrt(len(guessed))
    assert abs(np.mean(guessed) - 1) < 4 * spread
    assert spread < 0.01
    assert max(shown) < 0.8


def test_the_estimate_is_silent_where_nothing_bounds_it() -> None:
    every = [(t, LIQUIDATION, [(1, 10, 1)]) for t in range(4)]
    busy = liquidations(events_of(every), PERP, bins=Bins.parse("1m"))
    assert busy["busy_share"].to_list() == [1.0]
    assert busy["poisson_count"].to_list() == [None]
    deribit = parse_instrument("deribit:BTC-PERPETUAL")
    complete = liquidations(events_of([*every, (9, TRADE, [(1, 1, 1)])]), deribit, bins=Bins.parse("1m"))
    assert complete.select("coverage", "poisson_count").rows() == [("complete", None)]


def test_coverage_has_a_date() -> None:
    old, new = parse_time("2024-12-31T23:00"), parse_time("2026-01-01")
    assert coverage_at("bybit", parse_time("2020-01-01")) == coverage_at("nowhere", new) == "unknown"
    assert (coverage_at("bybit", old), coverage_at("bybit", new)) == ("latest_per_second", "complete")
    own = (CoverageRule("bybit", "2024-08-09", "complete", "as told by support"),)
    events = events_of([(0, LIQUIDATION, [(1, 10, 1)]), (2700, LIQUIDATION, [(1, 10, 1)]), (4500, TRADE, [(1, 1, 1)])])
    frame = liquidations(events, parse_instrument("bybit:BTCUSDT"), bins=Bins.parse("15m"), rules=own)
    assert frame["coverage"].to_list() == ["unknown"] + ["complete"] * 5  # midnight is five minutes after T0
    assert len({(rule.venue, rule.since) for rule in RULES}) == len(RULES)


def test_an_episode_by_hand() -> None:
    """Two forced sells a second apart; the bid they eat falls by four ticks, and then comes half way back."""
    events = events_of(
        [
            (0, SNAPSHOT, [(1, 1000, 5), (1, 996, 9), (-1, 1002, 5)]),
            (1, LIQUIDATION, [(-1, 1000, 5)]),
            (1.1, DELTA, [(1, 1000, 0)]),
            (2, LIQUIDATION, [(-1, 996, 2)]),
            (2.5, DELTA, [(1, 998, 3)]),
            (8, TRADE, [(1, 1002, 1)]),
        ]
    )
    frame = liquidation_episodes(events, PERP, gap_ns=5 * SECOND_NS)
    row = frame.with_columns(pl.col("ts_local", "start", "end").dt.epoch("s") - T0 // SECOND_NS).to_dicts()[0]
    assert frame.height == 1
    assert (row["ts_local"], row["start"], row["end"]) == (8, 1, 2)
    assert (row["long_qty"], row["signed_qty"]) == (0.007, -0.007)
    assert (row["ofi"], row["ofi_after"]) == (-0.005, 0.003)
    moves = (row["mid_before"], row["mid_change"], row["mid_change_after"])
    assert moves == pytest.approx((100.1, -0.2, 0.1))
    assert row["mid_change_bps"] == pytest.approx(-0.2 / 100.1 * 1e4)
    assert row["quality"] == "SYNCED"


@pytest.mark.parametrize(("later_ns", "episodes"), [(5 * SECOND_NS, 1), (5 * SECOND_NS + 1, 2)])
def test_orders_exactly_a_gap_apart_are_one_episode(later_ns: int, episodes: int) -> None:
    events = events_of([(0, LIQUIDATION, [(1, 10, 1)]), (0, LIQUIDATION, [(1, 10, 2)])])
    apart = events._replace(ts_local=events.ts_local + np.array([0, later_ns]))
    assert liquidation_episodes(apart, PERP, gap_ns=5 * SECOND_NS).height == episodes


@pytest.mark.parametrize(
    ("between", "quality"),
    [
        ([], "SYNCED"),
        ([(2, GAP, [(0, 0, 0)])], "GAPPED"),
        ([(2, DELTA, [(1, 1005, 1)]), (2.1, DELTA, [(1, 1005, 0)])], "CROSSED"),
        ([(2, SNAPSHOT, [(1, 900, 1), (-1, 905, 1)])], "SYNCED"),
    ],
)
def test_what_the_book_suffers_within_an_episode(between: list[Any], quality: str) -> None:
    forced = (LIQUIDATION, [(1, 1002, 1)])
    events = events_of([(0, SNAPSHOT, BOOK), (1, *forced), *between, (3, *forced), (4, DELTA, [(1, 800, 1)])])
    frame = liquidation_episodes(events, PERP, gap_ns=5 * SECOND_NS)
    assert frame["quality"].to_list() == [quality]
    assert (frame["ofi"][0] is None) == (frame["mid_change"][0] is None) == (quality != "SYNCED")
    assert frame["short_qty"].to_list() == [0.002]  # what was seen stays


def test_a_gap_voids_the_book_before_its_message_ends() -> None:
    forced = (LIQUIDATION, [(1, 1002, 1)])
    events = events_of([(0, SNAPSHOT, BOOK), (1, *forced), (2, GAP, [(0, 0, 0)]), (3, SNAPSHOT, BOOK), (4, *forced)])
    open_message = np.where(events.kind == GAP, 0, events.flags).astype(np.uint8)
    frame = liquidation_episodes(events._replace(flags=open_message), PERP)
    assert frame.select("quality", "ofi", "mid_before").rows() == [("GAPPED", None, None)]


def test_a_silent_book_is_stale_and_an_empty_side_has_no_mid() -> None:
    quiet = events_of([(0, SNAPSHOT, BOOK), (20, LIQUIDATION, [(1, 1002, 1)])])
    assert liquidation_episodes(quiet, PERP)["quality"].to_list() == ["STALE"]
    one_sided = events_of([(0, SNAPSHOT, BOOK[:1]), (1, LIQUIDATION, [(1, 1002, 1)])])
    row = liquidation_episodes(one_sided, PERP).to_dicts()[0]
    assert (row["quality"], row["mid_before"], row["ofi"]) == ("SYNCED", None, 0.0)


def test_empty_and_foreign_input() -> None:
    for name in MAKERS:
        assert whole(name, Events.empty()).height == 0
    only_book = events_of([(0, SNAPSHOT, BOOK), (0.4, DELTA, [(1, 999, 1)])])
    assert whole("episodes", only_book).height == 0
    row = whole("liquidations", only_book).to_dicts()[0]
    assert (row["liquidations"], row["busy_seconds"], row["largest_qty"]) == (0, 0, 0)


@pytest.mark.parametrize("wrong", [{"gap_ns": 0}, {"stale_ns": -1}, {"gap_ns": 1 << 60}])
def test_wrong_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be positive"):
        LiquidationEpisodes(PERP, **wrong)


def test_too_many_bins_are_refused() -> None:
    events = events_of([(0, LIQUIDATION, [(1, 1, 1)]), (60, LIQUIDATION, [(1, 1, 1)])])
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        liquidations(events, PERP, bins=Bins.every(1))
    stream = Liquidations(PERP, bins=Bins.every(1))
    first, last = (tuple(int(c[i]) for c in events) for i in (0, 1))
    stream.event(first)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        stream.event(last)  # type: ignore[arg-type]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm"])
def test_episodes_in_a_recorded_book(data_dir: Path, name: str) -> None:
    """No recording holds forced orders, so the 40 largest trades stand in for them; order flow is that of the measures."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    none = liquidations(events, instrument, bins=Bins.parse("1m"))
    assert none["liquidations"].sum() == none["busy_seconds"].sum() == none["gaps"].sum() == 0
    lots = np.where(events.kind == TRADE, events.qty_lots, -1)
    largest = np.sort(np.argsort(lots, kind="stable")[-40:])
    kind = events.kind.copy()
    kind[largest] = LIQUIDATION
    forced = events._replace(kind=kind)
    bins = liquidations(forced, instrument, bins=Bins.parse("1m"))
    assert bins["liquidations"].sum() == 40
    signed = int((events.side[largest] * events.qty_lots[largest]).sum())
    assert bins["signed_qty"].sum() == pytest.approx(instrument.flow_grid.value(signed))
    frame = liquidation_episodes(forced, instrument, gap_ns=2 * SECOND_NS)
    sound = frame.filter(pl.col("quality") == "SYNCED")
    assert sound.height > 3
    assert frame["liquidations"].sum() == 40

    def flow_until(row: int) -> float:
        return float(measure(events.cut(0, row), instrument, bins=SECOND)["ofi"].sum())

    at = forced.ts_local[largest]
    for episode in sound.head(8).with_columns(pl.col("start", "end").dt.epoch("ns")).iter_rows(named=True):
        first, last = largest[np.searchsorted(at, episode["start"])], largest[np.searchsorted(at, episode["end"], "right") - 1]
        assert episode["ofi"] == pytest.approx(flow_until(last) - flow_until(first), abs=1e-6)
