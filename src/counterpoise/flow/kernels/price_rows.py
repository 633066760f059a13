"""What traded at each row of prices, in dense pages of rows that a short sorted directory leads to.

A trade mostly falls on the page of the one before, and then costs one comparison; a price far away costs one page, however far
it is. The table lies in the state of a stream from TABLE on: directory, pages, then a list of the rows that traded.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.flow.kernels.bins import BINS_SIZE

__all__ = [
    "BUY",
    "CAPACITY",
    "COUNT",
    "NEED",
    "NEED_PAGES",
    "NO_PAGE",
    "OCCUPIED",
    "PAGE",
    "PAGE_ROWS",
    "PAGE_WORDS",
    "ROWS_SIZE",
    "SELL",
    "TABLE",
    "UNKNOWN",
    "USED",
    "WORDS",
    "add_trade",
    "address_of",
    "clear_rows",
    "list_rows",
    "lots_list",
    "rows_list",
    "value_area",
]

# slots of the state
USED: Final = BINS_SIZE  # pages in use
CAPACITY: Final = USED + 1  # pages there is room for
PAGE: Final = USED + 2  # number and address of the page last traded on
_PAGE_AT: Final = USED + 3
NEED: Final = USED + 4  # what a kernel stopped for
OCCUPIED: Final = USED + 5  # rows listed by `list_rows`
ROWS_SIZE: Final = USED + 6
TABLE: Final = 64

NEED_PAGES: Final = 1

# words of a row: a trade of side s goes to word 1 − s
BUY: Final = 0
UNKNOWN: Final = 1
SELL: Final = 2
COUNT: Final = 3
WORDS: Final = 4

_BITS: Final = 7
PAGE_ROWS: Final = 1 << _BITS
_LISTS: Final = 3  # of rows that traded: number, quantity, address
PAGE_WORDS: Final = 2 + PAGE_ROWS * (WORDS + _LISTS)  # of a table, for each page there is room for
NO_PAGE: Final = -(2**62)
_WHOLE: Final = 10_000


@kernel
def _other_page(state: Int1D, number: int) -> int:
    """Address of a page that is not the last one; it is made when there is none. −1 when there is no room."""
    first, last = 0, state[USED]
    while first < last:
        middle = (first + last) >> 1
        if state[TABLE + 2 * middle] < number:
            first = middle + 1
        else:
            last = middle
    entry = TABLE + 2 * first
    if first == state[USED] or state[entry] != number:
        if state[USED] == state[CAPACITY]:
            state[NEED] = NEED_PAGES
            return -1
        for word in range(TABLE + 2 * state[USED] - 1, entry - 1, -1):
            state[word + 2] = state[word]
        state[entry] = number
        state[entry + 1] = TABLE + 2 * state[CAPACITY] + state[USED] * PAGE_ROWS * WORDS
        state[USED] += 1
    state[PAGE], state[_PAGE_AT] = number, state[entry + 1]
    return state[entry + 1]


@inner_kernel
def add_trade(state: Int1D, row: int, side: int, lots: int) -> bool:
    """Add a trade to its row; false, and nothing is done, when the table must grow first."""
    number = row >> _BITS
    page = state[_PAGE_AT] if number == state[PAGE] else _other_page(state, number)
    if page < 0:
        return False
    at = page + (row & (PAGE_ROWS - 1)) * WORDS
    state[at + 1 - side] += lots
    state[at + COUNT] += 1
    return True


@kernel
def clear_rows(state: Int1D) -> None:
    """Forget all rows."""
    pages = TABLE + 2 * state[CAPACITY]
    state[pages : pages + state[USED] * PAGE_ROWS * WORDS] = 0
    state[USED], state[OCCUPIED], state[PAGE] = 0, 0, NO_PAGE


@inner_kernel
def _list_at(state: Int1D, which: int) -> int:
    return TABLE + state[CAPACITY] * (2 + PAGE_ROWS * (WORDS + which))


@inner_kernel
def rows_list(state: Int1D) -> int:
    """Where the list of rows that traded begins, lowest first."""
    return _list_at(state, 0)


@inner_kernel
def lots_list(state: Int1D) -> int:
    """Where the list of their quantities begins."""
    return _list_at(state, 1)


@inner_kernel
def address_of(state: Int1D, i: int) -> int:
    """Where the words of the i-th row that traded lie."""
    return state[_list_at(state, 2) + i]


@kernel
def list_rows(state: Int1D) -> None:
    """List the OCCUPIED rows that traded."""
    rows, lots, addresses = _list_at(state, 0), _list_at(state, 1), _list_at(state, 2)
    n = 0
    for page in range(state[USED]):
        base = state[TABLE + 2 * page] << _BITS
        for offset in range(PAGE_ROWS):
            at = state[TABLE + 2 * page + 1] + offset * WORDS
            if state[at + COUNT]:
                state[rows + n] = base + offset
                state[lots + n] = state[at + BUY] + state[at + UNKNOWN] + state[at + SELL]
                state[addresses + n] = at
                n += 1
    state[OCCUPIED] = n


@kernel
def value_area(rows: Int1D, lots: Int1D, step: int, share: int, out: Int1D) -> None:
    """Point of control, its lots, lowest and highest row of the value area, to `out`.

    Assumes rows that ascend, at least one, lots > 0. `share` is in basis points. Rows between that did not trade count as rows
    of no lots; where both sides have only such, whole steps of them are passed at once.
    """
    n = len(rows)
    total, best = 0, 0
    centre = rows[0] + rows[n - 1]
    for i in range(n):
        total += lots[i]
        nearer = abs(2 * rows[i] - centre) <= abs(2 * rows[best] - centre)
        if lots[i] > lots[best] or (lots[i] == lots[best] and nearer):
            best = i
    need = total // _WHOLE * share + (total % _WHOLE * share + _WHOLE - 1) // _WHOLE
    held = lots[best]
    above, below = best + 1, best - 1
    top, bottom = rows[best], rows[best]
    while held < need and (above < n or below >= 0):
        upper, i = 0, above
        while i < n and rows[i] <= top + step:
            upper += lots[i]
            i += 1
        lower, j = 0, below
        while j >= 0 and rows[j] >= bottom - step:
            lower += lots[j]
            j -= 1
        if above < n and upper >= lower:
            if upper == 0:
                top += (rows[above] - top - 1) // step * step
                continue
            held += upper
            above, top = i, min(top + step, rows[n - 1])
        else:
            if lower == 0:
                bottom -= (bottom - rows[below] - 1) // step * step
                continue
            held += lower
            below, bottom = j, max(bottom - step, rows[0])
    out[0], out[1], out[2], out[3] = rows[best], lots[best], bottom, top
