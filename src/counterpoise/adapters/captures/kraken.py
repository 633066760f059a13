"""Kraken spot v2, whose books are checked by checksum, and Kraken futures, whose books are numbered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from counterpoise.adapters.captures.message import (
    BookMessage,
    Level,
    Message,
    Skipped,
    Tick,
    TickMessage,
    ValueMessage,
    millis,
    number,
    quote,
    side_of,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import parse_time
from counterpoise.market.sequence import KrakenBook, KrakenFutures, KrakenV2, Update

__all__ = ["KrakenDecoder", "KrakenFuturesDecoder"]

_DEPTHS: Final = (10, 25, 100, 500, 1000)


def _levels(rows: Sequence[dict[str, Any]]) -> list[Level]:
    return [(str(row["price"]), str(row["qty"])) for row in rows]


class KrakenDecoder:
    """`book`, `trade` and `ticker` of v2; levels that fall out of the subscribed depth are deleted."""

    def __init__(self, venue: str) -> None:
        self._books: dict[str, KrakenBook] = {}
        self._depths: dict[str, int] = {}

    def reset(self) -> None:
        self._books.clear()

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "channel" not in data:
            result = data.get("result", {}) if isinstance(data, dict) else {}
            if isinstance(result, dict) and result.get("channel") == "book":
                self._depths[result["symbol"]] = result["depth"]
            yield Skipped("answer to a request")
            return
        channel, first = data["channel"], data.get("type") == "snapshot"
        for row in data.get("data", ()):
            if channel == "book":
                yield self._book(row, snapshot=first)
            elif channel == "trade":
                yield Skipped("trades before the subscription") if first else _trade(row)
            elif channel == "ticker":
                at = parse_time(row["timestamp"]) if "timestamp" in row else 0
                yield quote(row["symbol"], at, (row["bid"], row["bid_qty"]), (row["ask"], row["ask_qty"]))
            else:
                yield Skipped(f"channel {channel}")

    def _book(self, row: dict[str, Any], *, snapshot: bool) -> Message:
        symbol, bids, asks = row["symbol"], _levels(row.get("bids", ())), _levels(row.get("asks", ()))
        if snapshot:
            most = max(len(bids), len(asks))
            depth = self._depths.get(symbol) or next((d for d in _DEPTHS if d >= most), _DEPTHS[-1])
            self._books[symbol] = KrakenBook(depth=depth)
        book = self._books.setdefault(symbol, KrakenBook())
        cut = book.apply(asks, bids, snapshot=snapshot)
        bids += [(price, "0") for side, price in cut if side > 0]
        asks += [(price, "0") for side, price in cut if side < 0]
        at = parse_time(row["timestamp"]) if "timestamp" in row else 0
        update = Update(snapshot, -1, book.checksum(), -1, at, row.get("checksum", -1))
        return BookMessage(symbol, update, bids, asks, KrakenV2)


def _trade(row: dict[str, Any]) -> Message:
    tick = Tick(parse_time(row["timestamp"]), row["trade_id"], side_of(row["side"]), str(row["price"]), str(row["qty"]))
    return TickMessage(row["symbol"], "trade", [tick])


class KrakenFuturesDecoder:
    """`book_snapshot`, `book`, `trade` and `ticker` of the v1 socket; symbols in lower case."""

    def __init__(self, venue: str) -> None:
        self._venue = venue

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "event" in data or "feed" not in data:
            yield Skipped("answer to a request")
            return
        feed, symbol = data["feed"], str(data.get("product_id", "")).lower()
        if feed == "book_snapshot":
            update = Update(True, data["seq"], data["seq"], ts_ns=millis(data["timestamp"]))
            yield BookMessage(symbol, update, _levels(data["bids"]), _levels(data["asks"]), KrakenFutures)
        elif feed == "book":
            update = Update(False, data["seq"], data["seq"], ts_ns=millis(data["timestamp"]))
            level, side = [(str(data["price"]), str(data["qty"]))], side_of(data["side"])
            yield BookMessage(symbol, update, level if side > 0 else [], level if side < 0 else [], KrakenFutures)
        elif feed == "trade":
            yield from _futures_trade(symbol, data)
        elif feed == "ticker":
            yield from _futures_ticker(symbol, data)
        else:
            yield Skipped("trades before the subscription" if feed == "trade_snapshot" else f"feed {feed}")


def _futures_trade(symbol: str, data: dict[str, Any]) -> Iterator[Message]:
    tick = Tick(millis(data["time"]), data["seq"], side_of(data["side"]), str(data["price"]), str(data["qty"]))
    yield TickMessage(symbol, "trade", [tick])
    if data["type"] == "liquidation":
        yield TickMessage(symbol, "liquidation", [tick])


def _futures_ticker(symbol: str, data: dict[str, Any]) -> Iterator[Message]:
    ts_ns = millis(data.get("time"))
    yield quote(symbol, ts_ns, (data["bid"], data["bid_size"]), (data["ask"], data["ask_size"]))
    mark: dict[str, float | int | str | None] = {
        "mark_price": number(data.get("markPrice")),
        "index_price": number(data.get("index")),
        # the plain rate is in quote currency a contract
        "funding_rate": number(data.get("relative_funding_rate")),
        "predicted_funding_rate": number(data.get("relative_funding_rate_prediction")),
        "next_funding_ns": millis(data.get("next_funding_rate_time")) or None,
    }
    yield ValueMessage(symbol, "mark", ts_ns, mark)
    yield ValueMessage(symbol, "open_interest", ts_ns, {"open_interest": number(data.get("openInterest"))})
