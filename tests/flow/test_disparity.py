"""Disparity of two markets against a slow twin; fees, gaps and episodes by hand; how long a disparity lasts; recordings."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.best_quotes import BestQuotes
from counterpoise.flow.cross.by_node import OnMissing
from counterpoise.flow.cross.disparity import Apart, Disparity, disparity
from counterpoise.flow.cross.half_life import episode_life, reversion
from counterpoise.market.event import GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import events_of
from reference.naive_disparity import Quote, naive_disparity
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
PUT = parse_instrument("binance_options:BTC-260327-80000-P")
PAIR = (PERP, COIN)
RATES = {"USDT": 0.75, "USD": 1.0}
FEES = {PERP.id: 0.05, COIN.id: 0.1}
SECOND, TENTH_NS = Bins.every(SECOND_NS), SECOND_NS // 10
STALE_NS = 4 * SECOND_NS


def streams(seed: int, messages: int = 150) -> dict[str, Events]:
    """Prices wander apart by some bps: 40 ticks of three or four million."""
    return {
        of.id: RandomStream(seed + i, centre=centre, far=60, pace_ns=60_000_000).events(messages)
        for i, (of, centre) in enumerate(zip(PAIR, (4 * 10**6, 3 * 10**6), strict=True))
    }


def apart(events: Any, *, on_missing: OnMissing = "leave_out", every_ns: int = TENTH_NS) -> Apart:
    return disparity(
        events, PAIR, bins=Bins.every(every_ns), fees_bps=FEES, rates=RATES, on_missing=on_missing, stale_ns=STALE_NS
    )


def quotes_of(events: Events, of: Any, until_ns: int) -> list[Quote]:
    rate, out = RATES[of.quote], []
    made = BestQuotes(of, stale_ns=STALE_NS)
    frame = pl.concat([made.step(events), made.until(until_ns)])
    for row in frame.with_columns(frame["ts_local"].dt.epoch("ns")).to_dicts():
        whole = row["bid"] is not None and row["ask"] is not None and row["bid"] > 0
        out.append((row["ts_local"], row["bid"] * rate, row["ask"] * rate) if whole else (row["ts_local"], None, None))
    return out


@given(seed=st.integers(0, 2**32))
@settings(max_examples=12)
def test_equals_naive_twin(seed: int) -> None:
    events = streams(seed, 80)
    found = apart(events)
    last = max(int(part.ts_local[-1]) for part in events.values())
    end = (last // TENTH_NS + 1) * TENTH_NS
    quotes = [quotes_of(events[of.id], of, end) for of in PAIR]
    if not any(quotes):
        return
    fees = [FEES[of.id] * 1e-4 for of in PAIR]
    first = min(int(part.ts_local[0]) for part in events.values()) // TENTH_NS * TENTH_NS
    edges = list(range(first, end + 1, TENTH_NS))
    bins, episodes = naive_disparity(*quotes, edges=edges, fee_a=fees[0], fee_b=fees[1])
    rows = found.bins.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    by_ts = {row["ts"]: row for row in rows}
    for twin in bins:
        row = by_ts[twin["ts"]]
        assert row["sound_share"] == twin["sound_share"]
        assert row["mid_bps"] == (None if twin["mid"] is None else pytest.approx(twin["mid"], rel=1e-9, abs=1e-7))
        for way, name in (("ab", "buy_a_sell_b"), ("ba", "buy_b_sell_a")):
            for column, value in (("_bps", twin[way]), ("_max_bps", twin[f"{way}_max"]), ("_share", twin[f"{way}_share"])):
                assert row[name + column] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-7))
    ours = [
        (row["start"], row["ts_local"], int(row["buy"] == COIN.id), row["end"])
        for row in found.episodes.with_columns(pl.col("start", "ts_local").dt.epoch("ns")).to_dicts()
    ]
    assert sorted(ours) == sorted(episodes)


def test_streams_of_the_naive_twin_hold_every_case() -> None:
    """Episodes of both ways and of every end, bins that are sound in part."""
    found = [apart(streams(seed)) for seed in range(0, 24, 2)]
    episodes, bins = pl.concat([one.episodes for one in found]), pl.concat([one.bins for one in found])
    assert set(episodes["end"]) == {"ended", "unsound", "open"}
    assert set(episodes["buy"]) == {PERP.id, COIN.id}
    assert ((bins["sound_share"] > 0) & (bins["sound_share"] < 1)).sum() > 5


def books(*quotes: tuple[float, int, int]) -> Events:
    return events_of([(at, SNAPSHOT, [(1, bid, 5), (-1, ask, 5)]) for at, bid, ask in quotes])


def test_edges_are_net_of_fees_and_weighted_by_time() -> None:
    """Bought at 100, sold at 100.2 after .75 s: 20 bps less the fees of both, .05 and .1 bps."""
    given = {PERP.id: books((0, 998, 1000)), COIN.id: books((0, 998, 1000), (1.75, 1002, 1004), (2.5, 990, 992))}
    found = disparity(given, PAIR, bins=SECOND, fees_bps=FEES, rates="par")
    bins = found.bins
    edge = 1e4 * (100.2 * (1 - 1e-5) / (100 * (1 + 5e-6)) - 1)
    flat = 1e4 * (99.8 * (1 - 1e-5) / (100 * (1 + 5e-6)) - 1)
    assert bins["buy_a_sell_b_bps"].to_list()[1] == pytest.approx(0.75 * flat + 0.25 * edge)
    assert bins["buy_a_sell_b_max_bps"].to_list()[1] == pytest.approx(edge)
    assert bins["buy_a_sell_b_share"].to_list() == [0.0, 0.25, 0.5]
    assert bins["mid_bps"].to_list()[:1] == [0.0]
    assert bins["mid_bps"].to_list()[1] == pytest.approx(0.25 * 1e4 * log(99.9 / 100.3))
    assert found.episodes.select("buy", "sell", "duration_ns", "end").rows() == [
        (PERP.id, COIN.id, 750_000_000, "ended"),
        (COIN.id, PERP.id, 500_000_000, "open"),
    ]
    assert found.episodes["peak_bps"].to_list()[0] == pytest.approx(edge)
    dear = disparity(given, PAIR, bins=SECOND, fees_bps={PERP.id: 15, COIN.id: 10}, rates="par")
    assert dear.bins["buy_a_sell_b_share"].to_list() == [0.0, 0.0, 0.0]


def test_a_gap_ends_what_was_known_and_voids_its_bin() -> None:
    part = events_of([(0, SNAPSHOT, [(1, 1002, 5), (-1, 1004, 5)]), (1.5, GAP, [(0, 0, 0)]), (3, TRADE, [(1, 1, 1)])])
    given = {PERP.id: books((0, 998, 1000)), COIN.id: part}
    found = disparity(given, PAIR, bins=SECOND, fees_bps=FEES, rates="par")
    assert found.bins["sound_share"].to_list() == [1.0, 0.5, 0.0, 0.0]
    assert found.bins["mid_bps"].is_null().to_list() == [False, True, True, True]
    assert found.episodes.select("duration_ns", "end").rows() == [(1_500_000_000, "unsound")]
    kept = disparity(given, PAIR, bins=SECOND, fees_bps=FEES, rates="par", on_missing="leave_out")
    assert kept.bins["mid_bps"].is_null().to_list() == [False, False, True, True]


def test_what_stands_between_two_messages_of_one_moment_counts_nothing() -> None:
    """Both markets jump at once: no edge between the message of the one and of the other."""
    given = {PERP.id: books((0, 998, 1000), (0.5, 1998, 2000)), COIN.id: books((0, 998, 1000), (0.5, 1998, 2000))}
    found = disparity(given, PAIR, bins=SECOND, fees_bps=FEES, rates="par")
    assert found.episodes.height == 0
    assert found.bins["buy_b_sell_a_max_bps"].max() < 0  # type: ignore[operator]


def fresh() -> Disparity:
    return Disparity(PAIR, bins=Bins.every(TENTH_NS), fees_bps=FEES, rates=RATES, on_missing="leave_out", stale_ns=STALE_NS)


@pytest.mark.parametrize(
    ("pair", "more"),
    [
        (PAIR[::-1], {}),
        (PAIR, {"fees_bps": FEES | {COIN.id: 0.2}}),
        (PAIR, {"bins": SECOND}),
        (PAIR, {"rates": RATES | {"USDT": 0.5}}),
        (PAIR, {"on_missing": "null"}),
        (PAIR, {"stale_ns": SECOND_NS}),
    ],
)
def test_a_memory_of_another_is_refused_and_changes_nothing(pair: Any, more: dict[str, Any]) -> None:
    made, usual = fresh(), {"bins": Bins.every(TENTH_NS), "fees_bps": FEES, "rates": RATES, "on_missing": "leave_out"}
    made.take(streams(3))
    other = Disparity(pair, **({**usual, "stale_ns": STALE_NS} | more))
    before = other.save()
    with pytest.raises(InputError, match="it cannot go on in"):
        other.restore(made.save())
    assert other.save() == before


def test_pairs_mirror_each_other() -> None:
    """Named the other way round, the mid disparity changes its sign and the edges change places."""
    events = streams(3)
    there = apart(events).bins
    back = disparity(
        events,
        PAIR[::-1],
        bins=Bins.every(TENTH_NS),
        fees_bps=FEES,
        rates=RATES,
        on_missing="leave_out",
        stale_ns=STALE_NS,
    ).bins
    assert_frame_equal(back.select("mid_bps"), there.select(-pl.col("mid_bps")), abs_tol=1e-9)
    assert_frame_equal(back.select("buy_a_sell_b_share"), there.select(buy_a_sell_b_share="buy_b_sell_a_share"))


@pytest.mark.parametrize(
    ("instruments", "more", "words"),
    [
        (PAIR, {"fees_bps": {PERP.id: 1.0}}, "needs a taker fee"),
        (PAIR, {"fees_bps": {PERP.id: 1.0, COIN.id: 1e5}}, "needs a taker fee"),
        ((PERP,), {}, "two or more"),
        ((PERP, PERP), {}, "two or more"),
        ((PERP, parse_instrument("binance_usdm:ETHUSDT")), {}, "one coin"),
        ((PERP, PUT), {}, "leave options out"),
        (PAIR, {"rates": None}, "has no rate"),
        (PAIR, {"on_missing": "x"}, "unknown rule"),
    ],
)
def test_bad_parameters_are_refused(instruments: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Disparity(instruments, **({"bins": SECOND, "fees_bps": FEES, "rates": "par"} | more))


def test_the_past_is_refused() -> None:
    made = fresh()
    made.take({PERP.id: books((5, 998, 1000))})
    with pytest.raises(DataError, match="give every market up to a moment"):
        made.take({COIN.id: books((1, 998, 1000))})
    with pytest.raises(InputError, match="no memory of these markets"):
        made.restore(b"x")


# how long it lasts


def lives(ns: list[int], ends: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"buy": ["a"] * len(ns), "sell": ["b"] * len(ns), "duration_ns": ns, "end": ends})


def test_median_life_by_hand() -> None:
    """Kaplan-Meier of 1, 2+, 3, 4+, 5, 6+: survival 5/6, 5/6·3/4 = .625, .625·1/2 ≤ .5 at 5."""
    held = lives([1, 2, 3, 4, 5, 6], ["ended", "open", "ended", "unsound", "ended", "open"])
    row = episode_life(held, rng=np.random.default_rng(1)).row(0, named=True)
    assert (row["median_ns"], row["episodes"], row["ended"]) == (5.0, 6, 3)
    never = episode_life(lives([1, 2, 3], ["ended", "open", "open"]), rng=np.random.default_rng(1))
    assert never["median_ns"].to_list() == [None]


def test_median_life_of_exponential_lives_is_within_its_interval() -> None:
    """Lives of half-life 1 s, a third of them cut off at random; 40 fresh samples of 150."""
    inside = 0
    for seed in range(40):
        draw = np.random.default_rng([seed, 17])
        life, cut = draw.exponential(1 / np.log(2), 150), draw.exponential(3.0, 150)
        ends = np.where(life <= cut, "ended", "open").tolist()
        held = lives((np.minimum(life, cut) * 1e9).astype(int).tolist(), ends)
        row = episode_life(held, rng=draw, resamples=200).row(0, named=True)
        inside += row["low_ns"] <= 1e9 <= row["high_ns"]
    assert inside >= 33  # 38 expected; 32 or fewer have a probability of .004


def test_reversion_finds_a_known_half_life() -> None:
    draw, phi = np.random.default_rng(4), 0.5 ** (1 / 8)
    x = np.zeros(20_000)
    for i in range(1, len(x)):
        x[i] = phi * x[i - 1] + draw.normal()
    found = reversion(pl.Series(x + 3), every_ns=10)
    assert found.low_ns < 80 < found.high_ns
    assert found.ns == pytest.approx(80, rel=0.1)
    holes = pl.Series(x + 3).set(pl.Series(draw.random(len(x)) < 0.1), None)
    assert reversion(holes, every_ns=10).ns == pytest.approx(80, rel=0.15)


def test_reversion_at_its_borders() -> None:
    assert reversion(pl.Series([1.0, -1.0] * 20), every_ns=1).ns == 0.0
    assert np.isnan(reversion(pl.Series(np.exp(np.arange(30.0))), every_ns=1).ns)
    with pytest.raises(NumericalError, match="expected 10"):
        reversion(pl.Series([1.0] * 50), every_ns=1)
    with pytest.raises(InputError, match="resamples"):
        episode_life(lives([1], ["ended"]), rng=np.random.default_rng(1), resamples=0)


@pytest.mark.realdata
def test_three_markets_of_binance(data_dir: Path) -> None:
    """Six minutes: the perpetual stands 3 to 5 bps below spot, and fees of 5 bps a side leave nothing."""
    of = {name: capture.instrument for name, capture in CAPTURES.items()}
    events = {of[name].id: read_recording(name, data_dir)[0] for name in CAPTURES}
    free, fair = (
        disparity(events, list(of.values()), bins=SECOND, fees_bps=dict.fromkeys(events, fee), rates="par", source="ticker")
        for fee in (0.0, 5.0)
    )
    mean = {(a, b): mid for a, b, mid in free.bins.group_by("a", "b").agg(pl.col("mid_bps").mean()).rows()}
    assert -5 < mean[of["usdm"].id, of["spot"].id] < -3
    assert -2 < mean[of["usdm"].id, of["coinm"].id] < 0
    across = free.bins.filter(pl.col("a") == of["usdm"].id, pl.col("b") == of["spot"].id)
    assert across["buy_a_sell_b_share"].mean() > 0.95  # type: ignore[operator]
    assert fair.bins["buy_a_sell_b_share"].mean() < 0.01  # type: ignore[operator]
    assert SECOND_NS < reversion(across["mid_bps"], every_ns=SECOND_NS).ns < 5 * SECOND_NS
