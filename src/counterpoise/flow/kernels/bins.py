"""When a bin of flow is full: by the clock, or by what was traded. A trade is never split; the one that fills a bin ends it.

The slots lie at the beginning of every binned stream's state, the numbers at the beginning of its settings.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import inner_kernel

__all__ = [
    "ALPHA_BINS",
    "ALPHA_TRADES",
    "BINS_SIZE",
    "BIN_END",
    "BIN_HIGH",
    "BIN_LOW",
    "EXPECTED_SIGN",
    "EXPECTED_TRADES",
    "FILLED",
    "LEAST_SIGN",
    "NOTIONAL",
    "NOT_OPEN",
    "RANGE",
    "REACH",
    "RULE",
    "SIZE",
    "TICK_IMBALANCE",
    "TIME",
    "TRADE_COUNT",
    "VOLUME",
    "WRITTEN",
    "fills",
    "start_bin",
]

# slots of the state
WRITTEN: Final = 0  # rows of `out` that the last call wrote, of every stream
BIN_END: Final = 1  # ns, exclusive; NOT_OPEN while nothing came, and for bins that no clock ends
FILLED: Final = 2  # what the rule has counted; of NOTIONAL a float by its bits, for it may pass 2⁶³
BIN_TRADES: Final = 3
BIN_HIGH: Final = 4  # ticks
BIN_LOW: Final = 5
EXPECTED_TRADES: Final = 6  # E[T] and E[b] of tick imbalance, floats by their bits
EXPECTED_SIGN: Final = 7
BINS_SIZE: Final = 8

# settings
RULE: Final = 0
SIZE: Final = 1  # ns, lots, ticks·lots, trades, ticks, or expected trades of a bin

TIME: Final = 0
VOLUME: Final = 1
NOTIONAL: Final = 2
TRADE_COUNT: Final = 3
RANGE: Final = 4
TICK_IMBALANCE: Final = 5

NOT_OPEN: Final = 2**62
ALPHA_BINS: Final = 2 / 21
ALPHA_TRADES: Final = 2 / 10_001
LEAST_SIGN: Final = 0.05  # |E[b]| near 0 would close a bin at every trade
REACH: Final = 4.0  # E[T] stays within SIZE / 4 and SIZE · 4, where the recursion neither collapses nor runs away


@inner_kernel
def start_bin(state: Int1D) -> None:
    """Nothing traded yet in this bin."""
    state[FILLED] = 0
    state[BIN_TRADES] = 0
    state[BIN_HIGH] = -NOT_OPEN
    state[BIN_LOW] = NOT_OPEN


@inner_kernel
def fills(state: Int1D, settings: Float1D, side: int, price_ticks: int, lots: int) -> bool:
    """Count one trade; whether it fills the bin, which the caller then ends with `start_bin`. Never for bins of time."""
    rule = settings[RULE]
    if rule == TIME or lots <= 0:
        return False
    if rule == VOLUME:
        state[FILLED] += lots
        return state[FILLED] >= settings[SIZE]
    if rule == NOTIONAL:
        filled = state[FILLED : FILLED + 1].view(np.float64)
        filled[0] += np.float64(lots) * price_ticks
        return filled[0] >= settings[SIZE]
    state[BIN_TRADES] += 1
    if rule == TRADE_COUNT:
        return state[BIN_TRADES] >= settings[SIZE]
    if rule == RANGE:
        state[BIN_HIGH] = max(state[BIN_HIGH], price_ticks)
        state[BIN_LOW] = min(state[BIN_LOW], price_ticks)
        return state[BIN_HIGH] - state[BIN_LOW] >= settings[SIZE]
    real = state[EXPECTED_TRADES : EXPECTED_SIGN + 1].view(np.float64)
    state[FILLED] += side
    real[1] += ALPHA_TRADES * (side - real[1])
    if abs(state[FILLED]) < real[0] * max(abs(real[1]), LEAST_SIGN):
        return False
    size = settings[SIZE]
    real[0] = min(max(real[0] + ALPHA_BINS * (state[BIN_TRADES] - real[0]), size / REACH), size * REACH)
    return True
