"""What the agent market must show: the root law of impact and its relaxation, conservation, the same bytes however time is cut.

    python benchmarks/agent_truths.py [--seeds 100] [--first 50000] [--workers 2]

Impact: orders of two decades of size, each a child every half second at about a tenth of what is traded, bought and sold in
the same world (one token, one venue, its perpetual); half the difference of the two moves of the log price beyond the log
value. The interval of each number is its 2.5 and 97.5 % points over 2,000 draws of seeds with replacement.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from msgspec import structs

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.market import open_world
from counterpoise.sim.agents.metaorder import impact, metaorder_paths

SECONDS = (8, 25, 80, 250, 800)
ENDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
CHILD_LOTS = 55
PEAK, LATER = ENDS.index(1.0), ENDS.index(2.0)


class Runs(NamedTuple):
    """Impacts [bps] by seed and time, and what the raw move of the price alone would have shown."""

    impact: Float2D
    raw: Float2D


def one_market(seed: int) -> AgentMarketConfig:
    """The perpetual of one token on one venue, with everyone there."""
    return structs.replace(agent_market_config(seed=seed, tokens=1, venues=1), kinds=("perp",))


def one_seed(seed: int, seconds: int) -> tuple[Float1D, Float1D]:
    """Impact and the raw move of the buy order, in bps."""
    lots = CHILD_LOTS * 2 * seconds
    paths = metaorder_paths(one_market(seed), 0, lots=lots, child_lots=CHILD_LOTS, every="500ms", ends=ENDS)
    return 1e4 * impact(paths), 1e4 * paths[0, :, 0]


def measure(seeds: range, workers: int) -> dict[int, Runs]:
    """Every size on seeds of its own, so that no two rows share their luck."""
    out = {}
    with ProcessPoolExecutor(workers) as pool:
        for row, seconds in enumerate(SECONDS):
            own = [seed + row * 1_000 for seed in seeds]
            found = list(pool.map(partial(one_seed, seconds=seconds), own, chunksize=5))
            out[seconds] = Runs(*(np.array(column) for column in zip(*found, strict=True)))
    return out


def exponent(peaks: Float1D) -> float:
    """Slope of log impact on log size."""
    return float(np.polyfit(np.log(SECONDS), np.log(peaks), 1)[0])


def print_impact(runs: dict[int, Runs]) -> None:
    """The table, the exponent and the relaxation, with their intervals."""
    rng = np.random.default_rng(1)
    print(f"{'size [lots]':>11} {'takes [s]':>9} {'peak [bps]':>21} {'left after as long again':>28} {'variance saved':>15}")
    draws = {s: rng.integers(0, len(r.impact), (2000, len(r.impact))) for s, r in runs.items()}
    peaks = np.array([r.impact[:, PEAK][draws[s]].mean(1) for s, r in runs.items()])
    later = np.array([r.impact[:, LATER][draws[s]].mean(1) for s, r in runs.items()])
    for i, (seconds, run) in enumerate(runs.items()):
        mean, share = run.impact.mean(0), run.impact[:, LATER].mean() / run.impact[:, PEAK].mean()
        low, high = np.quantile(peaks[i], [0.025, 0.975])
        low_share, high_share = np.quantile(later[i] / peaks[i], [0.025, 0.975])
        saved = run.raw[:, PEAK].var() / run.impact[:, PEAK].var() / 2  # a pair is two runs
        print(
            f"{CHILD_LOTS * 2 * seconds:11,d} {seconds:9d} {mean[PEAK]:7.3f} [{low:5.3f}, {high:5.3f}] "
            f"{share:12.2f} [{low_share:5.2f}, {high_share:5.2f}] {saved:14.1f}×"
        )
    found = np.array([r.impact[:, PEAK].mean() for r in runs.values()])
    slopes = [exponent(column) for column in peaks.T if (column > 0).all()]
    low, high = np.quantile(slopes, [0.025, 0.975])
    print(f"impact ∝ size^{exponent(found):.3f} [{low:.3f}, {high:.3f}]")
    pooled = np.mean([r.impact[:, LATER].mean() / r.impact[:, PEAK].mean() for r in runs.values()])
    low, high = np.quantile((later / peaks).mean(0), [0.025, 0.975])
    print(f"left of the peak as long again after the end, mean of sizes: {pooled:.2f} [{low:.2f}, {high:.2f}]")
    shape = np.mean([r.impact.mean(0) / r.impact[:, PEAK].mean() for r in runs.values()], axis=0)
    path = "  ".join(f"{end:g}T {value:.2f}" for end, value in zip(ENDS, shape, strict=True))
    print(f"mean path, as a share of the peak: {path}")


def print_laws() -> None:
    """Conservation and identity on the market of the demo, a minute of it."""
    config = agent_market_config(seed=7)
    whole, pieces = open_world(config), open_world(config)
    end = config.start_ns + 60 * SECOND_NS
    whole.pass_unseen(end)
    for ts_ns in range(config.start_ns, end + 1, SECOND_NS // 3):
        pieces.pass_unseen(ts_ns)
    pieces.pass_unseen(end)
    arrays = ("world", "reals", "rng", "ex")
    same = all(getattr(whole, a).tobytes() == getattr(pieces, a).tobytes() for a in arrays)
    print(f"pieces equal the whole, to the byte: {same}; {whole.messages:,} messages")
    ledger = venue_ledger(whole)
    left = ledger["traders"] + ledger["venue"] + ledger["fund"] - ledger["cost"] - ledger["deposited"]
    print(f"money that is missing, in grains: {dict(zip(ledger['currency'], left, strict=True))}")
    print(agent_ledger(whole).sort("profit", descending=True))


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2)
    wanted = parser.parse_args()
    print_laws()
    print_impact(measure(range(wanted.first, wanted.first + wanted.seeds), wanted.workers))


if __name__ == "__main__":
    main()
