"""The matching exchange by mix of requests, beside its naive twin on the same ones.

    python benchmarks/bench_exchange.py [--requests N] [--naive-requests N] [--rounds R]

A message is a request: a limit order, a market order or a cancel, of 50 accounts around a price that walks, with every row of
tape and reports written. What is refused counts too, cancels of orders that were filled before. Everything runs on one core, is
warmed once, and turns are interleaved.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

from counterpoise.core.arrays import Int2D
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.sim.exchange.floor import new_exchange
from counterpoise.sim.exchange.kernels import batch, codes, layout
from counterpoise.sim.exchange.kernels.outputs import EXCHANGE_TAPE_COLUMNS
from counterpoise.sim.exchange.rules import ExchangeConfig, MarketRules
from timing import interleaved, job, show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from reference.naive_exchange import NaiveExchange

PERP = Instrument(
    venue="bench", symbol="X", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="0.001"
)
MIXES = {  # shares of limit orders and cancels, the rest market orders
    "55 % limit, 35 % cancel, 10 % market": (0.55, 0.35),
    "50 % limit, 49 % cancel, 1 % market": (0.50, 0.49),
    "50 % limit, 50 % market": (0.50, 0.0),
}
ACCOUNTS = 50
OUTPUT_ROWS = 60_000


def config(**changes: bool) -> ExchangeConfig:
    market = MarketRules(instrument=PERP, self_trade="cancel_oldest")
    return ExchangeConfig(markets=(market,), accounts=ACCOUNTS, orders=1 << 17, max_fills=256, **changes)


def requests_of(count: int, limit: float, cancel: float, seed: int = 1) -> Int2D:
    """Rows for `batch.run_requests`; distances from the mid are geometric, a cancel is of one of the last 400 limit orders."""
    draw = np.random.default_rng(seed)
    rows = np.zeros((count, batch.REQUEST_COLUMNS), np.int64)
    what, side = draw.random(count), draw.choice((1, -1), count)
    mid = 100_000 + np.cumsum(draw.integers(-1, 2, count)) // 8
    rows[:, batch.Q_TS] = np.arange(count)
    rows[:, batch.Q_SIDE] = side
    rows[:, batch.Q_ACCOUNT] = 2 + draw.integers(0, ACCOUNTS, count)
    rows[:, batch.Q_LOTS] = draw.integers(1, 20, count)
    rows[:, batch.Q_PRICE] = mid - side * np.minimum(draw.geometric(0.1, count), 200)
    takes, gone = what >= limit + cancel, (what >= limit) & (what < limit + cancel)
    rows[takes, batch.Q_KIND], rows[takes, batch.Q_PRICE] = codes.MARKET, 0
    placed, at = np.flatnonzero(what < limit), np.flatnonzero(gone)
    back = np.searchsorted(placed, at) - 1 - draw.integers(0, 400, len(at))
    rows[at, batch.Q_WHAT] = batch.CANCEL
    rows[at, batch.Q_NUMBER] = np.where(back >= 0, -1 - placed[np.maximum(back, 0)], 0)
    return rows


def run(settings: ExchangeConfig, rows: Int2D) -> dict[str, float]:
    """Carry out all rows; what came of a request on average."""
    ex, answers = new_exchange(settings), np.zeros(len(rows), np.int64)
    tape = np.zeros((OUTPUT_ROWS, EXCHANGE_TAPE_COLUMNS), np.int64)
    reports = np.zeros((OUTPUT_ROWS, codes.REPORT_COLUMNS), np.int64)
    done = told = said = 0
    while done < len(rows):
        done = int(batch.run_requests(ex, tape, reports, rows, answers, done))
        told, said = told + int(ex[layout.TAPE_ROWS]), said + int(ex[layout.REPORT_ROWS])
        ex[layout.TAPE_ROWS] = ex[layout.REPORT_ROWS] = 0
    trades = int(ex[ex[layout.MARKETS] + layout.TRADE_ID])
    return {
        "trades": trades / len(rows),
        "tape rows": told / len(rows),
        "reports": said / len(rows),
        "refused": float((answers < 0).mean()),
        "live orders at the end": float(ex[layout.LIVE]),
    }


def run_naive(settings: ExchangeConfig, rows: Int2D) -> None:
    naive, answers = NaiveExchange(settings), list[int]()
    for row in rows.tolist():
        what, ts, number, market, account, side, kind, price, lots, tag = row[:10]
        if what == batch.CANCEL:
            answers.append(naive.cancel(ts, answers[-1 - number] if number < 0 else 0))
        else:
            answers.append(naive.place(ts, market, account, side, kind, price, lots, tag))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--naive-requests", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    jobs = []
    for name, (limit, cancel) in MIXES.items():
        rows = requests_of(wanted.requests, limit, cancel)
        jobs.append(job(name, wanted.requests, partial(run, config(), rows), target_ns=200))
        jobs.append(job(f"{name}, no quotes", wanted.requests, partial(run, config(quotes=False), rows)))
        few = rows[: wanted.naive_requests]
        jobs.append(job(f"{name}, naive twin", len(few), partial(run_naive, config(), few)))
    show("Requests to the exchange", jobs, interleaved(jobs, wanted.rounds))
    print("\n  of a request, on average")
    for name, (limit, cancel) in MIXES.items():
        found = run(config(), requests_of(wanted.requests, limit, cancel))
        print(f"  {name:40} " + ", ".join(f"{key} {value:,.2f}" for key, value in found.items()))
    words = len(new_exchange(config()))
    print(f"\n  one exchange of {1 << 17:,} orders and {1 << 16:,} ticks: {words * 8 / 2**20:.1f} MB")


if __name__ == "__main__":
    main()
