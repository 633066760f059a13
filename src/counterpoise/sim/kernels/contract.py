"""What lots are worth at a price: quote money of a linear contract, coins of an inverse one, both whole.

A price is a key s × ticks (see `liquidation`). A linear lot is worth its key. An inverse lot is worth ``coin / ticks`` grains,
`coin` being its worth at one tick; a long one owes them when it is closed. So

    linear  worth(q, k) = q k            inverse  worth(q, k) = ⌊−q coin / k⌋

rises with the key for either s, and what holds of a linear contract in keys holds of an inverse one in worth. A `coin` of 0
says linear. Worth is rounded once an event, down, and both sides of the event book that one number: no grain is made or lost.

Assumes that lots × coin of an account stay below 2⁶², its lots below 2³¹, and keys of one sign, never 0.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.jit import inner_kernel

__all__ = ["key_of", "share_of", "worth"]


@inner_kernel
def worth(lots: int, key: int, coin: int) -> int:
    """What so many lots are worth at a key, down to a whole unit."""
    return -lots * coin // key if coin else lots * key


@inner_kernel
def share_of(amount: int, lots: int, held: int) -> int:
    """⌊amount × lots / held⌋, also where the product exceeds 64 bits."""
    return amount // held * lots + amount % held * lots // held


@inner_kernel
def key_of(value: float, side: int, coin: int) -> float:
    """Key at which a lot has this worth; ±inf where an inverse lot has it at no price."""
    if coin == 0:
        return value
    if side * value >= 0.0:
        return side * np.inf
    return -coin / value
