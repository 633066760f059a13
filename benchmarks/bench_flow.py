"""The book and all flow measures in one pass, beside hftbacktest's bare replay of the same events: ns/row and rows/s.

    python benchmarks/bench_flow.py [--rows 5000000] [--rounds 5] [--peer .venv-peers/bin/python]

Streams: the USD-M recording (COUNTERPOISE_DATA or ../shared/data), again and again in time, each time from its snapshot on; and
the synthetic market. The peer knows no ticker quotes, so it and we are compared on depth and trades alone; the recording with
its quotes stands beside. All data are in memory; kernels and peer are compiled before the clock starts; rounds go in turn. The
slow twin (dictionaries and Fractions) runs on the first rows. hftbacktest keeps two books, the exchange's and the local one,
and computes no measure; we keep one and compute all.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import QuoteSource, measure
from counterpoise.market.book import Book
from counterpoise.market.event import QUOTE, Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.market import default_config, generate
from peers.hftbacktest_events import Peer, records_of

ROOT = Path(__file__).resolve().parents[1]
CAPTURE = Path("01_binance_l2_20240808") / "usdm" / "btcusdt_20240808.gz"
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
Job = Callable[[], Any]
Timing = dict[str, list[float]]


def recording() -> Events | None:
    """The recording as event columns, or None where it is absent."""
    path = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")) / CAPTURE
    if not path.is_file():
        return None
    reader = read_binance_capture(path, venue="binance_usdm", instrument=lambda _: PERP)
    return merge_events([Events.from_frame(batch.frame) for batch in reader])


def repeated(events: Events, rows: int) -> Events:
    """The events over and over, a second apart, until there are `rows`; message ordinals go on."""
    times = -(-rows // events.rows)
    span = int(events.ts_local[-1] - events.ts_local[0]) + SECOND_NS
    turn = np.repeat(np.arange(times), events.rows)
    out = Events._make(np.tile(column, times) for column in events)
    step = int(events.seq.max()) + 1
    return out._replace(ts_local=out.ts_local + turn * span, ts_venue=out.ts_venue + turn * span, seq=out.seq + turn * step)


def without_quotes(events: Events) -> Events:
    keep = events.kind != QUOTE
    return Events._make(np.ascontiguousarray(column[keep]) for column in events)


def synthetic(rows: int) -> tuple[Events, Instrument]:
    """The first instrument of the default market, ten minutes of it, repeated as often as it takes."""
    config = default_config(duration="10m")
    config = msgspec.structs.replace(config, tokens=config.tokens[:1])
    instrument = config.tokens[0].instrument(config.venue)
    return repeated(generate(config)[instrument.id], rows), instrument


def ours(events: Events, instrument: Instrument, quotes: QuoteSource = "depth") -> dict[str, Job]:
    return {
        "Book.apply": lambda: Book().apply(events),
        f"measure, all measures per 1 s, {quotes}": lambda: measure(
            events, instrument, bins=Bins.every(SECOND_NS), quotes=quotes
        ),
    }


def timed(job: Job) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def interleaved(jobs: dict[str, Callable[[], float]], rounds: int) -> Timing:
    """Seconds of each job by name; every job runs once before, uncounted."""
    for job in jobs.values():
        job()
    seconds: Timing = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            seconds[name].append(job())
    return seconds


def report(title: str, rows: int, seconds: Timing) -> None:
    print(f"\n{title}: {rows:,} rows")
    for name, runs in seconds.items():
        best, middle = min(runs) / rows * 1e9, median(runs) / rows * 1e9
        print(f"  {name:44} best {best:7.2f} ns/row  median {middle:7.2f} ns/row  best {1e3 / best:8.2f} M rows/s")


def compare(title: str, events: Events, instrument: Instrument, peer_python: Path | None, rounds: int) -> None:
    """Ours and the peer's on the same events, in turn."""
    jobs: dict[str, Callable[[], float]] = {name: lambda job=job: timed(job) for name, job in ours(events, instrument).items()}
    if peer_python is None:
        report(title, events.rows, interleaved(jobs, rounds))
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        Peer(peer_python, records_of(events, instrument), instrument, Path(folder)) as peer,
    ):
        for depth in ("hashmap", "roivec"):
            for step, words in ((0, "in one call"), (SECOND_NS, "in 1 s steps")):
                jobs[f"hftbacktest {peer.info['version']}, {depth}, {words}"] = lambda d=depth, s=step: float(
                    peer.replay(d, s)["seconds"]
                )
        seconds = interleaved(jobs, rounds)
        last = peer.replay("hashmap", 0)
    report(title, events.rows, seconds)
    book = Book()
    book.apply(events)
    same = (book.best_bid, book.best_ask) == (last["bid"], last["ask"])
    print(f"  best prices at the end: ours {book.best_bid} / {book.best_ask}, peer {last['bid']} / {last['ask']}, same: {same}")
    theirs = [runs for name, runs in seconds.items() if name.startswith("hft")]
    for name in ours(events, instrument):
        best = min(map(min, theirs)) / min(seconds[name])
        middle = min(map(median, theirs)) / median(seconds[name])
        print(f"  {name}: {best:.2f} x the rows/s of the peer's fastest form by best of {rounds}, {middle:.2f} x by median")


def twin(events: Events, instrument: Instrument, rows: int) -> None:
    """The slow twin of the tests on the first rows."""
    sys.path.insert(0, str(ROOT / "tests"))
    from reference.naive_flow import naive_measures

    few = events.cut(0, rows)
    slow = timed(lambda: naive_measures(few, instrument, every_ns=SECOND_NS, bands_bps=("1", "5", "10", "25")))
    fast = min(timed(ours(few, instrument)["measure, all measures per 1 s, depth"]) for _ in range(3))
    print(
        f"\nfirst {rows:,} rows: slow twin {slow / rows * 1e9:,.0f} ns/row, ours {fast / rows * 1e9:.0f}; {slow / fast:,.0f} x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, default=ROOT / ".venv-peers" / "bin" / "python")
    wanted = parser.parse_args()
    peer = wanted.peer if wanted.peer.is_file() else None
    if peer is None:
        print(f"no peer at {wanted.peer}: run 'make bench', which installs it; going on without")
    real = recording()
    if real is not None:
        full = repeated(real, wanted.rows)
        for quotes in ("depth", "ticker"):
            jobs = {name: lambda job=job: timed(job) for name, job in ours(full, PERP, quotes).items()}
            report(f"USD-M recording with its quotes, prices from {quotes}", full.rows, interleaved(jobs, wanted.rounds))
        compare("USD-M recording, depth and trades", without_quotes(full), PERP, peer, wanted.rounds)
        twin(without_quotes(real), PERP, 50_000)
    events, instrument = synthetic(wanted.rows)
    compare("synthetic market, depth and trades", without_quotes(events), instrument, peer, wanted.rounds)


if __name__ == "__main__":
    main()
