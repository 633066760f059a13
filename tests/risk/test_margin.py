"""Liquidation prices that venues publish, and tiers that cannot be meant."""

from __future__ import annotations

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, InputError, UnknownName
from counterpoise.risk.margin import (
    SHIPPED,
    MarginRules,
    bankruptcy_price,
    liquidation_price,
    margin_rules,
    price_at_rate,
)
from counterpoise.risk.margin_tiers import Tier, TierTable

BTC_2024 = margin_rules("binance_usdm", "BTCUSDT", on="2024-08-08")


def test_binance_cross_example() -> None:
    """Two longs that share a wallet; Binance's help page on the liquidation price of USD-M contracts."""
    wallet = 1_535_443.01
    eth = {"qty": 3683.979, "entry": 1456.84, "mark": 1335.18, "rate": 0.1, "cum": 135_365.0}
    btc = {"qty": 109.488, "entry": 32481.98, "mark": 31967.27, "rate": 0.025, "cum": 16_300.0}
    for own, other, published in ((eth, btc, 1153.26), (btc, eth, 26316.89)):
        maintenance = other["qty"] * other["mark"] * other["rate"] - other["cum"]
        collateral = wallet - maintenance + other["qty"] * (other["mark"] - other["entry"])
        found = price_at_rate(collateral, own["qty"], own["entry"], rate=own["rate"], cum=own["cum"])
        assert found == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize(("on", "published"), [("2025-12-31", 45_662.10), ("2026-01-01", 45_681.82)])
def test_bybit_inverse_isolated_before_and_after_the_change(on: str, published: float) -> None:
    rules = margin_rules("bybit", "BTCUSD", on=on)
    assert liquidation_price(rules, 60_000 / 50_000 / 10, 60_000, 50_000) == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize("side", [1, -1])
def test_okx_linear_formula(side: int) -> None:
    """(E ∓ margin/Q) / (1 ∓ (mmr + fee)): 2 coins at 100, margin 20, 1 % and .05 %."""
    tiers = TierTable(tiers=(Tier(floor=0, maintenance=0.01),))
    rules = MarginRules(venue="okx", valid_from="2025-01-01", tiers=tiers, fee=0.0005, adl="okx")
    expected = (100 - side * 20 / 2) / (1 - side * 0.0105)
    assert liquidation_price(rules, 20, side * 2, 100) == pytest.approx(expected, rel=1e-14)


def test_maintenance_amounts_of_2021_as_published() -> None:
    """Binance's column "maintenance amount" for BTCUSDT, announcement of 2021-03-18."""
    cums = margin_rules("binance_usdm", "BTCUSDT", on="2021-06-01").tiers.cums
    assert np.allclose(
        cums, [0, 50, 1_300, 16_300, 266_300, 1_266_300, 2_516_300, 5_016_300, 25_016_300, 100_016_300], rtol=1e-12
    )


def test_coin_quarterlies_of_2021_ask_twice_maintenance_at_first() -> None:
    """Announcement of 2021-08-23: 50, 20, 10, 5 and 4 times need twice their maintenance; 11 coins ask .11 + .025 less .025."""
    tiers = margin_rules("binance_coinm", "BTCUSD_211231", on="2021-11-10").tiers
    assert [tier.initial / tier.maintenance for tier in tiers.tiers[:5]] == pytest.approx([2.0] * 5)
    assert [tier.floor for tier in tiers.tiers] == [0, 10, 50, 100, 200, 400, 800, 1500]
    assert tiers.maintenance(np.array([10.0, 11.0, 60.0])) == pytest.approx([0.1, 0.125, 1.6])
    with pytest.raises(InputError, match="known from 2021-08-23"):
        margin_rules("binance_coinm", "BTCUSD_211231", on="2021-08-23")


@given(st.sampled_from(SHIPPED), st.booleans(), st.floats(1e-3, 1e4), st.floats(1.05, 100), st.floats(1_000, 100_000))
def test_equity_meets_maintenance_at_the_price(
    rules: MarginRules, long: bool, coins: float, leverage: float, entry: float
) -> None:
    qty = (1 if long else -1) * coins * (entry if rules.inverse else 1.0)
    collateral = (coins if rules.inverse else coins * entry) / leverage
    price = liquidation_price(rules, collateral, qty, entry)
    if isnan(price):
        return
    value = abs(qty) / price if rules.inverse else abs(qty) * price
    at = abs(qty) / entry if rules.maintenance_at == "entry" else value
    gain = qty * (1 / entry - 1 / price) if rules.inverse else qty * (price - entry)
    needed = float(rules.tiers.maintenance(np.array([at]))[0])
    assert collateral + gain == pytest.approx(needed, abs=1e-9 * max(value, collateral, abs(gain)))
    broke = bankruptcy_price(rules, collateral, qty, entry)
    assert isnan(broke) or (price >= broke if long else price <= broke)


@given(st.floats(0, 3e9), st.floats(0, 3e9))
def test_maintenance_is_continuous_and_rises(first: float, second: float) -> None:
    low, high = BTC_2024.tiers.maintenance(np.array(sorted((first, second))))
    assert low <= high <= low + 0.5 * abs(second - first) + 1e-6


def test_inverse_short_with_more_coins_than_it_owes_is_never_liquidated() -> None:
    rules = margin_rules("bybit", "BTCUSD", on="2026-02-01")
    assert isnan(liquidation_price(rules, 1.3, -60_000, 50_000))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "tiers is empty"),
        ([(5, inf, 0.1)], r"tiers\[0\].floor is 5; expected 0"),
        ([(0, 10, 0.1)], r"tiers\[0\].cap is 10; expected inf"),
        ([(0, 10, 0.1), (9, inf, 0.2)], r"tiers\[1\].floor is 9, which overlaps tiers\[0\]"),
        ([(0, 10, 0.1), (11, inf, 0.2)], r"tiers\[1\].floor is 11, which leaves a gap"),
        ([(0, 10, 0.1), (10, inf, 0.1)], r"tiers\[1\].maintenance is 0.1 after 0.1; expected rates that rise"),
        ([(0, inf, 1.0)], r"tiers\[0\].maintenance is 1"),
        ([(0, inf, float("nan"))], r"tiers\[0\].maintenance is nan"),
        ([(0, 0, 0.1), (0, inf, 0.2)], "expected 0 <= floor < cap"),
    ],
)
def test_tiers_that_cannot_be_meant_are_refused(rows: list[tuple[float, float, float]], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TierTable(tiers=tuple(Tier(floor=floor, cap=cap, maintenance=rate) for floor, cap, rate in rows))


def test_initial_rates_are_checked_where_given() -> None:
    with pytest.raises(ConfigError, match=r"tiers\[0\].initial is 0.05; expected at least maintenance"):
        TierTable(tiers=(Tier(floor=0, maintenance=0.1, initial=0.05),))
    with pytest.raises(ConfigError, match=r"tiers\[1\].initial is 0.3 after 0.5"):
        TierTable(tiers=(Tier(floor=0, cap=1, maintenance=0.1, initial=0.5), Tier(floor=1, maintenance=0.2, initial=0.3)))


def test_rules_are_found_by_date_and_name() -> None:
    assert margin_rules("binance_usdm", "BTCUSDT", on="2023-12-31").valid_from == "2021-03-18"
    assert margin_rules("binance_usdm", "BTCUSDT", on="2024-01-01").valid_from == "2024-01-01"
    with pytest.raises(InputError, match="known from 2021-03-18"):
        margin_rules("binance_usdm", "BTCUSDT", on="2020-01-01")
    with pytest.raises(UnknownName, match="did you mean 'binance_usdm:BTCUSDT'"):
        margin_rules("binance_usdm", "BTCUSD", on="2024-01-01")


def test_rules_read_from_toml() -> None:
    text = """
venue = "own"
valid_from = "2026-11-01"
[tiers]
tiers = [{floor = 0.0, cap = 1e6, maintenance = 0.01}, {floor = 1e6, maintenance = 0.02}]
"""
    rules = parse_config(text, MarginRules)
    assert rules.tiers.cums.tolist() == [0, 10_000]


@pytest.mark.parametrize(
    ("qty", "entry", "rate"), [(0.0, 1.0, 0.1), (1.0, 0.0, 0.1), (1.0, 1.0, 1.0), (1.0, float("nan"), 0.1)]
)
def test_impossible_positions_are_refused(qty: float, entry: float, rate: float) -> None:
    with pytest.raises(InputError, match="a position needs a quantity"):
        price_at_rate(1.0, qty, entry, rate=rate)


@pytest.mark.parametrize("fee", [-0.1, 0.1, float("nan")])
def test_fee_out_of_bounds_is_refused(fee: float) -> None:
    with pytest.raises(InputError, match="fee is"):
        MarginRules(venue="x", valid_from="2026-01-01", tiers=BTC_2024.tiers, fee=fee)
