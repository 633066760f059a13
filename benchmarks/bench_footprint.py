"""Footprint and market profile of a day of trades, beside lrvx and pandas: ns a trade, and whether results agree.

    python benchmarks/bench_footprint.py [--trades 1000000] [--rounds 7] [--peer .venv-peers/bin/python]

Trades of a day, fresh from a seed: within 60 rows, and walking as far as they will; a recording's, repeated, stand beside where
COUNTERPOISE_DATA or ../shared/data holds it. The peer is a C++ library with a Python face. It takes float prices and quantities
and keeps one bar, of 64 rows (256 rows and 26 letters in a market profile); what trades past them it drops without a word, so
only the narrow stream, of 13 hours, is the same work, and only there results are the same. We take the events of a stream and
keep bars of any rule. `push` is what a live stream pays; `frame` adds the table. All data are in memory, kernels are compiled
before the clock starts, rounds go in turn. CPU time counts; the clock stands beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS
from counterpoise.flow.auction.footprint import Footprint, FootprintBars, footprint
from counterpoise.flow.auction.market_profile import market_profile
from counterpoise.flow.auction.profile import DevelopingProfile, SessionProfile
from counterpoise.flow.bins import Bins
from counterpoise.market.event import FIRST, LAST, TRADE, Events
from peers.process import PYTHON, PeerProcess, python_with
from streams import PERP, recording
from timing import Job, Took, interleaved, job, ratio, show

MIDNIGHT = 1_723_075_200_000_000_000
WHOLE = Bins.every(DAY_NS)
Ask = Callable[[str], dict[str, Any]]


def trades(ts: Any, side: Any, price_ticks: Any, qty_lots: Any) -> Events:
    """Event columns of trades alone."""
    n = len(ts)
    order = np.arange(n)
    flags = np.full(n, FIRST | LAST, np.uint8)
    return Events(ts, ts, order, order, np.full(n, TRADE, np.uint8), side.astype(np.int8), flags, price_ticks, qty_lots)


def walk(count: int, seed: int, *, within: int = 0) -> Events:
    """A day of trades, many at a price, with steps of a tick or two; if asked, reflected within so many rows, in 13 hours."""
    draw = np.random.default_rng(seed)
    ts = MIDNIGHT + np.sort(draw.integers(0, 13 * HOUR_NS if within else DAY_NS, count))
    price = np.cumsum(draw.choice([0, 0, 0, 0, 0, 0, 1, -1, 2, -2], count))
    if within:
        price = np.abs((price % (2 * within)) - within)
    lots = np.ceil(draw.lognormal(3, 1.5, count)).astype(np.int64)
    return trades(ts, draw.choice([1, -1], count), 600_000 + price, lots)


def recorded(count: int) -> Events | None:
    """The recording's trades over and over, spread over a day, or None where it is absent."""
    events = recording()
    if events is None:
        return None
    held = np.flatnonzero(events.kind == TRADE)
    again = np.resize(held, count)
    ts = MIDNIGHT + np.arange(count) * (DAY_NS // count)
    return trades(ts, events.side[again], events.price_ticks[again].copy(), events.qty_lots[again].copy())


def with_pandas(frame: pd.DataFrame) -> Any:
    """Bought and sold by price, the shortest way."""
    return frame.pivot_table(index="price", columns="side", values="lots", aggfunc="sum", fill_value=0)


def jobs_of(events: Events) -> dict[str, Callable[[], Any]]:
    frame = pd.DataFrame({"price": events.price_ticks, "side": events.side, "lots": events.qty_lots})
    minutes, volume = Bins.every(MINUTE_NS), Bins.parse("volume:1000")
    return {
        "Footprint, one bar, push": lambda: Footprint(PERP, bins=WHOLE).push(events),
        "footprint, one bar, frame": lambda: footprint(events, PERP, bins=WHOLE),
        "Footprint, 1 m bars, push": lambda: Footprint(PERP, bins=minutes).push(events),
        "footprint, 1 m bars, frame": lambda: footprint(events, PERP, bins=minutes),
        "Footprint, bars of 1,000 coins, push": lambda: Footprint(PERP, bins=volume).push(events),
        "FootprintBars, 1 m bars, push": lambda: FootprintBars(PERP, bins=minutes).push(events),
        "SessionProfile, UTC day, push": lambda: SessionProfile(PERP).push(events),
        "DevelopingProfile, 1 h, push": lambda: DevelopingProfile(PERP, bins=Bins.every(HOUR_NS)).push(events),
        "market_profile, 30 m, frame": lambda: market_profile(events, PERP),
        "pandas pivot_table, one bar": lambda: with_pandas(frame),
    }


def all_jobs(events: Events, ask: Ask | None) -> list[Job]:
    """Ours, and the peer's where there is one."""
    jobs = [job(name, events.rows, call) for name, call in jobs_of(events).items()]
    if ask is not None:
        for name, line in (
            ("lrvx FootprintBar.add_trades, one bar", "footprint"),
            ("lrvx MarketProfile.add_trades, 30 m", "profile"),
        ):
            jobs.append(Job(name, events.rows, lambda line=line: Took.told(ask(line))))  # type: ignore[misc]
    return jobs


def agree(events: Events, ask: Ask) -> None:
    """Whether the peer finds the same rows, to the lot, and the same letters and value area."""
    ours = footprint(events, PERP, bins=WHOLE)
    theirs = np.array(ask("levels")["levels"])
    theirs = theirs[np.argsort(theirs[:, 0])]
    ticks = [np.rint(prices / PERP.price_grid.size) for prices in (ours["price"].to_numpy(), theirs[:, 0])]
    lots = [np.rint(table / PERP.flow_grid.size) for table in (ours.select("buy_qty", "sell_qty").to_numpy(), theirs[:, 1:])]
    same_rows = np.array_equal(ticks[0], ticks[1]) and np.array_equal(lots[0], lots[1])
    print(f"  footprint: {ours.height} rows, peer {len(theirs)}; same to the lot: {same_rows}")
    letters, found = market_profile(events, PERP), np.array(ask("letters")["letters"])
    found = found[np.argsort(found[:, 0])]
    ticks = [np.rint(prices / PERP.price_grid.size) for prices in (letters["price"].to_numpy(), found[:, 0])]
    same_rows = np.array_equal(ticks[0], ticks[1]) and np.array_equal(letters["letters_count"].to_numpy(), found[:, 1])
    print(f"  market profile: {letters.height} rows, peer {len(found)}; same letters: {same_rows}")


def report(title: str, events: Events, peer: Path | None, rounds: int) -> None:
    if peer is None:
        jobs = all_jobs(events, None)
        show(title, jobs, interleaved(jobs, rounds))
        return
    price, qty = PERP.price_grid.values(events.price_ticks), PERP.flow_grid.values(events.qty_lots)
    buy = (events.side > 0).astype(np.uint8)
    with PeerProcess(peer, "lrvx_footprint.py", PERP.tick, ts=events.ts_local, price=price, qty=qty, buy=buy) as process:
        jobs = all_jobs(events, process.ask)
        timing = interleaved(jobs, rounds)
        show(f"{title}, beside lrvx {process.info['version']}", jobs, timing)
        agree(events, process.ask)
    for ours, theirs in (
        ("Footprint, one bar, push", "lrvx FootprintBar.add_trades, one bar"),
        ("market_profile, 30 m, frame", "lrvx MarketProfile.add_trades, 30 m"),
    ):
        print(f"  {ours} against {theirs}: {ratio(timing, theirs, ours)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trades", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=20_261_120)
    parser.add_argument("--peer", type=Path, default=PYTHON)
    wanted = parser.parse_args()
    peer = python_with(wanted.peer, "lrvx")
    report("within 60 rows", walk(wanted.trades, wanted.seed, within=59), peer, wanted.rounds)
    report("random walk", walk(wanted.trades, wanted.seed), peer, wanted.rounds)
    real = recorded(wanted.trades)
    if real is not None:
        report("USD-M recording, repeated", real, peer, wanted.rounds)


if __name__ == "__main__":
    main()
