"""What optionality is worth: values, greeks, implied volatility."""

from counterpoise.options.black import black76, black76_greeks, black_scholes_greeks, coin_greeks, deribit_greeks
from counterpoise.options.implied import implied_volatility, price_bounds

__all__ = [
    "black76",
    "black76_greeks",
    "black_scholes_greeks",
    "coin_greeks",
    "deribit_greeks",
    "implied_volatility",
    "price_bounds",
]
