"""What every fit of this stage shares: least squares with errors that survive autocorrelation, blocks to draw from, a face."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.errors import InputError, NumericalError

__all__ = ["Z95", "Fit", "Regression", "block_starts", "columns_of", "draw_blocks", "least_squares"]

Z95: Final = 1.959963984540054  # two-sided 95 % of the normal distribution
_LEAST_BLOCKS: Final = 10


class Fit:
    """Base of fitted results: a frame, shown as a table."""

    frame: pl.DataFrame

    def to_html(self) -> str:
        """The frame as an HTML table."""
        return self.frame._repr_html_()

    def _repr_html_(self) -> str:
        return self.to_html()


class Regression(NamedTuple):
    """A line fitted by least squares.

    Attributes
    ----------
    coefficients : (k,) float64
        The intercept first.
    covariance : (k, k) float64
        Newey-West.
    r2 : float
        NaN when y never varies.
    n : int
        Observations.
    lags : int
        Of the Newey-West weights.
    residuals : (n,) float64
    """

    coefficients: Float1D
    covariance: Float2D
    r2: float
    n: int
    lags: int
    residuals: Float1D

    @property
    def errors(self) -> Float1D:
        """(k,) standard errors."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def least_squares(y: Float1D, x: Float2D, *, lags: int | None = None) -> Regression:
    """Ordinary least squares of y on x with intercept, and Newey-West errors.

        V = n/(n−k) (XᵀX)⁻¹ [Γ₀ + Σ_{l=1..L} (1 − l/(L+1)) (Γ_l + Γ_lᵀ)] (XᵀX)⁻¹        Γ_l = Σ_t e_t e_{t−l} x_t x_{t−l}ᵀ

    Parameters
    ----------
    y : (n,) float64
    x : (n,) or (n, m) float64
    lags : int, optional
        L; ``⌊4 (n/100)^(2/9)⌋`` when not given, 0 gives White's errors.

    Raises
    ------
    InputError
        If there are too few observations, or lags below 0.
    NumericalError
        If the columns of x are linearly dependent.

    References
    ----------
    Newey, West (1987), doi:10.2307/1913610; the lag rule: Newey, West (1994), doi:10.2307/2297912, section 4.
    """
    design = np.column_stack([np.ones(len(y)), x])
    n, k = design.shape
    if n <= k:
        raise InputError(f"{n} observations are too few for {k} coefficients; take a longer span or shorter bins")
    lags = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= lags < n:
        raise InputError(f"Newey-West lags must lie within 0 and {n - 1}, found {lags}")
    coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    if rank < k:
        raise NumericalError(
            f"the {k} columns of the design (intercept first) have rank {rank}; drop what repeats or is constant"
        )
    left = y - design @ coefficients
    bread = np.linalg.inv(design.T @ design)
    score = design * left[:, None]
    meat = score.T @ score
    for lag in range(1, lags + 1):
        shared = score[lag:].T @ score[:-lag]
        meat += (1 - lag / (lags + 1)) * (shared + shared.T)
    spread = float(((y - y.mean()) ** 2).sum())
    r2 = 1 - float(left @ left) / spread if spread > 0 else float("nan")
    return Regression(np.asarray(coefficients, np.float64), n / (n - k) * bread @ meat @ bread, r2, n, lags, left)


def block_starts(n: int, *, block: int) -> Int1D:
    """First rows of the whole blocks of n rows; the last takes what is left over.

    Raises
    ------
    InputError
        If there are fewer than ten, too few to say how much a result varies.
    """
    if block < 1 or n // block < _LEAST_BLOCKS:
        raise InputError(f"{n} rows give fewer than {_LEAST_BLOCKS} blocks of {block}; take a longer span or a shorter block")
    return np.arange(n // block, dtype=np.int64) * block


def draw_blocks(blocks: int, *, draws: int, rng: np.random.Generator) -> Int2D:
    """(draws, blocks) how often each block is taken: the block bootstrap, for statistics that are sums over blocks.

    References
    ----------
    Carlstein (1986), doi:10.1214/aos/1176350057: blocks that do not overlap.
    """
    if draws < 2:
        raise InputError(f"{draws} draws give no standard error; take 200")
    return np.asarray(rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws), np.int64)


def columns_of(frame: pl.DataFrame, **wanted: str | pl.Expr) -> pl.DataFrame:
    """Columns by name or expression under the names of the keywords, as float64; null where nothing is known.

    Raises
    ------
    InputError
        If the frame lacks one, or a value is NaN or infinite.
    """
    expressions = {name: pl.col(what) if isinstance(what, str) else what for name, what in wanted.items()}
    needed = {root for expression in expressions.values() for root in expression.meta.root_names()}
    missing = sorted(needed - set(frame.columns))
    if missing:
        raise InputError(f"the frame lacks {', '.join(missing)}; it has {', '.join(frame.columns)}")
    columns = frame.select(**{name: expression.cast(pl.Float64) for name, expression in expressions.items()})
    for column in columns:
        wrong = (~column.is_finite()).arg_true()
        if len(wrong):
            raise InputError(
                f"{column.name} is {column[wrong[0]]} in row {wrong[0]}, expected finite numbers, or null where nothing is "
                "known; fill_nan(None) makes nulls"
            )
    return columns
