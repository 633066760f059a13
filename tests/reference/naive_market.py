"""The synthetic market of one instrument once more: one class, dicts of levels, plain numbers, no ring and no tape."""

from __future__ import annotations

import math

from counterpoise.market.event import DELTA, FIRST, LAST, QUOTE, SNAPSHOT, TRADE

WORD = 2**64 - 1


class Xoshiro:
    """xoshiro256++ as printed in Blackman and Vigna (2021)."""

    def __init__(self, words):
        self.s = [int(word) for word in words]

    def word(self):
        s = self.s
        result = (rotl((s[0] + s[3]) & WORD, 23) + s[0]) & WORD
        t = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 45)
        return result

    def uniform(self):
        return (self.word() >> 11) / 2**53

    def one_of(self, values):
        return int(values[self.word() * len(values) >> 64])


def rotl(x, k):
    return ((x << k) | (x >> (64 - k))) & WORD


class NaiveMarket:
    """Rows of one instrument as tuples in the order of the event columns."""

    def __init__(self, token, *, tick, lot, path, path_step_s, start_ns, warm_up_s, words, quantiles):
        self.token, self.path, self.path_step_s, self.start_ns = token, path, path_step_s, start_ns
        self.limit_ticks, self.cancel_ticks, self.limit_lots, self.market_lots, self.lags = quantiles
        self.flow, self.lag = Xoshiro(words[:4]), Xoshiro(words[4:])
        branching = token.offspring_same_side + token.offspring_other_side
        self.mu = 0.5 * token.market_orders_per_s * (1 - branching)
        ticks_per_bp = 1e-4 * token.price / tick
        self.lean_ticks = max(token.lean_bps * ticks_per_bp, 1.0)
        self.impact = token.impact_bps * ticks_per_bp / math.sqrt(token.market_qty / lot)
        self.floor_lots = max(round(token.limit_qty / lot), 1)
        bid = int(path[0])
        self.sides = {1: {bid: self.floor_lots}, -1: {bid + 1: self.floor_lots}}
        self.excited = {1: 0.0, -1: 0.0}
        self.pressure, self.t = 0.0, -warm_up_s
        self.seq = self.update_id = self.trade_id = self.ts_local = 0
        self.told = None
        self.schedule()
        self.run(0.0)
        self.seq = self.update_id = 1
        self.trade_id = 0

    def best(self, side):
        return max(self.sides[1]) if side > 0 else min(self.sides[-1])

    def spread(self):
        return self.best(-1) - self.best(1)

    def open(self):
        """The opening snapshot."""
        levels = [(side, p, self.sides[side][p]) for side in (1, -1) for p in sorted(self.sides[side], reverse=side > 0)]
        self.ts_local = self.start_ns + int((int(self.lags[2047]) + int(self.lags[2048])) / 2)
        rows = [[self.ts_local, self.start_ns, 0, 1, SNAPSHOT, side, 0, p, q] for side, p, q in levels]
        return flagged(rows)

    def run(self, stop_s):
        rows = []
        while self.t_next < stop_s:
            dt, self.t = self.t_next - self.t, self.t_next
            for side in (1, -1):
                self.excited[side] *= math.exp(-self.token.decay_per_s * dt)
            self.pressure *= math.exp(-self.token.impact_decay_per_s * dt)
            rows += self.event(self.flow.uniform() * self.bound)
            self.schedule()
        return rows

    def schedule(self):
        place = max(self.t, 0.0) / self.path_step_s
        i = min(int(place), len(self.path) - 2)
        self.fair = self.path[i] + (self.path[i + 1] - self.path[i]) * (place - i) + self.pressure
        self.gap = self.fair - 0.5 * (self.best(1) + self.best(-1))
        self.lean = min(max(self.gap / self.lean_ticks, -1.0), 1.0)
        self.base = {1: self.mu * (1.0 + self.lean), -1: self.mu * (1.0 - self.lean)}
        self.rates = {
            "limit": self.token.limit_orders_per_s,
            "cancel": self.token.cancels_per_s,
            "pull": self.token.pulls_per_s * abs(self.gap) / self.lean_ticks,
            "refill": self.token.refills_per_s if self.spread() > 1 else 0.0,
        }
        self.bound = self.excited[1] + self.excited[-1]
        for rate in (self.base[1], self.base[-1], *self.rates.values()):
            self.bound += rate
        self.t_next = self.t + -math.log(1.0 - self.flow.uniform()) / self.bound

    def event(self, mark):
        self.ts_venue = self.start_ns + math.floor(self.t * 1e9)
        self.messages, self.changed = [], []
        rates = {side: self.base[side] + self.excited[side] for side in (1, -1)}
        if mark < rates[1] + rates[-1]:
            self.market_order(1 if mark < rates[1] else -1)
        else:
            mark -= rates[1] + rates[-1]
            for name, rate in self.rates.items():
                if mark < rate:
                    getattr(self, name)()
                    break
                mark -= rate
        if not self.changed:
            return []
        self.tell()
        self.ts_local = max(self.ts_local, self.ts_venue + self.lag.one_of(self.lags))
        return [(self.ts_local, *row[1:]) for message in self.messages for row in message]

    def market_order(self, side):
        self.excited[side] += self.token.offspring_same_side * self.token.decay_per_s
        self.excited[-side] += self.token.offspring_other_side * self.token.decay_per_s
        if self.spread() > self.token.reach_ticks:
            return
        wanted, filled, levels = self.flow.one_of(self.market_lots), 0, self.sides[-side]
        other = self.best(side)
        for price in sorted(levels, reverse=side < 0)[:32]:
            if wanted == 0 or (filled and side * (price - other) > self.token.reach_ticks):
                break
            here = min(wanted, levels[price])
            wanted, filled = wanted - here, filled + here
            levels[price] -= here
            self.changed.append((-side, price))
            for size in self.resting_orders(here):
                self.trade_id += 1
                self.say([[self.trade_id, TRADE, side, price, size]])
        self.pressure += side * self.impact * math.sqrt(filled)
        self.settle(-side)

    def resting_orders(self, lots):
        sizes = []
        while lots:
            size = min(lots, self.flow.one_of(self.limit_lots)) if len(sizes) < 7 else lots
            sizes.append(size)
            lots -= size
        return sizes

    def limit(self):
        side = self.leaning()
        price = self.best(-side) - side * self.flow.one_of(self.limit_ticks)
        self.rest(side, price, self.flow.one_of(self.limit_lots))

    def refill(self):
        side = self.leaning()
        lots = int(self.token.improve_factor * self.flow.one_of(self.limit_lots)) + 1
        near = min(self.best(-1) - 1, math.floor(self.fair)) if side > 0 else max(self.best(1) + 1, math.ceil(self.fair))
        self.rest(side, max(near, self.best(1)) if side > 0 else min(near, self.best(-1)), lots)

    def cancel(self):
        side = -self.leaning()
        price = self.best(-side) - side * self.flow.one_of(self.cancel_ticks)
        part, whole = self.flow.uniform(), self.token.whole_level_share
        self.withdraw(side, price, 1.0 if part < whole else (part - whole) / (1.0 - whole))

    def pull(self):
        side = -1 if self.gap > 0.0 else 1
        self.withdraw(side, self.best(side), 1.0)

    def leaning(self):
        return 1 if self.flow.uniform() * 2.0 < 1.0 + self.lean else -1

    def rest(self, side, price, lots):
        levels = self.sides[side]
        levels[price] = levels.get(price, 0) + lots
        out_of_reach = [p for p in levels if side * (self.best(side) - p) > self.token.reach_ticks]
        self.changed = [(side, price), *((side, p) for p in sorted(out_of_reach, reverse=side < 0))]
        for p in out_of_reach:
            levels[p] = 0
        self.settle(side)

    def withdraw(self, side, price, share):
        levels = self.sides[side]
        if price not in levels:
            return
        left = levels[price] - max(int(levels[price] * share), 1)
        if left == 0 and price == self.best(side) and self.spread() > self.token.reach_ticks:
            return
        levels[price] = left
        self.changed = [(side, price)]
        self.settle(side)

    def settle(self, side):
        """Say what changed, drop empty levels, put a floor order behind a side that has nothing left within reach."""
        levels = self.sides[side]
        last = [p for s, p in self.changed if s == side][-1]
        if not any(levels.values()):
            floor = last - side * min(8, self.token.reach_ticks)
            levels[floor] = self.floor_lots
            self.changed.append((side, floor))
        self.update_id += 1
        self.say([[self.update_id, DELTA, s, p, self.sides[s][p]] for s, p in self.changed])
        self.sides[side] = {p: q for p, q in levels.items() if q}

    def tell(self):
        best = [(side, self.best(side), self.sides[side][self.best(side)]) for side in (1, -1)]
        if best != self.told:
            self.told = best
            self.say([[self.update_id, QUOTE, *level] for level in best])

    def say(self, levels):
        self.messages.append(flagged([[0, self.ts_venue, self.seq, n, kind, s, 0, p, q] for n, kind, s, p, q in levels]))
        self.seq += 1


def flagged(rows):
    rows[0][6] |= FIRST
    rows[-1][6] |= LAST
    return [tuple(row) for row in rows]
