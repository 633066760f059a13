"""The square-root law: impact of whole orders against their size, with a free exponent and with one half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.optimize import least_squares as solve_least_squares

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, NumericalError
from counterpoise.flow.column import Column, Group
from counterpoise.flow.impact.fit import Z95, Fit, columns_of
from counterpoise.flow.impact.impact import Impact, TemporaryImpact

__all__ = ["GROUPS", "SquareRootFit", "fit_square_root"]

_LEAST_ORDERS: Final = 20

GROUPS: Final = (
    Group(
        "square_root",
        "impact of whole orders by size",
        "fit_square_root",
        ("bins",),
        (
            Column("law", "1", "free: exponent fitted; half: exponent one half"),
            Column("prefactor", "1", "Y of impact / volatility = Y (qty / volume)^exponent"),
            Column("prefactor_se", "1", "its standard error, heteroskedasticity allowed for"),
            Column("exponent", "1", "delta"),
            Column("exponent_se", "1", "its standard error, null where it was given"),
            Column("exponent_low", "1", "exponent less 1.96 standard errors"),
            Column("exponent_high", "1", "exponent and 1.96 standard errors"),
            Column("r2", "1", "share of the variance of impact / volatility"),
            Column("n", "count", "orders"),
        ),
        "Almgren, Thum, Hauptmann, Li (2005); Toth et al. (2011), arXiv 1105.1694",
    ),
)


@dataclass(frozen=True, repr=False)
class SquareRootFit(Fit):
    """Impact of whole orders: I = Y σ (Q/V)^δ.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a law.
    prefactor, prefactor_se, exponent, exponent_se : float
        Y and δ, both free.
    r2 : float
    n : int
    relaxation : pl.DataFrame
        ``after`` (the column's name), ``share`` of the impact at the end that is left then, and ``share_se``.
    deciles : pl.DataFrame
        By size: mean ``size`` Q/V, mean ``impact`` in volatilities with its standard error ``impact_se``, and ``fitted``.
    """

    frame: pl.DataFrame
    prefactor: float
    prefactor_se: float
    exponent: float
    exponent_se: float
    r2: float
    n: int
    relaxation: pl.DataFrame
    deciles: pl.DataFrame

    def impact(self, *, volatility_bps: float) -> Impact:
        """What an order pays on average, as a temporary impact of its share of the day's volume.

        An order that walks up Y σ (q/V)^δ pays the mean of it, Y σ (Q/V)^δ / (1 + δ).

        Parameters
        ----------
        volatility_bps : float
            σ of a day; the participation given to `Impact.cost` is then Q/V of the whole order, not of its slices.
        """
        if self.prefactor < 0 or self.exponent < 0:
            raise InputError(f"Y = {self.prefactor:g} and delta = {self.exponent:g} are no impact; fit more orders")
        bps = self.prefactor * volatility_bps / (1 + self.exponent)
        return Impact(temporary=TemporaryImpact(bps=bps, exponent=self.exponent))


def fit_square_root(
    orders: pl.DataFrame,
    *,
    side: str | pl.Expr = "side",
    qty: str | pl.Expr = "qty",
    volume: str | pl.Expr = "volume",
    volatility: str | pl.Expr = "volatility_bps",
    impact: str | pl.Expr = "impact_bps",
    after: tuple[str, ...] = (),
) -> SquareRootFit:
    """Fit side·I/σ = Y (Q/V)^δ by nonlinear least squares, and with δ = ½.

    Parameters
    ----------
    orders : pl.DataFrame
        One row a whole order (metaorder); rows with a null are left out.
    side, qty, volume, volatility, impact : str or pl.Expr
        +1 or −1; Q and the day's volume V in one unit; the day's σ and the price's change over the order in one unit. A single
        number is given as ``pl.lit(…)``.
    after : tuple of str
        Changes of price from the order's start to some time after its end: how much of the impact is left then.

    Raises
    ------
    InputError
        If a column is missing, a size or volatility is not positive, or fewer than 20 orders are left.
    NumericalError
        If the fit does not come to rest, or all sizes are equal.

    Notes
    -----
    Errors are the sandwich (J′J)⁻¹ J′diag(e²)J (J′J)⁻¹ n/(n−k): orders are taken to be independent of each other, which those
    of one day and side are not. What is left later is a ratio of means with a delta-method error. O(orders).

    References
    ----------
    Almgren, Thum, Hauptmann, Li (2005), "Direct estimation of equity market impact": δ = .6. Toth et al. (2011), arXiv
    1105.1694: ½. Bucci, Benzaquen, Lillo, Bouchaud (2018), arXiv 1901.05332: two thirds are left at the day's end, and less
    later.
    """
    columns = columns_of(orders, side=side, qty=qty, volume=volume, volatility=volatility, impact=impact)
    later = columns_of(orders, **{f"after_{name}": name for name in after})
    kept = columns.hstack(later.get_columns()).drop_nulls(columns.columns)
    if kept.height < _LEAST_ORDERS:
        raise InputError(f"{kept.height} orders are too few for a law of their sizes; give at least {_LEAST_ORDERS}")
    wrong = kept.filter(
        (pl.col("qty") <= 0) | (pl.col("volume") <= 0) | (pl.col("volatility") <= 0) | (pl.col("side").abs() != 1)
    )
    if wrong.height:
        raise InputError(
            f"{wrong.height} orders have a size, volume or volatility that is not positive, or a side that is not ±1"
        )
    x = (kept["qty"] / kept["volume"]).to_numpy()
    y = (kept["side"] * kept["impact"] / kept["volatility"]).to_numpy()
    half, half_se, half_r2 = _prefactor(x, y)
    y_free, y_se, delta, delta_se, r2 = _free(x, y, start=half)
    frame = pl.DataFrame(
        {
            "law": ["free", "half"],
            "prefactor": [y_free, half],
            "prefactor_se": [y_se, half_se],
            "exponent": [delta, 0.5],
            "exponent_se": [delta_se, None],
            "exponent_low": [delta - Z95 * delta_se, None],
            "exponent_high": [delta + Z95 * delta_se, None],
            "r2": [r2, half_r2],
            "n": [kept.height] * 2,
        }
    )
    left = pl.DataFrame(
        [_left(name, kept) for name in after], schema={"after": pl.String, "share": pl.Float64, "share_se": pl.Float64}
    )
    return SquareRootFit(frame, y_free, y_se, delta, delta_se, r2, kept.height, left, _deciles(x, y, y_free * x**delta))


def _prefactor(x: Float1D, y: Float1D) -> tuple[float, float, float]:
    """Y, its error and R² with δ = ½: a line through the origin."""
    root = np.sqrt(x)
    value = float(root @ y / (root @ root))
    left = y - value * root
    n = len(x)
    return value, float(np.sqrt(n / (n - 1) * (root**2 @ left**2)) / (root @ root)), _r2(y, left)


def _free(x: Float1D, y: Float1D, *, start: float) -> tuple[float, float, float, float, float]:
    """Y, its error, δ, its error, R²; sizes relative to their geometric mean, where Y and δ hardly pull at each other."""
    middle = float(np.log(x).mean())
    rest = np.log(x) - middle
    if np.ptp(rest) < 1e-9:
        raise NumericalError("all orders have the same size; an exponent needs sizes that differ")
    found = solve_least_squares(lambda p: p[0] * np.exp(p[1] * rest) - y, [start * np.exp(middle / 2), 0.5], x_scale="jac")
    if not found.success or not np.isfinite(found.x).all():
        raise NumericalError(f"the fit of the exponent does not come to rest ({found.message}); look at the sizes and impacts")
    level, delta = (float(value) for value in found.x)
    power = np.exp(delta * rest)
    jacobian = np.column_stack([power, level * power * rest])
    left = y - level * power
    bread = np.linalg.pinv(jacobian.T @ jacobian)
    n = len(x)
    covariance = n / (n - 2) * bread @ (jacobian * left[:, None] ** 2).T @ jacobian @ bread
    prefactor = level * np.exp(-delta * middle)
    slope = np.array([prefactor / level, -middle * prefactor])  # of Y in level and δ
    return (
        float(prefactor),
        float(np.sqrt(slope @ covariance @ slope)),
        delta,
        float(np.sqrt(covariance[1, 1])),
        _r2(y, left),
    )


def _left(name: str, kept: pl.DataFrame) -> dict[str, object]:
    """Share of the impact that is left later: mean after / mean at the end, both in volatilities."""
    pairs = kept.drop_nulls(f"after_{name}")
    scale = pairs["side"] / pairs["volatility"]
    at_end, later = (pairs["impact"] * scale).to_numpy(), (pairs[f"after_{name}"] * scale).to_numpy()
    if len(at_end) < 2 or at_end.mean() == 0:
        return {"after": name, "share": None, "share_se": None}
    share = later.mean() / at_end.mean()
    error = (later - share * at_end).std(ddof=1) / np.sqrt(len(at_end)) / abs(at_end.mean())
    return {"after": name, "share": float(share), "share_se": float(error)}


def _deciles(x: Float1D, y: Float1D, fitted: Float1D) -> pl.DataFrame:
    group = np.argsort(np.argsort(x, kind="stable"), kind="stable") * 10 // len(x)
    return (
        pl.DataFrame({"decile": group + 1, "size": x, "impact": y, "fitted": fitted})
        .group_by("decile")
        .agg(pl.col("size", "impact", "fitted").mean(), impact_se=pl.col("impact").std() / pl.len().sqrt())
        .sort("decile")
    )


def _r2(y: Float1D, left: Float1D) -> float:
    spread = float(((y - y.mean()) ** 2).sum())
    return 1 - float(left @ left) / spread if spread > 0 else float("nan")
