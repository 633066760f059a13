"""Stylised facts of the markets we make beside a real recording, from the same event columns by the same code.

    python benchmarks/stylised_facts.py [--duration 6m] [--seed 7] [--seeds 8]

Made are the market of order flow alone (`sim.synthetic`, three instruments) and the agent market (`sim.agents`, three of its
perpetuals). The recording (Binance USD-M BTCUSDT, 2024-08-08 23:54 to 24:00) is read where COUNTERPOISE_DATA or ../shared/data
exists.
"""

from __future__ import annotations

import argparse
import gzip
import os
import time
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.units import SECOND_NS, Grid
from counterpoise.market.event import DELTA, FIRST, LAST, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.market import simulate
from counterpoise.sim.synthetic.market import MarketConfig, SyntheticFeed, default_config, generate

ROOT = Path(__file__).resolve().parents[1]
CAPTURE = Path("01_binance_l2_20240808") / "usdm" / "btcusdt_20240808.gz"
TICK, LOT = Grid("0.1"), Grid("0.001")


def recording() -> Events | None:
    """The recording as event columns, or None where it is absent."""
    path = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")) / CAPTURE
    if not path.is_file():
        return None
    rows = []
    for seq, (ts_local, message) in enumerate(_messages(path)):
        levels = list(_levels(message))
        for i, (kind, side, price, qty) in enumerate(levels):
            flags = (FIRST if i == 0 or (kind == QUOTE and i == 0) else 0) | (LAST if i == len(levels) - 1 else 0)
            when = message.get("T", 0) * 1_000_000
            rows.append((ts_local, when, seq, 0, kind, side, flags, TICK.steps(price), LOT.steps(qty)))
    types = [column.dtype for column in Events.empty()]
    events = Events._make(np.array(column, dtype) for column, dtype in zip(zip(*rows, strict=True), types, strict=True))
    first = int(np.flatnonzero(events.kind == SNAPSHOT)[0])
    return events.cut(first, events.rows)


def _messages(path: Path) -> Iterator[tuple[int, dict]]:
    with gzip.open(path) as file:
        for line in file:
            ts_local, text = line.split(b" ", 1)
            message = msgspec.json.decode(text)
            yield int(ts_local), message.get("data", message)


def _levels(message: dict) -> Iterator[tuple[int, int, str, str]]:
    match message.get("e"):
        case "trade":
            if message["X"] == "MARKET":
                yield TRADE, -1 if message["m"] else 1, message["p"], message["q"]
        case "bookTicker":
            yield QUOTE, 1, message["b"], message["B"]
            yield QUOTE, -1, message["a"], message["A"]
        case "depthUpdate":
            for side, name in ((1, "b"), (-1, "a")):
                yield from ((DELTA, side, *level) for level in message[name])
        case None if "lastUpdateId" in message:
            for side, name in ((1, "bids"), (-1, "asks")):
                yield from ((SNAPSHOT, side, *level) for level in message[name])


class Side:
    """A sorted book side, keyed so that the best level stands first."""

    def __init__(self, side: int) -> None:
        self.side, self.keys, self.lots = side, [], {}

    def set(self, price: int, lots: int) -> None:
        key = -self.side * price
        if lots and key not in self.lots:
            insort(self.keys, key)
        if lots:
            self.lots[key] = lots
        elif key in self.lots:
            del self.lots[key]
            del self.keys[bisect_left(self.keys, key)]

    def depth(self, levels: int) -> int:
        return sum(self.lots[key] for key in self.keys[:levels])

    def reach(self, levels: int) -> int:
        return abs(self.keys[min(levels, len(self.keys)) - 1] - self.keys[0]) + 1


def depth_samples(events: Events, times: Int1D, *, levels: int = 10) -> tuple[Float1D, Float1D]:
    """Mean lots a side in the first levels, and ticks they span, at each time."""
    sides = {1: Side(1), -1: Side(-1)}
    book = events.kind <= SNAPSHOT
    columns = [
        c[book].tolist() for c in (events.ts_local, events.kind, events.flags, events.side, events.price_ticks, events.qty_lots)
    ]
    depth, reach, at = [], [], 0
    for ts, kind, flags, side, price, lots in zip(*columns, strict=True):
        while at < len(times) and times[at] < ts and flags & FIRST:
            depth.append(sum(s.depth(levels) for s in sides.values()) / 2)
            reach.append(sum(s.reach(levels) for s in sides.values()) / 2)
            at += 1
        if kind == SNAPSHOT and flags & FIRST:
            sides = {1: Side(1), -1: Side(-1)}
        sides[side].set(price, lots)
    return np.array(depth), np.array(reach)


def facts(events: Events, tick: float, lot: float) -> dict[str, float]:
    """Name and value of each fact; times are ts_local."""
    quotes, trades = events.kind == QUOTE, events.kind == TRADE
    bid, ask = (np.flatnonzero(quotes & (events.side == s)) for s in (1, -1))
    ts = events.ts_local[bid]
    pb, qb, pa, qa = events.price_ticks[bid], events.qty_lots[bid], events.price_ticks[ask], events.qty_lots[ask]
    grid = np.arange(ts[0] + SECOND_NS, ts[-1], SECOND_NS)
    at = np.searchsorted(ts, grid, side="left") - 1
    mid = (pb + pa)[at] / 2
    ofi = np.concatenate([[0], np.cumsum(_ofi(pb, qb, pa, qa))])[at]
    change, flow = np.diff(mid), np.diff(ofi)
    t_trade, side, qty = events.ts_venue[trades], events.side[trades].astype(float), events.qty_lots[trades]
    orders = np.flatnonzero(np.r_[True, (np.diff(t_trade) > 0) | (np.diff(side) != 0)])
    signs = side[orders]
    size = np.add.reduceat(qty, orders)
    counts = np.diff(np.searchsorted(events.ts_local[trades], grid))
    n_orders = np.diff(np.searchsorted(events.ts_local[trades][orders], grid))
    weights = np.diff(ts, append=ts[-1])
    depth, reach = depth_samples(events, grid)
    per_second = np.concatenate([[0], np.cumsum(side * qty)])[np.searchsorted(events.ts_local[trades], grid)]
    book = events.kind == DELTA
    seconds = len(grid)
    out = {
        "trades per second": counts.mean(),
        "market orders per second": n_orders.mean(),
        "Fano factor of orders per second": n_orders.var() / n_orders.mean(),
        "depth messages per second": len(np.unique(events.seq[book])) / seconds,
        "depth rows per second": book.sum() / seconds,
        "quote messages per second": len(ts) / seconds,
        "spread of one tick [share of time]": weights[pa - pb == 1].sum() / weights.sum(),
        "spread, mean [ticks]": ((pa - pb) * weights).sum() / weights.sum(),
        "best quantity, median [units]": np.median(np.r_[qb[at], qa[at]]) * lot,
        "best quantity, mean [units]": np.mean(np.r_[qb[at], qa[at]]) * lot,
        "depth of 10 levels, mean a side [units]": depth.mean() * lot,
        "reach of 10 levels, mean [ticks]": reach.mean(),
        "market order, median [units]": np.median(size) * lot,
        "market order, mean [units]": size.mean() * lot,
        "1 s return, std [bps]": (change / mid[:-1]).std() * 1e4,
        "10 s return, std [bps]": (np.diff(mid[::10]) / mid[::10][:-1]).std() * 1e4,
        "1 s return, kurtosis": ((change - change.mean()) ** 4).mean() / change.var() ** 2,
        "1 s return autocorrelation": np.corrcoef(change[:-1], change[1:])[0, 1],
        "R2 of 1 s mid change on OFI": np.corrcoef(change, flow)[0, 1] ** 2,
        "R2 of 1 s mid change on trade flow": np.corrcoef(change, np.diff(per_second))[0, 1] ** 2,
        "OFI slope [ticks per 1000 lots]": np.polyfit(flow, change, 1)[0] * 1000,
    }
    for lag in (1, 5, 20, 100):
        out[f"sign autocorrelation, lag {lag}"] = np.corrcoef(signs[:-lag], signs[lag:])[0, 1]
    for lag in (1, 10, 60):
        size_of = np.abs(change)
        out[f"autocorrelation of |1 s return|, lag {lag}"] = np.corrcoef(size_of[:-lag], size_of[lag:])[0, 1]
    out["tail exponent of |1 s return| (Hill, 5 %)"] = hill(np.abs(change - change.mean()))
    out["impact of one order ∝ size^, after 1 s"] = impact_exponent(
        t_trade[orders], signs, size, events.ts_venue[bid], (pb + pa) / 2
    )
    return out


def hill(values: Float1D, *, share: float = 0.05) -> float:
    """Hill's estimate of the exponent of a tail from its largest values."""
    top = np.sort(values)[-max(int(share * len(values)), 5) :]
    return float(1 / np.mean(np.log(top[1:] / top[0])))


def impact_exponent(times: Int1D, signs: Float1D, size: Float1D, quoted: Int1D, mid: Float1D) -> float:
    """Slope of log mean signed move of the mid within a second of an order on log mean size, over eight groups by size."""
    before = mid[np.maximum(np.searchsorted(quoted, times, side="left") - 1, 0)]
    after = mid[np.searchsorted(quoted, times + SECOND_NS, side="left") - 1]
    move = signs * (after - before)
    groups = [g for g in np.array_split(np.argsort(size, kind="stable"), 8) if move[g].mean() > 0]
    x, y = ([np.log(v[g].mean()) for g in groups] for v in (size, move))
    return float(np.polyfit(x, y, 1)[0]) if len(groups) > 2 else np.nan


def _ofi(pb: Int1D, qb: Int1D, pa: Int1D, qa: Int1D) -> Int1D:
    bids = (pb[1:] >= pb[:-1]) * qb[1:] - (pb[1:] <= pb[:-1]) * qb[:-1]
    asks = (pa[1:] <= pa[:-1]) * qa[1:] - (pa[1:] >= pa[:-1]) * qa[:-1]
    return bids - asks


def main() -> None:
    """Print one column for the recording, if it is there, and one per synthetic instrument."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", default="6m")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="of the agent market: above one, means and their standard errors")
    wanted = parser.parse_args()
    config = default_config(seed=wanted.seed, duration=wanted.duration)
    columns = {}
    if (real := recording()) is not None:
        columns["recording"] = facts(real, TICK.size, LOT.size)
    events = generate(config)
    for token in config.tokens:
        instrument = token.instrument(config.venue)
        columns[instrument.id] = facts(events[instrument.id], instrument.price_grid.size, instrument.qty_grid.size)
    columns |= agent_columns(range(wanted.seed, wanted.seed + wanted.seeds), wanted.duration)
    print(f"{'':42s}" + "".join(f"{name[-14:]:>15s}" for name in columns))
    for fact in next(iter(columns.values())):
        print(f"{fact:42s}" + "".join(f"{column[fact]:15.4g}" for column in columns.values()))
    print(f"\n{speed(config) / 1e6:.1f} M rows/s made, on one core, compiled")


def agent_columns(seeds: range, duration: str) -> dict[str, dict[str, float]]:
    """Facts of three perpetuals of the agent market; over several seeds their means, and the standard errors of the first's."""
    found: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        agents = agent_market_config(seed=seed, duration=duration, tokens=3)
        made = simulate(agents)
        for place in agents.places[::4]:
            instrument = agents.instrument(place)
            row = facts(made.events[instrument.id], instrument.price_grid.size, instrument.qty_grid.size)
            found.setdefault(instrument.id, []).append(row)
    columns = {name: {fact: float(np.mean([r[fact] for r in rows])) for fact in rows[0]} for name, rows in found.items()}
    if len(seeds) > 1:
        first = next(iter(found.values()))
        columns["± (first)"] = {fact: float(np.std([r[fact] for r in first], ddof=1) / len(first) ** 0.5) for fact in first[0]}
    return columns


def speed(config: MarketConfig) -> float:
    """Rows made per second of processor time, best of three."""
    best = 0.0
    for _ in range(3):
        feed = SyntheticFeed(config)
        start = time.process_time()
        rows = sum(events.rows for _, events in feed.until(feed.span_ns[1] + 1))
        best = max(best, rows / (time.process_time() - start))
    return best


if __name__ == "__main__":
    main()
