"""Parts of the agent market against closed forms: values, draws, hidden parents, the patient book, refusals of a config."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest
from msgspec import structs

from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import SNAPSHOT, TRADE
from counterpoise.sim.agents.agent_config import AgentMarketConfig, AgentToken, agent_market_config
from counterpoise.sim.agents.arrays import distance_table, lognormal_table
from counterpoise.sim.agents.fundamental import FundamentalConfig, TokenValue
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels.chance import below, normal, power_law
from counterpoise.sim.agents.kernels.values import move_values
from counterpoise.sim.agents.ledger import venue_ledger
from counterpoise.sim.agents.market import open_world, simulate, take_events
from counterpoise.sim.agents.metaorder import impact, metaorder_line, metaorder_paths
from counterpoise.sim.agents.participants import CrowdConfig, MakerConfig, PatientConfig, TrendConfig
from counterpoise.sim.agents.world import build_world
from counterpoise.sim.exchange.kernels.codes import FILL, R_ACCOUNT, R_CODE, R_TS
from counterpoise.sim.exchange.kernels.layout import REPORT_ROWS
from counterpoise.sim.exchange.kernels.readers import depth_of


def state(seed: int) -> np.ndarray:
    return np.random.SeedSequence(seed).generate_state(4, np.uint64).reshape(1, 4).astype(np.uint64)


def one_market(seed: int = 1, **changes: object) -> AgentMarketConfig:
    base = agent_market_config(seed=seed, tokens=1, venues=1)
    return structs.replace(base, **({"kinds": ("perp",), "warm_up": "10s"} | changes))


def value_steps(config: AgentMarketConfig, steps: int) -> np.ndarray:
    """Changes of all log values by step, without a market."""
    world = build_world(structs.replace(config, patient=PatientConfig(count=0)))
    out = np.zeros((steps, len(config.tokens)))
    for i in range(steps):
        move_values(world.world, world.reals, world.rng, 0)
        out[i] = world.log_values()
    return np.diff(out, axis=0, prepend=0.0)


@pytest.mark.nojit
def test_a_draw_is_what_it_says() -> None:
    rng, count = state(1), 4000
    normals = np.array([normal(rng, 0) for _ in range(count)])
    assert abs(normals.mean()) < 4 / sqrt(count)
    assert abs(normals.var() - 1) < 4 * sqrt(2 / count)
    lengths = np.array([power_law(rng, 0, 1.5, 100) for _ in range(count)])
    assert (lengths.min(), lengths.max()) == (1, 100)
    for least in (2, 5, 20):
        share = least**-1.5
        assert abs((lengths >= least).mean() - share) < 4 * sqrt(share * (1 - share) / count)
    numbers = np.bincount([below(rng, 0, 7) for _ in range(count)], minlength=7)
    assert len(numbers) == 7
    assert (abs(numbers / count - 1 / 7) < 4 * sqrt(1 / 7 / count)).all()


def test_tables_are_quantiles() -> None:
    sizes = lognormal_table(1000.0, 1.5)
    assert sizes[len(sizes) // 2] == pytest.approx(1000, rel=1e-3)
    assert np.log(sizes).std() == pytest.approx(1.5, rel=0.01)
    ticks = distance_table(1.0, step=10, reach=1000)
    share = 1 / sum(1 / k for k in range(1, 101))
    assert (ticks.min(), ticks.max()) == (1, 1000)
    assert (ticks <= 10).mean() == pytest.approx(share, abs=1e-3)


def test_values_have_their_volatility_and_correlation() -> None:
    """E r² = vol² dt, and correlations are sums of products of loadings; the tails are fat, the squares have a memory."""
    config = structs.replace(
        agent_market_config(seed=5), fundamental=FundamentalConfig(step="100ms", vol_sigmas=(0.4, 0.3, 0.0, 0.0))
    )
    steps = value_steps(config, 40_000)
    wanted = np.array([config.fundamental.step_vol(token.value) for token in config.tokens])
    assert steps.std(0) == pytest.approx(wanted, rel=0.15)
    found = np.corrcoef(steps.T)
    for i, a in enumerate(config.tokens):
        for j, b in enumerate(config.tokens[:i]):
            shared = a.value.market_loading * b.value.market_loading
            if a.cluster == b.cluster:
                shared += a.value.cluster_loading * b.value.cluster_loading
            assert found[i, j] == pytest.approx(shared, abs=0.06)
    lone = steps[:, 0] / steps[:, 0].std()
    assert (lone**4).mean() > 4
    assert np.corrcoef(lone[:-10] ** 2, lone[10:] ** 2)[0, 1] > 0.1


def test_a_still_volatility_gives_normal_values() -> None:
    config = structs.replace(one_market(), fundamental=FundamentalConfig(vol_sigmas=(0.0,) * 4))
    steps = value_steps(config, 20_000)[:, 0]
    assert steps.std() == pytest.approx(config.fundamental.step_vol(config.tokens[0].value), rel=4 / sqrt(2 * 20_000))
    assert ((steps / steps.std()) ** 4).mean() == pytest.approx(3, abs=4 * sqrt(96 / 20_000))


def test_jumps_come_at_their_rate() -> None:
    token = structs.replace(one_market().tokens[0], value=TokenValue(vol_annual=0.0, jumps_per_day=8640.0, jump_bps=10.0))
    steps = value_steps(one_market(tokens=(token,)), 20_000)[:, 0]
    jumped = steps != 0
    assert jumped.mean() == pytest.approx(0.01, abs=4 * sqrt(0.01 / 20_000))
    assert steps[jumped].std() == pytest.approx(1e-3, rel=0.3)


def test_the_patient_book_thins_towards_the_price() -> None:
    """Lots within a distance y of the opening mid as 1 − e^{−y/depth} integrates, depth = √(D × memory), D = rate step² / 2."""
    patient = PatientConfig(count=20_000, sigma=0.0)
    world = build_world(one_market(patient=patient, makers=(), trends=(), informed=()))
    world.pass_unseen(world.config.opening_ns + 1)
    prices, lots = np.zeros(20_000, np.int64), np.zeros(20_000, np.int64)
    mid = exp(float(world.reals[world.market_rows()[0, at.M_STATS] + at.S_OPEN]))
    diffusion, leaving = 0.5 * patient.thoughts_per_s * patient.step_bps**2, patient.leave * patient.thoughts_per_s
    depth = sqrt(diffusion / leaving)
    reach = patient.reach_bps

    def mass(y: float) -> float:
        return y - depth * (1 - exp(-y / depth))

    for side in (1, -1):
        found = depth_of(world.ex, 0, side, prices, lots)
        away = 1e4 * side * np.log(mid / prices[:found])
        for y in (5.0, 15.0, 40.0):
            share = lots[:found][away <= y].sum() / lots[:found].sum()
            wanted = mass(y) / mass(reach)
            assert share == pytest.approx(wanted, abs=4 * sqrt(wanted * (1 - wanted) / 8_000) + 0.003)


@pytest.mark.nojit
def test_a_moment_of_a_market_naive() -> None:
    """Short enough for the kernels as plain Python: everyone wakes, money adds up."""
    world = build_world(structs.replace(agent_market_config(seed=2, tokens=1), patient=PatientConfig(count=60), warm_up="1s"))
    world.pass_unseen(world.config.opening_ns + SECOND_NS // 2)
    assert world.messages > 100
    for row in venue_ledger(world).iter_rows(named=True):
        assert row["traders"] + row["venue"] + row["fund"] - row["cost"] == row["deposited"]


def test_market_orders_come_at_their_mean_rate_and_in_clusters() -> None:
    """μ / (1 − n) a second, and a Fano factor that nears 1 / (1 − n)², n the branching ratio; volatility at rest."""
    config = one_market(seed=6, trends=(), informed=(), fundamental=FundamentalConfig(vol_sigmas=(0.0,) * 4))
    world = build_world(config)
    account = next(line.account for line in world.lines if line.type == "crowd")
    world.pass_unseen(config.start_ns)
    times: list[int] = []
    for second in range(1, 601):
        assert world.advance(config.start_ns + second * SECOND_NS)
        rows = world.reports[: world.ex[REPORT_ROWS]]
        taken = (rows[:, R_ACCOUNT] == account) & (rows[:, R_CODE] & 255 == FILL) & (rows[:, R_CODE] >> 20 == 0)
        times += np.unique(rows[taken, R_TS]).tolist()
        world.clear()
    rate, fano = config.crowd.market_orders_per_s, 1 / (1 - config.crowd.branching) ** 2
    assert len(times) / 600 == pytest.approx(rate, abs=4 * sqrt(fano * rate / 600))
    counts = np.bincount((np.array(times) - config.start_ns) // (10 * SECOND_NS), minlength=60)
    assert 0.5 * fano < counts.var() / counts.mean() < 2 * fano


def test_signs_remember_as_their_parents_live() -> None:
    """Long parents: signs of orders a few apart agree. Parents of one child: they do not."""
    found = {}
    for most in (5_000, 1):
        config = one_market(duration="4m", crowd=CrowdConfig(parents=2, parent_most=most))
        (events,) = simulate(config).events.values()
        trades = events.kind == TRADE
        ts, side = events.ts_venue[trades], events.side[trades].astype(float)
        signs = side[np.flatnonzero(np.r_[True, (np.diff(ts) > 0)])]
        found[most] = np.mean([np.corrcoef(signs[:-lag], signs[lag:])[0, 1] for lag in (3, 5, 8)])
    assert found[5_000] > 0.08
    assert found[5_000] > found[1] + 0.05


def test_impact_is_concave_and_falls_back() -> None:
    """Ten times the size moves the price by far less than ten times, and most of a minute later by less than at the end."""
    moves = {}
    for seconds in (12, 120):
        paths = [
            metaorder_paths(one_market(seed), 0, lots=110 * seconds, child_lots=55, every="500ms", ends=(1.0, 2.0))
            for seed in range(700, 716)
        ]
        moves[seconds] = np.mean([impact(p) for p in paths], axis=0)
    assert 10**0.2 < moves[120][0] / moves[12][0] < 10**0.85
    assert 0 < moves[120][1] < moves[120][0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CrowdConfig(branching=1.0), "branching is 1.0; expected 0 to 0.99"),
        (lambda: CrowdConfig(limit_clips=-1.0), "limit_clips is -1.0"),
        (lambda: PatientConfig(memory="1s"), "memory is 1s; expected at least one thought"),
        (lambda: PatientConfig(reach_bps=-3.0), "reach_bps"),
        (lambda: MakerConfig(levels=0), "levels is 0; expected 1 to 50"),
        (lambda: MakerConfig(half_spread_bps=-0.1), "half_spread_bps"),
        (lambda: TrendConfig(horizon="7s"), "horizon is 7s; expected one of 1s"),
        (lambda: TokenValue(market_loading=0.9, cluster_loading=0.6), "expected less than 1"),
        (lambda: FundamentalConfig(vol_times=("1s",)), "1 vol_times and 4 vol_sigmas; expected 4 each"),
        (lambda: FundamentalConfig(step="1us"), "expected 1ms to 10s"),
        (lambda: structs.replace(one_market(), pro_maker_bps=-1.0), "pays to trade|expected 0 or more"),
        (lambda: structs.replace(one_market(), kinds=("perp", "perp")), "each once"),
        (lambda: structs.replace(one_market(), seed=-1), "seed is -1"),
        (lambda: agent_market_config(tokens=13), "13 tokens on 2 venues"),
        (lambda: AgentToken(name="X", tick="1", lot="1", price=500.0, clip=10.0), "at least 1,000 ticks"),
        (lambda: AgentToken(name="X", tick="0.1", lot="1", price=500.0, clip=1.0), "5 to 1,000,000 lots"),
    ],
)
def test_the_impossible_is_refused(build: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def test_a_book_too_long_is_refused() -> None:
    token = AgentToken(name="X", tick="0.000001", lot="0.001", price=92_000.0, clip=0.1)
    with pytest.raises(ConfigError, match="choose a coarser tick"):
        one_market(tokens=(token,))


def test_a_purse_too_large_is_refused() -> None:
    token = AgentToken(name="X", tick="0.01", lot="0.001", price=92_000.0, clip=950.0)
    with pytest.raises(ConfigError, match="smaller clip"):
        build_world(one_market(tokens=(token,)))


def test_a_long_book_has_its_snapshot() -> None:
    """More levels than the tape holds at first, and prices of nearly a hundred million ticks."""
    token = AgentToken(name="X", tick="0.001", lot="0.001", price=92_000.0, clip=0.1)
    patient = PatientConfig(count=150_000, reach_bps=4.0, step_bps=0.05)
    world = open_world(one_market(tokens=(token,), patient=patient, crowd=CrowdConfig(reach_bps=4.0), warm_up="1s"))
    (events,) = take_events(world)
    assert events.rows > 33_000
    assert (events.kind == SNAPSHOT).all()
    assert events.price_ticks.min() > 9 * 10**7


def test_a_config_is_a_file() -> None:
    text = """
    seed = 4
    kinds = ["perp"]
    [[tokens]]
    name = "X"
    tick = "0.1"
    lot = "0.01"
    price = 400.0
    clip = 1.0
    [[venues]]
    name = "one"
    [crowd]
    parents = 3
    """
    config = parse_config(text, AgentMarketConfig)
    assert (config.crowd.parents, config.tree().leaves()) == (3, ("one:X-PERP",))
    with pytest.raises(UnknownName, match="parents"):
        parse_config(text.replace("parents = 3", "parrents = 3"), AgentMarketConfig)


def test_a_metaorder_that_cannot_be_is_refused() -> None:
    for terms in (
        {"side": 0, "lots": 5, "child_lots": 1},
        {"side": 1, "lots": 5, "child_lots": 6},
        {"side": 1, "lots": 5, "child_lots": 1, "share": 1.0},
    ):
        with pytest.raises(InputError):
            metaorder_line(one_market(), 0, every="1s", **terms)


def test_the_tree_holds_every_market() -> None:
    config = agent_market_config()
    tree = config.tree()
    assert set(tree.leaves()) == {instrument.id for instrument in config.instruments}
    assert len(tree.levels()["cluster"]) == 2
    assert log(tree.weight("cluster:majors") / tree.weight("cluster:defi")) > 0
