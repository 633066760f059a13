"""What a child of a parent may be: its price, and its size by schedule, cap and dust."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Final

from counterpoise.balance.parent.config import ParentConfig
from counterpoise.core.units import BPS
from counterpoise.market.instrument import Instrument
from counterpoise.market.venue import TopOfBook

__all__ = ["Terms"]


class Terms:
    """Prices and sizes of a parent, from its config alone.

    Parameters
    ----------
    instrument : Instrument
    config : ParentConfig
    twice_mid : int
        The first that was seen [half ticks], which `limit_bps` counts from; 0 for none yet.
    """

    def __init__(self, instrument: Instrument, config: ParentConfig, *, twice_mid: int = 0) -> None:
        self.instrument, self.config, self.twice_mid = instrument, config, twice_mid
        self.side: Final = 1 if config.side == "buy" else -1
        self.qty_lots: Final = instrument.qty_grid.steps(config.qty)
        self._most, self._least = (_others(share) for share in (config.max_participation, config.min_participation))
        self._would = instrument.price_grid.steps(config.would_price) if config.would_price else 0
        self._limit = instrument.price_grid.steps(config.limit_price) if config.limit_price else 0
        if config.limit_bps and twice_mid:
            exact = twice_mid / 2 * (1 + self.side * config.limit_bps * BPS)
            self._limit = self._better(self._limit, floor(exact) if self.side > 0 else ceil(exact))

    def _better(self, price: int, other: int) -> int:
        """The one that is better for us; 0 is none."""
        if not price or not other:
            return price or other
        return min(price, other) if self.side > 0 else max(price, other)

    def opposite(self, top: TopOfBook) -> int:
        """The other side's best price."""
        return top.ask_ticks if self.side > 0 else top.bid_ticks

    def reaches(self, top: TopOfBook) -> bool:
        """Whether the limit prices let us trade with the other side's touch."""
        return not self._limit or self.side * (self._limit - self.opposite(top)) >= 0

    def would(self, top: TopOfBook) -> bool:
        """Whether the other side's touch is one at which all that is left may trade."""
        return bool(self._would) and self.side * (self._would - self.opposite(top)) >= 0

    def price(self, top: TopOfBook, *, crossing: bool) -> int:
        """Our own touch, or as far beyond the other one as we may reach; never worse than the limits."""
        if not crossing:
            return self._better(top.bid_ticks if self.side > 0 else top.ask_ticks, self._limit)
        opposite = self.opposite(top)
        price = self._better(opposite + self.side * int(opposite * self.config.cross_bps * BPS), self._limit)
        return self._better(price, self._would) if self.would(top) else price

    def cap_lots(self, market_lots: int) -> int:
        """Most that may be done when others have traded so much."""
        return self.qty_lots if self._most is None else min(self.qty_lots, int(self._most * market_lots))

    def due_lots(self, target_lots: int, market_lots: int) -> int:
        """What should be done: by the schedule, or as much as the least participation asks for."""
        least = self.qty_lots if self._least is None else int(self._least * market_lots)
        return min(self.qty_lots, max(target_lots, least))

    def child_lots(self, due_lots: int, cap_lots: int, spoken_for: int, price_ticks: int, *, last: bool) -> int:
        """Behind what is due, inside the cap, and neither dust now nor leaving dust behind.

        What would leave dust takes it along where the cap allows, else leaves enough for one more order; in the last slice,
        when there may be none, as little as can be is left.
        """
        lots = min(due_lots, cap_lots) - spoken_for
        if lots <= 0:
            return 0
        least = max(1, ceil(self.instrument.least_notional / self.instrument.notional(price_ticks, 1)))
        whole = self.qty_lots - spoken_for
        if lots < whole < lots + least:
            if spoken_for + whole <= cap_lots:
                lots = whole
            elif not last:
                lots = whole - least
        return lots if lots >= least else 0


def _others(share: float) -> Fraction | None:
    """Own lots a lot of others at a share of the whole; None where there is no bound."""
    exact = Fraction(str(share))
    return None if exact == 1 else exact / (1 - exact)
