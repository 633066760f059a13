"""Formats told apart by name and first line; the table of openers; steps found in the first block."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import polars as pl
import pytest

from counterpoise.adapters.binance_vision import BINANCE_VISION_KINDS
from counterpoise.adapters.formats import FORMATS, Opening, detect_format, open_recording
from counterpoise.adapters.sample import sample_steps
from counterpoise.adapters.table_map import TableMap
from counterpoise.adapters.tardis import TARDIS_KINDS
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.symbol import parse_instrument

TARDIS = "exchange,symbol,timestamp,local_timestamp,"
DEALS = "id,side,price,amount\nx,BTCUSDT,1723161300000000,1723161300000001,1,buy,60000.5,0.25\n"
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.csv", TARDIS + "is_snapshot,side,price,amount\n", "tardis:incremental_book_L2"),
        ("a.csv", TARDIS + DEALS, "tardis:trades"),
        ("binance_liquidations_2024.csv", TARDIS + DEALS, "tardis:liquidations"),
        ("a.csv", TARDIS + "funding_timestamp,funding_rate\n", "tardis:derivative_ticker"),
        ("a.csv", TARDIS + "type,strike_price,expiration\n", "tardis:options_chain"),
        ("a.csv", "4359,93576.1,0.001,93.5,1735689600000123,True,True\n", "binance_vision:trades"),
        ("a.csv", "id,price,qty,quote_qty,time,is_buyer_maker\n", "binance_vision:trades"),
        ("a.csv", "5813,93530.1,0.018,1683.5,1735689600001,true\n", "binance_vision:trades"),
        ("a.csv", "77,93530.1,0.02,5813,5814,1735689600001,false\n", "binance_vision:aggTrades"),
        ("a.csv", "77,93530.1,0.02,5813,5814,1672531200000,True,True\n", "binance_vision:aggTrades"),
        ("BTCUSDT-bookTicker-2023.csv", "9001,1,1.5,2,0.25,1735689600001,1735689600006\n", "binance_vision:bookTicker"),
        ("a.csv", "1735689600000,1,1,1,1,12,1735689659999,0.1,7,5,0.045,0\n", "binance_vision:klines"),
        ("XYZ_2012-06-21_message_10.csv", "34200.017459617,5,0,1,2238200,-1\n", "lobster"),
        ("20131007_quote.csv", "14400152,0,0,494100,300,Q,1,0\n", "lean:quote"),
        ("20131007_xyz_Trade_Tick.csv", "14400688,491800,300,P,2000,0\n", "lean:trade"),
        ("x", '1723161255030314667 {"stream":"s"}\n', "binance_capture"),
        ("x", 'wss:venue <- 1618677786.460905: {"op":"subscribe"}\n', "capture"),
        ("x.csv", "time;price;amount\n1;2;3\n", "csv"),
    ],
)
def test_a_format_is_known_by_its_first_line(tmp_path: Path, name: str, text: str, form: str) -> None:
    path = written(tmp_path, name, text)
    assert detect_format(path) == form
    assert form in FORMATS
    for content in (text.encode(), text.encode("utf-8-sig")):
        (tmp_path / (name + ".gz")).write_bytes(gzip.compress(content))
        assert detect_format(tmp_path / (name + ".gz")) == form


def test_parquet_is_known(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "noname")
    assert detect_format(tmp_path / "noname") == "parquet"


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    for content in (b"", gzip.compress(b"")):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(InputError, match="the file is empty"):
            detect_format(tmp_path / "x")


@pytest.mark.parametrize("content", [b"12,13\n", b"\x89PNG\r\n\x1a\n,,,", lzma.compress(b"a,b,c\n" * 99), b"hello\n"])
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(InputError, match="format is not known"):
        detect_format(tmp_path / "x.bin")


@pytest.mark.realdata
def test_real_recordings_are_known(data_dir: Path) -> None:
    found = {path.relative_to(data_dir).as_posix(): detect_format(path) for path in data_dir.glob("05*/[abi]*/*.zip")}
    assert len(found) == 6
    assert all(form == f"lean:{name.rpartition('_')[2].removesuffix('.zip')}" for name, form in found.items())
    assert {detect_format(path) for path in data_dir.glob("01*/*/*.gz")} == {"binance_capture"}
    assert {detect_format(path) for path in data_dir.glob("0[237]*/*.parquet")} == {"parquet"}


def test_the_table_of_formats_is_complete() -> None:
    kinds = {f"tardis:{kind}" for kind in TARDIS_KINDS} | {f"binance_vision:{kind}" for kind in BINANCE_VISION_KINDS}
    others = {"binance_capture", "capture", "lobster", "lean:quote", "lean:trade", "parquet", "csv"}
    assert set(FORMATS) == kinds | others


def test_open_recording(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", TARDIS + DEALS)
    [batch] = open_recording(path, Opening(PERP))
    assert batch.frame["price_ticks"].to_list() == [600005]
    with pytest.raises(UnknownName, match="tardis:trades"):
        open_recording(path, Opening(PERP), form="tardis:trade")
    with pytest.raises(InputError, match="give a map of its columns"):
        open_recording(written(tmp_path, "y.csv", "a,b\n"), Opening(PERP))
    with pytest.raises(InputError, match="does not name its instrument"):
        open_recording(written(tmp_path, "z.csv", "1,2,3,4,1735689600001,true\n"), Opening(lambda _: PERP))
    table = TableMap(table="trade", time_local="t", price="p", qty="q", time_unit="ns")
    [batch] = open_recording(written(tmp_path, "t.csv", "t,p,q\n5,1.5,1\n"), Opening(PERP, columns=table))
    assert batch.frame["price_ticks"].to_list() == [15]


@pytest.mark.realdata
def test_open_recording_reads_a_raw_capture(data_dir: Path) -> None:
    path = next(data_dir.glob("01*/usdm/*.gz"))
    reader = open_recording(path, Opening(lambda symbol: parse_instrument(f"binance_usdm:{symbol}"), venue="binance_usdm"))
    batch = next(iter(reader))
    assert batch.instrument.symbol == "BTCUSDT"


def test_steps_of_the_first_block(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", TARDIS + DEALS + "x,ETHUSDT,1,2,1,buy,0.01,7\nx,BTCUSDT,1,2,1,buy,59999.0,oops\n")
    assert sample_steps(path, symbol="BTCUSDT") == ("0.5", "0.25")
    assert sample_steps(path)[0] == "0.01"
    quotes = TableMap(table="quote", time_local="t", bid_price="b", bid_qty="v", ask_price="a", ask_qty="w", separator=";")
    assert sample_steps(written(tmp_path, "q.csv", "t;b;v;a;w\n1;1.25;3;1.5;4\n"), columns=quotes) == ("0.25", "1")
    assert sample_steps(written(tmp_path, "20131007_trade.csv", "1,10000,5,N,,0\n")) == ("0.0001", "1")
    diff = '1723161255030314667 {"stream":"s","data":{"b":[["100.5","3"],["100.0","1"]],"a":[["101.5","2"]]}}\n'
    assert sample_steps(written(tmp_path, "c", diff)) == ("0.5", "1")
    with pytest.raises(InputError, match="give tick and lot yourself"):
        sample_steps(written(tmp_path, "c", '1723161255030314667 {"stream":"s"}\n'))
    with pytest.raises(InputError, match="give them yourself"):
        sample_steps(written(tmp_path, "d", "x"), form="parquet")
