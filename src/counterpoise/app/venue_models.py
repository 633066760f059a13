"""The models of the simulated venue as a configuration names them, and what they came to for a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import format_duration
from counterpoise.market.event import Events, Feed, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency, Latency, LognormalLatency, SampledLatency
from counterpoise.sim.recorded_latency import OrderDelays, RecordedDelays, RecordedLatency
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import ResponseModel
from counterpoise.sim.replay.response_fit import ResponseFit, fit_response

__all__ = ["HeldFeed", "ResponseConfig", "VenueConfig", "VenueModels", "assumptions", "venue_models"]

_FOREVER: Final = 2**63 - 1
_PLAIN: Final = ResponseModel()


class ResponseConfig(ResponseModel, frozen=True, kw_only=True):
    """A response given by its numbers, fitted from the run's own data, or fitted before and saved.

    Parameters
    ----------
    fit : bool
        Fit it from the events of the run: in sample, so that costs look as the recording has them.
    file : str
        A saved fit, relative to the configuration file.
    """

    fit: bool = False
    file: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = any(getattr(self, name) != getattr(_PLAIN, name) for name in _PLAIN.__struct_fields__)
        if (self.fit, bool(self.file), given).count(True) > 1:
            raise ConfigError("[venue.response] takes numbers, or fit = true, or file; give one of the three")

    @property
    def numbers(self) -> ResponseModel:
        return ResponseModel(impact=self.impact, resilience=self.resilience, followers=self.followers)


class VenueConfig(Config, frozen=True, kw_only=True):
    """Models of the simulated venue.

    Parameters
    ----------
    queue : str
        Name of a `counterpoise.sim.replay.queue.QueueModel`.
    response : ResponseConfig
    fees : Fees
    latency : ConstantLatency, LognormalLatency, SampledLatency or RecordedLatency
        Told apart by ``model``.
    """

    queue: str = "conservative"
    response: ResponseConfig = ResponseConfig()
    fees: Fees = Fees()
    latency: ConstantLatency | LognormalLatency | SampledLatency | RecordedLatency = ConstantLatency()

    def __post_init__(self) -> None:
        QueueModel.parse(self.queue)

    @property
    def needs_events(self) -> bool:
        """Whether a model is made from the events of the run."""
        return self.response.fit or isinstance(self.latency, RecordedLatency)


class HeldFeed:
    """A feed read whole, so that models can be made from it before it is replayed."""

    def __init__(self, feed: Feed) -> None:
        self.instruments, self.span_ns = feed.instruments, feed.span_ns
        parts: dict[str, list[Events]] = {i.id: [] for i in self.instruments}
        for instrument, events in feed.until(_FOREVER):
            parts[instrument.id].append(events)
        self.events: Mapping[str, Events] = {name: merge_events(of) for name, of in parts.items()}
        self._given = dict.fromkeys(parts, 0)

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        for instrument in self.instruments:
            events, start = self.events[instrument.id], self._given[instrument.id]
            stop = self._given[instrument.id] = events.until(ts_ns)
            if stop > start:
                yield instrument, events.cut(start, stop)


@dataclass(frozen=True, slots=True)
class VenueModels:
    """Models ready for a venue; `fit` is there when the response was fitted."""

    queue: QueueModel
    response: ResponseModel
    latency: Latency
    fit: ResponseFit | None

    def told(self, config: VenueConfig) -> dict[str, Any]:
        """For ``results.json``."""
        latency = msgspec.to_builtins(config.latency)
        if isinstance(self.latency, RecordedDelays):
            delays = self.latency
            latency |= {
                "offset_ns": delays.offset_ns,
                "median_feed_ns": int(np.median(delays.feed_ns)),
                "messages": len(delays.ts_ns),
                "unknown": delays.unknown,
            }
        return {
            "queue": {"model": self.queue.name, "assumes": self.queue.assumes},
            "latency": latency,
            "response": msgspec.to_builtins(self.response),
            "fit": [] if self.fit is None else msgspec.to_builtins(self.fit.estimates),
        }


def venue_models(config: VenueConfig, instrument: Instrument, *, events: Events | None, folder: Path, seed: int) -> VenueModels:
    """Models of a configuration; files are read relative to a folder.

    Raises
    ------
    ConfigError
        If a saved fit is not there, or is of another instrument.
    DataError, InputError, NumericalError
        If a model cannot be made from the data.
    """
    fit = _fit(config.response, instrument, events, folder, seed)
    latency: Latency
    if isinstance(config.latency, RecordedLatency):
        assert events is not None
        latency = config.latency.of(events, orders=_table(config.latency.table, folder))
    else:
        latency = config.latency
    response = config.response.numbers if fit is None else fit.model
    return VenueModels(QueueModel.parse(config.queue), response, latency, fit)


def _fit(config: ResponseConfig, instrument: Instrument, events: Events | None, folder: Path, seed: int) -> ResponseFit | None:
    if config.fit:
        assert events is not None
        return fit_response(events, instrument, rng=np.random.default_rng(seed))
    if not config.file:
        return None
    path = folder / config.file
    if not path.is_file():
        raise ConfigError(f"[venue.response] file: there is none at {path}; a run with fit = true writes response.json")
    fit = ResponseFit.from_json(path.read_bytes(), source=str(path))
    if fit.instrument != instrument.id:
        raise ConfigError(f"[venue.response] file {path} was fitted to {fit.instrument}, and the run is of {instrument.id}")
    return fit


def _table(name: str, folder: Path) -> OrderDelays | None:
    """Columns ts_ns, order_ns and ack_ns of a CSV or Parquet file."""
    if not name:
        return None
    path = folder / name
    if not path.is_file():
        raise ConfigError(f"[venue.latency] table: there is none at {path}")
    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path)
    wanted = ("ts_ns", "order_ns", "ack_ns")
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise ConfigError(f"[venue.latency] table {path} lacks {', '.join(missing)}; it has {', '.join(frame.columns)}")
    return OrderDelays(*(frame[column].cast(pl.Int64).to_numpy() for column in wanted))


def assumptions(models: VenueModels) -> list[str]:
    """What the venue assumes, a sentence each."""
    response, latency = models.response, models.latency
    told = [f"Queue, model {models.queue.name}: we join behind all that is displayed; {models.queue.assumes}."]
    if isinstance(latency, RecordedDelays):
        told.append(
            f"Latency, recorded: the feed took {format_duration(int(np.median(latency.feed_ns)))} in the median of "
            f"{len(latency.ts_ns):,} messages, {format_duration(latency.offset_ns)} having been added as the clocks disagree."
        )
    else:
        told.append(f"Latency, {' '.join(f'{name} {value}' for name, value in msgspec.to_builtins(latency).items())}.")
    resilience, impact, followers = response.resilience, response.impact, response.followers
    if resilience.half_life_ns:
        told.append(
            f"What we take is gone; half is back in {format_duration(resilience.half_life_ns)}, behind the best level in "
            f"{format_duration(resilience.half_life_behind_ns)}; others cancel {resilience.cancels:.3g} lots a lot."
        )
    if impact.bps_per_million:
        told.append(
            f"Every fill of ours, taken or waited for, displaces quotes and later trades by {impact.bps_per_million:.3g} bps a "
            f"million, {impact.permanent:.0%} of it for ever, and pays half of its own displacement."
        )
    told.append(
        f"{followers.per_lot:.3g} lots of others follow one of ours." if followers.per_lot else "Nobody follows our trades."
    )
    if models.fit is not None:
        told.append(f"The response was fitted to a recording of {models.fit.instrument}; a table below says how well.")
    told.append("Timing is what the recorded market did meanwhile; impact is what our own trading did to the price we got.")
    return told
