"""Random streams in which one price is hit again and again, and refilled, or gives way."""

from __future__ import annotations

from counterpoise.market.event import DELTA, TRADE
from reference.random_stream import RandomStream


class AbsorbingStream(RandomStream):
    """Half of the trades are attacks: fills at the best price, and messages that show it, late, less, as before, or gone."""

    def trade(self) -> None:
        side = self.draw.choice((1, -1))
        best = self.book.best(-side)
        if best is None or self.draw.random() < 0.3:
            super().trade()
            return
        shown = dict(self.book.levels(-side))[best]
        for _ in range(self.draw.randint(1, 8)):
            lots = self.draw.randint(0, max(shown, 1))
            unknown = self.draw.random() < 0.1
            self.say(TRADE, [(0 if unknown else side, best + side * self.draw.choice((0, 0, 0, 1)), lots)])
            self.ts += self.draw.randint(0, self.pace_ns // 3)
            if self.draw.random() < 0.6:
                self.say(DELTA, [(-side, best, self.draw.choice((shown, shown, shown - lots // 2, 1)))])
                self.ts += self.draw.randint(0, self.pace_ns // 3)
