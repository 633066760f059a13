"""Swings and divergences: the slow twin, paths by hand, laws, how often chance alone makes one, real recordings."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS
from counterpoise.flow.tape.divergence import GROUPS, Divergences, chance_of_divergence, divergences, swings
from counterpoise.market.event import FIRST, GAP, LAST, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.law_cases import noun_of
from reference.message_script import T0, events_of
from reference.naive_divergence import naive_divergences, naive_swings, stretches
from reference.random_stream import RandomStream
from reference.random_tape import random_tape

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
SIZES: tuple[dict[str, Any], ...] = ({"ticks": 1}, {"ticks": 4}, {"ticks": 15}, {"bps": Fraction(1, 4)}, {"bps": Fraction(2)})


def ours(size: dict[str, Any]) -> dict[str, Any]:
    return {f"reversal_{name}": value if name == "ticks" else float(value) for name, value in size.items()}


def rows_of(frame: pl.DataFrame) -> list[dict[str, object]]:
    return frame.with_columns(pl.col("^ts_.*$").dt.epoch("ns")).to_dicts()


@given(seed=st.integers(0, 2**32), size=st.sampled_from(SIZES))
@settings(max_examples=60)
def test_divergences_equal_naive_twin(seed: int, size: dict[str, Any]) -> None:
    events = random_tape(seed, 150, odd=seed % 2)
    assert rows_of(divergences(events, PERP, **ours(size))) == naive_divergences(events, PERP, **size)


@given(seed=st.integers(0, 2**32), size=st.sampled_from(SIZES))
@settings(max_examples=30)
def test_swings_equal_naive_twin(seed: int, size: dict[str, Any]) -> None:
    events = random_tape(seed, 100)
    expected = [swing for stretch in stretches(events) for swing in naive_swings(stretch, **size)]
    found = swings(events, PERP, **ours(size)).with_columns(pl.col("^ts_.*$").dt.epoch("ns"))
    assert found.select("ts_local", "ts_swing", "side").rows() == [(s.shown.ts, s.at.ts, s.side) for s in expected]
    assert found["price"].to_list() == [PERP.price(s.at.price) for s in expected]
    assert (found["cvd"] * 1000).round().to_list() == [s.at.cvd for s in expected]


@pytest.mark.parametrize("seed", range(6))
def test_divergences_equal_naive_twin_on_market_streams(seed: int) -> None:
    """Leaps of many ticks, gaps, few trades."""
    events = RandomStream(seed, far=40_000).events(400)
    for size in SIZES:
        assert rows_of(divergences(events, PERP, **ours(size))) == naive_divergences(events, PERP, **size)


def test_streams_of_the_naive_twin_hold_every_kind() -> None:
    streams = [random_tape(seed, 150, odd=seed % 2) for seed in range(40)]
    frame = pl.concat([divergences(events, PERP, reversal_ticks=4) for events in streams])
    counts = frame.group_by("side", "hidden").len()
    assert counts.height == 4
    assert counts["len"].min() > 10  # type: ignore[operator]
    assert frame["unknown_share"].max() > 0  # type: ignore[operator]


# by hand


def path(*trades: tuple[int, int]) -> Events:
    """(price, signed lots), one a second."""
    return events_of((i, TRADE, [((lots > 0) - (lots < 0), price, abs(lots))]) for i, (price, lots) in enumerate(trades))


HIGHER_HIGH_ON_SELLING = ((100, 1), (110, 50), (104, -10), (113, -20), (107, -1))


def test_a_swing_is_known_when_price_has_turned() -> None:
    """Start 100, high 110 known at 104, low 104 known at 113, high 113 known at 107."""
    frame = swings(path(*HIGHER_HIGH_ON_SELLING), PERP, reversal_ticks=6)
    assert (frame["price"] * 10).to_list() == [110, 104, 113]
    assert frame["side"].to_list() == [1, -1, 1]
    assert (frame["cvd"] * 1000).round().to_list() == [51, 41, 21]
    seconds = frame.select((pl.col("ts_local", "ts_swing").dt.epoch("ns") - T0) // 10**9).rows()
    assert seconds == [(2, 1), (3, 2), (4, 3)]


def test_bearish_divergence() -> None:
    """A higher high, 113 after 110, on CVD 21 after 51: 30 of the 30 lots between were against it."""
    (row,) = divergences(path(*HIGHER_HIGH_ON_SELLING), PERP, reversal_ticks=6).to_dicts()
    assert (row["side"], row["hidden"], row["strength"]) == (-1, False, 1.0)
    assert (row["price_first"], row["price_second"]) == (11.0, 11.3)
    assert (row["cvd_first"], row["cvd_second"]) == (0.051, 0.021)


@pytest.mark.parametrize(
    ("trades", "found"),
    [
        (((100, 1), (110, 50), (104, -10), (113, 20), (107, -1)), []),  # CVD rose too
        (((100, 1), (110, 50), (104, -10), (113, 10), (107, -1)), []),  # CVD as before
        (((100, 1), (110, 50), (104, -10), (110, -20), (104, -1)), []),  # the high as before
        (((100, 1), (110, 50), (103, -10), (109, 20), (103, -1)), [(-1, True)]),  # lower high on higher CVD
        (((200, -1), (190, -50), (196, 10), (187, 20), (193, 1)), [(1, False)]),  # lower low on higher CVD
        (((200, -1), (190, -50), (197, 10), (191, -20), (197, 1)), [(1, True)]),  # higher low on lower CVD
        (((100, 1), (110, 50), (104, -10), (113, -20), (108, -1)), []),  # not yet known: 5 ticks are no reversal of 6
    ],
)
def test_what_diverges(trades: tuple[tuple[int, int], ...], found: list[tuple[int, bool]]) -> None:
    assert divergences(path(*trades), PERP, reversal_ticks=6).select("side", "hidden").rows() == found


@pytest.mark.parametrize(("low", "known"), [(99_900, [1]), (99_901, [])])
def test_a_reversal_in_bps_is_of_the_extreme(low: int, known: list[int]) -> None:
    """Ten of 100,000 ticks are 100 ticks: that far is a reversal."""
    frame = swings(path((99_000, 1), (100_000, 1), (low, -1)), PERP, reversal_bps=10)
    assert frame["side"].to_list() == known


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_swings_in_ticks_have_a_mirror_image(seed: int) -> None:
    """Sides exchanged and prices turned about a constant: highs are lows at the same moments, and so are divergences."""
    events, turned = random_tape(seed, 300), [pl.col("side") * -1, pl.col("^cvd.*$") * -1 + 0.0]
    flipped = events._replace(side=-events.side, price_ticks=2 * 600_000 - events.price_ticks)
    for measure in (swings, divergences):
        base, mirrored = (measure(e, PERP, reversal_ticks=3) for e in (events, flipped))
        assert base.height > 5
        prices = pl.selectors.starts_with("price")
        assert_frame_equal(base.drop(prices), mirrored.with_columns(turned).drop(prices), check_exact=True)
        assert_frame_equal(base.select(prices), mirrored.select(prices * -1 + 120_000), rel_tol=0, abs_tol=1e-9)


def test_swings_in_bps_have_none() -> None:
    """A basis point is a smaller number of ticks lower down, so the mirror image may turn more often."""
    ticks = np.array([100_000, 99_000, 100_100, 100_000, 100_200, 100_000])
    events, flipped = (events_of((i, TRADE, [(1, int(t), 1)]) for i, t in enumerate(of)) for of in (ticks, 200_000 - ticks))
    assert (swings(events, PERP, reversal_bps=10).height, swings(flipped, PERP, reversal_bps=10).height) == (2, 4)
    for measure in (swings, divergences):
        assert {c.mirror for g in GROUPS if noun_of(g.made_by) == measure.__name__ for c in g.columns} == {"free"}


def test_the_first_extreme_is_no_swing() -> None:
    """The recording begins at 110: whether that was a high nobody knows."""
    assert swings(path((110, 50), (100, -1), (113, -60), (100, 1)), PERP, reversal_ticks=6)["side"].to_list() == [-1, 1]


def test_a_gap_voids_what_is_pending() -> None:
    before, after = HIGHER_HIGH_ON_SELLING[:3], HIGHER_HIGH_ON_SELLING[3:]
    says = [(float(i), TRADE, [((lots > 0) - (lots < 0), p, abs(lots))]) for i, (p, lots) in enumerate(before + after)]
    cut = events_of([*says[:3], (2.5, GAP, [(0, 0, 0)]), *says[3:]])
    assert divergences(cut, PERP, reversal_ticks=6).height == 0
    assert swings(cut, PERP, reversal_ticks=6)["side"].to_list() == [1]


def test_strength_and_unknown_share() -> None:
    """Between the highs 10 sold, 5 unknown, 20 sold: CVD falls by 30 of 35, 5 of 35 are nobody's."""
    events = path((100, 1), (110, 50), (104, -10), (105, 5), (113, -20), (107, -1))
    side = events.side.copy()
    side[3] = 0
    (row,) = divergences(events._replace(side=side), PERP, reversal_ticks=6).to_dicts()
    assert (row["strength"], row["unknown_share"]) == (30 / 35, 5 / 35)
    assert divergences(events._replace(side=side), PERP, reversal_ticks=6, least_strength=0.86).height == 0


def test_constant_price_and_nothing_have_no_swings() -> None:
    for events in (Events.empty(), path(*[(100, 1), (100, -1)] * 50)):
        assert swings(events, PERP).height == 0
        assert divergences(events, PERP).height == 0
    assert divergences(Events.empty(), PERP).schema == divergences(path(*HIGHER_HIGH_ON_SELLING), PERP).schema


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reversal_bps": 5.0, "reversal_ticks": 3}, "give one of them"),
        ({"reversal_bps": 0.0}, "between 0 and 10,000 bps"),
        ({"reversal_ticks": 0}, "one tick or more"),
        ({"least_strength": 1.5}, "between 0 and 1"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Divergences(PERP, **wrong)
    with pytest.raises(InputError, match="between -1 and 1"):
        chance_of_divergence(1.1)


@given(seed=st.integers(0, 2**32), ticks=st.integers(1, 30))
@settings(max_examples=30)
def test_swings_alternate_and_span_the_reversal_nojit(seed: int, ticks: int) -> None:
    frame = swings(random_tape(seed, 150, odd=0), PERP, reversal_ticks=ticks)
    for (side, price), (next_side, next_price) in pairwise(frame.select("side", "price").rows()):
        assert next_side == -side
        assert side * (price - next_price) >= ticks / 10 - 1e-9
    assert (frame["ts_swing"] <= frame["ts_local"]).all()


# chance


def random_walk(seed: int, trades: int, correlation: float) -> Events:
    """Prices that go a tick up or down; one lot each, on the side of the move as often as the correlation says."""
    draw = np.random.default_rng(seed)
    step = draw.choice(np.array([-1, 1]), trades)
    side = np.where(draw.random(trades) < (1 + correlation) / 2, step, -step).astype(np.int8)
    row, same = np.arange(trades), np.ones(trades, np.int64)
    kinds = np.full(trades, TRADE, np.uint8), side, np.full(trades, FIRST | LAST, np.uint8)
    return Events(row * MS_NS, row * MS_NS, row, row, *kinds, 10**6 + np.cumsum(step), same)


def disagreements(events: Events, ticks: int) -> tuple[int, int]:
    """Divergences, and pairs of swings of a kind whose prices differ and whose CVDs differ."""
    pairs = 0
    frame = swings(events, PERP, reversal_ticks=ticks)
    for side in (1, -1):
        kind = frame.filter(pl.col("side") == side).select(pl.col("price", "cvd").diff().drop_nulls())
        pairs += kind.filter((pl.col("price") != 0) & (pl.col("cvd") != 0)).height
    return divergences(events, PERP, reversal_ticks=ticks).height, pairs


@pytest.mark.parametrize(("correlation", "expected"), [(0.0, 0.5), (0.6, 0.3213), (0.9, 0.1729)])
def test_how_often_chance_alone_diverges(correlation: float, expected: float) -> None:
    """Eight walks of 200,000 trades; the error is of the mean over walks, and ticks of 1/20 of a reversal add their own."""
    assert chance_of_divergence(correlation) == pytest.approx(expected, abs=1e-4)
    assert chance_of_divergence(-correlation) == pytest.approx(1 - expected, abs=1e-4)
    counts = [disagreements(random_walk(seed, 200_000, correlation), 20) for seed in range(70, 78)]
    shares = [diverged / pairs for diverged, pairs in counts]
    error = float(np.std(shares, ddof=1)) / len(shares) ** 0.5
    assert np.mean(shares) == pytest.approx(expected, abs=4 * error + 1 / 60)
    assert error < 0.02


def test_chance_at_the_ends_of_the_scale() -> None:
    assert (chance_of_divergence(1.0), chance_of_divergence(-1.0)) == (0.0, 1.0)
    assert chance_of_divergence(0.999999) < 0.001
    grid = [chance_of_divergence(x) for x in np.linspace(-0.99, 0.99, 41)]
    assert all(a > b for a, b in pairwise(grid))


# recordings


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_equals_naive_twin_on_binance(name: str, data_dir: Path) -> None:
    """The twin looks back over everything at each trade: 2,000 trades are enough for it."""
    events, _ = read_recording(name, data_dir)
    start = events.cut(0, int(np.flatnonzero(events.kind == TRADE)[1999]) + 1)
    found = divergences(start, CAPTURES[name].instrument, reversal_bps=2.0)
    assert rows_of(found) == naive_divergences(start, CAPTURES[name].instrument, bps=Fraction(2))


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_flow_moves_price_so_divergence_is_rarer_than_chance(name: str, data_dir: Path) -> None:
    """Six minutes at half a basis point: .18, .19 and .23 of the pairs were measured, a half would be chance."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    found = divergences(events, instrument, reversal_bps=0.5).height
    frame = swings(events, instrument, reversal_bps=0.5)
    assert frame.height > 60
    assert 0.05 < found / (frame.height - 2) < 0.35
