"""An adversary's ear: rows of a public feed in, the state of his suspicion at regular times out."""

from __future__ import annotations

from math import log
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, Int8_1D, UInt8_1D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.market.kernels.codes import GAP, TRADE
from counterpoise.sim.agents.kernels.aggressor import (
    AGGRESSOR_STATE,
    ORDER_LOTS,
    ORDER_SIDE,
    ORDER_TIME,
    continues,
    gather,
    is_over,
)
from counterpoise.sim.agents.kernels.suspicion import (
    COUNTED,
    EXPLAINED,
    SUSPICION,
    explain,
    forget,
    likelier_side,
    mean_evidence,
    suspect,
)

__all__ = [
    "END",
    "EVERY_NS",
    "GAPS",
    "NEXT_END",
    "NOT_OPEN",
    "ORDERS",
    "PARTS",
    "PEAK",
    "RESTART_NS",
    "SCORE",
    "SIDE",
    "SUSPECTS",
    "SUSPECTS_AT",
    "UNKNOWN",
    "WATCH_STATE",
    "WIDTH",
    "adversary_rows",
    "finish_row",
]

NOT_OPEN: Final = 2**62

# settings: these, then those of `suspicion`
EVERY_NS: Final = 0
RESTART_NS: Final = 1  # suspicion begins anew at its multiples; 0 never
SUSPECTS_AT: Final = 2

# state behind the order that gathers
NEXT_END: Final = AGGRESSOR_STATE
_RESTART: Final = NEXT_END + 1
_PEAK: Final = NEXT_END + 2  # float by its bits: greatest mean of R in the open row
_GAPS: Final = NEXT_END + 3
_UNKNOWN: Final = NEXT_END + 4
SUSPECTS: Final = NEXT_END + 5
WATCH_STATE: Final = SUSPECTS + SUSPICION

# columns of a row
END: Final = 0
ORDERS: Final = 1  # since suspicion began
SIDE: Final = 2
GAPS: Final = 3
UNKNOWN: Final = 4
SCORE: Final = 5  # floats by their bits from here on: log of the mean of R at the end, its greatest within the row
PEAK: Final = 6
PARTS: Final = 7  # see `suspicion.explain`; the means as their logs
WIDTH: Final = PARTS + EXPLAINED


@kernel
def _order_ends(state: Int1D, suspects: Float1D, settings: Float1D) -> None:
    """The order that gathers is complete: weigh it."""
    suspect(suspects, settings[SUSPECTS_AT:], state[ORDER_TIME], state[ORDER_SIDE], state[ORDER_LOTS])
    peak = state[_PEAK : _PEAK + 1].view(np.float64)
    peak[0] = max(peak[0], mean_evidence(suspects))
    state[ORDER_SIDE] = 0


@inner_kernel
def _log(evidence: float) -> float:
    return log(evidence) if evidence > 0.0 else -np.inf


@kernel
def _close_row(state: Int1D, suspects: Float1D, settings: Float1D, row: Int1D) -> None:
    """Write the state of suspicion at the end of the open row, which begins anew."""
    real = row[SCORE:].view(np.float64)
    row[END], row[ORDERS] = state[NEXT_END], np.int64(suspects[COUNTED])
    row[SIDE], row[GAPS], row[UNKNOWN] = likelier_side(suspects), state[_GAPS], state[_UNKNOWN]
    peak = state[_PEAK : _PEAK + 1].view(np.float64)
    real[0], real[1] = _log(mean_evidence(suspects)), _log(max(peak[0], mean_evidence(suspects)))
    explain(suspects, settings[SUSPECTS_AT:], real[PARTS - SCORE :])
    for part in range(PARTS - SCORE, PARTS - SCORE + EXPLAINED - 2):
        real[part] = _log(real[part])
    peak[0] = 0.0
    state[_GAPS], state[_UNKNOWN] = 0, 0


@kernel
def _pass_time(state: Int1D, suspects: Float1D, settings: Float1D, ts: int, out: Int2D) -> bool:
    """Close the rows that ended by now; whether `out` had room for them."""
    every, restart = np.int64(settings[EVERY_NS]), np.int64(settings[RESTART_NS])
    if state[NEXT_END] == NOT_OPEN:
        state[NEXT_END] = (ts // every + 1) * every
        state[_RESTART] = (ts // restart + 1) * restart if restart else NOT_OPEN
    while ts >= state[NEXT_END]:
        if state[0] == len(out):
            return False
        _close_row(state, suspects, settings, out[state[0]])
        state[0] += 1
        if state[NEXT_END] >= state[_RESTART]:
            forget(suspects)
            state[_RESTART] += restart
        state[NEXT_END] += every
    return True


@kernel
def finish_row(state: Int1D, settings: Float1D, row: Int1D) -> None:
    """Write the open row as far as it is known, with the order that gathers."""
    suspects = state[SUSPECTS:].view(np.float64)
    if state[ORDER_SIDE] != 0:
        _order_ends(state, suspects, settings)
    _close_row(state, suspects, settings, row)


@kernel
def adversary_rows(
    book: Int1D,
    state: Int1D,
    settings: Float1D,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    ids: Int1D,
    kind: UInt8_1D,
    side: Int8_1D,
    flags: UInt8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    start: int,
    out: Int2D,
) -> int:
    """Take rows from `start`; see `counterpoise.flow.stream.Stream`."""
    state, settings, out = borrow(state), borrow(settings), borrow(out)
    suspects = state[SUSPECTS:].view(np.float64)
    state[0] = 0
    for i in range(start, len(kind)):
        ts = ts_local[i]
        if is_over(state, ts):
            _order_ends(state, suspects, settings)
        if (ts >= state[NEXT_END] or state[NEXT_END] == NOT_OPEN) and not _pass_time(state, suspects, settings, ts, out):
            return i
        if kind[i] == GAP:
            state[_GAPS] += 1
        if kind[i] != TRADE or qty_lots[i] == 0:
            continue
        if side[i] == 0:
            state[_UNKNOWN] += 1
            continue
        when = ts_venue[i] if ts_venue[i] > 0 else ts
        if state[ORDER_SIDE] != 0 and not continues(state, when, side[i]):
            _order_ends(state, suspects, settings)
        gather(state, ts, when, side[i], qty_lots[i])
    return len(kind)
