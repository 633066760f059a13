"""Whole messages of one symbol in a Tardis file as rows of the lake's tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from counterpoise.adapters.reader import ReadReport
from counterpoise.adapters.ticks import MessageCount, steps, tick_frame
from counterpoise.core.arrays import Bool1D, Int1D, Int8_1D, UInt8_1D
from counterpoise.core.schema import table_schema
from counterpoise.core.units import US_NS
from counterpoise.market.event import DELTA, GAP, LIQUIDATION, SNAPSHOT, TRADE
from counterpoise.market.instrument import Instrument

__all__ = ["TABLES", "Rows", "SymbolState", "chain_rows"]

_IV_IN_PERCENT: Final = ("deribit",)  # other venues give a fraction
_RENAMED: Final = {"bid_amount": "bid_qty", "ask_amount": "ask_qty", "underlying_index": "underlying"}


class SymbolState:
    """What must be remembered of a symbol from one block to the next."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.count = MessageCount()
        self.synced = False
        self.gapped = False
        self.in_snapshot = False
        self.damage = 0


class Rows:
    """Columns of a frame as arrays, in ns; a venue time equal to the local one is none."""

    def __init__(self, frame: pl.DataFrame, *, unit_ns: int = US_NS) -> None:
        self.frame, self._unit_ns = frame, unit_ns
        local = frame["local_timestamp"].to_numpy()
        venue = frame["timestamp"].to_numpy()
        self.ts_local: Int1D = local * unit_ns
        self.ts_venue: Int1D = np.where(venue == local, 0, venue * unit_ns)

    def __len__(self) -> int:
        return self.frame.height

    def cut(self, start: int, stop: int) -> Rows:
        return Rows(self.frame[start:stop], unit_ns=self._unit_ns)

    def starts(self) -> Bool1D:
        """Rows at which the local time changes; the first is one."""
        out = np.ones(len(self), np.bool_)
        out[1:] = self.ts_local[1:] != self.ts_local[:-1]
        return out

    def sides(self, buy: str, sell: str) -> Int8_1D:
        side = self.frame["side"]
        bought: Int8_1D = (side == buy).to_numpy().astype(np.int8)
        sold: Int8_1D = (side == sell).to_numpy().astype(np.int8)
        return np.subtract(bought, sold)


Tables: TypeAlias = Iterator[tuple[str, pl.DataFrame]]


def _book(rows: Rows, state: SymbolState, report: ReadReport) -> Tables:
    """Levels; where lines are missing a GAP stands, and nothing more until the next snapshot."""
    damage = rows.frame["damage"].to_numpy()
    cuts = [0, *(np.flatnonzero(np.diff(damage)) + 1).tolist(), len(rows)]
    parts: list[pl.DataFrame] = []
    for start, stop in pairwise(cuts):
        if damage[start] != state.damage and state.synced:
            state.synced, state.gapped = False, True
            report.gaps += 1
            parts.append(_gap(rows.ts_local[start : start + 1], state))
        state.damage = int(damage[start])
        parts += _levels(rows.cut(start, stop), state, report)
    if parts:
        yield "book", pl.concat(parts)


def _gap(ts_local: Int1D, state: SymbolState) -> pl.DataFrame:
    seq, flags = state.count.number(np.ones(1, np.bool_))
    zero = np.zeros(1, np.int64)
    return tick_frame(ts_local=ts_local, ts_venue=zero, seq=seq, flags=flags, kind=GAP, side=0, price_ticks=zero, qty_lots=zero)


def _levels(rows: Rows, state: SymbolState, report: ReadReport) -> list[pl.DataFrame]:
    snapshot = rows.frame["is_snapshot"].to_numpy()
    clears = snapshot & ~np.concatenate([[state.in_snapshot], snapshot[:-1]])
    state.in_snapshot = bool(snapshot[-1])
    if not state.synced:
        at = int(np.argmax(clears)) if clears.any() else len(rows)
        report.drop("after a gap, before the next snapshot" if state.gapped else "before the first snapshot", at)
        if at == len(rows):
            return []
        state.synced, rows, clears, snapshot = True, rows.cut(at, len(rows)), clears[at:], snapshot[at:]
    starts = rows.starts() | clears
    seq, flags = state.count.number(starts)
    return [
        tick_frame(
            ts_local=rows.ts_local,
            ts_venue=rows.ts_venue,
            seq=seq,
            flags=flags,
            kind=_level_kinds(snapshot, clears, starts),
            side=rows.sides("bid", "ask"),
            price_ticks=steps(rows.frame["price"].to_numpy(), state.instrument.price_grid),
            qty_lots=steps(rows.frame["amount"].to_numpy(), state.instrument.qty_grid),
        )
    ]


def _level_kinds(snapshot: Bool1D, clears: Bool1D, starts: Bool1D) -> UInt8_1D:
    """SNAPSHOT in the message that clears the book; a snapshot that goes on at a later local time adds to it, as DELTA."""
    message = np.cumsum(starts) - 1
    clearing = clears[np.flatnonzero(starts)][message]
    return np.where(snapshot & clearing, np.uint8(SNAPSHOT), np.uint8(DELTA))


def _deals(table: str, kind: int) -> Callable[[Rows, SymbolState, ReadReport], Tables]:
    def rows_of(rows: Rows, state: SymbolState, report: ReadReport) -> Tables:
        seq, flags = state.count.number(rows.starts())
        yield (
            table,
            tick_frame(
                ts_local=rows.ts_local,
                ts_venue=rows.ts_venue,
                seq=seq,
                flags=flags,
                kind=kind,
                side=rows.sides("buy", "sell"),
                price_ticks=steps(rows.frame["price"].to_numpy(), state.instrument.price_grid),
                qty_lots=steps(rows.frame["amount"].to_numpy(), state.instrument.qty_grid),
                ids=rows.frame["id"].cast(pl.Int64, strict=False).fill_null(-1).to_numpy(),
            ),
        )

    return rows_of


def _ticker(rows: Rows, state: SymbolState, report: ReadReport) -> Tables:
    frame = _clocked(rows, state.count)
    mark = frame.with_columns(next_funding_ns=pl.col("funding_timestamp") * US_NS)
    says = table_schema("mark").names[3:]  # after the clocks
    yield "mark", _table("mark", mark.filter(pl.any_horizontal(pl.col(says).is_not_null())))
    yield "open_interest", _table("open_interest", frame.filter(pl.col("open_interest").is_not_null()))


def chain_rows(frame: pl.DataFrame, count: MessageCount) -> pl.DataFrame:
    """Rows of the option_quote table with their symbol, of all symbols at once: a chain has too many to go one by one.

    `seq` counts the local times of the file.
    """
    rows = Rows(frame)
    percent = pl.when(pl.col("exchange").is_in(_IV_IN_PERCENT)).then(0.01).otherwise(1.0)
    clocked = _clocked(rows, count).with_columns(pl.col("bid_iv", "ask_iv", "mark_iv") * percent)
    return clocked.rename(_RENAMED).select("symbol", *table_schema("option_quote").names)


def _clocked(rows: Rows, count: MessageCount) -> pl.DataFrame:
    seq, _ = count.number(rows.starts())
    return rows.frame.with_columns(
        pl.Series("ts_local", rows.ts_local), pl.Series("ts_venue", rows.ts_venue), pl.Series("seq", seq)
    )


def _table(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(table_schema(name).names)


TABLES: Final[dict[str, Callable[[Rows, SymbolState, ReadReport], Tables]]] = {
    "incremental_book_L2": _book,
    "trades": _deals("trade", TRADE),
    "liquidations": _deals("liquidation", LIQUIDATION),
    "derivative_ticker": _ticker,
}
