"""Open interest: against a slow twin, by hand, contract by contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.derivatives.open_interest import GROUPS, QUADRANTS, open_interest
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.naive_funding import naive_open_interest

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
SWAP = parse_instrument("okx:BTC-USDT-SWAP", tick="0.1", lot="1", multiplier="0.01")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
T0 = 1_700_006_400 * SECOND_NS


def table(column: str, *rows: tuple[float, float | None]) -> pl.DataFrame:
    """Seconds after T0, value."""
    ts, values = [T0 + round(t * SECOND_NS) for t, _ in rows], [v for _, v in rows]
    return pl.DataFrame({"ts_local": ts, column: values}, schema={"ts_local": pl.Int64, column: pl.Float64})


def measured(interest: list[float], price: list[float], instrument: Instrument = PERP, **how: Any) -> pl.DataFrame:
    """One report and one price a second."""
    reports = table("open_interest", *((i + 0.5, v) for i, v in enumerate(interest)))
    prices = table("mark_price", *((i + 0.4, v) for i, v in enumerate(price)))
    return open_interest(reports, prices, instrument, every_ns=SECOND_NS, **how)


def test_the_four_quadrants() -> None:
    frame = measured([100, 110, 100, 110, 100, 100], [50, 51, 52, 51, 50, 60])
    names = ["long_build_up", "short_covering", "short_build_up", "long_unwinding", "flat"]
    assert frame["quadrant"].to_list() == [None, *names]
    assert set(names) == {*QUADRANTS.values(), "flat"}
    assert frame["open_interest_change"].to_list() == [None, 10, -10, 10, -10, 0]
    assert frame["price_change_bps"][1] == pytest.approx(200)


def test_dead_zones() -> None:
    interest, price = [1000, 1004, 1010], [100, 101, 101.005]
    assert measured(interest, price)["quadrant"].to_list() == [None, "long_build_up", "long_build_up"]
    wide = measured(interest, price, dead_zone_share=0.005, dead_zone_bps=1)
    assert wide["quadrant"].to_list() == [None, "flat", "flat"]
    assert measured(interest, price, dead_zone_bps=1)["quadrant"].to_list() == [None, "long_build_up", "flat"]


def test_each_contract_in_its_own_unit() -> None:
    """1,000 contracts: coins of a linear one, a hundredth of a coin of a swap, 100 dollars of an inverse one."""
    rows = {i.id: measured([1000, 1000], [50_000, 25_000], i).to_dicts() for i in (PERP, SWAP, COIN)}
    shown = {name: [(r["open_interest"], r["open_coins"], r["open_notional"]) for r in both] for name, both in rows.items()}
    assert shown[PERP.id] == [(1000, 1000, 5e7), (1000, 1000, 2.5e7)]
    assert shown[SWAP.id] == [(10, 10, 5e5), (10, 10, 2.5e5)]
    assert shown[COIN.id] == [(1000, 2, 1e5), (1000, 4, 1e5)]
    assert [both[1]["open_interest_change"] for both in rows.values()] == [0, 0, 0]  # the price alone opens nothing


def test_old_and_missing_values_are_null() -> None:
    reports = table("open_interest", (0.5, 10), (9.5, 20))
    prices = table("mark_price", (0.5, 100), (1.5, None), (9.5, 110))
    frame = open_interest(reports, prices, PERP, every_ns=SECOND_NS, max_age_ns=3 * SECOND_NS)
    known = frame["open_interest"].is_not_null().to_list()
    assert known == [True] * 3 + [False] * 6 + [True]
    assert frame["open_interest_age_ns"].to_list()[:3] == [SECOND_NS // 2 + i * SECOND_NS for i in range(3)]
    assert frame["quadrant"].to_list() == [None, "flat", "flat", *[None] * 7]


@given(seed=st.integers(0, 2**32), inverse=st.booleans(), every=st.sampled_from([1, 7]), age=st.sampled_from([2, 30]))
@settings(max_examples=60)
def test_equals_naive_twin(seed: int, inverse: bool, every: int, age: int) -> None:
    draw = np.random.default_rng(seed)

    def said(values: Any) -> list[tuple[int, float | None]]:
        ts = np.sort(draw.integers(T0, T0 + 40 * SECOND_NS, len(values))).tolist()
        return [(t, None if draw.random() < 0.1 else float(v)) for t, v in zip(ts, values, strict=True)]

    reports = said(draw.integers(0, 6, int(draw.integers(0, 25))) * 50)
    prices = said(50_000 + draw.integers(-3, 4, int(draw.integers(0, 25))) * 10)
    schema = {"ts_local": pl.Int64, "open_interest": pl.Float64}, {"ts_local": pl.Int64, "mark_price": pl.Float64}
    tables = [pl.DataFrame(rows, schema=s, orient="row") for rows, s in zip((reports, prices), schema, strict=True)]
    instrument, multiplier = (COIN, "100") if inverse else (SWAP, "0.01")
    how = {"every_ns": every * SECOND_NS, "max_age_ns": age * SECOND_NS}
    frame = open_interest(*tables, instrument, **how, dead_zone_share=0.3, dead_zone_bps=2.5)
    naive = naive_open_interest(reports, prices, **how, multiplier=multiplier, inverse=inverse, dead=("0.3", "2.5"))
    found = frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    assert len(found) == len(naive)
    for ours, theirs in zip(found, naive, strict=True):
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert ours[name] == same, name


def test_laws_nothing_later_and_size() -> None:
    draw = np.random.default_rng(9)
    interest, price = draw.integers(900, 1100, 40).tolist(), draw.integers(90, 110, 40).tolist()
    full = measured(interest, price)
    for count in (2, 11, 39):
        assert_frame_equal(measured(interest[:count], price), full.head(count), check_exact=True)
        assert_frame_equal(measured(interest, [*price[:count], *[1.0] * 40]).head(count), full.head(count))
    assert_frame_equal(measured(interest, price), full, check_exact=True)
    larger = measured([4 * v for v in interest], price)
    linear = [c.name for c in GROUPS[0].columns if c.size == "linear"]
    assert_frame_equal(larger, full.with_columns(pl.col(linear) * 4), check_exact=True)
    assert full.columns == [c.name for c in GROUPS[0].columns]


def test_wrong_input() -> None:
    with pytest.raises(InputError, match="must not be negative"):
        measured([1], [1], dead_zone_bps=-1)
    with pytest.raises(DataError, match="0 or more"):
        measured([-1], [1])
    with pytest.raises(DataError, match=r"mark_price 0\.0, expected a positive price"):
        measured([1], [0])
    with pytest.raises(InputError, match="longer than nothing"):
        open_interest(table("open_interest", (0, 1)), table("mark_price", (0, 1)), PERP, every_ns=0)
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        open_interest(table("open_interest", (0, 1), (9, 1)), table("mark_price", (0, 1)), PERP, every_ns=1)
    empty = open_interest(table("open_interest"), table("mark_price"), PERP, every_ns=1)
    assert empty.schema == measured([1], [1]).schema


def test_endless_numbers_are_refused() -> None:
    reports = pl.DataFrame({"ts_local": [1, SECOND_NS + 1], "open_interest": [5.0, float("inf")]})
    with pytest.raises(DataError, match="row 1 has open_interest inf"):
        open_interest(reports, pl.DataFrame({"ts_local": [0], "mark_price": [1.0]}), PERP, every_ns=SECOND_NS)
