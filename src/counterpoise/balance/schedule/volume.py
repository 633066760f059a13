"""Schedules in the market's own time: as volume is expected to come, and as it comes."""

from __future__ import annotations

import numpy as np

from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.balance.schedule.twap import twap
from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["level_certainty", "pov", "updated_vwap", "vwap"]


def vwap(qty_lots: int, *, times_ns: Int1D, volume: Float1D) -> Schedule:
    """In proportion to the volume expected in each slice.

    Parameters
    ----------
    qty_lots : int
        Of the parent, > 0.
    times_ns : (n + 1,) int64
        Edges of the slices, increasing.
    volume : (n,) float64
        Expected in each, any unit, ≥ 0: a mean by time of day, or what a forecast of the day says by now.

    Raises
    ------
    InputError
        If shapes do not fit, times do not increase, or there is no volume at all.

    References
    ----------
    Konishi (2002), Journal of Financial Markets 5: with volume and price independent this tracks the VWAP best.

    Examples
    --------
    >>> vwap(10, times_ns=np.array([0, 10, 20]), volume=np.array([1.0, 3.0])).cumulative_lots.tolist()
    [3, 10]
    """
    return updated_vwap(qty_lots, times_ns=times_ns, volume=volume, seen=np.zeros(0), certainty=np.inf)


def updated_vwap(qty_lots: int, *, times_ns: Int1D, volume: Float1D, seen: Float1D, certainty: float) -> Schedule:
    """In proportion to what others traded so far, and to the past's curve at the level of this day from now on:

        done by slice j = X (S + θ̂ Σ_{m<i≤j} v_i) / (S + θ̂ Σ_{i>m} v_i),    θ̂ = (c + S)/(c + Σ_{i≤m} v_i)

    with S what was seen in the first m slices. θ̂ is the posterior mean of the day's level if that is gamma distributed around 1
    and volume, given it, comes in Poisson trades.

    Parameters
    ----------
    qty_lots : int
        X > 0, of the whole parent.
    times_ns : (n + 1,) int64
        Edges of the slices, increasing.
    volume : (n,) float64
        v, expected in each, ≥ 0.
    seen : (m,) float64
        Traded by others in each slice that has ended, in the unit of `volume`; own volume is left out.
    certainty : float
        c ≥ 0, in the unit of `volume`: how much volume the past's level is worth, see `level_certainty`. 0 believes the day
        alone, ``inf`` keeps the past's level.

    Returns
    -------
    Schedule
        The slices that have ended hold what should have been done in them, by what is known now.

    Raises
    ------
    InputError
        If shapes do not fit, times do not increase, there is no volume at all, or the certainty is below 0.

    Notes
    -----
    The level alone is updated: what is left of the order is spread by the past's curve as before, but how much should be done
    by now follows the share of the day's volume that has passed.

    Examples
    --------
    >>> day = {"times_ns": np.array([0, 10, 20, 30, 40]), "volume": np.array([10.0, 20.0, 20.0, 50.0])}
    >>> updated_vwap(100, **day, seen=np.array([40.0]), certainty=10.0).cumulative_lots.tolist()
    [15, 34, 53, 100]
    """
    if len(times_ns) != len(volume) + 1 or not len(volume) or (np.diff(times_ns) <= 0).any():
        raise InputError(f"{len(volume)} slices have {len(volume) + 1} increasing edges, found {len(times_ns)}")
    if len(seen) > len(volume) or not np.isfinite(seen).all() or (seen < 0).any() or not certainty >= 0:
        raise InputError(
            f"volume seen is finite, >= 0, and of at most {len(volume)} slices, and the certainty is at least 0; "
            f"found {seen} and {certainty}"
        )
    if qty_lots <= 0 or not np.isfinite(volume).all() or (volume < 0).any() or volume.sum() <= 0:
        raise InputError("a volume schedule needs lots to trade, and a finite volume >= 0 in each slice that is not 0 in all")
    passed = float(volume[: len(seen)].sum())
    known = certainty + passed
    level = (certainty + float(seen.sum())) / known if 0 < known < np.inf else 1.0
    path = np.cumsum(np.concatenate([seen, level * volume[len(seen) :]]))
    if path[-1] <= 0:  # nothing came, nothing is believed to come: as the past had it
        path = np.cumsum(volume)
    return Schedule(times_ns[:-1], times_ns[1:], whole_lots(path, qty_lots=qty_lots))


def level_certainty(days: Float2D) -> float:
    """How much volume the past's level is worth: c = u / Var(θ), by the moments of past days.

        v = mean of the days,    θ_d = Σ_j V_dj / Σ_j v_j,    u = mean of (V_dj − θ_d v_j)² / (θ_d v_j) · n/(n − 1)

    A slice's volume varies by u times its mean given the day's level θ, so a day's total by u Σv more than the level does.

    Parameters
    ----------
    days : (d, n) float64
        Volume of each slice of past days, d and n at least 2.

    Returns
    -------
    float
        In the unit of the volume, for `updated_vwap`; ``inf`` if days do not differ by more than their slices explain.

    Raises
    ------
    InputError
        If there are fewer than two days or slices, or a number is not finite or below 0, or there is no volume.
    """
    volume = np.asarray(days, np.float64)
    if volume.ndim != 2 or min(volume.shape) < 2 or not np.isfinite(volume).all() or (volume < 0).any() or not volume.any():
        raise InputError(
            f"expected volume of two days or more in two slices or more, finite and >= 0; found shape {volume.shape}"
        )
    curve = volume.mean(axis=0)
    level = volume.sum(axis=1) / curve.sum()
    expected = np.outer(level, curve)
    uneven = np.divide((volume - expected) ** 2, expected, out=np.zeros_like(volume), where=expected > 0)
    free = np.count_nonzero(level) * (np.count_nonzero(curve) - 1)
    unit = float(uneven.sum() / free) if free else 0.0
    spread = float(level.var(ddof=1)) - unit / float(curve.sum())
    return unit / spread if spread > 0 else float("inf")


def pov(qty_lots: int, *, start_ns: int, end_ns: int, slice_ns: int) -> Schedule:
    """All is due from the first slice on: the parent's `max_participation` p alone rules, own ≤ p/(1 − p) × what others traded.

    Raises
    ------
    InputError
        As `twap`.

    Examples
    --------
    >>> pov(10, start_ns=0, end_ns=30, slice_ns=10).cumulative_lots.tolist()
    [10, 10, 10]
    """
    even = twap(qty_lots, start_ns=start_ns, end_ns=end_ns, slice_ns=slice_ns)
    return even._replace(cumulative_lots=np.full_like(even.cumulative_lots, qty_lots))
