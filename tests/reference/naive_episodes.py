"""What the slow twins of the detectors of episodes share: a watched book, shares of late, exponential moments."""

from __future__ import annotations

from math import inf
from typing import Any

from counterpoise.market.event import DELTA, GAP, LAST, SNAPSHOT, Events
from reference.naive_book import NaiveBook

Row = dict[str, Any]
BOOK = (DELTA, SNAPSHOT, GAP)


class Shares:
    """Shares of outcomes among those of late; halved, rounding up, at 512."""

    def __init__(self, counts: tuple[int, ...]) -> None:
        self.counts = list(counts)

    def of(self, outcome: int) -> float:
        total = sum(self.counts)
        share = self.counts[outcome] / total
        self.counts[outcome] += 1
        if total + 1 >= 512:
            self.counts = [(count + 1) // 2 for count in self.counts]
        return share


class Watched:
    """A book, and whether it was in sync without a break at the end of each message."""

    def __init__(self, stale_ns: int) -> None:
        self.book, self.stale_ns = NaiveBook(), stale_ns
        self.heard: int | None = None
        self.settled = "GAPPED"  # state as of the last whole message

    def row(self, row: tuple[int, ...]) -> bool | None:
        """Apply a book row; at the end of a message whether all was unbroken since the one before, else None."""
        ts, kind, _, flags = row[:4]
        self.book.apply(row[:6])  # type: ignore[arg-type]
        if not (flags & LAST or kind == GAP):
            return None
        whole = self.book.state == "SYNCED" and (self.settled == "SYNCED" or kind == SNAPSHOT)
        fresh = self.heard is not None and ts - self.heard <= self.stale_ns
        self.heard, self.settled = ts, self.book.state
        return whole and fresh

    @property
    def in_sync(self) -> bool:
        return self.book.state == "SYNCED"

    def shows(self, side: int, price: int) -> int:
        return self.book.sides[side].get(price, 0)

    @property
    def mid2(self) -> int | None:
        """Best bid + best ask; None unless in sync with two sides."""
        bid, ask = self.book.best(1), self.book.best(-1)
        return None if bid is None or ask is None or not self.in_sync else bid + ask


def rows_of(events: Events) -> list[tuple[int, ...]]:
    columns = (events.ts_local, events.kind, events.side, events.flags, events.price_ticks, events.qty_lots, events.ts_venue)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def odds_to_score(odds: float) -> float:
    return 1 - 1 / (1 + odds)


class Moments:
    """Exponential mean and variance of values that are cut at a most."""

    def __init__(self) -> None:
        self.mean = self.variance = 0.0

    def learn(self, value: float, weight: float, most: float = inf) -> None:
        change = min(value, most) - self.mean
        self.mean += weight * change
        self.variance = (1 - weight) * (self.variance + weight * change * change)
