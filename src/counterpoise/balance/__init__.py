"""What to do about it: schedules, parent orders, and what they cost."""

from counterpoise.balance.execution import Action, CancelOrder, Execution, PlaceOrder, Seen, Standing
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.schedule import Schedule, twap
from counterpoise.balance.tca import Executions, Shortfall, shortfall

__all__ = [
    "Action",
    "CancelOrder",
    "Execution",
    "Executions",
    "Parent",
    "ParentConfig",
    "PlaceOrder",
    "Schedule",
    "Seen",
    "Shortfall",
    "Standing",
    "shortfall",
    "twap",
]
