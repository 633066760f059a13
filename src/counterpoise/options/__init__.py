"""What optionality is worth: values, greeks, implied volatility, smiles."""

from counterpoise.options.black import black76, black76_greeks, black_scholes_greeks, coin_greeks, deribit_greeks
from counterpoise.options.implied import implied_volatility, price_bounds
from counterpoise.options.svi import (
    JumpWings,
    NaturalSvi,
    RawSvi,
    jump_wings,
    natural_svi,
    raw_from_jump_wings,
    raw_from_natural,
)
from counterpoise.options.svi_arbitrage import butterfly, least_butterfly, least_calendar, repair_butterfly
from counterpoise.options.svi_fit import SviFit, fit_svi

__all__ = [
    "JumpWings",
    "NaturalSvi",
    "RawSvi",
    "SviFit",
    "black76",
    "black76_greeks",
    "black_scholes_greeks",
    "butterfly",
    "coin_greeks",
    "deribit_greeks",
    "fit_svi",
    "implied_volatility",
    "jump_wings",
    "least_butterfly",
    "least_calendar",
    "natural_svi",
    "price_bounds",
    "raw_from_jump_wings",
    "raw_from_natural",
    "repair_butterfly",
]
