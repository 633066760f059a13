"""A cascade from a configuration file: frames and a page, without and with the exchange's levers."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.adapters.config_file import load_config
from counterpoise.app.cascade_page import cascade_html
from counterpoise.app.config import DataConfig
from counterpoise.app.data import open_feed
from counterpoise.app.output import write_frame
from counterpoise.core.config import Config, config_hash
from counterpoise.core.errors import ConfigError, DataError, InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import Grid
from counterpoise.market.book import Book, Levels
from counterpoise.market.instrument import Instrument
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.live_cascade import compare_live, with_policy
from counterpoise.sim.leverage.cascade import Comparison, compare
from counterpoise.sim.leverage.cascade_config import LEVERS, CascadeConfig, Policy

__all__ = ["CascadeFile", "CascadeReport", "recorded_levels", "run_cascade"]


class CascadeFile(Config, frozen=True, kw_only=True):
    """What a cascade reads: one TOML file.

    Parameters
    ----------
    name : str
        The default output folder.
    cascade : CascadeConfig
    data : DataConfig, optional
        A recording whose last book is the one that is hit; the price then is its best, and the density is not looked at.
    live : AgentMarketConfig, optional
        A market of agents with `leverage` and `shocks`, in place of all that is above: the book is theirs.

    Raises
    ------
    ConfigError
        If a live market and a recording, or a shock to a book, are asked for at once.
    """

    name: str
    cascade: CascadeConfig = CascadeConfig()
    data: DataConfig | None = None
    live: AgentMarketConfig | None = None

    def __post_init__(self) -> None:
        if self.live is not None and (self.data is not None or self.cascade != CascadeConfig()):
            raise ConfigError("[live] beside [data] or [cascade]; expected one: a market of agents, or a shock to a book")

    @property
    def policy(self) -> Policy:
        """Levers of the venue, of a live market those of its first house."""
        if self.live is None:
            return self.cascade.policy
        return self.live.leverage[0].policy if self.live.leverage else Policy()

    def with_policy(self, policy: Policy) -> CascadeFile:
        """The same with other levers."""
        if self.live is None:
            return msgspec.structs.replace(self, cascade=msgspec.structs.replace(self.cascade, policy=policy))
        return msgspec.structs.replace(self, live=with_policy(self.live, policy))


class CascadeReport(NamedTuple):
    """What came of it, and the files it was written to.

    Attributes
    ----------
    config : CascadeFile
    comparison : Comparison
    files : tuple of Path
    """

    config: CascadeFile
    comparison: Comparison
    files: tuple[Path, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """A row a policy."""
        return self.comparison.frame

    def to_html(self) -> str:
        """The page."""
        config = self.config
        return cascade_html(self.comparison, title=config.name, contract=config.cascade.contract, live=config.live is not None)

    def _repr_html_(self) -> str:
        return self.to_html()


def run_cascade(
    config_path: Path,
    *,
    out: Path | None = None,
    levers: tuple[str, ...] = (),
    progress: Progress = silent,
) -> CascadeReport:
    """Run a configuration without its levers, with each alone and with all, and write what came of it.

    Parameters
    ----------
    config_path : Path
        TOML, see `CascadeFile`.
    out : Path, optional
        Folder, by default ``out/NAME``: ``comparison``, ``path``, ``by_tier`` and ``victims`` as Parquet, ``cascade.html``.
    levers : tuple of str
        Those of the configuration to look at; all of them if empty.
    progress : Progress, optional
        Is told the share that is done.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant, a lever is not in it, or a file cannot be read or written.
    DataError
        If the recording holds no book of its instrument.
    """
    config = _with_levers(load_config(config_path, CascadeFile), levers)
    folder = out or Path("out") / config.name
    if config.live is not None:
        report = CascadeReport(config, compare_live(config.live, progress=progress), ())
        return report._replace(files=_write(report, folder))
    market, resting = config.cascade, None
    if config.data is not None:
        instrument, book = _last_book(config.data, config_path, folder)
        market, resting = recorded_levels(book, instrument, market)
    report = CascadeReport(config, compare(market, resting=resting), ())
    return report._replace(files=_write(report, folder))


def _with_levers(config: CascadeFile, levers: tuple[str, ...]) -> CascadeFile:
    policy = config.policy
    held = [name for name in LEVERS if getattr(policy, name) is not None]
    for name in levers:
        if name not in held:
            raise UnknownName("lever in the policy of the file", name, held or LEVERS)
    return config.with_policy(Policy(**{name: getattr(policy, name) for name in levers})) if levers else config


def recorded_levels(book: Book, instrument: Instrument, config: CascadeConfig) -> tuple[CascadeConfig, Levels]:
    """The side of a book that a shock hits, in the ticks and lots of a cascade, and the cascade at its best price.

    Prices go to the tick away from the best, sizes are cut to whole lots: never more depth than there was. An inverse
    instrument's sizes are contracts of a fixed value, and so are the lots.

    Raises
    ------
    ConfigError
        If the instrument is not of the config's contract.
    DataError
        If that side is empty.
    """
    if instrument.inverse != (config.contract == "inverse"):
        held = "inverse" if instrument.inverse else "linear"
        face = f'a lot as "{instrument.multiplier}"' if instrument.inverse else "a lot"
        raise ConfigError(
            f"[data] instrument {instrument.id} is {held} and contract is {config.contract}; expected both alike: set "
            f'contract = "{held}", {face} and margin rules'
        )
    side = 1 if config.shock_bps < 0 else -1
    levels = book.levels(side)
    if not len(levels.price_ticks):
        raise DataError(f"the last book of {instrument.id} has no {'bids' if side > 0 else 'asks'}; choose another end")
    tick, lot = Grid(config.tick), Grid(config.lot)
    price = instrument.price_grid.values(levels.price_ticks)
    near = np.floor(side * price / tick.size + 1e-9).astype(np.int64) * side
    qty = instrument.qty_grid.values(levels.qty_lots) * Grid(instrument.multiplier).size
    frame = pl.DataFrame({"ticks": near, "qty": qty}).group_by("ticks").agg(pl.col("qty").sum())
    frame = frame.with_columns(lots=(pl.col("qty") / lot.size + 1e-9).floor().cast(pl.Int64)).filter(pl.col("lots") > 0)
    frame = frame.sort("ticks", descending=side > 0)
    if frame.height == 0:
        raise DataError(f"no level of {instrument.id} holds a lot of {config.lot}; choose a finer lot")
    best = tick.value(int(frame["ticks"][0]))
    return msgspec.structs.replace(config, price=best), Levels(frame["ticks"].to_numpy(), frame["lots"].to_numpy())


def _last_book(data: DataConfig, config_path: Path, folder: Path) -> tuple[Instrument, Book]:
    feed, _ = open_feed(data, config_path=config_path, out=folder)
    book, found = Book(), None
    for instrument, events in feed.until(feed.span_ns[1]):
        if instrument.id == data.instrument:
            book.apply(events)
            found = instrument
    if found is None:
        raise ConfigError(f"[data] instrument {data.instrument!r} is not among {[i.id for i in feed.instruments]}")
    return found, book


def _write(report: CascadeReport, folder: Path) -> tuple[Path, ...]:
    results = report.comparison.results
    tables = {"comparison": report.comparison.frame.with_columns(config_hash=pl.lit(config_hash(report.config)))}
    for name, attribute in (("path", "frame"), ("by_tier", "by_tier"), ("victims", "victims")):
        parts = [
            getattr(result, attribute).select(pl.lit(policy).alias("policy"), pl.all()) for policy, result in results.items()
        ]
        tables[name] = pl.concat(parts)
    files = [folder / f"{name}.parquet" for name in tables]
    for path, frame in zip(files, tables.values(), strict=True):
        write_frame(frame, path)
    page = folder / "cascade.html"
    try:
        page.write_text(report.to_html(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {page}: {error.strerror or error}") from error
    return (*files, page)
