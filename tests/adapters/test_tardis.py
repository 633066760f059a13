"""Tardis files: the vendor's rules against a slow twin, and broken files of every sort."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.adapters import source, tardis
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.adapters.tardis import read_tardis
from counterpoise.core.errors import CorruptRecord, DataError, InputError, SchemaError, UnknownName
from counterpoise.core.schema import require_schema, table_schema
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, SNAPSHOT, TRADE
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference.level_books import books_after_messages
from reference.tardis_rows import books_by_message

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
HEAD = "exchange,symbol,timestamp,local_timestamp,"
BOOK = HEAD + "is_snapshot,side,price,amount\n"
T0 = 1_723_161_300_000_000


def level(dt: int, snapshot: str, side: str, price: str, amount: str, *, symbol: str = "BTCUSDT", lag: int = 500) -> str:
    return f"binance-futures,{symbol},{T0 + dt - lag},{T0 + dt},{snapshot},{side},{price},{amount}\n"


def written(folder: Path, content: str | bytes, name: str = "book.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(
    path: Path, *, kind: str = "incremental_book_L2", max_bad: int = 0, instrument: tardis.Instruments = PERP
) -> tuple[list[Batch], ReadReport]:
    """Everything a file gives, one batch a table and instrument."""
    reader = read_tardis(path, kind=kind, instrument=instrument, max_bad=max_bad)
    parts: dict[tuple[str, str], list[Batch]] = {}
    for batch in reader:
        parts.setdefault((batch.instrument.id, batch.table), []).append(batch)
    batches = [group[0]._replace(frame=pl.concat(b.frame for b in group)) for group in parts.values()]
    for batch in batches:
        table = batch.frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        require_schema(batch.table, table.cast(table_schema(batch.table)).schema, where="test")
        assert batch.frame.columns == table_schema(batch.table).names
        assert batch.frame.height
    return batches, reader.report


GOOD = (
    BOOK
    + level(-9, "false", "bid", "59999.9", "1")
    + level(0, "true", "bid", "60000.0", "1.5")
    + level(0, "true", "ask", "60000.2", "2")
    + level(0, "false", "ask", "60000.3", "4", lag=0)
    + level(7, "false", "bid", "60000.0", "0")
    + level(7, "true", "bid", "59000.1", "0.001")
    + level(9, "true", "ask", "59000.2", "3", lag=0)
)


def test_rules_of_the_book(tmp_path: Path) -> None:
    [batch], report = read(written(tmp_path, GOOD))
    rows = batch.frame
    assert rows["kind"].to_list() == [SNAPSHOT, SNAPSHOT, DELTA, DELTA, SNAPSHOT, DELTA]
    assert rows["flags"].to_list() == [FIRST, 0, LAST, FIRST | LAST, FIRST | LAST, FIRST | LAST]
    assert rows["seq"].to_list() == [0, 0, 0, 1, 2, 3]
    assert rows["price_ticks"].to_list() == [600000, 600002, 600003, 600000, 590001, 590002]
    assert rows["qty_lots"].to_list() == [1500, 2000, 4000, 0, 1, 3000]
    assert rows["side"].to_list() == [1, -1, -1, 1, 1, -1]
    assert rows["ts_local"][0] == T0 * 1000
    assert rows["ts_venue"].to_list()[:3] == [(T0 - 500) * 1000, (T0 - 500) * 1000, 0]
    assert report.dropped == {"before the first snapshot": 1}
    assert report.messages == 7
    assert report.rows == {"book": 6}


_ROW = st.tuples(
    st.sampled_from([0, 0, 0, 1, 5]),
    st.sampled_from(["false", "false", "false", "true"]),
    st.sampled_from(["bid", "ask"]),
    st.integers(1, 6),
    st.sampled_from(["0", "0.001", "2.5", "10"]),
    st.sampled_from(["BTCUSDT", "BTCUSDT", "ETHUSDT"]),
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(_ROW, min_size=1, max_size=60), block_bytes=st.sampled_from([64, 300, 1 << 20]))
def test_book_is_that_of_the_naive_twin(tmp_path_factory: pytest.TempPathFactory, rows: list, block_bytes: int) -> None:
    now, lines = 0, []
    for dt, snapshot, side, price, amount, symbol in rows:
        now += dt
        lines.append(level(now, snapshot, side, f"{price / 10:.1f}", amount, symbol=symbol))
    content = BOOK + "".join(lines)
    path = written(tmp_path_factory.mktemp("tardis"), content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_CHUNK_BYTES", block_bytes)
        patch.setattr(tardis, "BLOCK_BYTES", block_bytes)
        batches, report = read(path)
    ours = {ts: book for ts, _, book in books_after_messages(b.frame for b in batches)}
    assert list(ours.items()) == books_by_message(content, symbol="BTCUSDT", tick="0.1", lot="0.001")
    assert report.messages == len(rows) == sum(report.dropped.values()) + sum(report.rows.values())
    for frame in (b.frame for b in batches):
        first = frame.filter((pl.col("flags") & FIRST > 0) & (pl.col("ts_local") == pl.col("ts_local").shift()))
        assert set(first["kind"]) <= {SNAPSHOT}, "rows of one local time are one message, a block's end does not cut it"
    seq = [s for b in batches for s in b.frame["seq"]]
    assert sorted(set(seq)) == list(range(len(set(seq))))


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (level(1, "false", "bid", "abc", "1"), "price"),
        (level(1, "false", "bid", "", "1"), "price"),
        (level(1, "false", "bid", "nan", "1"), "price"),
        (level(1, "false", "bid", "inf", "1"), "price"),
        (level(1, "false", "bid", "0", "1"), "price"),
        (level(1, "false", "bid", "-5", "1"), "price"),
        (level(1, "false", "bid", "60000.05", "1"), "price"),
        (level(1, "false", "bid", "60000.0", "-1"), "amount"),
        (level(1, "false", "bid", "60000.0", ""), "amount"),
        (level(1, "false", "bid", "60000.0", "0.0005"), "amount"),
        (level(1, "false", "bid", "60000.0", "1e15"), "amount"),
        (level(1, "false", "offer", "60000.0", "1"), "side"),
        (level(1, "maybe", "bid", "60000.0", "1"), "is_snapshot"),
        (level(1, "false", "bid", "60000.0", "1").replace(f",{T0 + 1},", ",12:30,"), "local_timestamp"),
        (level(1, "false", "bid", "60000.0", "1").replace(f",{T0 + 1},", ",99999999999999999999,"), "local_timestamp"),
        (level(1, "false", "bid", "60000.0", "1").replace(f",{T0 + 1},", ",9223372036854775807,"), "local_timestamp"),
        (level(-5, "false", "bid", "60000.0", "1"), "local_timestamp"),
        (level(1, "false", "bid", "60000.0", "1").replace("\n", ",7\n"), "record"),
        (level(1, "false", "bid", "60000.0", "1").replace(",1\n", "\n"), "record"),
        ("garbage\n", "record"),
        ("b\xff\xfe,BTCUSDT,1,2,true,bid,1,1\n", "record"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, field: str) -> None:
    start = BOOK + level(0, "true", "bid", "60000.0", "1")
    content = (start + line + level(2, "false", "ask", "60000.1", "1")).encode("latin-1")
    path = written(tmp_path, content)
    with pytest.raises(CorruptRecord) as caught:
        read(path)
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(path), 3, field)
    batches, report = read(path, max_bad=1)
    assert (report.bad, report.gaps) == (1, 1)
    kinds = pl.concat(b.frame for b in batches)["kind"].to_list()
    assert kinds == [SNAPSHOT, GAP], "a book with a line missing is void until the next snapshot"
    assert report.dropped == {"after a gap, before the next snapshot": 1}


def test_snapshot_after_a_bad_line_restores_the_book(tmp_path: Path) -> None:
    content = (
        BOOK
        + level(0, "true", "bid", "1.0", "1")
        + "x\n"
        + level(1, "false", "bid", "1.0", "2")
        + level(2, "true", "bid", "1.1", "3")
    )
    batches, _ = read(written(tmp_path, content), max_bad=1)
    books = [book for *_, book in books_after_messages(b.frame for b in batches)]
    assert books == [{(1, 10): 1000}, None, {(1, 11): 3000}]


def test_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    _, plain = read(written(tmp_path, GOOD))
    batches, report = read(written(tmp_path, "\ufeff" + GOOD.replace("\n", "\r\n") + "\r\n\r\n", "win.csv"))
    assert report.rows == plain.rows
    assert report.dropped["blank line"] == 2
    assert batches[0].frame["qty_lots"][-1] == 3000


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    order = [7, 6, 5, 4, 3, 2, 1, 0]
    turned = "".join(",".join([line.split(",")[i] for i in order] + ["more"]) + "\n" for line in GOOD.splitlines())
    [ours], _ = read(written(tmp_path, turned))
    [plain], _ = read(written(tmp_path, GOOD, "plain.csv"))
    assert ours.frame.equals(plain.frame)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.77, 0.99])
def test_a_gzip_file_cut_off_keeps_what_was_whole(tmp_path: Path, cut: float) -> None:
    rng = random.Random(7)
    lines = [level(0, "true", "bid", "1.0", "1")]
    lines += [level(i, "false", rng.choice(["bid", "ask"]), f"{rng.randint(1, 9999) / 10}", "2") for i in range(1, 9000)]
    packed = gzip.compress((BOOK + "".join(lines)).encode())
    batches, report = read(written(tmp_path, packed[: int(len(packed) * cut)], "cut.csv.gz"))
    whole, _ = read(written(tmp_path, packed, "whole.csv.gz"))
    got = pl.concat(b.frame for b in batches)
    assert report.truncated
    assert 0 < got.height < 9000
    assert got.drop("flags").equals(pl.concat(b.frame for b in whole)[: got.height].drop("flags"))


def test_a_damaged_gzip_file_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress((GOOD * 50).encode()))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(DataError):
        read(written(tmp_path, bytes(packed), "bad.csv.gz"), max_bad=10**6)


def test_files_that_are_something_else(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'trades'"):
        read(written(tmp_path, GOOD), kind="trade")
    with pytest.raises(SchemaError, match="missing id"):
        read(written(tmp_path, GOOD), kind="trades")
    with pytest.raises(DataError, match="empty"):
        read(written(tmp_path, ""))
    with pytest.raises(InputError, match="cannot read"):
        read(tmp_path / "absent.csv")
    assert read(written(tmp_path, BOOK))[0] == []


def test_a_recording_is_read_once(tmp_path: Path) -> None:
    reader = read_tardis(written(tmp_path, GOOD), kind="incremental_book_L2", instrument=PERP)
    assert list(reader)
    with pytest.raises(InputError, match="open it again"):
        iter(reader)


@pytest.mark.parametrize(("kind", "table", "code"), [("trades", "trade", TRADE), ("liquidations", "liquidation", LIQUIDATION)])
def test_deals(tmp_path: Path, kind: str, table: str, code: int) -> None:
    content = HEAD + (
        "id,side,price,amount\n"
        f"x,BTCUSDT,{T0},{T0 + 5},11,buy,60000.1,0.5\n"
        f"x,BTCUSDT,{T0 + 5},{T0 + 5},12,sell,60000.0,0\n"
        f"x,BTCUSDT,{T0},{T0 + 6},,unknown,60000.2,1.25\n"
        f"x,BTCUSDT,{T0},{T0 + 6},0b7e-uuid,buy,60000.2,1\n"
    )
    [batch], _ = read(written(tmp_path, content), kind=kind)
    rows = batch.frame
    assert batch.table == table
    assert rows["kind"].unique().to_list() == [code]
    assert rows["side"].to_list() == [1, -1, 0, 1]
    assert rows["id"].to_list() == [11, 12, -1, -1]
    assert rows["seq"].to_list() == [0, 0, 1, 1]
    assert rows["flags"].to_list() == [FIRST, LAST, FIRST, LAST]
    assert rows["ts_venue"].to_list() == [T0 * 1000, 0, T0 * 1000, T0 * 1000]
    assert rows["qty_lots"].to_list() == [500, 0, 1250, 1000]


def test_derivative_ticker(tmp_path: Path) -> None:
    content = HEAD + (
        "funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price\n"
        f"x,BTCUSDT,{T0},{T0 + 5},{T0 + 900},0.0001,,81000.5,60000.1,60001.5,60000.7\n"
        f"x,BTCUSDT,{T0},{T0 + 6},,,,81001,,,\n"
        f"x,BTCUSDT,{T0},{T0 + 7},,,,,60000,,60003\n"
    )
    path = written(tmp_path, content)
    batches, _ = read(path, kind="derivative_ticker")
    mark, interest = (next(b.frame for b in batches if b.table == table) for table in ("mark", "open_interest"))
    assert mark["mark_price"].to_list() == [60000.7, 60003.0]
    assert mark["funding_rate"].to_list() == [0.0001, None]
    assert mark["next_funding_ns"].to_list() == [(T0 + 900) * 1000, None]
    assert interest["open_interest"].to_list() == [81000.5, 81001.0]
    assert interest["seq"].to_list() == [0, 1]
    assert mark["seq"].to_list() == [0, 2]
    with pytest.raises(CorruptRecord, match=r":2: field 'mark_price'"):
        read(written(tmp_path, content.replace("60000.7", "inf")), kind="derivative_ticker")


def option(symbol: str) -> Instrument | None:
    coin, _, strike, right = symbol.split("-")
    if coin != "BTC":
        return None
    return Instrument(
        venue="deribit", symbol=symbol, kind=InstrumentKind.OPTION, base="BTC", quote="BTC", settle="BTC",
        tick="0.0001", lot="0.1", expiry_ns=1_591_689_600_000_000_000, strike=strike, right=right,
    )  # fmt: skip


def test_options_chain_gives_a_batch_an_instrument(tmp_path: Path) -> None:
    names = (
        "type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,"
        "mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,theta,rho\n"
    )
    tail = "0.1,0.0295,0.028,6,62.5,,,,0.0295,64.25,SYN.BTC-9JUN20,9600.5,-0.6,0.0003,4.1,-30.2,-0.4\n"
    content = HEAD + names
    for i, symbol in enumerate(("BTC-9JUN20-9875-P", "ETH-9JUN20-250-C", "BTC-9JUN20-9000-C", "BTC-9JUN20-9875-P")):
        content += f"deribit,{symbol},{T0},{T0 + i},put,9875,{T0 + 10**9},{tail}"
    batches, report = read(written(tmp_path, content), kind="options_chain", instrument=option)
    by_symbol = {b.instrument.symbol: b.frame for b in batches}
    assert set(by_symbol) == {"BTC-9JUN20-9875-P", "BTC-9JUN20-9000-C"}
    first = by_symbol["BTC-9JUN20-9875-P"]
    assert first["seq"].to_list() == [0, 3]
    assert first["mark_iv"].to_list() == [0.6425, 0.6425], "Deribit quotes volatility in percent"
    assert first["bid_qty"].to_list() == [6.0, 6.0]
    assert first["ask_price"].to_list() == [None, None]
    assert first["underlying"][0] == "SYN.BTC-9JUN20"
    assert report.dropped == {"other symbol": 1}


def test_each_symbol_of_a_file_keeps_its_own_grid_and_book(tmp_path: Path) -> None:
    coarse = Instrument(
        venue="binance_usdm",
        symbol="ETHUSDT",
        kind=InstrumentKind.PERP,
        base="ETH",
        quote="USDT",
        settle="USDT",
        tick="5",
        lot="1",
    )
    both = {"BTCUSDT": PERP, "ETHUSDT": coarse}.get
    content = BOOK + level(0, "true", "bid", "1.1", "1") + level(0, "true", "bid", "10", "2", symbol="ETHUSDT")
    batches, _ = read(written(tmp_path, content), instrument=both)
    assert {b.instrument.symbol: b.frame["price_ticks"].to_list() for b in batches} == {"BTCUSDT": [11], "ETHUSDT": [2]}
    with pytest.raises(CorruptRecord, match="off the tick grid"):
        read(written(tmp_path, content + level(1, "false", "bid", "11", "2", symbol="ETHUSDT")), instrument=both)
