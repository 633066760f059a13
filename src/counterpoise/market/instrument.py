"""What is traded: contract terms, exact grids, notional and profit.

Quantities are in the unit the venue quotes: coins for spot, linear contracts (times `multiplier` coins) for linear derivatives,
contracts of `multiplier` quote units for inverse ones.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from functools import cache

import msgspec

from counterpoise.core.errors import InputError
from counterpoise.core.units import Grid

__all__ = ["Instrument", "InstrumentKind"]


class InstrumentKind(StrEnum):
    SPOT = "spot"
    PERP = "perp"
    FUTURE = "future"
    OPTION = "option"


@cache
def _grid(step: str) -> Grid:
    return Grid(step)


class Instrument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Terms of one instrument on one venue.

    Parameters
    ----------
    venue, symbol : str
        As the venue writes it; together the id ``venue:symbol``.
    kind : InstrumentKind
    base, quote, settle : str
        What is traded, what prices are in, what profit is paid in.
    tick, lot : str
        Exact decimal steps of price [quote per base] and quantity [venue unit].
    multiplier : str
        Linear: base units per unit of quantity. Inverse: quote units per contract.
    inverse : bool
        True when profit is ``qty × multiplier × (1/entry − 1/exit)`` in the settle coin.
    expiry_ns : int, optional
        Dated contracts: ns UTC.
    strike : str, optional
    right : {"", "C", "P"}
        Options only.
    min_notional : str
        Least order value the venue takes [quote].
    """

    venue: str
    symbol: str
    kind: InstrumentKind
    base: str
    quote: str
    settle: str
    tick: str
    lot: str
    multiplier: str = "1"
    inverse: bool = False
    expiry_ns: int | None = None
    strike: str | None = None
    right: str = ""
    min_notional: str = "0"

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "multiplier"):
            _grid(getattr(self, name))
        if (self.kind is InstrumentKind.OPTION) != (self.right in ("C", "P") and self.strike is not None):
            raise InputError(f"{self.id}: an option needs a strike and a right C or P, and only an option has them")
        dated = self.kind in (InstrumentKind.FUTURE, InstrumentKind.OPTION)
        if dated != (self.expiry_ns is not None):
            raise InputError(f"{self.id}: a future or option needs expiry_ns, and only they have one")

    @property
    def id(self) -> str:
        """``venue:symbol``."""
        return f"{self.venue}:{self.symbol}"

    @property
    def price_grid(self) -> Grid:
        return _grid(self.tick)

    @property
    def qty_grid(self) -> Grid:
        return _grid(self.lot)

    @property
    def least_notional(self) -> Fraction:
        """Least order value the venue takes [quote]."""
        return Fraction(self.min_notional)

    @property
    def flow_grid(self) -> Grid:
        """One lot as order flow counts it: base coins, or contracts of an inverse instrument."""
        return self.qty_grid if self.inverse else _grid(str(self.qty_grid.step * _grid(self.multiplier).step))

    def price(self, ticks: int) -> float:
        """Price [quote per base] of a number of ticks."""
        return self.price_grid.value(ticks)

    def qty(self, lots: int) -> float:
        """Quantity [venue unit] of a number of lots."""
        return self.qty_grid.value(lots)

    def notional(self, price_ticks: int, qty_lots: int) -> Fraction:
        """Exact value in the quote currency; an inverse contract's does not depend on the price."""
        size = Fraction(self.qty_grid.decimal(qty_lots)) * Fraction(_grid(self.multiplier).step)
        return size if self.inverse else size * Fraction(self.price_grid.decimal(price_ticks))

    def base_qty(self, price_ticks: int, qty_lots: int) -> Fraction:
        """Exact amount of the base coin behind a quantity at a price."""
        size = Fraction(self.qty_grid.decimal(qty_lots)) * Fraction(_grid(self.multiplier).step)
        if not self.inverse:
            return size
        if price_ticks <= 0:
            raise InputError(f"{self.id}: an inverse contract needs a positive price, found {price_ticks} ticks")
        return size / Fraction(self.price_grid.decimal(price_ticks))

    def profit(self, entry_ticks: int, exit_ticks: int, signed_lots: int) -> Fraction:
        """Exact profit in the settle currency of a signed position between two prices.

        Linear: ``q m (exit − entry)``; inverse: ``q m (1/entry − 1/exit)``.
        """
        if self.inverse:
            return self.base_qty(entry_ticks, signed_lots) - self.base_qty(exit_ticks, signed_lots)
        return self.notional(exit_ticks, signed_lots) - self.notional(entry_ticks, signed_lots)
