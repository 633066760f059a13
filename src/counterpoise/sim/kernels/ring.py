"""A dense book around the mid: lots by price in a ring, one side below the best bid, the other above the best ask.

Price p lives in slot p mod len(ring), a power of two. Every level lies within `reach` ticks of its own best; the ring is longer
than both reaches and the widest spread together, so no two live levels share a slot and nothing moves when the price does.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import kernel

__all__ = ["NO_LEVEL", "lots_at", "next_level", "set_lots"]

NO_LEVEL: Final = -1


@kernel
def lots_at(ring: Int1D, price: int) -> int:
    """Resting lots at a price."""
    return ring[price & (len(ring) - 1)]


@kernel
def set_lots(ring: Int1D, price: int, lots: int) -> None:
    """Replace the resting lots at a price."""
    ring[price & (len(ring) - 1)] = lots


@kernel
def next_level(ring: Int1D, price: int, side: int, reach: int) -> int:
    """Nearest live price behind `price` on its side within `reach` ticks, or NO_LEVEL; side is +1 bids, −1 asks."""
    mask = len(ring) - 1
    for distance in range(1, reach + 1):
        candidate = price - side * distance
        if ring[candidate & mask]:
            return candidate
    return NO_LEVEL
