"""dYdX: order books and trades of the v3 and v4 sockets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from counterpoise.adapters.captures.message import (
    BookMessage,
    Level,
    Lost,
    Message,
    Skipped,
    Tick,
    TickMessage,
    side_of,
    venue_id,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import parse_time
from counterpoise.market.sequence import Unsequenced, Update

__all__ = ["DydxDecoder"]

_LATE: Final = 256  # messages


class DydxDecoder:
    """Books have no numbers of their own; `message_id` counts the connection, and `offset` orders changes of one level.

    Messages of different markets overtake each other, so a missing `message_id` is a loss only when 256 later ones have come.
    """

    def __init__(self, venue: str) -> None:
        self._offsets: defaultdict[str, dict[tuple[int, str], int]] = defaultdict(dict)
        self.reset()

    def reset(self) -> None:
        self._next = 0
        self._missing: set[int] = set()
        self._offsets.clear()

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "message_id" not in data:
            yield Skipped("answer to a request")
            return
        if not self._count(data["message_id"]):
            yield Skipped("repeated message")
            return
        if self._missing and min(self._missing) < self._next - _LATE:
            self._missing.clear()
            yield Lost()
        channel, snapshot = data.get("channel", ""), data["type"] == "subscribed"
        contents = data.get("contents", ())
        for row in contents if isinstance(contents, list) else [contents]:
            if channel.endswith("_orderbook") and data["type"] != "unsubscribed":
                yield self._book(data["id"], row, snapshot=snapshot)
            elif channel.endswith("_trades") and not snapshot:
                yield TickMessage(data["id"], "trade", [_tick(trade) for trade in row["trades"]])
            else:
                yield Skipped("trades before the subscription" if channel.endswith("_trades") else f"type {data['type']}")

    def _count(self, number: int) -> bool:
        if number >= self._next:
            self._missing.update(range(max(self._next, number - 2 * _LATE), number))
            self._next = number + 1
            return True
        if number not in self._missing:
            return False
        self._missing.discard(number)
        return True

    def _book(self, symbol: str, row: dict[str, Any], *, snapshot: bool) -> Message:
        offsets = self._offsets[symbol]
        if snapshot:
            offsets.clear()
        sides: dict[int, list[Level]] = {1: [], -1: []}
        for side, name in ((1, "bids"), (-1, "asks")):
            for level in row.get(name, ()):
                price, qty, offset = _level(level, row)
                if offset >= offsets.get((side, price), -1):
                    offsets[side, price] = offset
                    sides[side].append((price, qty))
        last = max((offsets[key] for key in offsets), default=-1) if snapshot else int(row.get("offset", -1))
        return BookMessage(symbol, Update(snapshot, last, last), sides[1], sides[-1], Unsequenced)


def _level(level: Any, row: dict[str, Any]) -> tuple[str, str, int]:
    if isinstance(level, dict):
        return str(level["price"]), str(level["size"]), int(level.get("offset", 0))
    return str(level[0]), str(level[1]), int(row.get("offset", 0))


def _tick(row: dict[str, Any]) -> Tick:
    return Tick(
        parse_time(row["createdAt"]), venue_id(row.get("id", "")), side_of(row["side"]), str(row["price"]), str(row["size"])
    )
