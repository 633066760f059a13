"""The move of a market over a horizon, foretold from its signals by one ridge regression for all markets."""

from __future__ import annotations

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["MoveForecast", "fit_move_forecast"]


class MoveForecast(Config, frozen=True, kw_only=True):
    """Expected move of the mid over the horizon [bps] = Σ weight × signal.

    Parameters
    ----------
    horizon : str
    names : tuple of str
        Of the signals, as `MarketSignals.names`.
    weights : tuple of float
        Bps of move a unit of each.
    r2 : float
        Share of the moves' variance explained in the sample it was fitted on, left-out fold by left-out fold.
    """

    horizon: str
    names: tuple[str, ...]
    weights: tuple[float, ...]
    r2: float = float("nan")

    def __post_init__(self) -> None:
        if len(self.names) != len(self.weights) or not np.isfinite(self.weights).all():
            raise InputError(f"a forecast has a finite weight for each of {len(self.names)} signals, found {self.weights}")

    def bps(self, signals: Float2D) -> Float1D:
        """(m, signals) → (m,); 0, no view, where a signal is missing."""
        expected = signals @ np.array(self.weights)
        return np.where(np.isnan(expected), 0.0, expected)


def fit_move_forecast(
    samples: list[tuple[Float2D, Float1D]], *, horizon: str, names: tuple[str, ...], ridge: float = 3e-3
) -> MoveForecast:
    """Ridge regression through the origin, signals scaled to one standard deviation.

    Parameters
    ----------
    samples : list of ((n, signals), (n,) float64 [bps])
        Signals and the moves that followed, one pair a recording; a row with a NaN is left out.
    horizon : str
        Of the moves.
    names : tuple of str
    ridge : float
        Penalty as a multiple of the number of rows, ≥ 0.

    Raises
    ------
    InputError
        If there are fewer than two recordings (one is left out to tell r2), shapes do not fit, or too few rows are whole.

    References
    ----------
    Hoerl, Kennard (1970), doi:10.1080/00401706.1970.10488634.
    """
    if len(samples) < 2 or not 0 <= ridge < np.inf:
        raise InputError(f"a forecast needs two recordings or more and ridge >= 0, found {len(samples)} and {ridge}")
    whole = []
    for signals, moves in samples:
        if signals.shape != (len(moves), len(names)):
            raise InputError(f"signals of shape {signals.shape} for {len(moves)} moves and {len(names)} names do not fit")
        kept = np.isfinite(signals).all(axis=1) & np.isfinite(moves)
        if kept.sum() <= 10 * len(names):
            raise InputError(f"{int(kept.sum())} whole rows in a recording; expected more than {10 * len(names)}")
        whole.append((signals[kept], moves[kept]))
    wrong = total = 0.0
    for left_out, (signals, moves) in enumerate(whole):
        weights = _ridge([pair for i, pair in enumerate(whole) if i != left_out], ridge)
        wrong += float(((moves - signals @ weights) ** 2).sum())
        total += float((moves**2).sum())
    return MoveForecast(horizon=horizon, names=names, weights=tuple(_ridge(whole, ridge).tolist()), r2=1 - wrong / total)


def _ridge(samples: list[tuple[Float2D, Float1D]], ridge: float) -> Float1D:
    signals, moves = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    scale = signals.std(axis=0)
    scale[scale == 0] = 1.0
    scaled = signals / scale
    inner = scaled.T @ scaled + ridge * len(moves) * np.eye(len(scale))
    return np.asarray(np.linalg.solve(inner, scaled.T @ moves) / scale)
