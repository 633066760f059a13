"""What a split of an order over venues costs: Cont and Kukanov's model of one decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["Outflow", "RoutingTerms", "VenueQueue", "cost_and_slope", "draws_of", "filled_of"]

_ROUNDING: Final = 1e-9


class Outflow(Protocol):
    """Distribution of what leaves a queue until the decision is over; a frozen one of `scipy.stats` will do."""

    def ppf(self, q: Float1D) -> Float1D: ...

    def cdf(self, x: Float1D) -> Float1D: ...


class VenueQueue(NamedTuple):
    """A venue at the moment of the decision, quantities in one unit.

    Attributes
    ----------
    name : str
    queue : float
        What rests at our best price before us.
    outflow : Outflow
        ξ: traded and cancelled before us there until the end.
    rebate : float
        r: what a fill that rested earns [money a unit], negative for a fee.
    fee : float
        f: what taking costs beyond the half spread [money a unit].
    depth : float
        What the other side shows and can be taken.
    gone : float
        Chance that it is gone when we arrive, in [0, 1): latency.
    """

    name: str
    queue: float
    outflow: Outflow
    rebate: float = 0.0
    fee: float = 0.0
    depth: float = np.inf
    gone: float = 0.0


class RoutingTerms(Config, frozen=True, kw_only=True):
    """What the decision is about, all in money a unit.

    Parameters
    ----------
    half_spread : float
        h > 0.
    impact : float
        θ: what each unit sent, and each unit bought late, moves the price against the rest.
    under, over : float
        λu, λo: penalty of what is left to be bought at the end, and of what was bought too much.
    """

    half_spread: float
    impact: float = 0.0
    under: float
    over: float

    def __post_init__(self) -> None:
        if not 0 < self.half_spread < np.inf or not all(0 <= x < np.inf for x in (self.impact, self.under, self.over)):
            raise InputError(
                "routing needs half_spread > 0, impact, under and over >= 0; found "
                f"{self.half_spread}, {self.impact}, {self.under} and {self.over}"
            )


def filled_of(limits: Float1D, room: Float2D) -> Float2D:
    """(draws, venues) what limit orders get: (ξ − Q)₊ up to their size."""
    return np.minimum(room, limits)


def cost_and_slope(
    taken: float,
    limits: Float1D,
    *,
    quantity: float,
    room: Float2D,
    rebates: Float1D,
    terms: RoutingTerms,
) -> tuple[float, Float1D]:
    """Expected cost of a split over equally likely draws, and its slopes: by what is taken, then by each limit order.

    Parameters
    ----------
    taken : float
        M; what the venues charge for it is left out.
    limits : (venues,) float64
        L.
    room : (draws, venues) float64
        (ξ − Q)₊ of each draw.

    Notes
    -----
    hM − Σ (h + r)·filled + θ(M + ΣL + (S − A)₊) + λu (S − A)₊ + λo (A − S)₊, with A = M + Σ filled: equations (2) to (4).
    """
    filled = filled_of(limits, room)
    gap = quantity - taken - filled.sum(axis=1)
    short, much = np.maximum(gap, 0.0), np.maximum(-gap, 0.0)
    h, theta = terms.half_spread, terms.impact
    cost = h * taken - float((filled @ (h + rebates)).mean()) + theta * (taken + float(limits.sum()))
    cost += float((terms.under + theta) * short.mean() + terms.over * much.mean())
    more = np.where(gap > _ROUNDING * quantity, -(terms.under + theta), terms.over)  # at the edge, the slope beyond it
    open_ = room > limits
    by_limit = (open_ * (more[:, None] - (h + rebates))).mean(axis=0) + theta
    return cost, np.append(h + theta + more.mean(), by_limit)


def draws_of(venues: Sequence[VenueQueue], uniform: Float2D) -> Float2D:
    """(draws, venues) of (ξ − Q)₊ from uniform numbers."""
    columns = [np.maximum(venue.outflow.ppf(uniform[:, k]) - venue.queue, 0.0) for k, venue in enumerate(venues)]
    return np.column_stack(columns)
