"""Orders that wait for a price, in pairing heaps linked through the orders themselves (Fredman, Sedgewick, Sleator and Tarjan
1986, doi:10.1007/BF01840439): put in O(1), taken out anywhere in O(log n) amortised.

A market has four: by the last trade upwards and downwards, by the mark upwards and downwards. The first is the order with the
nearest trigger, of several the oldest. PREV is the elder sibling or, of the first child, the parent.
"""

from __future__ import annotations

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.codes import BY_MARK, STOP
from counterpoise.sim.exchange.kernels.layout import (
    CHILD,
    KIND,
    LAST_PRICE,
    MARK,
    NEXT,
    NUMBER,
    PREV,
    SIDE,
    TRIGGER,
    TRIGGERS,
    WAITING,
)

__all__ = ["first_met", "is_met", "unwait", "wait"]


@inner_kernel
def _set_of(ex: Int1D, order: int) -> int:
    """0 and 1 by the last trade, 2 and 3 by the mark; the odd ones wait for a fall."""
    kind = ex[order + KIND]
    rises = (kind & STOP != 0) == (ex[order + SIDE] > 0)
    return (2 if kind & BY_MARK else 0) + (0 if rises else 1)


@inner_kernel
def _reference(ex: Int1D, market: int, heap: int) -> int:
    return ex[market + (MARK if heap >= 2 else LAST_PRICE)]


@inner_kernel
def _passed(ex: Int1D, market: int, heap: int, order: int) -> bool:
    price = _reference(ex, market, heap)
    beyond = price - ex[order + TRIGGER]
    return price > 0 and (beyond <= 0 if heap & 1 else beyond >= 0)


@inner_kernel
def is_met(ex: Int1D, market: int, order: int) -> bool:
    """Whether the price that an order waits for is there already."""
    return _passed(ex, market, _set_of(ex, order), order)


@inner_kernel
def _meld(ex: Int1D, heap: int, first: int, second: int) -> int:
    """One heap of two; either may be none."""
    if first == 0 or second == 0:
        return first + second
    sign = -1 if heap & 1 else 1
    ahead, behind = sign * ex[first + TRIGGER], sign * ex[second + TRIGGER]
    if behind < ahead or (behind == ahead and ex[second + NUMBER] < ex[first + NUMBER]):
        first, second = second, first
    child = ex[first + CHILD]
    ex[second + NEXT], ex[second + PREV] = child, first
    if child:
        ex[child + PREV] = second
    ex[first + CHILD] = second
    return first


@whole_kernel
def _meld_all(ex: Int1D, heap: int, child: int) -> int:
    """One heap of all siblings from a first child on: in pairs from the left, then together from the right."""
    pairs = 0
    while child:
        partner = ex[child + NEXT]
        following = ex[partner + NEXT] if partner else 0
        ex[child + NEXT] = 0
        if partner:
            ex[partner + NEXT] = 0
        pair = _meld(ex, heap, child, partner)
        ex[pair + NEXT] = pairs
        pairs, child = pair, following
    root = 0
    while pairs:
        following = ex[pairs + NEXT]
        ex[pairs + NEXT] = 0
        root = _meld(ex, heap, root, pairs)
        pairs = following
    if root:
        ex[root + PREV] = 0
    return root


@inner_kernel
def wait(ex: Int1D, market: int, order: int) -> None:
    """Let an order wait for its trigger."""
    heap = _set_of(ex, order)
    ex[order + CHILD] = ex[order + NEXT] = ex[order + PREV] = 0
    root = _meld(ex, heap, ex[market + TRIGGERS + heap], order)
    ex[root + PREV] = 0
    ex[market + TRIGGERS + heap] = root
    ex[market + WAITING] += 1


@whole_kernel
def unwait(ex: Int1D, market: int, order: int) -> None:
    """Let an order wait no more."""
    heap = _set_of(ex, order)
    root, rest = ex[market + TRIGGERS + heap], _meld_all(ex, heap, ex[order + CHILD])
    if order != root:
        ahead, behind = ex[order + PREV], ex[order + NEXT]
        if ex[ahead + CHILD] == order:
            ex[ahead + CHILD] = behind
        else:
            ex[ahead + NEXT] = behind
        if behind:
            ex[behind + PREV] = ahead
        rest = _meld(ex, heap, root, rest)
    ex[market + TRIGGERS + heap] = rest
    ex[market + WAITING] -= 1


@inner_kernel
def first_met(ex: Int1D, market: int) -> int:
    """An order whose price is there, by the last trade before by the mark, 0 when there is none."""
    if ex[market + WAITING]:
        for heap in range(4):
            root = ex[market + TRIGGERS + heap]
            if root and _passed(ex, market, heap, root):
                return root
    return 0
