"""`counterpoise run`: one session from a configuration to a folder of results."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import numpy as np
import polars as pl

import counterpoise
from counterpoise.adapters.journal_file import JournalFile
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_feed import LakeFeed
from counterpoise.app.config import RunConfig, recordings
from counterpoise.app.ingest import ingest
from counterpoise.balance.parent import Parent
from counterpoise.balance.tca import Executions, Shortfall, shortfall
from counterpoise.core.clock import SimClock
from counterpoise.core.config import config_hash, load_config
from counterpoise.core.errors import ConfigError, DataError
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import format_duration, parse_duration, parse_time
from counterpoise.flow.measures import Measures
from counterpoise.market.event import Events, Feed, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.quality import QualityReport, check_events
from counterpoise.runtime.journal import LineJournal, Started
from counterpoise.runtime.session import Session, SessionResult
from counterpoise.sim.market import SyntheticFeed
from counterpoise.sim.venue import FillContext, SimVenue

__all__ = ["Run", "RunFrames", "run", "run_config"]

_ROW_BPS: Final = 0.5  # height of a row of the depth picture
_ROWS: Final = 48  # rows around mid
_PICTURE_COLUMNS: Final = 400  # at most, over the whole run


@dataclass(frozen=True, slots=True)
class RunFrames:
    """Tables of a run, as they are written beside the report."""

    flow: pl.DataFrame
    steps: pl.DataFrame
    fills: pl.DataFrame
    orders: pl.DataFrame
    depth: pl.DataFrame

    def write(self, folder: Path) -> None:
        for name in ("flow", "steps", "fills", "orders", "depth"):
            cast(pl.DataFrame, getattr(self, name)).write_parquet(folder / f"{name}.parquet")


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to; `summary` is what `results.json` holds."""

    config: RunConfig
    instrument: Instrument
    summary: dict[str, Any]
    shortfall: Shortfall
    frames: RunFrames
    quality: QualityReport
    folder: Path


def run(config_path: Path, *, out: Path | None = None, progress: Progress = silent) -> Run:
    """Run a configuration file; the folder is `out`, or ``out/NAME``."""
    config = load_config(config_path, RunConfig)
    return run_config(config, config_path=config_path, out=out or Path("out") / config.name, progress=progress)


def run_config(config: RunConfig, *, config_path: Path, out: Path, progress: Progress = silent) -> Run:
    """Run a configuration: the same one on the same data writes the same bytes.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant, or the data do not hold its instrument or span.
    DataError
        If the recording cannot be read, or the book never is in order.
    """
    out.mkdir(parents=True, exist_ok=True)
    feed, data_hash = _open_feed(config, config_path, out, progress)
    instrument = next((i for i in feed.instruments if i.id == config.data.instrument), None)
    if instrument is None:
        raise ConfigError(f"[data] instrument {config.data.instrument!r} is not among {[i.id for i in feed.instruments]}")
    watched = _Watched(feed)
    venue = SimVenue(
        watched,
        response=config.venue.response,
        fees=config.venue.fees,
        latency=config.venue.latency,
        seed=config.seed,
    )
    picture = _DepthPicture(venue, instrument, every_ns=max(_span(feed) // _PICTURE_COLUMNS, parse_duration(config.flow.every)))
    result, parent = _session(config, venue, instrument, out, picture, progress)
    quality = check_events(
        merge_events(watched.seen[instrument.id]), instrument, stale_ns=parse_duration(config.flow.stale_after)
    )
    cost = _cost(result, parent, venue.contexts())
    frames = _frames(result, instrument, venue.contexts(), picture)
    summary = _summary(config, instrument, parent, result, cost, frames, data_hash)
    _write(out, config, summary, frames, quality)
    return Run(config, instrument, summary, cost, frames, quality, out)


def _span(feed: Feed) -> int:
    first, last = feed.span_ns
    return last - first


def _open_feed(config: RunConfig, config_path: Path, out: Path, progress: Progress) -> tuple[Feed, str]:
    """The feed, and a hash of its data."""
    data = config.data
    if data.synthetic is not None:
        return SyntheticFeed(data.synthetic), config_hash(data.synthetic)
    if data.captures:
        lake = Lake(out / "lake")
        venue, _, symbol = data.instrument.partition(":")
        results = ingest(recordings(data, config_path), lake=lake, venue=venue, symbol=symbol, progress=progress)
        digest = hashlib.sha256("".join(r.source for r in results).encode()).hexdigest()[:16]
    else:
        lake = Lake(config_path.parent / data.lake)
        digest = hashlib.sha256(lake.describe().write_csv().encode()).hexdigest()[:16]
    start_ns = parse_time(data.start) if data.start else None
    end_ns = parse_time(data.end) if data.end else None
    return LakeFeed(lake, [data.instrument], start_ns=start_ns, end_ns=end_ns), digest


class _Watched:
    """A feed that remembers what it gave, for the quality report."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.seen: dict[str, list[Events]] = {i.id: [] for i in feed.instruments}

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._feed.instruments

    @property
    def span_ns(self) -> tuple[int, int]:
        return self._feed.span_ns

    def until(self, ts_ns: int) -> Any:
        for instrument, events in self._feed.until(ts_ns):
            self.seen[instrument.id].append(events)
            yield instrument, events


class _DepthPicture:
    """Samples of the depth around mid, for the heat map."""

    def __init__(self, venue: SimVenue, instrument: Instrument, *, every_ns: int) -> None:
        self._venue, self._instrument, self._every_ns = venue, instrument, every_ns
        self._next_ns = 0
        self._row_ticks = 0
        self.samples: list[tuple[int, float, float]] = []

    def __call__(self, ts_ns: int) -> None:
        top = self._venue.top(self._instrument.id)
        if ts_ns < self._next_ns or not top.bid_ticks or not top.ask_ticks:
            return
        self._next_ns = (ts_ns // self._every_ns + 1) * self._every_ns
        mid = (top.bid_ticks + top.ask_ticks) / 2
        self._row_ticks = self._row_ticks or max(1, round(mid * _ROW_BPS * 1e-4))
        first = int(mid) // self._row_ticks - _ROWS // 2
        edges = self._row_ticks * (first + np.arange(_ROWS + 1, dtype=np.int64))
        lots = self._venue.depth_rows(self._instrument.id, edges)
        price, qty = self._instrument.price_grid, self._instrument.qty_grid
        for low, depth in zip(price.values(edges[:-1]), qty.values(lots), strict=True):
            self.samples.append((ts_ns, float(low), float(depth)))

    @property
    def row_price(self) -> float:
        """Height of a row [quote]."""
        return self._instrument.price(self._row_ticks)


def _session(
    config: RunConfig, venue: SimVenue, instrument: Instrument, out: Path, picture: _DepthPicture, progress: Progress
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
            every_ns=parse_duration(flow.every),
            quotes=flow.quotes,
            bands_bps=flow.bands_bps,
            stale_ns=parse_duration(flow.stale_after),
        )
        for i in venue.instruments
    }
    path = out / "journal.log"
    path.unlink(missing_ok=True)  # a new run: the journal is of this one alone
    with JournalFile(path, fsync="interval:256") as file:
        journal = LineJournal(file)
        journal.append(Started(config_hash=config_hash(config), seed=config.seed, version=counterpoise.__version__))
        session = Session(
            venue,
            clock=SimClock(first),
            parent=parent,
            limits=config.limits,
            measures=measures,
            journal=journal,
            step_ns=parse_duration(config.decide_every),
            observe=picture,
        )
        return session.run(last + 1, progress=progress), parent


def _cost(result: SessionResult, parent: Parent, contexts: Sequence[FillContext]) -> Shortfall:
    """Decision: the first sound mid of the parent's time. Arrival: when its first child was sent. Close: when it ended."""
    price, qty = parent.instrument.price_grid, parent.instrument.qty_grid
    begin, end = int(parent.schedule.start_ns[0]), int(parent.schedule.end_ns[-1])
    sound = result.steps.filter(
        (pl.col("state") == "SYNCED") & (pl.col("bid_ticks") > 0) & (pl.col("ask_ticks") > 0) & (pl.col("ts") >= begin)
    ).select("ts", mid=(pl.col("bid_ticks") + pl.col("ask_ticks")) / 2 * price.size)
    if sound.is_empty():
        raise DataError("the book was never in order while the parent ran; look at the data with 'counterpoise check'")
    first_sent = result.orders[0][0] if result.orders else begin
    arrival = sound.filter(pl.col("ts") >= first_sent)["mid"]
    close = sound.filter(pl.col("ts") <= end)["mid"]
    fills = result.fills
    by_order = {(c.client_id, c.ts_ns): c for c in contexts}
    of = [by_order[f.client_id, f.ts_ns] for f in fills]
    executions = Executions(
        price=np.array([price.value(f.price_ticks) for f in fills]),
        qty=np.array([qty.value(f.qty_lots) for f in fills]),
        fee=np.array([f.fee for f in fills]),
        mid=np.array([c.shown_mid_ticks * price.size for c in of]),
        market_mid=np.array([c.recorded_mid_ticks * price.size for c in of]),
    )
    return shortfall(
        executions,
        side=parent.side,
        qty=qty.value(parent.qty_lots),
        decision_price=float(sound["mid"][0]),
        arrival_price=float(arrival[0]) if len(arrival) else float(sound["mid"][0]),
        close_price=float(close[-1]) if len(close) else float(sound["mid"][0]),
    )


def _frames(
    result: SessionResult, instrument: Instrument, contexts: Sequence[FillContext], picture: _DepthPicture
) -> RunFrames:
    price, qty = instrument.price_grid, instrument.qty_grid
    time = pl.Datetime("ns", "UTC")
    steps = result.steps.select(
        pl.col("ts").cast(time),
        *(
            pl.when(pl.col(f"{side}_ticks") > 0).then(pl.col(f"{side}_ticks") * price.size).alias(side)
            for side in ("bid", "ask")
        ),
        "state",
        *((pl.col(f"{name}_lots") * qty.size).alias(f"{name}_qty") for name in ("target", "filled", "live", "market")),
    )
    mids = {(c.client_id, c.ts_ns): c for c in contexts}
    fills = pl.DataFrame(
        [
            (
                f.ts_ns,
                f.client_id,
                f.side,
                price.value(f.price_ticks),
                qty.value(f.qty_lots),
                f.fee,
                f.maker,
                mids[f.client_id, f.ts_ns].shown_mid_ticks * price.size,
                mids[f.client_id, f.ts_ns].recorded_mid_ticks * price.size,
            )
            for f in result.fills
        ],
        schema={
            "ts": pl.Int64,
            "client_id": pl.String,
            "side": pl.Int64,
            "price": pl.Float64,
            "qty": pl.Float64,
            "fee": pl.Float64,
            "maker": pl.Boolean,
            "mid": pl.Float64,
            "market_mid": pl.Float64,
        },
        orient="row",
    ).with_columns(pl.col("ts").cast(time))
    orders = pl.DataFrame(
        [
            (ts, o.client_id, o.side, price.value(o.price_ticks), qty.value(o.qty_lots), str(o.time_in_force))
            for ts, o in result.orders
        ],
        schema={
            "ts": pl.Int64,
            "client_id": pl.String,
            "side": pl.Int64,
            "price": pl.Float64,
            "qty": pl.Float64,
            "time_in_force": pl.String,
        },
        orient="row",
    ).with_columns(pl.col("ts").cast(time))
    depth = pl.DataFrame(
        picture.samples, schema={"ts": pl.Int64, "price": pl.Float64, "signed_qty": pl.Float64}, orient="row"
    ).with_columns(pl.col("ts").cast(time), row_price=pl.lit(picture.row_price))
    return RunFrames(result.measures[instrument.id], steps, fills, orders, depth)


def _summary(
    config: RunConfig,
    instrument: Instrument,
    parent: Parent,
    result: SessionResult,
    cost: Shortfall,
    frames: RunFrames,
    data_hash: str,
) -> dict[str, Any]:
    market_qty = float(frames.steps["market_qty"][-1])
    maker = frames.fills.filter(pl.col("maker"))["qty"].sum()
    return {
        "config_hash": config_hash(config),
        "data_hash": data_hash,
        "version": counterpoise.__version__,
        "seed": config.seed,
        "instrument": instrument.id,
        "side": config.parent.side,
        "qty": config.parent.qty,
        "filled_qty": cost.filled_qty,
        "unfilled_qty": cost.unfilled_qty,
        "start_ns": int(parent.schedule.start_ns[0]),
        "end_ns": int(parent.schedule.end_ns[-1]),
        "orders": len(result.orders),
        "fills": len(result.fills),
        "refused": result.refused,
        "maker_share": float(maker) / cost.filled_qty if cost.filled_qty else None,
        "participation": cost.filled_qty / (market_qty + cost.filled_qty) if market_qty + cost.filled_qty else None,
        "shortfall": msgspec.to_builtins(cost),
        "shortfall_bps": {p: cost.bps(p) for p in ("delay", "spread", "impact", "timing", "opportunity", "fees", "total")},
        "flow": _flow_summary(frames.flow),
    }


def _flow_summary(flow: pl.DataFrame) -> dict[str, Any]:
    """How much of the mid's change the order flow of the same bin explains (not a forecast)."""
    pairs = flow.select("ofi", "mid_change").drop_nulls()
    x, y = pairs["ofi"].to_numpy(), pairs["mid_change"].to_numpy()
    explained = float(np.corrcoef(x, y)[0, 1] ** 2) if len(x) > 2 and x.std() > 0 and y.std() > 0 else None
    states = dict(flow["quality"].value_counts(sort=True).iter_rows())
    return {"bins": flow.height, "quality": states, "ofi_r2": explained}


def _write(out: Path, config: RunConfig, summary: dict[str, Any], frames: RunFrames, quality: QualityReport) -> None:
    frames.write(out)
    quality.frame.write_parquet(out / "quality.parquet")
    _write_json(out / "config.json", msgspec.to_builtins(config))
    _write_json(out / "results.json", summary)


def _write_json(path: Path, value: Any) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n")
