"""Liquidation engine of lrvx, in its own environment, on demand.

    python lrvx_cascade.py ACCOUNTS.npz

For each line on stdin an engine is filled with the accounts, which is not timed, and taken along the marks, which is; a line of
JSON is printed: seconds of both, and what happened.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from importlib.metadata import version

import lrvx
import numpy as np


def filled(data):
    """An engine with tiers, fund, ADL and one position an account."""
    engine = lrvx.LiquidationEngine()
    for floor, rate in zip(data["floors"], data["rates"], strict=True):
        engine.add_tier(float(floor), float(rate))
    engine.set_insurance_fund_capital(float(data["fund"]))
    engine.set_adl_enabled(bool(data["adl"]))
    engine.set_adl_ranking("binance")
    rows = zip(data["qty"].tolist(), data["entry"].tolist(), data["equity"].tolist(), strict=True)
    for at, (qty, entry, equity) in enumerate(rows):
        engine.open_position(at, 0, qty, entry, equity)
    return engine


def main() -> None:
    with np.load(sys.argv[1]) as held:
        data = {name: held[name] for name in held.files}
    print(json.dumps({"version": version("lrvx")}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        engine = filled(data)
        begun = time.perf_counter()
        for mark in data["marks"].tolist():
            engine.on_mark(0, mark)
        seconds = time.perf_counter() - begun
        told = {
            "seconds": seconds,
            "fill": begun - start,
            "liquidated": engine.liquidations_count(),
            "adl": engine.adl_closeouts_count(),
            "fund": engine.insurance_fund_balance(),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
