"""Markets of one token added: against a slow twin, contract by contract; merged books; the three Binance recordings at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.column import Column
from counterpoise.flow.cross.by_node import OnMissing, by_node
from counterpoise.flow.cross.consolidated import GROUPS, TOTAL, Consolidated, consolidate
from counterpoise.flow.cross.market_sum import Part, _sum
from counterpoise.flow.cross.merged_book import merged_book
from counterpoise.flow.measures import measure
from counterpoise.market.book import Book
from counterpoise.market.event import SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from counterpoise.market.tree import Tree
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, events_of
from reference.naive_market_bins import WORSE, naive_market_bins
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SPOT = parse_instrument("kraken:BTC/USD", tick="0.1", lot="0.001")
PUT = parse_instrument("binance_options:BTC-260327-80000-P", tick="0.1", lot="0.01")
MARKETS = (PERP, COIN, SPOT)
RATES = {"USDT": 0.75, "USD": 1.0}  # exact in doubles
TICKS = {PERP.id: 4 * 10**6, COIN.id: 3 * 10**6, SPOT.id: 3 * 10**6 + 5, PUT.id: 10**6}  # 300,000 USD each but the put
SECOND = Bins.every(SECOND_NS)
TENTH_NS = SECOND_NS // 10
TENTH = Bins.every(TENTH_NS)
FLOWS = ("buy", "sell", "unknown", "cvd", "ofi")


def streams(seed: int, names: Any = MARKETS, *, messages: int = 150) -> dict[str, Events]:
    return {
        of.id: RandomStream(seed + i, centre=TICKS[of.id], far=60, pace_ns=60_000_000).events(messages)
        for i, of in enumerate(names)
    }


def added(events: Any, *, on_missing: OnMissing = "null", **more: Any) -> pl.DataFrame:
    return consolidate(events, MARKETS, bins=TENTH, rates=RATES, on_missing=on_missing, stale_ns=4 * SECOND_NS, **more)


@pytest.mark.parametrize("on_missing", ["null", "leave_out"])
@pytest.mark.parametrize("seed", [1, 40])
def test_equals_naive_twin(seed: int, on_missing: OnMissing) -> None:
    events = streams(seed)
    frame = added(events, on_missing=on_missing)
    found = {
        row["ts"]: row for row in frame.filter(pl.col("market") == TOTAL).with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    }
    parts: dict[str, dict[int, dict[str, Any]]] = {}
    for of in MARKETS:
        bins = naive_market_bins(
            events[of.id], of, every_ns=TENTH_NS, quotes="depth", bands_bps=("5", "25"), stale_ns=4 * SECOND_NS
        )
        parts[of.id] = {row["ts"]: row for row in bins}
    ends = set(found) if len(found) else set()
    assert ends == set(range(min(ends), max(ends) + 1, TENTH_NS))
    horizon = max(int(part.ts_local[-1]) for part in events.values())
    cases = set()
    for ts, row in found.items():
        missing = [n for n, bins in parts.items() if ts not in bins or bins[ts]["quality"] != "SYNCED"]
        if any(ts > max(bins) for bins in parts.values()) or ts > horizon:
            continue  # the clock of another market closed it: the twin of one market alone does not go so far
        cases.add(len(missing))
        assert (row["missing"], row["used"]) == (missing, 3 - len(missing))
        used = [n for n in parts if n not in missing or on_missing == "null"]
        states = [parts[n][ts]["quality"] if ts in parts[n] else "GAPPED" for n in used] or ["GAPPED"]
        assert row["quality"] == max(states, key=WORSE.index)
        if missing and (on_missing == "null" or len(missing) == 3):
            assert row["buy_coin"] is None
            assert row["bid"] is None
            continue
        assert_total(row, {n: parts[n][ts] for n in parts if n not in missing})
    assert cases >= {0, 1}


def assert_total(row: dict[str, Any], parts: dict[str, dict[str, Any]]) -> None:
    terms = {of.id: of for of in MARKETS}
    rate = {n: Fraction(RATES[terms[n].quote]) for n in parts}
    for flow in FLOWS:
        coin = sum(part["sums"][flow][0] for part in parts.values())
        usd = sum(part["sums"][flow][1] * rate[n] for n, part in parts.items())
        assert row[f"{flow}_coin"] == pytest.approx(float(coin), rel=1e-10, abs=1e-4)
        assert row[f"{flow}_usd"] == pytest.approx(float(usd), rel=1e-10, abs=30)
    if all(part["depth"] for part in parts.values()):
        for band in ("bid_depth_25bps", "ask_depth_5bps"):
            usd = sum(part["depth"][band][1] * rate[n] for n, part in parts.items())
            assert row[f"{band}_usd"] == pytest.approx(float(usd), rel=1e-12)
    for side, at, best in (("bid", 0, max), ("ask", 2, min)):
        prices = {
            n: part["best"][at] * Fraction(terms[n].price_grid.step) * rate[n]
            for n, part in parts.items()
            if part["best"][at] is not None
        }
        if prices:
            assert row[side] == pytest.approx(float(best(prices.values())), rel=1e-14)
            assert prices[row[f"{side}_market"]] == best(prices.values())


def fresh() -> Consolidated:
    return Consolidated(MARKETS, bins=TENTH, rates=RATES, on_missing="leave_out", stale_ns=4 * SECOND_NS)


def test_pairs_of_a_feed_are_taken_and_the_past_is_refused() -> None:
    events = streams(6)
    pairs = [(of, events[of.id]) for of in MARKETS]
    assert_frame_equal(added(pairs), added(events), check_exact=True)
    made = fresh()
    made.take({PERP.id: events[PERP.id]})
    with pytest.raises(DataError, match="give every market up to a moment"):
        made.take({COIN.id: events[COIN.id]})
    with pytest.raises(UnknownName, match="market"):
        made.take({"binance:ETHUSDT": events[PERP.id]})


@pytest.mark.parametrize(
    ("markets", "more"),
    [
        (MARKETS[:2], {}),
        (MARKETS, {"rates": RATES | {"USDT": 0.5}}),
        (MARKETS, {"on_missing": "null"}),
        (MARKETS, {"bins": SECOND}),
        ((*MARKETS, PUT), {"deltas": {PUT.id: -0.25}}),
    ],
)
def test_a_memory_of_another_is_refused_and_changes_nothing(markets: Any, more: dict[str, Any]) -> None:
    made, usual = fresh(), {"bins": TENTH, "rates": RATES, "on_missing": "leave_out", "stale_ns": 4 * SECOND_NS}
    made.take(streams(3))
    other = Consolidated(markets, **(usual | more))
    before = other.save()
    with pytest.raises(InputError, match="it cannot go on in"):
        other.restore(made.save())
    assert other.save() == before


BOOK = [(1, 3_000_000, 5), (-1, 3_000_002, 5)]


def test_an_option_counts_with_its_delta_at_the_price_of_the_coin() -> None:
    """20 lots of .01 put bought at delta −.25 are .05 coins sold, 15,000 USD at 300,000.1; and it has no price or depth."""
    events = {
        SPOT.id: events_of([(0, SNAPSHOT, BOOK), (2.5, TRADE, [(1, 3_000_002, 0)])]),
        PUT.id: events_of([(0, SNAPSHOT, [(1, 100, 5), (-1, 102, 5)]), (1.5, TRADE, [(1, 102, 20)])]),
    }
    frame = consolidate(events, [SPOT, PUT], bins=SECOND, deltas={PUT.id: -0.25}, rates="par")
    put, total = (frame.filter(pl.col("market") == name).row(1, named=True) for name in (PUT.id, TOTAL))
    assert (put["sell_coin"], put["buy_coin"], put["cvd_coin"]) == (0.05, 0.0, -0.05)
    assert put["sell_usd"] == pytest.approx(0.05 * 300_000.1, rel=1e-14)
    assert (put["bid"], put["bid_depth_5bps_coin"], put["bid_market"]) == (None, None, None)
    assert (total["sell_coin"], total["bid"], total["used"]) == (0.05, 300_000.0, 2)
    assert total["bid_depth_25bps_coin"] == 0.005


def test_deltas_change_with_time_and_the_running_sum_keeps_them() -> None:
    events = {
        SPOT.id: events_of([(0, SNAPSHOT, BOOK), (5, TRADE, [(1, 3_000_002, 0)])]),
        PUT.id: events_of(
            [(0, SNAPSHOT, [(1, 100, 5), (-1, 102, 5)]), (1.5, TRADE, [(1, 102, 100)]), (3.5, TRADE, [(1, 102, 100)])]
        ),
    }
    deltas = pl.DataFrame({"ts": [T0, T0 + 3 * SECOND_NS], "value": [-0.5, -0.25]}).with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC"))
    )
    frame = consolidate(events, [SPOT, PUT], bins=SECOND, deltas={PUT.id: deltas}, rates="par")
    assert frame.filter(pl.col("market") == PUT.id)["cvd_coin"].to_list() == [None, -0.5, -0.5, -0.75, -0.75, -0.75]


def said_of(name: str) -> Column:
    return next(column for column in GROUPS[0].columns if column.covers(name))


def test_sizes_doubled_do_what_is_said_of_each_column() -> None:
    events = streams(3)
    kept = {name: [column.copy() for column in part] for name, part in events.items()}
    base = added(events, on_missing="leave_out")
    doubled = added({n: e._replace(qty_lots=e.qty_lots * 2) for n, e in events.items()}, on_missing="leave_out")
    for name in base.columns:
        twice = base[name].dtype.is_float() and said_of(name).size == "linear"
        expected = base[name] * 2 if twice else base[name]
        assert_frame_equal(doubled.select(name), expected.to_frame(), check_exact=True)
    assert_frame_equal(added(events, on_missing="leave_out"), base, check_exact=True)
    assert all(np.array_equal(a, b) for n, part in events.items() for a, b in zip(part, kept[n], strict=True))


def test_sides_exchanged_change_places_in_linear_markets() -> None:
    """Their coins do not depend on the price that is turned about; those of inverse ones do, so no column promises it."""
    events = streams(3, (PERP, SPOT))
    turned = {n: e._replace(side=-e.side, price_ticks=2 * TICKS[n] - e.price_ticks) for n, e in events.items()}
    more: dict[str, Any] = {"bins": TENTH, "rates": RATES, "on_missing": "leave_out", "stale_ns": 4 * SECOND_NS}
    base, mirrored = (consolidate(given, [PERP, SPOT], **more) for given in (events, turned))
    expected = base.select(
        "trades",
        "quality",
        buy_coin="sell_coin",
        sell_coin="buy_coin",
        unknown_coin="unknown_coin",
        cvd_coin=0 - pl.col("cvd_coin"),
        ofi_coin=0 - pl.col("ofi_coin"),
    )
    assert_frame_equal(mirrored.select(expected.columns), expected, check_exact=True)


def test_every_column_is_described() -> None:
    for name in added(streams(1)).columns:
        assert any(column.covers(name) for column in GROUPS[0].columns), name


def test_nothing_comes_of_nothing() -> None:
    empty = {of.id: Events.empty() for of in MARKETS}
    assert added(empty).height == 0
    assert added(empty).schema == added(streams(1)).schema


@pytest.mark.parametrize(
    ("instruments", "more", "words"),
    [
        (MARKETS, {"rates": None}, "has no rate"),
        ((PERP, parse_instrument("binance_usdm:ETHUSDT")), {}, "markets of one coin"),
        ((), {}, "found none"),
        ((PERP, PERP), {}, "twice"),
        ((PERP, PUT), {}, "without a delta"),
        (MARKETS, {"on_missing": "zero"}, "leave_out"),
        (MARKETS, {"rates": "par", "currency": "BTC"}, "dollar family"),
    ],
)
def test_bad_parameters_are_refused(instruments: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Consolidated(instruments, **({"bins": SECOND, "rates": "par"} | more))


def test_one_quote_currency_needs_no_rate() -> None:
    other = parse_instrument("bybit:BTCUSDT", tick="0.1", lot="0.001")
    book = events_of([(0, SNAPSHOT, BOOK), (2, TRADE, [(1, 1, 0)])])
    frame = consolidate({PERP.id: book, other.id: book}, [PERP, other], bins=SECOND)
    assert frame.filter(pl.col("market") == TOTAL)["bid"].to_list()[1] == 300_000.0


# merged books


def book_of(levels: list[tuple[int, int, int]]) -> Book:
    book = Book()
    book.apply(events_of([(0, SNAPSHOT, levels)]))
    return book


def test_merged_book_rounds_away_from_the_taker_and_adds_coins() -> None:
    """PERP at 100.4 × .75 = 75.3 and 100.6 × .75 = 75.45; COIN, 30 contracts at 75.2, are 3,000 USD, 39.89 coins."""
    books = {
        PERP.id: book_of([(1, 1004, 2000), (1, 1000, 1000), (-1, 1006, 500)]),
        COIN.id: book_of([(1, 752, 30), (-1, 754, 3)]),
    }
    frame = merged_book(books, MARKETS, step="0.5", rates=RATES)
    assert frame["side"].to_list() == [1, -1]
    assert frame["price"].to_list() == [75.0, 75.5]
    assert frame[PERP.id].to_list() == [3.0, 0.5]
    assert frame[COIN.id].to_list() == [pytest.approx(3000 / 75.2), pytest.approx(300 / 75.4)]
    assert frame["usd"].to_list() == [pytest.approx(2 * 75.3 + 75 + 3000), pytest.approx(0.5 * 75.45 + 300)]
    assert frame["cumulative_coin"].to_list() == frame["coin"].to_list()
    fine = merged_book(books, MARKETS, step="0.05", rates=RATES, levels=2)
    assert fine.filter(pl.col("side") == 1)["price"].to_list() == [75.3, 75.2]
    assert fine["cumulative_coin"].to_list()[1] == pytest.approx(2 + 3000 / 75.2)
    assert fine[PERP.id].to_list()[:2] == [2.0, 0.0]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(1, 500), st.integers(1, 10**6)), min_size=1, max_size=20),
        min_size=3,
        max_size=3,
    ),
    st.sampled_from(["0.1", "0.7", "5", "100"]),
)
@settings(max_examples=30)
def test_merged_book_equals_naive_sums(levels: list[list[tuple[int, int, int]]], step: str) -> None:
    """Bids below 50 ticks of 100 and asks above: every coin is on the grid once, at a price no better than its own."""
    books = {}
    for of, rows in zip(MARKETS, levels, strict=True):
        placed = {(side, 5000 - side * distance): lots for side, distance, lots in rows}
        books[of.id] = book_of([(side, price, lots) for (side, price), lots in placed.items()])
    frame = merged_book(books, MARKETS, step=step, rates=RATES, levels=1000)
    naive: dict[tuple[int, int], Fraction] = {}
    for of in MARKETS:
        for side in (1, -1):
            held = books[of.id].levels(side)
            for ticks, lots in zip(held.price_ticks.tolist(), held.qty_lots.tolist(), strict=True):
                price = ticks * Fraction("0.1") * Fraction(RATES[of.quote]) / Fraction(step)
                at = side, (price.numerator // price.denominator if side > 0 else -(-price.numerator // price.denominator))
                naive[at] = naive.get(at, Fraction(0)) + of.base_qty(ticks, lots)
    found = {(row["side"], round(row["price"] / float(step))): row["coin"] for row in frame.to_dicts()}
    assert found == {at: float(coin) for at, coin in naive.items()}
    for side in (1, -1):
        half = frame.filter(pl.col("side") == side)
        assert half["price"].is_sorted(descending=side > 0)
        assert (
            half["cumulative_coin"].to_list()[-1:] == [float(sum(c for (s, _), c in naive.items() if s == side))][: half.height]
        )


def test_merged_book_and_books_that_are_not_in_order() -> None:
    books = {PERP.id: book_of(BOOK), COIN.id: Book()}
    frame = merged_book(books, MARKETS, step="1", rates=RATES)
    assert frame["coin"].null_count() == frame.height == 2
    assert frame[PERP.id].to_list() == [0.005, 0.005]
    left = merged_book(books, MARKETS, step="1", rates=RATES, on_missing="leave_out")
    assert left["coin"].to_list() == [0.005, 0.005]
    assert left[COIN.id].null_count() == 2


@pytest.mark.parametrize(
    ("books", "more", "words"),
    [
        ({}, {}, "books of one coin"),
        ({PUT.id: Book()}, {}, "no options"),
        ({"x:y": Book()}, {}, "unknown market"),
        ({PERP.id: Book()}, {"levels": 0}, "positive count"),
        ({PERP.id: Book()}, {"on_missing": "no"}, "unknown rule"),
        ({PERP.id: Book()}, {"step": "0"}, "positive"),
    ],
)
def test_merged_book_refuses(books: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        merged_book(books, (*MARKETS, PUT), **({"step": "1", "rates": "par"} | more))


# recordings


def test_a_depth_nobody_knows_is_not_zero() -> None:
    """Quotes of a ticker say no depth: the total's is null, and not that of the others."""
    frame = consolidate(streams(3), MARKETS, bins=TENTH, rates=RATES, source="ticker").filter(market=TOTAL)
    assert frame["bid_depth_25bps_coin"].null_count() == frame.height
    one, two, none = (
        Part({"bid_depth_1bps_coin": np.array([x])}, np.zeros(1, np.int64), np.ones(1, bool)) for x in (2.0, np.nan, 9.0)
    )
    parts = {"a": one, "b": two, "option": none}
    sums = [_sum(parts, "bid_depth_1bps_coin", leave_out=left, no_depth=("option",)) for left in (False, True)]
    assert np.array_equal(sums, [[np.nan], [2.0]], equal_nan=True)


@pytest.mark.realdata
def test_three_markets_of_binance_at_once(data_dir: Path) -> None:
    """Coin volume is the sum of the parts as counted row by row; spot stands a few bps above the perpetuals."""
    events = {capture.instrument.id: read_recording(name, data_dir)[0] for name, capture in CAPTURES.items()}
    of = {capture.instrument.id: capture.instrument for capture in CAPTURES.values()}
    frame = consolidate(events, list(of.values()), bins=Bins.parse("1s"), rates="par", source="ticker", on_missing="leave_out")
    total = frame.filter(pl.col("market") == TOTAL)
    volume = total["buy_coin"].sum() + total["sell_coin"].sum() + total["unknown_coin"].sum()
    exact = Fraction(0)
    ends = frame.filter(pl.col("used") == 1, pl.col("market") != TOTAL)
    for name, part in events.items():
        sound = ends.filter(pl.col("market") == name)["ts"].dt.epoch("ns").to_numpy()
        bin_end = (part.ts_local // SECOND_NS + 1) * SECOND_NS
        trades = (part.kind == TRADE) & np.isin(bin_end, sound)
        pairs = zip(part.price_ticks[trades].tolist(), part.qty_lots[trades].tolist(), strict=True)
        exact += sum((of[name].base_qty(*pair) for pair in pairs), Fraction(0))
    assert volume == pytest.approx(float(exact), rel=1e-9)
    assert 700 < volume < 3000
    whole = total.filter(pl.col("used") == 3)
    assert whole.height > 330
    assert set(whole["bid_market"].value_counts(sort=True)["bid_market"][:1]) == {"binance:BTCUSDT"}
    assert -6 < whole["spread_bps"].mean() < -2  # type: ignore[operator]
    for unit in ("coin", "usd"):
        parts = frame.filter(pl.col("market") != TOTAL).group_by("ts").agg(pl.col(f"ofi_{unit}").sum())
        both = total.join(parts, on="ts")
        np.testing.assert_allclose(both[f"ofi_{unit}"].fill_null(0), both[f"ofi_{unit}_right"], rtol=1e-9, atol=1e-5)


@pytest.mark.realdata
def test_three_markets_up_the_tree(data_dir: Path) -> None:
    """Flow at the bin's mid differs from flow at each trade's own price by less than the price moves in a bin."""
    of = {capture.instrument.id: capture.instrument for capture in CAPTURES.values()}
    events = {capture.instrument.id: read_recording(name, data_dir)[0] for name, capture in CAPTURES.items()}
    frames = {name: measure(part, of[name], bins=SECOND, quotes="ticker") for name, part in events.items()}
    tree = Tree.from_instruments(of.values(), index="majors", split="kind")
    nodes = by_node(tree, frames, instruments=of.values(), rates="par", on_missing="leave_out")
    top = nodes.filter(pl.col("node") == "token:BTC")
    total = consolidate(
        events, list(of.values()), bins=Bins.parse("1s"), rates="par", source="ticker", on_missing="leave_out"
    ).filter(pl.col("market") == TOTAL)
    both = top.join(total, on="ts").filter(pl.col("sound") == 3)
    assert both.height > 330
    bought = both["buy_usd"] + both["sell_usd"]
    assert ((both["volume_usd"] - bought).abs() <= 0.002 * bought + 1e-6).all()
    assert ((both["volume_coin"] - both["buy_coin"] - both["sell_coin"]).abs() <= 0.002 * both["volume_coin"] + 1e-9).all()
    assert top["coverage"].max() == 1.0
