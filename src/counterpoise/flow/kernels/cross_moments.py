"""Running cross moments of prices on a grid: what a vector error-correction model of several venues is estimated from.

A row of the regression is z: gaps to the first venue before a step, the changes of the steps before it, and the change of the
step, of log prices. It counts when all of it is known. A block holds the count, the mean and the sums of products about the
mean of so many rows, by Welford's update; blocks are pooled in order of time, each about the common mean. Nothing is ever
subtracted from a sum, so a window of blocks is the same to the last bit wherever the stream began.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS

__all__ = [
    "BLOCKS_DONE",
    "COUNT",
    "FIRST_TS",
    "LAST_TS",
    "MEAN",
    "NEVER",
    "OPEN_COUNT",
    "POOLED",
    "block_size",
    "blocks_at",
    "close_moments",
    "moment_rows",
    "numbers_of_row",
    "pool",
    "regression_rows",
]

WRITTEN: Final = 0
NEVER: Final = np.iinfo(np.int64).max

# settings
_VENUES: Final = 0
_LAGS: Final = 1
_EVERY_NS: Final = 2
_BLOCK: Final = 3  # rows of a block
_BLOCKS: Final = 4  # whole blocks that a window keeps
_SILENT: Final = 5  # 1: rows are not told when a block is full

# state: then last log prices, last changes (newest first), z, the open block, and the ring of whole blocks
LAST_TS: Final = 1
_RUN: Final = 2  # grid points without a hole, up to the last
BLOCKS_DONE: Final = 3
OPEN_COUNT: Final = 4
_LAST: Final = 5

# a block: time of its first row, then doubles
FIRST_TS: Final = 0
COUNT: Final = 1
MEAN: Final = 2

POOLED: Final = 1  # columns of a row of `out`: ts, then a block


@inner_kernel
def numbers_of_row(venues: int, lags: int) -> int:
    """Length of z."""
    return 2 * venues - 1 + lags * venues


@inner_kernel
def block_size(venues: int, lags: int) -> int:
    """Words of a block: products lie by rows of the lower triangle."""
    numbers = numbers_of_row(venues, lags)
    return MEAN + numbers + numbers * (numbers + 1) // 2


@inner_kernel
def blocks_at(venues: int, lags: int) -> int:
    """Where the open block lies in the state; the ring begins behind it."""
    return _LAST + venues + lags * venues + numbers_of_row(venues, lags)


@inner_kernel
def _advance(state: Int1D, row: Int1D, venues: int, lags: int, every_ns: int) -> bool:
    """Take a grid point; True when z is a row of the regression."""
    held, told = state.view(np.float64), row.view(np.float64)
    before = held[_LAST : _LAST + venues]
    changes = held[_LAST + venues : _LAST + venues + lags * venues]
    at = _LAST + venues + lags * venues
    known = True
    for venue in range(venues):
        known = known and not np.isnan(told[TOLD + venue])
    follows = state[_RUN] > 0 and row[TS] - state[LAST_TS] == every_ns
    state[LAST_TS] = row[TS]
    state[_RUN] = (state[_RUN] + 1 if follows else 1) if known else 0
    if not known:
        return False
    sound = state[_RUN] >= lags + 2
    z = held[at : at + numbers_of_row(venues, lags)]
    if sound:
        for venue in range(1, venues):
            z[venue - 1] = before[0] - before[venue]
        z[venues - 1 : venues - 1 + lags * venues] = changes
    for i in range(lags * venues - 1, venues - 1, -1):
        changes[i] = changes[i - venues]
    last = venues - 1 + lags * venues
    for venue in range(venues):
        price = math.log(told[TOLD + venue])
        z[last + venue] = price - before[venue]
        if lags > 0:
            changes[venue] = price - before[venue]
        before[venue] = price
    return sound


@inner_kernel
def _add_row(block: Float1D, z: Float1D) -> None:
    """Welford's update of mean and products by one row."""
    count = block[COUNT] + 1.0
    block[COUNT] = count
    share, at = (count - 1.0) / count, MEAN + len(z)
    for i in range(len(z)):
        off = (z[i] - block[MEAN + i]) * share
        for j in range(i + 1):
            block[at] += off * (z[j] - block[MEAN + j])
            at += 1
    for i in range(len(z)):
        block[MEAN + i] += (z[i] - block[MEAN + i]) / count


@inner_kernel
def _pool_mean(block: Float1D, weight: float, numbers: int, pooled: Float1D) -> None:
    """Add a block to the count and to the sums that become the mean."""
    count = weight * block[COUNT]
    pooled[COUNT] += count
    for i in range(numbers):
        pooled[MEAN + i] += count * block[MEAN + i]


@inner_kernel
def _pool_products(block: Float1D, weight: float, numbers: int, pooled: Float1D) -> None:
    at = MEAN + numbers
    for i in range(numbers):
        off = block[COUNT] * (block[MEAN + i] - pooled[MEAN + i])
        for j in range(i + 1):
            pooled[at] += weight * (block[at] + off * (block[MEAN + j] - pooled[MEAN + j]))
            at += 1


@inner_kernel
def _mean_of_sums(pooled: Float1D, numbers: int) -> None:
    if pooled[COUNT] > 0:
        pooled[MEAN : MEAN + numbers] /= pooled[COUNT]


@kernel
def pool(blocks: Float2D, weights: Float1D, numbers: int, pooled: Float1D) -> None:
    """One block of several, each counted as often as its weight says; in their order."""
    pooled[:] = 0.0
    for b in range(len(blocks)):
        _pool_mean(blocks[b], weights[b], numbers, pooled)
    _mean_of_sums(pooled, numbers)
    for b in range(len(blocks)):
        _pool_products(blocks[b], weights[b], numbers, pooled)


@inner_kernel
def _tell(state: Int1D, settings: Float1D, row: Int1D) -> None:
    """The window as it stands, its whole blocks from the oldest on and then the open one, as one block."""
    venues, lags, kept = np.int64(settings[_VENUES]), np.int64(settings[_LAGS]), np.int64(settings[_BLOCKS])
    numbers, size, start = numbers_of_row(venues, lags), block_size(venues, lags), blocks_at(venues, lags)
    held, pooled = state.view(np.float64), row[POOLED:].view(np.float64)
    row[0] = state[LAST_TS]
    pooled[:] = 0.0
    whole = min(state[BLOCKS_DONE], kept)
    for turn in range(2):
        for b in range(whole + 1):
            at = start + size * (1 + (state[BLOCKS_DONE] - whole + b) % kept) if b < whole else start
            block = held[at : at + size]
            if block[COUNT] == 0:
                continue
            if turn == 0:
                _pool_mean(block, 1.0, numbers, pooled)
            else:
                _pool_products(block, 1.0, numbers, pooled)
        if turn == 0:
            _mean_of_sums(pooled, numbers)
    oldest = start + size * (1 + (state[BLOCKS_DONE] - whole) % kept) if whole else start
    row[POOLED + FIRST_TS] = state[oldest + FIRST_TS]


@kernel
def close_moments(state: Int1D, settings: Float1D, out: Int2D) -> None:
    """The window with the block that is open, when that holds a row."""
    state[WRITTEN] = 0
    if state[OPEN_COUNT]:
        _tell(state, settings, out[0])
        state[WRITTEN] = 1


@kernel
def moment_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """Moments of prices on a grid, told each time a block is full; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    held = state.view(np.float64)
    venues, lags, every = np.int64(settings[_VENUES]), np.int64(settings[_LAGS]), np.int64(settings[_EVERY_NS])
    size, at, numbers = block_size(venues, lags), blocks_at(venues, lags), numbers_of_row(venues, lags)
    z, block = held[at - numbers : at], held[at : at + size]
    written, i = 0, start
    while i < len(rows) and written < len(out):
        if rows[i, CODE] == OPENS and _advance(state, rows[i], venues, lags, every):
            if state[OPEN_COUNT] == 0:
                block[:] = 0.0
                state[at + FIRST_TS] = rows[i, TS]
            _add_row(block, z)
            state[OPEN_COUNT] += 1
            if state[OPEN_COUNT] == np.int64(settings[_BLOCK]):
                to = at + size * (1 + state[BLOCKS_DONE] % np.int64(settings[_BLOCKS]))
                state[to : to + size] = state[at : at + size]
                block[:] = 0.0
                state[BLOCKS_DONE] += 1
                state[OPEN_COUNT] = 0
                if settings[_SILENT] == 0:
                    _tell(state, settings, out[written])
                    written += 1
        i += 1
    state[WRITTEN] = written
    return i


@kernel
def regression_rows(state: Int1D, settings: Float1D, rows: Int2D, out: Float2D) -> int:
    """Rows of the regression themselves; returns how many."""
    venues, lags, every = np.int64(settings[_VENUES]), np.int64(settings[_LAGS]), np.int64(settings[_EVERY_NS])
    at, numbers = blocks_at(venues, lags), numbers_of_row(venues, lags)
    written = 0
    for i in range(len(rows)):
        if _advance(state, rows[i], venues, lags, every):
            out[written] = state.view(np.float64)[at - numbers : at]
            written += 1
    return written
