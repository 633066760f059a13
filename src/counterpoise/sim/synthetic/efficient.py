"""Correlated efficient prices: Brownian motions with a common factor, one factor per cluster, and noise of each token's own."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float2D
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import BPS, DAY_NS, SECOND_NS, parse_duration
from counterpoise.sim.synthetic.market_config import MarketConfig

__all__ = ["correlation", "efficient_paths", "grid_seconds"]

_YEAR_NS: Final = 365 * DAY_NS


def correlation(config: MarketConfig) -> Float2D:
    """Correlation of the efficient returns: ``B Bᵀ`` off the diagonal, with the loadings on the factors as rows of B.

    Returns
    -------
    (n, n) float64
        In the order of the tokens; positive definite, as each token keeps some noise of its own.
    """
    clusters = sorted({token.cluster for token in config.tokens})
    loadings = np.zeros((len(config.tokens), 1 + len(clusters)))
    for row, token in enumerate(config.tokens):
        loadings[row, 0] = token.market_loading
        loadings[row, 1 + clusters.index(token.cluster)] = token.cluster_loading
    matrix = loadings @ loadings.T
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix, np.float64)


def efficient_paths(config: MarketConfig, seeds: list[np.random.SeedSequence]) -> Float2D:
    """Efficient prices in ticks on the grid of `path_step`, from the start to just past the end.

    The correlated normals are ``L z`` with L the Cholesky factor of `correlation`; token i needs the seeds up to i only, so a
    token added at the end leaves the others' paths as they were.

    Parameters
    ----------
    config : MarketConfig
    seeds : list of SeedSequence
        One per token.

    Returns
    -------
    (n, points) float64 [ticks]

    Raises
    ------
    ConfigError
        If a price falls so low that the book would reach zero.
    """
    step_ns = parse_duration(config.path_step)
    steps = -(-config.duration_ns // step_ns) + 1
    normals = np.stack([np.random.default_rng(seed).standard_normal(steps) for seed in seeds])
    vol = np.array([token.vol_annual for token in config.tokens])[:, None] * np.sqrt(step_ns / _YEAR_NS)
    returns = vol * (np.linalg.cholesky(correlation(config)) @ normals) - 0.5 * vol**2
    for jump in config.jumps:
        loadings = [token.market_loading for token in config.tokens]
        returns[:, parse_duration(jump.at) // step_ns] += np.log1p(jump.size_bps * BPS * np.array(loadings))
    log_price = np.concatenate([np.zeros((len(vol), 1)), np.cumsum(returns, axis=1)], axis=1)
    opening = [token.price / token.instrument(config.venue).price_grid.size for token in config.tokens]
    ticks = np.array(opening)[:, None] * np.exp(log_price)
    for token, path in zip(config.tokens, ticks, strict=True):
        if path.min() < 5 * token.reach_ticks:
            raise ConfigError(
                f"token {token.name!r}: the efficient price falls to {path.min():.0f} ticks within {config.duration}; "
                f"expected at least 5 × reach_ticks = {5 * token.reach_ticks}; lower vol_annual or choose a finer tick"
            )
    return np.asarray(ticks, np.float64)


def grid_seconds(config: MarketConfig) -> float:
    """Step of the efficient paths [s]."""
    return parse_duration(config.path_step) / SECOND_NS
