"""Wash-like runs and trade sizes: the slow twin, the laws of a detector, cases by hand, a recording."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.manipulation.trade_sizes import trade_sizes
from counterpoise.flow.manipulation.wash import Wash, wash
from counterpoise.market.event import GAP, TRADE, Events, merge_events
from counterpoise.market.symbol import parse_instrument
from reference import law_cases
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_wash import naive_wash
from reference.tight_stream import TightStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
LOOSE = law_cases.LOOSE["wash"]


def compare(events: Events, **given: float) -> int:
    found, expected = wash(events, PERP, **given).to_dicts(), naive_wash(events, **given)
    assert len(found) == len(expected)
    key = lambda row: (row["start"], row["price"], row["end"])  # noqa: E731 - runs that end together have no order
    for row in found:
        row |= {"start": round(row["start"].timestamp() * 1e6), "end": round(row["end"].timestamp() * 1e6)}
        row["price"] = round(row["price"] * 10)
    for row in expected:
        row |= {"start": round(row["start"] / 1e3), "end": round(row["end"] / 1e3)}
    for ours, theirs in zip(sorted(found, key=key), sorted(expected, key=key), strict=True):
        assert (ours["side"], ours["price"], ours["pairs"]) == (theirs["side"], theirs["price"], theirs["pairs"])
        assert (ours["size"], ours["unknown_prints"]) == (PERP.qty(theirs["lots"]), theirs["unknown"])
        assert ours["gaps"] == theirs["row_gaps"]
        assert ours["wait"] == theirs["wait"] // theirs["pairs"]
        assert ours["gap_cv"] == (None if theirs["gap_cv"] is None else pytest.approx(theirs["gap_cv"], rel=1e-6, abs=1e-6))
        assert ours["chance"] == pytest.approx(theirs["chance"], rel=1e-9)
        assert ours["score"] == pytest.approx(theirs["score"], rel=1e-9)
    return len(found)


@given(seed=st.integers(0, 2**32), pace_ms=st.sampled_from([2, 20, 200]))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, pace_ms: int) -> None:
    compare(TightStream(seed, pace_ns=pace_ms * MS_NS).events(150), **LOOSE)


def test_the_naive_twin_has_something_to_compare() -> None:
    assert sum(compare(TightStream(seed).events(250), **LOOSE) for seed in range(4)) >= 20


def test_many_sizes_are_forgotten_alike() -> None:
    """More than 4096 prints, of more sizes than one half of the table."""
    draw = np.random.default_rng(1)
    said = [(i * 0.01, TRADE, [(int(draw.choice((1, -1))), 100, int(draw.integers(1, 3 + i % 2 * 4000)))]) for i in range(9000)]
    assert compare(events_of(said), **LOOSE) > 10


def pairs(count: int, *, lots: int = 777, before: int = 200) -> Events:
    """Prints of one lot at another price, then pairs of a rare size each 200 ms, 10 ms apart."""
    said = [(i * 0.01, TRADE, [(1, 90, 1)]) for i in range(before)]
    for i in range(count):
        at = 10 + 0.2 * i
        said += [(at, TRADE, [(1, 100, lots)]), (at + 0.01, TRADE, [(-1, 100, lots)])]
    return events_of([*said, (60, TRADE, [(1, 90, 1)])])


def test_chance_of_pairs_by_hand() -> None:
    """The k-th pair of a size: f = (2k − 1 + 1)/(n + 2) with n prints before it, one open opposite: p = f."""
    row = wash(pairs(3), COIN).to_dicts()[0]
    chance = math.prod((2 * k) / (200 + 2 * k - 1 + 2) for k in (1, 2, 3))
    odds = 0.001 / 0.999 * 0.9**3 / chance
    assert row["chance"] == pytest.approx(chance, rel=1e-12)
    assert row["score"] == pytest.approx(odds / (1 + odds), rel=1e-12)
    assert (row["side"], row["price"], row["size"], row["pairs"], row["qty"]) == (1, 10.0, 777.0, 3, 6 * 777.0)
    assert (row["wait"], row["zeros"]) == (10 * MS_NS, 0)
    assert row["gap_cv"] == pytest.approx(0, abs=1e-6)


def test_two_pairs_have_no_regularity_and_a_round_size_has_zeros() -> None:
    row = wash(pairs(2, lots=5000), COIN, min_score=0.0).to_dicts()[0]
    assert row["gap_cv"] is None
    assert row["zeros"] == 3


def test_a_common_size_is_no_evidence() -> None:
    assert wash(pairs(3, lots=1), COIN).height == 0


def test_one_sided_trains_and_unknown_aggressors_are_no_pairs() -> None:
    events = pairs(4)
    assert wash(events._replace(side=np.abs(events.side)), COIN, min_score=0.0).height == 0
    unknown = np.where(events.ts_local == T0 + 10_200_000_000, 0, events.side).astype(np.int8)
    row = wash(events._replace(side=unknown), COIN).to_dicts()[0]
    assert (row["pairs"], row["unknown_prints"]) == (3, 1)


def test_pairs_of_a_null_market_are_no_rarer_than_they_say() -> None:
    """Independent sizes and sides: of all prints at most a share u begins a pair whose p is u or less, and not far fewer."""
    draw, count = np.random.default_rng(5), 20_000
    said = [(i * 0.02, TRADE, [(int(draw.choice((1, -1))), 100, int(draw.geometric(0.002)))]) for i in range(count)]
    frame = wash(events_of(said), COIN, min_score=0.0, min_pairs=1)
    chance = frame.filter(frame["pairs"] == 1)["chance"].to_numpy()
    for u in (0.02, 0.03, 0.05):
        assert 0.05 * u < (chance <= u).sum() / count <= u


@pytest.mark.parametrize("wrong", [{"within_ns": 0}, {"prior": 0.0}, {"min_score": 1.1}, {"min_pairs": 0}])
def test_bad_parameters_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Wash(PERP, **wrong)


def test_nothing_comes_of_nothing() -> None:
    assert wash(Events.empty(), PERP).schema == wash(pairs(3), COIN).schema
    assert trade_sizes(Events.empty(), PERP, every_ns=SECOND_NS).height == 0


def sizes(lots: list[int]) -> Events:
    return events_of((i * 0.001, TRADE, [(1, 100, q)]) for i, q in enumerate(lots))


def test_first_digits_against_benford_by_hand() -> None:
    """Nine digits a hundred times each: χ² = Σ 900 (1/9 − b)²/b."""
    row = trade_sizes(sizes([d * 10 for d in range(1, 10)] * 100), COIN, every_ns=SECOND_NS).to_dicts()[0]
    law = [math.log10(1 + 1 / d) for d in range(1, 10)]
    assert row["trades"] == 900
    assert row["benford_chi2"] == pytest.approx(sum(900 * (1 / 9 - b) ** 2 / b for b in law), rel=1e-12)
    assert row["benford_mad"] == pytest.approx(sum(abs(1 / 9 - b) for b in law) / 9, rel=1e-12)
    assert row["benford_p"] < 1e-10
    assert row["common_share"] == pytest.approx(1 / 9)


def test_chi_square_tail_at_its_published_quantiles() -> None:
    """15.507 and 20.090: the 5 % and 1 % points with 8 degrees of freedom, in any table."""
    from counterpoise.flow.manipulation.trade_sizes import _chi2_tail

    assert _chi2_tail(15.507) == pytest.approx(0.05, abs=1e-4)
    assert _chi2_tail(20.090) == pytest.approx(0.01, abs=1e-4)


def test_digits_of_a_step_that_is_no_power_of_ten() -> None:
    """3 lots of 0.005 are 0.015: first digit 1."""
    coarse = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.005")
    few = {"every_ns": SECOND_NS, "min_trades": 1}
    one, other = trade_sizes(sizes([3]), coarse, **few), trade_sizes(sizes([1]), COIN, **few)
    assert one["benford_chi2"].to_list() == other["benford_chi2"].to_list()


def test_pareto_sizes_have_their_exponent_and_benford_sizes_pass() -> None:
    draw = np.random.default_rng(11)
    pareto = (10**6 * draw.random(20_000) ** (-1 / 1.5)).astype(int).tolist()
    row = trade_sizes(sizes(pareto), COIN, every_ns=60 * SECOND_NS).to_dicts()[0]
    assert row["tail_exponent"] == pytest.approx(1.5, abs=4 * 1.5 / math.sqrt(2000))
    benford = (10 ** draw.uniform(6, 9, 20_000)).astype(int).tolist()
    row = trade_sizes(sizes(benford), COIN, every_ns=60 * SECOND_NS).to_dicts()[0]
    assert row["benford_p"] > 1e-3
    assert row["round_share"] == pytest.approx(0.01, abs=0.005)


def test_windows_with_few_trades_are_null_and_do_not_see_each_other() -> None:
    events = sizes(list(range(1, 151)))
    frame = trade_sizes(events, COIN, every_ns=100 * MS_NS)
    assert frame["trades"].to_list() == [100, 50]
    assert frame["benford_chi2"].is_null().to_list() == [False, True]
    assert frame["ts"].dt.epoch("ns").to_list() == [T0 + 100 * MS_NS, T0 + 200 * MS_NS]
    short = trade_sizes(events.cut(0, 120), COIN, every_ns=100 * MS_NS)
    assert short.row(0) == frame.row(0)
    with pytest.raises(InputError, match="every_ns"):
        trade_sizes(events, COIN, every_ns=0)
    with pytest.raises(InputError, match="round_lots"):
        trade_sizes(events, COIN, every_ns=1, round_lots=0)


def test_gaps_within_a_run_are_counted() -> None:
    """One between the prints of the first pair and one between two pairs; those before and after are of no run."""
    events, gaps = pairs(3), events_of((at, GAP, [(0, 0, 0)]) for at in (9.9, 10.005, 10.1, 10.5))
    row = wash(merge_events([events, gaps]), COIN, min_score=0.0).to_dicts()[-1]
    assert (row["pairs"], row["gaps"]) == (3, 2)


@pytest.mark.realdata
def test_a_recording_of_a_liquid_market(data_dir: Path) -> None:
    events, _ = read_recording("usdm", data_dir)
    instrument = CAPTURES["usdm"].instrument
    assert wash(events, instrument).height <= 20
    frame = trade_sizes(events, instrument, every_ns=60 * SECOND_NS)
    assert frame["trades"].sum() == int(((events.kind == TRADE) & (events.qty_lots > 0)).sum())
    assert frame["tail_exponent"].drop_nulls().is_between(0.3, 5).all()
