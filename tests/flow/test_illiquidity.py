"""Kyle, Amihud and Roll against their slow twin, against numbers by hand, and under their laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.illiquidity import Illiquidity, illiquidity
from counterpoise.market.event import FIRST, GAP, LAST, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.naive_illiquidity import naive_illiquidity
from reference.random_stream import RandomStream
from reference.twin_rows import assert_same_rows

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
CENTRE = 600_000
Given = list[tuple[int, int, int, int]]  # seconds, side, price, lots; side 2 is a gap
EACH_TRADE = Bins.parse("trades:1")


def trades(rows: Given) -> Events:
    columns = [
        (s * SECOND_NS, s * SECOND_NS, i, i, GAP if side == 2 else TRADE, 0 if side == 2 else side, FIRST | LAST, p, q)
        for i, (s, side, p, q) in enumerate(rows)
    ]
    made = zip(*columns, strict=True) if columns else Events.empty()
    return Events._make(np.array(c, t.dtype) for c, t in zip(made, Events.empty(), strict=True))


def stream(seed: int, messages: int = 250) -> Events:
    return RandomStream(seed, centre=CENTRE, far=50_000).events(messages)


@pytest.mark.parametrize("of", [PERP, COIN], ids=["linear", "inverse"])
@pytest.mark.parametrize("seed", range(3))
def test_equals_naive_twin(seed: int, of: Instrument) -> None:
    events = stream(seed)
    by_time = illiquidity(events, of, bins=Bins.every(SECOND_NS), window=5)
    assert_same_rows(by_time, naive_illiquidity(events, of, window=5, every_ns=SECOND_NS), rel=1e-7, near=1e-9)
    by_trades = illiquidity(events, of, bins=Bins.parse("trades:2"), window=3)
    assert_same_rows(by_trades, naive_illiquidity(events, of, window=3, trades=2), rel=1e-6, near=1e-9)
    assert by_time["kyle_lambda"].count() > 10


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from((-1, 0, 1, 1, 2)), st.integers(90_000, 99_000), st.integers(0, 40)),
        max_size=30,
    )
)
def test_few_trades_equal_naive_twin(rows: Given) -> None:
    """Empty input, zero sizes, unknown sides and gaps."""
    clock = np.cumsum([row[0] for row in rows]).tolist()
    events = trades([(t, *row[1:]) for t, row in zip(clock, rows, strict=True)])
    frame = illiquidity(events, PERP, bins=Bins.every(2 * SECOND_NS), window=4)
    expected = naive_illiquidity(events, PERP, window=4, every_ns=2 * SECOND_NS)
    loose = {"kyle_r2", "roll_spread", "kyle_lambda_se"}  # their last bits decide about null and 0
    kept = [name for name in frame.columns if name not in loose]
    assert_same_rows(frame.select(kept), [{name: row[name] for name in kept} for row in expected], rel=1e-6, near=1e-9)


def test_kyle_by_hand() -> None:
    """Signed 0.001 × (2, −1, 3, −4) and ticks (3, −1, 4, −6): x̄ = y̅ = 0, Σxy = 43, Σx² = 30, so λ = 43/30 of 0.1/0.001."""
    price = [1000, 1003, 1002, 1006, 1000]
    rows = [(i, side, p, q) for i, (side, p, q) in enumerate(zip((1, 1, -1, 1, -1), price, (9, 2, 1, 3, 4), strict=True))]
    last = illiquidity(trades(rows), PERP, bins=EACH_TRADE, window=4).to_dicts()[-1]
    assert last["kyle_lambda"] == pytest.approx(43 / 30 * 100)
    left = 62 - 43**2 / 30  # Σy² = 62
    assert last["kyle_lambda_se"] == pytest.approx((left / 2 / 30) ** 0.5 * 100)
    assert last["kyle_r2"] == pytest.approx(43**2 / 30 / 62)


def test_amihud_by_hand() -> None:
    """1 % up on 101 × 1,000 and 1 % down on 100 × 500 quote: the mean of ln 1.01 over each, per million, in bps."""
    rows = [(0, 1, 1000, 1), (1, 1, 1010, 1_000_000), (2, 1, 1000, 500_000), (3, 0, 1000, 10**6)]
    frame = illiquidity(trades(rows), PERP, bins=EACH_TRADE, window=3)
    move = np.log(1.01) * 1e4
    assert frame["amihud"][-1] == pytest.approx(np.mean([move / 0.101, move / 0.05, 0.0]))
    assert frame["unknown_qty"].to_list() == [0, 0, 0, 1000.0]


def test_roll_finds_the_spread_of_a_bounce() -> None:
    """Trades at 1000 ± 2 ticks by coin: Roll (1984) finds the spread of 4 ticks, within its sampling error."""
    sides = np.random.default_rng(7).choice([-1, 1], 2001)
    rows = [(i, int(s), 100_000 + 2 * int(s), 5) for i, s in enumerate(sides)]
    frame = illiquidity(trades(rows), PERP, bins=EACH_TRADE, window=2000)
    assert frame["roll_spread"][-1] == pytest.approx(0.4, rel=0.05)


def test_a_trend_has_no_roll_spread() -> None:
    rows = [(i, 1, 1000 + i * i, 5) for i in range(8)]
    frame = illiquidity(trades(rows), PERP, bins=EACH_TRADE, window=5)
    assert frame["roll_spread"].null_count() == frame.height


def test_constant_flow_has_no_slope() -> None:
    frame = illiquidity(trades([(i, 1, 1000, 5) for i in range(9)]), PERP, bins=EACH_TRADE, window=3)
    assert frame["kyle_lambda"].null_count() == frame.height
    assert frame["amihud"].drop_nulls().to_list() == [0.0] * 6


def test_a_gap_voids_its_bin_and_the_window() -> None:
    rows = [(i, 1, 1000 + i, 5 + i) for i in range(5)] + [(5, 2, 0, 0)] + [(i, 1, 1000 + i, 5 + i % 3) for i in range(5, 12)]
    frame = illiquidity(trades(rows), PERP, bins=Bins.every(SECOND_NS), window=3)
    assert frame["n"].to_list() == [0, 1, 2, 3, 3, None, 1, 2, 3, 3, 3, 3]
    assert frame["kyle_lambda"].to_list()[5:8] == [None, None, None]


def test_many_silent_bins_are_written_in_pieces() -> None:
    """More bins between two trades than one call of the kernel may write."""
    frame = illiquidity(trades([(0, 1, 1000, 5), (10_000, 1, 1001, 5)]), PERP, bins=Bins.every(SECOND_NS))
    assert frame.height == 10_001
    assert frame["price_change"].sum() == pytest.approx(0.1)


def test_more_bins_than_memory_are_refused() -> None:
    """At once, and from one event to the next."""
    with pytest.raises(InputError, match="choose longer bins"):
        illiquidity(trades([(0, 1, 1000, 5), (10_000, 1, 1001, 5)]), PERP, bins=Bins.every(100))
    made = Illiquidity(PERP, bins=Bins.every(100))
    made.event((0, 0, 0, 0, TRADE, 1, FIRST | LAST, 1000, 5))
    with pytest.raises(InputError, match="choose longer bins"):
        made.event((10_000 * SECOND_NS, 0, 0, 0, TRADE, 1, FIRST | LAST, 1000, 5))


def test_a_window_too_short_is_refused() -> None:
    with pytest.raises(InputError, match="take at least 3"):
        Illiquidity(PERP, bins=EACH_TRADE, window=2)


def test_a_busy_day_on_a_fine_grid_does_not_overflow() -> None:
    """30,000 coins at 60,000 on a grid of .01 × 1e-8 are 1.8e19 ticks · lots, beyond 64 bits; so are bins of 1e9 quote."""
    fine = parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")
    day = trades([(i, 1, 6_000_000 + i, 300 * 10**8) for i in range(100)])
    one = illiquidity(day, fine, bins=Bins.parse("1h"))
    assert one["notional"].to_list() == pytest.approx([300 * sum(60_000 + i / 100 for i in range(100))])
    parts = illiquidity(day, fine, bins=Bins.parse("notional:9e8"), window=3)
    assert parts["trades"].to_list() == [50, 50]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_recordings(name: str, data_dir: Path) -> None:
    """Buying pushes the price up in nearly every window of seconds; the spread of successive trades is a few ticks at most."""
    events, _ = read_recording(name, data_dir)
    seconds = illiquidity(events, CAPTURES[name].instrument, bins=Bins.parse("1s"), window=60)
    assert (seconds["kyle_lambda"].drop_nulls() > 0).mean() > 0.95  # type: ignore[operator]
    assert 0.05 < seconds["kyle_r2"].mean() < 0.9  # type: ignore[operator]
    each = illiquidity(events, CAPTURES[name].instrument, bins=EACH_TRADE, window=500)
    assert 0.02 < each["roll_spread"].median() < 5  # type: ignore[operator]
