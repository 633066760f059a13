"""What the market is expected to do to a passive order that is filled, by where the order stood and the book around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from counterpoise.balance.placement.features import FEATURES, whole_samples
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["AdverseSelection", "fit_adverse_selection"]

_LEAST = 50


class AdverseSelection(Config, frozen=True, kw_only=True):
    """Expected move of the mid, in the order's direction, over the horizon in which it is filled [bps] = w·x.

    From the mid when the order was sent to the mid at the horizon's end, given a fill within it: below 0 where fills come when
    others know better. With the distance h of the order from the first mid, the markout of a fill is h + w·x.

    Parameters
    ----------
    weights : tuple of float
        w, as `counterpoise.balance.placement.features.FEATURES`.
    r2 : float
        Share of the moves' variance about their mean that was explained, each recording by a fit of the others.
    """

    weights: tuple[float, ...]
    r2: float = float("nan")

    def __post_init__(self) -> None:
        if len(self.weights) != len(FEATURES) or not np.isfinite(self.weights).all():
            raise InputError(f"adverse selection has {len(FEATURES)} finite weights, found {self.weights}")

    def bps(self, rows: Float2D) -> Float1D:
        """(n, features) → (n,) expected move, given a fill."""
        return np.asarray(rows @ np.array(self.weights))


def fit_adverse_selection(samples: Sequence[tuple[Float2D, Float1D]], *, ridge: float = 1e-2) -> AdverseSelection:
    """Ridge regression of the moves on the features when the order was sent.

    Parameters
    ----------
    samples : sequence of ((n, features) float64, (n,) float64 [bps])
        Of each recording: rows of orders that were filled within the horizon, and the move of the mid from their sending to
        the horizon's end, times the side.
    ridge : float
        Penalty as a multiple of the rows, on weights of columns of one standard deviation; the constant is free.

    Raises
    ------
    InputError
        If there are fewer than two recordings or than 50 fills in one, or ridge is below 0.
    """
    whole_samples(samples, _LEAST)
    if not 0 <= ridge < np.inf:
        raise InputError(f"ridge is {ridge}; expected finite and >= 0")
    wrong = total = 0.0
    for left_out, (rows, moves) in enumerate(samples):
        others = [sample for i, sample in enumerate(samples) if i != left_out]
        wrong += float(((moves - rows @ _fit(others, ridge)) ** 2).sum())
        total += float(((moves - np.concatenate([m for _, m in others]).mean()) ** 2).sum())
    r2 = 1 - wrong / total if total > 0 else float("nan")
    return AdverseSelection(weights=tuple(_fit(samples, ridge).tolist()), r2=r2)


def _fit(samples: Sequence[tuple[Float2D, Float1D]], ridge: float) -> Float1D:
    rows, moves = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    scale = rows.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = rows / scale
    free = np.r_[0.0, np.full(rows.shape[1] - 1, ridge * len(moves))]
    return np.asarray(np.linalg.solve(scaled.T @ scaled + np.diag(free), scaled.T @ moves) / scale)
