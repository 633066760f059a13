"""Bare replay in hftbacktest, in its own environment: no order, no strategy, nothing but its two books going by.

    python hftbacktest_replay.py EVENTS.npz TICK LOT

For each line on stdin, ``DEPTH STEP_NS`` (depth ``hashmap`` or ``roivec``; STEP_NS 0 goes to the end in one call), the data
are replayed once and a line of JSON is printed: seconds of the loop alone, by the clock and of CPU, best prices at the end.
Data are in memory and everything is compiled before the first clock starts.
"""

from __future__ import annotations

import json
import sys
import time

import hftbacktest
import numpy as np
from numba import njit

FOREVER = 1 << 62


@njit
def in_steps(backtest, step_ns):
    steps = 0
    while backtest.elapse(step_ns) == 0:
        steps += 1
    return steps


@njit
def at_once(backtest):
    backtest.elapse(FOREVER)
    return 1


def backtest_of(events, depth: str, tick: float, lot: float):
    mid = float(np.median(events["px"]))
    asset = (
        hftbacktest.BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick)
        .lot_size(lot)
        .parallel_load(False)
    )
    if depth == "hashmap":
        return hftbacktest.HashMapMarketDepthBacktest([asset])
    return hftbacktest.ROIVectorMarketDepthBacktest([asset.roi_lb(0.8 * mid).roi_ub(1.2 * mid)])


def replay(events, depth: str, step_ns: int, tick: float, lot: float) -> dict[str, object]:
    backtest = backtest_of(events, depth, tick, lot)
    backtest.elapse(1)  # loads the data and stands at the first event
    start, cpu = time.perf_counter(), time.process_time()
    steps = in_steps(backtest, step_ns) if step_ns else at_once(backtest)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    book = backtest.depth(0)
    out = {"seconds": seconds, "cpu": cpu, "steps": steps, "bid": book.best_bid_tick, "ask": book.best_ask_tick}
    backtest.close()
    return out


def main() -> None:
    path, tick, lot = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    events = np.load(path)["records"]
    for depth in ("hashmap", "roivec"):
        for step_ns in (0, 1_000_000_000):
            replay(events[:20_000].copy(), depth, step_ns, tick, lot)
    print(json.dumps({"version": hftbacktest.__version__, "rows": len(events)}), flush=True)
    for line in sys.stdin:
        depth, step = line.split()
        print(json.dumps(replay(events, depth, int(step), tick, lot)), flush=True)


if __name__ == "__main__":
    main()
