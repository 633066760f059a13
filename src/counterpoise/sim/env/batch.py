"""Many environments over one market tape, as arrays; what Gymnasium's faces stand on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import log
from typing import Any, Final

import numpy as np

from counterpoise.core.arrays import AnyArray, Float1D, Float2D, Int1D, UInt2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.instrument import Instrument
from counterpoise.sim.env.kernels import execution, maker, node
from counterpoise.sim.env.tape import FEATURES, MarketTape
from counterpoise.sim.env.task import ExecutionTask, MakerTask
from counterpoise.sim.fees import Fees

__all__ = ["Batch", "Executions", "Makers"]

_VOLATILITY: Final = FEATURES.index("volatility_bps")


class Batch(ABC):
    """`count` environments that act independently of each other.

    Attributes
    ----------
    count, observation_size, action_size : int
        Actions lie in [0, 1].
    info_names : tuple of str
        Columns of what `step` returns; the first is the reward, the last says whether it is over.
    """

    info_names: tuple[str, ...]

    def __init__(self, *, count: int, observations: int, actions: int) -> None:
        if count < 1:
            raise InputError(f"found {count} environments, expected 1 or more")
        self.count: Final = count
        self.observation_size: Final = observations
        self.action_size: Final = actions

    def seed(self, seed: int | Sequence[int] | None) -> None:
        """Begin the draws anew: from children of one seed, or each from a seed of its own."""
        if seed is None or isinstance(seed, int):
            self._seed(np.random.SeedSequence(seed).spawn(self.count))
        elif len(seed) == self.count:
            self._seed([np.random.SeedSequence(one) for one in seed])
        else:
            raise InputError(f"found {len(seed)} seeds for {self.count} environments; give one, or one for each")

    @abstractmethod
    def _seed(self, sources: Sequence[np.random.SeedSequence]) -> None:
        """A source of randomness for each environment."""

    @abstractmethod
    def begin(self, rows: Int1D) -> None:
        """Put environments at the start of an episode of their own draw."""

    @abstractmethod
    def step(self, actions: Float2D) -> Float2D:
        """Act, one step; returns (count, len(info_names)) which the next step overwrites.

        An environment that is over stays so, and earns nothing, until it is begun again.
        """

    @abstractmethod
    def observe(self, out: AnyArray) -> None:
        """Write what each sees into (count, observation_size) float32."""

    def checked(self, actions: Float2D) -> Float2D:
        """Actions as float64.

        Raises
        ------
        InputError
            If the shape differs, or one is not in [0, 1].
        """
        out = np.ascontiguousarray(actions, np.float64)
        if out.shape != (self.count, self.action_size):
            raise InputError(f"actions have shape {out.shape}, expected {(self.count, self.action_size)}")
        if not (out.min() >= 0 and out.max() <= 1):
            raise InputError(f"actions run from {out.min()} to {out.max()}, expected 0 to 1; scale or clip the policy's output")
        return out


class _OnTape(Batch):
    """Environments that share one tape, which they read and never write."""

    def __init__(
        self, tape: MarketTape, *, horizon: int, count: int, ints: int, reals: int, observations: int, actions: int
    ) -> None:
        super().__init__(count=count, observations=observations, actions=actions)
        self.tape: Final = tape
        self._horizon = horizon
        self._starts = tape.starts(horizon)
        self._variance: Float1D = np.ascontiguousarray(tape.features[:, _VOLATILITY] ** 2)
        self._rng: UInt2D = np.zeros((count, 4), np.uint64)
        self._ints = np.zeros((count, ints), np.int64)
        self._reals = np.zeros((count, reals))
        self._out: Float2D = np.zeros((count, len(self.info_names)))

    def _seed(self, sources: Sequence[np.random.SeedSequence]) -> None:
        self._rng[:] = [source.generate_state(4, np.uint64) for source in sources]


class Executions(_OnTape):
    """Parents worked over the tape's markets; see `ExecutionTask`.

    Observations: `FEATURES` of each market; share of the parent left, of the time left, share resting; of each market the shift
    of our own making [bps], the share of the queue ahead of what rests, and cost so far [bps]. Actions: rate, aggressiveness,
    and a weight for each market. Infos [bps of the parent's value at arrival]: reward, shortfall (fees inside), risk, leakage;
    coins left unfilled; whether it is over.
    """

    info_names = ("reward", "shortfall_bps", "risk_bps", "leakage_bps", "unfilled_coins", "over")

    def __init__(self, tape: MarketTape, task: ExecutionTask, *, count: int = 1) -> None:
        k, markets = execution, len(tape.instruments)
        super().__init__(
            tape,
            horizon=task.horizon,
            count=count,
            ints=k.HEAD_INTS + markets * node.NODE_INTS,
            reals=k.HEAD_REALS + markets * node.NODE_REALS,
            observations=markets * (len(FEATURES) + k.OWN_NODE) + k.OWN,
            actions=2 + markets,
        )
        self.task: Final = task
        self._nodes = _nodes(tape, task.impact, task.refill_half_life, task.fees)
        self._par = np.zeros(k.PAR)
        self._par[k.RATE], self._par[k.RISK_AVERSION], self._par[k.LEAK] = task.max_rate, task.risk_aversion, task.leakage_price
        self._par[k.BUY_SHARE], self._par[k.LOG_LEAST] = task.buy_share, log(task.least_coins)
        self._par[k.LOG_MOST] = log(task.most_coins)

    def begin(self, rows: Int1D) -> None:
        execution.begin(
            self._ints, self._reals, self._rng, rows, self._starts, self._horizon, self.tape.ticks, self._nodes, self._par
        )

    def step(self, actions: Float2D) -> Float2D:
        t = self.tape
        execution.step(
            self._ints,
            self._reals,
            self.checked(actions),
            t.ticks,
            t.lots,
            t.offsets,
            t.trades,
            t.noise,
            self._variance,
            self._nodes,
            self._par,
            self._out,
        )
        return self._out

    def observe(self, out: AnyArray) -> None:
        execution.observe(self._ints, self._reals, self.tape.features, self._nodes, self._horizon, out)


class Makers(_OnTape):
    """Market makers on the tape's one market; see `MakerTask`.

    Observations: `FEATURES`; inventory over the largest, time left; of bid and ask the share of the queue ahead and the ticks
    behind the best. Actions: distance of the bid and of the ask, size of the bid and of the ask. Infos [bps of the value of the
    largest inventory]: reward, profit (fees inside), risk; lots that the book could not take at the end; whether it is over.
    """

    info_names = ("reward", "profit_bps", "risk_bps", "unsold_lots", "over")

    def __init__(self, tape: MarketTape, task: MakerTask, *, count: int = 1) -> None:
        if len(tape.instruments) != 1 or tape.instruments[0].inverse:
            raise InputError(
                f"a maker quotes one linear market, found {', '.join(i.id for i in tape.instruments)}; cut a tape of one: an "
                "inventory of inverse contracts is no number of coins"
            )
        k, instrument = maker, tape.instruments[0]
        super().__init__(
            tape,
            horizon=task.horizon,
            count=count,
            ints=k.HEAD_INTS + 2 * node.NODE_INTS,
            reals=k.HEAD_REALS + 2 * node.NODE_REALS,
            observations=len(FEATURES) + k.FEATURES_OWN,
            actions=k.ACTIONS,
        )
        lot = instrument.qty(1)
        self.task: Final = task
        self._node = np.ascontiguousarray(_nodes(tape, task.impact, task.refill_half_life, task.fees)[0])
        self._par = np.zeros(k.PAR)
        self._par[k.MOST_LOTS], self._par[k.ORDER_LOTS] = round(task.most_qty / lot), round(task.order_qty / lot)
        self._par[k.REACH], self._par[k.RISK_AVERSION] = task.reach_ticks, task.risk_aversion
        if self._par[k.ORDER_LOTS] < 1:
            raise InputError(f"order_qty {task.order_qty} is less than half a lot of {instrument.id}, {instrument.lot}")

    def begin(self, rows: Int1D) -> None:
        maker.begin(self._ints, self._reals, self._rng, rows, self._starts, self._horizon, self.tape.ticks)

    def step(self, actions: Float2D) -> Float2D:
        t = self.tape
        maker.step(
            self._ints,
            self._reals,
            self.checked(actions),
            t.ticks,
            t.lots,
            t.offsets,
            t.trades,
            self._variance,
            self._node,
            self._par,
            self._out,
        )
        return self._out

    def observe(self, out: AnyArray) -> None:
        maker.observe(self._ints, self._reals, self.tape.features, self.tape.ticks, self._par, self._horizon, out)


def _nodes(tape: MarketTape, impact: TransientImpact, refill_half_life: str, fees: Fees) -> Float2D:
    """(markets, NODE_PAR) constants of each market at the tape's step."""
    return np.stack([_node(i, tape.step_ns, impact, refill_half_life, fees) for i in tape.instruments])


def _node(instrument: Instrument, step_ns: int, impact: TransientImpact, refill_half_life: str, fees: Fees) -> Any:
    par = np.zeros(node.NODE_PAR)
    par[node.TICK] = instrument.price_grid.size
    par[node.COIN_PER_LOT] = float(instrument.notional(1, 1)) if instrument.inverse else float(instrument.base_qty(1, 1))
    par[node.INVERSE] = instrument.inverse
    par[node.MAKER_RATE], par[node.TAKER_RATE] = fees.maker_bps * BPS, fees.taker_bps * BPS
    par[node.MOVE] = impact.bps_per_million * BPS / _MILLION
    par[node.MISSING_KEPT] = 0.5 ** (step_ns / parse_duration(refill_half_life))
    shares, rates = impact.shares, impact.rates
    par[node.SHARES : node.SHARES + len(shares)] = shares
    par[node.KEPT : node.KEPT + len(rates)] = np.exp(-rates * step_ns)
    return par


_MILLION: Final = 1e6
