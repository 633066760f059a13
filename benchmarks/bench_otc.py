"""Venues away from the book: the dark pool beside its twin, requests to dealers, and bounded quotes beside scipy.

    python benchmarks/bench_otc.py [--rows 200000] [--rounds 5]

The lit market is a random walk of quotes with trades; the twin lives through a twentieth of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy.linalg import expm

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.impact.impact import Impact, TransientImpact
from counterpoise.market.event import DELTA, FIRST, LAST, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Approved, Order, OrderType
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel
from counterpoise.sim.maker.bounded import bounded_distances
from counterpoise.sim.otc.crowd import DarkFlow
from counterpoise.sim.otc.dark_pool import DarkPool
from counterpoise.sim.otc.dealer import Dealer
from counterpoise.sim.otc.lit import LitTape
from counterpoise.sim.otc.panel import DealerPanel
from counterpoise.sim.otc.rfq import RfqRules
from timing import interleaved, job, show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from reference.naive_dark_pool import NaivePool

PERP = Instrument(
    venue="bench", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="0.01"
)
IMPACT = Impact(propagator=TransientImpact(bps_per_million=0.5))
PAPER = MakerModel(sigma=0.3, intensity=0.9, kappa=0.3, gamma=0.01, horizon=600.0)


def events(rows: int, seed: int = 1) -> Events:
    """Half touches that move a tick, half trades, a row each 20 ms."""
    rng = np.random.default_rng(seed)
    ts = SECOND_NS + np.arange(rows) * 20 * MS_NS
    kind = np.where(rng.random(rows) < 0.5, TRADE, DELTA).astype(np.uint8)
    kind[:2] = SNAPSHOT
    flags = np.full(rows, FIRST | LAST, np.uint8)
    flags[:2] = FIRST, LAST
    side = rng.choice(np.array([-1, 1], np.int8), rows)
    side[:2] = 1, -1
    lots = rng.integers(1, 60, rows)
    lots[kind == DELTA] *= rng.integers(0, 2, int((kind == DELTA).sum()))  # set or clear the level inside a spread of three
    lots[:2] = 100
    price = np.where(side > 0, 10_001, 10_002)
    price[:2] = 10_000, 10_003
    return Events(ts, ts, np.arange(rows), np.arange(rows), kind, side, flags, price, lots)


def pool_of(flow: DarkFlow) -> DarkPool:
    latency = ConstantLatency(order="0", ack="0", feed="0")
    return DarkPool(PERP, flow=flow, fees=Fees(), latency=latency)


def live(stream: Events, *, ours: bool) -> DarkPool:
    pool = pool_of(DarkFlow())
    pool.feed(stream)
    pool.advance(int(stream.ts_local[2]))
    for side in (1, -1) if ours else ():
        order = Order(client_id=str(side), instrument=pool.instrument.id, side=side, qty_lots=10**8, type=OrderType.MARKET)
        pool.submit(Approved(order), least_lots=10)
    pool.advance(int(stream.ts_local[-1]) + 1)
    return pool


def twin(lit: np.ndarray) -> None:
    NaivePool(DarkFlow(), np.random.SeedSequence(0).generate_state(16, np.uint64)).run(lit.tolist(), int(lit[-1, 0]) + 1)


def requests(stream: Events, count: int) -> None:
    panel = DealerPanel(PERP, dealers=(Dealer(prehedge=0.3),) * 5, rules=RfqRules(elasticity=0.2), impact=IMPACT)
    panel.feed(stream.cut(0, 100))
    for number in range(count):
        panel.advance(10 * SECOND_NS + number * SECOND_NS)
        request = panel.request(1000, side=1 if number % 2 else -1)
        best = request.best(request.side)
        assert best is not None
        order = Order(
            client_id=str(number), instrument=panel.instrument.id, side=request.side, qty_lots=1000, type=OrderType.MARKET
        )
        panel.accept(best.quote_id, Approved(order))


def by_series(held: np.ndarray, times: int) -> None:
    for _ in range(times):
        bounded_distances(held, time=0.0, model=PAPER, limit=30)


def by_exponential(held: np.ndarray) -> np.ndarray:
    """The same distances by scipy's matrix exponential."""
    alpha = PAPER.kappa / 2 * PAPER.gamma * PAPER.sigma**2
    eta = PAPER.intensity * (1 + PAPER.gamma / PAPER.kappa) ** -(1 + PAPER.kappa / PAPER.gamma)
    beside = np.eye(len(held), k=1) + np.eye(len(held), k=-1)
    v = expm(-PAPER.horizon * (np.diag(alpha * held**2.0) - eta * beside)) @ np.ones(len(held))
    return np.asarray(np.log(v[:-1] / v[1:]) / PAPER.kappa + np.log1p(PAPER.gamma / PAPER.kappa) / PAPER.gamma)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    stream, held = events(options.rows), np.arange(-30, 31)
    lit = LitTape().rows(stream)
    part = lit[: len(lit) // 20]
    jobs = [
        job("lit rows out of events", stream.rows, lambda: LitTape().rows(stream)),
        job("pool, events, no orders of ours", stream.rows, lambda: live(stream, ours=False)),
        job("pool, events, two orders of ours rest", stream.rows, lambda: live(stream, ours=True)),
        job("naive twin, lit rows, no orders", len(part), lambda: twin(part)),
    ]
    show("dark pool", jobs, interleaved(jobs, options.rounds))
    asks = [job("request of five dealers, accepted and hedged", 500, lambda: requests(stream, 500))]
    show("dealers, a row is a request", asks, interleaved(asks, options.rounds))
    quotes = [
        job("bounded quotes of 61 inventories", 100, lambda: by_series(held, 100)),
        job("scipy.linalg.expm, the same", 100, lambda: [by_exponential(held) for _ in range(100)]),
    ]
    show("bounded maker, a row is one time", quotes, interleaved(quotes, options.rounds))


if __name__ == "__main__":
    main()
