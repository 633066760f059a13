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
    values: tuple[int, ...] = (),
    stale_ns: int = 10_000_000_000,
    match_ns: int = 250_000_000,
    locked: str = "null",
) -> list[Bin]:
    """One dictionary a bin, [start, end) in ts_local."""
    rows = rows_of(events)
    if not rows:
        return []
    flow = _Flow(instrument, quotes, bands_bps, values, stale_ns, match_ns)
    flow.skips = locked == "skip"
    end = (rows[0][0] // every_ns + 1) * every_ns
    bins = []
    for row in rows:
        while row[0] >= end:
            bins.append(flow.close(end))
            end += every_ns
        flow.take(row)
    return [*bins, flow.close(end) | {"complete": False}]


class _Flow:
    def __init__(
        self,
        instrument: Instrument,
        quotes: str,
        bands_bps: tuple[str, ...],
        values: tuple[int, ...],
        stale_ns: int,
        match_ns: int,
    ) -> None:
        self.instrument, self.source, self.bands, self.stale_ns = instrument, quotes, bands_bps, stale_ns
        self.values = values
        self.parts = Parts(match_ns)
        self.prints: list[tuple[int, int, int]] = []  # side, price, lots of the bin's trades
        self.depths: list[tuple[int, int]] = []  # lots of the best level and of all ten, both sides, after each message
        self.obv = 0
        self.last_close: int | None = None
        self.tick, self.lot = Fraction(instrument.price_grid.step), Fraction(instrument.qty_grid.step)
        self.book = NaiveBook()
        self.quote: dict[int, Level] = {1: (None, 0), -1: (None, 0)}
        self.arriving: dict[int, Level] = {1: (None, 0), -1: (None, 0)}
        self.quote_state = "GAPPED"
        self.skips, self.locked = False, 0
        self.before: dict[int, list[Level]] | None = None  # the top of the book after the last message, None when void
        self.heard: int | None = None
        self.book_heard: int | None = None  # the depth stream, whatever the source of prices is
        self.states = ["GAPPED" if quotes != "trades" else "SYNCED"]  # every state the source was in within the bin
        self.sums: Counter[str] = Counter()
        self.cvd = 0
        self.mid_before: int | None = None  # twice the mid of the bin before
        self.two_mids = 0

    def take(self, row: Row) -> None:
        ts, kind, side, flags, price, lots = row
        if kind in BOOK_KINDS:
            self._book(row, voids=kind == GAP or (kind == SNAPSHOT and self.book.state == "GAPPED"))
        elif kind == QUOTE and self.source == "ticker":
            self._quote(ts, side, (price, lots) if lots else (None, 0), last=bool(flags & LAST))
        elif kind == TRADE and lots:
            self.prints.append((side, price, lots))
            self.cvd += side * lots
            self.parts.trade(ts, side, price, lots)

    def _book(self, row: Row, *, voids: bool) -> None:
        if voids:
            self.before = None
            if self.source == "depth":
                self.parts.forget()
        self.book.apply(row)
        if row[1] == GAP and self.source == "depth":
            self.states.append("GAPPED")
        if row[3] & LAST:
            self.book_heard = row[0]
        if row[3] & LAST and self.source == "depth":
            self._speaks(row[0], self._book_state())
            after = {side: self._top(side) for side in (1, -1)}
            if self.before is not None:
                for m in range(LEVELS):
                    self.sums[f"ofi_{m + 1}"] += e_n(after[1][m], after[-1][m], self.before[1][m], self.before[-1][m])
                for side in (1, -1):
                    self.parts.change(row[0], side, self.before[side][0], after[side][0])
            self.depths.append((after[1][0][1] + after[-1][0][1], sum(q for side in (1, -1) for _, q in after[side])))
            self.before = None if self._book_state() == "GAPPED" else after

    def _book_state(self) -> str:
        """Prices need both sides."""
        return "GAPPED" if None in (self.book.best(1), self.book.best(-1)) else self.book.state

    def _top(self, side: int) -> list[Level]:
        held = self.book.sides[side]
        best = nlargest(LEVELS, held) if side > 0 else nsmallest(LEVELS, held)
        levels: list[Level] = [(price, held[price]) for price in best]
        return levels + [(None, 0)] * (LEVELS - len(levels))

    def _quote(self, ts: int, side: int, now: Level, *, last: bool) -> None:
        self.arriving[side] = now
        if not last:
            return
        after = dict(self.arriving)
        (bid, _), (ask, _) = after[1], after[-1]
        if self.skips and bid is not None and ask is not None and bid >= ask:
            self.locked += 1
            return
        if self.quote_state != "GAPPED":
            self.sums["ofi_1"] += e_n(after[1], after[-1], self.quote[1], self.quote[-1])
            for s in (1, -1):
                self.parts.change(ts, s, self.quote[s], after[s])
        self.quote = after
        self.quote_state = "GAPPED" if bid is None or ask is None else "CROSSED" if bid >= ask else "SYNCED"
        self._speaks(ts, self.quote_state)
        self.depths.append((after[1][1] + after[-1][1], 0))

    def _speaks(self, ts: int, state: str) -> None:
        if self._silent(ts):
            self.states.append("STALE")
        self.states.append(state)
        self.heard = ts

    def _silent(self, ts: int) -> bool:
        return self.heard is not None and ts - self.heard > self.stale_ns

    def close(self, end: int) -> Bin:
        state = {"depth": self._book_state(), "ticker": self.quote_state, "trades": "SYNCED"}[self.source]
        at_end = [state, "STALE"] if self._silent(end) else [state]
        quality = max(self.states + at_end, key=WORSE.index)
        self.states = at_end
        if self.prints:
            close = next((price for _, price, lots in reversed(self.prints) if lots), None)
            if close is not None and self.last_close is not None:
                volume = sum(lots for _, _, lots in self.prints)
                self.obv += volume if close > self.last_close else -volume if close < self.last_close else 0
            self.last_close = self.last_close if close is None else close
        out: Bin = {"ts": end, **self._prices(end), **self._flows(), **self._trades(), "quality": quality}
        if quality != "SYNCED":
            out = {name: value if name in ("ts", "quality") else None for name, value in out.items()}
        mid = out["mid"]
        assert mid is None or isinstance(mid, float)
        two = self.two_mids if mid is not None else None
        known = two is not None and self.mid_before is not None
        out["mid_change"] = float(Fraction(two - self.mid_before, 2) * self.tick) if known else None  # type: ignore[operator]
        self.mid_before = two
        self.sums.clear()
        self.parts.sums.clear()
        self.prints.clear()
        self.depths.clear()
        locked, self.locked = self.locked, 0
        return out | {"complete": True, "locked_quotes": locked}

    def _prices(self, end: int) -> Bin:
        ticker = self.source == "ticker"
        bids, asks = self._top(1), self._top(-1)
        (pb, qb), (pa, qa) = (self.quote[1], self.quote[-1]) if ticker else (bids[0], asks[0])
        whole = self.source != "trades" and pb is not None and pa is not None
        out: Bin = dict.fromkeys(("mid", "spread", "microprice"))
        for m in range(1, LEVELS + 1):
            b, a = (qb, qa) if ticker and m == 1 else (sum(q for _, q in levels[:m]) for levels in (bids, asks))
            out[f"depth_imbalance_{m}"] = _imbalance(b, a) if whole else None
        wide = [f"{name}_{band}bps" for band in self.bands for name in ("depth_imbalance", "bid_depth", "ask_depth")]
        costs = [f"{name}_cost_{value}_bps" for value in self.values for name in ("buy", "sell")]
        one = ["weighted_imbalance", "bid_qty", "ask_qty", "bid_slope", "ask_slope", "mean_best_depth", "mean_depth"]
        out |= dict.fromkeys(wide + costs + one)
        if whole:
            assert pb is not None
            assert pa is not None
            mid = Fraction(pb + pa, 2)
            self.two_mids = pb + pa
            out["mid"], out["spread"] = float(mid * self.tick), float((pa - pb) * self.tick)
            out["microprice"] = float(Fraction(pb * qa + pa * qb, qb + qa) * self.tick)
            for band in self.bands:
                b, a = (self.book.within(side, band, mid=mid) for side in (1, -1))
                out[f"depth_imbalance_{band}bps"] = _imbalance(b, a)
                out[f"bid_depth_{band}bps"], out[f"ask_depth_{band}bps"] = self._qty(b), self._qty(a)
            if ticker and not self._book_stands(end):
                of_book = [n for n in out if n.startswith(("depth_imbalance", "bid_depth", "ask_depth"))]
                out |= dict.fromkeys([n for n in of_book if n != "depth_imbalance_1"])
            else:
                out |= self._shape(mid, {1: bids, -1: asks})
            out |= {"bid_qty": self._qty(qb), "ask_qty": self._qty(qa)}
            standing = (qb + qa, sum(q for levels in (bids, asks) for _, q in levels))
            depths = self.depths or [standing]
            out["mean_best_depth"] = float(Fraction(sum(best for best, _ in depths), 2 * len(depths)) * self.lot)
            if not ticker:
                out["mean_depth"] = float(Fraction(sum(ten for _, ten in depths), 2 * LEVELS * len(depths)) * self.lot)
        return out

    def _book_stands(self, end: int) -> bool:
        return self.book.state == "SYNCED" and self.book_heard is not None and end - self.book_heard <= self.stale_ns

    def _shape(self, mid: Fraction, tops: dict[int, list[Level]]) -> Bin:
        """Slopes of the best ten levels, weighted imbalance within the widest band, costs of values; prices are positive."""
        out: Bin = {}
        near = {}
        reach = abs(mid) * Fraction(self.bands[-1]) / 10_000 if self.bands else Fraction(0)
        for side, name, trade in ((1, "bid", "sell"), (-1, "ask", "buy")):
            levels = [(price, lots) for price, lots in tops[side] if price is not None]
            away = [side * (mid - price) / abs(mid) * 10_000 for price, _ in levels]
            depth = [sum(lots for _, lots in levels[: i + 1]) for i in range(len(levels))]
            square = sum(d * d for d in away)
            out[f"{name}_slope"] = (
                float(sum(d * q for d, q in zip(away, depth, strict=True)) / square * self.lot) if square else None
            )
            held = sorted(self.book.sides[side].items(), reverse=side > 0)
            near[side] = sum(q * (1 - side * (mid - p) / reach) for p, q in held if side * (mid - p) < reach)
            for value in self.values:
                out[f"{trade}_cost_{value}_bps"] = self._cost(mid, held, Fraction(value) / self.instrument.notional(1, 1))
        both = near[1] + near[-1]
        out["weighted_imbalance"] = float((near[1] - near[-1]) / both) if both else None
        return out

    def _cost(self, mid: Fraction, held: list[tuple[int, int]], value: Fraction) -> float | None:
        """|average price / mid − 1| in bps when a value [ticks·lots, inverse: lots] is traded level by level."""
        left, got = value, Fraction(0)
        for price, lots in held:
            if price <= 0:
                return None
            here = Fraction(lots if self.instrument.inverse else lots * price)
            part = min(left, here)
            got, left = got + part / price, left - part
            if not left:
                return float(abs(value / got / mid - 1) * 10_000)
        return None

    def _flows(self) -> Bin:
        out: Bin = {f"ofi_{m}": self._qty(self.sums[f"ofi_{m}"]) for m in range(1, LEVELS + 1)}
        out |= {f"ofi_{part}": self._qty(self.parts.sums[part]) for part in ("limit", "cancel", "market")}
        if self.source == "ticker":
            out |= dict.fromkeys([f"ofi_{m}" for m in range(2, LEVELS + 1)])
        if self.source == "trades":
            out = dict.fromkeys(out)
        return out | {"ofi": out["ofi_1"]}

    def _trades(self) -> Bin:
        buys, sells = ([(p, q) for side, p, q in self.prints if side == s] for s in (1, -1))
        buy, sell = sum(q for _, q in buys), sum(q for _, q in sells)
        running = [0]
        for side, _, lots in self.prints:
            running.append(running[-1] + side * lots)
        prices = [price for _, price, lots in self.prints if lots]
        unit = self.instrument.notional(1, 1)
        worth = [float(sum(q if self.instrument.inverse else p * q for p, q in part) * unit) for part in (buys, sells)]
        ohlc = (prices[0], max(prices), min(prices), prices[-1]) if prices else (None,) * 4
        out: Bin = {"trades": len(self.prints), "buy_trades": len(buys), "sell_trades": len(sells)}
        out |= {"buy_qty": self._qty(buy), "sell_qty": self._qty(sell), "trade_imbalance": self._qty(buy - sell)}
        out |= {"unknown_qty": self._qty(sum(q for side, _, q in self.prints if side == 0)), "cvd": self._qty(self.cvd)}
        out |= {"min_delta": self._qty(min(running)), "max_delta": self._qty(max(running)), "obv": self._qty(self.obv)}
        out |= {"buy_sell_ratio": buy / sell if sell else None, "buy_notional": worth[0], "sell_notional": worth[1]}
        for name, price in zip(("open", "high", "low", "close"), ohlc, strict=True):
            out[name] = None if price is None else float(price * self.tick)
        return out

    def _qty(self, lots: int) -> float:
        return float(lots * self.lot)


def _imbalance(bid: int, ask: int) -> float | None:
    return float(Fraction(bid - ask, bid + ask)) if bid + ask else None


class Parts:
    """A change of a best queue as limit, cancel and market. Trades wait for falls and falls for trades, at one price."""

    def __init__(self, match_ns: int) -> None:
        self.match_ns = match_ns
        self.sums: Counter[str] = Counter()
        self.forget()

    def forget(self) -> None:
        self.waiting: dict[tuple[str, int, int], tuple[int, int, int]] = {}  # (what, side, price mod 256) → price, lots, when

    def change(self, ts: int, side: int, before: Level, after: Level) -> None:
        (price, size), (price0, size0) = _priced(after, -side * inf), _priced(before, -side * inf)
        change = (side * price >= side * price0) * size - (side * price <= side * price0) * size0
        if not change:
            return
        better = int(max(side * price, side * price0)) * side
        hit, _ = self._held("trade", side, better, ts, take=True)
        self.sums["market"] -= side * hit
        rest = change + hit
        self.sums["limit" if rest > 0 else "cancel"] += side * rest
        if rest < 0:
            held, _ = self._held("fall", side, better, ts)
            self._wait("fall", side, better, held - rest, ts)

    def trade(self, ts: int, aggressor: int, price: int, lots: int) -> None:
        if not aggressor or not lots:
            return
        side = -aggressor
        fallen, since = self._held("fall", side, price, ts, take=True)
        matched = min(fallen, lots)
        self.sums["cancel"] += side * matched
        self.sums["market"] -= side * matched
        if fallen > matched:
            self._wait("fall", side, price, fallen - matched, since)
        if lots > matched:
            held, _ = self._held("trade", side, price, ts)
            self._wait("trade", side, price, held + lots - matched, ts)

    def _held(self, what: str, side: int, price: int, ts: int, *, take: bool = False) -> tuple[int, int]:
        at = (what, side, side * price % 256)
        there, lots, since = self.waiting.get(at, (price, 0, ts))
        if there != price:
            return 0, ts
        if take or since < ts - self.match_ns:
            self.waiting.pop(at, None)
        return (lots, since) if since >= ts - self.match_ns else (0, ts)

    def _wait(self, what: str, side: int, price: int, lots: int, ts: int) -> None:
        self.waiting[what, side, side * price % 256] = (price, lots, ts)
