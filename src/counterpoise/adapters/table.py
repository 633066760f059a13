"""Any CSV or Parquet file of ticks, by a map of its columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq

from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.adapters.table_map import TableMap
from counterpoise.adapters.table_rows import OWN, TABLE_ROWS, canonical, row_checks
from counterpoise.adapters.tardis_tables import SymbolState
from counterpoise.adapters.text import FieldType, Layout, Lines, read_lines, sift
from counterpoise.adapters.ticks import whole_messages
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.market.instrument import Instrument

__all__ = ["read_table"]

_PARQUET_ROWS: Final = 1 << 16


def read_table(path: Path, *, columns: TableMap, instrument: Instrument, max_bad: int = 0) -> Reader:
    """Open a CSV file with a header (plain, gzip or zip) or a Parquet file.

    Parameters
    ----------
    path : Path
    columns : TableMap
    instrument : Instrument
    max_bad : int
        Bad records allowed. One among the levels of a book leaves a GAP: the book is void until the next snapshot.

    Returns
    -------
    Reader
        Rows of one local time are one message in a book; elsewhere every row is one.
    """

    def batches(report: ReadReport) -> Iterator[Batch]:
        source = _parquet(path, columns, report) if _is_parquet(path) else _csv(path, columns, report)
        state = SymbolState(instrument)
        for rows in whole_messages(_good(source, columns, instrument, path, report)):
            frame = TABLE_ROWS[columns.table](rows, state, report, dumps=not columns.snapshot)
            if not columns.time_local:
                frame = frame.with_columns(ts_venue=pl.col("ts_local"))
            yield Batch(instrument, columns.table, frame)

    return Recording(batches, name=str(path), max_bad=max_bad)


def _good(
    source: Iterator[Lines], columns: TableMap, instrument: Instrument, path: Path, report: ReadReport
) -> Iterator[pl.DataFrame]:
    """Good rows of the instrument under the names of this package, with their `damage`: bad records before each."""
    latest, first, seen = 0, 0, 0
    for lines in source:
        named = lines.frame.select(pl.all().name.prefix(OWN)).with_columns(canonical(lines.frame, columns))
        own = Lines(named, lines.line)
        good = sift(own, row_checks(named, columns, instrument, latest), path=path, report=report)
        height = good.frame.height
        if not height:
            continue
        first = first or int(lines.line[0])
        damage = good.line - np.arange(first + seen, first + seen + height)
        seen += height
        latest = int(good.frame["local_timestamp"][-1])
        frame = good.frame.with_columns(pl.Series("damage", damage)).select(~cs.starts_with(OWN))
        other = (
            (good.frame[OWN + columns.symbol] != instrument.symbol).to_numpy() if columns.symbol else np.zeros(height, np.bool_)
        )
        report.drop("other symbol", int(other.sum()))
        yield frame.filter(~other)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _csv(path: Path, columns: TableMap, report: ReadReport) -> Iterator[Lines]:
    may_be_empty = {columns.id} | (set(columns.numbers) if columns.table == "quote" else set())

    def layout(head: str) -> tuple[Layout, bool]:
        names = [name.strip().strip('"') for name in head.split(columns.separator)]
        _require(names, columns, path)
        fields: dict[str, FieldType] = {name: pl.Float64 if name in columns.numbers else pl.String for name in names}
        optional = set(names) - set(columns.texts) - set(columns.numbers) | may_be_empty
        return Layout(fields, frozenset(optional), columns.separator, quoted=True), True

    for lines in read_lines(path, report, layout_of=layout):
        yield Lines(lines.frame.select(columns.read), lines.line)


def _parquet(path: Path, columns: TableMap, report: ReadReport) -> Iterator[Lines]:
    """Pieces of a Parquet file; its records are numbered from 1."""
    line = 1
    try:
        with pq.ParquetFile(path) as file:
            _require(file.schema_arrow.names, columns, path)
            for part in file.iter_batches(batch_size=_PARQUET_ROWS, columns=list(columns.read)):
                frame = pl.DataFrame(pl.from_arrow(part))
                texts = [name for name in columns.numbers if not frame.schema[name].is_numeric()]
                if texts:
                    raise SchemaError(f"{path}: column {', '.join(texts)} holds no numbers; correct the map, or cast it")
                report.messages += frame.height
                yield Lines(frame.with_columns(pl.col(columns.numbers).cast(pl.Float64)), np.arange(line, line + frame.height))
                line += frame.height
    except pa.ArrowInvalid as error:
        raise SchemaError(f"{path}: not a whole Parquet file ({error}); fetch it again") from error


def _require(names: list[str], columns: TableMap, path: Path) -> None:
    missing = [name for name in columns.read if name not in names]
    if missing or len(set(names)) != len(names):
        fault = f"no column {', '.join(missing)}" if missing else "a column stands twice"
        raise SchemaError(f"{path}: {fault}; it has {', '.join(names)}; correct the map")
