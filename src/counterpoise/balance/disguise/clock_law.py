"""When the next decision is: at random, within bounds, with the day's intensity; never on a clock."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincinv, gammaln

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS, parse_duration

__all__ = ["ClockLaw"]

_NODES: Final = 256
_SLOWEST: Final = 1e6  # scale of the gamma law in widths of the bounds; beyond it its mean does not change
_MOST_EVEN: Final = 20.0


class ClockLaw(Config, frozen=True, kw_only=True):
    """Gaps of a gamma law between two bounds, in time that runs as the intensity says.

    gap = least + G,    G gamma of a shape, no more than most − least, its scale such that the mean gap is `every`

    Parameters
    ----------
    every : str
        Mean gap, where the intensity is its mean.
    shape : float
        Above .5, at most 20; 1 is exponential gaps, the least told from chance; larger ones are more even.
    least, most : str
        Bounds of a gap. At a rate v an order may fall v · most behind for it: choose `most` by the schedule's band.
    intensity : tuple of float
        Of equal parts of the period, relative to each other; where it is half its mean, all gaps are twice as long.
    period : str
        Parts are counted from multiples of it since 1970 (UTC).

    Raises
    ------
    ConfigError
        If there is no such law: the mean must lie above `least`, and below what the shape can have under `most`.

    Notes
    -----
    Whoever wakes at steps of time sees a gap end at the next step; its phase on the steps is then no secret.

    References
    ----------
    Time change of a renewal process: Daley and Vere-Jones (2003), doi:10.1007/b97277, section 7.4.
    """

    every: str = "1s"
    shape: float = 1.0
    least: str = "1ms"
    most: str = "10s"
    intensity: tuple[float, ...] = (1.0,)
    period: str = "1d"

    def __post_init__(self) -> None:
        every, least, most = self._bounds_s()
        if not 0.5 < self.shape <= _MOST_EVEN:
            raise ConfigError(f"shape is {self.shape}; expected above .5, at most {_MOST_EVEN:g}")
        limit = least + (most - least) * self.shape / (self.shape + 1)
        if not least < every < limit:
            raise ConfigError(
                f"every is {self.every} between {self.least} and {self.most}; at a shape of {self.shape:g} expected a mean "
                f"above the least and below {limit:g} s"
            )
        if not self.intensity or not all(0 < part < inf for part in self.intensity):
            raise ConfigError(f"intensity is {self.intensity}; expected some positive numbers")
        if parse_duration(self.period) < len(self.intensity):
            raise ConfigError(
                f"period is {self.period}; expected at least a nanosecond for each of {len(self.intensity)} parts"
            )

    def after(self, ts_ns: int, rng: np.random.Generator, *, count: int) -> Int1D:
        """Times [ns] of the next decision of so many that are independent, each after `ts_ns`."""
        return self._later(np.full(count, ts_ns), self._gaps_s(rng.random(count)))

    def times(self, start_ns: int, end_ns: int, rng: np.random.Generator) -> Int1D:
        """One series from a start to an end, exclusive, rising."""
        found, now = [], start_ns
        while (now := int(self.after(now, rng, count=1)[0])) < end_ns:
            found.append(now)
        return np.array(found, np.int64)

    def regularity(self, share: float) -> float:
        """E[h²] of `DetectionModel`, for one who knows when each child came: h is the next one's hazard beside its mean.

        2/share² · E[(1 + r) ln(1 + r) − r] with r = share · h over time; as share → 0 it is E[h²], which is infinite for gaps
        with a bound, though only by a logarithm.

        Parameters
        ----------
        share : float
            Children an ordinary order, above 0.

        Raises
        ------
        ConfigError
            If the share is not positive.
        """
        if not 0 < share < inf:
            raise ConfigError(f"share is {share}; expected above 0")
        every, least, most = self._bounds_s()
        scale, top = _scale(self.shape, every - least, most - least)
        survivors, weights = _quadrature()
        x = gammaincinv(self.shape, top * (1 - survivors))
        density = np.exp((self.shape - 1) * np.log(x) - x - gammaln(self.shape)) / (scale * top)
        r = share * every * density / survivors
        return float(weights @ (((1 + r) * np.log1p(r) - r) * survivors / density)) / every * 2 / share**2

    def _bounds_s(self) -> tuple[float, float, float]:
        every, least, most = (parse_duration(one) / SECOND_NS for one in (self.every, self.least, self.most))
        return every, least, most

    def _gaps_s(self, uniform: Float1D) -> Float1D:
        every, least, most = self._bounds_s()
        scale, top = _scale(self.shape, every - least, most - least)
        return np.asarray(np.minimum(least + scale * gammaincinv(self.shape, uniform * top), most))

    def _later(self, ts_ns: Int1D, gaps_s: Float1D) -> Int1D:
        """Times at which the intensity's integral has grown by the gaps."""
        period_ns, parts = parse_duration(self.period), len(self.intensity)
        edges = np.arange(parts + 1) * (period_ns / parts)
        grown = np.concatenate([[0.0], np.cumsum(self.intensity)]) * (period_ns / sum(self.intensity))
        phase = ts_ns % period_ns
        turns, rest = np.divmod(np.interp(phase, edges, grown) + gaps_s * SECOND_NS, period_ns)
        ahead = turns * period_ns + np.interp(rest, grown, edges) - phase
        return np.asarray(ts_ns + np.maximum(ahead, 1.0).astype(np.int64))


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Float1D, Float1D]:
    """Gauss-Legendre nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return 0.5 * (1 - nodes), 0.5 * weights


@lru_cache(maxsize=256)
def _scale(shape: float, mean: float, most: float) -> tuple[float, float]:
    """Scale of the gamma law cut at `most` that has a mean, and the part of the whole law below the cut."""

    def excess(log_scale: float) -> float:
        x = most / np.exp(log_scale)
        return float(np.exp(log_scale) * shape * gammainc(shape + 1, x) / gammainc(shape, x)) - mean

    low, high = np.log(mean / shape) - 1e-9, np.log(_SLOWEST * most)
    inside = excess(low) < 0 < excess(high)
    scale = float(np.exp(brentq(excess, low, high, xtol=1e-13) if inside else low if excess(low) >= 0 else high))
    return scale, float(gammainc(shape, most / scale))
