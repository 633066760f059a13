"""Where the price is found: information shares and component shares of venues that quote the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Float2D
from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.flow.column import Column, Group
from counterpoise.flow.impact.fit import Fit, block_starts, columns_of, draw_blocks

__all__ = ["GROUPS", "InformationShares", "information_shares"]

_MOST_VENUES: Final = 6  # 720 orderings
_ROWS_PER_COEFFICIENT: Final = 10

GROUPS: Final = (
    Group(
        "information_shares",
        "share of each venue in the finding of a common price",
        "information_shares",
        ("bins",),
        (
            Column("venue", "1", "column of prices"),
            Column("share_low", "1", "information share, least over orderings"),
            Column("share_high", "1", "largest over orderings"),
            Column("share", "1", "mean over orderings"),
            Column("share_se", "1", "block-bootstrap standard error of the mean"),
            Column("component_share", "1", "weight of the venue's price in the common one; may lie outside [0, 1]"),
            Column("component_share_se", "1", "block-bootstrap standard error"),
        ),
        "Hasbrouck (1995), Journal of Finance 50; Gonzalo, Granger (1995)",
    ),
)


@dataclass(frozen=True, repr=False)
class InformationShares(Fit):
    """Shares of venues in price discovery.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a venue.
    venues : tuple of str
    lags : int
        Lagged differences in the model.
    bic : tuple of float
        By lags from 0; one value when lags were given.
    n : int
        Grid points used.
    blocks, draws : int
        Of the bootstrap; 0 draws when there was none.
    adjustment : (k, k − 1) float64
        α: by how much each venue closes, in a step, its gap between the first venue and each other.
    residual_correlation : float
        Largest absolute correlation of residuals of two venues: near 1 the bounds say nothing; sample faster.
    residual_autocorrelation : float
        Largest absolute autocorrelation of residuals at lags 1 to 5, times √n: above 3 or so the lags are too few.
    half_life_steps : float
        Grid steps until half of the slowest gap between venues is closed; infinite when it does not close: the prices then
        have no common trend, and the shares mean nothing.
    """

    frame: pl.DataFrame
    venues: tuple[str, ...]
    lags: int
    bic: tuple[float, ...]
    n: int
    blocks: int
    draws: int
    adjustment: Float2D
    residual_correlation: float
    residual_autocorrelation: float
    half_life_steps: float


class _Model(NamedTuple):
    adjustment: Float2D  # (k, k - 1)
    noise: Float2D  # (k, k) covariance of residuals


class _Sample(NamedTuple):
    """Rows of the regression: differences on an intercept, the gaps before, and lagged differences."""

    differences: Float2D
    design: Float2D


def information_shares(
    prices: pl.DataFrame,
    *,
    rng: np.random.Generator,
    lags: int | None = None,
    most_lags: int = 10,
    block: int | None = None,
    draws: int = 200,
) -> InformationShares:
    """Information shares (Hasbrouck) and component shares (Gonzalo, Granger) of k venues.

    Log prices follow a vector error-correction model with the gaps to the first venue as the cointegrating relations,

        Δp_t = c + α (p¹_{t−1} − p^j_{t−1})_{j=2..k} + Σ_i Γ_i Δp_{t−i} + e_t        E[e eᵀ] = Ω = F Fᵀ

    The common price moves by ψ e with ψ ∝ α⊥, and the share of venue j is ([ψF]_j)² / ψΩψᵀ for one ordering of the venues in
    the Cholesky factor F. The component share is α⊥ scaled to sum 1.

    Parameters
    ----------
    prices : pl.DataFrame
        ``ts`` on an even grid, and a column of prices for each of 2 to 6 venues: mids at the grid's points, in one currency.
        Null where a venue's book was not in order.
    rng : numpy.random.Generator
    lags : int, optional
        Lagged differences; chosen by BIC from 0 to `most_lags` when not given.
    most_lags : int
    block : int, optional
        Grid points in a block of the bootstrap; the larger of √n and 5 (lags + 1) when not given.
    draws : int
        Of the bootstrap; 0 for no standard errors.

    Raises
    ------
    InputError
        If columns or rows do not suffice, or a price is not positive.
    DataError
        If the grid is uneven.
    NumericalError
        If a venue's price never moves on its own, or no venue adjusts.

    Notes
    -----
    A row counts when it and the lags before it are known and follow each other on the grid. Between the bounds nothing is
    known: what venues do at the same grid point is given to the first of an ordering. Bounds narrow with a finer grid, until
    stale quotes pass for slow venues. O(n k² lags² + draws blocks).

    References
    ----------
    Hasbrouck (1995), doi:10.1111/j.1540-6261.1995.tb04054.x. Gonzalo, Granger (1995), doi:10.1080/07350015.1995.10524576.
    Baillie, Booth, Tse, Zabotina (2002), doi:10.1016/S1386-4181(02)00027-7: how the two are related, and the bounds.
    """
    venues = tuple(name for name in prices.columns if name != "ts")
    log_price, follows = _log_prices(prices, venues)
    most = most_lags if lags is None else lags
    if most < 0:
        raise InputError(f"lags are 0 or more, found {most}")
    bic = tuple(_bic(log_price, follows, lags=p, most=most) for p in (range(most + 1) if lags is None else [most]))
    chosen = int(np.argmin(bic)) if lags is None else most
    sample = _sample(log_price, follows, lags=chosen, most=chosen)
    residuals, slopes = _regress(sample)
    k, n = len(venues), len(residuals)
    model = _Model(slopes[1:k].T, residuals.T @ residuals / n)
    shares, component = _shares(model)
    size = max(int(np.sqrt(n)), 5 * (chosen + 1)) if block is None else block
    blocks = len(block_starts(n, block=size)) if draws else 0
    errors = _errors(sample, block=size, draws=draws, rng=rng) if draws else np.full((2, k), np.nan)
    frame = pl.DataFrame(
        {
            "venue": venues,
            "share_low": shares.min(axis=0),
            "share_high": shares.max(axis=0),
            "share": shares.mean(axis=0),
            "share_se": errors[0],
            "component_share": component,
            "component_share_se": errors[1],
        },
        nan_to_null=True,
    )
    correlation = np.corrcoef(residuals.T) - np.eye(k)
    return InformationShares(
        frame=frame,
        venues=venues,
        lags=chosen,
        bic=bic,
        n=n,
        blocks=blocks,
        draws=draws,
        adjustment=model.adjustment,
        residual_correlation=float(np.abs(correlation).max()),
        residual_autocorrelation=_autocorrelation(residuals),
        half_life_steps=_half_life(slopes, venues=k, lags=chosen),
    )


def _log_prices(prices: pl.DataFrame, venues: tuple[str, ...]) -> tuple[Float2D, Bool1D]:
    """(n, k) log prices, NaN where unknown; and which rows follow the one before on the grid."""
    if not 2 <= len(venues) <= _MOST_VENUES or "ts" not in prices.columns:
        raise InputError(f"give ts and 2 to {_MOST_VENUES} columns of prices, found {', '.join(prices.columns) or 'none'}")
    values = columns_of(prices, **{name: name for name in venues}).fill_null(float("nan")).to_numpy()
    if (values <= 0).any():
        raise InputError("prices must be positive; give null where a venue had none")
    steps = np.diff(prices["ts"].to_physical().to_numpy())
    if len(steps) == 0:
        raise InputError(f"{prices.height} grid points are no sample")
    step = steps.min()
    if step <= 0 or (steps % step).any():
        raise DataError(
            f"ts must ascend on an even grid; steps of {step} to {steps.max()} are found: sample again, say with 1 s bins"
        )
    return np.log(values), np.append(False, steps == step)


def _sample(log_price: Float2D, follows: Bool1D, *, lags: int, most: int) -> _Sample:
    """Rows that have `most` lags, so that models of fewer lags see the same rows."""
    change = np.diff(log_price, axis=0, prepend=np.nan)
    change[~follows] = np.nan
    first = most + 1
    n = len(log_price)
    parts = [change[first - i : n - i] for i in range(1, lags + 1)]
    before = log_price[first - 1 : n - 1]
    gaps = before[:, :1] - before[:, 1:]
    design = np.column_stack([np.ones(len(gaps)), gaps, *parts])
    deepest = [change[first - i : n - i] for i in range(lags + 1, most + 1)]
    sound = np.isfinite(np.column_stack([change[first:], design, *deepest])).all(axis=1)
    if sound.sum() < _ROWS_PER_COEFFICIENT * design.shape[1]:
        known = f"{int(sound.sum())} grid points with all lags known"
        raise InputError(f"{known} are too few for {design.shape[1]} coefficients; take a longer span, or fewer lags")
    return _Sample(change[first:][sound], design[sound])


def _regress(sample: _Sample) -> tuple[Float2D, Float2D]:
    """Residuals and coefficients, all venues at once."""
    slopes, _, rank, _ = np.linalg.lstsq(sample.design, sample.differences, rcond=None)
    if rank < sample.design.shape[1]:
        raise NumericalError(
            "prices of two venues are the same, or one never moves: there are no shares to tell; drop a column"
        )
    return sample.differences - sample.design @ slopes, np.asarray(slopes, np.float64)


def _bic(log_price: Float2D, follows: Bool1D, *, lags: int, most: int) -> float:
    """log |Ω| + coefficients · log n / n."""
    sample = _sample(log_price, follows, lags=lags, most=most)
    residuals, slopes = _regress(sample)
    n = len(residuals)
    return float(np.linalg.slogdet(residuals.T @ residuals / n)[1] + slopes.size * np.log(n) / n)


def _shares(model: _Model) -> tuple[Float2D, Float1D]:
    """(orderings, k) information shares, and component shares."""
    weight = np.linalg.svd(model.adjustment.T)[2][-1]
    total = weight.sum()
    if abs(total) < 1e-9 or not np.isfinite(total):
        raise NumericalError("no venue adjusts to another: the prices have no common trend; are these prices of one thing?")
    k = len(weight)
    out = np.empty((len(list(permutations(range(k)))), k))
    for i, order in enumerate(permutations(range(k))):
        at = list(order)
        try:
            factor = np.linalg.cholesky(model.noise[np.ix_(at, at)])
        except np.linalg.LinAlgError as error:
            raise NumericalError("residuals of two venues are the same; drop one of them") from error
        parts = (weight[at] @ factor) ** 2
        out[i, at] = parts / parts.sum()
    return out, np.asarray(weight / total)


def _errors(sample: _Sample, *, block: int, draws: int, rng: np.random.Generator) -> Float2D:
    """(2, k) standard errors of the mean information share and of the component share, from products summed per block."""
    y, x = sample
    k = y.shape[1]
    starts = block_starts(len(y), block=block)
    square, shared, own = (np.add.reduceat(a[:, :, None] * b[:, None, :], starts) for a, b in ((x, x), (x, y), (y, y)))
    counts = np.diff(np.append(starts, len(y)))
    found: list[AnyArray] = []
    for taken in draw_blocks(len(starts), draws=draws, rng=rng).astype(np.float64):
        sums = [np.tensordot(taken, products, 1) for products in (square, shared, own)]
        slopes = np.linalg.solve(sums[0], sums[1])
        noise = (sums[2] - slopes.T @ sums[1]) / (taken @ counts)
        shares, component = _shares(_Model(slopes[1:k].T, (noise + noise.T) / 2))
        found.append(np.array([shares.mean(axis=0), component]))
    return np.asarray(np.std(found, axis=0, ddof=1))


def _autocorrelation(residuals: Float2D) -> float:
    n = len(residuals)
    spread = (residuals**2).sum(axis=0)
    found = [np.abs((residuals[lag:] * residuals[:-lag]).sum(axis=0) / spread).max() for lag in range(1, 6)]
    return float(max(found) * np.sqrt(n))


def _half_life(slopes: Float2D, *, venues: int, lags: int) -> float:
    """Steps until the slowest gap is halved: from the largest root of the model below the unit root of the common trend."""
    k = venues
    alpha, gammas = slopes[1:k].T, [slopes[k + i * k : k + (i + 1) * k].T for i in range(lags)]
    gap = np.column_stack([np.ones(k - 1), -np.eye(k - 1)])
    levels = np.zeros((k * (lags + 1), k * (lags + 1)))
    levels[:k, :k] = np.eye(k) + alpha @ gap
    for i, gamma in enumerate(gammas):
        levels[:k, i * k : (i + 1) * k] += gamma
        levels[:k, (i + 1) * k : (i + 2) * k] -= gamma
    levels[k:, : k * lags] = np.eye(k * lags)
    roots = np.sort(np.abs(np.linalg.eigvals(levels)))[::-1]
    slowest = roots[1]
    return float("inf") if slowest >= 1 - 1e-9 else float(np.log(0.5) / np.log(max(slowest, 1e-300)))
