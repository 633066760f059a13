"""What a standing policy may hold, lose and send; and the account that it is held against."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from math import inf
from typing import Final

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Fill
from counterpoise.market.venue import TopOfBook

__all__ = ["Budgeted", "RiskBudget"]


class RiskBudget(Config, frozen=True, kw_only=True):
    """Bounds that a policy never passes.

    Parameters
    ----------
    max_inventory : str
        Most that is held either way, live orders counted as filled: decimal quantity in the venue's unit, whole lots.
    max_loss : float
        Loss [settle currency], marked to mid and after fees, at which the policy stops for good; > 0.
    max_orders_per_s : int
        Most orders in any second; cancels are never held back. ≥ 1.

    Raises
    ------
    ConfigError
        If a bound is out of its own.
    """

    max_inventory: str
    max_loss: float
    max_orders_per_s: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.max_loss < inf or self.max_orders_per_s < 1:
            raise ConfigError(
                f"a risk budget needs a finite max_loss above 0 and max_orders_per_s of at least 1, found {self.max_loss} and "
                f"{self.max_orders_per_s}; a policy that may lose nothing cannot trade: leave it out"
            )


class Budgeted:
    """Inventory, profit and orders of one policy in one instrument, beside their bounds.

    Parameters
    ----------
    instrument : Instrument
    budget : RiskBudget

    Notes
    -----
    Profit is exact: that of a fill from its price to that of the first one, and of the inventory from there to the mid. Fees
    are taken to be in the settle currency.
    """

    def __init__(self, instrument: Instrument, budget: RiskBudget) -> None:
        self.instrument, self.budget = instrument, budget
        self.most_lots: Final = instrument.qty_grid.steps(budget.max_inventory)
        if self.most_lots < 1:
            raise ConfigError(f"max_inventory is {budget.max_inventory}; expected at least one lot of {instrument.lot}")
        self.signed_lots = 0
        self.fees = 0.0
        self._reference = 0  # price of the first fill
        self._gained = Fraction(0)
        self._sent: Final[deque[int]] = deque()
        self.loss_left = budget.max_loss
        self.stopped = ""  # why, for good; empty while it works

    def take(self, fill: Fill) -> None:
        """A fill of ours."""
        self._reference = self._reference or fill.price_ticks
        signed = fill.side * fill.qty_lots
        self.signed_lots += signed
        self.fees += fill.fee
        self._gained += self.instrument.profit(fill.price_ticks, self._reference, signed)

    def profit(self, top: TopOfBook) -> float:
        """Marked to the mean of what the inventory is worth at both touches, after fees [settle]."""
        held = Fraction(0)
        if self.signed_lots:
            ways = [self.instrument.profit(self._reference, at, self.signed_lots) for at in (top.bid_ticks, top.ask_ticks)]
            held = (ways[0] + ways[1]) / 2
        return float(self._gained + held) - self.fees

    def mark(self, top: TopOfBook) -> str:
        """Why the policy has stopped for good: empty while it may go on. The book must have two sides."""
        profit = self.profit(top)
        self.loss_left = self.budget.max_loss + min(profit, 0.0)
        if not self.stopped and profit <= -self.budget.max_loss:
            self.stopped = (
                f"loss of {-profit:.6g} {self.instrument.settle} reached its bound of {self.budget.max_loss:.6g}; "
                f"{self.signed_lots:+} lots are left: unwind them, then start anew with a new budget"
            )
        return self.stopped

    def room(self, side: int, *, live_lots: int) -> int:
        """Lots that may yet be sent on a side (±1) of which so many are live."""
        return max(0, self.most_lots - side * self.signed_lots - live_lots)

    def may_send(self, ts_ns: int) -> bool:
        """Whether one more order keeps the rate; `sent` counts it."""
        while self._sent and self._sent[0] <= ts_ns - SECOND_NS:
            self._sent.popleft()
        return len(self._sent) < self.budget.max_orders_per_s

    def sent(self, ts_ns: int) -> None:
        """An order goes out now."""
        self._sent.append(ts_ns)
