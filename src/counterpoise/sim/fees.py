"""What a venue charges."""

from __future__ import annotations

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS
from counterpoise.market.instrument import Instrument

__all__ = ["Fees"]


class Fees(Config, frozen=True, kw_only=True):
    """Fees in bps of the value traded, paid in the settle currency.

    Assumes one tier for the whole run and no discount for paying in a venue's own coin.

    Parameters
    ----------
    maker_bps, taker_bps : float
        Negative is a rebate.
    """

    maker_bps: float = 2.0
    taker_bps: float = 5.0

    def __post_init__(self) -> None:
        if not -100 < self.maker_bps < 1000 or not -100 < self.taker_bps < 1000:
            raise InputError(f"fees must lie between -100 and 1,000 bps, found {self.maker_bps} and {self.taker_bps}")

    def fee(self, instrument: Instrument, price_ticks: int, qty_lots: int, *, maker: bool) -> float:
        """Fee of one fill in the settle currency: of the quote value for linear contracts, of the coins for inverse ones."""
        value = instrument.base_qty(price_ticks, qty_lots) if instrument.inverse else instrument.notional(price_ticks, qty_lots)
        return float(value) * (self.maker_bps if maker else self.taker_bps) * BPS
