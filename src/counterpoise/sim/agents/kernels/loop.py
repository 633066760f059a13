"""The event loop: wake whoever rings first, until a time or until the tape is nearly full; it stops anywhere without trace."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.sim.agents.kernels.ahead import wake_ahead
from counterpoise.sim.agents.kernels.alarms import first_alarm, set_alarm
from counterpoise.sim.agents.kernels.arbitrage import wake_arbitrage
from counterpoise.sim.agents.kernels.crowd import wake_crowd
from counterpoise.sim.agents.kernels.layout import (
    A_KIND,
    A_STREAM,
    AGENT_ROWS,
    AGENT_SIZE,
    GRID_NS,
    LEAVES,
    NOW,
    OUT_COUNT,
    TREE,
)
from counterpoise.sim.agents.kernels.maker import wake_maker
from counterpoise.sim.agents.kernels.metaorder import wake_metaorder
from counterpoise.sim.agents.kernels.option_flow import wake_option_flow
from counterpoise.sim.agents.kernels.option_maker import wake_option_maker
from counterpoise.sim.agents.kernels.parity import wake_parity
from counterpoise.sim.agents.kernels.patient import wake_patient
from counterpoise.sim.agents.kernels.post import carry_out
from counterpoise.sim.agents.kernels.statistics import observe
from counterpoise.sim.agents.kernels.taker import wake_informed, wake_trend
from counterpoise.sim.agents.kernels.values import move_values
from counterpoise.sim.agents.kernels.venues import keep_venues
from counterpoise.sim.exchange.kernels.layout import REPORT_ROWS, TAPE_ROWS

__all__ = [
    "AHEAD",
    "ARBITRAGE",
    "CROWD",
    "GRID",
    "INFORMED",
    "MAKER",
    "METAORDER",
    "OPTION_FLOW",
    "OPTION_MAKER",
    "PARITY",
    "PATIENT",
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

    A wake is begun only while tape and reports have `margin` free rows.
    """
    world, reals, rng, ex, tape, reports = borrow(world), borrow(reals), borrow(rng), borrow(ex), borrow(tape), borrow(reports)
    clock, leaves = world[TREE], world[LEAVES]
    most_tape, most_reports = len(tape) - margin, len(reports) - margin
    while True:
        leaf = first_alarm(world, clock, leaves)
        ts_ns = world[clock + leaf]
        if ts_ns >= until_ns:
            return True
        if ex[TAPE_ROWS] > most_tape or ex[REPORT_ROWS] > most_reports:
            return False
        world[NOW] = ts_ns
        agent = world[AGENT_ROWS] + leaf * AGENT_SIZE
        set_alarm(world, clock, leaves, leaf, _wake(world, reals, rng, ex, agent))
        if world[OUT_COUNT] > 0:
            carry_out(world, ex, tape, reports, agent)
        elif leaf == 0:
            keep_venues(world, reals, ex, tape, reports)


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
    move_values(world, reals, rng, world[agent + A_STREAM])
    observe(world, reals, ex)
    return world[NOW] + world[GRID_NS]
