"""Trades poured into buckets of equal volume, exactly, in parts of a lot; and the mean imbalance of the last buckets.

A bucket is counted in parts: a lot is `PARTS` of them, so that a fiftieth of a period's volume is a whole number.
"""

from __future__ import annotations

from math import erf, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "BAR_NS",
    "BUCKETS",
    "BULK",
    "BUY",
    "OPENED",
    "PARTS",
    "PERIOD_NS",
    "PRICE",
    "RINGS",
    "SELL",
    "SIZE",
    "TARGET",
    "TIMES",
    "TS",
    "UNKNOWN",
    "UNKNOWN_SHARE",
    "VPIN",
    "WIDTH",
    "toxicity_rows",
]

# settings
BUCKETS: Final = 0  # in the mean
PARTS: Final = 1  # of a lot
PERIOD_NS: Final = 2  # whose volume sets the size; 0 when the size is given
BULK: Final = 3  # 1: sides are guessed from price changes of bars
BAR_NS: Final = 4

# columns of a row
TS: Final = 0  # ns, of the last event the row depends on
TIMES: Final = 1  # buckets the row stands for
SIZE: Final = 2  # parts, and so the next three, as floats by their bits
BUY: Final = 3
SELL: Final = 4
UNKNOWN: Final = 5
PRICE: Final = 6  # ticks
OPENED: Final = 7  # ns
VPIN: Final = 8  # floats by their bits
UNKNOWN_SHARE: Final = 9
WIDTH: Final = 10

# slots of the state
_WRITTEN: Final = 0
_PERIOD_END: Final = 1  # ns, 0 before the first trade
_PERIOD_LOTS: Final = 2
TARGET: Final = 3  # parts of the next bucket, 0 while nobody knows
_SIZE: Final = 4  # parts of the open bucket, 0 when none is open
_FILLED: Final = 5
_OPENED: Final = 6
_HELD: Final = 7  # buckets in the ring
_NEXT: Final = 8
_BAR_END: Final = 9  # ns, 0 when no bar is open
_BAR_LOTS: Final = 10
_BAR_PRICE: Final = 11  # last of the open bar
_BAR_BEFORE: Final = 12  # close of the bar before
_BARS: Final = 13  # changes ever put into their ring
_CLOSED: Final = 14  # 1 when there is a bar before; its close may be 0
_REAL: Final = 15  # buy, sell, unknown of the open bucket
RINGS: Final = 18  # imbalances, unknown shares, changes of bars: BUCKETS slots each

_ROWS_AT_ONCE: Final = 2  # the open bucket, and a run of whole ones


@kernel
def _write(state: Int1D, settings: Float1D, ts: int, price_ticks: int, times: int, out: Int2D) -> None:
    """The open bucket is full; `times` equal ones are."""
    n = np.int64(settings[BUCKETS])
    held = state[_REAL:RINGS].view(np.float64)
    ring = state[RINGS : RINGS + 2 * n].view(np.float64)
    copies = np.int64(min(times, n))
    for _ in range(copies):
        ring[state[_NEXT]] = abs(held[0] - held[1]) / state[_SIZE]
        ring[n + state[_NEXT]] = held[2] / state[_SIZE]
        state[_NEXT] = (state[_NEXT] + 1) % n
    state[_HELD] = min(state[_HELD] + copies, n)
    row = out[state[_WRITTEN]]
    row[TS], row[TIMES], row[SIZE], row[PRICE], row[OPENED] = ts, times, state[_SIZE], price_ticks, state[_OPENED]
    row[BUY : UNKNOWN + 1] = state[_REAL:RINGS]
    imbalance, unknown = 0.0, 0.0
    for i in range(n):
        imbalance += ring[i]
        unknown += ring[n + i]
    real = row[VPIN:WIDTH].view(np.float64)
    full = state[_HELD] == n
    real[0] = imbalance / n if full and unknown < n else np.nan
    real[1] = unknown / n if full else np.nan
    state[_WRITTEN] += 1


@kernel
def _pour(
    state: Int1D, settings: Float1D, since: int, ts: int, price_ticks: int, parts: int, buy: float, sell: float, out: Int2D
) -> None:
    """Volume of which the shares `buy` and `sell` are known, into as many buckets as it fills; at most two rows."""
    held = state[_REAL:RINGS].view(np.float64)
    while parts > 0:
        if state[_SIZE] == 0:
            state[_SIZE], state[_OPENED], state[_FILLED] = state[TARGET], since, 0
            held[:] = 0
        size = state[_SIZE]
        if size == 0:
            return
        taken = min(parts, size - state[_FILLED])
        times = parts // size if state[_FILLED] == 0 and parts >= size else 1
        held[0] += buy * taken
        held[1] += sell * taken
        held[2] += taken if buy + sell == 0 else 0
        state[_FILLED] += taken
        parts -= taken * times
        if state[_FILLED] == size:
            _write(state, settings, ts, price_ticks, times, out)
            state[_SIZE] = 0


@inner_kernel
def _count(state: Int1D, settings: Float1D, ts: int, lots: int) -> None:
    """Add to the period's volume; the last period with a trade sets the size of the buckets of the next."""
    period = np.int64(settings[PERIOD_NS])
    if period == 0:
        return
    if state[_PERIOD_END] == 0:
        state[_PERIOD_END], state[_PERIOD_LOTS] = ts + period, 0
    elif ts >= state[_PERIOD_END]:
        state[TARGET] = state[_PERIOD_LOTS]
        state[_PERIOD_END] += ((ts - state[_PERIOD_END]) // period + 1) * period
        state[_PERIOD_LOTS] = 0
    state[_PERIOD_LOTS] += lots


@inner_kernel
def _void(state: Int1D) -> None:
    """Messages are missing: no open bucket is whole, and those on both sides of the hole are no neighbours."""
    state[_SIZE] = 0
    state[_HELD], state[_NEXT] = 0, 0
    state[_BAR_END], state[_BAR_LOTS], state[_CLOSED], state[_BARS] = 0, 0, 0, 0


@kernel
def _end_bar(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> None:
    """V·Φ(ΔP/σ) of the bar bought, the rest sold; σ over the last changes, this one included."""
    n = np.int64(settings[BUCKETS])
    ring = state[RINGS + 2 * n : RINGS + 3 * n]
    if state[_CLOSED]:
        change = state[_BAR_PRICE] - state[_BAR_BEFORE]
        ring[state[_BARS] % n] = change
        state[_BARS] += 1
        count = min(state[_BARS], n)
        mean = ring[:count].sum() / count
        square = 0.0
        for i in range(count):
            square += (ring[i] - mean) ** 2
        if count > 1:
            lean = erf(change / sqrt(square / (count - 1)) / sqrt(2.0)) if square > 0 else 0.0
            parts = state[_BAR_LOTS] * np.int64(settings[PARTS])
            since = state[_BAR_END] - np.int64(settings[BAR_NS])
            _pour(state, settings, since, ts, state[_BAR_PRICE], parts, (1 + lean) / 2, (1 - lean) / 2, out)
    state[_BAR_BEFORE], state[_CLOSED] = state[_BAR_PRICE], 1
    state[_BAR_END], state[_BAR_LOTS] = 0, 0


@inner_kernel
def _into_bar(state: Int1D, settings: Float1D, ts: int, price_ticks: int, lots: int) -> None:
    if state[_BAR_END] == 0:
        bar = np.int64(settings[BAR_NS])
        state[_BAR_END] = (ts // bar + 1) * bar
    state[_BAR_LOTS] += lots
    state[_BAR_PRICE] = price_ticks


@kernel
def toxicity_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    venue_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`."""
    state, settings, out = borrow(state), borrow(settings), borrow(out)
    state[_WRITTEN] = 0
    i = start
    while i < len(kind) and state[_WRITTEN] + 2 * _ROWS_AT_ONCE <= len(out):
        what, ts, lots, sign = np.int64(kind[i]), ts_local[i], qty_lots[i], np.int64(side[i])
        if state[_BAR_END] != 0 and ts >= state[_BAR_END]:
            _end_bar(state, settings, ts, out)
        if what == GAP:
            _void(state)
        elif what == TRADE and lots > 0:
            _count(state, settings, ts, lots)
            if settings[BULK]:
                _into_bar(state, settings, ts, price_ticks[i], lots)
            else:
                parts = lots * np.int64(settings[PARTS])
                _pour(state, settings, ts, ts, price_ticks[i], parts, 1.0 * (sign > 0), 1.0 * (sign < 0), out)
        i += 1
    return i
