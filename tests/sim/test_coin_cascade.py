"""Cascades of inverse contracts worked by hand: coins kept to the grain, longs that lose faster, and where that leads."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.risk.margin import MarginRules, bankruptcy_price, liquidation_price
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
from counterpoise.sim.leverage.coin_accounts import CoinAccounts, draw_coin_accounts

COIN = 10**10  # grains that a lot of 100 is worth at a price of 1
ONE_PERCENT = MarginRules(
    venue="own", valid_from="2026-01-01", inverse=True, tiers=TierTable(tiers=(Tier(floor=0, maintenance=0.01),))
)
TEN_A_TICK = CascadeConfig(  # 10 lots at each tick of 1, from 1,000 down
    contract="inverse",
    tick="1",
    lot="100",
    grain="0.00000001",
    price=1000.0,
    shock_bps=-100.0,
    duration="10s",
    reach_bps=5000.0,
    rules=ONE_PERCENT,
    book=DepthProfile(density=100.0),
    refill_half_life="",
    fund=0.0,
    fee_bps=0.0,
)


def worth(lots: int, price: int) -> Fraction:
    return Fraction(lots * COIN, price)


def needed(lots: int, entry: int, at: int) -> int:
    """Wallet of a long that is liquidated at this price exactly: 1.01 × worth there − cost."""
    return floor(Fraction(101, 100) * worth(lots, at) - round(worth(lots, entry)))


def accounts_of(*rows: tuple[int, int, int]) -> CoinAccounts:
    """Cross accounts of (signed lots, entry, wallet)."""
    lots, wallet = (np.array([row[at] for row in rows], np.int64) for at in (0, 2))
    cost = np.array([round(worth(abs(q), e)) for q, e, _ in rows])
    return CoinAccounts(lots, cost, wallet, wallet, np.ones(len(rows), bool))


def coins(accounts: CoinAccounts) -> int:
    return int(accounts.wallet.sum() + (np.sign(accounts.signed_lots) * accounts.cost).sum())


def require_conserved(result: CascadeResult, *, fund: int) -> None:
    balance, before, after = result.balance, result.before, result.after
    assert isinstance(before, CoinAccounts)
    assert isinstance(after, CoinAccounts)
    assert coins(before) + fund == coins(after) + balance.fund + balance.market_cash + balance.backstop_cash
    lots = int(after.signed_lots.sum()) + balance.market_lots + balance.backstop_lots
    assert int(before.signed_lots.sum()) == lots


def test_ladder_of_liquidations_clears_as_by_hand() -> None:
    """As the linear ladder: A falls at 990 and sells 10 at 990, 10 at 989; that is B's 988; C's 985 stands."""
    wallets = [needed(20, 1000, 990), needed(10, 1000, 988), needed(5, 1000, 985)]
    held = accounts_of((20, 1000, wallets[0]), (10, 1000, wallets[1]), (5, 1000, wallets[2]))
    result = cascade(TEN_A_TICK, accounts=held)
    assert result.frame["price"].to_list() == [988.0] + [987.0] * 9
    assert result.frame["triggered"].to_list()[:3] == [1, 1, 0]
    sold = [ceil(worth(10, price)) for price in (990, 989, 988)]
    assert result.after.wallet.tolist() == [
        wallets[0] + 20 * COIN // 1000 - sold[0] - sold[1],
        wallets[1] + 10 * COIN // 1000 - sold[2],
        wallets[2],
    ]
    assert result.after.signed_lots.tolist() == [0, 0, 5]
    assert result.by_tier["liquidated"].to_list() == pytest.approx([(sold[0] + sold[1]) * 1e-8, sold[2] * 1e-8], rel=1e-12)
    assert result.frame["liquidated_quote"].sum() == 3000.0
    assert result.balance.market_cash == sum(sold)
    assert result.balance.market_lots == 30
    require_conserved(result, fund=0)


def test_fund_then_deleveraging_to_the_last_grain() -> None:
    """Bought 20 at 1,000, bankrupt at 981, the best is 980: the fund can surely pay for 5 lots, the winner pays the rest."""
    wallet = ceil(worth(20, 981)) - 20 * COIN // 1000
    gap = ceil(worth(1, 980)) - floor(worth(1, 981))
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-200.0, fund=5 * gap * 1e-8)
    result = cascade(config, accounts=accounts_of((20, 1000, wallet), (-30, 1000, 10**9), (-30, 970, 10**9)))
    own = 20 * COIN // 1000 + wallet
    assert result.balance.fund == 5 * gap - ceil(worth(5, 980)) + own // 4
    assert result.balance.market_cash == ceil(worth(5, 980))
    assert result.after.wallet[0] == 0
    assert result.victims["signed_lots"].to_list() == [-15]
    assert result.victims["price"].to_list() == pytest.approx([981.0], rel=1e-8)
    assert result.after.wallet[1] == 10**9 + own - own // 4 - 15 * COIN // 1000
    assert result.summary["uncovered"].item() == 0
    require_conserved(result, fund=5 * gap)


def test_without_deleveraging_the_fund_goes_below_zero() -> None:
    wallet = ceil(worth(20, 981)) - 20 * COIN // 1000
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-200.0, adl=False)
    result = cascade(config, accounts=accounts_of((20, 1000, wallet), (-30, 1000, 10**9)))
    assert -result.balance.fund == ceil(worth(10, 980)) + ceil(worth(10, 979)) - 20 * COIN // 1000 - wallet
    assert result.after.wallet[0] == 0
    assert result.summary["uncovered"].item() == -result.balance.fund * 1e-8
    assert result.summary["uncovered_quote"].item() == -result.balance.fund * 1e-8 * 978
    require_conserved(result, fund=0)


def test_isolated_position_loses_its_margin_only() -> None:
    """Sold at 970 and 969, bankrupt at 981 with its margin: the fund pays if isolated, the wallet if cross."""
    margin, other = ceil(worth(20, 981)) - 20 * COIN // 1000, 10**9
    held = CoinAccounts(*(np.array([value]) for value in (20, 20 * COIN // 1000, margin + other, margin, False)))
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-300.0, fund=1.0)
    result = cascade(config, accounts=held)
    assert result.after.wallet.tolist() == [other]
    assert result.after.margin.tolist() == [0]
    require_conserved(result, fund=10**8)
    cross = cascade(config, accounts=held._replace(cross=np.array([True])))
    assert cross.after.signed_lots.tolist() == [20]


@pytest.mark.parametrize(("shock", "side"), [(-100.0, 1), (100.0, -1)])
def test_prices_are_those_of_the_margin_rules(shock: float, side: int) -> None:
    """Two tiers in coins: each account is closed in the step in which the price of `liquidation_price` is reached."""
    tiers = TierTable(tiers=(Tier(floor=0, cap=0.5, maintenance=0.01), Tier(floor=0.5, maintenance=0.04)))
    rules = msgspec.structs.replace(ONE_PERCENT, tiers=tiers)
    config = msgspec.structs.replace(
        TEN_A_TICK, rules=rules, shock_bps=shock * 20, shock_over="200s", duration="200s", fund=10.0
    )
    config = msgspec.structs.replace(config, book=DepthProfile(density=1e9))
    lots, leverage = np.array([2, 4, 8, 16, 2, 4, 8, 16]), np.array([10, 10, 10, 12, 20, 20, 15, 15])
    cost = np.rint(lots * COIN / 1000).astype(np.int64)
    wallet = np.ceil(cost / leverage).astype(np.int64)
    held = CoinAccounts(side * lots, cost, wallet, wallet, np.ones(8, bool))
    price = [liquidation_price(rules, w * 1e-8, float(q) * 100, 1000) for w, q in zip(wallet, side * lots, strict=True)]
    result = cascade(config, accounts=held)
    due = [int(np.ceil(side * (1000 - p))) - 1 for p in price]
    expected = np.bincount([step for step in due if step < 200], minlength=200)
    assert len(set(due)) > 5
    assert result.frame["triggered"].to_list() == expected.tolist()


@given(st.floats(1.1, 100), st.floats(0.001, 0.05), st.floats(1e3, 1e5))
def test_long_loses_faster_than_linear_and_short_slower(leverage: float, rate: float, entry: float) -> None:
    """Long: E(1 − 1/L)/(1 − m) linear, E(1 + m)/(1 + 1/L) inverse, bankrupt at E(1 − 1/L) and E/(1 + 1/L)."""
    tiers = TierTable(tiers=(Tier(floor=0, maintenance=rate),))
    linear = MarginRules(venue="own", valid_from="2026-01-01", tiers=tiers)
    inverse = msgspec.structs.replace(linear, inverse=True)
    if rate >= 1 / leverage:
        return
    coin = liquidation_price(inverse, 1 / leverage, entry, entry)
    assert coin == pytest.approx(entry * (1 + rate) / (1 + 1 / leverage), rel=1e-9)
    assert coin > liquidation_price(linear, entry / leverage, 1.0, entry)
    assert bankruptcy_price(inverse, 1 / leverage, entry, entry) > bankruptcy_price(linear, entry / leverage, 1.0, entry)
    short = liquidation_price(inverse, 1 / leverage, -entry, entry)
    assert short > liquidation_price(linear, entry / leverage, -1.0, entry)


def ladder_of_longs() -> CoinAccounts:
    """200 lots at each tick from 9,999 down to 8,500: wallet 200 coin (1.01 / price − 1 / 10,000)."""
    price = np.arange(9999, 8499, -1)
    cost = np.full(len(price), 200 * COIN // 10_000)
    wallet = np.floor(1.01 * 200 * COIN / price).astype(np.int64) - cost
    return CoinAccounts(np.full(len(price), 200), cost, wallet, wallet, np.ones(len(price), bool))


@pytest.mark.parametrize("through", ["book", "permanent impact"])
def test_linear_market_amplifies_by_one_over_one_minus_product(through: str) -> None:
    """500 at λ = .002 a lot and d = 200 lots a tick → 833.33, whatever the lots are margined in."""
    config = msgspec.structs.replace(
        TEN_A_TICK,
        price=10_000.0,
        shock_bps=-500.0,
        duration="1m",
        fund=1e4,
        book=DepthProfile(density=500 * 100.0 if through == "book" else 1e12),
        impact=TransientImpact(bps_per_million=0.0 if through == "book" else 20.0, permanent=1.0),
    )
    result = cascade(config, accounts=ladder_of_longs())
    assert 10_000 - result.frame["price"][-1] == pytest.approx(500 / (1 - 0.002 * 200), rel=0.01)
    assert result.amplification == pytest.approx(1 / (1 - 0.4), rel=0.01)


def test_collateral_that_falls_with_the_price_amplifies() -> None:
    """Longs of 4 to 23 times from 10,000, 60 lots of 100 each, 2 lots a tick, after a fall of 4 %; 0 maintenance but .5 %.

    By hand: one of leverage L goes at 10,000 (1 − 1/L)/.995 if margined in quote, at 10,000 × 1.005/(1 + 1/L) if in coin.
    """
    leverage = np.arange(4, 24)
    tiers = TierTable(tiers=(Tier(floor=0, maintenance=0.005),))
    coin = msgspec.structs.replace(
        TEN_A_TICK,
        price=10_000.0,
        shock_bps=-400.0,
        rules=msgspec.structs.replace(ONE_PERCENT, tiers=tiers),
        book=DepthProfile(density=200.0),
        fund=1e6,
        duration="40s",
    )
    quote = msgspec.structs.replace(
        coin, contract="linear", lot="0.01", rules=MarginRules(venue="own", valid_from="2026-01-01", tiers=tiers), fund=1e10
    )
    cost = np.full(20, 60 * COIN // 10_000)
    margin = np.ceil(cost / leverage).astype(np.int64)
    both = np.ones(20, bool)
    in_coin = cascade(coin, accounts=CoinAccounts(np.full(20, 60), cost, margin, margin, both))
    margin = np.ceil(600_000 / leverage).astype(np.int64)
    in_quote = cascade(quote, accounts=Accounts(np.full(20, 60), np.full(20, 10_000), margin, margin, both))

    def by_hand(price: np.ndarray) -> float:
        """Each one sold lowers the price by 30 ticks; who is reached next is looked at until nobody is."""
        mark, sold = 9600.0, 0
        while (due := int((price >= mark).sum())) > sold:
            sold, mark = due, 9600.0 - 30 * due
        return mark

    expected = by_hand(10_000 * 1.005 / (1 + 1 / leverage)), by_hand(10_000 * (1 - 1 / leverage) / 0.995)
    assert (in_coin.frame["price"][-1], in_quote.frame["price"][-1]) == expected
    assert in_coin.amplification > in_quote.amplification > 1


POLICIES = st.builds(
    Policy,
    throttle=st.none() | st.builds(Throttle, value_per_s=st.floats(1e2, 1e5)),
    band=st.none() | st.builds(PriceBand, width_bps=st.floats(10, 500)),
    auction=st.none()
    | st.builds(VolatilityAuction, trigger_bps=st.floats(50, 500), window=st.just("2s"), halt=st.sampled_from(["1s", "5s"])),
    margin=st.none() | st.builds(DynamicMargin, after_bps=st.floats(50, 500), factor=st.sampled_from([0.5, 2.0])),
    backstop=st.none() | st.builds(Backstop, value=st.floats(1e2, 1e5), discount_bps=st.floats(0, 300)),
    partial=st.none() | st.builds(PartialLiquidation, share=st.floats(0.05, 1)),
)


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    shock=st.floats(50, 3000),
    up=st.booleans(),
    policy=POLICIES,
    fund=st.sampled_from([0, 10**6, 10**12]),
    adl=st.booleans(),
    grain=st.sampled_from(["0.00000001", "0.0001"]),
)
def test_coins_and_lots_are_conserved(
    seed: int, shock: float, up: bool, policy: Policy, fund: int, adl: bool, grain: str
) -> None:
    """To the last grain, even where a grain is a thousandth of a lot; and nobody is left with a debt."""
    draw = np.random.default_rng(seed)
    n = 80
    config = msgspec.structs.replace(
        TEN_A_TICK,
        grain=grain,
        shock_bps=shock if up else -shock,
        shock_over="3s",
        duration="30s",
        refill_half_life="2s",
        fee_bps=30.0,
        fund=fund * float(grain),
        adl=adl,
        allow_bankrupt=True,
        hedge=Hedge(notional=5_000.0),
        impact=TransientImpact(bps_per_million=5000.0),
        policy=policy,
    )
    lots = draw.integers(1, 200, n) * draw.choice([1, -1], n)
    cost = np.rint(np.abs(lots) * config.coin / draw.uniform(900, 1100, n)).astype(np.int64)
    short = np.minimum(np.sign(lots) * cost + -lots * config.coin // 1000, 0)
    wallet = np.rint(cost * draw.uniform(0.015, 0.2, n)).astype(np.int64) - short
    wallet[:5] = 3
    cross = draw.random(n) < 0.5
    result = cascade(config, accounts=CoinAccounts(lots, cost, wallet + ~cross * 77, wallet, cross))
    require_conserved(result, fund=fund)
    before, after = result.before, result.after
    assert (after.wallet >= 0).all()
    winners = result.victims["account"].to_numpy()
    assert result.victims["signed_lots"].abs().sum() == result.frame["adl_lots"].sum()
    assert (after.wallet[winners] >= before.wallet[winners] - result.frame.height).all()
    untouched = after.signed_lots == before.signed_lots
    assert (after.wallet[untouched] == before.wallet[untouched]).all()
    assert (after.cost[untouched] == before.cost[untouched]).all()
    closed = after.signed_lots == 0
    assert (after.cost[closed] == 0).all()


RANDOM_MARKET = msgspec.structs.replace(
    TEN_A_TICK,
    price=10_000.0,
    shock_bps=-400.0,
    shock_over="5s",
    duration="2m",
    book=DepthProfile(density=10_000.0),
    refill_half_life="5s",
    accounts=AccountsConfig(count=3000, long_share=1.0, notional=3000.0, entry_sigma_bps=0.0),
    fund=100.0,
    policy=Policy(
        throttle=Throttle(value_per_s=20_000.0),
        band=PriceBand(width_bps=30.0),
        auction=VolatilityAuction(trigger_bps=300.0, window="3s", halt="5s"),
        margin=DynamicMargin(after_bps=200.0, factor=0.5),
        backstop=Backstop(value=200_000.0, discount_bps=20.0),
        partial=PartialLiquidation(share=0.25),
    ),
)


def test_every_lever_binds_beside_none() -> None:
    found = compare(RANDOM_MARKET)
    assert found.frame["policy"].to_list() == ["none", *LEVERS, "all"]
    results, none = found.results, found.results["none"]
    assert none.summary["accounts"].item() > 300
    assert results["throttle"].frame["book_lots"].max() == 200 < none.frame["book_lots"].max()
    halted = results["auction"].frame.filter("halted")
    assert halted.height >= 5
    assert halted["book_lots"].sum() == halted["triggered"].sum() == 0
    assert results["margin"].summary["accounts"].item() < none.summary["accounts"].item()
    assert results["backstop"].balance.backstop_lots == 2000
    assert results["backstop"].balance.backstop_cash >= 2000 * (COIN // 10_000)
    left = results["partial"].after.signed_lots
    assert ((left > 0) & (left < results["partial"].before.signed_lots)).any()
    assert results["band"].frame["price"].diff().abs().max() <= 30 + 120 + 1 < none.frame["price"].diff().abs().max()
    for result in results.values():
        require_conserved(result, fund=100 * 10**8)


def test_same_draw_gives_both_contracts_the_same_positions() -> None:
    linear = msgspec.structs.replace(
        RANDOM_MARKET, contract="linear", lot="0.01", rules=None, venue="binance_usdm", symbol="BTCUSDT", fund=1e6
    )
    assert cascade(RANDOM_MARKET).before.signed_lots.tolist() == cascade(linear).before.signed_lots.tolist()


def test_our_own_hedge_is_deleveraged_and_marked() -> None:
    wallet = ceil(worth(20, 990)) - 20 * COIN // 1000
    config = msgspec.structs.replace(TEN_A_TICK, shock_bps=-300.0, hedge=Hedge(notional=1_000.0, leverage=20, entry_bps=200.0))
    result = cascade(config, accounts=accounts_of((20, 1000, wallet), (-30, 1000, 9 * 10**8)))
    assert result.victims.filter("ours")["signed_lots"].to_list() == [-10]
    assert result.summary["adl_ours"].item() == 10
    assert result.before.cost[-1] == round(worth(10, 1020))


@pytest.mark.parametrize(
    ("adl", "order"),
    [("binance", [2, 1, 3]), ("bybit", [2, 3, 1]), ("okx", [3, 2, 1])],
)
def test_winners_are_ranked_by_the_venues_rule_in_coin(adl: str, order: list[int]) -> None:
    """Shorts of 10, 10 and 10 lots; at 950 each has a score by hand, the ranking is that of the three."""
    rules = msgspec.structs.replace(ONE_PERCENT, adl=adl)
    config = msgspec.structs.replace(TEN_A_TICK, rules=rules, shock_bps=-500.0, book=DepthProfile(density=1.0))
    shorts = [(1200, 9 * 10**6), (1200, 2 * 10**6), (1000, 2 * 10**6)]
    scores = []
    for entry, wallet in shorts:
        cost, value = worth(10, entry), worth(10, 950)
        equity = wallet + value - cost
        scores.append(
            {
                "binance": (value - cost) / cost * value / equity,
                "bybit": Fraction(entry - 950, entry) * floor(1000 * cost / wallet),
                "okx": (value - cost) * value / equity**2,
            }[adl]
        )
    assert order == sorted((1, 2, 3), key=lambda at: -scores[at - 1])
    for taken in (1, 2):
        long = (10 * taken, 1000, ceil(worth(10 * taken, 990)) - taken * COIN // 100)
        rows = [long, *((-10, entry, wallet) for entry, wallet in shorts)]
        result = cascade(config, accounts=accounts_of(*rows))
        assert result.victims["account"].to_list() == sorted(order[:taken])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "binance_usdm:BTCUSDT are linear and contract is inverse; expected both alike"),
        ('venue = "binance_coinm"\nsymbol = "BTCUSD_PERP"', r"BTCUSD_PERP'.*give the contract's own table as \[rules\]"),
        ('venue = "bybit"\nsymbol = "BTCUSD"\non = "2024-02-01"', "fix maintenance at entry; only that of the mark"),
        (
            'venue = "bybit"\nsymbol = "BTCUSD"\non = "2026-02-01"\nlot = "0.001"',
            "a lot of 0.001 at a price of one tick is 100000",
        ),
        ('venue = "bybit"\nsymbol = "BTCUSD"\non = "2026-02-01"\ngrain = "0.3"', "expected a whole number from 60000000"),
    ],
)
def test_impossible_inverse_configs_are_refused(text: str, says: str) -> None:
    lot = "" if "lot" in text else 'lot = "100"\n'
    with pytest.raises((ConfigError, InputError), match=says):
        parse_config(f'contract = "inverse"\n{lot}{text}', CascadeConfig)


def test_accounts_that_do_not_fit_are_refused() -> None:
    held = accounts_of((20, 1000, 10**8))
    for bad, says in (
        (held._replace(wallet=np.array([1, 2])), "of one length"),
        (held._replace(cost=np.array([0])), "cost of account 0 is not positive"),
        (held._replace(cross=np.array([False]), margin=np.array([10**9])), "exceeds its wallet"),
        (held._replace(signed_lots=np.array([2**31])), "exceeds 2³¹ lots"),
        (held._replace(cost=np.array([2**62])), "2⁶² grains"),
        (held._replace(wallet=np.array([-(10**9)])), "account 0 is bankrupt at every price"),
        (held._replace(wallet=np.array([-1])), "1 accounts are bankrupt at 1000 ticks"),
        (Accounts(*held), "accounts are Accounts and contract is inverse"),
    ):
        with pytest.raises(InputError, match=says):
            cascade(TEN_A_TICK, accounts=bad)


def test_drawn_accounts_are_far_from_liquidation() -> None:
    """Nobody below twice his maintenance, costs at the entries, leverage as drawn where maintenance allows."""
    config = AccountsConfig(count=5000, most_leverage=100.0)
    held = draw_coin_accounts(
        config, ONE_PERCENT.tiers, np.random.default_rng(5), price_ticks=1000, coin=COIN, lot_value=100.0, grain=1e-8
    )
    require = 2 * 0.01 * np.abs(held.signed_lots) * COIN / 1000
    assert (held.equity(1000, coin=COIN) >= require - 1).all()
    leverage = np.abs(held.signed_lots) * COIN / 1000 / held.collateral
    assert 1.9 < leverage.min() < leverage.max() <= 50.001
    assert (held.wallet[held.cross] == held.margin[held.cross]).all()
