"""Basis and carry: against a slow twin and by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import DAY_NS, HOUR_NS, SECOND_NS
from counterpoise.flow.derivatives.basis import GROUPS, basis
from counterpoise.flow.derivatives.funding import funding
from counterpoise.market.symbol import parse_instrument
from reference.naive_funding import naive_basis

PERP = parse_instrument("binance_usdm:BTCUSDT")
FUTURE = parse_instrument("deribit:BTC-27MAR26")
HOURLY = parse_instrument("hyperliquid:BTC")
SPOT = parse_instrument("binance:BTCUSDT")
assert FUTURE.expiry_ns is not None
YEAR_BEFORE = FUTURE.expiry_ns - 365 * DAY_NS


def table(t0: int, *rows: tuple[float, float | None, float | None]) -> pl.DataFrame:
    """Seconds after t0, mark, index."""
    ts, mark, index = zip(*((t0 + round(t * SECOND_NS), m, i) for t, m, i in rows), strict=True) if rows else ((), (), ())
    columns = {"ts_local": ts, "mark_price": mark, "index_price": index}
    schema = {"ts_local": pl.Int64, "mark_price": pl.Float64, "index_price": pl.Float64}
    return pl.DataFrame(columns, schema=schema)


def spot_table(t0: int, *rows: tuple[float, float]) -> pl.DataFrame:
    return table(t0, *((t, p, None) for t, p in rows)).select("ts_local", price="mark_price")


def test_a_future_a_year_away() -> None:
    """8 % above the index a year before delivery, but for the second between the bin's end and the price."""
    row = basis(table(YEAR_BEFORE, (-0.5, 108.0, 100.0)), FUTURE, every_ns=SECOND_NS).to_dicts()[0]
    assert (row["basis"], row["tenor_ns"]) == (8.0, 365 * DAY_NS)
    assert row["basis_bps"] == pytest.approx(800)
    assert row["annualised"] == pytest.approx(0.08)
    assert row["carry"] == pytest.approx(math.log(1.08))


def test_near_delivery_nothing_is_annualised() -> None:
    close = table(FUTURE.expiry_ns or 0, (-1800, 101.0, 100.0))
    row = basis(close, FUTURE, every_ns=SECOND_NS).to_dicts()[0]
    assert row["basis_bps"] == pytest.approx(100)
    assert (row["annualised"], row["carry"]) == (None, None)
    hour = table(FUTURE.expiry_ns or 0, (-3600.5, 101.0, 100.0), (-3599.5, 101.0, 100.0))
    assert basis(hour, FUTURE, every_ns=SECOND_NS)["carry"].is_null().to_list() == [False, True]
    assert basis(close, FUTURE, every_ns=SECOND_NS, min_tenor_ns=0)["annualised"][0] == pytest.approx(0.01 * 8760 * 2, rel=1e-3)


def test_the_carry_of_a_perpetual_is_its_funding() -> None:
    prices = table(YEAR_BEFORE, (0.5, 100.1, 100.0), (1.5, 100.2, 100.0), (2.5, 100.2, 100.0))
    due = [YEAR_BEFORE - 8 * HOUR_NS, YEAR_BEFORE + 3 * SECOND_NS // 2]
    paid = funding(pl.DataFrame({"ts": due, "funding_rate": [0.0001, 0.0003]}), unit="fraction")
    frame = basis(prices, PERP, every_ns=SECOND_NS, funding=paid)
    assert frame["carry"].to_list() == [None, pytest.approx(0.0003 * 1095, rel=1e-3), pytest.approx(0.3285, rel=1e-3)]
    assert frame["annualised"].to_list() == frame["tenor_ns"].to_list() == [None] * 3


def test_against_spot_in_another_currency() -> None:
    prices = table(YEAR_BEFORE, (0.5, 50_500.0, None))
    spot = spot_table(YEAR_BEFORE, (0.2, 50_000.0))
    rate = spot_table(YEAR_BEFORE, (0.1, 1.002))
    with pytest.raises(InputError, match="pass rate=, the price of one USDT in USD"):
        basis(prices, FUTURE, every_ns=SECOND_NS, spot=spot, spot_instrument=SPOT)
    row = basis(prices, FUTURE, every_ns=SECOND_NS, spot=spot, spot_instrument=SPOT, rate=rate).to_dicts()[0]
    assert row["reference"] == pytest.approx(50_100)
    assert row["basis_bps"] == pytest.approx((505 / 501 - 1) * 1e4)
    assert basis(prices, PERP, every_ns=SECOND_NS, spot=spot, spot_instrument=SPOT)["basis"].to_list() == [500.0]


@given(seed=st.integers(0, 2**32), every=st.sampled_from([1, 6]), age=st.sampled_from([1, 30]), perp=st.booleans())
@settings(max_examples=60)
def test_equals_naive_twin(seed: int, every: int, age: int, perp: bool) -> None:
    draw = np.random.default_rng(seed)
    t0 = YEAR_BEFORE if draw.random() < 0.7 else (FUTURE.expiry_ns or 0) - 4000 * SECOND_NS
    count = int(draw.integers(0, 30))
    ts = np.sort(draw.uniform(0, 40, count))
    pick = [[None if draw.random() < 0.2 else 100 + float(draw.normal()) for _ in range(count)] for _ in range(2)]
    prices = table(t0, *zip(ts.tolist(), *pick, strict=True))
    instrument = PERP if perp else FUTURE
    how = {"every_ns": every * SECOND_NS, "max_age_ns": age * SECOND_NS}
    said = [list(prices.select("ts_local", name).iter_rows()) for name in ("mark_price", "index_price")]
    naive = naive_basis(*said, **how, expiry=instrument.expiry_ns)
    found = basis(prices, instrument, **how).with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    assert len(found) == len(naive)
    for ours, theirs in zip(found, naive, strict=True):
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            same = pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value
            assert ours[name] == same, name


def test_laws_nothing_later_and_no_change_of_input() -> None:
    draw = np.random.default_rng(3)
    rows = [(i + 0.5, 100 + float(draw.normal()), 100 + float(draw.normal())) for i in range(30)]
    prices = table(YEAR_BEFORE, *rows)
    before, full = prices.clone(), basis(prices, FUTURE, every_ns=SECOND_NS)
    for count in (1, 12, 29):
        assert_frame_equal(basis(prices.head(count), FUTURE, every_ns=SECOND_NS), full.head(count), check_exact=True)
    assert_frame_equal(prices, before)
    assert full.columns == [c.name for c in GROUPS[0].columns]


def test_wrong_input() -> None:
    after = table(FUTURE.expiry_ns or 0, (-5, 100.0, 100.0), (5, 100.0, 100.0))
    with pytest.raises(DataError, match="is delivered at 2026-03-27 08:00"):
        basis(after, FUTURE, every_ns=SECOND_NS)
    with pytest.raises(DataError, match="expected a positive price"):
        basis(table(YEAR_BEFORE, (0, 100.0, -1.0)), FUTURE, every_ns=SECOND_NS)
    with pytest.raises(InputError, match="is of kind option; a basis is"):
        basis(after, parse_instrument("deribit:BTC-27MAR26-80000-C"), every_ns=SECOND_NS)
    with pytest.raises(InputError, match="compare markets of one coin"):
        basis(after, PERP, every_ns=SECOND_NS, spot=after, spot_instrument=parse_instrument("binance:ETHUSDT"))
    with pytest.raises(InputError, match="needs a column 'ts_local'"):
        basis(after.drop("ts_local"), FUTURE, every_ns=SECOND_NS)
    whole = table(YEAR_BEFORE, (0, 100.0, 100.0))
    assert basis(table(YEAR_BEFORE), FUTURE, every_ns=SECOND_NS).schema == basis(whole, FUTURE, every_ns=SECOND_NS).schema


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("ts_local", ["a"], "expected ns as integers"),
        ("ts_local", [None], "no ts_local"),
        ("mark_price", ["x"], "expected numbers"),
    ],
)
def test_columns_of_another_kind_are_refused(column: str, value: list[object], words: str) -> None:
    dtype = pl.Int64 if value == [None] else None
    bad = table(YEAR_BEFORE, (0, 100.0, 100.0)).with_columns(pl.Series(column, value, dtype=dtype))
    with pytest.raises((InputError, DataError), match=words):
        basis(bad, FUTURE, every_ns=SECOND_NS)


def test_no_rate_between_equal_currencies_and_no_spot_without_terms() -> None:
    prices, spot = table(YEAR_BEFORE, (0.5, 101.0, 100.0)), spot_table(YEAR_BEFORE, (0.2, 100.0))
    with pytest.raises(InputError, match="both quoted in USDT; leave rate= out"):
        basis(prices, PERP, every_ns=SECOND_NS, spot=spot, spot_instrument=SPOT, rate=spot)
    with pytest.raises(InputError, match="pass spot_instrument= with spot="):
        basis(prices, PERP, every_ns=SECOND_NS, spot=spot)


@pytest.mark.parametrize(("days", "carried"), [(0.9, True), (1.1, False)])
def test_old_funding_is_no_carry(days: float, carried: bool) -> None:
    paid = pl.DataFrame({"ts_local": [YEAR_BEFORE - round(days * DAY_NS)], "annualised": [0.5]})
    frame = basis(table(YEAR_BEFORE, (0.5, 101.0, 100.0)), PERP, every_ns=SECOND_NS, funding=paid)
    assert frame["carry"].to_list() == [0.5 if carried else None]


@pytest.mark.realdata
def test_recorded_contexts_of_a_venue(data_dir: Path) -> None:
    """The premium a venue states for each perpetual is the basis of its impact price: bid above the oracle, or ask below."""
    file = data_dir / "08_venue_captures" / "hyperliquid_all_asset_ctxs.json"
    contexts = json.loads(file.read_text())["data"]["ctxs"][0][1]
    found, stated = [], []
    for said in contexts:
        if said["premium"] is not None and said["impactPxs"]:
            oracle, (bid, ask) = float(said["oraclePx"]), map(float, said["impactPxs"])
            impact = max(bid, min(ask, oracle))
            row = basis(table(YEAR_BEFORE, (0.5, impact, oracle)), HOURLY, every_ns=SECOND_NS)
            found.append(row["basis_bps"][0])
            stated.append(float(said["premium"]) * 1e4)
    assert len(stated) > 150
    assert np.std(stated) > 2
    assert found == pytest.approx(stated, abs=1e-4)
    hourly = pl.DataFrame({"ts": [YEAR_BEFORE], "funding_rate": [float(contexts[0]["funding"])]})
    yearly = funding(hourly, interval_ns=HOUR_NS)["annualised"][0]
    assert yearly == pytest.approx(float(contexts[0]["funding"]) * 8760)
