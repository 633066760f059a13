"""The agent market: venues made by those who trade on them, through the Feed port, and in one piece.

Patient traders, makers, takers, arbitrageurs and a crowd trade spot and perpetuals of several tokens on several venues; prices
are what comes of it. `docs/theory/agents.md` says who they are, what the market shows beside a recording, and what it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.core.units import parse_duration
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.world import AgentWorld, build_world
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.kernels.outputs import tell_snapshot
from counterpoise.sim.exchange.tape import tape_events
from counterpoise.sim.leverage.accounts import Accounts

__all__ = ["AgentMarket", "SimulatedMarket", "open_world", "simulate", "take_events"]


def open_world(
    config: AgentMarketConfig,
    *,
    extra: Sequence[AgentLine] = (),
    own_accounts: int = 0,
    leveraged: Mapping[int, Accounts] = MappingProxyType({}),
) -> AgentWorld:
    """The world at the time of its opening snapshot, which stands on its tape; `build_world` says what the rest is."""
    world = build_world(config, extra=extra, own_accounts=own_accounts, leveraged=leveraged)
    world.pass_unseen(config.start_ns)
    world.ex[x.SEQ] = 0
    world.widen_tape(sum(int(world.ex[market_at(world.ex, m) + side + x.COUNT]) + 1 for m, side in _sides(world)))
    for market in range(len(config.places)):
        tell_snapshot(world.ex, world.tape, market_at(world.ex, market), config.start_ns)
    world.skip_prints()
    return world


def _sides(world: AgentWorld) -> Iterator[tuple[int, int]]:
    """Both sides of every market."""
    return product(range(len(world.config.places)), (x.BIDS, x.ASKS))


def take_events(world: AgentWorld) -> tuple[Events, ...]:
    """What stands on the tape, market by market, with ts_local = ts_venue; the tape is then empty."""
    events = tape_events(world.tape[: world.ex[x.TAPE_ROWS]], markets=len(world.exchange.markets))
    world.clear()
    return events


class AgentMarket:
    """The agent market through the Feed port, made as it is asked for and in bounded memory.

    The bytes are those of `simulate`, however the time is cut.

    Parameters
    ----------
    config : AgentMarketConfig
    """

    def __init__(self, config: AgentMarketConfig) -> None:
        self.world: Final = open_world(config)
        self._delays: Final = [_Delay(config, market) for market in range(len(config.places))]
        self._instruments: Final = config.instruments
        self._waiting: list[list[Events]] = [[] for _ in self._instruments]
        self._collect()
        first = min(int(pieces[0].ts_local[0]) for pieces in self._waiting)
        self._span: Final = first, config.end_ns + max(delay.longest_ns for delay in self._delays)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._instruments

    @property
    def span_ns(self) -> tuple[int, int]:
        """First ts_local, and the latest that any row may have: the end of the market and the longest latency."""
        return self._span

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        """Rows with ts_local < ts_ns not given before, instrument by instrument, each in pieces in order of time."""
        end_ns = min(ts_ns, self.world.config.end_ns)
        while not self.world.advance(end_ns):
            self._collect()
        self._collect()
        for instrument, pieces in zip(self._instruments, self._waiting, strict=True):
            kept: list[Events] = []
            for piece in pieces:
                count = piece.until(ts_ns)
                if count:
                    yield instrument, piece.cut(0, count)
                if count < piece.rows:
                    kept.append(piece.cut(count, piece.rows))
            pieces[:] = kept

    def _collect(self) -> None:
        for events, delay, pieces in zip(take_events(self.world), self._delays, self._waiting, strict=True):
            if events.rows:
                pieces.append(delay.arrive(events))


class _Delay:
    """From a venue to us: one draw a message, and no message overtakes another."""

    def __init__(self, config: AgentMarketConfig, market: int) -> None:
        seed = np.random.SeedSequence(config.seed).spawn(3)[2].spawn(len(config.places))[market]
        self._rng: Final = np.random.default_rng(seed)
        self._median_ns, self._sigma = parse_duration(config.feed_latency), config.feed_latency_sigma
        self.longest_ns: Final = int(self._median_ns * np.exp(4 * self._sigma))
        self._last_ns, self._last_seq = 0, -1

    def arrive(self, events: Events) -> Events:
        """The same rows with their ts_local. Assumes that no message is cut."""
        first = np.diff(events.seq, prepend=self._last_seq) != 0
        normals = np.clip(self._rng.standard_normal(int(first.sum())), -4, 4)
        lag = np.rint(self._median_ns * np.exp(self._sigma * normals)).astype(np.int64)
        arrival = np.maximum.accumulate(np.maximum(events.ts_venue[first] + lag, self._last_ns))
        self._last_ns, self._last_seq = int(arrival[-1]), int(events.seq[-1])
        ts_local: Int1D = arrival[np.cumsum(first) - 1]
        return events._replace(ts_local=ts_local)


class SimulatedMarket(NamedTuple):
    """What a market of agents leaves behind.

    Attributes
    ----------
    events : dict of str to Events
        By instrument id, from the opening snapshot on.
    agents : DataFrame
        `agent_ledger`: what each type of agent sent, traded, paid and earned.
    ledger : DataFrame
        `venue_ledger`: money of everyone by currency, that adds up to what was deposited.
    """

    events: dict[str, Events]
    agents: pl.DataFrame
    ledger: pl.DataFrame


def simulate(config: AgentMarketConfig) -> SimulatedMarket:
    """The market from its opening to its end. About 57 bytes a row of events: for long markets take `AgentMarket`."""
    feed = AgentMarket(config)
    pieces: dict[str, list[Events]] = {instrument.id: [] for instrument in feed.instruments}
    for instrument, events in feed.until(feed.span_ns[1] + 1):
        pieces[instrument.id].append(events)
    joined = {
        name: Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True)) for name, parts in pieces.items()
    }
    return SimulatedMarket(joined, agent_ledger(feed.world), venue_ledger(feed.world))
