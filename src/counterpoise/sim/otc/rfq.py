"""What passes between a client and the dealers he asks: rules, quotes, and what became of a request."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import parse_duration
from counterpoise.sim.otc.belief import BeliefModel
from counterpoise.sim.otc.last_look import LastLook

__all__ = ["Quote", "Request", "RfqRules"]


class RfqRules(Config, frozen=True, kw_only=True):
    """How requests for quotes are answered.

    Parameters
    ----------
    expiry : str
        How long a quote can be accepted.
    last_look : LastLook
    partial : bool
        Whether a client may take less than he asked for.
    width_bps : float
        w > 0: dealers' private costs differ by up to so much, uniformly and anew at each request.
    elasticity : float
        κ ≥ 0 [1/bps]: what dealers believe of a client's willingness to pay (`sim.otc.competition`).
    reaction : str
        How long those who did not win wait and watch before they trade ahead; ``""`` for at once.
    belief : BeliefModel
        Its volatility is also what dealers hold their risk against.
    lit_millions_per_s : float
        Lit volume [millions of quote/s], > 0, for a temporary impact of participation.

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    expiry: str = "5s"
    last_look: LastLook = LastLook()
    partial: bool = False
    width_bps: float = 2.0
    elasticity: float = 0.0
    reaction: str = ""
    belief: BeliefModel = BeliefModel()
    lit_millions_per_s: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.width_bps) and self.width_bps > 0) or not 0 <= self.elasticity * self.width_bps <= 1e3:
            raise ConfigError(
                f"width_bps is above 0 and elasticity × width_bps in [0, 1,000]; found {self.width_bps} and {self.elasticity}"
            )
        if not (isfinite(self.lit_millions_per_s) and self.lit_millions_per_s > 0):
            raise ConfigError(f"lit_millions_per_s is {self.lit_millions_per_s}; expected above 0")
        parse_duration(self.expiry)
        if self.reaction:
            parse_duration(self.reaction)

    @property
    def reaction_ns(self) -> int:
        return parse_duration(self.reaction) if self.reaction else 0


class Quote(NamedTuple):
    """A dealer's prices for a size; 0 where he gives none.

    Attributes
    ----------
    quote_id, request_id : str
    dealer : int
        Index in the panel.
    bid_ticks, ask_ticks : int
        What the client sells and buys at [lit ticks].
    lots : int
    expires_ns : int
        The last instant at which it can be accepted.
    mid_half_ticks : int
        Lit mid it was made at.
    """

    quote_id: str
    request_id: str
    dealer: int
    bid_ticks: int
    ask_ticks: int
    lots: int
    expires_ns: int
    mid_half_ticks: int

    def price_ticks(self, side: int) -> int:
        """For a client who buys (+1) or sells (−1)."""
        return self.ask_ticks if side > 0 else self.bid_ticks

    def cost_bps(self, side: int) -> float:
        """Distance from the mid that the client of a side pays [bps]; NaN without a price."""
        price = self.price_ticks(side)
        return side * (2 * price / self.mid_half_ticks - 1) * 1e4 if price else float("nan")


class Request(NamedTuple):
    """A request for quotes and its answers.

    Attributes
    ----------
    request_id : str
    ts_ns : int
    side : int
        What was asked for: +1 to buy, −1 to sell, 0 both ways.
    lots : int
    dealers : tuple of int
        Asked; all of them learn.
    quotes : tuple of Quote
        Of those who quoted.
    """

    request_id: str
    ts_ns: int
    side: int
    lots: int
    dealers: tuple[int, ...]
    quotes: tuple[Quote, ...]

    def best(self, side: int) -> Quote | None:
        """The best quote for a side; of equal ones the first asked."""
        given = [quote for quote in self.quotes if quote.price_ticks(side)]
        return min(given, key=lambda quote: side * quote.price_ticks(side), default=None)
