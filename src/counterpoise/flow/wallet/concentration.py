"""How unequally an amount is held, over addresses and over the entities behind them."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError

__all__ = ["concentration_row", "gini", "herfindahl", "shares", "top_share"]


def shares(amounts: Float1D) -> Float1D:
    """Each amount over all of them, largest first.

    Raises
    ------
    InputError
        If an amount is negative or not finite, or all are zero.
    """
    amounts = np.asarray(amounts, np.float64)
    if not (np.isfinite(amounts) & (amounts >= 0)).all() or not amounts.sum() > 0:
        raise InputError("amounts must be finite, 0 or more, and not all zero; leave debts and unknown ones out")
    return np.asarray(np.sort(amounts)[::-1] / amounts.sum(), np.float64)


def herfindahl(amounts: Float1D) -> float:
    """Σ s² over shares s: 1/n when all are equal, 1 when one holds all. Raises as `shares`."""
    return float((shares(amounts) ** 2).sum())


def top_share(amounts: Float1D, *, top: int) -> float:
    """Share of the `top` largest. Raises as `shares`, and `InputError` if `top` is not positive."""
    if top < 1:
        raise InputError(f"top must be 1 or more, found {top}")
    return float(shares(amounts)[:top].sum())


def gini(amounts: Float1D) -> float:
    """Σ_i Σ_j |x_i − x_j| / (2 n Σ x): 0 when all are equal, (n − 1)/n when one holds all. Raises as `shares`.

    Notes
    -----
    It depends on how many hold nothing: say who is counted.
    """
    part = shares(amounts)
    n = len(part)
    return float(1 + 1 / n - 2 * (part * np.arange(1, n + 1)).sum() / n)


def concentration_row(name: str, amounts: pl.Series, *, top: int) -> dict[str, float | int | str]:
    """One line of `counterpoise.flow.wallet.wallets.WalletClusters.concentration`."""
    held = amounts.cast(pl.Float64).to_numpy()
    return {
        "over": name,
        "holders": len(held),
        "hhi": herfindahl(held),
        "gini": gini(held),
        "top": top,
        "top_share": top_share(held, top=top),
    }
