"""Columns of frames as arrays: whatever they are written in, never what cannot be meant."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import DataError, InputError
from counterpoise.flow.numbers import numbers_of, times_of, wholes_of


def test_times_are_ns_whatever_they_are_written_in() -> None:
    when = datetime(2026, 1, 5, tzinfo=UTC)
    expected = [int(when.timestamp()) * 10**9]
    for unit in ("ms", "us", "ns"):
        for zone in (None, "UTC"):
            column = pl.Series("ts", [when.replace(tzinfo=None)], dtype=pl.Datetime(unit)).dt.replace_time_zone(zone)
            assert times_of(column.to_frame(), "ts", what="these").tolist() == expected
    assert times_of(pl.DataFrame({"ts": expected}), "ts", what="these").tolist() == expected


def test_columns_that_cannot_be_meant() -> None:
    frame = pl.DataFrame({"ts": [2, 1], "x": ["a", "b"], "n": pl.Series([None, 1.5], dtype=pl.Float64)})
    with pytest.raises(DataError, match="these: ts goes back at row 1"):
        times_of(frame, "ts", what="these")
    with pytest.raises(InputError, match="these needs a column 'when', found ts, x, n"):
        times_of(frame, "when", what="these")
    with pytest.raises(InputError, match="column 'x' is String"):
        numbers_of(frame, "x", what="these")
    assert numbers_of(frame, "n", what="these").tolist() == pytest.approx([np.nan, 1.5], nan_ok=True)


def test_whole_numbers_are_whole_and_all_there() -> None:
    frame = pl.DataFrame({"n": [1, None], "t": [True, False], "x": [1.5, 2.5]})
    assert wholes_of(frame, "t", what="these").tolist() == [1, 0]
    assert wholes_of(frame, "n", what="these", unsaid=-1).tolist() == [1, -1]
    with pytest.raises(InputError, match="these: 1 rows have no n"):
        wholes_of(frame, "n", what="these")
    with pytest.raises(InputError, match="column 'x' is Float64, expected whole numbers"):
        wholes_of(frame, "x", what="these")
