"""Funding: against a slow twin, by hand, and on recordings whose intervals change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import HOUR_NS, MINUTE_NS
from counterpoise.flow.derivatives.funding import GROUPS, INTERVALS_NS, YEAR_NS, funding
from counterpoise.flow.derivatives.settlements import funding_settlements
from reference.naive_funding import naive_funding, naive_settlements

T0 = 1_700_006_400 * 10**9  # midnight UTC
RECORDINGS = {
    "03_funding/binance_funding_15perps_2020_2023.parquet": ("datetime", "funding_rate"),
    "02_binance_perps_1m_2025/funding_8h_2025.parquet": ("date", "open"),
}


def paid(*rows: tuple[float, float | None]) -> pl.DataFrame:
    """Payments: hours after midnight, rate."""
    due, rates = [T0 + round(h * HOUR_NS) for h, _ in rows], [r for _, r in rows]
    return pl.DataFrame({"ts": due, "funding_rate": rates}, schema={"ts": pl.Int64, "funding_rate": pl.Float64})


def recorded(data_dir: Path, name: str) -> dict[str, pl.DataFrame]:
    """Payments of each symbol of a recording."""
    time, rate = RECORDINGS[name]
    frame = pl.read_parquet(data_dir / name).select(pl.col("symbol").cast(pl.String), ts=time, funding_rate=rate)
    return {str(key[0]): part.sort("ts") for key, part in frame.partition_by("symbol", as_dict=True).items()}


def test_annualised_by_its_own_interval() -> None:
    frame = funding(paid((0, 0.0001), (8, 0.0001), (12, 0.0001), (14, 0.0001), (15, -0.0002)))
    assert frame["interval_ns"].to_list() == [None, *(h * HOUR_NS for h in (8, 4, 2, 1))]
    assert frame["annualised"].to_list()[1:] == pytest.approx([0.1095, 0.219, 0.438, -1.752])
    assert frame["changed"].to_list() == [False, False, True, True, True]
    assert frame["cumulative"][-1] == pytest.approx(0.0002)
    assert frame["missing"].sum() == 0


def test_missing_payments_are_counted_not_invented() -> None:
    """16 h after 8 h is one missing; 3 h after 8 h is nothing known; 8 h after 4 h is a change of interval."""
    frame = funding(paid((0, 0.0001), (8, 0.0001), (24, 0.0001), (27, 0.0001), (51, 0.0003), (55, 0.0001), (63, 0.0001)))
    hours = [None if ns is None else ns // HOUR_NS for ns in frame["interval_ns"]]
    assert hours == [None, 8, 8, None, 8, 4, 8]
    assert frame["missing"].to_list() == [0, 0, 1, 0, 2, 0, 0]
    assert frame["annualised"][3] is None
    given_ = funding(paid((0, 0.0001), (4, 0.0001), (12, 0.0001)), interval_ns=4 * HOUR_NS)
    assert given_["missing"].to_list() == [0, 0, 1]
    assert given_["annualised"].to_list() == pytest.approx([0.219] * 3)


def test_an_unknown_rate_is_null_and_outside_the_sum() -> None:
    frame = funding(paid((0, 0.0001), (8, None), (16, 0.0002)))
    assert frame["annualised"][1] is None
    assert frame["cumulative"].to_list() == pytest.approx([0.0001, 0.0001, 0.0003])


@given(
    steps=st.lists(st.sampled_from([1, 2, 4, 8, 3, 12, 16, 24]), max_size=12),
    rates=st.lists(st.one_of(st.none(), st.floats(-0.02, 0.02)), min_size=13, max_size=13),
    late=st.lists(st.integers(0, 20_000_000_000), min_size=13, max_size=13),
)
@settings(max_examples=100)
def test_equals_naive_twin(steps: list[int], rates: list[float | None], late: list[int]) -> None:
    due = (T0 + np.cumsum([0, *steps]) * HOUR_NS + np.array(late[: len(steps) + 1])).tolist()
    rows = list(zip(due, rates, strict=False))
    frame = funding(pl.DataFrame({"ts": due, "funding_rate": pl.Series(rates[: len(due)], dtype=pl.Float64)}))
    found = frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    for ours, theirs in zip(found, naive_funding(rows), strict=True):
        assert {name: ours[name] for name in theirs} == {
            name: pytest.approx(v, rel=1e-12, abs=1e-17) if isinstance(v, float) else v for name, v in theirs.items()
        }


def marks(*rows: tuple[float, float | None, float | None, float]) -> pl.DataFrame:
    """Hours, rate shown, rate foretold, hour of the next payment; the local clock is a second behind."""
    return pl.DataFrame(
        {
            "ts_local": [T0 + round(h * HOUR_NS) + 10**9 for h, *_ in rows],
            "ts_venue": [T0 + round(h * HOUR_NS) for h, *_ in rows],
            "funding_rate": pl.Series([r for _, r, _, _ in rows], dtype=pl.Float64),
            "predicted_funding_rate": pl.Series([p for _, _, p, _ in rows], dtype=pl.Float64),
            "next_funding_ns": [T0 + round(n * HOUR_NS) for *_, n in rows],
        }
    )


def test_settlements_are_known_when_the_next_is_announced() -> None:
    table = marks(
        (7, 0.0001, 0.0004, 8),
        (7.99, 0.0002, 0.0005, 8),
        (8.01, 0.0003, 0.0001, 16),
        (15, None, None, 16),
        (15.98, 0.0006, 0.0002, 16),
        (16.5, 0.0007, 0.0002, 24),
        (20, 0.0009, 0.0002, 24),
    )
    found = funding_settlements(table)
    assert found["funding_rate"].to_list() == [0.0002, 0.0006]
    assert found["predicted"].to_list() == [None, 0.0005]
    assert found["first_rate"].to_list() == [None, 0.0003]
    assert found["ts"].dt.epoch("ns").to_list() == [T0 + 8 * HOUR_NS, T0 + 16 * HOUR_NS]
    assert found["ts_local"].dt.epoch("ns").to_list() == [T0 + round(h * HOUR_NS) + 10**9 for h in (8.01, 16.5)]
    frame = funding(found)
    assert frame["surprise"].to_list() == [None, pytest.approx(0.0001)]
    assert frame["drift"].to_list() == [None, pytest.approx(0.0003)]
    old = funding_settlements(table, max_age_ns=MINUTE_NS)
    assert old["funding_rate"].to_list() == [0.0002, None]
    assert funding_settlements(table.head(0)).height == 0
    for rows in range(1, table.height + 1):  # nothing later changes what was known
        part = funding_settlements(table.head(rows))
        assert_frame_equal(part, found.head(part.height))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("age", [MINUTE_NS, 2 * HOUR_NS])
def test_settlements_equal_naive_twin(seed: int, age: int) -> None:
    """Rows without a stamp, a rate, a forecast or a venue's clock; stamps some seconds late."""
    draw = np.random.default_rng(seed)
    hours = np.sort(draw.uniform(0, 60, 90))
    table = marks(*((h, 1e-4 * i, None if i % 3 else 1e-5 * i, 8 * (h // 8 + 1)) for i, h in enumerate(hours.tolist())))
    late, row = pl.Series(draw.integers(0, 20, 90) * 10**9), pl.int_range(pl.len())
    odd = table.with_columns(
        pl.when(row % 7 != 3).then(pl.col("next_funding_ns") + late),
        pl.when(row % 4 != 1).then("funding_rate"),
        ts_venue=pl.when(row % 5 != 2).then("ts_venue").otherwise(0),
    )
    found = funding_settlements(odd, max_age_ns=age).with_columns(pl.col("ts", "ts_local").dt.epoch("ns"))
    assert found.height > 5
    assert found.to_dicts() == naive_settlements(odd.to_dicts(), age)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (paid((0, 0.01), (8, -0.31)), "can only be percent; pass unit='percent'"),
        (paid(*((8 * i, 0.01) for i in range(60))), "more than half of 60 payments above 0.005"),
        (paid((0, 0.0001), (0, 0.0001)), "rows 0 and 1 are both due"),
        (paid((8, 0.0001), (0, 0.0001)), "ts goes back at row 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(frame: pl.DataFrame, words: str) -> None:
    with pytest.raises(DataError, match=words):
        funding(frame)


def test_a_unit_that_is_said_is_believed() -> None:
    percent = paid(*((8 * i, 0.01) for i in range(60)))
    assert funding(percent, unit="percent")["annualised"][1] == pytest.approx(0.1095)
    assert funding(percent, unit="fraction")["annualised"][1] == pytest.approx(10.95)
    with pytest.raises(UnknownName, match="did you mean 'percent'"):
        funding(percent, unit="percents")  # type: ignore[arg-type]


def test_wrong_arguments() -> None:
    with pytest.raises(DataError, match="no multiple of 4h"):
        funding(paid((0, 0.0001), (6, 0.0001)), interval_ns=4 * HOUR_NS)
    with pytest.raises(InputError, match="longer than nothing"):
        funding(paid((0, 0.0001)), interval_ns=0)
    with pytest.raises(InputError, match="needs a column 'funding_rate'"):
        funding(paid((0, 0.0001)).drop("funding_rate"))
    with pytest.raises(DataError, match="next funding goes back"):
        funding_settlements(marks((1, 0.0001, None, 16), (2, 0.0001, None, 8)))


def test_empty_and_columns() -> None:
    frame = funding(paid())
    assert frame.height == 0
    assert frame.columns == [column.name for column in GROUPS[0].columns]
    assert frame.schema == funding(paid((0, 0.0001))).schema


def test_laws_nothing_later_and_the_sign() -> None:
    """Nothing later changes a row; turned rates turn every rate and no interval; inputs are left alone."""
    draw = np.random.default_rng(5)
    hours = np.cumsum(draw.choice([1, 2, 4, 8, 8, 16], 60))
    rows = [(float(h), float(r)) for h, r in zip(hours, draw.normal(0, 1e-4, 60), strict=True)]
    table = paid(*rows)
    before, full = table.clone(), funding(table)
    for count in (1, 7, 30, 59):
        assert_frame_equal(funding(table.head(count)), full.head(count), check_exact=True)
    assert_frame_equal(table, before)
    turned = funding(table.with_columns(-pl.col("funding_rate")))
    odd = ["funding_rate", "annualised", "cumulative"]
    assert_frame_equal(turned.with_columns(-pl.col(name) for name in odd), full)


@pytest.mark.realdata
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_recorded_payments(data_dir: Path, name: str) -> None:
    """Every interval is known, none is missing, and no rate is too large for a fraction."""
    changes = {}
    for symbol, payments in recorded(data_dir, name).items():
        frame = funding(payments)
        assert frame["interval_ns"].drop_nulls().len() == frame.height - 1
        assert set(frame["interval_ns"].drop_nulls()) <= set(INTERVALS_NS)
        assert frame["missing"].sum() == 0
        assert frame["cumulative"][-1] == pytest.approx(payments["funding_rate"].sum(), rel=1e-9)
        paid_out = (frame["annualised"] * frame["interval_ns"]).sum() / YEAR_NS
        assert paid_out == pytest.approx(payments["funding_rate"][1:].sum(), abs=1e-9)
        changes[symbol] = int(frame["changed"].sum())
    hopping = {symbol for symbol, count in changes.items() if count}
    assert hopping == ({"SOLUSDT"} if name.startswith("03") else {"LAYER"})


@pytest.mark.realdata
def test_recorded_hourly_payments_of_layer(data_dir: Path) -> None:
    """4 h, then 1 h in the crash: the same rate is four times as much a year."""
    frame = funding(recorded(data_dir, sorted(RECORDINGS)[0])["LAYER"])
    counts = dict(frame["interval_ns"].drop_nulls().value_counts().rows())
    assert counts == {4 * HOUR_NS: 305, HOUR_NS: 678}
    hourly: dict[str, Any] = frame.filter(pl.col("interval_ns") == HOUR_NS).row(0, named=True)
    assert hourly["annualised"] == pytest.approx(hourly["funding_rate"] * 8760)


@pytest.mark.realdata
@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_recordings_in_percent(data_dir: Path, name: str) -> None:
    """A hundred times too large is seen, but for quiet coins whose percent could be fractions: those need unit=."""
    missed = set()
    for symbol, payments in recorded(data_dir, name).items():
        percent = payments.with_columns(pl.col("funding_rate") * 100)
        try:
            funding(percent)
        except DataError:
            assert_frame_equal(funding(percent, unit="percent"), funding(payments), rel_tol=1e-9)
        else:
            missed.add(symbol)
    assert missed == (set() if name.startswith("03") else {"BNB", "BTC", "ENA", "ETH"})
