"""Measures as they stand now: events in one at a time, any measure out at any moment, and a memory that can be saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import msgspec
import polars as pl

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.flow.memory import Memory
from counterpoise.flow.packed import Packed
from counterpoise.flow.stream import EventRow, Stream
from counterpoise.flow.tables import TableStream
from counterpoise.market.event import Events

__all__ = ["Live"]


class Live:
    """Streams of one instrument, fed together: market events to those of events, rows of tables to those of tables.

    Parameters
    ----------
    streams : mapping of str to Stream or TableStream
        Any measures with a memory, each under a name of your choice; at least one. Those of an instrument are all of one. They
        are its own from then on.

    Raises
    ------
    InputError
        If there is none, or they are of several instruments.

    Notes
    -----
    The rows are those of the batch form to the last bit, however events are cut and wherever it was saved between. An event
    goes through all streams in one call, reading costs a millisecond a stream; both are free of what came before. The first
    event compiles what is not in the cache.

    Examples
    --------
    >>> from counterpoise.flow.bins import Bins
    >>> from counterpoise.flow.measures import Measures
    >>> from counterpoise.market.symbol import parse_instrument
    >>> live = Live({"bins": Measures(parse_instrument("binance_usdm:BTCUSDT"), bins=Bins.parse("1s"))})
    >>> live["ofi"] is None
    True
    """

    def __init__(self, streams: Mapping[str, Memory]) -> None:
        if not streams:
            raise InputError('no stream given; give at least one, as Live({"bins": Measures(instrument, bins=bins)})')
        instruments = [getattr(stream, "instrument", None) for stream in streams.values()]
        ids = sorted({instrument.id for instrument in instruments if instrument is not None})
        if len(ids) > 1:
            raise InputError(f"streams of {' and '.join(ids)}, expected one instrument; make one Live of each")
        self._streams = dict(streams)
        self._of_events = [stream for stream in streams.values() if isinstance(stream, Stream)]
        self._of_tables = [stream for stream in streams.values() if isinstance(stream, TableStream)]
        self._columns = {name: stream.now().columns for name, stream in self._streams.items()}
        self._packed: Packed | None = None
        self._waiting = 0

    # events in

    def event(self, row: EventRow) -> int:
        """Take one event, as `counterpoise.flow.stream.Stream.event`; returns how many rows wait. Raises as there."""
        if self._packed is None and self._of_events:
            self._packed = Packed(self._of_events)
        if self._packed is not None and self._packed.event(row):
            self._count()
        return self._waiting

    def push(self, events: Events) -> int:
        """Take events, as those of a recording that warms it up; returns how many rows wait. Raises as `event`."""
        self._tell_time()
        for stream in self._of_events:
            stream.push(events)
        if self._packed is not None:
            self._packed.fit()
        return self._count()

    def row(self, table: str, row: Mapping[str, Any]) -> int:
        """Take one row of a table, as `counterpoise.flow.tables.TableStream.event`; returns how many rows wait.

        Every stream with such a table takes of the row the columns that it knows. Where one refuses it, those named before it
        have taken it.

        Raises
        ------
        UnknownName
            If no stream has such a table. Else as there.
        """
        for stream in self._taking(table):
            stream.event(table, row)
        return self._count()

    def push_tables(self, frames: Mapping[str, pl.DataFrame]) -> int:
        """Take rows of tables, all up to a moment; returns how many rows wait. Raises as `row`."""
        takers = {id(stream): stream for table in frames for stream in self._taking(table)}
        for stream in takers.values():
            stream.push({of: frame for of, frame in frames.items() if of in stream.tables})
        return self._count()

    def until(self, ts_ns: int) -> int:
        """Let time pass for the streams of tables though no row says so; returns how many rows wait."""
        for stream in self._of_tables:
            stream.until(ts_ns)
        return self._count()

    def _taking(self, table: str) -> list[TableStream]:
        found = [stream for stream in self._of_tables if table in stream.tables]
        if not found:
            raise UnknownName("table", table, {name for stream in self._of_tables for name in stream.tables})
        return found

    def _count(self) -> int:
        self._waiting = sum([stream.waiting for stream in self._streams.values()])
        return self._waiting

    def _tell_time(self) -> None:
        if self._packed is not None:
            self._packed.tell_time()

    # measures out

    def __getitem__(self, measure: str) -> Any:
        """A measure as it stands: its value in the open bin, None when there is none.

        Parameters
        ----------
        measure : str
            A column, as ``"ofi"``; where several streams have it, with its stream's name, as ``"bins.ofi"``.

        Raises
        ------
        UnknownName
            If no stream has it.
        InputError
            If several have it and none is named.
        """
        held = [(name, column) for name, columns in self._columns.items() for column in columns]
        found = [(name, column) for name, column in held if measure in (column, f"{name}.{column}")]
        if not found:
            raise UnknownName("measure", measure, [column for _, column in held])
        if len(found) > 1:
            choices = ", ".join(f"{name}.{column}" for name, column in found)
            raise InputError(f"{measure} is in {len(found)} streams, expected one; name the stream: {choices}")
        name, column = found[0]
        row = self._stream(name).now()
        return row[column][-1] if row.height else None

    def now(self, name: str = "") -> pl.DataFrame:
        """The open bin of a stream, one row or none; rows that are complete are `rows`.

        Raises
        ------
        UnknownName
            If there is no such stream. Without a name it is the first.
        """
        return self._stream(name).now()

    def rows(self, name: str = "") -> pl.DataFrame:
        """Complete rows of a stream since the last call. Raises as `now`."""
        rows = self._stream(name).drain()
        self._count()
        return rows

    def finish(self, name: str = "") -> pl.DataFrame:
        """Complete rows of a stream and the open one, as the batch form ends. Raises as `now`."""
        rows = self._stream(name).finish()
        self._count()
        return rows

    def _stream(self, name: str) -> Memory:
        name = name or next(iter(self._streams))
        if name not in self._streams:
            raise UnknownName("stream", name, self._streams)
        self._tell_time()
        return self._streams[name]

    # memory

    def save(self) -> bytes:
        """All that its streams remember, rows that wait included."""
        self._tell_time()
        return msgspec.msgpack.encode({name: stream.save() for name, stream in self._streams.items()})

    def restore(self, memory: bytes) -> Self:
        """Go on from what `save` gave, bit-identically; all streams or none.

        Raises
        ------
        InputError
            If the bytes are no memory, or one of other streams, another instrument or other settings.
        """
        try:
            held = msgspec.msgpack.decode(memory, type=dict[str, bytes])
        except msgspec.DecodeError as error:
            raise InputError(f"these bytes are no memory of measures ({error}); give what save() gave") from error
        if list(held) != list(self._streams):
            raise InputError(
                f"this is the memory of {_listed(held)}, expected {_listed(self._streams)}; make those streams first"
            )
        self._tell_time()
        before = {name: stream.save() for name, stream in self._streams.items()}
        self._packed = None
        try:
            _restore(self._streams, held)
        except InputError:
            _restore(self._streams, before)
            raise
        self._count()
        return self


def _restore(streams: Mapping[str, Memory], held: Mapping[str, bytes]) -> None:
    for name, stream in streams.items():
        stream.restore(held[name])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nothing"
