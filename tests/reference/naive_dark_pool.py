"""The dark pool as plain lists of dicts: one class, no flat state, no kernels."""

from __future__ import annotations

import math

from reference.naive_market import Xoshiro

FAR = 2**62


class NaivePool:
    """`flow` is a DarkFlow; `lit` rows of (ts, bid, ask, lots); fills are tuples as the kernel's rows."""

    def __init__(self, flow, words, *, pro_rata=False):
        self.flow, self.pro_rata = flow, pro_rata
        self.waits, self.marks, self.sizes, self.lives = (Xoshiro(words[4 * i : 4 * i + 4]) for i in range(4))
        branching = flow.offspring_same_side + flow.offspring_other_side
        self.per_lot = flow.share * (1 - branching) / (2 * flow.mean_lots)
        self.theta, self.beta = rate(flow.memory), rate(flow.offspring_half_life)
        self.volume, self.excited, self.faded, self.bound, self.next = 0.0, {1: 0.0, -1: 0.0}, 0, 0.0, FAR
        self.orders, self.moves, self.settled, self.fills = [], [], 0.0, []
        self.bid = self.ask = self.mid = self.now = self.arrived = self.turned_away = 0
        self.balances = {"ours": [0, 0], "crowd": [0, 0]}

    def run(self, lit, until):
        """Live through lit rows and arrivals with ts < until."""
        lit = list(lit)
        while True:
            first = lit[0][0] if lit else FAR
            now = min(first, self.next)
            if now >= until:
                return lit
            self.now = now
            if self.next <= first:
                self.look()
                self.fade()
                self.arrive()
                self.schedule()
            else:
                _, self.bid, self.ask, lots = lit.pop(0)
                if lots:
                    self.fade()
                    self.volume += lots * self.theta
                    self.schedule()
                self.look()

    def fade(self):
        dt = (self.now - self.faded) * 1e-9
        self.volume *= math.exp(-self.theta * dt)
        for side in (1, -1):
            self.excited[side] *= math.exp(-self.beta * dt)
        self.faded = self.now

    def schedule(self):
        self.bound = 2 * self.per_lot * self.volume + self.excited[1] + self.excited[-1]
        self.next = FAR
        if self.bound > 1e-9:
            wait = -math.log(1 - self.waits.uniform()) / self.bound
            if wait < 1e9:
                self.next = self.now + max(math.ceil(wait * 1e9), 1)

    def arrive(self):
        mark = self.marks.uniform() * self.bound
        buys, sells = (self.per_lot * self.volume + self.excited[side] for side in (1, -1))
        if mark >= buys + sells:
            return
        side = 1 if mark < buys else -1
        self.excited[side] += self.flow.offspring_same_side * self.beta
        self.excited[-side] += self.flow.offspring_other_side * self.beta
        knows = self.marks.uniform() < self.flow.informed_share
        crowd = self.flow.informed if knows else self.flow.natural
        lots, life = self.sizes.one_of(crowd.lots), 0.0
        if crowd.patience_s > 0:
            life = -math.log(1 - self.lives.uniform()) / (1 / crowd.patience_s)
        self.arrived += 1
        if self.mid == 0:
            self.turned_away += 1
            return
        order = {"side": side, "limit": 0, "left": lots, "least": crowd.least_lots, "owner": -1, "told": not knows}
        self.enter(order | {"knows": knows, "expiry": self.now + 1 + int(life * 1e9)}, rests=crowd.patience_s > 0)

    def shift(self):
        horizons, bps = self.flow.markout.curve
        while self.moves and self.now - self.moves[0][0] >= horizons[-1]:
            _, sign, mid = self.moves.pop(0)
            self.settled += sign * bps[-1] * 1e-4 * mid * 0.5
        total = self.settled
        for start, sign, mid in self.moves:
            lag, before, level = self.now - start, 0.0, 0.0
            for horizon, move in zip(horizons, bps, strict=True):
                if lag < horizon:
                    total += sign * (level + (move - level) * (lag - before) / (horizon - before)) * 1e-4 * mid * 0.5
                    break
                before, level = horizon, move
        return math.floor(total + 0.5)

    def look(self):
        mid = self.bid + self.ask + 2 * self.shift() if 0 < self.bid <= self.ask else 0
        if mid == self.mid:
            return
        self.mid = mid
        if not mid:
            return
        self.tidy()
        for order in list(self.orders):
            if order["owner"] >= 0 and order["left"]:
                self.match(order, came=False)
        self.tidy()

    def enter(self, order, *, rests):
        self.tidy()
        self.orders.append(order)
        if self.mid:
            self.match(order, came=True)
        if not rests:
            order["left"] = 0
        self.tidy()

    def tidy(self):
        self.orders = [o for o in self.orders if o["left"] and o["expiry"] > self.now]

    def match(self, order, *, came):
        if not content(order, self.mid):
            return
        if self.pro_rata:
            for other, lots in shares(order, [o for o in self.orders if may_meet(order, o, self.mid)]):
                self.trade(order, other, lots, came)
            return
        for other in self.orders:
            if order["left"] and may_meet(order, other, self.mid):
                self.trade(order, other, min(order["left"], other["left"]), came)

    def trade(self, order, other, lots, came):
        for mine, theirs in ((order, other), (other, order)):
            mine["left"] -= lots
            account = self.balances["ours" if mine["owner"] >= 0 else "crowd"]
            account[0] += mine["side"] * lots
            account[1] -= mine["side"] * lots * self.mid
            if mine["owner"] < 0:
                continue
            rested = not (came and mine is order)
            self.fills.append((self.now, mine["owner"], self.mid, lots, int(rested), int(theirs["knows"])))
            if theirs["knows"] and not theirs["told"]:
                theirs["told"] = True
                self.moves.append((self.now, theirs["side"], self.mid))


def rate(half_life):
    from counterpoise.core.units import parse_duration

    return math.log(2) * 1e9 / parse_duration(half_life)


def content(order, mid):
    return not order["limit"] or order["side"] * (order["limit"] - mid) >= 0


def least(order):
    return min(order["least"], order["left"])


def may_meet(order, other, mid):
    if other["side"] == order["side"] or not other["left"] or not content(other, mid):
        return False
    if order["owner"] >= 0 and other["owner"] >= 0:
        return False
    return min(order["left"], other["left"]) >= max(least(order), least(other))


def shares(order, others):
    """Largest remainders; whoever gets less than a least size leaves, youngest first, and all share again."""
    while others:
        total = sum(o["left"] for o in others)
        wanted = min(order["left"], total)
        parts = [wanted * o["left"] // total for o in others]
        rests = [wanted * o["left"] % total for o in others]
        for i in sorted(range(len(others)), key=lambda i: (-rests[i], i))[: wanted - sum(parts)]:
            parts[i] += 1
        small = [i for i, o in enumerate(others) if parts[i] < max(least(order), least(o))]
        if not small:
            return [(o, part) for o, part in zip(others, parts, strict=True) if part]
        others = others[: small[-1]] + others[small[-1] + 1 :]
    return []
