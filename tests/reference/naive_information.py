"""Shares of two venues by the formulas of Baillie, Booth, Tse and Zabotina, from a regression by normal equations."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

Shares = dict[str, tuple[float, float]]


def two_venue_shares(alpha: tuple[float, float], sigma: tuple[float, float], rho: float) -> Shares:
    """Closed form: γ = (α₂, −α₁); first in order, a venue also gets what both do at once."""
    g1, g2 = alpha[1], -alpha[0]
    s1, s2 = sigma
    total = (g1 * s1) ** 2 + 2 * rho * g1 * s1 * g2 * s2 + (g2 * s2) ** 2
    one_first = (g1 * s1 + rho * g2 * s2) ** 2 / total
    two_first = (g2 * s2 + rho * g1 * s1) ** 2 / total
    one, two = sorted((one_first, 1 - two_first)), sorted((two_first, 1 - one_first))
    return {
        "share_low": (one[0], two[0]),
        "share_high": (one[1], two[1]),
        "share": (sum(one) / 2, sum(two) / 2),
        "component_share": (g1 / (g1 + g2), g2 / (g1 + g2)),
    }


def naive_two_venues(first: list[float | None], second: list[float | None], lags: int) -> Shares:
    """Row by row, leaving out those with an unknown price; each venue's regression for itself."""
    p = [[log(v) if v is not None else None for v in prices] for prices in (first, second)]
    rows, targets = [], []
    for t in range(lags + 1, len(first)):
        window = [p[venue][s] for venue in (0, 1) for s in range(t - lags - 1, t + 1)]
        if None in window:
            continue
        one, two = window[: lags + 2], window[lags + 2 :]
        change = [[b - a for a, b in pairwise(side)] for side in (one, two)]  # type: ignore[operator]
        row = [1.0, one[-2] - two[-2]]  # type: ignore[operator]
        for i in range(1, lags + 1):
            row += [change[0][-1 - i], change[1][-1 - i]]
        rows.append(row)
        targets.append([change[0][-1], change[1][-1]])
    x, y = np.array(rows), np.array(targets)
    slopes: NDArray[np.float64] = np.linalg.solve(x.T @ x, x.T @ y)
    left = y - x @ slopes
    noise = left.T @ left / len(x)
    s1, s2 = sqrt(noise[0, 0]), sqrt(noise[1, 1])
    return two_venue_shares((slopes[1, 0], slopes[1, 1]), (s1, s2), noise[0, 1] / s1 / s2)


def simulated_prices(
    rng: np.random.Generator, n: int, alpha: NDArray[np.float64], noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, k) prices with Δp_t = α (p¹ − p^j)_{t−1} + e_t, e ~ N(0, noise)."""
    k = len(noise)
    shocks = rng.normal(size=(n, k)) @ np.linalg.cholesky(noise).T
    price = np.zeros((n, k))
    for t in range(1, n):
        price[t] = price[t - 1] + alpha @ (price[t - 1, :1] - price[t - 1, 1:]) + shocks[t]
    return np.asarray(np.exp(price))
