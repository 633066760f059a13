"""Greeks of an option as weights of a quantity: delta in coins, gamma for a move of 1 %, vega for a vol point."""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float2D
from counterpoise.core.errors import UnknownName
from counterpoise.flow.kernels import option_weights as k

__all__ = [
    "DEALERS",
    "SAID_COLUMNS",
    "WEIGHT_COLUMNS",
    "Dealers",
    "DeltaKind",
    "require_delta",
    "signs_of_dealers",
    "weight_columns",
    "with_weights",
]

DeltaKind = Literal["black", "net"]
Dealers = Literal["other_side", "customers_long_calls_short_puts", "customers_short_calls_long_puts"]
SAID_COLUMNS: Final = ("underlying_price", "mark_price", "mark_iv", "delta", "gamma", "vega")  # in the kernel's order
WEIGHT_COLUMNS: Final = ("delta_coin", "gamma_coin", "vega_cash", "worth_cash")

# sign of the dealers' position in calls and in puts; None: the other side of each aggressor
DEALERS: Final[dict[str, tuple[int, int] | None]] = {
    "other_side": None,
    "customers_long_calls_short_puts": (-1, 1),
    "customers_short_calls_long_puts": (1, -1),
}


def with_weights(options: pl.DataFrame, *, delta: DeltaKind = "black") -> pl.DataFrame:
    """Add the weights of one coin of each option.

    Parameters
    ----------
    options : pl.DataFrame
        Columns of `counterpoise.market.chain.CHAIN_COLUMNS`.
    delta : {"black", "net"}
        As the venue gives it; or less the premium of a coin-settled option, which is paid in coins and so is itself a
        position in them.

    Returns
    -------
    pl.DataFrame
        With ``delta_coin`` [coins], ``gamma_coin`` [coins for a move of 1 %], ``vega_cash`` [cash a vol point],
        ``worth_cash`` (mark [cash]), ``out_of_money`` (strike beyond the forward). Null where the venue gave no greeks. Where
        it gave no gamma: φ(d₁) / (F σ √τ) of Black (1976) with its own iv and a year of 365 days, null without them.

    Raises
    ------
    UnknownName
        If there is no such delta.

    References
    ----------
    Black (1976), Journal of Financial Economics 3, doi:10.1016/0304-405X(76)90024-6.
    """
    require_delta(delta)
    said = options.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in SAID_COLUMNS).to_numpy()
    tenor = options["expiry_ns"] - options["ts_local"]
    terms = np.column_stack([tenor.to_numpy(), (options["right"] == "C").to_numpy(), options["coin_settled"].to_numpy()])
    weights = np.empty((options.height, k.WEIGHTS))
    strike = options["strike"].cast(pl.Float64).to_numpy()
    k.option_weight_rows(np.ascontiguousarray(said).ravel(), strike, terms.astype(np.int64), delta == "net", weights.ravel())
    return options.with_columns(weight_columns(weights))


def weight_columns(weights: Float2D) -> list[pl.Series]:
    """Columns of (n, WEIGHTS) weights, null where one is not known."""
    columns = [pl.Series(name, weights[:, i], nan_to_null=True) for i, name in enumerate(WEIGHT_COLUMNS)]
    return [*columns, pl.Series("out_of_money", weights[:, k.OUTSIDE], nan_to_null=True).cast(pl.Boolean)]


def require_delta(delta: str) -> None:
    """Refuse a kind of delta that does not exist."""
    if delta not in get_args(DeltaKind):
        raise UnknownName("delta", delta, get_args(DeltaKind))


def signs_of_dealers(dealers: str) -> tuple[int, int]:
    """Sign of the dealers' position in calls and in puts; both 0 when they take the other side of each aggressor.

    Raises
    ------
    UnknownName
        If there is no such assumption.
    """
    if dealers not in DEALERS:
        raise UnknownName("assumption about dealers", dealers, DEALERS)
    return DEALERS[dealers] or (0, 0)
