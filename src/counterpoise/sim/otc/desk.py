"""The desks of a panel's dealers: inventories, hedging in the lit market, and the ledger in which everything adds to zero."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Int2D
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import Impact
from counterpoise.market.instrument import Instrument
from counterpoise.sim.kernels.lit import LIT_ASK, LIT_BID, LIT_COLUMNS, LIT_TS
from counterpoise.sim.otc.dealer import Dealer
from counterpoise.sim.otc.displacement import Displacement
from counterpoise.sim.otc.lit import half_tick_instrument

__all__ = ["CLIENT", "LIT", "Desks", "LitTrade"]

CLIENT: Final = -1
LIT: Final = -2


class LitTrade(NamedTuple):
    """What a dealer did in the lit market, and why."""

    ts_ns: int
    dealer: int
    signed_lots: int
    price_half_ticks: int
    why: str  # "ahead" of a client, or "unwind"


class Desks:
    """Inventories and money of a client, the dealers and the lit market [lots; half ticks × lots], and the mid they push.

    Parameters
    ----------
    lit : Instrument
    dealers : tuple of Dealer
    impact : Impact
        Of what dealers trade in the lit market.
    lit_millions_per_s : float
    """

    def __init__(self, lit: Instrument, dealers: tuple[Dealer, ...], impact: Impact, *, lit_millions_per_s: float) -> None:
        self._grid, self._dealers, self._impact = half_tick_instrument(lit), dealers, impact
        self._volume = lit_millions_per_s
        self._push = Displacement(impact)
        self._lots = dict.fromkeys((LIT, CLIENT, *range(len(dealers))), 0)
        self._cash = dict(self._lots)
        self._touch = np.empty((0, LIT_COLUMNS), np.int64)
        self.trades: list[LitTrade] = []

    def see(self, rows: Int2D, now_ns: int) -> None:
        """Rows of the lit market; those that no later question can reach are forgotten."""
        first = max(int(np.searchsorted(self._touch[:, LIT_TS], now_ns)) - 1, 0)
        self._touch = np.concatenate([self._touch[first:], rows])

    def mid_half_ticks(self, ts_ns: int) -> int:
        """Lit mid [half ticks] by rows strictly before a time, pushed by whole ticks; 0 while there is none."""
        row = int(np.searchsorted(self._touch[:, LIT_TS], ts_ns)) - 1
        if row < 0 or not self._touch[row, LIT_BID]:
            return 0
        mid = int(self._touch[row, LIT_BID] + self._touch[row, LIT_ASK])
        return mid + 2 * round(self._push.bps(ts_ns) * BPS * mid / 2)

    def pushed_bps(self, ts_ns: int) -> float:
        """Displacement of the lit mid by the dealers' own trading."""
        return self._push.bps(ts_ns)

    def millions(self, lots: int, mid_half_ticks: int) -> float:
        """Signed value of signed lots [millions of quote]."""
        return float(self._grid.notional(mid_half_ticks, lots)) / 1e6

    def lots_worth(self, millions: float, mid_half_ticks: int) -> int:
        """Whole lots in a value ≥ 0."""
        return floor(Fraction(millions) * 1_000_000 / self._grid.notional(mid_half_ticks, 1))

    def inventory(self, dealer: int) -> int:
        """Signed lots."""
        return self._lots[dealer]

    @property
    def balances(self) -> dict[int, tuple[int, int]]:
        """Signed lots and signed half ticks × lots of the dealers, of `CLIENT` and of `LIT`: they add to zero."""
        return {owner: (lots, self._cash[owner]) for owner, lots in self._lots.items()}

    def exchange(self, buyer: int, seller: int, *, lots: int, price_half_ticks: int) -> None:
        """Lots against money between two owners."""
        for owner, sign in ((buyer, 1), (seller, -1)):
            self._lots[owner] += sign * lots
            self._cash[owner] -= sign * lots * price_half_ticks

    def trade_lit(self, ts_ns: int, dealer: int, *, signed_lots: int, why: str) -> bool:
        """A dealer trades in the lit market, paying half of his own push and what is temporary; False while there is no mid."""
        mid = self.mid_half_ticks(ts_ns)
        if not mid or not signed_lots:
            return False
        side, millions = (1 if signed_lots > 0 else -1), self.millions(signed_lots, mid)
        paid_bps = 0.5 * float(self._impact.matrix[0, 0]) * abs(millions) + self._temporary_bps(dealer, abs(millions))
        exact = mid * (1 + side * paid_bps * BPS)
        price = ceil(exact) if side > 0 else floor(exact)
        buyer, seller = (dealer, LIT) if side > 0 else (LIT, dealer)
        self.exchange(buyer, seller, lots=abs(signed_lots), price_half_ticks=price)
        self._push.add(ts_ns, millions)
        self.trades.append(LitTrade(ts_ns, dealer, signed_lots, price, why))
        return True

    def _temporary_bps(self, dealer: int, millions: float) -> float:
        """Of one trade, which takes its part of the volume of one slice."""
        temporary, desk = self._impact.temporary, self._dealers[dealer]
        meanwhile = self._volume * parse_duration(desk.unwind) / SECOND_NS / desk.slices
        size = millions / meanwhile if temporary.of == "participation" else millions
        return float(temporary.cost_bps(np.array(size)))
