"""How soon a book recovers from sweeps, as a distribution: medians with intervals, sweeps that never recovered counted in."""

from __future__ import annotations

from math import log
from statistics import NormalDist
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.column import Column, Group

__all__ = ["GROUPS", "Median", "median_time", "resilience"]

_NEEDED: Final = (
    "side",
    "half_ns",
    "ninety_ns",
    "spread_ns",
    "watched_ns",
    "spread_before",
    "swept_before",
    "ended",
)
_KINDS: Final = (("half", log(2.0)), ("ninety", log(10.0)), ("spread", None))
_SCHEMA: Final = {
    "side": pl.Int8,
    "what": pl.String,
    "sweeps": pl.Int64,
    "recovered": pl.Int64,
    "unseen": pl.Int64,
    "unsound": pl.Int64,
    "median_ns": pl.Float64,
    "low_ns": pl.Float64,
    "high_ns": pl.Float64,
    "rho_per_s": pl.Float64,
    "rho_low_per_s": pl.Float64,
    "rho_high_per_s": pl.Float64,
}

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="resilience",
        says="how soon the book recovers from sweeps: medians with intervals, those that never recovered counted in",
        made_by="resilience",
        needs=("trades", "depth"),
        columns=(
            Column("side", "1", "of the aggressor: +1 buys, -1 sells, 0 both", "odd"),
            Column("what", "1", "half or ninety: of the lost depth; spread: as before the sweep"),
            Column("sweeps", "count", "sweeps counted"),
            Column("recovered", "count", "of them while they were watched"),
            Column("unseen", "count", "left out, because the book never showed a loss"),
            Column("unsound", "count", "left out, because the book before was not in order or the sweep was not followed"),
            Column("median_ns", "ns", "median time to recovery, null where too few recovered"),
            Column("low_ns", "ns", "lower confidence limit of it"),
            Column("high_ns", "ns", "upper confidence limit of it, null where there is none"),
            Column("rho_per_s", "1/s", "rate of an exponential recovery with that median; null of the spread"),
            Column("rho_low_per_s", "1/s", "lower confidence limit of it"),
            Column("rho_high_per_s", "1/s", "upper confidence limit of it"),
        ),
        source="Kaplan, Meier (1958); Brookmeyer, Crowley (1982); Obizhaeva, Wang (2013)",
    ),
)


class Median(NamedTuple):
    """A median and its confidence interval, in the unit of the times; None where too few ended.

    Attributes
    ----------
    value, low, high : float or None
    """

    value: float | None
    low: float | None
    high: float | None


def median_time(times: Float1D, ended: Bool1D, *, confidence: float = 0.95) -> Median:
    """Median of the time until something ends, when some were not watched until it did.

    ``S(t) = Π (1 − d/n)`` over the times up to t at which d of the n still watched ended; the median is the first with S ≤ ½,
    also when S is ½ from there to the next: of 24 times that all ended it is the twelfth.
    The interval holds the times at which ``log(−log S)`` is within z standard errors of ``log(−log ½)``; its upper end is the
    first at which it is beyond.

    Parameters
    ----------
    times : (n,) float64
        Until it ended, or until it was last seen not to have.
    ended : (n,) bool
    confidence : float
        Of the interval, within (0, 1).

    Raises
    ------
    InputError
        If lengths differ, a time is negative or not finite, or the confidence is not within (0, 1).

    Notes
    -----
    Assumes independent times, and that what ends the watch has nothing to do with what is watched for. O(n log n).

    References
    ----------
    Kaplan, Meier (1958), doi:10.1080/01621459.1958.10501452. Greenwood's variance; interval: Brookmeyer, Crowley (1982),
    doi:10.2307/2530286, with the log-log transform.

    Examples
    --------
    >>> median_time(np.array([1.0, 2.0, 3.0, 3.0]), np.array([True, True, True, False])).value
    2.0
    """
    if len(times) != len(ended) or not np.all(np.isfinite(times)) or np.any(times < 0):
        raise InputError(f"found {len(times)} times and {len(ended)} ends; expected as many, times finite and not negative")
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected between 0 and 1")
    at, ends = np.unique(times[ended], return_counts=True)
    watched = len(times) - np.searchsorted(np.sort(times), at, side="left")
    alive = np.cumprod((watched - ends) / watched)
    rounding = np.arange(1, len(at) + 1) * np.finfo(np.float64).eps  # of as many quotients and products
    alive = np.where(np.abs(alive - 0.5) <= rounding, 0.5, alive)
    last = watched == ends  # nobody is left: no variance either
    variance = np.cumsum(np.where(last, 0.0, ends / (watched * np.maximum(watched - ends, 1))))
    inside = alive > 0
    with np.errstate(divide="ignore"):
        distance = np.log(-np.log(np.where(inside, alive, 0.5))) - log(log(2.0))
        error = np.sqrt(variance) / -np.log(np.where(inside, alive, 0.5))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return Median(
        value=_first(at, alive <= 0.5),
        low=_first(at, ~inside | (distance >= -z * error)),
        high=_first(at, inside & (distance > z * error)),
    )


def resilience(sweeps: pl.DataFrame, *, confidence: float = 0.95) -> pl.DataFrame:
    """Medians of the times to recovery, per side of the aggressor and for both (0).

    Parameters
    ----------
    sweeps : polars.DataFrame
        Rows of `counterpoise.flow.book.sweeps`.
    confidence : float
        Of the intervals.

    Returns
    -------
    polars.DataFrame
        Per `side` and `what` (``half``, ``ninety``, ``spread``): `sweeps` counted and how many of them `recovered` while they
        were watched; `unseen`, left out because the book never showed a loss; `unsound`, left out because the book before was
        not in order or the sweep was not followed; `median_ns`, `low_ns`, `high_ns`; and the rate ``rho_per_s`` = ln 2 / half
        = ln 10 / ninety of an exponential recovery with that median. Null where too few recovered.

    Raises
    ------
    InputError
        If columns of a sweeps frame are missing.

    Notes
    -----
    A sweep that did not recover within patience, or whose watch ended otherwise, counts as not recovered until then. If the
    book recovers exponentially (Obizhaeva and Wang's ρ) both rates agree; where they do not, it does not.

    References
    ----------
    Obizhaeva, Wang (2013), doi:10.1016/j.finmar.2012.09.001, eq. (11): depth lost returns as exp(−ρt). `median_time` for the
    estimate.
    """
    missing = [name for name in _NEEDED if name not in sweeps.columns]
    if missing:
        raise InputError(f"resilience needs the columns of a sweeps frame; missing: {', '.join(missing)}")
    rows = [
        {"side": side, **_estimate(sweeps if side == 0 else sweeps.filter(pl.col("side") == side), what, unit, confidence)}
        for side in (0, 1, -1)
        for what, unit in _KINDS
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _estimate(sweeps: pl.DataFrame, what: str, unit: float | None, confidence: float) -> dict[str, Any]:
    """One row; `unit` is ρ times the median of an exponential recovery."""
    before = "spread_before" if unit is None else "swept_before"
    sound = sweeps.filter(pl.col(before).is_not_null() & (pl.col("ended") != "overflow"))
    seen = sound if unit is None else sound.filter((pl.col("ended") != "unseen") | pl.col(f"{what}_ns").is_not_null())
    ended = seen[f"{what}_ns"].is_not_null().to_numpy()
    times = seen.select(pl.coalesce(f"{what}_ns", "watched_ns").cast(pl.Float64)).to_series().to_numpy()
    median = median_time(times, ended, confidence=confidence)
    low, high = (median.high, median.low) if unit else (None, None)
    return {
        "what": what,
        "sweeps": seen.height,
        "recovered": int(ended.sum()),
        "unseen": sound.height - seen.height,
        "unsound": sweeps.height - sound.height,
        "median_ns": median.value,
        "low_ns": median.low,
        "high_ns": median.high,
        "rho_per_s": _rate(unit, median.value),
        "rho_low_per_s": _rate(unit, low),
        "rho_high_per_s": _rate(unit, high),
    }


def _rate(unit: float | None, time_ns: float | None) -> float | None:
    return unit / time_ns * SECOND_NS if unit and time_ns else None


def _first(at: Float1D, holds: Bool1D) -> float | None:
    found = np.flatnonzero(holds)
    return float(at[found[0]]) if len(found) else None
