"""Gymnasium's faces of a batch: one environment, and many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.env.batch import Batch, Executions, Makers
from counterpoise.sim.env.seat import AgentExecution
from counterpoise.sim.env.tape import MarketTape
from counterpoise.sim.env.task import ExecutionTask, MakerTask

__all__ = ["MarketEnv", "MarketVectorEnv", "agent_execution_env", "execution_env", "execution_envs", "maker_env", "maker_envs"]


class MarketEnv(gymnasium.Env[AnyArray, AnyArray]):
    """One environment of a batch of one.

    An episode ends (``terminated``) after its horizon; nothing truncates it. ``info`` holds the batch's columns.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (gymnasium's own declaration)

    def __init__(self, batch: Batch) -> None:
        if batch.count != 1:
            raise InputError(f"a single environment needs a batch of 1, found {batch.count}; take MarketVectorEnv")
        self.batch: Final = batch
        self.observation_space = _observations(batch)
        self.action_space = _actions(batch)
        self._seeded = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[AnyArray, dict[str, Any]]:
        super().reset(seed=seed)
        _refuse_options(options)
        if seed is not None or not self._seeded:
            self.batch.seed(seed)
            self._seeded = True
        self.batch.begin(np.zeros(1, np.int64))
        return self._seen(), {}

    def step(self, action: AnyArray) -> tuple[AnyArray, float, bool, bool, dict[str, Any]]:
        out = self.batch.step(np.asarray(action)[None, :])[0]
        info = dict(zip(self.batch.info_names, out.tolist(), strict=True))
        return self._seen(), float(out[0]), bool(info.pop("over")), False, info

    def _seen(self) -> AnyArray:
        out = np.zeros((1, self.batch.observation_size), np.float32)
        self.batch.observe(out)
        return out.reshape(-1)


class MarketVectorEnv(VectorEnv[AnyArray, AnyArray, AnyArray]):
    """Many environments of one batch; one that is over begins anew at the next step, whose action it does not look at.

    ``reset(seed=)`` gives each environment a child of the seed; same seed, same bytes. Arrays returned are the caller's.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 (gymnasium's own declaration)

    def __init__(self, batch: Batch) -> None:
        self.batch: Final = batch
        self.num_envs = batch.count
        self.single_observation_space = _observations(batch)
        self.single_action_space = _actions(batch)
        self.observation_space = batch_space(self.single_observation_space, batch.count)
        self.action_space = batch_space(self.single_action_space, batch.count)
        self._over: Bool1D = np.zeros(batch.count, np.bool_)
        self._seeded = False

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[AnyArray, dict[str, Any]]:
        _refuse_options(options)
        if seed is not None or not self._seeded:
            if not (seed is None or isinstance(seed, int)) and any(one is None for one in seed):
                raise InputError("some of the seeds are None; give one seed, or one for each environment")
            self.batch.seed(seed)  # type: ignore[arg-type]
            self._seeded = True
        self.batch.begin(np.arange(self.num_envs))
        self._over[:] = False
        return self._seen(), {}

    def step(self, actions: AnyArray) -> tuple[AnyArray, Float1D, Bool1D, Bool1D, dict[str, Any]]:
        out = self.batch.step(actions)
        again = np.flatnonzero(self._over)
        over = (out[:, -1] > 0) & ~self._over
        rewards = out[:, 0].copy()
        if len(again):
            self.batch.begin(again)
            rewards[again] = 0.0
        infos = {name: out[:, i].copy() for i, name in enumerate(self.batch.info_names[:-1])}
        self._over = over
        return self._seen(), rewards, over, np.zeros(self.num_envs, np.bool_), infos

    def _seen(self) -> AnyArray:
        out = np.zeros((self.num_envs, self.batch.observation_size), np.float32)
        self.batch.observe(out)
        return out


def execution_env(tape: MarketTape, task: ExecutionTask) -> MarketEnv:
    """One execution over a tape.

    Examples
    --------
    >>> from counterpoise.sim import MarketConfig, generate
    >>> from counterpoise.sim.env.tape import cut_market
    >>> market = MarketConfig(duration="1m", warm_up="2s")
    >>> terms = {token.instrument("sim").id: token.instrument("sim") for token in market.tokens[:1]}
    >>> tape = cut_market({name: generate(market)[name] for name in terms}, terms)
    >>> env = execution_env(tape, ExecutionTask(horizon=10))
    >>> env.reset(seed=1)[0].shape
    (12,)
    """
    return MarketEnv(Executions(tape, task))


def execution_envs(tape: MarketTape, task: ExecutionTask, count: int) -> MarketVectorEnv:
    """Many executions over a tape at once."""
    return MarketVectorEnv(Executions(tape, task, count=count))


def agent_execution_env(
    config: AgentMarketConfig, task: ExecutionTask, *, token: str = "", step_ns: int = SECOND_NS
) -> MarketEnv:
    """One execution in a market of agents, who answer; see `AgentExecution`."""
    return MarketEnv(AgentExecution(config, task, token=token, step_ns=step_ns))


def maker_env(tape: MarketTape, task: MakerTask) -> MarketEnv:
    """One market maker over a tape of one linear market."""
    return MarketEnv(Makers(tape, task))


def maker_envs(tape: MarketTape, task: MakerTask, count: int) -> MarketVectorEnv:
    """Many market makers over a tape at once."""
    return MarketVectorEnv(Makers(tape, task, count=count))


def _observations(batch: Batch) -> Box:
    most = np.finfo(np.float32).max  # no measure has a bound of its own, and Gymnasium warns of infinity
    return Box(-most, most, (batch.observation_size,), np.float32)


def _actions(batch: Batch) -> Box:
    return Box(0.0, 1.0, (batch.action_size,), np.float32)


def _refuse_options(options: dict[str, Any] | None) -> None:
    if options:
        raise InputError(f"reset takes no options, found {', '.join(options)}; what an episode is, its task says")
