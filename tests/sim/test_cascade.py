"""Cascades worked by hand, the linear law, and money that is never made or lost."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.book import Levels
from counterpoise.risk.margin import MarginRules
from counterpoise.risk.margin_tiers import Tier, TierTable
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult, cascade, compare
from counterpoise.sim.leverage.cascade_config import (
    LEVERS,
    Backstop,
    CascadeConfig,
    DepthProfile,
    DynamicMargin,
    Hedge,
    PartialLiquidation,
    Policy,
    PriceBand,
    Throttle,
    VolatilityAuction,
)

ONE_PERCENT = MarginRules(venue="own", valid_from="2026-01-01", tiers=TierTable(tiers=(Tier(floor=0, maintenance=0.01),)))
TEN_A_TICK = CascadeConfig(  # 10 lots at each tick of 1, from 1,000 down
    tick="1",
    lot="1",
    price=1000.0,
    shock_bps=-100.0,
    duration="10s",
    reach_bps=5000.0,
    rules=ONE_PERCENT,
    book=DepthProfile(density=1000.0),
    refill_half_life="",
    fund=0.0,
    fee_bps=0.0,
)


def accounts_of(*rows: tuple[int, int, int]) -> Accounts:
    """Cross accounts of (signed lots, entry, wallet)."""
    lots, entry, wallet = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Accounts(lots, entry, wallet, wallet, np.ones(len(rows), bool))


def money(accounts: Accounts) -> int:
    return int(accounts.wallet.sum() - (accounts.signed_lots * accounts.entry_ticks).sum())


def require_conserved(result: CascadeResult, *, fund: int) -> None:
    balance = result.balance
    assert money(result.before) + fund == money(result.after) + balance.fund + balance.market_cash + balance.backstop_cash
    lots = int(result.after.signed_lots.sum()) + balance.market_lots + balance.backstop_lots
    assert int(result.before.signed_lots.sum()) == lots


def test_ladder_of_liquidations_clears_as_by_hand() -> None:
    """A falls at 990 = (20 × 1000 − 398) / (20 × .99) and sells 10 at 990, 10 at 989; that is B's 988; C's 985 stands."""
    held = accounts_of((20, 1000, 398), (10, 1000, 218), (5, 1000, 124))
    result = cascade(TEN_A_TICK, accounts=held)
    assert result.frame["price"].to_list() == [988.0] + [987.0] * 9
    assert result.frame["triggered"].to_list()[:3] == [1, 1, 0]
    assert result.after.wallet.tolist() == [398 - 10 * 10 - 10 * 11, 218 - 10 * 12, 124]
    assert result.after.signed_lots.tolist() == [0, 0, 5]
    assert result.by_tier["liquidated"].to_list() == [9_900 + 9_890, 9_880]
    assert result.amplification == pytest.approx(1.3)
    assert result.balance.market_lots == 30
    require_conserved(result, fund=0)


def test_fund_then_deleveraging_as_by_hand() -> None:
    """A is bankrupt at 981 and the best is 980: a fund of 5 pays one for each of 5 lots.

    What rounding left then covers 980: 5 more are sold there, and the last 10 go to the short in profit.
    """
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-200.0, fund=5.0, accounts=AccountsConfig(count=0))
    result = cascade(config, accounts=accounts_of((20, 1000, 398), (-30, 1000, 1000), (-30, 970, 1000)))
    assert result.balance.fund == 0
    assert result.balance.market_cash == -10 * 980
    assert result.after.wallet.tolist() == [398 - 5 * 19 - 15 * 20, 1000 + 10 * 20, 1000]
    assert result.victims.rows() == [(1, False, -10, 980.0, -20)]
    assert result.summary["uncovered"].item() == 0
    require_conserved(result, fund=5)


def test_without_deleveraging_the_fund_goes_below_zero() -> None:
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-200.0, fund=5.0, adl=False)
    result = cascade(config, accounts=accounts_of((20, 1000, 398), (-30, 1000, 1000)))
    assert result.balance.fund == 5 - 10 * (981 - 980) - 10 * (980 - 979)
    assert result.summary["uncovered"].item() == 15
    require_conserved(result, fund=5)


def test_isolated_position_loses_its_margin_only() -> None:
    held = Accounts(*(np.array([value]) for value in (20, 1000, 5000, 398, False)))
    result = cascade(msgspec.structs.replace(TEN_A_TICK, shock_bps=-300.0, fund=1000.0), accounts=held)
    assert result.after.wallet.tolist() == [5000 - 398 + 398 - 10 * 19 - 10 * 20]
    cross = held._replace(cross=np.array([True]))
    assert cascade(msgspec.structs.replace(TEN_A_TICK, shock_bps=-300.0), accounts=cross).after.wallet.tolist() == [5000]


def ladder_of_longs() -> Accounts:
    """200 lots at each tick from 9,999 down to 8,500: wallet 200 × 10,000 − 198 × price."""
    price = np.arange(9999, 8499, -1)
    n = len(price)
    return Accounts(np.full(n, 200), np.full(n, 10_000), 2_000_000 - 198 * price, np.zeros(n, np.int64), np.ones(n, bool))


@pytest.mark.parametrize("through", ["book", "permanent impact"])
def test_linear_market_amplifies_by_one_over_one_minus_product(through: str) -> None:
    """execution.md: 500 at λ = .002 a lot and d = 200 lots a tick → 833.33."""
    config = msgspec.structs.replace(
        TEN_A_TICK,
        price=10_000.0,
        shock_bps=-500.0,
        duration="1m",
        fund=1e9,
        book=DepthProfile(density=500 * 10_000.0 if through == "book" else 1e12),
        impact=TransientImpact(bps_per_million=0.0 if through == "book" else 0.2, permanent=1.0),
    )
    result = cascade(config, accounts=ladder_of_longs())
    assert 10_000 - result.frame["price"][-1] == pytest.approx(500 / (1 - 0.002 * 200), rel=0.01)
    assert result.amplification == pytest.approx(1 / (1 - 0.4), rel=0.01)


def test_a_rise_liquidates_shorts() -> None:
    held = accounts_of((20, 1000, 398), (-20, 1000, 398), (30, 1000, 5000))
    result = cascade(msgspec.structs.replace(TEN_A_TICK, shock_bps=100.0), accounts=held)
    assert result.after.signed_lots.tolist() == [20, 0, 30]
    assert result.frame["price"][0] == 1012.0
    assert result.balance.market_lots == -20
    assert result.after.wallet[1] == 398 - 10 * 10 - 10 * 11
    require_conserved(result, fund=0)


POLICIES = st.builds(
    Policy,
    throttle=st.none() | st.builds(Throttle, value_per_s=st.floats(1e3, 1e6)),
    band=st.none() | st.builds(PriceBand, width_bps=st.floats(10, 500)),
    auction=st.none()
    | st.builds(VolatilityAuction, trigger_bps=st.floats(50, 500), window=st.just("2s"), halt=st.sampled_from(["1s", "5s"])),
    margin=st.none() | st.builds(DynamicMargin, after_bps=st.floats(50, 500), factor=st.sampled_from([0.5, 2.0])),
    backstop=st.none() | st.builds(Backstop, value=st.floats(1e3, 1e6), discount_bps=st.floats(0, 300)),
    partial=st.none() | st.builds(PartialLiquidation, share=st.floats(0.05, 1)),
)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    shock=st.floats(50, 3000),
    up=st.booleans(),
    policy=POLICIES,
    fund=st.sampled_from([0, 500, 10**7]),
    adl=st.booleans(),
    broke=st.booleans(),
)
def test_money_and_lots_are_conserved(
    seed: int, shock: float, up: bool, policy: Policy, fund: int, adl: bool, broke: bool
) -> None:
    draw = np.random.default_rng(seed)
    n = 80
    lots = draw.integers(1, 200, n) * draw.choice([1, -1], n)
    entry = draw.integers(900, 1100, n)
    wallet = np.abs(lots) * draw.integers(15, 200, n) - np.minimum(lots * (1000 - entry), 0)
    if broke:
        wallet[:5] = 3
    cross = draw.random(n) < 0.5
    held = Accounts(lots, entry, wallet + ~cross * 77, wallet, cross)
    config = msgspec.structs.replace(
        TEN_A_TICK,
        shock_bps=shock if up else -shock,
        shock_over="3s",
        duration="30s",
        refill_half_life="2s",
        fee_bps=30.0,
        fund=float(fund),
        adl=adl,
        allow_bankrupt=True,
        hedge=Hedge(notional=50_000.0),
        impact=TransientImpact(bps_per_million=500.0),
        policy=policy,
    )
    result = cascade(config, accounts=held)
    require_conserved(result, fund=fund)
    taken = result.victims["signed_lots"].abs().sum()
    assert taken == result.frame["adl_lots"].sum()
    winners = result.victims["account"].to_numpy()
    assert (result.after.wallet[winners] >= result.before.wallet[winners]).all()
    untouched = result.after.signed_lots == result.before.signed_lots
    assert (result.after.wallet[untouched] == result.before.wallet[untouched]).all()


def test_bankrupt_accounts_are_refused_unless_asked_for() -> None:
    held = accounts_of((5, 1000, 10), (20, 1010, 150))
    with pytest.raises(InputError, match=r"1 accounts are bankrupt at 1000 ticks, the first is 1.*allow_bankrupt"):
        cascade(TEN_A_TICK, accounts=held)
    result = cascade(msgspec.structs.replace(TEN_A_TICK, allow_bankrupt=True, adl=False), accounts=held)
    assert result.after.signed_lots.tolist() == [0, 0]
    require_conserved(result, fund=0)


def test_our_own_hedge_is_deleveraged_and_marked() -> None:
    """A short at 20 times with the most profit ranks before the others."""
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-300.0, hedge=Hedge(notional=10_000.0, leverage=20, entry_bps=200.0))
    result = cascade(config, accounts=accounts_of((20, 1000, 398), (-30, 1000, 9000)))
    ours = result.victims.filter("ours")
    assert ours["signed_lots"].to_list() == [-10]
    assert result.summary["adl_ours"].item() == 10
    assert result.victims.filter(~result.victims["ours"])["signed_lots"].to_list() == [-10]


LONGS = AccountsConfig(count=3000, long_share=1.0, notional=3000.0, entry_sigma_bps=0.0)
EVERY_LEVER = Policy(
    throttle=Throttle(value_per_s=20_000.0),
    band=PriceBand(width_bps=30.0),
    auction=VolatilityAuction(trigger_bps=300.0, window="3s", halt="5s"),
    margin=DynamicMargin(after_bps=200.0, factor=0.5),
    backstop=Backstop(value=200_000.0, discount_bps=20.0),
    partial=PartialLiquidation(share=0.25),
)
RANDOM_MARKET = msgspec.structs.replace(
    TEN_A_TICK,
    price=10_000.0,
    lot="0.01",
    shock_bps=-600.0,
    shock_over="5s",
    duration="2m",
    book=DepthProfile(density=10_000.0),
    refill_half_life="5s",
    accounts=LONGS,
    fund=1e6,
    policy=EVERY_LEVER,
)


def test_every_lever_binds_beside_none() -> None:
    found = compare(RANDOM_MARKET)
    assert found.frame["policy"].to_list() == ["none", *LEVERS, "all"]
    results, none = found.results, found.results["none"]
    assert none.summary["accounts"].item() > 300
    assert all((result.before.wallet == none.before.wallet).all() for result in results.values())
    lot_value = 10_000 * 0.01
    assert results["throttle"].frame["book_lots"].max() == 20_000 / lot_value < none.frame["book_lots"].max()
    halted = results["auction"].frame.filter("halted")
    assert halted.height >= 5
    assert halted["book_lots"].sum() == halted["triggered"].sum() == 0
    assert not none.frame["halted"].any()
    assert results["margin"].summary["accounts"].item() < none.summary["accounts"].item()
    assert results["backstop"].balance.backstop_lots == 200_000 / lot_value
    assert results["partial"].frame["triggered"].sum() > 0
    left = results["partial"].after.signed_lots
    assert ((left > 0) & (left < results["partial"].before.signed_lots)).any()
    moved = results["band"].frame["price"].diff().abs().max()
    assert moved <= 30 + 120 + 1 < none.frame["price"].diff().abs().max()


def test_same_seed_same_result_and_config_is_hashed() -> None:
    first, second = cascade(RANDOM_MARKET), cascade(RANDOM_MARKET)
    assert first.frame.equals(second.frame)
    assert first.config_hash == second.config_hash
    other = cascade(msgspec.structs.replace(RANDOM_MARKET, seed=1))
    assert not first.frame.equals(other.frame)
    assert first.config_hash != other.config_hash


def test_book_refills_by_its_half_life() -> None:
    """One account sells 100 lots, ten ticks deep; with nobody left half of the way back takes one half-life."""
    config = msgspec.structs.replace(TEN_A_TICK, refill_half_life="5s", duration="30s")
    price = cascade(config, accounts=accounts_of((100, 1000, 1990))).frame["price"].to_list()
    assert price[0] == 980.0
    assert price[5] == pytest.approx(985, abs=1)
    assert price[10] == pytest.approx(987.5, abs=1)


def test_recorded_levels_stand_in_for_the_density() -> None:
    resting = Levels(np.array([1000, 998, 995]), np.array([10, 4, 6]))
    result = cascade(TEN_A_TICK, accounts=accounts_of((20, 1000, 398)), resting=resting)
    assert result.frame["price"][0] == 1000 - 10 - 6  # 20 lots take all three levels, then 20 / 6 lots a tick go on
    for bad in (Levels(np.array([], np.int64), np.array([], np.int64)), Levels(np.array([1000, 1001]), np.array([1, 1]))):
        with pytest.raises(InputError, match="expected some, of positive lots, from the best away"):
            cascade(TEN_A_TICK, accounts=accounts_of((20, 1000, 398)), resting=bad)


def test_a_book_without_end_of_sellers_is_exhausted() -> None:
    """500 lots a tick forced on a book of 10: it ends where the simulation does, and says so."""
    config = msgspec.structs.replace(TEN_A_TICK, reach_bps=2000.0, fund=1e9, duration="1m")
    result = cascade(config, accounts=accounts_of(*((500, 1000, 9000 + 495 * k) for k in range(200))))
    assert result.summary["exhausted"].item()
    assert result.frame["price"].min() >= 800
    assert result.summary["queued"].item() > 0
    require_conserved(result, fund=10**9)
    assert not cascade(TEN_A_TICK, accounts=accounts_of((20, 1000, 398))).summary["exhausted"].item()


def test_no_accounts_no_amplification() -> None:
    config = msgspec.structs.replace(TEN_A_TICK, accounts=AccountsConfig(count=0))
    result = cascade(config)
    assert result.amplification == 1
    assert result.by_tier.height == result.victims.height == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shock_bps = 0.0", r"\|shock_bps\| is 0.0; expected 1 to 9000"),
        ("shock_bps = -9500.0", "expected 1 to 9000"),
        ("reach_bps = 500.0", "reach_bps is 500.0; expected 1000 to 9900"),
        ("fund = -1.0", "fund is -1.0; expected 0"),
        ("[book]\ndensity = -5.0", "book.density is -5.0"),
        ("[book]\nexponent = nan", "book.exponent is nan"),
        ("[accounts]\nlong_share = 1.5", "accounts.long_share is 1.5; expected 0 to 1"),
        ("[accounts]\nleast_leverage = 60.0", "least_leverage is 60; expected at most most_leverage = 50"),
        ("[impact]\npermanent = 1.5", r"permanent in \[0, 1\]"),
        ("[policy.throttle]\nvalue_per_s = 0.0", "policy.throttle.value_per_s is 0.0"),
        ("[policy.margin]\nfactor = 1.0", "policy.margin.factor is 1, which changes nothing"),
        ("[policy.margin]\nfactor = 3.0", "policy.margin.factor is 3.0; expected below 2"),
        ("[policy.partial]\nshare = 0.0", "policy.partial.share is 0.0"),
        ("[hedge]\nnotional = 0.0", "hedge.notional is 0.0"),
        ('shock_over = "20m"', "shock_over is 20m; expected at most duration = 10m"),
        ('venue = "bybit"\nsymbol = "BTCUSD"\non = "2026-02-01"', "bybit:BTCUSD are inverse and contract is linear"),
        ('tick = "0.001"', r"price \[ticks\] is 60000000; expected 100 to"),
    ],
)
def test_impossible_configs_are_refused_with_field_and_bound(text: str, says: str) -> None:
    with pytest.raises((ConfigError, InputError), match=says):
        parse_config(text, CascadeConfig)


def test_accounts_that_do_not_fit_are_refused() -> None:
    held = accounts_of((20, 1000, 398))
    for bad, says in (
        (held._replace(wallet=np.array([1, 2])), "of one length"),
        (held._replace(cross=np.array([1])), "one bool"),
        (held._replace(entry_ticks=np.array([0])), "entry_ticks of account 0 is not positive"),
        (held._replace(cross=np.array([False]), margin=np.array([500])), "exceeds its wallet"),
        (held._replace(signed_lots=np.array([2**60])), "exceed 2⁶²"),
    ):
        with pytest.raises(InputError, match=says):
            cascade(TEN_A_TICK, accounts=bad)
