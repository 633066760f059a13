"""A book as a dictionary, fed with rows of the book table: the slow twin of every ladder."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from counterpoise.market.event import FIRST, GAP, LAST, SNAPSHOT

Book = dict[tuple[int, int], int]


def books_after_messages(frames: Iterable[pl.DataFrame]) -> list[tuple[int, int, Book | None]]:
    """(ts_local, seq, levels) after each message; None from a GAP to the next snapshot."""
    out: list[tuple[int, int, Book | None]] = []
    book: Book | None = None
    for frame in frames:
        for row in frame.iter_rows(named=True):
            if row["kind"] == GAP:
                book = None
            else:
                if row["kind"] == SNAPSHOT and row["flags"] & FIRST:
                    book = {}
                assert book is not None, "a level before any snapshot"
                level = (row["side"], row["price_ticks"])
                book[level] = row["qty_lots"]
                if not book[level]:
                    del book[level]
            if row["flags"] & LAST:
                out.append((row["ts_local"], row["seq"], None if book is None else dict(book)))
    return out
