"""Sweeps from their definition: orders from trades, the whole book kept at every message: the twin of `flow.sweeps`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from counterpoise.market.event import BOOK_KINDS, GAP, LAST, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook

Levels = dict[int, int]
Row = dict[str, Any]
WORSE = ("SYNCED", "STALE", "CROSSED", "GAPPED")


def best(side: int, levels: Levels) -> int | None:
    if not levels:
        return None
    return max(levels) if side > 0 else min(levels)


class Order:
    """Fills of one order, the book before it, and the book at every message since."""

    def __init__(self, side: int, venue_ts: int, before: dict[int, Levels], quality: str, unknown: int) -> None:
        self.side, self.venue_ts, self.before, self.quality, self.unknown = side, venue_ts, before, quality, unknown
        self.sound = quality == "SYNCED"
        self.fills: list[tuple[int, int, int]] = []  # ts, price, lots
        self.seen: list[tuple[int, dict[int, Levels], int, bool]] = []  # ts, book, fills by then, within the trough

    @property
    def prices(self) -> set[int]:
        return {price for _, price, _ in self.fills}

    @property
    def end(self) -> int:
        return self.fills[-1][0]

    def shown(self, book: dict[int, Levels], what: str, count: int, band_bps: str) -> int:
        """Lots of the hit side down to the last fill's price, in the best levels, or within the band below the first best."""
        hit = -self.side
        levels = book[hit]
        first = best(hit, self.before[hit])
        if what == "levels":
            return sum(lots for _, lots in sorted(levels.items(), reverse=hit > 0)[:count])
        if what == "swept":
            return sum(lots for price, lots in levels.items() if hit * (price - self.fills[-1][1]) >= 0)
        if first is None:
            return 0
        reach = int(abs(first) * Fraction(band_bps) / 10_000)
        return sum(lots for price, lots in levels.items() if hit * (price - first) >= -reach)

    def spread(self, book: dict[int, Levels]) -> int | None:
        bid, ask = best(1, book[1]), best(-1, book[-1])
        return None if bid is None or ask is None else ask - bid


class NaiveSweeps:
    """All rows, by `take` of every event and `finish`."""

    def __init__(self, instrument: Instrument, **settings: Any) -> None:
        self.instrument = instrument
        defaults: Row = {"levels": 2, "recovery": "swept", "depth_levels": 10, "band_bps": "5", "patience_ns": 10**10}
        defaults |= {"trough_ns": 250 * 10**6, "order_ns": 50 * 10**6, "stale_ns": 10**10, "most_open": 128}
        self.set = defaults | settings
        self.book = NaiveBook()
        self.heard: int | None = None
        self.order: Order | None = None
        self.followed: list[Order] = []
        self.unknown = self.now = 0
        self.rows: list[Row] = []

    def take(self, row: tuple[int, ...]) -> None:
        ts, ts_venue, _, _, kind, side, flags, price, lots = row
        self.now = ts
        self.begin(ts)
        if kind in BOOK_KINDS:
            if kind == GAP:
                self.void("GAPPED")
            self.book.apply((ts, kind, side, flags, price, lots))
            if flags & LAST:
                self.message(ts)
        elif kind == TRADE and side == 0:
            self.unknown += lots
        elif kind == TRADE and lots:
            self.fill(ts, ts_venue, side, price, lots)

    def begin(self, ts: int) -> None:
        """What time alone has decided before the event is looked at."""
        if self.order and ts - self.order.end > self.set["order_ns"]:
            self.end_order()
        if self.silent(ts):
            self.void_followed("STALE")
        self.due()

    def silent(self, ts: int) -> bool:
        return self.heard is not None and ts - self.heard > self.set["stale_ns"]

    def fill(self, ts: int, ts_venue: int, side: int, price: int, lots: int) -> None:
        old = self.order
        belongs = old and old.side == side and old.venue_ts == ts_venue and side * (price - old.fills[-1][1]) >= 0
        if old and not (belongs and ts - old.end <= (self.set["order_ns"] if ts_venue else 0)):
            self.end_order()
        if self.order is None:
            quality = self.book.state
            if quality == "SYNCED" and (self.heard is None or self.silent(ts)):
                quality = "STALE"
            before = {s: dict(levels) for s, levels in self.book.sides.items()}
            self.order = Order(side, ts_venue, before, quality, self.unknown)
        self.order.fills.append((ts, price, lots))

    def end_order(self) -> None:
        order, self.order = self.order, None
        if order is None or len(order.prices) < self.set["levels"]:
            return
        if order.quality != "SYNCED":
            self.write(order, "void")
        elif len(self.followed) == self.set["most_open"]:
            self.write(order, "overflow")
        else:
            self.followed.append(order)

    def message(self, ts: int) -> None:
        quality = "STALE" if self.book.state == "SYNCED" and self.silent(ts) else self.book.state
        self.heard = ts
        if quality != "SYNCED":
            self.void_followed(quality)
            if self.order:
                self.order.quality = max(self.order.quality, quality, key=WORSE.index)
            return
        taken = self.order and len(self.order.prices) >= self.set["levels"] and self.order.quality == "SYNCED"
        for sweep in [*([self.order] if self.order and taken else []), *self.followed]:
            book = {side: dict(levels) for side, levels in self.book.sides.items()}
            sweep.seen.append((ts, book, len(sweep.fills), ts - sweep.end <= self.set["trough_ns"]))
        self.due()

    def void(self, quality: str) -> None:
        self.void_followed(quality)
        if self.order:
            self.order.quality = quality
            self.end_order()

    def void_followed(self, quality: str) -> None:
        for sweep in self.followed:
            sweep.quality = quality
            self.write(sweep, "void")
        self.followed.clear()

    def due(self) -> None:
        left = []
        for sweep in self.followed:
            found = self.found(sweep)
            unseen = not found["lost"]
            known = found["spread_ns"] is not None and (unseen or found["ninety_ns"] is not None)
            if self.now - sweep.end > self.set["trough_ns" if known else "patience_ns"]:
                self.write(sweep, "unseen" if unseen else "recovered" if known else "patience")
            else:
                left.append(sweep)
        self.followed = left

    def depths(self, sweep: Order, what: str) -> tuple[int, int, int]:
        """Before; lowest within the trough; and which message (−1 for before) first was that low.

        What rested at the swept prices says nothing about messages before the last of these prices was reached.
        """
        worst = sweep.fills[-1][1]
        reached = next(i for i, (_, price, _) in enumerate(sweep.fills) if price == worst)
        args = what, self.set["depth_levels"], self.set["band_bps"]
        before = low = sweep.shown(sweep.before, *args)
        at = -1
        for i, (_, book, fills, in_trough) in enumerate(sweep.seen):
            counts = in_trough and (what != "swept" or fills > reached)
            if counts and (depth := sweep.shown(book, *args)) < low:
                low, at = depth, i
        return before, low, at

    def found(self, sweep: Order) -> Row:
        what = self.set["recovery"]
        before, low, low_at = self.depths(sweep, what)
        out: Row = {"lost": before - low, "half_ns": None, "ninety_ns": None, "spread_ns": None, "widest": None}
        spread = sweep.spread(sweep.before)
        widest, wide_at = spread, -1
        for i, (_, book, _, in_trough) in enumerate(sweep.seen):
            now = sweep.spread(book)
            if in_trough and widest is not None and now is not None and now > widest:
                widest, wide_at = now, i
        out["widest"] = widest
        for i, (ts, book, fills, _) in enumerate(sweep.seen):
            if fills < len(sweep.fills):
                continue
            lag, now = ts - sweep.end, sweep.spread(book)
            if i >= wide_at and spread is not None and now is not None and now <= spread and out["spread_ns"] is None:
                out["spread_ns"] = lag
            back = sweep.shown(book, what, self.set["depth_levels"], self.set["band_bps"]) - low
            for name, share in (("half_ns", Fraction(1, 2)), ("ninety_ns", Fraction(9, 10))):
                if before > low and i >= low_at and back >= share * (before - low) and out[name] is None:
                    out[name] = lag
        return out

    def write(self, sweep: Order, ended: str) -> None:
        hit, tick, lot = -sweep.side, Fraction(self.instrument.price_grid.step), Fraction(self.instrument.flow_grid.step)
        first, last = sweep.fills[0][1], sweep.fills[-1][1]
        found = self.found(sweep)
        watched = self.now - sweep.end
        row: Row = {"ts_local": self.now, "ts_start": sweep.fills[0][0], "ts_end": sweep.end, "side": sweep.side}
        row |= {"fills": len(sweep.fills), "levels": len(sweep.prices), "walked_ticks": abs(last - first)}
        row["qty"] = float(sum(lots for _, _, lots in sweep.fills) * lot)
        row["notional"] = float(sum((self.instrument.notional(p, q) for _, p, q in sweep.fills), Fraction(0)))
        row["price_first"], row["price_last"] = float(first * tick), float(last * tick)
        whole = sweep.quality == "SYNCED" and ended != "overflow"
        prices: Row = {"best_before": best(hit, sweep.before[hit]), "spread_before": sweep.spread(sweep.before)}
        bests = [best(hit, book[hit]) for _, book, _, in_trough in sweep.seen if in_trough] + [prices["best_before"]]
        prices["best_after"] = hit * min(hit * price for price in bests) if None not in bests and whole else None
        prices["spread_widest"] = found["widest"] if whole else None
        for name, ticks in prices.items():
            row[name] = float(ticks * tick) if ticks is not None and sweep.sound else None
        for name, what in (("depth", "levels"), ("band", "band"), ("swept", "swept")):
            before, low, _ = self.depths(sweep, what)
            row[f"{name}_before"] = float(before * lot) if sweep.sound else None
            row[f"{name}_lowest"] = float(low * lot) if whole and sweep.sound else None
        for name in ("half_ns", "ninety_ns", "spread_ns"):
            row[name] = found[name] if sweep.sound and ended != "overflow" else None
        timed = ended in ("recovered", "patience", "unseen")
        row["watched_ns"] = min(watched, self.set["patience_ns"]) if timed else watched
        row["unknown_qty"] = float((self.unknown - sweep.unknown) * lot)
        self.rows.append(row | {"quality": sweep.quality, "ended": ended})

    def finish(self) -> list[Row]:
        for sweep in [*self.followed, self.order]:
            if sweep and len(sweep.prices) >= self.set["levels"]:
                self.write(sweep, "open")
        return self.rows


def naive_sweeps(events: Events, instrument: Instrument, **settings: Any) -> list[Row]:
    twin = NaiveSweeps(instrument, **settings)
    for row in zip(*(column.tolist() for column in events), strict=True):
        twin.take(row)
    return twin.finish()
