"""Scalar tables as of a time: strictly before, not too old, never what was not said."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import DataError, InputError
from counterpoise.flow.derivatives.latest import NEVER, bin_ends, latest, numbers_of, times_of


def test_what_is_said_at_the_moment_itself_is_not_known_yet() -> None:
    ts, values = np.array([10, 20, 20, 30]), np.array([1.0, 2.0, 3.0, np.nan])
    found, age = latest(ts, values, np.array([10, 11, 20, 21, 30, 35]), max_age_ns=15)
    assert found.tolist() == pytest.approx([np.nan, 1, 1, 3, 3, 3], nan_ok=True)
    assert age.tolist() == [NEVER, 1, 10, 1, 10, 15]
    old, _ = latest(ts, values, np.array([36]), max_age_ns=15)
    assert np.isnan(old).all()
    never, ages = latest(ts, np.full(4, np.nan), np.array([40]), max_age_ns=99)
    assert np.isnan(never).all()
    assert ages.tolist() == [NEVER]


def test_bins_hold_the_first_and_the_last() -> None:
    assert bin_ends(9, 20, 10).tolist() == [10, 20, 30]
    assert bin_ends(10, 19, 10).tolist() == [20]


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
