"""A cascade of inverse contracts the slow way: prices and exact fractions, where the kernel has keys and one worth for all."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, inf

from reference.naive_cascade import Account, NaiveCascade


def coin_account(lots: int, taker: bool, cost: int, collateral: int, weighting: int, *, side: int, coin: int) -> Account:
    """An account whose entry is the whole key at or below its mean price."""
    return Account(lots, taker, floor(side * Fraction(lots * coin, cost)), collateral, weighting, cost=cost)


class NaiveCoinCascade(NaiveCascade):
    """A long position of q lots gains cost − q coin / P grains, a short one the negative."""

    def value(self, lots: int, key: int) -> Fraction:
        return Fraction(lots * self.plan["coin"], abs(key))

    def worth(self, lots: int, key: int) -> int:
        return floor(-self.plan["side"] * self.value(lots, key))

    def released(self, a: Account, lots: int) -> int:
        side = self.plan["side"]
        part = floor(Fraction(-side * a.cost * lots, a.lots))
        a.cost += side * part
        return part

    def broke(self, a: Account) -> float:
        all_coins = a.lots * self.plan["coin"]
        if self.plan["side"] > 0:
            return ceil(Fraction(all_coins, a.cost + a.collateral))
        owed = a.cost - a.collateral
        return -floor(Fraction(all_coins, owed)) if owed > 0 else -inf

    def liquidation_key(self, at: int) -> int:
        """Each tier by the formula of its side; the first price that is met counts."""
        a, side, found = self.accounts[at], self.plan["side"], []
        for _, rate, cum in self.tiers:
            share, free = Fraction(self.scale * rate), Fraction(self.scale * cum)
            held = a.cost + side * (a.collateral + free)
            if held > 0:
                found.append(a.lots * self.plan["coin"] * (1 + side * share) / held)
        if not found:
            return self.lowest - 1
        key = floor(max(found)) if side > 0 else -ceil(min(found))
        return min(self.plan["start"], max(self.lowest - 1, key))

    def share(self, a: Account, lots: int) -> Fraction:
        """Worth of lots at the exact price of bankruptcy."""
        return Fraction((-self.plan["side"] * a.cost - a.collateral) * lots, a.lots)

    def least(self, a: Account, lots: int) -> int:
        return ceil(self.share(a, lots))

    def handed(self, a: Account, lots: int, broke: float) -> int:
        return floor(self.share(a, lots))

    def profit(self, a: Account, mark: int) -> tuple[float, float, float]:
        value = float(a.lots) * self.plan["coin"] / abs(mark)
        gain = self.plan["side"] * (value - a.cost)
        return gain, value, gain / a.cost
