"""`counterpoise flow`: measures of instruments of a lake, in bounded memory, many at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.app.flow_measure import Choice, choose
from counterpoise.app.flow_profile import FlowOptions
from counterpoise.app.lake_events import held_tables, lake_events
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import DAY_NS
from counterpoise.flow.measures import QuoteSource
from counterpoise.market.event import SNAPSHOT, Events
from counterpoise.market.instrument import Instrument

__all__ = ["TABLES", "flow", "last_snapshot", "quote_source", "require_source"]

TABLES: Final[dict[QuoteSource, tuple[str, ...]]] = {
    "depth": ("book", "trade"),
    "ticker": ("book", "quote", "trade"),
    "trades": ("trade",),
}


def flow(
    instrument_id: str,
    *,
    lake: Lake,
    options: FlowOptions | None = None,
    start_ns: int | None = None,
    end_ns: int | None = None,
    from_start: bool = False,
    to_end: bool = False,
    progress: Progress = silent,
) -> pl.DataFrame:
    """Measures of an instrument over a range of time, in one pass.

    Parameters
    ----------
    options : FlowOptions
    start_ns, end_ns : int, optional
        Range of ts_local [ns UTC]. The first bin is the first whole one; its book is built from the last snapshot before it.
    from_start, to_end : bool
        Give bins of time from `start_ns` on, and up to `end_ns`, though no event is in them: the range is cut out of a longer
        one.

    Notes
    -----
    At each midnight UTC ``cvd`` and ``obv`` begin anew, bins that no clock ends are ended, and trades are not matched across
    it: a day measures the same alone and in a longer range.

    Raises
    ------
    InputError
        If the lake has no event of the instrument in the range.
    UnknownName
        If a measure, a source or the instrument does not exist.
    """
    options = options or FlowOptions()
    choice = choose(options.measures)
    source = require_source(instrument_id, options.quotes, lake=lake)
    every_ns = options.bins.every_ns
    if start_ns is not None and every_ns and choice.binned:
        start_ns = -(-start_ns // every_ns) * every_ns
    tables = _tables(instrument_id, choice, source, lake)
    instrument = lake.terms(instrument_id, start_ns=start_ns, end_ns=end_ns, tables=tables)
    days = choice.days(instrument, options, source)
    if start_ns is not None:
        if "book" in tables:
            for events in _book_before(start_ns, instrument, lake=lake, every_ns=every_ns):
                days.warm(events)
        days.begin(start_ns, opened=from_start)
    frames = []
    for events in lake_events(instrument_id, lake=lake, tables=tables, start_ns=start_ns, end_ns=end_ns, progress=progress):
        for of_day in _by_day(events):
            frames.append(days.step(of_day))
    frames.append(days.finish() if end_ns is None or not to_end else days.finish_at(end_ns))
    return choice.columns(pl.concat(frames))


def _tables(instrument_id: str, choice: Choice, source: QuoteSource, lake: Lake) -> tuple[str, ...]:
    wanted = choice.tables or TABLES[source]
    held = held_tables(instrument_id, lake=lake)
    missing = [table for table in choice.tables if table not in held]
    if missing:
        raise InputError(
            f"{', '.join(choice.names)} needs the tables {', '.join(wanted)} of {instrument_id}; the lake has no "
            f"{' and no '.join(missing)}: ingest a recording that has them"
        )
    return tuple(table for table in wanted if table in held) or wanted


def _by_day(events: Events) -> Iterator[Events]:
    """The same events, cut at midnights UTC of ts_local."""
    while events.rows:
        n = events.until((int(events.ts_local[0]) // DAY_NS + 1) * DAY_NS)
        yield events.cut(0, n)
        events = events.cut(n, events.rows)


def _book_before(start_ns: int, instrument: Instrument, *, lake: Lake, every_ns: int) -> Iterator[Events]:
    """Book rows before a time, from a snapshot that leaves the bin before it whole if there is one; in the same terms."""
    begin = last_snapshot(start_ns - every_ns, instrument, lake=lake)
    if begin is None:
        begin = last_snapshot(start_ns, instrument, lake=lake)
    if begin is not None:
        yield from lake.stream(instrument.id, tables=("book",), start_ns=begin, end_ns=start_ns)


def last_snapshot(before_ns: int, instrument: Instrument, *, lake: Lake) -> int | None:
    """ts_local of the last snapshot before a time, looked for day by day; None when there is none in the same terms."""
    held = lake.describe().filter((pl.col("instrument") == instrument.id) & (pl.col("table") == "book"))
    days = held["date"].cast(pl.Datetime("ns")).cast(pl.Int64).sort(descending=True)
    for day in days.filter(days < before_ns):
        cut = {"start_ns": day, "end_ns": min(day + DAY_NS, before_ns)}
        try:
            if lake.terms(instrument.id, tables=("book",), **cut) != instrument:
                return None
        except InputError:  # the terms change within the day
            return None
        snapshots = lake.scan(instrument.id, "book", **cut).filter(pl.col("kind") == SNAPSHOT)
        last = snapshots.select(pl.max("ts_local")).collect().item()
        if last is not None:
            return int(last)
    return None


def quote_source(instrument_id: str, *, lake: Lake) -> QuoteSource:
    """The depth stream where there is one, else the ticker, else trades alone."""
    instrument = lake.instrument(instrument_id)
    tables = held_tables(instrument.id, lake=lake)
    return "depth" if "book" in tables else "ticker" if "quote" in tables else "trades"


def require_source(instrument_id: str, quotes: str, *, lake: Lake) -> QuoteSource:
    """The source a person asked for, or the best there is."""
    if not quotes:
        return quote_source(instrument_id, lake=lake)
    for source in TABLES:
        if source == quotes:
            return source
    raise UnknownName("quote source", quotes, TABLES)
