"""An execution in a market of agents, who answer to what is done: one environment, one market anew for each episode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, format_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import Measures
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Approved, Fill, Order, OrderType, OrderUpdate, TimeInForce
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.env.batch import Batch
from counterpoise.sim.env.tape import FEATURES, LEAST_STEPS, StepFeatures, step_features
from counterpoise.sim.env.task import ExecutionTask
from counterpoise.sim.latency import ConstantLatency

__all__ = ["AgentExecution"]

_BEFORE: Final = 2 * LEAST_STEPS  # steps watched before the parent begins, so that running moments are known
_KEPT_STEPS: Final = 600
_VOLATILITY: Final = FEATURES.index("volatility_bps")
_OWN: Final = 3
_OWN_NODE: Final = 2


@dataclass(slots=True)
class _Node:
    """Our side of one market."""

    instrument: Instrument
    measures: Measures
    bins: list[pl.DataFrame] = field(default_factory=list)
    now: StepFeatures | None = None
    arrival: float = 0.0  # mid [ticks]
    cost: float = 0.0  # beyond it, fees included [quote]
    crossed: float = 0.0  # coins in this step
    resting: dict[str, tuple[int, int]] = field(default_factory=dict)  # price, lots left, by order

    @property
    def coin(self) -> float:
        """Coins of a lot."""
        return float(self.instrument.base_qty(1, 1))

    @property
    def resting_lots(self) -> int:
        return sum(left for _, left in self.resting.values())


class AgentExecution(Batch):
    """A parent worked over the markets of one token among agents; reward and actions as `sim.env.batch.Executions`.

    The market is made anew for each episode, of a seed of its own, and answers by itself: of the task, impact, refill and fees
    do not count. Within a step, first what rests elsewhere than at the own best, or is too much, is taken back; when the venue
    has answered, the rest is sent: what crosses as immediate orders, what rests at the own best. So no more is ever filled than
    the parent has. Observations: `FEATURES` of each market; share of the parent left, of the time left, share resting; of each
    market the mid since arrival [bps, signed], and cost so far [bps]. What is unfilled at the end is charged at the opposite
    best.

    Parameters
    ----------
    config : AgentMarketConfig
        Its duration is that of an episode whatever it says.
    task : ExecutionTask
    token : str
        Whose spot and perpetuals on every venue are traded; the first of the market by default.
    step_ns : int
    latency : ConstantLatency
        At most a tenth of a step there and back.

    Raises
    ------
    InputError
        If there is no such token, or the latency is too long for the step.
    """

    info_names = ("reward", "shortfall_bps", "risk_bps", "leakage_bps", "unfilled_coins", "over")

    def __init__(
        self,
        config: AgentMarketConfig,
        task: ExecutionTask,
        *,
        token: str = "",
        step_ns: int = SECOND_NS,
        latency: ConstantLatency | None = None,
    ) -> None:
        self._latency: Final = latency or ConstantLatency(order="2ms", ack="2ms", feed="2ms")
        delays = (delay(0, np.random.default_rng(0)) for delay in (self._latency.order_delay, self._latency.ack_delay))
        self._settle_ns: Final = sum(delays) + 2 * self._latency.feed_ns + 1
        if 10 * self._settle_ns > step_ns:
            raise InputError(
                f"a request and its answer take {format_duration(self._settle_ns)}, more than a tenth of a step of "
                f"{format_duration(step_ns)}; choose a longer step or a shorter latency"
            )
        base = token or config.tokens[0].name
        self._traded: Final = tuple(
            i for i in config.instruments if i.base == base and i.kind is not InstrumentKind.OPTION and not i.inverse
        )
        if not self._traded:
            raise InputError(f"token {base!r} has no market here; there are {[t.name for t in config.tokens]}")
        markets = len(self._traded)
        super().__init__(count=1, observations=markets * (len(FEATURES) + _OWN_NODE) + _OWN, actions=2 + markets)
        self.config: Final = msgspec.structs.replace(config, duration=format_duration((_BEFORE + task.horizon + 2) * step_ns))
        self.task: Final = task
        self._step_ns = step_ns
        self._out: Float2D = np.zeros((1, len(self.info_names)))
        self._rng = np.random.default_rng(0)
        self._at = task.horizon

    def _seed(self, sources: Sequence[np.random.SeedSequence]) -> None:
        self._rng = np.random.default_rng(sources[0])

    def begin(self, rows: Int1D) -> None:
        if not len(rows):
            return
        config = msgspec.structs.replace(self.config, seed=int(self._rng.integers(2**62)))
        self._venue = AgentVenue(config, latency=self._latency, seed=config.seed)
        bins = Bins.parse(format_duration(self._step_ns))
        self._nodes = [_Node(i, Measures(i, bins=bins)) for i in self._traded]
        self._of = {node.instrument.id: node for node in self._nodes}
        self._side = 1 if self._rng.random() < self.task.buy_share else -1
        low, high = log(self.task.least_coins), log(self.task.most_coins)
        self._target = float(np.exp(low + self._rng.random() * (high - low)))
        self._done, self._at, self._numbers = 0.0, 0, 0
        self._now_ns = (self._venue.span_ns[0] // self._step_ns + 1) * self._step_ns
        for _ in range(_BEFORE):
            self._pass(self._now_ns + self._step_ns)
            self._end_step()
        for node in self._nodes:
            node.arrival = self._mid(node)
        self._value = self._target * self._nodes[0].arrival * self._nodes[0].instrument.price_grid.size

    def step(self, actions: Float2D) -> Float2D:
        action = self.checked(actions)[0]
        self._out[:] = 0.0
        if self._at == self.task.horizon:
            self._out[0, -1] = 1.0
            return self._out
        last = self._at + 1 == self.task.horizon
        before, variance = sum(node.cost for node in self._nodes), self._feature(self._nodes[0])[_VOLATILITY] ** 2
        noise = [float(node.now.noise[-1]) if node.now is not None else 0.0 for node in self._nodes]
        self._work(action, last=last)
        self._at += 1
        cost = sum(node.cost for node in self._nodes) - before
        left = max(self._target - self._done, 0.0)
        leakage = sum((node.crossed / s) ** 2 for node, s in zip(self._nodes, noise, strict=True) if s > 0)
        shortfall = (cost + (self._unfilled(left) if last else 0.0)) / self._value / BPS
        risk = self.task.risk_aversion * (left / self._target) ** 2 * float(variance)
        leak = self.task.leakage_price * leakage
        self._out[0] = -shortfall - risk - leak, shortfall, risk, leak, left if last else 0.0, last
        return self._out

    def observe(self, out: AnyArray) -> None:
        seen = [value for node in self._nodes for value in self._feature(node)]
        resting = sum(node.resting_lots * node.coin for node in self._nodes) / self._target
        seen += [(self._target - self._done) / self._target, 1 - self._at / self.task.horizon, resting]
        for node in self._nodes:
            seen += [(self._mid(node) / node.arrival - 1) / BPS, node.cost / self._value / BPS]
        out[0] = seen

    def _work(self, action: Float1D, *, last: bool) -> None:
        """One step: take back, hear, send, live on."""
        weights = action[2:] if action[2:].sum() > 0 else np.ones(len(self._nodes))
        shares, aggressive = weights / weights.sum(), 1.0 if last else float(action[1])
        end_ns = self._now_ns + self._step_ns
        for node in self._nodes:
            node.crossed = 0.0
            self._take_back(node, most=0 if last else int((1 - aggressive) * self._asked(node, action, shares, last=last)))
        self._pass(self._now_ns + self._settle_ns)
        for node, asked in [(node, self._asked(node, action, shares, last=last)) for node in self._nodes]:
            crossed = round(aggressive * asked)
            self._send(node, crossed, TimeInForce.IOC)
            if not last:
                self._send(node, asked - crossed - node.resting_lots, TimeInForce.POST_ONLY)
        self._pass(end_ns)
        self._end_step()

    def _asked(self, node: _Node, action: Float1D, shares: Float1D, *, last: bool) -> int:
        """Lots of a market in this step, never more than is left together."""
        left = max(self._target - self._done, 0.0)
        even = left / (self.task.horizon - self._at)
        wanted = left if last else min(left, float(action[0]) * self.task.max_rate * even)
        return int(wanted * float(shares[self._nodes.index(node)]) / node.coin)

    def _take_back(self, node: _Node, *, most: int) -> None:
        """Cancel what does not rest at the own best, and the newest of what is too much."""
        best, kept = self._best(node, self._side), 0
        for client_id, (price, left) in node.resting.items():
            if price != best or kept + left > most:
                self._venue.cancel(client_id)
            else:
                kept += left

    def _send(self, node: _Node, lots: int, force: TimeInForce) -> None:
        crossing = force is TimeInForce.IOC
        price = self._best(node, -self._side if crossing else self._side)
        if lots <= 0 or price <= 0:
            return
        self._numbers += 1
        order = Order(
            client_id=f"env-{self._numbers}",
            instrument=node.instrument.id,
            side=self._side,
            qty_lots=lots,
            type=OrderType.MARKET if crossing else OrderType.LIMIT,
            price_ticks=0 if crossing else price,
            time_in_force=TimeInForce.IOC if crossing else force,
        )
        if not crossing:
            node.resting[order.client_id] = price, lots
        self._venue.submit(Approved(order))

    def _pass(self, until_ns: int) -> None:
        """Let the market live, and hear."""
        self._venue.advance(until_ns)
        self._now_ns = until_ns
        for instrument, events in self._venue.market():
            if instrument.id in self._of:
                self._of[instrument.id].measures.push(events)
        for event in self._venue.events():
            if isinstance(event, Fill):
                self._book(self._of[event.instrument], event)
            elif isinstance(event, OrderUpdate) and not event.state.live:
                for node in self._nodes:
                    node.resting.pop(event.client_id, None)

    def _book(self, node: _Node, fill: Fill) -> None:
        coins = fill.qty_lots * node.coin
        self._done += coins
        tick = node.instrument.price_grid.size
        node.cost += self._side * (fill.price_ticks - node.arrival) * tick * coins + fill.fee
        if fill.maker:
            price, left = node.resting[fill.client_id]
            node.resting[fill.client_id] = price, left - fill.qty_lots
        else:
            node.crossed += coins

    def _end_step(self) -> None:
        for node in self._nodes:
            node.bins = [*node.bins, node.measures.until(self._now_ns)][-_KEPT_STEPS:]
            node.now = step_features(pl.concat(node.bins), node.instrument)

    def _feature(self, node: _Node) -> Float1D:
        assert node.now is not None
        return np.asarray(node.now.features[-1])

    def _best(self, node: _Node, side: int) -> int:
        top = self._venue.top(node.instrument.id)
        return top.bid_ticks if side > 0 else top.ask_ticks

    def _mid(self, node: _Node) -> float:
        return (self._best(node, 1) + self._best(node, -1)) / 2

    def _unfilled(self, left: float) -> float:
        """What is left, at the opposite best of the first market with a taker's fee [quote]."""
        node = self._nodes[0]
        price, tick = self._best(node, -self._side), node.instrument.price_grid.size
        return left * tick * (self._side * (price - node.arrival) + self.config.taker_bps * BPS * price)
