"""Bins that several markets fill together: against a slow twin, in any order and any pieces, on three recordings at once."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.cross.consolidated import TOTAL, Consolidated, consolidate
from counterpoise.flow.cross.disparity import Disparity, disparity
from counterpoise.flow.cross.market_bins import market_bins
from counterpoise.flow.cross.market_clock import MarketClock
from counterpoise.flow.cross.rates import Rates
from counterpoise.flow.measures import measure
from counterpoise.market.event import SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, Message, events_of
from reference.naive_market_bins import naive_market_bins
from reference.naive_market_clock import naive_ends
from reference.random_stream import RandomStream

PERP: Final = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN: Final = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SPOT: Final = parse_instrument("kraken:BTC/USD", tick="0.1", lot="0.001")
PUT: Final = parse_instrument("binance_options:BTC-260327-80000-P", tick="0.1", lot="0.01")
MARKETS: Final = (PERP, COIN, SPOT)
TERMS: Final = {of.id: of for of in MARKETS}
RATES: Final = {"USDT": 0.75, "USD": 1.0}  # exact in doubles
TICKS: Final = {PERP.id: 4 * 10**6, COIN.id: 3 * 10**6, SPOT.id: 3 * 10**6 + 5}
RULES: Final = ("volume:2", "notional:400000", "trades:5", "range:1.5", "tick-imbalance:60")
STALE_NS: Final = 4 * SECOND_NS
GIVEN: Final[dict[str, Any]] = {"rates": RATES, "on_missing": "leave_out", "stale_ns": STALE_NS}


def streams(seed: int, *, messages: int = 300, grid_ns: int = 250_000_000) -> dict[str, Events]:
    """Times on a coarse grid, so that one moment holds trades of several markets."""
    out = {}
    for i, of in enumerate(MARKETS):
        part = RandomStream(seed + i, centre=TICKS[of.id], far=60, pace_ns=60_000_000).events(messages)
        out[of.id] = part._replace(ts_local=part.ts_local // grid_ns * grid_ns)
    return out


def clock(bins: str, markets: tuple[Instrument, ...] = MARKETS, **more: Any) -> MarketClock:
    return MarketClock(markets, bins=Bins.parse(bins), rates=Rates(markets, table=RATES), **more)


def ends_of(bins: str, events: dict[str, Events]) -> list[int]:
    made = clock(bins)
    made.count({name: [part] for name, part in events.items()})
    return made.finish().tolist()


@given(seed=st.integers(0, 2**32), rule=st.sampled_from(RULES))
@settings(max_examples=25)
def test_ends_equal_naive_twin(seed: int, rule: str) -> None:
    events = streams(seed, messages=80)
    assert ends_of(rule, events) == naive_ends(events, TERMS, Bins.parse(rule), rates=RATES)


@pytest.mark.parametrize("rule", RULES)
def test_streams_of_the_naive_twin_hold_bins_and_shared_moments(rule: str) -> None:
    events = streams(3)
    trades = [part.ts_local[part.kind == TRADE] for part in events.values()]
    shared = set.intersection(*(set(ts.tolist()) for ts in trades))
    assert len(shared) > 2
    assert 5 < len(ends_of(rule, events)) < sum(map(len, trades)) / 2


@pytest.mark.parametrize("rule", ["volume:0.3", "notional:60000", "trades:2", "range:0.3", "tick-imbalance:20"])
def test_flows_over_them_equal_naive_twin(rule: str) -> None:
    """Every market at the same ends, in coins and at its own prices; the total is their sum."""
    events, bins = streams(3), Bins.parse(rule)
    frame = consolidate(events, MARKETS, bins=bins, **GIVEN)
    ends = naive_ends(events, TERMS, bins, rates=RATES)
    total = frame.filter(pl.col("market") == TOTAL)
    assert total["ts"].dt.epoch("ns").to_list() == ends
    twins = {
        name: naive_market_bins(part, TERMS[name], ends=ends, quotes="depth", bands_bps=("5", "25"), stale_ns=STALE_NS)
        for name, part in events.items()
    }
    sound = 0
    for at, row in enumerate(total.to_dicts()):
        parts = {name: twin[at] for name, twin in twins.items() if twin[at]["quality"] == "SYNCED"}
        assert row["missing"] == [name for name in twins if name not in parts]
        assert row["trades"] == (sum(part["trades"] for part in parts.values()) if parts else None)
        sound += len(parts)
        for flow in ("buy", "sell", "unknown", "cvd", "ofi"):
            rate = {name: Fraction(RATES[TERMS[name].quote]) for name in parts}
            coin = sum(part["sums"][flow][0] for part in parts.values())
            usd = sum(part["sums"][flow][1] * rate[name] for name, part in parts.items())
            assert row[f"{flow}_coin"] == (pytest.approx(float(coin), rel=1e-10, abs=1e-4) if parts else None)
            assert row[f"{flow}_usd"] == (pytest.approx(float(usd), rel=1e-10, abs=30) if parts else None)
    assert sound > 10


@pytest.mark.parametrize("rule", RULES)
def test_the_order_in_which_markets_come_says_nothing(rule: str) -> None:
    events, bins = streams(5), Bins.parse(rule)
    usual = consolidate(events, MARKETS, bins=bins, **GIVEN).sort("ts", "market")
    turned = consolidate(dict(reversed(events.items())), MARKETS[::-1], bins=bins, **GIVEN).sort("ts", "market")
    # which of two equal best prices is named depends on the list; sums and bins do not
    kept = [name for name in usual.columns if name not in ("missing", "bid_market", "ask_market", "bid_coin", "ask_coin")]
    assert_frame_equal(turned.select(kept), usual.select(kept), check_exact=False, rel_tol=1e-12)
    assert turned["ts"].equals(usual["ts"])
    pairs = [(TERMS[name], part) for name, part in reversed(events.items())]
    again = consolidate(pairs, MARKETS, bins=bins, **GIVEN).sort("ts", "market")
    assert_frame_equal(again, usual, check_exact=True)


@pytest.mark.parametrize("rule", RULES)
def test_single_events_in_any_order_within_a_moment_give_the_same(rule: str) -> None:
    """A take for each event; those of one moment come market by market in a random order, and a memory goes on between."""
    events, bins = streams(6, messages=35), Bins.parse(rule)
    draw = random.Random(rule)
    rows = [(int(ts), name, i) for name, part in events.items() for i, ts in enumerate(part.ts_local)]
    ranks = {(ts, name): draw.random() for ts, name, _ in rows}
    order = sorted(rows, key=lambda row: (row[0], ranks[row[0], row[1]], row[2]))
    fees = dict.fromkeys(TERMS, 0.1)
    one, two = Consolidated(MARKETS, bins=bins, **GIVEN), Disparity(MARKETS, bins=bins, fees_bps=fees, **GIVEN)
    flows, apart = [], []
    for number, (_, name, i) in enumerate(order):
        single = {name: events[name].cut(i, i + 1)}
        flows.append(one.take(single))
        apart.append(two.take(single))
        if number % 30 == 17:
            one = Consolidated(MARKETS, bins=bins, **GIVEN).restore(one.save())
            two = Disparity(MARKETS, bins=bins, fees_bps=fees, **GIVEN).restore(two.save())
    whole = disparity(events, MARKETS, bins=bins, fees_bps=fees, **GIVEN)
    assert_frame_equal(pl.concat([*flows, one.finish()]), consolidate(events, MARKETS, bins=bins, **GIVEN), check_exact=True)
    last = two.finish()
    assert_frame_equal(pl.concat([*(part.bins for part in apart), last.bins]), whole.bins, check_exact=True)
    assert_frame_equal(pl.concat([*(part.episodes for part in apart), last.episodes]), whole.episodes, check_exact=True)
    assert whole.bins.height >= 3


@pytest.mark.parametrize("rule", ["volume:2", "trades:4", "range:0.5", "tick-imbalance:6"])
def test_bins_of_one_market_are_those_of_measure(rule: str) -> None:
    """Where no two trades have one time: alone, whether told when they end or counting for itself."""
    events = RandomStream(11, centre=TICKS[PERP.id], far=60, pace_ns=60_000_000).events(400)
    events = events._replace(ts_local=events.ts_local + np.arange(events.rows))
    bins = Bins.parse(rule)
    of_measure = measure(events, PERP, bins=bins, stale_ns=STALE_NS)
    alone = market_bins(events, PERP, bins=bins, stale_ns=STALE_NS)
    told = consolidate({PERP.id: events}, [PERP], bins=bins, stale_ns=STALE_NS).filter(pl.col("market") == PERP.id)
    assert of_measure.height > 5
    for ours in (alone, told):
        assert ours["ts"].equals(of_measure["ts"])
        assert ours["quality"].to_list() == of_measure["quality"].to_list()
        assert ours["ofi_coin"].equals(of_measure["ofi"].rename("ofi_coin"))
        assert ours["buy_coin"].equals(of_measure["buy_qty"].rename("buy_coin"))


BOOK: Final = [(1, 3_000_000, 5), (-1, 3_000_002, 5)]


def trades_of(*trades: tuple[float, int, int, int]) -> Events:
    script: list[Message] = [(0, SNAPSHOT, BOOK), *((at, TRADE, [(side, ticks, lots)]) for at, side, ticks, lots in trades)]
    return events_of(script)


def test_coins_of_all_contracts_fill_one_bin() -> None:
    """.6 coins of spot, then 1,200 contracts of 100 USD at 300,000.0: .4 coins. The moment that reaches 1 ends the bin."""
    events = {
        SPOT.id: trades_of((0, 1, 3_000_000, 1000), (1, 1, 3_000_000, 600), (3, -1, 3_000_000, 900), (3.5, 1, 3_000_000, 100)),
        COIN.id: trades_of((2, -1, 3_000_000, 1200), (3.5, 1, 3_000_000, 3000)),
    }
    frame = consolidate(events, [SPOT, COIN], bins=Bins.parse("volume:1"), rates="par").filter(pl.col("market") == TOTAL)
    assert (frame["ts"].dt.epoch("ns") - T0).to_list() == [1, 2 * SECOND_NS + 1, 3_500_000_001]
    assert frame["buy_coin"].to_list()[0] is None  # before it nothing was known
    assert frame["cvd_coin"].to_list()[1:] == [pytest.approx(1.2), pytest.approx(1.4)]
    frame = frame.slice(1)
    assert frame["buy_coin"].to_list() == [0.6, pytest.approx(1.1)]
    assert frame["sell_coin"].to_list() == [pytest.approx(0.4), 0.9]  # what is over stays in its bin: none carries it on
    worth = consolidate(events, [SPOT, COIN], bins=Bins.parse("notional:3e5"), rates="par").filter(pl.col("market") == TOTAL)
    assert worth["ts"].slice(1).equals(frame["ts"])


def test_an_option_counts_the_coins_it_moves_with() -> None:
    """100 lots of .01 put at delta −.25 are .25 coins; in signs, a bought put is a sold coin."""
    events = {SPOT.id: trades_of((1, 1, 3_000_000, 750)), PUT.id: trades_of((2, 1, 102, 100))}
    more: dict[str, Any] = {"deltas": {PUT.id: -0.25}, "rates": "par"}
    frame = consolidate(events, [SPOT, PUT], bins=Bins.parse("volume:1"), **more).filter(pl.col("market") == TOTAL)
    assert (frame["ts"].dt.epoch("ns") - T0).to_list() == [2 * SECOND_NS + 1]
    with pytest.raises(InputError, match=r"premiums of .*80000-P are no prices of the coin"):
        Consolidated([SPOT, PUT], bins=Bins.parse("notional:1e6"), **more)
    later = pl.DataFrame({"ts": [T0 + 9 * SECOND_NS], "value": [-0.5]}).with_columns(pl.col("ts").cast(UTC_NS))
    made = Consolidated([SPOT, PUT], bins=Bins.parse("volume:1"), deltas={PUT.id: later}, rates="par")
    before = made.save()
    with pytest.raises(DataError, match="cannot be counted in bins of volume: its rate or delta is not known"):
        made.take(events)
    assert made.save() == before
    signs = MarketClock([SPOT, PUT], bins=Bins.parse("tick-imbalance:40"), rates=Rates([SPOT]), deltas={PUT.id: -0.25})
    signs.count(
        {SPOT.id: [trades_of((1, 1, 3_000_000, 1))], PUT.id: [trades_of((2, 1, 102, 1), (3, -1, 102, 1), (4, -1, 102, 1))]}
    )
    assert (signs.until(2**62) - T0).tolist() == [4 * SECOND_NS + 1]  # +1 −1 +1 +1 reaches 40 · .05


def test_rates_turn_notional_with_time() -> None:
    """Two trades of 300,000 USDT each: the second at a rate of 2 fills 700,000 USD, at the old one it would not."""
    perp = {PERP.id: trades_of((1, 1, 3_000_000, 1000), (3, 1, 3_000_000, 1000))}
    table = pl.DataFrame({"ts": [T0 - 1, T0 + 2 * SECOND_NS], "USDT": [1.0, 2.0]}).with_columns(pl.col("ts").cast(UTC_NS))
    found = {}
    for name, rates in (("old", {"USDT": 1.0}), ("new", table)):
        made = MarketClock([PERP], bins=Bins.parse("notional:7e5"), rates=Rates([PERP], table=rates))
        made.count({PERP.id: [perp[PERP.id]]})
        found[name] = (made.until(2**62) - T0).tolist()
    assert found == {"old": [], "new": [3 * SECOND_NS + 1]}


@pytest.mark.parametrize(
    ("markets", "bins", "error", "words"),
    [
        ((PERP, parse_instrument("binance_usdm:ETHUSDT")), "volume:5", InputError, "coins of BTC, ETH do not fill one bin"),
        ((PERP, PUT), "range:5", InputError, "no prices of the coin"),
        ((PERP,), "trades:2.5", InputError, "give a whole number"),
    ],
)
def test_bins_that_cannot_be_counted_are_refused(markets: Any, bins: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        clock(bins, markets, deltas={PUT.id: 1.0})


def test_coins_that_differ_may_fill_bins_by_what_they_are_worth() -> None:
    eth = parse_instrument("binance_usdm:ETHUSDT", tick="0.01", lot="0.001")
    made = MarketClock([PERP, eth], bins=Bins.parse("notional:4e5"), rates=Rates([PERP, eth], table=RATES))
    made.count({PERP.id: [trades_of((1, 1, 4_000_000, 1000))], eth.id: [trades_of((2, 1, 400_000, 40_000))]})
    assert (made.until(2**62) - T0).tolist() == [2 * SECOND_NS + 1]  # 300,000 and 120,000 USD


@pytest.mark.parametrize("other", ["volume:5", "trades:6", "1s"])
def test_a_memory_of_other_bins_is_refused(other: str) -> None:
    made = Consolidated(MARKETS, bins=Bins.parse("trades:5"), **GIVEN)
    made.take(streams(3))
    with pytest.raises(InputError, match="it cannot go on in"):
        Consolidated(MARKETS, bins=Bins.parse(other), **GIVEN).restore(made.save())
    with pytest.raises(ValueError):
        clock("trades:5").restore([[0.0], [[], [], []], [0, 0, 0]])
    with pytest.raises(ValueError):
        clock("trades:5").restore([[0.0] * 10, [[1], [9], [1.0]], [0, 0, 0]])
    with pytest.raises(UnknownName, match="market"):
        made.take({"x:y": streams(3)[PERP.id]})


def test_disparity_over_them_is_weighted_by_time() -> None:
    """Two trades a bin: the second bin is two seconds long, and paid in its latter half."""
    quotes = [(0, SNAPSHOT, [(1, 998, 5), (-1, 1000, 5)]), (3, SNAPSHOT, [(1, 1002, 5), (-1, 1004, 5)])]
    told = [(at, TRADE, [(1, 1000, 1)]) for at in (1, 2, 3, 4)]
    events = {
        PERP.id: events_of([(0, SNAPSHOT, [(1, 998, 5), (-1, 1000, 5)]), *told]),
        COIN.id: events_of(quotes),
    }
    found = disparity(
        events, [PERP, COIN], bins=Bins.parse("trades:2"), fees_bps=dict.fromkeys(events, 0.0), rates="par", on_missing="null"
    )
    assert ((found.bins["ts"].dt.epoch("ns") - T0) / 1e9).round(6).to_list() == [2.0, 4.0]
    assert found.bins["sound_share"].to_list() == [1.0, 1.0]
    assert found.bins["buy_a_sell_b_share"].to_list() == [0.0, pytest.approx(0.5, abs=1e-8)]


@pytest.mark.realdata
@pytest.mark.parametrize("text", ["volume:5", "notional:300000", "trades:200", "range:20", "tick-imbalance:100"])
def test_three_markets_of_binance_fill_bins_together(text: str, data_dir: Path) -> None:
    """Recounted row by row in Fractions: each bin has what its rule asks for, and would not without its last moment."""
    of = {capture.instrument.id: capture.instrument for capture in CAPTURES.values()}
    events = {capture.instrument.id: read_recording(name, data_dir)[0] for name, capture in CAPTURES.items()}
    bins, instruments = Bins.parse(text), list(of.values())
    frame = consolidate(events, instruments, bins=bins, rates="par", source="ticker", on_missing="leave_out")
    total = frame.filter(pl.col("market") == TOTAL)
    ends = total["ts"].dt.epoch("ns").to_list()
    assert ends == naive_ends(events, of, bins, rates={"USDT": 1.0, "USD": 1.0})
    assert len(ends) > 20
    traded = Fraction(0)
    for name, part in events.items():
        trades = part.kind == TRADE
        pairs = zip(part.price_ticks[trades].tolist(), part.qty_lots[trades].tolist(), strict=True)
        traded += sum((of[name].base_qty(*pair) for pair in pairs), Fraction(0))
    sound = total.filter(pl.col("used") == 3)
    volume = sound["buy_coin"] + sound["sell_coin"] + sound["unknown_coin"]
    assert float(traded) * 0.9 < volume.sum() <= float(traded) * (1 + 1e-9)
    if bins.rule == "volume":
        assert (volume.to_numpy()[:-1] >= 5 * (1 - 1e-12)).all()
    assert all(a < b for a, b in pairwise(ends))
    apart = disparity(events, instruments, bins=bins, fees_bps=dict.fromkeys(of, 5.0), rates="par", source="ticker").bins
    assert set(apart["ts"].dt.epoch("ns")) <= set(ends)
    assert apart.height > 3 * 20
