"""Random streams in which orders go through what the book shows, and the book follows late, partly, or not at all."""

from __future__ import annotations

from counterpoise.market.event import DELTA, TRADE
from reference.random_stream import RandomStream


class SweepingStream(RandomStream):
    """Half of the trades are orders of several fills; quick successions of fills, deltas and refills."""

    def trade(self) -> None:
        side = self.draw.choice((1, -1))
        resting = self.book.levels(-side)[: self.draw.randint(1, 6)]
        if not resting or self.draw.random() < 0.3:
            super().trade()
            return
        for price, lots in resting:
            self.say(TRADE, [(side, price, lots)])
            self.ts += self.draw.choice((0, 0, 900, 30_000_000))
            self.interrupt(side, price)
        if self.draw.random() < 0.8:
            self.ts += self.draw.randint(0, 40_000_000)
            self.say(DELTA, [(-side, price, self.draw.choice((0, 0, lots // 3))) for price, lots in resting])
        for share in (2, 1):
            self.ts += self.draw.randint(0, self.pace_ns)
            back = [(-side, price, lots // share) for price, lots in resting if self.draw.random() < 0.6]
            self.say(DELTA, back or [(-side, resting[0][0], 1)])

    def interrupt(self, side: int, price: int) -> None:
        """Between two fills: a trade of unknown side, a fill of nothing, a book message, or, mostly, nothing."""
        chance = self.draw.random()
        if chance < 0.1:
            self.say(TRADE, [(0, price, self.draw.randint(1, 9))])
        elif chance < 0.15:
            self.say(TRADE, [(-side, price, 0)])
        elif chance < 0.3:
            self.deltas()
        elif chance < 0.35:
            self.say(DELTA, [(-side, price, 0)])
