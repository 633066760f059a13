"""A propagator by plain sums over pairs of bins, and a price made from a known one: twin and truth of the propagator fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from counterpoise.flow.impact.impact import TransientImpact

Floats = NDArray[np.float64]


def naive_propagator(r: Floats, x: Floats, lags: int) -> Floats:
    """G from responses and autocovariances, each an average over the pairs that exist; a NaN leaves its pairs out."""
    known = [t for t in range(len(x)) if np.isfinite(r[t]) and np.isfinite(x[t])]
    r_mean, x_mean = np.mean([r[t] for t in known]), np.mean([x[t] for t in known])
    response, covariance = np.zeros(lags), np.zeros(lags)
    for lag in range(lags):
        pairs = [(t, t + lag) for t in known if t + lag in set(known)]
        response[lag] = np.mean([(r[s] - r_mean) * (x[t] - x_mean) for t, s in pairs])
        covariance[lag] = np.mean([(x[s] - x_mean) * (x[t] - x_mean) for t, s in pairs])
    toeplitz = np.array([[covariance[abs(i - j)] for j in range(lags)] for i in range(lags)])
    return np.asarray(np.cumsum(np.linalg.solve(toeplitz, response)))


def simulated_flow(rng: np.random.Generator, n: int, *, persistence: float = 0.85) -> Floats:
    """Signs that keep on: each repeats an earlier one, a power-law time before, or is a coin's."""
    signs = rng.choice([-1.0, 1.0], n)
    back = np.minimum(rng.zipf(2.2, n), np.arange(n))
    for t in np.flatnonzero(rng.random(n) < persistence):
        if back[t] > 0:
            signs[t] = signs[t - back[t]]
    return np.asarray(signs)


def simulated_returns(
    rng: np.random.Generator, flow: Floats, model: TransientImpact, *, step_ns: int, noise_bps: float
) -> Floats:
    """Returns of bins whose flow comes in their middle and moves the price as the model says [bps]."""
    after = ((np.arange(len(flow)) + 0.5) * step_ns).astype(np.int64)
    kernel = model.bps_per_million * model.kernel(after)
    price = np.convolve(flow, kernel)[: len(flow)]
    return np.asarray(np.diff(price, prepend=0.0) + rng.normal(0, noise_bps, len(flow)))
