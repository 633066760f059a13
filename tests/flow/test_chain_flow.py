"""Chain-to-chain flow: against a slow twin, by hand, and on recorded chains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, parse_time
from counterpoise.flow.derivatives.chain_changes import GROUPS as CHANGES
from counterpoise.flow.derivatives.chain_changes import chain_changes
from counterpoise.flow.derivatives.chain_flow import GROUPS, chain_flow
from counterpoise.flow.derivatives.option_weights import with_weights
from counterpoise.market.chain import CHAIN_COLUMNS, option_terms
from reference.deribit_chains import deribit_chains
from reference.naive_chain_flow import naive_chain_changes
from reference.naive_options_flow import black_price, gamma_by_difference

T0 = parse_time("2026-01-05T04:00")
CALL, PUT, DAILY = "BTC-27MAR26-100000-C", "BTC-27MAR26-80000-P", "BTC-5JAN26-90000-C"
ETH = "ETH-27MAR26-4000-C"
SYMBOLS = (CALL, PUT, DAILY, "BTC-27MAR26-80000-C", ETH, "ETH-6JAN26-3000-P")


def option(symbol: str, hours: float, interest: float, volume: float = 0.0, **said: Any) -> dict[str, Any]:
    sign = 1 if symbol.endswith("C") else -1
    told = {"underlying_price": 92_000.0, "mark_price": 0.01, "mark_iv": 0.5, "delta": 0.4 * sign, "gamma": 2e-5, "vega": 150.0}
    return {
        "ts_local": T0 + round(hours * HOUR_NS),
        "symbol": symbol,
        "open_interest": interest,
        "volume": volume,
        **told,
        **said,
    }


def chains(*rows: dict[str, Any]) -> pl.DataFrame:
    table = pl.DataFrame(list(rows), infer_schema_length=None).sort("ts_local", maintain_order=True)
    told = table.join(option_terms(table["symbol"], venue="deribit"), on="symbol", how="left", maintain_order="left")
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in CHAIN_COLUMNS.items() if n not in told.columns]
    return told.with_columns(absent).select(pl.col(n).cast(dtype) for n, dtype in CHAIN_COLUMNS.items())


def test_held_new_returned_expired_gone_by_hand() -> None:
    table = chains(
        option(CALL, 0, 10, 5), option(PUT, 0, 7, 2), option(DAILY, 0, 4, 1),
        option(CALL, 6, 13, 4), option("BTC-27MAR26-80000-C", 6, 2, 3, delta=0.7),
        option(CALL, 12, 13, 6), option("BTC-27MAR26-80000-C", 12, 2, 3, delta=0.7), option(PUT, 12, 9, 2),
    )  # fmt: skip
    changes = chain_changes(table)
    shown = {(row[0], row[1]): row[2:] for row in changes.select(
        pl.col("gap_ns").cum_count().over("symbol"), "symbol", "status", "open_interest_change", "volume_least", "volume_most"
    ).rows()}  # fmt: skip
    assert shown[1, CALL] == ("held", 3, 0, 4)
    assert shown[1, PUT] == ("gone", None, None, None)
    assert shown[1, DAILY] == ("expired", -4, None, None)
    assert shown[1, "BTC-27MAR26-80000-C"] == ("new", 2, None, 3)
    assert shown[2, CALL] == ("held", 0, 2, 6)
    assert shown[2, PUT] == ("returned", None, None, 2)
    flow = chain_flow(table).to_dicts()
    assert [flow[0][f"{s}_options"] for s in ("held", "new", "returned", "expired", "gone")] == [1, 1, 0, 1, 1]
    assert (flow[0]["call_change"], flow[0]["put_change"], flow[0]["expired_interest"]) == (5, 0, 4)
    assert flow[0]["delta_change"] == pytest.approx(3 * 0.4 + 2 * 0.7)
    assert flow[0]["gamma_change"] == pytest.approx(5 * 2e-5 * 920)
    assert flow[0]["vega_change"] == pytest.approx(750)
    assert flow[0]["call_vega_change"] == pytest.approx(450)  # the call at 80,000 is in the money
    assert (flow[0]["volume_least"], flow[0]["volume_most"]) == (0, None)  # what expired may have traded before
    assert flow[1]["volume_most"] == 11


def test_snapshots_more_than_a_day_apart() -> None:
    table = chains(option(CALL, 0, 10, 5), option(CALL, 30, 12, 3))
    assert chain_changes(table).select("gap_ns", "volume_least", "volume_most").rows() == [(30 * HOUR_NS, 3, None)]


def test_net_delta_and_dealers() -> None:
    table = chains(option(CALL, 0, 10), option(PUT, 0, 30), option(CALL, 1, 10), option(PUT, 1, 30))
    one, other = (chain_flow(table, dealers=name)["dealer_gamma"][0] for name in
                  ("customers_short_calls_long_puts", "customers_long_calls_short_puts"))  # fmt: skip
    assert one == pytest.approx((10 - 30) * 2e-5 * 920)
    assert other == -one
    grown = chains(option(CALL, 0, 10), option(CALL, 1, 12))
    assert chain_changes(grown, delta="net")["delta_change"].to_list() == pytest.approx([2 * (0.4 - 0.01)])
    with pytest.raises(InputError, match="no aggressor"):
        chain_flow(table, dealers="other_side")
    with pytest.raises(UnknownName, match="assumption about dealers"):
        chain_flow(table, dealers="nobody")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="delta"):
        chain_changes(table, delta="gross")  # type: ignore[arg-type]


def random_chains(seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    rows = []
    for hours in np.cumsum(draw.choice([1, 3, 7, 25], int(draw.integers(1, 7)))):
        for symbol in SYMBOLS:
            row = option(symbol, float(hours), float(draw.integers(0, 20)), float(draw.integers(0, 9)))
            row["delta"] = None if draw.random() < 0.15 else row["delta"]
            row["base"] = symbol[:3]
            if draw.random() < 0.75:
                rows.append(row)
    rows = [row for row in rows if row["ts_local"] < option_terms(pl.Series([row["symbol"]]), venue="deribit")["expiry_ns"][0]]
    return chains(*(rows or [option(CALL, 0, 1)]))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_changes_equal_naive_twin(seed: int) -> None:
    table = random_chains(seed)
    found = chain_changes(table).drop("out_of_money").with_columns(pl.col("ts_local", "since", "expiry").dt.epoch("ns"))
    expected = naive_chain_changes(table.to_dicts())
    assert found.height == len(expected)
    for ours, theirs in zip(found.to_dicts(), expected, strict=True):
        assert ours == {n: pytest.approx(v, rel=1e-12) if isinstance(v, float) else v for n, v in theirs.items()}


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_the_sum_is_the_sum_of_the_changes(seed: int) -> None:
    table = random_chains(seed)
    changes, flow = chain_changes(table), chain_flow(table)
    for row in flow.to_dicts():
        mine = changes.filter((pl.col("ts_local") == row["ts_local"]) & (pl.col("base") == row["base"]))
        open_ = mine.filter(pl.col("status").is_in(["held", "new"]))
        whole = open_.drop_nulls(["delta_change", "gamma_change", "vega_change"])
        assert row["unweighted_options"] == open_.height - whole.height
        for name in ("delta_change", "gamma_change", "vega_change"):
            known = whole.height or not open_.height
            assert row[name] == (pytest.approx(whole[name].sum(), rel=1e-9, abs=1e-9) if known else None)
        calls = open_.filter(pl.col("right") == "C")
        assert row["call_change"] == calls["open_interest_change"].sum()
        counts = dict(mine["status"].value_counts().rows())
        assert all(row[f"{s}_options"] == counts.get(s, 0) for s in ("held", "new", "returned", "expired", "gone"))


def test_laws_nothing_later_size_and_inputs() -> None:
    table = max((random_chains(seed) for seed in range(5)), key=len)
    before, changes, flow = table.clone(), chain_changes(table), chain_flow(table)
    assert flow.height > 3
    for ts in table["ts_local"].unique().sort()[1:]:
        part = table.filter(pl.col("ts_local") <= ts)
        for make, full in ((chain_changes, changes), (chain_flow, flow)):
            known = full.filter(pl.col("ts_local").dt.epoch("ns") <= ts)
            assert_frame_equal(make(part), known, check_exact=True)
    assert_frame_equal(table, before)
    larger = chain_flow(table.with_columns(pl.col("open_interest", "volume") * 4))
    linear = [c.name for c in GROUPS[0].columns if c.size == "linear"]
    assert_frame_equal(larger, flow.with_columns(pl.col(linear) * 4), check_exact=True)
    for group, frame in zip((*CHANGES, *GROUPS), (changes, flow), strict=True):
        assert all(sum(c.covers(column) for c in group.columns) == 1 for column in frame.columns)


def test_what_nobody_knows_is_not_zero() -> None:
    """Open interest that the venue does not say, and greeks that it does not: null where all is unknown, else counted."""
    unknown = chains(option(CALL, 0, None), option(CALL, 6, None), option(PUT, 0, 3), option(PUT, 6, 4))  # type: ignore[arg-type]
    row = chain_flow(unknown).to_dicts()[0]
    assert (row["call_change"], row["put_change"], row["open_interest"], row["unsized_options"]) == (None, 1, 4, 1)
    calls = chain_flow(unknown.filter(symbol=CALL)).to_dicts()[0]
    assert [calls[name] for name in ("open_interest", "put_change", "delta_change", "dealer_gamma")] == [None, 0, None, None]
    bare = {"delta": None, "gamma": None, "vega": None, "mark_iv": None}
    row = chain_flow(chains(option(CALL, 0, 5, **bare), option(CALL, 6, 9, **bare))).to_dicts()[0]
    assert (row["call_change"], row["unweighted_options"], row["unsized_options"]) == (4, 1, 0)
    assert [row[name] for name in ("delta_change", "vega_change", "call_vega_change", "dealer_gamma")] == [None] * 4
    assert row["put_vega_change"] == 0


def test_currencies_stand_apart() -> None:
    linear = "BTC_USDC-27MAR26-80000-P"
    table = chains(*(option(symbol, hours, 10 + hours) for hours in (0, 6) for symbol in (PUT, linear)))
    assert chain_changes(table).select("cash", "strike").rows() == [("USD", 80_000), ("USDC", 80_000)]
    assert chain_flow(table).select("cash", "put_vega_change").rows() == [("USD", 900), ("USDC", 900)]


def test_symbols_of_earlier_calls_return() -> None:
    """What one call over all snapshots gives, two give, when the second is told what the first has seen."""
    table = chains(option(CALL, 0, 9), option(PUT, 0, 5), option(CALL, 6, 9), option(CALL, 12, 9), option(PUT, 12, 7))
    earlier, later = (table.filter(part) for part in (pl.col("ts_local") <= T0 + 6 * HOUR_NS, pl.col("ts_local") > T0))
    parts = [chain_changes(earlier), chain_changes(later, seen=earlier["symbol"])]
    assert_frame_equal(pl.concat(parts), chain_changes(table))
    assert chain_flow(later, seen=earlier["symbol"])["returned_options"].to_list() == [1]


def test_empty_single_and_damaged_chains() -> None:
    single = chains(option(CALL, 0, 1))
    assert chain_changes(single).height == chain_flow(single).height == 0
    assert chain_flow(single.clear()).schema == chain_flow(chains(option(CALL, 0, 1), option(CALL, 1, 1))).schema
    with pytest.raises(DataError, match="1 not a number"):
        chain_changes(chains(option(CALL, 0, 1, delta=float("nan"))))
    with pytest.raises(DataError, match="goes back"):
        chain_flow(chains(option(CALL, 0, 1), option(CALL, 1, 1)).reverse())


@pytest.mark.realdata
def test_recorded_chains_add_up(data_dir: Path) -> None:
    """19 steps of each coin: what is open is what was, plus changes, less what expired; nothing vanishes before it expires."""
    table = deribit_chains(data_dir).drop("years")
    flow = chain_flow(table)
    assert flow.height == 38
    assert flow["returned_options"].sum() == flow["gone_options"].sum() == flow["unweighted_options"].sum() == 0
    assert (flow["expired_options"].sum(), flow["new_options"].sum()) == (346, 320)
    assert flow["gap_ns"].is_between(5 * HOUR_NS, 7 * HOUR_NS).all()
    for _, coin in flow.group_by("base"):
        rows = coin.sort("ts_local")
        change = rows["call_change"] + rows["put_change"] - rows["expired_interest"]
        moved = rows["open_interest"].diff()[1:]
        assert np.allclose(moved, change[1:], rtol=0, atol=1e-6)


@pytest.mark.realdata
def test_recorded_volume_bounds(data_dir: Path) -> None:
    """The bounds never cross. Open interest moves more than the day's volume in 54 of 24,886: it bounds nothing."""
    changes = chain_changes(deribit_chains(data_dir).drop("years")).filter(pl.col("status") == "held")
    assert changes.height == 24_886
    assert (changes["volume_least"] <= changes["volume_most"]).all()
    assert changes.filter(pl.col("open_interest_change").abs() > pl.col("volume_most") + 1e-6).height == 54
    assert changes["gap_ns"].max() < DAY_NS  # type: ignore[operator]


@pytest.mark.realdata
def test_recorded_greeks_are_those_of_black(data_dir: Path) -> None:
    """Black's coin price from iv gives the mark, so the closed gamma, checked by differences of that price, is the venue's."""
    table = deribit_chains(data_dir, count=2)
    some = table.filter(pl.col("mark_iv") * pl.col("years").sqrt() > 0.01)[::37]
    weighted = with_weights(some)
    marks, gammas = [], []
    for row in weighted.iter_rows(named=True):
        forward, of = row["underlying_price"], (row["strike"], row["years"], row["mark_iv"])
        marks.append(abs(black_price(forward, *of, row["right"]) / forward - row["mark_price"]))
        year = (row["expiry_ns"] - row["ts_local"]) / (365 * DAY_NS)
        by_difference = gamma_by_difference(forward, row["strike"], year, row["mark_iv"]) * forward / 100
        gammas.append(abs(row["gamma_coin"] - by_difference) / max(by_difference, 1e-4))
    assert len(marks) > 60
    assert np.median(marks) < 3e-5
    assert max(gammas) < 1e-3
