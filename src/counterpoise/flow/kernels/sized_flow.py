"""Flow per bin by the size of the whole order behind it, and running sums of it from an anchor.

A print counts at the instant from which it is known to be complete: with the fill that does not join it, or one nanosecond
past its deadline. That instant decides its bin and its session, whatever other events came or did not.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN, RULE, SIZE, TIME, fills, start_bin
from counterpoise.flow.kernels.tape import (
    ENDED,
    FILLS,
    PRINT_LOTS,
    PRINT_SIDE,
    TAPE_SIZE,
    add_fill,
    belongs,
    deadline,
    print_value,
)
from counterpoise.market.kernels.codes import GAP, TRADE

__all__ = [
    "ANCHORED",
    "BUCKET",
    "BUCKETS",
    "EDGES",
    "EPOCH",
    "FIRST_EVENT",
    "NOT_STARTED",
    "OUT_END",
    "OUT_HEAD",
    "RESET_AT",
    "SESSION",
    "sized_flow_rows",
]

# slots of the state, behind those of the open print
RESET_AT: Final = TAPE_SIZE  # ns: when the running sums begin anew
_SEEN: Final = TAPE_SIZE + 1  # trades and completed prints since the bin began
_SUMS: Final = TAPE_SIZE + 2  # from here on the columns of `out` after the first
ANCHORED: Final = _SUMS + 3  # −1 before the anchor, 0 when flow since the anchor was missed, 1 else
BUCKETS: Final = _SUMS + 4  # BUCKET slots for each bucket
BUCKET: Final = 5  # buy lots, sell lots, buys, sells, running sum of signed lots

# columns of a bin
OUT_END: Final = 0  # then gaps, unknown lots, unknown prints, ANCHORED, and the buckets
OUT_HEAD: Final = 5

# settings, behind those of a print
_ANCHOR: Final = 5
_DAY: Final = 6  # of the anchor: days since 1970, and ns into the day
_INTO_DAY: Final = 7
EDGES: Final = 8  # ascending lower edges of the buckets but the first, in ticks·lots or lots of an inverse contract

FIRST_EVENT: Final = 0
SESSION: Final = 1
EPOCH: Final = 2

NOT_STARTED: Final = -NOT_OPEN
_DAY_NS: Final = 86_400_000_000_000


@kernel
def _pass_anchor(state: Int1D, settings: Float1D, at: int) -> None:
    """Begin the running sums anew if the anchor lies behind `at`; the first call says where the events begin."""
    if at < state[RESET_AT]:
        return
    begins = state[RESET_AT] == NOT_STARTED
    start = np.int64(settings[_DAY]) * _DAY_NS + np.int64(settings[_INTO_DAY])
    if settings[_ANCHOR] == SESSION:
        start += (at - start) // _DAY_NS * _DAY_NS
        state[RESET_AT] = start + _DAY_NS
    elif settings[_ANCHOR] == EPOCH:
        state[RESET_AT] = start if at < start else NOT_OPEN
    else:
        start, state[RESET_AT] = at, NOT_OPEN
    state[ANCHORED] = -1 if at < start else (not begins or at == start)
    for slot in range(BUCKETS + BUCKET - 1, len(state), BUCKET):
        state[slot] = 0


@kernel
def _count(state: Int1D, settings: Float1D, at: int) -> None:
    """Count the open print, complete as of `at`."""
    _pass_anchor(state, settings, at)
    side, lots, value = state[PRINT_SIDE], state[PRINT_LOTS], print_value(state, settings)
    state[FILLS] = 0
    state[_SEEN] += 1
    if side == 0:
        state[_SUMS + 1] += lots
        state[_SUMS + 2] += 1
        return
    slot = BUCKETS
    for edge in range(EDGES, len(settings)):
        if value >= settings[edge]:
            slot += BUCKET
    sells = (1 - side) >> 1
    state[slot + sells] += lots
    state[slot + 2 + sells] += 1
    state[slot + 4] += side * lots


@kernel
def _write(state: Int1D, settings: Float1D, end: int, row: Int1D) -> None:
    """Close the bin that ends at `end`, exclusive."""
    _pass_anchor(state, settings, end - 1)
    row[OUT_END] = end
    for slot in range(_SUMS, len(state)):
        row[1 + slot - _SUMS] = state[slot]
    state[_SEEN] = state[_SUMS] = state[_SUMS + 1] = state[_SUMS + 2] = 0
    for slot in range(BUCKETS, len(state), BUCKET):
        for sums in range(slot, slot + BUCKET - 1):
            state[sums] = 0
    start_bin(state)


@kernel
def _close_time_bins(state: Int1D, settings: Float1D, ts: int, out: Int2D) -> int:
    """Close the bins of time that end at or before `ts`, as far as `out` has rows; returns how many."""
    closed, every = 0, np.int64(settings[SIZE])
    while state[BIN_END] <= ts and closed < len(out):
        if state[FILLS]:
            at = deadline(state, settings) + 1
            if at < state[BIN_END]:
                _count(state, settings, at)
        _write(state, settings, state[BIN_END], out[closed])
        state[BIN_END] += every
        closed += 1
    return closed


@kernel
def _start(state: Int1D, settings: Float1D, ts: int) -> None:
    """At the first event: open its bin and its session."""
    if settings[RULE] == TIME:
        every = np.int64(settings[SIZE])
        state[BIN_END] = (ts // every + 1) * every
    _pass_anchor(state, settings, ts)


@inner_kernel
def _end_print(state: Int1D, settings: Float1D, ts: int, cuts: bool) -> None:
    """Count the open print if its time is over, or if the row at `ts` cuts it off."""
    at = deadline(state, settings) + 1
    if at <= ts:
        _count(state, settings, at)
    elif cuts:
        _count(state, settings, ts)


@kernel
def sized_flow_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    trade_id: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`, see `counterpoise.flow.stream.Stream`."""
    state, settings = borrow(state), borrow(settings)
    written = 0
    i = start
    while i < len(kind):
        ts, what, sign = ts_local[i], np.int64(kind[i]), np.int64(side[i])
        if state[RESET_AT] == NOT_STARTED:
            _start(state, settings, ts)
        if ts >= state[BIN_END]:
            written += _close_time_bins(state, settings, ts, out[written:])
            if ts >= state[BIN_END]:
                break
        if written == len(out):
            break
        fill = what == TRADE and qty_lots[i] > 0
        if state[FILLS]:
            cuts = what == GAP or what == ENDED or (fill and not belongs(state, settings, ts_venue[i], sign, price_ticks[i]))
            _end_print(state, settings, ts, cuts)
        if fill:
            add_fill(state, settings, ts, ts_venue[i], sign, price_ticks[i], qty_lots[i])
            state[_SEEN] += 1
        if what == GAP:
            state[_SUMS] += 1
            _pass_anchor(state, settings, ts)
            state[ANCHORED] = min(state[ANCHORED], 0)
        full = fill and fills(state, settings, sign, price_ticks[i], qty_lots[i])
        if full or (what == ENDED and (settings[RULE] == TIME or state[_SEEN])):
            _write(state, settings, ts + 1, out[written])
            written += 1
        i += 1
    state[0] = written
    return i
