"""Parts of a graph of addresses: components, and communities of greatest modularity (Louvain)."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.flow.kernels import communities as k

__all__ = ["COMPONENTS", "communities", "components", "modularity"]

COMPONENTS: Final = ("weak", "strong")
_MAX_LEVELS: Final = 64


def components(src: Int1D, dst: Int1D, *, nodes: int, connection: str = "weak") -> Int1D:
    """Component of each node, numbered by its least node in ascending order.

    Parameters
    ----------
    src, dst : (m,) int64
        Directed edges between nodes 0 … nodes − 1.
    connection : {"weak", "strong"}
        Reached when directions do not matter, or each from the other.

    Notes
    -----
    O(n + m).

    References
    ----------
    Tarjan (1972), doi:10.1137/0201010, for strong components.
    """
    _require_edges(src, dst, nodes)
    part = np.zeros(nodes, np.int64)
    if connection == "weak":
        k.weak_parts(src, dst, part)
    elif connection == "strong":
        order = np.argsort(src, kind="stable")
        k.strong_parts(_starts(src, nodes), dst[order], part)
    else:
        raise UnknownName("kind of component", connection, COMPONENTS)
    return _in_order(part)


def communities(src: Int1D, dst: Int1D, weights: Float1D, *, nodes: int, resolution: float = 1.0, seed: int = 0) -> Int1D:
    """Community of each node in an undirected graph, numbered by its least node in ascending order.

    Maximises Q = Σ_c [ w_c / W − γ (d_c / 2W)² ] with w_c the weight inside community c, d_c its degree, W all weight.

    Parameters
    ----------
    src, dst : (m,) int64
        Undirected edges, each once; weights of repeated edges add up.
    weights : (m,) float64
        Positive.
    resolution : float
        γ; larger gives smaller communities.
    seed : int
        Order in which nodes are visited. The same seed gives the same communities.

    Notes
    -----
    Resolution limit: two groups joined by one edge are merged when each holds less than about √(2W/γ) weight, however clear
    they are. Louvain may also leave a community that hangs together badly; both are seen in `density`. O(m) a pass.

    References
    ----------
    Blondel et al. (2008), doi:10.1088/1742-5468/2008/10/P10008. Fortunato, Barthelemy (2007), doi:10.1073/pnas.0605965104, for
    the limit. Traag, Waltman, van Eck (2019), doi:10.1038/s41598-019-41695-z, for what Louvain leaves.
    """
    _require_edges(src, dst, nodes)
    if not resolution > 0 or not np.isfinite(resolution):
        raise InputError(f"resolution must be positive, found {resolution}")
    if len(weights) != len(src) or not (np.isfinite(weights) & (weights > 0)).all():
        raise InputError(f"expected {len(src)} positive weights, found {len(weights)} or one that is not; leave such edges out")
    draw = np.random.default_rng(seed)
    member = np.arange(nodes, dtype=np.int64)
    a, b, w, size = src, dst, weights, nodes
    for _ in range(_MAX_LEVELS):
        a, b, w = _merged(a, b, w, size)
        part = np.arange(size, dtype=np.int64)
        starts, ends, both = _rows(a, b, w, size)
        if not len(a) or not k.move_nodes(starts, ends, both, draw.permutation(size), resolution, part):
            break
        part = _in_order(part)
        member, size = part[member], int(part.max()) + 1
        a, b = part[a], part[b]
    return _in_order(member)


def modularity(src: Int1D, dst: Int1D, weights: Float1D, part: Int1D, *, resolution: float = 1.0) -> float:
    """Q of a partition, see `communities`; NaN for a graph without edges."""
    whole = float(weights.sum())
    inside = float(weights[part[src] == part[dst]].sum())
    degree = np.bincount(part[src], weights, minlength=len(part)) + np.bincount(part[dst], weights, minlength=len(part))
    return inside / whole - resolution * float(((degree / (2 * whole)) ** 2).sum()) if whole else float("nan")


def _require_edges(src: Int1D, dst: Int1D, nodes: int) -> None:
    ends = np.concatenate([src, dst])
    if len(src) != len(dst) or (len(ends) and not (ends.min() >= 0 and ends.max() < nodes)):
        raise InputError(
            f"expected as many src as dst, all in 0 … {nodes - 1}; found {len(src)} and {len(dst)}; number them first"
        )


def _starts(src: Int1D, nodes: int) -> Int1D:
    return np.concatenate([[0], np.cumsum(np.bincount(src, minlength=nodes))]).astype(np.int64)


def _merged(a: Int1D, b: Int1D, w: Float1D, nodes: int) -> tuple[Int1D, Int1D, Float1D]:
    """Undirected edges once each, smaller end first, weights added up."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    keys, at = np.unique(low * nodes + high, return_inverse=True)
    return keys // nodes, keys % nodes, np.bincount(at, w, minlength=len(keys)).astype(np.float64)


def _rows(a: Int1D, b: Int1D, w: Float1D, nodes: int) -> tuple[Int1D, Int1D, Float1D]:
    """Compressed rows that hold each edge both ways and each loop once."""
    other = a != b
    src, dst, both = (np.concatenate(pair) for pair in ((a, b[other]), (b, a[other]), (w, w[other])))
    order = np.lexsort((dst, src))
    return _starts(src, nodes), dst[order], both[order]


def _in_order(part: Int1D) -> Int1D:
    """Parts numbered in order of their first node."""
    _, first, at = np.unique(part, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[at]
