"""Bars against their naive twins bit for bit, conservation, chunks, causality, and a real recording."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.market.bar_rule import (
    ExpectedImbalance,
    imbalance_rule,
    notional_rule,
    time_rule,
    trade_rule,
    volume_rule,
)
from counterpoise.market.bars import BarStream, imbalance_bars, notional_bars, time_bars, trade_bars, volume_bars
from counterpoise.market.event import DELTA, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference import naive_bars as naive

TERMS = {"venue": "v", "kind": InstrumentKind.PERP, "base": "BTC", "quote": "USD"}
LINEAR = Instrument(symbol="L", settle="USD", tick="0.1", lot="0.001", **TERMS)
INVERSE = Instrument(symbol="I", settle="BTC", tick="0.5", lot="1", multiplier="100", inverse=True, **TERMS)
WEIGHTS = ["trades", "qty", "notional"]


def events_of(trades: list[tuple[int, ...]]) -> Events:
    """(ts_local, kind, side, price_ticks, qty_lots) rows into columns."""
    ts, kind, side, price, qty = (list(c) for c in zip(*trades, strict=True)) if trades else ([],) * 5
    n = len(ts)
    return Events(
        np.array(ts, np.int64),
        np.array(ts, np.int64) - 7,
        np.arange(n),
        np.arange(n),
        np.array(kind, np.uint8),
        np.array(side, np.int8),
        np.full(n, 3, np.uint8),
        np.array(price, np.int64),
        np.array(qty, np.int64),
    )


@st.composite
def markets(draw: st.DrawFn, *, most: int = 60) -> Events:
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from([0, 0, 1, 3, 10, 47]),
                st.sampled_from([TRADE, TRADE, TRADE, DELTA]),
                st.sampled_from([-1, 0, 1]),
                st.integers(1, 30),
                st.sampled_from([0, 1, 2, 3, 7, 40]),
            ),
            max_size=most,
        )
    )
    ts = draw(st.integers(-50, 1000))
    rows = []
    for wait, kind, side, price, qty in steps:
        ts += wait
        rows.append((ts, kind, side, price, qty))
    return events_of(rows)


def assert_same(frame: pl.DataFrame, rows: list[dict[str, Any]]) -> None:
    """Equal to the last bit: repr tells every double apart."""
    assert [repr(row) for row in frame.to_dicts()] == [repr(row) for row in rows]


INSTRUMENTS = st.sampled_from([LINEAR, INVERSE])


@given(markets(), INSTRUMENTS, st.integers(1, 60))
def test_time_bars_are_those_of_the_naive_twin(events: Events, instrument: Instrument, every_ns: int) -> None:
    assert_same(time_bars(events, instrument, every_ns=every_ns), naive.time_bars(events, instrument, every_ns=every_ns))


@given(markets(), st.integers(1, 60))
def test_time_bars_by_the_venues_clock_are_those_of_the_naive_twin(events: Events, every_ns: int) -> None:
    expected = naive.time_bars(events, LINEAR, every_ns=every_ns, clock="venue")
    assert_same(time_bars(events, LINEAR, every_ns=every_ns, clock="venue"), expected)


@given(markets(), INSTRUMENTS, st.integers(1, 50))
def test_volume_bars_are_those_of_the_naive_twin(events: Events, instrument: Instrument, lots: int) -> None:
    qty = Fraction(instrument.qty_grid.decimal(lots))
    expected = naive.sized_bars(events, instrument, size=qty, by_value=False)
    assert_same(volume_bars(events, instrument, qty=instrument.qty_grid.decimal(lots)), expected)


@given(markets(), INSTRUMENTS, st.decimals("0.0001", "0.05", places=5))
def test_notional_bars_are_those_of_the_naive_twin(events: Events, instrument: Instrument, notional: Any) -> None:
    notional *= 100_000 if instrument.inverse else 1
    expected = naive.sized_bars(events, instrument, size=Fraction(notional), by_value=True)
    assert_same(notional_bars(events, instrument, notional=notional), expected)


@given(markets(), INSTRUMENTS, st.integers(1, 10))
def test_trade_bars_are_those_of_the_naive_twin(events: Events, instrument: Instrument, trades: int) -> None:
    assert_same(trade_bars(events, instrument, trades=trades), naive.trade_bars(events, instrument, trades=trades))


@given(markets(), INSTRUMENTS, st.sampled_from(WEIGHTS), st.integers(1, 100))
def test_imbalance_bars_are_those_of_the_naive_twin(events: Events, instrument: Instrument, by: Any, units: int) -> None:
    unit = {"trades": Fraction(1), "qty": Fraction(instrument.qty_grid.step), "notional": instrument.notional(1, 1)}[by]
    threshold = unit * units
    found = imbalance_bars(events, instrument, threshold=str(float(threshold)), by=by)
    assert_same(found, naive.imbalance_bars(events, instrument, threshold=Fraction(str(float(threshold))), by=by))


@given(
    markets(),
    INSTRUMENTS,
    st.sampled_from(WEIGHTS),
    st.builds(
        ExpectedImbalance,
        trades=st.floats(1, 10),
        signed=st.floats(-5, 5).filter(lambda x: abs(x) > 1e-3),
        span_bars=st.floats(1, 20),
        span_trades=st.floats(1, 50),
        least_trades=st.just(2.0),
        most_trades=st.just(8.0),
    ),
)
def test_expected_imbalance_bars_are_those_of_the_naive_twin(
    events: Events, instrument: Instrument, by: Any, threshold: ExpectedImbalance
) -> None:
    found = imbalance_bars(events, instrument, threshold=threshold, by=by)
    assert_same(found, naive.imbalance_bars(events, instrument, threshold=threshold, by=by))


Build = Callable[[Instrument], BarStream]
STREAMS: list[Build] = [
    lambda i: BarStream(time_rule(i, every_ns=20)),
    lambda i: BarStream(volume_rule(i, qty=i.qty_grid.decimal(11))),
    lambda i: BarStream(notional_rule(i, notional=500 if i.inverse else "0.01")),
    lambda i: BarStream(trade_rule(i, trades=4)),
    lambda i: BarStream(imbalance_rule(i, threshold=5, by="trades")),
    lambda i: BarStream(imbalance_rule(i, threshold=ExpectedImbalance(3.0, 2.0, span_bars=3, span_trades=5))),
]
NAMES = ["time", "volume", "notional", "trades", "imbalance", "expected"]


@pytest.mark.parametrize("build", STREAMS, ids=NAMES)
@given(events=markets(), instrument=INSTRUMENTS, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_chunks_give_the_bars_of_the_whole_and_closed_bars_never_change(
    build: Build, events: Events, instrument: Instrument, cuts: list[int]
) -> None:
    whole, pieces = build(instrument), build(instrument)
    closed = whole.push(events)
    limits = [0, *sorted(min(cut, events.rows) for cut in cuts), events.rows]
    parts = [pieces.push(events.cut(a, b)) for a, b in itertools.pairwise(limits)]
    assert_same(pl.concat(parts), closed.to_dicts())
    assert_same(pieces.open_bar(), whole.open_bar().to_dicts())


@pytest.mark.parametrize("build", STREAMS, ids=NAMES)
@given(events=markets(), instrument=INSTRUMENTS)
def test_nothing_is_lost_and_nothing_counted_twice(build: Build, events: Events, instrument: Instrument) -> None:
    stream = build(instrument)
    bars = pl.concat([stream.push(events), stream.open_bar()])
    trades = naive.trades_of(events)
    assert bars["qty_lots"].sum() == sum(t["qty_lots"] for t in trades)
    assert bars["buy_lots"].sum() == sum(t["qty_lots"] for t in trades if t["side"] == 1)
    assert bars["sell_lots"].sum() == sum(t["qty_lots"] for t in trades if t["side"] == -1)
    assert bars["trades"].sum() == len(trades)
    paid = float(sum((instrument.notional(t["price_ticks"], t["qty_lots"]) for t in trades), Fraction(0)))
    assert bars["notional"].sum() == pytest.approx(paid, rel=1e-12)


@pytest.mark.parametrize("build", STREAMS, ids=NAMES)
@given(events=markets(), instrument=INSTRUMENTS)
def test_prices_are_in_order_and_inputs_untouched(build: Build, events: Events, instrument: Instrument) -> None:
    before = [column.tobytes() for column in events]
    for column in events:
        column.flags.writeable = False
    stream = build(instrument)
    bars = pl.concat([stream.push(events), stream.open_bar()]).filter(pl.col("qty_lots") > 0)
    assert [column.tobytes() for column in events] == before
    low, high = bars["low_ticks"] * instrument.price(1), bars["high_ticks"] * instrument.price(1)
    assert ((bars["low_ticks"] <= bars["open_ticks"]) & (bars["open_ticks"] <= bars["high_ticks"])).all()
    assert ((bars["low_ticks"] <= bars["close_ticks"]) & (bars["close_ticks"] <= bars["high_ticks"])).all()
    assert ((low * (1 - 1e-12) <= bars["vwap"]) & (bars["vwap"] <= high * (1 + 1e-12))).all()
    assert (bars["first_ns"] <= bars["last_ns"]).all()


@given(markets(), st.integers(1, 50))
def test_every_complete_volume_bar_holds_the_same_lots(events: Events, lots: int) -> None:
    bars = volume_bars(events, LINEAR, qty=LINEAR.qty_grid.decimal(lots))
    assert (bars.filter("complete")["qty_lots"] == lots).all()
    assert (bars.filter(~pl.col("complete"))["qty_lots"] < lots).all()


@given(markets())
def test_inverse_notional_bars_are_volume_bars(events: Events) -> None:
    assert_same(notional_bars(events, INVERSE, notional=1500), volume_bars(events, INVERSE, qty=15).to_dicts())


def test_one_large_trade_fills_many_bars_and_counts_once() -> None:
    bars = volume_bars(events_of([(5, TRADE, 1, 10, 3), (6, TRADE, -1, 12, 10)]), LINEAR, qty="0.005")
    assert bars["qty_lots"].to_list() == [5, 5, 3]
    assert bars["trades"].to_list() == [2, 0, 0]
    assert bars["open_ticks"].to_list() == [10, 12, 12]
    assert bars["buy_lots"].to_list() == [3, 0, 0]
    assert bars["complete"].to_list() == [True, True, False]


def test_an_empty_minute_is_a_row_without_prices() -> None:
    bars = time_bars(events_of([(5, TRADE, 1, 10, 3), (25, TRADE, -1, 12, 10)]), LINEAR, every_ns=10)
    middle = bars.row(1, named=True)
    assert (middle["start_ns"], middle["end_ns"], middle["qty_lots"], middle["trades"], middle["notional"]) == (
        10,
        20,
        0,
        0,
        0.0,
    )
    assert all(middle[name] is None for name in ("open_ticks", "high_ticks", "low_ticks", "close_ticks", "vwap", "first_ns"))
    assert middle["complete"]


def test_a_row_that_is_no_trade_closes_a_time_bar() -> None:
    trade = (5, TRADE, 1, 10, 3)
    assert time_bars(events_of([trade]), LINEAR, every_ns=10)["complete"].to_list() == [False]
    assert time_bars(events_of([trade, (10, DELTA, 1, 9, 1)]), LINEAR, every_ns=10)["complete"].to_list() == [True, False]


def test_an_inverse_mean_price_is_dollars_over_coins() -> None:
    """100 contracts of 100 USD at 50,000 and as many at 100,000 are 0.3 BTC for 20,000 USD: 66,666.67, not 75,000."""
    bars = trade_bars(events_of([(1, TRADE, 1, 100_000, 100), (2, TRADE, 1, 200_000, 100)]), INVERSE, trades=2)
    assert bars["notional"].to_list() == [20_000.0]
    assert bars["vwap"][0] == pytest.approx(20_000 / 0.3, rel=1e-15)


def test_sums_beyond_sixty_three_bits_are_right() -> None:
    trades = [(i, TRADE, 1, 1 << 30, (1 << 30) - i) for i in range(40)]
    bars = time_bars(events_of(trades), LINEAR, every_ns=100)
    exact = sum((LINEAR.notional(t[3], t[4]) for t in trades), Fraction(0))
    assert bars["notional"][0] == pytest.approx(float(exact), rel=1e-15)


def test_negative_prices_of_a_linear_contract_are_prices() -> None:
    bars = time_bars(events_of([(1, TRADE, 1, -5, 2), (2, TRADE, 1, 3, 2)]), LINEAR, every_ns=100)
    assert (bars["low_ticks"][0], bars["high_ticks"][0]) == (-5, 3)
    assert bars["notional"][0] == pytest.approx(-4 * 0.0001, rel=1e-15)


def test_nothing_gives_no_bars_of_the_same_columns() -> None:
    for build in STREAMS:
        some = build(LINEAR)
        some.push(events_of([(1, TRADE, 1, 5, 3)]))
        empty = build(LINEAR)
        assert empty.push(Events.empty()).schema == some.open_bar().schema
        assert empty.open_bar().height == 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: time_bars(Events.empty(), LINEAR, every_ns=0), "every_ns must be positive"),
        (lambda: time_bars(Events.empty(), LINEAR, every_ns=1, clock="wall"), "clock must be"),  # type: ignore[arg-type]
        (lambda: volume_bars(Events.empty(), LINEAR, qty=0), "qty must be positive"),
        (lambda: volume_bars(Events.empty(), LINEAR, qty="nan"), "not finite"),
        (lambda: notional_bars(Events.empty(), LINEAR, notional=-1), "notional must be positive"),
        (lambda: notional_bars(Events.empty(), LINEAR, notional="1e30"), "notional must be positive and less"),
        (lambda: trade_bars(Events.empty(), LINEAR, trades=0), "trades must be a positive"),
        (lambda: imbalance_bars(Events.empty(), LINEAR, threshold=0), "threshold must be positive"),
        (lambda: imbalance_bars(Events.empty(), LINEAR, threshold=1, by="size"), "found 'size'"),  # type: ignore[arg-type]
        (lambda: imbalance_bars(Events.empty(), LINEAR, threshold=ExpectedImbalance(5.0, 0.0)), "signed not 0"),
        (lambda: imbalance_bars(Events.empty(), LINEAR, threshold=ExpectedImbalance(0.5, 1.0)), "at least 1"),
        (lambda: time_bars(events_of([(0, TRADE, 1, 1, 1), (10**12, TRADE, 1, 1, 1)]), LINEAR, every_ns=1), "larger bars"),
        (
            lambda: time_bars(events_of([(0, TRADE, 1, 1, 1)])._replace(side=np.zeros(2, np.int8)), LINEAR, every_ns=1),
            "differ in length",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize(
    ("instrument", "trades", "said"),
    [
        (LINEAR, [(1, TRADE, 1, 5, -1)], "row 0 .* -1 lots"),
        (LINEAR, [(1, TRADE, 1, 5, 1), (2, TRADE, 1, 1 << 40, 1 << 40)], "row 1"),
        (INVERSE, [(1, TRADE, 1, 0, 1)], "prices above 0"),
        (LINEAR, [(2, TRADE, 1, 5, 1), (1, TRADE, 1, 5, 1)], "local clock goes back"),
    ],
)
def test_impossible_trades_are_refused(instrument: Instrument, trades: list[tuple[int, ...]], said: str) -> None:
    with pytest.raises(DataError, match=said):
        time_bars(events_of(trades), instrument, every_ns=100)


def test_notional_bars_want_positive_prices() -> None:
    with pytest.raises(DataError, match="prices above 0"):
        notional_bars(events_of([(1, TRADE, 1, -5, 1)]), LINEAR, notional=1)


def test_a_stream_refuses_older_events() -> None:
    stream = BarStream(trade_rule(LINEAR, trades=5))
    stream.push(events_of([(9, TRADE, 1, 5, 1)]))
    with pytest.raises(DataError, match="goes back"):
        stream.push(events_of([(8, TRADE, 1, 5, 1)]))


RECORDED = [
    ("usdm/btcusdt_20240808.gz", LINEAR),
    (
        "cm/btcusd_perp_20240808.gz",
        Instrument(symbol="C", settle="BTC", tick="0.1", lot="1", multiplier="100", inverse=True, **TERMS),
    ),
    ("spot/btcusdt_20240808.gz", Instrument(symbol="S", settle="USD", tick="0.01", lot="0.00001", **TERMS)),
]


def recorded_trades(path: Path) -> list[tuple[int, int, str, str, bool]]:
    """(local ns, venue ms, price, quantity, buyer is maker) of each trade line."""
    out = []
    with gzip.open(path, "rt") as file:
        for line in file:
            ts, body = line.split(" ", 1)
            said = json.loads(body)
            said = said.get("data", said)
            if said.get("e") == "trade":
                out.append((int(ts), said["T"], said["p"], said["q"], said["m"]))
    return out


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "instrument"), RECORDED, ids=["usdm", "coinm", "spot"])
@pytest.mark.parametrize("clock", ["local", "venue"])
def test_minute_bars_of_a_recording_are_those_of_a_group_by(
    data_dir: Path, name: str, instrument: Instrument, clock: Any
) -> None:
    trades = recorded_trades(data_dir / "01_binance_l2_20240808" / name)
    rows = [
        (ts, TRADE, -1 if maker else 1, instrument.price_grid.steps(p), instrument.qty_grid.steps(q))
        for ts, _, p, q, maker in trades
    ]
    events = events_of(rows)._replace(ts_venue=np.array([ms * 1_000_000 for _, ms, *_ in trades], np.int64))
    found = time_bars(events, instrument, every_ns=MINUTE_NS, clock=clock)
    p, q, size = pl.col("p"), pl.col("q"), float(instrument.multiplier)
    raw = pl.DataFrame(
        {
            "ts": [t[0] if clock == "local" else t[1] * 1_000_000 for t in trades],
            "p": [float(t[2]) for t in trades],
            "q": [float(t[3]) for t in trades],
            "buy": [not t[4] for t in trades],
        }
    )
    paid = (q * size).sum() if instrument.inverse else (p * q).sum()
    coins = (q * size / p).sum() if instrument.inverse else q.sum()
    expected = raw.group_by((pl.col("ts") // MINUTE_NS * MINUTE_NS).alias("start_ns"), maintain_order=True).agg(
        open=p.first(), high=p.max(), low=p.min(), close=p.last(), qty=q.sum(), buy=q.filter("buy").sum(), paid=paid,
        vwap=paid / coins, trades=pl.len(),
    )  # fmt: skip
    assert found["start_ns"].to_list() == expected["start_ns"].to_list()
    assert found.height >= 6
    for name_ in ("open", "high", "low", "close"):
        assert [instrument.price(t) for t in found[f"{name_}_ticks"]] == expected[name_].to_list()
    assert found["trades"].to_list() == expected["trades"].to_list()
    for ours, theirs in ((found["qty_lots"], "qty"), (found["buy_lots"], "buy")):
        np.testing.assert_allclose([instrument.qty(v) for v in ours], expected[theirs], rtol=1e-12)
    np.testing.assert_allclose(found["notional"], expected["paid"], rtol=1e-12)
    np.testing.assert_allclose(found["vwap"], expected["vwap"], rtol=1e-12)
