"""Files of Binance's archive: both time units, with and without a header, spot and futures columns, broken lines."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl
import pytest

from counterpoise.adapters.binance_vision import read_binance_vision
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.core.errors import CorruptRecord, SchemaError, UnknownName
from counterpoise.core.schema import table_schema
from counterpoise.core.units import parse_time
from counterpoise.market.event import FIRST, LAST
from counterpoise.market.instrument import Instrument, InstrumentKind

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
COIN = Instrument(
    venue="binance_coinm", symbol="BTCUSD_PERP", kind=InstrumentKind.PERP, base="BTC", quote="USD", settle="BTC", tick="0.1",
    lot="1", multiplier="100", inverse=True,
)  # fmt: skip
SPOT_TRADES = "4359,93576.1,0.00100,93.5761,1735689600000123,True,True\n4360,93576.2,0.5,46788.1,1735689600000124,False,True\n"
PERP_TRADES = (
    "id,price,qty,quote_qty,time,is_buyer_maker\n"
    "5813,93530.1,0.018,1683.5,1735689600001,true\n"
    "5814,93530.2,0.002,187.0,1735689600001,false\n"
)
AGG = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    "77,93530.1,0.02,5813,5814,1735689600001,false\n"
)
SPOT_AGG = "77,93530.1,0.02,5813,5814,1672531200000,True,True\n"
TICKER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
    "9001,93530.0,1.5,93530.1,0.25,1735689600001,1735689600006\n"
)
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
    "1735689600000,100,110,90,105,12,1735689659999,0.11,7,5,0.045,0\n"
    "1735689660000,105,105,105,105,0,1735689719999,0,0,0,0,0\n"
)


def read(
    folder: Path, text: str, kind: str, *, instrument: Instrument = PERP, max_bad: int = 0
) -> tuple[pl.DataFrame, list[Batch], ReadReport]:
    path = folder / "x.csv"
    path.write_text(text, encoding="utf-8")
    reader = read_binance_vision(path, kind=kind, instrument=instrument, max_bad=max_bad)
    batches = list(reader)
    frame = pl.concat(b.frame for b in batches)
    assert frame.columns == table_schema(batches[0].table).names
    frame.to_arrow().cast(table_schema(batches[0].table))
    return frame, batches, reader.report


def test_spot_trades_in_microseconds(tmp_path: Path) -> None:
    rows, [batch], _ = read(tmp_path, SPOT_TRADES, "trades")
    assert batch.table == "trade"
    assert rows["ts_venue"].to_list() == [1735689600000123000, 1735689600000124000]
    assert rows["side"].to_list() == [-1, 1], "the buyer was the maker: a sell hit the bid"
    assert rows["id"].to_list() == [4359, 4360]
    assert rows["price_ticks"].to_list() == [935761, 935762]
    assert rows["qty_lots"].to_list() == [1, 500]
    assert rows["flags"].to_list() == [FIRST | LAST] * 2


def test_futures_trades_with_a_header_in_milliseconds(tmp_path: Path) -> None:
    rows, _, report = read(tmp_path, PERP_TRADES, "trades")
    assert rows["ts_local"].to_list() == [1735689600001000000] * 2
    assert rows["seq"].to_list() == [0, 1]
    assert report.messages == 2
    bare, _, _ = read(tmp_path, PERP_TRADES.split("\n", 1)[1], "trades")
    assert bare.equals(rows)


def test_a_zip_archive_is_its_member(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("BTCUSDT-trades-2025-01-01.csv", PERP_TRADES)
    [batch] = read_binance_vision(tmp_path / "x.zip", kind="trades", instrument=PERP)
    assert batch.frame.equals(read(tmp_path, PERP_TRADES, "trades")[0])


def test_agg_trades_of_both_markets(tmp_path: Path) -> None:
    rows, _, _ = read(tmp_path, AGG, "aggTrades")
    spot, _, _ = read(tmp_path, SPOT_AGG, "aggTrades")
    assert (rows["id"][0], rows["side"][0], rows["qty_lots"][0]) == (77, 1, 20)
    assert (spot["side"][0], spot["ts_venue"][0]) == (-1, parse_time("2023-01-01"))


def test_book_ticker_is_two_rows_a_message(tmp_path: Path) -> None:
    rows, [batch], _ = read(tmp_path, TICKER, "bookTicker")
    assert batch.table == "quote"
    assert rows["side"].to_list() == [1, -1]
    assert rows["flags"].to_list() == [FIRST, LAST]
    assert rows["qty_lots"].to_list() == [1500, 250]
    assert rows["id"].to_list() == [9001, 9001]
    assert rows["ts_local"].to_list() == [1735689600001000000] * 2


def test_klines_end_where_the_next_opens(tmp_path: Path) -> None:
    rows, [batch], _ = read(tmp_path, KLINES, "klines")
    assert batch.table == "bar"
    assert rows["ts_venue"].to_list() == [1735689660000000000, 1735689720000000000]
    assert rows.row(0)[3:] == (100, 110, 90, 105, 12, 0.11, 5, 0.045, 7)
    inverse, _, _ = read(tmp_path, KLINES, "klines", instrument=COIN)
    assert inverse.select("qty", "notional", "buy_notional").row(0) == (12, 1200, 500)


@pytest.mark.parametrize(
    ("kind", "good", "old", "new", "field"),
    [
        ("trades", PERP_TRADES, "93530.2", "zz", "price"),
        ("trades", PERP_TRADES, "93530.2", "0", "price"),
        ("trades", PERP_TRADES, "93530.2", "93530.25", "price"),
        ("trades", PERP_TRADES, ",0.002", ",-0.002", "qty"),
        ("trades", PERP_TRADES, ",0.002", ",inf", "qty"),
        ("trades", PERP_TRADES, "1735689600001,false", "1735689600,false", "time"),
        ("trades", PERP_TRADES, "1735689600001,false", "99999999999999,false", "time"),
        ("trades", PERP_TRADES, "false", "no", "is_buyer_maker"),
        ("trades", PERP_TRADES, ",false", "", "record"),
        ("klines", KLINES, "105,105,105,105", "105,104,105,104", "open"),
        ("klines", KLINES, "105,105,105,105", "105,105,105,NaN", "close"),
        ("klines", KLINES, "0,1735689719999", "-1,1735689719999", "volume"),
        ("klines", KLINES, "1735689719999,0,0,0", "1735689719999,0,0,1", "buy_volume"),
        ("klines", KLINES, "1735689719999", "1735689600000", "close_time"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, kind: str, good: str, old: str, new: str, field: str) -> None:
    assert old in good
    with pytest.raises(CorruptRecord) as caught:
        read(tmp_path, good.replace(old, new), kind)
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(tmp_path / "x.csv"), 3, field)
    rows, _, report = read(tmp_path, good.replace(old, new), kind, max_bad=1)
    assert (rows.height, report.bad) == (1, 1)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="7 fields"):
        read(tmp_path, TICKER, "klines")
    with pytest.raises(UnknownName, match="aggTrades"):
        read(tmp_path, AGG, "aggtrades")
