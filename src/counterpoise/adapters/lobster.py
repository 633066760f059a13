"""LOBSTER pairs of files: order messages, and the visible levels after each.

Prices are ×10⁴, times are seconds after midnight in New York with ns decimals, the date stands in the file's name; the files
hold one clock: `ts_local` is `ts_venue`. The book table holds what changes from row to row: a level that leaves the visible
range is deleted, so the book equals the file at every row. From a halt (type 7, price −1) to its end (price 0 or 1) it is void.
A change that is one order's, and the trade with it, carry its number as `id` and the flag ORDER; levels that come into or leave
the visible range do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.adapters.kernels.level_changes import level_changes
from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.adapters.session import date_in_name, new_york_midnight
from counterpoise.adapters.text import Check, FieldType, Layout, Lines, read_lines, sift
from counterpoise.adapters.ticks import message_flags, order_check, price_checks, qty_checks, steps, tick_frame
from counterpoise.core.arrays import Bool1D, Float1D, Int1D, Int2D
from counterpoise.core.errors import CorruptRecord, InputError, SchemaError
from counterpoise.core.units import DAY_NS, SECOND_NS
from counterpoise.market.event import DELTA, GAP, ORDER, TRADE
from counterpoise.market.instrument import Instrument

__all__ = ["LOBSTER_LOT", "LOBSTER_TICK", "read_lobster"]

LOBSTER_TICK: Final = "0.0001"  # what the files can hold
LOBSTER_LOT: Final = "1"
_VISIBLE, _HIDDEN, _CROSS, _HALT = 4, 5, 6, 7
_MESSAGE: Final = Layout(
    {
        "time": pl.Float64,
        **dict.fromkeys(("type", "order_id", "size", "price", "direction"), pl.Int64),
    }
)


class _Pair(NamedTuple):
    """Rows of both files that stand on the same lines."""

    messages: pl.DataFrame
    levels: pl.DataFrame
    line: Int1D


def read_lobster(
    path: Path, *, instrument: Instrument, orderbook: Path | None = None, date: str = "", max_bad: int = 0
) -> Reader:
    """Open a LOBSTER recording.

    Parameters
    ----------
    path : Path
        The message file.
    instrument : Instrument
        `LOBSTER_TICK` and `LOBSTER_LOT` are the finest grid of the format.
    orderbook : Path, optional
        The levels after each message; found beside the message file when its name says "message".
    date : str
        ISO date; taken from the file's name when empty.
    max_bad : int
        Bad records allowed, of both files together.

    Returns
    -------
    Reader
        Tables book and trade (types 4 and 5; the aggressor's side is opposite to the order's). `seq` is the message's line − 1.

    Raises
    ------
    InputError
        If no date or no orderbook file is given and the name does not lead to it.
    """
    midnight = new_york_midnight(date or date_in_name(path))
    book_path = orderbook or _partner(path)

    def batches(report: ReadReport) -> Iterator[Batch]:
        messages = _messages(path, instrument, report)
        levels = _levels(book_path, instrument, report)
        halted, memory, previous = False, np.array([1, 0]), None
        for pair in _paired(messages, levels, (path, book_path), report):
            ts = midnight + _ns(pair.messages)
            void = _void(pair.messages, halted)
            table = pair.levels.to_numpy().astype(np.int64)
            previous = table[:1] if previous is None else previous
            book = _book(np.concatenate([previous, table]), void, memory, ts, pair, instrument)
            report.gaps += int((book["kind"] == GAP).sum())
            report.drop("auction cross", int((pair.messages["type"] == _CROSS).sum()))
            halted, previous = bool(void[-1]), table[-1:]
            yield Batch(instrument, "book", book)
            yield Batch(instrument, "trade", _trades(pair, ts, instrument))

    return Recording(batches, name=str(path), max_bad=max_bad)


def _partner(path: Path) -> Path:
    if "message" not in path.name:
        raise InputError(f"{path}: expected the message file, its name says so; give the orderbook file too if it was renamed")
    return path.with_name(path.name.replace("message", "orderbook"))


def _messages(path: Path, instrument: Instrument, report: ReadReport) -> Iterator[Lines]:
    latest = 0
    for lines in read_lines(path, report, layout_of=lambda _: (_MESSAGE, False)):
        good = sift(lines, _message_checks(lines.frame, instrument, latest), path=path, report=report)
        if good.frame.height:
            latest = int(_ns(good.frame)[-1])
            yield good


def _ns(frame: pl.DataFrame) -> Int1D:
    seconds = frame["time"].to_numpy()
    safe = np.where((seconds >= 0) & (seconds < DAY_NS // SECOND_NS), seconds, -1.0)
    out: Int1D = np.rint(safe * SECOND_NS).astype(np.int64)
    return out


def _message_checks(frame: pl.DataFrame, instrument: Instrument, latest: int) -> list[Check]:
    kind, time = frame["type"].to_numpy(), _ns(frame)
    order = (kind >= 1) & (kind <= _HIDDEN)
    direction, halt = frame["direction"].to_numpy(), frame["price"].to_numpy()
    found = price_checks("price", halt / 1e4, instrument)
    found += qty_checks("size", frame["size"].to_numpy().astype(np.float64), instrument)
    return [
        Check("time", time < 0, "seconds after midnight"),
        order_check("time", time, sane=time >= 0, latest=latest),
        Check("type", (kind < 1) | (kind > _HALT), "1 to 7"),
        Check("direction", order & (np.abs(direction) != 1), "1 or -1"),
        Check("price", (kind == _HALT) & ((halt < -1) | (halt > 1)), "-1 halted, 0 quoting or 1 trading resumes"),
        *(check._replace(bad=check.bad & order) for check in found),
    ]


def _levels(path: Path, instrument: Instrument, report: ReadReport) -> Iterator[Lines]:
    for lines in read_lines(path, report, layout_of=lambda head: (_level_layout(head, path), False)):
        good = sift(lines, _level_checks(lines.frame, instrument), path=path, report=report)
        if good.frame.height:
            yield good


def _level_layout(head: str, path: Path) -> Layout:
    depth, odd = divmod(len(head.split(",")), 4)
    if odd or not depth:
        raise SchemaError(
            f"{path}: the first line has {len(head.split(','))} fields, expected four a level (ask price, ask size, bid price, "
            "bid size); give the orderbook file"
        )
    fields: dict[str, FieldType] = {
        f"{name}_{level}": pl.Int64
        for level in range(1, depth + 1)
        for name in ("ask_price", "ask_size", "bid_price", "bid_size")
    }
    return Layout(fields)


def _level_checks(frame: pl.DataFrame, instrument: Instrument) -> list[Check]:
    checks: list[Check] = []
    for name, side in (("ask", -1), ("bid", 1)):
        inner = None
        for level in range(1, frame.width // 4 + 1):
            price, size = (frame[f"{name}_{field}_{level}"].to_numpy() for field in ("price", "size"))
            there = size != 0
            found = price_checks(f"{name}_price_{level}", price / 1e4, instrument)
            checks += [check._replace(bad=check.bad & there) for check in found]
            checks += qty_checks(f"{name}_size_{level}", size.astype(np.float64), instrument)
            if inner is not None:
                disorder = there & ((inner[1] == 0) | (side * (inner[0] - price) <= 0))
                checks.append(Check(f"{name}_price_{level}", disorder, f"a price behind that of level {level - 1}"))
            inner = price, size
    return checks


def _paired(
    messages: Iterator[Lines], levels: Iterator[Lines], paths: tuple[Path, Path], report: ReadReport
) -> Iterator[_Pair]:
    """Rows both files have; where one of the two is bad, the other cannot be used."""
    left, right = next(messages, None), next(levels, None)
    while left is not None and right is not None:
        upto = min(int(left.line[-1]), int(right.line[-1]))
        line, at_left, at_right = np.intersect1d(left.line, right.line, assume_unique=True, return_indices=True)
        used = [int(np.searchsorted(side.line, upto, side="right")) for side in (left, right)]
        report.drop("the line of the other file is bad", sum(used) - 2 * len(line))
        if len(line):
            yield _Pair(left.frame[at_left], right.frame[at_right], line)
        left = _rest(left, used[0], messages)
        right = _rest(right, used[1], levels)
    for rest, path in zip((left, right), paths, strict=True):
        if rest is not None:
            _report_rest(rest, path, report)


def _rest(lines: Lines, used: int, source: Iterator[Lines]) -> Lines | None:
    return Lines(lines.frame[used:], lines.line[used:]) if used < len(lines.line) else next(source, None)


def _report_rest(left_over: Lines, path: Path, report: ReadReport) -> None:
    """Rows past the end of the other file."""
    if report.truncated:
        report.drop("the other file is cut off", len(left_over.line))
        return
    found = f"a row without one in the other file, {len(left_over.line)} or more of them"
    report.corrupt(CorruptRecord(str(path), int(left_over.line[0]), "record", found, "as many messages as rows of levels"))


def _void(messages: pl.DataFrame, halted: bool) -> Bool1D:
    """Rows from a halt to its end; `halted` is the state before the first."""
    says = (messages["type"] == _HALT).to_numpy()
    state = np.concatenate([[halted], np.where(says, messages["price"].to_numpy() == -1, False)])
    latest = np.maximum.accumulate(np.concatenate([[0], np.where(says, np.arange(1, len(says) + 1), 0)]))
    return np.asarray(state[latest][1:], np.bool_)


def _book(table: Int2D, void: Bool1D, memory: Int1D, ts: Int1D, pair: _Pair, instrument: Instrument) -> pl.DataFrame:
    out = np.empty((len(void) * (table.shape[1] + 1), 5), np.int64)
    row, kind, side, price, qty = out[: level_changes(table, void, memory, out)].T
    what, order, own_price, own_side = (
        pair.messages[name].to_numpy()[row] for name in ("type", "order_id", "price", "direction")
    )
    named = (kind == DELTA) & (what <= _VISIBLE) & (own_price == price) & (own_side == side)
    return tick_frame(
        ts_local=ts[row],
        ts_venue=ts[row],
        seq=(pair.line - 1)[row],
        flags=message_flags(np.diff(row, prepend=-1) != 0) | named * np.uint8(ORDER),
        kind=kind.astype(np.uint8),
        side=side.astype(np.int8),
        price_ticks=steps(price / 1e4, instrument.price_grid),
        qty_lots=steps(qty.astype(np.float64), instrument.qty_grid),
        ids=np.where(named, order, -1),
    )


def _trades(pair: _Pair, ts: Int1D, instrument: Instrument) -> pl.DataFrame:
    own = pair.messages["type"].is_in([_VISIBLE, _HIDDEN]).to_numpy()
    deals = pair.messages.filter(own)
    price: Float1D = deals["price"].to_numpy() / 1e4
    named = deals["type"].to_numpy() == _VISIBLE
    return tick_frame(
        ts_local=ts[own],
        ts_venue=ts[own],
        seq=pair.line[own] - 1,
        flags=message_flags(np.ones(len(deals), np.bool_)) | named * np.uint8(ORDER),
        kind=TRADE,
        side=-deals["direction"].to_numpy().astype(np.int8),
        price_ticks=steps(price, instrument.price_grid),
        qty_lots=steps(deals["size"].to_numpy().astype(np.float64), instrument.qty_grid),
        ids=np.where(named, deals["order_id"].to_numpy(), -1),
    )
