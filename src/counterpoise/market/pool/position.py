"""What liquidity is worth: value, delta, gamma, loss against holding, and how lopsided an inventory is.

Prices are of token 0 in token 1; values are in token 1. Uniswap v3 Core whitepaper (2021), section 2.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["inventory_imbalance", "loss_of_product_pool", "range_value"]


def range_value(price: ArrayLike, *, liquidity: float, low: float, high: float) -> pl.DataFrame:
    """Holdings and value of liquidity between two prices, without fees, and what holding the entry's tokens would be worth.

    In range V = L(2√P − P/√p_high − √p_low), ∂V/∂P = L(1/√P − 1/√p_high), ∂²V/∂P² = −L/(2P^{3/2}).

    Parameters
    ----------
    price : (n,) float64
        The first is the entry price.
    liquidity : float
        L [√(token 0 × token 1)].
    low, high : float
        The range; 0 and infinity make it a constant-product pool.

    Returns
    -------
    pl.DataFrame
        ``price``, ``token0``, ``token1``, ``value``, ``delta`` [token 0], ``gamma`` [token 0 a unit of price], ``held`` (value
        of the entry's tokens now) and ``loss`` = value/held − 1, at most 0.

    Raises
    ------
    InputError
        If prices are not positive and finite, or the range is none.
    """
    p = np.atleast_1d(np.asarray(price, np.float64))
    if p.ndim != 1 or not len(p) or not (np.isfinite(p).all() and (p > 0).all()):
        raise InputError(f"prices must be one or more positive finite numbers, found {price!r}")
    if not (0 <= low < high and liquidity > 0):
        raise InputError(f"range {low} to {high} with liquidity {liquidity}: expected 0 <= low < high and liquidity above 0")
    root = np.sqrt(np.clip(p, low, high))
    token0 = liquidity * (1.0 / root - 1.0 / np.sqrt(high))
    token1 = liquidity * (root - np.sqrt(low))
    value, held = token0 * p + token1, token0[0] * p + token1[0]
    inside = (p > low) & (p < high)
    columns = {
        "price": p,
        "token0": token0,
        "token1": token1,
        "value": value,
        "delta": token0,
        "gamma": np.where(inside, -0.5 * liquidity / p**1.5, 0.0),
        "held": held,
        "loss": value / held - 1.0,
    }
    return pl.DataFrame(columns)


def loss_of_product_pool(price_ratio: ArrayLike) -> Float1D:
    """Value against holding of a constant-product pool whose price changed by the ratio r: 2√r/(1 + r) − 1.

    Raises
    ------
    InputError
        If a ratio is negative or not finite.
    """
    r = np.asarray(price_ratio, np.float64)
    if not (np.isfinite(r).all() and (r >= 0).all()):
        raise InputError("price ratios must be finite and at least 0; 2 means that the price doubled")
    return np.asarray(2.0 * np.sqrt(r) / (1.0 + r) - 1.0)


def inventory_imbalance(token0: ArrayLike, token1: ArrayLike, *, price: ArrayLike) -> Float1D:
    """(V₁ − V₀)/(V₁ + V₀) of the values of both tokens at a price; +1 is all token 1, NaN where there is nothing.

    Raises
    ------
    InputError
        If an amount is negative or a price not positive.
    """
    x, y, p = (np.asarray(values, np.float64) for values in (token0, token1, price))
    if (x < 0).any() or (y < 0).any() or (p <= 0).any():
        raise InputError("amounts must be at least 0 and prices above 0; an inventory holds no debt")
    value0 = x * p
    total = value0 + y
    return np.asarray(np.divide(y - value0, total, out=np.full(np.shape(total), np.nan), where=total > 0))
