"""What a place in the queue is worth: the chance of a fill times the spread it earns, less what it is filled against."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["QueueMarket", "QueueValue", "queue_value"]


class QueueMarket(Config, frozen=True, kw_only=True):
    """What happens to an order that rests at the touch.

    Parameters
    ----------
    trade_rate : float
        μ: trades against its side, and as many against the other [1/s], > 0.
    trade_lots : tuple of float
        f: chance that such a trade is of 1, 2, … lots; sums to 1.
    impact : float
        κ: what a lot traded moves the value of the instrument, up for a buy [ticks], ≥ 0.
    cancel_rate : float
        θ: cancellations of each lot ahead [1/s], ≥ 0.
    away_rate, through_rate : float
        Jumps of the price away from the order, which then is pulled, and through it, which fill it [1/s], ≥ 0.
    jump : float
        J: what the value moves against an order in a jump through it [ticks], ≥ 0.
    """

    trade_rate: float
    trade_lots: tuple[float, ...] = (1.0,)
    impact: float = 0.0
    cancel_rate: float = 0.0
    away_rate: float = 0.0
    through_rate: float = 0.0
    jump: float = 1.0

    def __post_init__(self) -> None:
        rates = (self.impact, self.cancel_rate, self.away_rate, self.through_rate, self.jump)
        if not 0 < self.trade_rate < inf or not all(0 <= rate < inf for rate in rates):
            raise InputError(
                "a queue's market needs a finite trade_rate > 0 and finite impact, cancel_rate, away_rate, through_rate and "
                f"jump >= 0, found {self.trade_rate} and {rates}"
            )
        if not self.trade_lots or min(self.trade_lots) < 0 or abs(sum(self.trade_lots) - 1) > 1e-9:
            raise InputError(f"chances of trades of 1, 2, … lots are {self.trade_lots}; expected >= 0 with sum 1")


class QueueValue(NamedTuple):
    """Value of each place; V(q, δ) = α(q) δ − β(q).

    Attributes
    ----------
    filled : (n,) float64
        α: chance that an order with q = 0, 1, … lots ahead is filled.
    adverse_ticks : (n,) float64
        β: what the value of the instrument is expected to have moved against it by its fill, times that chance.
    """

    filled: Float1D
    adverse_ticks: Float1D

    def ticks(self, ahead: int, *, earned: float) -> float:
        """Value of a place [ticks].

        Parameters
        ----------
        ahead : int
            Lots ahead, one of those that were solved for.
        earned : float
            δ: what a fill now would earn against the value of the instrument, half the spread and the rebate [ticks].

        Raises
        ------
        InputError
            If the place was not solved for.
        """
        if not 0 <= ahead < len(self.filled):
            raise InputError(f"{ahead} lots ahead; expected 0 to {len(self.filled) - 1}: solve for more places")
        return float(self.filled[ahead] * earned - self.adverse_ticks[ahead])


def queue_value(market: QueueMarket, *, most_ahead: int) -> QueueValue:
    """Value of every place from the front on, for an order of one lot.

    With R = μ + θ q + a + t, trades of u lots, κ their impact and ū their mean size,

        R α(q) = μ [Σ_{u≤q} f(u) α(q−u) + F(u>q)] + θ q α(q−1) + t
        R β(q) = μ [Σ_{u≤q} f(u) (β(q−u) + κ u α(q−u)) + κ E u·1{u>q} − κ ū α(q)] + θ q β(q−1) + t J,

    the term −κ ū α(q) being trades of the other side, which raise the value while the order waits.

    Parameters
    ----------
    market : QueueMarket
    most_ahead : int
        Greatest q, ≥ 0.

    Raises
    ------
    InputError
        If most_ahead is negative.

    Notes
    -----
    The static part of the value is δ − κ E[u | u > q]: who stands far back is filled by large trades only, which know more.
    The rest is the option to wait at that place. O(n · sizes). Lots in place of the paper's continuous queue.

    References
    ----------
    After Moallemi, Yuan (2017), A Model for Queue Position Valuation in a Limit Order Book, SSRN 2996221
    (doi:10.2139/ssrn.2996221), whose value is likewise affine in what a fill earns.
    """
    if most_ahead < 0:
        raise InputError(f"most_ahead is {most_ahead}; expected 0 or more")
    f, mu = np.array(market.trade_lots), market.trade_rate
    sizes = np.arange(1, len(f) + 1)
    mean_impact = market.impact * float(f @ sizes)
    alpha, beta = np.zeros(most_ahead + 1), np.zeros(most_ahead + 1)
    for q in range(most_ahead + 1):
        inside = min(q, len(f))
        back = q - sizes[:inside]
        cancels = market.cancel_rate * q
        rate = mu + cancels + market.away_rate + market.through_rate
        before, lost = (alpha[q - 1], beta[q - 1]) if q else (0.0, 0.0)
        alpha[q] = (mu * (f[:inside] @ alpha[back] + f[inside:].sum()) + cancels * before + market.through_rate) / rate
        trades = f[:inside] @ (beta[back] + market.impact * sizes[:inside] * alpha[back])
        trades += market.impact * (f[inside:] @ sizes[inside:]) - mean_impact * alpha[q]
        beta[q] = (mu * trades + cancels * lost + market.through_rate * market.jump) / rate
    return QueueValue(alpha, beta)
