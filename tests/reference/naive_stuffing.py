"""Quote stuffing from its definition, window by window; the slow twin of `counterpoise.flow.manipulation.stuffing`."""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events
from reference.naive_episodes import BOOK, Moments, Row, Watched, rows_of


def naive_stuffing(
    events: Events,
    *,
    window_ns: int,
    sigmas: float,
    trade_sigmas: float,
    max_net: float,
    max_moves: float,
    memory: int,
    min_windows: int,
    stale_ns: int,
) -> list[Row]:
    watched = Watched(stale_ns)
    usual = {"updates": Moments(), "trades": Moments(), "move": Moments()}
    learnt, out, episode = 0, [], None
    end: int | None = None
    first_mid: int | None = None
    now = _empty()
    for row in rows_of(events):
        ts, kind, side, _, price, lots, _ = row
        if end is None:
            end = (ts // window_ns + 1) * window_ns
        while ts >= end:
            mid = watched.mid2
            silent = watched.heard is None or end - watched.heard > stale_ns
            if now["bad"] or silent or mid is None or first_mid is None:
                episode = None
            else:
                updates, move = now[1] + now[-1], mid - first_mid
                net = abs(now["net", 1]) + abs(now["net", -1])
                z = _sigmas(usual["updates"], updates)
                still = net <= max_net * now["gross"] and abs(move) <= max_moves * max(usual["move"].mean, 2)
                quiet = _sigmas(usual["trades"], now["trades"]) <= trade_sigmas
                if learnt >= min_windows and z >= sigmas and still and quiet:
                    episode = episode or {
                        "start": end - window_ns,
                        "mid": first_mid,
                        "score": 0.0,
                        "usual": 0.0,
                    } | dict.fromkeys(("windows", "lean", "updates", "trades", "unknown", "gross", "net", "move"), 0)
                    found = {"windows": 1, "lean": now[1] - now[-1], "updates": updates, "trades": now["trades"], "net": net}
                    found |= {"unknown": now["unknown"], "gross": now["gross"], "move": move, "usual": usual["updates"].mean}
                    episode |= {name: episode[name] + value for name, value in found.items()}
                    episode |= {"end": end, "score": max(episode["score"], 1 - 1 / (1 + z * z))}
                elif episode:
                    out.append({**episode, "ts_local": ts})
                    episode = None
                for name, value in (("updates", updates), ("trades", now["trades"]), ("move", abs(move))):
                    of = usual[name]
                    most = inf if learnt < min_windows else of.mean + 3 * sqrt(max(of.variance, of.mean, 1))
                    of.learn(value, max(2 / (memory + 1), 1 / (1 + learnt)), most)
                learnt += 1
            first_mid = None if silent else mid
            now = _empty()
            end = (ts // window_ns + 1) * window_ns if silent else end + window_ns
        if kind in BOOK:
            if kind == DELTA and watched.in_sync:
                change = lots - watched.shows(side, price)
                now[side] += 1
                now["net", side] += change
                now["gross"] += abs(change)
            unbroken = watched.row(row)
            if unbroken is False or (unbroken is not None and kind == SNAPSHOT):
                now["bad"] = True
        elif kind == TRADE:
            now["trades"] += 1
            now["unknown"] += side == 0
    return out


def _empty() -> dict[Any, Any]:
    return {1: 0, -1: 0, ("net", 1): 0, ("net", -1): 0, "gross": 0, "trades": 0, "unknown": 0, "bad": False}


def _sigmas(of: Moments, value: float) -> float:
    return (value - of.mean) / sqrt(max(of.variance, of.mean, 1))
