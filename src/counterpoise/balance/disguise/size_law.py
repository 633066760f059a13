"""Sizes of children: drawn as the market's own come, of a mean that is wanted, and never the same twice running."""

from __future__ import annotations

from math import atan, cos, pi, sin
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["SizeLaw"]

_EDGE: Final = 1e-9


class SizeLaw(NamedTuple):
    """A distribution over whole lots.

    Attributes
    ----------
    lots : (n,) int64
        Sizes that can come, ascending.
    up_to : (n,) float64
        Chance of each or a smaller one; the last is 1.
    """

    lots: Int1D
    up_to: Float1D

    @classmethod
    def around(cls, mean: float) -> SizeLaw:
        """Whole lots from half to one and a half times a mean, all alike; 1 lot where that is less."""
        low = max(int(0.5 * mean), 1)
        lots = np.arange(low, max(int(1.5 * mean), low) + 1)
        return cls(lots, np.arange(1, len(lots) + 1) / len(lots))

    @classmethod
    def like(cls, sizes: ArrayLike, *, mean: float, chances: ArrayLike | None = None, most: float = np.inf) -> SizeLaw:
        """The sizes of a market's own orders, weighed so that they have a mean: of all such laws the least detectable.

        p(q) ∝ p0(q) · (1 + t (q − m))⁺ has the least E₀[(p/p0)²], the rate at which few children among many orders give
        themselves away (`DetectionModel`). t > 0 where the mean wanted is above the market's m. At E q² / E q sizes come as
        volume does; well beyond, small ones do not come at all.

        Parameters
        ----------
        sizes : (k,) int64 [lots]
            Of aggressive orders, as often as they came, or each once with its chance.
        mean : float
            Wanted; moved inside the sizes there are up to `most`.
        chances : (k,) float64, optional
            Of each size, in any scale.
        most : float
            No size above it comes, but the least one may.

        Raises
        ------
        InputError
            If there is no size, one is below 1, or chances do not fit.

        Notes
        -----
        O(k log k). Lagrange conditions of the least χ² under two linear constraints and p ≥ 0.
        """
        lots, base = _weighed(sizes, chances)
        kept = max(int(np.searchsorted(lots, most, side="right")), 1)
        lots, base = lots[:kept], base[:kept] / base[:kept].sum()
        centre = float(base @ lots)
        spread = float(np.sqrt(base @ (lots - centre) ** 2))
        if spread == 0:
            return cls(lots, np.cumsum(base))
        z = (lots - centre) / spread
        wanted = (mean - centre) / spread

        def tilted(angle: float) -> Float1D:
            part = base * np.maximum(cos(angle) + sin(angle) * z, 0.0)
            return np.asarray(part / part.sum())

        low, high = -0.5 * pi - atan(-z[0]) + _EDGE, 0.5 * pi + atan(z[-1]) - _EDGE
        if wanted <= tilted(low) @ z:
            angle = low
        elif wanted >= tilted(high) @ z:
            angle = high
        else:
            angle = float(brentq(lambda a: float(tilted(a) @ z) - wanted, low, high))
        found = tilted(angle)
        return cls(lots[found > 0], np.cumsum(found[found > 0]))

    @property
    def chances(self) -> Float1D:
        return np.diff(self.up_to, prepend=0.0)

    @property
    def mean(self) -> float:
        return float(self.chances @ self.lots)

    def draw(self, rng: np.random.Generator, *, most: int, last: int = 0, urgency: float = 0.0) -> int:
        """A size of at most `most` lots that is not the last one.

        Parameters
        ----------
        rng : numpy.random.Generator
            Gives one number.
        most : int
            What is left of the order, of the cap or of the limit: all of it, where a larger size comes.
        last : int
            Shown before.
        urgency : float
            In [0, 1): so great a part of the law, the small sizes, does not come.

        Returns
        -------
        int
            Where nothing but the last size may come, another at random, less than it by half at most; the last again where that
            is 1 lot and so is `most`; 0 where `most` is 0.
        """
        u = urgency + (1.0 - urgency) * rng.random()
        size = min(self._other(u, last), most)
        if size != last:
            return size
        if size <= 1:
            return min(2, most)
        low = (size + 1) // 2
        return low + int(u * (size - low))

    def _other(self, u: float, last: int) -> int:
        """The size below which a part u of the law lies, its last size left out."""
        at = int(np.searchsorted(self.lots, last))
        if at == len(self.lots) or self.lots[at] != last:
            return int(self.lots[min(int(np.searchsorted(self.up_to, u, side="right")), len(self.lots) - 1)])
        if len(self.lots) == 1:
            return last
        before = float(self.up_to[at - 1]) if at else 0.0
        held = float(self.up_to[at]) - before
        mark = u * (1.0 - held)
        found = int(np.searchsorted(self.up_to, mark + held if mark >= before else mark, side="right"))
        found = min(found, len(self.lots) - 1)
        if found == at:  # rounding at its edge
            found += 1 if at + 1 < len(self.lots) else -1
        return int(self.lots[found])


def _weighed(sizes: ArrayLike, chances: ArrayLike | None) -> tuple[Int1D, Float1D]:
    """Each size once, ascending, and its weight."""
    raw = np.asarray(sizes, np.int64)
    weight = np.ones(len(raw)) if chances is None else np.asarray(chances, np.float64)
    if not len(raw) or raw.min() < 1:
        raise InputError(f"{len(raw)} sizes, the least {raw.min() if len(raw) else 'of none'}; expected some of 1 lot or more")
    if weight.shape != raw.shape or not np.isfinite(weight).all() or (weight <= 0).any():
        raise InputError(f"{len(weight)} chances for {len(raw)} sizes; expected one each, finite and above 0")
    lots, place = np.unique(raw, return_inverse=True)
    return lots, np.asarray(np.bincount(place, weight), np.float64)
