"""When bins that several markets fill together are full: asked after each moment, when all that was traded at it is counted.

Trades come in order of time. Those of one time are one moment, of whichever markets they are, and stand in one bin.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import (
    ALPHA_BINS,
    ALPHA_TRADES,
    LEAST_SIGN,
    NOT_OPEN,
    RANGE,
    REACH,
    RULE,
    SIZE,
    TICK_IMBALANCE,
    TRADE_COUNT,
)

__all__ = ["COUNTED", "EXPECTED_SIGN", "EXPECTED_TRADES", "FIRST_MARKET", "clock_rows", "start_shared_bin"]

# slots of the state, float64
COUNTED: Final = 0  # what the rule has counted, in its own unit
_TRADES: Final = 1
EXPECTED_TRADES: Final = 2  # E[T] and E[b] of tick imbalance
EXPECTED_SIGN: Final = 3
FIRST_MARKET: Final = 4  # highest and lowest price of each market in the open bin


@inner_kernel
def start_shared_bin(state: Float1D) -> None:
    """Nothing traded yet in this bin."""
    state[COUNTED] = state[_TRADES] = 0
    for at in range(FIRST_MARKET, len(state), 2):
        state[at], state[at + 1] = -NOT_OPEN, NOT_OPEN


@inner_kernel
def _count(state: Float1D, rule: float, market: int, amount: float) -> None:
    """One trade of a market: so much of what the rule counts, its side, or its price."""
    state[_TRADES] += 1
    if rule == RANGE:
        high = FIRST_MARKET + 2 * market
        state[high], state[high + 1] = max(state[high], amount), min(state[high + 1], amount)
        state[COUNTED] = max(state[COUNTED], state[high] - state[high + 1])
        return
    state[COUNTED] += amount
    if rule == TICK_IMBALANCE:
        state[EXPECTED_SIGN] += ALPHA_TRADES * (amount - state[EXPECTED_SIGN])


@inner_kernel
def _full(state: Float1D, rule: float, size: float) -> bool:
    """Whether the moment that is over has filled the bin."""
    if rule == TRADE_COUNT:
        return state[_TRADES] >= size
    if rule != TICK_IMBALANCE:
        return state[COUNTED] >= size
    if abs(state[COUNTED]) < state[EXPECTED_TRADES] * max(abs(state[EXPECTED_SIGN]), LEAST_SIGN):
        return False
    expected = state[EXPECTED_TRADES] + ALPHA_BINS * (state[_TRADES] - state[EXPECTED_TRADES])
    state[EXPECTED_TRADES] = min(max(expected, size / REACH), size * REACH)
    return True


@kernel
def clock_rows(state: Float1D, settings: Float1D, ts: Int1D, market: Int1D, amount: Float1D, ends: Int1D) -> int:
    """Count trades of whole moments; write the end of each bin, a nanosecond after the moment that fills it.

    Parameters
    ----------
    ts, market, amount : (n,)
        In order of time; what is counted does not depend on the order within a moment but for rounding.
    ends : (≥ n,) int64
        Written to; the result is how many.
    """
    state, settings = borrow(state), borrow(settings)
    rule, size = settings[RULE], settings[SIZE]
    found, i = 0, 0
    while i < len(ts):
        moment = ts[i]
        while i < len(ts) and ts[i] == moment:
            _count(state, rule, market[i], amount[i])
            i += 1
        if _full(state, rule, size):
            ends[found] = moment + 1
            found += 1
            start_shared_bin(state)
    return found
