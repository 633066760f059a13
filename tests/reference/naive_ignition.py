"""Momentum ignition from its definition: three phases over a list of windows; the slow twin of `flow.manipulation.ignition`."""

from __future__ import annotations

from math import erfc, exp, inf, log, log1p, sqrt
from typing import Any

from counterpoise.market.event import TRADE, Events
from reference.naive_episodes import BOOK, Moments, Row, Watched, rows_of


def naive_ignition(events: Events, *, window_ns: int, stale_ns: int, **settings: Any) -> list[Row]:
    phases = _Phases(window_ns, **settings)
    watched = Watched(stale_ns)
    end: int | None = None
    first_mid: int | None = None
    trades: list[tuple[int, int, int]] = []
    bad = False
    for row in rows_of(events):
        ts, kind, side, _, price, lots, _ = row
        if end is None:
            end = (ts // window_ns + 1) * window_ns
        while ts >= end:
            mid = watched.mid2
            silent = watched.heard is None or end - watched.heard > stale_ns
            if bad or silent or mid is None or first_mid is None:
                phases.void()
            else:
                phases.window(first_mid, mid, trades, end, ts)
            first_mid, trades, bad = None if silent else mid, [], False
            end = (ts // window_ns + 1) * window_ns if silent else end + window_ns
        if kind in BOOK:
            bad |= watched.row(row) is False
        elif kind == TRADE:
            trades.append((side, price, lots))
    return phases.out


class _Phases:
    def __init__(self, window_ns: int, **settings: Any) -> None:
        self.window_ns = window_ns
        self.__dict__.update(settings)
        self.volume, self.square = Moments(), Moments()
        self.firsts: list[int] = []  # mid at the start of each sound window
        self.calm, self.episode = 0, None
        self.out: list[Row] = []

    def void(self) -> None:
        self.episode, self.calm = None, 0

    def window(self, first: int, mid: int, trades: list[tuple[int, int, int]], end: int, ts: int) -> None:
        self.firsts.append(first)
        bought, sold = (sum(lots for side, _, lots in trades if side == way) for way in (1, -1))
        if self.episode is not None and self.episode["peaked"]:
            self.after(mid, trades, end, ts)
        else:
            if self.episode is None:
                self.begin(first, bought, sold, end)
            if self.episode is not None:
                self.burst(mid, trades)
        learnt = len(self.firsts) - 1
        weight = max(2 / (self.memory + 1), 1 / (1 + learnt))
        early = learnt < self.min_windows
        self.volume.learn(bought + sold, weight, inf if early else self.volume.mean + 3 * sqrt(self.volume.variance))
        self.square.learn((mid - first) ** 2, weight, inf if early else 9 * max(self.square.mean, 1))
        self.calm += 1

    def begin(self, first: int, bought: int, sold: int, end: int) -> None:
        calm = self.calm_windows
        if len(self.firsts) - 1 < self.min_windows or self.calm < calm or self.volume.mean <= 0:
            return
        z = (bought + sold - self.volume.mean) / sqrt(max(self.volume.variance, (self.volume.mean / 2) ** 2))
        sigma = sqrt(max(self.square.mean, 1))
        still = abs(first - self.firsts[-1 - calm]) <= self.calm_sigmas * sigma * sqrt(calm)
        if z >= self.volume_sigmas and still and abs(bought - sold) >= self.one_sided * (bought + sold):
            self.episode = {"start": end - self.window_ns, "side": 1 if bought > sold else -1, "mid": first, "z": z}
            self.episode |= {"sigma": sigma, "peaked": False, "peak": first, "before": [], "afterwards": []}

    def burst(self, mid: int, trades: list[tuple[int, int, int]]) -> None:
        e = self.episode
        assert e is not None
        e["before"].append(trades)
        if e["side"] * (mid - e["mid"]) >= self.move_sigmas * e["sigma"] * sqrt(len(e["before"])):
            e["peaked"], e["peak"] = True, mid
        elif len(e["before"]) >= self.move_windows:
            self.episode = None

    def after(self, mid: int, trades: list[tuple[int, int, int]], end: int, ts: int) -> None:
        e = self.episode
        assert e is not None
        way = e["side"]
        e["afterwards"].append(trades)
        if way * (mid - e["peak"]) > 0:
            e["before"] += e["afterwards"]
            e["peak"], e["afterwards"] = mid, []
            return
        before, afterwards = ([t for window in e[name] for t in window] for name in ("before", "afterwards"))
        volume, later = (sum(lots for side, _, lots in part if side) for part in (before, afterwards))
        back = way * (e["peak"] - mid) >= self.back_share * way * (e["peak"] - e["mid"])
        if back and later / len(e["afterwards"]) <= volume / len(e["before"]):
            gain = sum(way * lots * (2 * price - mid) for side, price, lots in before if side == way)
            row = {"ts_local": ts, "start": e["start"], "end": end, "side": way, "mid": e["mid"], "peak": e["peak"]}
            row |= {"mid_end": mid, "sigmas": e["z"], "gain": gain, "score": self.score(e, mid)}
            row |= {"burst": _lots(before, way), "against": _lots(before, -way)}
            row |= {"after_with": _lots(afterwards, way), "after_against": _lots(afterwards, -way)}
            row["unknown"] = _lots(before, 0) + _lots(afterwards, 0)
            if row["score"] >= self.min_score:
                self.out.append(row)
            self.episode = None
        elif len(e["afterwards"]) >= self.back_windows:
            self.episode = None

    @staticmethod
    def score(e: dict[str, Any], mid: int) -> float:
        spike = 1 / (1 + e["z"] ** 2)
        out = erfc(abs(e["peak"] - e["mid"]) / (e["sigma"] * sqrt(2 * len(e["before"]))))
        back = erfc(abs(e["peak"] - mid) / (e["sigma"] * sqrt(2 * len(e["afterwards"]))))
        x = -log(spike) - log(max(out, 1e-300)) - log(max(back, 1e-300))
        assert x >= -log1p(-1e-9)
        return 1 - exp(-x) * (1 + x + x * x / 2)


def _lots(trades: list[tuple[int, int, int]], way: int) -> int:
    return sum(lots for side, _, lots in trades if side == way)
