"""Binance captures: the real ones against json and Decimal, and every way a capture can be broken."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.core.errors import CorruptRecord, InputError
from counterpoise.core.schema import table_schema
from counterpoise.core.units import MS_NS
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE, Events, merge_events
from counterpoise.market.quality import BookState
from counterpoise.market.symbol import parse_instrument
from reference.binance_lines import START, Told, depth, lines_of, naive_reading, snapshot, trade, written
from reference.binance_recordings import CAPTURES, read_recording
from reference.naive_book import NaiveBook, rows_of

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
SPOT = parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")


def read(path: Path, *, max_bad: int = 0, venue: str = "binance_usdm") -> tuple[list[Batch], ReadReport]:
    instrument = SPOT if venue == "binance" else PERP
    reader = read_binance_capture(path, venue=venue, instrument=lambda _: instrument, max_bad=max_bad)
    batches = list(reader)
    for batch in batches:
        assert batch.frame.schema == pl.DataFrame(pl.from_arrow(table_schema(batch.table).empty_table())).schema
    return batches, reader.report


def events_in(batches: list[Batch]) -> Events:
    return merge_events([Events.from_frame(batch.frame) for batch in batches if batch.table != "mark"])


def told(events: Events) -> list[Told]:
    """Rows gathered to messages by their flags."""
    out: list[Told] = []
    ids = events.id.tolist()
    for number, (ts, kind, side, flags, price, lots) in zip(ids, rows_of(events), strict=True):
        if flags & FIRST:
            out.append((ts, number, kind, []))
        out[-1][3].append((side, price, lots))
    return out


def book_of(events: Events) -> Book:
    book = Book()
    book.apply(events)
    return book


GOOD: list[dict[str, Any] | str] = [
    depth(10, 0, bids=[["98.0", "1"]]),  # older than the snapshot
    depth(30, 10, bids=[["100.0", "1"]], asks=[["101.5", "2"]]),  # held, then applied at the snapshot's time
    snapshot(20),
    {"stream": "btcusdt@bookTicker", "data": {"e": "bookTicker", "u": 31, "T": 7, "s": "BTCUSDT",
                                              "b": "100.0", "B": "1", "a": "101.0", "A": "5"}},
    trade(7),
    depth(40, 30, asks=[["101.0", "0"]]),
    trade(8, sold=False, qty="0.002"),
]  # fmt: skip


def test_a_sound_capture(tmp_path: Path) -> None:
    batches, report = read(written(tmp_path, GOOD))
    assert told(events_in(batches)) == [
        (START + 2 * MS_NS, 20, SNAPSHOT, [(1, 1000, 5000), (1, 990, 2000), (-1, 1010, 5000)]),
        (START + 2 * MS_NS, 30, DELTA, [(1, 1000, 1000), (-1, 1015, 2000)]),
        (START + 3 * MS_NS, 31, QUOTE, [(1, 1000, 1000), (-1, 1010, 5000)]),
        (START + 4 * MS_NS, 7, TRADE, [(-1, 1000, 500)]),
        (START + 5 * MS_NS, 40, DELTA, [(1, 1000, 1000), (-1, 1010, 0)]),
        (START + 6 * MS_NS, 8, TRADE, [(1, 1000, 2)]),
    ]
    assert (report.messages, report.gaps, report.bad, report.truncated) == (7, 0, 0, False)
    assert report.dropped == {"depth or snapshot older than the book, or repeated": 1}
    assert report.rows == {"book": 7, "quote": 2, "trade": 2}
    assert all(batch.frame["ts_venue"][0] in (4 * MS_NS, 7 * MS_NS) for batch in batches)


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_real_captures_say_what_json_and_decimals_say(name: str, data_dir: Path) -> None:
    """Every message of every channel, so every trade and every book; counts as wc has them; the best price is the ticker's."""
    capture = CAPTURES[name]
    events, report = read_recording(name, data_dir)
    grids = {"tick": capture.instrument.tick, "lot": capture.instrument.lot}
    expected = naive_reading(data_dir / capture.path, **grids, spot=name == "spot")
    assert told(events) == sorted(expected, key=lambda message: message[0])
    assert (report.messages, report.gaps, report.bad, report.truncated) == (capture.messages, 0, 0, False)
    whole = int((events.flags & LAST > 0).sum())
    assert whole + sum(report.dropped.values()) == report.messages
    book, naive = book_of(events), NaiveBook()
    for _, _, kind, levels in expected:
        for i, (side, price, lots) in enumerate(levels):
            naive.apply((0, kind, side, FIRST * (i == 0), price, lots))
    assert book.levels(1).price_ticks.tolist() == [price for price, _ in naive.levels(1)]
    assert book.levels(-1).qty_lots.tolist() == [lots for _, lots in naive.levels(-1)]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["usdm", "spot"])
def test_a_real_depth_message_lost_is_one_gap(name: str, data_dir: Path, tmp_path: Path) -> None:
    capture = CAPTURES[name]
    lines = lines_of(data_dir / capture.path)
    numbers = [i for i, line in enumerate(lines) if "@depth" in line and i > 1000]
    lost = random.Random(5).choice(numbers[:-1])
    path = written(tmp_path, lines[:lost] + lines[lost + 1 :])
    batches, report = read(path, venue=capture.instrument.venue)
    events = events_in(batches)
    assert report.gaps == 1
    assert (events.kind == GAP).sum() == 1
    follower = next(i for i in numbers if i > lost)
    assert events.ts_local[events.kind == GAP][0] == int(lines[follower].split(" ")[0])
    assert report.dropped["depth before any usable snapshot"] == len([i for i in numbers if i > lost])
    assert book_of(events).state is BookState.GAPPED


@pytest.mark.realdata
def test_a_real_capture_cut_anywhere_keeps_what_was_whole(data_dir: Path, tmp_path: Path) -> None:
    whole, _ = read_recording("spot", data_dir)
    data = (data_dir / CAPTURES["spot"].path).read_bytes()
    draw = random.Random(3)
    for size in [3, 12, 500, *(draw.randrange(len(data)) for _ in range(3)), len(data) - 1]:
        path = tmp_path / "cut.gz"
        path.write_bytes(data[:size])
        batches, report = read(path, venue="binance")
        events = events_in(batches)
        assert report.truncated
        for kind in (DELTA, SNAPSHOT, QUOTE, TRADE):
            ours, theirs = (e.ts_local[e.kind == kind] for e in (events, whole))
            assert (ours == theirs[: len(ours)]).all()
        assert events.rows >= whole.rows * (size / len(data) - 0.25)


def test_a_small_capture_cut_at_every_byte(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    data, expected = path.read_bytes(), told(events_in(read(path)[0]))
    for size in range(2, len(data)):
        path.write_bytes(data[:size])
        batches, report = read(path)
        found = told(events_in(batches))
        assert report.truncated == (size < len(data))
        assert found == expected[: len(found)]


def test_gap_and_recovery(tmp_path: Path) -> None:
    """One gap however many diffs follow it; the next snapshot makes the book whole, held diffs included."""
    path = written(
        tmp_path, [snapshot(20), depth(30, 20), depth(50, 40), depth(60, 50), depth(70, 60), snapshot(55), depth(80, 70)]
    )
    batches, report = read(path)
    events = events_in(batches)
    assert [(kind, number) for _, number, kind, _ in told(events)] == [
        (SNAPSHOT, 20),
        (DELTA, 30),
        (GAP, 50),
        (SNAPSHOT, 55),
        (DELTA, 60),
        (DELTA, 70),
        (DELTA, 80),
    ]
    assert report.gaps == 1
    book = book_of(events)
    assert (book.state, book.gaps, book.best_bid) == (BookState.SYNCED, 1, 1000)
    assert report.dropped == {"depth or snapshot older than the book, or repeated": 1}


def test_a_repeated_message_is_dropped(tmp_path: Path) -> None:
    batches, report = read(written(tmp_path, [snapshot(20), depth(30, 20), depth(40, 30), depth(40, 30), depth(50, 40)]))
    assert [number for _, number, _, _ in told(events_in(batches))] == [20, 30, 40, 50]
    assert (report.gaps, sum(report.dropped.values())) == (0, 1)


def test_without_a_snapshot_there_is_no_book(tmp_path: Path) -> None:
    batches, report = read(written(tmp_path, [depth(10 * i, 10 * i - 10) for i in range(1, 6)] + [trade(1)]))
    assert [batch.table for batch in batches] == ["trade"]
    assert report.dropped == {"depth before any usable snapshot": 5}


def test_a_stale_snapshot_is_not_used(tmp_path: Path) -> None:
    batches, report = read(written(tmp_path, [depth(110, 100), snapshot(50), depth(120, 110), snapshot(115), depth(130, 120)]))
    assert [(kind, number) for _, number, kind, _ in told(events_in(batches))] == [
        (SNAPSHOT, 115),
        (DELTA, 120),
        (DELTA, 130),
    ]
    assert report.dropped == {"depth or snapshot older than the book, or repeated": 2}


def test_a_spot_snapshot_that_comes_first_waits_for_its_symbol(tmp_path: Path) -> None:
    """Spot snapshots do not say whose they are."""
    bare = {"lastUpdateId": 20, "bids": [["100.00", "5"]], "asks": [["101.00", "5"]]}
    diff = {"e": "depthUpdate", "E": 5, "s": "BTCUSDT", "U": 21, "u": 30, "b": [["100.00", "1.00000000"]], "a": []}
    batches, report = read(written(tmp_path, [bare, {"stream": "btcusdt@depth@100ms", "data": diff}]), venue="binance")
    assert [(ts, kind) for ts, _, kind, _ in told(events_in(batches))] == [(START, SNAPSHOT), (START + MS_NS, DELTA)]
    assert not report.dropped
    batches, report = read(written(tmp_path, [bare]), venue="binance")
    assert (batches, report.dropped) == ([], {"snapshot of an unknown symbol": 1})
    two = [trade(1), json.loads(json.dumps(trade(2)).replace("BTCUSDT", "ETHUSDT")), bare]
    with pytest.raises(CorruptRecord, match=r"capture.gz:3: field 'symbol'"):
        read(written(tmp_path, two), venue="binance")


def test_two_symbols_are_kept_apart(tmp_path: Path) -> None:
    ether = parse_instrument("binance_usdm:ETHUSDT", tick="0.1", lot="0.001")
    other = [json.loads(json.dumps(m).replace("BTCUSDT", "ETHUSDT")) for m in (snapshot(500), depth(510, 500))]
    path = written(tmp_path, [snapshot(20), other[0], depth(30, 20), other[1], depth(40, 30)])
    asked: list[str] = []

    def terms(symbol: str) -> Any:
        asked.append(symbol)
        return {"BTCUSDT": PERP, "ETHUSDT": ether}[symbol]

    reader = read_binance_capture(path, venue="binance_usdm", instrument=terms)
    batches = {batch.instrument.symbol: batch.frame["id"].unique().sort().to_list() for batch in reader}
    assert batches == {"BTCUSDT": [20, 30, 40], "ETHUSDT": [500, 510]}
    assert asked == ["BTCUSDT", "ETHUSDT"]
    assert reader.report.gaps == 0


def test_other_channels_are_counted_by_name(tmp_path: Path) -> None:
    other: list[dict[str, Any] | str] = [
        {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": {"o": "1"}}},
        {"stream": "btcusdt@kline_1m", "data": {"e": "kline", "s": "BTCUSDT", "k": {"o": "1"}}},
        {"result": None, "id": 1},
    ]
    batches, report = read(written(tmp_path, other))
    assert batches == []
    assert report.dropped == {"channel 'kline' is not read": 2, "neither a stream message nor a snapshot": 1}


def aggregate(number: int) -> dict[str, Any]:
    data = {"e": "aggTrade", "E": 5, "T": 4, "s": "BTCUSDT", "a": number, "p": "100.0", "q": "0.5", "f": 1, "l": 2, "m": False}
    return {"stream": "btcusdt@aggTrade", "data": data}


def test_trades_told_twice_are_counted_once(tmp_path: Path) -> None:
    batches, report = read(written(tmp_path, [trade(1), aggregate(9), trade(2)]))
    assert batches[0].frame["id"].to_list() == [1, 2]
    assert report.dropped == {"aggTrade beside trade": 1}
    batches, report = read(written(tmp_path, [aggregate(9), trade(1), aggregate(10)]))
    assert batches[0].frame["id"].to_list() == [9, 10]
    assert batches[0].frame["side"].to_list() == [1, 1]
    assert report.dropped == {"trade beside aggTrade": 1}


def test_prints_outside_the_book_are_no_trades(tmp_path: Path) -> None:
    nameless = trade(3)
    del nameless["data"]["m"]
    batches, report = read(
        written(tmp_path, [trade(1, kind="INSURANCE_FUND"), trade(2, price="0", qty="0", kind="NA"), nameless])
    )
    assert batches[0].frame["id"].to_list() == [3]
    assert batches[0].frame["side"].to_list() == [0]
    assert report.dropped == {"trade of type INSURANCE_FUND": 1, "trade of type NA": 1}


def test_forced_orders(tmp_path: Path) -> None:
    """The symbol stands inside the order; a forced buy closes a short."""

    def forced(side: str) -> dict[str, Any]:
        order = {"s": "BTCUSDT", "S": side, "o": "LIMIT", "f": "IOC", "q": "0.014", "p": "9910", "ap": "9910.5", "X": "FILLED"}
        return {"e": "forceOrder", "E": 5, "o": {**order, "l": "0.014", "z": "0.013", "T": 99}}

    streams = ("btcusdt@forceOrder", "!forceOrder@arr")
    path = written(tmp_path, [{"stream": s, "data": forced(side)} for s, side in zip(streams, ("BUY", "SELL"), strict=True)])
    [batch], report = read(path)
    assert batch.table == "liquidation"
    assert batch.frame.select("kind", "side", "price_ticks", "qty_lots", "ts_venue").rows() == [
        (LIQUIDATION, 1, 99105, 13, 99 * MS_NS),
        (LIQUIDATION, -1, 99105, 13, 99 * MS_NS),
    ]
    assert not report.dropped


def test_marks(tmp_path: Path) -> None:
    data = {"e": "markPriceUpdate", "E": 5, "s": "BTCUSDT", "p": "61800.25", "i": "61799.5", "P": "1", "r": "0.0001", "T": 8}
    dated = {**data, "i": "", "r": "", "T": 0}
    path = written(tmp_path, [{"stream": "btcusdt@markPrice@1s", "data": data}, {"stream": "!markPrice@arr", "data": [dated]}])
    [batch], report = read(path)
    assert (batch.table, report.rows["mark"]) == ("mark", 2)
    rows = batch.frame.drop("seq").rows()
    assert rows == [
        (START, 5 * MS_NS, 61800.25, 61799.5, 0.0001, None, 8 * MS_NS),
        (START + MS_NS, 5 * MS_NS, 61800.25, None, None, None, None),
    ]


BAD: dict[str, tuple[dict[str, Any] | str, str, str]] = {
    "cut JSON": (f'{START} {{"stream":"btcusdt@tra', "record", "local_ns and a JSON message"),
    "no JSON": (f"{START} hello", "record", "local_ns and a JSON message"),
    "no time": ('{"stream":"btcusdt@trade","data":{}}', "record", "local_ns and a JSON message"),
    "time in words": ('yesterday {"result":null}', "record", "local_ns and a JSON message"),
    "blank": ("", "record", "local_ns and a JSON message"),
    "not text": (f"{START} \ufffd\x00", "record", "local_ns and a JSON message"),
    "wrong type": (f'{START} {{"stream":"btcusdt@trade","data":{{"s":"BTCUSDT","t":"x"}}}}', "record", "a JSON message"),
    "no symbol": ({"stream": "btcusdt@trade", "data": {"e": "trade", "t": 1}}, "s", "the symbol of the message"),
    "forced order without its order": ({"stream": "x@forceOrder", "data": {"e": "forceOrder"}}, "record", "a JSON message"),
    "mark in words": (
        {"stream": "btcusdt@markPrice", "data": {"e": "markPriceUpdate", "s": "BTCUSDT", "p": "abc"}},
        "record",
        "a JSON message",
    ),
    "price in words": (trade(5, price="1o0.0"), "price or size", "a decimal number"),
    "no price": (trade(5, price=""), "price or size", "a decimal number"),
    "price with exponent": (trade(5, price="1e2"), "price or size", "a decimal number"),
    "price off its grid": (trade(5, price="100.05"), "price or size", "a multiple of its step"),
    "size off its grid": (trade(5, qty="0.0005"), "price or size", "a multiple of its step"),
    "price too long": (trade(5, price="9" * 19), "price or size", "63 bits"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named_and_counted(name: str, tmp_path: Path) -> None:
    line, field, words = BAD[name]
    path = written(tmp_path, [trade(1), trade(2), line, trade(3)])
    with pytest.raises(CorruptRecord, match=words) as caught:
        read(path)
    assert (caught.value.source, caught.value.line, caught.value.field) == (str(path), 3, field)
    assert f"{path}:3: field {field!r}" in str(caught.value)
    batches, report = read(path, max_bad=1)
    assert events_in(batches).id.tolist() == [1, 2, 3]
    assert (report.messages, report.bad, [error.line for error in report.errors]) == (4, 1, [3])


def test_an_aggregate_without_a_number_is_bad(tmp_path: Path) -> None:
    nameless = aggregate(9)
    del nameless["data"]["a"]
    with pytest.raises(CorruptRecord, match=r"capture.gz:1: field 'record'"):
        read(written(tmp_path, [nameless]))


def test_max_bad_is_a_limit(tmp_path: Path) -> None:
    bad = [BAD["no JSON"][0], BAD["price in words"][0], BAD["price off its grid"][0]]
    path = written(tmp_path, [trade(1), *bad, trade(2)])
    for limit in range(3):
        with pytest.raises(CorruptRecord):
            read(path, max_bad=limit)
    batches, report = read(path, max_bad=3)
    assert events_in(batches).id.tolist() == [1, 2]
    assert report.bad == 3


@pytest.mark.parametrize(
    "levels", [[["100.0", "x"]], [["100.05", "1"]], [["100.0"]], [100], ["100.0", "1"], {"a": 1}, "1", None]
)
def test_a_bad_depth_message_voids_the_book(levels: Any, tmp_path: Path) -> None:
    """Its levels are unknown: a GAP stands in its place until the next snapshot."""
    bad = depth(30, 20)
    bad["data"]["b"] = levels
    batches, report = read(written(tmp_path, [snapshot(20), bad, depth(40, 30), snapshot(50), depth(60, 50)]), max_bad=1)
    events = events_in(batches)
    assert [kind for _, _, kind, _ in told(events)] == [SNAPSHOT, GAP, DELTA, SNAPSHOT, DELTA]
    assert (report.bad, report.gaps) == (1, 1)
    book = Book()
    book.apply(events.cut(0, int(np.flatnonzero(events.kind == GAP)[0]) + 2))
    assert (book.state, book.best_bid) == (BookState.GAPPED, None)
    assert book_of(events).state is BookState.SYNCED


def test_blocks_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows from one block and from many."""
    many = [snapshot(20), *(depth(20 + 10 * i, 10 + 10 * i) for i in range(1, 200)), *(trade(i) for i in range(200))]
    path = written(tmp_path, many, name="capture.txt")
    whole, report = read(path)
    monkeypatch.setattr("counterpoise.adapters.source._CHUNK_BYTES", 100)
    monkeypatch.setattr("counterpoise.adapters.source.read_blocks.__kwdefaults__", {"block_bytes": 1000})
    parts, report_of_parts = read(path)
    assert len(parts) > 20 > len(whole)
    assert told(events_in(parts)) == told(events_in(whole))
    assert report_of_parts == report


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="binance_usdm, binance_coinm, found 'bybit'"):
        read(written(tmp_path, []), venue="bybit")
    with pytest.raises(InputError, match="cannot read"):
        read(tmp_path / "absent.gz")
    assert read(written(tmp_path, []))[0] == []


@pytest.mark.parametrize(
    "line",
    [
        f"{START} " + json.dumps(trade(2**63)),
        f"{START} " + json.dumps(depth(2**64, 10)),
        f"{START} " + json.dumps(snapshot(2**63)),
        f"{START} " + json.dumps(trade(7)).replace('"T": 4', '"T": 9223372036855'),
        f"{2**63} " + json.dumps(trade(7)),
        "0 " + json.dumps(trade(7)),
        f"{START} " + json.dumps({"data": {"e": "aggTrade", "s": "BTCUSDT", "a": 2**63, "p": "1", "q": "1", "m": True}}),
    ],
)
def test_numbers_past_64_bits_are_bad_records(line: str, tmp_path: Path) -> None:
    path = written(tmp_path, [snapshot(20), line, trade(8)])
    with pytest.raises(CorruptRecord, match=r"capture\.gz:2: "):
        read(path)
    batches, report = read(path, max_bad=1)
    assert report.bad == 1
    assert [row[1] for row in told(events_in(batches))] == [20, 8]


def test_a_capture_of_the_wrong_market_is_refused(tmp_path: Path) -> None:
    futures = depth(30, 10)
    with pytest.raises(CorruptRecord, match=r"'pu' is '10'.*read it as binance_usdm or binance_coinm"):
        read(written(tmp_path, [futures]), venue="binance")
    spot = depth(30, 10)
    del spot["data"]["pu"]
    with pytest.raises(CorruptRecord, match=r"'pu' is 'missing'.*read a spot capture as binance"):
        read(written(tmp_path, [spot]))


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    plain = written(tmp_path, GOOD, "plain.txt")
    marked = tmp_path / "marked.txt"
    marked.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    assert told(events_in(read(marked)[0])) == told(events_in(read(plain)[0]))
