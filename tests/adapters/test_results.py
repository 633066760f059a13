"""Results come back as they were saved, once."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.adapters.results import ResultStore, RunResult
from counterpoise.core.errors import DataError, InputError, SchemaError, UnknownName
from counterpoise.market.order import Fill


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ResultStore]:
    with ResultStore(tmp_path / "runs.db") as opened:
        yield opened


def run(**changes: object) -> RunResult:
    values: dict[str, object] = {
        "config_hash": "c0ffee",
        "data_hash": "da7a",
        "version": "0.1.0",
        "instrument": "testex:BTCUSDT",
        "side": -1,
        "qty": "5000.000000000000000001",
        "filled_qty": "4999.5",
        "arrival_price": 61800.1,
        "average_price": 61790.0,
        "shortfall_bps": 1.634,
        "fees": -0.5,
        "start_ns": 1_723_161_255_030_314_667,
        "end_ns": 1_723_161_600_000_000_000,
        "summary": {"schedule": [1, 2.5, None], "é": {"b": 1, "a": 2}},
    }
    return RunResult(**{**values, **changes})  # type: ignore[arg-type]


def fill(i: int) -> Fill:
    return Fill(
        ts_ns=2**62 + i,
        client_id=f"p-{i}",
        instrument="testex:BTCUSDT",
        side=-1,
        price_ticks=10 + i,
        qty_lots=3,
        fee=0.1 * i,
        maker=i % 2 == 0,
        trade_id=i + 1,
    )


def test_a_run_and_its_fills_come_back(store: ResultStore) -> None:
    assert store.save(run(), [fill(i) for i in range(12)])
    row = store.runs().row(0, named=True)
    summary = row.pop("summary")
    assert row == {"run_id": "c0ffee-da7a", **{k: getattr(run(), k) for k in row if k != "run_id"}}
    assert summary == '{"schedule":[1,2.5,null],"é":{"a":2,"b":1}}'
    fills = store.fills("c0ffee-da7a")
    assert fills["number"].to_list() == list(range(12))
    names = Fill.__struct_fields__
    assert fills.select(names).rows() == [tuple(getattr(fill(i), name) for name in names) for i in range(12)]


def test_saving_again_changes_nothing(store: ResultStore) -> None:
    assert store.save(run(), [fill(0)])
    before = store.runs()
    assert not store.save(run(), [fill(0)])
    assert store.runs().equals(before)
    assert store.fills(run().run_id).height == 1


@pytest.mark.parametrize("other", [{"shortfall_bps": 2.0}, {"version": "0.2.0"}, {"summary": {}}, {"fills": []}])
def test_another_outcome_of_the_same_run_is_refused_or_replaces(store: ResultStore, other: dict[str, object]) -> None:
    fills = other.pop("fills", [fill(0)])
    store.save(run(), [fill(0)])
    with pytest.raises(InputError, match=r"another outcome.*replace=True"):
        store.save(run(**other), fills)  # type: ignore[arg-type]
    assert store.runs()["shortfall_bps"].to_list() == [1.634]
    assert store.save(run(**other), fills, replace=True)  # type: ignore[arg-type]
    assert not store.save(run(**other), fills)  # type: ignore[arg-type]
    assert store.fills(run().run_id).height == len(fills)  # type: ignore[arg-type]


def test_a_save_that_fails_leaves_nothing(store: ResultStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "runs.db") as raw:
        raw.execute("CREATE TRIGGER no BEFORE INSERT ON fills WHEN NEW.number = 2 BEGIN SELECT RAISE(ABORT, 'disk'); END")
    raw.close()
    with pytest.raises(DataError, match="not saved: disk"):
        store.save(run(), [fill(i) for i in range(3)])
    assert store.runs().height == 0
    assert store.save(run(), [fill(0)])


def test_runs_are_in_order_of_time_and_typed_when_empty(store: ResultStore) -> None:
    assert store.runs().schema["start_ns"] == pl.Int64
    for i in (3, 1, 2):
        store.save(run(data_hash=f"d{i}", start_ns=i, shortfall_bps=None, average_price=None))
    frame = store.runs()
    assert frame["start_ns"].to_list() == [1, 2, 3]
    assert frame["shortfall_bps"].dtype == pl.Float64
    assert store.fills("c0ffee-d1").schema["fee"] == pl.Float64


def test_what_is_not_a_number_is_null_or_refused(store: ResultStore) -> None:
    store.save(run(shortfall_bps=math.nan, summary={"r2": math.nan, "worst": -math.inf}))
    assert not store.save(run(shortfall_bps=math.nan, summary={"r2": math.nan, "worst": -math.inf}))
    row = store.runs().row(0, named=True)
    assert (row["shortfall_bps"], row["summary"]) == (None, '{"r2":null,"worst":null}')
    with pytest.raises(InputError, match="finite"):
        run(fees=math.nan)
    with pytest.raises(InputError, match=r"side 0"):
        run(side=0)
    bad = Fill(ts_ns=1, client_id="p", instrument="i", side=1, price_ticks=1, qty_lots=1, fee=math.inf, maker=True)
    with pytest.raises(InputError, match="fee inf"):
        store.save(run(data_hash="x"), [bad])


def test_names_and_databases_that_do_not_fit(store: ResultStore, tmp_path: Path) -> None:
    store.save(run())
    with pytest.raises(UnknownName, match="did you mean 'c0ffee-da7a'"):
        store.fills("c0ffee-da7")
    for url in ("nothing", "nodialect://x", tmp_path / "none" / "runs.db"):
        with pytest.raises(InputError):
            ResultStore(url)
    (tmp_path / "text.db").write_text("not a database, but long enough to be looked at " * 9)
    with pytest.raises(InputError, match="cannot open"):
        ResultStore(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "old.db") as raw:
        raw.execute("CREATE TABLE runs (run_id TEXT)")
    raw.close()
    with pytest.raises(SchemaError, match="table 'runs' has columns"):
        ResultStore(tmp_path / "old.db")


@settings(deadline=None, max_examples=30)
@given(
    qty=st.decimals(allow_nan=False, allow_infinity=False).map(str),
    fee=st.floats(allow_nan=False, allow_infinity=False),
    ns=st.integers(-(2**63), 2**63 - 1),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_numbers_keep_every_bit(qty: str, fee: float, ns: int, text: str) -> None:
    one = Fill(ts_ns=ns, client_id="p", instrument="i", side=1, price_ticks=ns, qty_lots=1, fee=fee, maker=False)
    with ResultStore("sqlite://") as opened:
        opened.save(run(qty=qty, fees=fee, start_ns=ns, summary={"t": text, "fee": fee}), [one])
        assert not opened.save(run(qty=qty, fees=fee, start_ns=ns, summary={"t": text, "fee": fee}), [one])
        row, found = opened.runs().row(0, named=True), opened.fills("c0ffee-da7a").row(0, named=True)
    assert (row["qty"], row["fees"], row["start_ns"]) == (qty, fee, ns)
    assert (found["fee"], found["ts_ns"]) == (fee, ns)
