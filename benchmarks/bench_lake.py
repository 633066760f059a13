"""Lake beside plain Polars Parquet: rows/s in and out, bytes a row, and peak memory of a streamed ingest.

    python benchmarks/bench_lake.py [--rows 10000000] [--rss-rows 20000000] [--rounds 3]

The rows are depth updates of a synthetic perpetual: messages of a few levels near a walking mid, sizes that repeat.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_feed import LakeFeed
from counterpoise.adapters.reader import Batch
from counterpoise.core.units import MS_NS
from counterpoise.market.instrument import Instrument, InstrumentKind

BATCH_ROWS = 250_000
START_NS = 1_723_075_200_000_000_000
PERP = Instrument(
    venue="bench", symbol="XUSDT", kind=InstrumentKind.PERP, base="X", quote="USDT", settle="USDT", tick="0.1", lot="0.001"
)


def batches(rows: int, *, seed: int = 1) -> Iterator[Batch]:
    """Messages of five rows on average, 2,000 of them a second."""
    random = np.random.default_rng(seed)
    message, clock, mid = 0, START_NS, 600_000
    for done in range(0, rows, BATCH_ROWS):
        n = min(BATCH_ROWS, rows - done)
        number = np.repeat(np.arange(n), random.geometric(0.2, n))[:n]
        count = int(number[-1]) + 1
        times = clock + np.cumsum(random.exponential(500_000, count)).astype(np.int64)
        walk = mid + np.cumsum(random.integers(-2, 3, count))
        starts = np.diff(number, prepend=-1) > 0
        ends = np.diff(number, append=count) > 0
        side = random.choice(np.array([-1, 1], np.int8), n)
        columns = {
            "ts_local": times[number],
            "ts_venue": times[number] // MS_NS * MS_NS - 2 * MS_NS,
            "seq": message + number,
            "id": 5_000_000_000 + 7 * (message + number),
            "kind": np.zeros(n, np.uint8),
            "side": side,
            "flags": starts.astype(np.uint8) + 2 * ends.astype(np.uint8),
            "price_ticks": walk[number] - side * random.geometric(0.05, n),
            "qty_lots": np.where(random.random(n) < 0.3, 0, np.exp(random.normal(4, 2, n)).astype(np.int64)),
        }
        message, clock, mid = message + count, int(times[-1]) + 1, int(walk[-1])
        yield Batch(PERP, "book", pl.DataFrame(columns))


def best(jobs: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Least seconds of each job, the jobs taking turns."""
    seconds: dict[str, float] = {}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            seconds[name] = min(seconds.get(name, float("inf")), time.perf_counter() - start)
    return seconds


def show(title: str, rows: int, seconds: dict[str, float], *, base: str) -> None:
    print(f"\n{title}")
    for name, took in seconds.items():
        print(f"  {name:44s} {took:8.3f} s {rows / took / 1e6:8.1f} M rows/s  ×{seconds[base] / took:.2f}")


def write(folder: Path, held: list[Batch], rows: int, *, rounds: int) -> None:
    plain = folder / "plain.parquet"
    turn = iter(range(10**6))

    def synced() -> None:
        pl.concat([b.frame for b in held]).write_parquet(plain)
        with plain.open("rb") as file:
            os.fsync(file.fileno())

    jobs = {
        "polars.write_parquet": lambda: pl.concat([b.frame for b in held]).write_parquet(plain),
        "polars.write_parquet, fsync": synced,
        "lake.ingest (hashed, fsynced, atomic)": lambda: Lake(folder / f"lake{next(turn)}").ingest("a", held),
    }
    show("write", rows, best(jobs, rounds=rounds), base="polars.write_parquet")
    size = int(Lake(folder / "lake0").describe()["bytes"].sum())
    print(f"  bytes a row: lake {size / rows:.3f}, polars {plain.stat().st_size / rows:.3f}")


def read(folder: Path, rows: int, *, rounds: int) -> None:
    lake, plain = Lake(folder / "lake0"), folder / "plain.parquet"
    first, last = lake.span_ns(PERP.id) or (0, 0)
    low, high = first + (last - first) // 2, first + (last - first) * 51 // 100
    near = pl.col("ts_local").is_between(low, high, closed="left")

    def steps() -> int:
        feed = LakeFeed(lake, [PERP.id], tables=("book",))
        return sum(e.rows for t in range(first, last + 100 * MS_NS, 100 * MS_NS) for _, e in feed.until(t))

    total = pl.col("price_ticks").sum()
    groups: dict[str, tuple[int, dict[str, Callable[[], object]]]] = {
        "every column": (
            rows,
            {
                "polars.scan_parquet": lambda: pl.scan_parquet(plain).collect(),
                "lake.scan": lambda: lake.scan(PERP.id, "book").collect(),
                "lake.events (hash checked)": lambda: lake.events(PERP.id),
                "lake.stream (hash checked, bounded)": lambda: sum(e.rows for e in lake.stream(PERP.id)),
                "LakeFeed, steps of 100 ms": steps,
            },
        ),
        "one column": (
            rows,
            {
                "polars.scan_parquet": lambda: pl.scan_parquet(plain).select(total).collect(),
                "lake.scan": lambda: lake.scan(PERP.id, "book").select(total).collect(),
            },
        ),
        "1 % of the time": (
            rows // 100,
            {
                "polars.scan_parquet": lambda: pl.scan_parquet(plain).filter(near).collect(),
                "lake.scan": lambda: lake.scan(PERP.id, "book", start_ns=low, end_ns=high).collect(),
                "lake.events": lambda: lake.events(PERP.id, start_ns=low, end_ns=high),
            },
        ),
    }
    for title, (count, jobs) in groups.items():
        show(f"read, {title}", count, best(jobs, rounds=rounds), base="polars.scan_parquet")


def peak(folder: Path, rows: int) -> None:
    """Peak resident memory (Linux) of a process that streams rows into a lake, and of one that streams them out."""
    for what in ("ingest", "stream"):
        command = [sys.executable, __file__, "--child", what, "--rss-rows", str(rows), "--folder", str(folder / "big")]
        print(f"  {what}: {subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()}")


def child(what: str, folder: Path, rows: int) -> None:
    start = time.perf_counter()
    before = peak_mb()
    if what == "ingest":
        done = Lake(folder).ingest("a", batches(rows)).rows
    else:
        done = sum(events.rows for events in Lake(folder).stream(PERP.id))
    took = time.perf_counter() - start
    print(f"{done} rows in {took:.1f} s; peak {peak_mb():.0f} MB, of it {before:.0f} MB before the first row")


def peak_mb() -> float:
    """Peak resident memory of this process; rusage would count the parent's, which was there before exec."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rss-rows", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", choices=["ingest", "stream"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.folder, options.rss_rows)
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        held = list(batches(options.rows))
        print(f"{options.rows} rows, best of {options.rounds}")
        write(folder, held, options.rows, rounds=options.rounds)
        del held
        read(folder, options.rows, rounds=options.rounds)
        print(f"\nmemory, {options.rss_rows} rows of 51 bytes")
        peak(folder, options.rss_rows)


if __name__ == "__main__":
    main()
