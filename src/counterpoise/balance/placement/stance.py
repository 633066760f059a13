"""The four places where a child order can stand."""

from __future__ import annotations

from enum import Enum

__all__ = ["Stance"]


class Stance(Enum):
    """Where an order stands: away, in the queue at its own touch, a tick before it, or at the other side."""

    WAIT = "wait"
    JOIN = "join"
    IMPROVE = "improve"
    CROSS = "cross"
