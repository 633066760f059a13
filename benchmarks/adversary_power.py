"""Power of the adversary on the synthetic market: AUC with its interval, the floor, delay, by size of the order and disguise.

    python benchmarks/adversary_power.py [--runs 40] [--minutes 10] [--seed 1000] [--children 60]

Each run is a market of its own seed, with and without a large order put in as prints: nobody reacts to it, so nothing but the
order itself gives it away. Ordinary flow is fitted on the seeds 1 to 3, on which the detector was made; the table is on others.
The floor by lots is d′ = Q / sd(net lots); by orders it is the same with numbers of orders in place of lots, which binds a
schedule that keeps the sizes of ordinary orders. On the recordings nobody knows the truth: false alarms out of sample.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import TRADE, Events
from counterpoise.sim.agents.adversary import detect
from counterpoise.sim.agents.detection import alarm_threshold, auc, detection_delay, leakage_floor
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, aggressive_orders, fit_ordinary_flow
from counterpoise.sim.synthetic.market import default_config, generate

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from reference.binance_recordings import CAPTURES, read_recording  # noqa: E402
from reference.hidden_orders import Disguise, disguises, in_a_row, with_children  # noqa: E402

DESIGN_SEEDS = (1, 2, 3)
SHARES = (0.01, 0.02, 0.05, 0.1, 0.3)
TOKEN = default_config().tokens[0]
INSTRUMENT = TOKEN.instrument("sim")


class Seen(NamedTuple):
    """What a run scored at most, and the share of the order that was done when the score passed the threshold."""

    peak: float
    delay: float
    orders: int


def clean_run(seed: int, *, minutes: int) -> Events:
    """Prints of the synthetic market's BTC."""
    config = msgspec.structs.replace(default_config(seed=seed, duration=f"{minutes}m"), tokens=(TOKEN,))
    events = generate(config)[INSTRUMENT.id]
    traded = events.kind == TRADE
    return Events._make(np.ascontiguousarray(column[traded]) for column in events)


def peak_of(run: Events, ordinary: OrdinaryFlow) -> float:
    return float(detect(run, INSTRUMENT, ordinary=ordinary)["peak"].max())


def seen(
    run: Events, number: int, ordinary: OrdinaryFlow, disguise: Disguise, *, total: int, children: int, threshold: float
) -> Seen:
    """One run with an order of a total in it, bought in the even runs and sold in the odd ones."""
    draw = np.random.default_rng([number, total])
    order = disguise(draw, int(run.ts_venue[0]), int(run.ts_venue[-1]), total, children)
    path = detect(with_children(run, order, side=1 - 2 * (number % 2)), INSTRUMENT, ordinary=ordinary)
    when = path["ts"].dt.epoch("ns").to_numpy()
    delay = detection_delay(when, path["peak"], threshold=threshold, fill_ts=order.ts, fill_lots=order.lots)
    return Seen(float(path["peak"].max()), delay, len(order.lots))


def table(arguments: argparse.Namespace, pool: ProcessPoolExecutor) -> None:
    """Print power by size and disguise."""
    make = partial(clean_run, minutes=arguments.minutes)
    design = list(pool.map(make, DESIGN_SEEDS))
    runs = list(pool.map(make, range(arguments.seed, arguments.seed + arguments.runs)))
    ordinary = fit_ordinary_flow(in_a_row(design), INSTRUMENT)
    sizes = np.concatenate([aggressive_orders(run, INSTRUMENT)["qty_lots"].to_numpy() for run in design])
    clean = np.array(list(pool.map(partial(peak_of, ordinary=ordinary), runs)))
    half = len(runs) // 2
    threshold = alarm_threshold(clean[:half])
    lots = [float((run.side * run.qty_lots).sum()) for run in runs]
    orders = [float(aggressive_orders(run, INSTRUMENT)["side"].cast(int).sum()) for run in runs]
    volume = float(np.mean([run.qty_lots.sum() for run in runs]))
    print(f"{len(runs)} runs of {arguments.minutes} min, seeds from {arguments.seed}; fitted on {ordinary.orders:,} orders")
    print(f"threshold for 5 % in a run, from half of the runs: {threshold:.1f} nats; alarms in the other: ", end="")
    print(f"{(clean[half:] > threshold).mean():.1%} of {len(clean) - half}\n")
    print("| share of volume | disguise | orders | floor, lots | floor, orders | AUC | 95 % | found | median share done |")
    print("|---|---|---|---|---|---|---|---|---|")
    for share in SHARES:
        for name, disguise in disguises(sizes).items():
            total = round(share * volume)
            look = partial(
                seen, ordinary=ordinary, disguise=disguise, total=total, children=arguments.children, threshold=threshold
            )
            results = list(pool.map(look, runs, range(len(runs))))
            count = round(np.mean([result.orders for result in results]))
            floors = f"{leakage_floor(total, lots).auc:.3f} | {leakage_floor(count, orders).auc:.3f}"
            print(f"| {share:.0%} | {name} | {count} | {floors} | {power(results, clean, threshold)} |", flush=True)


def power(results: list[Seen], clean: Float1D, threshold: float) -> str:
    """Cells of AUC, its interval, share of runs found, and how much was done by then."""
    peaks = np.array([result.peak for result in results])
    value, low, high = auc(peaks, clean)
    done = float(np.median([result.delay for result in results]))
    return f"{value:.3f} | {low:.3f}-{high:.3f} | {(peaks > threshold).mean():.0%} | {'never' if done > 1 else f'{done:.2f}'}"


def alarms(data: Path) -> None:
    """Print false alarms on the recordings: fit on a third, threshold from another, count on the last, all six ways."""
    print("\n| recording | block | blocks | orders a block | alarms at 5 % | above ln(n/α) | signs alone above ln(n/α) |")
    print("|---|---|---|---|---|---|---|")
    for name, block in ((name, block) for name in CAPTURES for block in (2, 5)):
        events, instrument = read_recording(name, data)[0], CAPTURES[name].instrument
        edges = np.linspace(int(events.ts_local[0]), int(events.ts_local[-1]) + 1, 4).astype(np.int64)
        found = []
        for fit, calibrate, test in permutations(range(3)):
            try:
                ordinary = fit_ordinary_flow(events.cut(events.until(edges[fit]), events.until(edges[fit + 1])), instrument)
            except InputError:
                continue  # too few orders in that third
            path = detect(events, instrument, ordinary=ordinary, every=f"{block}s", restart=f"{block}s")
            third = np.searchsorted(edges, path["ts"].dt.epoch("ns").to_numpy() - block * SECOND_NS, side="right") - 1
            peak, bound = path["peak"].to_numpy(), np.log(np.maximum(path["orders"].to_numpy(), 1) / 0.05)
            here, threshold = third == test, alarm_threshold(peak[third == calibrate])
            signs = path["flow"].to_numpy()[here] > bound[here]
            found.append(np.stack([peak[here] > threshold, peak[here] > bound[here], signs, path["orders"].to_numpy()[here]]))
        rates = np.concatenate(found, axis=1)
        at, above, signs, orders = rates.mean(axis=1)
        print(f"| {name} | {block} s | {rates.shape[1]} | {orders:.0f} | {at:.1%} | {above:.1%} | {signs:.1%} |")


def speed() -> None:
    """Print the cost of an order, rows of other kinds included."""
    run = in_a_row([clean_run(seed, minutes=10) for seed in DESIGN_SEEDS])
    ordinary = fit_ordinary_flow(run, INSTRUMENT)
    orders, best = aggressive_orders(run, INSTRUMENT).height, np.inf
    for _ in range(5):
        begin = time.process_time()
        detect(run, INSTRUMENT, ordinary=ordinary, every="1m")
        best = min(best, time.process_time() - begin)
    print(f"\n{best / orders * 1e9:.0f} ns an order ({run.rows / orders:.1f} prints each), one core, best of 5, process time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--children", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers) as pool:
        table(arguments, pool)
    if (arguments.data / "01_binance_l2_20240808").is_dir():
        alarms(arguments.data)
    speed()


if __name__ == "__main__":
    main()
