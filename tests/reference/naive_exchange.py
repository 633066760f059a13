"""A matching exchange in dictionaries and lists of Python integers: the slow twin of `counterpoise.sim.exchange`.

Written from the words of its docstrings: a side of a book is a dictionary of price to list of orders, best prices are found by
`max`, money is computed with Fractions, and nothing is linked or packed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from counterpoise.market.event import DELTA, QUOTE, TRADE
from counterpoise.sim.exchange.rules import ExchangeConfig, MarketRules

Row = tuple[int, ...]
FLAG_FIRST, FLAG_LAST = 1, 2
MARKET, IMMEDIATE, FOK, POST, REDUCE, STOP, TAKE, BY_MARK = 1, 2, 4, 8, 16, 32, 64, 128
AT_ONCE = MARKET | IMMEDIATE | FOK
WORKING, FILL, CANCELLED, REJECTED, TRIGGERED = range(5)
REASONS = (
    "",
    "would_take",
    "below_min_notional",
    "off_grid",
    "no_liquidity",
    "unknown_order",
    "unknown_account",
    "unknown_market",
    "halted",
    "price_band",
    "out_of_reach",
    "size_limit",
    "position_limit",
    "would_not_reduce",
    "cannot_fill",
    "self_match",
    "trigger_passed",
    "insufficient_funds",
    "venue_full",
    "match_limit",
    "not_supported",
)


@dataclass(eq=False)
class NaiveOrder:
    market: int
    account: int
    number: int
    tag: int
    side: int
    kind: int
    price: int
    shown: int
    hidden: int = 0
    display: int = 0
    trigger: int = 0

    @property
    def left(self) -> int:
        return self.shown + self.hidden


@dataclass
class NaivePosition:
    lots: int = 0
    cost: int = 0
    own: list[NaiveOrder] = field(default_factory=list)  # newest last

    def open(self, side: int) -> int:
        return sum(order.left for order in self.own if order.side == side and not order.trigger)


class NaiveMarket:
    """One book and its counters."""

    def __init__(self, number: int, rules: MarketRules) -> None:
        self.number, self.rules = number, rules
        self.sides: dict[int, dict[int, list[NaiveOrder]]] = {1: {}, -1: {}}
        self.status = "open"
        self.last = self.update_id = self.trade_id = 0
        self.band = (0, rules.max_price_ticks)
        self.told = (0, 0, 0, 0)
        self.mark = self.index = 0
        self.waiting: list[NaiveOrder] = []
        self.touched: list[tuple[int, int]] = []

    def best(self, side: int) -> int | None:
        prices = self.sides[side]
        return (max(prices) if side > 0 else min(prices)) if prices else None

    def lots(self, side: int, price: int) -> int:
        return sum(order.shown for order in self.sides[side].get(price, []))

    def touch(self, side: int, price: int) -> None:
        if (side, price) not in self.touched[-2:]:
            self.touched.append((side, price))


class NaiveExchange:
    """Takes the requests of the kernels and says what they say, row for row."""

    def __init__(self, config: ExchangeConfig) -> None:
        self.config = config
        self.markets = [NaiveMarket(i, rules) for i, rules in enumerate(config.markets)]
        self.accounts = config.accounts + 2
        self.tiers = dict.fromkeys(range(self.accounts), 0)
        self.cash: dict[tuple[int, str], int] = {}
        self.positions = {(a, m.number): NaivePosition() for a in range(self.accounts) for m in self.markets}
        self.orders: dict[int, NaiveOrder] = {}
        self.free = list(range(config.orders - 1, 0, -1))  # the last is taken next
        self.serial = self.seq = 0
        self.tape: list[Row] = []
        self.reports: list[Row] = []

    # requests

    def place(
        self,
        ts: int,
        market: int,
        account: int,
        side: int,
        kind: int,
        price: int,
        lots: int,
        tag: int,
        display: int = 0,
        trigger: int = 0,
    ) -> int:
        order = NaiveOrder(market, account, 0, tag, side, kind, price, lots, 0, display, trigger)
        waits = kind & (STOP | TAKE) != 0
        keeps = kind & AT_ONCE == 0 or waits
        reason = self.why_unknown(market, account) or self.why_terms(order)
        if not reason:
            reason = ("trigger_passed" if self.met(order) else "") if waits else self.why_entry(order, None)
        if not reason and keeps and not self.free:
            reason = "venue_full"
        if reason:
            self.report(ts, order, REJECTED, reason, lots)
            return -REASONS.index(reason)
        self.serial += 1
        order.number = self.serial * self.config.orders + (self.free.pop() if keeps else 0)
        if keeps:
            self.orders[order.number] = order
        if waits:
            self.markets[market].waiting.append(order)
            self.positions[account, market].own.append(order)
            self.report(ts, order, WORKING, "", lots)
            return order.number
        self.enter(ts, order)
        self.publish(ts, self.markets[market])
        return order.number

    def cancel(self, ts: int, number: int) -> int:
        order = self.orders.get(number)
        if order is None:
            return self.no_such(ts, number)
        left, market = order.left, self.markets[order.market]
        self.drop_and_note(ts, order)
        self.tell(ts, market)
        return left

    def cancel_all(self, ts: int, market: int, account: int) -> int:
        reason = self.why_unknown(market, account)
        if reason:
            return -REASONS.index(reason)
        orders = self.positions[account, market].own[::-1][: self.config.max_fills]
        for order in orders:
            self.drop_and_note(ts, order)
        self.tell(ts, self.markets[market])
        return len(orders)

    def amend(self, ts: int, number: int, price: int, lots: int) -> int:
        order = self.orders.get(number)
        if order is None:
            return self.no_such(ts, number)
        market, falls = self.markets[order.market], price == order.price and lots <= order.left
        wanted = NaiveOrder(
            order.market, order.account, number, order.tag, order.side, order.kind, price, lots, 0, order.display, order.trigger
        )
        waits = order in market.waiting
        reason = self.why_terms(wanted) or ("" if falls or waits else self.why_entry(wanted, order))
        if reason:
            self.report(ts, wanted, REJECTED, reason, lots)
            return -REASONS.index(reason)
        if waits:
            order.price, order.shown = price, lots
            self.report(ts, order, WORKING, "", lots)
        elif falls:
            from_hidden = min(order.left - lots, order.hidden)
            order.shown -= order.left - lots - from_hidden
            order.hidden -= from_hidden
            market.touch(order.side, price)
            self.report(ts, order, WORKING, "", lots)
        else:
            self.withdraw(order)
            if price != order.price:
                market.touch(order.side, order.price)
            order.price, order.shown, order.hidden = price, lots, 0
            self.enter(ts, order)
        self.publish(ts, market)
        return number

    def no_such(self, ts: int, number: int) -> int:
        self.report(ts, NaiveOrder(-1, -1, number, -1, 0, 0, 0, 0), REJECTED, "unknown_order", 0)
        return -REASONS.index("unknown_order")

    # why not

    def why_unknown(self, market: int, account: int) -> str:
        if not 0 <= market < len(self.markets):
            return "unknown_market"
        return "" if 0 <= account < self.accounts else "unknown_account"

    def why_terms(self, order: NaiveOrder) -> str:
        market, kind = self.markets[order.market], order.kind
        rules, waits = market.rules, bool(kind & (STOP | TAKE))
        if (
            not 0 <= kind < 256
            or kind & (IMMEDIATE | FOK) == IMMEDIATE | FOK
            or (kind & STOP and kind & TAKE)
            or (kind & AT_ONCE and (kind & POST or order.display))
            or (kind & BY_MARK and not waits)
            or (kind & REDUCE and rules.payoff == "spot")
        ):
            return "not_supported"
        priced = order.price > 0
        if order.side not in (1, -1) or order.shown <= 0 or order.price < 0 or priced == bool(kind & MARKET):
            return "off_grid"
        if order.display < 0 or order.trigger < 0 or (order.trigger > 0) != waits:
            return "off_grid"
        if max(order.price, order.trigger) > rules.max_price_ticks:
            return "off_grid"
        if any(value % rules.tick_step for value in (order.price, order.trigger)):
            return "off_grid"
        if any(value % rules.lot_step for value in (order.shown, order.display)):
            return "off_grid"
        if not rules.min_lots <= order.shown <= rules.max_lots:
            return "size_limit"
        if market.status == "halted" or (market.status == "auction" and kind & (AT_ONCE | POST)):
            return "halted"
        return ""

    def why_entry(self, order: NaiveOrder, replaced: NaiveOrder | None) -> str:
        """`replaced`: the order that this one is to take the place of."""
        market, kind, side, price = self.markets[order.market], order.kind, order.side, order.price
        rules, opposite = market.rules, market.best(-order.side)
        low, high = market.band
        if kind & MARKET:
            if opposite is None:
                return "no_liquidity"
            price = opposite
        elif (side > 0 and price > high) or (side < 0 and price < low):
            return "price_band"
        if not kind & AT_ONCE:
            live = [*market.sides[1], *market.sides[-1], price]
            if max(live) - min(live) >= rules.reach_ticks:
                return "out_of_reach"
        if kind & POST and opposite is not None and side * price >= side * opposite:
            return "would_take"
        position = self.positions[order.account, order.market]
        if kind & REDUCE:
            most = max(-side * position.lots, 0)
            if most == 0 or (kind & FOK and most < order.shown):
                return "would_not_reduce"
        else:
            coming = position.open(side) - (replaced.left if replaced else 0)
            if side * position.lots + coming + order.shown > self.config.position_limit(rules):
                return "position_limit"
            least = rules.instrument.least_notional / self.config.grain(rules.money)
            if least and self.value(rules, price, order.shown) < least:
                return "below_min_notional"
        if kind & FOK and not self.fillable(order):
            return "cannot_fill"
        if rules.payoff == "spot" and self.spent_at_most(order) > self.free_money(order, replaced):
            return "insufficient_funds"
        return ""

    def hold(self, rules: MarketRules, side: int, price: int) -> int:
        """What one open lot holds back."""
        if side < 0:
            return self.base_grains(rules)
        value = self.value(rules, price, 1)
        ppm = max(0, *(max(tier.maker_ppm, tier.taker_ppm) for tier in self.config.fee_tiers))
        return value + floor(Fraction(value * ppm, 10**6) + Fraction(1, 2)) + 1

    def spent_at_most(self, order: NaiveOrder) -> int:
        market, rules, lots, spent = self.markets[order.market], self.markets[order.market].rules, order.shown, 0
        if order.side < 0 or order.price:
            return lots * self.hold(rules, order.side, order.price)
        for price in sorted(market.sides[-1]):
            for other in market.sides[-1][price] if self.may_take(order, price) else []:
                if other.account != order.account or rules.self_trade == "allowed":
                    taken = min(lots, other.left)
                    lots -= taken
                    spent += taken * self.hold(rules, 1, price)
        return spent

    def free_money(self, order: NaiveOrder, replaced: NaiveOrder | None) -> int:
        rules = self.markets[order.market].rules
        currency = rules.money if order.side > 0 else rules.instrument.base
        others = [other for other in self.orders.values() if other is not order and other is not replaced]
        open_orders = [other for other in others if other.account == order.account]
        return self.cash.get((order.account, currency), 0) - self.held(currency, open_orders)

    def held(self, currency: str, orders: list[NaiveOrder]) -> int:
        """What open spot orders hold back of a currency."""
        total = 0
        for order in orders:
            rules = self.markets[order.market].rules
            spends = rules.money if order.side > 0 else rules.instrument.base
            if rules.payoff == "spot" and spends == currency and order not in self.markets[order.market].waiting:
                total += order.left * self.hold(rules, order.side, order.price)
        return total

    def fillable(self, order: NaiveOrder) -> bool:
        market = self.markets[order.market]
        got = steps = 0
        for price in sorted(market.sides[-order.side], reverse=order.side < 0):
            if not self.may_take(order, price):
                return False
            hidden = 0
            for other in market.sides[-order.side][price]:
                steps += 1
                if other.account == order.account and market.rules.self_trade != "allowed":
                    if market.rules.self_trade != "cancel_oldest":
                        return False
                elif not other.kind & REDUCE:
                    got += other.shown
                    if got >= order.shown:
                        return steps <= self.config.max_fills
                    hidden += other.hidden
                    steps += -(-other.hidden // other.display) if other.hidden else 0
            got += hidden
            if got >= order.shown:
                return steps <= self.config.max_fills
        return False

    def may_take(self, order: NaiveOrder, price: int) -> bool:
        low, high = self.markets[order.market].band
        limit = (high if order.side > 0 else low) if order.kind & MARKET else order.price
        return order.side * price <= order.side * limit

    # triggers

    def rises(self, order: NaiveOrder) -> bool:
        return bool(order.kind & STOP) == (order.side > 0)

    def met(self, order: NaiveOrder) -> bool:
        market = self.markets[order.market]
        price = market.mark if order.kind & BY_MARK else market.last
        return price > 0 and (price >= order.trigger if self.rises(order) else price <= order.trigger)

    def publish(self, ts: int, market: NaiveMarket) -> None:
        """Tell what changed, then let in whoever waited for it: by last before mark, rising before falling, nearest, oldest."""
        self.tell(ts, market)
        while market.status == "open" and (met := [order for order in market.waiting if self.met(order)]):
            order = min(
                met,
                key=lambda o: (o.kind & BY_MARK, not self.rises(o), o.trigger if self.rises(o) else -o.trigger, o.number),
            )
            self.withdraw(order)
            order.kind &= ~(STOP | TAKE | BY_MARK)
            order.trigger = 0
            self.report(ts, order, TRIGGERED, "", order.shown)
            reason = self.why_entry(order, None)
            if reason:
                self.end(ts, order, reason, order.shown)
            else:
                self.enter(ts, order)
                self.tell(ts, market)

    # the book

    def crosses(self, order: NaiveOrder) -> bool:
        best = self.markets[order.market].best(-order.side)
        return best is not None and self.may_take(order, best)

    def enter(self, ts: int, order: NaiveOrder) -> None:
        market, lots = self.markets[order.market], order.shown
        meets = market.status == "open" and self.crosses(order)
        most = max(-order.side * self.positions[order.account, order.market].lots, 0)
        undone = max(lots - most, 0) if meets and order.kind & REDUCE else 0
        left, ended = self.match(ts, order, lots - undone) if meets else (lots, False)
        rests = not order.kind & AT_ONCE
        if ended:
            self.end(ts, order, "self_match", left + undone)
        elif left + undone == 0:
            self.forget(order)
        elif undone and (left == 0 or not rests):
            self.end(ts, order, "would_not_reduce", left + undone)
        elif market.status == "open" and self.crosses(order):
            self.end(ts, order, "match_limit", left + undone)
        elif rests:
            self.rest(order, left + undone)
            market.touch(order.side, order.price)
            self.report(ts, order, WORKING, "", left + undone)
        else:
            empty = market.best(-order.side) is None
            reason = ("no_liquidity" if empty else "price_band") if order.kind & MARKET else ""
            self.end(ts, order, reason, left)

    def match(self, ts: int, order: NaiveOrder, left: int) -> tuple[int, bool]:
        """Lots not taken, and whether self-trade prevention ended the order."""
        market, rule = self.markets[order.market], self.markets[order.market].rules.self_trade
        for _ in range(self.config.max_fills):
            if left == 0 or not self.crosses(order):
                break
            price = market.best(-order.side)
            assert price is not None
            maker = market.sides[-order.side][price][0]
            if maker.account == order.account and rule != "allowed":
                if rule == "cancel_newest":
                    return left, True
                market.touch(-order.side, price)
                if rule == "decrement":
                    both = min(left, maker.shown)
                    behind = maker.left - both
                    self.report(ts, maker, WORKING if behind else CANCELLED, "self_match", behind or both)
                    self.give(maker, both)
                    if left == both:
                        return left, True
                    left -= both
                    self.report(ts, order, WORKING, "self_match", left)
                    continue
                self.drop(ts, maker, "self_match")
                if rule == "cancel_both":
                    return left, True
                continue
            market.touch(-order.side, price)
            most = maker.shown
            if maker.kind & REDUCE:
                most = min(most, max(order.side * self.positions[maker.account, maker.market].lots, 0))
                if most == 0:
                    self.drop(ts, maker, "would_not_reduce")
                    continue
            lots = min(left, most)
            left -= lots
            self.fill(ts, order, maker, lots, left)
        return left, False

    def fill(self, ts: int, order: NaiveOrder, maker: NaiveOrder, lots: int, left: int) -> None:
        market, price = self.markets[order.market], maker.price
        value = self.value(market.rules, price, lots)
        market.last = price
        market.trade_id += 1
        self.row(ts, market, market.trade_id, TRADE, FLAG_FIRST | FLAG_LAST, order.side, price, lots)
        self.seq += 1
        fee = self.settle(market, maker.account, maker.side * lots, value, maker=True)
        self.report(ts, maker, FILL, "", maker.left - lots, price, lots, value, fee, order.account, maker=1)
        fee = self.settle(market, order.account, order.side * lots, value, maker=False)
        self.report(ts, order, FILL, "", left, price, lots, value, fee, maker.account)
        self.give(maker, lots)

    def give(self, order: NaiveOrder, lots: int) -> None:
        if lots < order.shown:
            order.shown -= lots
            return
        left = order.left - lots
        self.withdraw(order)
        if left:
            self.rest(order, left)
        else:
            self.forget(order)

    def rest(self, order: NaiveOrder, lots: int) -> None:
        order.shown = min(lots, order.display) if order.display else lots
        order.hidden = lots - order.shown
        self.markets[order.market].sides[order.side].setdefault(order.price, []).append(order)
        self.positions[order.account, order.market].own.append(order)

    def withdraw(self, order: NaiveOrder) -> None:
        self.positions[order.account, order.market].own.remove(order)
        if order in self.markets[order.market].waiting:
            self.markets[order.market].waiting.remove(order)
            return
        levels = self.markets[order.market].sides[order.side]
        levels[order.price].remove(order)
        if not levels[order.price]:
            del levels[order.price]

    def drop(self, ts: int, order: NaiveOrder, reason: str) -> None:
        self.report(ts, order, CANCELLED, reason, order.left)
        self.withdraw(order)
        self.forget(order)

    def drop_and_note(self, ts: int, order: NaiveOrder) -> None:
        if order not in self.markets[order.market].waiting:
            self.markets[order.market].touch(order.side, order.price)
        self.drop(ts, order, "")

    def end(self, ts: int, order: NaiveOrder, reason: str, left: int) -> None:
        self.report(ts, order, CANCELLED, reason, left)
        self.forget(order)

    def forget(self, order: NaiveOrder) -> None:
        if self.orders.pop(order.number, None):
            self.free.append(order.number % self.config.orders)

    # money

    def value(self, rules: MarketRules, price: int, lots: int) -> int:
        grain = self.config.grain(rules.money)
        if rules.payoff == "inverse":
            return floor(rules.step_value * lots / price / grain + Fraction(1, 2))
        exact = rules.step_value * lots * price / grain
        assert exact.denominator == 1
        return int(exact)

    def settle(self, market: NaiveMarket, account: int, signed_lots: int, value: int, *, maker: bool) -> int:
        rules, position = market.rules, self.positions[account, market.number]
        tier = self.config.fee_tiers[self.tiers[account]]
        fee = floor(Fraction(value * (tier.maker_ppm if maker else tier.taker_ppm), 10**6) + Fraction(1, 2))
        self.pay(account, rules.money, -fee)
        self.pay(0, rules.money, fee)
        signed = value if signed_lots > 0 else -value
        if rules.payoff == "spot":
            self.pay(account, rules.money, -signed)
            self.pay(account, rules.instrument.base, signed_lots * self.base_grains(rules))
            return fee
        if rules.payoff == "inverse":
            signed = -signed
        if position.lots * signed_lots >= 0:
            position.cost += signed
        else:
            closed = min(abs(position.lots), abs(signed_lots))
            of_cost = floor(Fraction(position.cost * closed, abs(position.lots)))
            of_fill = floor(Fraction(signed * closed, abs(signed_lots)))
            self.pay(account, rules.money, -of_fill - of_cost)
            position.cost += signed - of_fill - of_cost
        position.lots += signed_lots
        return fee

    def base_grains(self, rules: MarketRules) -> int:
        lot = Fraction(rules.instrument.qty_grid.step) * Fraction(rules.instrument.multiplier)
        return int(lot / self.config.grain(rules.instrument.base))

    def pay(self, account: int, currency: str, grains: int) -> None:
        self.cash[account, currency] = self.cash.get((account, currency), 0) + grains

    # outputs

    def row(self, ts: int, market: NaiveMarket, number: int, kind: int, flags: int, side: int, price: int, lots: int) -> None:
        code = kind + 256 * flags + 65536 * (side + 1)
        self.tape.append((ts, ts, self.seq, number, code, price, lots, market.number))

    def tell(self, ts: int, market: NaiveMarket) -> None:
        if not market.touched:
            return
        market.update_id += 1
        last = len(market.touched) - 1
        for i, (side, price) in enumerate(market.touched):
            flags = FLAG_FIRST * (i == 0) | FLAG_LAST * (i == last)
            self.row(ts, market, market.update_id, DELTA, flags, side, price, market.lots(side, price))
        self.seq += 1
        market.touched.clear()
        bid, ask = market.best(1) or 0, market.best(-1) or 0
        told = bid, market.lots(1, bid), ask, market.lots(-1, ask)
        if self.config.quotes and told != market.told:
            market.told = told
            self.row(ts, market, market.update_id, QUOTE, FLAG_FIRST, 1, *told[:2])
            self.row(ts, market, market.update_id, QUOTE, FLAG_LAST, -1, *told[2:])
            self.seq += 1

    def report(
        self,
        ts: int,
        order: NaiveOrder,
        what: int,
        reason: str,
        left: int,
        price: int | None = None,
        lots: int = 0,
        value: int = 0,
        fee: int = 0,
        other: int = -1,
        maker: int = 0,
    ) -> None:
        code = what + 256 * REASONS.index(reason) + 65536 * (order.side + 1) + 2**20 * maker
        price = order.price if price is None else price
        self.reports.append(
            (ts, order.market, order.account, order.number, order.tag, code, price, lots, left, value, fee, other)
        )
