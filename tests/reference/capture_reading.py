"""What the tests of captures share: where the files are, how they are read, and a book of dicts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from counterpoise.adapters.captures import read_capture
from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.market.event import FIRST, GAP, LAST, SNAPSHOT
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

VENUES = {
    "BINANCE_DELIVERY": "binance_coinm",
    "BINANCE_FUTURES": "binance_usdm",
    "BITMEX": "bitmex",
    "BYBIT": "bybit",
    "COINBASE": "coinbase",
    "DERIBIT": "deribit",
    "DYDX": "dydx",
    "KRAKEN_FUTURES": "kraken_futures",
    "OKX": "okx",
}
BITMEX_ALTS = ("UNI", "ADA", "SOL", "EOS", "TRX", "MATIC")
BITMEX_SIZES = {"UNI": "0.00001", "ADA": "0.01", "SOL": "0.00001", "EOS": "0.0001", "TRX": "0.001", "MATIC": "0.0001"}


class Reading(NamedTuple):
    batches: list[Batch]
    report: ReadReport

    def frame(self, table: str, symbol: str = "") -> pl.DataFrame:
        return pl.concat([b.frame for b in self.batches if b.table == table and symbol in ("", b.instrument.symbol)])

    @property
    def books(self) -> list[Batch]:
        return [b for b in self.batches if b.table == "book"]


def files(folder: Path, name: str) -> list[Path]:
    return sorted(folder.rglob(f"{name}.*"))


def terms(name: str) -> list[Instrument]:
    """BitMEX alt-coin contracts of 2021, whose size the symbol does not tell; ticks are those the venue listed."""
    if name != "BITMEX":
        return []
    ticks = dict(zip(BITMEX_ALTS, ("0.001", "0.00001", "0.001", "0.0005", "0.00001", "0.0001"), strict=True))
    return [
        parse_instrument(f"bitmex:{coin}USDT", tick=ticks[coin], lot="1", multiplier=BITMEX_SIZES[coin]) for coin in BITMEX_ALTS
    ]


def read(paths: list[Path], venue: str, *, max_bad: int = 0, known: list[Instrument] | None = None) -> Reading:
    reader = read_capture(paths, venue=venue, max_bad=max_bad, instruments=known or [])
    return Reading(list(reader), reader.report)


def incoming(path: Path) -> Iterator[tuple[int, Any]]:
    """Records as the reader counts them, and the JSON of those that came over the socket."""
    lines = [line for line in path.read_text().splitlines() if line]
    for i, line in enumerate(lines):
        found = re.match(r"\d+(?:\.\d+)?: (.*)", line)
        if found:
            yield i, json.loads(found[1], parse_float=str)


Sides = dict[int, dict[int, int]]


def naive_books(frame: pl.DataFrame) -> Iterator[tuple[int, Sides]]:
    """Message ordinal and book after each whole message."""
    sides: Sides = {1: {}, -1: {}}
    for row in frame.iter_rows(named=True):
        if row["kind"] == GAP or (row["kind"] == SNAPSHOT and row["flags"] & FIRST):
            sides = {1: {}, -1: {}}
        if row["kind"] != GAP:
            sides[row["side"]].pop(row["price_ticks"], None)
            if row["qty_lots"]:
                sides[row["side"]][row["price_ticks"]] = row["qty_lots"]
        if row["flags"] & LAST:
            yield row["seq"], sides


def final_book(frame: pl.DataFrame) -> Sides:
    return list(naive_books(frame))[-1][1]
