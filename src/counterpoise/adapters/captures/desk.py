"""Where messages become rows: books follow their sequence rule, texts become steps, rows wait for their batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

import polars as pl

from counterpoise.adapters.captures.message import BookMessage, Lost, Message, Skipped, TickMessage, ValueMessage
from counterpoise.adapters.captures.record import Record
from counterpoise.adapters.grid import StepScale
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.core.errors import InputError
from counterpoise.core.schema import table_schema
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE
from counterpoise.market.instrument import Instrument
from counterpoise.market.sequence import BitMex, Synchroniser, Unsequenced, Update, Verdict

__all__ = ["Desk"]

_KINDS: Final = {"quote": QUOTE, "trade": TRADE, "liquidation": LIQUIDATION}
_PAST: Final = 1 << 63
_EMPTY: Final = (1, 0, 0)  # a snapshot without levels still has to clear the book
Row = tuple[Any, ...]


class Held(NamedTuple):
    """A book message in whole steps: rows of (side, price_ticks, qty_lots)."""

    update: Update
    rows: list[tuple[int, int, int]]


@dataclass(slots=True)
class Book:
    sync: Synchroniser[Held]
    numbered: bool


class Stall(NamedTuple):
    """One instrument and its grids."""

    instrument: Instrument
    price: StepScale
    qty: StepScale


@cache
def _polars_schema(table: str) -> pl.Schema:
    frame = pl.from_arrow(table_schema(table).empty_table())
    assert isinstance(frame, pl.DataFrame)
    return frame.schema


class Desk:
    """Takes messages in order of arrival and gives batches.

    Parameters
    ----------
    instruments : mapping of str to Instrument
        By symbol; messages of other symbols are dropped and counted.
    report : ReadReport
    """

    def __init__(self, instruments: Mapping[str, Instrument], report: ReadReport) -> None:
        self._report = report
        self._stalls = {
            symbol: Stall(terms, StepScale(terms.tick, what="tick"), StepScale(terms.lot, what="lot"))
            for symbol, terms in instruments.items()
        }
        self._books: dict[str, Book] = {}
        self._rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        self.size = 0

    def take(self, message: Message, record: Record, seq: int) -> None:
        """File one message under its tables.

        Raises
        ------
        InputError
            If a number lies off its grid or past 64 bits; nothing of the message is kept then.
        """
        _require_int64(message)
        if isinstance(message, Skipped):
            self._report.drop(message.reason)
        elif isinstance(message, Lost):
            self.lose(record, seq, symbol=message.symbol)
        elif message.symbol not in self._stalls:
            self._report.drop(f"no contract terms for {message.symbol}")
        elif isinstance(message, BookMessage):
            self._book(message, record, seq)
        elif isinstance(message, TickMessage):
            self._ticks(message, record, seq)
        else:
            self._values(message, record, seq)

    def lose(self, record: Record, seq: int, *, symbol: str = "", numbered: bool = True) -> None:
        """Messages are missing: void one book or all; without `numbered` only those whose rule could not notice."""
        for name, book in self._books.items():
            if symbol not in ("", name) or (book.numbered and not numbered):
                continue
            if book.sync.reset():
                self._report.gaps += 1
                self._add(name, "book", [_gap_row(record, seq, -1)])

    def flush(self) -> Iterator[Batch]:
        """Batches of everything taken since the last flush."""
        for (symbol, table), rows in self._rows.items():
            frame = pl.DataFrame(rows, schema=_polars_schema(table), orient="row")
            yield Batch(self._stalls[symbol].instrument, table, frame)
        self._rows.clear()
        self.size = 0

    def close(self) -> None:
        """Count the book messages that were of no use."""
        for book in self._books.values():
            self._report.drop("book update without a snapshot", book.sync.waiting)
            self._report.drop("book message old, repeated or stale", book.sync.dropped)

    def _add(self, symbol: str, table: str, rows: list[Row]) -> None:
        self._rows[symbol, table] += rows
        self.size += len(rows)

    def _book(self, message: BookMessage, record: Record, seq: int) -> None:
        symbol, update, stall = message.symbol, message.update, self._stalls[message.symbol]
        rows = [(1, stall.price(p), stall.qty(q)) for p, q in message.bids]
        rows += [(-1, stall.price(p), stall.qty(q)) for p, q in message.asks]
        if update.snapshot:
            rows = [row for row in rows if row[2]] or [_EMPTY]
        book = self._books.get(symbol)
        if book is None:
            rule = message.rule()
            book = self._books[symbol] = Book(Synchroniser(rule), not isinstance(rule, Unsequenced | BitMex))
        for verdict, held in book.sync.feed(update, Held(update, rows)):
            if verdict is Verdict.APPLY:
                self._add(symbol, "book", _book_rows(held, record, seq))
                self._report.drop("book update without levels", not held.rows)
            elif verdict is Verdict.GAP:
                self._report.gaps += 1
                self._add(symbol, "book", [_gap_row(record, seq, held.update.last)])

    def _ticks(self, message: TickMessage, record: Record, seq: int) -> None:
        stall, kind, last = self._stalls[message.symbol], _KINDS[message.table], len(message.ticks) - 1
        rows: list[Row] = []
        for i, tick in enumerate(message.ticks):
            flags = FIRST * (i == 0) | LAST * (i == last)
            price, qty = stall.price(tick.price), stall.qty(tick.qty)
            rows.append((record.ts_ns, tick.ts_ns, seq, tick.id, kind, tick.side, flags, price, qty))
        self._add(message.symbol, message.table, rows)

    def _values(self, message: ValueMessage, record: Record, seq: int) -> None:
        columns = list(_polars_schema(message.table))[3:]
        unknown = set(message.values) - set(columns)
        if unknown:
            raise InputError(f"table {message.table} has no columns {sorted(unknown)}; they are {columns}")
        row = (record.ts_ns, message.ts_ns, seq, *(message.values.get(name) for name in columns))
        self._add(message.symbol, message.table, [row])


def _require_int64(message: Message) -> None:
    if isinstance(message, BookMessage):
        numbers = [message.update.last, message.update.ts_ns]
    elif isinstance(message, TickMessage):
        numbers = [number for tick in message.ticks for number in (tick.ts_ns, tick.id)]
    elif isinstance(message, ValueMessage):
        numbers = [message.ts_ns, *(value for value in message.values.values() if isinstance(value, int))]
    else:
        return
    for number in numbers:
        if not -_PAST <= number < _PAST:
            raise InputError(f"number {number} does not fit 64 bits")


def _book_rows(held: Held, record: Record, seq: int) -> list[Row]:
    """Rows at the time they could first be applied, which for a held update is that of its snapshot."""
    update, last = held.update, len(held.rows) - 1
    kind = SNAPSHOT if update.snapshot else DELTA
    return [
        (record.ts_ns, update.ts_ns, seq, update.last, kind, side, FIRST * (i == 0) | LAST * (i == last), price, qty)
        for i, (side, price, qty) in enumerate(held.rows)
    ]


def _gap_row(record: Record, seq: int, number: int) -> Row:
    return (record.ts_ns, 0, seq, number, GAP, 0, FIRST | LAST, 0, 0)
