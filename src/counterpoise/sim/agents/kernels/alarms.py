"""The clock of wakes: a tournament tree over the agents' next alarms.

Leaf i holds the alarm of agent i. Every inner node holds the leaf that rings first below it, so the root holds the next to
wake, and a changed alarm replays its own way up only: log₂ n comparisons, no entry is ever moved. Of equal alarms the lower
leaf wins.

    clock[0 … n − 1] alarms [ns], clock[n + 1 … 2n − 1] winners by node, the root at n + 1; n a power of two
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = ["first_alarm", "set_alarm", "sort_alarms"]


@inner_kernel
def _winner(clock: Int1D, at: int, leaves: int, node: int) -> int:
    """Leaf that rings first below a node; nodes from `leaves` on are the leaves themselves."""
    return node - leaves if node >= leaves else clock[at + leaves + node]


@inner_kernel
def first_alarm(clock: Int1D, at: int, leaves: int) -> int:
    """Leaf of the earliest alarm. Its time stands in ``clock[at + leaf]``."""
    return clock[at + leaves + 1]


@kernel
def set_alarm(clock: Int1D, at: int, leaves: int, leaf: int, ts_ns: int) -> None:
    """Change one alarm. O(log n)."""
    clock[at + leaf] = ts_ns
    node = (leaves + leaf) >> 1
    while node > 0:
        left, right = _winner(clock, at, leaves, 2 * node), _winner(clock, at, leaves, 2 * node + 1)
        clock[at + leaves + node] = left if clock[at + left] <= clock[at + right] else right
        node >>= 1


@kernel
def sort_alarms(clock: Int1D, at: int, leaves: int) -> None:
    """Play the whole tournament, after the alarms were written. O(n)."""
    for node in np.arange(leaves - 1, 0, -1):
        left, right = _winner(clock, at, leaves, 2 * node), _winner(clock, at, leaves, 2 * node + 1)
        clock[at + leaves + node] = left if clock[at + left] <= clock[at + right] else right
