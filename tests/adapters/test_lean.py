"""Lean equity ticks: the real files against a slow twin, and broken lines."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from counterpoise.adapters.lean import LEAN_LOT, LEAN_TICK, read_lean
from counterpoise.core.errors import CorruptRecord, InputError, UnknownName
from counterpoise.core.units import parse_time
from counterpoise.market.event import FIRST, LAST, QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference.lean_rows import lean_rows


def stock(symbol: str, *, tick: str = LEAN_TICK) -> Instrument:
    return Instrument(
        venue="nyse", symbol=symbol, kind=InstrumentKind.SPOT, base=symbol, quote="USD", settle="USD", tick=tick, lot=LEAN_LOT
    )


def zipped(folder: Path, text: str, name: str = "20131007_quote.zip") -> Path:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("20131007_xyz_Quote_Tick.csv", text)
    return folder / name


@pytest.mark.realdata
@pytest.mark.parametrize("symbol", ["aig", "bac", "ibm"])
@pytest.mark.parametrize("kind", ["quote", "trade"])
def test_real_files_are_those_of_the_naive_reader(data_dir: Path, symbol: str, kind: str) -> None:
    path = data_dir / "05_equity_ticks_lean" / symbol / f"20131007_{kind}.zip"
    reader = read_lean(path, kind=kind, instrument=stock(symbol))
    frame = pl.concat(batch.frame for batch in reader)
    expected, dropped = lean_rows(path, day=date(2013, 10, 7), exchange="N", per_tick=1)
    assert frame.select("ts_venue", "seq", "side", "price_ticks", "qty_lots").rows() == expected
    assert reader.report.dropped == dropped
    assert reader.report.messages == sum(dropped.values()) + frame["seq"].n_unique()
    assert frame["ts_local"].equals(frame["ts_venue"].rename("ts_local"))
    Events.from_frame(frame)
    opened = frame.filter(pl.col("ts_local") >= parse_time("2013-10-07T13:30")).height / frame.height
    assert opened > 0.9, "most of the day's ticks come after 9:30 New York"


@pytest.mark.realdata
def test_quotes_of_a_listed_stock_lie_on_cents(data_dir: Path) -> None:
    path = data_dir / "05_equity_ticks_lean" / "ibm" / "20131007_quote.zip"
    frame = pl.concat(b.frame for b in read_lean(path, kind="quote", instrument=stock("ibm", tick="0.01")))
    assert 18000 < frame["price_ticks"].median() < 18600


def test_one_and_two_sided_quotes(tmp_path: Path) -> None:
    text = (
        "34200000,0,0,494100,300,N,1,0\n"
        "34200001,494000,100,494100,200,N,,0\n"
        "34200002,494000,100,0,0,Q,1,0\n"
        "34200003,494000,100,0,0,N,1,1\n"
        "34200004,0,0,0,0,N,1,0\n"
        "34200005,493900,0,0,0,N,1,0\n"
    )
    reader = read_lean(zipped(tmp_path, text), kind="quote", instrument=stock("XYZ", tick="0.01"))
    [batch] = reader
    rows = batch.frame
    assert batch.table == "quote"
    assert rows["side"].to_list() == [-1, 1, -1]
    assert rows["price_ticks"].to_list() == [4941, 4940, 4941]
    assert rows["seq"].to_list() == [0, 1, 1]
    assert rows["flags"].to_list() == [FIRST | LAST, FIRST, LAST]
    assert rows["kind"].unique().to_list() == [QUOTE]
    assert rows["ts_local"][0] == parse_time("2013-10-07T13:30"), "New York is four hours behind UTC in summer"
    assert reader.report.dropped == {"other exchange": 1, "suspicious": 1, "quote without a side": 2}


def test_all_exchanges_when_asked(tmp_path: Path) -> None:
    text = "1,10000,5,N,,0\n2,10100,6,Q,,0\n"
    [batch] = read_lean(zipped(tmp_path, text), kind="trade", instrument=stock("XYZ"), exchange="")
    assert batch.frame["qty_lots"].to_list() == [5, 6]
    assert batch.frame["side"].to_list() == [0, 0]
    assert batch.frame["kind"].to_list() == [TRADE, TRADE]


@pytest.mark.parametrize(
    ("day", "open_utc"),
    [("2024-01-10", "14:30"), ("2024-03-10", "13:30"), ("2024-07-10", "13:30"), ("2024-11-03", "14:30")],
)
def test_the_session_opens_at_half_past_nine_new_york(tmp_path: Path, day: str, open_utc: str) -> None:
    path = zipped(tmp_path, "34200000,10000,5,N,,0\n", f"{day.replace('-', '')}_trade.zip")
    [batch] = read_lean(path, kind="trade", instrument=stock("XYZ"))
    assert batch.frame["ts_venue"].to_list() == [parse_time(f"{day}T{open_utc}")]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("34200001,abc,100,0,0,N,1,0", "bid_price"),
        ("34200001,-5,100,0,0,N,1,0", "bid_price"),
        ("34200001,494010,100,0,0,N,1,0", "bid_price"),
        ("34200001,494000,-100,0,0,N,1,0", "bid_size"),
        ("34200001,0,0,494000,,N,1,0", "ask_size"),
        ("34200001,494000,100,0,0,N,1,2", "suspicious"),
        ("86400000,494000,100,0,0,N,1,0", "time"),
        ("34199999,494000,100,0,0,N,1,0", "time"),
        ("34200001,494000,100,0,0,,1,0", "exchange"),
        ("34200001,494000,100,0,0,N,1", "record"),
        ("34200001,494000,100,0,0,N,1,0,9", "record"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, field: str) -> None:
    path = zipped(tmp_path, f"34200000,494000,100,0,0,N,1,0\n{line}\n34200002,494000,200,0,0,N,1,0\n")
    with pytest.raises(CorruptRecord) as caught:
        list(read_lean(path, kind="quote", instrument=stock("XYZ", tick="0.01")))
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(path), 2, field)
    reader = read_lean(path, kind="quote", instrument=stock("XYZ", tick="0.01"), max_bad=1)
    assert pl.concat(b.frame for b in reader)["qty_lots"].to_list() == [100, 200]
    assert reader.report.bad == 1


def test_names_that_cannot_be_meant(tmp_path: Path) -> None:
    path = zipped(tmp_path, "1,10000,5,N,,0\n", "trade.zip")
    with pytest.raises(InputError, match="no date in the file's name"):
        read_lean(path, kind="trade", instrument=stock("XYZ"))
    with pytest.raises(InputError, match="not a date"):
        read_lean(path, kind="trade", instrument=stock("XYZ"), date="2013-02-30")
    with pytest.raises(UnknownName):
        read_lean(path, kind="quotes", instrument=stock("XYZ"), date="2013-10-07")
    [batch] = read_lean(path, kind="trade", instrument=stock("XYZ"), date="2013-10-07")
    assert batch.frame["ts_venue"][0] == parse_time("2013-10-07T04:00:00.001")
