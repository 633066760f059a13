"""Runs of orders against their slow twin and their laws; and what their law of size is on a recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.metaorders import Metaorders, metaorders
from counterpoise.flow.impact.square_root_fit import fit_square_root
from counterpoise.market.event import FIRST, GAP, LAST, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.naive_metaorders import naive_metaorders
from reference.random_stream import RandomStream
from reference.twin_rows import assert_same_rows

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
CENTRE = 600_000
Given = list[tuple[int, int, int, int]]  # seconds, side, price, lots; side 2 is a gap


def trades(rows: Given) -> Events:
    columns = [
        (s * SECOND_NS, s * SECOND_NS, i, i, GAP if side == 2 else TRADE, 0 if side == 2 else side, FIRST | LAST, p, q)
        for i, (s, side, p, q) in enumerate(rows)
    ]
    made = zip(*columns, strict=True) if columns else Events.empty()
    return Events._make(np.array(c, t.dtype) for c, t in zip(made, Events.empty(), strict=True))


def times_as_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("start", "end").dt.epoch("ns"))


@pytest.mark.parametrize("of", [PERP, COIN], ids=["linear", "inverse"])
@pytest.mark.parametrize(("least_orders", "silence_ns"), [(1, SECOND_NS), (2, 3 * SECOND_NS)])
@pytest.mark.parametrize("seed", range(3))
def test_equals_naive_twin(seed: int, least_orders: int, silence_ns: int, of: Instrument) -> None:
    events = RandomStream(seed, centre=CENTRE, far=50_000).events(250)
    frame = metaorders(events, of, least_orders=least_orders, silence_ns=silence_ns)
    expected = naive_metaorders(events, of, least_orders=least_orders, silence_ns=silence_ns)
    assert_same_rows(times_as_numbers(frame), expected)
    assert frame.height >= 3


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from((-1, 0, 1, 1, 2)), st.integers(90, 99), st.integers(0, 9)), max_size=30
    )
)
def test_few_trades_equal_naive_twin(rows: Given) -> None:
    """Empty input, zero sizes, unknown sides, gaps, several trades of one order."""
    clock = np.cumsum([row[0] for row in rows]).tolist()
    events = trades([(t, *row[1:]) for t, row in zip(clock, rows, strict=True)])
    frame = metaorders(events, PERP, silence_ns=2 * SECOND_NS)
    assert_same_rows(times_as_numbers(frame), naive_metaorders(events, PERP, least_orders=2, silence_ns=2 * SECOND_NS))


def test_a_run_by_hand() -> None:
    """Two trades of one second are one order; the unknown one after the last is not of its time; the sale ends it."""
    rows = [
        (1, 1, 1000, 2),
        (1, 1, 1001, 3),
        (2, 0, 1001, 7),
        (3, 1, 1010, 5),
        (4, 0, 1010, 9),
        (5, -1, 1009, 1),
        (6, -1, 1000, 1),
    ]
    bought, sold = metaorders(trades(rows), PERP).to_dicts()
    assert (bought["orders"], bought["trades"], bought["side"]) == (2, 3, 1)
    assert (bought["qty"], bought["unknown_qty"]) == (0.01, 0.007)
    assert bought["impact_bps"] == pytest.approx(100.0)
    assert bought["notional"] == pytest.approx((2 * 1000 + 3 * 1001 + 5 * 1010) * 1e-4)
    assert bought["ts_local"].timestamp() == 5
    assert sold["impact_bps"] == pytest.approx(-9 / 1009 * 1e4)


def test_more_runs_than_one_call_may_write() -> None:
    rows = [(i, 1 if i // 2 % 2 else -1, 1000, 1) for i in range(20_000)]
    assert metaorders(trades(rows), PERP).height == 10_000


@pytest.mark.parametrize("how", [{"least_orders": 0}, {"silence_ns": 0}])
def test_what_cannot_be_meant_is_refused(how: dict[str, int]) -> None:
    with pytest.raises(InputError, match="must be positive"):
        Metaorders(PERP, **how)  # type: ignore[arg-type]


def test_a_large_run_on_a_fine_grid_does_not_overflow() -> None:
    fine = parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")
    run = metaorders(trades([(i, 1, 6_000_000, 300 * 10**8) for i in range(100)]), fine)
    assert run["notional"].to_list() == pytest.approx([30_000 * 60_000.0])


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "coinm"])
def test_recordings(name: str, data_dir: Path) -> None:
    """Long runs push the price their way, and larger ones farther; the exponent is a proxy's and only has to be one."""
    events, _ = read_recording(name, data_dir)
    runs = metaorders(events, CAPTURES[name].instrument, least_orders=3)
    assert runs.height > 50
    assert (runs["side"] * runs["impact_bps"]).mean() > 0  # type: ignore[operator]
    day = runs["qty"].sum() * 250
    fit = fit_square_root(runs, volume=pl.lit(day), volatility=pl.lit(200.0))
    assert 0 < fit.exponent < 1.5
    assert fit.exponent_se > 0.02
