"""Streams of several markets, fed together up to moments, and the ends of the bins that they fill together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import copy, deepcopy
from typing import Any, Final, Generic, NamedTuple, Self, TypeVar

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import DataError, UnknownName
from counterpoise.core.units import format_time
from counterpoise.flow.cross.market_bins import MarketBins
from counterpoise.flow.cross.market_clock import MarketClock
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["MarketEvents", "Markets", "Moment"]

MarketEvents = Mapping[str, Events] | Iterable[tuple[Instrument, Events]]
Market = TypeVar("Market", bound=Stream)
_BEFORE_ALL: Final = np.iinfo(np.int64).min
_NO_ENDS: Final = np.zeros(0, np.int64)


class Moment(NamedTuple):
    """How far several markets have come.

    Attributes
    ----------
    ts_ns : int
        Up to which all was taken.
    since_ns : int
        Beginning of the first of the bins that are over, or of the open one: the end of that before, or the first event.
    ends : (n,) int64
        Of bins they filled together that are over; empty for bins of time.
    """

    ts_ns: int
    since_ns: int
    ends: Int1D


class Markets(Generic[Market]):
    """One stream for each market.

    Parameters
    ----------
    streams : dict of instrument id to Stream
        Those that are told ends of bins are `MarketBins`.
    clock : MarketClock, optional
        None for bins of time, which each stream ends for itself.
    """

    def __init__(self, streams: dict[str, Market], *, clock: MarketClock | None = None) -> None:
        self._streams, self._clock = streams, clock
        self._horizon = self._since = _BEFORE_ALL

    @property
    def begun(self) -> bool:
        """Whether any event came."""
        return self._since != _BEFORE_ALL

    def __iter__(self) -> Iterator[tuple[str, Market]]:
        return iter(self._streams.items())

    def push(self, events: MarketEvents) -> Moment | None:
        """Take the events of all markets up to a moment; None when there is none.

        Raises
        ------
        DataError
            If an event lies before what was taken, in its market or another, or a trade cannot be counted.
        UnknownName
            If there is no such market; else as `counterpoise.flow.stream.Stream.step`.
        """
        given = self._by_market(events)
        parts = [part for held in given.values() for part in held if part.rows]
        if not parts:
            return None
        first = min(int(part.ts_local[0]) for part in parts)
        if first < self._horizon:
            raise DataError(
                f"events begin at {format_time(first)}, but of all markets those up to {format_time(self._horizon)} were "
                "taken; give every market up to a moment at once"
            )
        if self._clock is not None:
            self._clock.count(given)
        if not self.begun:
            self._since = first
        moment = self.until(max(int(part.ts_local[-1]) for part in parts))
        for name, held in given.items():
            for part in held:
                self._streams[name].push(part)
        return moment

    def until(self, ts_ns: int) -> Moment:
        """Let time pass though no event says so."""
        self._horizon = max(self._horizon, ts_ns)
        return self._told(_NO_ENDS if self._clock is None else self._clock.until(self._horizon))

    def finish(self) -> Moment:
        """Bins the markets filled together end, the open one too; those of time are the streams' own."""
        ends = _NO_ENDS if self._clock is None else self._clock.finish()
        self._horizon = max([self._horizon, *ends.tolist()])
        return self._told(ends)

    def _told(self, ends: Int1D) -> Moment:
        for stream in self._streams.values():
            if isinstance(stream, MarketBins):
                stream.tell(ends)
        moment = Moment(self._horizon, self._since, ends)
        if len(ends):
            self._since = int(ends[-1])
        return moment

    def _by_market(self, events: MarketEvents) -> dict[str, list[Events]]:
        """Events of each market, whether they come by id or in the pairs of a `Feed`."""
        pairs = events.items() if isinstance(events, Mapping) else ((instrument.id, part) for instrument, part in events)
        out: dict[str, list[Events]] = {}
        for name, part in pairs:
            if name not in self._streams:
                raise UnknownName("market", name, self._streams)
            out.setdefault(name, []).append(part)
        return out

    def save(self) -> list[Any]:
        """All that is remembered, as plain values."""
        clock = None if self._clock is None else self._clock.save()
        return [{name: stream.save() for name, stream in self._streams.items()}, self._horizon, self._since, clock]

    def restored(self, memory: Any) -> Self:
        """A twin with the memory that `save` gave; this one stays as it is.

        Raises
        ------
        InputError, ValueError, TypeError
            If it is no such memory, or one of other markets or settings.
        """
        held, horizon, since, clock = memory
        if set(held) != set(self._streams) or (clock is None) != (self._clock is None):
            raise ValueError(f"memories of {', '.join(held)}")
        twin = copy(self)
        twin._streams = {name: copy(stream).restore(held[name]) for name, stream in self._streams.items()}
        twin._horizon, twin._since = int(horizon), int(since)
        if self._clock is not None:
            twin._clock = deepcopy(self._clock)
            twin._clock.restore(clock)
        return twin
