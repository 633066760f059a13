"""Many parent orders as one execution: each instrument follows its own schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.balance.parent import Parent
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.venue import VenueEvent

__all__ = ["Basket"]


class Basket:
    """Parents of different instruments that know nothing of each other.

    Raises
    ------
    InputError
        If there is none, or two are of one instrument or of one name.
    """

    def __init__(self, name: str, parents: Sequence[Parent]) -> None:
        self.name = name
        self.parents: Final = {parent.instrument.id: parent for parent in parents}
        self._by_name: Final = {parent.name: parent for parent in parents}
        if not parents or len(self.parents) < len(parents) or len(self._by_name) < len(parents):
            raise InputError(f"a basket needs parents, each of an instrument and a name of its own; found {len(parents)}")

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(parent.instrument for parent in self.parents.values())

    @property
    def start_ns(self) -> int:
        return min(parent.start_ns for parent in self.parents.values())

    @property
    def done(self) -> bool:
        return all(parent.done for parent in self.parents.values())

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        return self.parents[instrument].standing(instrument, ts_ns)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        return [action for parent in self.parents.values() for action in parent.step(ts_ns, seen)]

    def hear(self, event: VenueEvent) -> None:
        parent = self._by_name.get(event.client_id.rpartition("-")[0])
        if parent is not None:
            parent.hear(event)

    def refused(self, client_id: str) -> None:
        self._by_name[client_id.rpartition("-")[0]].refused(client_id)

    def stop(self) -> list[Action]:
        return [action for parent in self.parents.values() for action in parent.stop()]
