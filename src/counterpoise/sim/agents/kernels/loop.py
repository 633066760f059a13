"""The event loop: wake whoever rings first, until a time or until the tape is nearly full; it stops anywhere without trace."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, call_at, inner_kernel, kernel
from counterpoise.sim.agents.kernels.ahead import wake_ahead
from counterpoise.sim.agents.kernels.alarms import first_alarm, set_alarm
from counterpoise.sim.agents.kernels.arbitrage import wake_arbitrage
from counterpoise.sim.agents.kernels.crowd import wake_crowd
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_KIND,
    A_SENT,
    A_STREAM,
    AGENT_ROWS,
    AGENT_SIZE,
    AMEND,
    CALL,
    CANCEL,
    CLEARING_CODE,
    GRID_NS,
    LEAVES,
    MESSAGES,
    NOW,
    OUT_COUNT,
    OUT_INTO,
    OUT_KIND,
    OUT_LOTS,
    OUT_PRICE,
    OUT_SIDE,
    OUT_SIZE,
    OUT_TARGET,
    OUT_WHAT,
    OUTBOX,
    PLACE,
    REFUSED,
    TREE,
    UNCROSS,
    UNCROSS_CODE,
)
from counterpoise.sim.agents.kernels.maker import wake_maker
from counterpoise.sim.agents.kernels.metaorder import wake_metaorder
from counterpoise.sim.agents.kernels.option_flow import wake_option_flow
from counterpoise.sim.agents.kernels.option_maker import wake_option_maker
from counterpoise.sim.agents.kernels.parity import wake_parity
from counterpoise.sim.agents.kernels.patient import wake_patient
from counterpoise.sim.agents.kernels.prints import hear
from counterpoise.sim.agents.kernels.shock import wake_shock
from counterpoise.sim.agents.kernels.statistics import observe
from counterpoise.sim.agents.kernels.taker import wake_informed, wake_trend
from counterpoise.sim.agents.kernels.values import move_values
from counterpoise.sim.agents.kernels.venues import keep_venues
from counterpoise.sim.exchange.kernels.codes import AUCTION, IMMEDIATE
from counterpoise.sim.exchange.kernels.control import keep_time, set_index, set_status
from counterpoise.sim.exchange.kernels.layout import FILLED, REPORT_ROWS, TAPE_ROWS
from counterpoise.sim.exchange.kernels.requests import amend, cancel, place_with

__all__ = [
    "AHEAD",
    "ARBITRAGE",
    "CLEARING",
    "CROWD",
    "GRID",
    "INFORMED",
    "MAKER",
    "METAORDER",
    "OPTION_FLOW",
    "OPTION_MAKER",
    "PARITY",
    "PATIENT",
    "SHOCK",
    "TREND",
    "run",
]

GRID: Final = 0  # the clock of values and statistics
CROWD: Final = 1
PATIENT: Final = 2
MAKER: Final = 3
TREND: Final = 4
INFORMED: Final = 5
ARBITRAGE: Final = 6
METAORDER: Final = 7
AHEAD: Final = 8
OPTION_MAKER: Final = 9
OPTION_FLOW: Final = 10
PARITY: Final = 11
CLEARING: Final = 12  # compiled apart, by whoever has such a house
SHOCK: Final = 13


@kernel
def run(
    world: Int1D,
    reals: Float1D,
    rng: UInt2D,
    ex: Int1D,
    tape: Int2D,
    reports: Int2D,
    until_ns: int,
    margin: int,
) -> bool:
    """Wake agents whose alarms ring before `until_ns`; True when the time was reached, False when there is no room.

    A wake is begun only while tape and reports have `margin` free rows, more than one outbox may fill. What it wrote is carried
    out here, and nowhere else: the exchange is compiled with this kernel once.
    """
    world, reals, rng, ex, tape, reports = borrow(world), borrow(reals), borrow(rng), borrow(ex), borrow(tape), borrow(reports)
    clock, leaves = world[TREE], world[LEAVES]
    most_tape, most_reports = len(tape) - margin, len(reports) - margin
    while True:
        leaf = first_alarm(world, clock, leaves)
        now = world[clock + leaf]
        if now >= until_ns:
            return True
        if ex[TAPE_ROWS] > most_tape or ex[REPORT_ROWS] > most_reports:
            return False
        world[NOW] = now
        agent = world[AGENT_ROWS] + leaf * AGENT_SIZE
        set_alarm(world, clock, leaves, leaf, _wake(world, reals, rng, ex, agent))
        for i in range(world[OUT_COUNT]):
            row = world[OUTBOX] + i * OUT_SIZE
            what, target = world[row + OUT_WHAT], world[row + OUT_TARGET]
            price, lots = world[row + OUT_PRICE], world[row + OUT_LOTS]
            answer = 0
            if what == PLACE:
                side, kind, account = world[row + OUT_SIDE], world[row + OUT_KIND], world[agent + A_ACCOUNT]
                answer = place_with(ex, tape, reports, now, target, account, side, kind, price, lots, 0, 0, 0)
                _answer(world, ex, row, answer)
            elif what == AMEND:
                answer = amend(ex, tape, reports, now, target, price, lots)
            elif what == CANCEL:
                answer = cancel(ex, tape, reports, now, target)
            elif what == CALL:
                set_status(ex, target, AUCTION)
            elif what == UNCROSS:
                call_at(world[UNCROSS_CODE], (ex, tape, reports, now, target))
            else:
                set_index(ex, target, price)
                keep_time(ex, tape, reports, now, target)
            world[REFUSED] += answer < 0
        _close(world, ex, tape, agent)


@inner_kernel
def _answer(world: Int1D, ex: Int1D, row: int, answer: int) -> None:
    """Number of an order that may rest, or signed lots that an immediate one took, to where they are wanted."""
    into = world[row + OUT_INTO]
    if into > 0 and world[row + OUT_KIND] & IMMEDIATE:
        world[into] += world[row + OUT_SIDE] * ex[FILLED]
    elif into > 0:
        world[into] = max(answer, 0)


@inner_kernel
def _close(world: Int1D, ex: Int1D, tape: Int2D, agent: int) -> None:
    """Count what was sent, empty the outbox, take down the prints."""
    if world[agent + A_ACCOUNT] >= 0:
        world[MESSAGES] += world[OUT_COUNT]
        world[agent + A_SENT] += world[OUT_COUNT]
    world[OUT_COUNT] = 0
    hear(world, ex, tape)


@kernel
def _wake(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """What an agent does by its kind; the commonest first."""
    kind = world[agent + A_KIND]
    if kind == CROWD:
        return wake_crowd(world, reals, rng, ex, agent)
    if kind == PATIENT:
        return wake_patient(world, reals, rng, ex, agent)
    if kind == MAKER:
        return wake_maker(world, reals, rng, ex, agent)
    if kind == TREND:
        return wake_trend(world, reals, rng, ex, agent)
    if kind == INFORMED:
        return wake_informed(world, reals, rng, ex, agent)
    if kind == ARBITRAGE:
        return wake_arbitrage(world, reals, rng, ex, agent)
    if kind == METAORDER:
        return wake_metaorder(world, reals, rng, ex, agent)
    if kind == AHEAD:
        return wake_ahead(world, reals, rng, ex, agent)
    if kind == OPTION_MAKER:
        return wake_option_maker(world, reals, rng, ex, agent)
    if kind == OPTION_FLOW:
        return wake_option_flow(world, reals, rng, ex, agent)
    if kind == PARITY:
        return wake_parity(world, reals, rng, ex, agent)
    if kind == CLEARING:
        return call_at(world[CLEARING_CODE], (world, reals, rng, ex, agent))
    if kind == SHOCK:
        return wake_shock(world, reals, agent)
    move_values(world, reals, rng, world[agent + A_STREAM])
    observe(world, reals, ex)
    keep_venues(world, reals)
    return world[NOW] + world[GRID_NS]
