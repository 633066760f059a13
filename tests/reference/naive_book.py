"""A book as two dictionaries, in Python integers and Fractions: the slow twin of `counterpoise.market.book.Book`."""

from __future__ import annotations

from fractions import Fraction

from counterpoise.market.event import DELTA, FIRST, GAP, LAST, SNAPSHOT, Events

Row = tuple[int, int, int, int, int, int]  # ts_local, kind, side, flags, price_ticks, qty_lots


def rows_of(events: Events) -> list[Row]:
    """Rows as tuples of Python integers."""
    columns = events.ts_local, events.kind, events.side, events.flags, events.price_ticks, events.qty_lots
    return list(zip(*(column.tolist() for column in columns), strict=True))


class NaiveBook:
    """Levels of each side by price; void (state GAPPED) before a snapshot and after a gap."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
        self.state = "GAPPED"
        self.messages = self.gaps = self.crossings = 0

    def apply(self, row: Row) -> None:
        _, kind, side, flags, price, lots = row
        if kind not in (DELTA, SNAPSHOT, GAP):
            return
        if kind == GAP:
            self.gaps += 1
            self.state = "GAPPED"
            self.sides = {1: {}, -1: {}}
        elif kind == SNAPSHOT and flags & FIRST:
            self.state = "SYNCED"
            self.sides = {1: {}, -1: {}}
        if self.state == "GAPPED":
            return
        self.sides[side].pop(price, None)
        if lots:
            self.sides[side][price] = lots
        if flags & LAST:
            self.messages += 1
            bid, ask = self.best(1), self.best(-1)
            crossed = bid is not None and ask is not None and bid >= ask
            self.state = "CROSSED" if crossed else "SYNCED"
            self.crossings += crossed

    def best(self, side: int) -> int | None:
        levels = self.sides[side]
        return (max(levels) if side > 0 else min(levels)) if levels else None

    def levels(self, side: int) -> list[tuple[int, int]]:
        """(price, lots), best first."""
        return sorted(self.sides[side].items(), reverse=side > 0)

    def depth(self, side: int, count: int) -> int:
        return sum(lots for _, lots in self.levels(side)[:count])

    def within(self, side: int, bps: str, *, mid: Fraction) -> int:
        """Lots of a side that are no worse than `bps` of mid away from it."""
        reach = abs(mid) * Fraction(bps) / 10_000
        return sum(lots for price, lots in self.sides[side].items() if side * (mid - price) <= reach)

    @property
    def mid(self) -> Fraction | None:
        bid, ask = self.best(1), self.best(-1)
        return None if bid is None or ask is None else Fraction(bid + ask, 2)
