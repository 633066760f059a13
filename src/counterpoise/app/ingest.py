"""`counterpoise ingest`: recordings of any known format into a lake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from counterpoise.adapters.captures import read_capture
from counterpoise.adapters.config_file import load_config
from counterpoise.adapters.formats import Opening, detect_format, first_lines, open_recording
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import source_hash
from counterpoise.adapters.reader import Reader, ReadReport
from counterpoise.adapters.sample import sample_steps
from counterpoise.adapters.table_map import TableMap
from counterpoise.adapters.tardis import TARDIS_VENUES
from counterpoise.core.errors import InputError
from counterpoise.core.progress import Progress, silent
from counterpoise.market.instrument import Instrument
from counterpoise.market.listing import FINEST
from counterpoise.market.symbol import parse_instrument

__all__ = ["IngestOptions", "Ingested", "ingest", "open_source", "remarks"]

_READING: Final = 1  # raise it when the same file would give other rows
_VENUES: Final = {"lean": "nyse", "lobster": "nyse"}
_GRID_UNSEEN: Final = ("tardis:derivative_ticker", "tardis:options_chain", "binance_vision:klines", "parquet")


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
        return remarks(self.path, self.report)


def remarks(path: Path, report: ReadReport) -> list[str]:
    """What a person should know of the reading of a file."""
    said = [f"{path}: {count:,} dropped: {reason}" for reason, count in sorted(report.dropped.items())]
    if report.truncated:
        said.append(f"{path}: the file is cut off; what was whole has been read")
    if not report.rows.total():
        said.append(f"{path}: not one row came of {report.messages:,} records; is the venue or the format another?")
    return said + [str(error) for error in report.errors]


def open_source(paths: Sequence[Path], *, options: IngestOptions) -> Reader:
    """Open one recording: a file, or the socket and REST files of one raw capture.

    The format is told by name and first bytes unless the options say it, contract terms by the venue and the symbol, and a grid
    that is not known by the decimals of the file's first block.
    """
    path = paths[0]
    form = options.file_format or detect_format(path)
    venue = options.venue or _venue_of(path, form)
    if not venue:
        raise InputError(f"{path}: a recording of format {form} does not say its venue; give it with --venue")
    if form == "capture":
        return read_capture(paths, venue=venue, max_bad=options.max_bad)
    columns = load_config(options.columns, TableMap) if options.columns else None

    def terms(symbol: str) -> Instrument:
        return _terms(f"{venue}:{symbol}", path, form=form, columns=columns, options=options)

    many = form == "binance_capture" or form.startswith("tardis:")
    instrument = terms if many else terms(options.symbol or _symbol_of(path, form))
    opening = Opening(instrument=instrument, venue=venue, columns=columns, max_bad=options.max_bad)
    return open_recording(path, opening, form=form)


def _terms(name: str, path: Path, *, form: str, columns: TableMap | None, options: IngestOptions) -> Instrument:
    """Contract terms with the grid of the options, of the table of known instruments, or of the file."""
    known = parse_instrument(name, tick=options.tick, lot=options.lot)
    if FINEST not in (known.tick, known.lot) or form in _GRID_UNSEEN:
        return known
    tick, lot = sample_steps(path, form=form, columns=columns, symbol=known.symbol)
    return parse_instrument(
        name, tick=tick if known.tick == FINEST else known.tick, lot=lot if known.lot == FINEST else known.lot
    )


def _venue_of(path: Path, form: str) -> str:
    """Venue of a file that says it: Tardis in its first column, Lean and LOBSTER by what they are."""
    if not form.startswith("tardis:"):
        return _VENUES.get(form.partition(":")[0], "")
    exchange = next((line.partition(",")[0] for line in first_lines(path)[1:2]), "")
    return TARDIS_VENUES.get(exchange, "")


def _symbol_of(path: Path, form: str) -> str:
    """Symbol of a file that does not name it inside: archives carry it in their name, Lean in its folder's."""
    if form.startswith("binance_vision:"):
        return path.name.partition("-")[0]
    if form == "lobster":
        return path.name.partition("_")[0]
    return path.resolve().parent.name.upper() if form.startswith("lean:") else ""


def _recordings(paths: Sequence[Path], options: IngestOptions) -> list[tuple[Path, ...]]:
    """Files that are read together: all raw socket and REST files are one capture, every other file is one recording."""
    forms = [options.file_format or detect_format(path) for path in paths]
    capture = tuple(path for path, form in zip(paths, forms, strict=True) if form == "capture")
    others = [(path,) for path, form in zip(paths, forms, strict=True) if form != "capture"]
    return ([capture] if capture else []) + others


def ingest(paths: Sequence[Path], *, lake: Lake, options: IngestOptions, progress: Progress = silent) -> list[Ingested]:
    """Read recordings into a lake, each whole or not at all; a source the lake has is not read again."""
    done: list[Ingested] = []
    reading = "|".join(str(value) for value in options._replace(replace=False, columns=None, max_bad=0))
    for files in _recordings(paths, options):
        extra = [options.columns] if options.columns else []
        reader = open_source(files, options=options)
        source = source_hash([*files, *extra], f"{_READING}|{reading}")

        def show(rows: float, /, note: str = "", *, at: float = len(done), name: str = files[0].name) -> None:
            progress(at, f"{name} {rows:,.0f} rows {note}")

        result = lake.ingest(source, reader, progress=show, replace=options.replace)
        done.append(Ingested(files[0], source, None if result.already_there else reader.report, result.rows))
        progress(len(done), files[0].name)
    return done
