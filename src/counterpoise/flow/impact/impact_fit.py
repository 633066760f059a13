"""How far order flow moves the mid: the slope per window with its error, and how it falls with depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.impact.fit import Z95, Fit, columns_of, least_squares
from counterpoise.flow.impact.impact import Impact, TransientImpact

__all__ = ["GROUPS", "DepthRelation", "OfiImpact", "fit_depth_relation", "fit_ofi_impact"]

_MILLION: Final = 1e6
_LEAST_BINS: Final = 20

GROUPS: Final = (
    Group(
        "ofi_impact",
        "slope of mid changes on order flow per window",
        "fit_ofi_impact",
        ("bins",),
        (
            Column("ts", "ns", "end of the window's last bin"),
            Column("slope", "quote/base", "mid change per unit of flow"),
            Column("slope_se", "quote/base", "Newey-West standard error"),
            Column("slope_low", "quote/base", "slope less 1.96 standard errors"),
            Column("slope_high", "quote/base", "slope and 1.96 standard errors"),
            Column("intercept", "quote", "mid change without flow", "odd"),
            Column("r2", "1", "share of the variance of mid changes"),
            Column("n", "count", "bins with both"),
            Column("lags", "count", "of the Newey-West weights"),
            Column("mid", "quote", "mean", "price"),
            Column("depth", "base", "mean of the depth column, null when none was named", "even", "linear"),
        ),
        "Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, section 3",
    ),
    Group(
        "depth_relation",
        "how the slope falls with depth",
        "fit_depth_relation",
        ("bins",),
        (
            Column("parameter", "1", "c or lambda"),
            Column("estimate", "1", "of slope / tick = c / depth^lambda"),
            Column("se", "1", "Newey-West standard error; of c by the delta method"),
            Column("low", "1", "estimate less 1.96 standard errors; of c in logarithms"),
            Column("high", "1", "estimate and 1.96 standard errors; of c in logarithms"),
        ),
        "Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, section 3",
    ),
)


@dataclass(frozen=True, repr=False)
class OfiImpact(Fit):
    """Slopes of mid changes on order flow.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a window.
    slope, slope_se : float
        Mean over windows, and its standard error from their dispersion; of one window, its own.
    r2 : float
        Mean over windows.
    n : int
        Bins in all of them.
    """

    frame: pl.DataFrame
    slope: float
    slope_se: float
    r2: float
    n: int

    def impact(self, *, contract_value: float | None = None, permanent: float = 1.0) -> Impact:
        """The impact of trading as if a trade were order flow of its size.

        Parameters
        ----------
        contract_value : float, optional
            Quote value of one unit of flow, for inverse instruments; otherwise a unit is a coin and is worth the mid.
        permanent : float
            A slope over the same bin says nothing of decay: 1 takes it to stay, which never makes a plan too cheap.
        """
        mid = _mean(self.frame, "mid")
        worth = mid if contract_value is None else contract_value
        bps = self.slope / mid / BPS * _MILLION / worth
        if bps < 0:
            raise InputError(
                f"the slope is {self.slope:g}: buying would push the price down; there is no impact to build from it"
            )
        return Impact(propagator=TransientImpact(bps_per_million=bps, permanent=permanent))


def fit_ofi_impact(
    frame: pl.DataFrame,
    *,
    window: str | None = None,
    change: str | pl.Expr = "mid_change",
    flow: str | pl.Expr = "ofi",
    depth: str | pl.Expr | None = None,
    lags: int | None = None,
) -> OfiImpact:
    """Regress mid changes on the order flow of the same bins, window by window.

        Δmid = α + β·OFI + ε        errors after Newey and West

    Parameters
    ----------
    frame : pl.DataFrame
        Bins with ``ts``, ``mid``, and the columns below; bins with a null are left out.
    window : str, optional
        Polars duration such as ``"30m"``; all bins together when not given. Windows of fewer than 20 bins are left out.
    change, flow, depth : str or pl.Expr
        Columns, or expressions over them. `depth` is averaged per window, for `fit_depth_relation`.
    lags : int, optional
        Of the Newey-West weights, see `counterpoise.flow.impact.fit.least_squares`.

    Raises
    ------
    InputError
        If a column is missing, or no window has enough bins.
    NumericalError
        If the flow of a window is constant.

    Notes
    -----
    Contemporaneous: it explains the move of the same bin and foretells none. O(bins · lags).

    References
    ----------
    Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, section 3: 10 s bins, 30-minute windows, mean R² 65 %.
    """
    if "ts" not in frame.columns:
        raise InputError(f"the frame lacks ts; it has {', '.join(frame.columns)}")
    wanted = columns_of(frame, change=change, flow=flow, mid="mid", depth=pl.lit(None) if depth is None else depth)
    bins = wanted.with_columns(frame["ts"]).drop_nulls(["change", "flow", "mid"])
    parts = (
        [bins]
        if window is None
        else [
            part
            for _, part in bins.group_by((pl.col("ts") - pl.duration(nanoseconds=1)).dt.truncate(window), maintain_order=True)
        ]
    )
    rows = [_window(part, lags) for part in parts if part.height >= _LEAST_BINS]
    if not rows:
        raise InputError(
            f"no window has {_LEAST_BINS} bins with mid change and flow, of {bins.height} in all; take longer windows"
        )
    windows = pl.DataFrame(rows, schema_overrides={"ts": UTC_NS, "depth": pl.Float64})
    slopes = windows["slope"].to_numpy()
    error = slopes.std(ddof=1) / np.sqrt(len(slopes)) if len(slopes) > 1 else windows["slope_se"][0]
    return OfiImpact(windows, float(slopes.mean()), float(error), _mean(windows, "r2"), int(windows["n"].sum()))


def _window(bins: pl.DataFrame, lags: int | None) -> dict[str, object]:
    fit = least_squares(bins["change"].to_numpy(), bins["flow"].to_numpy(), lags=lags)
    slope, error = float(fit.coefficients[1]), float(fit.errors[1])
    return {
        "ts": bins["ts"][-1],
        "slope": slope,
        "slope_se": error,
        "slope_low": slope - Z95 * error,
        "slope_high": slope + Z95 * error,
        "intercept": float(fit.coefficients[0]),
        "r2": fit.r2,
        "n": fit.n,
        "lags": fit.lags,
        "mid": bins["mid"].mean(),
        "depth": bins["depth"].mean(),
    }


@dataclass(frozen=True, repr=False)
class DepthRelation(Fit):
    """Slope against depth: β / tick = c / depth^λ.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a parameter.
    c, c_se, exponent, exponent_se : float
        The exponent is λ.
    r2 : float
        Of the logarithms.
    n : int
        Windows.
    tick : float
        Of the slopes it was fitted to [quote].
    """

    frame: pl.DataFrame
    c: float
    c_se: float
    exponent: float
    exponent_se: float
    r2: float
    n: int
    tick: float

    def slope(self, depth: float) -> float:
        """β [quote per base] at a depth [base]."""
        return self.c * self.tick / float(depth**self.exponent)

    def impact(self, *, depth: float, mid: float, permanent: float = 1.0) -> Impact:
        """The impact of trading at this depth, as `OfiImpact.impact`."""
        bps = self.slope(depth) / mid / BPS * _MILLION / mid
        return Impact(propagator=TransientImpact(bps_per_million=bps, permanent=permanent))


def fit_depth_relation(windows: pl.DataFrame, *, tick: float, slope: str = "slope", depth: str = "depth") -> DepthRelation:
    """Regress log slope on log depth over windows.

        log(β / tick) = log c − λ log depth

    Parameters
    ----------
    windows : pl.DataFrame
        One row a window, such as `OfiImpact.frame`; rows without a positive slope and depth are left out.
    tick : float
        Price step of the slopes [quote]: the published c is for prices in ticks.
    slope, depth : str
        Columns.

    Raises
    ------
    InputError
        If a column is missing, or fewer than 4 windows are left.

    References
    ----------
    Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, section 3: c = .45, λ = .98 on average; a book of equal queues has ½ and 1.
    """
    if tick <= 0:
        raise InputError(f"a tick is positive, found {tick}")
    kept = columns_of(windows, slope=slope, depth=depth).filter((pl.col("slope") > 0) & (pl.col("depth") > 0))
    if kept.height < 4:
        raise InputError(f"{kept.height} windows have a positive slope and depth; a line through their logarithms needs 4")
    fit = least_squares(np.log(kept["slope"].to_numpy() / tick), np.log(kept["depth"].to_numpy()))
    c, exponent = float(np.exp(fit.coefficients[0])), -float(fit.coefficients[1])
    c_se, exponent_se = c * float(fit.errors[0]), float(fit.errors[1])
    frame = pl.DataFrame({"parameter": ["c", "lambda"], "estimate": [c, exponent], "se": [c_se, exponent_se]})
    spread = np.exp(Z95 * float(fit.errors[0]))  # c is positive: its interval is that of its logarithm
    low, high = [c / spread, exponent - Z95 * exponent_se], [c * spread, exponent + Z95 * exponent_se]
    frame = frame.with_columns(low=pl.Series(low), high=pl.Series(high))
    return DepthRelation(frame, c, c_se, exponent, exponent_se, fit.r2, fit.n, tick)


def _mean(frame: pl.DataFrame, column: str) -> float:
    return float(np.asarray(frame[column].to_numpy(), np.float64).mean())
