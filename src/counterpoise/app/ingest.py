"""`counterpoise ingest`: recordings of any known format into a lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import source_hash
from counterpoise.adapters.reader import Reader, ReadReport
from counterpoise.core.progress import Progress, silent
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

__all__ = ["IngestOptions", "Ingested", "ingest", "open_source"]


class IngestOptions(NamedTuple):
    """How recordings are read; what is empty is taken from the file."""

    venue: str = ""
    symbol: str = ""
    tick: str = ""
    lot: str = ""
    file_format: str = ""
    columns: Path | None = None
    max_bad: int = 0
    replace: bool = False


class Ingested(NamedTuple):
    """What became of one source.

    Attributes
    ----------
    path : Path
    source : str
        Hash of its content and of how it was read.
    report : ReadReport or None
        What the reader met; None when the lake had this very content already.
    rows : int
        Rows that the lake holds of it.
    """

    path: Path
    source: str
    report: ReadReport | None
    rows: int

    def summary(self) -> dict[str, Any]:
        """The counts, as JSON can hold them."""
        report = self.report
        return {
            "path": str(self.path),
            "source": self.source,
            "already_there": report is None,
            "rows": self.rows,
            "messages": report.messages if report else None,
            "tables": dict(report.rows) if report else None,
            "gaps": report.gaps if report else None,
            "bad": report.bad if report else None,
            "dropped_messages": sum(report.dropped.values()) if report else None,
            "dropped": dict(report.dropped) if report else None,
            "truncated": report.truncated if report else None,
        }

    def remarks(self) -> list[str]:
        """What a person should know of the reading."""
        if self.report is None:
            return [f"{self.path}: already in the lake, nothing written"]
        said = [f"{self.path}: {count:,} dropped: {reason}" for reason, count in sorted(self.report.dropped.items())]
        if self.report.truncated:
            said.append(f"{self.path}: the file is cut off; what was whole has been read")
        return said + [str(error) for error in self.report.errors]


def open_source(path: Path, *, options: IngestOptions) -> Reader:
    """Open one recording; its format is told by its name and first bytes unless the options say it."""

    def terms(symbol: str) -> Instrument:
        return parse_instrument(f"{options.venue}:{options.symbol or symbol}", tick=options.tick, lot=options.lot)

    return read_binance_capture(path, venue=options.venue, instrument=terms, max_bad=options.max_bad)


def ingest(paths: Sequence[Path], *, lake: Lake, options: IngestOptions, progress: Progress = silent) -> list[Ingested]:
    """Read recordings into a lake, each whole or not at all; a source the lake has is not read again."""
    done: list[Ingested] = []
    reading = "|".join(str(value) for value in options._replace(replace=False, columns=None))
    for number, path in enumerate(paths):
        files = [path] if options.columns is None else [path, options.columns]
        reader = open_source(path, options=options)
        source = source_hash(files, f"1|{reading}")
        result = lake.ingest(source, reader, replace=options.replace)
        done.append(Ingested(path, source, None if result.already_there else reader.report, result.rows))
        progress(number + 1, path.name)
    return done
