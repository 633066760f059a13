"""A midpoint pool beside a lit market: others arrive by a Hawkes process that the lit volume drives, and meet who rests.

    λ_side(t) = c V(t) + Σ_own α_self e^{−β(t−tᵢ)} + Σ_other α_cross e^{−β(t−tᵢ)},    V(t) = Σ_lit trades lots · θ e^{−θ(t−tᵢ)}

V is the lit volume of late in lots a second. All terms fall between two events, so the rate of now bounds that of later and
arrivals are drawn by thinning. At one instant the pool acts before the lit market: it knows of rows strictly before only.
"""

from __future__ import annotations

from math import ceil, exp
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.sim.kernels.dark_match import (
    ASK,
    BID,
    CROWD,
    EXPIRY,
    FAR_NS,
    INFORMED,
    LEAST,
    LEFT,
    LIMIT,
    MATCHED,
    MID,
    MOVES,
    NOW,
    OURS,
    OWNER,
    ROWS,
    SIDE,
    match,
    mid_now,
    tidy,
)
from counterpoise.sim.kernels.hawkes import excite, fade, wait
from counterpoise.sim.kernels.lit import LIT_ASK, LIT_BID, LIT_LOTS, LIT_TS
from counterpoise.sim.kernels.random import draw, uniform

__all__ = [
    "ARRIVED",
    "CROSS",
    "DECAY",
    "INFORMED_SHARE",
    "LEAST_LOTS",
    "NEXT",
    "PARAMETERS",
    "PATIENCE",
    "PER_LOT",
    "REALS",
    "SELF",
    "STATE_SIZE",
    "STREAMS",
    "TURNED_AWAY",
    "VOLUME_DECAY",
    "advance",
    "enter",
    "look",
]

# slots of the state, after those of `dark_match`
NEXT: Final = MATCHED + 1  # ns of the next candidate
FADED: Final = NEXT + 1  # ns that the reals are of
ARRIVED: Final = FADED + 1
TURNED_AWAY: Final = ARRIVED + 1  # came while there was no mid
STATE_SIZE: Final = TURNED_AWAY + 1

# slots of the reals, after SETTLED
_VOLUME: Final = 1
_EXCITED: Final = 2  # buys, then sells
_BOUND: Final = 4  # of the rates, when the next candidate was drawn
REALS: Final = 5

# parameters
PER_LOT: Final = 0  # c: orders of a side for each lit lot
VOLUME_DECAY: Final = 1  # θ [1/s]
SELF: Final = 2  # α [1/s]
CROSS: Final = 3
DECAY: Final = 4  # β [1/s]
INFORMED_SHARE: Final = 5
PATIENCE: Final = 6  # mean life [s] of an order of the uninformed, then of the informed; 0 for those that do not rest
LEAST_LOTS: Final = 8  # their least sizes
PARAMETERS: Final = 10

STREAMS: Final = 4  # of random numbers: waits, marks, sizes, lives
_LONGEST_S: Final = 1e9


@inner_kernel
def _fade(state: Int1D, reals: Float1D, par: Float1D, now: int) -> None:
    lag = (now - state[FADED]) * 1e-9
    reals[_VOLUME] *= exp(-par[VOLUME_DECAY] * lag)
    fade(reals, _EXCITED, par[DECAY], lag)
    state[FADED] = now


@inner_kernel
def _draw_next(state: Int1D, reals: Float1D, par: Float1D, rng: UInt2D, now: int) -> None:
    bound = 2.0 * par[PER_LOT] * reals[_VOLUME] + reals[_EXCITED] + reals[_EXCITED + 1]
    reals[_BOUND], state[NEXT] = bound, FAR_NS
    if bound > 1.0 / _LONGEST_S:
        lag = wait(rng, 0, bound)
        if lag < _LONGEST_S:
            state[NEXT] = now + max(ceil(lag * 1e9), 1)


@kernel
def look(
    state: Int1D, reals: Float1D, orders: Int2D, moves: Int2D, curve: Float2D, part: Int1D, fills: Int2D, found: int
) -> int:
    """See the mid; when it is another one, our orders with a limit meet who rests, as if each came now, the oldest first."""
    mid = mid_now(state, reals, moves, curve, state[NOW])
    if mid == state[MID]:
        return found
    state[MID] = mid
    if mid == 0 or state[OURS] == 0:
        return found
    tidy(state, orders, state[NOW])
    for row in range(state[ROWS]):
        if orders[row, OWNER] != CROWD and orders[row, LEFT] > 0:
            found = match(state, orders, moves, row, mid, False, part, fills, found)
    tidy(state, orders, state[NOW])
    return found


@kernel
def enter(state: Int1D, orders: Int2D, moves: Int2D, order: Int1D, rests: bool, part: Int1D, fills: Int2D, found: int) -> int:
    """An order arrives at the mid last looked at, meets who rests, and rests with what is left, or not."""
    tidy(state, orders, state[NOW])
    row = state[ROWS]
    orders[row] = order
    state[ROWS] = row + 1
    if state[MID] > 0:
        found = match(state, orders, moves, row, state[MID], True, part, fills, found)
    if not rests:
        orders[row, LEFT] = 0
    tidy(state, orders, state[NOW])
    return found


@kernel
def _arrive(
    state: Int1D,
    reals: Float1D,
    orders: Int2D,
    moves: Int2D,
    par: Float1D,
    tables: Int2D,
    rng: UInt2D,
    part: Int1D,
    order: Int1D,
    fills: Int2D,
    found: int,
) -> int:
    """A candidate: thinned away, or an order of a side, a kind and a size."""
    now = state[NOW]
    mark = uniform(rng, 1) * reals[_BOUND]
    buys = par[PER_LOT] * reals[_VOLUME] + reals[_EXCITED]
    sells = par[PER_LOT] * reals[_VOLUME] + reals[_EXCITED + 1]
    if mark >= buys + sells:
        return found
    side = 1 if mark < buys else -1
    excite(reals, _EXCITED, side, par[SELF], par[CROSS])
    kind = 1 if uniform(rng, 1) < par[INFORMED_SHARE] else 0
    lots, life = draw(rng, 2, tables, kind), 0.0
    if par[PATIENCE + kind] > 0.0:
        life = wait(rng, 3, 1.0 / par[PATIENCE + kind])
    state[ARRIVED] += 1
    if state[MID] == 0:
        state[TURNED_AWAY] += 1
        return found
    order[SIDE], order[LIMIT], order[LEFT], order[LEAST] = side, 0, lots, np.int64(par[LEAST_LOTS + kind])
    order[OWNER], order[INFORMED], order[EXPIRY] = CROWD, kind, now + 1 + np.int64(life * 1e9)
    return enter(state, orders, moves, order, par[PATIENCE + kind] > 0.0, part, fills, found)


@kernel
def advance(
    state: Int1D,
    reals: Float1D,
    orders: Int2D,
    moves: Int2D,
    curve: Float2D,
    par: Float1D,
    tables: Int2D,
    rng: UInt2D,
    lit: Int2D,
    start: int,
    until_ns: int,
    fills: Int2D,
) -> tuple[int, int, bool]:
    """Live to a time; returns (first lit row not seen, fills of ours, whether the time was reached).

    Stops early when `orders`, `moves` or `fills` might not hold what the next event brings: take the fills, or give more room.
    """
    state, reals, orders, moves = borrow(state), borrow(reals), borrow(orders), borrow(moves)
    lit, fills, rng = borrow(lit), borrow(fills), borrow(rng)
    part, order = np.empty(len(orders), np.int64), np.empty(orders.shape[1], np.int64)
    row, found = start, 0
    while True:
        next_lit = lit[row, LIT_TS] if row < len(lit) else FAR_NS
        now = min(next_lit, state[NEXT])
        if now >= until_ns:
            return row, found, True
        most = (state[OURS] + 1) * (state[ROWS] + 1)
        if state[ROWS] + 1 >= len(orders) or state[MOVES] + most > len(moves) or found + most > len(fills):
            return row, found, False
        state[NOW] = now
        if state[NEXT] <= next_lit:
            found = look(state, reals, orders, moves, curve, part, fills, found)
            _fade(state, reals, par, now)
            found = _arrive(state, reals, orders, moves, par, tables, rng, part, order, fills, found)
            _draw_next(state, reals, par, rng, now)
            continue
        state[BID], state[ASK] = lit[row, LIT_BID], lit[row, LIT_ASK]
        if lit[row, LIT_LOTS] > 0:
            _fade(state, reals, par, now)
            reals[_VOLUME] += lit[row, LIT_LOTS] * par[VOLUME_DECAY]
            _draw_next(state, reals, par, rng, now)
        found = look(state, reals, orders, moves, curve, part, fills, found)
        row += 1
