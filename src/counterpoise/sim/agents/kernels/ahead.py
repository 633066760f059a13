"""One who trades ahead: he listens to the prints of one market, suspects a large order, and takes a position before it is done.

At each look he gathers the prints that came since the last into orders, without those that his own last order made, and
weighs them (`suspicion`). Once the mean of R reaches A he is engaged on the likelier side: his target is Q lots that way, a
clip a look. He lets go when the evidence has fallen from its peak by a factor, which says that the flow has stopped, or after a
time; then his target is 0, and he suspects nobody until he hears more.
"""

from __future__ import annotations

from math import exp
from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.sim.agents.kernels.aggressor import (
    AGGRESSOR_STATE,
    ORDER_LOTS,
    ORDER_SIDE,
    ORDER_TIME,
    continues,
    gather,
    is_over,
)
from counterpoise.sim.agents.kernels.chance import wait_ns
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_DELAY_NS,
    A_INTS,
    A_MARKET,
    A_PHASE,
    A_REALS,
    A_STREAM,
    ACT,
    LOOK,
    M_TRADES,
    MARKET_ROWS,
    MARKET_SIZE,
    NOW,
    PRINTS_LEN,
)
from counterpoise.sim.agents.kernels.suspicion import SUSPICION, forget, likelier_side, mean_evidence, suspect
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, best_price, position_of, print_at, send

__all__ = [
    "AHEAD_INTS",
    "AHEAD_REALS",
    "H_ALARMS",
    "H_CLIP",
    "H_DROP",
    "H_ENGAGED",
    "H_HOLD_NS",
    "H_MISSED",
    "H_MOST",
    "H_PEAK",
    "H_RATE",
    "H_SEEN",
    "H_SETTINGS",
    "H_SLIP",
    "H_SUSPECTS",
    "H_THRESHOLD",
    "wake_ahead",
]

# integers, behind the order that gathers
H_SEEN: Final = AGGRESSOR_STATE  # prints looked at
_SENT_NS: Final = H_SEEN + 1  # time and side of his own last order: he knows its prints
_SENT_SIDE: Final = H_SEEN + 2
H_ENGAGED: Final = H_SEEN + 3  # side, 0 when he suspects nobody
_SINCE_NS: Final = H_SEEN + 4
_WISH: Final = H_SEEN + 5  # signed lots
_PRICE: Final = H_SEEN + 6
H_HOLD_NS: Final = H_SEEN + 7
H_MISSED: Final = H_SEEN + 8  # prints that were gone before he looked
H_ALARMS: Final = H_SEEN + 9
AHEAD_INTS: Final = H_SEEN + 10

# numbers; behind his suspicion stand its settings, of any length
H_RATE: Final = 0  # looks a second
H_MOST: Final = 1  # Q, lots
H_CLIP: Final = 2
H_SLIP: Final = 3  # how far through the best he goes, in log price
H_THRESHOLD: Final = 4  # A
H_DROP: Final = 5  # factor below the peak at which he lets go
H_PEAK: Final = 6
H_SUSPECTS: Final = 7
H_SETTINGS: Final = H_SUSPECTS + SUSPICION
AHEAD_REALS: Final = H_SETTINGS  # and as many as the settings are


@kernel
def wake_ahead(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Listen and wish, or send."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    if world[agent + A_PHASE] == LOOK:
        _listen(world, reals, agent, world[world[MARKET_ROWS] + market * MARKET_SIZE + M_TRADES])
        _decide(world, reals, agent)
        _aim(world, reals, ex, agent)
        world[agent + A_PHASE] = ACT
        return world[NOW] + world[agent + A_DELAY_NS]
    wish = world[ints + _WISH]
    if wish != 0:
        side = 1 if wish > 0 else -1
        world[ints + _SENT_NS], world[ints + _SENT_SIDE] = world[NOW], side
        send(world, market, side, IMMEDIATE, world[ints + _PRICE], abs(wish), 0)
    world[agent + A_PHASE] = LOOK
    return world[NOW] + wait_ns(rng, world[agent + A_STREAM], reals[at + H_RATE])


@kernel
def _listen(world: Int1D, reals: Float1D, agent: int, trades: int) -> None:
    """Take the prints since the last look into orders, and weigh those that are whole."""
    ints, market = world[agent + A_INTS], world[agent + A_MARKET]
    order = world[ints : ints + AGGRESSOR_STATE]
    first = max(world[ints + H_SEEN], trades - PRINTS_LEN)
    world[ints + H_MISSED] += first - world[ints + H_SEEN]
    for number in range(first, trades):
        at = print_at(world, market, number)
        ts, side, lots = world[at], world[at + 1], world[at + 3]
        if ts == world[ints + _SENT_NS] and side == world[ints + _SENT_SIDE]:
            continue
        if order[ORDER_SIDE] != 0 and not continues(order, ts, side):
            _weigh(world, reals, agent, order)
        gather(order, ts, ts, side, lots)
    world[ints + H_SEEN] = trades
    if is_over(order, world[NOW]):
        _weigh(world, reals, agent, order)


@kernel
def _weigh(world: Int1D, reals: Float1D, agent: int, order: Int1D) -> None:
    """Weigh the order that gathered."""
    at = world[agent + A_REALS]
    suspects, settings = reals[at + H_SUSPECTS : at + H_SETTINGS], reals[at + H_SETTINGS :]
    suspect(suspects, settings, order[ORDER_TIME], order[ORDER_SIDE], order[ORDER_LOTS])
    order[ORDER_SIDE] = 0


@kernel
def _decide(world: Int1D, reals: Float1D, agent: int) -> None:
    """Engage, stay, or let go."""
    ints, at = world[agent + A_INTS], world[agent + A_REALS]
    suspects = reals[at + H_SUSPECTS : at + H_SETTINGS]
    evidence = mean_evidence(suspects)
    if world[ints + H_ENGAGED] == 0:
        if evidence >= reals[at + H_THRESHOLD]:
            world[ints + H_ENGAGED], world[ints + _SINCE_NS] = likelier_side(suspects), world[NOW]
            world[ints + H_ALARMS] += 1
            reals[at + H_PEAK] = evidence
        return
    reals[at + H_PEAK] = max(reals[at + H_PEAK], evidence)
    late = world[NOW] - world[ints + _SINCE_NS] > world[ints + H_HOLD_NS]
    if late or evidence < reals[at + H_DROP] * reals[at + H_PEAK]:
        world[ints + H_ENGAGED] = 0
        forget(suspects)


@kernel
def _aim(world: Int1D, reals: Float1D, ex: Int1D, agent: int) -> None:
    """Write down an order towards the target, a clip at most."""
    ints, at, market = world[agent + A_INTS], world[agent + A_REALS], world[agent + A_MARKET]
    target = world[ints + H_ENGAGED] * int(reals[at + H_MOST])
    missing = target - position_of(world, ex, world[agent + A_ACCOUNT], market)
    side = 1 if missing > 0 else -1
    touch = best_price(ex, market, -side)
    world[ints + _WISH] = 0
    if missing != 0 and touch > 0:
        world[ints + _WISH] = side * min(abs(missing), max(int(reals[at + H_CLIP]), 1))
        world[ints + _PRICE] = int(touch * exp(side * reals[at + H_SLIP]) + 0.5)
