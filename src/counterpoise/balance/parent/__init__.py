"""A parent order on one instrument: what is wanted, what state it is in, how it answers to a venue."""

from counterpoise.balance.parent.config import ParentConfig
from counterpoise.balance.parent.parent import Parent
from counterpoise.balance.parent.state import ParentState

__all__ = ["Parent", "ParentConfig", "ParentState"]
