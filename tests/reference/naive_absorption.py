"""Absorption from its definition, with every fill and every message kept: the slow twin of `flow.absorption`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from counterpoise.market.event import BOOK_KINDS, GAP, LAST, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook

Row = dict[str, Any]


class Past:
    """Volume of one side per window: exponential mean and variance of the whole windows before the current one."""

    def __init__(self, within_ns: int, memory: int) -> None:
        self.within_ns, self.alpha = within_ns, Fraction(2, memory + 1)
        self.volumes: dict[int, int] = {}
        self.spoilt: set[int] = set()
        self.first: int | None = None

    def add(self, ts: int, lots: int) -> None:
        number = ts // self.within_ns
        if self.first is None:
            self.first = number
            self.spoilt.add(number)
        self.volumes[number] = self.volumes.get(number, 0) + lots

    def spoil(self, ts: int) -> None:
        self.add(ts, 0)
        self.spoilt.add(ts // self.within_ns)

    def moments(self, ts: int) -> tuple[int, Fraction, Fraction]:
        """Number of whole windows, mean, variance."""
        seen, mean, variance = 0, Fraction(0), Fraction(0)
        if self.first is None:
            return seen, mean, variance
        for number in range(self.first, ts // self.within_ns):
            if number in self.spoilt:
                continue
            volume = Fraction(self.volumes.get(number, 0))
            away = volume - mean
            mean = mean + self.alpha * away if seen else volume
            variance = (1 - self.alpha) * (variance + self.alpha * away**2) if seen else Fraction(0)
            seen += 1
        return seen, mean, variance


class Attack:
    """Fills of one side at one price, and what every message since showed there."""

    def __init__(self, side: int, price: int, shown: int, unknown: int) -> None:
        self.side, self.price, self.unknown = side, price, unknown
        self.shown = [shown]  # before, and after each message
        self.answers: list[tuple[int, list[tuple[int, int]]]] = []  # of each message: time, (ts, lots) of the fills it answers
        self.waiting: list[tuple[int, int, int]] = []  # ts_venue, ts, lots
        self.prices: list[int] = []
        self.last_fill = 0
        self.move = 0
        self.known: int | None = None
        self.first = 0  # message whose fills are the first of the episode
        self.threshold = 0.0

    def traded(self, since: int) -> int:
        return sum(lots for _, fills in self.answers[since:] for _, lots in fills)

    def refilled(self, since: int) -> int:
        return self.traded(since) + self.shown[-1] - self.shown[since]


class NaiveAbsorption:
    """All rows, by `take` of every event and `finish`."""

    def __init__(self, instrument: Instrument, **settings: Any) -> None:
        self.instrument = instrument
        defaults: Row = {"threshold": "sigmas:3", "within_ns": 5 * 10**9, "ticks": 0, "max_move_ticks": 2, "min_refill": 0.5}
        defaults |= {"patience_ns": 60 * 10**9, "memory": 60, "warm": 10, "stale_ns": 10**10}
        self.set = defaults | settings
        self.book = NaiveBook()
        self.heard: int | None = None
        self.attacks: dict[int, Attack] = {}
        self.past = {side: Past(self.set["within_ns"], self.set["memory"]) for side in (1, -1)}
        self.now = self.unknown = 0
        self.rows: list[Row] = []

    def take(self, row: tuple[int, ...]) -> None:
        ts, ts_venue, _, _, kind, side, flags, price, lots = row
        self.now = ts
        self.begin()
        if kind in BOOK_KINDS:
            if kind == GAP:
                self.void("GAPPED")
                for past in self.past.values():
                    past.spoil(ts)
            self.book.apply((ts, kind, side, flags, price, lots))
            if flags & LAST:
                self.message(ts_venue)
        elif kind == TRADE and side == 0:
            self.unknown += lots
        elif kind == TRADE and lots:
            self.fill(ts_venue, side, price, lots)

    def silent(self) -> bool:
        return self.heard is not None and self.now - self.heard > self.set["stale_ns"]

    def begin(self) -> None:
        if self.silent():
            self.void("STALE")
        for attack in self.in_turn():
            if self.now - attack.last_fill > self.set["within_ns"]:
                self.end(attack, "fade")
            elif attack.known and self.now - self.start(attack) > self.set["patience_ns"]:
                self.end(attack, "timeout")

    def in_turn(self) -> list[Attack]:
        """Episodes in the order in which they began, so that no side goes before the other."""
        order = {side: self.start(attack) if attack.known else 0 for side, attack in self.attacks.items()}
        return [self.attacks[side] for side in sorted(self.attacks, key=lambda side: (order[side], -side))]

    def start(self, attack: Attack) -> int:
        return attack.answers[attack.first][1][0][0]

    def void(self, quality: str) -> None:
        for attack in self.in_turn():
            self.end(attack, "void", quality)

    def shown(self, side: int, price: int) -> int:
        return sum(lots for p, lots in self.book.sides[-side].items() if abs(p - price) <= self.set["ticks"])

    def fill(self, ts_venue: int, side: int, price: int, lots: int) -> None:
        self.past[side].add(self.now, lots)
        attack = self.attacks.get(side)
        if attack:
            beyond = side * (price - attack.price)
            if abs(beyond) > self.set["max_move_ticks"]:
                self.end(attack, "break" if beyond > 0 else "fade")
                attack = None
            elif abs(beyond) > self.set["ticks"]:
                if attack.known:
                    return
                del self.attacks[side]
                attack = None
        if attack is None:
            if self.book.state != "SYNCED" or self.heard is None or self.silent():
                return
            attack = self.attacks[side] = Attack(side, price, self.shown(side, price), self.unknown)
        attack.waiting.append((ts_venue, self.now, lots))
        attack.prices.append(price)
        attack.last_fill = self.now

    def message(self, ts_venue: int) -> None:
        quality = "STALE" if self.book.state == "SYNCED" and self.silent() else self.book.state
        self.heard = self.now
        if quality != "SYNCED":
            self.void(quality)
            return
        for attack in self.in_turn():
            self.watch(attack, ts_venue)

    def watch(self, attack: Attack, ts_venue: int) -> None:
        answered = [fill for fill in attack.waiting if ts_venue == 0 or fill[0] <= ts_venue]
        attack.waiting = [fill for fill in attack.waiting if fill not in answered]
        attack.answers.append((self.now, [(ts, lots) for _, ts, lots in answered]))
        attack.shown.append(self.shown(attack.side, attack.price))
        best = self.book.best(-attack.side)
        fallen = None if best is None else attack.side * (best - attack.price)
        if fallen is None or abs(fallen) > self.set["max_move_ticks"]:
            self.end(attack, "fade" if fallen is not None and fallen < 0 else "break")
            return
        attack.move = max(attack.move, fallen)
        if not attack.known:
            self.recognise(attack)

    def recognise(self, attack: Attack) -> None:
        """The window begins with the first message with fills that is recent; messages between belong to the one before."""
        recent = [i for i, (ts, fills) in enumerate(attack.answers) if fills and self.now - ts <= self.set["within_ns"]]
        if not recent:
            return
        traded, refilled = attack.traded(recent[0]), attack.refilled(recent[0])
        rule, _, number = self.set["threshold"].partition(":")
        seen, mean, variance = self.past[attack.side].moments(self.now)
        lot, tick = Fraction(self.instrument.flow_grid.step), Fraction(1)
        if rule == "sigmas":
            enough = (
                seen >= self.set["warm"] and 0 < mean <= traded and (traded - mean) ** 2 >= Fraction(number) ** 2 * variance
            )
            attack.threshold = float(mean) + float(number) * float(variance) ** 0.5
        else:
            if rule == "notional":
                tick = self.instrument.notional(attack.price, 1) / lot
            attack.threshold = float(Fraction(number) / lot / tick)
            enough = traded * lot * tick >= Fraction(number)
        if enough and refilled >= self.set["min_refill"] * traded:
            attack.known, attack.first = self.now, recent[0]

    def end(self, attack: Attack, ended: str, quality: str = "SYNCED") -> None:
        self.attacks.pop(attack.side)
        if attack.known is None:
            return
        side, tick, lot = attack.side, Fraction(self.instrument.price_grid.step), Fraction(self.instrument.flow_grid.step)
        fills = [fill for _, fills in attack.answers[attack.first :] for fill in fills]
        traded = attack.traded(attack.first)
        row: Row = {"ts_local": self.now, "ts_start": self.start(attack), "ts_known": attack.known, "ts_end": fills[-1][0]}
        row |= {"side": side, "price": float(attack.price * tick), "fills": len(fills)}
        row["price_nearest"] = float(side * min(side * p for p in attack.prices) * tick)
        row["price_farthest"] = float(side * max(side * p for p in attack.prices) * tick)
        row["traded"], row["refilled"] = float(traded * lot), float(attack.refilled(attack.first) * lot)
        row |= {"displayed_before": float(attack.shown[attack.first] * lot), "max_move_ticks": attack.move}
        row |= {"strength": traded / attack.threshold, "threshold": attack.threshold * float(lot)}
        row |= {"unknown_qty": float((self.unknown - attack.unknown) * lot), "quality": quality, "ended": ended}
        self.rows.append(row)

    def finish(self) -> list[Row]:
        for attack in self.in_turn():
            self.end(attack, "open")
        return self.rows


def naive_absorption(events: Events, instrument: Instrument, **settings: Any) -> list[Row]:
    twin = NaiveAbsorption(instrument, **settings)
    for row in zip(*(column.tolist() for column in events), strict=True):
        twin.take(row)
    return twin.finish()
