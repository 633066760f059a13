"""What a dealer makes of being asked: a client's side and how much he has left, by Bayes's rule."""

from __future__ import annotations

from math import exp, isfinite, log1p
from typing import NamedTuple

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS, parse_duration

__all__ = ["NO_BELIEF", "Belief", "BeliefModel", "after_move", "after_request", "expected_residual", "faded"]


class BeliefModel(Config, frozen=True, kw_only=True):
    """The likelihoods a dealer reasons with.

    Parameters
    ----------
    again_a, again_b : float
        A client who was here comes again, for as much, with a chance θ, each time the same; θ ~ Beta(a, b), a > 0, b > 1.
    honesty : float
        Chance that a one-way request names the client's true side, in [½, 1].
    sigma_bps : float
        Volatility of the mid that is nobody's doing [bps/√s], > 0.
    memory : str
        At rate 1/memory the client's interest is over and another one, of either side, takes its place.

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    again_a: float = 1.0
    again_b: float = 2.0
    honesty: float = 1.0
    sigma_bps: float = 1.0
    memory: str = "30m"

    def __post_init__(self) -> None:
        if not (isfinite(self.again_a) and self.again_a > 0 and isfinite(self.again_b) and self.again_b > 1):
            raise ConfigError(
                f"again_a {self.again_a} and again_b {self.again_b}; expected a > 0 and b > 1, or the residual has no mean"
            )
        if not 0.5 <= self.honesty <= 1 or not (isfinite(self.sigma_bps) and self.sigma_bps > 0):
            raise ConfigError(f"honesty lies in [½, 1] and sigma_bps above 0; found {self.honesty} and {self.sigma_bps}")
        parse_duration(self.memory)


class Belief(NamedTuple):
    """What one dealer thinks of one client.

    Attributes
    ----------
    ts_ns : int
        Of the last update.
    buyer : float
        Chance that the client buys.
    asked : float
        Requests so far, those forgotten counted out.
    millions : float
        Size of the last [millions of quote].
    """

    ts_ns: int
    buyer: float
    asked: float
    millions: float


NO_BELIEF = Belief(0, 0.5, 0.0, 0.0)


def faded(belief: Belief, ts_ns: int, model: BeliefModel) -> Belief:
    """The belief at a later time: p − ½ and the count shrink by e^{−Δ/memory}, exactly for p (a two-state chain)."""
    kept = exp(-(ts_ns - belief.ts_ns) / parse_duration(model.memory))
    return belief._replace(ts_ns=ts_ns, buyer=0.5 + (belief.buyer - 0.5) * kept, asked=belief.asked * kept)


def after_request(belief: Belief, model: BeliefModel, *, side: int, millions: float) -> Belief:
    """The belief after a request: +1 the client asks to buy, −1 to sell, 0 for prices both ways, which name no side."""
    told = 0.5 if side == 0 else model.honesty if side > 0 else 1 - model.honesty
    buys, sells = belief.buyer * told, (1 - belief.buyer) * (1 - told)
    buyer = buys / (buys + sells) if buys + sells > 0 else 0.5  # certain of one side, told the other: knows nothing
    return belief._replace(buyer=buyer, asked=belief.asked + 1, millions=millions)


def after_move(belief: Belief, model: BeliefModel, *, move_bps: float, drift_bps: float, elapsed_ns: int) -> Belief:
    """The belief after the mid moved, by `drift_bps` on average behind a buyer and by minus that behind a seller.

    log odds of a buyer  +=  2 · drift · move / (σ² Δ)
    """
    if elapsed_ns <= 0 or drift_bps == 0 or belief.buyer in (0.0, 1.0):
        return belief
    gained = 2 * drift_bps * move_bps / (model.sigma_bps**2 * elapsed_ns / SECOND_NS)
    ratio = exp(-min(max(gained, -700.0), 700.0)) * (1 - belief.buyer) / belief.buyer
    return belief._replace(buyer=exp(-log1p(ratio)))


def expected_residual(belief: Belief, model: BeliefModel) -> float:
    """Signed millions that the client is still expected to trade: (2p − 1) · size · (a + j)/(b − 1) after j repetitions.

    θ ~ Beta(a, b) seen to repeat j times is Beta(a + j, b), and the mean number of times to come is E[θ/(1 − θ)].
    """
    repeated = max(belief.asked - 1.0, 0.0)
    times = (model.again_a + repeated) / (model.again_b - 1.0) if belief.asked > 0 else 0.0
    return (2 * belief.buyer - 1) * belief.millions * times
