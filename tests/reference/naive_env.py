"""One execution and one market maker over a market tape, step by step in plain Python: twins of `sim.env.batch`."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, exp

from counterpoise.core.units import parse_duration
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.sim.env.tape import FEATURES, MarketTape
from counterpoise.sim.fees import Fees


def whole(number: float) -> int:
    """To the nearest whole number, a half upwards; cut at zero from below as a conversion does."""
    return int(number + 0.5)


@dataclass
class NaiveNode:
    """Our side of one market."""

    tape: MarketTape
    index: int
    side: int
    start: int
    impact: TransientImpact
    refill_half_life: str
    fees: Fees
    price: int = 0
    left: int = 0
    queue: int = 0
    maker_lots: int = 0
    taker_lots: int = 0
    cost: float = 0.0
    crossed_coins: float = 0.0
    missing: float = 0.0
    takes: list[tuple[int, float]] = field(default_factory=list)  # step, shift at once [ticks]

    def __post_init__(self) -> None:
        self.instrument = self.tape.instruments[self.index]
        self.tick = self.instrument.price_grid.size
        self.arrival = self.mid(self.start)

    def book(self, step: int, side: int) -> list[tuple[int, int]]:
        half = 0 if side > 0 else 1
        ticks, lots = self.tape.ticks[self.index, step, half], self.tape.lots[self.index, step, half]
        return list(zip(ticks.tolist(), lots.tolist(), strict=True))

    def mid(self, step: int) -> float:
        return (self.book(step, 1)[0][0] + self.book(step, -1)[0][0]) / 2

    def coins(self, price: float) -> float:
        if self.instrument.inverse:
            return float(self.instrument.notional(1, 1)) / (price * self.tick)
        return float(self.instrument.base_qty(1, 1))

    def shift(self, step: int) -> int:
        """Sum over every take of ours, each decayed by its own age: no component is carried."""
        lags = [(step - at) * self.tape.step_ns for at, _ in self.takes]
        kernel = [sum(s * exp(-r * lag) for s, r in zip(self.impact.shares, self.impact.rates, strict=True)) for lag in lags]
        return round(sum(k * ticks for k, (_, ticks) in zip(kernel, self.takes, strict=True)))

    def fill(self, price: int, lots: int, rate_bps: float) -> float:
        coins = self.coins(price) * lots
        self.cost += self.side * (price - self.arrival) * self.tick * coins + rate_bps * 1e-4 * coins * price * self.tick
        return coins

    def cross(self, step: int, wanted: int) -> float:
        gone, shift, left = ceil(self.missing), self.shift(step), wanted
        got, value = 0.0, 0.0
        for ticks, lots in self.book(step, -self.side):
            hidden = min(lots, gone)
            gone -= hidden
            take = min(left, lots - hidden)
            if take:
                coins = self.fill(ticks + shift, take, self.fees.taker_bps)
                got, value = got + coins, value + coins * (ticks + shift) * self.tick
                left -= take
        self.crossed_coins = got
        self.taker_lots += wanted - left
        self.missing += wanted - left
        best = self.book(step, -self.side)[0][0]
        self.takes.append((step, self.side * self.impact.bps_per_million * 1e-4 * best * value / 1e6))
        return got

    def shown(self, step: int, price: int) -> int:
        book = self.book(step, self.side)
        if self.side * price < self.side * book[-1][0]:
            return book[-1][1]
        return dict(reversed(book)).get(price, 0)

    def rest(self, step: int, wanted: int, behind: int) -> None:
        price = self.book(step, self.side)[0][0] - self.side * behind + self.shift(step)
        if not self.left or price != self.price or wanted > self.left:
            self.queue = self.shown(step, price - self.shift(step))
        self.price, self.left = price, wanted

    def meet(self, step: int) -> float:
        """Trades and close of the step after `step`."""
        got, shift = 0.0, self.shift(step)
        first, stop = self.tape.offsets[self.index, step + 1 : step + 3].tolist()
        for aggressor, ticks, lots in self.tape.trades[first:stop].tolist():
            if aggressor == self.side or self.side * (self.price - ticks - shift) < 0:
                continue
            if self.left and ticks + shift == self.price:
                ahead = min(self.queue, lots)
                self.queue, lots = self.queue - ahead, lots - ahead
            got += self.fill_rest(min(lots, self.left))
        for ticks, lots in self.book(step + 1, -self.side):
            if lots == 0 or self.side * (self.price - ticks - shift) < 0:
                break
            got += self.fill_rest(min(lots, self.left))
        if self.left:
            self.queue = min(self.queue, self.shown(step + 1, self.price - shift))
        return got

    def fill_rest(self, lots: int) -> float:
        self.left -= lots
        self.maker_lots += lots
        return self.fill(self.price, lots, self.fees.maker_bps) if lots else 0.0

    def pass_step(self) -> None:
        self.missing *= 0.5 ** (self.tape.step_ns / parse_duration(self.refill_half_life))
        self.crossed_coins = 0.0


def naive_execution(task, tape, *, start, side, target, actions) -> list[dict[str, float]]:
    """Infos of each step."""
    nodes = [
        NaiveNode(tape, i, side, start, task.impact, task.refill_half_life, task.fees) for i in range(len(tape.instruments))
    ]
    value = target * nodes[0].arrival * nodes[0].tick
    done, out = 0.0, []
    for step, action in zip(range(start, start + task.horizon), actions, strict=True):
        last = step == start + task.horizon - 1
        even = (target - done) / (start + task.horizon - step)
        wanted = target - done if last else min(target - done, action[0] * task.max_rate * even)
        weights = action[2:] if sum(action[2:]) > 0 else [1.0] * len(nodes)
        before = sum(node.cost for node in nodes)
        leakage = 0.0
        for node, weight in zip(nodes, weights, strict=True):
            node.pass_step()
            asked = whole(weight / sum(weights) * wanted / node.coins(node.mid(step)))
            crossed = whole((1.0 if last else action[1]) * asked)
            done += node.cross(step, crossed)
            node.rest(step, asked - crossed, 0)
            done += node.meet(step)
            if tape.noise[node.index, step] > 0:
                leakage += (node.crossed_coins / tape.noise[node.index, step]) ** 2
        shortfall = (sum(node.cost for node in nodes) - before) / value * 1e4
        left = target - done
        if last:
            deepest = nodes[0].book(step + 1, -side)[-1][0]
            each = side * (deepest - nodes[0].arrival) + task.fees.taker_bps * 1e-4 * deepest
            shortfall += max(left, 0) * each * nodes[0].tick / value * 1e4
        risk = task.risk_aversion * (left / target) ** 2 * tape.features[step, FEATURES.index("volatility_bps")] ** 2
        leak = task.leakage_price * leakage
        line = {"reward": -shortfall - risk - leak, "shortfall_bps": shortfall, "risk_bps": risk, "leakage_bps": leak}
        out.append(line | {"unfilled_coins": max(left, 0) if last else 0.0, "over": float(last)})
    return out


def naive_maker(task, tape, *, start, actions) -> list[dict[str, float]]:
    """Infos of each step."""
    bid, ask = (NaiveNode(tape, 0, side, start, task.impact, task.refill_half_life, task.fees) for side in (1, -1))
    lot = tape.instruments[0].qty(1)
    most, order = round(task.most_qty / lot), round(task.order_qty / lot)
    value = most * bid.coins(1) * bid.arrival * bid.tick
    equity, out = 0.0, []

    def inventory() -> int:
        return bid.maker_lots + bid.taker_lots - ask.maker_lots - ask.taker_lots

    for step, action in zip(range(start, start + task.horizon), actions, strict=True):
        held = inventory()
        for node, distance, size in ((bid, action[0], action[2]), (ask, action[1], action[3])):
            node.pass_step()
            node.rest(step, min(whole(size * order), most - node.side * held), whole(distance * task.reach_ticks))
            node.meet(step)
        last = step == start + task.horizon - 1
        if last and inventory():
            node = ask if inventory() > 0 else bid
            node.takes = [(at + 1, shift) for at, shift in node.takes]
            node.cross(step + 1, abs(inventory()))
        now = inventory() * bid.coins(1) * (bid.mid(step + 1) - bid.arrival) * bid.tick - bid.cost - ask.cost
        profit = (now - equity) / value * 1e4
        variance = tape.features[step, FEATURES.index("volatility_bps")] ** 2
        risk = task.risk_aversion * (inventory() / most) ** 2 * variance
        out.append({"reward": profit - risk, "profit_bps": profit, "risk_bps": risk})
        out[-1] |= {"unsold_lots": float(inventory()) if last else 0.0, "over": float(last)}
        equity = now
    return out
