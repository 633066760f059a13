"""Parts of a graph: weak and strong components, and one pass of Louvain's local moving, over compressed rows.

``starts[v] : starts[v + 1]`` are the neighbours of node v in `ends`. Undirected graphs hold every edge both ways.
"""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.jit import kernel

__all__ = ["move_nodes", "strong_parts", "weak_parts"]


@kernel
def weak_parts(src: Int1D, dst: Int1D, root: Int1D) -> None:
    """Least node of the weak component of each node, into `root`; union by least root, with path halving."""
    for v in range(len(root)):
        root[v] = v
    for edge in range(len(src)):
        a, b = src[edge], dst[edge]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        root[max(a, b)] = min(a, b)
    for v in range(len(root)):
        root[v] = root[root[v]]  # a root is less than what hangs on it, so it is final by now


@kernel
def strong_parts(starts: Int1D, ends: Int1D, part: Int1D) -> None:
    """Number of the strong component of each node, into `part`: Tarjan (1972) with a stack of its own."""
    n = len(part)
    index, low, at = np.full(n, -1), np.zeros(n, np.int64), starts[:n].copy()
    path, stack = np.empty(n, np.int64), np.empty(n, np.int64)
    part[:] = -1
    deep, held, seen, parts = 0, 0, 0, 0
    for first in range(n):
        if index[first] >= 0:
            continue
        path[0], deep = first, 1
        while deep:
            v = path[deep - 1]
            if index[v] < 0:
                index[v] = low[v] = seen
                seen += 1
                stack[held] = v
                held += 1
            if at[v] < starts[v + 1]:
                to = ends[at[v]]
                at[v] += 1
                if index[to] < 0:
                    path[deep] = to
                    deep += 1
                elif part[to] < 0:
                    low[v] = min(low[v], index[to])
                continue
            deep -= 1
            if deep:
                low[path[deep - 1]] = min(low[path[deep - 1]], low[v])
            if low[v] == index[v]:
                while True:
                    held -= 1
                    part[stack[held]] = parts
                    if stack[held] == v:
                        break
                parts += 1


@kernel
def move_nodes(starts: Int1D, ends: Int1D, weights: Float1D, order: Int1D, resolution: float, part: Int1D) -> int:
    """Move nodes, in `order`, to the neighbouring community that gains most modularity, until none gains; returns the moves.

    A loop's weight stands once in its row and counts twice towards the degree, as usual.
    """
    n = len(part)
    degree, total = np.zeros(n), np.zeros(n)
    for v in range(n):
        for e in range(starts[v], starts[v + 1]):
            degree[v] += weights[e] * (2.0 if ends[e] == v else 1.0)
        total[part[v]] += degree[v]
    double = degree.sum()
    toward, touched = np.zeros(n), np.empty(n, np.int64)
    moves, moved = 0, 1
    while moved:
        moved = 0
        for i in range(n):
            v = order[i]
            own = part[v]
            count = 0
            for e in range(starts[v], starts[v + 1]):
                to = part[ends[e]]
                if ends[e] == v:
                    continue
                if toward[to] == 0.0:
                    touched[count] = to
                    count += 1
                toward[to] += weights[e]
            total[own] -= degree[v]
            best, best_gain = own, toward[own] - resolution * degree[v] * total[own] / double
            for k in range(count):
                to = touched[k]
                gain = toward[to] - resolution * degree[v] * total[to] / double
                if gain > best_gain + 1e-12 * double:
                    best, best_gain = to, gain
            for k in range(count):
                toward[touched[k]] = 0.0
            total[best] += degree[v]
            if best != own:
                part[v] = best
                moved += 1
        moves += moved
    return moves
