"""Hidden orders that meet at the mid: who may trade with whom, in time priority or pro rata.

`orders` holds a row an order, oldest first; `state[ROWS]` of them are in use. Prices are half ticks of the lit market, so that
every mid is a whole number. Lots stay below 2³¹, so that a product of two fits.
"""

from __future__ import annotations

from math import floor
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = [
    "ASK",
    "BID",
    "CROWD",
    "EXPIRY",
    "FAR_NS",
    "FILL_COLUMNS",
    "INFORMED",
    "LEAST",
    "LEFT",
    "LIMIT",
    "LIT_SHIFT",
    "MID",
    "MOVES",
    "MOVE_COLUMNS",
    "NOW",
    "ORDER_COLUMNS",
    "OURS",
    "OWNER",
    "PRO_RATA",
    "ROWS",
    "SETTLED",
    "SIDE",
    "curve_at",
    "match",
    "mid_now",
    "shift_now",
    "tidy",
]

# columns of orders
SIDE: Final = 0
LIMIT: Final = 1  # half ticks; 0 for none
LEFT: Final = 2
LEAST: Final = 3  # lots of the smallest match it takes; of what is left, when that is less
OWNER: Final = 4  # number of an order of ours; CROWD
INFORMED: Final = 5  # 1 when its owner knows where the mid goes; 2 when it has told by trading with us
EXPIRY: Final = 6  # ns
ORDER_COLUMNS: Final = 7
CROWD: Final = -1
FAR_NS: Final = 1 << 62

# slots of the state used here; the rest is in `dark_pool`
NOW: Final = 0
BID: Final = 1  # ticks of the lit market, 0 for none
ASK: Final = 2
LIT_SHIFT: Final = 3  # ticks by which somebody else's impact displaces them
MID: Final = 4  # half ticks when last looked at
ROWS: Final = 5
OURS: Final = 6  # of them
MOVES: Final = 7  # displacements still under way
PRO_RATA: Final = 8
OUR_LOTS: Final = 9  # position and cash [half ticks × lots] of ours and of the crowd
OUR_CASH: Final = 10
CROWD_LOTS: Final = 11
CROWD_CASH: Final = 12
MATCHED: Final = 13  # lots, each match once

SETTLED: Final = 0  # slot of the reals: displacement that will not change [ticks]

# columns of moves
_START: Final = 0
_SIGN: Final = 1
_MID: Final = 2
MOVE_COLUMNS: Final = 3

FILL_COLUMNS: Final = 6  # ts, our order's number, price [half ticks], lots, whether we rested, whether the other was informed


@inner_kernel
def curve_at(curve: Float2D, lag: int) -> float:
    """Markout [bps] at a lag: linear from (0, 0) through the points of (ns, bps), then constant."""
    before, level = 0.0, 0.0
    for i in range(curve.shape[1]):
        if lag < curve[0, i]:
            return level + (curve[1, i] - level) * (lag - before) / (curve[0, i] - before)
        before, level = curve[0, i], curve[1, i]
    return level


@kernel
def shift_now(state: Int1D, reals: Float1D, moves: Int2D, curve: Float2D, now: int) -> int:
    """Whole ticks by which what the informed knew has moved the mid; those that are over are settled."""
    over = 0
    while over < state[MOVES] and now - moves[over, _START] >= curve[0, -1]:
        reals[SETTLED] += moves[over, _SIGN] * curve[1, -1] * 1e-4 * moves[over, _MID] * 0.5
        over += 1
    if over:
        for i in range(over, state[MOVES]):
            moves[i - over] = moves[i]
        state[MOVES] -= over
    total = reals[SETTLED]
    for i in range(state[MOVES]):
        total += moves[i, _SIGN] * curve_at(curve, now - moves[i, _START]) * 1e-4 * moves[i, _MID] * 0.5
    return np.int64(floor(total + 0.5))


@kernel
def mid_now(state: Int1D, reals: Float1D, moves: Int2D, curve: Float2D, now: int) -> int:
    """Mid [half ticks] as shown, displacements included; 0 when the lit market has none."""
    if state[BID] <= 0 or state[ASK] < state[BID]:
        return 0
    return state[BID] + state[ASK] + 2 * (state[LIT_SHIFT] + shift_now(state, reals, moves, curve, now))


@kernel
def tidy(state: Int1D, orders: Int2D, now: int) -> None:
    """Drop what is filled or has expired; the order of the rest stays."""
    kept, ours = 0, 0
    for i in range(state[ROWS]):
        if orders[i, LEFT] > 0 and orders[i, EXPIRY] > now:
            if kept < i:
                orders[kept] = orders[i]
            kept += 1
            ours += orders[i, OWNER] != CROWD
    state[ROWS], state[OURS] = kept, ours


@inner_kernel
def _least(orders: Int2D, row: int) -> int:
    return min(orders[row, LEAST], orders[row, LEFT])


@inner_kernel
def _at(orders: Int2D, row: int, mid: int) -> bool:
    """Whether an order's limit allows the mid."""
    return orders[row, LIMIT] == 0 or orders[row, SIDE] * (orders[row, LIMIT] - mid) >= 0


@inner_kernel
def _may_meet(orders: Int2D, row: int, other: int, mid: int) -> bool:
    """Opposite sides, not both ours, both content with the mid, and with the most that they could exchange."""
    if orders[other, SIDE] == orders[row, SIDE] or orders[other, LEFT] == 0 or not _at(orders, other, mid):
        return False
    if orders[other, OWNER] != CROWD and orders[row, OWNER] != CROWD:
        return False
    return min(orders[row, LEFT], orders[other, LEFT]) >= max(_least(orders, row), _least(orders, other))


@kernel
def _booked(state: Int1D, owner: int, side: int, mid: int, lots: int) -> None:
    at = CROWD_LOTS if owner == CROWD else OUR_LOTS
    state[at] += side * lots
    state[at + 1] -= side * lots * mid


@kernel
def _trade(
    state: Int1D, orders: Int2D, moves: Int2D, row: int, other: int, lots: int, mid: int, came: bool, fills: Int2D, found: int
) -> int:
    """Exchange lots between two orders; `came` when `row` has just arrived. Returns the fills of ours so far."""
    for side in range(2):
        mine, theirs = (row, other) if side == 0 else (other, row)
        orders[mine, LEFT] -= lots
        _booked(state, orders[mine, OWNER], orders[mine, SIDE], mid, lots)
        if orders[mine, OWNER] == CROWD:
            continue
        told = orders[theirs, INFORMED]
        fills[found, 0], fills[found, 1], fills[found, 2], fills[found, 3] = state[NOW], orders[mine, OWNER], mid, lots
        fills[found, 4], fills[found, 5] = not (came and mine == row), told > 0
        found += 1
        if told == 1:
            orders[theirs, INFORMED] = 2
            at = state[MOVES]
            moves[at, _START], moves[at, _SIGN], moves[at, _MID] = state[NOW], orders[theirs, SIDE], mid
            state[MOVES] = at + 1
    state[MATCHED] += lots
    return found


@kernel
def _share(orders: Int2D, row: int, mid: int, rows: int, part: Int1D) -> None:
    """Lots of each resting order in proportion to its size: floors, then the largest remainders, of equal ones the oldest.

    An order whose part is below a least size of either drops out, the youngest first, and the others share again.
    """
    for i in range(rows):
        part[i] = 0 if i != row and _may_meet(orders, row, i, mid) else -1
    while True:
        total = 0
        for i in range(rows):
            total += orders[i, LEFT] if part[i] >= 0 else 0
        if total == 0:
            return
        wanted, given = min(orders[row, LEFT], total), 0
        for i in range(rows):
            if part[i] >= 0:
                part[i] = wanted * orders[i, LEFT] // total
                given += part[i]
        for _ in range(wanted - given):
            best, most = -1, -1
            for i in range(rows):
                if part[i] >= 0 and part[i] == wanted * orders[i, LEFT] // total:
                    rest = wanted * orders[i, LEFT] % total
                    if rest > most:
                        best, most = i, rest
            part[best] += 1
        dropped = -1
        for i in range(rows):
            if part[i] >= 0 and part[i] < max(_least(orders, row), _least(orders, i)):
                dropped = i
        if dropped < 0:
            return
        part[dropped] = -1


@kernel
def match(
    state: Int1D, orders: Int2D, moves: Int2D, row: int, mid: int, came: bool, part: Int1D, fills: Int2D, found: int
) -> int:
    """Let one order meet those that rest, at the mid; returns the fills of ours so far.

    Assumes room in `fills` and `moves` for a row each order. `part` is scratch of a slot an order.
    """
    if not _at(orders, row, mid):
        return found
    rows = state[ROWS]
    if state[PRO_RATA]:
        _share(orders, row, mid, rows, part)
        for i in range(rows):
            if part[i] > 0:
                found = _trade(state, orders, moves, row, i, part[i], mid, came, fills, found)
        return found
    for i in range(rows):
        if orders[row, LEFT] == 0:
            break
        if i != row and _may_meet(orders, row, i, mid):
            lots = min(orders[row, LEFT], orders[i, LEFT])
            found = _trade(state, orders, moves, row, i, lots, mid, came, fills, found)
    return found
