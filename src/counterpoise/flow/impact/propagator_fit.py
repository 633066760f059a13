"""The propagator from flow and returns: how far a trade moves the price, and how much of it is left some time later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from scipy.linalg import LinAlgError, solve_toeplitz
from scipy.optimize import nnls

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.core.units import format_duration, parse_duration
from counterpoise.flow.column import Column, Group
from counterpoise.flow.impact.fit import Z95, Fit, block_starts, columns_of, draw_blocks
from counterpoise.flow.impact.impact import Impact, TransientImpact

__all__ = ["GROUPS", "PropagatorFit", "fit_propagator"]

_LEAST_ERROR: Final = 1e-3  # of the largest: no lag weighs a million times as much as another

GROUPS: Final = (
    Group(
        "propagator",
        "displacement that a unit of flow leaves, by time since",
        "fit_propagator",
        ("bins",),
        (
            Column("lag_ns", "ns", "time since the middle of the flow's bin"),
            Column("response", "bps", "mean return in the bin so many bins after a unit of flow"),
            Column("autocorrelation", "1", "of the flow at this many bins less one"),
            Column("propagator", "bps", "G: displacement left of a unit of flow"),
            Column("propagator_se", "bps", "block-bootstrap standard error"),
            Column("propagator_low", "bps", "G less 1.96 standard errors"),
            Column("propagator_high", "bps", "G and 1.96 standard errors"),
            Column("fitted", "bps", "sum of exponentials with weights of 0 or more"),
        ),
        "Bouchaud, Gefen, Potters, Wyart (2004), Quantitative Finance 4",
    ),
)


@dataclass(frozen=True, repr=False)
class PropagatorFit(Fit):
    """A propagator by lag, and as a sum of exponentials.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a lag.
    half_lives_ns : tuple of int
    weights, weights_se : (h + 1,) float64 [bps per unit of flow]
        The permanent part first, then one for each half-life; ≥ 0. A standard error beside a weight of 0 says little: the
        estimate lies on its bound.
    n : int
        Bins with both.
    blocks, draws : int
        Of the bootstrap.
    r2 : float
        Share of the variance of returns that the propagator of the flow explains.
    r2_fitted : float
        Share of the variance of G over lags that the exponentials explain.
    """

    frame: pl.DataFrame
    half_lives_ns: tuple[int, ...]
    weights: Float1D
    weights_se: Float1D
    n: int
    blocks: int
    draws: int
    r2: float
    r2_fitted: float

    def impact(self, *, millions: float = 1.0) -> Impact:
        """The impact object, when a unit of flow is worth so many millions of quote.

        Raises
        ------
        NumericalError
            If no weight is above 0: flow does not push the price its own way.
        """
        total = float(self.weights.sum())
        if total <= 0:
            raise NumericalError("every weight of the exponentials is 0: flow does not move the price; take more data")
        kept = [
            (format_duration(h), float(w) / total) for h, w in zip(self.half_lives_ns, self.weights[1:], strict=True) if w > 0
        ]
        permanent = 1 - sum(share for _, share in kept)
        if not kept or permanent >= 1:
            return Impact(propagator=TransientImpact(bps_per_million=total / millions, permanent=1.0))
        shares = np.array([share for _, share in kept])
        return Impact(
            propagator=TransientImpact(
                bps_per_million=total / millions,
                permanent=max(permanent, 0.0),
                half_lives=tuple(text for text, _ in kept),
                weights=tuple((shares / shares.sum()).tolist()),
            )
        )


class _Sums(NamedTuple):
    """Products summed per block, (blocks, lags) each: return × flow, flow × flow, and how many there were."""

    response: Float2D
    flow: Float2D
    pairs: Float2D


def fit_propagator(
    frame: pl.DataFrame,
    *,
    step_ns: int,
    rng: np.random.Generator,
    change: str | pl.Expr = "return_bps",
    flow: str | pl.Expr = "flow",
    lags: int = 60,
    half_lives: tuple[str, ...] = ("1s", "10s", "2m"),
    block: int | None = None,
    draws: int = 200,
) -> PropagatorFit:
    """Fit G of r_t = Σ_{l≥1} [G(l) − G(l−1)] x_{t−l+1} + ε, G(0) = 0, from signed flow and returns of the same bins.

    Parameters
    ----------
    frame : pl.DataFrame
        Bins of one length in order, none missing; a null excludes the products it is in.
    step_ns : int
        Length of a bin; in trade time, the mean time between trades.
    rng : numpy.random.Generator
    change, flow : str or pl.Expr
        Return of the bin [bps], and what was bought less what was sold in it (signs, coins, or millions of quote).
    lags : int
        L. G is taken to be constant from there on.
    half_lives : tuple of str
        Of the exponentials, beside a permanent part.
    block : int, optional
        Bins in a block of the bootstrap; the larger of 2 L and √n when not given.
    draws : int
        Of the bootstrap.

    Raises
    ------
    InputError
        If a column is missing or the span too short.
    NumericalError
        If the flow is constant, or its autocorrelations have no inverse.

    Notes
    -----
    With response R(l) = E[r_{t+l} x_t] and autocovariance C(l), the increments κ solve the Toeplitz system Σ_m C(|l − m|) κ(m)
    = R(l), and G is their running sum. A bin's flow is taken to come in its middle, so G(l) is the displacement (l − ½) bins
    after. The exponentials are fitted to G by least squares with weights 1/se², all coefficients ≥ 0. Flow beyond L lags that
    still acts is not seen, and whoever trades because of the price makes G too large. O(n L + draws (L² + blocks L)).

    References
    ----------
    Bouchaud, Gefen, Potters, Wyart (2004), Quantitative Finance 4, 176-190, arXiv cond-mat/0307332. Lawson, Hanson (1974) for
    the non-negative least squares.
    """
    if lags < 2 or step_ns <= 0:
        raise InputError(f"a propagator needs at least 2 lags and a positive step, found {lags} and {step_ns} ns")
    rates = np.array([0.0, *(np.log(2) / parse_duration(text) for text in half_lives)])
    columns = columns_of(frame, change=change, flow=flow)
    r, x, sound = _centred(columns, lags=lags)
    starts = block_starts(len(r), block=max(2 * lags, int(np.sqrt(len(r)))) if block is None else block)
    sums = _lagged(r, x, sound, starts=starts, lags=lags)
    kernel, response, covariance = _solve(sums, np.ones(len(starts)))
    drawn = np.array([_solve(sums, taken)[0] for taken in draw_blocks(len(starts), draws=draws, rng=rng)])
    error = drawn.std(axis=0, ddof=1)
    after = (np.arange(lags) + 0.5) * step_ns
    basis = np.exp(-np.outer(after, rates))
    weights = _exponentials(basis, kernel, error)
    table = pl.DataFrame(
        {
            "lag_ns": after.astype(np.int64),
            "response": response / covariance[0],
            "autocorrelation": covariance / covariance[0],
            "propagator": kernel,
            "propagator_se": error,
            "propagator_low": kernel - Z95 * error,
            "propagator_high": kernel + Z95 * error,
            "fitted": basis @ weights,
        }
    )
    explained = np.convolve(x, np.diff(kernel, prepend=0.0))[: len(r)]
    return PropagatorFit(
        frame=table,
        half_lives_ns=tuple(parse_duration(text) for text in half_lives),
        weights=weights,
        weights_se=np.array([_exponentials(basis, each, error) for each in drawn]).std(axis=0, ddof=1),
        n=int(sound.sum()),
        blocks=len(starts),
        draws=draws,
        r2=_share(r[sound], explained[sound]),
        r2_fitted=_share(kernel, basis @ weights),
    )


def _centred(columns: pl.DataFrame, *, lags: int) -> tuple[Float1D, Float1D, Bool1D]:
    """Return and flow less their means, 0 where either is unknown, and where both are known."""
    r, x = (columns[name].fill_null(float("nan")).to_numpy() for name in ("change", "flow"))
    sound = np.isfinite(r) & np.isfinite(x)
    n = int(sound.sum())
    if n < 10 * lags or np.ptp(x[sound]) == 0:
        raise InputError(f"{n} bins with a return, and flow that varies, are too few for {lags} lags; give 10 for each lag")
    return np.where(sound, r - r[sound].mean(), 0.0), np.where(sound, x - x[sound].mean(), 0.0), sound


def _lagged(r: Float1D, x: Float1D, sound: Bool1D, *, starts: Int1D, lags: int) -> _Sums:
    """Products of x_t with what comes l bins later, by the block that t lies in."""
    out = np.zeros((3, len(starts), lags))
    held = sound.astype(np.float64)
    for lag in range(lags):
        for i, (now, later) in enumerate(((x, r), (x, x), (held, held))):
            products = np.zeros(len(x))
            products[: len(x) - lag] = now[: len(x) - lag] * later[lag:]
            out[i, :, lag] = np.add.reduceat(products, starts)
    return _Sums(*out)


def _solve(sums: _Sums, taken: AnyArray) -> tuple[Float1D, Float1D, Float1D]:
    """G, R and C of blocks taken so many times each."""
    count = np.maximum(taken @ sums.pairs, 1)
    response, covariance = taken @ sums.response / count, taken @ sums.flow / count
    try:
        increments = solve_toeplitz(covariance, response)
    except LinAlgError as error:
        raise NumericalError(f"the flow's autocorrelations have no inverse ({error}); take fewer lags or more data") from error
    return np.cumsum(increments), response, covariance


def _share(y: Float1D, explained: Float1D) -> float:
    """Share of the variance of y; NaN when it has none."""
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - float(((y - explained) ** 2).sum()) / spread if spread > 0 else float("nan")


def _exponentials(basis: Float2D, kernel: Float1D, error: Float1D) -> Float1D:
    largest = float(error.max())
    scale = largest / np.maximum(error, _LEAST_ERROR * largest) if largest > 0 else np.ones(len(error))
    weights, _ = nnls(basis * scale[:, None], kernel * scale)
    return np.asarray(weights, np.float64)
