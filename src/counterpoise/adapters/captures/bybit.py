"""Bybit: v5 topics, and the L2_25 and trade topics of the v2 interface before 2023."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from counterpoise.adapters.captures.message import (
    BookMessage,
    FirstChannel,
    Level,
    Message,
    Skipped,
    Tick,
    TickMessage,
    ValueMessage,
    levels,
    millis,
    number,
    quote,
    side_of,
    venue_id,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import US_NS
from counterpoise.market.sequence import Bybit, Unsequenced, Update

__all__ = ["BybitDecoder"]


class BybitDecoder:
    """`orderbook`, `publicTrade`, `tickers` and `allLiquidation` of v5; `orderBookL2_25` and `trade` of v2."""

    def __init__(self, venue: str) -> None:
        self._depths = FirstChannel()

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "topic" not in data:
            yield Skipped("answer to a request")
            return
        topic, _, rest = data["topic"].partition(".")
        depth, _, symbol = rest.rpartition(".")
        if topic in ("orderBookL2_25", "orderBook_200"):
            yield _old_book(symbol, data)
        elif topic == "orderbook" and depth == "1":
            yield _best(symbol, data)
        elif topic == "orderbook" and not self._depths.takes(symbol, depth):
            yield Skipped(f"topic {topic}.{depth} beside another depth")
        elif topic == "orderbook":
            yield _book(symbol, data)
        elif topic == "tickers":
            yield from _tickers(symbol, data)
        elif topic in _TICKS:
            yield TickMessage(symbol, _TICKS[topic][0], [_TICKS[topic][1](row) for row in data["data"]])
        else:
            yield Skipped(f"topic {topic}")


def _book(symbol: str, data: dict[str, Any]) -> Message:
    book = data["data"]
    # u = 1 overwrites whatever the type says
    snapshot = data["type"] == "snapshot" or book["u"] == 1
    update = Update(snapshot, book["u"], book["u"], ts_ns=millis(data.get("cts") or data["ts"]))
    return BookMessage(symbol, update, levels(book["b"]), levels(book["a"]), Bybit)


def _best(symbol: str, data: dict[str, Any]) -> Message:
    """Level 1 is a ticker: always whole, and sent again when nothing happens."""
    book, nothing = data["data"], (None, None)
    bid, ask = (tuple(book[side][0]) if book[side] else nothing for side in ("b", "a"))
    return quote(symbol, millis(data.get("cts") or data["ts"]), bid, ask, number=book["u"])


def _old_book(symbol: str, data: dict[str, Any]) -> Message:
    book = data["data"]
    snapshot = data["type"] == "snapshot"
    rows = (book["order_book"] if isinstance(book, dict) else book) if snapshot else book["update"] + book["insert"]
    gone = [] if snapshot else [{**row, "size": 0} for row in book["delete"]]
    sides: dict[int, list[Level]] = {1: [], -1: []}
    for row in gone + rows:
        sides[side_of(row["side"])].append((str(row["price"]), str(row["size"])))
    last = int(data["cross_seq"])
    update = Update(snapshot, last, last, ts_ns=int(data["timestamp_e6"]) * US_NS)
    return BookMessage(symbol, update, sides[1], sides[-1], Unsequenced)


def _trade(row: dict[str, Any]) -> Tick:
    return Tick(millis(row["T"]), venue_id(row["i"]), side_of(row["S"]), str(row["p"]), str(row["v"]))


def _old_trade(row: dict[str, Any]) -> Tick:
    return Tick(millis(row["trade_time_ms"]), -1, side_of(row["side"]), str(row["price"]), str(row["size"]))


def _liquidation(row: dict[str, Any]) -> Tick:
    """S is the side of the position that was closed; the forced order is the other one."""
    return Tick(millis(row["T"]), -1, -side_of(row["S"]), str(row["p"]), str(row["v"]))


_TICKS = {
    "publicTrade": ("trade", _trade),
    "trade": ("trade", _old_trade),
    "allLiquidation": ("liquidation", _liquidation),
}


def _tickers(symbol: str, data: dict[str, Any]) -> Iterator[Message]:
    """A delta carries only what changed; the rest is null."""
    row, ts_ns = data["data"], millis(data["ts"])
    mark: dict[str, float | int | str | None] = {
        "mark_price": number(row.get("markPrice")),
        "index_price": number(row.get("indexPrice")),
        "funding_rate": number(row.get("fundingRate")),
        "next_funding_ns": millis(row.get("nextFundingTime")) or None,
    }
    if any(value is not None for value in mark.values()):
        yield ValueMessage(symbol, "mark", ts_ns, mark)
    if row.get("openInterest"):
        yield ValueMessage(symbol, "open_interest", ts_ns, {"open_interest": number(row["openInterest"])})
