"""Footprints, profiles and watched levels from their definitions: dictionaries of Fractions, one list of trades a bar."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from counterpoise.flow.auction.definition import ImbalanceDefinition, ValueAreaDefinition
from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument

DAY = 86_400_000_000_000
Spans = list[tuple[str, int, int]]  # name, start and end after midnight


@dataclass
class Trade:
    ts: int
    side: int
    ticks: int
    lots: int


@dataclass
class Bar:
    """What happened between two ends."""

    number: int
    end: int = 0
    complete: bool = False
    gaps: int = 0
    trades: list[Trade] = field(default_factory=list)
    session: tuple[str, int] | None = None

    def rows(self, row_ticks: int) -> dict[int, dict[int, int]]:
        """Lots by row and side; side 9 counts trades."""
        out: dict[int, dict[int, int]] = defaultdict(lambda: {1: 0, -1: 0, 0: 0, 9: 0})
        for trade in self.trades:
            row = out[floor(Fraction(trade.ticks, row_ticks))]
            row[trade.side] += trade.lots
            row[9] += 1
        return dict(sorted(out.items()))


def session_at(ts: int, spans: Spans) -> tuple[str, int, int] | None:
    """Name, start and end of the session a moment lies in."""
    midnight = ts // DAY * DAY
    for name, start, end in spans:
        for day in (midnight - DAY, midnight):
            if day + start <= ts < day + end:
                return name, day + start, day + end
    return None


def change_after(ts: int, spans: Spans) -> int:
    midnight = ts // DAY * DAY
    edges = [day + edge for _, s, e in spans for edge in (s, e) for day in (midnight - DAY, midnight, midnight + DAY)]
    return min(edge for edge in edges if edge > ts)


class NaiveBars:
    """Cuts a stream into bars: by the clock, by a rule of trades, and at the ends of sessions."""

    def __init__(self, instrument: Instrument, *, rule: str = "", size: int = 0, spans: Spans | None = None) -> None:
        self.instrument, self.rule, self.size, self.spans = instrument, rule, size, spans
        self.bars: list[Bar] = []
        self.number = 0
        self.now: int | None = None
        self.last = 0

    def of(self, events: Events) -> list[Bar]:
        for ts, kind, side, ticks, lots in zip(
            *(c.tolist() for c in (events.ts_local, events.kind, events.side, events.price_ticks, events.qty_lots)), strict=True
        ):
            self.clock(ts)
            self.last = ts
            if kind == GAP:
                self.open.gaps += 1
            if kind == TRADE and lots > 0 and self.inside:
                self.open.trades.append(Trade(ts, side, ticks, lots))
                if self.full():
                    self.end(ts + 1, complete=True)
        if self.now is not None:
            timed = self.rule in ("", "time")
            self.end(self.boundary if timed else min(self.boundary, self.last + 1), complete=False)
        return self.bars

    @property
    def inside(self) -> bool:
        return not self.spans or session_at(self.now or 0, self.spans) is not None

    @property
    def boundary(self) -> int:
        assert self.now is not None
        ends = [1 << 62]
        if self.rule == "time":
            ends.append((self.now // self.size + 1) * self.size)
        if self.spans:
            ends.append(change_after(self.now, self.spans))
        return min(ends)

    def clock(self, ts: int) -> None:
        if self.now is None:
            self.begin(ts)
        while ts >= self.boundary:
            edge = self.boundary
            self.end(edge, complete=True)
            self.begin(edge)

    def begin(self, ts: int) -> None:
        self.now = ts
        self.open = Bar(self.number)

    def end(self, ts: int, *, complete: bool) -> None:
        bar = self.open
        bar.end, bar.complete = ts, complete
        if self.spans and (found := session_at(self.now or 0, self.spans)):
            bar.session = found[:2]
        timed = self.rule in ("", "time")
        if self.inside and (timed or bar.trades):
            self.bars.append(bar)
            self.number += 1
        self.open = Bar(self.number)

    def full(self) -> bool:
        trades = self.open.trades
        if self.rule == "trades":
            return len(trades) >= self.size
        if self.rule == "volume":
            return sum(t.lots for t in trades) >= self.size
        if self.rule == "range":
            return max(t.ticks for t in trades) - min(t.ticks for t in trades) >= self.size
        return False


def imbalances(rows: dict[int, dict[int, int]], definition: ImbalanceDefinition, lot: Fraction) -> dict[int, list[int]]:
    """Rows out of balance by side: buyers of p + 1 against sellers of p, both between the bar's low and high."""
    out: dict[int, list[int]] = {1: [], -1: []}
    empty = {1: 0, -1: 0}
    for side in (1, -1):
        for row in rows:
            beside = row - side
            if not min(rows) <= beside <= max(rows):
                continue
            ours, theirs = rows[row][side] * lot, rows.get(beside, empty)[-side] * lot
            if ours == 0 or ours < Fraction(definition.min_qty):
                continue
            limit = Fraction(definition.multiplier) * theirs
            if (theirs == 0 and definition.zero == "count") or (
                theirs > 0 and (ours > limit or (ours == limit and not definition.strict))
            ):
                out[side].append(row)
    return out


def stacks(rows: list[int], length: int) -> list[list[int]]:
    """Runs of adjacent rows that are long enough."""
    runs: list[list[int]] = []
    for row in rows:
        if runs and runs[-1][-1] == row - 1:
            runs[-1].append(row)
        else:
            runs.append([row])
    return [run for run in runs if len(run) >= length]


def value_area(lots: dict[int, int], definition: ValueAreaDefinition, share: Fraction) -> tuple[int, int, int]:
    """Point of control, lowest and highest row, over every row between low and high, traded or not."""
    low, high = min(lots), max(lots)
    most = max(lots.values())
    poc = min((row for row in lots if lots[row] == most), key=lambda row: (abs(Fraction(low + high, 2) - row), -row))
    bottom = top = poc
    total = sum(lots.values())
    while sum(lots.get(row, 0) for row in range(bottom, top + 1)) < share * total:
        above = [row for row in range(top + 1, top + 1 + definition.rows) if row <= high]
        below = [row for row in range(bottom - definition.rows, bottom) if row >= low]
        up, down = (sum(lots.get(row, 0) for row in part) for part in (above, below))
        if above and (not below or up >= down):
            top = above[-1]
        else:
            bottom = below[0]
    return poc, bottom, top


def watched(bars: list[Bar], events: Events, definition: ImbalanceDefinition, lot: Fraction, row_ticks: int) -> list[list[int]]:
    """For each level its bar, kind (0 poc, 1 low, 2 high), row and when it was reached, −1 while it stands; by brute force."""
    trades = [
        (ts, floor(Fraction(ticks, row_ticks)))
        for ts, kind, ticks, lots in zip(
            *(c.tolist() for c in (events.ts_local, events.kind, events.price_ticks, events.qty_lots)), strict=True
        )
        if kind == TRADE and lots > 0
    ]
    seen, out = 0, []
    for bar in bars:
        seen += len(bar.trades)
        rows = bar.rows(row_ticks)
        if not rows or not bar.complete:
            continue
        lots = {row: s[1] + s[0] + s[-1] for row, s in rows.items()}
        low, high = min(rows), max(rows)
        levels = [(0, value_area(lots, ValueAreaDefinition("", 1, ""), Fraction(0))[0])]
        if rows[low][1] > 0 and rows[low][-1] * lot > definition.unfinished_qty:
            levels.append((1, low))
        if rows[high][-1] > 0 and rows[high][1] * lot > definition.unfinished_qty:
            levels.append((2, high))
        for kind, row in levels:
            reached = -1
            for (_, before), (ts, now) in zip(trades[seen - 1 :], trades[seen:], strict=False):
                if now == row or min(before, now) < row < max(before, now):
                    reached = ts
                    break
            out.append([bar.number, kind, row, reached])
    return out
