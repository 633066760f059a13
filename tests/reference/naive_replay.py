"""Our orders in a replayed book, in dictionaries and lists: the slow twin of `counterpoise.sim.replay.market.ReplayMarket`.

Written from the words of its docstring and of `counterpoise.sim.replay.response.Response`, not from its kernels: impact is a
sum over every trade of ours, levels are sorted anew, and nothing is packed into rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from counterpoise.core.units import parse_duration
from counterpoise.market.event import DELTA, LAST, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.replay.response import Response
from reference.naive_book import NaiveBook, Row, rows_of

Piece = tuple[int, int, int, int]  # ts, number of the resting order or −1, shown price, lots


@dataclass
class NaiveOrder:
    number: int
    side: int
    price: int
    left: int
    queue: int


class NaiveMarket:
    """Replays rows and answers to our orders."""

    def __init__(self, instrument: Instrument, response: Response) -> None:
        self.instrument, self.response = instrument, response
        self.book = NaiveBook()
        self.rows: list[Row] = []
        self.orders: list[NaiveOrder] = []
        self.taken: dict[tuple[int, int], tuple[int, int]] = {}  # (side, recorded price) → (ts, lots × 1000 missing then)
        self.kicks: list[tuple[int, float]] = []  # (ts, ticks)
        self.shown = 0

    def feed(self, events: Events) -> None:
        self.rows += rows_of(events)

    def shift(self, ts: int) -> int:
        """Sum of every kick, each decayed since its own time."""
        impact = self.response.impact
        weights = impact.weights or (1 / len(impact.half_lives),) * len(impact.half_lives)
        total = 0.0
        for then, ticks in self.kicks:
            halves = ((ts - then) / parse_duration(text) for text in impact.half_lives)
            left = sum(w * 0.5**h for w, h in zip(weights, halves, strict=True))
            total += ticks * (impact.permanent + (1 - impact.permanent) * left)
        return round(total)

    def missing(self, side: int, price: int, ts: int) -> int:
        """Thousandths of a lot; the last one is none."""
        then, lots = self.taken.get((side, price), (ts, 0))
        left = round(lots * 0.5 ** ((ts - then) / (self.response.refill_half_life_ns or 1)))
        return left if left > 1 else 0

    def available(self, side: int, price: int, ts: int) -> int:
        """Displayed less missing, which is rounded up from a thousandth."""
        return max(0, self.book.sides[side].get(price, 0) - math.ceil((self.missing(side, price, ts) - 1) / 1000))

    def gone(self, side: int, price: int, lots: int, ts: int) -> None:
        if self.response.refill_half_life_ns:
            self.taken[side, price] = ts, self.missing(side, price, ts) + 1000 * lots

    def requeue(self, ts: int) -> None:
        shown = self.shift(ts)
        if shown != self.shown:
            self.shown = shown
            for order in self.orders:
                order.queue = max(order.queue, self.standing(order))

    def standing(self, order: NaiveOrder) -> int:
        return self.book.sides[order.side].get(order.price - self.shown, 0)

    def run(self, until: int) -> list[Piece]:
        while self.rows and self.rows[0][0] < until:
            pieces = self.row(self.rows.pop(0))
            if pieces:
                self.orders = [order for order in self.orders if order.left]
                return pieces
        return []

    def row(self, row: Row) -> list[Piece]:
        ts, kind, side, flags, price, lots = row
        self.requeue(ts)
        self.book.apply(row)
        if self.book.state == "GAPPED":
            return []
        for order in self.orders:
            if kind == DELTA and (order.side, order.price - self.shown) == (side, price):
                order.queue = min(order.queue, lots)
            if kind == SNAPSHOT and flags & LAST:
                order.queue = min(order.queue, self.standing(order))
        if self.book.state != "SYNCED":
            return []
        if kind == TRADE:
            return self.traded(ts, side, price + self.shown, lots)
        return self.met(ts) if kind in (DELTA, SNAPSHOT) and flags & LAST else []

    def ranked(self) -> list[NaiveOrder]:
        """Best price first; a list keeps the older before the younger."""
        return sorted(self.orders, key=lambda order: -order.side * order.price)

    def traded(self, ts: int, aggressor: int, price: int, lots: int) -> list[Piece]:
        pieces, ours = [], 0
        for order in self.ranked():
            if order.side == aggressor or order.side * (order.price - price) < 0:
                continue
            others = lots - ours  # what is not ours went to those ahead first
            ahead = min(order.queue, others) if order.price == price else 0
            order.queue -= ahead
            got = min(order.left, others - ahead)
            if got:
                order.left -= got
                ours += got
                pieces.append((ts, order.number, order.price, got))
        return pieces

    def met(self, ts: int) -> list[Piece]:
        pieces = []
        for order in self.ranked():
            for price, _ in self.book.levels(-order.side):
                if order.side * (price + self.shown - order.price) > 0:
                    break
                got = min(order.left, self.available(-order.side, price, ts))
                if got:
                    order.left -= got
                    self.gone(-order.side, price, got, ts)
                    pieces.append((ts, order.number, order.price, got))
        return pieces

    def take(self, ts: int, side: int, lots: int, limit: int | None) -> list[Piece]:
        pieces, shift = [], self.shift(ts)
        for price, _ in self.book.levels(-side):
            got = min(lots, self.available(-side, price, ts))
            if not lots or (limit is not None and side * (price + shift - limit) > 0):
                break
            if got:
                lots -= got
                self.gone(-side, price, got, ts)
                pieces.append((ts, -1, price + shift, got))
        if pieces and self.response.impact.bps_per_million:
            kick = 0.0
            for _, _, price, got in pieces:
                millions = float(self.instrument.notional(price, got)) / 1e6
                kick += side * self.response.impact.bps_per_million * millions * price / 10_000
            self.kicks.append((ts, kick))
            self.requeue(ts)
        return pieces

    def rest(self, number: int, ts: int, side: int, price: int, lots: int) -> None:
        standing = self.book.sides[side].get(price - self.shift(ts), 0)
        older = [o.queue for o in self.orders if (o.side, o.price) == (side, price)]
        order = NaiveOrder(number, side, price, lots, max([standing, *older[-1:]]))
        self.orders.append(order)

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
