"""Clock and price between two decisions: what makes a parent pause by itself."""

from __future__ import annotations

from counterpoise.core.units import BPS
from counterpoise.market.venue import TopOfBook

__all__ = ["Watch"]


class Watch:
    """Remembers the last decision.

    Parameters
    ----------
    max_jump_bps : float
        Most that the mid may move between two decisions with a book in order; 0 for no bound.
    """

    def __init__(self, max_jump_bps: float) -> None:
        self.max_jump_bps = max_jump_bps
        self._last_ns: int | None = None
        self._twice_mid = 0

    def forget(self) -> None:
        """Compare with nothing before now."""
        self._last_ns, self._twice_mid = None, 0

    def look(self, ts_ns: int, top: TopOfBook) -> str:
        """What is wrong, and what to do; empty where nothing is."""
        if self._last_ns is not None and ts_ns < self._last_ns:
            return f"the clock went back from {self._last_ns} to {ts_ns} ns; check its source, then resume"
        self._last_ns = ts_ns
        if not top.sound:
            return ""
        before, self._twice_mid = self._twice_mid, top.bid_ticks + top.ask_ticks
        if before and self.max_jump_bps and abs(self._twice_mid - before) > self.max_jump_bps * BPS * before:
            return (
                f"the mid jumped from {before / 2} to {self._twice_mid / 2} ticks, more than {self.max_jump_bps} bps, between "
                "two decisions; check the price against other venues, then resume or cancel"
            )
        return ""
