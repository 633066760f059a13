"""What we could lose: limits in front of every order."""

from counterpoise.risk.contagion import Clearing, clear_by_iteration, clear_debts
from counterpoise.risk.limits import Limits, approve
from counterpoise.risk.margin import MarginRules, bankruptcy_price, liquidation_price, margin_rules
from counterpoise.risk.margin_tiers import Tier, TierTable

__all__ = [
    "Clearing",
    "Limits",
    "MarginRules",
    "Tier",
    "TierTable",
    "approve",
    "bankruptcy_price",
    "clear_by_iteration",
    "clear_debts",
    "liquidation_price",
    "margin_rules",
]
