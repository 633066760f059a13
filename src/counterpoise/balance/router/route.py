"""Route: how much to take, and how much to leave in which queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.stats import qmc

from counterpoise.balance.router.outcome import RoutingTerms, VenueQueue, cost_and_slope, draws_of, filled_of
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError

__all__ = ["Route", "one_venue", "route"]

_DRAWS: Final = 12  # a power of two of them
_STARTS: Final = (0.02, 0.5, 0.98)  # of what can be taken


@dataclass(frozen=True, kw_only=True)
class Route:
    """A split and what it is expected to come to.

    Attributes
    ----------
    venues : tuple of str
    taken, limits : (venues,) float64
        Sent to take, and to rest.
    filled : (venues,) float64
        Expected fill of each limit order.
    chance : (venues,) float64
        That a limit order fills whole.
    cost : float
        Expected [money], against the mid.
    short : float
        Expected shortage at the end.
    """

    venues: tuple[str, ...]
    taken: Float1D
    limits: Float1D
    filled: Float1D
    chance: Float1D
    cost: float
    short: float

    @property
    def frame(self) -> pl.DataFrame:
        """A row a venue."""
        columns = {"taken": self.taken, "limit": self.limits, "filled": self.filled, "chance": self.chance}
        return pl.DataFrame({"venue": list(self.venues), **columns})

    def lots(self, lot: float) -> pl.DataFrame:
        """``venue``, ``taken_lots``, ``limit_lots``: whole lots whose sums are those of the split, largest remainders first."""
        both = np.concatenate([self.taken, self.limits]) / lot
        whole = np.floor(both + 1e-9).astype(np.int64)
        missing = round(float(both.sum())) - int(whole.sum())
        whole[np.argsort(-(both - whole), kind="stable")[:missing]] += 1
        half = len(self.venues)
        return pl.DataFrame({"venue": list(self.venues), "taken_lots": whole[:half], "limit_lots": whole[half:]})


def one_venue(quantity: float, venue: VenueQueue, terms: RoutingTerms) -> tuple[float, float]:
    """Limit and market quantity for one venue in closed form:

        L* = F⁻¹((2h + f + r)/(λu + h + r + θ)) − Q  within [0, S],    M* = S − L*

    Parameters
    ----------
    quantity : float
        S > 0.
    venue : VenueQueue
        Its depth and latency are not looked at.
    terms : RoutingTerms

    Raises
    ------
    InputError
        If the quantity is not positive and finite.

    Notes
    -----
    If λu ≤ h + f no shortage is worth taking for, and all rests. Assumes λo large enough that nobody wants too much.

    References
    ----------
    Cont, Kukanov (2017), "Optimal order placement in limit order markets", arXiv 1210.1625, proposition 3.

    Examples
    --------
    >>> from scipy.stats import expon
    >>> terms = RoutingTerms(half_spread=0.02, impact=0.0005, under=0.05, over=0.05)
    >>> venue = VenueQueue("one", 2000, expon(scale=2200), rebate=0.002, fee=0.003)
    >>> [round(float(part), 6) for part in one_venue(1000, venue, terms)]
    [132.681226, 867.318774]
    """
    if not 0 < quantity < np.inf:
        raise InputError(f"a route needs a positive quantity, found {quantity}")
    h, theta = terms.half_spread, terms.impact
    level = (2 * h + venue.fee + venue.rebate) / (terms.under + h + venue.rebate + theta)
    if level >= 1:
        return quantity, 0.0
    limit = float(np.clip(venue.outflow.ppf(np.array([level]))[0] - venue.queue, 0.0, quantity))
    return limit, quantity - limit


def route(quantity: float, venues: Sequence[VenueQueue], terms: RoutingTerms, *, seed: int = 0) -> Route:
    """Split a quantity over venues, between taking at once and resting until the decision is over, at least expected cost.

    Parameters
    ----------
    quantity : float
        S > 0, on one side.
    venues : sequence of VenueQueue
        Outflows are independent.
    terms : RoutingTerms
    seed : int
        Of the scrambled Sobol draws.

    Returns
    -------
    Route
        Taking goes to the cheapest venues first, as far as they show depth that is not gone.

    Raises
    ------
    InputError
        If there is no venue, one stands twice, a number is out of its bound, or the quantity is not positive.

    Notes
    -----
    The expected cost is convex where λo ≥ h + max r (their proposition 1; refused otherwise) and is averaged over 4,096 draws;
    the minimum is found by sequential quadratic programming from three starts. One venue without a depth is solved in closed
    form. A tie between venues is not broken: any split between equals is as good.

    References
    ----------
    Cont, Kukanov (2017), arXiv 1210.1625, sections 2 and 4.
    """
    _require(quantity, venues, terms)
    uniform = qmc.Sobol(len(venues), rng=np.random.default_rng(seed)).random_base2(_DRAWS)
    room = draws_of(venues, uniform)
    if len(venues) == 1 and np.isinf(venues[0].depth) and not venues[0].gone:
        limit, rest = one_venue(quantity, venues[0], terms)
        return _told(quantity, venues, rest, np.array([limit]), room=room, terms=terms)

    taken, limits = _solved(quantity, venues, terms, room)
    return _told(quantity, venues, float(taken.sum()), limits, room=room, terms=terms)


def _solved(quantity: float, venues: Sequence[VenueQueue], terms: RoutingTerms, room: Float2D) -> tuple[Float1D, Float1D]:
    """(venues,) taken and (venues,) limits of least cost.

    The cost has an edge where all that is sent is just the quantity, for with a chance of its own everything fills. The excess
    e = Σ taken + Σ limits − S ≥ 0 is therefore a variable, whose bound the edge is; nobody gains by sending less.
    """
    count = len(venues)
    rebates, fees = np.array([venue.rebate for venue in venues]), np.array([venue.fee for venue in venues])

    def target(x: Float1D) -> tuple[float, Float1D]:
        taken, limits = x[1 : count + 1] * quantity, x[count + 1 :] * quantity
        cost, slope = cost_and_slope(float(taken.sum()), limits, quantity=quantity, room=room, rebates=rebates, terms=terms)
        value = (cost + float(fees @ taken)) / (quantity * terms.half_spread)
        return value, np.concatenate([[0.0], slope[0] + fees, slope[1:]]) / terms.half_spread

    widths = [min(width / quantity, 1.0) for width, _, _ in sorted(_ladder(venues), key=lambda one: one[2])]
    bounds = [(0.0, float(count)), *((0.0, width) for width in widths), *[(0.0, 1.0)] * count]
    whole = {
        "type": "eq",
        "fun": lambda x: x[1:].sum() - x[0] - 1.0,
        "jac": lambda _: np.concatenate([[-1.0], np.ones(2 * count)]),
    }
    best: Any = None
    for share in _STARTS:
        taken = np.array(widths) * share
        limits = np.full(count, max(1.0 - float(taken.sum()), 0.0) / count)
        start = np.concatenate([[float(taken.sum() + limits.sum()) - 1.0], taken, limits])
        found = minimize(
            target, start, jac=True, method="SLSQP", bounds=bounds, constraints=[whole], options={"maxiter": 300, "ftol": 1e-12}
        )
        if best is None or found.fun < best.fun:
            best = found
    x = np.clip(best.x, 0.0, None) * quantity
    return np.asarray(x[1 : count + 1]), np.asarray(x[count + 1 :])


def _require(quantity: float, venues: Sequence[VenueQueue], terms: RoutingTerms) -> None:
    if not 0 < quantity < np.inf:
        raise InputError(f"a route needs a positive quantity, found {quantity}")
    names = [venue.name for venue in venues]
    if not names or len(set(names)) < len(names):
        raise InputError(f"a route needs venues, each once; found {names}")
    for venue in venues:
        if venue.queue < 0 or venue.depth < 0 or not 0 <= venue.gone < 1:
            raise InputError(f"{venue.name}: queue and depth are 0 or more and gone lies in [0, 1); found {venue[1:]}")
    dearest = terms.half_spread + max(venue.rebate for venue in venues)
    if terms.over < dearest:
        raise InputError(
            f"over is {terms.over:g} and a fill that rests earns up to {dearest:g}: buying too much would pay; "
            "take a penalty above that"
        )


def _ladder(venues: Sequence[VenueQueue]) -> list[tuple[float, float, int]]:
    """Width, fee and venue of what can be taken, cheapest first. What is gone on arrival is not there."""
    order = sorted(range(len(venues)), key=lambda k: venues[k].fee)
    return [(venues[k].depth * (1 - venues[k].gone), venues[k].fee, k) for k in order]


def _told(
    quantity: float, venues: Sequence[VenueQueue], taken: float, limits: Float1D, *, room: Float2D, terms: RoutingTerms
) -> Route:
    each, left = np.zeros(len(venues)), taken
    for width, _, k in _ladder(venues):
        each[k] = min(width, left)
        left -= each[k]
    rebates = np.array([venue.rebate for venue in venues])
    cost, _ = cost_and_slope(taken, limits, quantity=quantity, room=room, rebates=rebates, terms=terms)
    fees = np.array([venue.fee for venue in venues])
    filled = filled_of(limits, room)
    return Route(
        venues=tuple(venue.name for venue in venues),
        taken=each,
        limits=limits,
        filled=np.asarray(filled.mean(axis=0)),
        chance=np.asarray((room >= limits).mean(axis=0)),
        cost=cost + float(fees @ each),
        short=float(np.maximum(quantity - taken - filled.sum(axis=1), 0.0).mean()),
    )
