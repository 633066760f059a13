"""What all executions of one order in one instrument have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import ceil
from typing import Final

from counterpoise.balance.children import Children
from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order
from counterpoise.market.venue import VenueEvent

__all__ = ["SingleOrder"]


class SingleOrder(ABC):
    """An order without a schedule, worked from its start to its end, one child at a time.

    Once a child was refused, by the venue or by a limit of ours, nothing more is sent until `resume`.

    Parameters
    ----------
    instrument : Instrument
    name : str
        Prefix of the client order ids, which are its name and a running number: the same run gives the same ids.
    side : int
        +1 buys, −1 sells.
    qty_lots : int
    start_ns, end_ns : int [ns UTC]

    Raises
    ------
    InputError
        If the side is not ±1, there is nothing to do, or no time to do it in.
    """

    def __init__(self, instrument: Instrument, *, name: str, side: int, qty_lots: int, start_ns: int, end_ns: int) -> None:
        if side not in (1, -1) or qty_lots <= 0 or end_ns <= start_ns:
            raise InputError(
                f"{name}: expected a side of +1 or -1, lots to trade and an end after the start; "
                f"found {side}, {qty_lots}, {start_ns} and {end_ns}"
            )
        self.instrument, self.name, self.start_ns, self.end_ns = instrument, name, start_ns, end_ns
        self.side: Final = side
        self.qty_lots: Final = qty_lots
        self.children: Final = Children(name, instrument, side=side, most_lots=qty_lots)
        self.paused = ""  # why it is; empty while it works

    @abstractmethod
    def work(self, ts_ns: int, seen: Seen) -> list[Action]:
        """What to do with nothing live, nothing refused, and time left."""

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    @property
    def left_lots(self) -> int:
        """Neither filled nor live."""
        return self.qty_lots - self.children.filled_lots - self.children.live_lots

    def least_order(self, price_ticks: int) -> int:
        """Fewest lots that the venue takes at a price."""
        return max(1, ceil(self.instrument.least_notional / self.instrument.notional(price_ticks, 1)))

    @property
    def done(self) -> bool:
        """All is filled and nothing is live."""
        return not self.children.live and self.children.filled_lots == self.qty_lots

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        target = self.qty_lots if ts_ns >= self.start_ns else 0
        return Standing(self.side * target, self.side * self.children.filled_lots, self.side * self.children.live_lots)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now."""
        self._take_refusal()
        asked = self.children.ask(ts_ns)
        if self.paused or ts_ns >= self.end_ns:
            return asked + self.stop()
        if ts_ns < self.start_ns or self.children.live or not self.left_lots:
            return asked
        return asked + self.work(ts_ns, seen[self.instrument.id])

    def _take_refusal(self) -> None:
        event, self.children.rejected = self.children.rejected, None
        if event is not None:
            self.paused = f"the venue refused {event.client_id}: {event.reason}; look at it, then resume"

    def resume(self) -> None:
        """Go on with what remains."""
        self.paused = ""

    def hear(self, event: VenueEvent) -> None:
        """Take note of what the venue says of one of our children; others' events are passed over."""
        self.children.hear(event)

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent."""
        self.children.refused(client_id)
        self.paused = f"a limit of ours refused {client_id}; look at it, then resume"

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        return self.children.cancel(self.children.live)

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send; what is not filled or live is what remains to be done."""
        self.children.take_up(order)

    def doubt(self) -> tuple[str, ...]:
        """Ask the venue about everything that is live, at the next decision; returns its client ids."""
        return self.children.doubt()
