"""Binance spot, USD-M and COIN-M: combined streams and REST snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from counterpoise.adapters.captures.message import (
    BookMessage,
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
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.market.sequence import RULES, Update

__all__ = ["BinanceDecoder"]


class BinanceDecoder:
    """`depthUpdate`, `bookTicker`, `trade` or `aggTrade` (the kind seen first), `markPriceUpdate`, `forceOrder`, REST books."""

    def __init__(self, venue: str) -> None:
        self._rule = RULES[venue]
        self._trades = ""

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        if record.kind == ANSWER:
            yield self._answer(record)
            return
        data = record.data.get("data", record.data)
        event = data.get("e") or ("bookTicker" if "A" in data and "B" in data else "")
        read = {"depthUpdate": self._depth, "bookTicker": _ticker, "markPriceUpdate": _mark, "forceOrder": _forced}.get(event)
        if event in ("trade", "aggTrade"):
            yield self._trade(event, data)
        elif read is None:
            yield Skipped(f"event {event}" if event else "answer to a request")
        else:
            yield read(data)

    def _answer(self, record: Record) -> Message:
        if "lastUpdateId" not in record.data:
            return Skipped("answer without a book")
        query = parse_qs(urlsplit(record.url).query)
        data, last = record.data, record.data["lastUpdateId"]
        update = Update(True, last, last, ts_ns=millis(data.get("T") or data.get("E")))
        return BookMessage(query["symbol"][0].upper(), update, levels(data["bids"]), levels(data["asks"]), self._rule)

    def _depth(self, data: dict[str, Any]) -> Message:
        ts_ns = millis(data.get("T") or data["E"])
        update = Update(False, data["U"], data["u"], data.get("pu", -1), ts_ns)
        return BookMessage(data["s"], update, levels(data["b"]), levels(data["a"]), self._rule)

    def _trade(self, event: str, data: dict[str, Any]) -> Message:
        self._trades = self._trades or event
        if event != self._trades:
            return Skipped(f"{event} beside {self._trades}")
        if data.get("X", "MARKET") != "MARKET":
            return Skipped("trade outside the market (insurance fund or ADL)")
        number = data["a"] if event == "aggTrade" else data["t"]
        tick = Tick(millis(data["T"]), number, -1 if data["m"] else 1, str(data["p"]), str(data["q"]))
        return TickMessage(data["s"], "trade", [tick])


def _ticker(data: dict[str, Any]) -> Message:
    return quote(data["s"], millis(data.get("T")), (data["b"], data["B"]), (data["a"], data["A"]), number=data["u"])


def _mark(data: dict[str, Any]) -> Message:
    values: dict[str, float | int | str | None] = {
        "mark_price": number(data["p"]),
        "index_price": number(data.get("i")),
        "funding_rate": number(data.get("r")),
        "next_funding_ns": millis(data.get("T")) or None,
    }
    return ValueMessage(data["s"], "mark", millis(data["E"]), values)


def _forced(data: dict[str, Any]) -> Message:
    order = data["o"]
    side = side_of(order["S"])
    tick = Tick(millis(order["T"]), -1, side, str(order["p"]), str(order["q"]))
    return TickMessage(order["s"], "liquidation", [tick])
