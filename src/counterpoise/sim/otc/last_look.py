"""Last look: a dealer holds an accepted quote for a while, and rejects it when the mid has moved too far."""

from __future__ import annotations

from math import erfc, exp, inf, isfinite, pi, sqrt
from typing import Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS, parse_duration

__all__ = ["LastLook"]


class LastLook(Config, frozen=True, kw_only=True):
    """When a dealer rejects.

    Parameters
    ----------
    rule : {"none", "symmetric", "asymmetric"}
        ``symmetric`` rejects when the mid moved by more than the threshold either way since the quote, ``asymmetric`` only when
        it moved against the dealer.
    hold : str
        Time between the client's yes and the dealer's.
    threshold_bps : float
        θ ≥ 0.

    Raises
    ------
    ConfigError
        If the threshold is negative.

    Notes
    -----
    For a mid that diffuses with σ [bps/√s], s = σ √seconds between quote and decision:

        asymmetric: P(reject) = Φ(−θ/s), and each quote given gains the dealer s φ(θ/s) on average
        symmetric:  P(reject) = 2 Φ(−θ/s), and he gains nothing

    References
    ----------
    Cartea, Jaimungal and Walton (2019), doi:10.1007/s11579-018-0218-3, arXiv 1806.04460: the threshold, and that a broker who
    expects nothing narrows the spread by what the option is worth.
    """

    rule: Literal["none", "symmetric", "asymmetric"] = "none"
    hold: str = "100ms"
    threshold_bps: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.threshold_bps) and self.threshold_bps >= 0):
            raise ConfigError(f"last look: threshold_bps is {self.threshold_bps}; expected at least 0")
        parse_duration(self.hold)

    @property
    def hold_ns(self) -> int:
        """0 without a last look."""
        return 0 if self.rule == "none" else parse_duration(self.hold)

    def rejects(self, *, side: int, move_bps: float) -> bool:
        """Whether the dealer says no to a client of a side (+1 buys) after the mid moved since the quote."""
        against = side * move_bps
        worst = abs(move_bps) if self.rule == "symmetric" else against if self.rule == "asymmetric" else -inf
        return worst > self.threshold_bps

    def reject_chance(self, *, sigma_bps: float, seconds: float) -> float:
        """P(reject) for a diffusing mid."""
        spread = _spread(sigma_bps, seconds)
        tail = erfc(self.threshold_bps / spread / sqrt(2)) / 2
        return {"none": 0.0, "asymmetric": tail, "symmetric": 2 * tail}[self.rule]

    def gain_bps(self, *, sigma_bps: float, seconds: float) -> float:
        """What the look gains the dealer for each quote accepted, and costs the client, for a diffusing mid."""
        spread = _spread(sigma_bps, seconds)
        density = exp(-((self.threshold_bps / spread) ** 2) / 2) / sqrt(2 * pi)
        return spread * density if self.rule == "asymmetric" else 0.0

    @property
    def hold_s(self) -> float:
        return self.hold_ns / SECOND_NS


def _spread(sigma_bps: float, seconds: float) -> float:
    if not (isfinite(sigma_bps) and sigma_bps > 0 and isfinite(seconds) and seconds > 0):
        raise InputError(f"volatility {sigma_bps} bps/√s over {seconds} s; expected both above 0")
    return sigma_bps * sqrt(seconds)
