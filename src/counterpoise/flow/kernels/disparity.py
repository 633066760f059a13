"""Two markets' best quotes in one line of time: what one could be bought and the other sold for, weighted by how long it stood.

Quotes hold from their time to the next. Time is only counted when it moves on, so what stands between two rows of one moment
counts nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel

__all__ = [
    "BIN",
    "BIN_END",
    "CLOCK",
    "EDGES",
    "EDGE_MAX",
    "END",
    "ENDS",
    "EPISODE",
    "FIRST_OPEN",
    "LAST_TS",
    "MAXIMA",
    "MID",
    "NOT_OPEN",
    "PEAK",
    "POSITIVE_NS",
    "QUOTES",
    "REASON",
    "SOUND_NS",
    "START",
    "STATE_SIZE",
    "WAY",
    "WIDTH",
    "WRITTEN",
    "disparity_rows",
    "end_episodes",
]

NOT_OPEN: Final = 2**62
_NEVER: Final = NOT_OPEN + 1  # the end of a bin that no clock ends
CLOCK: Final = -1  # in place of a market: a row that only lets time pass,
ENDS: Final = -2  # and one at which a bin ends

# slots of the state
WRITTEN: Final = 0
BIN_END: Final = 1
LAST_TS: Final = 2  # up to which time was counted
_NS: Final = 3  # 3 slots: sound, edge positive one way, the other
FIRST_OPEN: Final = 6  # 2 slots: since when the edge of each way is positive
QUOTES: Final = 8  # 4 slots, floats by their bits as all that follow: bid, ask of the first market, bid, ask of the second
_SUMS: Final = 12  # mid and both edges times ns, then the greatest edges
MAXIMA: Final = 15  # 2 slots of the sums
_PEAKS: Final = 17  # 2 slots
STATE_SIZE: Final = 19

# settings
_EVERY_NS: Final = 0  # 0 of bins that no clock ends
_KEEP: Final = 1  # 2 slots: what is left of a sale in the first market, in the second
_PAY: Final = 3  # 2 slots: what a purchase costs

# columns of a row; its first says which of two kinds
BIN: Final = 0
EPISODE: Final = 1
END: Final = 1
SOUND_NS: Final = 2
POSITIVE_NS: Final = 3  # 2 columns
MID: Final = 5  # floats by their bits: time integral of the mid disparity,
EDGES: Final = 6  # of both edges,
EDGE_MAX: Final = 8  # and the greatest
START: Final = 2  # of an episode
WAY: Final = 3
REASON: Final = 4  # 0 it ended, 1 a market was no longer sound, 2 the events ended
PEAK: Final = 5
WIDTH: Final = 10
_BPS: Final = 1e4


@inner_kernel
def _end_episode(state: Int1D, way: int, reason: int, row: Int1D) -> int:
    if state[FIRST_OPEN + way] == NOT_OPEN:
        return 0
    row[0], row[END], row[START] = EPISODE, state[LAST_TS], state[FIRST_OPEN + way]
    row[WAY], row[REASON], row[PEAK] = way, reason, state[_PEAKS + way]
    state[FIRST_OPEN + way] = NOT_OPEN
    return 1


@kernel
def end_episodes(state: Int1D, out: Int2D) -> int:
    """Write what is still going on as broken off; returns how many rows."""
    written = 0
    for way in range(2):
        written += _end_episode(state, way, 2, out[written])
    return written


@kernel
def _stand(state: Int1D, settings: Float1D, until: int, out: Int2D) -> int:
    """The quotes stood from LAST_TS to `until`, both within the open bin; returns rows written."""
    quotes, sums = state[QUOTES:_SUMS].view(np.float64), state[_SUMS:STATE_SIZE].view(np.float64)
    length = until - state[LAST_TS]
    sound = not (np.isnan(quotes[0]) or np.isnan(quotes[1]) or np.isnan(quotes[2]) or np.isnan(quotes[3]))
    written = 0
    if sound:
        state[_NS] += length
        sums[0] += length * _BPS * np.log((quotes[0] + quotes[1]) / (quotes[2] + quotes[3]))
    for way in range(2):
        other = 1 - way
        edge = _BPS * (quotes[2 * other] * settings[_KEEP + other] / (quotes[2 * way + 1] * settings[_PAY + way]) - 1)
        if sound:
            sums[1 + way] += length * edge
            sums[3 + way] = max(sums[3 + way], edge)
        if sound and edge > 0:
            state[_NS + 1 + way] += length
            if state[FIRST_OPEN + way] == NOT_OPEN:
                state[FIRST_OPEN + way] = state[LAST_TS]
                sums[5 + way] = edge
            sums[5 + way] = max(sums[5 + way], edge)
        else:
            written += _end_episode(state, way, np.int64(not sound), out[written])
    state[LAST_TS] = until
    return written


@kernel
def _close(state: Int1D, settings: Float1D, row: Int1D) -> None:
    row[0], row[END] = BIN, state[BIN_END]
    row[SOUND_NS : POSITIVE_NS + 2] = state[_NS:FIRST_OPEN]
    row[MID:WIDTH] = state[_SUMS:_PEAKS]
    state[_NS:FIRST_OPEN] = 0
    sums = state[_SUMS:_PEAKS].view(np.float64)
    sums[:3] = 0.0
    sums[3:] = -np.inf
    every_ns = np.int64(settings[_EVERY_NS])
    state[BIN_END] = state[BIN_END] + every_ns if every_ns else _NEVER


@kernel
def disparity_rows(
    state: Int1D, settings: Float1D, ts: Int1D, market: Int1D, bid: Float1D, ask: Float1D, start: int, out: Int2D
) -> int:
    """Take quotes from `start`; returns the first not taken, when `out` may not hold what it brings.

    `market` is 0 or 1, CLOCK or ENDS; nothing passes before the first quote. A quote that is NaN ends what was known of its
    market.
    """
    state, out = borrow(state), borrow(out)
    every_ns = np.int64(settings[_EVERY_NS])
    quotes = state[QUOTES:_SUMS].view(np.float64)
    written, i = 0, start
    while i < len(ts):
        if state[BIN_END] == NOT_OPEN and market[i] < 0:
            i += 1
            continue
        if state[BIN_END] == NOT_OPEN:
            state[BIN_END] = (ts[i] // every_ns + 1) * every_ns if every_ns else _NEVER
            state[LAST_TS] = ts[i]
        if market[i] == ENDS:
            state[BIN_END] = ts[i]
        # a row that only lets time pass ends bins, and splits no sum that one step would not have split
        while ts[i] > state[LAST_TS] and written + 3 <= len(out):
            if market[i] < 0 and ts[i] < state[BIN_END]:
                break
            until = min(ts[i], state[BIN_END])
            written += _stand(state, settings, until, out[written:])
            if until == state[BIN_END]:
                _close(state, settings, out[written])
                written += 1
        if ts[i] > state[LAST_TS] and written + 3 > len(out):
            break
        if market[i] >= 0:
            quotes[2 * market[i]], quotes[2 * market[i] + 1] = bid[i], ask[i]
        i += 1
    state[WRITTEN] = written
    return i
