"""Option flow: against a slow twin, by hand, under the laws, and beside the order flow of a perpetual."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import MINUTE_NS, SECOND_NS, parse_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.derivatives.option_trades import option_trades, weighted_option_trades
from counterpoise.flow.derivatives.option_weights import DEALERS, Dealers, with_weights
from counterpoise.flow.derivatives.options_flow import GROUPS, option_and_perp_flow, option_flow, option_flow_by_strike
from counterpoise.flow.measures import measure
from counterpoise.market.chain import option_terms
from counterpoise.market.event import FIRST, LAST, LIQUIDATION, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.deribit_chains import deribit_chains
from reference.naive_options_flow import naive_option_flow, naive_weighted
from reference.random_stream import RandomStream

T0 = parse_time("2026-01-05T12:00")
CALL, PUT, ITM = "BTC-27MAR26-100000-C", "BTC-27MAR26-80000-P", "BTC-27MAR26-80000-C"
LINEAR = "SOL_USDC-27MAR26-150-C"
ETH = "ETH-27MAR26-3000-P"
QUOTES = {"symbol": pl.String} | dict.fromkeys(
    ("underlying_price", "mark_price", "mark_iv", "delta", "gamma", "vega"), pl.Float64
)
TRADES = {"symbol": pl.String, "side": pl.Int64, "price": pl.Float64, "qty": pl.Float64}


def quoted(*rows: tuple[float, str, dict[str, float | None]]) -> pl.DataFrame:
    """Seconds, symbol, what differs from a usual quote."""
    usual = {"underlying_price": 92_000.0, "mark_price": 0.03, "mark_iv": 0.5, "gamma": 2e-5, "vega": 150.0}
    said = [
        {"ts_local": T0 + round(t * SECOND_NS), "symbol": s, **usual, "delta": 0.4 if s[-1] == "C" else -0.4, **told}
        for t, s, told in rows
    ]
    return pl.DataFrame(said, schema={"ts_local": pl.Int64, **QUOTES})


def traded(*rows: tuple[float, str, int, float, float]) -> pl.DataFrame:
    """Seconds, symbol, side, price, coins."""
    said = [(T0 + round(t * SECOND_NS), i, *rest) for i, (t, *rest) in enumerate(rows)]
    table = pl.DataFrame(said, schema={"ts_local": pl.Int64, "seq": pl.Int64, **TRADES}, orient="row")
    return table.join(option_terms(table["symbol"], venue="deribit"), on="symbol", how="left", maintain_order="left")


def events_of(*rows: tuple[float, int, int, int], kind: int = TRADE) -> Events:
    """Seconds, side, price ticks, lots."""
    ts = np.array([T0 + round(t * SECOND_NS) for t, *_ in rows], np.int64)
    columns = (ts, ts, np.arange(len(rows)), np.full(len(rows), -1), np.full(len(rows), kind), [r[1] for r in rows])
    tail = np.full(len(rows), FIRST | LAST), [r[2] for r in rows], [r[3] for r in rows]
    return Events._make(np.asarray(c).astype(t.dtype) for c, t in zip((*columns, *tail), Events.empty(), strict=True))


def test_trades_of_many_instruments_become_one_table() -> None:
    call, put = (parse_instrument(f"deribit:{s}", tick="0.0001", lot="0.1") for s in (CALL, PUT))
    table = option_trades([(put, events_of((2, -1, 50, 3))), (call, events_of((1, 1, 300, 2), (3, 0, 310, 1)))])
    assert table.select("symbol", "side", "price", "qty").rows() == [
        (CALL, 1, 0.03, 0.2),
        (PUT, -1, 0.005, 0.3),
        (CALL, 0, 0.031, 0.1),
    ]
    assert table["coin_settled"].all()
    small = parse_instrument("okx:BTC-USD-270326-100000-C", lot="1")
    assert option_trades([(small, events_of((1, 1, 1, 5)))])["qty"].to_list() == [0.05]
    assert option_trades([(call, events_of((1, 1, 1, 1), kind=LIQUIDATION))]).height == option_trades([]).height == 0
    with pytest.raises(InputError, match="take one venue at a time"):
        option_trades([(call, Events.empty()), (small, Events.empty())])
    with pytest.raises(InputError, match="filter the others out"):
        option_trades([(parse_instrument("deribit:BTC-PERPETUAL"), Events.empty())])
    late = parse_instrument("deribit:BTC-5JAN26-90000-C")
    with pytest.raises(DataError, match=r"expires at 2026-01-05 08:00:00\.000 UTC but trades at 2026-01-05 12:00:01"):
        option_trades([(late, events_of((1, 1, 1, 1)))])


def test_greeks_are_those_strictly_before_and_not_too_old() -> None:
    quotes = quoted((0, CALL, {}), (5, CALL, {"delta": 0.5}), (6, CALL, {"delta": None}), (400, PUT, {}))
    trades = traded(*((t, CALL, 1, 0.03, 1.0) for t in (0, 1, 5, 5.5, 7, 306)))
    found = weighted_option_trades(trades, quotes, max_age_ns=5 * MINUTE_NS)
    assert found["delta_coin"].to_list() == [None, 0.4, 0.4, 0.5, 0.5, None]
    assert found["age_ns"].to_list() == [None, *(round(s * SECOND_NS) for s in (1, 5, 0.5, 2)), None]


def test_units_of_a_coin_settled_option() -> None:
    """Two calls bought at 0.03 coins: a premium of 0.06 coins is 5,520 dollars; the delta counts coins."""
    row = option_flow(traded((1, CALL, 1, 0.03, 2.0)), quoted((0, CALL, {})), every_ns=SECOND_NS).to_dicts()[0]
    assert (row["delta_flow"], row["call_premium"], row["signed_notional"]) == pytest.approx((0.8, 5520, 184_000))
    assert row["gamma_flow"] == pytest.approx(2 * 2e-5 * 920)  # coins for a move of 920 dollars
    assert row["vega_flow"] == row["call_vega"] == pytest.approx(300)
    net = option_flow(traded((1, CALL, 1, 0.03, 2.0)), quoted((0, CALL, {})), every_ns=SECOND_NS, delta="net")
    assert net["delta_flow"][0] == pytest.approx(2 * (0.4 - 0.03))


def test_units_of_a_linear_option() -> None:
    quotes = quoted((0, LINEAR, {"underlying_price": 140.0, "mark_price": 9.0, "vega": 0.2}))
    row = option_flow(traded((1, LINEAR, -1, 9.5, 10.0)), quotes, every_ns=SECOND_NS, delta="net").to_dicts()[0]
    assert (row["delta_flow"], row["call_premium"], row["vega_flow"]) == pytest.approx((-4, 95, -2))


def test_gamma_in_closed_form_where_the_venue_gives_none() -> None:
    told = weighted_option_trades(traded((1, CALL, 1, 0.03, 1.0)), quoted((0, CALL, {"gamma": None}))).row(0, named=True)
    row = naive_weighted(
        traded((1, CALL, 1, 0.03, 1.0)).to_dicts(), quoted((0, CALL, {"gamma": None})).to_dicts(), max_age_ns=MINUTE_NS
    )[0]
    assert told["gamma_coin"] == pytest.approx(row["weights"]["gamma"], rel=1e-3)


def test_skew_pressure_is_puts_below_against_calls_above() -> None:
    """A bought put below the forward steepens, a bought call above it flattens; one in the money does neither."""
    quotes = quoted((0, CALL, {}), (0, PUT, {}), (0, ITM, {}))
    trades = traded((1, PUT, 1, 0.02, 2.0), (1, CALL, 1, 0.03, 1.0), (1, ITM, 1, 0.2, 5.0), (1, PUT, 0, 0.02, 9.0))
    row = option_flow(trades, quotes, every_ns=SECOND_NS).to_dicts()[0]
    assert (row["put_vega"], row["call_vega"], row["skew_pressure"]) == (300, 150, 150)
    assert (row["unknown_trades"], row["unknown_qty"], row["buy_qty"]) == (1, 9, 8)
    assert row["put_call_ratio"] == pytest.approx(11 / 6)


@pytest.mark.parametrize(("dealers", "coins"), [("other_side", -1), ("customers_long_calls_short_puts", 1),
                                                ("customers_short_calls_long_puts", -1)])  # fmt: skip
def test_dealers_gamma_by_assumption(dealers: Dealers, coins: int) -> None:
    """A call sold and two puts bought."""
    quotes = quoted((0, CALL, {}), (0, PUT, {}))
    trades = traded((1, CALL, -1, 0.03, 1.0), (1, PUT, 1, 0.03, 2.0))
    row = option_flow(trades, quotes, every_ns=SECOND_NS, dealers=dealers).to_dicts()[0]
    assert row["dealer_gamma"] == pytest.approx(coins * 2e-5 * 920)
    assert set(get_args(Dealers)) == set(DEALERS)


def test_trades_without_greeks_are_counted_and_in_no_weighted_sum() -> None:
    quotes = quoted((0, CALL, {}), (0, ITM, {"gamma": None, "mark_iv": None}))
    trades = traded((1, CALL, 1, 0.03, 1.0), (1, PUT, 1, 0.02, 4.0), (1, ITM, 1, 0.2, 8.0), (2, PUT, -1, 0.02, 1.0))
    rows = option_flow(trades, quotes, every_ns=SECOND_NS).to_dicts()
    assert [r["unweighted_trades"] for r in rows] == [2, 1]
    assert [r["delta_flow"] for r in rows] == [0.4, None]
    assert [r["put_premium"] for r in rows] == [0, None]
    assert [r["sell_qty"] for r in rows] == [0, 1]


def test_coins_do_not_add_up_without_rates() -> None:
    quotes = quoted((0, CALL, {}), (0, ETH, {"underlying_price": 3200.0, "vega": 4.0}))
    trades = traded((1, CALL, 1, 0.03, 1.0), (1, ETH, 1, 0.02, 10.0))
    with pytest.raises(InputError, match=r"several coins \(BTC, ETH\) do not add up; filter by base, or pass rates="):
        option_flow(trades, quotes, every_ns=SECOND_NS)
    row = option_flow(trades, quotes, every_ns=SECOND_NS, rates={"BTC": 92_000, "ETH": 3200, "USD": 2}).to_dicts()[0]
    assert row["delta_flow"] == pytest.approx(0.4 * 92_000 - 4 * 3200)
    assert row["vega_flow"] == pytest.approx(2 * (150 + 40))
    with pytest.raises(InputError, match="value of one ETH in one currency"):
        option_flow(trades, quotes, every_ns=SECOND_NS, rates={"BTC": 92_000, "USD": 1})
    alone = option_flow(trades.head(1), quotes, every_ns=SECOND_NS, rates={"BTC": 92_000, "USD": 1})
    assert alone["delta_flow"][0] == pytest.approx(0.4 * 92_000)  # the unit does not hang on what traded
    mixed = traded((1, CALL, 1, 0.03, 1.0), (1, "BTC_USDC-27MAR26-100000-C", 1, 900.0, 1.0))
    with pytest.raises(InputError, match=r"several currencies \(USD, USDC\)"):
        option_flow(mixed, quotes, every_ns=SECOND_NS)
    both = option_flow_by_strike(mixed, quotes, every_ns=SECOND_NS)
    assert both.select("cash", "trades").rows() == [("USD", 1), ("USDC", 1)]
    by_strike = option_flow_by_strike(trades, quotes, every_ns=SECOND_NS)
    assert by_strike.select("base", "strike", "delta_flow").rows() == [("BTC", 100_000, 0.4), ("ETH", 3000, -4)]


def random_flow(seed: int, *, trades: int = 40) -> tuple[pl.DataFrame, pl.DataFrame]:
    draw = np.random.default_rng(seed)
    symbols = (CALL, PUT, ITM)

    def quote(at: float) -> tuple[float, str, dict[str, float | None]]:
        symbol = str(draw.choice(symbols))
        told = {"underlying_price": 92_000.0 + float(draw.normal()) * 9000, "delta": float(draw.uniform(0, 1)), "gamma": 1e-5}
        told["delta"] *= 1 if symbol[-1] == "C" else -1
        missing = {str(name): None for name in draw.choice(["delta", "gamma", "vega", "mark_iv"], int(draw.integers(0, 3)))}
        return at, symbol, told | (missing if draw.random() < 0.3 else {})

    quotes = quoted(*(quote(float(t)) for t in np.sort(draw.integers(0, 60, 60))))
    times = np.sort(draw.integers(0, 60, trades))
    rows = [
        (float(t), str(draw.choice(symbols)), int(draw.choice([1, -1, 0])), 0.03, float(draw.integers(0, 5))) for t in times
    ]
    return traded(*rows), quotes


@given(seed=st.integers(0, 2**32), every=st.sampled_from([1, 5, 60]), age=st.sampled_from([2, 300]), net=st.booleans())
@settings(max_examples=60)
def test_equals_naive_twin(seed: int, every: int, age: int, net: bool) -> None:
    trades, quotes = random_flow(seed)
    dealers = sorted(DEALERS)[seed % 3]
    how: dict[str, Any] = {"every_ns": every * SECOND_NS, "dealers": dealers}
    frame = option_flow(trades, quotes, max_age_ns=age * SECOND_NS, delta="net" if net else "black", **how)
    weighted = naive_weighted(trades.to_dicts(), quotes.to_dicts(), max_age_ns=age * SECOND_NS, net=net)
    found = frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts()
    expected = naive_option_flow(weighted, **how)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(theirs)
        for name, value in theirs.items():
            rounded = 1e-3 if "gamma" in name else 1e-9  # gamma by differences in the twin
            same = pytest.approx(value, rel=rounded, abs=1e-6) if isinstance(value, float) else value
            assert ours[name] == same, name


def test_by_strike_adds_up_to_the_whole() -> None:
    trades, quotes = random_flow(3, trades=200)
    whole = option_flow(trades, quotes, every_ns=5 * SECOND_NS)
    parts = option_flow_by_strike(trades, quotes, every_ns=5 * SECOND_NS)
    sums = parts.group_by("ts").agg(pl.sum("trades", "unweighted_trades", "delta_flow", "vega_flow", "gamma_flow")).sort("ts")
    assert_frame_equal(sums, whole.select(sums.columns).join(sums.select("ts"), on="ts"), check_dtypes=False, rel_tol=1e-9)
    assert parts.select("ts", "expiry", "strike").is_unique().all()


def test_laws_nothing_later_mirror_size_and_bytes() -> None:
    trades, quotes = random_flow(8, trades=120)
    kept = trades.clone(), quotes.clone()
    full = option_flow(trades, quotes, every_ns=SECOND_NS)
    assert_frame_equal(option_flow(trades, quotes, every_ns=SECOND_NS), full, check_exact=True)
    for count in (1, 30, 119):
        now = int(trades["ts_local"][count])
        short = option_flow(trades.head(count), quotes.filter(pl.col("ts_local") < now), every_ns=SECOND_NS)
        known = pl.col("ts").dt.epoch("ns") <= now
        assert_frame_equal(short.filter(known), full.filter(known), check_exact=True)
    assert_frame_equal(trades, kept[0])
    assert_frame_equal(quotes, kept[1])
    laws = {column.name: column for column in GROUPS[0].columns}
    turned = option_flow(trades.with_columns(-pl.col("side")), quotes, every_ns=SECOND_NS)
    larger = option_flow(trades.with_columns(pl.col("qty") * 4), quotes, every_ns=SECOND_NS)
    for name in full.columns:
        other = {"buy_qty": "sell_qty", "sell_qty": "buy_qty"}.get(name, name)
        sign = -1 if laws[name].mirror == "odd" else 1
        if laws[name].mirror != "free":
            expected = full.select(pl.col(other).alias(name) if sign == 1 else (0 - pl.col(name)).alias(name))
            assert_frame_equal(turned.select(name), expected, check_exact=True)
        expected = full.select(pl.col(name) * 4 if laws[name].size == "linear" else pl.col(name))
        assert_frame_equal(larger.select(name), expected, check_exact=True)


def perp_bins(instrument: Any) -> pl.DataFrame:
    events = RandomStream(5, centre=920_000, far=50_000).events(200)
    shifted = events._replace(ts_local=events.ts_local - events.ts_local[0] + T0 + 5 * SECOND_NS)
    return measure(shifted, instrument, bins=Bins.every(SECOND_NS))


def test_beside_the_order_flow_of_a_linear_and_an_inverse_perpetual() -> None:
    """The same book and trades in coins: contracts of 10 dollars at 92,000 dollars, or thousandths of a coin."""
    trades, quotes = random_flow(4)
    options = option_flow(trades, quotes, every_ns=SECOND_NS)
    linear = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
    inverse = parse_instrument("deribit:BTC-PERPETUAL", tick="0.1", lot="10")
    for instrument in (linear, inverse):
        perp = perp_bins(instrument)
        both = option_and_perp_flow(options, perp, instrument)
        assert both.columns == [c.name for c in (*GROUPS[0].columns, *GROUPS[2].columns)]
        assert both["ts"].is_sorted()
        assert both.height < options.height + perp.height
        said = perp.select("ts", "ofi", "mid").join(both.select("ts", "perp_ofi"), on="ts").drop_nulls()
        assert said.height > 5
        coins = said["ofi"] / said["mid"] if instrument.inverse else said["ofi"]
        assert_frame_equal(said.select("perp_ofi"), coins.alias("perp_ofi").to_frame())
        before = both.filter(pl.col("ts") < perp["ts"][0])
        assert before["perp_quality"].is_null().all()
        assert both.filter(pl.col("perp_quality") == "GAPPED")["perp_ofi"].is_null().all()
    whole = option_and_perp_flow(options, perp_bins(linear), linear).drop_nulls(["trades", "perp_quality"])
    assert whole.height > 5
    with pytest.raises(InputError, match="measure both with one every_ns"):
        option_and_perp_flow(option_flow(trades, quotes, every_ns=3 * SECOND_NS), perp_bins(linear), linear)
    with pytest.raises(InputError, match="0 are the same"):
        option_and_perp_flow(options, perp_bins(linear).with_columns(pl.col("ts").dt.offset_by("1d")), linear)


def test_wrong_and_empty_input() -> None:
    trades, quotes = traded((1, CALL, 1, 0.03, 1.0)), quoted((0, CALL, {}))
    with pytest.raises(InputError, match="option quotes need symbol; join"):
        option_flow(trades, quotes.drop("symbol"), every_ns=SECOND_NS)
    with pytest.raises(DataError, match="1 rows have NaN among"):
        option_flow(trades, quoted((0, CALL, {"vega": float("nan")})), every_ns=SECOND_NS)
    with pytest.raises(DataError, match="goes back"):
        option_flow(trades, quoted((1, CALL, {}), (0, CALL, {})), every_ns=SECOND_NS)
    with pytest.raises(UnknownName, match="assumption about dealers"):
        option_flow(trades, quotes, every_ns=SECOND_NS, dealers="brave")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="longer than nothing"):
        option_flow(trades, quotes, every_ns=0)
    full = option_flow(trades, quotes, every_ns=SECOND_NS)
    assert option_flow(traded(), quoted(), every_ns=SECOND_NS).schema == full.schema
    assert option_flow(trades, quoted(), every_ns=SECOND_NS)["delta_flow"].to_list() == [None]
    assert option_flow_by_strike(traded(), quoted(), every_ns=SECOND_NS).height == 0


@pytest.mark.realdata
def test_recorded_chain_as_quotes(data_dir: Path) -> None:
    """One coin of every option of a recorded chain is bought: the flow is the sum of the venue's greeks, coin by coin."""
    chain = deribit_chains(data_dir, count=1).filter(pl.col("base") == "BTC")
    bought = chain.select(pl.col("ts_local") + 1, pl.lit(0, pl.Int64).alias("seq"), pl.lit(1, pl.Int64).alias("side"),
                          pl.col("mark_price").alias("price"), pl.lit(1.0).alias("qty"),
                          *option_terms(chain["symbol"], venue="deribit").columns)  # fmt: skip
    row = option_flow(bought, chain, every_ns=SECOND_NS).to_dicts()[0]
    assert (row["trades"], row["unweighted_trades"]) == (chain.height, 0)
    assert row["delta_flow"] == pytest.approx(chain["delta"].sum())
    assert row["vega_flow"] == pytest.approx(chain["vega"].sum())
    assert row["signed_premium"] == pytest.approx((chain["mark_price"] * chain["underlying_price"]).sum())
    assert row["gamma_flow"] == pytest.approx(with_weights(chain)["gamma_coin"].sum())
    assert 0 < row["gamma_flow"] < 0.2 * chain.height
