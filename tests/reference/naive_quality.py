"""What is wrong with some events, found the slow way: one plain question at a time over lists of rows."""

from __future__ import annotations

import itertools
from collections import Counter
from math import ceil
from typing import Any

from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE, Events

Row = dict[str, Any]
Found = dict[tuple[str, str], tuple[int, int | None, int | None]]  # (check, channel) → count, worst, first_ns

KINDS = {"book": (DELTA, SNAPSHOT, GAP), "quote": (QUOTE,), "trade": (TRADE,), "liquidation": (LIQUIDATION,)}


def rows_of(events: Events) -> list[Row]:
    rows = [dict(zip(Events._fields, row, strict=True)) for row in zip(*(c.tolist() for c in events), strict=True)]
    return [row | {"at": i} for i, row in enumerate(rows)]


def messages_of(rows: list[Row]) -> list[list[Row]]:
    """A message begins with FIRST, or where the one before it ended; the last one may be unfinished."""
    messages: list[list[Row]] = []
    for row in rows:
        if not messages or row["flags"] & FIRST or messages[-1][-1]["flags"] & LAST:
            messages.append([])
        messages[-1].append(row)
    return messages


def summary(hits: list[tuple[int, int | None]]) -> tuple[int, int | None, int | None]:
    """Count, worst and first time of (time, size) hits."""
    worst = [size for _, size in hits if size is not None]
    return len(hits), max(worst) if worst else None, hits[0][0] if hits else None


def check(
    events: Events, *, stale_ns: int, tolerance_ns: int = 0, consecutive: bool = False, low: int = 1, high: int = 2**61
) -> Found:
    """Every check of every channel that has rows."""
    every = rows_of(events)
    out: Found = {}
    for name, kinds in KINDS.items():
        rows = [row for row in every if row["kind"] in kinds]
        if not rows:
            continue
        found = {
            "local time back": local_back(every, kinds),
            "clock skew": skew(rows),
            "venue time back": venue_back(rows, tolerance_ns),
            "id back": id_back(rows),
            "repeated": repeated(rows, every),
            "negative quantity": [(r["ts_local"], -r["qty_lots"]) for r in spoken(rows) if r["qty_lots"] < 0],
            "price off range": off_range(spoken(rows), low, high),
            "broken message": broken(rows),
        }
        if name == "book":
            found["gap"] = [(r["ts_local"], None) for r in rows if r["kind"] == GAP]
            found["crossed"] = []
        if name == "quote":
            found["crossed"], found["locked"] = crossed(rows)
        if name == "trade":
            found["gap"] = holes(rows) if consecutive else []
        if name != "liquidation":
            found["silence"] = silence(rows, every, stale_ns)
        if name in ("trade", "liquidation"):
            found["zero quantity"] = [(r["ts_local"], None) for r in rows if r["qty_lots"] == 0]
            found["duplicate"] = duplicates(rows)
        out |= {(what, name): summary(hits) for what, hits in found.items()}
    return out


def spoken(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"] != GAP]


def local_back(every: list[Row], kinds: tuple[int, ...]) -> list[tuple[int, int | None]]:
    hits: list[tuple[int, int | None]] = []
    for i, row in enumerate(every):
        newest = max((r["ts_local"] for r in every[:i]), default=row["ts_local"])
        if row["kind"] in kinds and row["ts_local"] < newest:
            hits.append((row["ts_local"], newest - row["ts_local"]))
    return hits


def timed(rows: list[Row]) -> list[Row]:
    """First rows of messages with both clocks."""
    return [m[0] for m in messages_of(rows) if m[0]["ts_venue"] > 0 and m[0]["kind"] != GAP]


def skew(rows: list[Row]) -> list[tuple[int, int | None]]:
    return [(r["ts_local"], r["ts_venue"] - r["ts_local"]) for r in timed(rows) if r["ts_local"] < r["ts_venue"]]


def heads(rows: list[Row]) -> list[list[Row]]:
    """Rows whose order counts, split where a snapshot or a gap starts anew."""
    out: list[list[Row]] = [[]]
    for message in messages_of(rows):
        if message[0]["kind"] in (SNAPSHOT, GAP):
            out.append([])
        out[-1] += message if message[0]["kind"] >= TRADE else message[:1]
    return [[row for row in run if row["kind"] != GAP] for run in out]


def venue_back(rows: list[Row], tolerance_ns: int) -> list[tuple[int, int | None]]:
    hits: list[tuple[int, int | None]] = []
    for run in heads(rows):
        known = [row for row in run if row["ts_venue"] > 0]
        for i, row in enumerate(known):
            newest = max((r["ts_venue"] for r in known[:i]), default=0)
            if row["ts_venue"] < newest - tolerance_ns:
                hits.append((row["ts_local"], newest - row["ts_venue"]))
    return hits


def id_back(rows: list[Row]) -> list[tuple[int, int | None]]:
    hits: list[tuple[int, int | None]] = []
    for run in heads(rows):
        known = [row for row in run if row["id"] >= 0]
        for i, row in enumerate(known):
            before = [r["id"] for r in known[:i]]
            twice = row["kind"] >= TRADE and row["id"] in before
            if before and row["id"] < max(before) and not twice:
                hits.append((row["ts_local"], max(before) - row["id"]))
    return hits


def duplicates(rows: list[Row]) -> list[tuple[int, int | None]]:
    ids = [row["id"] for row in rows]
    copies = Counter(ids)
    return [(row["ts_local"], copies[row["id"]]) for i, row in enumerate(rows) if row["id"] >= 0 and row["id"] in ids[:i]]


def holes(rows: list[Row]) -> list[tuple[int, int | None]]:
    """Runs of ids that never come, each at the time of the id after it; in order of arrival."""
    known = [row for row in rows if row["id"] >= 0]
    ids = sorted({row["id"] for row in known})
    sizes = {b: b - a - 1 for a, b in itertools.pairwise(ids) if b - a > 1}
    hits: list[tuple[int, int | None]] = []
    for row in known:
        if row["id"] in sizes:
            hits.append((row["ts_local"], sizes.pop(row["id"])))
    return hits


def silence(rows: list[Row], every: list[Row], stale_ns: int) -> list[tuple[int, int | None]]:
    times = [every[0]["ts_local"], *(row["ts_local"] for row in rows), every[-1]["ts_local"]]
    return [(a, b - a) for a, b in itertools.pairwise(times) if b - a > stale_ns]


def longest_silence(events: Events, name: str) -> int:
    every = rows_of(events)
    times = [row["ts_local"] for row in every if row["kind"] in KINDS[name]]
    if name != "liquidation":
        times = [every[0]["ts_local"], *times, every[-1]["ts_local"]]
    return max([0, *(b - a for a, b in itertools.pairwise(times))])


def crossed(rows: list[Row]) -> tuple[list[tuple[int, int | None]], list[tuple[int, int | None]]]:
    best: dict[int, int | None] = {1: None, -1: None}
    over: list[tuple[int, int | None]] = []
    even: list[tuple[int, int | None]] = []
    for row in rows:
        best[1 if row["side"] > 0 else -1] = row["price_ticks"] if row["qty_lots"] > 0 else None
        bid, ask = best[1], best[-1]
        if row["flags"] & LAST and bid is not None and ask is not None:
            if bid > ask:
                over.append((row["ts_local"], bid - ask))
            if bid == ask:
                even.append((row["ts_local"], None))
    return over, even


def off_range(rows: list[Row], low: int, high: int) -> list[tuple[int, int | None]]:
    """An empty side and a trade of nothing have no price."""
    priced = [r for r in rows if r["qty_lots"] != 0 or r["kind"] < QUOTE]
    return [
        (r["ts_local"], max(low - r["price_ticks"], r["price_ticks"] - high))
        for r in priced
        if not low <= r["price_ticks"] <= high
    ]


def broken(rows: list[Row]) -> list[tuple[int, int | None]]:
    hits: list[tuple[int, int | None]] = []
    ended = True
    for row in rows:
        if bool(row["flags"] & FIRST) != ended:
            hits.append((row["ts_local"], None))
        ended = bool(row["flags"] & LAST)
    return hits


def repeated(rows: list[Row], every: list[Row]) -> list[tuple[int, int | None]]:
    """Whole messages that say what the one before said; a message's rows are all that arrived from its first to its last."""
    hits: list[tuple[int, int | None]] = []
    before: list[Row] | None = None
    for message in messages_of(rows):
        first, last = message[0], message[-1]
        if first["kind"] == GAP:
            before = None
            continue
        if not last["flags"] & LAST:
            continue
        whole = every[first["at"] : last["at"] + 1]
        numbered = first["id"] >= 0
        known = not numbered and last["ts_venue"] > 0 if last["kind"] >= TRADE else numbered or last["ts_venue"] > 0
        if before is not None and known and [content(r) for r in whole] == [content(r) for r in before]:
            hits.append((last["ts_local"], None))
        before = whole
    return hits


def content(row: Row) -> tuple[int, ...]:
    return tuple(row[name] for name in ("ts_venue", "id", "kind", "side", "price_ticks", "qty_lots"))


def percentile(events: Events, name: str, percent: int) -> int | None:
    """Latency by nearest rank."""
    late = sorted(r["ts_local"] - r["ts_venue"] for r in timed([r for r in rows_of(events) if r["kind"] in KINDS[name]]))
    return late[ceil(percent * len(late) / 100) - 1] if late else None
