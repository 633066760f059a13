"""How the replayed book answers to our own orders."""

from __future__ import annotations

from typing import Final

from counterpoise.core.config import Config
from counterpoise.core.units import parse_duration
from counterpoise.flow.impact.impact import NO_IMPACT, TransientImpact

__all__ = ["NO_RESPONSE", "Response"]


class Response(Config, frozen=True, kw_only=True):
    """Resilient book: what we take is gone until it refills, and the quotes shift by a transient impact.

    Assumes: refill is exponential and does not depend on the level; the shift moves every quote and every later trade of the
    recording by the same whole number of ticks; passive fills of ours move nothing, for the flow that hit us is in the
    recording already. Other participants do not react to us beyond that.

    Parameters
    ----------
    impact : TransientImpact
        By how much what we take moves the quotes.
    refill_half_life : str
        Time in which half of what we took at a level is back; ``""`` turns consumption off.
    """

    impact: TransientImpact = NO_IMPACT
    refill_half_life: str = "2s"

    def __post_init__(self) -> None:
        if self.refill_half_life:
            parse_duration(self.refill_half_life)

    @property
    def refill_half_life_ns(self) -> int:
        """0 when consumption is off."""
        return parse_duration(self.refill_half_life) if self.refill_half_life else 0


NO_RESPONSE: Final = Response(refill_half_life="")
"""A plain replay: our orders leave no trace."""
