"""Icebergs: the slow twin, the laws of a detector, cases by hand, injected ones, a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.manipulation.icebergs import Icebergs, icebergs
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference import law_cases
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import events_of
from reference.naive_icebergs import naive_icebergs
from reference.tight_stream import TightStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE = law_cases.LOOSE["icebergs"]
CENTRE = 600_000


def compare(events: Events, **given: float) -> int:
    found = icebergs(events, PERP, **given).to_dicts()
    expected = naive_icebergs(events, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["ts_local"].timestamp() == pytest.approx(theirs["ts_local"] / 1e9, abs=1e-5)
        assert ours["price"] == PERP.price(theirs["price"])
        for name in ("side", "fills", "refills", "alike"):
            assert ours[name] == theirs[name]
        for name, other in (("displayed", "most"), ("executed", "executed"), ("unknown_qty", "unknown")):
            assert ours[name] == PERP.qty(theirs[other])
        assert ours["excess"] == PERP.qty(max(theirs["executed"] - theirs["most"], 0))
        assert ours["refill"] == pytest.approx(PERP.qty(theirs["refilled"]) / theirs["refills"], rel=1e-12)
        assert ours["delay"] == theirs["delay"] // theirs["refills"]
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-9)
    return len(found)


@given(seed=st.integers(0, 2**32), pace_ms=st.sampled_from([2, 20, 200]))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, pace_ms: int) -> None:
    compare(TightStream(seed, pace_ns=pace_ms * MS_NS).events(150), **LOOSE)


def test_the_naive_twin_has_something_to_compare() -> None:
    assert sum(compare(TightStream(seed).events(250), **LOOSE) for seed in range(6)) >= 20


def test_base_rates_are_halved_alike_in_a_long_stream() -> None:
    """More than 512 fills a side; as Python this would take a minute."""
    events = TightStream(3, pace_ns=5 * MS_NS).events(6000)
    assert compare(events, **LOOSE | {"stale_ns": 10 * SECOND_NS}) >= 100


def story(*middle: tuple[float, int, list[tuple[int, int, int]]], tip: int = 7, refills: int = 6) -> Events:
    """A bid of 100 that shows `tip` and is refilled in the message after each fill; then it goes for good."""
    said = [(0, SNAPSHOT, [(1, 100, tip), (1, 99, 50), (-1, 101, 50)])]
    for i in range(refills):
        said += [(1 + i, TRADE, [(-1, 100, tip)]), (1.001 + i, DELTA, [(1, 100, tip)])]
    gone = 2.0 + refills
    said += [*middle, (gone, DELTA, [(1, 100, 0)]), (gone + 1, DELTA, [(1, 98, 1)])]
    return events_of(sorted(said, key=lambda message: message[0]))


def test_a_tip_refilled_again_and_again() -> None:
    rows = icebergs(story(), COIN, min_score=0.5).to_dicts()
    assert len(rows) == 1
    row = rows[0]
    assert (row["side"], row["price"], row["fills"], row["refills"], row["alike"]) == (1, 10.0, 6, 6, 5)
    assert (row["displayed"], row["executed"], row["excess"], row["refill"]) == (7.0, 42.0, 35.0, 7.0)
    assert row["delay"] == MS_NS
    assert icebergs(story(refills=20), COIN)["score"].to_list()[0] > 0.99


def test_posterior_by_hand() -> None:
    """Two fills: odds = (prior/(1−prior)·.5/(12/40) + prior)/(1−prior) · .5/(13/41), and alike: · .85/(4/16)."""
    prior = 0.001
    odds = prior / (1 - prior) * 0.5 / (12 / 40)
    odds = (odds + prior) / (1 - prior) * 0.5 / (13 / 41) * 0.85 / (4 / 16)
    row = icebergs(story(refills=2), COIN, min_score=0.0)
    assert row["score"].to_list() == pytest.approx([odds / (1 + odds)], rel=1e-12)


def test_more_executed_than_shown_is_an_overrun() -> None:
    """Ten lots trade where seven are shown, in one go: three were hidden, and the level stands again."""
    said = [(0, SNAPSHOT, [(1, 100, 7), (-1, 101, 50)]), (1, TRADE, [(-1, 100, 10)]), (1.001, DELTA, [(1, 100, 7)])]
    row = icebergs(events_of([*said, (2, DELTA, [(1, 100, 0)]), (3, DELTA, [(1, 99, 1)])]), COIN, min_score=0.0, min_refills=1)
    odds = 0.001 / 0.999 * 0.4 / (4 / 40)
    assert row["score"].to_list() == pytest.approx([odds / (1 + odds)], rel=1e-12)
    assert row["refill"].to_list() == [10.0]


@pytest.mark.parametrize(("late_s", "refills"), [(0.1, 2), (0.2, 0)])
def test_a_late_refill_counts_within_the_limit(late_s: float, refills: int) -> None:
    said = [(0, SNAPSHOT, [(1, 100, 7), (1, 99, 1), (-1, 101, 50)])]
    for start in (1.0, 2.0):
        said += [(start, TRADE, [(-1, 100, 5)]), (start + 0.001, DELTA, [(1, 100, 2)])]
        said += [(start + 0.001 + late_s, DELTA, [(1, 100, 7)])]
    said += [(3, DELTA, [(1, 100, 0)]), (4, DELTA, [(1, 98, 1)])]
    frame = icebergs(events_of(said), COIN, min_score=0.0, min_refills=1)
    assert frame["refills"].to_list() == ([refills] if refills else [])


def test_a_gap_voids_and_unknown_aggressors_are_only_counted() -> None:
    for void in (story((6.5, GAP, [(0, 0, 0)])), story((6.5, DELTA, [(1, 101, 1)]), (6.6, DELTA, [(1, 101, 0)]))):
        assert icebergs(void, COIN, min_score=0.5).height == 0
    row = icebergs(story((4.5, TRADE, [(0, 100, 5)])), COIN, min_score=0.5).to_dicts()[0]
    assert (row["unknown_qty"], row["executed"]) == (5.0, 42.0)


def test_a_trade_the_book_has_told_of_before_is_no_refill() -> None:
    """Depth first, trade second, as venue times say: 7 → 2, then 5 traded; nothing was hidden."""
    events = events_of(
        [
            (0, SNAPSHOT, [(1, 100, 7), (-1, 101, 50)]),
            (1, DELTA, [(1, 100, 2)]),
            (1.01, TRADE, [(-1, 100, 5)]),
            (1.5, DELTA, [(1, 90, 2)]),
            (2, DELTA, [(1, 100, 0)]),
            (3, DELTA, [(1, 99, 1)]),
        ]
    )
    venue = events.ts_venue.copy()
    venue[events.kind == TRADE] -= 20 * MS_NS
    wanted = {"min_score": 0.0, "min_refills": 1}
    assert icebergs(events._replace(ts_venue=venue), COIN, **wanted).height == 0
    assert icebergs(events, COIN, **wanted).height == 1, "without the venue's word it would look hidden"


@pytest.mark.parametrize(
    "events", [Events.empty(), events_of([(0, TRADE, [(1, 100, 5)])]), events_of([(0, SNAPSHOT, [(1, 9, 1)])])]
)
def test_nothing_comes_of_little(events: Events) -> None:
    frame = icebergs(events, PERP, **LOOSE)
    assert frame.height == 0
    assert frame.schema == icebergs(story(), COIN).schema


def test_rows_beyond_one_call_do_not_grow_the_ladder() -> None:
    stream = Icebergs(PERP, **LOOSE)
    stream._out = stream._out[:24].copy()
    before = len(stream._book)
    events = TightStream(5).events(800)
    frame = pl.concat([stream.step(events), stream.finish()])
    assert frame.equals(icebergs(events, PERP, **LOOSE))
    assert frame.height > 24
    assert len(stream._book) == before


@pytest.mark.parametrize("wrong", [{"refill_ns": 0}, {"prior": 0.0}, {"prior": 1.0}, {"similar": -0.1}, {"min_refills": 0}])
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Icebergs(PERP, **wrong)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm"])
def test_few_icebergs_on_a_recording(name: str, data_dir: Path) -> None:
    """Nobody knows the truth: the default is quiet, and levels do get refilled."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    assert icebergs(events, instrument).height <= 10
    loose = icebergs(events, instrument, min_score=0.0)
    assert loose.height >= 20
    assert np.all(loose["fills"].to_numpy() >= loose["refills"].to_numpy())
