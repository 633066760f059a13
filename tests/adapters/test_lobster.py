"""LOBSTER pairs: the book read back equals the orderbook file at every row; broken lines of either file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.adapters import source, text
from counterpoise.adapters.lobster import read_lobster
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.core.errors import CorruptRecord, InputError, SchemaError
from counterpoise.core.units import parse_time
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, ORDER, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference.level_books import Book, books_after_messages
from reference.lobster_rows import book_of, market

STOCK = Instrument(
    venue="nasdaq", symbol="XYZ", kind=InstrumentKind.SPOT, base="XYZ", quote="USD", settle="USD", tick="0.01", lot="1"
)
# a submission, one that pushes the second bid out of sight, a fill that brings it back, a hidden fill, a halt and its end
MESSAGES = [
    "34200.017459617,1,1,100,1000000,1",
    "34200.017459618,1,2,50,1000200,-1",
    "34200.1,1,3,70,1000100,1",
    "34201,4,3,70,1000100,1",
    "34201.5,5,0,10,1000100,-1",
    "34202,6,-1,500,1000100,-1",
    "34203,7,0,0,-1,-1",
    "34203.5,1,4,5,1000300,-1",
    "34204,7,0,0,0,-1",
    "34204,7,0,0,1,-1",
    "34205,3,2,50,1000200,-1",
]
EMPTY_ASK, EMPTY_BID = "9999999999,0", "-9999999999,0"
LEVELS = [
    f"{EMPTY_ASK},1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000100,70",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    "1000200,50,1000000,100",
    f"1000300,5,{EMPTY_BID}",
]


def pair(folder: Path, messages: list[str], levels: list[str]) -> Path:
    path = folder / "XYZ_2012-06-21_34200000_57600000_message_1.csv"
    path.write_text("\n".join(messages) + "\n", encoding="utf-8")
    (folder / path.name.replace("message", "orderbook")).write_text("\n".join(levels) + "\n", encoding="utf-8")
    return path


def read(path: Path, *, max_bad: int = 0) -> tuple[list[pl.DataFrame], list[pl.DataFrame], ReadReport]:
    """Frames of the book and of the trades."""
    reader = read_lobster(path, instrument=STOCK, max_bad=max_bad)
    batches: list[Batch] = list(reader)
    books, trades = ([b.frame for b in batches if b.table == table] for table in ("book", "trade"))
    return books, trades, reader.report


def books_by_row(frames: list[pl.DataFrame], rows: int) -> list[Book | None]:
    """The book after each row of the file: what the last message up to it left."""
    after = {seq: book for _, seq, book in books_after_messages(frames)}
    out: list[Book | None] = []
    book: Book | None = {}
    for row in range(rows):
        book = after.get(row, book)
        out.append(book)
    return out


def test_a_hand_made_pair(tmp_path: Path) -> None:
    books, [trades], report = read(pair(tmp_path, MESSAGES, LEVELS))
    rows = pl.concat(books)
    void = {6, 7}
    expected = [None if i in void else book_of(line, per_tick=100) for i, line in enumerate(LEVELS)]
    assert books_by_row(books, len(LEVELS)) == expected
    assert rows["kind"].to_list() == [SNAPSHOT, DELTA, DELTA, DELTA, DELTA, DELTA, GAP, SNAPSHOT, SNAPSHOT, DELTA, DELTA, DELTA]
    assert rows["seq"].to_list() == [0, 1, 2, 2, 3, 3, 6, 8, 8, 10, 10, 10]
    assert rows["flags"].to_list()[:4] == [FIRST | LAST, FIRST | LAST | ORDER, FIRST | ORDER, LAST]
    assert rows["id"].to_list() == [-1, 2, 3, -1, 3, -1, -1, -1, -1, -1, 2, -1]
    assert trades.select("id", named=pl.col("flags") & ORDER).rows() == [(3, ORDER), (-1, 0)]
    assert rows["ts_local"][0] == parse_time("2012-06-21T13:30:00.017459617")
    assert trades.select("seq", "side", "price_ticks", "qty_lots").rows() == [(3, -1, 10001, 70), (4, 1, 10001, 10)]
    assert trades["kind"].to_list() == [TRADE, TRADE]
    assert report.gaps == 1
    assert report.dropped == {"auction cross": 1}


@pytest.mark.parametrize(("depth", "chunk", "halts"), [(1, 400, True), (3, 1 << 18, True), (5, 1000, False), (10, 333, True)])
def test_book_is_that_of_the_file_naive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, depth: int, chunk: int, halts: bool
) -> None:
    monkeypatch.setattr(source, "_CHUNK_BYTES", chunk)
    monkeypatch.setattr(text.read_lines, "__kwdefaults__", {"block_bytes": chunk})
    messages, levels = market(np.random.default_rng(depth), rows=600, depth=depth, halts=halts)
    books, trades, report = read(pair(tmp_path, messages, levels))
    halted, expected = False, []
    for message, level in zip(messages, levels, strict=True):
        kind, price = message.split(",")[1], message.split(",")[4]
        halted = price == "-1" if kind == "7" else halted
        expected.append(None if halted else book_of(level, per_tick=100))
    assert books_by_row(books, len(levels)) == expected
    assert report.gaps == sum(a is None and b is not None for a, b in zip(expected, [{}, *expected], strict=False))
    fields = [message.split(",") for message in messages]
    executed = [(i, -int(f[5]), int(f[3])) for i, f in enumerate(fields) if f[1] in "45"]
    assert pl.concat(trades).select("seq", "side", "qty_lots").rows() == executed
    Events.from_frame(pl.concat(books))


@pytest.mark.parametrize(
    ("which", "line", "field"),
    [
        ("message", "34200.1,1,3,seventy,1000100,1", "size"),
        ("message", "34200.1,1,3,-70,1000100,1", "size"),
        ("message", "34200.1,9,3,70,1000100,1", "type"),
        ("message", "34200.1,1,3,70,0,1", "price"),
        ("message", "34200.1,1,3,70,1000150,1", "price"),
        ("message", "34200.1,1,3,70,1000100,0", "direction"),
        ("message", "34200.1,7,0,0,5,-1", "price"),
        ("message", "34199.1,1,3,70,1000100,1", "time"),
        ("message", "nan,1,3,70,1000100,1", "time"),
        ("message", "86400.0,1,3,70,1000100,1", "time"),
        ("message", "34200.1,1,3,70,1000100", "record"),
        ("orderbook", "1000200,50,1000100", "record"),
        ("orderbook", "1000200,50,1000100,-70", "bid_size_1"),
        ("orderbook", "1000200,50,x,70", "bid_price_1"),
        ("orderbook", "1000201,50,1000100,70", "ask_price_1"),
    ],
)
def test_a_bad_line_of_either_file_is_named(tmp_path: Path, which: str, line: str, field: str) -> None:
    messages, levels = list(MESSAGES), list(LEVELS)
    (messages if which == "message" else levels)[2] = line
    path = pair(tmp_path, messages, levels)
    with pytest.raises(CorruptRecord) as caught:
        read(path)
    at_fault = path.name.replace("message", which)
    assert (Path(caught.value.source).name, caught.value.line, caught.value.field) == (at_fault, 3, field)
    books, _, report = read(path, max_bad=1)
    assert report.dropped["the line of the other file is bad"] == 1
    assert books_by_row(books, 4)[3] == book_of(LEVELS[3], per_tick=100), "the next row makes up for the one left out"


def test_levels_out_of_order_are_bad(tmp_path: Path) -> None:
    two = ["1000200,50,1000000,100,1000300,5,1000100,7"]
    with pytest.raises(CorruptRecord, match=r"bid_price_2.*a price behind that of level 1"):
        read(pair(tmp_path, MESSAGES[:1], two))
    hole = [f"{EMPTY_ASK},1000000,100,1000300,5,{EMPTY_BID}"]
    with pytest.raises(CorruptRecord, match="ask_price_2"):
        read(pair(tmp_path, MESSAGES[:1], hole))


@pytest.mark.parametrize("shorter", ["message", "orderbook"])
def test_files_of_unequal_length_do_not_belong_together(tmp_path: Path, shorter: str) -> None:
    cut = {"message": (MESSAGES[:5], LEVELS), "orderbook": (MESSAGES, LEVELS[:5])}[shorter]
    with pytest.raises(CorruptRecord, match="as many messages as rows of levels") as caught:
        read(pair(tmp_path, *cut))
    assert caught.value.line == 6
    assert shorter not in Path(caught.value.source).name


def test_a_cut_off_orderbook_file_keeps_what_was_whole(tmp_path: Path) -> None:
    messages, levels = market(np.random.default_rng(3), rows=4000, depth=5)
    path = pair(tmp_path, messages, levels)
    packed = gzip.compress(("\n".join(levels) + "\n").encode())
    path.with_name(path.name.replace("message", "orderbook")).write_bytes(packed[: len(packed) // 2])
    books, _, report = read(path)
    rows = pl.concat(books)["seq"][-1] + 1
    assert report.truncated
    assert 500 < rows < 3500
    assert books_by_row(books, rows) == [book_of(line, per_tick=100) for line in levels[:rows]]
    assert report.dropped["the other file is cut off"] >= 4000 - rows - 10


def test_names_that_cannot_be_meant(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected the message file"):
        read_lobster(tmp_path / "XYZ_2012-06-21_x.csv", instrument=STOCK)
    with pytest.raises(InputError, match="no date"):
        read_lobster(tmp_path / "message.csv", instrument=STOCK)
    with pytest.raises(SchemaError, match="four a level"):
        read(pair(tmp_path, MESSAGES[:1], ["1,2,3"]))
