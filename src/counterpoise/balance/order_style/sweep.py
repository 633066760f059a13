"""An order that lies in wait for displayed liquidity and takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from counterpoise.balance.execution import Action, Seen
from counterpoise.balance.order_style.single import SingleOrder
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration
from counterpoise.market.book import Book, Levels
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import TimeInForce
from counterpoise.market.quality import BookState

__all__ = ["Sweep", "sweep_lots"]

_LEVELS: Final = 64  # of the book that a sweep looks at


def sweep_lots(levels: Levels, *, side: int, limit_ticks: int, left_lots: int, least_lots: int) -> tuple[int, int]:
    """What to take of the other side's levels, and down to which price.

    Parameters
    ----------
    levels : Levels
        Of the other side, best first.
    side : int
        +1 buys, −1 sells.
    limit_ticks : int
        Nothing worse is taken.
    left_lots : int
        What is wanted.
    least_lots : int
        Worth taking: less is left alone, but for an order that wants less itself.

    Returns
    -------
    lots, price_ticks : int
        The price of the worst level that is needed; (0, 0) where it is not worth it.

    Examples
    --------
    >>> import numpy as np
    >>> asks = Levels(np.array([100, 101, 103]), np.array([5, 20, 50]))
    >>> sweep_lots(asks, side=1, limit_ticks=102, left_lots=40, least_lots=10)
    (25, 101)
    >>> sweep_lots(asks, side=1, limit_ticks=100, left_lots=40, least_lots=10)
    (0, 0)
    """
    lots = price = 0
    for ticks, shown in zip(levels.price_ticks.tolist(), levels.qty_lots.tolist(), strict=True):
        if lots >= left_lots or side * (limit_ticks - ticks) < 0:
            break
        lots, price = min(left_lots, lots + shown), ticks
    return (lots, price) if lots and lots >= min(left_lots, least_lots) else (0, 0)


class Sweep(SingleOrder):
    """Takes what the book shows at its limit or better, at once, whenever that is worth taking; else it shows nothing.

    It keeps the book from the events that it sees, looks at the best 64 levels, and rests after each attempt until the book can
    have told what became of it.

    Parameters
    ----------
    instrument, name, side, qty_lots, start_ns, end_ns
        As `SingleOrder`.
    limit_ticks : int
    least_lots : int
        Worth taking, as `sweep_lots`; no less than the venue's least order is ever sent.
    rest : str
        Between attempts.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        name: str,
        side: int,
        qty_lots: int,
        start_ns: int,
        end_ns: int,
        limit_ticks: int,
        least_lots: int,
        rest: str = "250ms",
    ) -> None:
        super().__init__(instrument, name=name, side=side, qty_lots=qty_lots, start_ns=start_ns, end_ns=end_ns)
        if limit_ticks <= 0 or least_lots <= 0:
            raise InputError(
                f"{name}: a sweep needs a limit and a least above 0, found {limit_ticks} ticks and {least_lots} lots"
            )
        self.limit_ticks, self.least_lots = limit_ticks, least_lots
        self.book: Final = Book()
        self._rest_ns: Final = parse_duration(rest)
        self._not_before_ns = start_ns

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now."""
        for events in seen[self.instrument.id].events:
            self.book.apply(events)
        return super().step(ts_ns, seen)

    def work(self, ts_ns: int, seen: Seen) -> list[Action]:
        """Take what is worth it, in a book in order; what would leave dust leaves enough for one more order."""
        if ts_ns < self._not_before_ns or not self.book.state is seen.top.state is BookState.SYNCED:
            return []
        left = self.left_lots
        lots, price = sweep_lots(
            self.book.levels(-self.side, _LEVELS),
            side=self.side,
            limit_ticks=self.limit_ticks,
            left_lots=left,
            least_lots=self.least_lots,
        )
        if not lots:
            return []
        least = self.least_order(price)
        if 0 < left - lots < least:
            lots = left - least
        if lots < least:
            return []
        self._not_before_ns = ts_ns + self._rest_ns
        return [self.children.place(lots, price, TimeInForce.IOC)]
