"""What changed between consecutive rows of a table of levels."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Bool1D, Int1D, Int2D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import DELTA, GAP, SNAPSHOT

__all__ = ["PENDING", "VOID", "level_changes"]

# memory[...]
PENDING: Final = 0  # 1 until a row with levels could be given as a snapshot
VOID: Final = 1  # 1 after a row without a book


@kernel
def _ahead(left: int, right: int, side: int) -> bool:
    """Whether price `left` is better than `right`."""
    return side * (left - right) > 0


@kernel
def _side_changes(old: Int1D, new: Int1D, first: int, side: int, row: int, kind: int, out: Int2D, count: int) -> int:
    """Merge two sorted sides, whose prices stand in columns `first`, `first` + 4, ..., the quantities beside them."""
    width = len(new)
    i, j = (first if kind == DELTA else width), first
    while True:
        has_old = i < width and old[i + 1] > 0
        has_new = j < width and new[j + 1] > 0
        if not (has_old or has_new):
            return count
        if has_new and (not has_old or not _ahead(old[i], new[j], side)):
            same = has_old and old[i] == new[j]
            price, qty, changed = new[j], new[j + 1], not same or old[i + 1] != new[j + 1]
            j += 4
            i += 4 if same else 0
        else:
            price, qty, changed = old[i], np.int64(0), True
            i += 4
        if changed:
            out[count, 0], out[count, 1], out[count, 2], out[count, 3], out[count, 4] = row, kind, side, price, qty
            count += 1


@kernel
def level_changes(levels: Int2D, void: Bool1D, memory: Int1D, out: Int2D) -> int:
    """Rows (row, kind, side, price, qty) that lead from each row of levels to the next; returns how many.

    Parameters
    ----------
    levels : (n + 1, 4 k) int64
        Ask price, ask quantity, bid price, bid quantity of level 1, of level 2, ...; row 0 is the last of the block before.
        Each side is sorted from the best price on, without doubles; quantity 0 marks levels that are not there.
    void : (n,) bool
        Rows at which there is no book: a GAP, then nothing until a row that is not void, which is a SNAPSHOT.
    memory : (2,) int64
        PENDING and VOID, carried from block to block.
    out : (n (4 k + 1), 5) int64
        Receives the rows.
    """
    count = 0
    for t in range(len(void)):
        if void[t]:
            if not memory[VOID]:
                out[count, 0], out[count, 1], out[count, 2], out[count, 3], out[count, 4] = t, GAP, 0, 0, 0
                count += 1
            memory[VOID], memory[PENDING] = 1, 1
            continue
        memory[VOID] = 0
        kind = SNAPSHOT if memory[PENDING] else DELTA
        before = count
        count = _side_changes(levels[t], levels[t + 1], 2, 1, t, kind, out, count)
        count = _side_changes(levels[t], levels[t + 1], 0, -1, t, kind, out, count)
        if count > before:
            memory[PENDING] = 0
    return count
