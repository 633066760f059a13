"""Transaction cost analysis: what an order cost against its decision price, and by whose doing."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["Executions", "Shortfall", "shortfall"]

_ROUNDING: Final = 1e-9


class Executions(NamedTuple):
    """Fills of one parent, as columns.

    Attributes
    ----------
    price : (n,) float64 [quote]
    qty : (n,) float64 [base; quote for an inverse contract]
    fee : (n,) float64 [settle]
    mid : (n,) float64 [quote]
        Just before each fill, as shown to us.
    market_mid : (n,) float64 [quote]
        The same without our own impact: a simulation knows it. Live, give `mid` again, and impact counts as timing.
    """

    price: Float1D
    qty: Float1D
    fee: Float1D
    mid: Float1D
    market_mid: Float1D


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """Implementation shortfall in the settle currency and in bps of the whole parent's value at the decision price.

    A cost is positive. delay + spread + impact + timing + opportunity + fees = total.
    """

    delay: float
    spread: float
    impact: float
    timing: float
    opportunity: float
    fees: float
    total: float
    total_bps: float
    notional: float
    filled_qty: float
    unfilled_qty: float
    average_price: float | None
    decision_price: float
    arrival_price: float
    close_price: float

    def bps(self, part: str) -> float:
        """One part in bps of the parent's value."""
        return float(getattr(self, part)) / self.notional * 1e4


def shortfall(
    executions: Executions,
    *,
    side: int,
    qty: float,
    decision_price: float,
    arrival_price: float,
    close_price: float,
    inverse: bool = False,
) -> Shortfall:
    """Perold's implementation shortfall, split by cause.

    With s the side, q and p the fills, D, A and C the decision, arrival and closing mids:
    delay = s Σq (A − D), spread = s Σq (p − mid), impact = s Σq (mid − market mid), timing = s Σq (market mid − A),
    opportunity = s (qty − Σq)(C − D). An inverse contract is worth −1/p coins a unit of quote: there every price p above stands
    for −1/p, quantities are in the quote currency, and all money is in coins.

    Parameters
    ----------
    executions : Executions
    side : int
        +1 buy, −1 sell.
    qty : float
        Of the parent [base; quote for an inverse contract].
    decision_price, arrival_price, close_price : float
        Mids [quote] when it was decided, when the first child could trade, and when it ended.
    inverse : bool
        Whether profit is in coins, by the inverse of the price.

    Raises
    ------
    InputError
        If a price or the quantity is not positive and finite, the side is not ±1, the columns are of unequal length or not
        finite, or more was filled than wanted.

    Notes
    -----
    What is left unfilled by less than 1e-9 of the parent is the rounding of sums, and counts as nothing.

    References
    ----------
    Perold (1988), Journal of Portfolio Management 14(3); Kissell (2006) for the split of delay and opportunity.
    """
    prices = (decision_price, arrival_price, close_price)
    if not all(0 < x < np.inf for x in (*prices, qty)) or side not in (1, -1):
        raise InputError(
            f"shortfall needs side +1 or -1, positive finite prices and quantity, found {side}, {prices} and {qty}"
        )
    e = executions
    if len({len(column) for column in e}) > 1 or not all(np.isfinite(column).all() for column in e):
        raise InputError("executions need five columns of one length, all finite; leave out fills that have no mid")
    filled = float(e.qty.sum())
    if abs(filled - qty) <= _ROUNDING * qty:
        filled = qty
    if filled > qty:
        raise InputError(f"{filled} was filled of a parent of {qty}; reconcile with the venue")
    unfilled = qty - filled
    decision, arrival, close = (_worth(np.array([p]), inverse)[0] for p in prices)
    paid, mid, market_mid = (_worth(p, inverse) for p in (e.price, e.mid, e.market_mid))
    parts = {
        "delay": side * filled * float(arrival - decision),
        "spread": side * float((e.qty * (paid - mid)).sum()),
        "impact": side * float((e.qty * (mid - market_mid)).sum()),
        "timing": side * float((e.qty * (market_mid - arrival)).sum()),
        "opportunity": side * unfilled * float(close - decision),
        "fees": float(e.fee.sum()),
    }
    parts = {name: cost + 0.0 for name, cost in parts.items()}  # no -0.0 in a report
    total = sum(parts.values())
    notional = qty * abs(float(decision))
    return Shortfall(
        **parts,
        total=total,
        total_bps=total / notional * 1e4,
        notional=notional,
        filled_qty=filled,
        unfilled_qty=unfilled,
        average_price=float(_price((paid * e.qty).sum() / filled, inverse)) if filled else None,
        decision_price=decision_price,
        arrival_price=arrival_price,
        close_price=close_price,
    )


def _worth(price: Float1D, inverse: bool) -> Float1D:
    """What a unit is worth in the settle currency, rising with the price."""
    return -1 / price if inverse else price


def _price(worth: float, inverse: bool) -> float:
    return -1 / worth if inverse else worth
