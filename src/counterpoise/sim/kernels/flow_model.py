"""The event loop of the synthetic market: draw the next event, change the book, write what a venue would say.

Rates of the six kinds of event are frozen between events (the efficient price moves little in a millisecond), only the
excitation of market orders decays; the candidate time is drawn with the total at the last event and thinned. Rows of one event
share ts_venue and ts_local: trades first, then one depth message, then one quote message if the best changed.
"""

from __future__ import annotations

from math import ceil, exp, floor, sqrt
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.sim.kernels.flow_book import rest, take, tell_best, withdraw
from counterpoise.sim.kernels.flow_state import (
    ALL,
    ASK,
    BETA,
    BID,
    BOUND,
    CANCEL,
    CANCEL_TICKS,
    CROSS,
    EXCITED,
    FAIR,
    FILLED,
    FLOW_STREAM,
    GAP,
    GRID_S,
    IMPACT,
    IMPROVE,
    LAG_NS,
    LAG_STREAM,
    LEAN,
    LEAN_TICKS,
    LIMIT,
    LIMIT_LOTS,
    LIMIT_TICKS,
    MAX_FILLS,
    MAX_SWEEP,
    MU,
    MU_BUY,
    PRESSURE,
    PULL,
    RATE_CANCEL,
    RATE_LIMIT,
    RATE_PULL,
    RATE_REFILL,
    REACH,
    REFILL,
    RELAX,
    SELF,
    START_NS,
    T_LAST,
    T_NEXT,
    TS_LOCAL,
)
from counterpoise.sim.kernels.hawkes import excite, fade, wait
from counterpoise.sim.kernels.random import draw, uniform
from counterpoise.sim.kernels.tape import arrive

__all__ = ["advance", "rows_of_one_event", "schedule"]

_NS: Final = 1e9


@kernel
def rows_of_one_event(reach: int) -> int:
    """Upper bound on the rows of one event: fills, levels taken, levels let go beyond the reach, quotes."""
    return MAX_SWEEP * (MAX_FILLS + 1) + 2 * reach + 8


@kernel
def advance(
    ints: Int1D,
    reals: Float1D,
    ring: Int1D,
    rng: UInt2D,
    par: Float1D,
    tables: Int2D,
    path: Float1D,
    tape: Int2D,
    stop_s: float,
) -> int:
    """Events before `stop_s` [s since start], until the tape is full; returns the rows written.

    Where the loop stops leaves no trace: the next candidate time is part of the state. O(1) per event, but for empty levels.
    """
    ints, reals, ring, rng = borrow(ints), borrow(reals), borrow(ring), borrow(rng)
    par, tables, path, tape = borrow(par), borrow(tables), borrow(path), borrow(tape)
    rows, room = 0, len(tape) - rows_of_one_event(ints[REACH])
    while rows < room and reals[T_NEXT] < stop_s:
        dt = reals[T_NEXT] - reals[T_LAST]
        reals[T_LAST] = reals[T_NEXT]
        fade(reals, EXCITED, par[BETA], dt)
        reals[PRESSURE] *= exp(-par[RELAX] * dt)
        mark = uniform(rng, FLOW_STREAM) * reals[BOUND]
        rows = _event(ints, reals, ring, rng, par, tables, tape, rows, mark)
        schedule(ints, reals, rng, par, path)
    return rows


@kernel
def schedule(ints: Int1D, reals: Float1D, rng: UInt2D, par: Float1D, path: Float1D) -> None:
    """Rates after an event, and the time of the next candidate."""
    place = max(reals[T_LAST], 0.0) / par[GRID_S]
    at = min(int(place), len(path) - 2)
    fair = path[at] + (path[at + 1] - path[at]) * (place - at) + reals[PRESSURE]
    gap = fair - 0.5 * (ints[BID] + ints[ASK])
    lean = min(max(gap / par[LEAN_TICKS], -1.0), 1.0)
    reals[FAIR], reals[GAP], reals[LEAN] = fair, gap, lean
    reals[MU_BUY] = par[MU] * (1.0 + lean)
    reals[MU_BUY + 1] = par[MU] * (1.0 - lean)
    reals[RATE_LIMIT], reals[RATE_CANCEL] = par[LIMIT], par[CANCEL]
    reals[RATE_PULL] = par[PULL] * abs(gap) / par[LEAN_TICKS]
    reals[RATE_REFILL] = par[REFILL] if ints[ASK] - ints[BID] > 1 else 0.0
    bound = reals[EXCITED] + reals[EXCITED + 1]
    for rate in range(MU_BUY, RATE_REFILL + 1):
        bound += reals[rate]
    reals[BOUND] = bound
    reals[T_NEXT] = reals[T_LAST] + wait(rng, FLOW_STREAM, bound)


@kernel
def _event(
    ints: Int1D, reals: Float1D, ring: Int1D, rng: UInt2D, par: Float1D, tables: Int2D, tape: Int2D, rows: int, mark: float
) -> int:
    """Apply the event that `mark` in [0, bound) falls on, if any, and write its messages; returns the rows now written."""
    ts_venue = ints[START_NS] + floor(reals[T_LAST] * _NS)
    buys, sells = reals[MU_BUY] + reals[EXCITED], reals[MU_BUY + 1] + reals[EXCITED + 1]
    if mark < buys + sells:
        side = 1 if mark < buys else -1
        excite(reals, EXCITED, side, par[SELF], par[CROSS])
        stop = take(ints, ring, rng, tables, tape, rows, ts_venue, side)
        reals[PRESSURE] += side * par[IMPACT] * sqrt(float(ints[FILLED]))
    else:
        stop = _quoting(ints, reals, ring, rng, par, tables, tape, rows, ts_venue, mark - (buys + sells))
    if stop == rows:
        return rows
    stop = tell_best(ints, ring, tape, stop, ts_venue)
    ints[TS_LOCAL] = max(ints[TS_LOCAL], ts_venue + draw(rng, LAG_STREAM, tables, LAG_NS))
    arrive(tape, rows, stop, ints[TS_LOCAL])
    return stop


@kernel
def _quoting(
    ints: Int1D,
    reals: Float1D,
    ring: Int1D,
    rng: UInt2D,
    par: Float1D,
    tables: Int2D,
    tape: Int2D,
    rows: int,
    ts_venue: int,
    mark: float,
) -> int:
    """A limit order, a cancel, a pulled best quote or an order into the spread, by where `mark` falls."""
    if mark < reals[RATE_LIMIT]:
        side = _leaning(rng, reals[LEAN])
        price = _best(ints, -side) - side * draw(rng, FLOW_STREAM, tables, LIMIT_TICKS)
        return rest(ints, ring, tape, rows, ts_venue, side, price, draw(rng, FLOW_STREAM, tables, LIMIT_LOTS))
    mark -= reals[RATE_LIMIT]
    if mark < reals[RATE_CANCEL]:
        side = -_leaning(rng, reals[LEAN])
        price = _best(ints, -side) - side * draw(rng, FLOW_STREAM, tables, CANCEL_TICKS)
        part = uniform(rng, FLOW_STREAM)
        share = 1.0 if part < par[ALL] else (part - par[ALL]) / (1.0 - par[ALL])
        return withdraw(ints, ring, tape, rows, ts_venue, side, price, share)
    mark -= reals[RATE_CANCEL]
    if mark < reals[RATE_PULL]:
        side = -1 if reals[GAP] > 0.0 else 1
        return withdraw(ints, ring, tape, rows, ts_venue, side, _best(ints, side), 1.0)
    mark -= reals[RATE_PULL]
    if mark < reals[RATE_REFILL]:
        side = _leaning(rng, reals[LEAN])
        lots = int(par[IMPROVE] * draw(rng, FLOW_STREAM, tables, LIMIT_LOTS)) + 1
        return rest(ints, ring, tape, rows, ts_venue, side, _fair_quote(ints, reals[FAIR], side), lots)
    return rows


@kernel
def _leaning(rng: UInt2D, lean: float) -> int:
    """A side, +1 with probability (1 + lean) / 2."""
    return 1 if uniform(rng, FLOW_STREAM) * 2.0 < 1.0 + lean else -1


@kernel
def _best(ints: Int1D, side: int) -> int:
    return ints[BID] if side > 0 else ints[ASK]


@kernel
def _fair_quote(ints: Int1D, fair: float, side: int) -> int:
    """Price of an order into the spread: next to the efficient price, neither past it nor across."""
    if side > 0:
        return max(min(ints[ASK] - 1, floor(fair)), ints[BID])
    return min(max(ints[BID] + 1, ceil(fair)), ints[ASK])
