"""How large a child should be, and so how often one comes: what small orders cost against what they give away."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = ["ChildCosts", "ChildSize", "DetectionModel", "child_size"]

Numbers: TypeAlias = float | Float1D

_HALVINGS: Final = 80  # of the bracket of 1 / size


class DetectionModel(NamedTuple):
    """What an adversary who knows side, rate and law of the children gathers from each node's orders.

    Ordinary orders of the parent's side come at random at a rate Λ, of sizes with mean m and standard deviation σ; children at
    a rate f ≪ Λ, of sizes q as w(q) times as likely as there, at times h(t) times as likely as any. The log-likelihood ratio of
    what comes grows by

        ½ f²/Λ · E[w²] · E[h²]        nats a second,        E[w²] ≥ 1 + (s − m)²/σ²

    with equality for the least detectable sizes of mean s, w = 1 + (s − m)(q − m)/σ² (`SizeLaw.like`). One size of chance p
    would have E[w²] = 1/p instead, and a clock of n phases E[h²] = n.

    Attributes
    ----------
    orders_per_s, mean_lots, sd_lots : (n,) float64
        Λ, m and σ; positive.
    regularity : (n,) float64
        E[h²] ≥ 1 (`ClockLaw.regularity`); 1 for times at random.

    Notes
    -----
    With sizes weighed by volume (s = E q²/E q) it is v²/(2Λ E q²), the drift that signed flow alone gives away: d′²/2 of the
    floor, a second. Λ is of one side: whoever nets both sees half of that. Beyond that mean w would be negative somewhere, so
    it is a bound from below. Terms in (f/Λ)³ are left out.

    References
    ----------
    Likelihood ratios of marked Poisson processes: Daley and Vere-Jones (2003), doi:10.1007/b97277, sections 7.2 and 7.3.
    """

    orders_per_s: Numbers
    mean_lots: Numbers
    sd_lots: Numbers
    regularity: Numbers = 1.0

    def nats_per_s(self, rate: Numbers, lots: Numbers) -> Float1D:
        """What children of a mean size at a rate [lots/s] give away."""
        per_s, away = rate / lots, (lots - self.mean_lots) / self.sd_lots
        return np.asarray(0.5 * per_s**2 / self.orders_per_s * self.regularity * (1 + away**2), np.float64)


class ChildCosts(NamedTuple):
    """What an order costs beyond what its lots cost in any case, in any one unit of money; numbers or (n,) arrays.

    Attributes
    ----------
    fee : float
        Of an order whatever its size: a message, the gas, a venue's least fee.
    queue_s, wait_per_s : float
        A child that rests begins at the end of the queue: seconds that it takes to trade away, and what a second's wait costs.
    walk : float
        Of a lot, for each lot that its order is larger: how far through the book it reaches.
    """

    fee: Numbers = 0.0
    queue_s: Numbers = 0.0
    wait_per_s: Numbers = 0.0
    walk: Numbers = 0.0

    @property
    def per_order(self) -> Float1D:
        return np.asarray(self.fee + self.queue_s * self.wait_per_s, np.float64)

    def per_s(self, rate: Numbers, lots: Numbers) -> Float1D:
        """Cost a second of trading a rate [lots/s] in children of a size."""
        return np.asarray(self.per_order * (rate / lots) + self.walk * rate * lots, np.float64)


class ChildSize(NamedTuple):
    """Size and frequency by node.

    Attributes
    ----------
    lots : (n,) int64
    per_s : (n,) float64
        Children a second; lots · per_s is the rate.
    cost_per_s : (n,) float64
    nats_per_s : (n,) float64
        What the adversary gathers.
    """

    lots: Int1D
    per_s: Float1D
    cost_per_s: Float1D
    nats_per_s: Float1D


def child_size(
    rate: Numbers,
    seen: DetectionModel,
    costs: ChildCosts,
    *,
    price_per_nat: Numbers,
    least_lots: Numbers = 1,
    most_lots: Numbers = 2**31,
    longest_s: Numbers = np.inf,
) -> ChildSize:
    """Least cost + price · information over whole sizes s, at a frequency f = v/s.

    In x = 1/s it is strictly convex: with c an order's cost, w the walk, A = ½ price v² E[h²]/Λ,

        v c x + v w/x + A [x² + (1 − m x)²/σ²]        →        2A (1 + m²/σ²) x³ + (v c − 2A m/σ²) x² = v w

    Parameters
    ----------
    rate : (n,) float64 [lots/s]
        v ≥ 0, of each node.
    seen : DetectionModel
    costs : ChildCosts
    price_per_nat : float
        Money that a nat of the adversary's evidence is worth, ≥ 0.
    least_lots, most_lots : int
        The venue's least size or notional; the cap.
    longest_s : float
        Most time between children; it bounds the size by v · longest, not below `least_lots`.

    Raises
    ------
    InputError
        If a number is negative, not finite, or a bound is above another.

    Notes
    -----
    Nothing priced: children as large as they may be. Without information s = √(c/w); without costs s = E q²/E q, sizes as
    volume comes. A rate of 0 has the least size and no child. O(n).

    Examples
    --------
    >>> market = DetectionModel(orders_per_s=2.0, mean_lots=10.0, sd_lots=20.0)
    >>> found = child_size(np.array([3.0]), market, ChildCosts(), price_per_nat=1.0)
    >>> found.lots.tolist(), found.per_s.tolist()
    ([50], [0.06])
    """
    parts = (rate, *seen, costs.per_order, costs.walk, price_per_nat, least_lots, most_lots, longest_s)
    v, order_rate, mean, sd, regular, order_cost, walk, price, least, most, longest = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(part, np.float64)) for part in parts)
    )
    _require(np.array([v, order_cost, walk, price]), np.array([order_rate, mean, sd, regular]), least, most)
    low = np.ceil(least)
    reach = np.where(v > 0, v, 1.0) * longest
    high = np.maximum(np.floor(np.minimum(most, np.where(v > 0, reach, low))), low)
    nats = 0.5 * price * v**2 * regular / order_rate
    slope, bend = v * order_cost - 2 * nats * mean / sd**2, 2 * nats * (1 + (mean / sd) ** 2)
    below = np.clip(np.floor(1 / _least_convex(slope, bend, v * walk, low=1 / high, high=1 / low)), low, high)
    above = np.minimum(below + 1, high)

    def weighed(lots: Float1D) -> Float1D:
        return np.asarray(costs.per_s(v, lots) + price * seen.nats_per_s(v, lots))

    lots = np.where(weighed(above) < weighed(below), above, below)
    return ChildSize(lots.astype(np.int64), v / lots, costs.per_s(v, lots), seen.nats_per_s(v, lots))


def _least_convex(slope: Float1D, bend: Float1D, pole: Float1D, *, low: Float1D, high: Float1D) -> Float1D:
    """Where slope x + bend x²/2 + pole/x is least between two positive bounds: its derivative rises."""
    for _ in range(_HALVINGS):
        x = 0.5 * (low + high)
        rising = bend * x + slope - pole / x**2 > 0
        low, high = np.where(rising, low, x), np.where(rising, x, high)
    return low


def _require(amounts: Float1D, positive: Float1D, least: Float1D, most: Float1D) -> None:
    if not np.isfinite(amounts).all() or (amounts < 0).any():
        raise InputError("rates, costs, walk and price must be finite and 0 or more")
    if not np.isfinite(positive).all() or (positive <= 0).any():
        raise InputError("orders_per_s, mean_lots, sd_lots and regularity must be finite and above 0")
    if (least < 1).any() or (np.ceil(least) > np.floor(most)).any():
        raise InputError(f"least_lots {least.min():g} and most_lots {most.min():g}: expected 1 <= least_lots <= most_lots")
