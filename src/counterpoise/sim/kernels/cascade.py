"""Steps of a cascade: quotes shift, the book refills, accounts are triggered, their orders eat the book, losses are shared.

The ladder holds the levels at the keys where they would stand without any shift; a level is hit at its key + shift. The shift
is the shock so far plus a transient impact, in whole keys, and is renewed at the beginning of a step.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at, room
from counterpoise.sim.kernels.cascade_codes import (
    AUCTION_TICKS,
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
from counterpoise.sim.kernels.liquidation import FUND, QUEUED_LOTS, fill_lists, trigger
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
    shares: Float1D,
    keeps: Float1D,
    keys_per_lot: float,
    refill_keep: float,
    factor: float,
) -> None:
    """Run every step; `path` and `by_tier` take a row of each.

    `shares` and `keeps` are the parts of the impact and what of each is left after a step; `refill_keep` is what of the
    shortage is left after a step, 1.0 for no refill. Assumes lists filled, and a ladder of `full[start − key]` lots at each
    key, with room for all of them.
    """
    book, accounts, heads = borrow(book), borrow(accounts), borrow(heads)
    index = (1 - plan[SIDE]) >> 1
    lowest = plan[START] - len(heads) + 1
    moved = np.zeros(len(shares))
    scale, deepest, missing = 1.0, plan[START] + 1, 0
    halted_until, armed_from = -1, 0
    mark = plan[START]
    for step in range(len(path)):
        row = path[step]
        if step > 0:
            moved *= keeps
        if refill_keep < 1.0:
            back = missing - int(missing * refill_keep)
            deepest = _refill(book, index, full, plan[START], deepest, back)
            missing -= back
        shocked = plan[SHOCK_KEYS] * min(step + 1, plan[SHOCK_STEPS]) // plan[SHOCK_STEPS]
        shift = -shocked - int(np.rint(moved.sum()))
        mark = mark_of(book, index, shift, mark, lowest)
        auction = step == halted_until
        before = plan[START] if step < plan[WINDOW] else path[step - plan[WINDOW], P_MARK]
        if step >= armed_from and before - mark >= plan[AUCTION_TICKS]:
            halted_until = step + plan[HALT]
            armed_from = halted_until + plan[WINDOW]
        row[P_HALTED] = step < halted_until
        if step >= halted_until:
            if scale == 1.0 and plan[START] - mark >= plan[FACTOR_AFTER]:
                scale = factor
                fill_lists(accounts, state, heads, rates, cums, scale, plan[SIDE], plan[START])
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
                scale,
                shift,
                mark,
                auction,
            )
            best = book[index * HEAD + BEST]
            deepest = min(deepest, lowest if best == NO_KEY else best)
            missing += row[P_BOOK]
            moved += row[P_BOOK] * keys_per_lot * shares
            mark = mark_of(book, index, shift, mark, lowest)
        row[P_MARK] = mark
        row[P_QUEUED] = state[QUEUED_LOTS]
        row[P_FUND] = state[FUND]
