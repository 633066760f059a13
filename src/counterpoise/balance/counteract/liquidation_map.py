"""At which prices how much would be liquidated: known from accounts, or estimated from open interest."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.risk.margin import MarginRules, liquidation_price
from counterpoise.sim.leverage.accounts import Accounts

__all__ = ["LiquidationMap", "estimate_map", "map_of_accounts"]


class LiquidationMap:
    """Price levels and what a touch of each sets off.

    Parameters
    ----------
    price : (n,) float64 [quote]
    notional : (n,) float64 [quote]
        ≥ 0, of what is liquidated there.
    side : (n,) int64
        Of the forced orders: −1 longs are sold when the price falls to it, +1 shorts are bought back when it rises to it.

    Raises
    ------
    InputError
        If lengths differ, a price is not positive and finite, a notional below 0 or not finite, or a side not ±1.

    Examples
    --------
    >>> levels = LiquidationMap([95.0, 90.0], [1e6, 5e6], [-1, -1])
    >>> levels.set_off(100.0, 94.0), levels.cluster(100.0, side=-1, most=2e6)
    (1000000.0, 90.0)
    """

    def __init__(self, price: ArrayLike, notional: ArrayLike, side: ArrayLike) -> None:
        prices, values = np.asarray(price, np.float64), np.asarray(notional, np.float64)
        sides: Int1D = np.asarray(side, np.int64)
        if not prices.ndim == values.ndim == sides.ndim == 1 or not len(prices) == len(values) == len(sides):
            raise InputError(
                f"a map has three columns of one length; found shapes {prices.shape}, {values.shape} and {sides.shape}"
            )
        sound = np.isfinite(prices) & (prices > 0) & np.isfinite(values) & (values >= 0) & (np.abs(sides) == 1)
        if not sound.all():
            at = int((~sound).argmax())
            raise InputError(
                f"level {at} of a map is {prices[at]}, {values[at]}, {sides[at]}; expected a price above 0, a notional of at "
                "least 0 and a side of +1 or -1: leave out who cannot be liquidated"
            )
        self._levels: Final = {one: _sorted(prices[sides == one], values[sides == one], one) for one in (1, -1)}

    def set_off(self, start: float, end: float) -> float:
        """Notional set off by a move from one price to another, the first not counted, the last counted [quote]."""
        side = 1 if end > start else -1
        price, total = self._levels[side]
        first, last = (int(np.searchsorted(price, side * at, side="right")) for at in (start, end))
        return float(total[last] - total[min(first, last)])

    def cluster(self, start: float, *, side: int, most: float) -> float:
        """Nearest price on the way (+1 up, −1 down) at which more than `most` is set off in all [quote]; NaN where none is."""
        price, total = self._levels[side]
        first = int(np.searchsorted(price, side * start, side="right"))
        at = int(np.searchsorted(total, total[first] + most, side="right"))
        return side * float(price[at - 1]) if at <= len(price) else float("nan")

    def frame(self) -> pl.DataFrame:
        """Levels as columns ``price``, ``notional``, ``side``, those of sales first, each from the nearest on."""
        parts = [
            pl.DataFrame({"price": side * price, "notional": np.diff(total), "side": np.full(len(price), side, np.int64)})
            for side, (price, total) in ((one, self._levels[one]) for one in (-1, 1))
        ]
        return pl.concat(parts)


def _sorted(price: Float1D, notional: Float1D, side: int) -> tuple[Float1D, Float1D]:
    """Side × price, rising, and the sum of what lies before each; one longer."""
    order = np.argsort(side * price, kind="stable")
    return side * price[order], np.concatenate([[0.0], np.cumsum(notional[order])])


def map_of_accounts(accounts: Accounts, rules: MarginRules, *, tick: float, lot: float) -> LiquidationMap:
    """The map that a venue, or a protocol whose positions are public, has of its own accounts.

    Parameters
    ----------
    accounts : Accounts
        Linear; whoever holds nothing, or cannot be liquidated by price alone, is left out.
    rules : MarginRules
    tick, lot : float
        Size of a tick [quote] and of a lot [base].

    Notes
    -----
    Each is taken at its own `counterpoise.risk.margin.liquidation_price`. O(accounts × tiers).
    """
    rows = []
    columns = (accounts.collateral * (tick * lot), accounts.signed_lots * lot, accounts.entry_ticks * tick)
    for collateral, qty, entry in zip(*(column.tolist() for column in columns), strict=True):
        price = liquidation_price(rules, collateral, qty, entry) if qty else float("nan")
        if not isnan(price):
            rows.append((price, abs(qty) * price, -1 if qty > 0 else 1))
    return _map_of(rows)


def estimate_map(
    open_interest: float,
    rules: MarginRules,
    *,
    mark: float,
    entries: Sequence[tuple[float, float]],
    leverages: Sequence[tuple[float, float]],
    long_share: float = 0.5,
    typical: float = 10_000.0,
) -> LiquidationMap:
    """A map that is guessed from what everyone sees: open interest, spread over entry prices and leverages.

    Parameters
    ----------
    open_interest : float
        Of one side [quote]: every long has its short.
    rules : MarginRules
        Linear.
    mark : float
        Price now.
    entries : sequence of (price, weight)
        Where positions were opened: recent volume by price, as `counterpoise.flow.auction.profile` has it.
    leverages : sequence of (leverage, weight)
        Buckets, such as 5, 10, 20, 50, 100.
    long_share : float
        Share of longs among those who are leveraged; .5 says that both sides are alike. In [0, 1].
    typical : float
        Value of a position [quote], which decides its margin tier.

    Returns
    -------
    LiquidationMap
        Positions that would be liquidated already are left out, and the rest of each side stands for all of it: a side's
        notional at entry is 2 × open_interest × its share.

    Raises
    ------
    InputError
        If a number is out of its bound, rules are inverse, or there is no one left to hold the open interest of a side.

    Notes
    -----
    A position of value v at entry E and leverage L holds v/L: its price is `counterpoise.risk.margin.liquidation_price`. The
    estimate knows neither margin that was added nor cross margin, so it puts clusters too near; use it to keep away, not to
    forecast.
    """
    _require_estimate(
        open_interest, rules, mark=mark, entries=entries, leverages=leverages, long_share=long_share, typical=typical
    )
    rows: list[tuple[float, float, int]] = []
    for side, share in ((1, long_share), (-1, 1 - long_share)):
        if not share * open_interest:
            continue
        cells = []
        for entry, seen in entries:
            for leverage, part in leverages:
                qty = typical / entry
                price = liquidation_price(rules, typical / leverage, side * qty, entry)
                if not isnan(price) and side * (mark - price) > 0 and seen * part > 0:
                    cells.append((price, seen * part * price / entry, seen * part))
        total = sum(weight for *_, weight in cells)
        if not total:
            word = "longs" if side > 0 else "shorts"
            raise InputError(
                f"no {word} of these entries and leverages live at {mark}; give entries nearer, or lower leverages"
            )
        rows += [(price, 2 * open_interest * share * value / total, -side) for price, value, _ in cells]
    return _map_of(rows)


def _require_estimate(
    open_interest: float,
    rules: MarginRules,
    *,
    mark: float,
    entries: Sequence[tuple[float, float]],
    leverages: Sequence[tuple[float, float]],
    long_share: float,
    typical: float,
) -> None:
    pairs = [*entries, *leverages]
    if rules.inverse:
        raise InputError(f"margin rules of {rules.venue}:{rules.symbol} are inverse; an estimate is of a linear contract")
    if not (open_interest >= 0 and mark > 0 and typical > 0 and 0 <= long_share <= 1):
        raise InputError(
            f"open interest {open_interest}, mark {mark}, typical {typical}, long_share {long_share}; expected at least 0, "
            "above 0, above 0 and in [0, 1]"
        )
    if not entries or not leverages or not all(value > 0 and weight >= 0 for value, weight in pairs):
        raise InputError("entries and leverages are pairs of a value above 0 and a weight of at least 0, one of each at least")


def _map_of(rows: Sequence[tuple[float, float, int]]) -> LiquidationMap:
    price, notional, side = zip(*rows, strict=True) if rows else ((), (), ())
    return LiquidationMap(price, notional, side)
