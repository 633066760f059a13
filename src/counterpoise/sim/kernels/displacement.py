"""How far our own fills displace the quotes, and how much flow of others they call up: sums of decaying exponentials.

A memory is looked at again only when what it says could have changed: |d/dt Σ vᵢ e^(−rᵢt)| never exceeds Σ |vᵢ| rᵢ, so a
displacement that is some way from the next half tick stays on its tick for at least that way over this speed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.market.kernels.ladder import quantity_at
from counterpoise.sim.kernels.replay_state import (
    AHEAD,
    INVERSE,
    NEVER,
    ORDER_ROWS,
    PRICE,
    PUSH,
    RATE,
    SHARE,
    SHIFT_NS,
    SHOWN,
    SIDE,
    SINCE,
    STAMP,
    TRADED,
    VALUE,
    WAKE_NS,
)

__all__ = ["hold", "kick_of_lot", "most_lots", "push", "remembered", "stands_at"]

_SAFE: Final = 1 - 1e-9  # of a waiting time, for what rounding does to it


@kernel
def remembered(memory: Float2D, since_ns: int, ts: int) -> float:
    """Sum of the components at a time; they hold their values as of `since_ns`."""
    total = 0.0
    for i in range(len(memory)):
        total += memory[i, VALUE] * np.exp(-memory[i, RATE] * (ts - since_ns))
    return total


@inner_kernel
def kick_of_lot(standing: Int1D, terms: Float1D, price: int) -> float:
    """Ticks by which one lot at a price displaces the quotes."""
    return terms[PUSH] * price if standing[INVERSE] else terms[PUSH] * price * price


@kernel
def most_lots(room: int, displaced: float, kick: float) -> int:
    """Most lots f with rint(displaced + kick·f/2) ≤ room: a fill pays half of its own displacement."""
    if np.rint(displaced) > room:
        return 0
    if kick <= 0:
        return NEVER
    lots = np.int64(min(2 * (room + 0.5 - displaced) / kick, float(1 << 58)))
    while lots > 0 and np.rint(displaced + kick * lots / 2) > room:
        lots -= 1
    return lots


@kernel
def stands_at(book: Int1D, orders: Int2D, row: int, shown: int) -> int:
    """Recorded lots on our own side at the price of one of our orders."""
    side = orders[row, SIDE]
    return quantity_at(book, (1 - side) >> 1, side * (orders[row, PRICE] - shown))


@kernel
def hold(book: Int1D, orders: Int2D, places: Float2D, standing: Int1D, shift: Float2D, ts: int) -> None:
    """Hold our orders against the displacement of a time; where it is another tick, all that stands at our price is ahead."""
    total, speed = 0.0, 0.0
    for i in range(len(shift)):
        left = shift[i, VALUE] * np.exp(-shift[i, RATE] * (ts - standing[SHIFT_NS]))
        total += left
        speed += abs(left) * shift[i, RATE]
    nearest = np.rint(total)
    wait = (0.5 - abs(total - nearest)) / speed * _SAFE if speed > 0 else float(NEVER)
    standing[WAKE_NS] = ts + np.int64(max(1.0, wait)) if wait < float(NEVER) / 2 else NEVER
    shown = np.int64(nearest)
    if shown == standing[SHOWN]:
        return
    standing[SHOWN] = shown
    standing[STAMP] += 1
    for i in range(standing[ORDER_ROWS]):
        places[i, AHEAD] = max(places[i, AHEAD], float(stands_at(book, orders, i, shown)))
        orders[i, TRADED] = 0
        orders[i, SINCE] = standing[STAMP]


@kernel
def push(standing: Int1D, shift: Float2D, flow: Float2D, ts: int, ticks: float, signed_lots: int) -> None:
    """Add a fill of ours to both memories; `hold` has to follow."""
    passed = ts - standing[SHIFT_NS]
    for i in range(len(shift)):
        shift[i, VALUE] = shift[i, VALUE] * np.exp(-shift[i, RATE] * passed) + ticks * shift[i, SHARE]
    for i in range(len(flow)):
        flow[i, VALUE] = flow[i, VALUE] * np.exp(-flow[i, RATE] * passed) + signed_lots * flow[i, SHARE]
    standing[SHIFT_NS] = ts
