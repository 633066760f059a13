"""Numbers of a recording on an instrument's grid, and rows of the tick tables."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.text import Check
from counterpoise.core.arrays import Bool1D, Float1D, Int1D, Int8_1D, UInt8_1D
from counterpoise.core.units import Grid
from counterpoise.market.event import FIRST, LAST, Events
from counterpoise.market.instrument import Instrument

__all__ = ["MessageCount", "price_checks", "qty_checks", "steps", "tick_frame", "time_check"]

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
        ends = np.ones_like(starts)
        ends[:-1] = starts[1:]
        if len(seq):
            self._next = int(seq[-1]) + 1
        return seq, starts * np.uint8(FIRST) | ends * np.uint8(LAST)


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


def _off_grid(values: Float1D, grid: Grid) -> Bool1D:
    """Finite values that are no whole number of steps, allowing for the rounding of doubles."""
    with np.errstate(invalid="ignore", over="ignore"):
        exact = values / grid.size
        nearest = np.rint(exact)
        size = np.abs(nearest)
        off = ~((np.abs(exact - nearest) <= _RESIDUAL + size * _DOUBLE_ERROR) & (size < _MOST_STEPS))
    return np.asarray(off & np.isfinite(values), np.bool_)
