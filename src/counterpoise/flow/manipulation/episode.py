"""What detectors of episodes share: checks of their parameters, and columns every row of theirs has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column
from counterpoise.flow.kernels.watched_book import STATUS
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.codes import GAPPED

__all__ = [
    "KNOWN_COLUMN",
    "PRICE_COLUMN",
    "SIDE_COLUMN",
    "SPAN_COLUMNS",
    "STALE_NS",
    "episode_frame",
    "require_counts",
    "require_shares",
    "require_spans",
    "watch_state",
]

STALE_NS: Final = 10 * SECOND_NS
KNOWN_COLUMN: Final = Column("ts_local", "ns UTC", "ts_local of the event by which the episode was known to be over")
SPAN_COLUMNS: Final = (
    Column("start", "ns UTC", "ts_local of the first event of the episode"),
    Column("end", "ns UTC", "ts_local of the last event that belongs to it"),
)
SIDE_COLUMN: Final = Column("side", "1", "+1 bid or buy, -1 ask or sell", mirror="odd")
PRICE_COLUMN: Final = Column("price", "quote", "where it happened", mirror="price")


def episode_frame(rows: Int2D, columns: Mapping[str, AnyArray]) -> pl.DataFrame:
    """A frame of rows whose first three slots are ts_local, start and end."""
    times = {name: rows[:, i] for i, name in enumerate(("ts_local", "start", "end"))}
    return pl.DataFrame({**times, **columns}, nan_to_null=True).with_columns(pl.col(*times).cast(UTC_NS))


def watch_state(size: int) -> Int1D:
    """A state that begins with the slots of `counterpoise.flow.kernels.watched_book`; no book yet."""
    state = np.zeros(size, np.int64)
    state[STATUS + STATE] = GAPPED
    return state


def require_spans(**spans_ns: int) -> None:
    """Refuse a length of time that is not positive."""
    for name, value in spans_ns.items():
        if value <= 0:
            raise InputError(f"{name} must be positive, found {value} ns; give nanoseconds")


def require_counts(**counts: float) -> None:
    """Refuse a number below one."""
    for name, value in counts.items():
        if not value >= 1:
            raise InputError(f"{name} must be 1 or more, found {value}")


def require_shares(*, ends: bool = False, **shares: float) -> None:
    """Refuse a number outside of (0, 1), or of [0, 1] with `ends`."""
    for name, value in shares.items():
        if not (0 <= value <= 1 if ends else 0 < value < 1):
            raise InputError(f"{name} must lie between 0 and 1, found {value}")
