"""OKX v5: books with and without sequence numbers, trades, tickers, mark, funding, open interest, liquidations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from counterpoise.adapters.captures.message import (
    BookMessage,
    FirstChannel,
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
from counterpoise.market.sequence import Okx, Unsequenced, Update

__all__ = ["OkxDecoder"]

_BOOKS = ("books", "books-l2-tbt", "books50-l2-tbt", "books-full")


class OkxDecoder:
    """Sequence numbers came in 2022; a book without them has a snapshot and its order of arrival only."""

    def __init__(self, venue: str) -> None:
        self._channels = FirstChannel()

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        if record.kind == ANSWER:
            yield from _answer(record)
            return
        data = record.data
        if not isinstance(data, dict) or "data" not in data:
            yield Skipped("answer to a request")
            return
        channel = data["arg"]["channel"]
        symbol = data["arg"].get("instId", "")
        for row in data["data"]:
            if channel in _BOOKS and not self._channels.takes(symbol, channel):
                yield Skipped(f"channel {channel} beside another book")
            elif channel in _BOOKS:
                yield _book(symbol, row, snapshot=data["action"] == "snapshot")
            elif channel in _ROWS:
                yield _ROWS[channel](row)
            else:
                yield Skipped(f"channel {channel}")


def _answer(record: Record) -> Iterator[Message]:
    query = parse_qs(urlsplit(record.url).query)
    if "/market/books" not in record.url or "instId" not in query:
        yield Skipped("answer without a book")
        return
    for row in record.data["data"]:
        if "seqId" in row:
            yield _book(query["instId"][0], row, snapshot=True)
        else:
            yield Skipped("answer with a book without its number")


def _book(symbol: str, row: dict[str, Any], *, snapshot: bool) -> Message:
    last = int(row.get("seqId", -1))
    update = Update(snapshot, last, last, int(row.get("prevSeqId", -1)), millis(row["ts"]))
    return BookMessage(symbol, update, levels(row["bids"]), levels(row["asks"]), Unsequenced if last < 0 else Okx)


def _trade(row: dict[str, Any]) -> Message:
    tick = Tick(millis(row["ts"]), venue_id(row["tradeId"]), side_of(row["side"]), row["px"], row["sz"])
    return TickMessage(row["instId"], "trade", [tick])


def _ticker(row: dict[str, Any]) -> Message:
    return quote(row["instId"], millis(row["ts"]), (row["bidPx"], row["bidSz"]), (row["askPx"], row["askSz"]))


def _mark(row: dict[str, Any]) -> Message:
    return ValueMessage(row["instId"], "mark", millis(row["ts"]), {"mark_price": number(row["markPx"])})


def _funding(row: dict[str, Any]) -> Message:
    values: dict[str, float | int | str | None] = {
        "funding_rate": number(row["fundingRate"]),
        "predicted_funding_rate": number(row.get("nextFundingRate")),
        "next_funding_ns": millis(row.get("fundingTime")) or None,
    }
    return ValueMessage(row["instId"], "mark", millis(row.get("ts")), values)


def _open_interest(row: dict[str, Any]) -> Message:
    return ValueMessage(row["instId"], "open_interest", millis(row["ts"]), {"open_interest": number(row["oi"])})


def _liquidation(row: dict[str, Any]) -> Message:
    ticks = [Tick(millis(d["ts"]), -1, side_of(d["side"]), d["bkPx"], d["sz"]) for d in row["details"]]
    return TickMessage(row["instId"], "liquidation", ticks)


_ROWS = {
    "funding-rate": _funding,
    "liquidation-orders": _liquidation,
    "mark-price": _mark,
    "open-interest": _open_interest,
    "tickers": _ticker,
    "trades": _trade,
    "trades-all": _trade,
}
