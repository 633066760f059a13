"""BitMEX: books by level id, trades, quotes, instrument values and liquidations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from counterpoise.adapters.captures.message import (
    BookMessage,
    Level,
    Lost,
    Message,
    Skipped,
    Tick,
    TickMessage,
    ValueMessage,
    number,
    quote,
    side_of,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import parse_time
from counterpoise.market.sequence import BitMex, Update

__all__ = ["BitMexDecoder"]


class BitMexDecoder:
    """Levels have ids, and only a `partial` or `insert` says the price; an id never seen shows that messages are missing."""

    def __init__(self, venue: str) -> None:
        self._prices: defaultdict[str, dict[int, str]] = defaultdict(dict)

    def reset(self) -> None:
        self._prices.clear()

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "table" not in data:
            yield Skipped("answer to a request")
            return
        table, action = data["table"], data["action"]
        by_symbol: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in data["data"]:
            by_symbol[row["symbol"]].append(row)
        for symbol, rows in by_symbol.items():
            if table in ("orderBookL2", "orderBookL2_25"):
                yield self._book(symbol, action, rows)
            elif action == "partial" and table != "instrument":
                yield Skipped(f"{table} before the subscription")
            elif table in _TABLES:
                yield from _TABLES[table](symbol, rows)
            else:
                yield Skipped(f"table {table}")

    def _book(self, symbol: str, action: str, rows: list[dict[str, Any]]) -> Message:
        prices = self._prices[symbol]
        if action == "partial":
            prices.clear()
        if not prices and action != "partial":
            return Skipped("book update before the partial")
        if action in ("update", "delete") and any(row["id"] not in prices for row in rows):
            prices.clear()
            return Lost(symbol)
        sides: dict[int, list[Level]] = {1: [], -1: []}
        for row in rows:
            price = prices.setdefault(row["id"], str(row["price"])) if "price" in row else prices[row["id"]]
            sides[side_of(row["side"])].append((price, "0" if action == "delete" else str(row["size"])))
            if action == "delete":
                del prices[row["id"]]
        return BookMessage(symbol, Update(action == "partial", -1, -1, ts_ns=_time(rows[0])), sides[1], sides[-1], BitMex)


def _time(row: dict[str, Any]) -> int:
    return parse_time(row["timestamp"]) if row.get("timestamp") else 0


def _trades(symbol: str, rows: Sequence[dict[str, Any]]) -> Iterator[Message]:
    ticks = [Tick(_time(row), -1, side_of(row["side"]), str(row["price"]), str(row["size"])) for row in rows]
    yield TickMessage(symbol, "trade", ticks)


def _quotes(symbol: str, rows: Sequence[dict[str, Any]]) -> Iterator[Message]:
    for row in rows:
        bid, ask = (row.get("bidPrice"), row.get("bidSize")), (row.get("askPrice"), row.get("askSize"))
        yield quote(symbol, _time(row), bid, ask)


def _liquidations(symbol: str, rows: Sequence[dict[str, Any]]) -> Iterator[Message]:
    """An order appears once; its updates and its deletion carry no new quantity."""
    new = [row for row in rows if "leavesQty" in row]
    ticks = [Tick(_time(row), -1, side_of(row["side"]), str(row["price"]), str(row["leavesQty"])) for row in new]
    yield TickMessage(symbol, "liquidation", ticks)


def _values(symbol: str, rows: Sequence[dict[str, Any]]) -> Iterator[Message]:
    for row in rows:
        mark: dict[str, float | int | str | None] = {
            "mark_price": number(row.get("markPrice")),
            "index_price": number(row.get("indicativeSettlePrice")),
            "funding_rate": number(row.get("fundingRate")),
            "predicted_funding_rate": number(row.get("indicativeFundingRate")),
        }
        if any(value is not None for value in mark.values()):
            yield ValueMessage(symbol, "mark", _time(row), mark)
        if row.get("openInterest") is not None:
            yield ValueMessage(symbol, "open_interest", _time(row), {"open_interest": number(row["openInterest"])})


_TABLES = {"trade": _trades, "quote": _quotes, "liquidation": _liquidations, "instrument": _values}
