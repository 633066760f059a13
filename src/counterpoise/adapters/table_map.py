"""Which column of a table of ticks says what."""

from __future__ import annotations

from typing import Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["TableMap"]


class TableMap(Config, frozen=True):
    """Which column says what.

    Parameters
    ----------
    table : {"trade", "quote", "book"}
    time_local, time_venue : str
        Columns of the two clocks. Without an arrival time the venue's stands for it; without a venue time, or with one equal to
        the arrival time, `ts_venue` is 0.
    time_unit : {"s", "ms", "us", "ns", "iso"}
        Since 1970, with decimals or without; "iso" is text as 2024-08-08T23:55:00.5Z, UTC when it names no offset.
    price, qty, side : str
        Columns of a trade or a level; without a side column the aggressor of a trade is unknown.
    buy, sell, unknown : tuple of str
        Words of the side column, in any case.
    bid_price, bid_qty, ask_price, ask_qty : str
        Columns of a quote; an empty field or a zero size means that the row does not speak of this side.
    snapshot : str
        Column that is true where a level belongs to a snapshot; without it the rows of one time are a whole book.
    id : str
        Column of the venue's number.
    symbol : str
        Column of the symbol; rows of others are dropped.
    separator : str
    """

    table: Literal["trade", "quote", "book"]
    time_local: str = ""
    time_venue: str = ""
    time_unit: Literal["s", "ms", "us", "ns", "iso"] = "ms"
    price: str = ""
    qty: str = ""
    side: str = ""
    buy: tuple[str, ...] = ("buy", "bid", "b", "1")
    sell: tuple[str, ...] = ("sell", "ask", "s", "a", "-1")
    unknown: tuple[str, ...] = ("unknown",)
    bid_price: str = ""
    bid_qty: str = ""
    ask_price: str = ""
    ask_qty: str = ""
    snapshot: str = ""
    id: str = ""
    symbol: str = ""
    separator: str = ","

    def __post_init__(self) -> None:
        needed: tuple[str, ...] = (
            ("bid_price", "bid_qty", "ask_price", "ask_qty") if self.table == "quote" else ("price", "qty")
        )
        needed += ("side",) if self.table == "book" else ()
        missing = [name for name in needed if not getattr(self, name)]
        if missing or not (self.time_local or self.time_venue):
            wanted = ", ".join(missing) or "time_local or time_venue"
            raise InputError(f"a map of a {self.table} table must name the column of {wanted}")

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns of prices and quantities, price before quantity."""
        if self.table == "quote":
            return self.bid_price, self.bid_qty, self.ask_price, self.ask_qty
        return self.price, self.qty

    @property
    def read(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        return tuple(dict.fromkeys((*self.numbers, *self.texts)))

    @property
    def texts(self) -> tuple[str, ...]:
        """The other columns that are read."""
        words = (self.time_local, self.time_venue, self.side, self.snapshot, self.id, self.symbol)
        return tuple(word for word in words if word)
