"""One instrument of a larger order: it stands where it is told to, and keeps its children's book."""

from __future__ import annotations

from typing import Final

from counterpoise.balance.children import Child, Children
from counterpoise.balance.execution import Action
from counterpoise.balance.placement.stance import Stance
from counterpoise.core.units import BPS
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import TimeInForce
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["Leg"]


class Leg:
    """Works one order at a time.

    Parameters
    ----------
    name : str
        Prefix of the client order ids.
    instrument : Instrument
    side : int
    most_lots : int
        What all its fills together may come to.
    leash_bps : float
        How far its own touch may run away from an order before it is moved after it.
    reach_bps : float
        How far beyond the opposite touch a crossing order may reach.
    """

    def __init__(
        self, name: str, instrument: Instrument, *, side: int, most_lots: int, leash_bps: float = 0.2, reach_bps: float = 3.0
    ) -> None:
        self.instrument: Final = instrument
        self.side: Final = side
        self._children: Final = Children(name, instrument, side=side, most_lots=most_lots)
        self._leash, self._reach = leash_bps * BPS, reach_bps * BPS

    @property
    def filled_lots(self) -> int:
        return self._children.filled_lots

    @property
    def live_lots(self) -> int:
        """Working, in flight, unknown, or filled by what the venue says though we have not heard the fills."""
        return self._children.live_lots

    def hear(self, event: VenueEvent) -> None:
        self._children.hear(event)

    def refused(self, client_id: str) -> None:
        self._children.refused(client_id)

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        return self._children.cancel(self._children.live)

    def ask(self, ts_ns: int) -> list[Action]:
        """Questions about orders that the venue has been silent on; until it answers they count as live."""
        return self._children.ask(ts_ns)

    def step(self, top: TopOfBook, stance: Stance, *, lots: int) -> list[Action]:
        """Cancel what stands elsewhere; when nothing is live, send an order of so many lots, 0 for none.

        Assumes a book in order with two sides.
        """
        children = self._children
        if stance is Stance.WAIT:
            return self.stop()
        stale = [child for child in children.live if self._stale(child, top, stance)]
        if stale:
            return children.cancel(stale)
        lots = min(lots, children.most_lots - children.filled_lots)
        if children.live or lots <= 0:
            return []
        resting = stance is not Stance.CROSS
        return [children.place(lots, self._price(top, stance), TimeInForce.POST_ONLY if resting else TimeInForce.IOC)]

    def _touches(self, top: TopOfBook) -> tuple[int, int]:
        """Our own best price and the other side's."""
        return (top.bid_ticks, top.ask_ticks) if self.side > 0 else (top.ask_ticks, top.bid_ticks)

    def _stale(self, child: Child, top: TopOfBook, stance: Stance) -> bool:
        if child.order.time_in_force is TimeInForce.IOC:
            return False
        own, _ = self._touches(top)
        return stance is Stance.CROSS or self.side * (own - child.order.price_ticks) > own * self._leash

    def _price(self, top: TopOfBook, stance: Stance) -> int:
        own, opposite = self._touches(top)
        if stance is Stance.CROSS:
            return opposite + self.side * int(opposite * self._reach)
        inside = self.side * (opposite - own) > 1
        return own + self.side if stance is Stance.IMPROVE and inside else own
