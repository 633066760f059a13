"""Events, their six features and the groups of trades by size, from the definitions: dictionaries and Fractions."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Any

from counterpoise.market.event import BOOK_KINDS, DELTA, GAP, LAST, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook, Row, rows_of
from reference.naive_flow import WORSE, Level, e_n

Out = dict[str, Any]
SIX = ("level_qty", "same_depth", "opposite_depth", "since_mid_ns", "since_level_ns", "level_age_ns")
SLOTS = 8192
NOBODY: Level = (None, 0)


class NaiveEvents:
    """A book, the message being read, and when which price was last and first heard of."""

    def __init__(self, instrument: Instrument, stale_ns: int) -> None:
        self.tick, self.lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
        self.stale_ns = stale_ns
        self.book = NaiveBook()
        self.top: dict[int, Level] | None = None
        self.heard: int | None = None
        self.last_state = "GAPPED"
        self.mid_since = 0
        self.seen: dict[tuple[int, int], tuple[int, int, int]] = {}  # side, slot → price, last, first
        self.rows: list[Out] = []
        self._new_message()

    def _new_message(self) -> None:
        self.changes: dict[int, dict[int, list[int]]] = {1: defaultdict(list), -1: defaultdict(list)}
        self.order: list[int] = []
        self.replaces, self.voided = False, False

    def take(self, row: Row) -> None:
        ts, kind, side, flags, price, lots = row
        if kind == TRADE:
            self._trade(ts, side, price, lots)
        if kind not in BOOK_KINDS:
            return
        if kind == GAP:
            self.seen.clear()
        self.voided |= kind == GAP or (kind == SNAPSHOT and self.book.state == "GAPPED")
        held = self.book.sides[side].get(price, 0) if side else 0
        if kind == DELTA and self.book.state != "GAPPED" and lots != held:
            self.changes[side][price].append(lots - held)
            self.order.append(side)
        if kind == SNAPSHOT:
            self.replaces = True
            self.order.append(side)
        self.book.apply(row)
        if flags & LAST:
            self._end(ts)

    def _best(self, side: int) -> Level:
        price = self.book.best(side)
        return NOBODY if price is None else (price, self.book.sides[side][price])

    def _end(self, ts: int) -> None:
        after = {side: self._best(side) for side in (1, -1)}
        quality = max([self.last_state, self.book.state, *self._stale(ts)], key=WORSE.index)
        if self.top is not None and not self.voided and self.order:
            for side in (self.order[0], -self.order[0]):
                self._side(ts, side, after, quality)
        void = self.top is None or self.voided
        if void or any(after[s][0] != (self.top or after)[s][0] for s in (1, -1)):
            self.mid_since = ts
        self.top = None if self.book.state == "GAPPED" else after
        self.heard, self.last_state = ts, self.book.state
        self._new_message()

    def _stale(self, ts: int) -> list[str]:
        return ["STALE"] if self.heard is not None and ts - self.heard > self.stale_ns else []

    def _side(self, ts: int, side: int, after: dict[int, Level], quality: str) -> None:
        assert self.top is not None
        if not self.replaces and not self.changes[side]:
            return
        sides = {1: (after[1], self.top[1]), -1: (after[-1], self.top[-1])}
        now, was = sides[side]
        e = e_n(now, NOBODY, was, NOBODY) if side > 0 else e_n(NOBODY, now, NOBODY, was)
        row: Out = {"ts_local": ts, "ofi": float(e * self.lot) if quality == "SYNCED" else None, "quality": quality}
        if self.replaces:
            best = now[0] if now[0] is not None else was[0]
            row |= {"event": "replace", "side": (e > 0) - (e < 0), "qty": None}
            row |= {"price": None if best is None else float(best * self.tick)}
            self.rows.append(row | dict.fromkeys(SIX))
            return
        changed = [c for several in self.changes[side].values() for c in several]
        price = max(self.changes[side]) if side > 0 else min(self.changes[side])
        net = sum(changed)
        row |= {"event": "add" if net > 0 else "remove" if net < 0 else "move", "side": side * ((net > 0) - (net < 0))}
        row |= {"price": float(price * self.tick), "qty": float(sum(map(abs, changed)) * self.lot)}
        self.rows.append(row | (self._place(ts, side, price) if quality == "SYNCED" else dict.fromkeys(SIX)))

    def _place(self, ts: int, side: int, price: int) -> Out:
        own, other = self.book.levels(side)[:10], self.book.levels(-side)[:10]
        ahead = [lots for p, lots in own if side * (p - price) >= 0]
        slot = (side, side * price % SLOTS)
        held, last, first = self.seen.get(slot, (price, ts, ts))
        if held != price:
            last = first = ts
        self.seen[slot] = (price, ts, first)
        return {
            "level_qty": float(self.book.sides[side].get(price, 0) * self.lot),
            "same_depth": float(sum(ahead) * self.lot),
            "opposite_depth": float(sum(lots for _, lots in other[: len(ahead)]) * self.lot),
            "since_mid_ns": ts - self.mid_since,
            "since_level_ns": ts - last,
            "level_age_ns": ts - first,
        }

    def _trade(self, ts: int, side: int, price: int, lots: int) -> None:
        quality = max([self.last_state, *self._stale(ts)], key=WORSE.index)
        row: Out = {"ts_local": ts, "event": "trade", "side": side, "price": float(price * self.tick)}
        row |= {"qty": float(lots * self.lot), "ofi": 0.0 if quality == "SYNCED" else None, "quality": quality}
        known = quality == "SYNCED" and side != 0
        self.rows.append(row | (self._place(ts, -side, price) if known else dict.fromkeys(SIX)))


def naive_event_features(events: Events, instrument: Instrument, *, stale_ns: int = 10_000_000_000) -> list[Out]:
    """One dictionary an event."""
    naive = NaiveEvents(instrument, stale_ns)
    for row in rows_of(events):
        naive.take(row)
    return naive.rows


def naive_size_groups(
    events: Events, instrument: Instrument, *, every_ns: int, ranked: bool, edges: tuple[str, str], trades_a_bin: int = 0
) -> list[Out]:
    """One dictionary a bin: of time, or of a number of trades."""
    unit = instrument.notional(1, 1)
    bins: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    past: list[int] = []
    rows = rows_of(events)
    open_bin: list[tuple[str, int, int]] = []
    seen, filled = 0, 0
    for ts, kind, side, _, price, lots in rows:
        end = (ts // every_ns + 1) * every_ns if not trades_a_bin else ts + 1
        row: list[tuple[str, int, int]] = []
        if kind == GAP:
            row = [("gap", 0, 0)]
        elif kind == TRADE:
            value = lots if instrument.inverse else lots * abs(price)
            row = [(_group(value, past, ranked, edges, unit) if side else "unknown", side, lots)]
            past.append(_bucket(value))
        open_bin, seen = open_bin + row, seen + 1
        if not trades_a_bin:
            bins[end] += row
        elif kind == TRADE and lots:
            filled += 1
            if filled == trades_a_bin:
                bins[end] += open_bin
                open_bin, seen, filled = [], 0, 0
    if trades_a_bin and seen:
        bins[rows[-1][0] + 1] += open_bin
    ends = range(min(bins), max(bins) + 1, every_ns) if bins and not trades_a_bin else sorted(bins)
    return [_size_bin(end, bins[end], Fraction(instrument.flow_grid.step)) for end in ends]


def _bucket(value: int) -> int:
    """Octave and which quarter of it, below 4 the value itself."""
    if value < 4:
        return value
    octave = value.bit_length() - 1
    return 4 * octave + (value * 4) // 2**octave - 4


def _group(value: int, past: list[int], ranked: bool, edges: tuple[str, str], unit: Fraction) -> str:
    if ranked and len(past) < 200:
        return "ungrouped"
    size = value * unit
    if ranked:
        own = _bucket(value)
        size = Fraction(sum(b < own for b in past) * 2 + past.count(own), 2 * len(past))
    return ("retail", "middle", "institutional")[sum(size >= Fraction(edge) for edge in edges)]


def _size_bin(end: int, rows: list[tuple[str, int, int]], lot: Fraction) -> Out:
    def lots(group: str, side: int) -> int:
        return sum(q for g, s, q in rows if g == group and s == side)

    out: Out = {"ts": end}
    for g in ("retail", "middle", "institutional"):
        out[f"{g}_buy_qty"], out[f"{g}_sell_qty"] = float(lots(g, 1) * lot), float(lots(g, -1) * lot)
        out[f"{g}_trades"] = sum(name == g for name, _, _ in rows)
    for g in ("unknown", "ungrouped"):
        out[f"{g}_qty"] = float(sum(q for name, _, q in rows if name == g) * lot)
        out[f"{g}_count"] = sum(name == g for name, _, _ in rows)
    r, i = (_lean(lots(g, 1), lots(g, -1)) for g in ("retail", "institutional"))
    out["retail_imbalance"], out["institutional_imbalance"] = _float(r), _float(i)
    out["divergence"] = None if r is None or i is None else float(r) - float(i)
    out["opposed"] = None if r is None or i is None else r * i < 0
    volumes = [lots(g, 1) + lots(g, -1) for g in ("retail", "institutional")]
    out["size_skew"] = _float(_lean(*volumes))
    out["gaps"] = sum(name == "gap" for name, _, _ in rows)
    return out


def _lean(one: int, other: int) -> Fraction | None:
    return Fraction(one - other, one + other) if one + other else None


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
