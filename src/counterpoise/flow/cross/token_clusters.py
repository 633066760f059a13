"""Clusters of tokens that move, or are traded, together: found by their correlations, named so that names outlive a refit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import polars as pl
from scipy.cluster import hierarchy
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import squareform

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError, UnknownName

__all__ = ["TokenClusters", "adjusted_rand", "clean_correlation", "cluster_tokens", "match_clusters"]

Linkage = Literal["single", "complete", "average", "weighted", "ward"]
_LINKAGES: Final = ("single", "complete", "average", "weighted", "ward")


class TokenClusters(NamedTuple):
    """Clusters of one fit.

    Attributes
    ----------
    tokens : tuple of str
    labels : (tokens,) int64
        Cluster of each, numbered by their first token.
    names : tuple of str
        Of the clusters.
    correlation : (tokens, tokens) float64
    merges : (tokens − 1, 4) float64
        As `scipy.cluster.hierarchy.linkage`: the two joined, their distance, how many tokens are below.
    """

    tokens: tuple[str, ...]
    labels: Int1D
    names: tuple[str, ...]
    correlation: Float2D
    merges: Float2D

    @property
    def clusters(self) -> dict[str, tuple[str, ...]]:
        """Tokens by name of their cluster, as `counterpoise.market.tree.Tree.from_instruments` takes them."""
        return {
            name: tuple(token for token, label in zip(self.tokens, self.labels, strict=True) if label == number)
            for number, name in enumerate(self.names)
        }

    @property
    def frame(self) -> pl.DataFrame:
        """A row a token: ``token``, ``cluster``, mean correlation with the others ``inside`` it and with those ``outside``."""
        rows = []
        for i, token in enumerate(self.tokens):
            same = self.labels == self.labels[i]
            inside, outside = same.copy(), ~same
            inside[i] = False
            rows.append(
                {
                    "token": token,
                    "cluster": self.names[self.labels[i]],
                    "inside": float(self.correlation[i, inside].mean()) if inside.any() else None,
                    "outside": float(self.correlation[i, outside].mean()) if outside.any() else None,
                }
            )
        return pl.DataFrame(rows, schema_overrides={"inside": pl.Float64, "outside": pl.Float64})


def clean_correlation(series: Float2D) -> Float2D:
    """Correlation with its noise clipped: eigenvalues below the edge of pure chance are replaced by their mean.

    Parameters
    ----------
    series : (n, tokens) float64
        Returns, or order-flow imbalance, over equal times.

    Raises
    ------
    InputError
        If there are not more rows than tokens, a number is not finite, or a column does not vary.

    Notes
    -----
    The edge is σ²(1 + √(tokens/n))², Marchenko and Pastur's, with σ² = 1 − λ₁/tokens what the largest eigenvalue, the market's,
    leaves of the variance; that one is never clipped.

    References
    ----------
    Laloux, Cizeau, Bouchaud, Potters (1999), Physical Review Letters 83, doi:10.1103/PhysRevLett.83.1467.
    """
    rows, tokens = series.shape
    if rows <= tokens or tokens < 2 or not np.isfinite(series).all():
        raise InputError(f"{rows} rows of {tokens} tokens; expected two tokens or more, more rows than tokens, all finite")
    if (series.std(axis=0) == 0).any():
        raise InputError(f"column {int(np.argmin(series.std(axis=0)))} does not vary; leave that token out")
    raw = np.corrcoef(series, rowvar=False)
    values, vectors = np.linalg.eigh(raw)
    noise = values < (1 - values[-1] / tokens) * (1 + np.sqrt(tokens / rows)) ** 2
    noise[-1] = False
    if noise.any():
        values[noise] = values[noise].mean()
    sound = (vectors * values) @ vectors.T
    scale = np.sqrt(np.diag(sound))
    return np.asarray(np.clip(sound / np.outer(scale, scale), -1.0, 1.0))


def cluster_tokens(
    correlation: Float2D, tokens: Sequence[str], *, linkage: Linkage = "average", count: int | None = None
) -> TokenClusters:
    """Hierarchical clusters by the distance √(2(1 − ρ)), cut where the merges leave the widest gap, or into a number.

    Parameters
    ----------
    correlation : (tokens, tokens) float64
        Of returns, of order-flow imbalance, or a mean of both.
    tokens : sequence of str
    linkage : {"single", "complete", "average", "weighted", "ward"}
    count : int, optional
        Clusters; by default as many as lie below the widest gap between two merges, two at least.

    Returns
    -------
    TokenClusters
        Named after their first token.

    Raises
    ------
    InputError
        If shapes do not fit, the matrix is no correlation, or the count lies outside 1 to the number of tokens.
    UnknownName
        If the linkage is none of these.

    References
    ----------
    Mantegna (1999), European Physical Journal B 11, doi:10.1007/s100510050929, for the distance; single linkage gives his
    minimal spanning tree.
    """
    if linkage not in _LINKAGES:
        raise UnknownName("linkage", linkage, _LINKAGES)
    _require_correlation(correlation, tokens)
    if count is not None and not 1 <= count <= len(tokens):
        raise InputError(f"{count} clusters of {len(tokens)} tokens; expected 1 to {len(tokens)}")
    distance = np.sqrt(np.maximum(2 * (1 - correlation), 0.0))
    np.fill_diagonal(distance, 0.0)
    merges = hierarchy.linkage(squareform(distance, checks=False), method=linkage)
    wanted = count or _by_gap(merges[:, 2], len(tokens))
    found = hierarchy.fcluster(merges, wanted, criterion="maxclust")
    order = list(dict.fromkeys(found.tolist()))
    labels = np.array([order.index(label) for label in found.tolist()])
    names = tuple(tokens[int(np.argmax(labels == number))].lower() for number in range(len(order)))
    return TokenClusters(tuple(tokens), labels, names, correlation, merges)


def _require_correlation(correlation: Float2D, tokens: Sequence[str]) -> None:
    shape = (len(tokens), len(tokens))
    if len(tokens) < 2 or len(set(tokens)) < len(tokens) or np.shape(correlation) != shape:
        raise InputError(f"a correlation of {len(tokens)} different tokens, two or more, has shape {shape}")
    off = float(np.abs(correlation - correlation.T).max())
    if not off < 1e-8 or np.abs(np.diag(correlation) - 1).max() > 1e-8 or np.abs(correlation).max() > 1 + 1e-8:
        raise InputError("a correlation is symmetric, 1 on its diagonal and nowhere beyond ±1")


def _by_gap(heights: Float1D, tokens: int) -> int:
    """Clusters below the widest gap between one merge and the next, two at least."""
    if tokens < 3:
        return tokens
    gaps = np.diff(heights)
    return tokens - 1 - int(np.argmax(gaps))


def match_clusters(before: Mapping[str, Sequence[str]], after: TokenClusters) -> TokenClusters:
    """The same clusters with the names of those they came from: each old name goes to where most of it is now.

    Parameters
    ----------
    before : mapping of str to sequence of str
        Tokens by name, of the fit before.
    after : TokenClusters

    Returns
    -------
    TokenClusters
        A cluster that shares no token with one that is left keeps its own name, with a number behind it if that is taken.

    Notes
    -----
    Names are given so that the sum of shared tokens over their union is greatest (an assignment problem). O(clusters³).

    References
    ----------
    Kuhn (1955) for the assignment; Jaccard (1901) for the overlap.
    """
    old, now = list(before), list(after.clusters.values())
    overlap = np.array([[_jaccard(before[name], found) for found in now] for name in old])
    names: dict[int, str] = {}
    for i, j in zip(*linear_sum_assignment(-overlap), strict=True) if old else ():
        if overlap[i, j] > 0:
            names[int(j)] = old[int(i)]
    for j, own in enumerate(after.names):
        if j not in names:
            taken, name, number = set(names.values()) | set(old), own, 2
            while name in taken:
                name, number = f"{own}{number}", number + 1
            names[j] = name
    return after._replace(names=tuple(names[j] for j in range(len(now))))


def _jaccard(a: Sequence[str], b: Sequence[str]) -> float:
    return len(set(a) & set(b)) / len(set(a) | set(b))


def adjusted_rand(a: Int1D, b: Int1D) -> float:
    """How alike two clusterings of the same tokens are: 1 the same, 0 as by chance.

    Raises
    ------
    InputError
        If they are not of the same, positive length.

    References
    ----------
    Hubert, Arabie (1985), Journal of Classification 2, doi:10.1007/BF01908075, equation (5).

    Examples
    --------
    >>> adjusted_rand(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]))
    1.0
    """
    if len(a) != len(b) or not len(a):
        raise InputError(f"two clusterings of the same tokens are needed, found {len(a)} and {len(b)}")
    table = np.zeros((int(a.max()) + 1, int(b.max()) + 1))
    np.add.at(table, (a, b), 1)
    pairs, rows, columns = (float((x * (x - 1) / 2).sum()) for x in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = rows * columns / (len(a) * (len(a) - 1) / 2) if len(a) > 1 else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else (pairs - expected) / (most - expected)
