"""A range of time inside a recording measures what the whole recording measures there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch
from counterpoise.app.flow import flow
from counterpoise.app.flow_profile import FlowOptions
from counterpoise.core.errors import InputError
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS
from counterpoise.flow.bins import Bins
from counterpoise.market.event import BOOK_KINDS, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT")
EVERY = 10 * MINUTE_NS
OPTIONS = FlowOptions(bins=Bins.every(EVERY), stale_ns=HOUR_NS)


def lake_of(events: Events, folder: Path) -> Lake:
    lake, frame = Lake(folder / "lake"), events.to_frame()
    tables = {"book": BOOK_KINDS, "quote": (QUOTE,), "trade": (TRADE,)}
    lake.ingest("source", [Batch(PERP, t, frame.filter(pl.col("kind").is_in(kinds))) for t, kinds in tables.items()])
    return lake


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_range_equals_its_part_of_the_whole(seed: int, tmp_path: Path) -> None:
    events = RandomStream(seed, pace_ns=2 * MINUTE_NS).events(1500)
    lake = lake_of(events, tmp_path)
    whole = flow(PERP.id, lake=lake, options=OPTIONS)
    first, last = int(events.ts_local[0]), int(events.ts_local[-1])
    assert last - first > DAY_NS  # so that the last snapshot may stand in the day before
    seen = 0
    for at in np.random.default_rng(seed).integers(first, last - 5 * HOUR_NS, 12):
        begin = -(-int(at) // EVERY) * EVERY
        part = flow(PERP.id, lake=lake, options=OPTIONS, start_ns=int(at))
        expected = whole.filter(pl.col("ts").cast(pl.Int64) > begin)
        seen += (expected["quality"] == "SYNCED").sum()
        assert_frame_equal(part.drop("cvd", "obv"), expected.drop("cvd", "obv"), check_exact=True)
        sound = part.filter(pl.col("quality") == "SYNCED")
        lots = np.where(events.kind == TRADE, events.side * events.qty_lots, 0)
        for ts, cvd in sound.select(pl.col("ts").cast(pl.Int64), "cvd").tail(3).iter_rows():
            anchor = max(begin, (ts - 1) // DAY_NS * DAY_NS)  # the range's beginning, or the midnight before
            assert cvd == PERP.qty(int(lots[events.until(anchor) : events.until(ts)].sum()))
    assert seen > 100


def test_a_range_before_any_snapshot_stays_gapped(tmp_path: Path) -> None:
    events = RandomStream(5, pace_ns=MINUTE_NS).events(200)
    events = events.cut(int(np.flatnonzero(events.kind == SNAPSHOT)[-1]) + 60, events.rows)
    lake = lake_of(events, tmp_path)
    frame = flow(PERP.id, lake=lake, options=OPTIONS, start_ns=int(events.ts_local[5]))
    assert set(frame["quality"]) == {"GAPPED"}
    with pytest.raises(InputError, match="no event in the range"):
        flow(PERP.id, lake=lake, options=OPTIONS, start_ns=int(events.ts_local[-1]) + DAY_NS)
