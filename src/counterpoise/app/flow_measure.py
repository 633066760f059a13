"""What a person asked to be measured: the binned measures, all or some, or a table of its own such as sweeps."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import polars as pl

from counterpoise import flow as stage
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS
from counterpoise.flow.catalogue import CATALOGUE, chosen_columns
from counterpoise.flow.column import Group
from counterpoise.flow.integrated import integrated_ofi
from counterpoise.flow.measures import Measures, QuoteSource
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

if TYPE_CHECKING:
    from counterpoise.app.flow_profile import FlowOptions

__all__ = ["Choice", "Days", "choose", "stream_groups"]

_TABLE_OF: Final = {"depth": "book", "quotes": "book", "trades": "trade", "liquidations": "liquidation"}
_INTEGRATED: Final = "integrated_ofi"


class Days(Protocol):
    """Measures of one instrument, fed day by day."""

    def warm(self, events: Events) -> None:
        """Take what was before the range."""
        ...

    def begin(self, start_ns: int, *, opened: bool) -> None:
        """The range begins, with an open bin if said so."""
        ...

    def step(self, events: Events) -> pl.DataFrame:
        """Take events of one day; returns rows that are complete."""
        ...

    def finish_at(self, end_ns: int) -> pl.DataFrame:
        """What is still open, bins of time as far as they end by a time."""
        ...

    def finish(self) -> pl.DataFrame:
        """What is still open."""
        ...


class Choice(NamedTuple):
    """What is measured.

    Attributes
    ----------
    made_by : str
        ``Measures``, or the class of a table of its own.
    names : tuple of str
        Columns, families and groups asked for; empty for all.
    tables : tuple of str
        Of the lake, empty where the source of prices decides.
    integrated : bool
        Whether integrated OFI is asked for, which looks back over bins of other days.
    """

    made_by: str
    names: tuple[str, ...]
    tables: tuple[str, ...] = ()
    integrated: bool = False

    @property
    def binned(self) -> bool:
        """Whether rows are bins, so that a range begins with a whole one."""
        return self.made_by == "Measures" or "bins" in _takes(self.made_by) or "every_ns" in _takes(self.made_by)

    def days(self, instrument: Instrument, options: FlowOptions, source: QuoteSource) -> Days:
        """A fresh measure of an instrument."""
        if self.made_by != "Measures":
            return _Table(_made(self.made_by, instrument, options))
        return _Binned(
            Measures(
                instrument,
                bins=options.bins,
                quotes=source,
                bands_bps=options.bands_bps,
                values=options.values,
                stale_ns=options.stale_ns,
                match_ns=options.match_ns,
            )
        )

    def columns(self, frame: pl.DataFrame) -> pl.DataFrame:
        """What was asked for of all that was measured."""
        if self.made_by != "Measures":
            return frame
        if self.integrated:
            frame = frame.with_columns(integrated_ofi(frame).drop("ts"))
        return frame.select(chosen_columns(self.names, frame.columns))


class _Binned:
    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._day: int | None = None

    def warm(self, events: Events) -> None:
        self._measures.step(events)

    def begin(self, start_ns: int, *, opened: bool) -> None:
        if opened:
            self._measures.open_at(start_ns)
        self._measures.until(start_ns)
        self._measures.anchor()
        self._measures.drain()
        self._day = start_ns // DAY_NS

    def step(self, events: Events) -> pl.DataFrame:
        day = int(events.ts_local[0]) // DAY_NS
        frames = self._to_midnights(day)
        self._day = day
        return pl.concat([*frames, self._measures.step(events)])

    def _to_midnights(self, day: int) -> list[pl.DataFrame]:
        """Bins up to the midnight a day begins with; at each midnight what is cumulated begins anew."""
        frames = []
        for midnight in range(day if self._day is None else self._day, day):
            frames.append(self._measures.until((midnight + 1) * DAY_NS))
            self._measures.anchor()
        return frames

    def finish_at(self, end_ns: int) -> pl.DataFrame:
        frames = self._to_midnights(end_ns // DAY_NS)
        timed = self._measures.bins.every_ns
        return pl.concat([*frames, self._measures.until(end_ns) if timed else self._measures.finish()])

    def finish(self) -> pl.DataFrame:
        return self._measures.finish()


class _Table:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def warm(self, events: Events) -> None:
        self._stream.step(events)

    def begin(self, start_ns: int, *, opened: bool) -> None:
        self._stream.drain()

    def step(self, events: Events) -> pl.DataFrame:
        return self._stream.step(events)

    def finish_at(self, end_ns: int) -> pl.DataFrame:
        return self._stream.finish()

    def finish(self) -> pl.DataFrame:
        return self._stream.finish()


def stream_groups() -> list[Group]:
    """Groups that `counterpoise flow` can make: binned measures, and tables that a `Stream` of one instrument gives."""
    return [g for g in CATALOGUE if g.made_by in ("Measures", _INTEGRATED) or _stream_class(g.made_by) is not None]


def choose(names: Sequence[str]) -> Choice:
    """What names of groups, columns or families ask for.

    Raises
    ------
    UnknownName
        If a name is none of them.
    InputError
        If they are tables that cannot stand side by side.
    """
    makers: dict[str, Group] = {}
    integrated = False
    for name in names:
        found = _group_of(name)
        integrated |= found.made_by == _INTEGRATED
        maker = "Measures" if found.made_by == _INTEGRATED else found.made_by
        makers.setdefault(maker, found)
    if len(makers) > 1:
        kinds = ["measures of bins" if maker == "Measures" else f"table {found.name}" for maker, found in makers.items()]
        raise InputError(f"found {' and '.join(kinds)} in {','.join(names)}, expected one of them; ask for each in a call")
    maker, found = next(iter(makers.items())) if makers else ("Measures", CATALOGUE[0])
    tables = () if maker == "Measures" else tuple(dict.fromkeys(_TABLE_OF[n] for n in found.needs if n in _TABLE_OF))
    return Choice(maker, tuple(names), tables, integrated)


def _group_of(name: str) -> Group:
    possible = stream_groups()
    for found in possible:
        if name == found.name:
            return found
    for found in possible:
        if any(column.name == name or column.covers(name) for column in found.columns):
            return found
    raise UnknownName("measure", name, [g.name for g in possible] + [c.name for g in possible for c in g.columns])


def _stream_class(name: str) -> type[Stream] | None:
    found = getattr(stage, name, None)
    return found if inspect.isclass(found) and issubclass(found, Stream) else None


def _takes(name: str) -> tuple[str, ...]:
    made_by = _stream_class(name)
    return () if made_by is None else tuple(inspect.signature(made_by).parameters)


def _made(name: str, instrument: Instrument, options: FlowOptions) -> Stream:
    made_by: Any = _stream_class(name)
    takes = _takes(name)
    given = {"bins": options.bins, "every_ns": options.bins.every_ns, "stale_ns": options.stale_ns}
    stream: Stream = made_by(instrument, **{key: value for key, value in given.items() if key in takes})
    return stream
