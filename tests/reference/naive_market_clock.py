"""Bins that several markets fill together, moment by moment in Fractions: the slow twin of `MarketClock`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

from counterpoise.flow.bins import Bins
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import rows_of

Trade = tuple[Instrument, int, int, int]  # of, side, ticks, lots


def naive_ends(
    events: Mapping[str, Events], terms: Mapping[str, Instrument], bins: Bins, *, rates: Mapping[str, float]
) -> list[int]:
    """Ends of bins that are full, then that of the open one, if anything came in it."""
    moments: dict[int, list[Trade]] = defaultdict(list)
    for name in sorted(events):
        for ts, kind, side, _, ticks, lots in rows_of(events[name]):
            if kind == TRADE and lots > 0:
                moments[ts].append((terms[name], side, ticks, lots))
    bin_of, ends = _Bin(bins, rates), []
    for ts in sorted(moments):
        for trade in moments[ts]:
            bin_of.count(*trade)
        if bin_of.is_full():
            ends.append(ts + 1)
            bin_of.start()
    last = max((int(part.ts_local[-1]) for part in events.values() if part.rows), default=0)
    return [*ends, last + 1] if last and (not ends or last >= ends[-1]) else ends


class _Bin:
    def __init__(self, bins: Bins, rates: Mapping[str, float]) -> None:
        self.rule, self.size, self.rates = bins.rule, Fraction(bins.size), rates
        self.expected_trades, self.expected_sign = float(bins.size), 0.0
        self.start()

    def start(self) -> None:
        self.trades, self.signs = 0, 0
        self.coins = self.worth = Fraction(0)
        self.prices: dict[str, tuple[Fraction, Fraction]] = {}

    def count(self, of: Instrument, side: int, ticks: int, lots: int) -> None:
        rate = Fraction(self.rates[of.quote])
        self.trades += 1
        self.signs += side
        self.coins += of.base_qty(ticks, lots)
        self.worth += of.notional(ticks, lots) * rate
        price = ticks * Fraction(of.price_grid.step) * rate
        low, high = self.prices.get(of.id, (price, price))
        self.prices[of.id] = min(low, price), max(high, price)
        self.expected_sign += 2 / 10_001 * (side - self.expected_sign)

    def is_full(self) -> bool:
        if self.rule == "tick-imbalance":
            if abs(self.signs) < self.expected_trades * max(abs(self.expected_sign), 0.05):
                return False
            expected = self.expected_trades + 2 / 21 * (self.trades - self.expected_trades)
            self.expected_trades = min(max(expected, float(self.size) / 4), float(self.size) * 4)
            return True
        reach = max((high - low for low, high in self.prices.values()), default=Fraction(0))
        counted = {"volume": self.coins, "notional": self.worth, "trades": Fraction(self.trades), "range": reach}
        return counted[self.rule] >= self.size
