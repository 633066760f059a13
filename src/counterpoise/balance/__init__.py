"""What to do about it: schedules, parent orders, and what they cost."""

from counterpoise.balance.parent import Action, CancelOrder, Parent, ParentConfig, PlaceOrder
from counterpoise.balance.schedule import Schedule, twap
from counterpoise.balance.tca import Executions, Shortfall, shortfall

__all__ = [
    "Action",
    "CancelOrder",
    "Executions",
    "Parent",
    "ParentConfig",
    "PlaceOrder",
    "Schedule",
    "Shortfall",
    "shortfall",
    "twap",
]
