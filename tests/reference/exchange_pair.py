"""An exchange and its naive twin driven alike; whatever either says is compared at once, row for row."""

from __future__ import annotations

import random

from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.sim.exchange.floor import new_exchange, new_outputs
from counterpoise.sim.exchange.kernels import control, layout, requests
from counterpoise.sim.exchange.kernels.orders import market_at, money_at
from counterpoise.sim.exchange.kernels.outputs import tell_snapshot
from counterpoise.sim.exchange.kernels.readers import cash_of, open_lots_of, position_lots
from counterpoise.sim.exchange.rules import ExchangeConfig, FeeTier, FundingRules, MarketRules, SelfTrade
from reference.naive_exchange_clock import NaiveVenue

LINEAR = Instrument(
    venue="testex",
    symbol="XUSD",
    kind=InstrumentKind.PERP,
    base="X",
    quote="USD",
    settle="USD",
    tick="0.1",
    lot="0.01",
    min_notional="2",
)
INVERSE = Instrument(
    venue="testex",
    symbol="XUSD_INV",
    kind=InstrumentKind.PERP,
    base="X",
    quote="USD",
    settle="X",
    tick="0.5",
    lot="1",
    multiplier="10",
    inverse=True,
)
SPOT = Instrument(
    venue="testex", symbol="X/USD", kind=InstrumentKind.SPOT, base="X", quote="USD", settle="USD", tick="0.1", lot="0.001"
)
KINDS = (0,) * 14 + (1, 1, 1, 2, 2, 4, 5, 8, 8, 16, 16, 17, 18, 20, 24, 3, 9, 256)
WAITING_KINDS = (32, 33, 34, 36, 48, 49, 64, 65, 72, 80, 160, 161, 192, 193, 96, 128, 32, 64, 33, 65)
WITHOUT_OUTPUTS = {"deposit", "set_index", "set_status"}


def small_config(self_trade: SelfTrade = "cancel_newest", **changes: object) -> ExchangeConfig:
    """Two markets, few places, short rings: every limit is met."""
    terms: dict[str, object] = {
        "markets": (
            MarketRules(
                instrument=LINEAR, reach_ticks=64, self_trade=self_trade, lot_step=2, max_lots=400, max_position_lots=120
            ),
            MarketRules(
                instrument=INVERSE,
                reach_ticks=128,
                self_trade=self_trade,
                max_lots=500,
                tick_step=2,
                mark="median",
                band_ppm=20_000,
                funding=FundingRules(interval="1m", sample="1s", impact_lots=5, clamp_ppb=10_000_000, cap_ppb=50_000_000),
            ),
            MarketRules(instrument=SPOT, reach_ticks=64, self_trade=self_trade, mark="mid", band_ppm=30_000, max_lots=1000),
        ),
        "fee_tiers": (FeeTier(maker_ppm=-50, taker_ppm=400), FeeTier(maker_ppm=100, taker_ppm=333)),
        "accounts": 3,
        "orders": 16,
        "max_fills": 6,
    }
    return ExchangeConfig(**(terms | changes))  # type: ignore[arg-type]


class Pair:
    """Requests go to both; answers, rows, positions and cash must be the same."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.ex = new_exchange(config)
        self.tape, self.reports = new_outputs(config, requests=100)
        self.naive = NaiveVenue(config)
        self.told = self.tape[:0]  # by the last request
        self.numbers: list[int] = []

    def ask(self, name: str, *terms: int) -> int:
        """One request to both."""
        kernel = getattr(requests, name, None) or getattr(control, name)
        mine = kernel(self.ex, *(() if name in WITHOUT_OUTPUTS else (self.tape, self.reports)), *terms)
        theirs = getattr(self.naive, {"place_with": "place"}.get(name, name))(*terms)
        assert mine == theirs, (name, terms)
        self.compare_rows()
        if name.startswith("place") and mine > 0:
            self.numbers.append(mine)
        return int(mine or 0)

    def compare_rows(self) -> None:
        ex = self.ex
        self.told = self.tape[: ex[layout.TAPE_ROWS]].copy()
        rows = [tuple(row) for row in self.told.tolist()]
        said = [tuple(row) for row in self.reports[: ex[layout.REPORT_ROWS]].tolist()]
        assert rows == self.naive.tape
        assert said == self.naive.reports
        ex[layout.TAPE_ROWS] = ex[layout.REPORT_ROWS] = 0
        self.naive.tape.clear()
        self.naive.reports.clear()

    def compare_accounts(self) -> None:
        for account in range(self.naive.accounts):
            for i, currency in enumerate(self.config.currencies):
                assert cash_of(self.ex, account, i) == self.naive.cash.get((account, currency), 0)
                mine = [order for order in self.naive.orders.values() if order.account == account]
                assert self.ex[money_at(self.ex, account, i) + layout.HELD] == self.naive.held(currency, mine)
            for market in self.naive.markets:
                at = market_at(self.ex, market.number)
                assert (self.ex[at + layout.MARK], self.ex[at + layout.INDEX]) == (market.mark, market.index)
                held = self.naive.positions[account, market.number]
                if market.rules.payoff != "spot":
                    assert position_lots(self.ex, market.number, account) == held.lots
                for side in (1, -1):
                    assert open_lots_of(self.ex, market.number, account, side) == held.open(side)

    def compare_books(self) -> None:
        """The whole book, as a snapshot tells it."""
        for market in self.naive.markets:
            size = sum(map(len, market.sides.values())) + 1
            rows = new_outputs(self.config, requests=1 + size // len(self.tape))[0]
            tell_snapshot(self.ex, rows, int(market_at(self.ex, market.number)), 0)
            told = rows[: self.ex[layout.TAPE_ROWS]]
            self.ex[layout.TAPE_ROWS] = 0
            self.ex[layout.SEQ] -= 1
            levels = [(2, p, market.lots(1, p)) for p in sorted(market.sides[1], reverse=True)]
            levels += [(0, p, market.lots(-1, p)) for p in sorted(market.sides[-1])]
            assert [(row[4] >> 16, row[5], row[6]) for row in told.tolist()] == (levels or [(2, 0, 0)])


class RandomRequests:
    """Requests that meet one another often, and every rule now and then."""

    def __init__(self, pair: Pair, seed: int) -> None:
        self.pair, self.draw = pair, random.Random(seed)
        self.ts = 0

        self.pace = 10**9 if self.draw.random() < 0.5 else 10**7
        for account in (2, 3, 4):
            for currency, grains in enumerate((5 * 10**6, 5 * 10**6)):
                pair.ask("deposit", account, currency, grains)

    def one(self) -> None:
        draw = self.draw
        self.ts += draw.randint(0, 3) * self.pace
        what = draw.random()
        if what < 0.55:
            self.place()
        elif what < 0.67:
            self.pair.ask("cancel", self.ts, self.number())
        elif what < 0.82:
            self.amend()
        elif what < 0.85:
            self.pair.ask("cancel_all", self.ts, draw.choice((0, 1, 0, 1, 7)), draw.randint(2, 5))
        else:
            self.venue(draw.randint(0, 2))

    def venue(self, market: int) -> None:
        draw = self.draw
        what = draw.random()
        if what < 0.6:
            if draw.random() < 0.3:
                self.pair.ask("set_index", market, 1000 + 40 * market + draw.randint(-8, 8))
            self.pair.ask("keep_time", self.ts, market)
        elif what < 0.7:
            self.pair.ask("set_status", market, draw.choice((1, 2, 2)))
        else:
            self.pair.ask("open_market", self.ts, market)

    def number(self) -> int:
        numbers = list(self.pair.naive.orders)
        if not numbers or self.draw.random() < 0.1:
            return self.draw.choice((0, -1, 10**15, *self.pair.numbers[-3:]))
        return self.draw.choice(numbers)

    def price(self, market: int) -> int:
        centre = 1000 + 40 * market
        if self.draw.random() < 0.05:
            return self.draw.choice((0, -1, 1, centre + 63, centre - 70, 2**26, 2**26 + 2))
        return centre + self.draw.randint(-4, 4) * (1 + market * self.draw.choice((1, 1, 1, 0)))

    def place(self) -> None:
        draw = self.draw
        market = draw.choice((0, 0, 0, 1, 1, 2, 2, 3 if draw.random() < 0.1 else 0))
        kind, display, trigger = draw.choice(KINDS), 0, 0
        if draw.random() < 0.15:
            kind = draw.choice(WAITING_KINDS)
            trigger = self.price(market) if draw.random() < 0.95 else 0
        price = 0 if kind & 1 and draw.random() < 0.9 else self.price(market)
        lots = draw.choice((2, 4, 6, 10, 30))
        if draw.random() < 0.1:
            lots = draw.choice((50, 2 * draw.randint(1, 60), 3, 0, 500, 900))
        if draw.random() < (0.05 if kind & 7 else 0.3):
            display = draw.choice((2, 4, 2, 4, 10, 3, -2))
        account, side = draw.choice((2, 3, 4, 2, 3, 4, 5 if draw.random() < 0.1 else 2)), draw.choice((1, -1) * 9 + (0,))
        terms = market, account, side, kind, price, lots, draw.randint(0, 99), display, trigger
        self.pair.ask("place_with", self.ts, *terms)

    def amend(self) -> None:
        number = self.number()
        order = self.pair.naive.orders.get(number)
        lots, price = self.draw.choice((2, 4, 8, 20)), self.price(0)
        if order is not None:
            lots = self.draw.choice((order.left, order.left - 2, order.left - 4, order.left + 2, lots))
            price = self.draw.choice((order.price, order.price, order.price + 2 * order.side, price))
        self.pair.ask("amend", self.ts, number, price, lots)
