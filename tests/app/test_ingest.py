"""Recordings whose venue, symbol and grid are told by the file, and those that must be told."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from counterpoise.adapters.lake import Lake
from counterpoise.app.flow import flow
from counterpoise.app.flow_profile import FlowOptions
from counterpoise.app.ingest import IngestOptions, ingest
from counterpoise.core.errors import InputError
from counterpoise.flow.bins import Bins

TARDIS = """exchange,symbol,timestamp,local_timestamp,id,side,price,amount
binance-futures,BTCUSDT,1700000000000000,1700000000010000,1,buy,100.5,0.25
binance-futures,BTCUSDT,1700000000500000,1700000000510000,2,sell,100.4,0.5
"""
ARCHIVE = "1,100.5,0.25,25.125,1700000000000,false\n2,100.4,0.5,50.2,1700000000500,true\n"
TABLE = "when;px;size;who\n1700000000000;7.25;3;B\n1700000000500;7.5;1;S\n"
MAP = """table = "trade"
time_local = "when"
price = "px"
qty = "size"
side = "who"
separator = ";"
"""


def test_tardis_says_venue_and_symbol(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(TARDIS)
    lake = Lake(tmp_path / "lake")
    (done,) = ingest([path], lake=lake, options=IngestOptions())
    assert done.summary()["tables"] == {"trade": 2}
    (perp,) = lake.instruments()
    assert (perp.id, perp.tick, perp.lot) == ("binance_usdm:BTCUSDT", "0.1", "0.001")
    bins = flow(perp.id, lake=lake, options=FlowOptions(bins=Bins.every(10**9)))
    assert bins["trade_imbalance"].to_list() == [-0.25]


def test_the_limit_of_bad_records_is_no_other_source(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(TARDIS)
    lake = Lake(tmp_path / "lake")
    ingest([path], lake=lake, options=IngestOptions())
    (again,) = ingest([path], lake=lake, options=IngestOptions(max_bad=5))
    assert again.summary()["already_there"]


def test_a_reading_of_nothing_is_remarked(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text('1700000000.5: {"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[]}\n')
    (done,) = ingest([path], lake=Lake(tmp_path / "lake"), options=IngestOptions(venue="bybit", file_format="capture"))
    assert "is the venue or the format another?" in done.remarks()[-1]


def test_an_archive_names_its_symbol_and_shows_its_grid(tmp_path: Path) -> None:
    path = tmp_path / "XYZUSDT-trades-2024-08-08.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XYZUSDT-trades-2024-08-08.csv", ARCHIVE)
    lake = Lake(tmp_path / "lake")
    with pytest.raises(InputError, match="--venue"):
        ingest([path], lake=lake, options=IngestOptions())
    ingest([path], lake=lake, options=IngestOptions(venue="binance_usdm"))
    (perp,) = lake.instruments()
    assert (perp.symbol, perp.tick, perp.lot) == ("XYZUSDT", "0.1", "0.25")


def test_a_table_needs_a_map(tmp_path: Path) -> None:
    path, columns = tmp_path / "trades.csv", tmp_path / "map.toml"
    path.write_text(TABLE)
    columns.write_text(MAP)
    lake = Lake(tmp_path / "lake")
    told = IngestOptions(venue="binance_usdm", symbol="ABCUSDT")
    with pytest.raises(InputError, match="map of its columns"):
        ingest([path], lake=lake, options=told._replace(tick="0.25", lot="1"))
    ingest([path], lake=lake, options=told._replace(columns=columns))
    events = lake.events("binance_usdm:ABCUSDT")
    assert events.side.tolist() == [1, -1]
    assert [lake.instruments()[0].price(int(p)) for p in events.price_ticks] == [7.25, 7.5]


@pytest.mark.realdata
def test_lean_says_all(data_dir: Path, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    (done,) = ingest([data_dir / "05_equity_ticks_lean" / "ibm" / "20131007_trade.zip"], lake=lake, options=IngestOptions())
    assert [i.id for i in lake.instruments()] == ["nyse:IBM"]
    assert done.rows > 0
