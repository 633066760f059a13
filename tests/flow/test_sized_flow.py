"""Flow by size of order: the slow twin, sums to the last lot, anchors, laws, real recordings."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.tape.sized_flow import GROUPS, SizedFlow, sized_flow
from counterpoise.flow.tape.tape import time_and_sales
from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_tape import naive_sized_flow
from reference.random_stream import RandomStream
from reference.random_tape import random_tape

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SECOND = Bins.every(SECOND_NS)
KINDS = ("700ms", "volume:3", "notional:100000", "trades:7", "range:2", "tick-imbalance:5")
GROUP = GROUPS[0]
INTO_DAY = T0 % DAY_NS


def assert_equals_naive(events: Events, every_ns: int, *, anchor: str, start_ns: int, instrument: Any = PERP) -> None:
    epoch = {"epoch_ns": start_ns} if anchor == "epoch" else {"session_start_ns": start_ns}
    frame = sized_flow(events, instrument, bins=Bins.every(every_ns), anchor=anchor, **epoch)  # type: ignore[arg-type]
    found = frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    assert found == naive_sized_flow(events, instrument, every_ns=every_ns, anchor=anchor, start_ns=start_ns)


@given(seed=st.integers(0, 2**32), every_ms=st.sampled_from([150, 1000, 7000]), into_ms=st.integers(-500, 15_000))
@settings(max_examples=25)
def test_equals_naive_twin(seed: int, every_ms: int, into_ms: int) -> None:
    """With a session or an epoch that begins somewhere in the events, or before them."""
    events = random_tape(seed, 80)
    at = INTO_DAY + into_ms * 10**6
    for anchor, start_ns in (("first", 0), ("session", at), ("epoch", T0 + into_ms * 10**6)):
        assert_equals_naive(events, every_ms * 10**6, anchor=anchor, start_ns=start_ns)
    assert_equals_naive(events, every_ms * 10**6, anchor="first", start_ns=0, instrument=COIN)


@pytest.mark.parametrize("seed", range(5))
def test_equals_naive_twin_on_market_streams(seed: int) -> None:
    assert_equals_naive(
        RandomStream(seed, far=40_000).events(150), SECOND_NS, anchor="session", start_ns=INTO_DAY + 4 * SECOND_NS
    )


def test_streams_of_the_naive_twin_fill_every_bucket() -> None:
    frame = pl.concat([sized_flow(random_tape(seed, 80), PERP, bins=SECOND) for seed in range(30)])
    totals = frame.select(pl.selectors.starts_with("buys", "sells", "unknown", "gaps")).sum().row(0)
    assert min(totals) > 5


@given(seed=st.integers(0, 2**32), kind=st.sampled_from(KINDS))
@settings(max_examples=40)
def test_buckets_add_up_to_the_whole_nojit(seed: int, kind: str) -> None:
    """In lots, exactly: over buckets in every row, and over rows to all that was traded."""
    events = random_tape(seed, 120)
    frame = sized_flow(events, PERP, bins=Bins.parse(kind))
    lots = frame.select(pl.col("^(buy|sell|unknown)_qty.*$|^cvd.*$") * 1000).select(pl.all().round().cast(pl.Int64))
    for name in ("buy_qty", "sell_qty", "cvd"):
        assert (lots.select(pl.col(f"^{name}_\\d+$")).sum_horizontal() == lots[name]).all()
    traded = events.kind == TRADE
    for name, side in (("buy_qty", 1), ("sell_qty", -1), ("unknown_qty", 0)):
        assert lots[name].sum() == events.qty_lots[traded & (events.side == side)].sum()
    assert (lots["cvd"].diff(1).fill_null(lots["cvd"][0]) == lots["buy_qty"] - lots["sell_qty"]).all()


def test_the_whole_order_decides_the_bucket() -> None:
    """Twenty fills of 600 are one order of 12,000; the same fills at other times are twenty small ones."""
    together = events_of([(0, TRADE, [(1, 100_000, 60)] * 20), (5, TRADE, [(-1, 100_000, 60)])])
    apart = events_of([*((i / 100, TRADE, [(1, 100_000, 60)]) for i in range(20)), (5, TRADE, [(-1, 100_000, 60)])])
    names = ["buys_0", "buys_10000", "buy_qty_0", "buy_qty_10000", "sells_0"]
    for events, expected in ((together, (0, 1, 0.0, 1.2, 1)), (apart, (20, 0, 1.2, 0.0, 1))):
        assert sized_flow(events, PERP, bins=Bins.every(10 * SECOND_NS)).select(names).rows() == [expected]


@pytest.mark.parametrize(("lots", "bucket"), [(99, "0"), (100, "1000"), (999, "1000"), (1000, "10000"), (10_000, "100000")])
def test_an_edge_belongs_to_the_bucket_above(lots: int, bucket: str) -> None:
    frame = sized_flow(events_of([(0, TRADE, [(1, 100_000, lots)])]), PERP, bins=SECOND)
    assert frame[f"buys_{bucket}"].to_list() == [1]
    assert frame.select(pl.col("^buys_.*$")).sum_horizontal().to_list() == [1]


def test_edges_name_their_buckets() -> None:
    frame = sized_flow(random_tape(1, 50), PERP, bins=SECOND, edges=(0.5, "2500", 1e6))
    assert [name for name in frame.columns if name.startswith("cvd_")] == ["cvd_0", "cvd_0.5", "cvd_2500", "cvd_1000000"]
    assert not sized_flow(random_tape(1, 50), PERP, bins=SECOND, edges=())["cvd_0"].equals(frame["cvd_0"])


def test_sessions_begin_anew() -> None:
    """Trades of 1 coin each 6 hours from 22:00; sessions from 00:00, and from 08:00."""
    start = T0 // DAY_NS * DAY_NS - 2 * HOUR_NS
    events = events_of([((start - T0) / SECOND_NS + 6 * 3600 * i, TRADE, [(1, 100, 1000)]) for i in range(9)])
    bins = Bins.every(6 * HOUR_NS)
    midnight = sized_flow(events, PERP, bins=bins, anchor="session")
    assert midnight["cvd"].to_list() == [1, 1, 2, 3, 4, 1, 2, 3, 4]
    assert midnight["anchored"].to_list() == [False] + [True] * 8
    morning = sized_flow(events, PERP, bins=bins, anchor="session", session_start_ns=8 * HOUR_NS)
    assert morning["cvd"].to_list() == [1, 2, 1, 2, 3, 4, 1, 2, 3]
    assert morning["anchored"].to_list() == [False] * 2 + [True] * 7


def test_a_reload_from_the_same_epoch_agrees() -> None:
    """Two recordings that begin at different times have one CVD from an epoch, which is not so from the first event."""
    events = random_tape(4, 300)
    events = Events._make(column[events.kind != GAP] for column in events)
    later = events.cut(100, events.rows)
    epoch_ns = int(events.ts_local[150])
    long, short = (sized_flow(e, PERP, bins=SECOND, anchor="epoch", epoch_ns=epoch_ns) for e in (events, later))
    tail = short.filter(pl.col("cvd").is_not_null()).height
    assert tail > 5
    names = [name for name in long.columns if name.startswith("cvd")] + ["anchored"]
    assert long.tail(tail).select(names).equals(short.tail(tail).select(names))
    assert short["anchored"][-1]
    assert long["cvd"].null_count() > 0
    first = [sized_flow(e, PERP, bins=SECOND)["cvd"][-1] for e in (events, later)]
    assert first[0] != first[1]
    missed = sized_flow(events.cut(200, events.rows), PERP, bins=SECOND, anchor="epoch", epoch_ns=epoch_ns)
    assert missed["anchored"].to_list() == [False] * missed.height
    assert missed["cvd"].null_count() == 0


def test_a_gap_takes_the_anchor_away_until_the_next_session() -> None:
    """Also when it lies in the bin in which the session began; before an epoch it does no harm."""
    start = T0 // DAY_NS * DAY_NS - 2 * HOUR_NS
    trade = [((start - T0) / SECOND_NS + 6 * 3600 * i, TRADE, [(1, 100, 1000)]) for i in range(9)]
    bins = Bins.every(6 * HOUR_NS)

    def anchored(hours: float, **anchor: Any) -> list[bool]:
        rows = sorted([*trade, ((start - T0) / SECOND_NS + 3600 * hours, GAP, [(0, 0, 0)])])
        return sized_flow(events_of(rows), PERP, bins=bins, **anchor)["anchored"].to_list()

    assert anchored(1) == [False] * 9
    assert anchored(15) == [True] * 3 + [False] * 6
    assert anchored(15, anchor="session") == [False, True, True, False, False] + [True] * 4
    within = {"anchor": "session", "session_start_ns": 9 * HOUR_NS}
    assert anchored(10.5, **within) == [False, False, True, True, True, True, True, True, True]
    assert anchored(11.5, **within) == [False] * 6 + [True] * 3
    epoch = {"anchor": "epoch", "epoch_ns": start + 9 * HOUR_NS}
    assert anchored(8, **epoch) == [False] * 2 + [True] * 7
    assert anchored(10, **epoch) == [False] * 9


def test_a_print_counts_where_it_is_complete() -> None:
    """25 ms after 0.99 lies in the next second; at 0.97 it does not; a gap or another trade completes it at once."""
    messages = [(0.99, TRADE, [(1, 100, 1)]), (1.97, TRADE, [(1, 100, 2)]), (2.99, TRADE, [(1, 100, 4)])]
    plain = sized_flow(events_of([*messages, (4.5, TRADE, [(1, 100, 8)])]), PERP, bins=SECOND)
    assert (plain["buy_qty"] * 1000).to_list() == [0, 3, 0, 4, 8]
    cut = sized_flow(events_of([*messages, (2.995, GAP, [(0, 0, 0)]), (4.5, TRADE, [(1, 100, 8)])]), PERP, bins=SECOND)
    assert (cut["buy_qty"] * 1000).to_list() == [0, 3, 4, 0, 8]
    assert cut["gaps"].to_list() == [0, 0, 1, 0, 0]


def test_the_end_of_a_bin_is_exclusive() -> None:
    """Known to be complete one nanosecond past 25 ms: at the end of the second is not within it."""
    for late_ns, expected in ((2, [1, 8]), (1, [0, 9])):
        events = events_of([(0.975, TRADE, [(1, 100, 1)]), (1.5, TRADE, [(1, 100, 8)])])
        ts = events.ts_local - np.array([late_ns, 0])
        frame = sized_flow(events._replace(ts_local=ts), PERP, bins=SECOND)
        assert (frame["buy_qty"] * 1000).to_list() == expected


def test_nothing_comes_of_nothing() -> None:
    for kind in KINDS:
        empty = sized_flow(Events.empty(), PERP, bins=Bins.parse(kind))
        assert empty.height == 0
        assert empty.schema == sized_flow(random_tape(1, 60), PERP, bins=Bins.parse(kind)).schema


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"edges": (10, 5)}, InputError, "edges ascend"),
        ({"edges": (0, 5)}, InputError, "above 0"),
        ({"edges": range(1, 70)}, InputError, "at most 64"),
        ({"anchor": "sesion"}, UnknownName, "did you mean 'session'"),
        ({"session_start_ns": DAY_NS}, InputError, "time of day"),
        ({"anchor": "epoch"}, InputError, "epoch_ns belongs"),
        ({"epoch_ns": 5}, InputError, "epoch_ns belongs"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        SizedFlow(PERP, bins=SECOND, **wrong)


def test_more_bins_than_one_call_holds() -> None:
    events = events_of([(0, TRADE, [(1, 100, 1)]), (1000, TRADE, [(1, 100, 2)])])
    frame = sized_flow(events, PERP, bins=Bins.every(SECOND_NS // 10))
    assert frame.height == 10_001
    assert frame["ts"].n_unique() == 10_001
    assert (frame["buy_qty"].sum(), frame["cvd"][5000]) == (0.003, 0.001)


def test_bins_past_memory_are_refused() -> None:
    """All at once, in pieces, and event by event."""
    first, second = random_tape(1, 40), events_of([(10**7, TRADE, [(1, 100, 2)])])
    for how in ("step", "event"):
        stream = SizedFlow(PERP, bins=SECOND)
        stream.step(first)
        with pytest.raises(InputError, match="more than 5,000,000 bins of 1s"):
            stream.step(second) if how == "step" else stream.event(tuple(int(column[0]) for column in second))  # type: ignore[arg-type]
    assert sized_flow(second, PERP, bins=Bins.parse("volume:1")).height == 1


def test_memory_of_other_edges_is_refused() -> None:
    memory = SizedFlow(PERP, bins=SECOND).save()
    with pytest.raises(InputError, match="cannot go on"):
        SizedFlow(PERP, bins=SECOND, edges=(1000, 10_000, 200_000)).restore(memory)


# recordings


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_sums_agree_with_the_tape_on_binance(name: str, data_dir: Path) -> None:
    """Bucket by bucket what a group-by of the tape gives; orders below 1,000 are many and nearly no volume."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    tape, frame = time_and_sales(events, instrument), sized_flow(events, instrument, bins=Bins.parse("10s"))
    edges = [0, 1000, 10_000, 100_000, np.inf]
    for low, high in pairwise(edges):
        prints = tape.filter(pl.col("notional").is_between(low, high, closed="left"))
        for word, side in (("buy", 1), ("sell", -1)):
            chosen = prints.filter(pl.col("side") == side)
            assert frame[f"{word}s_{low}"].sum() == chosen.height
            assert frame[f"{word}_qty_{low}"].sum() == pytest.approx(chosen["qty"].sum(), rel=1e-12)
    count = frame["buys_0"].sum() + frame["sells_0"].sum()
    volume = (frame["buy_qty_0"] + frame["sell_qty_0"]).sum() / (frame["buy_qty"] + frame["sell_qty"]).sum()
    assert count / tape.height > 0.15
    assert volume < 0.05
