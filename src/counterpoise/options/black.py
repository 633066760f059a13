"""Black-76 and Black-Scholes values and greeks, in cash, in coins, and as Deribit quotes them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError
from counterpoise.options.kernels.black import black_derivatives, black_prices
from counterpoise.options.terms import Terms, option_terms_of

__all__ = ["black76", "black76_greeks", "black_scholes_greeks", "coin_greeks", "deribit_greeks"]

_DAYS_A_YEAR = 365.0


def black76(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, right: ArrayLike) -> Float1D:
    """Undiscounted price F N(d1) − K N(d2) of a call, K N(−d2) − F N(−d1) of a put; d1,2 = ln(F/K)/σ√T ± σ√T/2.

    Divide by the forward for the premium of a coin-settled option.

    Parameters
    ----------
    forward, strike : (...) float64 [cash]
        They broadcast with the others; NaN in any gives NaN.
    years : (...) float64 [years]
    volatility : (...) float64 [1/√year]
    right : (...) str
        ``C`` or ``P``.

    Returns
    -------
    (...) float64 [cash]
        Relative error below 2e-15 (1 + d²), d = ln(F/K)/σ√T, however small the price.

    Raises
    ------
    InputError
        If a number is infinite or not positive, a right is neither, or shapes do not broadcast.

    References
    ----------
    Black (1976), doi:10.1016/0304-405X(76)90024-6; Jäckel (2015), doi:10.1002/wilm.10395.

    Examples
    --------
    >>> float(black76(100.0, 100.0, 1.0, 0.2, "C").round(12))
    7.965567455406
    """
    terms = option_terms_of(forward, strike, years, right, volatility=volatility)
    out = np.empty(len(terms.forward))
    black_prices(*terms[:5], out)
    return out.reshape(terms.shape)


def black76_greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, right: ArrayLike
) -> pl.DataFrame:
    """Undiscounted Black-76 value and derivatives; arguments and errors as `black76`.

    Returns
    -------
    pl.DataFrame
        ``price`` [cash], ``delta`` ∂/∂F, ``gamma`` ∂²/∂F² [1/cash], ``vega`` ∂/∂σ [cash for 1.00 of volatility], ``theta``
        −∂/∂T [cash a year]; one row an option, in the order of the flattened arguments.
    """
    _, rows = _derivatives(forward, strike, years, volatility, right)
    return pl.DataFrame(dict(zip(("price", "delta", "gamma", "vega", "theta"), rows.T, strict=False)))


def coin_greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, right: ArrayLike
) -> pl.DataFrame:
    """Premium c = V/F of an inverse option, paid in coins, and its own derivatives; arguments and errors as `black76`.

    A coin premium loses and gains as the coin itself does, so its greeks are those of V with c taken out:
    F ∂c/∂F = Δ − c and ∂²c/∂F² = Γ/F − 2 (FΔ − V)/F³.

    Returns
    -------
    pl.DataFrame
        ``price`` [coins], ``delta`` F ∂c/∂F [coins a unit of relative price, the net transaction delta], ``gamma`` ∂²c/∂F²
        [coins/cash²], ``vega`` ∂c/∂σ [coins for 1.00 of volatility], ``theta`` −∂c/∂T [coins a year].

    References
    ----------
    Alexander and Imeraj (2021), arXiv 2107.12041, section 2.
    """
    terms, rows = _derivatives(forward, strike, years, volatility, right)
    f, strike_leg = terms.forward, rows[:, 5]
    coins = rows[:, 0] / f
    signed_leg = terms.sign * strike_leg  # FΔ − V
    columns = {
        "price": coins,
        "delta": signed_leg / f,
        "gamma": rows[:, 2] / f - 2.0 * signed_leg / f**3,
        "vega": rows[:, 3] / f,
        "theta": rows[:, 4] / f,
    }
    return pl.DataFrame(columns)


def deribit_greeks(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, right: ArrayLike
) -> pl.DataFrame:
    """What a Deribit ticker of a coin-settled option says for a volatility; arguments and errors as `black76`.

    Returns
    -------
    pl.DataFrame
        ``mark_price`` V/F [coins]; ``delta`` ±N(±d1), from which the premium is *not* taken (`coin_greeks` does); ``gamma``
        [1/cash]; ``vega`` [cash a vol point]; ``theta`` [cash a day, never more than the option's whole value in the last day];
        ``rho`` [cash a percent].

    Notes
    -----
    Years are ACT/365 to 08:00 UTC of the expiry, the rate is nought and the forward is the ticker's `underlying_price`. The
    ticker says the volatility in percent.
    """
    terms, rows = _derivatives(forward, strike, years, volatility, right)
    theta = rows[:, 4] / _DAYS_A_YEAR
    last_day = terms.years < 1.0 / _DAYS_A_YEAR
    columns = {
        "mark_price": rows[:, 0] / terms.forward,
        "delta": rows[:, 1],
        "gamma": rows[:, 2],
        "vega": rows[:, 3] / 100.0,
        "theta": np.where(last_day, np.maximum(theta, -rows[:, 0]), theta),
        "rho": terms.sign * terms.years * rows[:, 5] / 100.0,
    }
    return pl.DataFrame(columns)


def black_scholes_greeks(
    spot: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    volatility: ArrayLike,
    right: ArrayLike,
    *,
    rate: float,
    income: float = 0.0,
) -> pl.DataFrame:
    """Discounted Black-Scholes value and derivatives with respect to the spot: Black-76 at F = S e^{(r − q)T}, times e^{−rT}.

    Parameters
    ----------
    spot, strike, years, volatility, right
        As `black76`, with the spot [cash] for the forward.
    rate, income : float [1/year]
        Continuously compounded rate r of the cash and income q (dividends, staking) of the asset.

    Returns
    -------
    pl.DataFrame
        ``price`` [cash], ``delta`` ∂/∂S, ``gamma`` ∂²/∂S² [1/cash], ``vega`` ∂/∂σ [cash for 1.00], ``theta`` ∂/∂t [cash a
        year], ``rho`` ∂/∂r [cash for 1.00].

    Raises
    ------
    InputError
        As `black76`, or if a rate is not finite.

    References
    ----------
    Black and Scholes (1973), doi:10.1086/260062; Merton (1973) for the income.
    """
    if not np.isfinite([rate, income]).all():
        raise InputError(f"rate {rate} and income {income} must be finite fractions a year; a rate of 5 % is 0.05")
    spots, times = np.asarray(spot, np.float64), np.asarray(years, np.float64)
    terms, rows = _derivatives(spots * np.exp((rate - income) * times), strike, years, volatility, right)
    discount, kept = np.exp(-rate * terms.years), np.exp(-income * terms.years)
    grown = kept / discount  # F/S
    price, delta = discount * rows[:, 0], kept * rows[:, 1]
    own = terms.forward / grown
    columns = {
        "price": price,
        "delta": delta,
        "gamma": kept * grown * rows[:, 2],
        "vega": discount * rows[:, 3],
        "theta": rate * price - (rate - income) * own * delta + discount * rows[:, 4],
        "rho": terms.years * discount * terms.sign * rows[:, 5],
    }
    return pl.DataFrame(columns)


def _derivatives(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, volatility: ArrayLike, right: ArrayLike
) -> tuple[Terms, Float2D]:
    terms = option_terms_of(forward, strike, years, right, volatility=volatility)
    rows = np.empty((len(terms.forward), 6))
    black_derivatives(*terms[:5], rows)
    return terms, rows
