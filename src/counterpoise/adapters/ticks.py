"""Numbers of a recording on an instrument's grid, and rows of the tick tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.adapters.text import Check
from counterpoise.core.arrays import Bool1D, Float1D, Int1D, Int8_1D, UInt8_1D
from counterpoise.core.units import Grid
from counterpoise.market.event import FIRST, LAST, QUOTE, Events
from counterpoise.market.instrument import Instrument

__all__ = [
    "MessageCount",
    "QuoteSide",
    "message_flags",
    "order_check",
    "price_checks",
    "qty_checks",
    "quote_frame",
    "steps",
    "tick_frame",
    "time_check",
    "whole_messages",
]

_RESIDUAL: Final = 1e-6  # steps
_MOST_STEPS: Final = 2.0**50
_DOUBLE_ERROR: Final = 2.0**-51  # relative, of value / step: three roundings


class MessageCount:
    """Numbers messages across blocks."""

    def __init__(self) -> None:
        self._next = 0

    def number(self, starts: Bool1D) -> tuple[Int1D, UInt8_1D]:
        """Ordinal and FIRST | LAST flags of each row, given which rows start a message; the first row must."""
        seq = np.cumsum(starts, dtype=np.int64) + (self._next - 1)
        if len(seq):
            self._next = int(seq[-1]) + 1
        return seq, message_flags(starts)


def message_flags(starts: Bool1D) -> UInt8_1D:
    """FIRST | LAST of each row, given which rows start a message."""
    ends = np.ones_like(starts)
    ends[:-1] = starts[1:]
    return starts * np.uint8(FIRST) | ends * np.uint8(LAST)


def steps(values: Float1D, grid: Grid) -> Int1D:
    """Nearest whole number of grid steps; the values have passed the checks of this module."""
    return np.rint(values / grid.size).astype(np.int64)


def price_checks(field: str, values: Float1D, instrument: Instrument) -> list[Check]:
    """A price is positive, finite and on the tick grid."""
    expected = f"a multiple of the tick {instrument.tick}; it is off the tick grid, pass --tick"
    return [
        Check(field, ~(np.isfinite(values) & (values > 0)), "a positive finite price"),
        Check(field, _off_grid(values, instrument.price_grid), expected),
    ]


def qty_checks(field: str, values: Float1D, instrument: Instrument) -> list[Check]:
    """A quantity is not negative, finite and on the lot grid."""
    expected = f"a multiple of the lot {instrument.lot}; it is off the lot grid, pass --lot"
    return [
        Check(field, ~(np.isfinite(values) & (values >= 0)), "a finite quantity of zero or more"),
        Check(field, _off_grid(values, instrument.qty_grid), expected),
    ]


def time_check(field: str, values: Int1D, *, unit_ns: int) -> Check:
    """An epoch time fits the int64 nanoseconds of this package."""
    bad = (values <= 0) | (values > (2**63 - 1) // unit_ns)
    return Check(field, bad, "a time after 1970-01-01 that fits 63 bits of nanoseconds")


def order_check(field: str, values: Int1D, *, sane: Bool1D, latest: int) -> Check:
    """Times of a sorted format do not go back; those that are not sane are left to their own check."""
    before = np.maximum.accumulate(np.concatenate([[latest], np.where(sane, values, latest)]))[:-1]
    return Check(field, values < before, "a time not before that of the line above (the format is sorted by it)")


def tick_frame(
    *,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    flags: UInt8_1D,
    kind: int | UInt8_1D,
    side: int | Int8_1D,
    price_ticks: Int1D,
    qty_lots: Int1D,
    ids: int | Int1D = -1,
) -> pl.DataFrame:
    """Rows in the tick schema; a plain number stands for a whole column."""
    n = len(ts_local)
    return Events(
        ts_local,
        ts_venue,
        seq,
        np.full(n, ids, np.int64) if isinstance(ids, int) else ids,
        np.full(n, kind, np.uint8) if isinstance(kind, int) else kind,
        np.full(n, side, np.int8) if isinstance(side, int) else side,
        flags,
        price_ticks,
        qty_lots,
    ).to_frame()


def whole_messages(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows, cut where `local_timestamp` changes: the last message of a block waits for the next block."""
    held: pl.DataFrame | None = None
    for part in frames:
        frame = part if held is None else pl.concat([held, part])
        local = frame["local_timestamp"].to_numpy()
        others = np.flatnonzero(local != local[-1]) if len(local) else local
        cut = int(others[-1]) + 1 if len(others) else 0
        if cut:
            yield frame[:cut]
        held = frame[cut:]
    if held is not None and held.height:
        yield held


class QuoteSide(NamedTuple):
    """One side of n quotes: price [quote per base], quantity, and whether the quote speaks of this side at all."""

    price: Float1D
    qty: Float1D
    given: Bool1D


def quote_frame(
    bid: QuoteSide,
    ask: QuoteSide,
    *,
    ts_local: Int1D,
    ts_venue: Int1D,
    seq: Int1D,
    instrument: Instrument,
    ids: int | Int1D = -1,
) -> pl.DataFrame:
    """Rows of the quote table: one message a quote, one row a side given, the bid first."""
    given = np.column_stack([bid.given, ask.given]).ravel()
    message = np.repeat(np.arange(len(seq)), 2)[given]
    price = np.column_stack([bid.price, ask.price]).ravel()[given]
    qty = np.column_stack([bid.qty, ask.qty]).ravel()[given]
    starts = np.ones(len(message), np.bool_)
    starts[1:] = message[1:] != message[:-1]
    return tick_frame(
        ts_local=ts_local[message],
        ts_venue=ts_venue[message],
        seq=seq[message],
        flags=message_flags(starts),
        kind=QUOTE,
        side=np.tile(np.array([1, -1], np.int8), len(seq))[given],
        price_ticks=steps(price, instrument.price_grid),
        qty_lots=steps(qty, instrument.qty_grid),
        ids=ids if isinstance(ids, int) else ids[message],
    )


def _off_grid(values: Float1D, grid: Grid) -> Bool1D:
    """Finite values that are no whole number of steps, allowing for the rounding of doubles."""
    with np.errstate(invalid="ignore", over="ignore"):
        exact = values / grid.size
        nearest = np.rint(exact)
        size = np.abs(nearest)
        off = ~((np.abs(exact - nearest) <= _RESIDUAL + size * _DOUBLE_ERROR) & (size < _MOST_STEPS))
    return np.asarray(off & np.isfinite(values), np.bool_)
