"""Leverage causes fat tails: value investors with a limit to leverage, lenders who call it, and the returns that come of it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.sim.kernels.funds import run_funds

__all__ = ["FundMarket", "FundsConfig", "fund_market"]

_BOUNDS: Final[dict[str, tuple[float, float]]] = {  # both ends allowed
    "shares": (1.0, 1e15),
    "wealth": (1e-9, 1e15),
    "most_leverage": (0.01, 100.0),
    "rho": (0.0, 0.9999),
    "sigma": (0.0, 1.0),
    "benchmark": (-1.0, 1.0),
    "sensitivity": (0.0, 10.0),
    "memory": (0.0, 1.0),
    "failure": (0.0, 0.99),
    "absence": (1, 1_000_000),
}


class FundsConfig(Config, frozen=True, kw_only=True):
    """Parameters of the paper, in units of the asset's value V = 1.

    Parameters
    ----------
    aggression : tuple of float
        β of each fund: leverage wanted per unit of mispricing.
    shares : float
        N.
    wealth : float
        W₀ of a new fund.
    most_leverage : float
        λ_max, of demand over wealth.
    rho, sigma : float
        Of the log demand of the noise trader, an AR(1) a step.
    benchmark, sensitivity, memory : float
        r_b, b and a: investors put in b (r − r_b) of a fund's worth a step, r being its smoothed return.
    failure : float
        A fund below this share of W₀ is closed.
    absence : int
        Steps until a new one takes its place.
    """

    aggression: tuple[float, ...] = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0)
    shares: float = 1e9
    wealth: float = 2e6
    most_leverage: float = 10.0
    rho: float = 0.99
    sigma: float = 0.035
    benchmark: float = 0.005
    sensitivity: float = 0.15
    memory: float = 0.1
    failure: float = 0.1
    absence: int = 100

    def __post_init__(self) -> None:
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if not low <= value <= high:
                raise ConfigError(f"{field} is {value}; expected {low:g} to {high:g}")
        if not all(0 < beta < 1e6 for beta in self.aggression):
            raise ConfigError(f"aggression is {self.aggression}; expected numbers above 0")


class FundMarket(NamedTuple):
    """Prices of one run and how many funds failed in it."""

    prices: Float1D
    failures: int

    def excess_kurtosis(self, *, skip: int = 1000) -> float:
        """Of log returns after the first steps; NaN if they do not vary."""
        moves = np.diff(np.log(self.prices[skip:]))
        if not len(moves):
            return float("nan")
        moves = moves - moves.mean()
        variance = float((moves**2).mean())
        return float((moves**4).mean()) / variance**2 - 3 if variance else float("nan")


def fund_market(config: FundsConfig, draw: np.random.Generator, *, steps: int) -> FundMarket:
    """Run the market of leveraged funds and a noise trader.

        p N = ξ + Σ_h W_h min(β_h (1 − p), λ_max),    log ξ/N an AR(1),    W_h = cash + shares held × p

    Parameters
    ----------
    config : FundsConfig
    draw : numpy.random.Generator
    steps : int

    Raises
    ------
    ConfigError
        If `steps` is not positive.

    Notes
    -----
    Where several prices clear the market, bisection finds one of them. A fund's wealth counts at the price that it helps to
    make, so a fall calls margin within the step. O(steps × funds × 60).

    References
    ----------
    Thurner, Farmer, Geanakoplos (2012), "Leverage causes fat tails and clustered volatility", Quantitative Finance 12,
    695-707, arXiv 0908.1555, sections 2 and 3.
    """
    if steps < 1:
        raise ConfigError(f"steps is {steps}; expected at least 1")
    prices = np.empty(steps)
    failures = run_funds(
        draw.standard_normal(steps),
        np.array(config.aggression, np.float64),
        config.shares,
        config.wealth,
        config.most_leverage,
        config.rho,
        config.sigma,
        config.benchmark,
        config.sensitivity,
        config.memory,
        config.failure,
        config.absence,
        prices,
    )
    return FundMarket(prices, int(failures))
