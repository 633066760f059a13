"""Margin rules of venues as dated data, and the prices at which a position is liquidated and bankrupt."""

from __future__ import annotations

from math import inf, isnan, nan
from typing import Final, Literal

import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import parse_time, utc_date
from counterpoise.risk.margin_tiers import Tier, TierTable

__all__ = ["SHIPPED", "AdlRule", "MarginRules", "bankruptcy_price", "liquidation_price", "margin_rules", "price_at_rate"]

AdlRule = Literal["binance", "bybit", "okx"]


class MarginRules(Config, frozen=True, kw_only=True):
    """Rules of one venue and contract from a date on.

    Parameters
    ----------
    venue, symbol : str
        Symbol ``"*"`` is any that has no rules of its own.
    valid_from : str
        ISO date or time (UTC); the rules hold until the next ones of the same contract.
    inverse : bool
        Whether margin and notional are in coins.
    tiers : TierTable
    fee : float
        Closing fee added to the maintenance rate (OKX, Gate), a fraction.
    maintenance_at : {"mark", "entry"}
        Whether the requirement is of the value at the price of liquidation, or fixed at entry (Bybit's older inverse formula).
    adl : {"binance", "bybit", "okx"}
        Ranking of deleveraging.

    Raises
    ------
    InputError
        If the fee is out of [0, .1) or the date is none.
    ConfigError
        As `TierTable`.
    """

    venue: str
    symbol: str = "*"
    valid_from: str
    inverse: bool = False
    tiers: TierTable
    fee: float = 0.0
    maintenance_at: Literal["mark", "entry"] = "mark"
    adl: AdlRule = "binance"

    def __post_init__(self) -> None:
        if not 0 <= self.fee < 0.1:
            raise InputError(f"fee is {self.fee}; expected a fraction from 0 to below .1")
        parse_time(self.valid_from)


def margin_rules(venue: str, symbol: str, *, on: str, among: tuple[MarginRules, ...] = ()) -> MarginRules:
    """Rules in force at a venue on a date.

    Parameters
    ----------
    venue, symbol : str
        As in ``venue:symbol``.
    on : str
        ISO date (UTC).
    among : tuple of MarginRules, optional
        In place of those shipped, `SHIPPED`.

    Raises
    ------
    UnknownName
        If no rules of the contract are known.
    InputError
        If the first known ones begin later.

    Examples
    --------
    >>> margin_rules("binance_usdm", "BTCUSDT", on="2024-08-08").tiers.tiers[0].maintenance
    0.004
    """
    known = among or SHIPPED
    of_venue = [rules for rules in known if rules.venue == venue and rules.symbol in (symbol, "*")]
    if not of_venue:
        raise UnknownName("margin rules of", f"{venue}:{symbol}", sorted({f"{r.venue}:{r.symbol}" for r in known}))
    own = [rules for rules in of_venue if rules.symbol == symbol] or of_venue
    at = parse_time(on)
    held = [rules for rules in own if parse_time(rules.valid_from) <= at]
    if not held:
        first = min(parse_time(rules.valid_from) for rules in own)
        raise InputError(f"margin rules of {venue}:{symbol} on {on}; known from {utc_date(first)}: give your own `among`")
    return max(held, key=lambda rules: parse_time(rules.valid_from))


def price_at_rate(
    collateral: float, signed_qty: float, entry: float, *, rate: float, cum: float = 0.0, inverse: bool = False
) -> float:
    """Price at which equity equals ``rate × value − cum``.

        linear   P = (C + cum − q E) / (|q| rate − q)           inverse  P = (|q| rate + q) / (C + cum + q / E)

    Parameters
    ----------
    collateral : float
        C [settle]: of an isolated position its margin, of a cross one the wallet − maintenance of all other positions + their
        unrealised profit.
    signed_qty : float
        q: base units, or of an inverse contract USD; below zero short.
    entry : float
        E [quote].
    rate, cum : float
        Maintenance rate and amount; both 0 give the price of bankruptcy.

    Returns
    -------
    float
        NaN where no positive price does it: the position cannot be liquidated by price alone.

    Raises
    ------
    InputError
        If the quantity is 0, the entry not positive or the rate out of [0, 1).

    References
    ----------
    Binance, "How to calculate liquidation price of USD-M futures contracts" and the COIN-M page of the same name.
    """
    if not signed_qty or not entry > 0 or not 0 <= rate < 1:
        raise InputError(f"a position needs a quantity, entry > 0 and rate in [0, 1); found {signed_qty}, {entry} and {rate}")
    size = abs(signed_qty)
    if inverse:
        top, bottom = size * rate + signed_qty, collateral + cum + signed_qty / entry
    else:
        top, bottom = collateral + cum - signed_qty * entry, size * rate - signed_qty
    return top / bottom if bottom and top / bottom > 0 else nan


def liquidation_price(rules: MarginRules, collateral: float, signed_qty: float, entry: float) -> float:
    """Price at which equity meets maintenance, in the tier that holds at that price.

    Parameters
    ----------
    rules : MarginRules
    collateral, signed_qty, entry : float
        As `price_at_rate`.

    Returns
    -------
    float
        NaN where there is none.

    Raises
    ------
    InputError
        As `price_at_rate`.

    Notes
    -----
    The requirement is continuous and convex in the value, so it is the greatest of its tiers' lines: the first of their prices
    that is met is the one, the highest of a long position and the lowest of a short. O(tiers).
    """
    table = rules.tiers
    if rules.maintenance_at == "entry":
        return _entry_price(rules, collateral, signed_qty, entry)
    prices = [
        price_at_rate(collateral, signed_qty, entry, rate=tier.maintenance + rules.fee, cum=cum, inverse=rules.inverse)
        for tier, cum in zip(table.tiers, table.cums.tolist(), strict=True)
    ]
    met = [price for price in prices if not isnan(price)]
    if not met:
        return nan
    return max(met) if signed_qty > 0 else min(met)


def bankruptcy_price(rules: MarginRules, collateral: float, signed_qty: float, entry: float) -> float:
    """Price at which nothing of the collateral is left, fees aside; NaN and errors as `price_at_rate`."""
    return price_at_rate(collateral, signed_qty, entry, rate=0.0, inverse=rules.inverse)


def _entry_price(rules: MarginRules, collateral: float, signed_qty: float, entry: float) -> float:
    """Maintenance fixed at its value at entry: the price at which the rest of the collateral is lost."""
    value = abs(signed_qty) / entry if rules.inverse else abs(signed_qty) * entry
    fixed = float(rules.tiers.maintenance(np.array([value]))[0]) + rules.fee * value
    return price_at_rate(collateral - fixed, signed_qty, entry, rate=0.0, inverse=rules.inverse)


_Rows = tuple[tuple[float, float, float], ...]  # floor, maintenance, initial (0: not said)
_BTCUSDT_2021: Final[_Rows] = (  # Binance announcement of 2021-03-18
    (0, 0.004, 0.008),
    (50e3, 0.005, 0.01),
    (250e3, 0.01, 0.02),
    (1e6, 0.025, 0.05),
    (10e6, 0.05, 0.1),
    (20e6, 0.1, 0.2),
    (50e6, 0.125, 0.25),
    (100e6, 0.15, 0.333),
    (200e6, 0.25, 0.5),
    (300e6, 0.5, 1.0),
)
_BTCUSDT_2024: Final[_Rows] = (
    (0, 0.004, 0),
    (50e3, 0.005, 0),
    (600e3, 0.0065, 0),
    (3e6, 0.01, 0),
    (12e6, 0.02, 0),
    (70e6, 0.025, 0),
    (100e6, 0.05, 0),
    (230e6, 0.10, 0),
    (480e6, 0.125, 0),
    (600e6, 0.15, 0),
    (800e6, 0.25, 0),
    (1.2e9, 0.50, 0),
)


_BTCUSD_QUARTERLY_2021: Final[_Rows] = (  # coins; Binance announcement of 2021-08-23, read in a reprint
    (0, 0.01, 0.02),
    (10, 0.025, 0.05),
    (50, 0.05, 0.1),
    (100, 0.1, 0.2),
    (200, 0.125, 0.25),
    (400, 0.15, 0.3333),
    (800, 0.25, 0.5),
    (1_500, 0.5, 1.0),
)


def _table(rows: _Rows) -> TierTable:
    caps = [row[0] for row in rows[1:]] + [inf]
    tiers = [Tier(floor=row[0], cap=cap, maintenance=row[1], initial=row[2]) for row, cap in zip(rows, caps, strict=True)]
    return TierTable(tiers=tuple(tiers))


_HALF_PERCENT: Final = _table(((0, 0.005, 0.01),))

SHIPPED: Final = (
    MarginRules(venue="binance_usdm", symbol="BTCUSDT", valid_from="2021-03-18", tiers=_table(_BTCUSDT_2021)),
    MarginRules(venue="binance_usdm", symbol="BTCUSDT", valid_from="2024-01-01", tiers=_table(_BTCUSDT_2024)),
    *(
        MarginRules(
            venue="binance_coinm",
            symbol=symbol,
            valid_from="2021-08-23T08:30",
            inverse=True,
            tiers=_table(_BTCUSD_QUARTERLY_2021),
        )
        for symbol in ("BTCUSD_210924", "BTCUSD_211231")
    ),
    MarginRules(
        venue="bybit",
        symbol="BTCUSD",
        valid_from="2020-01-01",
        inverse=True,
        tiers=_HALF_PERCENT,
        maintenance_at="entry",
        adl="bybit",
    ),
    MarginRules(venue="bybit", symbol="BTCUSD", valid_from="2026-01-01", inverse=True, tiers=_HALF_PERCENT, adl="bybit"),
)
