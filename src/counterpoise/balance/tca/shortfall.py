"""Implementation shortfall: what an order cost against its decision price, and by whose doing."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["FILL_PARTS", "PARTS", "Executions", "Shortfall", "fill_parts", "shortfall", "worth"]

FILL_PARTS: Final = ("delay", "spread", "impact", "timing", "fees")  # what each fill has a share of
PARTS: Final = ("delay", "spread", "impact", "timing", "opportunity", "fees", "funding")
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

    A cost is positive. delay + spread + impact + timing + opportunity + fees + funding = total.
    """

    delay: float
    spread: float
    impact: float
    timing: float
    opportunity: float
    fees: float
    funding: float
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
    funding: float = 0.0,
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
    funding : float [settle]
        Paid until the end for holding what was filled; negative when received.

    Raises
    ------
    InputError
        If a price or the quantity is not positive and finite, the side is not ±1, funding is not finite, the columns are of
        unequal length or not finite, or more was filled than wanted.

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
    if not np.isfinite(funding):
        raise InputError(f"funding is {funding}; expected a finite amount, 0 where there is none")
    e = executions
    by_fill = fill_parts(e, side=side, decision_price=decision_price, arrival_price=arrival_price, inverse=inverse)
    filled = float(e.qty.sum())
    if abs(filled - qty) <= _ROUNDING * qty:
        filled = qty
    if filled > qty:
        raise InputError(f"{filled} was filled of a parent of {qty}; reconcile with the venue")
    unfilled = qty - filled
    decision, close = (float(worth(np.array([p]), inverse=inverse)[0]) for p in (decision_price, close_price))
    parts = {name: float(cost.sum()) for name, cost in by_fill.items()}
    parts |= {"opportunity": side * unfilled * (close - decision), "funding": funding}
    parts = {name: parts[name] + 0.0 for name in PARTS}  # no -0.0 in a report
    total = sum(parts.values())
    notional = qty * abs(decision)
    return Shortfall(
        **parts,
        total=total,
        total_bps=total / notional * 1e4,
        notional=notional,
        filled_qty=filled,
        unfilled_qty=unfilled,
        average_price=_average(e, inverse) if filled else None,
        decision_price=decision_price,
        arrival_price=arrival_price,
        close_price=close_price,
    )


def fill_parts(
    executions: Executions, *, side: int, decision_price: float, arrival_price: float, inverse: bool = False
) -> dict[str, Float1D]:
    """What each fill adds to each of `FILL_PARTS` [settle], by the formulas of `shortfall`; (n,) each.

    Raises
    ------
    InputError
        If the columns are of unequal length or not finite.
    """
    e = executions
    if len({len(column) for column in e}) > 1 or not all(np.isfinite(column).all() for column in e):
        raise InputError("executions need five columns of one length, all finite; leave out fills that have no mid")
    decision, arrival = worth(np.array([decision_price, arrival_price]), inverse=inverse)
    paid, mid, market_mid = (worth(p, inverse=inverse) for p in (e.price, e.mid, e.market_mid))
    signed = side * e.qty
    return {
        "delay": signed * (arrival - decision),
        "spread": signed * (paid - mid),
        "impact": signed * (mid - market_mid),
        "timing": signed * (market_mid - arrival),
        "fees": e.fee * 1.0,
    }


def worth(price: Float1D, *, inverse: bool) -> Float1D:
    """What a unit is worth in the settle currency, rising with the price: p, or −1/p of an inverse contract."""
    return -1 / price if inverse else price


def _average(executions: Executions, inverse: bool) -> float:
    """Price at which all would have been worth the same."""
    mean = float((worth(executions.price, inverse=inverse) * executions.qty).sum() / executions.qty.sum())
    return -1 / mean if inverse else mean
