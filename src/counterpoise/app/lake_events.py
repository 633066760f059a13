"""Events of one instrument of a lake, piece by piece, with progress; an empty range is an error that says what there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.core.errors import InputError
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import format_time
from counterpoise.market.event import Events

__all__ = ["held_tables", "lake_events"]


def held_tables(instrument_id: str, *, lake: Lake) -> set[str]:
    """Tables in which a lake has anything of an instrument."""
    return set(lake.describe().filter(pl.col("instrument") == instrument_id)["table"])


def lake_events(
    instrument_id: str,
    *,
    lake: Lake,
    tables: Sequence[str],
    start_ns: int | None = None,
    end_ns: int | None = None,
    progress: Progress = silent,
) -> Iterator[Events]:
    """Events in order, in bounded memory.

    Parameters
    ----------
    start_ns, end_ns : int, optional
        Range of ts_local [ns UTC].

    Raises
    ------
    InputError
        If the lake has no such event in the range.
    """
    of_it = (pl.col("instrument") == instrument_id) & pl.col("table").is_in(tables)
    total, rows = max(1, int(lake.describe().filter(of_it)["rows"].sum())), 0
    for events in lake.stream(instrument_id, tables=tables, start_ns=start_ns, end_ns=end_ns):
        yield events
        rows += events.rows
        progress(rows / total, f"{rows:,} rows")
    if not rows:
        span = lake.span_ns(instrument_id, tables=tables)
        if span is None:
            held = ", ".join(sorted(held_tables(instrument_id, lake=lake))) or "nothing"
            raise InputError(f"{instrument_id} has no {' or '.join(tables)}; the lake holds {held} of it; ingest that too")
        raise InputError(f"{instrument_id} has no event in the range; the lake holds {' to '.join(map(format_time, span))}")
