"""How the mid moves after a trade with someone who knew: a curve that is given, or fitted from fills."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import BPS, parse_duration

__all__ = ["Markout", "MarkoutFit", "fit_markout"]


class Markout(Config, frozen=True, kw_only=True):
    """Mid move after a trade, towards the side of the one who knew: linear from (0, 0) through the points, then constant.

    Parameters
    ----------
    horizons : tuple of str
        Rising durations after the trade, at least one.
    bps : tuple of float
        Move at each [bps of the mid at the trade]; the counterparty of the one who knew loses it.

    Raises
    ------
    ConfigError
        If the horizons do not rise, the numbers differ, or one is not within ±1,000 bps.
    """

    horizons: tuple[str, ...] = ("1s", "10s", "1m")
    bps: tuple[float, ...] = (0.5, 1.5, 2.5)

    def __post_init__(self) -> None:
        times = [parse_duration(text) for text in self.horizons]
        if not times or len(times) != len(self.bps) or times != sorted(set(times)):
            raise ConfigError(f"markout needs rising horizons and a move for each, found {self.horizons} and {self.bps}")
        if not all(isfinite(move) and abs(move) <= 1_000 for move in self.bps):
            raise ConfigError(f"markout moves must lie within 1,000 bps either way, found {self.bps}")

    @property
    def curve(self) -> Float2D:
        """(2, n) float64: horizons [ns] and moves [bps], as kernels take it."""
        return np.array([[parse_duration(text) for text in self.horizons], self.bps], np.float64)

    def at(self, lag_ns: Int1D) -> Float1D:
        """Move [bps] at lags ≥ 0, (m,) ns → (m,)."""
        horizons, moves = self.curve
        return np.asarray(np.interp(lag_ns, [0.0, *horizons], [0.0, *moves]), np.float64)


class MarkoutFit(NamedTuple):
    """A fitted curve and how well it is known.

    Attributes
    ----------
    markout : Markout
    errors_bps : tuple of float
        Standard error at each horizon; NaN from a single fill.
    used : tuple of int
        Fills whose horizon lies within the path; the others say nothing and are left out.
    """

    markout: Markout
    errors_bps: tuple[float, ...]
    used: tuple[int, ...]


def fit_markout(
    fill_ns: Int1D,
    side: Int1D,
    *,
    mid_ns: Int1D,
    mid: Float1D,
    horizons: tuple[str, ...],
    informed_share: float = 1.0,
) -> MarkoutFit:
    """Markout of the informed from our fills: the mean move against us, divided by the share of fills with an informed one.

        bps(h) = mean of −side · (mid(t + h) − mid(t)) / mid(t) · 10⁴ / informed_share

    Parameters
    ----------
    fill_ns : (n,) int64 [ns]
    side : (n,) int64
        Ours: +1 bought, −1 sold.
    mid_ns : (m,) int64 [ns]
        Rising; a mid holds until the next.
    mid : (m,) float64 [any unit of price]
        Positive.
    horizons : tuple of str
        Rising durations.
    informed_share : float
        In (0, 1]; 1 gives the curve of all fills together.

    Returns
    -------
    MarkoutFit

    Raises
    ------
    InputError
        If shapes differ, times do not rise, a mid is not positive, a fill lies before the first mid, or a horizon has no fill.

    Notes
    -----
    Looks at mids after the fills: an estimate for a model, no signal. Errors take fills as independent.
    """
    _require_path(mid_ns, mid)
    if len(fill_ns) != len(side) or not np.isin(side, (1, -1)).all() or not 0 < informed_share <= 1:
        raise InputError(
            f"{len(fill_ns)} fills of {len(side)} sides and an informed share of {informed_share}; expected (0, 1]"
        )
    if len(fill_ns) and int(fill_ns.min()) < int(mid_ns[0]):
        raise InputError(f"a fill at {fill_ns.min()} ns lies before the first mid at {mid_ns[0]} ns")
    start = mid[np.searchsorted(mid_ns, fill_ns, side="right") - 1]
    means, errors, used = [], [], []
    for text in horizons:
        end_ns = fill_ns + parse_duration(text)
        known = end_ns <= mid_ns[-1]
        if not known.any():
            raise InputError(f"no fill has a mid {text} later; shorten the horizons or give a longer path")
        end = mid[np.searchsorted(mid_ns, end_ns[known], side="right") - 1]
        moves = -side[known] * (end / start[known] - 1.0) / BPS / informed_share
        means.append(float(moves.mean()))
        errors.append(float(moves.std(ddof=1) / np.sqrt(len(moves))) if len(moves) > 1 else float("nan"))
        used.append(len(moves))
    return MarkoutFit(Markout(horizons=horizons, bps=tuple(means)), tuple(errors), tuple(used))


def _require_path(mid_ns: Int1D, mid: Float1D) -> None:
    if len(mid_ns) != len(mid) or not len(mid) or (np.diff(mid_ns) < 0).any():
        raise InputError(f"a path needs as many rising times as mids, at least one; found {len(mid_ns)} and {len(mid)}")
    if not (np.isfinite(mid) & (mid > 0)).all():
        raise InputError("a mid of the path is not a positive number; cut the path where the market had none")
