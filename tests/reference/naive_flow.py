"""Flow measures from their definitions, one message at a time, in Fractions: the slow twin of `counterpoise.flow.measures`.

Letters as in Cont, Kukanov, Stoikov: P price, q size, b bid, a ask, a prime for before the event.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from heapq import nlargest, nsmallest
from math import inf

from counterpoise.market.event import BOOK_KINDS, GAP, LAST, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook, Row, rows_of

Bin = dict[str, float | int | str | None]
Level = tuple[int | None, int]  # price, None where there is no such level; size
WORSE = ("SYNCED", "STALE", "CROSSED", "GAPPED")
LEVELS = 10


def e_n(bid: Level, ask: Level, bid_before: Level, ask_before: Level) -> int:
    """1{Pb≥Pb′}qb − 1{Pb≤Pb′}qb′ − 1{Pa≤Pa′}qa + 1{Pa≥Pa′}qa′; a missing bid is priced −∞, a missing ask +∞."""
    (pb, qb), (pb0, qb0) = _priced(bid, -inf), _priced(bid_before, -inf)
    (pa, qa), (pa0, qa0) = _priced(ask, inf), _priced(ask_before, inf)
    return (pb >= pb0) * qb - (pb <= pb0) * qb0 - (pa <= pa0) * qa + (pa >= pa0) * qa0


def _priced(level: Level, missing: float) -> tuple[float, int]:
    price, size = level
    return (missing if price is None else price), size


def naive_measures(
    events: Events,
    instrument: Instrument,
    *,
    every_ns: int,
    quotes: str = "depth",
    bands_bps: tuple[str, ...] = (),
    stale_ns: int = 10_000_000_000,
) -> list[Bin]:
    """One dictionary a bin, [start, end) in ts_local."""
    rows = rows_of(events)
    if not rows:
        return []
    flow = _Flow(instrument, quotes, bands_bps, stale_ns)
    end = (rows[0][0] // every_ns + 1) * every_ns
    bins = []
    for row in rows:
        while row[0] >= end:
            bins.append(flow.close(end))
            end += every_ns
        flow.take(row)
    return [*bins, flow.close(end)]


class _Flow:
    def __init__(self, instrument: Instrument, quotes: str, bands_bps: tuple[str, ...], stale_ns: int) -> None:
        self.instrument, self.source, self.bands, self.stale_ns = instrument, quotes, bands_bps, stale_ns
        self.tick, self.lot = Fraction(instrument.price_grid.step), Fraction(instrument.qty_grid.step)
        self.book = NaiveBook()
        self.quote: dict[int, Level] = {1: (None, 0), -1: (None, 0)}
        self.quote_state = "GAPPED"
        self.before: dict[int, list[Level]] | None = None  # the top of the book after the last message, None when void
        self.heard: int | None = None
        self.states = ["GAPPED" if quotes != "trades" else "SYNCED"]  # every state the source was in within the bin
        self.sums: Counter[str] = Counter()
        self.cvd = 0
        self.mid_before: float | None = None

    def take(self, row: Row) -> None:
        ts, kind, side, flags, price, lots = row
        if kind in BOOK_KINDS:
            self._book(row, voids=kind == GAP or (kind == SNAPSHOT and self.book.state == "GAPPED"))
        elif kind == QUOTE and self.source == "ticker":
            self._quote(ts, side, (price, lots) if lots else (None, 0), last=bool(flags & LAST))
        elif kind == TRADE:
            self.sums["trades"] += 1
            self.sums["buy"] += lots if side == 1 else 0
            self.sums["sell"] += lots if side == -1 else 0
            self.cvd += side * lots

    def _book(self, row: Row, *, voids: bool) -> None:
        if voids:
            self.before = None
        self.book.apply(row)
        if row[3] & LAST and self.source == "depth":
            self._speaks(row[0], self.book.state)
            after = {side: self._top(side) for side in (1, -1)}
            if self.before is not None:
                for m in range(LEVELS):
                    self.sums[f"ofi_{m + 1}"] += e_n(after[1][m], after[-1][m], self.before[1][m], self.before[-1][m])
            self.before = None if self.book.state == "GAPPED" else after

    def _top(self, side: int) -> list[Level]:
        held = self.book.sides[side]
        best = nlargest(LEVELS, held) if side > 0 else nsmallest(LEVELS, held)
        levels: list[Level] = [(price, held[price]) for price in best]
        return levels + [(None, 0)] * (LEVELS - len(levels))

    def _quote(self, ts: int, side: int, now: Level, *, last: bool) -> None:
        after = {**self.quote, side: now}
        if self.quote_state != "GAPPED":
            self.sums["ofi_1"] += e_n(after[1], after[-1], self.quote[1], self.quote[-1])
        self.quote = after
        if last:
            (bid, _), (ask, _) = after[1], after[-1]
            self.quote_state = "GAPPED" if bid is None or ask is None else "CROSSED" if bid >= ask else "SYNCED"
            self._speaks(ts, self.quote_state)

    def _speaks(self, ts: int, state: str) -> None:
        if self._silent(ts):
            self.states.append("STALE")
        self.states.append(state)
        self.heard = ts

    def _silent(self, ts: int) -> bool:
        return self.heard is not None and ts - self.heard > self.stale_ns

    def close(self, end: int) -> Bin:
        state = {"depth": self.book.state, "ticker": self.quote_state, "trades": "SYNCED"}[self.source]
        at_end = [state, "STALE"] if self._silent(end) else [state]
        quality = max(self.states + at_end, key=WORSE.index)
        self.states = at_end
        out: Bin = {"ts": end, **self._prices(), **self._flows(), "quality": quality}
        if quality != "SYNCED":
            out = {name: value if name in ("ts", "quality") else None for name, value in out.items()}
        mid = out["mid"]
        assert mid is None or isinstance(mid, float)
        out["mid_change"] = None if mid is None or self.mid_before is None else mid - self.mid_before
        self.mid_before = mid
        self.sums.clear()
        return out

    def _prices(self) -> Bin:
        ticker = self.source == "ticker"
        bids, asks = self._top(1), self._top(-1)
        (pb, qb), (pa, qa) = (self.quote[1], self.quote[-1]) if ticker else (bids[0], asks[0])
        whole = self.source != "trades" and pb is not None and pa is not None
        out: Bin = dict.fromkeys(("mid", "spread", "microprice"))
        for m in range(1, LEVELS + 1):
            b, a = (qb, qa) if ticker and m == 1 else (sum(q for _, q in levels[:m]) for levels in (bids, asks))
            out[f"depth_imbalance_{m}"] = _imbalance(b, a) if whole else None
        for band in self.bands:
            out[f"depth_imbalance_{band}bps"] = None
        if whole:
            assert pb is not None
            assert pa is not None
            mid = Fraction(pb + pa, 2)
            out["mid"], out["spread"] = float(mid * self.tick), float((pa - pb) * self.tick)
            out["microprice"] = float(Fraction(pb * qa + pa * qb, qb + qa) * self.tick)
            for band in self.bands:
                b, a = (self.book.within(side, band, mid=mid) for side in (1, -1))
                out[f"depth_imbalance_{band}bps"] = _imbalance(b, a)
        return out

    def _flows(self) -> Bin:
        buy, sell = self.sums["buy"], self.sums["sell"]
        out: Bin = {f"ofi_{m}": self._qty(self.sums[f"ofi_{m}"]) for m in range(1, LEVELS + 1)}
        if self.source != "depth":
            out |= dict.fromkeys([f"ofi_{m}" for m in range(1 + (self.source == "ticker"), LEVELS + 1)])
        out |= {"ofi": out["ofi_1"], "trade_imbalance": self._qty(buy - sell), "buy_qty": self._qty(buy)}
        return out | {"sell_qty": self._qty(sell), "cvd": self._qty(self.cvd), "trades": self.sums["trades"]}

    def _qty(self, lots: int) -> float:
        return float(lots * self.lot)


def _imbalance(bid: int, ask: int) -> float | None:
    return float(Fraction(bid - ask, bid + ask)) if bid + ask else None
