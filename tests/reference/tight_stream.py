"""A random stream in which things meet: few prices, few sizes, many trades, and now and then a gap or a jump."""

from __future__ import annotations

from counterpoise.market.event import TRADE
from reference.random_stream import RandomStream


class TightStream(RandomStream):
    """As `RandomStream`, with levels within a few ticks of the centre and sizes that repeat."""

    def __init__(self, seed: int, *, pace_ns: int = 20_000_000) -> None:
        super().__init__(seed, far=60, pace_ns=pace_ns)

    def near(self, side: int) -> int:
        return self.centre - side * (1 + int(self.draw.expovariate(0.7)))

    def lots(self) -> int:
        return self.draw.choice((0, 1, 4, 10, 10, self.draw.randint(1, 20), 40 * self.draw.randint(1, 9)))

    def trade(self) -> None:
        for _ in range(self.draw.choice((1, 1, 2, 4))):
            side = self.draw.choice((1, 1, 1, -1, -1, -1, 0))
            price = self.centre + self.draw.choice((-1, 0, 1)) if self.draw.random() < 0.3 else self.near(-side or 1)
            self.say(TRADE, [(side, price, self.draw.choice((0, 1, 4, 10, 10, self.draw.randint(1, 60))))])

    def quote(self) -> None:
        self.trade() if self.draw.random() < 0.7 else super().quote()

    def gap(self) -> None:
        super().gap() if self.draw.random() < 0.2 else self.deltas()

    def jump(self) -> None:
        super().jump() if self.draw.random() < 0.1 else self.deltas()

    def crossing(self) -> None:
        super().crossing() if self.draw.random() < 0.2 else self.deltas()

    def mass_deleted(self) -> None:
        super().mass_deleted() if self.draw.random() < 0.2 else self.best_deleted()
