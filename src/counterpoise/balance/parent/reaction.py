"""What to do when a venue refuses an order, by its reason."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from counterpoise.market.order import RejectReason

__all__ = ["REACTIONS", "Reaction"]


class Reaction(StrEnum):
    """REPRICE: look again at once. LATER: wait, longer each time. SMALLER: half the size. ASK: query. SKIP: leave it in this
    slice. STOP: pause, somebody has to look.
    """

    REPRICE = "reprice"
    LATER = "later"
    SMALLER = "smaller"
    ASK = "ask"
    SKIP = "skip"
    STOP = "stop"


REACTIONS: Final = {
    RejectReason.WOULD_TAKE: Reaction.REPRICE,
    RejectReason.PRICE_BAND: Reaction.LATER,
    RejectReason.OUT_OF_REACH: Reaction.REPRICE,
    RejectReason.MATCH_LIMIT: Reaction.REPRICE,
    RejectReason.NO_LIQUIDITY: Reaction.LATER,
    RejectReason.BOOK_NOT_SYNCED: Reaction.LATER,
    RejectReason.HALTED: Reaction.LATER,
    RejectReason.VENUE_FULL: Reaction.LATER,
    RejectReason.CANNOT_FILL: Reaction.LATER,
    RejectReason.LAST_LOOK: Reaction.LATER,
    RejectReason.QUOTE_EXPIRED: Reaction.LATER,
    RejectReason.SELF_MATCH: Reaction.LATER,
    RejectReason.SIZE_LIMIT: Reaction.SMALLER,
    RejectReason.INSUFFICIENT_FUNDS: Reaction.SMALLER,
    RejectReason.DUPLICATE_ID: Reaction.ASK,
    RejectReason.UNKNOWN_ORDER: Reaction.ASK,
    RejectReason.BELOW_MIN_NOTIONAL: Reaction.SKIP,
    RejectReason.OFF_GRID: Reaction.STOP,
    RejectReason.UNKNOWN_ACCOUNT: Reaction.STOP,
    RejectReason.UNKNOWN_MARKET: Reaction.STOP,
    RejectReason.POSITION_LIMIT: Reaction.STOP,
    RejectReason.WOULD_NOT_REDUCE: Reaction.STOP,
    RejectReason.TRIGGER_PASSED: Reaction.STOP,
    RejectReason.NOT_SUPPORTED: Reaction.STOP,
    RejectReason.ALL_OR_NONE: Reaction.STOP,
}
