"""Implied volatility of undiscounted option prices, to the last digits of a double."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.options.kernels.implied import implied_volatilities
from counterpoise.options.terms import Terms, option_terms_of

__all__ = ["implied_volatility", "price_bounds"]


def price_bounds(forward: ArrayLike, strike: ArrayLike, right: ArrayLike) -> tuple[Float1D, Float1D]:
    """Prices between which no arbitrage lies: (F − K)⁺ and F for a call, (K − F)⁺ and K for a put, undiscounted.

    Parameters
    ----------
    forward, strike : (...) float64 [cash]
    right : (...) str
        ``C`` or ``P``.

    Returns
    -------
    lower, upper : (...) float64 [cash]

    Raises
    ------
    InputError
        If a right is neither, or a number is not positive.
    """
    terms = option_terms_of(forward, strike, 1.0, right, price=0.0)
    lower, upper = _bounds(terms)
    return lower.reshape(terms.shape), upper.reshape(terms.shape)


def _bounds(terms: Terms) -> tuple[Float1D, Float1D]:
    lower = np.maximum(terms.sign * (terms.forward - terms.strike), 0.0)
    return lower, np.where(terms.sign > 0, terms.forward, terms.strike)


def implied_volatility(price: ArrayLike, forward: ArrayLike, strike: ArrayLike, years: ArrayLike, right: ArrayLike) -> Float1D:
    """Volatility at which Black-76 gives each undiscounted price.

    Multiply a coin-settled premium by the forward, and divide a discounted one by its discount factor, before.

    Parameters
    ----------
    price, forward, strike : (...) float64 [cash]
        They broadcast with `years` and `right`.
    years : (...) float64 [years]
    right : (...) str
        ``C`` or ``P``.

    Returns
    -------
    (...) float64 [1/√year]
        0 where the price is the intrinsic value, NaN where an argument is NaN.

    Raises
    ------
    InputError
        If a price lies below the intrinsic value or reaches the upper bound; the bound is in the message.

    Notes
    -----
    Halley steps in a bracket, see `kernels.implied`. Over deviations σ√T of 1e-8 to 16 and values down to 1e-290 of √(FK) the
    relative error is below 1e-14, times how much worse the price itself determines the volatility (in the money only the time
    value does, and the digits it lost to the intrinsic value are lost).

    References
    ----------
    Jäckel (2015), Let's Be Rational, doi:10.1002/wilm.10395.

    Examples
    --------
    >>> float(implied_volatility(7.965567455405796, 100.0, 100.0, 1.0, "C").round(12))
    0.2
    """
    terms = option_terms_of(forward, strike, years, right, price=price)
    _refuse_arbitrage(terms)
    out = np.empty(len(terms.forward))
    implied_volatilities(terms.other, terms.forward, terms.strike, terms.years, terms.sign, out)
    return out.reshape(terms.shape)


def _refuse_arbitrage(terms: Terms) -> None:
    lower, upper = _bounds(terms)
    below, above = np.flatnonzero(terms.other < lower), np.flatnonzero(terms.other >= upper)
    for rows, relation, bound in ((below, "at least its intrinsic value", lower), (above, "below its upper bound", upper)):
        if rows.size:
            row = rows[0]
            raise InputError(
                f"price {float(terms.other[row])!r} in row {row} has no implied volatility; expected {relation} "
                f"{float(bound[row])!r} ({rows.size} of {len(lower)} rows); drop such quotes or make them NaN"
            )
