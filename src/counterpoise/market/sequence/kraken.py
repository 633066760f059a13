"""Kraken v2: no numbers, but a CRC-32 of the ten best levels of each side after every message.

References
----------
Kraken developer documentation, "Book checksum (v2)": remove the point and leading zeros of price and quantity, join asks from
low to high, then bids from high to low, CRC-32 of the text.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from counterpoise.market.sequence.rule import Update, Verdict

__all__ = ["KrakenBook", "KrakenV2", "kraken_checksum"]

CHECKED_LEVELS: Final = 10
Level = tuple[str, str]  # price and quantity as the venue writes them


def kraken_checksum(asks: Sequence[Level], bids: Sequence[Level]) -> int:
    """CRC-32 of the ten best levels; asks ascend, bids descend.

    Parameters
    ----------
    asks, bids : sequence of (price, quantity)
        Decimal texts with the venue's own number of digits.

    Examples
    --------
    >>> kraken_checksum([("0.05005", "0.00000500")], [])
    3735470871
    """
    levels = [*asks[:CHECKED_LEVELS], *bids[:CHECKED_LEVELS]]
    text = "".join(number.replace(".", "").lstrip("0") for level in levels for number in level)
    return zlib.crc32(text.encode("ascii"))


class KrakenBook:
    """Levels as decimal texts, cut to the subscribed depth after every message, as the venue itself does.

    Parameters
    ----------
    depth : int
        Subscribed levels a side: 10, 25, 100, 500 or 1000.
    """

    __slots__ = ("_depth", "_sides")

    def __init__(self, *, depth: int = 10) -> None:
        self._depth = depth
        self._sides: dict[int, dict[Decimal, Level]] = {1: {}, -1: {}}

    def apply(self, asks: Iterable[Level], bids: Iterable[Level], *, snapshot: bool = False) -> list[tuple[int, str]]:
        """Set levels (zero deletes) and cut both sides; returns (side, price) of the levels cut off.

        A level cut off is never deleted by the venue: whoever keeps a book of his own must delete it too.
        """
        if snapshot:
            self._sides = {1: {}, -1: {}}
        for side, levels in ((-1, asks), (1, bids)):
            book = self._sides[side]
            for price, qty in levels:
                key = Decimal(price)
                if Decimal(qty):
                    book[key] = (price, qty)
                else:
                    book.pop(key, None)
        return [cut for side in (-1, 1) for cut in self._truncate(side)]

    def _truncate(self, side: int) -> list[tuple[int, str]]:
        book = self._sides[side]
        if len(book) <= self._depth:
            return []
        beyond = sorted(book, reverse=side > 0)[self._depth :]
        return [(side, book.pop(key)[0]) for key in beyond]

    def levels(self, side: int) -> list[Level]:
        """Levels of a side (+1 bids, −1 asks), best first."""
        book = self._sides[side]
        return [book[key] for key in sorted(book, reverse=side > 0)]

    def checksum(self) -> int:
        return kraken_checksum(self.levels(-1), self.levels(1))


class KrakenV2:
    """Right as long as the venue's checksum is ours.

    `Update.checksum` is what the venue states and `Update.last` what `KrakenBook.checksum` gives after the message and the
    cut; the verdict comes after the levels were set, unlike that of numbered venues. Without a statement (−1) it applies.
    """

    __slots__ = ("_synced",)

    def __init__(self) -> None:
        self._synced = False

    def reset(self) -> None:
        self._synced = False

    @property
    def synced(self) -> bool:
        return self._synced

    def step(self, update: Update) -> Verdict:
        if not (update.snapshot or self._synced):
            return Verdict.DROP
        self._synced = update.checksum in (-1, update.last)
        return Verdict.APPLY if self._synced else Verdict.GAP
