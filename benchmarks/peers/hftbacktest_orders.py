"""One order worked in hftbacktest, in its own environment: cancelled and placed anew at the best bid, again and again.

    python hftbacktest_orders.py EVENTS.npz TICK LOT

For each line on stdin, ``QUEUE EVERY_NS LOTS`` (queue ``conservative``, ``power:N`` or ``log``), the data are replayed once and
a line of JSON is printed: seconds of the loop alone, by the clock and of CPU, decisions, lots bought and fills. Orders and
reports take 1 ms each way; data are in memory and everything is compiled before the first clock starts. Orders fill whole: the
exchange with partial fills of release 2.4.4 panics when an order that was just filled is cancelled.
"""

from __future__ import annotations

import json
import sys
import time

import hftbacktest
import numpy as np
from hftbacktest import GTX, LIMIT
from numba import njit


@njit
def worked(backtest, every_ns, qty):
    decisions, order_id = 0, 0
    while backtest.elapse(every_ns) != 1:  # 1 is the end of the data
        depth = backtest.depth(0)
        backtest.clear_inactive_orders(0)
        if order_id in backtest.orders(0):
            backtest.cancel(0, order_id, False)
        order_id += 1
        backtest.submit_buy_order(0, order_id, depth.best_bid, qty, GTX, LIMIT, False)
        decisions += 1
    return decisions


def backtest_of(events, queue: str, tick: float, lot: float):
    mid = float(np.median(events["px"]))
    asset = (
        hftbacktest.BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(1_000_000, 1_000_000)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(tick)
        .lot_size(lot)
        .roi_lb(0.8 * mid)
        .roi_ub(1.2 * mid)
        .parallel_load(False)
    )
    name, _, power = queue.partition(":")
    if name == "conservative":
        asset = asset.risk_adverse_queue_model()
    elif name == "power":
        asset = asset.power_prob_queue_model(float(power))
    else:
        asset = asset.log_prob_queue_model()
    return hftbacktest.ROIVectorMarketDepthBacktest([asset])


def replay(events, queue: str, every_ns: int, lots: int, tick: float, lot: float) -> dict[str, object]:
    backtest = backtest_of(events, queue, tick, lot)
    backtest.elapse(1)  # loads the data and stands at the first event
    start, cpu = time.perf_counter(), time.process_time()
    decisions = worked(backtest, every_ns, lots * lot)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    state = backtest.state_values(0)
    bought = round(backtest.position(0) / lot)
    out = {
        "seconds": seconds,
        "cpu": cpu,
        "decisions": decisions,
        "lots": bought,
        "fills": state.num_trades,
        "traded": round(state.trading_volume / lot),
    }
    backtest.close()
    return out


def main() -> None:
    path, tick, lot = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    events = np.load(path)["records"]
    replay(events[:20_000].copy(), "conservative", 100_000_000, 10, tick, lot)
    print(json.dumps({"version": hftbacktest.__version__, "rows": len(events)}), flush=True)
    for line in sys.stdin:
        queue, every, lots = line.split()
        print(json.dumps(replay(events, queue, int(every), int(lots), tick, lot)), flush=True)


if __name__ == "__main__":
    main()
