"""The lake: Parquet files by venue, table, instrument and UTC date, under a local directory or any fsspec URL.

    venue=<venue>/table=<table>/instrument=<symbol>/date=<date of ts_local>/<source>-<n>.parquet
    _manifest/<source>.json

Only files that a manifest lists belong to it (see `counterpoise.adapters.manifest`), so a crash at any byte of an ingest leaves
all of a source or nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby
from pathlib import Path
from typing import Final

import duckdb
import polars as pl

from counterpoise.adapters import lake_ingest, lake_sql
from counterpoise.adapters.lake_ingest import IngestResult
from counterpoise.adapters.lake_stream import Sorted, chunks, gathered, merged
from counterpoise.adapters.manifest import Manifests, Part
from counterpoise.adapters.part import empty_frame, part_events, read_part, require_version, scan_parts
from counterpoise.adapters.reader import Batch
from counterpoise.adapters.storage import open_storage
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.schema import TICK_TABLES, table_schema
from counterpoise.core.units import format_time
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["CHUNK_ROWS", "Lake"]

CHUNK_ROWS: Final = 1 << 17
_TIME: Final = pl.Datetime("ns", "UTC")


class Lake:
    """A lake of recordings.

    Parameters
    ----------
    url : str or Path
        A local directory, or a URL that fsspec knows. It need not exist before the first ingest.

    Notes
    -----
    One object may be used by one thread at a time; many processes may read a lake while others ingest different sources.
    """

    def __init__(self, url: str | Path) -> None:
        self._storage: Final = open_storage(url)
        self._manifests: Final = Manifests(self._storage)

    def __repr__(self) -> str:
        return f"Lake({self.url!r})"

    @property
    def url(self) -> str:
        """Where it is; another process opens the same lake with it."""
        return self._storage.url

    def ingest(
        self, source_id: str, batches: Iterable[Batch], *, progress: Progress = silent, replace: bool = False
    ) -> IngestResult:
        """Store everything a source gives, or nothing of it.

        Parameters
        ----------
        source_id : str
            `lake_ingest.source_hash` of its content and reader; a source the lake has is not read again.
        batches : iterable of Batch
            Any tables and instruments, in any order of time; buffered to 64 MB a part and 256 MB in all.
        progress : Progress
            Called with the rows read so far.
        replace : bool
            Drop stored sources that cover the same time of the same table and instrument; whole, and in the same instant in
            which the new one appears.

        Raises
        ------
        InputError
            If stored sources cover the same time and `replace` is not given; if another process ingests the same source.
        SchemaError, DataError
            If a batch is not in the schema of its table.
        """
        return lake_ingest.ingest(self._storage, source_id, batches, progress=progress, replace=replace)

    def instruments(self) -> list[Instrument]:
        """Instruments by id; of terms that changed, the latest."""
        latest = {part.instrument.id: part.instrument for part in sorted(self._parts(), key=lambda p: p.last)}
        return [latest[key] for key in sorted(latest)]

    def instrument(self, instrument_id: str) -> Instrument:
        """Terms of an instrument.

        Raises
        ------
        UnknownName
            If the lake does not have it; the nearest is suggested.
        """
        known = {i.id: i for i in self.instruments()}
        if not known:
            raise InputError(f"the lake at {self._storage.url} is empty; ingest a recording of {instrument_id} first")
        if instrument_id not in known:
            raise UnknownName("instrument", instrument_id, known)
        return known[instrument_id]

    def terms(
        self,
        instrument_id: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        tables: Sequence[str] = TICK_TABLES,
    ) -> Instrument:
        """Terms of an instrument within a range of time; raises as `scan`."""
        parts = self._chosen(instrument_id, tables, start_ns, end_ns)
        return max(parts, key=lambda p: p.last).instrument if parts else self.instrument(instrument_id)

    def describe(self) -> pl.DataFrame:
        """Rows, first and last time and bytes, by instrument, table and date."""
        parts = [(p.instrument.id, p.table, p.date, p.rows, p.first_ns, p.last_ns, p.size) for p in self._parts()]
        names = ("instrument", "table", "date", "rows", "first", "last", "bytes")
        frame = pl.DataFrame(parts, schema=dict(zip(names, [pl.String] * 3 + [pl.Int64] * 4, strict=True)), orient="row")
        return (
            frame.group_by("instrument", "table", "date")
            .agg(pl.sum("rows"), pl.min("first").cast(_TIME), pl.max("last").cast(_TIME), pl.sum("bytes"))
            .with_columns(pl.col("date").str.to_date())
            .sort("instrument", "table", "date")
        )

    def span_ns(
        self,
        instrument_id: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        tables: Sequence[str] = TICK_TABLES,
    ) -> tuple[int, int] | None:
        """First and last ts_local that may lie in [start, end), from the manifests; None when nothing does."""
        parts = self._chosen(instrument_id, tables, start_ns, end_ns)
        if not parts:
            return None
        first, last = min(p.first_ns for p in parts), max(p.last_ns for p in parts)
        return (
            first if start_ns is None else max(first, start_ns),
            last if end_ns is None else min(last, end_ns - 1),
        )

    def scan(self, instrument_id: str, table: str, *, start_ns: int | None = None, end_ns: int | None = None) -> pl.LazyFrame:
        """Rows with start ≤ ts_local < end, sorted by (ts_local, seq), lazily.

        Columns and filters are pushed into the files, files outside the range are not opened, and only files that overlap are
        sorted.

        Raises
        ------
        InputError
            If there is no lake, or the terms of the instrument change within the range.
        UnknownName
            If the instrument or the table does not exist.
        DataError
            If a file is missing or cut off. Damage inside a file shows when the frame is collected; `verify` names the file.
        SchemaError
            If it was written with another schema version.
        """
        parts = self._chosen(instrument_id, (table,), start_ns, end_ns)
        if not parts:
            return empty_frame(table).lazy()
        runs = [scan_parts(self._storage, run, overlap=overlap) for overlap, run in _runs(parts)]
        frame = runs[0] if len(runs) == 1 else pl.concat(runs)
        if start_ns is not None and min(p.first_ns for p in parts) < start_ns:
            frame = frame.filter(pl.col("ts_local") >= start_ns)
        if end_ns is not None and max(p.last_ns for p in parts) >= end_ns:
            frame = frame.filter(pl.col("ts_local") < end_ns)
        return frame

    def events(
        self,
        instrument_id: str,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        tables: Sequence[str] = TICK_TABLES,
    ) -> Events:
        """Rows of tick tables with start ≤ ts_local < end, merged in order of (ts_local, seq); raises as `stream`."""
        parts = self._chosen(instrument_id, tables, start_ns, end_ns)
        groups = self._merged(parts, tables=tables, start_ns=start_ns, end_ns=end_ns)
        return gathered(groups, capacity=sum(part.rows for part in parts))

    def stream(
        self,
        instrument_id: str,
        *,
        chunk_rows: int = CHUNK_ROWS,
        start_ns: int | None = None,
        end_ns: int | None = None,
        tables: Sequence[str] = TICK_TABLES,
    ) -> Iterator[Events]:
        """Like `events`, in chunks of at most `chunk_rows` rows and bounded memory; a message is never split.

        Every file is checked against its hash before a row of it is given.

        Raises
        ------
        DataError
            If a file is missing or damaged; it is named.
        InputError, UnknownName, SchemaError
            As `scan`.
        """
        parts = self._chosen(instrument_id, tables, start_ns, end_ns)
        return chunks(self._merged(parts, tables=tables, start_ns=start_ns, end_ns=end_ns), rows=chunk_rows)

    def sql(self) -> duckdb.DuckDBPyConnection:
        """DuckDB connection with one view a table, over what is in the lake now, with columns venue, instrument and date."""
        self._storage.require()
        manifests = self._manifests.visible()
        for manifest in manifests:
            require_version(manifest.version, where=self._storage.location(manifest.path))
        return lake_sql.connect(self._storage, [part for m in manifests for part in m.parts])

    def verify(self) -> list[DataError]:
        """Read every byte of every file; what is wrong, file by file."""
        wrong = []
        for part in self._parts():
            try:
                read_part(self._storage, part)
            except DataError as error:
                wrong.append(error)
        return wrong

    def _merged(
        self, parts: Sequence[Part], *, tables: Sequence[str], start_ns: int | None, end_ns: int | None
    ) -> Iterator[list[Events]]:
        rank = {table: i for i, table in enumerate(tables)}
        return merged(
            [
                Sorted(part.first, partial(part_events, self._storage, part, start_ns=start_ns, end_ns=end_ns))
                for part in sorted(parts, key=lambda p: rank[p.table])
            ]
        )

    def _parts(self) -> list[Part]:
        self._storage.require()
        return [part for manifest in self._manifests.visible() for part in manifest.parts]

    def _chosen(self, instrument_id: str, tables: Sequence[str], start_ns: int | None, end_ns: int | None) -> list[Part]:
        """Parts that may hold rows of the range, in order of arrival."""
        if start_ns is not None and end_ns is not None and start_ns >= end_ns:
            raise InputError(f"range {format_time(start_ns)} to {format_time(end_ns)} is empty; give a start before the end")
        for table in tables:
            table_schema(table)
        self.instrument(instrument_id)
        chosen = []
        for manifest in self._manifests.visible():
            found = [
                p
                for p in manifest.parts
                if p.instrument.id == instrument_id and p.table in tables and p.meets(start_ns, end_ns)
            ]
            if found:
                require_version(manifest.version, where=self._storage.location(manifest.path))
            chosen += found
        _require_same_terms(chosen)
        return chosen


def _require_same_terms(parts: Sequence[Part]) -> None:
    """Ticks and lots of different sizes must not stand in one column."""
    seen: dict[tuple[str, str, str, bool], Part] = {}
    for part in parts:
        i = part.instrument
        seen.setdefault((i.tick, i.lot, i.multiplier, i.inverse), part)
    if len(seen) > 1:
        said = "; ".join(
            f"tick {p.instrument.tick}, lot {p.instrument.lot}, multiplier {p.instrument.multiplier} on {p.date}"
            for p in list(seen.values())[:4]
        )
        raise InputError(
            f"terms of {parts[0].instrument.id} differ within the range: {said}; "
            "read each time by itself with start_ns and end_ns, or ingest the sources again with equal terms and replace=True"
        )


def _runs(parts: Sequence[Part]) -> list[tuple[bool, list[Part]]]:
    """Files in order of time: those that overlap together, in order of arrival, and those that follow each other together."""
    groups: list[list[int]] = []
    last = (-(2**63), 0)
    for i in sorted(range(len(parts)), key=lambda i: (parts[i].first, parts[i].last, i)):
        part = parts[i]
        if groups and (part.first < last or (part.first == last and i < max(groups[-1]))):
            groups[-1].append(i)
        else:
            groups.append([i])
        last = max(last, part.last)
    runs: list[tuple[bool, list[Part]]] = []
    for overlap, found in groupby(groups, key=lambda group: len(group) > 1):
        together = [[parts[i] for i in sorted(group)] for group in found]
        runs += [(True, group) for group in together] if overlap else [(False, list(chain.from_iterable(together)))]
    return runs
