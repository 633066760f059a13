"""VPIN against its slow twin, against numbers by hand, and under its laws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.toxicity import Toxicity, toxicity
from counterpoise.market.event import FIRST, GAP, LAST, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.naive_toxicity import naive_toxicity
from reference.random_stream import RandomStream
from reference.twin_rows import assert_same_rows

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
CENTRE = 600_000
Given = list[tuple[int, int, int, int]]  # seconds, side, price, lots; side 2 is a gap


def trades(rows: Given) -> Events:
    columns = [
        (s * SECOND_NS, s * SECOND_NS, i, i, GAP if side == 2 else TRADE, side % 2 if side == 2 else side, FIRST | LAST, p, q)
        for i, (s, side, p, q) in enumerate(rows)
    ]
    made = zip(*columns, strict=True) if columns else Events.empty()
    return Events._make(np.array(c, t.dtype) for c, t in zip(made, Events.empty(), strict=True))


def stream(seed: int, messages: int = 250) -> Events:
    return RandomStream(seed, centre=CENTRE, far=50_000).events(messages)


def assert_equals_naive(events: Events, **how: Any) -> int:
    """All columns of all buckets; returns how many have a vpin."""
    theirs = naive_toxicity(events, PERP, **how)
    bulk = {"classify": "bulk"} if "bar_ns" in how else {}
    frame = toxicity(events, PERP, **how, **bulk)  # type: ignore[arg-type]
    assert_same_rows(frame, theirs)
    return frame["vpin"].count()


@pytest.mark.parametrize("how", [{}, {"bucket_qty": "0.7", "buckets": 5}, {"buckets": 3, "period_ns": 7 * SECOND_NS}])
@pytest.mark.parametrize("seed", range(4))
def test_equals_naive_twin(seed: int, how: dict[str, Any]) -> None:
    assert_equals_naive(stream(seed), **how)


@pytest.mark.parametrize("seed", range(4))
def test_bulk_equals_naive_twin(seed: int) -> None:
    assert assert_equals_naive(stream(seed), bucket_qty="0.25", buckets=4, bar_ns=SECOND_NS) > 10


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from((-1, 0, 1, 1, 2)), st.integers(1, 9), st.integers(0, 40)), max_size=30
    ),
    st.sampled_from(("0.001", "0.003", "0.0101")),
)
def test_few_trades_equal_naive_twin(rows: Given, bucket_qty: str) -> None:
    """Empty input, zero sizes, unknown sides, gaps, and trades of many buckets."""
    clock = np.cumsum([row[0] for row in rows]).tolist()
    events = trades([(t, *row[1:]) for t, row in zip(clock, rows, strict=True)])
    assert_equals_naive(events, bucket_qty=bucket_qty, buckets=3)
    assert_equals_naive(events, buckets=3, buckets_a_period=4, period_ns=5 * SECOND_NS)


def test_a_trade_is_split_over_buckets() -> None:
    """V = 10 lots, n = 2. 4 bought, 6 of 9 sold fill one: |4 − 6| / 10. 3 sold and 7 bought the next: .4; the mean is .3."""
    frame = toxicity(trades([(1, 1, 100, 4), (2, -1, 90, 9), (3, 1, 95, 7)]), PERP, bucket_qty="0.01", buckets=2)
    assert frame["buy_qty"].to_list() == [0.004, 0.007]
    assert frame["sell_qty"].to_list() == [0.006, 0.003]
    assert frame["vpin"].to_list() == [None, pytest.approx(0.3)]
    assert frame["ts_local"].dt.epoch("ns").to_list() == [2 * SECOND_NS, 3 * SECOND_NS]
    assert frame["duration_ns"].to_list() == [SECOND_NS, SECOND_NS]


def test_one_row_stands_for_the_buckets_one_trade_fills() -> None:
    """A trade of a million buckets is no million rows."""
    frame = toxicity(trades([(1, -1, 100, 5), (2, 1, 100, 10**7)]), PERP, bucket_qty="0.01", buckets=3)
    assert frame["buckets"].to_list() == [1, 999_999]
    assert frame["vpin"].to_list() == [None, 1.0]


def test_unknown_aggressors_are_on_no_side() -> None:
    frame = toxicity(trades([(1, 0, 100, 5), (2, 1, 100, 5), (3, 0, 100, 20)]), PERP, bucket_qty="0.01", buckets=1)
    assert frame["vpin"].to_list() == [0.5, None]
    assert frame["unknown_share"].to_list() == [0.5, 1.0]


def test_buckets_follow_the_volume_of_the_last_period() -> None:
    """100 lots in the first ten seconds over 4 buckets: 25 lots each; a fraction of a lot is kept: 30 over 4 are 7.5."""
    given = [(0, 1, 100, 100), (10, 1, 100, 25), (12, -1, 100, 5), (30, -1, 100, 20)]
    frame = toxicity(trades(given), PERP, buckets=1, buckets_a_period=4, period_ns=10 * SECOND_NS)
    assert frame["bucket_qty"].to_list() == [0.025, 0.025]
    longer = toxicity(trades([*given, (31, 1, 100, 8)]), PERP, buckets=1, buckets_a_period=4, period_ns=10 * SECOND_NS)
    assert longer["bucket_qty"].to_list() == [0.025, 0.025, 0.0075]


def test_a_gap_voids_what_is_open() -> None:
    frame = toxicity(
        trades([(1, 1, 100, 9), (2, 2, 0, 0), (3, -1, 100, 10), (4, -1, 100, 10)]), PERP, bucket_qty="0.01", buckets=2
    )
    assert frame["vpin"].to_list() == [None, 1.0]
    assert frame["buy_qty"].sum() == 0


def test_bulk_classification_by_hand() -> None:
    """Changes +2 and −1 of bars: σ = √4.5, so Φ(−1/√4.5) = .3187 of the third bar was bought; the first two lack a σ."""
    given = [(0, 0, 10, 5), (1, 0, 12, 5), (2, 0, 11, 10), (3, 0, 11, 1)]
    frame = toxicity(trades(given), PERP, bucket_qty="0.01", buckets=1, classify="bulk")
    assert frame.height == 0  # σ wants two changes, and the third bar has not been followed by an event of the window
    frame = toxicity(trades(given), PERP, bucket_qty="0.01", buckets=2, classify="bulk")
    assert frame["buy_qty"].to_list() == [pytest.approx(0.01 * 0.318676, rel=1e-5)]


MEASURES = {
    "period": {"buckets": 5, "period_ns": 10 * SECOND_NS},
    "fixed": {"bucket_qty": "0.2", "buckets": 5},
    "bulk": {"bucket_qty": "0.2", "buckets": 5, "classify": "bulk"},
}
each = pytest.mark.parametrize("how", MEASURES.values(), ids=MEASURES.keys())


@given(st.lists(st.tuples(st.sampled_from((-1, 0, 1)), st.integers(1, 100)), min_size=5, max_size=40))
def test_volume_is_kept_and_vpin_is_a_share(rows: list[tuple[int, int]]) -> None:
    events = trades([(i, side, 100, lots) for i, (side, lots) in enumerate(rows)])
    frame = toxicity(events, PERP, bucket_qty="0.01", buckets=2)
    total = frame.select((pl.col("bucket_qty") * pl.col("buckets")).sum()).item()
    assert -1e-9 < events.qty_lots.sum() * 1e-3 - total < 0.01
    sides = frame["buy_qty"] + frame["sell_qty"] + frame["unknown_qty"]
    assert np.allclose(sides, frame["bucket_qty"])
    assert frame["vpin"].drop_nulls().is_between(0, 1).all()


def test_contracts_of_an_inverse_instrument() -> None:
    frame = toxicity(trades([(1, 1, 600_000, 7)]), COIN, bucket_qty=7)
    assert frame["buy_qty"].to_list() == [7.0]


def test_now_reads_and_does_not_finish() -> None:
    made = Toxicity(PERP, bucket_qty="0.01", buckets=1)
    made.push(trades([(1, 1, 100, 15)]))
    assert made.now().height == 0
    assert made.step(trades([(2, -1, 100, 5)])).height == 2


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"buckets": 0}, InputError, "must be positive, found 0"),
        ({"bucket_qty": "0"}, InputError, "choose between 1"),
        ({"bucket_qty": "1e20"}, InputError, "choose between 1"),
        ({"classify": "bulky"}, UnknownName, "did you mean 'bulk'"),
    ],
)
def test_what_cannot_be_meant_is_refused(how: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Toxicity(PERP, **how)


def test_a_bar_may_close_at_zero() -> None:
    """A close of 0 is a close: the change from it is one."""
    rows = [(i, 1, price, 10) for i, price in enumerate((3, 0, 2, 0, 0, 5, 1, 0, 4))]
    assert assert_equals_naive(trades(rows), bucket_qty="0.005", buckets=2, bar_ns=SECOND_NS) > 3


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm", "spot"])
def test_recordings(name: str, data_dir: Path) -> None:
    """Buckets of a fiftieth of the last minute: some hundred in five minutes, toxicity well inside (0, 1), all sides known."""
    events, _ = read_recording(name, data_dir)
    frame = toxicity(events, CAPTURES[name].instrument)
    assert frame["buckets"].sum() > 100
    assert frame["vpin"].drop_nulls().is_between(0.1, 1).all()
    assert frame["unknown_share"].max() == 0
    bulk = toxicity(events, CAPTURES[name].instrument, classify="bulk")
    assert 0.1 < bulk["vpin"].drop_nulls().mean() < 0.95  # type: ignore[operator]
