"""Where a run trades: a replayed or synthetic market that models make react, or a seat in a market of agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from counterpoise.app.config import RunConfig
from counterpoise.app.data import WatchedFeed, open_feed
from counterpoise.app.venue_models import HeldFeed, ResponseConfig, VenueConfig, assumptions, venue_models
from counterpoise.core.config import config_hash
from counterpoise.core.errors import ConfigError
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency, LognormalLatency
from counterpoise.sim.replay.response_fit import ResponseFit
from counterpoise.sim.replay.venue import SimVenue

__all__ = ["RunVenue", "open_run_venue"]


class RunVenue(NamedTuple):
    """A venue ready for a run.

    Attributes
    ----------
    venue : SimVenue or AgentVenue
    instrument : Instrument
        What the parent trades.
    seen : list of Events
        Of that instrument, as they are given; grows while the run goes on.
    data_hash : str
    told : dict
        Models and numbers, for ``results.json``.
    assumptions : list of str
        A sentence each.
    fit : ResponseFit, optional
        When the response was fitted.
    """

    venue: SimVenue | AgentVenue
    instrument: Instrument
    seen: list[Events]
    data_hash: str
    told: dict[str, Any]
    assumptions: Sequence[str]
    fit: ResponseFit | None = None


def open_run_venue(config: RunConfig, *, config_path: Path, out: Path) -> RunVenue:
    """The venue of a configuration.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant, or the data do not hold its instrument.
    DataError, NumericalError
        If a model cannot be made from the data.
    """
    agents = config.data.agents
    return _replay(config, config_path=config_path, out=out) if agents is None else _seat(config, agents)


def _replay(config: RunConfig, *, config_path: Path, out: Path) -> RunVenue:
    feed, data_hash = open_feed(config.data, config_path=config_path, out=out)
    instrument = _instrument(config, feed.instruments)
    held = HeldFeed(feed) if config.venue.needs_events else None
    events = None if held is None else held.events[instrument.id]
    models = venue_models(config.venue, instrument, events=events, folder=config_path.parent, seed=config.seed)
    watched = WatchedFeed(held or feed, instrument)
    venue = SimVenue(
        watched,
        response=models.response,
        queue=models.queue,
        fees=config.venue.fees,
        latency=models.latency,
        seed=config.seed,
    )
    return RunVenue(venue, instrument, watched.seen, data_hash, models.told(config.venue), assumptions(models), models.fit)


def _seat(config: RunConfig, agents: AgentMarketConfig) -> RunVenue:
    latency, plain = config.venue.latency, VenueConfig()
    if not isinstance(latency, ConstantLatency | LognormalLatency):
        raise ConfigError("[venue.latency] in a market of agents is constant or lognormal; nothing was recorded there")
    if (config.venue.queue, config.venue.response, config.venue.fees) != (plain.queue, ResponseConfig(), Fees()):
        raise ConfigError(
            "[venue] queue, response and fees are models of a replay; in [data.agents] the queue is the book's, the agents "
            "answer by themselves, and fees are maker_bps and taker_bps of the market: leave them out of [venue]"
        )
    venue = _WatchedSeat(config.data.instrument, agents, latency=latency, seed=config.seed)
    instrument = _instrument(config, venue.instruments)
    told = {"agents": msgspec.to_builtins(agents), "latency": msgspec.to_builtins(latency)}
    return RunVenue(venue, instrument, venue.seen, config_hash(agents), told, _said(agents, config.venue))


def _instrument(config: RunConfig, known: Sequence[Instrument]) -> Instrument:
    data = config.data
    instrument = next((i for i in known if i.id == data.instrument), None)
    if instrument is None:
        raise ConfigError(f"[data] instrument {data.instrument!r} is not among {[i.id for i in known]}")
    return msgspec.structs.replace(instrument, min_notional=data.min_notional) if data.min_notional else instrument


class _WatchedSeat(AgentVenue):
    """A seat that remembers what it was told of one instrument."""

    def __init__(
        self, instrument: str, config: AgentMarketConfig, *, latency: ConstantLatency | LognormalLatency, seed: int
    ) -> None:
        super().__init__(config, latency=latency, seed=seed)
        self._watched = instrument
        self.seen: list[Events] = []

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        for instrument, events in super().market():
            if instrument.id == self._watched:
                self.seen.append(events)
            yield instrument, events


def _said(agents: AgentMarketConfig, venue: VenueConfig) -> list[str]:
    latency = " ".join(f"{name} {value}" for name, value in msgspec.to_builtins(venue.latency).items())
    return [
        f"A market of agents: {len(agents.tokens)} tokens on {len(agents.venues)} venues, seed {agents.seed}. Our orders stand "
        "in the same queues and trade with the same agents as everyone's; nothing is added to the book but them.",
        f"Fees: maker {agents.maker_bps:g} bps, taker {agents.taker_bps:g} bps. Latency, {latency}.",
        "Who knows the value trades on it, late and with noise; who sees our flow in the prints may follow or lean against it.",
        "Timing is what the token's value did meanwhile, which nobody's trading changes; impact is how far the price we got "
        "lies beyond that.",
        "A market of models: what an order costs here is no evidence of what it costs on a real venue.",
    ]
