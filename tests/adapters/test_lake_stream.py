"""Streams of a lake against a slow sort of all rows: order, whole messages, bounded chunks, and the feed over them."""

from __future__ import annotations

from itertools import chain, groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.adapters import lake_ingest, part
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_feed import LakeFeed
from counterpoise.adapters.lake_stream import Sorted, chunks, merged
from counterpoise.adapters.reader import Batch
from counterpoise.core.errors import InputError
from counterpoise.core.schema import TICK_TABLES
from counterpoise.market.event import Events
from reference.lake_rows import START_NS, as_rows, in_order, perp, rows, split

BTC = perp()
# few times and seqs, so that keys tie within and between files
KEYS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=30).map(sorted)


def frame_of(keys: list[tuple[int, int]], mark: int) -> pl.DataFrame:
    """Rows of the given keys; `id` tells every row of every file apart."""
    frame = rows("book", len(keys))
    ids = range(mark * 1000, mark * 1000 + len(keys))
    times, seqs = [k[0] for k in keys], [k[1] for k in keys]
    names = {"ts_local": times, "seq": seqs, "id": ids}
    return frame.with_columns(pl.Series(name, values, pl.Int64) for name, values in names.items())


def source_of(frame: pl.DataFrame, block: int) -> Sorted:
    pieces = [Events.from_frame(frame[i : i + block]) for i in range(0, frame.height, block)]
    return Sorted((frame["ts_local"][0], frame["seq"][0]), lambda: iter(pieces))


@given(files=st.lists(KEYS.filter(len), max_size=5), block=st.integers(1, 7), size=st.integers(1, 12))
def test_naive_merge_gives_the_same_rows_and_no_message_is_split(
    files: list[list[tuple[int, int]]], block: int, size: int
) -> None:
    frames = [frame_of(keys, mark) for mark, keys in enumerate(files)]
    found = list(chunks(merged([source_of(frame, block) for frame in frames]), rows=size))
    assert as_rows(found) == in_order(frames)
    for events in found:
        keys = list(zip(events.ts_local.tolist(), events.seq.tolist(), strict=True))
        assert events.rows <= size or len(set(keys)) == 1
    edges = [(int(e.ts_local[i]), int(e.seq[i])) for e in found for i in (0, -1)]
    messages = [key for key, _ in groupby(edges)]
    assert len(messages) == len(set(messages)), "a key ended one chunk and began the next"


def test_only_files_of_the_moment_are_open() -> None:
    opened: list[int] = []

    def source(i: int) -> Sorted:
        frame = frame_of([(10 * i + k, 0) for k in range(10)], i)

        def blocks() -> object:
            opened.append(i)
            return iter([Events.from_frame(frame)])

        return Sorted((10 * i, 0), blocks)  # type: ignore[arg-type]

    stream = merged([source(i) for i in (2, 0, 1)])
    assert int(next(stream)[-1].ts_local[-1]) < 10
    assert opened == [0]
    rest = as_rows(chain.from_iterable(stream))
    assert opened == [0, 1, 2]
    assert rest[-1][0] == 29


def test_chunks_need_a_size() -> None:
    with pytest.raises(InputError, match="at least 1"):
        list(chunks([], rows=0))


@settings(deadline=None, max_examples=25)
@given(
    cuts=st.lists(st.integers(0, 300), max_size=6),
    seed=st.integers(0, 99),
    start=st.integers(-100, 1100),
    length=st.integers(1, 1200),
    until=st.lists(st.integers(-100, 1200), max_size=8),
)
def test_scan_stream_events_and_feed_agree(cuts: list[int], seed: int, start: int, length: int, until: list[int]) -> None:
    frames = {table: rows(table, 300, seed=seed + i) for i, table in enumerate(TICK_TABLES)}
    batches = [Batch(BTC, table, piece) for table, frame in frames.items() for piece in reversed(split(frame, cuts))]
    cut = {"start_ns": START_NS + start * 10**6, "end_ns": START_NS + (start + length) * 10**6}
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake_ingest, "PART_BYTES", 6_000)
        patch.setattr(part, "ROW_GROUP_ROWS", 16)
        lake = Lake(folder)
        lake.ingest("a", batches)
        by_table = {t: in_order(b.frame for b in batches if b.table == t) for t in TICK_TABLES}
        inside = {t: [r for r in found if cut["start_ns"] <= r[0] < cut["end_ns"]] for t, found in by_table.items()}
        for table in TICK_TABLES:
            assert lake.scan(BTC.id, table, **cut).collect().rows() == inside[table]
        expected = sorted((r for t in TICK_TABLES for r in inside[t]), key=lambda r: (r[0], r[2]))
        assert as_rows([lake.events(BTC.id, **cut)]) == expected
        assert as_rows(lake.stream(BTC.id, chunk_rows=17, **cut)) == expected
        if not expected:
            return
        feed = LakeFeed(lake, [BTC.id], chunk_rows=29, **cut)
        given_rows = []
        for step in [*sorted(START_NS + u * 10**6 for u in until), 2**63 - 1]:
            piece = as_rows(events for _, events in feed.until(step))
            assert all(row[0] < step for row in piece)
            given_rows += piece
            assert given_rows == [row for row in expected if row[0] < step]


def test_feed_gives_each_instrument_its_rows(tmp_path: Path) -> None:
    lake, eth = Lake(tmp_path), perp("ETH")
    first, second = rows("trade", 60), rows("trade", 60, seed=1)
    lake.ingest("a", [Batch(BTC, "trade", first), Batch(eth, "trade", second)])
    feed = LakeFeed(lake, [eth.id, BTC.id], tables=("trade",))
    assert feed.instruments == (eth, BTC)
    low, high = feed.span_ns
    assert (low, high) == (
        min(first["ts_local"].min(), second["ts_local"].min()),
        max(first["ts_local"].max(), second["ts_local"].max()),
    )
    given_rows = {i.id: as_rows([events]) for i, events in feed.until(high)}
    assert given_rows[BTC.id] == [row for row in in_order([first]) if row[0] < high]
    assert sum(events.rows for _, events in feed.until(high + 1)) == 120 - sum(len(found) for found in given_rows.values())
    assert list(feed.until(2**63 - 1)) == []


def test_feed_needs_rows_and_distinct_instruments(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.ingest("a", [Batch(BTC, "trade", rows("trade", 6))])
    with pytest.raises(InputError, match="each once"):
        LakeFeed(lake, [BTC.id, BTC.id])
    with pytest.raises(InputError, match="has no book of"):
        LakeFeed(lake, [BTC.id], tables=("book",))
