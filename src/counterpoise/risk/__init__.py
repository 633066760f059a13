"""What we could lose: limits in front of every order."""

from counterpoise.risk.limits import Limits, approve

__all__ = ["Limits", "approve"]
