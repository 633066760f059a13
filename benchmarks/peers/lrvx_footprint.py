"""Footprint and market profile of lrvx, in its own environment, on demand.

    python lrvx_footprint.py TRADES.npz TICK

For each line on stdin, ``footprint``, ``levels``, ``profile`` or ``letters``, the job is done once and a line of JSON is
printed: seconds, or what to compare results by. Data are in memory; what is read out afterwards is not timed.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import lrvx
import numpy as np

DAY_NS = 86_400_000_000_000


def footprint(data, tick: float) -> dict[str, object]:
    """One bar over all trades."""
    bar = lrvx.FootprintBar(tick)
    start, cpu = time.perf_counter(), time.process_time()
    bar.add_trades(data["price"], data["qty"], data["buy"])
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "rows": bar.num_levels(), "volume": bar.total_volume(), "delta": bar.total_delta()}


def levels(data, tick: float) -> dict[str, object]:
    """The rows, as (price, bought, sold)."""
    bar = lrvx.FootprintBar(tick)
    bar.add_trades(data["price"], data["qty"], data["buy"])
    return {"levels": [[level["price"], level["ask_volume"], level["bid_volume"]] for level in bar.levels()]}


def profile_of(data, tick: float):
    """A market profile of half-hours, empty."""
    return lrvx.MarketProfile(tick, 30, int(data["ts"][0]) // DAY_NS * DAY_NS)


def profile(data, tick: float) -> dict[str, object]:
    """Letters of half an hour over the day."""
    made = profile_of(data, tick)
    start, cpu = time.perf_counter(), time.process_time()
    made.add_trades(data["ts"], data["price"], data["qty"], data["buy"])
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "rows": made.num_levels()}


def letters(data, tick: float) -> dict[str, object]:
    """Their number at each price."""
    made = profile_of(data, tick)
    made.add_trades(data["ts"], data["price"], data["qty"], data["buy"])
    return {"letters": [[level["price"], level["tpo_count"]] for level in made.levels()]}


JOBS = {"footprint": footprint, "levels": levels, "profile": profile, "letters": letters}


def main() -> None:
    with np.load(sys.argv[1]) as held:
        data = {name: held[name] for name in held.files}
    print(json.dumps({"version": version("lrvx"), "trades": len(data["ts"])}), flush=True)
    for line in sys.stdin:
        print(json.dumps(JOBS[line.strip()](data, float(sys.argv[2]))), flush=True)


if __name__ == "__main__":
    main()
