"""Measures of many instruments and days at once: what is independent is fanned out, and comes back in one order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.adapters.compute import Done, Engine, Failed, fan_out, require_workers
from counterpoise.adapters.lake import Lake
from counterpoise.app.flow import TABLES, flow, last_snapshot, require_source
from counterpoise.app.flow_measure import choose
from counterpoise.app.flow_profile import FlowOptions
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import DAY_NS, utc_date

__all__ = ["Flows", "explained", "find_instruments", "flow_parts", "flows", "mean", "summarise"]


class FlowPart(NamedTuple):
    """One instrument over some days, plain enough to be sent to another process."""

    lake: str
    instrument: str
    start_ns: int | None
    end_ns: int | None
    from_start: bool
    to_end: bool
    options: FlowOptions


class Flows(NamedTuple):
    """Measures of instruments, and the parts that could not be measured.

    Attributes
    ----------
    frame : DataFrame
        ``instrument``, then as `counterpoise.app.flow.flow`; in order of instrument and time.
    failed : list of Failed
    """

    frame: pl.DataFrame
    failed: list[Failed]


def flows(
    names: Iterable[str],
    *,
    lake: Lake,
    options: FlowOptions,
    start_ns: int | None = None,
    end_ns: int | None = None,
    engine: Engine = "loky",
    jobs: int = -1,
    progress: Progress = silent,
) -> Flows:
    """Measures of instruments, or of all markets of tokens, over a range of time.

    The frame does not depend on the engine, on how many workers there are, or on which finishes first.

    Raises
    ------
    UnknownName
        If the lake has no such instrument or token.
    InputError
        If no part could be measured: the error of the first.
    """
    require_workers(engine, jobs)
    parts = flow_parts(names, lake=lake, options=options, start_ns=start_ns, end_ns=end_ns)
    if len(parts) == 1:
        _, part = parts[0]
        frame = flow(part.instrument, lake=lake, options=options, start_ns=start_ns, end_ns=end_ns, progress=progress)
        return Flows(_named(frame, part.instrument), [])
    results = fan_out(_flow_part, parts, engine=engine, jobs=jobs, progress=progress)
    done = [result.result for result in results if isinstance(result, Done)]
    failed = [result for result in results if isinstance(result, Failed)]
    if not done:
        raise InputError(f"nothing could be measured; {failed[0].part}: {failed[0].says}")
    return Flows(pl.concat(done), failed)


def flow_parts(
    names: Iterable[str], *, lake: Lake, options: FlowOptions, start_ns: int | None = None, end_ns: int | None = None
) -> list[tuple[str, FlowPart]]:
    """The independent parts of a job, each with its name.

    A day is a part of its own when it measures the same alone: bins end with the day, and its book can be had from a snapshot
    in the day before. Other days stay with those before them.
    """
    parts: list[tuple[str, FlowPart]] = []
    for instrument_id in find_instruments(names, lake=lake):
        for first, last in _spans(instrument_id, lake, options, start_ns, end_ns):
            name = instrument_id if first is None else f"{instrument_id} {utc_date(first)}"
            parts.append((name, FlowPart(lake.url, instrument_id, first, last, first != start_ns, last != end_ns, options)))
    return parts


def find_instruments(names: Iterable[str], *, lake: Lake) -> list[str]:
    """Ids of instruments; a name without a colon is a token and stands for all its markets in the lake."""
    held = lake.instruments()
    found: list[str] = []
    for name in names:
        if ":" in name:
            found.append(lake.instrument(name).id)
            continue
        markets = sorted(i.id for i in held if i.base.upper() == name.upper())
        if not markets:
            raise UnknownName("token", name, sorted({i.base for i in held} | {i.id for i in held}))
        found.extend(markets)
    return list(dict.fromkeys(found))


def _spans(
    instrument_id: str, lake: Lake, options: FlowOptions, start_ns: int | None, end_ns: int | None
) -> list[tuple[int | None, int | None]]:
    """Ranges of whole days that can be measured apart."""
    source, choice = require_source(instrument_id, options.quotes, lake=lake), choose(options.measures)
    days = _days(instrument_id, lake, choice.tables or TABLES[source])
    days = [d for d in days if (end_ns is None or d < end_ns) and (start_ns is None or d + DAY_NS > start_ns)]
    apart = choice.made_by == "Measures" and not choice.integrated
    every = options.bins.every_ns
    whole = DAY_NS % every == 0 if every else options.bins.rule != "tick-imbalance"
    begins = [d for i, d in enumerate(days) if i == 0 or (apart and whole and _can_begin(d, instrument_id, source, lake))]
    if not begins:
        return [(start_ns, end_ns)]
    bounds = [start_ns, *begins[1:]]
    return list(zip(bounds, [*begins[1:], end_ns], strict=True))


def _can_begin(day: int, instrument_id: str, source: str, lake: Lake) -> bool:
    if source == "trades":
        return True
    if source == "ticker":
        return False
    snapshot = last_snapshot(day - 1, lake.instrument(instrument_id), lake=lake)
    return snapshot is not None and snapshot >= day - DAY_NS


def _days(instrument_id: str, lake: Lake, tables: tuple[str, ...]) -> list[int]:
    held = lake.describe().filter((pl.col("instrument") == instrument_id) & pl.col("table").is_in(tables))
    return held["date"].unique().sort().cast(pl.Datetime("ns")).cast(pl.Int64).to_list()


def _flow_part(part: FlowPart) -> pl.DataFrame:
    frame = flow(
        part.instrument,
        lake=Lake(part.lake),
        options=part.options,
        start_ns=part.start_ns,
        end_ns=part.end_ns,
        from_start=part.from_start,
        to_end=part.to_end,
    )
    return _named(frame, part.instrument)


def _named(frame: pl.DataFrame, instrument_id: str) -> pl.DataFrame:
    return frame.select(pl.lit(instrument_id).alias("instrument"), pl.all())


SUMMARY: Final = {
    "bins": "bins",
    "bins_synced": "SYNCED",
    "mean_spread": "mean spread",
    "traded": "traded",
    "net_traded": "bought − sold",
    "ofi_r2": "R² of OFI",
    "trade_imbalance_r2": "R² of trades",
}


def summarise(flow: pl.DataFrame) -> dict[str, float | int | str | None]:
    """What a person wants to know first: how many bins are sound, and what the flow of a bin explains of its price change.

    Quantities and the spread are those of SYNCED bins; an R² is of the mid's change in the same bin, not a forecast. What was
    not asked for is None.
    """
    sound = flow.filter(pl.col("quality") == "SYNCED")
    traded = {"buy_qty", "sell_qty"} <= set(flow.columns)
    return {
        "bins": flow.height,
        "bins_synced": sound.height,
        "mean_spread": mean(sound, "spread"),
        "traded": float((sound["buy_qty"] + sound["sell_qty"]).sum()) if traded else None,
        "net_traded": float((sound["buy_qty"] - sound["sell_qty"]).sum()) if traded else None,
        "ofi_r2": explained(flow, "ofi"),
        "trade_imbalance_r2": explained(flow, "trade_imbalance"),
    }


def mean(frame: pl.DataFrame, column: str) -> float | None:
    """Mean without nulls; None when there is nothing."""
    value = frame[column].mean() if column in frame.columns else None
    return value if isinstance(value, float) else None


def explained(flow: pl.DataFrame, column: str) -> float | None:
    """OLS R² of the mid's change on a measure of the same bin; contemporaneous, not a forecast."""
    if not {column, "mid_change"} <= set(flow.columns):
        return None
    pairs = flow.select(column, "mid_change").drop_nulls()
    x, y = pairs[column].to_numpy(), pairs["mid_change"].to_numpy()
    return float(np.corrcoef(x, y)[0, 1] ** 2) if len(x) > 2 and x.std() > 0 and y.std() > 0 else None
