"""Profiles, value areas, nodes, letters and sessions: by hand, against the slow twin, and the laws they keep."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from counterpoise.flow.auction.definition import VALUE_AREAS, NodeDefinition, value_area_definition
from counterpoise.flow.auction.footprint import footprint, footprint_bars
from counterpoise.flow.auction.market_profile import auction, market_profile
from counterpoise.flow.auction.profile import (
    Profile,
    SessionProfile,
    composite,
    developing_profile,
    profile,
    session_profile,
)
from counterpoise.flow.auction.sessions import SESSIONS, Sessions
from counterpoise.flow.auction.value_area import nodes, value_area
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.market.event import TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.footprint_frames import bar_frame, row_frame
from reference.message_script import T0, events_of
from reference.naive_footprint import NaiveBars
from reference.naive_footprint import value_area as naive_value_area

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
MIDNIGHT = T0 // DAY_NS * DAY_NS
CENTRE = 600_000
SEEDS = (1, 2, 3)
SHARES = (Fraction(7, 10), Fraction(1, 2), Fraction(9, 10), Fraction(1))
SPLIT = [("early", "23:00", "02:30"), ("noon", "11:30", "12:00"), ("late", "12:00", "18:00")]
SPANS = [("early", 23 * HOUR_NS, 26 * HOUR_NS + 30 * MINUTE_NS)]
SPANS += [("noon", 11 * HOUR_NS + 30 * MINUTE_NS, 12 * HOUR_NS), ("late", 12 * HOUR_NS, 18 * HOUR_NS)]


def trades(*rows: tuple[float, int, int, int]) -> Events:
    """(hours after midnight, side, ticks, lots)."""
    since = (MIDNIGHT - T0) / SECOND_NS
    return events_of((since + hours * 3600, TRADE, [(side, ticks, lots)]) for hours, side, ticks, lots in rows)


def days(seed: int, count: int = 160) -> Events:
    """Trades scattered over three days."""
    draw = random.Random(seed)
    at, price, out = 0.0, 0, []
    for _ in range(count):
        at += draw.choice((0, 0.01, 0.2, 1.1))
        price += draw.randint(-3, 3)
        out.append((at, draw.choice((1, -1, 0)), price, draw.choice((0, 1, 7, 7, draw.randint(1, 99)))))
    return trades(*out)


def rows_of(lots: dict[int, int]) -> pl.DataFrame:
    """A profile of contracts, all bought."""
    number = pl.Series("row", list(lots), dtype=pl.Int64)
    qty = pl.Series("buy_qty", list(lots.values()), dtype=pl.Float64)
    return pl.DataFrame([number, (number * 0.1).alias("price"), qty]).with_columns(sell_qty=0.0, unknown_qty=0.0, trades=1)


def area_rows(lots: dict[int, int], name: str, share: float = 0.7) -> tuple[int, int, int]:
    found = value_area(rows_of(lots), COIN, definition=name, share=share)
    return round(found.poc * 10), round(found.low * 10), round(found.high * 10)


# value areas


def test_value_area_by_hand() -> None:
    """Total 100: 25 at the point of control; the pair above holds 28, the one below 22; then 15 + 5 above against 22 below."""
    lots = {1: 2, 2: 3, 3: 9, 4: 13, 5: 25, 6: 18, 7: 10, 8: 12, 9: 5, 10: 3}
    assert sum(lots.values()) == 100
    assert area_rows(lots, "classic") == (5, 3, 7)  # 25 + 28 = 53, + 22 = 75
    assert area_rows(lots, "one_row") == (5, 4, 8)  # 18, 13, 10, then 12 over 9: 78
    wide = value_area_definition("atas")._replace(rows=3)
    found = value_area(rows_of(lots), COIN, definition=wide)
    assert (round(found.low * 10), round(found.high * 10), found.share) == (2, 8, 0.9)  # 40 above, then 25 below


def test_ties_go_to_the_centre_and_up() -> None:
    assert area_rows({1: 9, 2: 1, 3: 9, 4: 1, 5: 1, 6: 1, 7: 9}, "one_row", share=0.1)[0] == 3
    assert area_rows({1: 5, 2: 5}, "one_row", share=0.1)[0] == 2
    assert area_rows({1: 5, 2: 9, 3: 5}, "one_row", share=0.6) == (2, 2, 3)
    assert area_rows({1: 2, 2: 3, 3: 9, 4: 4, 5: 1}, "classic", share=0.6) == (3, 3, 5)


def test_untraded_rows_are_rows() -> None:
    """Two rows above hold 6, the two below 5 and nothing. Between holes on both sides it climbs, however far."""
    assert area_rows({0: 5, 3: 5, 4: 20, 6: 6}, "classic", share=0.7) == (4, 4, 6)
    assert area_rows({0: 9, 4: 20, 10**9: 7}, "one_row", share=0.75) == (4, 4, 10**9)
    assert area_rows({0: 9, 4: 20, 10**9: 7}, "one_row", share=0.9) == (4, 0, 10**9)
    far = area_rows({0: 1, 10**9: 3, 2 * 10**9 + 1: 1}, "one_row", share=0.8)
    assert far == (10**9, 10**9, 2 * 10**9 + 1)


LOTS = st.dictionaries(st.integers(-12, 25), st.integers(1, 9), min_size=1, max_size=20)


@given(lots=LOTS, name=st.sampled_from([d.name for d in VALUE_AREAS]), step=st.integers(1, 5), share=st.sampled_from(SHARES))
@settings(max_examples=300)
def test_value_area_equals_naive_twin(lots: dict[int, int], name: str, step: int, share: Fraction) -> None:
    meant = value_area_definition(name)
    if name == "atas":
        meant = meant._replace(rows=step)
    lots = dict(sorted(lots.items()))
    found = value_area(rows_of(lots), COIN, definition=meant, share=float(share))
    assert tuple(round(edge * 10) for edge in found[:3]) == naive_value_area(lots, meant, share)


@given(lots=LOTS, step=st.integers(1, 4), share=st.sampled_from(SHARES))
def test_value_area_holds_its_share_and_no_step_more(lots: dict[int, int], step: int, share: Fraction) -> None:
    """It holds the share; without what was added last, at one of its ends, it does not."""
    meant = value_area_definition("one_row")._replace(rows=step)
    found = value_area(rows_of(dict(sorted(lots.items()))), COIN, definition=meant, share=float(share))
    poc, low, high = (round(edge * 10) for edge in found[:3])
    total = sum(lots.values())

    def held(first: int, last: int) -> int:
        return sum(n for row, n in lots.items() if first <= row <= last)

    assert found.share == held(low, high) / total
    assert Fraction(held(low, high), total) >= share
    assert low <= poc <= high
    if low < high:
        shorter = ([held(low, max(poc, high - n)) for n in range(1, step + 1)], [held(min(poc, low + step), high)])
        assert min(*shorter[0], *shorter[1]) < share * total
    if step == 1 and low < high:
        assert min(held(low + (low < poc), high), held(low, high - (high > poc))) < share * total


def test_value_areas_of_no_profile_are_refused() -> None:
    with pytest.raises(InputError, match="0 traded"):
        value_area(rows_of({}), COIN)
    with pytest.raises(InputError, match="each row once"):
        value_area(pl.concat([rows_of({1: 2}), rows_of({1: 2})]), COIN)
    with pytest.raises(UnknownName, match="did you mean 'classic'"):
        value_area(rows_of({1: 2}), COIN, definition="clasic")
    with pytest.raises(InputError, match=r"\(0, 1\]"):
        value_area(rows_of({1: 2}), COIN, share=2.0)


# nodes


def test_nodes_by_hand() -> None:
    """Two hills of 10 and 8 with 2 between; a bump of 4 on the flank stands out by 1, a tenth of the highest."""
    lots = {0: 1, 1: 5, 2: 10, 3: 6, 4: 3, 5: 4, 6: 2, 7: 5, 8: 8, 9: 3}
    plain = NodeDefinition("plain", 1, 0.3, 0.0, "test")
    found = nodes(rows_of(lots), COIN, definition=plain)
    assert found.select("node", "row", "qty").rows() == [("high", 2, 10.0), ("low", 6, 2.0), ("high", 8, 8.0)]
    assert found["prominence"].to_list() == pytest.approx([1.0, 0.6, 0.6])
    low = nodes(rows_of(lots), COIN, definition=plain._replace(prominence=0.1))
    assert low["row"].to_list() == [2, 4, 5, 6, 8]
    far = nodes(rows_of(lots), COIN, definition=plain._replace(prominence=0.0, neighbours=0.3))
    assert far.select("node", "row").rows() == [("high", 2), ("low", 6), ("high", 8)]


def naive_prominence(heights: list[float], at: int, *, past_edge: bool) -> float:
    """Walk each way to higher ground; the way's lowest point, 0 past the edge of a profile."""
    saddles = []
    for way in (heights[at + 1 :], heights[:at][::-1]):
        lowest = heights[at]
        for height in way:
            if height > heights[at]:
                break
            lowest = min(lowest, height)
        else:
            lowest = 0.0 if past_edge else lowest
        saddles.append(lowest)
    return heights[at] - max(saddles)


@given(heights=st.lists(st.integers(1, 6), min_size=1, max_size=25))
@settings(max_examples=100)
def test_prominence_equals_naive_twin(heights: list[int]) -> None:
    found = nodes(rows_of(dict(enumerate(heights))), COIN, definition=NodeDefinition("all", 1, 0.0, 0.0, "test"))
    turned = [max(heights) - height for height in heights]
    for node, row, _, qty, prominence in found.rows():
        ground = [float(h) for h in (heights if node == "high" else turned)]
        assert prominence * max(heights) == pytest.approx(naive_prominence(ground, row, past_edge=node == "high"))
        assert qty == heights[row]
    assert max(heights) in found.filter(pl.col("node") == "high")["qty"].to_list()


def test_nodes_of_a_mean_over_rows_ignore_the_noise() -> None:
    draw = np.random.default_rng(7)
    hills = 300 * np.exp(-(((np.arange(200) - 50) / 15) ** 2)) + 200 * np.exp(-(((np.arange(200) - 140) / 15) ** 2))
    lots = {row: int(height) + int(draw.integers(1, 30)) for row, height in enumerate(hills)}
    found = nodes(rows_of(lots), COIN)
    assert found["node"].to_list() == ["high", "low", "high"]
    assert np.abs(found["row"].to_numpy() - [50, 95, 140]).max() < 15
    assert nodes(rows_of({}), COIN).schema == found.schema
    with pytest.raises(InputError, match="spans"):
        nodes(rows_of({0: 1, 10**9: 1}), COIN)
    with pytest.raises(UnknownName, match="did you mean 'prominence'"):
        nodes(rows_of({}), COIN, definition="prominent")


# sessions and profiles


def test_sessions_by_name_and_by_hand() -> None:
    day = Sessions.of("utc_day")
    assert day.at(T0) == (0, MIDNIGHT + DAY_NS)
    regions = Sessions.of("regions")
    assert set(SESSIONS) == {"utc_day", "regions"}
    names = {hour: regions.names[regions.at(MIDNIGHT + hour * HOUR_NS)[0]] for hour in (0, 6, 7, 12, 13, 21, 22, 23)}
    assert list(names.values()) == ["asia", "asia", "europe", "europe", "us", "us", "asia", "asia"]
    own = Sessions.of(SPLIT)
    assert own.at(MIDNIGHT + 3 * HOUR_NS) == (-1, MIDNIGHT + 11 * HOUR_NS + HOUR_NS // 2)
    assert own.at(MIDNIGHT) == (2, MIDNIGHT + 5 * HOUR_NS // 2)
    assert own.at(MIDNIGHT + 20 * HOUR_NS) == (-1, MIDNIGHT + 23 * HOUR_NS)
    assert str(own) == "noon 11:30-12:00, late 12:00-18:00, early 23:00-02:30"


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ("utcday", UnknownName, "did you mean 'utc_day'"),
        ([], InputError, "no sessions"),
        ([("a", "00:00", "10:00"), ("b", "09:00", "12:00")], InputError, "'a' ends at 10:00, after 'b' begins"),
        ([("a", "20:00", "04:00"), ("b", "03:00", "12:00")], InputError, "'a' ends at 04:00, after 'b' begins"),
        ([("a", "00:00", "01:00"), ("a", "02:00", "03:00")], InputError, "one name"),
        ([("a", "7", "10:00")], InputError, "write 13:30"),
        ([("a", "07:60", "10:00")], InputError, "write 13:30"),
        ([("a", "07:00", "24:01")], InputError, "write 13:30"),
    ],
)
def test_sessions_that_cannot_be_are_refused(wrong: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Profile(PERP, sessions=wrong)


@given(seed=st.integers(0, 2**32), row_ticks=st.sampled_from([1, 3]))
@settings(max_examples=25)
def test_profiles_equal_naive_twin(seed: int, row_ticks: int) -> None:
    events = days(seed)
    bars = NaiveBars(PERP, spans=SPANS).of(events)
    found = profile(events, PERP, sessions=SPLIT, row_ticks=row_ticks)
    expected = row_frame(bars, PERP, row_ticks=row_ticks)
    kept = ("ts", "row", "price", "buy_qty", "sell_qty", "unknown_qty", "trades")
    assert [{c: row[c] for c in kept} for row in _epoch(found)] == [{c: row[c] for c in kept} for row in expected]
    names = {bar.end: bar.session for bar in bars}
    assert [(row["session"], row["start"]) for row in _epoch(found)] == [names[row["ts"]] for row in expected]
    whole = session_profile(events, PERP, sessions=SPLIT, row_ticks=row_ticks)
    lines = bar_frame(bars, PERP, row_ticks=row_ticks)
    kept = ("ts", "volume", "buy_qty", "sell_qty", "unknown_qty", "trades", "poc", "poc_qty")
    kept += ("value_area_low", "value_area_high", "gaps", "complete")
    assert [{c: row[c] for c in kept} for row in _epoch(whole)] == [{c: row[c] for c in kept} for row in lines]
    assert whole["cvd"].to_list() == [line["delta"] for line in lines]


def _epoch(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.with_columns(pl.col("ts", "start").dt.epoch("ns")).to_dicts()


def test_mean_price_and_bands_by_hand() -> None:
    events = trades((1, 1, 100, 3), (2, -1, 140, 1), (25, 1, 50, 1))
    (first, second) = session_profile(events, PERP, bands=(1.0, 2.5)).to_dicts()
    assert first["vwap"] == pytest.approx(11.0)
    assert first["vwap_sd"] == pytest.approx((3 / 4 * 1 + 1 / 4 * 9) ** 0.5)
    assert first["vwap_high_2.5"] == pytest.approx(11 + 2.5 * 3**0.5)
    assert first["cvd"] == pytest.approx(0.002)
    assert (second["vwap"], second["vwap_sd"]) == (5.0, 0.0)
    inverse = session_profile(events, COIN)["vwap"][0]
    assert inverse == pytest.approx(4 / (3 / 10 + 1 / 14))
    with pytest.raises(InputError, match="different distances above 0"):
        SessionProfile(PERP, bands=(1.0, 1.0))


def test_what_develops_is_the_profile_of_what_came_so_far() -> None:
    """Each line is that of the events up to its end, and the last of a session is the session's."""
    for seed in SEEDS:
        events = days(seed)
        lines = developing_profile(events, PERP, bins=Bins.every(HOUR_NS), sessions=SPLIT)
        for ts, line in zip(lines["ts"].dt.epoch("ns").to_list(), lines.to_dicts(), strict=True):
            so_far = session_profile(events.cut(0, events.until(ts)), PERP, sessions=SPLIT).tail(1).to_dicts()
            if so_far and so_far[0]["start"] == line["start"]:
                drop = ("ts", "gaps", "complete")
                assert {k: v for k, v in line.items() if k not in drop} == {k: v for k, v in so_far[0].items() if k not in drop}
            else:
                assert line["volume"] == 0
                assert line["poc"] is None
        last = lines.group_by("start", maintain_order=True).last()
        kept = ["volume", "cvd", "poc", "value_area_low", "value_area_high", "vwap", "trades"]
        assert_frame_equal(last.select(kept), session_profile(events, PERP, sessions=SPLIT).select(kept), check_exact=True)
        assert (lines["ts"].dt.epoch("ns") % (HOUR_NS // 2) == 0).all()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_composite_is_the_sum_of_its_parts(seed: int) -> None:
    """Of sessions, of bars, and of both together, to the last lot."""
    events = days(seed)
    by_bar = composite(footprint(events, COIN, bins=Bins.parse("trades:9")))
    by_day = composite(profile(events, COIN))
    assert_frame_equal(by_bar, by_day, check_exact=True)
    whole = footprint(events, COIN, bins=Bins.every(100 * DAY_NS))
    assert_frame_equal(by_day, whole.select(by_day.columns), check_exact=True)
    bar = footprint_bars(events, COIN, bins=Bins.every(100 * DAY_NS), value_area="one_row", share=0.5).tail(1).to_dicts()[0]
    area = value_area(by_day, COIN, definition="one_row", share=0.5)
    assert (area.poc, area.low, area.high) == (bar["poc"], bar["value_area_low"], bar["value_area_high"])


def test_composite_refuses_rows_of_two_heights() -> None:
    """One row number at two prices, and rows that merely do not meet; a negative price is no other height."""
    low, high = profile(trades((0, 1, 1000, 5), (1, 1, -3, 1)), PERP), profile(trades((0, 1, 10_000, 7)), PERP, row_ticks=10)
    assert composite(low)["price"].to_list() == [-0.3, 100.0]
    for other in (high, profile(trades((0, 1, 20_000, 7)), PERP, row_ticks=10)):
        with pytest.raises(InputError, match=r"0\.1 to 1 high.*one height"):
            composite(pl.concat([low, other]))


# letters


def test_letters_by_hand() -> None:
    events = trades((0.1, 1, 10, 1), (0.2, 1, 12, 1), (0.6, -1, 12, 1), (0.7, 1, 13, 1), (5, 1, 13, 1), (23.9, 1, 11, 1))
    frame = market_profile(events, COIN)
    assert frame.select("row", "letters").rows() == [(10, "A"), (11, "v"), (12, "AB"), (13, "BK")]
    assert frame["single_print"].to_list() == [True, True, False, False]
    full = market_profile(events, COIN, fill="range")
    assert full["letters"].to_list() == ["A", "Av", "AB", "BK"]
    (line,) = auction(full, COIN).to_dicts()
    assert (line["initial_low"], line["initial_high"]) == (1.0, pytest.approx(1.3))
    assert (line["single_prints"], line["poor_low"], line["poor_high"]) == (0, False, True)
    assert line["poc"] == pytest.approx(1.2)
    assert auction(frame, COIN)["single_prints"].to_list() == [0]
    gapped = trades((0.1, 1, 10, 1), (0.6, 1, 10, 1), (0.7, 1, 11, 1), (0.8, 1, 12, 1), (5, 1, 12, 1))
    assert auction(market_profile(gapped, COIN), COIN).select("single_prints", "poor_low", "poor_high").row(0) == (
        1,
        True,
        True,
    )
    assert auction(frame.clear(), COIN).schema == auction(frame, COIN).schema
    assert market_profile(Events.empty(), COIN).schema == frame.schema


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_letters_equal_naive_twin(seed: int) -> None:
    events = days(seed)
    expected: dict[tuple[int, int], set[int]] = {}
    for ts, ticks, lots in zip(*(c.tolist() for c in (events.ts_local, events.price_ticks, events.qty_lots)), strict=True):
        if lots:
            expected.setdefault((ts // DAY_NS * DAY_NS, ticks // 2), set()).add(ts % DAY_NS // (30 * MINUTE_NS))
    frame = market_profile(events, PERP, row_ticks=2).with_columns(pl.col("start").dt.epoch("ns"))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    found = {
        (start, row): {alphabet.index(x) for x in text} for start, row, text in frame.select("start", "row", "letters").rows()
    }
    assert found == expected


def test_letters_that_do_not_fit_are_refused() -> None:
    for wrong, words in (
        ({"period_ns": 7 * MINUTE_NS}, "whole number of periods"),
        ({"period_ns": 5 * MINUTE_NS}, "at most 52"),
        ({"sessions": [("a", "00:10", "04:00")]}, "multiples of 30m"),
        ({"fill": "all"}, "unknown fill"),
    ):
        with pytest.raises(InputError, match=words):
            market_profile(days(1), PERP, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="higher rows"):
        market_profile(trades((0, 1, 0, 1), (0.1, 1, 10**9, 1)), PERP, fill="range")


# recordings


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_profile_of_a_recording_holds_all_that_traded(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    core = measure(events, instrument, bins=Bins.every(SECOND_NS), quotes="trades")
    rows = composite(profile(events, instrument, row_ticks=10))
    assert rows["buy_qty"].sum() == pytest.approx(core["buy_qty"].sum(), rel=1e-12)
    assert rows["sell_qty"].sum() == pytest.approx(core["sell_qty"].sum(), rel=1e-12)
    (line,) = session_profile(events, instrument, row_ticks=10).to_dicts()
    assert line["cvd"] == pytest.approx(core["cvd"][-1], rel=1e-12)
    lots = {r: round((b + s) / instrument.flow_grid.size) for r, b, s in rows.select("row", "buy_qty", "sell_qty").rows()}
    for definition in VALUE_AREAS:
        area = value_area(rows, instrument, definition=definition)
        edges = naive_value_area(lots, definition, Fraction(7, 10))
        assert [round(edge / instrument.price_grid.size) for edge in area[:3]] == [edge * 10 for edge in edges]
        assert 0.7 <= area.share < 0.9
    traded = events.price_ticks[events.kind == TRADE] * instrument.price_grid.size
    assert traded.min() < line["value_area_low"] < line["vwap"] < line["value_area_high"] <= traded.max()
    letters = market_profile(events, instrument, period_ns=30 * MINUTE_NS, row_ticks=10)
    assert set(letters["letters"]) == {"v"}  # the last half-hour of the day
    assert nodes(rows, instrument).filter(pl.col("node") == "high").height >= 1
