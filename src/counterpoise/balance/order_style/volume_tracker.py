"""A parent that follows the day's volume as it comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.balance.parent import Parent
from counterpoise.balance.schedule.volume import updated_vwap
from counterpoise.core.arrays import Float1D
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order
from counterpoise.market.venue import VenueEvent

__all__ = ["VolumeTracker"]


class VolumeTracker:
    """Gives a parent a new schedule whenever a slice has ended, by `updated_vwap`; all else is the parent's.

    Parameters
    ----------
    parent : Parent
        Its schedule has the slices of the curve; amend, pause and cancel it as ever. What is amended holds from the next slice
        on, but for the end, which stays where the curve has it.
    volume : (n,) float64 [lots]
        Expected of others in each slice.
    certainty : float [lots]
        As `updated_vwap`.

    Raises
    ------
    InputError
        If the curve has another number of slices than the parent's schedule.
    """

    def __init__(self, parent: Parent, *, volume: Float1D, certainty: float) -> None:
        self.parent: Final = parent
        plan = parent.schedule
        self._edges: Final = np.append(plan.start_ns, plan.end_ns[-1])
        self._volume, self._certainty = volume, certainty
        self._seen = np.zeros(0)
        self._counted_lots: int | None = None  # of others, up to the last edge; none before the first step
        self._follow()

    @property
    def name(self) -> str:
        return self.parent.name

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self.parent.instruments

    @property
    def start_ns(self) -> int:
        return self.parent.start_ns

    @property
    def done(self) -> bool:
        """All is filled and nothing is live."""
        return self.parent.done

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        return self.parent.standing(instrument, ts_ns)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What to do now.

        What others traded counts for the slices that have ended since the last step, evenly where these are several. Slices
        that ended before the first step, as after a restart, are taken to have been as the past had them.
        """
        ended = int(np.searchsorted(self._edges[1:], ts_ns, side="right"))
        market_lots, more = seen[self.parent.instrument.id].market_lots, ended - len(self._seen)
        if self._counted_lots is None:
            self._counted_lots = 0
            came = self._volume[:ended]
        else:
            came = np.full(more, (market_lots - self._counted_lots) / max(more, 1))
        if more:
            self._counted_lots = market_lots
            self._seen = np.append(self._seen, came)
            self._follow()
        return self.parent.step(ts_ns, seen)

    def _follow(self) -> None:
        self.parent.follow(
            updated_vwap(
                self.parent.qty_lots, times_ns=self._edges, volume=self._volume, seen=self._seen, certainty=self._certainty
            )
        )

    def hear(self, event: VenueEvent) -> None:
        """Take note of what the venue says of one of the children; others' events are passed over."""
        self.parent.hear(event)

    def refused(self, client_id: str) -> None:
        """A limit of ours stopped a child before it was sent."""
        self.parent.refused(client_id)

    def stop(self) -> list[Action]:
        """Cancel all that is live."""
        return self.parent.stop()

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send."""
        self.parent.take_up(order)

    def doubt(self) -> tuple[str, ...]:
        """Ask the venue about everything that is live, at the next decision; returns its client ids."""
        return self.parent.doubt()
