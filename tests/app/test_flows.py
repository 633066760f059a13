"""Many instruments and days at once: parallel equals serial equals one pass, and a part that fails names itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.adapters.compute import ENGINES, Done, Engine, Failed, fan_out
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch
from counterpoise.app.flow import flow
from counterpoise.app.flow_profile import PROFILES, FlowOptions, flow_options
from counterpoise.app.flows import find_instruments, flow_parts, flows
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MINUTE_NS, parse_duration
from counterpoise.flow.bins import Bins
from counterpoise.market.event import BOOK_KINDS, SNAPSHOT, TRADE
from counterpoise.market.symbol import parse_instrument
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP")
ETHER = parse_instrument("binance_usdm:ETHUSDT")
TEN_MINUTES = FlowOptions(bins=Bins.parse("10m"), stale_ns=60 * MINUTE_NS)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three markets over three days each, with snapshots every few hours."""
    lake = Lake(tmp_path_factory.mktemp("flows") / "lake")
    for seed, instrument in enumerate((PERP, COIN, ETHER)):
        frame = RandomStream(seed, pace_ns=3 * MINUTE_NS).events(1400).to_frame()
        tables = {"book": BOOK_KINDS, "trade": (TRADE,)}
        batches = [Batch(instrument, t, frame.filter(pl.col("kind").is_in(kinds))) for t, kinds in tables.items()]
        lake.ingest(f"source_{seed}", batches)
    return lake


@pytest.mark.parametrize("bins", ["10m", "volume:0.5", "trades:7", "notional:20000", "range:2"])
def test_days_apart_measure_what_one_pass_measures(lake: Lake, bins: str) -> None:
    options = TEN_MINUTES._replace(bins=Bins.parse(bins))
    parts = flow_parts([PERP.id], lake=lake, options=options)
    assert len(parts) >= 2
    whole = flow(PERP.id, lake=lake, options=options)
    apart = flows([PERP.id], lake=lake, options=options, engine="serial").frame
    assert_frame_equal(apart.drop("instrument"), whole, check_exact=True)
    assert (whole["quality"] == "SYNCED").sum() > 2
    assert whole["cvd"].n_unique() > 2


def test_parallel_equals_serial(lake: Lake) -> None:
    one = flows(["BTC", ETHER.id], lake=lake, options=TEN_MINUTES, engine="serial")
    two = flows(["BTC", ETHER.id], lake=lake, options=TEN_MINUTES, engine="loky", jobs=2)
    assert_frame_equal(one.frame, two.frame, check_exact=True)
    assert one.frame["instrument"].unique(maintain_order=True).to_list() == [COIN.id, PERP.id, ETHER.id]
    assert not one.failed


def test_bins_that_remember_stay_in_one_part(lake: Lake) -> None:
    for options in (
        TEN_MINUTES._replace(bins=Bins.parse("tick-imbalance")),
        TEN_MINUTES._replace(bins=Bins.parse("7h")),
        TEN_MINUTES._replace(measures=("integrated",)),
    ):
        assert len(flow_parts([PERP.id], lake=lake, options=options)) == 1


def test_a_token_stands_for_its_markets(lake: Lake) -> None:
    assert find_instruments(["btc"], lake=lake) == [COIN.id, PERP.id]
    assert find_instruments([PERP.id, "BTC"], lake=lake) == [PERP.id, COIN.id]
    with pytest.raises(UnknownName, match=r"token 'BTD'.*BTC"):
        find_instruments(["BTD"], lake=lake)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_failed_part_names_itself_and_loses_no_other(engine: Engine) -> None:
    """On every engine, two workers where it has any. The task is the package's, so that any worker can import it."""
    parts: list[tuple[str, Any]] = [("one", "1s"), ("two", "2 parsecs"), ("three", None), ("four", "1m")]
    shown: list[tuple[float, str]] = []
    found = fan_out(parse_duration, parts, engine=engine, jobs=2, progress=lambda done, note="": shown.append((done, note)))
    one, two, three, four = found
    assert (one, four) == (Done("one", 10**9), Done("four", 60 * 10**9))
    assert isinstance(two, Failed)
    assert (two.part, two.code, two.exit_code) == ("two", "CP-100", 2)
    assert "2 parsecs" in two.says
    assert isinstance(three, Failed)
    assert (three.part, three.code, three.exit_code) == ("three", "CP-000", 1)
    assert "AttributeError" in three.says
    assert shown[-1] == (1.0, "four")


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(UnknownName, match=r"engine 'lokky'.*loky"):
        fan_out(parse_duration, [("a", "1s")], engine="lokky")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="jobs must be"):
        fan_out(parse_duration, [("a", "1s")], jobs=0)


def test_a_day_that_cannot_be_measured_is_reported(lake: Lake, tmp_path: Path) -> None:
    broken = Lake(tmp_path / "lake")
    good = RandomStream(1, pace_ns=3 * MINUTE_NS).events(300).to_frame()
    broken.ingest("good", [Batch(PERP, "book", good.filter(pl.col("kind").is_in(BOOK_KINDS)))])
    bad = good.filter(pl.col("kind").is_in(BOOK_KINDS)).with_columns(pl.lit(np.int64(-5)).alias("qty_lots"))
    broken.ingest("bad", [Batch(ETHER, "book", bad)])
    result = flows([PERP.id, ETHER.id], lake=broken, options=TEN_MINUTES, engine="serial")
    assert result.frame["instrument"].unique().to_list() == [PERP.id]
    assert result.failed
    assert all(part.part.startswith(ETHER.id) and "-5 lots" in part.says for part in result.failed)
    with pytest.raises(InputError, match="-5 lots"):
        flows([ETHER.id], lake=broken, options=TEN_MINUTES._replace(quotes="depth"), engine="serial")


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_measures(lake: Lake, name: str) -> None:
    frame = flow(PERP.id, lake=lake, options=flow_options(name, stale="1h", bins="10m" if "cucuringu" in name else ""))
    assert frame.height > 10
    assert frame["quality"].n_unique() > 1


def test_columns_and_groups_are_chosen(lake: Lake) -> None:
    frame = flow(PERP.id, lake=lake, options=TEN_MINUTES._replace(measures=("ofi_parts", "cvd", "depth_imbalance_{level}")))
    assert frame.columns[0] == "ts"
    assert frame.columns[-1] == "quality"
    assert {"ofi_limit", "ofi_cancel", "ofi_market", "cvd", "obv", "depth_imbalance_10"} < set(frame.columns)
    assert "mid" not in frame.columns
    with pytest.raises(UnknownName, match=r"measure 'ofi_part'.*ofi_parts"):
        flow(PERP.id, lake=lake, options=TEN_MINUTES._replace(measures=("ofi_part",)))
    with pytest.raises(UnknownName, match="profile 'kyle'"):
        flow_options("kyle")


def test_snapshots_are_where_days_can_begin(lake: Lake) -> None:
    """The test above would be hollow if no day had to be warmed up from the day before."""
    parts = flow_parts([PERP.id], lake=lake, options=TEN_MINUTES)
    book = lake.scan(PERP.id, "book").filter(pl.col("kind") == SNAPSHOT).select("ts_local").collect()["ts_local"]
    for _, part in parts[1:]:
        assert part.start_ns is not None
        assert not ((book >= part.start_ns) & (book < part.start_ns + MINUTE_NS)).any()
