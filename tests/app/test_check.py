"""Quality of a lake, day by day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch
from counterpoise.app.check import check_lake, quality_frame
from counterpoise.core.units import DAY_NS, SECOND_NS, parse_time
from counterpoise.market.event import DELTA, FIRST, LAST, SNAPSHOT, Events
from counterpoise.market.symbol import parse_instrument

TERMS = parse_instrument("binance_usdm:BTCUSDT")
DAY = parse_time("2024-08-08T00:00")


def two_days(*, apart_ns: int) -> Events:
    """A snapshot 100 bid, 101 ask on one day; a bid at 102 some time later."""
    ts = np.array([DAY, DAY, DAY + apart_ns], np.int64)
    return Events(
        ts_local=ts,
        ts_venue=ts,
        seq=np.array([1, 1, 2], np.int64),
        id=np.array([1, 1, 2], np.int64),
        kind=np.array([SNAPSHOT, SNAPSHOT, DELTA], np.uint8),
        side=np.array([1, -1, 1], np.int8),
        flags=np.array([FIRST, LAST, FIRST | LAST], np.uint8),
        price_ticks=np.array([100, 101, 102], np.int64),
        qty_lots=np.array([1, 1, 1], np.int64),
    )


@pytest.mark.parametrize(("days", "crossings"), [(1, [0, 1]), (2, [0, 0])])
def test_the_book_lives_on_into_the_next_day_only(days: int, crossings: list[int], tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.ingest("source", [Batch(TERMS, "book", two_days(apart_ns=days * DAY_NS).to_frame())])
    reports = list(check_lake(lake, stale_ns=10 * SECOND_NS))
    assert [report.count("crossed", "book") for report in reports] == crossings
    assert [report.date for report in reports] == ["2024-08-08", f"2024-08-{8 + days:02d}"]
    assert str(reports[0]).startswith("binance_usdm:BTCUSDT 2024-08-08: ok")
    assert quality_frame(reports)["date"].unique().sort().to_list() == [date(2024, 8, 8), date(2024, 8, 8 + days)]
