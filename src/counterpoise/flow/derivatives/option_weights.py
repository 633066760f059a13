"""Greeks of an option as weights of a quantity: delta in coins, gamma for a move of 1 %, vega for a vol point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.flow.derivatives.funding import YEAR_NS

__all__ = ["DEALERS", "Dealers", "DeltaKind", "signs_of_dealers", "summed", "values_of_currencies", "with_weights"]

DeltaKind = Literal["black", "net"]
Dealers = Literal["other_side", "customers_long_calls_short_puts", "customers_short_calls_long_puts"]
_ROOT_TWO_PI: Final = np.sqrt(2 * np.pi)

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
    if delta not in ("black", "net"):
        raise UnknownName("delta", delta, ("black", "net"))
    forward, col = pl.col("underlying_price"), pl.col
    gamma = (
        pl.Series("gamma_closed", _black_gamma(options), nan_to_null=True) if options.height else pl.Series(dtype=pl.Float64)
    )
    in_cash = pl.when("coin_settled").then(forward).otherwise(1.0)
    paid = pl.when(pl.lit(delta == "net") & col("coin_settled")).then(col("mark_price")).otherwise(0.0)
    beyond = pl.when(col("right") == "C").then(col("strike") > forward).otherwise(col("strike") < forward)
    return options.with_columns(
        delta_coin=col("delta") - paid,
        gamma_coin=pl.coalesce(col("gamma"), gamma) * forward / 100,
        vega_cash=col("vega"),
        worth_cash=col("mark_price") * in_cash,
        out_of_money=beyond,
    )


def _black_gamma(options: pl.DataFrame) -> Float1D:
    """φ(d₁) / (F σ √τ), NaN where something is missing or the option has expired."""
    forward, strike, iv = (
        options[name].fill_null(float("nan")).to_numpy() for name in ("underlying_price", "strike", "mark_iv")
    )
    years = (options["expiry_ns"] - options["ts_local"]).to_numpy() / YEAR_NS
    sound = (forward > 0) & (iv > 0) & (years > 0)
    width = np.where(sound, iv, 1.0) * np.sqrt(np.where(sound, years, 1.0))
    moneyness = np.log(np.where(sound, forward, 1.0) / np.where(sound, strike, 1.0))
    density = np.exp(-((moneyness / width + width / 2) ** 2) / 2) / _ROOT_TWO_PI
    return np.asarray(np.where(sound, density / (forward * width), np.nan), np.float64)


def signs_of_dealers(right: pl.Series, *, dealers: Dealers) -> Float1D | None:
    """+1 where dealers are taken to be long the option, −1 short; None when they take the other side of each aggressor.

    Raises
    ------
    UnknownName
        If there is no such assumption.
    """
    if dealers not in DEALERS:
        raise UnknownName("assumption about dealers", dealers, DEALERS)
    signs = DEALERS[dealers]
    return None if signs is None else np.where((right == "C").to_numpy(), float(signs[0]), float(signs[1]))


def values_of_currencies(frame: pl.DataFrame, *, rates: Mapping[str, float] | None) -> tuple[Float1D, Float1D]:
    """Value of each row's coin and of its cash: what `rates` says, or 1 without rates.

    Raises
    ------
    InputError
        If rows of several currencies would be added up without rates, or there is no rate for one of them.
    """
    values = []
    for column, word in (("base", "coins"), ("cash", "currencies")):
        names = sorted(frame[column].unique())
        unpriced = [name for name in names if rates is not None and not rates.get(name, 0.0) > 0]
        if (rates is None and len(names) > 1) or unpriced:
            raise InputError(
                f"options of several {word} ({', '.join(names)}) do not add up; filter by {column}, or pass rates= with the "
                f"value of one {' and one '.join(unpriced or names)} in one currency"
            )
        worth = dict.fromkeys(names, 1.0) if rates is None else {name: float(rates[name]) for name in names}
        values.append(frame[column].replace_strict(worth, return_dtype=pl.Float64).to_numpy() if names else np.zeros(0))
    return values[0], values[1]


def summed(values: pl.Series, *, into: Int1D, size: int, factor: Float1D | float = 1.0) -> Float1D:
    """Sum of values times a factor in each of `size` places, in order of the rows; null adds nothing."""
    weights = values.cast(pl.Float64).fill_null(0.0).to_numpy() * factor
    return np.asarray(np.bincount(into, weights=weights, minlength=size), np.float64)
