"""Levels by hand, those of accounts by the margin rules, and an estimate that adds up."""

from __future__ import annotations

from math import isnan
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.counteract.liquidation_map import LiquidationMap, estimate_map, map_of_accounts
from counterpoise.core.errors import InputError
from counterpoise.risk.margin import MarginRules, liquidation_price, margin_rules
from counterpoise.sim.leverage.accounts import Accounts

RULES: Final = margin_rules("binance_usdm", "BTCUSDT", on="2024-08-08")
INVERSE: Final = margin_rules("bybit", "BTCUSD", on="2026-06-01")
LEVELS: Final = LiquidationMap([95.0, 90.0, 97.0, 105.0], [1.0, 5.0, 2.0, 4.0], [-1, -1, -1, 1])


def test_a_move_sets_off_what_it_touches() -> None:
    assert LEVELS.set_off(100, 96) == 2
    assert LEVELS.set_off(100, 95) == 3
    assert LEVELS.set_off(97, 90) == 6  # what was touched before is gone
    assert LEVELS.set_off(100, 105) == 4
    assert LEVELS.set_off(100, 100) == 0


def test_the_cluster_is_where_the_sum_passes_the_bound() -> None:
    assert LEVELS.cluster(100, side=-1, most=0) == 97
    assert LEVELS.cluster(100, side=-1, most=2) == 95
    assert LEVELS.cluster(100, side=-1, most=3) == 90
    assert isnan(LEVELS.cluster(100, side=-1, most=8))
    assert LEVELS.cluster(100, side=1, most=3) == 105
    assert isnan(LEVELS.cluster(106, side=1, most=0))
    assert isnan(LiquidationMap([], [], []).cluster(1, side=1, most=0))


@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(0, 50), st.sampled_from((-1, 1))), max_size=20),
    st.integers(1, 200),
    st.integers(0, 100),
    st.sampled_from((-1, 1)),
)
def test_short_of_the_cluster_no_more_than_the_bound_is_set_off(
    rows: list[tuple[int, int, int]], start: int, most: int, side: int
) -> None:
    levels = LiquidationMap(*zip(*rows, strict=True)) if rows else LiquidationMap([], [], [])
    at = levels.cluster(start, side=side, most=most)
    end = 1000.0 if side > 0 else 0.5
    if isnan(at):
        assert levels.set_off(start, end) <= most
    else:
        assert levels.set_off(start, at) > most
        assert levels.set_off(start, at - side * 0.5) <= most


def test_accounts_stand_at_their_own_liquidation_prices() -> None:
    accounts = Accounts(
        np.array([1000, -2000, 0]), np.array([500_000] * 3), *(np.array([50_000_000] * 3),) * 2, np.array([True, False, True])
    )
    frame = map_of_accounts(accounts, RULES, tick=0.1, lot=0.001).frame()
    collateral = 50_000_000 * 0.1 * 0.001
    expected = [liquidation_price(RULES, collateral, 1.0, 50_000.0), liquidation_price(RULES, collateral, -2.0, 50_000.0)]
    assert frame["price"].to_list() == pytest.approx(expected)
    assert frame["notional"].to_list() == pytest.approx([expected[0], 2 * expected[1]])
    assert frame["side"].to_list() == [-1, 1]


def test_an_estimate_by_hand() -> None:
    """Half a percent of maintenance, 10 times leverage: longs go at .9/.995, shorts at 1.1/1.005 of the entry."""
    rules = MarginRules(venue="v", valid_from="2024-01-01", tiers=INVERSE.tiers)
    levels = estimate_map(1e6, rules, mark=100, entries=[(100.0, 1.0)], leverages=[(10.0, 1.0)]).frame()
    assert levels["price"].to_list() == pytest.approx([90 / 0.995, 110 / 1.005])
    assert levels["notional"].to_list() == pytest.approx([1e6 * 0.9 / 0.995, 1e6 * 1.1 / 1.005])


def test_who_would_be_gone_is_left_out_and_the_rest_stands_for_all() -> None:
    entries, leverages = [(100.0, 1.0), (120.0, 3.0)], [(2.0, 1.0), (10.0, 1.0)]
    frame = estimate_map(1e6, RULES, mark=100, entries=entries, leverages=leverages, long_share=1.0).frame()
    assert frame.height == 3  # longs of 120 at ten times are gone
    held = ((100.0, 2.0), (100.0, 10.0), (120.0, 2.0))
    prices = {round(liquidation_price(RULES, 1e4 / leverage, 1e4 / entry, entry), 6): entry for entry, leverage in held}
    at_entry = [value * prices[round(price, 6)] / price for price, value, _ in frame.iter_rows()]
    assert sum(at_entry) == pytest.approx(2e6)
    assert sorted(at_entry) == pytest.approx([4e5, 4e5, 12e5])


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(InputError, match="leave out who"):
        LiquidationMap([1.0, float("nan")], [1.0, 1.0], [1, 1])
    with pytest.raises(InputError, match="one length"):
        LiquidationMap([1.0], [1.0, 1.0], [1])
    one = {"mark": 100.0, "entries": [(100.0, 1.0)], "leverages": [(10.0, 1.0)]}
    with pytest.raises(InputError, match="inverse"):
        estimate_map(1.0, INVERSE, **one)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lower leverages"):
        estimate_map(1.0, RULES, **(one | {"mark": 50.0}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="pairs"):
        estimate_map(1.0, RULES, **(one | {"entries": []}))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 0"):
        estimate_map(-1.0, RULES, **one)  # type: ignore[arg-type]
