"""How far a stream can be trusted."""

from __future__ import annotations

from enum import IntEnum

from counterpoise.market.kernels import codes

__all__ = ["BookState"]


class BookState(IntEnum):
    """State of a book; of two states the greater is the worse."""

    SYNCED = codes.SYNCED
    STALE = codes.STALE
    CROSSED = codes.CROSSED
    GAPPED = codes.GAPPED
