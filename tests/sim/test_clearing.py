"""Clearing houses: who is liquidated, at what price, who pays; money and lots are conserved to the last grain."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import TRADE
from counterpoise.risk.margin import MarginRules, liquidation_price
from counterpoise.risk.margin_tiers import Tier, TierTable
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.clearing import ClearingHouse
from counterpoise.sim.agents.kernels.forced import payable_key
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.leverage_config import LeverageConfig, ShockConfig
from counterpoise.sim.agents.leverage_lines import leveraged_accounts
from counterpoise.sim.agents.live_cascade import compare_live, live_cascade, marks_without
from counterpoise.sim.agents.market import open_world, take_events
from counterpoise.sim.agents.world import AgentWorld
from counterpoise.sim.exchange.kernels import codes
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade_config import (
    Backstop,
    DynamicMargin,
    Hedge,
    PartialLiquidation,
    Policy,
    PriceBand,
    Throttle,
    VolatilityAuction,
)

TIERS = TierTable(tiers=(Tier(floor=0, cap=100_000, maintenance=0.005), Tier(floor=100_000, maintenance=0.02)))
RULES = MarginRules(venue="own", valid_from="2026-01-01", tiers=TIERS)
LOOK_NS = SECOND_NS // 10
START = 920_000  # ticks
LEVERS = {
    "throttle": Policy(throttle=Throttle(value_per_s=100_000.0)),
    "band": Policy(band=PriceBand(width_bps=3.0)),
    "auction": Policy(auction=VolatilityAuction(trigger_bps=40.0, window="2s", halt="3s")),
    "margin": Policy(margin=DynamicMargin(after_bps=60.0, factor=0.5)),
    "backstop": Policy(backstop=Backstop(value=300_000.0, discount_bps=20.0)),
    "partial": Policy(partial=PartialLiquidation(share=0.3)),
}


def leverage(**changes: Any) -> LeverageConfig:
    accounts = AccountsConfig(count=1_500, notional=2_000.0, most_leverage=100.0)
    base = LeverageConfig(token="BTC", venue="alpha", accounts=accounts, rules=RULES, fund=10_000.0)
    return structs.replace(base, **changes)


def shaken(*houses: LeverageConfig, bps: float = -150.0, **changes: Any) -> AgentMarketConfig:
    """One token on one venue; news after 2 s."""
    base = agent_market_config(seed=3, duration="30s", tokens=1, venues=1)
    shock = ShockConfig(bps=bps, at="2s", over="10s")
    given_fields = {"start": "2026-01-05T01:00", "warm_up": "10s", "leverage": houses, "shocks": (shock,)}
    return structs.replace(base, **(given_fields | changes))


def accounts_of(*rows: tuple[int, int, int]) -> Accounts:
    """Cross accounts of (signed lots, entry, wallet)."""
    lots, entry, wallet = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Accounts(lots, entry, wallet, wallet, np.ones(len(rows), bool))


def lived(config: AgentMarketConfig, **options: Any) -> ClearingHouse:
    world = open_world(config, **options)
    world.pass_unseen(config.end_ns)
    return ClearingHouse(world)


def require_conserved(house: ClearingHouse) -> None:
    clearance = house.clearance()
    assert clearance.position == clearance.held
    assert clearance.money == clearance.owned


def test_an_account_is_closed_when_the_mark_reaches_its_price_and_not_before() -> None:
    wallet = 20 * START // 100  # 1 % of 20 lots
    given_accounts = accounts_of((20, START, wallet), (-20, START, 20 * START))
    config = shaken(leverage(fee_bps=0.0))
    world = open_world(config, leveraged={0: given_accounts})
    world.pass_unseen(config.start_ns + 1)
    house = ClearingHouse(world)
    entry = int(house.accounts().entry_ticks[0])
    unit = 0.1 * 0.001
    wanted = liquidation_price(RULES, wallet * unit, 20 * 0.001, entry * 0.1)
    world.pass_unseen(config.end_ns)
    path, after = house.path(), house.accounts()
    hit = path.filter(pl.col("triggered") > 0)
    assert hit.height == 1
    before = path.filter(pl.col("step") < hit["step"][0])
    assert hit["price"][0] <= wanted
    assert float(before["price"].to_numpy().min()) > wanted
    assert after.signed_lots.tolist() == [0, -20]
    assert hit["sold_lots"][0] == 20
    got = float(hit["liquidated"][0]) / unit
    assert int(after.wallet[0]) == max(0, round(wallet + got - 20 * entry))
    require_conserved(house)


def test_who_is_queued_is_who_is_at_his_maintenance() -> None:
    """At each look, against the tiers themselves; whoever waits already is not counted again."""
    config = shaken(leverage(policy=LEVERS["throttle"]))
    world = open_world(config)
    world.pass_unseen(config.start_ns + 2)
    house, unit, seen = ClearingHouse(world), 0.1 * 0.001, 0
    accounts, waiting = house.accounts(), np.zeros(len(house.accounts().wallet), bool)
    for look in range(1, 300):
        world.pass_unseen(config.start_ns + look * LOOK_NS + 2)
        row = house.path().row(look, named=True)
        mark = round(row["price"] / 0.1)
        lots = np.abs(accounts.signed_lots)
        needed = TIERS.maintenance(lots * mark * unit) / unit
        reached = (accounts.equity(mark) <= needed) & (lots > 0) & ~waiting
        assert row["triggered"] == reached.sum()
        seen += int(reached.sum())
        accounts, waiting = house.accounts(), house.waiting()
    assert seen > 50


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    bps=st.sampled_from([-250.0, -100.0, 150.0, 300.0]),
    lever=st.sampled_from(["none", *LEVERS]),
    fund=st.sampled_from([0.0, 3_000.0, 1e6]),
    adl=st.booleans(),
    sigma=st.sampled_from([0.0, 2.5]),
)
def test_money_and_lots_are_conserved(seed: int, bps: float, lever: str, fund: float, adl: bool, sigma: float) -> None:
    """At every second, with funding in between, in falls and rises, whatever the house does."""
    accounts = AccountsConfig(count=800, notional=3_000.0, notional_sigma=sigma, most_leverage=100.0, idle_share=0.5)
    one = leverage(accounts=accounts, policy=LEVERS.get(lever, Policy()), fund=fund, adl=adl, hedge=Hedge(notional=50_000.0))
    config = shaken(one, bps=bps, seed=seed, start="2026-01-05T00:00:50", funding_interval="1m")
    world = open_world(config)
    house = ClearingHouse(world)
    for second in range(1, 31):
        world.pass_unseen(config.start_ns + second * SECOND_NS)
        require_conserved(house)
        ledger = venue_ledger(world)
        assert (ledger["traders"] + ledger["venue"] + ledger["fund"] - ledger["cost"] == ledger["deposited"]).all()
    path = house.path()
    closed = int(path.select(pl.sum_horizontal("book_lots", "backstop_lots", "adl_lots").sum())[0, 0])
    gone = int(np.abs(leveraged_accounts(config, 0).signed_lots).sum() - np.abs(house.accounts().signed_lots).sum())
    assert gone == closed + int(path["adl_lots"].sum())
    if adl and not int(path["queued_lots"].max()):
        fees_and_roundings = 0.8e-4 * float(path["liquidated"].sum()) + 800 * 1e-4
        assert float(path["fund"].to_numpy().min()) >= -fees_and_roundings


def test_with_winners_to_ask_the_fund_never_goes_below_zero_and_without_it_does() -> None:
    thin = AccountsConfig(count=3_000, notional=4_000.0, most_leverage=100.0)
    with_adl, without = (
        lived(shaken(leverage(accounts=thin, fund=0.0, fee_bps=0.0, adl=adl), bps=-300.0)) for adl in (True, False)
    )
    fee = 0.8e-4 * float(with_adl.path()["liquidated"].sum())  # the venue's own, that the fund is asked for
    assert float(with_adl.path()["fund"].to_numpy().min()) >= -fee
    assert with_adl.path()["adl_lots"].sum() > 0
    assert float(without.path()["fund"].to_numpy().min()) < -10 * fee
    assert without.path()["adl_lots"].sum() == 0


def test_winners_are_asked_in_the_order_of_the_venue() -> None:
    """Three shorts of rising leverage, one long that nobody can pay for: the highest rank is emptied first."""
    size, entry = 200_000, START + 2_000
    shorts = [(-size, entry, size * entry // leverage_of) for leverage_of in (1, 10, 40)]
    config = shaken(leverage(fund=0.0, fee_bps=0.0))
    world = open_world(config, leveraged={0: accounts_of((3 * size, START, 3 * size * START // 300), *shorts)})
    world.pass_unseen(config.end_ns)
    house = ClearingHouse(world)
    victims = house.victims()
    taken = dict(zip(victims["account"].to_list(), victims["signed_lots"].to_list(), strict=True))
    handed = int(house.path()["adl_lots"].sum())
    assert size < handed < 3 * size
    left = handed
    for account in (3, 2, 1):
        assert taken.get(account, 0) == -min(size, left)
        left -= min(size, left)
    require_conserved(house)


def test_nobody_is_disturbed_by_accounts_that_are_not_liquidated() -> None:
    calm = leverage(accounts=AccountsConfig(count=500, least_leverage=1.0, most_leverage=2.0))
    with_accounts, without = (open_world(shaken(*houses)) for houses in ((calm,), ()))
    for world in (with_accounts, without):
        world.pass_unseen(world.config.start_ns + 8 * SECOND_NS)
        world.advance(world.config.start_ns + 12 * SECOND_NS)
    for one, other in zip(take_events(with_accounts), take_events(without), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_copy_lives_on_alone_and_alike() -> None:
    config = shaken(leverage())
    world = open_world(config)
    world.pass_unseen(config.start_ns + 9 * SECOND_NS)
    other = world.copy()
    for one in (world, other):
        one.pass_unseen(config.end_ns)
    assert world.world.tobytes() == other.world.tobytes()
    assert ClearingHouse(world).path()["triggered"].sum() > 0


def forced_fills(world: AgentWorld, until_ns: int) -> list[list[int]]:
    """Reports of fills of the house, as they come."""
    account = next(line.account for line in world.lines if line.type == "clearing")
    rows: list[list[int]] = []
    reached = False
    while not reached:
        reached = world.advance(until_ns)
        told = world.reports[: world.ex[x.REPORT_ROWS]]
        mine = told[(told[:, codes.R_ACCOUNT] == account) & (told[:, codes.R_CODE] & 255 == codes.FILL)]
        rows += mine.tolist()
        world.clear()
    return rows


def test_forced_orders_stay_within_the_band() -> None:
    config = shaken(leverage(policy=LEVERS["band"]))
    world = open_world(config)
    fills = forced_fills(world, config.end_ns)
    marks = ClearingHouse(world).path()["price"].to_numpy() / 0.1
    assert len(fills) > 20
    for fill in fills:
        mark = marks[(fill[codes.R_TS] - config.start_ns) // LOOK_NS]
        assert fill[codes.R_PRICE] >= mark - START * 3e-4 - 1


def test_a_throttle_bounds_what_is_closed_a_step() -> None:
    path = lived(shaken(leverage(policy=LEVERS["throttle"]))).path()
    closed = path.select(pl.sum_horizontal("book_lots", "backstop_lots", "adl_lots"))[:, 0]
    most = round(100_000.0 / 10 / 92.0)
    assert closed.max() == most
    assert path["queued_lots"].max() > 0  # type: ignore[operator]


def test_a_backstop_takes_first_and_no_more_than_it_may() -> None:
    path = lived(shaken(leverage(policy=LEVERS["backstop"]))).path()
    taken = path["backstop_lots"].cum_sum()
    assert taken[-1] == round(300_000.0 / 92.0)
    first_sold = int(path.filter(pl.col("book_lots") > 0)["step"][0])
    assert int(taken[first_sold]) == int(taken[-1])


def test_nothing_trades_in_a_halt_and_the_auction_has_one_price() -> None:
    config = shaken(leverage(policy=LEVERS["auction"]))
    world = open_world(config)
    world.pass_unseen(config.start_ns)
    prints: list[tuple[int, int]] = []
    reached = False
    while not reached:
        reached = world.advance(config.end_ns)
        events = take_events(world)[0]
        trades = events.kind == TRADE
        prints += list(zip(events.ts_venue[trades].tolist(), events.price_ticks[trades].tolist(), strict=True))
    path = ClearingHouse(world).path()
    halted = path.filter(pl.col("halted"))["step"].to_list()
    first, last = config.start_ns + halted[0] * LOOK_NS, config.start_ns + (halted[-1] + 1) * LOOK_NS
    assert halted == list(range(halted[0], halted[0] + 30))
    inside = [price for ts, price in prints if first < ts <= last]
    assert len(set(inside)) <= 1  # those of the uncrossing itself
    assert len([ts for ts, _ in prints if ts > last]) > 10


def test_looser_margin_and_smaller_orders_change_what_they_should() -> None:
    none, eased = lived(shaken(leverage())), lived(shaken(leverage(policy=LEVERS["margin"])))
    assert eased.path()["triggered"].sum() < none.path()["triggered"].sum()
    part = lived(shaken(leverage(policy=LEVERS["partial"])))
    assert np.count_nonzero(part.accounts().signed_lots) > np.count_nonzero(none.accounts().signed_lots)


@given(
    rows=st.lists(st.tuples(st.integers(1, 50), st.integers(-40, 40), st.integers(0, 300)), min_size=1, max_size=8),
    lots=st.integers(1, 200),
    fund=st.integers(0, 3_000),
    floor=st.integers(-60, 20),
)
def test_the_payable_key_is_that_of_a_naive_search(rows: list[tuple[int, int, int]], lots: int, fund: int, floor: int) -> None:
    columns = np.zeros((books.ACCOUNT_FIELDS, len(rows)), np.int64)
    for at, (held, entry, collateral) in enumerate(rows):
        columns[[books.LOTS, books.ORDER_LOTS, books.ENTRY, books.COLLATERAL], at] = held, held, entry, collateral
        columns[books.NEXT, at] = at + 1 if at + 1 < len(rows) else books.NO_ACCOUNT
    key = floor
    while True:
        left, short = lots, 0
        for held, entry, collateral in rows:
            taken = min(left, held)
            short += taken * max(0, entry - collateral // held - key)
            left -= taken
        if short <= fund:
            break
        key += 1
    assert payable_key(columns, 0, lots, fund, floor) == key


def test_longs_and_shorts_are_alike_and_the_hedge_is_the_last() -> None:
    config = shaken(leverage(hedge=Hedge(notional=92_000.0, leverage=20.0, entry_bps=50.0)))
    drawn = leveraged_accounts(config, 0)
    assert int(drawn.signed_lots.sum()) == 0
    assert int(drawn.signed_lots[-1]) == -1_000
    assert int(drawn.entry_ticks[-1]) == START + round(START * 50e-4)
    assert int(drawn.wallet[-1]) == round(1_000 * drawn.entry_ticks[-1] / 20)


def test_funding_goes_from_longs_to_shorts_and_what_rounding_leaves_to_the_fund() -> None:
    calm = leverage(accounts=AccountsConfig(count=300, least_leverage=1.0, most_leverage=2.0))
    config = shaken(calm, shocks=(), start="2026-01-05T00:00:55", funding_interval="1m")
    before, house = leveraged_accounts(config, 0), lived(config)
    paid = before.collateral - house.accounts().collateral
    assert np.any(paid != 0)
    big = np.abs(before.signed_lots) > 50
    signs = np.sign(paid[big]) * np.sign(before.signed_lots[big])
    assert len(set(signs.tolist())) == 1
    assert abs(int(paid.sum())) <= len(paid)
    require_conserved(house)


def test_a_live_cascade_tells_what_leverage_added() -> None:
    policy = Policy(backstop=LEVERS["backstop"].backstop, partial=LEVERS["partial"].partial)
    config = shaken(leverage(policy=policy), bps=-200.0)
    comparison = compare_live(config)
    assert list(comparison.results) == ["none", "backstop", "partial", "all"]
    none = comparison.results["none"]
    again = live_cascade(structs.replace(config, leverage=(leverage(),)), without=marks_without(config))
    assert again.frame.equals(none.frame)
    assert none.frame["seconds"][0] == -2.0
    assert none.by_tier["liquidated"].sum() == pytest.approx(none.frame["liquidated"].sum())
    marks = marks_without(config)
    alone, moved = marks[2] - marks[2:].min(), none.frame["price"][2] - none.frame["price"][2:].min()
    assert none.amplification == pytest.approx(moved / alone)
    table = comparison.frame
    assert table["fund_draw"][1] < table["fund_draw"][0]


def test_what_the_house_paid_is_in_the_ledger_of_agents() -> None:
    config = shaken(leverage())
    world = open_world(config)
    world.pass_unseen(config.end_ns)
    row = agent_ledger(world).row(by_predicate=pl.col("type") == "clearing", named=True)
    assert row["messages"] > 0
    assert row["fees"] > 0
    assert abs(float(agent_ledger(world)["profit"].sum()) + float(agent_ledger(world)["fees"].sum())) < 1e-3 * row["traded"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"leverage": (leverage(token="XYZ"),)}, "leverage of XYZ on alpha: expected a token of"),
        ({"leverage": (leverage(), leverage())}, "expected each token and venue once"),
        ({"shocks": (ShockConfig(tokens=("XYZ",), bps=-10.0),)}, "shock of \\['XYZ'\\]: expected tokens of"),
        ({"shocks": (ShockConfig(bps=-10.0, at="25s", over="10s"),)}, "expected an end within duration = 30s"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        shaken(**changes)


def test_accounts_that_cannot_be_meant_are_refused() -> None:
    config = shaken(leverage())
    with pytest.raises(ConfigError, match=r"are \+20 lots together; expected 0"):
        open_world(config, leveraged={0: accounts_of((20, START, START))})
    with pytest.raises(InputError, match="1 accounts are bankrupt"):
        open_world(config, leveraged={0: accounts_of((20, 2 * START, START), (-20, START, 20 * START))})
    with pytest.raises(ConfigError, match="look less often"):
        open_world(shaken(leverage(every="10us"), duration="10m"))
    with pytest.raises(InputError, match="house 0; this world has 0"):
        ClearingHouse(open_world(shaken()))
    with pytest.raises(ConfigError, match="expected one of each at least"):
        live_cascade(shaken())
    with pytest.raises(ConfigError, match="fund is -1"):
        leverage(fund=-1.0)
    with pytest.raises(ConfigError, match="are inverse or fix maintenance at entry"):
        leverage(rules=None, margin_venue="binance_coinm", margin_symbol="BTCUSD_211231", margin_on="2021-09-30")


def test_steps_of_the_path_follow_each_other() -> None:
    path = lived(shaken(leverage())).path()
    assert path["step"].to_list() == list(range(300))
    assert all(b - a == pytest.approx(0.1) for a, b in pairwise(path["seconds"].to_list()))
    assert int(market_at(open_world(shaken(leverage())).ex, 0)) > 0
