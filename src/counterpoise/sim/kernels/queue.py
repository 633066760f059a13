"""Who stands ahead of our resting orders when a recorded level changes.

`counterpoise.sim.replay.queue` says what each model assumes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.market.kernels.codes import ORDER
from counterpoise.market.kernels.ladder import quantity_at
from counterpoise.sim.kernels.displacement import stands_at
from counterpoise.sim.kernels.replay_state import (
    AHEAD,
    CONSERVATIVE,
    EXACT,
    JOINED_ID,
    JOINED_KEY,
    JOINED_ROWS,
    JOINED_STAMP,
    MODEL,
    ORDER_ROWS,
    POWER,
    POWER_OF,
    PRICE,
    SHOWN,
    SIDE,
    SINCE,
    STAMP,
    TRADED,
)

__all__ = ["ahead_of_trade", "level_changes", "levels_replaced"]


_PARTS: Final = 1024  # of a lot: a whole number of lots must not be missed by what rounding does to a power


@inner_kernel
def _behind(model: int, power: float, front: float, back: float) -> float:
    """Chance that a cancel comes from behind us: f(back) / (f(back) + f(front)). Assumes that not both are 0."""
    if model == POWER:
        f_front, f_back = front**power, back**power
    else:
        f_front, f_back = np.log(1 + front), np.log(1 + back)
    return f_back / (f_back + f_front)


@kernel
def _by_chance(model: int, power: float, front: float, prev: int, lots: int, traded: int) -> float:
    """Lots ahead after a level went from `prev` to `lots`, of which `traded` were traded away since it last changed."""
    cancelled = float(prev - lots - traded)
    back = max(0.0, prev - front)
    if cancelled <= 0 or front <= 0:
        return min(front, float(lots))
    share = _behind(model, power, front, back)
    left = front - (1 - share) * cancelled + min(back - share * cancelled, 0.0)
    return min(max(np.rint(left * _PARTS) / _PARTS, 0.0), float(lots))


@kernel
def _stands_behind(joined: Int2D, standing: Int1D, order_id: int, key: int, since: int) -> bool:
    """Whether an order of others was seen to join a level after a stamp; the last to join are looked at first."""
    for i in range(standing[JOINED_ROWS] - 1, -1, -1):
        if joined[i, JOINED_STAMP] < since:
            return False
        if joined[i, JOINED_ID] == order_id and joined[i, JOINED_KEY] == key:
            return True
    return False


@kernel
def _by_order(
    joined: Int2D, standing: Int1D, front: float, prev: int, lots: int, order_id: int, key: int, flags: int, since: int
) -> float:
    """Lots ahead after one order changed a level; levels that come into view without a name are ahead of us."""
    if lots >= prev:
        return front if flags & ORDER else front + (lots - prev)
    if flags & ORDER and _stands_behind(joined, standing, order_id, key, since):
        return min(front, float(lots))
    return min(max(front - (prev - lots), 0.0) if flags & ORDER else front, float(lots))


@kernel
def level_changes(
    book: Int1D,
    orders: Int2D,
    places: Float2D,
    joined: Int2D,
    standing: Int1D,
    terms: Float1D,
    side: int,
    price: int,
    lots: int,
    order_id: int,
    flags: int,
) -> None:
    """A recorded level is about to change to `lots`. Assumes room in `joined` for one more row."""
    shown, model, prev, met = price + standing[SHOWN], standing[MODEL], -1, False
    for i in range(standing[ORDER_ROWS]):
        if orders[i, SIDE] != side or orders[i, PRICE] != shown:
            continue
        if model == CONSERVATIVE:
            places[i, AHEAD] = min(places[i, AHEAD], float(lots))
            continue
        if prev < 0:
            prev = quantity_at(book, (1 - side) >> 1, side * price)
        if model == EXACT:
            met = True
            places[i, AHEAD] = _by_order(
                joined, standing, places[i, AHEAD], prev, lots, order_id, side * price, flags, orders[i, SINCE]
            )
        else:
            places[i, AHEAD] = _by_chance(model, terms[POWER_OF], places[i, AHEAD], prev, lots, orders[i, TRADED])
            orders[i, TRADED] = 0
    if met and flags & ORDER and lots > prev:
        joined[standing[JOINED_ROWS], JOINED_ID] = order_id
        joined[standing[JOINED_ROWS], JOINED_STAMP] = standing[STAMP]
        joined[standing[JOINED_ROWS], JOINED_KEY] = side * price
        standing[JOINED_ROWS] += 1


@kernel
def levels_replaced(book: Int1D, orders: Int2D, places: Float2D, standing: Int1D) -> None:
    """A snapshot is complete: no more than stands at our price can be ahead of us."""
    for i in range(standing[ORDER_ROWS]):
        places[i, AHEAD] = min(places[i, AHEAD], float(stands_at(book, orders, i, standing[SHOWN])))
        orders[i, TRADED] = 0


@kernel
def ahead_of_trade(
    orders: Int2D,
    places: Float2D,
    joined: Int2D,
    standing: Int1D,
    row: int,
    lots: float,
    recorded: int,
    order_id: int,
    flags: int,
) -> float:
    """Lots of a trade at our price that go to others first; they are not ahead of us any more.

    Where the recording names the order that was traded with, its own row has told already what that does to the queue: all of
    the trade was ahead of us, or none.
    """
    if standing[MODEL] == EXACT and flags & ORDER:
        key = orders[row, SIDE] * (orders[row, PRICE] - standing[SHOWN])
        return 0.0 if _stands_behind(joined, standing, order_id, key, orders[row, SINCE]) else lots
    first = min(places[row, AHEAD], lots)
    places[row, AHEAD] -= first
    orders[row, TRADED] += recorded
    return first
