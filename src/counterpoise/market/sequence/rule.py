"""What a sequence rule is: a venue's update numbers go in, a verdict on the message comes out."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol

__all__ = ["SequenceRule", "Update", "Verdict"]


class Verdict(StrEnum):
    """What to do with a message of a book."""

    APPLY = "apply"
    DROP = "drop"  # already in the book, or older than anything that can be used
    GAP = "gap"  # messages are missing before this one: the book is void
    NEED_SNAPSHOT = "need_snapshot"  # hold an update; fetch a newer snapshot instead of a stale one


class Update(NamedTuple):
    """Numbers of one message; −1 where the venue gives none.

    Attributes
    ----------
    snapshot : bool
        The message holds the whole book.
    first, last : int
        First and last number of the changes inside (Binance U and u); elsewhere both are the message's one number.
    prev : int
        Number the venue says came before (Binance pu, Deribit prev_change_id, OKX prevSeqId).
    ts_ns : int
        Venue time [ns UTC].
    checksum : int
        What the venue says the checksum of the book is after this message (Kraken).
    """

    snapshot: bool
    first: int
    last: int
    prev: int = -1
    ts_ns: int = 0
    checksum: int = -1


class SequenceRule(Protocol):
    """State machine of one book: it follows numbers and knows no level."""

    def step(self, update: Update) -> Verdict:
        """Verdict on the next message; after GAP every update gets NEED_SNAPSHOT or DROP until a snapshot applies."""
        ...

    def reset(self) -> None:
        """Forget everything, as after a lost connection."""
        ...

    @property
    def synced(self) -> bool:
        """A snapshot has been applied and nothing is missing since."""
        ...
