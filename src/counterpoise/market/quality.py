"""How far a stream can be trusted."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["BookState"]


class BookState(IntEnum):
    """State of a book; of two states the greater is the worse."""

    SYNCED = 0
    STALE = 1
    CROSSED = 2
    GAPPED = 3
