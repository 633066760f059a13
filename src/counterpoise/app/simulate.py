"""`counterpoise simulate`: a market of agents into a lake, with who earned what and a page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.adapters.config_file import load_config
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch, tick_batches
from counterpoise.app.flows import explained
from counterpoise.app.output import write_frame, write_text
from counterpoise.app.simulate_page import market_html
from counterpoise.core.config import Config, config_hash
from counterpoise.core.errors import ConfigError
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.by_node import by_node
from counterpoise.flow.measures import Measures
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.market import AgentMarket

__all__ = ["MarketFile", "MarketReport", "simulate_file", "simulate_market"]

_YEAR_S: Final = 365 * 86_400
_PIECE_NS: Final = SECOND_NS


class MarketFile(Config, frozen=True, kw_only=True):
    """What `simulate` reads: one TOML file.

    Parameters
    ----------
    name : str
        The default output folder.
    market : AgentMarketConfig
    """

    name: str
    market: AgentMarketConfig


class MarketReport(NamedTuple):
    """What a market of agents came to, and the files it was written to.

    Attributes
    ----------
    config : AgentMarketConfig
    markets : DataFrame
        A row an instrument: ``rows`` and ``trades``, ``volume`` [quote], ``spread_bps`` (mean), ``vol_annual`` of its mid over
        seconds, ``ofi_r2`` of the mid's change in the same second.
    agents, ledger : DataFrame
        As `counterpoise.sim.agents.ledger` has them.
    mids : DataFrame
        ``ts`` and, by instrument, the mid at the end of each second [quote].
    nodes : DataFrame
        Flow of every node of the granularity tree, options left out, see `counterpoise.flow.by_node`.
    files : tuple of Path
    """

    config: AgentMarketConfig
    markets: pl.DataFrame
    agents: pl.DataFrame
    ledger: pl.DataFrame
    mids: pl.DataFrame
    nodes: pl.DataFrame
    files: tuple[Path, ...] = ()

    @property
    def frame(self) -> pl.DataFrame:
        """A row an instrument."""
        return self.markets

    def to_html(self) -> str:
        """The page."""
        return market_html(self.config, markets=self.markets, agents=self.agents, mids=self.mids, nodes=self.nodes)

    def _repr_html_(self) -> str:
        return self.to_html()


def simulate_file(
    path: Path, *, out: Path | None = None, lake: Path | None = None, seed: int | None = None, progress: Progress = silent
) -> MarketReport:
    """Simulate the market of a configuration file; `seed` goes before the file's. See `simulate_market`."""
    file = load_config(path, MarketFile)
    market = file.market if seed is None else msgspec.structs.replace(file.market, seed=seed)
    folder = out or Path("out") / file.name
    return simulate_market(market, out=folder, lake=lake or folder / "lake", progress=progress)


def simulate_market(config: AgentMarketConfig, *, out: Path, lake: Path, progress: Progress = silent) -> MarketReport:
    """Let a market of agents live, keep what its venues said in a lake, and write what came of it.

    Parameters
    ----------
    config : AgentMarketConfig
    out : Path
        Folder of ``markets``, ``agents``, ``ledger`` and ``nodes`` as Parquet, and ``market.html``.
    lake : Path
        Where the events go; ``counterpoise flow``, ``check`` and ``run`` read it. The same market is stored once.
    progress : Progress
        Called with the share that is done.

    Raises
    ------
    ConfigError
        If the market is shorter than two seconds.
    InputError
        If the lake holds another market at the same time, or a file cannot be written.
    """
    if config.end_ns - config.start_ns < 2 * SECOND_NS:
        raise ConfigError(f"the market lives for {config.duration}, expected two seconds or more")
    feed = AgentMarket(config)
    told = {instrument.id: _Told(instrument) for instrument in feed.instruments}
    stored = Lake(lake).ingest(config_hash(config), _batches(feed, told, progress))
    if stored.already_there:  # nothing was asked of the feed
        for _ in _batches(feed, told, progress):
            pass
    measures = {name: one.measures.finish() for name, one in told.items()}
    outrights = msgspec.structs.replace(config, chains=())  # an option has no fixed number of coins
    report = MarketReport(
        config=config,
        markets=pl.DataFrame([one.summary(measures[name]) for name, one in told.items()]),
        agents=agent_ledger(feed.world),
        ledger=venue_ledger(feed.world),
        mids=_mids(measures),
        nodes=by_node(outrights.tree(), _outrights(feed, measures), instruments=feed.instruments, currency="USDT"),
    )
    return report._replace(files=_write(report, out))


class _Told:
    """What one instrument's venue has said so far, in sums."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.measures = Measures(instrument, bins=Bins.parse("1s"))
        self.rows = self.trades = self.lots_by_ticks = 0

    def hear(self, events: Events) -> None:
        self.measures.push(events)
        traded = events.kind == TRADE
        self.rows += events.rows
        self.trades += int(traded.sum())
        self.lots_by_ticks += int((events.price_ticks[traded] * events.qty_lots[traded]).sum())

    def summary(self, frame: pl.DataFrame) -> dict[str, object]:
        change = (frame["mid_change"] / frame["mid"]).drop_nulls().to_numpy()
        spread = (frame["spread"] / frame["mid"] / BPS).mean()
        return {
            "instrument": self.instrument.id,
            "rows": self.rows,
            "trades": self.trades,
            "volume": self.lots_by_ticks * float(self.instrument.notional(1, 1)),
            "spread_bps": spread,
            "vol_annual": float(np.sqrt(np.mean(change**2) * _YEAR_S)) if len(change) else None,
            "ofi_r2": explained(frame, "ofi"),
        }


def _batches(feed: AgentMarket, told: dict[str, _Told], progress: Progress) -> Iterator[Batch]:
    first, last = feed.span_ns
    until = first
    while until <= last:
        until = min(until + _PIECE_NS, last + 1)
        for instrument, events in feed.until(until):
            told[instrument.id].hear(events)
            yield from tick_batches(instrument, events)
        progress((until - first) / (last + 1 - first))


def _outrights(feed: AgentMarket, measures: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {i.id: measures[i.id] for i in feed.instruments if i.kind is not InstrumentKind.OPTION}


def _mids(measures: dict[str, pl.DataFrame]) -> pl.DataFrame:
    out = pl.DataFrame(schema={"ts": pl.Datetime("ns", "UTC")})
    for name, frame in measures.items():
        out = out.join(frame.select("ts", pl.col("mid").alias(name)), on="ts", how="full", coalesce=True)
    return out.sort("ts")


def _write(report: MarketReport, folder: Path) -> tuple[Path, ...]:
    tables = {name: getattr(report, name) for name in ("markets", "agents", "ledger", "nodes")}
    files = [folder / f"{name}.parquet" for name in tables]
    for path, frame in zip(files, tables.values(), strict=True):
        write_frame(frame, path)
    page = folder / "market.html"
    write_text(report.to_html(), page)
    return (*files, page)
