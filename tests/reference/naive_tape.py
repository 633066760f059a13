"""Prints of a tape from their definition, over lists of fills: the slow twin of `flow.tape.tape` and `.sized_flow`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, prod

from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument

DAY = 86_400_000_000_000
Number = Fraction | float


@dataclass
class Fill:
    row: int
    local: int
    venue: int
    side: int
    price: int
    lots: int


@dataclass
class Print:
    """Fills of one order; `known` as the tape has it, `complete` the first moment at which no more could join."""

    fills: list[Fill]
    known: int
    complete: int
    whole: bool

    @property
    def lots(self) -> int:
        return sum(fill.lots for fill in self.fills)

    @property
    def side(self) -> int:
        return self.fills[0].side

    def notional(self, instrument: Instrument) -> Fraction:
        return abs(sum((instrument.notional(f.price, f.lots) for f in self.fills), Fraction(0)))

    def vwap(self, instrument: Instrument) -> Fraction:
        tick = Fraction(instrument.price_grid.step)
        if instrument.inverse:
            return self.lots / sum((Fraction(f.lots) / (f.price * tick) for f in self.fills), Fraction(0))
        return sum((f.lots * f.price * tick for f in self.fills), Fraction(0)) / self.lots


def naive_prints(events: Events, *, join_ns: int = 0, wait_ns: int = 25_000_000) -> list[Print]:
    """Group the fills, then look for the first row that shows a group to be complete."""
    local, kinds = events.ts_local.tolist(), events.kind.tolist()
    fills = [
        Fill(i, local[i], int(events.ts_venue[i]), int(events.side[i]), int(events.price_ticks[i]), int(events.qty_lots[i]))
        for i in range(events.rows)
        if kinds[i] == TRADE and events.qty_lots[i] > 0
    ]
    groups: list[list[Fill]] = []
    for fill in fills:
        before = groups[-1][-1] if groups else None
        if before and _joins(before, fill, join_ns, wait_ns) and GAP not in kinds[before.row : fill.row]:
            groups[-1].append(fill)
        else:
            groups.append([fill])
    prints = []
    for i, group in enumerate(groups):
        last = group[-1]
        over = last.local + join_ns + (wait_ns if last.venue else 0) + 1
        following = groups[i + 1][0].row if i + 1 < len(groups) else events.rows
        shows = [j for j in range(last.row + 1, events.rows) if local[j] >= over or kinds[j] == GAP or j == following]
        known = local[shows[0]] if shows else over
        prints.append(Print(group, known, min(over, known), bool(shows) and kinds[shows[0]] != GAP))
    return prints


def _joins(before: Fill, fill: Fill, join_ns: int, wait_ns: int) -> bool:
    if fill.side == 0 or fill.side != before.side or (fill.price - before.price) * fill.side < 0:
        return False
    if before.venue and fill.venue:
        return 0 <= fill.venue - before.venue <= join_ns and fill.local - before.local <= join_ns + wait_ns
    return not before.venue and not fill.venue and fill.local - before.local <= join_ns


def naive_tape(events: Events, instrument: Instrument, **join: int) -> list[dict[str, object]]:
    """Rows of `time_and_sales`."""
    return [_row(p, instrument) for p in naive_prints(events, **join)]


def _row(p: Print, instrument: Instrument) -> dict[str, object]:
    first, last = p.fills[0], p.fills[-1]
    return {
        "ts_local": p.known,
        "ts_venue": first.venue or None,
        "side": p.side,
        "qty": float(p.lots * Fraction(instrument.flow_grid.step)),
        "notional": float(p.notional(instrument)),
        "fills": len(p.fills),
        "first_price": instrument.price(first.price),
        "last_price": instrument.price(last.price),
        "vwap": float(p.vwap(instrument)),
        "levels": len({fill.price for fill in p.fills}),
        "walked": abs(last.price - first.price),
        "whole": p.whole,
    }


def naive_large(
    events: Events, instrument: Instrument, *, large: Callable[[Fraction, list[Fraction]], bool], warm: int
) -> list[dict[str, object]]:
    """Rows of prints that are large against the sizes of the prints of their side before them."""
    past: dict[int, list[Fraction]] = defaultdict(list)
    out = []
    for p in naive_prints(events):
        value, before = p.notional(instrument), past[p.side]
        if len(before) >= warm and large(value, before):
            out.append(_row(p, instrument))
        before.append(value)
    return out


def exceeds_sigma(value: Fraction, past: list[Fraction], *, sigmas: Fraction, span: int) -> bool:
    """Mean and variance by weights: the n-th value has α of its time, and every later one leaves 1 − α of it."""
    alphas = [max(Fraction(2, span + 1), Fraction(1, n)) for n in range(1, len(past) + 1)]
    weights = [alpha * prod((1 - later for later in alphas[n:]), start=Fraction(1)) for n, alpha in enumerate(alphas, 1)]
    mean = sum((w * x for w, x in zip(weights, past, strict=True)), Fraction(0))
    variance = sum((w * (x - mean) ** 2 for w, x in zip(weights, past, strict=True)), Fraction(0))
    return value > mean and (value - mean) ** 2 > sigmas**2 * variance


def exceeds_quantile(value: Fraction, past: list[Fraction], *, quantile: float, span: int) -> bool:
    """The least of the last `span` values with at least that share of them at or below it."""
    recent = sorted(past[-span:])
    return value > recent[max(ceil(Fraction(str(quantile)) * len(recent)), 1) - 1]


def naive_sized_flow(
    events: Events,
    instrument: Instrument,
    *,
    every_ns: int,
    edges: tuple[int, ...] = (1000, 10_000, 100_000),
    anchor: str = "first",
    start_ns: int = 0,
    join_ns: int = 0,
    wait_ns: int = 25_000_000,
) -> list[dict[str, object]]:
    """Rows of `sized_flow` in bins of time: every print put into its bin and its session, then summed from the beginning."""
    if not events.rows:
        return []
    began, last = int(events.ts_local[0]), int(events.ts_local[-1])
    ends = range((began // every_ns + 1) * every_ns, (last // every_ns + 1) * every_ns + 1, every_ns)
    prints = naive_prints(events, join_ns=join_ns, wait_ns=wait_ns)
    buckets = [sum(p.notional(instrument) >= edge for edge in edges) for p in prints]
    lot = Fraction(instrument.flow_grid.step)
    gaps = [int(ts) for ts, kind in zip(events.ts_local, events.kind, strict=True) if kind == GAP]
    out = []
    for end in ends:
        anchored_at = _anchor_before(end - 1, anchor, start_ns, began)
        row: dict[str, object] = {"ts": end}
        sums, running = Counter[str](), Counter[str]()
        for p, bucket in zip(prints, buckets, strict=True):
            at = min(p.complete, ends[-1] - 1)
            if p.side == 0:
                sums["unknown_qty"] += p.lots * (end - every_ns <= at < end)
                sums["unknown_prints"] += end - every_ns <= at < end
                continue
            word = "buy" if p.side > 0 else "sell"
            for name in (f"_{(0, *edges)[bucket]}", ""):
                if end - every_ns <= at < end:
                    sums[f"{word}_qty{name}"] += p.lots
                    sums[f"{word}s{name}"] += 1
                if anchored_at is not None and anchored_at <= at < end:
                    running[f"cvd{name}"] += p.side * p.lots
        for name in (*(f"_{edge}" for edge in (0, *edges)), ""):
            for word in ("buy", "sell"):
                row[f"{word}_qty{name}"] = float(sums[f"{word}_qty{name}"] * lot)
                if name:
                    row[f"{word}s{name}"] = sums[f"{word}s{name}"]
            row[f"cvd{name}"] = None if anchored_at is None else float(running[f"cvd{name}"] * lot)
        row["unknown_qty"] = float(sums["unknown_qty"] * lot)
        row["unknown_prints"] = sums["unknown_prints"]
        row["gaps"] = sum(end - every_ns <= ts < end for ts in gaps)
        row["anchored"] = anchored_at is not None and anchored_at >= began and not any(anchored_at <= ts < end for ts in gaps)
        out.append(row)
    return out


def _anchor_before(now: int, anchor: str, start_ns: int, began: int) -> int | None:
    """The latest moment the running sum began at; None before the epoch."""
    if anchor == "first":
        return began
    if anchor == "epoch":
        return start_ns if now >= start_ns else None
    return (now - start_ns) // DAY * DAY + start_ns
