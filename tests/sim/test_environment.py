"""Gymnasium's faces: its own checker, seeds, and what happens when an episode is over."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from counterpoise.core.errors import InputError
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.sim.env.batch import Executions
from counterpoise.sim.env.environment import MarketEnv, execution_env, execution_envs, maker_env, maker_envs
from counterpoise.sim.env.tape import cut_market
from counterpoise.sim.env.task import ExecutionTask, MakerTask
from reference.binance_recordings import CAPTURES, read_recording
from reference.random_tape_of_markets import random_market_tape

TASK = ExecutionTask(horizon=8, least_coins=0.1, most_coins=2.0, risk_aversion=0.1, leakage_price=0.1)
MAKER = MakerTask(horizon=8, most_qty=2.0, order_qty=0.5, reach_ticks=3)


@pytest.mark.parametrize(
    "env", [execution_env(random_market_tape(1), TASK), maker_env(random_market_tape(1, markets=1), MAKER)]
)
def test_gymnasium_finds_no_fault(env: MarketEnv) -> None:
    check_env(env, skip_render_check=True)  # nothing to render, and no registered name


def rolled(env: gymnasium.vector.VectorEnv, *, seed: int, steps: int = 20) -> bytes:
    seen, _ = env.reset(seed=seed)
    draw, out = np.random.default_rng(1), seen.tobytes()
    for _ in range(steps):
        seen, rewards, over, truncated, infos = env.step(draw.random(env.action_space.shape, np.float32))
        assert not truncated.any()
        assert env.observation_space.contains(seen)
        out += seen.tobytes() + rewards.tobytes() + over.tobytes() + b"".join(v.tobytes() for v in infos.values())
    return out


@pytest.mark.parametrize("kind", ["execution", "maker"])
def test_same_seed_same_bytes(kind: str) -> None:
    tape = random_market_tape(3, markets=1)
    make = (lambda: execution_envs(tape, TASK, 5)) if kind == "execution" else (lambda: maker_envs(tape, MAKER, 5))
    assert rolled(make(), seed=7) == rolled(make(), seed=7)
    assert rolled(make(), seed=7) != rolled(make(), seed=8)


def test_an_environment_that_is_over_begins_anew_at_the_next_step() -> None:
    env = execution_envs(random_market_tape(3), TASK, 2)
    env.reset(seed=1)
    action = np.full(env.action_space.shape, 0.5, np.float32)
    for step in range(1, 28):
        seen, rewards, over, _, _ = env.step(action)
        assert over.all() == (step % 9 == 8)
        if step % 9 == 0:  # the step that begins anew earns nothing and shows a whole parent
            left = 2 * 6 + 0
            assert rewards.tolist() == [0.0, 0.0]
            assert seen[:, left].tolist() == [1.0, 1.0]
            assert seen[:, left + 1].tolist() == [1.0, 1.0]


def test_one_environment_equals_the_first_of_many() -> None:
    tape = random_market_tape(4)
    many, one = execution_envs(tape, TASK, 3), execution_env(tape, TASK)
    first, _ = many.reset(seed=[5, 6, 7])
    one.batch.seed([5])
    one._seeded = True
    alone, _ = one.reset()
    assert alone.tobytes() == first[0].tobytes()
    for _ in range(TASK.horizon):
        action = np.full(4, 0.3, np.float32)
        seen, rewards, *_ = many.step(np.tile(action, (3, 1)))
        alone, reward, *_ = one.step(action)
        assert (reward, alone.tobytes()) == (rewards[0], seen[0].tobytes())


def test_bad_calls_are_refused() -> None:
    tape = random_market_tape(1)
    with pytest.raises(InputError, match="batch of 1"):
        MarketEnv(Executions(tape, TASK, count=2))
    with pytest.raises(InputError, match="no options, found start"):
        execution_env(tape, TASK).reset(options={"start": 3})
    with pytest.raises(InputError, match="some of the seeds are None"):
        execution_envs(tape, TASK, 2).reset(seed=[1, None])


@pytest.mark.realdata
def test_patience_pays_and_haste_costs_on_a_recording(data_dir: Path) -> None:
    """On the real USD-M book: crossing all at once pays more impact than evenly, and resting pays less than crossing."""
    capture = CAPTURES["usdm"]
    tape = cut_market({capture.instrument.id: read_recording("usdm", data_dir)[0]}, {capture.instrument.id: capture.instrument})
    task = ExecutionTask(horizon=30, least_coins=50, most_coins=50, impact=TransientImpact(bps_per_million=0.76))
    env = execution_envs(tape, task, 500)

    def shortfall(rate: float, aggressiveness: float) -> float:
        env.reset(seed=3)
        total = np.zeros(500)
        for _ in range(task.horizon):
            *_, infos = env.step(np.tile(np.array([rate, aggressiveness, 1.0], np.float32), (500, 1)))
            total += infos["shortfall_bps"]
        return float(total.mean())

    evenly, at_once, resting = shortfall(0.25, 1.0), shortfall(1.0, 1.0), shortfall(0.25, 0.0)
    assert resting < evenly < at_once
