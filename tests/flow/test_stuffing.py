"""Quote stuffing: the slow twin, the laws of a detector, cases by hand, a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.manipulation.stuffing import Stuffing, stuffing
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference import law_cases
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_stuffing import naive_stuffing
from reference.tight_stream import TightStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE = law_cases.LOOSE["stuffing"]


def compare(events: Events, **given: float) -> int:
    found, expected = stuffing(events, PERP, **given).to_dicts(), naive_stuffing(events, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["side"] == (theirs["lean"] > 0) - (theirs["lean"] < 0)
        assert (ours["price"], ours["move"]) == (theirs["mid"] / 20, theirs["move"] / 20)
        for name, other in (
            ("windows", "windows"),
            ("updates", "updates"),
            ("trades", "trades"),
            ("unknown_trades", "unknown"),
        ):
            assert ours[name] == theirs[other]
        assert (ours["gross"], ours["net"]) == (PERP.qty(theirs["gross"]), PERP.qty(theirs["net"]))
        assert ours["usual_updates"] == pytest.approx(theirs["usual"], rel=1e-9)
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-9)
    return len(found)


@given(seed=st.integers(0, 2**32), pace_ms=st.sampled_from([2, 20, 100]))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, pace_ms: int) -> None:
    compare(TightStream(seed, pace_ns=pace_ms * MS_NS).events(150), **LOOSE)


def test_the_naive_twin_has_something_to_compare() -> None:
    assert sum(compare(TightStream(seed).events(250), **LOOSE) for seed in range(6)) >= 20


Message = tuple[float, int, list[tuple[int, int, int]]]


def story(*middle: Message, burst: int = 400, lots: int = 1) -> Events:
    """Ten updates a second for 100 s; in second 60 a bid is posted and cancelled `burst` times."""
    said: list[Message] = [(0, SNAPSHOT, [(1, 100, 50), (-1, 102, 50)])]
    said += [(0.05 + i * 0.1, DELTA, [(1, 99, 5 + i % 2)]) for i in range(1000)]
    said += [(60.001 + i * 0.002, DELTA, [(1, 98, lots * (1 - i % 2))]) for i in range(burst)]
    return events_of(sorted([*said, *middle], key=lambda message: message[0]))


def test_a_burst_by_hand() -> None:
    """Mean 10 a second, and a variance below Poisson's: z = (410 − 10)/√10."""
    rows = stuffing(story(), COIN).to_dicts()
    assert len(rows) == 1
    row = rows[0]
    assert (row["side"], row["price"], row["windows"], row["updates"], row["trades"]) == (1, 10.1, 1, 410, 0)
    assert row["usual_updates"] == pytest.approx(10, rel=0.01)
    assert (row["gross"], row["net"], row["move"]) == (410.0, 0.0, 0.0)
    z = (410 - row["usual_updates"]) / row["usual_updates"] ** 0.5
    assert row["score"] == pytest.approx(z * z / (1 + z * z), rel=1e-3)
    assert (row["end"] - row["start"]).total_seconds() == 1


def test_a_score_is_a_bound_for_any_distribution() -> None:
    """Cantelli: of windows with random counts, far fewer than 1 − score have z as large."""
    events = TightStream(8, pace_ns=5 * MS_NS).events(6000)
    given = LOOSE | {"sigmas": 1.5, "trade_sigmas": 99.0, "max_net": 1.0, "max_moves": 1e9, "stale_ns": 10 * SECOND_NS}
    rows = stuffing(events, PERP, **given)
    windows = int(events.ts_local[-1] - events.ts_local[0]) / (50 * MS_NS)
    assert 0 < rows["windows"].sum() / windows <= 1 / (1 + 1.5**2)


@pytest.mark.parametrize(
    "void",
    [
        [(60.5, GAP, [(0, 0, 0)])],
        [(60.5, SNAPSHOT, [(1, 100, 50), (-1, 102, 50)])],
        [(60.5, DELTA, [(1, 102, 1)]), (60.6, DELTA, [(1, 102, 0)])],
        [(60.1 + i * 0.01, TRADE, [(1, 102, 1)]) for i in range(20)],
        [(60.5, DELTA, [(1, 97, 300)])],
        [(60.5, DELTA, [(-1, 102, 0), (-1, 130, 5)])],
    ],
    ids=["gap", "snapshot", "crossed", "trades", "size stayed", "price moved"],
)
def test_no_row_when(void: list[Message]) -> None:
    assert stuffing(story(*void), COIN).height == 0


def test_too_early_is_no_burst_and_windows_in_a_row_are_one() -> None:
    assert stuffing(story(), COIN, min_windows=70).height == 0
    frame = stuffing(story(burst=1200), COIN)
    assert frame["windows"].to_list() == [3]
    assert frame["updates"].to_list() == [1230]
    assert frame["start"].dt.epoch("ns").to_list() == [T0 + 60 * SECOND_NS]


def test_silence_past_the_limit_is_not_learnt_from() -> None:
    """Days of nothing between two halves: only the ten seconds before it is silence are learnt from."""
    said: list[Message] = [(0, SNAPSHOT, [(1, 100, 50), (-1, 102, 50)])]
    for start in (0, 1_000_000):
        said += [(start + 0.05 + i * 0.1, DELTA, [(1, 99, 5 + i % 2)]) for i in range(400)]
    said += [(1_000_035 + i * 0.002, DELTA, [(1, 98, 1 - i % 2)]) for i in range(400)]
    rows = stuffing(events_of(sorted(said, key=lambda m: m[0])), COIN)
    assert rows["usual_updates"].to_list() == pytest.approx([9], rel=0.05)


@pytest.mark.parametrize(
    "events", [Events.empty(), events_of([(0, TRADE, [(1, 9, 5)])]), events_of([(0, SNAPSHOT, [(1, 9, 1)])])]
)
def test_nothing_comes_of_little(events: Events) -> None:
    assert stuffing(events, PERP).schema == stuffing(story(), COIN).schema
    assert stuffing(events, PERP).height == 0


@pytest.mark.parametrize("wrong", [{"window_ns": 0}, {"sigmas": 0.0}, {"max_net": 1.5}, {"memory": 0}, {"min_windows": 0}])
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Stuffing(PERP, **wrong)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_few_on_a_recording(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    assert stuffing(events, instrument).height <= 3
    loose = stuffing(events, instrument, sigmas=1.0, trade_sigmas=1e9, max_net=1.0, max_moves=1e9)
    assert 5 <= loose.height <= 200
