"""Where the price is found: information shares and component shares of venues that quote the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import DataError, InputError
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.running_shares import MOST_VENUES, RunningShares
from counterpoise.flow.cross.vecm import ROWS_PER_COEFFICIENT, Moments, Vecm, moments_of, shares_of
from counterpoise.flow.impact.fit import Fit, block_starts, columns_of, draw_blocks
from counterpoise.flow.kernels import cross_moments as k

__all__ = ["GROUPS", "InformationShares", "information_shares"]

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
    It is that of `counterpoise.flow.cross.running_shares.RunningShares`, whose window is the whole sample. A row counts when it
    and the lags before it are known and follow each other on the grid. Between the bounds nothing is known: what venues do at
    the same grid point is given to the first of an ordering. Bounds narrow with a finer grid, until stale quotes pass for slow
    venues. O(k² lags² (n + draws blocks)).

    References
    ----------
    Hasbrouck (1995), doi:10.1111/j.1540-6261.1995.tb04054.x. Gonzalo, Granger (1995), doi:10.1080/07350015.1995.10524576.
    Baillie, Booth, Tse, Zabotina (2002), doi:10.1016/S1386-4181(02)00027-7: how the two are related, and the bounds.
    """
    venues = tuple(name for name in prices.columns if name != "ts")
    known, step = _on_grid(prices, venues)
    most = most_lags if lags is None else lags
    if most < 0:
        raise InputError(f"lags are 0 or more, found {most}")
    widest = _Sample(known, venues, step, lags=most, block=prices.height, blocks=1).moments()
    tried = [widest.with_lags(p) for p in (range(most + 1) if lags is None else [most])]
    bic = tuple(Vecm.fit(_enough(moments)).bic(moments.n) for moments in tried)
    chosen = int(np.argmin(bic)) if lags is None else most
    n = _Sample(known, venues, step, lags=chosen, block=prices.height, blocks=1).moments().n
    size = max(int(np.sqrt(n)), 5 * (chosen + 1)) if block is None else block
    blocks = len(block_starts(int(n), block=size)) if draws else 0
    sample = _Sample(known, venues, step, lags=chosen, block=max(size, 1), blocks=int(n) // max(size, 1) + 1)
    model = Vecm.fit(_enough(sample.moments()))
    shares, component = shares_of(model)
    errors = _errors(sample, draws=draws, rng=rng) if draws else np.full((2, len(venues)), np.nan)
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
    return InformationShares(
        frame=frame,
        venues=venues,
        lags=chosen,
        bic=bic,
        n=int(n),
        blocks=blocks,
        draws=draws,
        adjustment=model.adjustment,
        residual_correlation=model.residual_correlation,
        residual_autocorrelation=_autocorrelation(sample.residuals(model)),
        half_life_steps=model.half_life(),
    )


class _Sample:
    """Prices of a whole sample in the blocks of a stream whose window never ends."""

    def __init__(self, prices: pl.DataFrame, venues: tuple[str, ...], step: int, *, lags: int, block: int, blocks: int) -> None:
        self._prices = prices
        self._fresh = RunningShares(venues, every_ns=step, lags=lags, block=block, blocks=blocks, told=False)
        self._stream = RunningShares(venues, every_ns=step, lags=lags, block=block, blocks=blocks, told=False)
        self._stream.push({"prices": prices})

    def moments(self) -> Moments:
        return self._stream.moments()

    def whole_blocks(self) -> Float2D:
        """Blocks to draw from; the last takes what is left over."""
        blocks = self._stream.blocks()
        left = len(blocks) - int(self._stream.whole_blocks)
        if left:
            pooled = np.zeros(blocks.shape[1])
            k.pool(blocks[-2:], np.ones(2), self._stream.numbers, pooled)
            blocks = np.concatenate([blocks[:-2], pooled[None, :]])
        return blocks

    def residuals(self, model: Vecm) -> Float2D:
        """(n, k) what the model leaves of each change."""
        z = self._fresh.regression({"prices": self._prices})
        about = z - self.moments().mean
        x = about.shape[1] - model.venues
        return np.asarray(about[:, x:] - about[:, :x] @ model.slopes)

    def model(self, blocks: Float2D, weights: Float1D) -> Vecm:
        pooled = np.zeros(blocks.shape[1])
        k.pool(blocks, weights, self._stream.numbers, pooled)
        return Vecm.fit(moments_of(pooled, venues=len(self._stream.venues), lags=self._stream.lags))


def _on_grid(prices: pl.DataFrame, venues: tuple[str, ...]) -> tuple[pl.DataFrame, int]:
    """Times and prices, and the step of the grid."""
    if not 2 <= len(venues) <= MOST_VENUES or "ts" not in prices.columns:
        raise InputError(f"give ts and 2 to {MOST_VENUES} columns of prices, found {', '.join(prices.columns) or 'none'}")
    values = columns_of(prices, **{name: name for name in venues})
    if any((values[name] <= 0).any() for name in venues):
        raise InputError("prices must be positive; give null where a venue had none")
    ts = prices["ts"].to_physical()
    steps = np.diff(ts.to_numpy())
    if len(steps) == 0:
        raise InputError(f"{prices.height} grid points are no sample")
    step = int(steps.min())
    if step <= 0 or (steps % step).any():
        raise DataError(
            f"ts must ascend on an even grid; steps of {step} to {steps.max()} are found: sample again, say with 1 s bins"
        )
    return values.with_columns(ts.alias("ts")), step


def _enough(moments: Moments) -> Moments:
    """Refuse fewer rows than a model can be told from."""
    coefficients = len(moments.mean) - moments.venues + 1
    if moments.n < ROWS_PER_COEFFICIENT * coefficients:
        known = f"{int(moments.n)} grid points with all lags known"
        raise InputError(f"{known} are too few for {coefficients} coefficients; take a longer span, or fewer lags")
    return moments


def _errors(sample: _Sample, *, draws: int, rng: np.random.Generator) -> Float2D:
    """(2, k) standard errors of the mean information share and of the component share, from blocks drawn with replacement."""
    blocks, found = sample.whole_blocks(), []
    for taken in draw_blocks(len(blocks), draws=draws, rng=rng).astype(np.float64):
        shares, component = shares_of(sample.model(blocks, taken))
        found.append(np.array([shares.mean(axis=0), component]))
    return np.asarray(np.std(found, axis=0, ddof=1))


def _autocorrelation(residuals: Float2D) -> float:
    n = len(residuals)
    spread = (residuals**2).sum(axis=0)
    found = [np.abs((residuals[lag:] * residuals[:-lag]).sum(axis=0) / spread).max() for lag in range(1, 6)]
    return float(max(found) * np.sqrt(n))
