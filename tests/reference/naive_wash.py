"""Wash-like runs from their definition, over a list of prints; the slow twin of `counterpoise.flow.manipulation.wash`."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from typing import Any

from counterpoise.market.event import GAP, TRADE, Events
from reference.naive_episodes import Row, odds_to_score, rows_of

Print = dict[str, Any]


def naive_wash(events: Events, *, within_ns: int, prior: float, min_score: float, min_pairs: int) -> list[Row]:
    sizes: Counter[int] = Counter()
    prints: list[Print] = []
    runs: list[Row] = []
    out: list[Row] = []
    lost = 0

    def close(run: Row, ts: int) -> None:
        runs.remove(run)
        score = odds_to_score(run["odds"])
        if score >= min_score and run["pairs"] >= min_pairs:
            out.append({**run, "ts_local": ts, "score": score, "gap_cv": _cv(run["gaps"])})

    for ts, kind, side, _, price, lots, _ in rows_of(events):
        for run in [run for run in runs if ts > run["end"] + within_ns]:
            close(run, ts)
        lost += kind == GAP
        if kind != TRADE or lots <= 0:
            continue
        if side == 0:
            for run in runs:
                run["unknown"] += (run["price"], run["lots"]) == (price, lots)
            continue
        for run in runs:
            run["tried"] += run["price"] == price
        share = (sizes[lots] + 1) / (sum(sizes.values()) + 2)
        sizes[lots] += 1
        if sum(sizes.values()) >= 4096:
            sizes = Counter({size: count // 2 for size, count in sizes.items() if count // 2})
        opposite = [p for p in prints[-64:] if p["side"] == -side]
        open_here = [p for p in opposite if p["price"] == price and not p["met"] and ts - p["ts"] <= within_ns]
        met = next((p for p in reversed(open_here) if p["lots"] == lots), None)
        prints.append({"ts": ts, "side": side, "price": price, "lots": lots, "met": met is not None, "lost": lost})
        if met is None:
            continue
        met["met"] = True
        elsewhere = [p["lots"] for p in opposite if p["price"] != price]
        if lots in elsewhere:
            share = max(share, elsewhere.count(lots) / len(elsewhere))
        run = next((run for run in runs if (run["price"], run["lots"]) == (price, lots)), None)
        if run is None:
            if len(runs) == 16:
                close(min(runs, key=lambda run: run["end"]), ts)
            run = {
                "start": met["ts"],
                "side": met["side"],
                "price": price,
                "lots": lots,
                "pairs": 0,
                "unknown": 0,
                "lost": met["lost"],
            }
            run |= {"wait": 0, "gaps": [], "tried": 0, "chance": 1.0, "odds": prior / (1 - prior)}
            runs.append(run)
        else:
            run["gaps"].append(ts - run["end"])
        tried = max(1, share * run["tried"])
        chance = 1 - (1 - share) ** (len(open_here) * tried)
        run["tried"] = 0
        run["pairs"] += 1
        run["end"] = ts
        run["row_gaps"] = lost - run["lost"]
        run["wait"] += ts - met["ts"]
        run["chance"] *= chance
        run["odds"] *= 0.9 / chance
    return out


def _cv(gaps: list[int]) -> float | None:
    if len(gaps) < 2 or not sum(gaps):
        return None
    mean = sum(gaps) / len(gaps)
    return sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) / mean
