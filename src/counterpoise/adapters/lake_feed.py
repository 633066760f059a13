"""Replay of a lake through the Feed port, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from counterpoise.adapters.lake import CHUNK_ROWS, Lake
from counterpoise.core.errors import InputError
from counterpoise.core.schema import TICK_TABLES
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["LakeFeed"]


class LakeFeed:
    """Rows of instruments of a lake with start ≤ ts_local < end, given as time goes on.

    Parameters
    ----------
    lake : Lake
    instrument_ids : sequence of str
        In the order in which `until` gives them.
    start_ns, end_ns : int, optional
        Range of ts_local [ns UTC].
    tables : sequence of str
        Tick tables.
    chunk_rows : int
        Rows of one instrument held in memory; a longer step comes in several pieces.

    Raises
    ------
    InputError, UnknownName, DataError, SchemaError
        As `Lake.stream`; and when no instrument has a row in the range.
    """

    def __init__(
        self,
        lake: Lake,
        instrument_ids: Sequence[str],
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        tables: Sequence[str] = TICK_TABLES,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        if not instrument_ids or len(set(instrument_ids)) < len(instrument_ids):
            raise InputError(f"instruments {list(instrument_ids)}: expected at least one, and each once")
        cut = {"start_ns": start_ns, "end_ns": end_ns}
        spans = [span for i in instrument_ids if (span := lake.span_ns(i, tables=tables, **cut))]
        if not spans:
            raise InputError(f"{lake} has no {', '.join(tables)} of {', '.join(instrument_ids)} in the range; see describe()")
        self._span: Final = min(s[0] for s in spans), max(s[1] for s in spans)
        self._tracks: Final = [
            _Track(lake.terms(i, tables=tables, **cut), lake.stream(i, chunk_rows=chunk_rows, tables=tables, **cut))
            for i in instrument_ids
        ]

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(track.instrument for track in self._tracks)

    @property
    def span_ns(self) -> tuple[int, int]:
        return self._span

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        """Rows with ts_local < ts_ns not given before, instrument by instrument, each in pieces in order of time."""
        for track in self._tracks:
            for events in track.until(ts_ns):
                yield track.instrument, events


class _Track:
    """One instrument: its chunks, and the rest of the one that was cut."""

    def __init__(self, instrument: Instrument, chunks: Iterator[Events]) -> None:
        self.instrument: Final = instrument
        self._chunks, self._rest = chunks, Events.empty()

    def until(self, ts_ns: int) -> Iterator[Events]:
        while True:
            if not self._rest.rows:
                self._rest = next(self._chunks, self._rest)
            count = self._rest.until(ts_ns)
            if not count:
                return
            given, self._rest = self._rest.cut(0, count), self._rest.cut(count, self._rest.rows)
            yield given
