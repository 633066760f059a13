"""Allocation with participation at every level, risk, leakage at every node and a tracking band; small ones beside cvxpy.

    python benchmarks/bench_allocate.py [--rounds 3]

A row is an instrument in a slice. A hundred instruments and sixty slices were to take 1.5 s from cold. There is no warm start:
an interior-point method begins anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from counterpoise.balance.allocate.allocate import allocate
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import TemporaryImpact, TransientImpact
from counterpoise.market.tree import Node, Tree
from timing import Job, interleaved, job, show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from reference.convex_plan import solved

CAPS = {"instrument": 0.4, "token": 0.35, "cluster": 0.3, "index": 0.3}
WISHES = AllocationWishes(risk_aversion=1e-6, leakage_price=0.01, participation=CAPS, tracking_bps=20.0)
FAIR = AllocationWishes(risk_aversion=1e-6, leakage_price=0.01, participation=CAPS, tracking_bps=20.0, fairness={"token": 1.3})


def market(tokens: int, markets: int, slices: int, *, exponent: float = 0.5) -> AllocationSetting:
    draw = np.random.default_rng(0)
    clusters = min(4, tokens)
    nodes = [Node(id="index:all"), *(Node(id=f"cluster:{c}", parent="index:all") for c in range(clusters))]
    for token in range(tokens):
        nodes.append(Node(id=f"token:T{token}", parent=f"cluster:{token % clusters}"))
        nodes += [Node(id=f"v{market}:T{token}", parent=f"token:T{token}") for market in range(markets)]
    tree, m = Tree(nodes=tuple(nodes)), tokens * markets
    volume = draw.lognormal(0, 0.7, (m, 1)) * draw.lognormal(0, 0.2, (m, slices))
    loading = draw.normal(1, 0.3, (tokens, 2))
    place = {leaf: i for i, leaf in enumerate(tree.leaves())}
    every = [node for level in tree.levels().values() for node in level]
    noise = {n: 0.7 * float(volume[[place[leaf] for leaf in tree.leaves(n)]].sum(axis=0).mean()) for n in every}
    return AllocationSetting(
        tree=tree,
        slice_ns=60 * SECOND_NS,
        volume=volume,
        linear_bps=draw.uniform(1, 3, m),
        covariance=(0.5 * loading @ loading.T + 0.5 * np.eye(tokens)) * 1e-9,
        temporary=TemporaryImpact(bps=10, exponent=exponent),
        temporary_scale=draw.uniform(0.5, 1.5, m),
        propagator=TransientImpact(bps_per_million=1, permanent=0.2, half_lives=("1m", "10m")),
        impact=draw.uniform(0.5, 2, tokens) * 5 / volume.sum() * tokens,
        alpha_bps=draw.normal(0, 0.05, (tokens, slices)),
        noise=noise,
    )


def of_volume(setting: AllocationSetting, share: float) -> dict[str, float]:
    volume = setting.volume.sum(axis=1)
    return {token: share * float(volume[setting.token_of == n].sum()) for n, token in enumerate(setting.tokens)}


def ours(name: str, setting: AllocationSetting, wishes: AllocationWishes, target_ns: float | None = None) -> Job:
    target = of_volume(setting, 0.2)
    return job(name, setting.volume.size, lambda: allocate(target, setting, wishes=wishes), target_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    small, middle, large = market(3, 2, 8), market(12, 4, 30), market(25, 4, 60)
    wanted = np.array(list(of_volume(small, 0.2).values()))
    jobs = [
        ours("6 x 8", small, WISHES),
        job("6 x 8, cvxpy and Clarabel", small.volume.size, lambda: solved(small, WISHES, wanted)),
        ours("48 x 30", middle, WISHES),
        ours("48 x 30, fairness of tokens", middle, FAIR),
        ours("48 x 30, exponent .6 (power cones)", market(12, 4, 30, exponent=0.6), WISHES),
        ours("100 x 60", large, WISHES, 1.5e9 / large.volume.size),
    ]
    show("allocation", jobs, interleaved(jobs, options.rounds))


if __name__ == "__main__":
    main()
