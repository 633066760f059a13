"""What single agents do, against their formulas worked out by hand: makers, followers, the informed, arbitrageurs."""

from __future__ import annotations

from math import ceil, exp, floor, log, sqrt, tanh

import numpy as np
import pytest
from msgspec import structs

from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.kernels import arbitrage as b
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import maker as q
from counterpoise.sim.agents.kernels import taker as t
from counterpoise.sim.agents.kernels.maker import wake_maker
from counterpoise.sim.agents.kernels.taker import wake_informed, wake_trend
from counterpoise.sim.agents.participants import InformedConfig, MakerConfig, PatientConfig, TrendConfig
from counterpoise.sim.agents.world import AgentWorld, build_world
from counterpoise.sim.exchange.kernels import control
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.orders import position_at
from counterpoise.sim.exchange.kernels.readers import best_price, depth_of
from counterpoise.sim.exchange.kernels.requests import place

pytestmark = pytest.mark.nojit
CALM = PatientConfig(count=0)


def quiet(kinds: tuple[str, ...] = ("perp",), **changes: object) -> AgentMarketConfig:
    base = agent_market_config(seed=1, tokens=1, venues=1)
    return structs.replace(base, **({"kinds": kinds, "makers": (), "trends": (), "informed": (), "patient": CALM} | changes))


def rows_of(world: AgentWorld, kind: int) -> list[int]:
    start = int(world.world[at.AGENT_ROWS])
    return [start + i * at.AGENT_SIZE for i, line in enumerate(world.lines) if line.kind == kind]


def offer(world: AgentWorld, market: int, side: int, price: int, lots: int) -> None:
    """A resting order of our own account."""
    account = int(world.ex[x.ACCOUNT_COUNT]) - 1
    assert place(world.ex, world.tape, world.reports, world.now_ns, market, account, side, 0, price, lots, 0) > 0


def stats_of(world: AgentWorld, market: int) -> int:
    return int(world.market_rows()[market, at.M_STATS])


def give(world: AgentWorld, agent: int, lots: int) -> None:
    """Let an agent hold a position."""
    world.ex[position_at(world.ex, int(world.world[agent + at.A_ACCOUNT]), 0) + x.POSITION_LOTS] = lots


@pytest.mark.parametrize(("rule", "power"), [("gueant", 1), ("avellaneda", 2)])
@pytest.mark.parametrize("held", [0, 7, -13])
def test_a_maker_quotes_by_the_formula(rule: str, power: int, held: int) -> None:
    """fair ∓ half − σ^p k q, level by level outwards, larger each; then it answers a delay later, post-only."""
    maker = MakerConfig(
        rule=rule, count=1, half_spread_bps=2.0, risk=0.4, clips=0.1, bound=5.0, toxic=0.0, volatile=0.0, news_share=0.0
    )
    world = build_world(quiet(makers=(maker,)), own_accounts=1)
    (agent,) = rows_of(world, loop.MAKER)
    offer(world, 0, 1, 918_000, 5)
    offer(world, 0, -1, 922_000, 5)
    give(world, agent, held)
    variance = float(world.reals[stats_of(world, 0) + at.S_VAR + 1])
    risk = sqrt(variance) if power == 1 else variance / BPS
    unit = 0.1 * 0.1 / 0.001  # clips × clip / lot
    until = wake_maker(world.world, world.reals, world.rng, world.ex, agent)
    assert until == world.now_ns + 5_000_000
    orders = int(world.world[world.world[agent + at.A_INTS] + q.Q_ORDERS])
    half = 2 * BPS + risk * 0.4 / 2
    middle = log(920_000) - risk * 0.4 * held / unit
    for level in range(maker.levels):
        bid, ask = orders + 3 * level, orders + 3 * (level + maker.levels)
        low, high = (exp(middle - side * (half + level * maker.gap_bps * BPS)) for side in (1, -1))
        assert world.world[bid + 1] == floor(low)
        assert world.world[ask + 1] == floor(high) + 1 == ceil(high)
        assert world.world[bid + 2] == world.world[ask + 2] == int(unit * maker.growth**level)
    assert world.world[at.OUT_COUNT] == 0
    wake_maker(world.world, world.reals, world.rng, world.ex, agent)
    assert world.world[at.OUT_COUNT] == 2 * maker.levels


def test_a_maker_at_its_bound_quotes_the_other_side_only_and_a_cautious_one_none() -> None:
    maker = MakerConfig(count=1, clips=0.1, bound=5.0, toxic=10.0, most_caution=4.0)
    world = build_world(quiet(makers=(maker,)), own_accounts=1)
    (agent,) = rows_of(world, loop.MAKER)
    orders = int(world.world[world.world[agent + at.A_INTS] + q.Q_ORDERS])
    lots = [orders + 3 * i + 2 for i in range(2 * maker.levels)]
    give(world, agent, 50)
    wake_maker(world.world, world.reals, world.rng, world.ex, agent)
    assert not world.world[lots[: maker.levels]].any()
    assert world.world[lots[maker.levels :]].all()
    wake_maker(world.world, world.reals, world.rng, world.ex, agent)
    world.world[at.OUT_COUNT] = 0
    give(world, agent, 0)
    stats = stats_of(world, 0)
    world.reals[stats + at.S_FLOW], world.reals[stats + at.S_VOLUME] = -90.0, 100.0  # caution 1 + 10 × .9
    wake_maker(world.world, world.reals, world.rng, world.ex, agent)
    assert not world.world[lots].any()


@pytest.mark.parametrize("gain", [0.7, -0.7])
def test_a_follower_aims_with_the_move_and_a_fader_against_it(gain: float) -> None:
    world = build_world(quiet(trends=(TrendConfig(horizon="60s", gain=gain, order_clips=3.0),)), own_accounts=1)
    (agent,) = rows_of(world, loop.TREND)
    offer(world, 0, 1, 919_900, 5)
    offer(world, 0, -1, 920_100, 5)
    stats = stats_of(world, 0)
    move = 6 * BPS
    world.reals[stats + at.S_EMA + 3] = world.reals[stats + at.S_MID] - move
    wake_trend(world.world, world.reals, world.rng, world.ex, agent)
    z = move / sqrt(world.reals[stats + at.S_VAR + 2] * 60)
    most = 5.0 * 0.1 / 0.001
    ints = int(world.world[agent + at.A_INTS])
    wanted = round(min(abs(most * tanh(gain * z)), 300)) * (1 if gain > 0 else -1)
    assert world.world[ints + t.T_WISH] == wanted
    touch = 920_100 if gain > 0 else 919_900
    assert world.world[ints + t.T_PRICE] == int(touch * exp(np.sign(gain) * 2 * BPS))


@pytest.mark.parametrize(
    ("gap_bps", "held", "wanted"), [(5.0, 0, 100), (2.5, 0, 25), (1.0, 40, 0), (0.2, 40, -40), (-5.0, 40, -100)]
)
def test_the_informed_trade_on_what_is_not_in_the_price(gap_bps: float, held: int, wanted: int) -> None:
    """Threshold 2 bps, most 100 lots: all at twice the threshold, kept while the gap is above half a bp, then closed."""
    informed = InformedConfig(lag="100ms", error_bps=0.0, adapt="", threshold_bps=2.0, most_clips=1.0, order_clips=1.0)
    world = build_world(quiet(informed=(informed,)), own_accounts=1)
    (agent,) = rows_of(world, loop.INFORMED)
    offer(world, 0, 1, 919_900, 5)
    offer(world, 0, -1, 920_100, 5)
    history = int(world.world[at.HISTORY])
    world.world[at.GRID_STEPS] = 7
    world.reals[history + 6], world.reals[history + 7] = gap_bps * BPS, 1.0  # he is a step late
    give(world, agent, held)
    wake_informed(world.world, world.reals, world.rng, world.ex, agent)
    assert world.world[world.world[agent + at.A_INTS] + t.T_WISH] == pytest.approx(wanted, abs=1)


def test_an_arbitrageur_takes_both_legs_and_ends_flat() -> None:
    """The spot bid stands 10 bps above the perpetual's ask: he sells one, buys the other, as much as both show."""
    world = build_world(quiet(kinds=("perp", "spot")), own_accounts=1)
    perp, spot = 0, 1
    control.deposit(world.ex, int(world.ex[x.ACCOUNT_COUNT]) - 1, 0, 10**15)
    for market, mid in ((perp, 920_000), (spot, 921_000)):
        offer(world, market, 1, mid - 10, 70)
        offer(world, market, -1, mid + 10, 50)
    for leaf, line in enumerate(world.lines):
        world.wake_at(leaf, world.now_ns if line.kind == loop.ARBITRAGE else at.NEVER)
    (agent,) = rows_of(world, loop.ARBITRAGE)
    assert world.advance(world.now_ns + SECOND_NS // 100)
    account = int(world.world[agent + at.A_ACCOUNT])
    ints = int(world.world[agent + at.A_INTS])
    assert (world.position_lots(account, perp), world.position_lots(account, spot)) == (50, -50)
    assert world.world[[ints + 2, ints + 5]].tolist() == [50, -50]
    assert best_price(world.ex, perp, -1) == 0


def test_an_arbitrageur_leaves_what_does_not_pay() -> None:
    config = quiet(kinds=("perp", "spot"))
    world = build_world(config, own_accounts=1)
    cost = 2 * config.pro_taker_bps + config.arbitrage.margin_bps
    (agent,) = rows_of(world, loop.ARBITRAGE)
    assert world.reals[world.world[agent + at.A_REALS] + b.B_COST] == pytest.approx(log(1 + cost * BPS))
    for market, mid in ((0, 920_000), (1, 920_000 + int(92 * cost) - 30)):
        offer(world, market, 1, mid - 10, 70)
        offer(world, market, -1, mid + 10, 50)
    for leaf, line in enumerate(world.lines):
        world.wake_at(leaf, world.now_ns if line.kind == loop.ARBITRAGE else at.NEVER)
    world.advance(world.now_ns + SECOND_NS)
    assert world.messages == 0


def test_indices_are_means_of_spot_mids() -> None:
    config = structs.replace(agent_market_config(seed=1, tokens=2), warm_up="1s")
    world = build_world(config)
    world.pass_unseen(config.start_ns)
    mids = world.log_mids()
    spots = [i for i, place in enumerate(config.places) if place.kind == "spot"]
    tokens = [mids[[i for i in spots if config.places[i].token == token]].mean() for token in range(2)]
    weights = np.array([token.weight for token in config.tokens])
    assert world.log_indices() == pytest.approx([*tokens, weights @ tokens / weights.sum()])
    prices, lots = np.zeros(1, np.int64), np.zeros(1, np.int64)
    assert depth_of(world.ex, spots[0], 1, prices, lots)
