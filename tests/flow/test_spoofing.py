"""Spoofing and layering: the slow twin, the laws of a detector, cases by hand, injected ones, a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.manipulation.spoofing import Spoofing, spoofing
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference import law_cases
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import events_of
from reference.naive_spoofing import NaiveSpoofing
from reference.tight_stream import TightStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE = law_cases.LOOSE["spoofing"]


def compare(events: Events, **given: float) -> int:
    found, expected = spoofing(events, PERP, **given).to_dicts(), NaiveSpoofing(**given).rows(events)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["price"] == PERP.price(theirs["price"])
        for name in ("side", "levels", "distance", "distance_end", "lifetime", "reaction"):
            assert ours[name] == theirs[name], name
        for name, other in (("opposite_qty", "opposite"), ("unknown_qty", "unknown")):
            assert ours[name] == PERP.qty(theirs[other])
        for name in ("size", "executed", "cancelled"):
            assert ours[name] == PERP.qty(theirs[name])
        assert ours["size_tail"] == pytest.approx(theirs["tail"], rel=1e-12)
        assert ours["imbalance"] == pytest.approx(theirs["imbalance"], rel=1e-9, abs=1e-12)
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-9)
    return len(found)


@given(seed=st.integers(0, 2**32), pace_ms=st.sampled_from([2, 20, 100]))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, pace_ms: int) -> None:
    compare(TightStream(seed, pace_ns=pace_ms * MS_NS).events(150), **LOOSE)


def test_the_naive_twin_has_something_to_compare() -> None:
    assert sum(compare(TightStream(seed).events(250), **LOOSE) for seed in range(6)) >= 20


def test_sizes_and_shares_are_halved_alike_in_a_long_stream() -> None:
    """More than 4096 postings of a distance, and 512 pulls."""
    events = TightStream(3, pace_ns=5 * MS_NS).events(9000)
    assert compare(events, **LOOSE | {"stale_ns": 10 * SECOND_NS}) >= 200


ORDINARY = 600
Message = tuple[float, int, list[tuple[int, int, int]]]


def story(*middle: Message, large: int = 5000, levels: int = 1, at: float = 30.0) -> Events:
    """Small postings three ticks away, left for long; then a large one, a buy at the ask 1 s later, and the pull 50 ms on."""
    said: list[Message] = [(0, SNAPSHOT, [(1, 100, 50), (1, 90, 900), (-1, 101, 900)])]
    said += [(0.01 + i * 0.02, DELTA, [(1, 97 - i % 2, 5 + i)]) for i in range(ORDINARY)]
    prices = [95 - i for i in range(levels)]
    said += [(at, DELTA, [(1, price, large) for price in prices]), (at + 1, TRADE, [(1, 101, 9)])]
    said += [(at + 1.001, DELTA, [(-1, 101, 891)]), (at + 1.05, DELTA, [(1, price, 0) for price in prices])]
    said += [*middle, (at + 5, DELTA, [(1, 80, 1)])]
    return events_of(sorted(said, key=lambda message: message[0]))


QUICK = {"stale_ns": 60 * SECOND_NS, "min_seen": 100, "min_score": 0.0}


def test_a_large_bid_pulled_after_a_buy() -> None:
    rows = spoofing(story(), COIN, **QUICK).to_dicts()
    assert len(rows) == 1
    row = rows[0]
    assert (row["side"], row["price"], row["levels"], row["distance"], row["distance_end"]) == (1, 9.5, 1, 5, 5)
    assert (row["size"], row["cancelled"], row["executed"], row["cancelled_share"]) == (5000.0, 5000.0, 0.0, 1.0)
    assert (row["opposite_qty"], row["reaction"], row["lifetime"]) == (9.0, 50 * MS_NS, 1050 * MS_NS)
    assert 0 < row["size_tail"] < 0.01
    bids, asks = 50 + 900 + 603 + 604, 900
    assert row["imbalance"] == pytest.approx((bids + 5000 - asks) / (bids + 5000 + asks) - (bids - asks) / (bids + asks))


def test_posterior_by_hand() -> None:
    """First guesses of the shares are what they start at; one pull, seven factors."""
    row = spoofing(story(), COIN, **QUICK).to_dicts()[0]
    size = 0.5 / (row["size_tail"] / 0.01) ** 0.5
    factors = (0.95 / (18 / 20)) * (0.6 / (2 / 20)) * (0.5 / (10 / 20)) * (0.9 / (15 / 20)) * (0.9 / (10 / 20))
    odds = 0.01 / 0.99 * size * factors * (0.5 / (2 / 20)) * (0.5 / (18 / 20))
    assert row["score"] == pytest.approx(odds / (1 + odds), rel=1e-12)


def test_layers_are_one_episode_with_more_to_say() -> None:
    one, three = (spoofing(story(levels=n), COIN, **QUICK).to_dicts() for n in (1, 3))
    assert len(one) == len(three) == 1
    assert three[0]["levels"] == 3
    assert three[0]["size"] == 15_000.0
    assert three[0]["score"] > one[0]["score"]


@pytest.mark.parametrize(
    "void",
    [
        (30.5, GAP, [(0, 0, 0)]),
        (30.5, SNAPSHOT, [(1, 100, 5), (1, 95, 5000), (-1, 101, 5)]),
        (30.5, TRADE, [(-1, 95, 4000)]),
        (31.02, DELTA, [(1, 100, 0), (1, 97, 0), (1, 96, 0)]),
    ],
    ids=["gap", "snapshot", "executed", "touch reached it"],
)
def test_no_row_when(void: Message) -> None:
    assert spoofing(story(void), COIN, **QUICK).height == 0


def test_what_stands_long_is_meant_and_small_is_not_large() -> None:
    assert spoofing(story(), COIN, **QUICK | {"life_ns": SECOND_NS}).height == 0
    assert spoofing(story(large=2), COIN, **QUICK).height == 0
    assert spoofing(story(), COIN, **QUICK | {"reach_ticks": 4}).height == 0


def test_unknown_aggressors_are_counted_apart() -> None:
    row = spoofing(story((30.5, TRADE, [(0, 101, 33)])), COIN, **QUICK).to_dicts()[0]
    assert (row["unknown_qty"], row["opposite_qty"]) == (33.0, 9.0)


@pytest.mark.parametrize(
    "events", [Events.empty(), events_of([(0, TRADE, [(1, 9, 5)])]), events_of([(0, SNAPSHOT, [(1, 9, 1)])])]
)
def test_nothing_comes_of_little(events: Events) -> None:
    assert spoofing(events, PERP, **LOOSE).schema == spoofing(story(), COIN, **QUICK).schema
    assert spoofing(events, PERP, **LOOSE).height == 0


@pytest.mark.parametrize(
    "wrong", [{"life_ns": 0}, {"prior": 1.0}, {"tail_max": 0.0}, {"reach_ticks": 2000}, {"min_levels": 0}, {"min_score": 2}]
)
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Spoofing(PERP, **wrong)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_few_on_a_recording(name: str, data_dir: Path) -> None:
    """Nobody knows the truth: the default is quiet; without a limit there are pulls of large sizes enough."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    assert spoofing(events, instrument).height <= 10
    loose = spoofing(events, instrument, min_score=0.0, min_seen=100)
    assert loose.height >= 20
    assert (loose["size_tail"] <= 0.01).all()
    assert (loose["cancelled"] + loose["executed"] <= loose["size"] + 1e-9).mean() > 0.95
