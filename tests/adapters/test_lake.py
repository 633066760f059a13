"""What goes into a lake comes out: every table, any file system, any order, any range of time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import fsspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.adapters import lake_ingest
from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import source_hash
from counterpoise.adapters.reader import Batch
from counterpoise.adapters.storage import open_storage
from counterpoise.core.errors import DataError, InputError, SchemaError, UnknownName
from counterpoise.core.schema import TABLES, TICK_TABLES
from counterpoise.core.units import DAY_NS, SECOND_NS, utc_date
from reference.lake_rows import START_NS, as_rows, in_order, perp, rows, split

BTC = perp()


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "local":
        yield str(tmp_path / "a lake's [folder]")
        return
    yield "memory://lake"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def files(lake_dir: Path) -> list[Path]:
    return sorted(lake_dir.rglob("*.parquet"))


@pytest.mark.parametrize("table", TABLES)
def test_rows_come_back_as_they_were(url: str, table: str) -> None:
    frame = rows(table, 500)
    Lake(url).ingest("a", [Batch(BTC, table, piece) for piece in split(frame, [100, 101])])
    found = Lake(url).scan(BTC.id, table).collect()
    assert_frame_equal(found, pl.DataFrame(in_order([frame]), schema=frame.schema, orient="row"))
    assert Lake(url).instruments() == [BTC]


def test_the_same_content_is_not_read_again(url: str) -> None:
    def untouched() -> Iterator[Batch]:
        raise AssertionError("the source was read")
        yield

    batch = Batch(BTC, "trade", rows("trade", 50))
    first = Lake(url).ingest("a", [batch])
    again = Lake(url).ingest("a", untouched())
    assert (first.already_there, again.already_there, again.rows) == (False, True, 50)
    assert "already in the lake" in str(again)
    assert Lake(url).scan(BTC.id, "trade").collect().height == 50


def test_time_that_is_there_is_refused_and_replaced_only_on_request(url: str) -> None:
    lake = Lake(url)
    lake.ingest("a", [Batch(BTC, "book", rows("book", 100)), Batch(BTC, "trade", rows("trade", 70))])
    changed = rows("book", 90, seed=1)
    with pytest.raises(InputError, match=r"has this time already: source a has book of testex:BTC.*replace=True"):
        lake.ingest("b", [Batch(BTC, "book", changed)])
    assert lake.describe()["rows"].to_list() == [100, 70]
    result = lake.ingest("b", [Batch(BTC, "book", changed)], replace=True)
    assert [o.manifest.source for o in result.replaced] == ["a"]
    assert "dropped 170 rows" in str(result)
    assert Lake(url).describe()["rows"].to_list() == [90]
    assert lake.ingest("a", [Batch(BTC, "book", rows("book", 100))], replace=True).replaced[0].manifest.source == "b"
    assert Lake(url).scan(BTC.id, "book").collect().height == 100


def test_files_that_follow_each_other_may_share_an_instant(lake: Lake) -> None:
    first, second = rows("bar", 20), rows("bar", 20, seed=1)
    shift = first["ts_local"].max() - second["ts_local"].min()
    lake.ingest("a", [Batch(BTC, "bar", first)])
    lake.ingest("b", [Batch(BTC, "bar", second.with_columns(pl.col("ts_local") + shift))])
    assert lake.scan(BTC.id, "bar").collect().height == 40


def test_same_time_of_another_table_or_instrument_is_no_overlap(lake: Lake) -> None:
    frame = rows("book", 30)
    for i, batch in enumerate([Batch(BTC, "book", frame), Batch(BTC, "quote", frame), Batch(perp("btc"), "book", frame)]):
        lake.ingest(f"s{i}", [batch])
    assert lake.describe()["rows"].to_list() == [30, 30, 30]


@pytest.mark.parametrize("symbol", ["BTC/USDT:USDT", "1000", "a=b&c%2F", "日本 x", "..", "it's"])
def test_any_symbol_makes_a_folder_and_a_column(url: str, symbol: str) -> None:
    instrument = perp(symbol)
    lake = Lake(url)
    lake.ingest("a", [Batch(instrument, "trade", rows("trade", 9))])
    assert lake.scan(instrument.id, "trade").collect().height == 9
    with lake.sql() as sql:
        found = sql.execute("SELECT venue, instrument, CAST(date AS VARCHAR), count(*) FROM trade GROUP BY ALL").fetchall()
    assert found == [("testex", symbol, "2024-08-08", 9)]


def test_out_of_order_batches_are_sorted_and_days_split(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_ingest, "PART_BYTES", 20_000)
    frame = rows("book", 4000, span_ns=2 * DAY_NS)
    pieces = split(frame, range(0, 4000, 100))
    pieces = pieces[1::2] + pieces[::2]
    lake.ingest("a", [Batch(BTC, "book", piece) for piece in pieces])
    assert len(files(tmp_path)) > 6
    expected = in_order(pieces)
    assert lake.scan(BTC.id, "book").collect().rows() == expected
    assert as_rows(lake.stream(BTC.id, chunk_rows=333)) == expected
    days = frame.group_by(pl.col("ts_local") // DAY_NS).len().sort("ts_local")
    shown = lake.describe()
    assert shown["date"].cast(pl.String).to_list() == [utc_date(day * DAY_NS) for day in days["ts_local"]]
    assert shown["rows"].to_list() == days["len"].to_list()
    assert shown["first"].cast(pl.Int64).min() == frame["ts_local"].min()
    assert shown["bytes"].sum() == sum(path.stat().st_size for path in files(tmp_path))


def test_buffers_of_many_instruments_stay_bounded(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_ingest, "BUFFER_BYTES", 60_000)
    many = [Batch(perp(f"S{i % 10}"), "trade", rows("trade", 100, start_ns=START_NS + i * SECOND_NS)) for i in range(60)]
    lake.ingest("a", many)
    assert len(files(tmp_path)) > 10
    assert lake.describe()["rows"].to_list() == [600] * 10


@pytest.mark.parametrize(("start", "end"), [(None, None), (300, None), (None, 700), (300, 301), (-9, 0), (1000, 2000), (0, 5)])
def test_ranges_are_half_open(url: str, start: int | None, end: int | None) -> None:
    frame = rows("quote", 1000)
    lake = Lake(url)
    lake.ingest("a", [Batch(BTC, "quote", frame)])
    cut = {
        "start_ns": None if start is None else START_NS + start * 10**6,
        "end_ns": None if end is None else START_NS + end * 10**6,
    }
    low, high = cut["start_ns"] or 0, cut["end_ns"] or 2**63 - 1
    expected = [row for row in in_order([frame]) if low <= row[0] < high]
    assert lake.scan(BTC.id, "quote", **cut).collect().rows() == expected
    assert as_rows([lake.events(BTC.id, tables=("quote",), **cut)]) == expected
    span = lake.span_ns(BTC.id, **cut)
    assert not expected or (span is not None and span[0] <= expected[0][0] <= expected[-1][0] <= span[1])


def test_files_outside_the_range_are_not_opened(lake: Lake, tmp_path: Path) -> None:
    for i in range(3):
        lake.ingest(f"s{i}", [Batch(BTC, "book", rows("book", 40, start_ns=START_NS + i * 2 * SECOND_NS))])
    for path in files(tmp_path):
        if "s1-" not in path.name:
            path.unlink()
    cut = {"start_ns": START_NS + 2 * SECOND_NS, "end_ns": START_NS + 3 * SECOND_NS}
    assert lake.scan(BTC.id, "book", **cut).collect().height == 40
    assert lake.events(BTC.id, **cut).rows == 40
    with pytest.raises(DataError, match=r"s0-0\.parquet: the manifest lists it"):
        lake.scan(BTC.id, "book")


def test_columns_and_filters_reach_the_files_and_nothing_is_sorted_in_vain(lake: Lake) -> None:
    for i in range(2):
        lake.ingest(f"s{i}", [Batch(BTC, "book", rows("book", 40, start_ns=START_NS + i * 2 * SECOND_NS))])
    plan = lake.scan(BTC.id, "book", end_ns=START_NS + 5 * 10**8).select("qty_lots").explain()
    assert re.search(r"PROJECT [12]/9 COLUMNS", plan)
    assert "SELECTION" in plan
    assert "SORT" not in plan


def test_sql_sees_committed_rows_only(url: str) -> None:
    lake = Lake(url)
    lake.ingest("a", [Batch(BTC, "book", rows("book", 100)), Batch(BTC, "option_quote", rows("option_quote", 30))])
    storage = open_storage(url)
    part = next(path for path in storage.walk() if path.endswith("a-0.parquet"))
    storage.put(part.replace("a-0", "b-0"), storage.read(part))
    with lake.sql() as sql:
        counts = {table: sql.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES}
        total = sql.execute("SELECT sum(qty_lots) FROM book WHERE ts_local >= 0 AND date = DATE '2024-08-08'").fetchall()[0][0]
        columns = sql.sql("SELECT * FROM mark").columns
    assert counts == {**dict.fromkeys(TABLES, 0), "book": 100, "option_quote": 30}
    assert total == rows("book", 100)["qty_lots"].sum()
    assert columns[-3:] == ["venue", "instrument", "date"]


def test_names_that_are_not_there(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no lake at"):
        lake.instruments()
    with pytest.raises(InputError, match="no lake at"):
        Lake("memory://nowhere").describe()
    tmp_path.joinpath("lake").mkdir()
    with pytest.raises(InputError, match="is empty"):
        lake.scan(BTC.id, "book")
    lake.ingest("a", [Batch(BTC, "book", rows("book", 5))])
    with pytest.raises(UnknownName, match="did you mean 'testex:BTC/USDT:USDT'"):
        lake.events("testex:BTC/USDT")
    with pytest.raises(UnknownName, match="did you mean 'book'"):
        lake.scan(BTC.id, "books")
    with pytest.raises(InputError, match="is empty; give a start before the end"):
        lake.scan(BTC.id, "book", start_ns=5, end_ns=5)
    assert lake.scan(BTC.id, "mark").collect().height == 0
    assert lake.events(BTC.id, tables=("trade",)).rows == 0


def test_terms_that_change_are_not_mixed(lake: Lake) -> None:
    finer = perp(tick="0.01")
    lake.ingest(
        "a", [Batch(BTC, "book", rows("book", 10)), Batch(finer, "book", rows("book", 10, start_ns=START_NS + 60 * SECOND_NS))]
    )
    with pytest.raises(InputError, match=r"tick 0\.1,.*tick 0\.01,.*start_ns"):
        lake.scan(BTC.id, "book")
    assert lake.scan(BTC.id, "book", end_ns=START_NS + 30 * SECOND_NS).collect().height == 10
    assert lake.terms(BTC.id, start_ns=START_NS + 30 * SECOND_NS) == finer
    assert lake.instrument(BTC.id) == finer


def test_frames_of_another_shape_are_refused_and_leave_nothing(lake: Lake, tmp_path: Path) -> None:
    good = rows("book", 10)
    wrong = {
        "columns": (good.drop("flags"), SchemaError),
        "type": (good.with_columns(pl.col("side").cast(pl.Int64)), SchemaError),
        "order": (good.select(sorted(good.columns)), SchemaError),
        "null": (good.with_columns(pl.lit(None, pl.Int64).alias("seq")), DataError),
    }
    for frame, error in wrong.values():
        with pytest.raises(error, match="book"):
            lake.ingest("a", [Batch(BTC, "book", good), Batch(BTC, "book", frame)])
    with pytest.raises(UnknownName, match="table"):
        lake.ingest("a", [Batch(BTC, "boook", good)])
    with pytest.raises(InputError, match="source id"):
        lake.ingest("../a", [])
    assert files(tmp_path) == []
    assert lake.describe().height == 0


def test_a_source_without_rows_is_remembered(lake: Lake) -> None:
    assert lake.ingest("a", [Batch(BTC, "book", rows("book", 0))]).rows == 0
    assert lake.ingest("a", []).already_there


def test_progress_counts_rows(lake: Lake) -> None:
    seen: list[float] = []
    lake.ingest(
        "a", [Batch(BTC, "book", f) for f in split(rows("book", 30), [10])], progress=lambda done, _="": seen.append(done)
    )
    assert seen == [10, 30]


def test_source_hash_is_of_content_order_and_reader(tmp_path: Path) -> None:
    for name, text in {"a": b"one", "b": b"two", "c": b"one", "d": b"onetwo", "e": b""}.items():
        tmp_path.joinpath(name).write_bytes(text)
    a, b, c, d, e = (tmp_path / name for name in "abcde")
    assert source_hash([a, b]) == source_hash([c, b])
    different = [source_hash(p, x) for p, x in (([a, b], ""), ([b, a], ""), ([a, b], "v2"), ([d], ""), ([d, e], ""), ([a], ""))]
    assert len(set(different)) == len(different)
    with pytest.raises(InputError, match="cannot read"):
        source_hash([tmp_path / "none"])


@pytest.mark.realdata
def test_a_recording_comes_back_whole_and_small(data_dir: Path, lake: Lake) -> None:
    capture = data_dir / "01_binance_l2_20240808" / "usdm" / "btcusdt_20240808.gz"
    spec = perp("BTCUSDT", tick="0.1", venue="binance_usdm")
    read = [*read_binance_capture(capture, venue="binance_usdm", instrument=lambda _: spec)]
    result = lake.ingest(source_hash([capture], "test"), read)
    tables = sorted({batch.table for batch in read})
    assert {"book", "trade"} <= set(tables)
    for table in tables:
        frames = [batch.frame for batch in read if batch.table == table]
        expected = pl.concat(frames).sort("ts_local", "seq", maintain_order=True)
        assert_frame_equal(lake.scan(spec.id, table).collect(), expected)
    events = lake.events(spec.id)
    assert events.rows == sum(batch.frame.height for batch in read if batch.table in TICK_TABLES)
    events.require_order()
    assert result.size < capture.stat().st_size, "smaller than the gzip of the raw capture"
