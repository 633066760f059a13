"""Any table by a map of its columns: CSV and Parquet say the same, time units are exact, broken fields are named."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl
import pytest

from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.adapters.table import read_table
from counterpoise.adapters.table_map import TableMap
from counterpoise.core.config import parse_config
from counterpoise.core.errors import CorruptRecord, InputError, SchemaError, UnknownName
from counterpoise.core.schema import table_schema
from counterpoise.core.units import parse_time
from counterpoise.market.event import FIRST, LAST, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference.level_books import books_after_messages

PERP = Instrument(
    venue="binance_usdm",
    symbol="BTCUSDT",
    kind=InstrumentKind.PERP,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.001",
)
TRADES = TableMap(table="trade", time_venue="when", price="px", qty="size", side="who", id="n", buy=("B",), sell=("S",))
CSV = (
    "when,n,px,size,who,note\n"
    '1723161300000,5,60000.1,0.5,b,"one, two"\n'
    "1723161300001,,60000.0,1,S,\n"
    "1723161300001,7,60000.2,2,unknown,x\n"
)


def read(path: Path, columns: TableMap, *, max_bad: int = 0) -> tuple[pl.DataFrame, ReadReport]:
    reader = read_table(path, columns=columns, instrument=PERP, max_bad=max_bad)
    batches: list[Batch] = list(reader)
    assert {b.table for b in batches} <= {columns.table}
    frame = pl.concat(b.frame for b in batches)
    frame.to_arrow().cast(table_schema(columns.table))
    assert frame.columns == table_schema(columns.table).names
    return frame, reader.report


def csv(folder: Path, text: str) -> Path:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return folder / "t.csv"


def test_trades(tmp_path: Path) -> None:
    rows, report = read(csv(tmp_path, CSV), TRADES)
    assert rows["side"].to_list() == [1, -1, 0]
    assert rows["id"].to_list() == [5, -1, 7]
    assert rows["price_ticks"].to_list() == [600001, 600000, 600002]
    assert rows["qty_lots"].to_list() == [500, 1000, 2000]
    assert rows["flags"].to_list() == [FIRST | LAST] * 3
    assert rows["ts_local"].to_list() == rows["ts_venue"].to_list() == [1723161300000 * 10**6 + i * 10**6 for i in (0, 1, 1)]
    assert report.messages == 3


def test_parquet_says_what_csv_says(tmp_path: Path) -> None:
    path = csv(tmp_path, CSV)
    pl.read_csv(path).write_parquet(tmp_path / "t.parquet", row_group_size=2)
    assert read(tmp_path / "t.parquet", TRADES)[0].equals(read(path, TRADES)[0])
    stamped = pl.read_csv(path).with_columns(pl.from_epoch("when", "ms"))
    stamped.write_parquet(tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet", TRADES)[0].equals(read(path, TRADES)[0])


@pytest.mark.parametrize(
    ("unit", "text", "ts"),
    [
        ("s", "1723161300", "2024-08-08T23:55:00"),
        ("s", "1723161300.123456789", "2024-08-08T23:55:00.123456789"),
        ("ms", "1723161300001.25", "2024-08-08T23:55:00.00125"),
        ("us", "1723161300000001", "2024-08-08T23:55:00.000001"),
        ("ns", "1723161300000000001", "2024-08-08T23:55:00.000000001"),
        ("iso", "2024-08-08T23:55:00.5Z", "2024-08-08T23:55:00.5"),
        ("iso", "2024-08-08 23:55:00", "2024-08-08T23:55:00"),
        ("iso", "2024-08-09T01:55:00.000000001+02:00", "2024-08-08T23:55:00.000000001"),
    ],
)
def test_times_are_exact(tmp_path: Path, unit: str, text: str, ts: str) -> None:
    columns = msgspec.structs.replace(TRADES, time_unit=unit, id="", side="")
    rows, _ = read(csv(tmp_path, f"when,px,size\n{text},1,1\n"), columns)
    assert rows["ts_venue"].to_list() == [parse_time(ts)]
    assert rows["side"].to_list() == [0]


QUOTES = TableMap(
    table="quote",
    time_local="t",
    time_venue="e",
    bid_price="b",
    bid_qty="bq",
    ask_price="a",
    ask_qty="aq",
    time_unit="ns",
    symbol="s",
)


def test_quotes(tmp_path: Path) -> None:
    text = "s;t;e;b;bq;a;aq\nBTCUSDT;20;10;1.1;1;1.2;2\nBTCUSDT;21;11;;;1.3;2\nETHUSDT;22;12;1;1;1;1\nBTCUSDT;23;13;0;0;;\n"
    rows, report = read(csv(tmp_path, text), msgspec.structs.replace(QUOTES, separator=";"))
    assert rows.select("ts_local", "ts_venue", "seq", "side", "price_ticks").rows() == [
        (20, 10, 0, 1, 11),
        (20, 10, 0, -1, 12),
        (21, 11, 1, -1, 13),
    ]
    assert report.dropped == {"other symbol": 1, "quote without a side": 1}


BOOK = TableMap(table="book", time_local="t", time_unit="ns", price="p", qty="q", side="side", snapshot="snap")
DELTAS = "t,side,p,q,snap\n1,bid,1.0,1,false\n2,bid,1.0,1,true\n2,ask,1.2,3,true\n3,bid,1.0,0,false\n3,bid,0.9,2,false\n"


def test_book_with_snapshots(tmp_path: Path) -> None:
    rows, report = read(csv(tmp_path, DELTAS), BOOK)
    assert [book for *_, book in books_after_messages([rows])] == [
        {(1, 10): 1000, (-1, 12): 3000},
        {(1, 9): 2000, (-1, 12): 3000},
    ]
    assert rows["ts_venue"].to_list() == [0] * 4
    assert report.dropped == {"before the first snapshot": 1}
    Events.from_frame(rows)


def test_book_of_whole_dumps(tmp_path: Path) -> None:
    columns = msgspec.structs.replace(BOOK, snapshot="")
    text = "t,side,p,q\n1,bid,1.0,1\n1,ask,1.2,3\n2,bid,1.1,1\n3,ask,1.3,1\n3,bid,x,1\n4,bid,1.0,7\n5,bid,1.0,8\n"
    with pytest.raises(CorruptRecord, match=r":6: field 'p' is 'x'"):
        read(csv(tmp_path, text), columns)
    rows, report = read(csv(tmp_path, text), columns, max_bad=1)
    books = [(ts, book) for ts, _, book in books_after_messages([rows])]
    assert books == [(1, {(1, 10): 1000, (-1, 12): 3000}), (2, {(1, 11): 1000}), (3, None), (4, None), (5, {(1, 10): 8000})]
    assert report.gaps == 2


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("x,6,60000.0,1,B,", "when"),
        (",6,60000.0,1,B,", "when"),
        ("9223372036854775807,6,60000.0,1,B,", "when"),
        ("1723161300001,6,60000.05,1,B,", "px"),
        ("1723161300001,6,-1,1,B,", "px"),
        ("1723161300001,6,,1,B,", "px"),
        ("1723161300001,6,60000.0,-1,B,", "size"),
        ("1723161300001,6,60000.0,1,hold,", "who"),
        ("1723161300001,6,60000.0,1,B", "record"),
        ('1723161300001,6,60000.0,1,B,"a,b",c', "record"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, field: str) -> None:
    lines = CSV.splitlines()
    lines[2] = line
    path = csv(tmp_path, "\n".join(lines) + "\n")
    with pytest.raises(CorruptRecord) as caught:
        read(path, TRADES)
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(path), 3, field)
    rows, report = read(path, TRADES, max_bad=1)
    assert rows["id"].to_list() == [5, 7]
    assert report.bad == 1


def test_bad_rows_of_parquet_are_named(tmp_path: Path) -> None:
    frame = pl.DataFrame({"when": [1, 2, 3], "n": [1, 2, 3], "px": [1.0, None, 1.0], "size": [1.0] * 3, "who": ["B"] * 3})
    frame.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(CorruptRecord, match=r"t\.parquet:2: field 'px'"):
        read(tmp_path / "t.parquet", TRADES)
    frame.with_columns(pl.col("size").cast(pl.String)).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(SchemaError, match="column size holds no numbers"):
        read(tmp_path / "t.parquet", TRADES)
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SchemaError, match="not a whole Parquet file"):
        read(tmp_path / "t.parquet", TRADES)


def test_maps_that_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column of price, side"):
        TableMap(table="book", time_local="t", qty="q")
    with pytest.raises(InputError, match="time_local or time_venue"):
        TableMap(table="trade", price="p", qty="q")
    with pytest.raises(SchemaError, match="no column px, who"):
        read(csv(tmp_path, "when,size,n\n"), TRADES)
    with pytest.raises(UnknownName, match="did you mean 'time_unit'"):
        parse_config('table = "trade"\ntime_units = "ms"\n', TableMap)
    assert parse_config('table = "trade"\ntime_local = "t"\nprice = "p"\nqty = "q"\n', TableMap).buy[0] == "buy"
