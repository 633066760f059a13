"""Steps of a cascade: quotes shift, the book refills, accounts are triggered, their orders eat the book, losses are shared.

The ladder holds the levels at the keys where they would stand without any shift; a level is hit at its key + shift. The shift
is the shock so far plus a transient impact, in whole keys, and is renewed at the beginning of a step. All that is remembered
from step to step is in `state` and `moved`, so that steps can be run one by one, and something else be done between them.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at, room
from counterpoise.sim.kernels.cascade_codes import (
    AUCTION_TICKS,
    COIN,
    FACTOR_AFTER,
    FRACTION_PPM,
    HALT,
    P_BOOK,
    P_FUND,
    P_HALTED,
    P_MARK,
    P_QUEUED,
    P_TRIGGERED,
    SHOCK_KEYS,
    SHOCK_STEPS,
    SIDE,
    START,
    WINDOW,
)
from counterpoise.sim.kernels.liquidation import (
    ARMED_FROM,
    DEEPEST,
    FUND,
    HALTED_UNTIL,
    MARK,
    MISSING,
    QUEUED_LOTS,
    SCALED,
    fill_lists,
    trigger,
)
from counterpoise.sim.kernels.liquidation_orders import liquidate, mark_of, put_level

__all__ = ["load_levels", "run_steps"]


@kernel
def load_levels(book: Int1D, index: int, full: Int1D, start: int, done: int) -> int:
    """Put levels in from `done` on, best first; returns how many are in when the hash table is full, or all."""
    while done < len(full) and room(book, index):
        if full[done] > 0:
            put_level(book, index, start - done, full[done])
        done += 1
    return done


@kernel
def _refill(book: Int1D, index: int, full: Int1D, start: int, deepest: int, lots: int) -> int:
    """Bring back so many lots, nearest to the touch first; returns the deepest key that may still be short."""
    key = deepest
    while lots > 0 and key <= start:
        held = quantity_at(book, index, key)
        back = min(lots, full[start - key] - held)
        if back > 0:
            put_level(book, index, key, held + back)
            lots -= back
        if lots > 0:
            key += 1
    return key


@kernel
def run_steps(
    book: Int1D,
    full: Int1D,
    accounts: Int2D,
    state: Int1D,
    heads: Int1D,
    ranking: Int1D,
    scores: Float1D,
    path: Int2D,
    by_tier: Int2D,
    plan: Int1D,
    rates: Float1D,
    cums: Float1D,
    floors: Int1D,
    moved: Float1D,
    shares: Float1D,
    keeps: Float1D,
    keys_per_lot: float,
    refill_keep: float,
    factor: float,
    begin: int,
    end: int,
) -> None:
    """Run steps from `begin` to before `end`; `path` and `by_tier` take a row of each.

    `moved` is what is left of each part of the impact, `shares` what a new one adds to it, `keeps` what of it outlasts a step;
    `refill_keep` is what of the shortage outlasts a step, 1.0 for no refill. Assumes an opened state, lists filled, and a
    ladder of `full[start − key]` lots at each key, with room for all of them.
    """
    book, accounts, heads = borrow(book), borrow(accounts), borrow(heads)
    index = (1 - plan[SIDE]) >> 1
    lowest = plan[START] - len(heads) + 1
    for step in range(begin, end):
        row = path[step]
        if step > 0:
            moved *= keeps
        if refill_keep < 1.0:
            back = state[MISSING] - int(state[MISSING] * refill_keep)
            state[DEEPEST] = _refill(book, index, full, plan[START], state[DEEPEST], back)
            state[MISSING] -= back
        shocked = plan[SHOCK_KEYS] * min(step + 1, plan[SHOCK_STEPS]) // plan[SHOCK_STEPS]
        shift = -shocked - int(np.rint(moved.sum()))
        mark = mark_of(book, index, shift, state[MARK], lowest)
        auction = step == state[HALTED_UNTIL]
        before = plan[START] if step < plan[WINDOW] else path[step - plan[WINDOW], P_MARK]
        if step >= state[ARMED_FROM] and before - mark >= plan[AUCTION_TICKS]:
            state[HALTED_UNTIL] = step + plan[HALT]
            state[ARMED_FROM] = state[HALTED_UNTIL] + plan[WINDOW]
        row[P_HALTED] = step < state[HALTED_UNTIL]
        if step >= state[HALTED_UNTIL]:
            if state[SCALED] == 0 and plan[START] - mark >= plan[FACTOR_AFTER]:
                state[SCALED] = 1
                fill_lists(accounts, state, heads, rates, cums, factor, plan[SIDE], plan[COIN], plan[START])
            row[P_TRIGGERED] = trigger(accounts, state, heads, plan[START], mark, plan[FRACTION_PPM])
            liquidate(
                book,
                accounts,
                state,
                heads,
                ranking,
                scores,
                row,
                by_tier[step],
                plan,
                rates,
                cums,
                floors,
                factor if state[SCALED] else 1.0,
                shift,
                mark,
                auction,
            )
            best = book[index * HEAD + BEST]
            state[DEEPEST] = min(state[DEEPEST], lowest if best == NO_KEY else best)
            state[MISSING] += row[P_BOOK]
            moved += row[P_BOOK] * keys_per_lot * shares
            mark = mark_of(book, index, shift, mark, lowest)
        state[MARK] = mark
        row[P_MARK] = mark
        row[P_QUEUED] = state[QUEUED_LOTS]
        row[P_FUND] = state[FUND]
