"""From a kernel's integers to the cells of a frame: times, names of states, floats kept by their bits, nulls and ratios."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int2D
from counterpoise.market.quality import BookState

__all__ = ["STATE_NAMES", "UTC_NS", "ratio", "real", "where_sound"]

UTC_NS: Final = pl.Datetime("ns", "UTC")
STATE_NAMES: Final = np.array([state.name for state in BookState])


def where_sound(sound: Bool1D, values: Float1D) -> Float1D:
    """Values where they are sound, elsewhere NaN, which a frame shows as null."""
    return np.asarray(np.where(sound, values, np.nan), np.float64)


def ratio(over: Float1D, under: Float1D) -> Float1D:
    """One by the other; NaN where the other is not positive."""
    return np.asarray(np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0), np.float64)


def real(rows: Int2D, column: int) -> Float1D:
    """A column of floats kept by their bits."""
    return np.ascontiguousarray(rows[:, column]).view(np.float64)
