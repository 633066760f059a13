"""Columns of any table of ticks under the names of this package, and its rows as those of the tick tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.reader import ReadReport
from counterpoise.adapters.table_map import TableMap
from counterpoise.adapters.tardis_tables import TABLES, Rows, SymbolState
from counterpoise.adapters.text import Check
from counterpoise.adapters.ticks import (
    QuoteSide,
    order_check,
    price_checks,
    qty_checks,
    quote_frame,
    steps,
    tick_frame,
    time_check,
)
from counterpoise.core.arrays import Bool1D, Int1D
from counterpoise.core.schema import table_schema
from counterpoise.core.units import MS_NS, SECOND_NS, US_NS
from counterpoise.market.event import FIRST, GAP, LAST, SNAPSHOT, TRADE
from counterpoise.market.instrument import Instrument

__all__ = ["OWN", "TABLE_ROWS", "canonical", "row_checks"]

OWN: Final = "\x00"  # before the file's own column names, so that they cannot meet ours
_UNITS: Final = {"s": SECOND_NS, "ms": MS_NS, "us": US_NS, "ns": 1}
_TRUE: Final = ("true", "t", "yes", "1")
_FALSE: Final = ("false", "f", "no", "0")
_QUOTE: Final = ("bid_price", "bid_qty", "ask_price", "ask_qty")


def canonical(frame: pl.DataFrame, columns: TableMap) -> list[pl.Series]:
    """Columns timestamp and local_timestamp in ns, price, amount, side, is_snapshot, id, or the four of a quote.

    Null stands where the file's field cannot be understood.
    """
    local = _times(frame[columns.time_local or columns.time_venue], columns.time_unit)
    venue = _times(frame[columns.time_venue], columns.time_unit) if columns.time_venue else local
    out = [local.alias("local_timestamp"), venue.alias("timestamp"), _ids(frame, columns)]
    names = _QUOTE if columns.table == "quote" else ("price", "amount")
    out += [frame[of].alias(name) for of, name in zip(columns.numbers, names, strict=True)]
    words = {"bid": columns.buy, "ask": columns.sell, "unknown": () if columns.table == "book" else columns.unknown}
    out.append(_words(frame, columns.side, words, absent="unknown").alias("side"))
    flags = _words(frame, columns.snapshot, {"true": _TRUE, "false": _FALSE}, absent="true")
    return [*out, (flags == "true").alias("is_snapshot")]


def _times(column: pl.Series, unit: str) -> pl.Series:
    """Epoch ns, exact where the file is: decimals of a text are not read through a double."""
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.epoch("ns")
    if unit == "iso":
        text = column.cast(pl.String).str.replace(r"(?:Z|\+00:?00)$", "").str.replace(" ", "T", literal=True)
        parsed = [
            text.str.to_datetime(form, time_unit="ns", strict=False)
            for form in ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f")
        ]
        return pl.select(pl.coalesce(*(series.dt.epoch("ns") for series in parsed))).to_series()
    size = _UNITS[unit]
    if column.dtype.is_float():
        return (column * size).round().cast(pl.Int64, strict=False)
    digits = len(str(size)) - 1
    parts = column.cast(pl.String).str.extract_groups(rf"^(\d+)(?:\.(\d{{1,{max(digits, 1)}}})0*)?$").struct.unnest()
    whole = parts[:, 0].cast(pl.Int64, strict=False)
    fraction = parts[:, 1].fill_null("").str.pad_end(digits, "0").replace("", "0").cast(pl.Int64, strict=False)
    fits = (whole < (2**63 - 1) // size).fill_null(False)
    return pl.select(pl.when(fits).then(whole * size + fraction)).to_series()


def _ids(frame: pl.DataFrame, columns: TableMap) -> pl.Series:
    if not columns.id:
        return pl.Series("id", np.full(frame.height, -1, np.int64))
    return frame[columns.id].cast(pl.Int64, strict=False).fill_null(-1).alias("id")


def _words(frame: pl.DataFrame, column: str, words: dict[str, tuple[str, ...]], *, absent: str) -> pl.Series:
    """Each field as the key whose words it is among."""
    if not column:
        return pl.Series([absent]).new_from_index(0, frame.height)
    known = {word.lower(): key for key, group in words.items() for word in group}
    return (
        frame[column]
        .cast(pl.String)
        .str.strip_chars()
        .str.to_lowercase()
        .replace_strict(known, default=None, return_dtype=pl.String)
    )


def row_checks(frame: pl.DataFrame, columns: TableMap, instrument: Instrument, latest: int) -> list[Check]:
    """Checks of `canonical` columns, named as the file names them."""
    local = time_check(OWN + (columns.time_local or columns.time_venue), _filled(frame, "local_timestamp"), unit_ns=1)
    checks = [local]
    if columns.time_venue:
        checks.append(time_check(OWN + columns.time_venue, _filled(frame, "timestamp"), unit_ns=1))
    if columns.time_local or columns.table == "book":
        checks.append(order_check(local.field, _filled(frame, "local_timestamp"), sane=~local.bad, latest=latest))
    if columns.side:
        words = (*columns.buy, *columns.sell, *(() if columns.table == "book" else columns.unknown))
        checks.append(Check(OWN + columns.side, frame["side"].is_null().to_numpy(), " or ".join(words)))
    if columns.snapshot:
        checks.append(Check(OWN + columns.snapshot, frame["is_snapshot"].is_null().to_numpy(), "true or false"))
    checks += _number_checks(frame, columns, instrument)
    return [check._replace(field=check.field.removeprefix(OWN), column=check.field) for check in checks]


def _filled(frame: pl.DataFrame, name: str) -> Int1D:
    out: Int1D = frame[name].fill_null(0).to_numpy()
    return out


def _number_checks(frame: pl.DataFrame, columns: TableMap, instrument: Instrument) -> list[Check]:
    checks: list[Check] = []
    names = _QUOTE if columns.table == "quote" else ("price", "amount")
    for i in range(0, len(names), 2):
        price, qty = frame[names[i]], frame[names[i + 1]]
        found = price_checks(OWN + columns.numbers[i], price.to_numpy(), instrument)
        sizes = qty_checks(OWN + columns.numbers[i + 1], qty.to_numpy(), instrument)
        if columns.table == "quote":
            found = [check._replace(bad=check.bad & _given(frame, names[i], names[i + 1])) for check in found]
            sizes = [check._replace(bad=check.bad & qty.is_not_null().to_numpy()) for check in sizes]
        checks += found + sizes
    return checks


def _given(frame: pl.DataFrame, price: str, qty: str) -> Bool1D:
    given: Bool1D = (frame[price].is_not_null() & (frame[qty].fill_null(0) != 0)).to_numpy()
    return given


def _trades(frame: pl.DataFrame, state: SymbolState, report: ReadReport, *, dumps: bool) -> pl.DataFrame:
    rows = Rows(frame, unit_ns=1)
    seq, flags = state.count.number(np.ones(len(rows), np.bool_))
    return tick_frame(
        ts_local=rows.ts_local,
        ts_venue=rows.ts_venue,
        seq=seq,
        flags=flags,
        kind=TRADE,
        side=rows.sides("bid", "ask"),
        price_ticks=steps(frame["price"].to_numpy(), state.instrument.price_grid),
        qty_lots=steps(frame["amount"].to_numpy(), state.instrument.qty_grid),
        ids=frame["id"].to_numpy(),
    )


def _quotes(frame: pl.DataFrame, state: SymbolState, report: ReadReport, *, dumps: bool) -> pl.DataFrame:
    said = _given(frame, *_QUOTE[:2]) | _given(frame, *_QUOTE[2:])
    report.drop("quote without a side", int((~said).sum()))
    frame = frame.filter(said)
    rows = Rows(frame, unit_ns=1)
    seq, _ = state.count.number(np.ones(len(rows), np.bool_))
    bid, ask = (
        QuoteSide(frame[price].to_numpy(), frame[qty].to_numpy(), _given(frame, price, qty))
        for price, qty in (_QUOTE[:2], _QUOTE[2:])
    )
    return quote_frame(
        bid,
        ask,
        ts_local=rows.ts_local,
        ts_venue=rows.ts_venue,
        seq=seq,
        instrument=state.instrument,
        ids=frame["id"].to_numpy(),
    )


def _levels(frame: pl.DataFrame, state: SymbolState, report: ReadReport, *, dumps: bool) -> pl.DataFrame:
    """Levels by the rules of a Tardis book, or each message a whole book."""
    if not dumps:
        tables = dict(TABLES["incremental_book_L2"](Rows(frame, unit_ns=1), state, report))
        return tables.get("book", pl.DataFrame(schema=pl.Schema(table_schema("book"))))
    rows = Rows(frame, unit_ns=1)
    starts = rows.starts()
    seq, flags = state.count.number(starts)
    out = tick_frame(
        ts_local=rows.ts_local,
        ts_venue=rows.ts_venue,
        seq=seq,
        flags=flags,
        kind=SNAPSHOT,
        side=rows.sides("bid", "ask"),
        price_ticks=steps(frame["price"].to_numpy(), state.instrument.price_grid),
        qty_lots=steps(frame["amount"].to_numpy(), state.instrument.qty_grid),
        ids=frame["id"].to_numpy(),
    )
    damaged = _damaged(frame["damage"].to_numpy(), starts, state)
    return _void(out, damaged, starts, report) if damaged.any() else out


def _damaged(damage: Int1D, starts: Bool1D, state: SymbolState) -> Bool1D:
    """Rows of messages that a bad record may have belonged to: the one it stands in, or both it stands between."""
    holes = np.flatnonzero(np.diff(damage, prepend=state.damage))
    state.damage = int(damage[-1])
    message = np.cumsum(starts) - 1
    touched = np.zeros(int(message[-1]) + 1, np.bool_)
    touched[message[holes]] = True
    between = holes[starts[holes] & (holes > 0)]
    touched[message[between] - 1] = True
    out: Bool1D = touched[message]
    return out


def _void(out: pl.DataFrame, damaged: Bool1D, starts: Bool1D, report: ReadReport) -> pl.DataFrame:
    """A GAP in place of each damaged message."""
    report.gaps += int((damaged & starts).sum())
    report.drop("level of a book with a bad record", int(damaged.sum()))
    gap = pl.Series(damaged)
    blank = {"kind": GAP, "side": 0, "flags": FIRST | LAST, "price_ticks": 0, "qty_lots": 0, "id": -1, "ts_venue": 0}
    voided = out.with_columns(
        pl.when(gap).then(pl.lit(value, dtype=out.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in blank.items()
    )
    return voided.filter(pl.Series(~damaged | starts))


TABLE_ROWS: Final[dict[str, Callable[..., pl.DataFrame]]] = {"trade": _trades, "quote": _quotes, "book": _levels}
