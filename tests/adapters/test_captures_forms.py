"""Message forms of today that the recordings are too old to hold, as the venues document them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.adapters.captures import read_capture
from counterpoise.core.errors import CorruptRecord, InputError, UnknownName
from counterpoise.core.units import parse_time
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, SNAPSHOT
from counterpoise.market.sequence import kraken_checksum
from counterpoise.market.symbol import parse_instrument
from reference.capture_reading import Reading, read

T0 = 1_700_000_000


def capture(folder: Path, venue: str, *messages: Any, max_bad: int = 0) -> Reading:
    """Messages one second apart; a text is a whole line."""
    lines = [m if isinstance(m, str) else f"{T0 + i}.25: {json.dumps(m)}" for i, m in enumerate(messages)]
    path = folder / "capture.ws"
    path.write_text("\n".join(lines))
    return read([path], venue, max_bad=max_bad)


def rows(reading: Reading, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return list(reading.frame(table).select(columns).iter_rows())


def bybit(kind: str, u: int, bids: list[Any], asks: list[Any]) -> dict[str, Any]:
    body = {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": 7961638724 + u}
    return {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 1672304484978, "data": body, "cts": 1672304484976}


def test_bybit_v5(tmp_path: Path) -> None:
    trade = {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick", "i": "20f43950"}
    ticker = {"symbol": "BTCUSDT", "markPrice": "17217.33", "openInterest": "68744.761", "nextFundingTime": "1673280000000"}
    forced = {"T": 1739502302929, "s": "BTCUSDT", "S": "Buy", "v": "0.003", "p": "16500.5"}
    reading = capture(
        tmp_path,
        "bybit",
        bybit("snapshot", 18521288, [["16493.50", "0.006"]], [["16611.00", "0.029"]]),
        bybit("delta", 18521289, [["16493.50", "0"], ["16493.00", "0.1"]], []),
        bybit("delta", 18521291, [["16490.00", "1"]], []),
        bybit("delta", 1, [["16480.00", "0.5"]], [["16612.00", "0.4"]]),
        {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": [trade]},
        {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1673272861686, "data": ticker},
        {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": 1739502303204, "data": [forced]},
    )
    kinds = [kind for (kind,) in rows(reading, "book", "kind")]
    assert kinds == [SNAPSHOT, SNAPSHOT, DELTA, DELTA, GAP, SNAPSHOT, SNAPSHOT]
    assert reading.frame("book")["ts_venue"][0] == 1672304484976_000_000
    assert rows(reading, "trade", "side", "price_ticks") == [(1, 33157)]  # of tick 0.5
    assert rows(reading, "liquidation", "side", "kind") == [(-1, LIQUIDATION)]  # a long was closed: a forced sale
    assert rows(reading, "mark", "mark_price", "index_price", "next_funding_ns") == [(17217.33, None, 1673280000000_000_000)]
    assert rows(reading, "open_interest", "open_interest") == [(68744.761,)]


def test_two_depths_of_one_book_are_not_mixed(tmp_path: Path) -> None:
    other = bybit("delta", 77, [["16493.00", "9"]], [])
    other["topic"] = "orderbook.200.BTCUSDT"
    best = bybit("snapshot", 5, [["16493.50", "0.006"]], [["16611.00", "0.029"]])
    best["topic"] = "orderbook.1.BTCUSDT"
    first = bybit("snapshot", 10, [["16493.50", "0.006"]], [["16611.00", "0.029"]])
    reading = capture(tmp_path, "bybit", first, other, best, best, bybit("delta", 11, [["16493.50", "0"]], []))
    assert [k for (k,) in rows(reading, "book", "kind")] == [SNAPSHOT, SNAPSHOT, DELTA]
    assert rows(reading, "quote", "id", "side") == [(5, 1), (5, -1)] * 2  # repeated after idle, as the venue does
    assert reading.report.dropped["topic orderbook.200 beside another depth"] == 1


def okx(action: str, seq: int, prev: int, bids: list[Any], asks: list[Any]) -> dict[str, Any]:
    row = {"asks": asks, "bids": bids, "ts": "1597026383085", "checksum": 0, "prevSeqId": prev, "seqId": seq}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [row]}


def test_okx_with_sequence_numbers(tmp_path: Path) -> None:
    reading = capture(
        tmp_path,
        "okx",
        okx("snapshot", 10, -1, [["100.5", "1", "0", "1"]], [["101", "2", "0", "1"]]),
        okx("update", 15, 10, [["100.5", "3", "0", "1"]], []),
        okx("update", 15, 15, [], []),
        okx("update", 3, 15, [["100", "1", "0", "1"]], []),
        okx("update", 9, 8, [["99", "1", "0", "1"]], []),
        okx("snapshot", 20, -1, [["98", "1", "0", "1"]], []),
    )
    assert [r[0] for r in rows(reading, "book", "id", "kind")] == [10, 10, 15, 3, 9, 20]
    assert reading.report.gaps == 1
    assert reading.report.dropped["book update without levels"] == 1


KRAKEN_BIDS = [("45283.5", "0.10000000"), ("45283.4", "1.54582015")]
KRAKEN_ASKS = [("45285.2", "0.00100000"), ("45286.4", "1.54571953")]


def kraken(kind: str, bids: list[Any], asks: list[Any], checksum: int) -> str:
    """Numbers, not texts: their trailing zeros count."""
    side = {name: ",".join(f'{{"price":{p},"qty":{q}}}' for p, q in rows) for name, rows in (("bids", bids), ("asks", asks))}
    return (
        f'{T0}.5: {{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD","bids":[{side["bids"]}],'
        f'"asks":[{side["asks"]}],"checksum":{checksum},"timestamp":"2023-10-06T17:35:55.440295Z"}}]}}'
    )


def test_kraken_v2_checksums(tmp_path: Path) -> None:
    good = kraken_checksum(KRAKEN_ASKS, KRAKEN_BIDS)
    later = kraken_checksum(KRAKEN_ASKS[1:], KRAKEN_BIDS)
    reading = capture(
        tmp_path,
        "kraken",
        kraken("snapshot", KRAKEN_BIDS, KRAKEN_ASKS, good),
        kraken("update", [], [("45285.2", "0.00000000")], later),
        kraken("update", [("45283.4", "0.00000000")], [], later),
        kraken("update", [("45283.4", "1.54582015")], [], later),
        kraken("snapshot", KRAKEN_BIDS, KRAKEN_ASKS, good),
    )
    assert [k for (k,) in rows(reading, "book", "kind")] == [SNAPSHOT] * 4 + [DELTA, GAP] + [SNAPSHOT] * 4
    assert reading.frame("book")["ts_venue"][0] == parse_time("2023-10-06T17:35:55.440295Z")


def test_kraken_v2_levels_beyond_the_depth_are_deleted(tmp_path: Path) -> None:
    asks = [(f"{100 + i}.0", "1.00000000") for i in range(10)]
    bids = [("99.0", "1.00000000")]
    inside = [("99.5", "1.00000000"), *asks]
    reading = capture(
        tmp_path,
        "kraken",
        kraken("snapshot", bids, asks, kraken_checksum(asks, bids)),
        kraken("update", [], inside[:1], kraken_checksum(inside[:10], bids)),
    )
    update = reading.frame("book").filter(pl.col("kind") == DELTA)
    assert reading.report.gaps == 0
    price = reading.batches[0].instrument.price
    assert [(price(p), q) for p, q in update.select("price_ticks", "qty_lots").iter_rows()] == [(99.5, 1), (109.0, 0)]


def coinbase(number: int, product: str, kind: str, *levels: tuple[str, str, str]) -> dict[str, Any]:
    updates = [{"side": s, "event_time": "2023-02-09T20:32:50Z", "price_level": p, "new_quantity": q} for s, p, q in levels]
    event = {"type": kind, "product_id": product, "updates": updates}
    return {"channel": "l2_data", "timestamp": "2023-02-09T20:32:50.714964855Z", "sequence_num": number, "events": [event]}


def test_coinbase_advanced_gap_voids_every_book_of_the_connection(tmp_path: Path) -> None:
    trade = {
        "trade_id": "12",
        "product_id": "BTC-USD",
        "price": "21921.73",
        "size": "0.5",
        "side": "BUY",
        "time": "2023-02-09T20:19:35Z",
    }
    tape: dict[str, Any] = {"channel": "market_trades", "timestamp": trade["time"], "sequence_num": 4}
    tape["events"] = [{"type": "update", "trades": [trade]}]
    reading = capture(
        tmp_path,
        "coinbase",
        coinbase(0, "BTC-USD", "snapshot", ("bid", "21921.73", "0.06"), ("offer", "21921.74", "0.3")),
        coinbase(1, "ETH-USD", "snapshot", ("bid", "1500.1", "2"), ("offer", "1500.2", "3")),
        coinbase(2, "ETH-USD", "update", ("offer", "1500.2", "0")),
        coinbase(2, "ETH-USD", "update", ("offer", "1500.2", "0")),
        tape,
        coinbase(5, "ETH-USD", "update", ("offer", "1500.3", "1")),
        coinbase(6, "BTC-USD", "snapshot", ("bid", "21920", "1"), ("offer", "21921", "1")),
    )
    assert reading.report.gaps == 2
    assert [k for (k,) in reading.frame("book", "ETH-USD").select("kind").iter_rows()] == [SNAPSHOT, SNAPSHOT, DELTA, GAP]
    assert [k for (k,) in reading.frame("book", "BTC-USD").select("kind").iter_rows()] == [1, 1, GAP, 1, 1]
    assert rows(reading, "trade", "id", "side") == [(12, -1)]  # the maker bought


def hyperliquid(time: int, bid: str) -> dict[str, Any]:
    levels = [[{"px": bid, "sz": "1.5", "n": 2}], [{"px": "60010.0", "sz": "0.5", "n": 1}]]
    return {"channel": "l2Book", "data": {"coin": "BTC", "time": time, "levels": levels}}


def test_hyperliquid(tmp_path: Path) -> None:
    trades = [
        {"coin": "BTC", "side": "A", "px": "60000.0", "sz": "0.1", "hash": "0x0", "time": 1700000002000, "tid": 5},
        {"coin": "@107", "side": "B", "px": "20.1", "sz": "3", "hash": "0x0", "time": 1700000002000, "tid": 6},
    ]
    context = {"coin": "BTC", "ctx": {"funding": "0.0000125", "openInterest": "688.11", "markPx": "60001", "oraclePx": "60002"}}
    reading = capture(
        tmp_path,
        "hyperliquid",
        hyperliquid(1700000000000, "60000.0"),
        hyperliquid(1700000001000, "60001.0"),
        hyperliquid(1700000000500, "59999.0"),
        {"channel": "trades", "data": trades},
        {"channel": "activeAssetCtx", "data": context},
    )
    assert [f for (f,) in rows(reading, "book", "flags")] == [FIRST, LAST] * 2
    assert rows(reading, "trade", "id", "side") == [(5, -1)]
    assert reading.report.dropped["spot pair written as an index"] == 1
    assert rows(reading, "mark", "funding_rate", "index_price") == [(0.0000125, 60002.0)]


def test_deribit_perpetual_and_forced_trades(tmp_path: Path) -> None:
    ticker = {"instrument_name": "BTC-PERPETUAL", "timestamp": 1626993723632, "mark_price": 100.5, "index_price": 100.25}
    ticker |= {"current_funding": 0.0001, "open_interest": 12000}
    trade = {"trade_id": "ETH-35971", "timestamp": 1626993723632, "price": 100.5, "amount": 10, "direction": "buy"}
    trade |= {"instrument_name": "BTC-PERPETUAL", "liquidation": "MT"}
    reading = capture(
        tmp_path,
        "deribit",
        {"method": "subscription", "params": {"channel": "ticker.BTC-PERPETUAL.raw", "data": ticker}},
        {"method": "subscription", "params": {"channel": "trades.BTC-PERPETUAL.raw", "data": [trade]}},
    )
    assert rows(reading, "mark", "mark_price", "index_price", "funding_rate") == [(100.5, 100.25, 0.0001)]
    assert rows(reading, "open_interest", "open_interest") == [(12000.0,)]
    assert rows(reading, "trade", "id", "side") == [(35971, 1)]
    assert rows(reading, "liquidation", "side") == [(-1,), (1,)]


def test_binance_marks_and_forced_orders(tmp_path: Path) -> None:
    mark = {
        "e": "markPriceUpdate",
        "E": 1562305380000,
        "s": "BTCUSDT",
        "p": "11794.1",
        "i": "11784.6",
        "r": "0.00038167",
        "T": 1562306400000,
    }
    order = {"s": "BTCUSDT", "S": "SELL", "q": "0.014", "p": "9910", "T": 1568014460893}
    reading = capture(tmp_path, "binance_usdm", {"data": mark}, {"data": {"e": "forceOrder", "E": 1568014460893, "o": order}})
    assert rows(reading, "mark", "funding_rate", "next_funding_ns") == [(0.00038167, 1562306400000_000_000)]
    assert rows(reading, "liquidation", "side", "price_ticks", "qty_lots") == [(-1, 1, 1)]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("nonsense", "record"),
        (f"{T0}.5: {{not json", "JSON"),
        (f'{T0}.5: {{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1,"data":{{"b":[],"a":[]}}}}', "u"),
        (f'{T0}.5: {{"topic":"publicTrade.BTCUSDT","data":[{{"T":1,"i":"1","S":"Up","p":"1","v":"1"}}]}}', "record"),
        (f'{T0}.5: {{"topic":"publicTrade.BTCUSDT","data":[{{"T":1,"i":"1","S":"Buy","p":"x","v":"1"}}]}}', "record"),
        ("1600000000.5: {}", "time"),
    ],
)
def test_corrupt_records_name_file_line_and_field(tmp_path: Path, line: str, field: str) -> None:
    good = bybit("snapshot", 5, [["1.5", "1"]], [["2.5", "1"]])
    with pytest.raises(CorruptRecord, match=r"capture\.ws:2") as caught:
        capture(tmp_path, "bybit", good, line)
    assert caught.value.field == field
    assert capture(tmp_path, "bybit", good, line, max_bad=1).report.bad == 1


def test_wrong_calls() -> None:
    with pytest.raises(UnknownName, match="bybit"):
        read_capture([Path("x")], venue="bybitt")
    with pytest.raises(InputError, match="no capture files"):
        read_capture([], venue="okx")
    with pytest.raises(InputError, match="not of venue okx"):
        read_capture([Path("x")], venue="okx", instruments=[parse_instrument("bybit:BTCUSDT")])
    with pytest.raises(InputError, match="cannot read"):
        list(read_capture([Path("absent.ws")], venue="okx"))


@pytest.mark.parametrize("field", ["T", "t", "local"])
def test_numbers_past_64_bits_are_bad_records(field: str, tmp_path: Path) -> None:
    data = {"e": "trade", "E": 5, "T": 4, "s": "BTCUSDT", "t": 7, "p": "100.0", "q": "0.5", "X": "MARKET", "m": True}
    good = {"stream": "btcusdt@trade", "data": data}
    bad: Any = {"stream": "btcusdt@trade", "data": {**data, field: 10**20}}
    if field == "local":
        bad = f"{10**20}.25: {json.dumps(good)}"
    with pytest.raises(CorruptRecord):
        capture(tmp_path, "binance_usdm", good, bad, good)
    reading = capture(tmp_path, "binance_usdm", good, bad, good, max_bad=1)
    assert reading.report.bad == 1
    assert reading.frame("trade")["id"].to_list() == [7, 7]
