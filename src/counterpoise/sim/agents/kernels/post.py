"""The post: carries an agent's requests to the exchange, brings the answers, and takes down what everyone can see."""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import TRADE
from counterpoise.sim.agents.kernels.layout import (
    A_ACCOUNT,
    A_SENT,
    AMEND,
    HEARD,
    M_BUYS,
    M_LAST,
    M_LAST_NS,
    M_PRINTS,
    M_SELLS,
    M_TRADES,
    MARKET_ROWS,
    MARKET_SIZE,
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
    PRINT_SIZE,
    PRINTS_LEN,
    REFUSED,
)
from counterpoise.sim.exchange.kernels.codes import IMMEDIATE
from counterpoise.sim.exchange.kernels.layout import FILLED, TAPE_ROWS
from counterpoise.sim.exchange.kernels.outputs import MARKET_COLUMN
from counterpoise.sim.exchange.kernels.requests import amend, cancel, place
from counterpoise.sim.kernels.tape import CODE, LOTS, VENUE
from counterpoise.sim.kernels.tape import PRICE as TAPE_PRICE

__all__ = ["carry_out", "hear"]


@kernel
def carry_out(world: Int1D, ex: Int1D, tape: Int2D, reports: Int2D, agent: int) -> None:
    """Empty the outbox of an agent. Assumes that tape and reports have room for all of it."""
    now, account = world[NOW], world[agent + A_ACCOUNT]
    for i in range(world[OUT_COUNT]):
        row = world[OUTBOX] + i * OUT_SIZE
        what, target, into = world[row + OUT_WHAT], world[row + OUT_TARGET], world[row + OUT_INTO]
        side, price, lots = world[row + OUT_SIDE], world[row + OUT_PRICE], world[row + OUT_LOTS]
        if what == PLACE:
            kind = world[row + OUT_KIND]
            answer = place(ex, tape, reports, now, target, account, side, kind, price, lots, 0)
            if into > 0 and kind & IMMEDIATE:
                world[into] += side * ex[FILLED]
            elif into > 0:
                world[into] = max(answer, 0)
        elif what == AMEND:
            answer = amend(ex, tape, reports, now, target, price, lots)
        else:
            answer = cancel(ex, tape, reports, now, target)
        world[REFUSED] += answer < 0
    world[MESSAGES] += world[OUT_COUNT]
    world[agent + A_SENT] += world[OUT_COUNT]
    world[OUT_COUNT] = 0
    hear(world, ex, tape)


@kernel
def hear(world: Int1D, ex: Int1D, tape: Int2D) -> None:
    """Take down the trades that stand on the tape since the last time."""
    for row in range(world[HEARD], ex[TAPE_ROWS]):
        code = tape[row, CODE]
        if code & 255 == TRADE:
            market = world[MARKET_ROWS] + tape[row, MARKET_COLUMN] * MARKET_SIZE
            side, price, lots = (code >> 16) - 1, tape[row, TAPE_PRICE], tape[row, LOTS]
            at = world[market + M_PRINTS] + (world[market + M_TRADES] & (PRINTS_LEN - 1)) * PRINT_SIZE
            world[at], world[at + 1], world[at + 2], world[at + 3] = tape[row, VENUE], side, price, lots
            world[market + M_TRADES] += 1
            world[market + M_LAST], world[market + M_LAST_NS] = price, tape[row, VENUE]
            world[market + (M_BUYS if side > 0 else M_SELLS)] += lots
    world[HEARD] = ex[TAPE_ROWS]
