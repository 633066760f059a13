"""Leveraged value investors and a noise trader in one asset: the price that clears the market, step by step."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.jit import inner_kernel, kernel

__all__ = ["run_funds"]

_HALVINGS: Final = 60


@inner_kernel
def _excess(price: float, noise: float, shares: float, cash: Float1D, held: Float1D, beta: Float1D, leverage: float) -> float:
    """Value wanted less value there is, at a price below the value of 1."""
    wanted = noise - shares * price
    for fund in range(len(beta)):
        wealth = cash[fund] + held[fund] * price
        if wealth > 0.0:
            wanted += wealth * min(beta[fund] * (1.0 - price), leverage)
    return wanted


@kernel
def _clear(noise: float, shares: float, cash: Float1D, held: Float1D, beta: Float1D, leverage: float) -> float:
    """Price by bisection; funds hold nothing at or above the value of 1."""
    if noise >= shares:
        return noise / shares
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _excess(middle, noise, shares, cash, held, beta, leverage) > 0.0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@kernel
def run_funds(
    draws: Float1D,
    beta: Float1D,
    shares: float,
    wealth: float,
    leverage: float,
    rho: float,
    sigma: float,
    benchmark: float,
    sensitivity: float,
    memory: float,
    floor: float,
    absence: int,
    prices: Float1D,
) -> int:
    """Write the price after each draw of the noise trader; returns how many funds failed.

    Assumes beta, shares and wealth above 0, rho in [0, 1).
    """
    count = len(beta)
    cash, held = np.full(count, wealth), np.zeros(count)
    rating, back = np.zeros(count), np.full(count, -1)
    level, failures, last = 0.0, 0, 1.0
    for step in range(len(draws)):
        level = rho * level + sigma * draws[step]
        price = _clear(shares * np.exp(level), shares, cash, held, beta, leverage)
        prices[step] = price
        for fund in range(count):
            if back[fund] >= 0:
                if step >= back[fund]:
                    cash[fund], held[fund], rating[fund], back[fund] = wealth, 0.0, 0.0, -1
                continue
            before = cash[fund] + held[fund] * last
            worth = cash[fund] + held[fund] * price
            if worth < floor * wealth:
                cash[fund], held[fund], back[fund] = 0.0, 0.0, step + absence
                failures += 1
                continue
            rating[fund] += memory * ((worth - before) / before - rating[fund])
            exposure = worth * max(0.0, min(beta[fund] * (1.0 - price), leverage))
            flow = max(-1.0, sensitivity * (rating[fund] - benchmark)) * worth
            held[fund] = exposure / price
            cash[fund] = worth - exposure + flow
        last = price
    return failures
