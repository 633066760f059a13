"""Icebergs from their definition: levels in a dictionary, odds by Bayes; the slow twin of `flow.manipulation.icebergs`."""

from __future__ import annotations

from typing import Any

from counterpoise.market.event import TRADE, Events
from reference.naive_episodes import BOOK, Row, Shares, Watched, odds_to_score, rows_of

HIDDEN = {"nothing": 0.1, "refill": 0.5, "overrun": 0.4}
OUTCOMES = list(HIDDEN)
KEPT = 8


def naive_icebergs(
    events: Events,
    *,
    refill_ns: int,
    similar: float,
    prior: float,
    min_score: float,
    min_refills: int,
    stale_ns: int,
) -> list[Row]:
    return _Icebergs(refill_ns, similar, prior, min_score, min_refills, stale_ns).rows(events)


class _Icebergs:
    def __init__(self, refill_ns: int, similar: float, prior: float, min_score: float, min_refills: int, stale_ns: int) -> None:
        self.refill_ns, self.similar, self.prior = refill_ns, similar, prior
        self.min_score, self.min_refills = min_score, min_refills
        self.watched = Watched(stale_ns)
        self.book_venue = 0
        self.levels: dict[int, dict[int, dict[str, Any]]] = {1: {}, -1: {}}
        self.outcomes = {side: Shares((24, 12, 4)) for side in (1, -1)}
        self.alike = {side: Shares((12, 4)) for side in (1, -1)}
        self.out: list[Row] = []

    def rows(self, events: Events) -> list[Row]:
        for row in rows_of(events):
            ts, kind, side, _, price, lots, venue = row
            if kind in BOOK:
                unbroken = self.watched.row(row)
                if unbroken is None:
                    continue
                self.book_venue = venue
                if not unbroken:
                    self.levels = {1: {}, -1: {}}
                if self.watched.in_sync:
                    self.message(ts)
            elif kind == TRADE and lots > 0 and self.watched.in_sync:
                self.trade(ts, venue, side, price, lots)
        return self.out

    def trade(self, ts: int, venue: int, aggressor: int, price: int, lots: int) -> None:
        for side in (1, -1):
            level = self.levels[side].get(price)
            if level is None or aggressor == side:
                continue
            if aggressor == 0:
                level["unknown"] += lots
                continue
            if level["pending"] == 0:
                told = venue > 0 and venue <= self.book_venue
                level["shown"] = level["was"] if told else level["held"]
            level["pending"] += lots
            level["executed"] += lots
            level["end"], level["venue"] = ts, venue

    def message(self, ts: int) -> None:
        for side in (1, -1):
            for price, level in sorted(self.levels[side].items(), key=lambda item: item[1]["place"]):
                level["was"], level["held"] = level["held"], self.watched.shows(side, price)
                level["most"] = max(level["most"], level["held"])
                self.told(side, level, ts)
                if level["held"]:
                    level["gone"] = None
                elif level["gone"] is None:
                    level["gone"] = ts
                elif ts - level["gone"] > self.refill_ns:
                    self.close(side, price, ts)
            self.keep_best(side, ts)

    def keep_best(self, side: int, ts: int) -> None:
        price = self.watched.book.best(side)
        levels = self.levels[side]
        if price is None or price in levels:
            return
        place = min(set(range(KEPT)) - {level["place"] for level in levels.values()}, default=None)
        if place is None:
            worst = min(levels, key=lambda at: side * at)
            if side * price < side * worst:
                return
            place = levels[worst]["place"]
            self.close(side, worst, ts)
        held = self.watched.shows(side, price)
        levels[price] = {
            "place": place,
            "start": ts,
            "end": ts,
            "most": held,
            "held": held,
            "was": held,
            "executed": 0,
            "unknown": 0,
        }
        levels[price] |= {"fills": 0, "refills": 0, "alike": 0, "refilled": 0, "delay": 0, "odds": 0.0, "peak": 0.0}
        levels[price] |= {"pending": 0, "shown": 0, "venue": 0, "due": None, "gone": None, "last": None}

    def told(self, side: int, level: dict[str, Any], ts: int) -> None:
        due = level["due"]
        if level["pending"] and (self.book_venue == 0 or self.book_venue >= level["venue"]):
            if due is not None:
                self.filled(side, level, "nothing")
            new = level["held"] - (level["shown"] - level["pending"])
            overrun = level["pending"] > level["shown"]
            level["pending"] = 0
            if new > 0:
                self.filled(side, level, "overrun" if overrun else "refill")
                self.refilled(side, level, new, ts)
            else:
                level["due"] = ts + self.refill_ns
        elif due is not None and ts > due:
            self.filled(side, level, "nothing")
        elif due is not None and level["held"] > level["was"]:
            self.filled(side, level, "refill")
            self.refilled(side, level, level["held"] - level["was"], ts)

    def filled(self, side: int, level: dict[str, Any], outcome: str) -> None:
        usual = self.outcomes[side].of(OUTCOMES.index(outcome))
        level["odds"] = (level["odds"] + self.prior) / (1 - self.prior) * (HIDDEN[outcome] / usual)
        level["fills"] += 1
        level["due"] = None

    def refilled(self, side: int, level: dict[str, Any], lots: int, ts: int) -> None:
        last = level["last"]
        if last is not None:
            alike = abs(lots - last) <= self.similar * max(lots, last)
            level["odds"] *= (0.85 if alike else 1 - 0.85) / self.alike[side].of(int(alike))
            level["alike"] += alike
        level["refills"] += 1
        level["refilled"] += lots
        level["delay"] += ts - level["end"]
        level["last"] = lots
        level["peak"] = max(level["peak"], level["odds"])

    def close(self, side: int, price: int, ts: int) -> None:
        level = self.levels[side].pop(price)
        score = odds_to_score(level["peak"])
        if score >= self.min_score and level["refills"] >= self.min_refills:
            names = ("start", "end", "most", "executed", "unknown", "fills", "refills", "alike", "refilled", "delay")
            self.out.append({"ts_local": ts, "side": side, "price": price, "score": score} | {n: level[n] for n in names})
