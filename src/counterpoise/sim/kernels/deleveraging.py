"""Deleveraging: winners are ranked by the venue's rule, and what nobody can pay for is closed against them."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.kernels.contract import share_of
from counterpoise.sim.kernels.liquidation import (
    ADL_LOTS,
    ADL_VALUE,
    BASIS,
    COLLATERAL,
    ENTRY,
    LOTS,
    NO_ENTRY,
    ORDER_LOTS,
    QUEUED_LOTS,
    RANK_AT,
    RANK_KEY,
    RANKED,
    TAKER,
    TOP_ENTRY,
    WEIGHTING,
    bankruptcy_key,
    debt_of,
    release,
)

__all__ = ["deleverage", "rank_counterparties"]

_BINS: Final = 1024
_RANK_MANY: Final = 8192  # at least so many, and a sixteenth of all, are ranked at once, if there are
_BYBIT: Final = 1
_OKX: Final = 2


@inner_kernel
def _score(accounts: Int2D, at: int, mark: int, rule: int, coin: int) -> float:
    """Rank of a counterparty in profit; 0 of one that is not."""
    entry = accounts[ENTRY, at]
    if entry <= mark:
        return 0.0
    change = (entry - mark) / abs(entry)
    if rule == _BYBIT:
        return change * accounts[WEIGHTING, at]
    lots = float(accounts[LOTS, at])
    if coin:
        cost, value = float(accounts[BASIS, at]), -lots * coin / mark
        gain = cost - value
        change, value = gain / abs(cost), abs(value)
    else:
        gain, value = lots * (entry - mark), lots * abs(mark)
    equity = accounts[COLLATERAL, at] + gain
    if equity <= 0:
        return 0.0
    if rule == _OKX:
        return gain * value / (equity * equity)
    return change * value / equity


@kernel
def rank_counterparties(
    accounts: Int2D, state: Int1D, ranking: Int1D, scores: Float1D, mark: int, least_entry: int, rule: int, coin: int
) -> int:
    """Write the first counterparties in profit by score, ties in their own order; returns how many.

    Only the bins of score that hold the first m are sorted. O(n + m log m).
    """
    greatest, top = 0.0, NO_ENTRY
    for at in range(accounts.shape[1]):
        scores[at] = 0.0
        if accounts[LOTS, at] and not accounts[TAKER, at] and not accounts[ORDER_LOTS, at]:
            top = max(top, accounts[ENTRY, at])
            if accounts[ENTRY, at] >= least_entry:
                scores[at] = _score(accounts, at, mark, rule, coin)
                greatest = max(greatest, scores[at])
    state[TOP_ENTRY] = top
    state[RANK_KEY] = mark
    state[RANK_AT] = 0
    state[RANKED] = 0
    if greatest == 0.0:
        return 0
    least = _least_bin(scores, greatest)
    count = 0
    for at in range(len(scores)):
        if scores[at] > 0.0 and _bin(scores[at], greatest) >= least:
            ranking[count] = at
            count += 1
    chosen = ranking[:count].copy()
    order = np.argsort(-scores[chosen], kind="mergesort")
    for i in range(count):
        ranking[i] = chosen[order[i]]
    state[RANKED] = count
    return count


@inner_kernel
def _bin(score: float, greatest: float) -> int:
    return min(_BINS - 1, int(score / greatest * _BINS))


@kernel
def _least_bin(scores: Float1D, greatest: float) -> int:
    held = np.zeros(_BINS, np.int64)
    for at in range(len(scores)):
        if scores[at] > 0.0:
            held[_bin(scores[at], greatest)] += 1
    total, least = 0, _BINS
    while least > 0 and total < max(_RANK_MANY, len(scores) >> 4):
        least -= 1
        total += held[least]
    return least


@kernel
def deleverage(
    accounts: Int2D,
    state: Int1D,
    ranking: Int1D,
    scores: Float1D,
    at: int,
    lots: int,
    mark: int,
    rule: int,
    rerank: int,
    coin: int,
) -> int:
    """Close lots of a taker's order against counterparties by rank, at its price of bankruptcy; returns lots closed.

    Only who is in profit is ranked; who would lose by it, or is being liquidated himself, is passed over. The ranking is made
    again when the mark has moved by `rerank` keys, and, of those who do not lose by it, when it is used up.
    """
    broke = bankruptcy_key(accounts, at, coin)
    if abs(mark - state[RANK_KEY]) >= rerank:
        if state[TOP_ENTRY] > mark:
            rank_counterparties(accounts, state, ranking, scores, mark, NO_ENTRY, rule, coin)
        else:
            state[RANKED] = 0
            state[RANK_KEY] = mark
    done = 0
    while done < lots:
        if state[RANK_AT] >= state[RANKED]:
            if state[TOP_ENTRY] <= mark or state[TOP_ENTRY] < broke:
                break
            if rank_counterparties(accounts, state, ranking, scores, mark, broke, rule, coin) == 0:
                break
        victim = ranking[state[RANK_AT]]
        taken = 0 if accounts[ORDER_LOTS, victim] else min(lots - done, accounts[LOTS, victim])
        if taken == 0 or accounts[ENTRY, victim] < broke:
            state[RANK_AT] += 1
        else:
            _hand_over(accounts, state, at, victim, taken, broke, coin)
            done += taken
    return done


@inner_kernel
def _hand_over(accounts: Int2D, state: Int1D, at: int, victim: int, lots: int, broke: int, coin: int) -> None:
    """Of an inverse contract the price is exact and the part of a grain the winner's: see `least_worth`."""
    value = share_of(debt_of(accounts, at, coin), lots, accounts[LOTS, at]) if coin else lots * broke
    accounts[COLLATERAL, victim] += release(accounts, victim, lots, coin) - value
    accounts[LOTS, victim] -= lots
    accounts[ADL_LOTS, victim] += lots
    accounts[ADL_VALUE, victim] += value
    accounts[COLLATERAL, at] += value - release(accounts, at, lots, coin)
    accounts[LOTS, at] -= lots
    accounts[ORDER_LOTS, at] -= lots
    state[QUEUED_LOTS] -= lots
