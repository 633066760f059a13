"""Liquidations per bin and in episodes from their definitions, in Python integers and Fractions.

The slow twin of `counterpoise.flow.derivatives.liquidations`.
"""

from __future__ import annotations

from fractions import Fraction
from math import log1p
from typing import Any, NamedTuple

from counterpoise.market.event import BOOK_KINDS, GAP, LAST, LIQUIDATION, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import NaiveBook, rows_of
from reference.naive_flow import WORSE, Level, e_n

SECOND = 10**9
WHOSE = {-1: "long", 1: "short", 0: "unknown"}
Forced = tuple[int, int, int, int]  # second of the venue's clock, side, price, lots


def naive_liquidations(events: Events, instrument: Instrument, *, every_ns: int, coverage: str) -> list[dict[str, Any]]:
    """One dictionary a bin of time, [start, end) in ts_local."""
    times = events.ts_local.tolist()
    if not times:
        return []
    bins = []
    for end in range((times[0] // every_ns + 1) * every_ns, times[-1] + every_ns + 1, every_ns):
        rows = [i for i, ts in enumerate(times) if end - every_ns <= ts < end]
        forced = [
            (
                int(events.ts_venue[i] if events.ts_venue[i] > 0 else times[i]) // SECOND,
                *(int(c[i]) for c in (events.side, events.price_ticks, events.qty_lots)),
            )
            for i in rows
            if events.kind[i] == LIQUIDATION
        ]
        seen = min(end, times[-1] + 1) - max(end - every_ns, times[0])
        out = {"ts": end, "gaps": sum(events.kind[i] == GAP for i in rows), "coverage": coverage, "observed_ns": seen}
        bins.append(out | _sums(forced, instrument) | _seconds([f[0] for f in forced], seen, coverage))
        if end > times[-1]:
            break
    return bins


def _sums(forced: list[Forced], instrument: Instrument) -> dict[str, Any]:
    lot = Fraction(instrument.flow_grid.step)
    out: dict[str, Any] = {"liquidations": len(forced)}
    for side, name in WHOSE.items():
        mine = [(price, lots) for _, s, price, lots in forced if s == side]
        out[f"{name}_count"] = len(mine)
        out[f"{name}_qty"] = float(sum(lots for _, lots in mine) * lot)
        out[f"{name}_notional"] = float(sum(instrument.notional(price, lots) for price, lots in mine))
    out["signed_qty"] = float(sum(s * lots for _, s, _, lots in forced) * lot)
    out["largest_qty"] = float(max((lots for *_, lots in forced), default=0) * lot)
    return out


def _seconds(seconds: list[int], seen: int, coverage: str) -> dict[str, Any]:
    """Runs of equal seconds; a clock that goes back begins a new run."""
    runs: list[list[int]] = []
    for second in seconds:
        if not runs or runs[-1][0] != second:
            runs.append([])
        runs[-1].append(second)
    share = len(runs) / (seen / SECOND) if seen >= SECOND else None
    hidden = coverage == "latest_per_second" and share is not None and share < 1
    return {
        "busy_seconds": len(runs),
        "single_seconds": sum(len(run) == 1 for run in runs),
        "busy_share": None if share is None else min(share, 1.0),
        "poisson_count": -log1p(-share) * (seen / SECOND) if hidden and share is not None else None,
    }


def naive_episodes(
    events: Events, instrument: Instrument, *, gap_ns: int, stale_ns: int, coverage: str
) -> list[dict[str, Any]]:
    """One dictionary an episode."""
    tops = _tops(events, stale_ns)
    times = events.ts_local.tolist()
    forced = [i for i in range(events.rows) if events.kind[i] == LIQUIDATION]
    groups: list[list[int]] = []
    for i in forced:
        if not groups or times[i] - times[groups[-1][-1]] > gap_ns:
            groups.append([])
        groups[-1].append(i)
    how = {"gap_ns": gap_ns, "stale_ns": stale_ns, "coverage": coverage}
    return [_episode(events, instrument, group, tops, **how) for group in groups]


class _Top(NamedTuple):
    """What stood after a row: best levels, state, when the book last spoke; e and states of that row itself."""

    bid: Level
    ask: Level
    state: str
    heard: int | None
    e: int
    spoken: frozenset[str]

    def mid(self) -> Fraction | None:
        return None if self.bid[0] is None or self.ask[0] is None else Fraction(self.bid[0] + self.ask[0], 2)

    def silent(self, ts: int, stale_ns: int) -> set[str]:
        return {"STALE"} if self.heard is not None and ts - self.heard > stale_ns else set()


def _tops(events: Events, stale_ns: int) -> list[_Top]:
    book = NaiveBook()
    top, sound, out = _Top((None, 0), (None, 0), "GAPPED", None, 0, frozenset()), False, []
    for row in rows_of(events):
        ts, kind, _, flags, _, _ = row
        top = top._replace(e=0, spoken=frozenset())
        if kind in BOOK_KINDS:
            if kind == GAP or (kind == SNAPSHOT and book.state == "GAPPED"):
                sound = False
            book.apply(row)
            top = top._replace(state=book.state)
            if flags & LAST or kind == GAP:
                bid, ask = (_level(book, side) for side in (1, -1))
                e = e_n(bid, ask, top.bid, top.ask) if sound else 0
                spoken = frozenset({book.state} | top.silent(ts, stale_ns))
                top, sound = _Top(bid, ask, book.state, ts, e, spoken), book.state != "GAPPED"
        out.append(top)
    return out


def _level(book: NaiveBook, side: int) -> Level:
    best = book.best(side)
    return (None, 0) if best is None else (best, book.sides[side][best])


def _episode(events: Events, instrument: Instrument, group: list[int], tops: list[_Top], **how: Any) -> dict[str, Any]:
    gap_ns, stale_ns, times = how["gap_ns"], how["stale_ns"], events.ts_local.tolist()
    first, last = group[0], group[-1]
    until = next((i for i in range(last + 1, events.rows) if times[i] > times[last] + gap_ns), None)
    stop, known = (events.rows, times[-1]) if until is None else (until, times[until])
    states = {tops[first].state} | tops[stop - 1].silent(min(known, times[last] + gap_ns), stale_ns)
    states = states.union(*(tops[i].silent(times[i], stale_ns) for i in group), *(t.spoken for t in tops[first:stop]))
    quality = max(states, key=WORSE.index)
    forced = [(0, *(int(c[i]) for c in (events.side, events.price_ticks, events.qty_lots))) for i in group]
    tick, lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
    out = {"ts_local": known, "start": times[first], "end": times[last], "quality": quality}
    out["coverage"] = how["coverage"]
    out |= {name: value for name, value in _sums(forced, instrument).items() if name != "largest_qty"}
    out |= {"first_price": float(forced[0][2] * tick), "last_price": float(forced[-1][2] * tick)}
    names = ("mid_before", "mid_change", "mid_change_bps", "mid_change_after", "ofi", "ofi_after")
    if quality != "SYNCED":
        return out | dict.fromkeys(names)
    before, after, now = tops[first].mid(), tops[last].mid(), tops[stop - 1].mid()
    moved = None if before is None or after is None else after - before
    later = None if now is None or after is None else now - after
    values = (before, moved, None, later, sum(t.e for t in tops[first : last + 1]), sum(t.e for t in tops[last + 1 : stop]))
    units = dict.fromkeys(names, tick) | {"ofi": lot, "ofi_after": lot}
    out |= {name: None if v is None else float(v * units[name]) for name, v in zip(names, values, strict=True)}
    if moved is not None and before is not None and before > 0:
        out["mid_change_bps"] = float(moved / before * 10_000)
    return out
