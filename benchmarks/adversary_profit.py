"""What the adversary earns in the agent market from an order worked plainly, what he costs it, and how surely he finds it.

    python benchmarks/adversary_profit.py [--runs 60] [--seed 3000] [--minutes 10]

One token on one venue, perpetual and spot. Each seed is lived with the order bought and sold (the mean of both takes the move
of the value out) and without it, with an adversary who trades and with one who only watches: he draws from a stream of his own,
so the rest is the same until he acts. Ordinary flow is fitted on seeds 900 to 903; the threshold for 5 % in a run without an
order comes from seeds 910 to 949; how he trades was chosen on seeds 700 to 723; the table is on others. Profit is the ledger's,
fees paid, what is left of his position at the last mid; intervals are 95 % by bootstrap over seeds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D
from counterpoise.core.units import MINUTE_NS, SECOND_NS
from counterpoise.market.event import Events
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.ahead import AheadConfig, ahead_line, ahead_report
from counterpoise.sim.agents.detection import alarm_threshold, auc
from counterpoise.sim.agents.ledger import agent_ledger
from counterpoise.sim.agents.market import simulate
from counterpoise.sim.agents.metaorder import metaorder_line
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, fit_ordinary_flow
from counterpoise.sim.agents.world import build_world

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from reference.hidden_orders import in_a_row

FIT_SEEDS = range(900, 904)
THRESHOLD_SEEDS = range(910, 950)
WATCHING = 499.0  # a threshold that no score reaches
AFTER_S = 180  # the market lives on, so that he may unwind
STEP_S = 5
CHILDREN = 60


class Order(NamedTuple):
    """An order in lots; on the clock, or as a share of the volume looked at each second."""

    name: str
    lots: int
    share: float = 0.0


class Lived(NamedTuple):
    """One run: greatest score while the order was worked, alarms, time of the first, profits in USDT, share done by then."""

    peak: float
    alarms: int
    profit: float
    fees: float
    order_profit: float
    delay: float


def config_of(seed: int, minutes: int) -> AgentMarketConfig:
    return agent_market_config(seed=seed, duration=f"{minutes}m", tokens=1, venues=1)


def events_of(seed: int, *, minutes: int) -> Events:
    """What the perpetual says without an order."""
    config = config_of(seed, minutes)
    return simulate(config).events[config.instruments[0].id]


def live(run: tuple[int, int], *, ordinary: OrdinaryFlow, order: Order | None, threshold: float, minutes: int) -> Lived:
    """Live one run, a seed and a side of the order. Without an order its agent sleeps."""
    seed, side = run
    config = config_of(seed, minutes)
    some = order or Order("none", CHILDREN)
    child, every = -(-some.lots // CHILDREN), f"{60 * minutes // CHILDREN}s"
    if some.share:
        child, every = some.lots, "1s"
    line = metaorder_line(config, 0, side=side, lots=some.lots, child_lots=child, every=every, share=some.share)
    ahead = ahead_line(config, 0, ordinary=ordinary, ahead=AheadConfig(threshold=threshold))
    world = build_world(config, extra=[line, ahead])
    worker, watcher = world.lines[-2].account, len(world.lines) - 2
    world.wake_at(watcher, config.start_ns if order else config.end_ns + 24 * 60 * MINUTE_NS)
    peak, delay = -np.inf, np.inf
    for second in range(0, 60 * minutes + AFTER_S + 1, STEP_S):
        world.pass_unseen(config.start_ns + second * SECOND_NS)
        report = ahead_report(world).row(0, named=True)
        peak = max(peak, report["score"]) if second <= 60 * minutes else peak
        if report["alarms"] and delay == np.inf:
            delay = abs(world.position_lots(worker, 0)) / some.lots
    ledger = agent_ledger(world)
    his, its = (ledger.filter(pl.col("type") == name).row(0, named=True) for name in ("adversary", "metaorder"))
    return Lived(peak, report["alarms"], his["profit"], his["fees"], its["profit"], delay)


def interval(values: Float1D) -> str:
    """Mean and 95 % interval by bootstrap."""
    draw = np.random.default_rng(0)
    means = values[draw.integers(0, len(values), (4000, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{values.mean():,.1f} ({low:,.1f} to {high:,.1f})"


def table(arguments: argparse.Namespace, pool: ProcessPoolExecutor) -> None:
    """Print what he earns by order."""
    minutes, seeds = arguments.minutes, range(arguments.seed, arguments.seed + arguments.runs)
    design = list(pool.map(partial(events_of, minutes=minutes), FIT_SEEDS))
    prints = in_a_row(design)
    volume = float(prints.qty_lots.sum()) / len(design)
    ordinary = fit_ordinary_flow(prints, config_of(0, minutes).instruments[0])
    run = partial(live, ordinary=ordinary, minutes=minutes)
    clean = list(pool.map(partial(run, order=None, threshold=WATCHING), [(seed, 1) for seed in THRESHOLD_SEEDS]))
    threshold = alarm_threshold([one.peak for one in clean])
    print(f"threshold for 5 % in {minutes} min, from {len(clean)} runs: {threshold:.1f} nats; volume {volume:,.0f} lots a run")
    print(f"{arguments.runs} seeds from {arguments.seed}\n")
    print("| order | alarms | AUC (95 %) | median share done | his profit, USDT | fees in it | cost to the order, USDT |")
    print("|---|---|---|---|---|---|---|")
    alone, pairs = [(seed, 1) for seed in seeds], [(seed, side) for seed in seeds for side in (1, -1)]
    quiet = list(pool.map(partial(run, order=None, threshold=WATCHING), alone))
    none = list(pool.map(partial(run, order=None, threshold=threshold), alone))
    profit, fees = np.array([one.profit for one in none]), np.mean([one.fees for one in none])
    print(f"| none | {share_of(none)} | | | {interval(profit)} | {fees:,.1f} | |", flush=True)
    orders = [Order(f"TWAP, {share:.0%} of the volume", round(share * volume)) for share in (0.05, 0.1, 0.3, 0.6)]
    orders.append(Order("10% of what is traded", round(0.1 * volume), 0.1))
    for order in orders:
        watched = list(pool.map(partial(run, order=order, threshold=WATCHING), pairs))
        ahead = list(pool.map(partial(run, order=order, threshold=threshold), pairs))
        print(row_of(order, watched, ahead, quiet), flush=True)


def row_of(order: Order, watched: list[Lived], ahead: list[Lived], quiet: list[Lived]) -> str:
    """One line: power over every second run of the pairs, money over both of each."""
    value, low, high = auc([one.peak for one in watched[::2]], [one.peak for one in quiet])
    cost = paired([before.order_profit - after.order_profit for before, after in zip(watched, ahead, strict=True)])
    done = float(np.median([one.delay for one in ahead]))
    cells = (
        order.name,
        share_of(ahead),
        f"{value:.3f} ({low:.3f}-{high:.3f})",
        "never" if done > 1 else f"{done:.2f}",
        interval(paired([one.profit for one in ahead])),
        f"{np.mean([one.fees for one in ahead]):,.1f}",
        interval(cost),
    )
    return "| " + " | ".join(cells) + " |"


def paired(values: list[float]) -> Float1D:
    """Mean of each order bought and sold."""
    return np.asarray(np.array(values).reshape(-1, 2).mean(axis=1))


def share_of(runs: list[Lived]) -> str:
    return f"{np.mean([one.alarms > 0 for one in runs]):.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        table(arguments, pool)


if __name__ == "__main__":
    main()
