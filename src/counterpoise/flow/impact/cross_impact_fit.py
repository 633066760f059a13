"""Cross-impact: how the flow of each instrument moves the others, made such that no round trip earns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.flow.column import Column, Group
from counterpoise.flow.impact.fit import Z95, Fit, block_starts, columns_of, draw_blocks, least_squares
from counterpoise.flow.impact.impact import Impact, TransientImpact, nearest_psd

__all__ = ["GROUPS", "CrossImpactFit", "fit_cross_impact"]

GROUPS: Final = (
    Group(
        "cross_impact",
        "returns of each instrument per flow of each",
        "fit_cross_impact",
        ("bins",),
        (
            Column("moved", "1", "instrument whose price moves"),
            Column("traded", "1", "instrument whose flow moves it"),
            Column("raw", "bps/million", "least squares", "even", "free"),
            Column("raw_se", "bps/million", "Newey-West standard error", "even", "free"),
            Column("impact", "bps/million", "nearest symmetric positive semidefinite matrix", "even", "free"),
            Column("impact_se", "bps/million", "block-bootstrap standard error", "even", "free"),
            Column("impact_low", "bps/million", "impact less 1.96 standard errors", "even", "free"),
            Column("impact_high", "bps/million", "impact and 1.96 standard errors", "even", "free"),
        ),
        "Schneider, Lillo (2019), arXiv 1612.07742; Benzaquen, Mastromatteo, Eisler, Bouchaud (2017), arXiv 1609.02395",
    ),
)


@dataclass(frozen=True, repr=False)
class CrossImpactFit(Fit):
    """Matrix of impact over instruments.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a pair.
    instruments : tuple of str
    raw, matrix : (k, k) float64 [bps per million of quote]
        Row is moved by column: as least squares finds it, and projected.
    r2 : (k,) float64
        Of each instrument's returns.
    n : int
        Bins with all of them.
    asymmetry : float
        ‖raw − rawᵀ‖ / ‖raw + rawᵀ‖: what symmetry costs.
    moved : float
        ‖matrix − raw‖ / ‖raw‖: what the projection changed.
    """

    frame: pl.DataFrame
    instruments: tuple[str, ...]
    raw: Float2D
    matrix: Float2D
    r2: Float1D
    n: int
    asymmetry: float
    moved: float

    def impact(self, *, propagator: TransientImpact | None = None) -> Impact:
        """The impact object.

        Parameters
        ----------
        propagator : TransientImpact, optional
            Whose kernel decays it, its own size being replaced. Without one impact stays: bins of one length say nothing of
            decay.

        Raises
        ------
        NumericalError
            If the matrix is zero.
        """
        scale = float(np.diag(self.matrix).mean())
        if scale <= 0:
            raise NumericalError("the projected matrix is zero: flow pushes no price its own way; take more data")
        shape = TransientImpact(permanent=1.0) if propagator is None else propagator
        return Impact(
            propagator=TransientImpact(
                bps_per_million=scale, permanent=shape.permanent, half_lives=shape.half_lives, weights=shape.weights
            ),
            instruments=self.instruments,
            cross=tuple(tuple(row) for row in (self.matrix / scale).tolist()),
        )


def fit_cross_impact(
    frame: pl.DataFrame,
    *,
    returns: Mapping[str, str | pl.Expr],
    flows: Mapping[str, str | pl.Expr],
    rng: np.random.Generator,
    lags: int | None = None,
    block: int | None = None,
    draws: int = 200,
) -> CrossImpactFit:
    """Regress the returns of k instruments on the flows of all of them, and project.

        r_i = a_i + Σ_j Λ_ij x_j + ε_i        Λ → nearest symmetric positive semidefinite matrix

    Parameters
    ----------
    frame : pl.DataFrame
        Bins of all instruments side by side; rows with a null are left out.
    returns, flows : mapping of instrument to str or pl.Expr
        Return of the bin [bps] and signed flow [millions of quote], the same instruments in the same order.
    rng : numpy.random.Generator
    lags : int, optional
        Of the Newey-West weights of the raw matrix.
    block : int, optional
        Bins in a block of the bootstrap; √n when not given.
    draws : int

    Raises
    ------
    InputError
        If instruments differ, a column is missing, or the span is too short.
    NumericalError
        If flows are linearly dependent.

    Notes
    -----
    In bps and millions of quote, the cost of a trade x is ½ xᵀΛx, a pure number of money, so symmetry does not hang on the
    units of the instruments. The projection takes the symmetric part and sets its negative eigenvalues to zero (Frobenius norm,
    all entries weighing the same, however well they are known). Errors of the projected matrix come from projecting every draw;
    where an eigenvalue was set to zero they are too small. O(n k² + draws k³).

    References
    ----------
    Schneider, Lillo (2019), arXiv 1612.07742: symmetry. Higham (1988) for the projection.
    """
    names = tuple(returns)
    if tuple(flows) != names or not names:
        raise InputError(f"returns of {names} and flows of {tuple(flows)}: give the same instruments in the same order")
    wanted = {f"r{i}": returns[name] for i, name in enumerate(names)} | {f"x{i}": flows[name] for i, name in enumerate(names)}
    rows = columns_of(frame, **wanted).drop_nulls().to_numpy()
    r, x = rows[:, : len(names)], rows[:, len(names) :]
    lines = [least_squares(r[:, i], x, lags=lags) for i in range(len(names))]
    raw = np.array([line.coefficients[1:] for line in lines])
    raw_se = np.array([line.errors[1:] for line in lines])
    matrix = nearest_psd(raw)
    size = int(np.sqrt(len(rows))) if block is None else block
    error = np.array([nearest_psd(each) for each in _drawn(r, x, block=size, draws=draws, rng=rng)]).std(axis=0, ddof=1)
    pairs = {"moved": np.repeat(names, len(names)), "traded": np.tile(names, len(names))}
    values = {"raw": raw, "raw_se": raw_se, "impact": matrix, "impact_se": error}
    table = pl.DataFrame(pairs | {name: value.ravel() for name, value in values.items()}).with_columns(
        impact_low=pl.col("impact") - Z95 * pl.col("impact_se"), impact_high=pl.col("impact") + Z95 * pl.col("impact_se")
    )
    norm = np.linalg.norm
    return CrossImpactFit(
        frame=table,
        instruments=names,
        raw=raw,
        matrix=matrix,
        r2=np.array([line.r2 for line in lines]),
        n=len(rows),
        asymmetry=float(norm(raw - raw.T) / norm(raw + raw.T)),
        moved=float(norm(matrix - raw) / norm(raw)),
    )


def _drawn(r: Float2D, x: Float2D, *, block: int, draws: int, rng: np.random.Generator) -> Float2D:
    """(draws, k, k) slopes of bootstrap samples, from products summed per block."""
    starts = block_starts(len(r), block=block)
    design = np.column_stack([np.ones(len(x)), x])
    square = np.add.reduceat(design[:, :, None] * design[:, None, :], starts)
    shared = np.add.reduceat(design[:, :, None] * r[:, None, :], starts)
    taken = draw_blocks(len(starts), draws=draws, rng=rng).astype(np.float64)
    solved = np.linalg.solve(np.tensordot(taken, square, 1), np.tensordot(taken, shared, 1))
    return np.asarray(solved[:, 1:].transpose(0, 2, 1))
