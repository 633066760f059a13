"""Environments: steps a second of a thousand at once, and of one.

    python benchmarks/bench_env.py [--rounds 5]

On the USD-M recording, or the synthetic market where it is absent. The slow twin of the tests stands beside.
Figures told elsewhere for such environments: 15.5 thousand steps a second alone and 7.1 million over 10,000 environments, of a
model that has no book.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.env.environment import MarketEnv, agent_execution_env, execution_env, execution_envs, maker_envs
from counterpoise.sim.env.tape import MarketTape, cut_market
from counterpoise.sim.env.task import ExecutionTask, MakerTask
from streams import PERP, recording, synthetic

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from reference.naive_env import naive_execution

HORIZON = 30
TASK = ExecutionTask(horizon=HORIZON, least_coins=1, most_coins=50, risk_aversion=0.01, leakage_price=0.01)


def best(run: Callable[[], int], rounds: int) -> float:
    """Steps a second of CPU, the best round."""
    rates = []
    for _ in range(rounds):
        began = time.process_time()
        steps = run()
        rates.append(steps / (time.process_time() - began))
    return max(rates)


def many(env, rounds: int) -> float:
    env.reset(seed=1)
    actions = np.random.default_rng(0).random(env.action_space.shape, np.float32)

    def run() -> int:
        for _ in range(200):
            env.step(actions)
        return 200 * env.num_envs

    run()
    return best(run, rounds)


def alone(env: MarketEnv, rounds: int, episodes: int = 50) -> float:
    action = np.full(env.action_space.shape, 0.5, np.float32)

    def run() -> int:
        for episode in range(episodes):
            env.reset(seed=episode)
            while not env.step(action)[2]:
                pass
        return episodes * HORIZON

    run()
    return best(run, rounds)


def slow(tape: MarketTape, rounds: int) -> float:
    start, actions = int(tape.starts(HORIZON)[0]), [[0.5, 0.5, 1.0]] * HORIZON

    def run() -> int:
        naive_execution(TASK, tape, start=start, side=1, target=10.0, actions=actions)
        return HORIZON

    return best(run, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    events, instrument = recording(), PERP
    if events is None:
        events, instrument = synthetic(1_000_000)
    for step_ns, text in ((SECOND_NS, "1s"), (SECOND_NS // 10, "100ms")):
        tape = cut_market({instrument.id: events}, {instrument.id: instrument}, step_ns=step_ns)
        rows = {
            "1,000 executions": many(execution_envs(tape, TASK, 1000), arguments.rounds),
            "1,000 makers": many(maker_envs(tape, MakerTask(horizon=HORIZON), 1000), arguments.rounds),
            "one execution": alone(execution_env(tape, TASK), arguments.rounds),
            "one execution, slow twin": slow(tape, arguments.rounds),
        }
        for name, rate in rows.items():
            print(f"steps of {text:6s} {name:26s} {rate:14,.0f} steps/s", flush=True)
    among = agent_execution_env(agent_market_config(tokens=1, venues=1), TASK)
    print(f"steps of 1s     one among agents, resets inside {alone(among, arguments.rounds, 2):8,.0f} steps/s", flush=True)


if __name__ == "__main__":
    main()
