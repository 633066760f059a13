"""What the orders say: imbalance, order flow, trades, and the impact of trading."""

from counterpoise.flow.impact import NO_IMPACT, TransientImpact
from counterpoise.flow.measures import Measures, measure

__all__ = ["NO_IMPACT", "Measures", "TransientImpact", "measure"]
