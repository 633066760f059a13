"""Best quotes and bins of one market from their definitions, message by message in Fractions: the slow twins of two streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from counterpoise.market.event import BOOK_KINDS, GAP, LAST, QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook, Row, rows_of

WORSE = ("SYNCED", "STALE", "CROSSED", "GAPPED")
Best = tuple[int | None, int, int | None, int]  # bid, lots, ask, lots; None where a side is empty


class NaiveMarket:
    """Follows one source of quotes; `take` says whether a message of it ended."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.book = NaiveBook()
        self.quotes: dict[int, tuple[int | None, int]] = {1: (None, 0), -1: (None, 0)}
        self.best: Best = (None, 0, None, 0)
        self.state = "GAPPED"
        self.heard: int | None = None

    def take(self, row: Row) -> bool:
        _, kind, side, flags, price, lots = row
        ended = bool(flags & LAST)
        if kind in BOOK_KINDS:
            self.book.apply(row)
            if self.source != "depth" or not (ended or kind == GAP):
                return False
            bid, ask = self.book.best(1), self.book.best(-1)
            self.state = "GAPPED" if bid is None or ask is None else self.book.state
            sizes = [0 if p is None else self.book.sides[s][p] for s, p in ((1, bid), (-1, ask))]
            self.best = (bid, sizes[0], ask, sizes[1])
            return True
        if kind == QUOTE and self.source == "ticker":
            self.quotes[side] = (price, lots) if lots else (None, 0)
            self.best = (*self.quotes[1], *self.quotes[-1])
            if ended:
                bid, _, ask, _ = self.best
                self.state = "GAPPED" if bid is None or ask is None else "CROSSED" if bid >= ask else "SYNCED"
            return ended
        return False


def naive_best_quotes(
    events: Events, instrument: Instrument, *, quotes: str, stale_ns: int
) -> list[dict[str, float | int | str | None]]:
    market, rows = NaiveMarket(quotes), []
    last: tuple[Best, str] = ((None, 0, None, 0), "GAPPED")

    def say(ts: int, state: str) -> None:
        nonlocal last
        if (market.best, state) != last:
            last = market.best, state
            rows.append(_row(ts, market.best, state, instrument))

    for row in rows_of(events):
        if market.heard is not None and row[0] - market.heard > stale_ns:
            say(market.heard + stale_ns + 1, max(market.state, "STALE", key=WORSE.index))
        if market.take(row):
            market.heard = row[0]
            say(row[0], market.state)
    return rows


def _row(ts: int, best: Best, state: str, instrument: Instrument) -> dict[str, float | int | str | None]:
    tick, lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
    bid, bid_lots, ask, ask_lots = best
    out: dict[str, Any] = dict.fromkeys(("bid", "bid_qty", "ask", "ask_qty", "mid"))
    if state == "SYNCED":
        if bid is not None:
            out |= {"bid": float(bid * tick), "bid_qty": float(bid_lots * lot)}
        if ask is not None:
            out |= {"ask": float(ask * tick), "ask_qty": float(ask_lots * lot)}
        if bid is not None and ask is not None:
            out["mid"] = float(Fraction(bid + ask, 2) * tick)
    return {"ts_local": ts, **out, "quality": state}


def naive_market_bins(
    events: Events,
    instrument: Instrument,
    *,
    quotes: str,
    bands_bps: tuple[str, ...],
    stale_ns: int,
    every_ns: int = 0,
    ends: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """One dictionary a bin, of a length or with ends that are given; a flow is (coins, quote)."""
    rows = rows_of(events)
    if not rows:
        return []
    if every_ns:
        ends = range((rows[0][0] // every_ns + 1) * every_ns, rows[-1][0] + every_ns + 1, every_ns)
    bins, left = _Bins(instrument, quotes, bands_bps, stale_ns), list(ends)
    out = []
    for row in rows:
        while row[0] >= left[0]:
            out.append(bins.close(left.pop(0)))
        bins.take(row)
    return out + [bins.close(end) for end in left]


class _Bins:
    def __init__(self, instrument: Instrument, quotes: str, bands_bps: tuple[str, ...], stale_ns: int) -> None:
        self.of, self.bands, self.stale_ns = instrument, bands_bps, stale_ns
        self.market = NaiveMarket(quotes)
        self.before: Best | None = None
        self.states = ["GAPPED"]
        self.sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
        self.cvd = [Fraction(0), Fraction(0)]
        self.trades = 0

    def worth(self, lots: int, ticks: int) -> list[Fraction]:
        """Coins and quote."""
        return [self.of.base_qty(ticks, lots), self.of.notional(ticks, lots)]

    def add(self, name: str, worth: list[Fraction], sign: int = 1) -> None:
        self.sums[name] = [a + sign * b for a, b in zip(self.sums[name], worth, strict=True)]

    def take(self, row: Row) -> None:
        ts, kind, side, _, price, lots = row
        if kind == TRADE:
            self.trades += 1
            self.add({1: "buy", -1: "sell", 0: "unknown"}[side], self.worth(lots, price))
            self.cvd = [a + side * b for a, b in zip(self.cvd, self.worth(lots, price), strict=True)]
        if self.market.take(row):
            if self.market.heard is not None and ts - self.market.heard > self.stale_ns:
                self.states.append("STALE")
            self.market.heard = ts
            self.states.append(self.market.state)
            if self.before is not None:
                self.order_flow(self.before, self.market.best)
            self.before = None if self.market.state == "GAPPED" else self.market.best

    def order_flow(self, before: Best, now: Best) -> None:
        for side, at in ((1, 0), (-1, 2)):
            (was, was_lots), (price, lots) = before[at : at + 2], now[at : at + 2]
            if price is not None and (was is None or side * (price - was) >= 0):
                self.add("ofi", self.worth(lots, price), side)
            if was is not None and (price is None or side * (price - was) <= 0):
                self.add("ofi", self.worth(was_lots, was), -side)

    def close(self, end: int) -> dict[str, Any]:
        silent = self.market.heard is not None and end - self.market.heard > self.stale_ns
        at_end = [self.market.state, "STALE"] if silent else [self.market.state]
        quality = max(self.states + at_end, key=WORSE.index)
        out: dict[str, Any] = {"ts": end, "quality": quality, "sums": {}, "depth": {}, "best": None, "trades": None}
        if quality == "SYNCED":
            out |= {"trades": self.trades, "best": self.market.best, "depth": self.depth()}
            out["sums"] = {name: self.sums[name] for name in ("buy", "sell", "unknown", "ofi")} | {"cvd": self.cvd}
        self.sums.clear()
        self.trades, self.states = 0, at_end
        return out

    def depth(self) -> dict[str, list[Fraction]]:
        bid, _, ask, _ = self.market.best
        if bid is None or ask is None or self.market.book.state != "SYNCED":
            return {}
        mid, out = Fraction(bid + ask, 2), {}
        for band in self.bands:
            for side, word in ((1, "bid"), (-1, "ask")):
                reach = abs(mid) * Fraction(band) / 10_000
                held = [(p, q) for p, q in self.market.book.sides[side].items() if side * (mid - p) <= reach]
                parts = [self.worth(q, p) for p, q in held]
                out[f"{word}_depth_{band}bps"] = [sum((part[i] for part in parts), Fraction(0)) for i in range(2)]
        return out
