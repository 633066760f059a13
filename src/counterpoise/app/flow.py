"""`counterpoise flow`: measures of one instrument of a lake, in bounded memory."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import SECOND_NS, format_time
from counterpoise.flow.measures import DEFAULT_BANDS_BPS, Measures, QuoteSource

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
    """
    source = quotes or quote_source(instrument_id, lake=lake)
    held = lake.describe().filter((pl.col("instrument") == instrument_id) & pl.col("table").is_in(_TABLES[source]))
    tables = tuple(t for t in _TABLES[source] if t in set(held["table"])) or _TABLES[source]
    total = max(1, int(held["rows"].sum()))
    instrument = lake.terms(instrument_id, start_ns=start_ns, end_ns=end_ns, tables=tables)
    measures = Measures(instrument, every_ns=every_ns, quotes=source, bands_bps=bands_bps, stale_ns=stale_ns)
    bins: list[pl.DataFrame] = []
    rows = 0
    for events in lake.stream(instrument_id, tables=tables, start_ns=start_ns, end_ns=end_ns):
        bins.append(measures.step(events))
        rows += events.rows
        progress(rows / total, f"{rows:,} rows")
    frame = pl.concat([*bins, measures.finish()])
    if frame.is_empty():
        span = lake.span_ns(instrument_id, tables=tables)
        held_span = " to ".join(map(format_time, span)) if span else "nothing"
        raise InputError(f"{instrument_id} has no event in the range; the lake holds {held_span}")
    return frame


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
    """What a person wants to know first: how many bins are sound, and what the flow of a bin explains of its price change."""
    sound = flow.filter(pl.col("quality") == "SYNCED")
    return {
        "bins": flow.height,
        "bins SYNCED": sound.height,
        "mean spread": mean(sound, "spread"),
        "traded": float((sound["buy_qty"] + sound["sell_qty"]).sum()),
        "net traded (CVD change)": float((sound["buy_qty"] - sound["sell_qty"]).sum()),
        "R² of mid change on OFI, same bin": explained(flow, "ofi"),
        "R² of mid change on trade imbalance, same bin": explained(flow, "trade_imbalance"),
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
