"""`counterpoise flow`: measures of one instrument of a lake, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import DAY_NS, SECOND_NS, format_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import DEFAULT_BANDS_BPS, Measures, QuoteSource
from counterpoise.market.event import SNAPSHOT, Events
from counterpoise.market.instrument import Instrument

__all__ = ["explained", "flow", "mean", "quote_source", "require_source", "summarise"]

_TABLES: Final[dict[QuoteSource, tuple[str, ...]]] = {
    "depth": ("book", "trade"),
    "ticker": ("book", "quote", "trade"),
    "trades": ("trade",),
}


def flow(
    instrument_id: str,
    *,
    lake: Lake,
    every_ns: int,
    quotes: QuoteSource | None = None,
    bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS,
    stale_ns: int = 10 * SECOND_NS,
    start_ns: int | None = None,
    end_ns: int | None = None,
    progress: Progress = silent,
) -> pl.DataFrame:
    """Measures of an instrument over a range of time; columns as `counterpoise.flow.measures.Measures` gives them.

    Parameters
    ----------
    quotes : {"depth", "ticker", "trades"}, optional
        Where prices come from; by default the best that the lake has of the instrument, see `quote_source`.
    start_ns, end_ns : int, optional
        Range of ts_local [ns UTC]. The first bin is the first whole one; its book is built from the last snapshot before it.
    """
    start_ns = None if start_ns is None else -(-start_ns // every_ns) * every_ns
    source = quotes or quote_source(instrument_id, lake=lake)
    held = lake.describe().filter((pl.col("instrument") == instrument_id) & pl.col("table").is_in(_TABLES[source]))
    tables = tuple(t for t in _TABLES[source] if t in set(held["table"])) or _TABLES[source]
    total = max(1, int(held["rows"].sum()))
    instrument = lake.terms(instrument_id, start_ns=start_ns, end_ns=end_ns, tables=tables)
    measures = Measures(instrument, bins=Bins.every(every_ns), quotes=source, bands_bps=bands_bps, stale_ns=stale_ns)
    bins: list[pl.DataFrame] = []
    rows = 0
    if start_ns is not None and "book" in tables:
        for events in _book_before(start_ns, instrument, lake=lake, every_ns=every_ns):
            measures.step(events)
        measures.until(start_ns)
    for events in lake.stream(instrument_id, tables=tables, start_ns=start_ns, end_ns=end_ns):
        bins.append(measures.step(events))
        rows += events.rows
        progress(rows / total, f"{rows:,} rows")
    frame = pl.concat([*bins, measures.finish()])
    if not rows:
        span = lake.span_ns(instrument_id, tables=tables)
        held_span = " to ".join(map(format_time, span)) if span else "nothing"
        raise InputError(f"{instrument_id} has no event in the range; the lake holds {held_span}")
    return frame


def _book_before(start_ns: int, instrument: Instrument, *, lake: Lake, every_ns: int) -> Iterator[Events]:
    """Book rows before a time, from a snapshot that leaves the bin before it whole if there is one; in the same terms."""
    begin = _last_snapshot(start_ns - every_ns, instrument, lake=lake)
    if begin is None:
        begin = _last_snapshot(start_ns, instrument, lake=lake)
    if begin is not None:
        yield from lake.stream(instrument.id, tables=("book",), start_ns=begin, end_ns=start_ns)


def _last_snapshot(before_ns: int, instrument: Instrument, *, lake: Lake) -> int | None:
    """ts_local of the last snapshot before a time, looked for day by day."""
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
    tables = set(lake.describe().filter(pl.col("instrument") == instrument.id)["table"])
    return "depth" if "book" in tables else "ticker" if "quote" in tables else "trades"


def require_source(instrument_id: str, quotes: str, *, lake: Lake) -> QuoteSource:
    """The source a person asked for, or the best there is."""
    if not quotes:
        return quote_source(instrument_id, lake=lake)
    for source in _TABLES:
        if source == quotes:
            return source
    raise UnknownName("quote source", quotes, _TABLES)


def summarise(flow: pl.DataFrame) -> dict[str, float | int | str | None]:
    """What a person wants to know first: how many bins are sound, and what the flow of a bin explains of its price change.

    Quantities and the spread are those of SYNCED bins; an R² is of the mid's change in the same bin, not a forecast.
    """
    sound = flow.filter(pl.col("quality") == "SYNCED")
    return {
        "bins": flow.height,
        "bins_synced": sound.height,
        "mean_spread": mean(sound, "spread"),
        "traded": float((sound["buy_qty"] + sound["sell_qty"]).sum()),
        "net_traded": float((sound["buy_qty"] - sound["sell_qty"]).sum()),
        "ofi_r2": explained(flow, "ofi"),
        "trade_imbalance_r2": explained(flow, "trade_imbalance"),
    }


def mean(frame: pl.DataFrame, column: str) -> float | None:
    """Mean without nulls; None when there is nothing."""
    value = frame[column].mean()
    return value if isinstance(value, float) else None


def explained(flow: pl.DataFrame, column: str) -> float | None:
    """OLS R² of the mid's change on a measure of the same bin; contemporaneous, not a forecast."""
    pairs = flow.select(column, "mid_change").drop_nulls()
    x, y = pairs[column].to_numpy(), pairs["mid_change"].to_numpy()
    return float(np.corrcoef(x, y)[0, 1] ** 2) if len(x) > 2 and x.std() > 0 and y.std() > 0 else None
