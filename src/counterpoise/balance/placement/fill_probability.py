"""Chance that an order at its place in the queue trades before the price moves away, or within a time."""

from __future__ import annotations

from math import atan, comb, exp, inf, pi, sqrt
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded
from scipy.sparse import diags, identity, kron
from scipy.sparse.linalg import spsolve

from counterpoise.balance.placement.queue_rates import QueueRates
from counterpoise.core.arrays import Float2D
from counterpoise.core.errors import InputError

__all__ = ["diffusion_up_probability", "fill_probability", "up_probability"]

NumberT = TypeVar("NumberT", float, complex)

_TERMS: Final = 24  # of Euler's sum before it is averaged
_AVERAGED: Final = 12
_DISCRETISATION: Final = 23.0  # error about exp(−23) = 1e-10
_MOST: Final = 5_000  # orders in a queue


def fill_probability(
    own: QueueRates, opposite: QueueRates, *, ahead: int, opposite_orders: int, inside_rate: float = 0.0, horizon_s: float = inf
) -> float:
    """Chance that an order which is never cancelled trades before the price moves, and within the horizon.

    The order has n others ahead; the other side's queue holds a. With dᵢ = μ + θ i for the queue ahead, λ, Dₐ = μ' + θ' a for
    the other side's and Λ for orders that arrive inside the spread, the transform over the time p̂ᵢ(a) solves

        (s + Λ + dᵢ + λ + Dₐ) p̂ᵢ(a) = dᵢ p̂ᵢ₋₁(a) + λ p̂ᵢ(a + 1) + Dₐ p̂ᵢ(a − 1),   p̂₋₁ = 1, p̂ᵢ(0) = 0,

    one tridiagonal system a place, and p is p̂ₙ(a) at s = 0, or the inverse of p̂ₙ(a)/s at the horizon.

    Parameters
    ----------
    own : QueueRates
        Of the queue that the order stands in; its `limit` rate stands behind and does not matter.
    opposite : QueueRates
    ahead : int
        Orders ahead of ours, ≥ 0.
    opposite_orders : int
        Orders at the other side's best price, ≥ 1.
    inside_rate : float
        Λ: rate of orders of either side inside the spread [1/s]; 0 where the spread is one tick.
    horizon_s : float
        Above 0; ∞ for none.

    Raises
    ------
    InputError
        If a number is out of its bounds.

    Notes
    -----
    O(n a) for no horizon, times 37 for one. In lots: divide by the mean size of an order.

    References
    ----------
    Cont, Stoikov, Talreja (2010), doi:10.1287/opre.1090.0780, section 4.3, who invert the transform of a difference of passage
    times; the inverse here is Abate, Whitt (1995), doi:10.1287/ijoc.7.1.36, section 1 (Euler).
    """
    if ahead < 0 or opposite_orders < 1 or ahead > _MOST or opposite_orders > _MOST:
        raise InputError(
            f"an order with {ahead} ahead of it and {opposite_orders} across; expected 0 to {_MOST} and 1 to {_MOST}: "
            "count in orders of mean size"
        )
    if not 0 <= inside_rate < inf or not horizon_s > 0:
        raise InputError(f"inside_rate is {inside_rate} and horizon_s {horizon_s}; expected a finite rate >= 0 and a time > 0")
    if horizon_s == inf:
        return min(max(_transform(own, opposite, ahead, opposite_orders, inside_rate), 0.0), 1.0)
    found = 0.0
    shift = _DISCRETISATION / (2 * horizon_s)
    partial = 0.0
    weights = [comb(_AVERAGED, k) * 2.0**-_AVERAGED for k in range(_AVERAGED + 1)]
    for k in range(_TERMS + _AVERAGED + 1):
        s = complex(shift, k * pi / horizon_s)
        value = (_transform(own, opposite, ahead, opposite_orders, inside_rate + s) / s).real
        partial += value * (0.5 if k == 0 else (-1.0) ** k)
        if k >= _TERMS:
            found += weights[k - _TERMS] * partial
    return min(max(found * exp(_DISCRETISATION / 2) / horizon_s, 0.0), 1.0)


def _transform(own: QueueRates, opposite: QueueRates, ahead: int, orders: int, killed: NumberT) -> NumberT:
    """p̂ at the place, where time or an order inside the spread ends it at a rate."""
    most = opposite.longest(orders)
    deaths = opposite.deaths(most)
    births = np.full(most, opposite.limit)
    births[-1] = 0.0
    kind = np.result_type(type(killed), np.float64)
    bands = np.zeros((3, most), kind)
    bands[0, 1:] = -births[:-1]
    bands[2, :-1] = -deaths[1:]
    place: NDArray[np.complex128 | np.float64] = np.ones(most, kind)
    for i in range(ahead + 1):
        loss = own.market + own.cancel * i
        bands[1] = killed + loss + births + deaths
        place = solve_banded((1, 1), bands, loss * place, check_finite=False)
    value: NumberT = place[orders - 1].item()
    return value


def up_probability(bid: QueueRates, ask: QueueRates, *, bid_orders: int, ask_orders: int) -> float:
    """Chance that the ask queue empties before the bid queue, the spread being one tick: that the next move is up.

    Raises
    ------
    InputError
        If a queue is empty, or longer than 200 orders: the diffusion's `diffusion_up_probability` is then as good.

    Notes
    -----
    A sparse system over both queues, each cut off where it hardly ever comes.

    References
    ----------
    Cont, Stoikov, Talreja (2010), doi:10.1287/opre.1090.0780, section 4.2.
    """
    if not (1 <= bid_orders <= 200 and 1 <= ask_orders <= 200):
        raise InputError(f"queues of {bid_orders} and {ask_orders} orders; expected 1 to 200")
    return float(_up_table(bid, ask, bid_orders, ask_orders)[bid_orders - 1, ask_orders - 1])


def _up_table(bid: QueueRates, ask: QueueRates, bid_orders: int, ask_orders: int) -> Float2D:
    """(bid orders, ask orders) from 1 on."""
    (bids, bid_most), (asks, ask_most) = (
        (_generator(rates, rates.longest(orders)), rates.longest(orders))
        for rates, orders in ((bid, bid_orders), (ask, ask_orders))
    )
    into = np.zeros((bid_most, ask_most))
    into[:, 0] = ask.deaths(1)[0]
    both = kron(bids, identity(ask_most)) + kron(identity(bid_most), asks)
    return np.asarray(spsolve((-both).tocsc(), into.ravel()).reshape(bid_most, ask_most))


def _generator(rates: QueueRates, most: int) -> diags:
    deaths, births = rates.deaths(most), np.full(most, rates.limit)
    births[-1] = 0.0
    return diags([deaths[1:], -(deaths + births), births[:-1]], [-1, 0, 1])


def diffusion_up_probability(bid_lots: float, ask_lots: float, *, correlation: float = 0.0) -> float:
    """Chance that the next move is up where both queues diffuse without drift.

        p = ½ − arctan(c (a − b)/(a + b)) / (2 arctan c),   c = √((1 + ρ)/(1 − ρ))

    with b and a in units of what each queue diffuses; at ρ = −1 it is the imbalance b/(a + b).

    Parameters
    ----------
    bid_lots, ask_lots : float
        Above 0.
    correlation : float
        ρ of what happens to the two queues, in [−1, 1).

    Raises
    ------
    InputError
        If a number is out of its bounds.

    References
    ----------
    Cont, de Larrard (2013), SIAM Journal on Financial Mathematics 4, doi:10.1137/110856605; for correlated queues
    arXiv 1202.6412.
    """
    if not (0 < bid_lots < inf and 0 < ask_lots < inf and -1 <= correlation < 1):
        raise InputError(
            f"queues of {bid_lots} and {ask_lots} lots that move together by {correlation}; expected both > 0 and [-1, 1)"
        )
    tilt = (ask_lots - bid_lots) / (ask_lots + bid_lots)
    if correlation == -1:
        return (1 - tilt) / 2
    c = sqrt((1 + correlation) / (1 - correlation))
    return 0.5 - atan(c * tilt) / (2 * atan(c))
