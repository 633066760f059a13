"""Our orders in a replayed book, in dictionaries and lists: the slow twin of `counterpoise.sim.replay.market.ReplayMarket`.

Written from the words of its docstring, of `counterpoise.sim.replay.response` and of `counterpoise.sim.replay.queue`, not from
its kernels: displacement is a sum over every fill of ours, levels are sorted anew, and nothing is packed into rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from counterpoise.core.units import parse_duration
from counterpoise.market.event import DELTA, LAST, ORDER, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.replay.response import ResponseModel
from reference.naive_book import NaiveBook, Row, rows_of

Piece = tuple[int, int, int, int]  # ts, number of the resting order or −1, shown price, lots


@dataclass
class NaiveOrder:
    number: int
    side: int
    price: int
    left: int
    ahead: float
    kick: float  # ticks by which a lot of it displaces the quotes
    traded: int = 0
    behind: set[int] = field(default_factory=set)  # ids of those who came after us


@dataclass
class Missing:
    ts: int
    millilots: int
    half_ns: int

    def at(self, ts: int) -> int:
        """Thousandths of a lot; the last one is none."""
        left = round(self.millilots * 0.5 ** ((ts - self.ts) / self.half_ns))
        return left if left > 1 else 0


def halves(half_lives: tuple[str, ...], weights: tuple[float, ...]) -> list[tuple[float, float]]:
    """(rate, weight) of each half-life."""
    weights = weights or (1 / len(half_lives),) * len(half_lives)
    return [(math.log(2) / parse_duration(text), w) for text, w in zip(half_lives, weights, strict=True)]


class NaiveDecay:
    """What is left of a kick of one, with what its followers have added, and how many follow one lot in a ns."""

    def __init__(self, response: ResponseModel) -> None:
        impact, followers = response.impact, response.followers
        kept = [(rate, (1 - impact.permanent) * w) for rate, w in halves(impact.half_lives, impact.weights)]
        self.kept = [(0.0, impact.permanent), *kept]
        self.quick = [(rate, followers.per_lot * w) for rate, w in halves(followers.half_lives, followers.weights)]
        self.known: dict[int, float] = {}

    def displaced(self, lag: int) -> float:
        if lag not in self.known:
            self.known[lag] = sum(share * self.followed(rate, lag) for rate, share in self.kept)
        return self.known[lag]

    def followed(self, rate: float, lag: int) -> float:
        """e^(−rate·lag), and its convolution with those who follow."""
        alone = math.exp(-rate * lag)
        return alone + sum(mass * q / (q - rate) * (alone - math.exp(-q * lag)) for q, mass in self.quick)

    def following(self, lag: int) -> float:
        return sum(mass * q * math.exp(-q * lag) for q, mass in self.quick)


def cancels_behind(model: str, front: float, back: float) -> float:
    """Chance that a cancel comes from behind us."""
    name, _, power = model.partition(":")
    if name == "log":
        return math.log(1 + back) / (math.log(1 + back) + math.log(1 + front))
    n = float(power or 1)
    return back**n / (back**n + front**n)


class NaiveMarket:
    """Replays rows and answers to our orders."""

    def __init__(self, instrument: Instrument, response: ResponseModel, queue: str = "conservative") -> None:
        self.instrument, self.response, self.queue = instrument, response, queue
        self.book, self.decay = NaiveBook(), NaiveDecay(response)
        self.rows: list[Row] = []
        self.ids: list[int] = []
        self.orders: list[NaiveOrder] = []
        self.taken: dict[tuple[int, int], Missing] = {}  # (side, recorded price)
        self.kicks: list[tuple[int, float, int]] = []  # ts, ticks, signed lots
        self.shown = 0

    def feed(self, events: Events) -> None:
        self.rows += rows_of(events)
        self.ids += events.id.tolist()

    def displacement(self, ts: int) -> float:
        """Sum of every kick, each decayed since its own time."""
        return sum(ticks * self.decay.displaced(ts - then) for then, ticks, _ in self.kicks)

    def shift(self, ts: int) -> int:
        return round(self.displacement(ts))

    def kick(self, price: int) -> float:
        """Ticks by which one lot at a price displaces the quotes."""
        return self.response.impact.bps_per_million * float(self.instrument.notional(price, 1)) / 1e6 * price / 10_000

    def most(self, room: int, before: float, kick: float) -> int:
        """Most lots of which half the displacement leaves the quotes within `room` ticks."""
        if round(before) > room:
            return 0
        if not kick:
            return 2**62
        lots = int(2 * (room + 0.5 - before) / kick)
        return lots if round(before + kick * lots / 2) <= room else lots - 1

    def pushed(self, ts: int, ticks: float, signed_lots: int) -> None:
        if self.response.impact.bps_per_million or self.response.followers.per_lot:
            self.kicks.append((ts, ticks, signed_lots))
            self.requeue(ts)

    def available(self, side: int, price: int, ts: int) -> int:
        """Displayed less missing, which is rounded up from a thousandth."""
        gone = self.taken[side, price].at(ts) if (side, price) in self.taken else 0
        return max(0, self.book.sides[side].get(price, 0) - math.ceil((gone - 1) / 1000))

    def gone(self, side: int, price: int, lots: int, left: int, ts: int, *, best: bool) -> None:
        resilience = self.response.resilience
        if resilience.half_life:
            before = self.taken[side, price].at(ts) if (side, price) in self.taken else 0
            cancelled = min(round(1000 * resilience.cancels * lots), 1000 * left)
            half_ns = resilience.half_life_ns if best else resilience.half_life_behind_ns
            self.taken[side, price] = Missing(ts, before + 1000 * lots + cancelled, half_ns)

    def requeue(self, ts: int) -> None:
        shown = self.shift(ts)
        if shown != self.shown:
            self.shown = shown
            for order in self.orders:
                order.ahead = max(order.ahead, self.standing(order))
                order.traded = 0
                order.behind.clear()

    def standing(self, order: NaiveOrder) -> int:
        return self.book.sides[order.side].get(order.price - self.shown, 0)

    def run(self, until: int) -> list[Piece]:
        while self.rows and self.rows[0][0] < until:
            pieces = self.row(self.rows.pop(0), self.ids.pop(0))
            if pieces:
                self.orders = [order for order in self.orders if order.left]
                return pieces
        return []

    def row(self, row: Row, order_id: int) -> list[Piece]:
        ts, kind, side, flags, price, lots = row
        named = order_id if flags & ORDER else None
        self.requeue(ts)
        if kind == DELTA and self.book.state != "GAPPED":
            for order in self.orders:
                if (order.side, order.price - self.shown) == (side, price):
                    self.level_changes(order, self.book.sides[side].get(price, 0), lots, named)
        self.book.apply(row)
        if self.book.state == "GAPPED":
            return []
        if kind == SNAPSHOT and flags & LAST:
            for order in self.orders:
                order.ahead = min(order.ahead, self.standing(order))
                order.traded = 0
        if self.book.state != "SYNCED":
            return []
        if kind == TRADE:
            return self.traded(ts, side, price, lots, named)
        return self.met(ts) if kind in (DELTA, SNAPSHOT) and flags & LAST else []

    def level_changes(self, order: NaiveOrder, prev: int, lots: int, named: int | None) -> None:
        if self.queue == "conservative":
            order.ahead = min(order.ahead, lots)
        elif self.queue == "exact":
            self.one_changes(order, prev, lots, named)
        else:
            self.some_cancel(order, prev, lots)
            order.traded = 0

    def one_changes(self, order: NaiveOrder, prev: int, lots: int, named: int | None) -> None:
        if lots > prev and named is not None:
            order.behind.add(named)
        elif lots >= prev:
            order.ahead += lots - prev
        elif named is not None and named not in order.behind:
            order.ahead = min(max(order.ahead - (prev - lots), 0), lots)
        else:
            order.ahead = min(order.ahead, lots)

    def some_cancel(self, order: NaiveOrder, prev: int, lots: int) -> None:
        cancelled, front = prev - lots - order.traded, order.ahead
        if cancelled > 0 and front > 0:
            back = max(0.0, prev - front)
            p = cancels_behind(self.queue, front, back)
            left = front - (1 - p) * cancelled + min(back - p * cancelled, 0.0)
            order.ahead = max(round(left * 1024) / 1024, 0.0)
        order.ahead = min(order.ahead, lots)

    def ranked(self) -> list[NaiveOrder]:
        """Best price first; a list keeps the older before the younger."""
        return sorted(self.orders, key=lambda order: -order.side * order.price)

    def with_followers(self, side: int, lots: int, ts: int) -> int:
        rate = side * sum(signed * self.decay.following(ts - then) for then, _, signed in self.kicks)
        if rate <= 0:
            return lots
        return lots + round(lots * (rate / self.response.lots_per_ns(self.instrument)))

    def traded(self, ts: int, aggressor: int, price: int, recorded: int, named: int | None) -> list[Piece]:
        pieces: list[Piece] = []
        lots, ours, kicked, signed = self.with_followers(aggressor, recorded, ts), 0, 0.0, 0
        for order in self.ranked():
            room = order.side * (order.price - price)
            if order.side == aggressor or room < order.side * self.shown:
                continue
            others = lots - ours  # what is not ours went to those ahead first
            ahead = 0.0
            if room == order.side * self.shown and self.queue == "exact" and named is not None:
                ahead = 0.0 if named in order.behind else others
            elif room == order.side * self.shown:
                ahead = min(order.ahead, others)
                order.ahead -= ahead
                order.traded += recorded
            kick = order.kick
            got = min(order.left, int(others - ahead), self.most(room, order.side * (self.displacement(ts) + kicked), kick))
            if got > 0:
                order.left -= got
                ours += got
                kicked += order.side * kick * got
                signed += order.side * got
                pieces.append((ts, order.number, order.price, got))
        if pieces:
            self.pushed(ts, kicked, signed)
        return pieces

    def met(self, ts: int) -> list[Piece]:
        pieces, kicked, signed = [], 0.0, 0
        for order in self.ranked():
            for n, (price, _) in enumerate(self.book.levels(-order.side)):
                room = order.side * (order.price - price)
                if room < order.side * self.shown:
                    break
                kick, there = order.kick, self.available(-order.side, price, ts)
                got = min(order.left, there, self.most(room, order.side * (self.displacement(ts) + kicked), kick))
                if got > 0:
                    order.left -= got
                    kicked += order.side * kick * got
                    signed += order.side * got
                    self.gone(-order.side, price, got, there - got, ts, best=not n)
                    pieces.append((ts, order.number, order.price, got))
        if pieces:
            self.pushed(ts, kicked, signed)
        return pieces

    def take(self, ts: int, side: int, lots: int, limit: int | None) -> list[Piece]:
        pieces, kicked, left = [], side * self.displacement(ts), lots
        for n, (price, _) in enumerate(self.book.levels(-side)):
            kick = self.kick(price)
            most = 2**62 if limit is None else self.most(side * (limit - price), kicked, kick)
            there = self.available(-side, price, ts)
            got = min(left, there, most)
            if got > 0:
                pieces.append((ts, -1, price + side * round(kicked + kick * got / 2), got))
                left -= got
                kicked += kick * got
                self.gone(-side, price, got, there - got, ts, best=not n)
            if not left or most < there:
                break
        if pieces:
            self.pushed(ts, side * kicked - self.displacement(ts), side * (lots - left))
        return pieces

    def rest(self, number: int, ts: int, side: int, price: int, lots: int) -> None:
        self.requeue(ts)
        standing = self.book.sides[side].get(price - self.shown, 0)
        older = [o.ahead for o in self.orders if (o.side, o.price) == (side, price)]
        self.orders.append(NaiveOrder(number, side, price, lots, max([standing, *older[-1:]]), self.kick(price - self.shown)))

    def remove(self, number: int) -> int:
        left = sum(order.left for order in self.orders if order.number == number)
        self.orders = [order for order in self.orders if order.number != number]
        return left

    def top(self, ts: int) -> tuple[int, int, int, int, str]:
        """Best bid, its lots, best ask, its lots as shown, 0 where there is none; and the state."""
        out = []
        for side in (1, -1):
            shown = [(p, lots) for p, _ in self.book.levels(side) if (lots := self.available(side, p, ts))]
            out += [shown[0][0] + self.shift(ts), shown[0][1]] if shown else [0, 0]
        return out[0], out[1], out[2], out[3], self.book.state

    def depth(self, ts: int, low: int, high: int) -> int:
        """Shown bids less shown asks at prices in [low, high)."""
        shift = self.shift(ts)
        return sum(
            side * self.available(side, price, ts)
            for side in (1, -1)
            for price in self.book.sides[side]
            if low <= price + shift < high
        )
