"""Tardis book rules, one line at a time, in decimals: the slow twin of `counterpoise.adapters.tardis`."""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO

Book = dict[tuple[int, int], int]


def books_by_message(text: str, *, symbol: str, tick: str, lot: str) -> list[tuple[int, Book]]:
    """(local time ns, levels) after the last row of each local time, from the first snapshot on."""
    out: list[tuple[int, Book]] = []
    book: Book = {}
    synced = was_snapshot = False
    for row in csv.DictReader(StringIO(text)):
        if row["symbol"] != symbol:
            continue
        is_snapshot = row["is_snapshot"] == "true"
        if is_snapshot and not was_snapshot:
            book, synced = {}, True
        was_snapshot = is_snapshot
        if not synced:
            continue
        level = ({"bid": 1, "ask": -1}[row["side"]], int(Decimal(row["price"]) / Decimal(tick)))
        book[level] = int(Decimal(row["amount"]) / Decimal(lot))
        if not book[level]:
            del book[level]
        ts = int(row["local_timestamp"]) * 1000
        if out and out[-1][0] == ts:
            out.pop()
        out.append((ts, dict(book)))
    return out
