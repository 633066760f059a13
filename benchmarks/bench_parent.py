"""A decision of a live parent, and a thousand parents run through joblib.

    python benchmarks/bench_parent.py [--parents 1000] [--jobs 2]

A decision is `Parent.step` with its answers heard, over a book that moves; and the whole step of a session around it: market
events measured, limits, journal on disk without fsync, venue. Asked: 300 µs. The session's venue is the replayed one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from joblib import Parallel, delayed

from counterpoise.adapters.journal_file import JournalFile
from counterpoise.balance.execution import PlaceOrder, Seen
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import LineJournal
from counterpoise.runtime.session import Session
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import LognormalLatency
from counterpoise.sim.replay.venue import SimVenue
from counterpoise.sim.synthetic.market import SyntheticFeed
from counterpoise.sim.synthetic.market_config import default_config

PERP = Instrument(
    venue="testex", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="1"
)


def parent(seconds: int, *, seed: int = 0) -> Parent:
    config = ParentConfig(side="buy" if seed % 2 else "sell", qty="100000", slice="5s", max_participation=0.3)
    return Parent(PERP, config, name=f"p{seed}", start_ns=0, end_ns=seconds * SECOND_NS)


def answers(of: Parent, order: Order, draw: np.random.Generator) -> None:
    """What a venue says: it works, part of it is filled, the rest is cancelled."""
    lots = int(draw.integers(0, order.qty_lots + 1))
    of.hear(OrderUpdate(ts_ns=0, client_id=order.client_id, state=OrderState.WORKING, left_lots=order.qty_lots))
    if lots:
        of.hear(
            Fill(
                ts_ns=0,
                client_id=order.client_id,
                instrument=order.instrument,
                side=order.side,
                price_ticks=order.price_ticks,
                qty_lots=lots,
                fee=0.0,
                maker=True,
                trade_id=int(draw.integers(1, 2**60)),
            )
        )
    state = OrderState.FILLED if lots == order.qty_lots else OrderState.CANCELLED
    of.hear(OrderUpdate(ts_ns=0, client_id=order.client_id, state=state, left_lots=order.qty_lots - lots))


def run(seed: int, *, seconds: int = 600) -> tuple[int, float, float]:
    """Filled lots, decisions' mean seconds, and CPU of the whole."""
    draw, of, others, mid, took = np.random.default_rng(seed), parent(seconds, seed=seed), 0, 10_000, 0.0
    begin = time.process_time()
    for tenth in range(10 * seconds):
        mid += int(draw.integers(-1, 2))
        others += int(draw.integers(0, 200))
        seen = {PERP.id: Seen(TopOfBook(mid, 50, mid + 1, 50, BookState.SYNCED), others)}
        start = time.perf_counter()
        for action in of.step(tenth * SECOND_NS // 10, seen):
            if isinstance(action, PlaceOrder):
                answers(of, action.order, draw)
        took += time.perf_counter() - start
    return of.filled_lots, took / (10 * seconds), time.process_time() - begin


def session_step(folder: Path) -> float:
    """Median seconds of a step of a session, venue and journal with it."""
    market = SyntheticFeed(default_config(seed=1, duration="5m"))
    instrument = market.instruments[0]
    start, end = market.span_ns
    config = ParentConfig(side="buy", qty="20", slice="5s", max_participation=0.3)
    of = Parent(instrument, config, name="s", start_ns=start + SECOND_NS, end_ns=end - SECOND_NS)
    times = [time.perf_counter()]
    with JournalFile(folder / "journal.log", fsync="never") as file:
        Session(
            SimVenue(market, fees=Fees(), latency=LognormalLatency(), seed=1),
            clock=SimClock(start),
            execution=of,
            limits=Limits(),
            measures={},
            journal=LineJournal(file),
            step_ns=100 * MS_NS,
            observe=lambda _: times.append(time.perf_counter()),
        ).run(end)
    return median(np.diff(times)[100:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parents", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    each = [run(seed)[1] for seed in range(5)]
    print(f"a decision with its answers: {1e6 * median(each):.1f} µs (asked 300)")
    with TemporaryDirectory() as folder:
        print(f"a step of a session, replayed venue and journal included: {1e6 * session_step(Path(folder)):.0f} µs")
    start = time.perf_counter()
    done = Parallel(n_jobs=options.jobs)(delayed(run)(seed, seconds=60) for seed in range(options.parents))
    cpu = sum(row[2] for row in done)
    print(
        f"{options.parents:,} parents of a minute: {time.perf_counter() - start:.1f} s on {options.jobs} jobs, {cpu:.1f} s CPU"
    )


if __name__ == "__main__":
    main()
