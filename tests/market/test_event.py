"""Columns of events: views, order, merging."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError
from counterpoise.market.event import DELTA, FIRST, LAST, TRADE, Events, merge_events

Rows = list[tuple[int, ...]]


def events_of(rows: Rows) -> Events:
    columns = zip(*rows, strict=True) if rows else [[]] * len(Events._fields)
    return Events._make(np.array(list(c), e.dtype) for c, e in zip(columns, Events.empty(), strict=True))


@st.composite
def streams(draw: st.DrawFn, *, tag: int = 0) -> Rows:
    """Messages of one to three rows, at times that never go back and often stand still."""
    rows: Rows = []
    ts = 1000
    for seq in range(draw(st.integers(0, 12))):
        ts += draw(st.sampled_from([0, 0, 1, 5]))
        size = draw(st.integers(1, 3))
        for k in range(size):
            flags = (FIRST if k == 0 else 0) | (LAST if k == size - 1 else 0)
            rows.append((ts, ts - 3, seq, tag, DELTA if size > 1 else TRADE, 1 - 2 * (k % 2), flags, 100 + k, 7))
    return rows


def as_rows(events: Events) -> Rows:
    return list(zip(*(column.tolist() for column in events), strict=True))


@given(streams())
def test_a_frame_and_back_is_the_same_to_the_last_bit(rows: Rows) -> None:
    events = events_of(rows)
    back = Events.from_frame(events.to_frame())
    assert as_rows(back) == rows
    assert [c.dtype for c in back] == [c.dtype for c in events]
    assert events.rows == len(rows)


def test_missing_columns_are_named() -> None:
    frame = Events.empty().to_frame().drop("side", "seq")
    with pytest.raises(InputError, match="missing: seq, side"):
        Events.from_frame(frame)


def test_time_that_goes_back_is_refused_with_the_row() -> None:
    rows = [(5, 0, 0, -1, TRADE, 1, 3, 1, 1), (7, 0, 1, -1, TRADE, 1, 3, 1, 1), (6, 0, 2, -1, TRADE, 1, 3, 1, 1)]
    with pytest.raises(DataError, match="row 2: 6 after 7"):
        Events.from_frame(events_of(rows).to_frame())
    events_of(rows[:2]).require_order()


@given(streams(), st.integers(990, 1080))
def test_until_counts_rows_strictly_before(rows: Rows, ts: int) -> None:
    assert events_of(rows).until(ts) == sum(row[0] < ts for row in rows)


@given(streams(), st.integers(0, 36), st.integers(0, 36))
def test_a_cut_is_a_view(rows: Rows, start: int, stop: int) -> None:
    events = events_of(rows)
    part = events.cut(start, stop)
    assert as_rows(part) == rows[start:stop]
    assert all(np.shares_memory(a, b) for a, b in zip(part, events, strict=True) if len(a))


@given(streams(tag=1), streams(tag=2), streams(tag=3))
def test_a_merge_is_a_stable_sort_by_time_and_ordinal(a: Rows, b: Rows, c: Rows) -> None:
    merged = as_rows(merge_events([events_of(part) for part in (a, b, c)]))
    assert merged == sorted(a + b + c, key=lambda row: (row[0], row[2]))


@given(streams(tag=1), streams(tag=2))
def test_a_merge_keeps_messages_whole(a: Rows, b: Rows) -> None:
    last = LAST
    for row in as_rows(merge_events([events_of(a), events_of(b)])):
        assert bool(row[6] & FIRST) == bool(last & LAST)
        last = row[6]


@given(streams())
def test_a_merge_of_one_is_itself(rows: Rows) -> None:
    assert as_rows(merge_events([events_of(rows), Events.empty()])) == rows


def test_nothing_merged_is_nothing() -> None:
    assert merge_events([]).rows == 0
    assert merge_events([Events.empty()]).to_frame().schema == Events.empty().to_frame().schema


def test_a_frame_with_nulls_is_refused() -> None:
    frame = events_of([(5, 0, 0, -1, TRADE, 1, 3, 1, 1)]).to_frame().with_columns(price_ticks=pl.lit(None, pl.Int64))
    with pytest.raises(InputError, match="price_ticks"):
        Events.from_frame(frame)
