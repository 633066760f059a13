"""`counterpoise run`: one session from a configuration to a folder of results, and to a results database."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

import counterpoise
from counterpoise.adapters.config_file import load_config
from counterpoise.adapters.journal_file import JournalFile, read_journal
from counterpoise.adapters.results import ResultStore, RunResult
from counterpoise.app.config import RunConfig
from counterpoise.app.flows import explained
from counterpoise.app.frames import DepthPicture, RunFrames, run_frames
from counterpoise.app.panels import panel_frames
from counterpoise.app.run_venue import RunVenue, open_run_venue
from counterpoise.balance.parent import Parent
from counterpoise.balance.tca import Executions, Shortfall, shortfall
from counterpoise.core.clock import SimClock
from counterpoise.core.config import config_hash
from counterpoise.core.errors import ConfigError, DataError
from counterpoise.core.log import get_log
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import format_duration, parse_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import Measures
from counterpoise.market.event import merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Fill
from counterpoise.market.quality import QualityReport, check_events
from counterpoise.runtime.journal import Finished, JournalRecord, LineJournal, Started, decode
from counterpoise.runtime.session import Session, SessionResult
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.replay.venue import FillContext, SimVenue

__all__ = ["Run", "run", "run_config", "save", "set_aside"]

_RECORDED: Final = ("numpy", "numba", "polars", "msgspec")  # libraries whose versions can change a number


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to; `summary` is what `results.json` holds."""

    config: RunConfig
    instrument: Instrument
    opened: RunVenue
    summary: dict[str, Any]
    shortfall: Shortfall
    frames: RunFrames
    quality: QualityReport
    fills: list[Fill]
    filled_qty: Decimal
    folder: Path


def run(config_path: Path, *, out: Path | None = None, progress: Progress = silent) -> Run:
    """Run a configuration file; the folder is `out`, or ``out/NAME``."""
    config = load_config(config_path, RunConfig)
    return run_config(config, config_path=config_path, out=out or Path("out") / config.name, progress=progress)


def run_config(config: RunConfig, *, config_path: Path, out: Path, progress: Progress = silent) -> Run:
    """Run a configuration: the same one on the same data writes the same bytes, but for the versions in ``manifest.json``.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant, or the data do not hold its instrument or span.
    DataError
        If the recording cannot be read, or the book never is in order.
    """
    out.mkdir(parents=True, exist_ok=True)
    opened = open_run_venue(config, config_path=config_path, out=out)
    venue, instrument = opened.venue, opened.instrument
    picture = DepthPicture(venue, instrument, at_least_ns=parse_duration(config.flow.every))
    result, parent = _session(config, venue, instrument, out, picture, progress)
    stale_ns = parse_duration(config.flow.stale_after)
    events = merge_events(opened.seen)
    quality = check_events(events, instrument, stale_ns=stale_ns)
    cost = _cost(result, parent, venue.contexts())
    panels = panel_frames(events, instrument, panels=config.report.panels, every=Bins.parse(config.flow.every))
    frames = run_frames(result, instrument, venue.contexts(), picture, panels)
    summary = _summary(config, parent, result, cost=cost, frames=frames, data_hash=opened.data_hash)
    summary["venue"] = opened.told
    _write(out, config, summary, frames, quality)
    _write_json(out / "instrument.json", msgspec.to_builtins(instrument))
    if opened.fit is not None:
        (out / "response.json").write_bytes(opened.fit.to_json())
    filled = instrument.qty_grid.decimal(parent.filled_lots)
    return Run(config, instrument, opened, summary, cost, frames, quality, result.fills, filled, out)


def save(run: Run, store: str) -> None:
    """Record a run and its fills in a database; the same run is recorded once.

    Parameters
    ----------
    store : str
        File of an SQLite database, or an SQLAlchemy URL.

    Raises
    ------
    InputError
        If the database cannot be opened, or holds the same run with another outcome.
    """
    summary, cost = run.summary, run.shortfall
    result = RunResult(
        config_hash=summary["config_hash"],
        data_hash=summary["data_hash"],
        version=summary["version"],
        instrument=summary["instrument"],
        side=1 if summary["side"] == "buy" else -1,
        qty=summary["qty"],
        start_ns=summary["start_ns"],
        end_ns=summary["end_ns"],
        filled_qty=str(run.filled_qty),
        arrival_price=summary["arrival_price"],
        average_price=cost.average_price,
        shortfall_bps=cost.total_bps,
        fees=cost.fees,
        summary=summary,
    )
    with ResultStore(store if "://" in store else Path(store)) as results:
        results.save(result, run.fills)


def _session(
    config: RunConfig,
    venue: SimVenue | AgentVenue,
    instrument: Instrument,
    out: Path,
    picture: DepthPicture,
    progress: Progress,
) -> tuple[SessionResult, Parent]:
    first, last = venue.span_ns
    start, end = first + parse_duration(config.start_after), last - parse_duration(config.end_before)
    if end - start < parse_duration(config.parent.slice):
        raise ConfigError(
            f"the data span {format_duration(last - first)}: after start_after {config.start_after} and end_before "
            f"{config.end_before} nothing is left for a slice of {config.parent.slice}"
        )
    parent = Parent(instrument, config.parent, name=config.name, start_ns=start, end_ns=end)
    flow = config.flow
    measures = {
        i.id: Measures(
            i,
            bins=Bins.parse(flow.every),
            quotes=flow.quotes,
            bands_bps=flow.bands_bps,
            stale_ns=parse_duration(flow.stale_after),
        )
        for i in venue.instruments
    }
    path = out / "journal.log"
    kept = set_aside(path)
    if kept is not None:
        get_log(run=config.name).warning("an earlier run never finished; its journal is kept", journal=str(kept))
    with JournalFile(path, fsync="interval:256") as file:
        journal = LineJournal(file)
        journal.append(Started(config_hash=config_hash(config), seed=config.seed, version=counterpoise.__version__))
        session = Session(
            venue,
            clock=SimClock(first),
            execution=parent,
            limits=config.limits,
            measures=measures,
            journal=journal,
            step_ns=parse_duration(config.decide_every),
            observe=picture,
        )
        return session.run(last + 1, progress=progress), parent


def set_aside(journal: Path) -> Path | None:
    """Make way for a new journal: one that never finished is kept under another name, which is returned."""
    if not journal.exists():
        return None
    last: JournalRecord | None = None
    for line in read_journal(journal):
        last = decode(line)
    if isinstance(last, Finished):
        journal.unlink()
        return None
    kept = next(
        path for n in range(1, sys.maxsize) if not (path := journal.with_name(f"{journal.stem}.interrupted-{n}.log")).exists()
    )
    journal.rename(kept)
    return kept


def _cost(result: SessionResult, parent: Parent, contexts: Sequence[FillContext]) -> Shortfall:
    """Decision: the first sound mid of the parent's time. Arrival: when its first child was sent. Close: when it ended."""
    instrument = parent.instrument
    price, unit = instrument.price_grid, instrument.qty_grid.size * float(instrument.multiplier)
    begin, end = int(parent.schedule.start_ns[0]), int(parent.schedule.end_ns[-1])
    sound = result.steps.filter(
        (pl.col("state") == "SYNCED") & (pl.col("bid_ticks") > 0) & (pl.col("ask_ticks") > 0) & (pl.col("ts") >= begin)
    ).select("ts", mid=(pl.col("bid_ticks") + pl.col("ask_ticks")) / 2 * price.size)
    if sound.is_empty():
        raise DataError(
            "the book was never in order while the parent ran; let [data] start lie before a snapshot, "
            "or look at the data with 'counterpoise check'"
        )
    first_sent = result.orders[0][0] if result.orders else begin
    arrival = sound.filter(pl.col("ts") >= first_sent)["mid"]
    close = sound.filter(pl.col("ts") <= end)["mid"]
    fills = result.fills
    by_order = {(c.client_id, c.ts_ns): c for c in contexts}
    of = [by_order[f.client_id, f.ts_ns] for f in fills]
    executions = Executions(
        price=np.array([price.value(f.price_ticks) for f in fills]),
        qty=np.array([f.qty_lots for f in fills]) * unit,
        fee=np.array([f.fee for f in fills]),
        mid=np.array([c.shown_mid_ticks * price.size for c in of]),
        market_mid=np.array([c.recorded_mid_ticks * price.size for c in of]),
    )
    return shortfall(
        executions,
        side=parent.side,
        qty=parent.qty_lots * unit,
        inverse=instrument.inverse,
        decision_price=float(sound["mid"][0]),
        arrival_price=float(arrival[0]) if len(arrival) else float(sound["mid"][0]),
        close_price=float(close[-1]) if len(close) else float(sound["mid"][0]),
    )


def _summary(
    config: RunConfig, parent: Parent, result: SessionResult, *, cost: Shortfall, frames: RunFrames, data_hash: str
) -> dict[str, Any]:
    qty = parent.instrument.qty_grid
    own, others = qty.value(parent.filled_lots), float(frames.steps["market_qty"][-1])
    maker = sum(f.qty_lots for f in result.fills if f.maker)
    return {
        "config_hash": config_hash(config),
        "data_hash": data_hash,
        "version": counterpoise.__version__,
        "seed": config.seed,
        "instrument": parent.instrument.id,
        "side": config.parent.side,
        "qty": config.parent.qty,
        "filled_qty": own,
        "unfilled_qty": qty.value(parent.qty_lots - parent.filled_lots),
        "start_ns": int(parent.schedule.start_ns[0]),
        "end_ns": int(parent.schedule.end_ns[-1]),
        "decision_price": cost.decision_price,
        "arrival_price": cost.arrival_price,
        "orders": len(result.orders),
        "fills": len(result.fills),
        "refused": result.refused,
        "maker_share": maker / parent.filled_lots if parent.filled_lots else None,
        "participation": own / (own + others) if own + others else None,
        "shortfall": msgspec.to_builtins(cost),
        "shortfall_bps": {p: cost.bps(p) for p in ("delay", "spread", "impact", "timing", "opportunity", "fees", "total")},
        "flow": _flow_summary(frames.flow),
    }


def _flow_summary(flow: pl.DataFrame) -> dict[str, Any]:
    """How much of the mid's change the order flow of the same bin explains (not a forecast)."""
    states = dict(flow["quality"].value_counts(sort=True).iter_rows())
    return {"bins": flow.height, "quality": states, "ofi_r2": explained(flow, "ofi")}


def _write(out: Path, config: RunConfig, summary: dict[str, Any], frames: RunFrames, quality: QualityReport) -> None:
    frames.write(out)
    quality.frame.write_parquet(out / "quality.parquet")
    _write_json(out / "config.json", msgspec.to_builtins(config))
    _write_json(out / "results.json", summary)
    libraries = {name: version(name) for name in _RECORDED}
    about = {name: summary[name] for name in ("config_hash", "data_hash", "seed", "version")}
    _write_json(out / "manifest.json", {**about, "python": platform.python_version(), "libraries": libraries})


def _write_json(path: Path, value: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n")
