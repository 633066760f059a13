"""One execution on one market: what it cost, what it gave away, how evenly it pressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np

from counterpoise.balance.comparison.contenders import Task, contender
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.comparison.training import watched
from counterpoise.balance.execution import Execution, PlaceOrder, QueryOrder, Seen
from counterpoise.balance.fairness import gini, normalised_impact
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.units import BPS, DAY_NS, SECOND_NS, parse_duration
from counterpoise.market.event import TRADE
from counterpoise.market.order import Approved, Fill
from counterpoise.sim.agents.ahead import AheadConfig, ahead_line, ahead_report
from counterpoise.sim.agents.clearing import ClearingHouse
from counterpoise.sim.agents.ledger import agent_ledger
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

__all__ = ["NOBODY", "Outcome", "trial"]

NOBODY: Final = "nobody"
_LOOK_NS: Final = 5 * SECOND_NS  # between looks at what the adversaries know


class Outcome(NamedTuple):
    """What a trial came to; bps are of the parent's value at arrival, costs positive.

    Attributes
    ----------
    contender : str
    seed, side : int
    shortfall_bps : float
        Against the mids at the start, fees paid; what was left undone at the index's move.
    impact_bps : float
        Against the mids as they would have been without the parent, fees left out: known to a simulation only.
    fees_bps, maker, completion, tracking_bps : float
        Fees; share that rested; share of the value done; what the holding may be from the index in a day, a standard deviation.
    orders, fills : int
    gini : dict of str to float
        Of normalised impact, by level.
    peaks : (tokens,) float64
        Greatest score of each adversary while the parent was worked [nats].
    delays : (tokens,) float64
        Share of the token's part done when its adversary was first alarmed; ∞ when never.
    adversary : float
        Profit of all adversaries [quote].
    signed : (tokens,) float64
        Aggressive buys less sells of all while the parent was worked [base].
    liquidated : float
        Value of leveraged positions that were closed by force from its start to the end of the market [quote].
    """

    contender: str
    seed: int
    side: int
    shortfall_bps: float
    impact_bps: float
    fees_bps: float
    maker: float
    completion: float
    tracking_bps: float
    orders: int
    fills: int
    gini: dict[str, float]
    peaks: Float1D
    delays: Float1D
    adversary: float
    signed: Float1D
    liquidated: float


def trial(scenario: Scenario, known: Known, name: str, *, seed: int, side: int) -> Outcome:
    """Work the parent once; `NOBODY` lives the market without it.

    Notes
    -----
    The execution decides through the same `step` and `hear` as in a session; nothing is written to a journal.
    """
    latency = ConstantLatency(order=scenario.latency, ack=scenario.latency, feed=scenario.latency)
    config = scenario.market(seed)
    lines = [
        ahead_line(config, market, ordinary=flow, ahead=_armed(scenario, known))
        for market, flow in zip(watched(scenario), known.ordinary, strict=True)
    ]
    venue = AgentVenue(config, latency=latency, extra=lines)
    start_ns = venue.span_ns[0] + parse_duration(scenario.settle)
    task = Task(scenario, known, side, start_ns, start_ns + parse_duration(scenario.horizon))
    rng = np.random.default_rng(np.random.SeedSequence([seed, side + 1]))
    run = _Run(venue, None if name == NOBODY else contender(name, task, rng), task)
    run.live(parse_duration(scenario.decide_every))
    return run.outcome(name, seed)


def _armed(scenario: Scenario, known: Known) -> AheadConfig:
    return msgspec.structs.replace(scenario.adversary, threshold=known.threshold)


class _Run:
    """The loop, and what it keeps."""

    def __init__(self, venue: AgentVenue, execution: Execution | None, task: Task) -> None:
        self.venue, self.execution, self.task = venue, execution, task
        self.names: Final = [instrument.id for instrument in venue.instruments]
        self.at: Final = {name: m for m, name in enumerate(self.names)}
        self.unit: Final = np.array([instrument.qty_grid.size for instrument in venue.instruments])
        self.fills: list[Fill] = []
        self.orders = 0
        self.others: dict[str, int] = dict.fromkeys(self.names, 0)
        self.signed = np.zeros(len(self.names))
        self.peaks = np.full(task.scenario.tokens, -np.inf)
        self.delays = np.full(task.scenario.tokens, np.inf)
        self.arrival = self.close = np.zeros(len(self.names))

    def live(self, step_ns: int) -> None:
        """Up to the parent's end, and to the end of the market so that adversaries may unwind."""
        venue, task = self.venue, self.task
        venue.advance(task.start_ns)
        self._market()
        self.arrival = self._mids()
        look_ns = task.start_ns
        for ts_ns in range(task.start_ns, task.end_ns + step_ns + 1, step_ns):
            venue.advance(ts_ns)
            self._market()
            self._decide(ts_ns)
            if ts_ns >= look_ns:
                self._look()
                look_ns += _LOOK_NS
        self.close = self._mids()
        venue.advance(venue.span_ns[1])
        self._market()
        self._hear()

    def _market(self) -> None:
        for instrument, events in self.venue.market():
            trade = events.kind == TRADE
            self.others[instrument.id] += int(np.sum(events.qty_lots, where=trade))
            self.signed[self.at[instrument.id]] += float(np.sum(events.qty_lots * events.side, where=trade))

    def _hear(self) -> None:
        for event in self.venue.events():
            if self.execution is not None:
                self.execution.hear(event)
            if isinstance(event, Fill):
                self.fills.append(event)
                self.others[event.instrument] -= event.qty_lots

    def _decide(self, ts_ns: int) -> None:
        self._hear()
        if self.execution is None:
            return
        wanted = {instrument.id for instrument in self.execution.instruments}
        seen: Mapping[str, Seen] = {
            name: Seen(self.venue.top(name), self.others[name]) for name in self.names if name in wanted
        }
        for action in self.execution.step(ts_ns, seen):
            if isinstance(action, PlaceOrder):
                self.venue.submit(Approved(action.order))
                self.orders += 1
            elif isinstance(action, QueryOrder):
                self.venue.query(action.client_id)
            else:
                self.venue.cancel(action.client_id)

    def _look(self) -> None:
        report = ahead_report(self.venue.world)
        self.peaks = np.maximum(self.peaks, report["score"].to_numpy())
        done = self._done() / np.where(self.task.quantity > 0, self.task.quantity, 1.0)
        alarmed = (report["alarms"].to_numpy() > 0) & np.isinf(self.delays)
        self.delays = np.where(alarmed, done, self.delays)

    def _mids(self) -> Float1D:
        tops = [self.venue.top(name) for name in self.names]
        ticks = np.array([(top.bid_ticks + top.ask_ticks) / 2 for top in tops])
        return np.asarray(ticks * np.array([i.price_grid.size for i in self.venue.instruments]))

    def _lots(self) -> Int1D:
        lots = np.zeros(len(self.names), np.int64)
        for fill in self.fills:
            lots[self.at[fill.instrument]] += fill.qty_lots
        return lots

    def _done(self) -> Float1D:
        """(tokens,) quantity filled [base]."""
        return np.asarray(np.bincount(self.task.tokens, self._lots() * self.unit), np.float64)

    def outcome(self, name: str, seed: int) -> Outcome:
        task, world = self.task, self.venue.world
        quantity, tokens = task.quantity, task.tokens
        arrival = np.array([self.arrival[tokens == token].mean() for token in range(len(quantity))])
        close = np.array([self.close[tokens == token].mean() for token in range(len(quantity))])
        value, done = float(quantity @ arrival), self._done()
        paid, moved, fees, rested = self._paid()
        left = 1 - float(done @ arrival) / value
        opportunity = left * task.side * float(quantity @ (close - arrival))
        gap = (done - quantity) * arrival / value
        traded = agent_ledger(world).filter(type="adversary")["profit"].sum()
        fill_value = max(float(done @ arrival), 1e-12)
        return Outcome(
            name,
            seed,
            task.side,
            shortfall_bps=(paid + fees + opportunity) / value / BPS,
            impact_bps=moved / fill_value / BPS,
            fees_bps=fees / value / BPS,
            maker=rested / fill_value,
            completion=1 - left,
            tracking_bps=float(np.sqrt(gap @ task.known.covariance @ gap * (DAY_NS / SECOND_NS))) / BPS,
            orders=self.orders,
            fills=len(self.fills),
            gini=self._gini(),
            peaks=self.peaks,
            delays=self.delays,
            adversary=float(traded),
            signed=np.asarray(np.bincount(tokens, self.signed * self.unit), np.float64),
            liquidated=self._liquidated(),
        )

    def _liquidated(self) -> float:
        world = self.venue.world
        begin_s = (self.task.start_ns - world.config.start_ns) / SECOND_NS
        paths = [ClearingHouse(world, house).path() for house in range(len(world.config.leverage))]
        return float(sum(path.filter(path["seconds"] >= begin_s)["liquidated"].sum() for path in paths))

    def _paid(self) -> tuple[float, float, float, float]:
        """Over the arrival mids, over the mids without us, fees, and the value that rested [quote]."""
        contexts = {(c.client_id, c.ts_ns): c for c in self.venue.contexts()}
        paid = moved = fees = rested = 0.0
        for fill in self.fills:
            m = self.at[fill.instrument]
            instrument = self.venue.instruments[m]
            unit, tick = fill.qty_lots * instrument.qty_grid.size, instrument.price_grid.size
            without = contexts[fill.client_id, fill.ts_ns].recorded_mid_ticks
            paid += self.task.side * unit * (fill.price_ticks * tick - self.arrival[m])
            moved += self.task.side * unit * tick * (fill.price_ticks - without)
            fees += fill.fee
            rested += unit * self.arrival[m] * fill.maker
        return paid, moved, fees, rested

    def _gini(self) -> dict[str, float]:
        """By level, over the nodes of the index."""
        tree = self.venue.world.config.tree()
        worth = self.unit * self.arrival
        own, others = self._lots() * worth, np.array([self.others[name] for name in self.names]) * worth
        found = {}
        for level, nodes in tree.levels().items():
            members = [[self.at[leaf] for leaf in tree.leaves(node)] for node in nodes]
            if len(nodes) > 1:
                found[level] = gini(normalised_impact([own[m].sum() for m in members], [others[m].sum() for m in members]))
        return found
