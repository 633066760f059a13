"""Random streams that go where ladders are weak: far prices, jumps of many windows, mass deletions, gaps, crossed books."""

from __future__ import annotations

import random

import numpy as np

from counterpoise.market.event import DELTA, FIRST, GAP, LAST, QUOTE, SNAPSHOT, TRADE, Events
from reference.naive_book import NaiveBook

Levels = list[tuple[int, int, int]]  # side, price, lots


class RandomStream:
    """Messages of a venue that keeps bids below and asks above a wandering centre, but for the odd crossed one.

    Parameters
    ----------
    seed : int
    centre : int
        First price [ticks].
    far : int
        Farthest level from the centre, and farthest jump [ticks].
    pace_ns : int
        Mean time between messages.
    """

    def __init__(self, seed: int, *, centre: int = 600_000, far: int = 10**9, pace_ns: int = 300_000_000) -> None:
        self.draw = random.Random(seed)
        self.centre, self.far, self.pace_ns = centre, far, pace_ns
        self.book = NaiveBook()
        self.ts = 1_723_161_300_000_000_000
        self.rows: list[tuple[int, int, int, int, int, int, int, int, int]] = []
        self.seq = 0

    def say(self, kind: int, levels: Levels) -> None:
        self.seq += 1
        for i, (side, price, lots) in enumerate(levels):
            flags = FIRST * (i == 0) | LAST * (i == len(levels) - 1)
            self.rows.append((self.ts, self.ts - 1000, self.seq, self.seq, kind, side, flags, price, lots))
            self.book.apply((self.ts, kind, side, flags, price, lots))

    def near(self, side: int) -> int:
        return self.centre - side * (1 + int(self.draw.expovariate(0.1)))

    def distant(self, side: int) -> int:
        return self.centre - side * self.draw.randint(1, self.far)

    def lots(self) -> int:
        return self.draw.choice((0, 1, self.draw.randint(1, 50), self.draw.randint(1, 10**6)))

    def deltas(self) -> None:
        self.say(DELTA, [(s, self.near(s), self.lots()) for s in self.draw.choices((1, -1), k=self.draw.randint(1, 6))])

    def distant_levels(self) -> None:
        self.say(DELTA, [(s, self.distant(s), self.lots()) for s in self.draw.choices((1, -1), k=self.draw.randint(1, 9))])

    def best_deleted(self) -> None:
        gone = [(side, best, 0) for side in (1, -1) if (best := self.book.best(side)) is not None]
        self.say(DELTA, gone or [(1, self.near(1), 0)])

    def mass_deleted(self) -> None:
        side = self.draw.choice((1, -1))
        live = self.book.levels(side)
        kept = self.draw.choice((0, 0, len(live) // 2))
        self.say(DELTA, [(side, price, 0) for price, _ in live[: len(live) - kept]] or [(side, self.near(side), 1)])

    def jump(self) -> None:
        """The centre leaps; what it leaps over is deleted in the same message."""
        self.centre += self.draw.choice((1, -1)) * self.draw.choice((40, 30_000, 33_000, self.far))
        passed = [(s, p, 0) for s in (1, -1) for p, _ in self.book.levels(s) if s * (p - self.centre) >= 0]
        self.say(DELTA, [*passed, (1, self.near(1), 7), (-1, self.near(-1), 5)])

    def crossing(self) -> None:
        """One message crosses the book, the next, at the same time, clears it up again."""
        price = self.centre + self.draw.randint(1, 60)
        self.say(DELTA, [(1, price, 3), (-1, self.near(-1), 2)])
        if self.draw.random() < 0.7:
            self.say(DELTA, [(1, price, 0)])

    def snapshot(self) -> None:
        count = self.draw.randint(1, 25)
        self.say(SNAPSHOT, [(s, self.near(s), self.lots()) for s in (1, -1) for _ in range(count)])

    def gap(self) -> None:
        self.say(GAP, [(0, 0, 0)])

    def trade(self) -> None:
        side = self.draw.choice((1, -1, 0))
        self.say(TRADE, [(side, self.near(-side), self.draw.randint(1, 1000))])

    def quote(self) -> None:
        levels = [(side, self.near(side), self.draw.choice((0, 5, 9, 700, 700))) for side in (1, -1)]
        self.say(QUOTE, levels[: self.draw.choice((1, 2, 2, 2))])

    def events(self, messages: int) -> Events:
        """The next messages as columns; usually, but not always, a snapshot stands near the start."""
        says = [self.deltas] * 30 + [self.distant_levels] * 4 + [self.best_deleted] * 4 + [self.trade, self.quote] * 8
        says += [self.mass_deleted, self.jump, self.crossing, self.snapshot, self.snapshot, self.gap]
        for i in range(messages):
            self.ts += self.draw.choice((0, self.draw.randint(0, 2 * self.pace_ns)))
            self.ts += self.draw.choice((0,) * 60 + (30 * self.pace_ns,))
            self.snapshot() if i == 2 else self.draw.choice(says)()
        columns = zip(*self.rows, strict=True)
        return Events._make(np.array(c, t.dtype) for c, t in zip(columns, Events.empty(), strict=True))
