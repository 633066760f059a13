"""Rows a second of the Tardis book reader, plain and gzip, beside pandas on the same file, and the memory it takes.

    python benchmarks/bench_readers.py --rows 10000000

Ours gives checked rows on the tick grid, with messages numbered and snapshots applied; pandas gives the columns of the file.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from counterpoise.adapters.tardis import read_tardis
from counterpoise.market.instrument import Instrument, InstrumentKind

PIECE = 1_000_000
PERP = Instrument(
    venue="binance_usdm",
    symbol="BTCUSDT",
    kind=InstrumentKind.PERP,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.001",
)


def write_book(path: Path, *, rows: int, rng: np.random.Generator) -> None:
    """A day as the vendor writes it: one snapshot, then messages of about five levels."""
    start = 1_723_161_300_000_000
    with path.open("wb") as file:
        file.write(b"exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n")
        for first in range(0, rows, PIECE):
            n = min(PIECE, rows - first)
            local = start + np.cumsum(rng.integers(1, 40, n) * (rng.random(n) < 0.2))
            start = int(local[-1])
            columns = {
                "exchange": np.full(n, "binance-futures"),
                "symbol": np.full(n, "BTCUSDT"),
                "timestamp": local - 1500,
                "local_timestamp": local,
                "is_snapshot": np.arange(first, first + n) < 2000,
                "side": np.where(rng.random(n) < 0.5, "bid", "ask"),
                "price": np.round(60000 + rng.integers(0, 20000, n) * 0.1, 1),
                "amount": np.round(rng.integers(0, 20000, n) * 0.001, 3),
            }
            pl.DataFrame(columns).write_csv(file, include_header=False)


def ours(path: Path) -> int:
    reader = read_tardis(path, kind="incremental_book_L2", instrument=PERP)
    return sum(batch.frame.height for batch in reader)


def pandas_whole(path: Path) -> int:
    return len(pd.read_csv(path))


def pandas_chunks(path: Path) -> int:
    return sum(len(chunk) for chunk in pd.read_csv(path, chunksize=1 << 16))


def peak_mb(path: Path) -> float:
    """Peak resident memory of a fresh process that reads the file once (Linux)."""
    done = subprocess.run([sys.executable, __file__, "--peak", str(path)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        ours(given.peak)
        status = Path("/proc/self/status").read_text(encoding="ascii")
        print(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
        return
    with tempfile.TemporaryDirectory() as folder:
        plain, packed = Path(folder) / "book.csv", Path(folder) / "book.csv.gz"
        write_book(plain, rows=given.rows, rng=np.random.default_rng(1))
        with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
            while data := source.read(1 << 22):
                target.write(data)
        report([plain, packed], rows=given.rows, repeats=given.repeats)


def report(paths: list[Path], *, rows: int, repeats: int) -> None:
    readers: list[Callable[[Path], int]] = [ours, pandas_whole, pandas_chunks]
    best: dict[tuple[str, str], float] = {}
    for _ in range(repeats):
        for path in paths:
            for reader in readers:
                begun = time.perf_counter()
                assert reader(path) == rows
                key = path.suffix, reader.__name__
                best[key] = min(best.get(key, np.inf), time.perf_counter() - begun)
    print(f"{'file':8} {'reader':14} {'M rows/s':>9} {'ours/peer':>10}")
    for (suffix, name), seconds in best.items():
        print(f"{suffix:8} {name:14} {rows / seconds / 1e6:9.2f} {seconds / best[suffix, 'ours']:10.2f}")
    for path in paths:
        print(f"peak memory of ours, {rows:,} rows {path.suffix}: {peak_mb(path):.0f} MB")


if __name__ == "__main__":
    main()
