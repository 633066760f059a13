"""The Binance capture reader beside json with dictionaries, and beside decoding alone: messages/s on the three recordings.

    python benchmarks/bench_capture.py [--rounds 5]

All start from the gzip file on disk. The twin unpacks, decodes with json and keeps the book as dictionaries of floats; decoding
alone is msgspec to Python objects, with nothing done to them. The reader decodes, puts in sequence, and gives exact columns.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.market.symbol import parse_instrument

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("01_binance_l2_20240808")
CAPTURES = {
    "usdm/btcusdt": parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001"),
    "cm/btcusd_perp": parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1"),
    "spot/btcusdt": parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001"),
}


def naive(path: Path) -> int:
    """json to dictionaries of price and size; no sequence check."""
    book: dict[str, dict[float, float]] = {"b": {}, "a": {}}
    messages = 0
    with gzip.open(path, "rb") as file:
        for line in file:
            messages += 1
            message = json.loads(line.partition(b" ")[2])
            data = message.get("data", message)
            if "bids" in data:
                book = {"b": {}, "a": {}}
                data = {"e": "depthUpdate", "b": data["bids"], "a": data["asks"]}
            if data.get("e") == "depthUpdate":
                for name, levels in book.items():
                    for price, size in data[name]:
                        levels[float(price)] = float(size)
                        if not levels[float(price)]:
                            del levels[float(price)]
    return messages


def decoded(path: Path) -> int:
    decode = msgspec.json.Decoder().decode
    with gzip.open(path, "rb") as file:
        return sum(1 for line in file if decode(line.partition(b" ")[2]))


def seconds_of(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    folder = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")) / FOLDER
    if not folder.is_dir():
        print(f"no recordings at {folder}; set COUNTERPOISE_DATA")
        return
    for name, instrument in CAPTURES.items():
        path = folder / f"{name}_20240808.gz"
        jobs: dict[str, Callable[[], object]] = {
            "read_binance_capture": lambda p=path, i=instrument: list(
                read_binance_capture(p, venue=i.venue, instrument=lambda _: i)
            ),
            "json, dictionaries": lambda p=path: naive(p),
            "msgspec decode alone": lambda p=path: decoded(p),
        }
        messages = decoded(path)
        seconds: dict[str, list[float]] = {key: [] for key in jobs}
        for turn in range(rounds + 1):
            for key, job in jobs.items():
                spent = seconds_of(job)
                if turn:  # the first round warms
                    seconds[key].append(spent)
        print(f"\n{instrument.id}: {messages:,} messages")
        ours = seconds["read_binance_capture"]
        for key, runs in seconds.items():
            rates = f"best {messages / min(runs):>10,.0f} messages/s  median {messages / median(runs):>10,.0f}"
            print(f"  {key:22} {rates}  ours is {min(runs) / min(ours):.2f} x (median {median(runs) / median(ours):.2f} x)")


if __name__ == "__main__":
    main()
