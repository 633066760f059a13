"""Readers on the venues' real captures, checked by what the venues themselves say in them."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.adapters.captures import read_capture
from counterpoise.core.schema import table_schema
from counterpoise.core.units import Grid
from counterpoise.market.event import FIRST, LAST, SNAPSHOT, Events
from reference.capture_reading import VENUES, Reading, files, incoming, naive_books

pytestmark = pytest.mark.realdata


@pytest.mark.parametrize("name", VENUES)
def test_clean_captures_have_no_gap_and_no_bad_record(name: str, readings: dict[str, Reading]) -> None:
    reading = readings[name]
    assert (reading.report.gaps, reading.report.bad, reading.report.truncated) == (0, 0, False)
    assert not [reason for reason in reading.report.dropped if "contract terms" in reason or "without a snapshot" in reason]
    for batch in reading.batches:
        assert batch.frame.schema == pl.DataFrame(pl.from_arrow(table_schema(batch.table).empty_table())).schema
        assert batch.frame["ts_local"].is_sorted()
        assert batch.frame["seq"].is_sorted()


@pytest.mark.parametrize("name", VENUES)
def test_messages_are_flagged_first_to_last(name: str, readings: dict[str, Reading]) -> None:
    for batch in readings[name].batches:
        if "flags" not in batch.frame.columns:
            continue
        events = Events.from_frame(batch.frame)
        first, last = events.flags & FIRST > 0, events.flags & LAST > 0
        assert first[0]
        assert last[-1]
        assert (first[1:] == last[:-1]).all()


@pytest.mark.parametrize("name", VENUES)
def test_every_book_stays_uncrossed(name: str, readings: dict[str, Reading]) -> None:
    assert len(readings[name].books) >= 3
    for batch in readings[name].books:
        assert batch.frame["kind"][0] == SNAPSHOT
        for seq, sides in naive_books(batch.frame):
            crossed = sides[1] and sides[-1] and max(sides[1]) >= min(sides[-1])
            assert not crossed, (batch.instrument.id, seq)


def row_count(name: str, folder: Path) -> int:
    """Trades in the sockets' text, counted without the reader."""
    count: dict[str, Callable[[Any], int]] = {
        "BINANCE_DELIVERY": lambda d: d.get("data", {}).get("e") == "aggTrade",
        "BINANCE_FUTURES": lambda d: d.get("data", {}).get("e") == "aggTrade",
        "BITMEX": lambda d: len(d["data"]) if d.get("table") == "trade" and d["action"] == "insert" else 0,
        "BYBIT": lambda d: len(d["data"]) if d.get("topic", "").startswith("trade.") else 0,
        "COINBASE": lambda d: d.get("type") == "match",
        "DERIBIT": lambda d: len(d["params"]["data"]) if "channel" in d.get("params", {}) and "trades." in str(d)[:150] else 0,
        "DYDX": lambda d: len(d["contents"]["trades"]) if d["type"] == "channel_data" and "trades" in d["contents"] else 0,
        "KRAKEN_FUTURES": lambda d: d.get("feed") == "trade" and "price" in d,
        "OKX": lambda d: len(d["data"]) if d.get("arg", {}).get("channel") == "trades" and "data" in d else 0,
    }
    return sum(count[name](data) for path in files(folder, name) if ".ws." in path.name for _, data in incoming(path))


@pytest.mark.parametrize("name", VENUES)
def test_every_trade_is_read(name: str, captures: Path, readings: dict[str, Reading]) -> None:
    expected = row_count(name, captures)
    assert readings[name].report.rows["trade"] == expected
    assert expected > 0 or name == "DERIBIT"


def test_okx_books_have_the_checksum_the_venue_states(captures: Path, readings: dict[str, Reading]) -> None:
    """CRC-32 of the 25 best levels, bid and ask in turn, after each of 290 messages: the venue's own proof."""
    stated = {i: d["data"][0]["checksum"] for i, d in incoming(files(captures, "OKX")[-1]) if "checksum" in str(d)}
    offset = len([line for line in files(captures, "OKX")[0].read_text().splitlines() if line])
    checked = 0
    for batch in readings["OKX"].books:
        price, qty = batch.instrument.price_grid, batch.instrument.qty_grid
        for seq, sides in naive_books(batch.frame):
            bids, asks = sorted(sides[1].items(), reverse=True)[:25], sorted(sides[-1].items())[:25]
            pairs = [side[i] for i in range(25) for side in (bids, asks) if i < len(side)]
            text = ":".join(f"{written(price, p)}:{written(qty, q)}" for p, q in pairs)
            checksum = zlib.crc32(text.encode())
            assert checksum - ((checksum >> 31) << 32) == stated[seq - offset]
            checked += 1
    assert checked == len(stated) == 290


def written(grid: Grid, steps: int) -> str:
    return f"{grid.decimal(steps).normalize():f}"


TICKERS: dict[str, Callable[[Any], tuple[str, str, str] | None]] = {
    "KRAKEN_FUTURES": lambda d: (d["product_id"].lower(), d["bid"], d["ask"]) if "bid" in d else None,
    "COINBASE": lambda d: (d["product_id"], d["best_bid"], d["best_ask"]) if d["type"] == "ticker" else None,
    "BITMEX": lambda d: (
        tuple(str(d["data"][-1][k]) for k in ("symbol", "bidPrice", "askPrice"))  # type: ignore[return-value]
        if d.get("table") == "quote" and d["action"] == "insert"
        else None
    ),
}


@pytest.mark.parametrize("name", TICKERS)
def test_best_prices_are_the_tickers(name: str, captures: Path, readings: dict[str, Reading]) -> None:
    """The venue's own ticker, sent beside the book on the same socket; the first of Coinbase are older than the book."""
    paths = files(captures, name)
    offset = sum(len([line for line in path.read_text().splitlines() if line]) for path in paths[:-1])
    best: dict[str, dict[int, tuple[float, float]]] = defaultdict(dict)
    for batch in readings[name].books:
        for seq, sides in naive_books(batch.frame):
            terms = batch.instrument
            best[terms.symbol][seq - offset] = terms.price(max(sides[1])), terms.price(min(sides[-1]))
    same = total = 0
    for i, data in incoming(paths[-1]):
        ticker = TICKERS[name](data)
        if ticker is None:
            continue
        until = [seq for seq in best[ticker[0]] if seq <= i]
        if until:
            total += 1
            same += best[ticker[0]][until[-1]] == (float(ticker[1]), float(ticker[2]))
    assert total > 30
    assert same / total >= (0.9 if name == "COINBASE" else 0.97)


def test_coinbase_aggressor_is_the_tickers_taker(captures: Path, readings: dict[str, Reading]) -> None:
    takers = {d["trade_id"]: d["side"] for _, d in incoming(files(captures, "COINBASE")[-1]) if d["type"] == "ticker"}
    sides = dict(readings["COINBASE"].frame("trade").select("id", "side").iter_rows())
    both = takers.keys() & sides.keys()
    assert len(both) > 80
    assert all({"buy": 1, "sell": -1}[takers[n]] == sides[n] for n in both)


def test_aggressors_lift_asks_and_hit_bids(readings: dict[str, Reading]) -> None:
    """Trades of Binance against its own best quotes just before them."""
    reading = readings["BINANCE_FUTURES"]
    right = total = 0
    for symbol in {b.instrument.symbol for b in reading.batches}:
        quotes = reading.frame("quote", symbol).filter(pl.col("side") == 1).select("ts_venue", bid="price_ticks")
        if not [b for b in reading.batches if b.table == "trade" and b.instrument.symbol == symbol]:
            continue
        trades = reading.frame("trade", symbol).sort("ts_venue")
        joined = trades.join_asof(quotes.sort("ts_venue"), on="ts_venue", allow_exact_matches=False).drop_nulls()
        total += joined.height
        right += joined.filter((pl.col("price_ticks") <= pl.col("bid")) == (pl.col("side") < 0)).height
    assert total > 50
    assert right / total > 0.9


def test_inferred_steps_are_multiples_of_the_listed_ones(captures: Path, readings: dict[str, Reading]) -> None:
    listing = json.loads(files(captures, "OKX")[0].read_text().splitlines()[0].split(": ", 1)[1])["data"]
    listing += json.loads(files(captures, "OKX")[0].read_text().splitlines()[1].split(": ", 1)[1])["data"]
    listed = {row["instId"]: (row["tickSz"], row["lotSz"]) for row in listing}
    found = {b.instrument.symbol: b.instrument for b in readings["OKX"].batches}
    for symbol in ("BTC-USDT", "UNI-USD-SWAP"):
        assert (found[symbol].tick, found[symbol].lot) == listed[symbol]


def test_deribit_option_quotes(captures: Path, readings: dict[str, Reading]) -> None:
    frame = readings["DERIBIT"].frame("option_quote", "ETH-30JUL21-2800-C")
    first = frame.row(0, named=True)
    raw = next(
        d["params"]["data"] for _, d in incoming(files(captures, "DERIBIT")[-1]) if "ticker.ETH-30JUL21-2800-C" in str(d)[:120]
    )
    assert first["mark_iv"] == pytest.approx(float(raw["mark_iv"]) / 100)
    assert first["delta"] == float(raw["greeks"]["delta"])
    assert (first["bid_price"], first["underlying"]) == (float(raw["best_bid_price"]), raw["underlying_index"])
    empty = readings["DERIBIT"].frame("option_quote", "ETH-27AUG21-4000-P")
    assert empty["bid_price"].null_count() == empty.height  # nobody bids, and the venue writes 0
    black = readings["DERIBIT"].frame("option_quote").drop_nulls("mark_iv")
    assert black["mark_iv"].is_between(0.2, 3.0).all()


def test_hyperliquid_contexts_take_their_names_from_the_universe(data_dir: Path) -> None:
    path = data_dir / "08_venue_captures" / "hyperliquid_all_asset_ctxs.json"
    raw = json.loads(path.read_text())["data"]["ctxs"]
    reader = read_capture([path], venue="hyperliquid", universe={"": ["BTC", "ETH"]})
    marks = {b.instrument.id: b.frame for b in reader if b.table == "mark"}
    assert set(marks) == {"hyperliquid:BTC", "hyperliquid:ETH"}
    assert marks["hyperliquid:BTC"]["index_price"][0] == float(raw[0][1][0]["oraclePx"])
    assert marks["hyperliquid:ETH"]["funding_rate"][0] == float(raw[0][1][1]["funding"])
    total = sum(len(contexts) for _, contexts in raw)
    assert reader.report.dropped["asset without a name (give the universe)"] == total - 2


def test_deribit_books_end_where_the_last_tickers_stand(captures: Path, readings: dict[str, Reading]) -> None:
    """A ticker may be older or newer than the last book message by one change."""
    tickers: dict[str, tuple[float, float]] = {}
    for _, data in incoming(files(captures, "DERIBIT")[-1]):
        if "ticker." in str(data.get("params", ""))[:40]:
            row = data["params"]["data"]
            tickers[row["instrument_name"]] = float(row["best_bid_price"]), float(row["best_ask_price"])
    same = 0
    for batch in readings["DERIBIT"].books:
        price, best = batch.instrument.price, []
        for _, sides in naive_books(batch.frame):
            best.append((price(max(sides[1], default=0)), price(min(sides[-1], default=0))))
        same += tickers[batch.instrument.symbol] in best[-2:]
    assert same == len(tickers) == 10
