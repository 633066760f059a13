"""The states of a parent order."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ParentState"]


class ParentState(StrEnum):
    """WAITING → WORKING ⇄ PAUSED → FILLED, CANCELLED or EXPIRED; a state that ends is entered when nothing is live.

    ENDING is between the last decision to trade and the last answer of the venue.
    """

    WAITING = "waiting"  # its time has not come
    WORKING = "working"
    PAUSED = "paused"  # cancels what rests, sends nothing, until it is resumed
    ENDING = "ending"  # cancelled or past its end; the venue has yet to answer
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # past its end with something left undone

    @property
    def ended(self) -> bool:
        return self in (ParentState.FILLED, ParentState.CANCELLED, ParentState.EXPIRED)
