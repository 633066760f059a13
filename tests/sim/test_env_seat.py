"""An execution among agents: Gymnasium's checker, the same bytes, no more filled than asked for, a market that answers."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.env.environment import agent_execution_env
from counterpoise.sim.env.seat import AgentExecution
from counterpoise.sim.env.task import ExecutionTask
from counterpoise.sim.latency import ConstantLatency

TASK = ExecutionTask(horizon=6, least_coins=0.5, most_coins=2.0, risk_aversion=0.1, leakage_price=0.1)


@pytest.fixture(scope="module")
def market() -> AgentMarketConfig:
    return msgspec.structs.replace(agent_market_config(tokens=1, venues=1), warm_up="10s")


def episode(batch: AgentExecution, actions: np.ndarray, *, seed: int) -> list[bytes]:
    batch.seed(seed)
    batch.begin(np.zeros(1, np.int64))
    seen = np.zeros((1, batch.observation_size), np.float32)
    rows = []
    for action in actions:
        out = batch.step(action[None, :]).copy()
        batch.observe(seen)
        rows.append(out.tobytes() + seen.tobytes())
        assert batch._done <= batch._target * (1 + 1e-9)
        assert np.isfinite(seen).all()
    return rows


def test_gymnasium_finds_no_fault(market: AgentMarketConfig) -> None:
    check_env(agent_execution_env(market, TASK), skip_render_check=True)


def test_same_seed_same_bytes_and_never_too_much(market: AgentMarketConfig) -> None:
    batch = AgentExecution(market, TASK)
    actions = np.random.default_rng(2).random((TASK.horizon, batch.action_size))
    first, again = episode(batch, actions, seed=4), episode(AgentExecution(market, TASK), actions, seed=4)
    assert first == again
    assert first != episode(batch, actions, seed=5)


def test_what_is_filled_is_what_the_ledger_holds(market: AgentMarketConfig) -> None:
    batch = AgentExecution(market, TASK)
    episode(batch, np.full((TASK.horizon, batch.action_size), 0.5), seed=8)
    world, account = batch._venue.world, batch._venue._account
    held = [batch._side * world.position_lots(account, i) * node.coin for i, node in enumerate(batch._nodes)]
    bought = sum(held)
    assert bought == pytest.approx(batch._done)
    assert batch._done == pytest.approx(batch._target, abs=2 * batch._nodes[0].coin)


def test_a_large_parent_moves_the_market(market: AgentMarketConfig) -> None:
    """The same seeds, a speck and a great deal: the second ends further up, and pays more."""
    moved, paid = [], []
    for seed in range(4):
        ends = []
        for coins in (0.01, 60.0):
            task = ExecutionTask(horizon=6, least_coins=coins, most_coins=coins, buy_share=1.0)
            batch = AgentExecution(market, task)
            actions = np.ones((6, batch.action_size))
            actions[:, 0] = 0.25
            episode(batch, actions, seed=seed)
            ends.append((batch._mid(batch._nodes[0]) / batch._nodes[0].arrival - 1, sum(n.cost for n in batch._nodes) / coins))
        moved.append(ends[1][0] - ends[0][0])
        paid.append(ends[1][1] - ends[0][1])
    assert np.mean(moved) > 1e-4
    assert np.mean(paid) > 0


def test_bad_input_is_refused(market: AgentMarketConfig) -> None:
    with pytest.raises(InputError, match="token 'DOGE' has no market"):
        AgentExecution(market, TASK, token="DOGE")
    with pytest.raises(InputError, match="more than a tenth of a step"):
        AgentExecution(market, TASK, step_ns=SECOND_NS // 10, latency=ConstantLatency(order="5ms", ack="5ms", feed="5ms"))
