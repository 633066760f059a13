"""A vector error-correction model of venues that quote the same thing, estimated from cross moments, and the shares it says.

    Δp_t = c + α (p¹_{t−1} − p^j_{t−1})_{j=2..k} + Σ_i Γ_i Δp_{t−i} + e_t        E[e eᵀ] = Ω

The intercept is taken out by moments about the mean.
"""

from __future__ import annotations

from itertools import permutations
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import NumericalError
from counterpoise.flow.kernels.cross_moments import COUNT, MEAN, numbers_of_row

__all__ = ["ROWS_PER_COEFFICIENT", "Moments", "Vecm", "moments_of", "shares_of"]

ROWS_PER_COEFFICIENT: Final = 10
_CONSTANT: Final = 1e-13  # spread of a log price that is rounding and nothing else
_DEPENDENT: Final = 1e-13  # smallest eigenvalue of correlations that is rounding and nothing else


class Moments(NamedTuple):
    """Moments of rows of the regression.

    Attributes
    ----------
    n : float
        Rows.
    mean : (d,) float64
        Of the k − 1 gaps, the changes of each lag, and the k changes.
    products : (d, d) float64
        Sums about the mean.
    venues, lags : int
    """

    n: float
    mean: Float1D
    products: Float2D
    venues: int
    lags: int

    def with_lags(self, lags: int) -> Moments:
        """The same rows, for a model of fewer lags."""
        k = self.venues
        regressors = k - 1 + lags * k
        last = k - 1 + self.lags * k
        kept = np.r_[:regressors, last : last + k]
        return Moments(self.n, self.mean[kept], self.products[np.ix_(kept, kept)], k, lags)


def moments_of(block: Float1D, *, venues: int, lags: int) -> Moments:
    """Moments of a pooled block of `counterpoise.flow.kernels.cross_moments`."""
    d = numbers_of_row(venues, lags)
    products = np.zeros((d, d))
    products[np.tril_indices(d)] = block[MEAN + d :]
    whole = products + np.tril(products, -1).T
    return Moments(float(block[COUNT]), block[MEAN : MEAN + d], whole, venues, lags)


class Vecm(NamedTuple):
    """An estimated model.

    Attributes
    ----------
    slopes : (k − 1 + k·lags, k) float64
        Of each venue's change on the gaps and the lagged changes.
    noise : (k, k) float64
        Ω, by the number of rows.
    lags : int
    """

    slopes: Float2D
    noise: Float2D
    lags: int

    @classmethod
    def fit(cls, moments: Moments) -> Vecm:
        """Least squares, all venues at once.

        Raises
        ------
        NumericalError
            If prices of two venues are the same, or one never moves.
        """
        x = len(moments.mean) - moments.venues
        inner, shared = moments.products[:x, :x], moments.products[:x, x:]
        spread = np.sqrt(np.diag(inner))
        if not moments.n > 0 or (spread <= _CONSTANT * np.sqrt(max(moments.n, 1.0))).any():
            raise _same()
        correlation = inner / spread[:, None] / spread
        if np.linalg.eigvalsh(correlation)[0] <= _DEPENDENT * x:
            raise _same()
        slopes = np.linalg.solve(correlation, shared / spread[:, None]) / spread[:, None]
        noise = (moments.products[x:, x:] - slopes.T @ shared) / moments.n
        return cls(slopes, (noise + noise.T) / 2, moments.lags)

    @property
    def venues(self) -> int:
        return len(self.noise)

    @property
    def adjustment(self) -> Float2D:
        """(k, k − 1) α: by how much each venue closes, in a step, its gap between the first venue and each other."""
        return np.asarray(self.slopes[: self.venues - 1].T)

    @property
    def residual_correlation(self) -> float:
        """Largest absolute correlation of residuals of two venues."""
        spread = np.sqrt(np.diag(self.noise))
        return float(np.abs(self.noise / spread[:, None] / spread - np.eye(self.venues)).max())

    def half_life(self) -> float:
        """Steps until the slowest gap is halved: from the largest root below the unit root of the common trend."""
        k, lags = self.venues, self.lags
        gammas = [self.slopes[k - 1 + i * k : k - 1 + (i + 1) * k].T for i in range(lags)]
        gap = np.column_stack([np.ones(k - 1), -np.eye(k - 1)])
        levels = np.zeros((k * (lags + 1), k * (lags + 1)))
        levels[:k, :k] = np.eye(k) + self.adjustment @ gap
        for i, gamma in enumerate(gammas):
            levels[:k, i * k : (i + 1) * k] += gamma
            levels[:k, (i + 1) * k : (i + 2) * k] -= gamma
        levels[k:, : k * lags] = np.eye(k * lags)
        slowest = np.sort(np.abs(np.linalg.eigvals(levels)))[::-1][1]
        return float("inf") if slowest >= 1 - 1e-9 else float(np.log(0.5) / np.log(max(slowest, 1e-300)))

    def bic(self, n: float) -> float:
        """log |Ω| + coefficients · log n / n, an intercept each included."""
        coefficients = self.slopes.size + self.venues
        return float(np.linalg.slogdet(self.noise)[1] + coefficients * np.log(n) / n)


def shares_of(model: Vecm) -> tuple[Float2D, Float1D]:
    """(orderings, k) information shares, and component shares.

    Raises
    ------
    NumericalError
        If no venue adjusts to another, or residuals of two are the same.
    """
    weight = np.linalg.svd(model.adjustment.T)[2][-1]
    total = weight.sum()
    if abs(total) < 1e-9 or not np.isfinite(total):
        raise NumericalError("no venue adjusts to another: the prices have no common trend; are these prices of one thing?")
    orders = list(permutations(range(len(weight))))
    out = np.empty((len(orders), len(weight)))
    for i, order in enumerate(orders):
        at = list(order)
        try:
            factor = np.linalg.cholesky(model.noise[np.ix_(at, at)])
        except np.linalg.LinAlgError as error:
            raise NumericalError("residuals of two venues are the same; drop one of them") from error
        parts = (weight[at] @ factor) ** 2
        out[i, at] = parts / parts.sum()
    return out, np.asarray(weight / total)


def _same() -> NumericalError:
    return NumericalError("prices of two venues are the same, or one never moves: there are no shares to tell; drop a column")
