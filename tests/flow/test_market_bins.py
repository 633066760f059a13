"""Best quotes and the bins of one market, against slow twins and `measure`; prices of several markets on one grid."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.best_quotes import BestQuotes, best_quotes, prices_on_grid
from counterpoise.flow.cross.market_bins import MarketBins, market_bins
from counterpoise.flow.measures import measure
from counterpoise.market.event import DELTA, GAP, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.message_script import T0, events_of
from reference.naive_market_bins import naive_best_quotes, naive_market_bins
from reference.random_stream import RandomStream

Source = Literal["depth", "ticker"]
SOURCES: tuple[Source, ...] = ("depth", "ticker")
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SWAP = parse_instrument("okx:BTC-USDT-SWAP", tick="0.1", lot="1", multiplier="0.01")
SECOND = Bins.every(SECOND_NS)
BANDS = ("1", "25", "900")
STALE_NS = 4 * SECOND_NS
CENTRE = 3 * 10**6  # high enough that the walk stays above zero, where contracts have coins
WHOLE = [(1, 100, 5), (-1, 102, 5)]


def stream(seed: int, messages: int = 150, *, pace_ns: int = 150_000_000) -> Events:
    return RandomStream(seed, centre=CENTRE, far=2000, pace_ns=pace_ns).events(messages)


@given(seed=st.integers(0, 2**32), quotes=st.sampled_from(SOURCES))
@settings(max_examples=15)
def test_best_quotes_equal_naive_twin(seed: int, quotes: Source) -> None:
    events = stream(seed)
    for instrument in (PERP, COIN):
        frame = best_quotes(events, instrument, source=quotes, stale_ns=STALE_NS)
        found = frame.with_columns(frame["ts_local"].dt.epoch("ns")).to_dicts()
        assert found == naive_best_quotes(events, instrument, quotes=quotes, stale_ns=STALE_NS)


def test_streams_of_the_naive_twin_hold_every_quality() -> None:
    frame = pl.concat([best_quotes(stream(seed), PERP, stale_ns=STALE_NS) for seed in range(8)])
    counts = dict(frame["quality"].value_counts().rows())
    assert min(counts[name] for name in ("SYNCED", "STALE", "CROSSED", "GAPPED")) >= 3


@given(seed=st.integers(0, 2**32), quotes=st.sampled_from(SOURCES))
@settings(max_examples=15)
def test_market_bins_equal_naive_twin(seed: int, quotes: Source) -> None:
    events = stream(seed, pace_ns=60_000_000)
    for instrument in (PERP, COIN, SWAP):
        bands = tuple(float(band) for band in BANDS)
        found = market_bins(events, instrument, bins=SECOND, source=quotes, bands_bps=bands, stale_ns=STALE_NS)
        expected = naive_market_bins(events, instrument, every_ns=SECOND_NS, quotes=quotes, bands_bps=BANDS, stale_ns=STALE_NS)
        assert_bins(found, expected)


def assert_bins(found: pl.DataFrame, expected: list[dict[str, Any]]) -> None:
    rows = found.with_columns(found["ts"].dt.epoch("ns")).to_dicts()
    assert len(rows) == len(expected)
    flows = [name.removesuffix("_coin") for name in found.columns if name.endswith("_coin")]
    for row, twin in zip(rows, expected, strict=True):
        assert (row["ts"], row["quality"], row["trades"]) == (twin["ts"], twin["quality"], twin["trades"])
        held: dict[str, list[Fraction]] = twin["sums"] | twin["depth"]
        for flow in flows[2:]:
            for at, unit in enumerate(("coin", "quote")):
                value = row[f"{flow}_{unit}"]
                if flow not in held:
                    assert value is None, (flow, row)
                else:
                    scale = sum(abs(float(held[name][at])) for name in ("buy", "sell") if name in held) if flow == "cvd" else 0
                    scale += 1e7 * (10**6 if unit == "quote" else 1) if flow in ("ofi", "cvd") else 0
                    assert value == pytest.approx(float(held[flow][at]), rel=1e-11, abs=1e-12 * scale), (flow, unit, row)


@pytest.mark.parametrize("quotes", SOURCES)
@pytest.mark.parametrize("instrument", [PERP, COIN, SWAP], ids=["linear", "inverse", "swap"])
def test_what_measure_knows_is_the_same_here(instrument: Any, quotes: Source) -> None:
    events = stream(7, 800)
    ours = market_bins(events, instrument, bins=Bins.every(10**8), source=quotes, stale_ns=STALE_NS)
    theirs = measure(events, instrument, bins=Bins.every(10**8), quotes=quotes, stale_ns=STALE_NS)
    unit, size = ("quote", 100) if instrument is COIN else ("coin", 1)
    for mine, other in (("ofi", "ofi"), ("buy", "buy_qty"), ("sell", "sell_qty"), ("cvd", "cvd")):
        assert ours[f"{mine}_{unit}"].to_list() == (theirs[other] * size).to_list()
    assert ours["mid"].to_list() == theirs["mid"].to_list()
    assert ours["quality"].to_list() == theirs["quality"].to_list()
    assert ours["ofi_coin"].count() > 100


def test_each_quantity_at_its_own_price() -> None:
    """3 contracts of 100 USD bought at 10.2 and 1 sold at 10.0; a bid of 5 at 10.0 grows by 2: flow of 200 USD, 20 coins."""
    events = events_of(
        [(0, SNAPSHOT, WHOLE), (1.1, TRADE, [(1, 102, 3)]), (1.2, TRADE, [(-1, 100, 1)]), (1.3, DELTA, [(1, 100, 7)])]
    )
    row = market_bins(events, COIN, bins=SECOND).row(1, named=True)
    assert (row["buy_quote"], row["sell_quote"], row["ofi_quote"], row["cvd_quote"]) == (300.0, 100.0, 200.0, 200.0)
    assert row["buy_coin"] == pytest.approx(300 / 10.2, rel=1e-15)
    assert (row["sell_coin"], row["ofi_coin"]) == (pytest.approx(10, rel=1e-14), pytest.approx(20, rel=1e-14))
    assert row["cvd_coin"] == pytest.approx(300 / 10.2 - 10, rel=1e-14)
    assert row["bid_coin"] == pytest.approx(70.0)


def test_unknown_sides_are_counted_apart() -> None:
    events = events_of([(0, SNAPSHOT, WHOLE), (1.1, TRADE, [(0, 101, 4)]), (1.2, TRADE, [(1, 102, 0)])])
    row = market_bins(events, SWAP, bins=SECOND).row(1, named=True)
    assert (row["unknown_coin"], row["buy_coin"], row["trades"], row["cvd_coin"]) == (0.04, 0.0, 2, 0.0)


def test_an_inverse_contract_below_zero_has_no_coins() -> None:
    events = events_of([(0, SNAPSHOT, WHOLE), (1.1, TRADE, [(1, -5, 4)]), (2.1, TRADE, [(1, 100, 4)])])
    frame = market_bins(events, COIN, bins=SECOND)
    assert frame["buy_coin"].to_list()[1:] == [None, 40.0]
    assert frame["buy_quote"].to_list()[1:] == [400.0, 400.0]


def test_silence_makes_quotes_stale_without_an_event() -> None:
    made = BestQuotes(COIN, stale_ns=3 * SECOND_NS)
    made.step(events_of([(0, SNAPSHOT, WHOLE)]))
    assert made.until(T0 + 3 * SECOND_NS).height == 0
    late = made.until(T0 + 9 * SECOND_NS)
    assert late["ts_local"].dt.epoch("ns").to_list() == [T0 + 3 * SECOND_NS + 1]
    assert late["quality"].to_list() == ["STALE"]
    assert made.until(T0 + 20 * SECOND_NS).height == 0


def test_prices_on_a_grid_look_back_only_and_not_over_gaps() -> None:
    events = [(0.5, SNAPSHOT, WHOLE), (2.0, DELTA, [(1, 101, 1)]), (3.2, GAP, [(0, 0, 0)]), (5.5, SNAPSHOT, WHOLE)]
    tables = {
        "a": best_quotes(events_of(events), COIN),
        "b": best_quotes(events_of([(0.7, SNAPSHOT, WHOLE), (6.1, DELTA, [(1, 101, 1)])]), COIN),
    }
    grid = prices_on_grid(tables, every_ns=SECOND_NS)
    assert ((grid["ts"].dt.epoch("ns") - T0) // SECOND_NS).to_list() == [1, 2, 3, 4, 5, 6]
    assert grid["a"].to_list() == [10.1, 10.1, 10.15, None, None, 10.1]
    assert grid["b"].to_list() == [10.1] * 6
    asked = prices_on_grid(tables, every_ns=SECOND_NS, from_ns=T0, to_ns=T0 + 8 * SECOND_NS)
    assert asked["b"].to_list() == [None, *[10.1] * 6, 10.15, 10.15]
    assert prices_on_grid({"a": tables["a"].clear()}, every_ns=SECOND_NS).height == 0


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10)
def test_prices_on_a_grid_equal_naive_lookup(seed: int) -> None:
    tables = {str(i): best_quotes(stream(seed + i, 60), PERP, stale_ns=STALE_NS) for i in range(2)}
    grid = prices_on_grid(tables, every_ns=SECOND_NS // 2)
    for row in grid.with_columns(grid["ts"].dt.epoch("ns")).to_dicts():
        for name, table in tables.items():
            past = [mid for ts, mid in zip(table["ts_local"].dt.epoch("ns"), table["mid"], strict=True) if ts < row["ts"]]
            assert row[name] == past[-1]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: BestQuotes(PERP, source="trades"), UnknownName, "quote source"),  # type: ignore[arg-type]
        (lambda: BestQuotes(PERP, stale_ns=0), InputError, "stale time"),
        (lambda: MarketBins(PERP, bins=Bins("nothing", Decimal(1))), UnknownName, "bin rule"),
        (lambda: MarketBins(PERP, bins=SECOND, bands_bps=(5.0, 1.0)), InputError, "ascend"),
        (lambda: MarketBins(PERP, bins=SECOND, bands_bps=(float("nan"),)), InputError, "ascend"),
        (lambda: prices_on_grid({}, every_ns=1), InputError, "want tables"),
        (lambda: prices_on_grid({"a": pl.DataFrame({"x": [1]})}, every_ns=1), InputError, "lacks ts_local"),
        (
            lambda: market_bins(events_of([(0, TRADE, [(1, 1, 1)]), (60, TRADE, [(1, 1, 1)])]), PERP, bins=Bins.every(1)),
            InputError,
            "more than 50,000,000 bins",
        ),
    ],
)
def test_bad_parameters_are_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


def test_nothing_comes_of_nothing() -> None:
    for make in (best_quotes, lambda e, of: market_bins(e, of, bins=SECOND)):
        assert make(Events.empty(), PERP).height == 0
        assert make(Events.empty(), PERP).schema == make(events_of([(0, QUOTE, WHOLE), (1, SNAPSHOT, WHOLE)]), PERP).schema


def test_prices_on_a_grid_refuse_times_that_go_back() -> None:
    table = pl.DataFrame({"mid": [1.0, 3.0, 2.0, 4.0]}).with_columns(
        ts_local=pl.Series([1, 3, 2, 4]).cast(pl.Datetime("ns", "UTC"))
    )
    with pytest.raises(DataError, match="the table of a: ts_local goes back at row 2"):
        prices_on_grid({"a": table}, every_ns=1)
