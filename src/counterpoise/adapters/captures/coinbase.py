"""Coinbase: Advanced Trade channels, and the level2 and matches channels of Coinbase Pro."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from counterpoise.adapters.captures.message import (
    BookMessage,
    Level,
    Lost,
    Message,
    Skipped,
    Tick,
    TickMessage,
    levels,
    quote,
    side_of,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import parse_time
from counterpoise.market.sequence import CoinbaseAdvanced, Unsequenced, Update, Verdict

__all__ = ["CoinbaseDecoder"]


class CoinbaseDecoder:
    """Both interfaces name the maker's side of a trade; the aggressor is the other.

    `sequence_num` of Advanced Trade counts the envelopes of the connection: one missing voids every book.
    """

    def __init__(self, venue: str) -> None:
        self._connection = CoinbaseAdvanced()

    def reset(self) -> None:
        self._connection.reset()

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER:
            yield Skipped("answer to a request")
        elif "channel" in data:
            yield from self._advanced(data)
        else:
            yield _pro(data)

    def _advanced(self, data: dict[str, Any]) -> Iterator[Message]:
        count = data["sequence_num"]
        verdict = self._connection.step(Update(not self._connection.synced, count, count))
        if verdict is Verdict.DROP:
            yield Skipped("repeated envelope")
            return
        if verdict is Verdict.GAP:
            self._connection.step(Update(True, count, count))
            yield Lost()
        for event in data["events"]:
            if data["channel"] == "l2_data":
                yield _book(event, count, parse_time(data["timestamp"]))
            elif data["channel"] == "market_trades":
                yield from _trades(event)
            else:
                yield Skipped(f"channel {data['channel']}")


def _book(event: dict[str, Any], count: int, ts_ns: int) -> Message:
    sides: dict[int, list[Level]] = {1: [], -1: []}
    for row in event["updates"]:
        sides[side_of(row["side"])].append((row["price_level"], row["new_quantity"]))
    update = Update(event["type"] == "snapshot", count, count, ts_ns=ts_ns)
    return BookMessage(event["product_id"], update, sides[1], sides[-1], Unsequenced)


def _trades(event: dict[str, Any]) -> Iterator[Message]:
    if event["type"] == "snapshot":
        yield Skipped("trades before the subscription")
        return
    for row in event["trades"]:
        yield TickMessage(row["product_id"], "trade", [_tick(row)])


def _tick(row: dict[str, Any]) -> Tick:
    return Tick(parse_time(row["time"]), int(row["trade_id"]), -side_of(row["side"]), row["price"], row["size"])


def _pro(data: dict[str, Any]) -> Message:
    kind = data["type"]
    if kind == "snapshot":
        update = Update(True, -1, -1)
        return BookMessage(data["product_id"], update, levels(data["bids"]), levels(data["asks"]), Unsequenced)
    if kind == "l2update":
        sides: dict[int, list[Level]] = {1: [], -1: []}
        for side, price, qty in data["changes"]:
            sides[side_of(side)].append((price, qty))
        update = Update(False, -1, -1, ts_ns=parse_time(data["time"]))
        return BookMessage(data["product_id"], update, sides[1], sides[-1], Unsequenced)
    if kind == "match":
        return TickMessage(data["product_id"], "trade", [_tick(data)])
    if kind == "ticker" and "best_bid_size" in data:
        bid, ask = (data["best_bid"], data["best_bid_size"]), (data["best_ask"], data["best_ask_size"])
        return quote(data["product_id"], parse_time(data["time"]), bid, ask)
    return Skipped("trades before the subscription" if kind == "last_match" else f"type {kind}")
