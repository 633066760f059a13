"""The agent market: messages a second through the matching engine, agents included, on one core.

    python benchmarks/bench_agents.py [--seconds 120] [--rounds 5]

A message is an order, an amendment or a cancel that the engine has received; the time is processor time of the best round,
compiled. The last column is how much faster than the clock the market lives. No peer can be run on the same job: ABIDES reports
58 thousand messages a second for its kernel and agents (Byrd, Hybinette and Balch 2019, arXiv 1904.12066), elsewhere.
"""

from __future__ import annotations

import argparse
import time

from msgspec import structs

from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.market import open_world, take_events
from counterpoise.sim.agents.world import AgentWorld

ABIDES_PER_S = 58_000


def markets() -> dict[str, AgentMarketConfig]:
    """Name and config of each job, from the smallest on."""
    one = structs.replace(agent_market_config(seed=1, tokens=1, venues=1), kinds=("perp",))
    return {
        "1 token, 1 venue, perpetual": one,
        "1 token, 2 venues, spot and perpetual": agent_market_config(seed=1, tokens=1),
        "6 tokens, 2 venues, spot and perpetual": agent_market_config(seed=1),
    }


def lived(world: AgentWorld, until_ns: int, *, events: bool) -> float:
    """Processor time of living up to a time, with or without what is told turned into columns of events."""
    start = time.process_time()
    while not world.advance(until_ns):
        if events:
            take_events(world)
        world.clear()
    if events:
        take_events(world)
    world.clear()
    return time.process_time() - start


def main() -> None:
    """Print a line a market."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    print(f"{'market':40}{'agents':>7}{'MB':>6}{'messages':>10}{'M/s':>7}{'M/s, events':>12}{'× ABIDES':>10}{'× clock':>9}")
    for name, config in markets().items():
        opened = open_world(config)
        opened.clear()
        end, before = config.start_ns + wanted.seconds * SECOND_NS, opened.messages
        best, told = float("inf"), float("inf")
        for _ in range(wanted.rounds):
            world = opened.copy()
            best = min(best, lived(world, end, events=False))
            told = min(told, lived(opened.copy(), end, events=True))
        sent, size = world.messages - before, sum(a.nbytes for a in (world.world, world.reals, world.ex)) / 1e6
        line = f"{name:40}{len(world.lines):7d}{size:6.0f}{sent:10,d}{sent / best / 1e6:7.2f}{sent / told / 1e6:12.2f}"
        print(line + f"{sent / best / ABIDES_PER_S:10.0f}{wanted.seconds / best:9.0f}")


if __name__ == "__main__":
    main()
