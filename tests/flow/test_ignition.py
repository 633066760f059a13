"""Momentum ignition: the slow twin, the laws of a detector, cases by hand, a recording."""

from __future__ import annotations

from math import erfc, exp, log
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.manipulation.ignition import Ignition, ignition
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference import law_cases
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_ignition import naive_ignition
from reference.tight_stream import TightStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE = law_cases.LOOSE["ignition"]


def compare(events: Events, **given: float) -> int:
    found, expected = ignition(events, PERP, **given).to_dicts(), naive_ignition(events, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["side"] == theirs["side"]
        assert (ours["price"], ours["peak"]) == (theirs["mid"] / 20, theirs["peak"] / 20)
        assert ours["back_share"] == pytest.approx((theirs["peak"] - theirs["mid_end"]) / (theirs["peak"] - theirs["mid"]))
        for name, other in (("burst_qty", "burst"), ("after_qty", "after_against"), ("unknown_qty", "unknown")):
            assert ours[name] == PERP.qty(theirs[other])
        assert ours["burst_share"] == pytest.approx(theirs["burst"] / max(theirs["burst"] + theirs["against"], 1))
        after = theirs["after_against"] + theirs["after_with"]
        assert ours["after_share"] == (pytest.approx(theirs["after_against"] / after) if after else None)
        assert ours["sigmas"] == pytest.approx(theirs["sigmas"], rel=1e-9)
        assert ours["passive_gain"] == pytest.approx(theirs["gain"] * 0.05 * 0.001, rel=1e-9, abs=1e-12)
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-9)
    return len(found)


@given(seed=st.integers(0, 2**32), pace_ms=st.sampled_from([2, 5, 20]))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, pace_ms: int) -> None:
    compare(TightStream(seed, pace_ns=pace_ms * MS_NS).events(200), **LOOSE)


def test_the_naive_twin_has_something_to_compare() -> None:
    assert sum(compare(TightStream(seed, pace_ns=8 * MS_NS).events(300), **LOOSE) for seed in range(8)) >= 4


def test_long_streams_agree() -> None:
    assert compare(TightStream(3, pace_ns=5 * MS_NS).events(5000), **LOOSE | {"stale_ns": 10 * SECOND_NS}) >= 5


Message = tuple[float, int, list[tuple[int, int, int]]]


def story(*middle: Message, way: int = 1, burst: int = 200, top: int = 20, back: int = 15) -> Events:
    """A mid that flips by a tick and a lot each way a second; at 60 s a burst, `top` ticks of move, at 65 s `back` of them."""
    said: list[Message] = [(0, SNAPSHOT, [(1, 1000, 50), (-1, 1010, 50)])]
    for i in range(100):
        said += [(i + 0.1, DELTA, [(1, 1001, 5 * (i % 2 and i < 60))])]
        said += [(i + 0.2 + j / 10, TRADE, [(1 - 2 * j, 1005, 1)]) for j in range(2)]
    gone = {1: [(-1, 1010, 0), (-1, 1010 + top, 50), (1, 1000 + top, 50)], -1: [(1, 1000, 0), (1, 1001, 0)]}
    gone[-1] += [(1, 1000 - top, 50), (-1, 1010 - top, 50)]
    said += [(60.5, TRADE, [(way, 1010 if way > 0 else 1000, burst)]), (60.6, DELTA, gone[way])]
    returned = {1: [(1, 1000 + top, 0), (1, 1000 + top - back, 50), (-1, 1010 + top - back, 50)], -1: [(-1, 1010 - top, 0)]}
    returned[-1] += [(-1, 1010 - top + back, 50), (1, 1000 - top + back, 50)]
    said += [(65.5, DELTA, returned[way])]
    return events_of(sorted([*said, *middle], key=lambda message: message[0]))


@pytest.mark.parametrize("way", [1, -1])
def test_three_phases(way: int) -> None:
    rows = ignition(story(way=way), COIN, min_score=0.5).to_dicts()
    assert len(rows) == 1
    row = rows[0]
    assert row["side"] == way
    assert row["start"].timestamp() == T0 / 1e9 + 60
    assert row["end"].timestamp() == T0 / 1e9 + 66
    assert (row["burst_qty"], row["unknown_qty"]) == (201.0, 0.0)
    assert row["burst_share"] == pytest.approx(201 / 202)
    assert way * row["move"] == pytest.approx(2.0, abs=0.11)
    assert row["back_share"] == pytest.approx(0.75, abs=0.03)
    assert row["score"] > 0.99


def test_score_by_hand() -> None:
    """Fisher's method of Cantelli's bound and two reflected walks, from the columns the row has."""
    row = ignition(story(), COIN, min_score=0.0).to_dicts()[0]
    moves = [1.0 if i else 0.0 for i in range(60)]
    mean = 0.0
    for i, move in enumerate(moves):
        mean += max(2 / 301, 1 / (1 + i)) * (min(move, 9 * max(mean, 1) if i >= 30 else move) - mean)
    sigma = max(mean, 1) ** 0.5
    out, back = abs(row["move"]) * 20, abs(row["move"]) * row["back_share"] * 20
    chances = (1 / (1 + row["sigmas"] ** 2), erfc(out / sigma / 2**0.5), erfc(back / sigma / 10**0.5))
    x = -sum(log(max(p, 1e-300)) for p in chances)
    assert row["score"] == pytest.approx(1 - exp(-x) * (1 + x + x * x / 2), abs=1e-9)


@pytest.mark.parametrize(
    "events",
    [
        story((61.5, GAP, [(0, 0, 0)])),
        story((61.5, DELTA, [(1, 1035, 1)]), (61.6, DELTA, [(1, 1035, 0)])),
        story((60.7, TRADE, [(-1, 1005, 200)])),
        story(burst=3),
        story(top=1, back=1),
        story(back=2),
        story(*((62 + i / 10, TRADE, [(-1, 1005, 1000)]) for i in range(30))),
        story((57.5, DELTA, [(-1, 1010, 0), (-1, 1050, 5)])),
    ],
    ids=["gap", "crossed", "two-sided", "no spike", "no move", "no return", "return on more volume", "no calm before"],
)
def test_no_row_when(events: Events) -> None:
    assert ignition(events, COIN).filter(ignition(events, COIN)["start"].dt.epoch("ns") == T0 + 60 * SECOND_NS).height == 0


def test_unknown_aggressors_are_counted_apart() -> None:
    row = ignition(story((60.7, TRADE, [(0, 1005, 33)])), COIN, min_score=0.5).to_dicts()[0]
    assert (row["unknown_qty"], row["burst_qty"]) == (33.0, 201.0)


def test_gain_of_who_sold_to_the_burst_by_hand() -> None:
    """200 sold at 101 and one at 100.5, last mid 101.05 or 101: bought back there."""
    row = ignition(story(), COIN, min_score=0.5).to_dicts()[0]
    end = row["peak"] - row["move"] * row["back_share"]
    assert row["passive_gain"] == pytest.approx(200 * (101.0 - end) + (100.5 - end), abs=1e-9)


@pytest.mark.parametrize(
    "events", [Events.empty(), events_of([(0, TRADE, [(1, 9, 5)])]), events_of([(0, SNAPSHOT, [(1, 9, 1)])])]
)
def test_nothing_comes_of_little(events: Events) -> None:
    assert ignition(events, PERP).schema == ignition(story(), COIN).schema
    assert ignition(events, PERP).height == 0


@pytest.mark.parametrize(
    "wrong", [{"window_ns": 0}, {"volume_sigmas": 0.0}, {"one_sided": 2}, {"calm_windows": 64}, {"back_share": 1.0}]
)
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"calm_windows|window_ns|sigmas|one_sided|back_share"):
        Ignition(PERP, **wrong)


def test_gain_is_the_same_on_a_fine_grid() -> None:
    """On 1e-8 × 1e-8 the half ticks · lots of a burst lie beyond 64 bits."""
    events, fine = story(), parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.00000001", lot="0.00000001")
    same = events._replace(price_ticks=events.price_ticks * 10**7, qty_lots=events.qty_lots * 10**8)
    gains = [ignition(given, of, min_score=0.0, back_share=0.1)["passive_gain"] for given, of in ((events, COIN), (same, fine))]
    assert gains[0].len() > 0
    assert gains[1].to_list() == pytest.approx(gains[0].to_list())


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_few_on_a_recording(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    frame = ignition(events, CAPTURES[name].instrument)
    assert frame.height <= 6
    assert (frame["move"] * frame["side"] > 0).all()
    assert (frame["back_share"] >= 0.6).all()
