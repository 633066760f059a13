"""Fills as they are heard, each once, whether told at its time, twice, or only when the venue was asked."""

from __future__ import annotations

from collections.abc import Iterable

from counterpoise.market.order import Fill, fills_of
from counterpoise.market.venue import VenueEvent

__all__ = ["FillBook"]


class FillBook:
    """All fills so far, in the order they were heard.

    Parameters
    ----------
    known : iterable of Fill
        Such as those of a journal.
    """

    def __init__(self, known: Iterable[Fill] = ()) -> None:
        self.all: list[Fill] = list(known)
        self._known = {(fill.client_id, fill.trade_id) for fill in self.all if fill.trade_id}

    def hear(self, event: VenueEvent) -> list[Fill]:
        """Fills of an event that were not known."""
        new = [fill for fill in fills_of(event) if not fill.trade_id or (fill.client_id, fill.trade_id) not in self._known]
        self._known.update((fill.client_id, fill.trade_id) for fill in new)
        self.all += new
        return new
