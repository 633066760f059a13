"""Spoofing from its definition: postings and sizes in dictionaries; the slow twin of `flow.manipulation.spoofing`."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import Any

from counterpoise.flow.manipulation.spoofing import _COUNTED
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events
from reference.naive_episodes import BOOK, Row, Shares, Watched, odds_to_score, rows_of

ENDS, REACTIONS, NEARED, BRIEF, WHOLE, HEAVY, LAYERED = range(7)
SLOTS = 1024


class Sizes:
    """Sizes by octave; halved at 4096."""

    def __init__(self) -> None:
        self.octaves: Counter[int] = Counter()

    def tail(self, lots: int) -> float:
        octave = lots.bit_length() - 1
        above = 1 + sum(count for of, count in self.octaves.items() if of > octave)
        within = (2 ** (octave + 1) - lots) / 2**octave
        return (above + self.octaves[octave] * within) / (sum(self.octaves.values()) + 1)

    def count(self, lots: int) -> None:
        self.octaves[lots.bit_length() - 1] += 1
        if sum(self.octaves.values()) >= 4096:
            self.octaves = Counter({of: count // 2 for of, count in self.octaves.items()})


class NaiveSpoofing:
    """One pass; settings as of `counterpoise.flow.spoofing.spoofing`."""

    def __init__(self, **settings: Any) -> None:
        self.__dict__.update(settings)
        self.watched = Watched(self.stale_ns)
        self.sizes: dict[tuple[int, int], Sizes] = {}
        self.shares = {side: [Shares(counts) for _, counts in _COUNTED] for side in (1, -1)}
        self.postings: dict[tuple[int, int], Row] = {}
        self.ending: list[Row] = []
        self.touch: dict[int, int | None] = {1: None, -1: None}
        self.traded = {1: 0, -1: 0, 0: 0}
        self.traded_at: dict[int, int | None] = {1: None, -1: None}
        self.episodes: dict[int, Row] = {}
        self.out: list[Row] = []

    def rows(self, events: Events) -> list[Row]:
        for row in rows_of(events):
            ts, kind, side, _, price, lots, _ = row
            for way in (1, -1):
                if way in self.episodes and ts > self.episodes[way]["end"] + self.together_ns:
                    self.close(way, ts)
            if kind in BOOK:
                level = kind == DELTA and self.watched.in_sync
                held = self.watched.shows(side, price) if level else 0
                unbroken = self.watched.row(row)
                if level:
                    self.level(side, price, held, lots, ts)
                if unbroken is not None:
                    self.message(ts, unbroken and kind != SNAPSHOT)
            elif kind == TRADE and lots > 0:
                self.traded[side] += lots
                if side:
                    self.traded_at[side] = ts
                    posting = self.live(-side, price, ts)
                    if posting:
                        posting["executed"] += lots
        return self.out

    def live(self, side: int, price: int, ts: int) -> Row | None:
        posting = self.postings.get((side, side * price % SLOTS))
        here = posting is not None and posting["price"] == price and "left" not in posting
        return posting if here and ts - posting["start"] <= self.life_ns else None

    def level(self, side: int, price: int, held: int, lots: int, ts: int) -> None:
        if lots > held:
            self.added(side, price, held, lots - held, ts)
        elif lots < held:
            posting = self.live(side, price, ts)
            if posting is not None:
                left = max(lots - posting["floor"], 0)
                if left <= (1 - self.pulled_share) * posting["lots"]:
                    posting |= {"left": left, "once": held - lots == posting["lots"]}
                    self.ending.append(posting)

    def added(self, side: int, price: int, held: int, lots: int, ts: int) -> None:
        touch = self.touch[side]
        if touch is None or not 1 <= side * (touch - price) <= self.reach_ticks:
            return
        far = side * (touch - price)
        sizes = self.sizes.setdefault((side, min(far.bit_length() - 1, 11)), Sizes())
        if sum(sizes.octaves.values()) >= self.min_seen and sizes.tail(lots) <= self.tail_max:
            slot = side, side * price % SLOTS
            other = self.postings.get(slot)
            other = other and self.live(side, other["price"], ts)
            if other is None or other["lots"] < lots:
                posting = {"side": side, "price": price, "lots": lots, "start": ts, "floor": held, "far": far, "executed": 0}
                posting |= {"tail": sizes.tail(lots), "lifted": self.traded[side], "blind": self.traded[0]}
                posting["made"] = self.imbalance(side, lots)
                if other is None and slot in self.postings and self.postings[slot] in self.ending:
                    self.ending = [p for p in self.ending if p is not self.postings[slot]]
                self.postings[slot] = posting
        sizes.count(lots)

    def imbalance(self, side: int, lots: int) -> float:
        depth = {}
        for way in (1, -1):
            best = self.watched.book.best(way)
            levels = self.watched.book.sides[way].items()
            depth[way] = 0 if best is None else sum(q for p, q in levels if way * (best - p) <= self.reach_ticks)
        own, other = depth[side], depth[-side]
        if own - lots + other <= 0:
            return 0.0
        return (own - other) / (own + other) - (own - lots - other) / (own - lots + other)

    def message(self, ts: int, sound: bool) -> None:
        if sound:
            for posting in self.ending:
                self.ended(posting, ts)
        else:
            self.postings, self.episodes = {}, {}
        self.ending = []
        self.touch = {side: self.watched.book.best(side) for side in (1, -1)}

    def ended(self, p: Row, ts: int) -> None:
        side, price = p["side"], p["price"]
        self.postings.pop((side, side * price % SLOTS))
        best = self.watched.book.best(side)
        if best is None or side * (price - best) >= 0 or p["executed"] > (1 - self.pulled_share) * p["lots"]:
            self.ratio(side, ENDS, 0)
            return
        touch, lifted = self.touch[side], self.traded_at[side]
        assert touch is not None
        far_end = side * (touch - price)
        reaction = None if lifted is None or lifted < p["start"] else ts - lifted
        slow = 2 if reaction is None or reaction > 4 * self.react_ns else int(reaction > self.react_ns)
        odds = 0.5 / sqrt(p["tail"] / self.tail_max) * self.ratio(side, ENDS, 1) * self.ratio(side, REACTIONS, slow)
        odds *= self.ratio(side, NEARED, int(far_end < p["far"])) * self.ratio(
            side, BRIEF, int(ts - p["start"] <= self.brief_ns)
        )
        odds *= self.ratio(side, WHOLE, int(p["once"])) * self.ratio(side, HEAVY, int(p["made"] >= self.heavy))
        empty = {"start": p["start"], "levels": 0, "size": 0, "executed": 0, "cancelled": 0, "imbalance": 0.0, "odds": 0.0}
        e = self.episodes.setdefault(side, empty)
        e["start"], e["end"] = min(e["start"], p["start"]), ts
        e["levels"] += 1
        e["size"] += p["lots"]
        e["executed"] += p["executed"]
        e["cancelled"] += max(p["lots"] - p["left"] - p["executed"], 0)
        e["imbalance"] += p["made"]
        if odds > e["odds"]:
            e |= {"odds": odds, "side": side, "price": price, "tail": p["tail"], "distance": p["far"], "distance_end": far_end}
            e |= {"lifetime": ts - p["start"], "opposite": self.traded[side] - p["lifted"], "reaction": reaction}
            e["unknown"] = self.traded[0] - p["blind"]

    def ratio(self, side: int, group: int, outcome: int) -> float:
        chances, _ = _COUNTED[group]
        return float(chances[outcome] / self.shares[side][group].of(outcome))

    def close(self, side: int, ts: int) -> None:
        e = self.episodes.pop(side)
        layers = self.ratio(side, LAYERED, int(e["levels"] >= self.min_levels))
        score = odds_to_score(self.prior / (1 - self.prior) * e["odds"] * layers)
        if score >= self.min_score:
            self.out.append({**e, "ts_local": ts, "score": score})
