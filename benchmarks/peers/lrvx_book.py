"""The order book of lrvx, in its own environment: one delta a call, as they come from a socket.

    python lrvx_book.py ROWS.npz TICK

For each line on stdin the rows are applied once to a new book and a line of JSON is printed: seconds of the calls, by the
clock and of CPU, and the best prices at the end. Rows of a snapshot go in one call; arguments are made before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version

import lrvx
import numpy as np

NOTHING = np.empty(0)


def calls_of(data) -> list[tuple[bool, tuple]]:
    """Whether each call is a snapshot, and its arguments: bid prices, sizes, ask prices, sizes."""
    price, qty, bid, snapshot = data["price"], data["qty"], data["bid"], data["snapshot"]
    calls, start = [], 0
    while start < len(price):
        stop = start + 1
        while snapshot[start] and stop < len(price) and snapshot[stop]:
            stop += 1
        of_bid = bid[start:stop]
        p, q = price[start:stop], qty[start:stop]
        bids = (p[of_bid], q[of_bid]) if of_bid.any() else (NOTHING, NOTHING)
        asks = (NOTHING, NOTHING) if of_bid.all() else (p[~of_bid], q[~of_bid])
        calls.append((bool(snapshot[start]), bids + asks))
        start = stop
    return calls


def apply(calls, tick: float) -> dict[str, object]:
    book = lrvx.OrderBook(tick)
    delta, snapshot = book.apply_delta, book.apply_snapshot
    start, cpu = time.perf_counter(), time.process_time()
    for whole, (bids, bid_sizes, asks, ask_sizes) in calls:
        if whole:
            snapshot(bids, bid_sizes, asks, ask_sizes)
        else:
            delta(bids, bid_sizes, asks, ask_sizes)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"seconds": seconds, "cpu": cpu, "bid": book.best_bid(), "ask": book.best_ask()}


def main() -> None:
    with np.load(sys.argv[1]) as held:
        calls = calls_of({name: held[name] for name in held.files})
    print(json.dumps({"version": version("lrvx"), "calls": len(calls)}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(apply(calls, float(sys.argv[2]))), flush=True)


if __name__ == "__main__":
    main()
