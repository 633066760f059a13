"""Centroids: a scaler that only knows the past, k-means over what it gives, and which new centroid is which old one."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["k_means", "match_centroids", "pool_moments", "safe_spread", "standardise", "usual_size"]

_REACH: Final = 5.0  # standard deviations; what lies beyond is put there
_BATCH: Final = 4096


def usual_size(column: Float1D) -> float:
    """Median of what is positive; 1 when nothing is."""
    positive = column[column > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def safe_spread(std: Float1D) -> Float1D:
    """Standard deviations; a feature that never changes says nothing, and must not divide by zero."""
    return np.asarray(np.where(std > 0, std, 1.0), np.float64)


def standardise(logs: Float2D, mean: Float1D, spread: Float1D) -> Float2D:
    """Standard deviations from the mean, held within five."""
    return np.asarray(np.clip((logs - mean) / safe_spread(spread), -_REACH, _REACH), np.float64)


def pool_moments(mean: Float1D, spread: Float1D, rows: int, logs: Float2D) -> tuple[Float1D, Float1D]:
    """Mean and standard deviation of old and new rows together (Chan, Golub, LeVeque 1979)."""
    more, new = len(logs), logs.mean(axis=0)
    whole = rows + more
    squares = spread**2 * rows + logs.var(axis=0) * more + (new - mean) ** 2 * (rows * more / whole)
    return mean + (new - mean) * (more / whole), np.asarray(np.sqrt(squares / whole), np.float64)


def k_means(points: Float2D, *, clusters: int, seed: int, start: Float2D | None = None) -> tuple[Float2D, Int1D]:
    """Centroids and how many points each has."""
    begin: dict[str, Any] = {"n_init": 5} if start is None else {"init": start, "n_init": 1}
    model = _learn("sklearn.cluster").MiniBatchKMeans(clusters, batch_size=_BATCH, random_state=seed, **begin)
    with _learn("threadpoolctl").threadpool_limits(1):  # batches are small, and threads would add in any order
        model.fit(points)
    return np.asarray(model.cluster_centers_, np.float64), np.bincount(model.labels_, minlength=clusters).astype(np.int64)


def match_centroids(old: Float2D, new: Float2D, labels: Int1D, *, fresh: int, farthest: float) -> tuple[Int1D, Float1D, int]:
    """Label and distance of each new centroid (NaN for a new label), and the next free label."""
    far = np.sqrt(((new[:, None, :] - old[None, :, :]) ** 2).sum(axis=2))
    mine, theirs = _learn("scipy.optimize").linear_sum_assignment(far)
    out, distance = np.full(len(new), -1, np.int64), np.full(len(new), np.nan)
    for i, j in zip(mine, theirs, strict=True):
        if far[i, j] <= farthest:
            out[i], distance[i] = labels[j], far[i, j]
    for i in np.flatnonzero(out == -1):
        out[i] = fresh
        fresh += 1
    return out, distance, fresh


def _learn(module: str) -> Any:
    """A module of the extra `learn`, which is large and not needed for assigning labels."""
    try:
        return import_module(module)
    except ImportError as error:
        raise InputError(
            f"fitting clusters needs {module.split('.')[0]}; install it with: pip install counterpoise[learn]"
        ) from error
