"""A frame held against the rows of its slow twin."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest


def assert_same_rows(frame: pl.DataFrame, expected: list[dict[str, Any]], *, rel: float = 1e-9, near: float = 1e-12) -> None:
    """A frame against the dictionaries of a twin: the same columns, nulls at the same places, numbers as near as said."""
    time = frame.columns[0]
    found = frame.with_columns(pl.col(time).dt.epoch("ns")).to_dicts()
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for name, value in theirs.items():
            if isinstance(value, float):
                assert ours[name] == pytest.approx(value, rel=rel, abs=near), (name, ours, theirs)
            else:
                assert ours[name] == value, (name, ours, theirs)
