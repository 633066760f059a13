"""What a venue's decoder says: book messages, ticks, values, losses; numbers still as decimal texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from counterpoise.adapters.captures.record import Record
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS
from counterpoise.market.sequence import SequenceRule, Update

__all__ = [
    "BookMessage",
    "Decoder",
    "FirstChannel",
    "Level",
    "Lost",
    "Message",
    "Skipped",
    "Tick",
    "TickMessage",
    "ValueMessage",
    "levels",
    "millis",
    "number",
    "quote",
    "side_of",
    "venue_id",
]

Level: TypeAlias = tuple[str, str]  # price, absolute quantity
_SIDES: Final = {
    **dict.fromkeys(("buy", "Buy", "BUY", "B", "b", "bid"), 1),
    **dict.fromkeys(("sell", "Sell", "SELL", "A", "s", "ask", "offer"), -1),
}


class BookMessage(NamedTuple):
    """Levels of one book, and the numbers its sequence rule needs."""

    symbol: str
    update: Update
    bids: Sequence[Level]
    asks: Sequence[Level]
    rule: Callable[[], SequenceRule]


class Tick(NamedTuple):
    ts_ns: int
    id: int
    side: int
    price: str
    qty: str


class TickMessage(NamedTuple):
    """Rows of table quote, trade or liquidation that came in one message."""

    symbol: str
    table: str
    ticks: Sequence[Tick]


class ValueMessage(NamedTuple):
    """One row of table mark, open_interest or option_quote; a column that is absent is null."""

    symbol: str
    table: str
    ts_ns: int
    values: dict[str, float | int | str | None]


class Lost(NamedTuple):
    """Messages are missing: this book is void, or with an empty symbol every book of the recording."""

    symbol: str = ""


class Skipped(NamedTuple):
    """A good record that no table takes."""

    reason: str


Message: TypeAlias = BookMessage | TickMessage | ValueMessage | Lost | Skipped


class Decoder(Protocol):
    """Turns records of one venue into messages; KeyError, TypeError, ValueError or InputError say that a record is corrupt."""

    def decode(self, record: Record) -> Iterator[Message]: ...

    def reset(self) -> None:
        """A new connection begins."""
        ...


class FirstChannel:
    """One book channel a symbol: two depths of the same book have numbers of their own and must not be mixed."""

    def __init__(self) -> None:
        self._chosen: dict[str, str] = {}

    def takes(self, symbol: str, channel: str) -> bool:
        """True for the channel that was seen first."""
        return self._chosen.setdefault(symbol, channel) == channel


def levels(rows: Sequence[Sequence[Any]]) -> list[Level]:
    """Levels from arrays that begin with price and quantity."""
    return [(str(row[0]), str(row[1])) for row in rows]


def millis(value: Any) -> int:
    """Nanoseconds of an epoch time in milliseconds, 0 when the venue says none."""
    return int(value) * MS_NS if value else 0


def number(value: Any) -> float | None:
    """A double; None where the venue says nothing (absent, null or an empty text)."""
    return None if value is None or value == "" else float(value)


def side_of(word: str) -> int:
    """+1 for a buyer's word, −1 for a seller's.

    Raises
    ------
    InputError
        If it is neither.
    """
    try:
        return _SIDES[word]
    except KeyError:
        raise InputError(f"side {word!r} is neither buy nor sell") from None


def venue_id(value: Any) -> int:
    """A number that fits int64 from the venue's id, −1 for names and hashes."""
    digits = str(value).rpartition("-")[2]
    return int(digits) if digits.isdecimal() and len(digits) < 19 else -1


def quote(symbol: str, ts_ns: int, bid: tuple[Any, Any], ask: tuple[Any, Any], *, number: int = -1) -> TickMessage:
    """Both best sides of a ticker; a side without a price is left out."""
    sides = ((1, bid), (-1, ask))
    ticks = [Tick(ts_ns, number, side, str(price), str(qty)) for side, (price, qty) in sides if price not in (None, "")]
    return TickMessage(symbol, "quote", ticks)
