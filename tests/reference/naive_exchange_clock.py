"""The clock of the naive exchange: marks, funding, halts and auctions, with Fractions and by trying every price."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from statistics import median

from counterpoise.sim.exchange.rules import ExchangeConfig, FundingRules
from reference.naive_exchange import (
    FILL,
    FLAG_FIRST,
    FLAG_LAST,
    REDUCE,
    TRADE,
    NaiveExchange,
    NaiveMarket,
    NaiveOrder,
)

SAMPLES = 30


class MarketClock:
    """What one market remembers between calls."""

    def __init__(self) -> None:
        self.basis: list[Fraction] = []
        self.premiums: list[int] = []
        self.next_sample = self.next_funding = self.rate = 0


class NaiveVenue(NaiveExchange):
    """The exchange with what the venue itself does."""

    def __init__(self, config: ExchangeConfig) -> None:
        super().__init__(config)
        self.clocks = [MarketClock() for _ in config.markets]

    def deposit(self, account: int, currency: int, grains: int) -> None:
        self.pay(account, self.config.currencies[currency], grains)

    def set_index(self, market: int, price: int) -> None:
        self.markets[market].index = price

    def set_status(self, market: int, status: int) -> None:
        self.markets[market].status = ("open", "halted", "auction")[status]

    def keep_time(self, ts: int, number: int) -> int:
        market, clock = self.markets[number], self.clocks[number]
        if market.rules.payoff != "spot":
            rules = market.rules.funding or FundingRules()
            if ts >= clock.next_sample:
                self.sample(market, clock, rules)
                clock.next_sample = (ts // rules.sample_ns + 1) * rules.sample_ns
            if market.rules.funding:
                if not clock.next_funding:
                    clock.next_funding = (ts // rules.interval_ns + 1) * rules.interval_ns
                if ts >= clock.next_funding and market.mark:
                    self.fund(market, clock, rules)
                    clock.next_funding = (ts // rules.interval_ns + 1) * rules.interval_ns
        mark = self.wanted_mark(market, clock, ts)
        if mark > 0:
            market.mark = mark
            band = Fraction(market.rules.band_ppm, 10**6)
            if band:
                low = -floor(-mark * (1 - band))
                market.band = (low, min(floor(mark * (1 + band)), market.rules.max_price_ticks))
        self.publish(ts, market)
        return 0

    def mid(self, market: NaiveMarket) -> Fraction | None:
        bid, ask = market.best(1), market.best(-1)
        return None if bid is None or ask is None else Fraction(bid + ask, 2)

    def sample(self, market: NaiveMarket, clock: MarketClock, rules: FundingRules) -> None:
        mid, index = self.mid(market), market.index
        if mid is not None and index:
            clock.basis.append(mid - index)
        bid, ask = self.impact(market, 1, rules.impact_lots), self.impact(market, -1, rules.impact_lots)
        if index and bid is not None and ask is not None:
            clock.premiums.append(floor((max(0, bid - index) - max(0, index - ask)) / index * 10**9))

    def impact(self, market: NaiveMarket, side: int, lots: int) -> Fraction | None:
        prices = [
            price for price in sorted(market.sides[side], reverse=side > 0) for _ in range(min(market.lots(side, price), lots))
        ]
        return Fraction(sum(prices[:lots]), lots) if len(prices) >= lots else None

    def wanted_mark(self, market: NaiveMarket, clock: MarketClock, ts: int) -> int:
        mid, index, last, rules = self.mid(market), market.index, market.last, market.rules.funding
        if market.rules.mark != "median":
            mids = 0 if mid is None else floor(mid + Fraction(1, 2))
            return {"last": last, "mid": mids, "index": index}[market.rules.mark]
        basis = clock.basis[-SAMPLES:]
        if not index or not last or not basis:
            return 0
        by_funding = Fraction(index)
        if rules:
            whole = rules.interval_ns // 10**6
            left = min(max((clock.next_funding - ts) // 10**6, 0), whole)
            by_funding += Fraction(index * clock.rate, 10**9) * Fraction(left, whole)
        by_basis = index + sum(basis, Fraction(0)) / len(basis)
        return median([floor(by_funding + Fraction(1, 2)), floor(by_basis + Fraction(1, 2)), last])

    def fund(self, market: NaiveMarket, clock: MarketClock, rules: FundingRules) -> None:
        count, rate = len(clock.premiums), 0
        if count:
            weighted = Fraction(sum(i * p for i, p in enumerate(clock.premiums, 1)), count * (count + 1) // 2)
            premium = floor(weighted)
            rate = premium + min(max(rules.interest_ppb - premium, -rules.clamp_ppb), rules.clamp_ppb)
            rate = min(max(rate, -rules.cap_ppb), rules.cap_ppb)
        for account in range(self.accounts):
            lots = self.positions[account, market.number].lots
            if lots:
                value = self.value(market.rules, market.mark, abs(lots))
                paid = floor(Fraction(value * rate, 10**9) + Fraction(1, 2)) * (1 if lots > 0 else -1)
                self.pay(account, market.rules.money, -paid)
                self.pay(0, market.rules.money, paid)
        clock.rate, clock.premiums = rate, []

    def open_market(self, ts: int, number: int) -> int:
        """Every price between the crossed quotes is tried."""
        market, steps = self.markets[number], 0
        while market.status != "open":
            bid, ask = market.best(1), market.best(-1)
            if bid is None or ask is None or bid < ask:
                market.status = "open"
                break
            steps = self.uncross(ts, market, self.auction_price(market), steps)
        self.publish(ts, market)
        return 0

    def total(self, market: NaiveMarket, side: int, price: int) -> int:
        return sum(o.left for p, orders in market.sides[side].items() if side * (p - price) >= 0 for o in orders)

    def auction_price(self, market: NaiveMarket) -> int:
        bid, ask = market.best(1), market.best(-1)
        assert bid is not None
        assert ask is not None
        reference = market.mark or market.last or (bid + ask) // 2

        def worse(price: int) -> tuple[int, int, int, int]:
            demand, supply = self.total(market, 1, price), self.total(market, -1, price)
            return -min(demand, supply), abs(demand - supply), abs(price - reference), price

        return min(range(ask, bid + 1), key=worse)

    def uncross(self, ts: int, market: NaiveMarket, price: int, steps: int) -> int:
        """Steps are told in groups of half of max_fills, as many as one call of the kernel makes."""
        while True:
            bid, ask = market.best(1), market.best(-1)
            if bid is None or ask is None or bid < price or ask > price:
                return steps
            buy, sell = market.sides[1][bid][0], market.sides[-1][ask][0]
            self.one_step(ts, market, buy, sell, price)
            steps += 1
            crossed = (market.best(1) or 0) >= (market.best(-1) or 2**60)
            if not crossed or steps % max(self.config.max_fills // 2, 1) == 0:
                self.tell(ts, market)

    def one_step(self, ts: int, market: NaiveMarket, buy: NaiveOrder, sell: NaiveOrder, price: int) -> None:
        wanted, given = self.most(buy), self.most(sell)
        for order, most in ((buy, wanted), (sell, given)):
            if most == 0:
                market.touch(order.side, order.price)
                self.drop(ts, order, "would_not_reduce")
                return
        lots = min(wanted, given)
        value = self.value(market.rules, price, lots)
        market.last = price
        market.trade_id += 1
        self.row(ts, market, market.trade_id, TRADE, FLAG_FIRST | FLAG_LAST, 0, price, lots)
        self.seq += 1
        for order, other in ((buy, sell), (sell, buy)):
            fee = self.settle(market, order.account, order.side * lots, value, maker=True)
            self.report(ts, order, FILL, "", order.left - lots, price, lots, value, fee, other.account, maker=1)
        market.touch(1, buy.price)
        market.touch(-1, sell.price)
        self.give(buy, lots)
        self.give(sell, lots)

    def most(self, order: NaiveOrder) -> int:
        if not order.kind & REDUCE:
            return order.shown
        return min(order.shown, max(-order.side * self.positions[order.account, order.market].lots, 0))
