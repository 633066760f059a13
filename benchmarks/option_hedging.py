"""Forced flow of option dealers: do their hedges go with the price, by their side of gamma, and how much of it is there?

    python benchmarks/option_hedging.py [--seeds 12] [--minutes 4]

One token with a perpetual and a chain of a day on it. For two minutes options are traded one way or both, then the flow stops;
what the dealer hedges from then on is gamma. A step is 5 s. Intervals are 95 % over seeds, Student's t.
"""

from __future__ import annotations

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import msgspec
import numpy as np
from scipy.stats import t as student

from counterpoise.core.arrays import Float1D
from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.hedging import dealer_report, hedging_path
from counterpoise.sim.agents.kernels.layout import NEVER
from counterpoise.sim.agents.option_chain import DealerConfig, OptionChainConfig, OptionFlowConfig
from counterpoise.sim.agents.world import build_world

SHARES = (1.0, 0.65, 0.35, 0.0)
FLOW_S = 120


def run(seed: int, *, buy_share: float, lots: float, minutes: int) -> tuple[float, float, float, float]:
    """Correlation, hedged lots per gamma · move, gamma, and share of the perpetual's volume."""
    flow = OptionFlowConfig(orders_per_s=5.0, buy_share=buy_share, lots=lots)
    dealer = DealerConfig(hedge_band_lots=1.0, most_lots=20_000, most_vega_lots=1e6, skew_vol=0.0, quote_lots=200)
    chain = OptionChainConfig(
        token="BTC", venue="alpha", days=(1,), strikes=(-0.01, -0.005, 0.0, 0.005, 0.01), flow=flow, dealer=dealer
    )
    config = agent_market_config(seed=seed, duration=f"{minutes + FLOW_S // 60}m", tokens=1, venues=1)
    world = build_world(msgspec.structs.replace(config, chains=(chain,)))
    world.pass_unseen(config.start_ns + FLOW_S * SECOND_NS)
    world.wake_at(next(i for i, line in enumerate(world.lines) if line.type == "option flow"), NEVER)
    volume, before = int(world.traded_lots()[0]), dealer_report(world)
    path = hedging_path(world, until_ns=config.end_ns, every="5s")
    move, hedge = path["move_bps"].to_numpy(), path["hedge_lots"].to_numpy().astype(np.float64)
    gamma = float(np.mean([before["gamma_lots"][0], path["gamma_lots"][-1]]))
    forced = -gamma * move * 1e-4
    slope = float(forced @ hedge / (forced @ forced))
    share = float(np.abs(hedge).sum() / (world.traded_lots()[0] - volume))
    return float(np.corrcoef(move, hedge)[0, 1]), slope, gamma, share


def interval(values: Float1D) -> str:
    """Mean and 95 % interval."""
    reach = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.2f} ± {reach:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    print("| bought, median lots | gamma, lots a 1 % move | corr(hedge, move) | hedge / (−gamma · move) | of volume |")
    print("|---|---|---|---|---|")
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for lots in (2.0, 20.0):
            for buy_share in SHARES:
                one = partial(run, buy_share=buy_share, lots=lots, minutes=arguments.minutes)
                found = np.array(list(pool.map(one, range(5000, 5000 + arguments.seeds))))
                cells = interval(found[:, 0]), interval(found[:, 1]), f"{found[:, 3].mean():.1%}"
                gamma = f"{0.01 * found[:, 2].mean():,.0f}"
                print(f"| {buy_share:.0%}, {lots:g} | {gamma} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
