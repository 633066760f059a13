"""`counterpoise check`: how far a lake or a recording can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Reader
from counterpoise.core.errors import InputError
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import DAY_NS, SECOND_NS, utc_date
from counterpoise.market.book import Book
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.quality import QualityReport, check_events

__all__ = ["check_lake", "check_recording", "is_lake", "quality_frame"]

_TICK_TABLES = ("book", "quote", "trade", "liquidation")


def is_lake(source: str) -> bool:
    """Whether a source is a lake, a folder or URL, and not a recording."""
    return "://" in source or (Path(source) / "_manifest").is_dir()


def check_lake(
    lake: Lake, *, instrument_id: str | None = None, stale_ns: int = 10 * SECOND_NS, progress: Progress = silent
) -> Iterator[QualityReport]:
    """One report an instrument and date of a lake; the book lives on from one day into the next."""
    described = lake.describe().filter(pl.col("table").is_in(_TICK_TABLES))
    if instrument_id is not None:
        described = described.filter(pl.col("instrument") == lake.instrument(instrument_id).id)
    if described.is_empty():
        raise InputError(f"{lake} holds no ticks to check; ingest a recording first")
    days = (
        described.select("instrument", start=pl.col("date").cast(pl.Datetime("ns")).cast(pl.Int64))
        .unique()
        .sort("instrument", "start")
    )
    book, before = Book(), None
    for done, (name, start) in enumerate(days.iter_rows()):
        progress(done / days.height, name)
        cut = {"start_ns": start, "end_ns": start + DAY_NS}
        terms = lake.terms(name, **cut)
        if before != (start - DAY_NS, terms):
            book = Book()
        before = start, terms
        yield replace(_check(lake.events(name, **cut), terms, book=book, stale_ns=stale_ns), date=utc_date(start))


def check_recording(reader: Reader, *, stale_ns: int = 10 * SECOND_NS) -> Iterator[QualityReport]:
    """One report an instrument of a recording; what the reader itself met is in its report."""
    parts: dict[Instrument, list[Events]] = {}
    for batch in reader:
        if batch.table in _TICK_TABLES:
            parts.setdefault(batch.instrument, []).append(_columns(batch.frame))
    for instrument in sorted(parts, key=lambda i: i.id):
        yield _check(merge_events(parts[instrument]), instrument, book=Book(), stale_ns=stale_ns)


def quality_frame(reports: Iterable[QualityReport]) -> pl.DataFrame:
    """All checks of some reports, with the instrument in front and the date, null for a recording."""
    return pl.concat(
        [
            r.frame.select(
                pl.lit(r.instrument).alias("instrument"),
                pl.lit(r.date or None).cast(pl.String).str.to_date().alias("date"),
                pl.all(),
            )
            for r in reports
        ]
    )


def _columns(frame: pl.DataFrame) -> Events:
    """Events of a frame as they stand; order is for the check to judge."""
    return Events._make(frame[name].to_numpy() for name in Events._fields)


def _check(events: Events, instrument: Instrument, *, book: Book, stale_ns: int) -> QualityReport:
    crossings = book.crossings
    book.apply(events)
    return check_events(events, instrument, stale_ns=stale_ns, book_crossings=book.crossings - crossings)
