"""The other participants of a dark pool: how often they come, how large, how patient, and who of them knows something."""

from __future__ import annotations

from math import exp, isfinite, log, log1p
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Bool1D, Float1D, Int1D, Int2D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS, parse_duration
from counterpoise.sim.kernels import dark_pool as k
from counterpoise.sim.kernels.random import TABLE_BITS
from counterpoise.sim.otc.markout import Markout

__all__ = ["Crowd", "DarkFlow", "DarkOutlook", "dark_outlook", "presence_after_pings"]

_QUANTILES: Final = (np.arange(1 << TABLE_BITS) + 0.5) / (1 << TABLE_BITS)
_MOST_LOTS: Final = 2**31 - 1


class Crowd(Config, frozen=True, kw_only=True):
    """Participants of one kind: sizes lognormal, in whole lots, at least one; orders follow the mid without a limit.

    Parameters
    ----------
    median_lots : float
    sigma : float
        Standard deviation of the logarithm, in [0, 4].
    patience : str
        Mean time an order rests (exponential); ``""`` for immediate or cancel.
    least_lots : int
        Smallest match that they take, or all that is left when that is less.

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    median_lots: float = 100.0
    sigma: float = 1.0
    patience: str = "10s"
    least_lots: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.median_lots <= 1e8 or not 0 <= self.sigma <= 4 or not 1 <= self.least_lots <= _MOST_LOTS:
            raise ConfigError(
                f"a crowd needs median_lots in [1, 1e8], sigma in [0, 4] and least_lots >= 1; found {self.median_lots}, "
                f"{self.sigma} and {self.least_lots}"
            )
        if self.lots[-1] > _MOST_LOTS:
            raise ConfigError(f"sizes of a crowd reach {self.lots[-1]} lots, at most 2³¹ − 1; lower median_lots or sigma")
        if self.patience:
            parse_duration(self.patience)

    @property
    def lots(self) -> Int1D:
        """2¹² equally likely sizes, rising."""
        z = np.array([NormalDist().inv_cdf(q) for q in _QUANTILES])
        return np.maximum(np.rint(np.exp(log(self.median_lots) + self.sigma * z)), 1.0).astype(np.int64)

    @property
    def patience_s(self) -> float:
        """0 for immediate or cancel."""
        return parse_duration(self.patience) / SECOND_NS if self.patience else 0.0


class DarkFlow(Config, frozen=True, kw_only=True):
    """Who else is in a dark pool: a Hawkes process driven by the lit volume, of the uninformed (natural) and the informed.

    Parameters
    ----------
    share : float
        Lots that come to the pool for each lot that trades in the lit market, on both sides and in the long run; in [0, 10].
    memory : str
        Half-life of the lit volume that drives them.
    offspring_same_side, offspring_other_side : float
        Orders that one order sets off; their sum is below 1.
    offspring_half_life : str
    natural, informed : Crowd
    informed_share : float
        Share of the orders that come from the informed, in [0, 1].
    markout : Markout
        Where the mid goes after an informed one traded with us: towards his side.

    Raises
    ------
    ConfigError
        If a number is out of its bound.

    Notes
    -----
    Only a trade with us moves the mid, once an order: what the informed do with others is in the lit path already, and without
    us that one would have traded there. Sides are symmetric; who is informed does not depend on the lit path.
    """

    share: float = 0.1
    memory: str = "30s"
    offspring_same_side: float = 0.3
    offspring_other_side: float = 0.1
    offspring_half_life: str = "1s"
    natural: Crowd = Crowd()
    informed: Crowd = Crowd(median_lots=20.0, sigma=0.7, patience="")
    informed_share: float = 0.3
    markout: Markout = Markout()

    def __post_init__(self) -> None:
        branching = self.offspring_same_side + self.offspring_other_side
        if not 0 <= self.share <= 10 or not 0 <= self.informed_share <= 1:
            raise ConfigError(f"share lies in [0, 10] and informed_share in [0, 1]; found {self.share}, {self.informed_share}")
        if min(self.offspring_same_side, self.offspring_other_side) < 0 or not branching < 1:
            raise ConfigError(
                f"offspring_same_side and offspring_other_side are at least 0 and sum to less than 1, or orders multiply "
                f"without end; found {self.offspring_same_side} and {self.offspring_other_side}"
            )
        parse_duration(self.memory)
        parse_duration(self.offspring_half_life)

    @property
    def mean_lots(self) -> float:
        """Of an order of either kind."""
        mean = (1 - self.informed_share) * self.natural.lots.mean() + self.informed_share * self.informed.lots.mean()
        return float(mean)

    @property
    def tables(self) -> Int2D:
        """(2, 2¹²) sizes [lots] of the natural and of the informed."""
        return np.stack([self.natural.lots, self.informed.lots])

    @property
    def parameters(self) -> Float1D:
        """As `sim.kernels.dark_pool` takes them."""
        branching = self.offspring_same_side + self.offspring_other_side
        decay = _per_second(self.offspring_half_life)
        par = np.zeros(k.PARAMETERS)
        par[k.PER_LOT] = self.share * (1 - branching) / (2 * self.mean_lots)
        par[k.VOLUME_DECAY], par[k.DECAY] = _per_second(self.memory), decay
        par[k.SELF], par[k.CROSS] = self.offspring_same_side * decay, self.offspring_other_side * decay
        par[k.INFORMED_SHARE] = self.informed_share
        par[k.PATIENCE : k.PATIENCE + 2] = self.natural.patience_s, self.informed.patience_s
        par[k.LEAST_LOTS : k.LEAST_LOTS + 2] = self.natural.least_lots, self.informed.least_lots
        return par


class DarkOutlook(NamedTuple):
    """What an order that rests in a pool may expect of its first match.

    Attributes
    ----------
    chance : float
        Of a match within the horizon.
    lots : float
        Mean size of it; NaN when there can be none.
    informed_share : float
        Chance that the other is informed; NaN when there can be no match.
    markout_bps : float
        Mean move of the mid against us by the last horizon of the markout; NaN when there can be no match.
    """

    chance: float
    lots: float
    informed_share: float
    markout_bps: float


def dark_outlook(flow: DarkFlow, *, lit_lots_per_s: float, lots: int, horizon: str, least_lots: int = 1) -> DarkOutlook:
    """Fill chance and toxicity of a resting order, by its least size.

        chance = 1 − exp(−λ P(match) h),    λ = share · lit lots per second / (2 · mean lots)

    Parameters
    ----------
    flow : DarkFlow
    lit_lots_per_s : float
    lots, least_lots : int
        Of the order; a least size above it means all of it.
    horizon : str

    Returns
    -------
    DarkOutlook

    Raises
    ------
    InputError
        If a size is below one lot or the volume is negative.

    Notes
    -----
    Exact for an order alone on its side, among others who do not rest and set off no offspring (Poisson). Those who rest on our
    side take some of the matches; offspring come in bursts and make a first match rarer than said here.
    """
    if lots < 1 or least_lots < 1 or not (isfinite(lit_lots_per_s) and lit_lots_per_s >= 0):
        raise InputError(
            f"{lots} lots of at least {least_lots}, beside {lit_lots_per_s} lots a second; expected 1, 1, 0 or more"
        )
    rate = flow.share * lit_lots_per_s / (2 * flow.mean_lots)
    weights = np.array([1 - flow.informed_share, flow.informed_share])
    meets = np.array([_meets(crowd, lots, least_lots).mean() for crowd in (flow.natural, flow.informed)])
    sizes = np.array(
        [(np.minimum(crowd.lots, lots) * _meets(crowd, lots, least_lots)).mean() for crowd in (flow.natural, flow.informed)]
    )
    matching = float(weights @ meets)
    if matching == 0:
        return DarkOutlook(0.0, float("nan"), float("nan"), float("nan"))
    knows = float(weights[1] * meets[1]) / matching
    chance = 1 - exp(-rate * matching * parse_duration(horizon) / SECOND_NS)
    return DarkOutlook(chance, float(weights @ sizes) / matching, knows, knows * flow.markout.bps[-1])


def presence_after_pings(
    prior: float, *, base_chance: float, filled: int, unfilled: int, ping_lots: int, least_lots: int
) -> float:
    """What an adversary who sends small orders learns: the chance that a large hidden order of ours rests there (Bayes).

    A ping that our order accepts is filled surely while we rest, and with `base_chance` by others while we do not, so

        posterior odds = prior odds / base_chance^filled,    0 after a ping that is not filled

    and a ping below our least size says nothing at all.

    Parameters
    ----------
    prior : float
        In [0, 1].
    base_chance : float
        In (0, 1]; measure it in the pool without us.
    filled, unfilled : int
        Pings by what became of them, so far apart that others' orders have changed in between.
    ping_lots : int
        Size of each.
    least_lots : int
        Smallest match that our order takes.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If a chance or a number is out of its bound.
    """
    if not 0 <= prior <= 1 or not 0 < base_chance <= 1 or min(filled, unfilled) < 0 or min(ping_lots, least_lots) < 1:
        raise InputError(
            f"prior {prior} in [0, 1], base_chance {base_chance} in (0, 1], counts {filled} and {unfilled} >= 0 and sizes "
            f"{ping_lots} and {least_lots} >= 1 expected"
        )
    if ping_lots < least_lots or prior in (0, 1):
        return prior
    if unfilled:
        return 0.0
    odds = log(prior) - log1p(-prior) - filled * log(base_chance)
    return 1 / (1 + exp(-odds))


def _meets(crowd: Crowd, lots: int, least_lots: int) -> Bool1D:
    """Of each size of a crowd, whether it and an order of ours may trade."""
    theirs = crowd.lots
    most = np.minimum(theirs, lots)
    return np.asarray(most >= np.maximum(min(least_lots, lots), np.minimum(crowd.least_lots, theirs)))


def _per_second(half_life: str) -> float:
    return log(2) * SECOND_NS / parse_duration(half_life)
