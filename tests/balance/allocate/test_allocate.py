"""Allocation: beside cvxpy, beside the closed forms it contains, and inside every bound it was given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.allocate.allocate import allocate
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.balance.schedule.almgren_chriss import almgren_chriss
from counterpoise.balance.schedule.transient import transient_schedule
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import TemporaryImpact, TransientImpact
from counterpoise.market.tree import Node, Tree
from counterpoise.sim.agents.detection import least_detectable
from reference.convex_plan import objective, solved


def tree(tokens: int, markets: int, clusters: int = 2) -> Tree:
    clusters = min(clusters, tokens)
    nodes = [Node(id="index:all"), *(Node(id=f"cluster:{c}", parent="index:all") for c in range(clusters))]
    for token in range(tokens):
        nodes.append(Node(id=f"token:T{token}", parent=f"cluster:{token % clusters}"))
        nodes += [Node(id=f"v{market}:T{token}", parent=f"token:T{token}") for market in range(markets)]
    return Tree(nodes=tuple(nodes))


def setting(tokens: int = 3, markets: int = 2, slices: int = 4, *, seed: int = 0, **terms: object) -> AllocationSetting:
    """Everything at once: temporary and transient impact, alpha, a covariance, noise at every node."""
    draw = np.random.default_rng(seed)
    names, m = tree(tokens, markets), tokens * markets
    volume = draw.lognormal(0, 0.5, (m, 1)) * draw.lognormal(0, 0.2, (m, slices))
    loading = draw.normal(1, 0.3, (tokens, 2))
    of_node = {
        node: [names.leaves().index(leaf) for leaf in names.leaves(node)] for level in names.levels().values() for node in level
    }
    given_terms: dict[str, object] = {
        "tree": names,
        "slice_ns": 60 * SECOND_NS,
        "volume": volume,
        "linear_bps": draw.uniform(1, 3, m),
        "covariance": (0.5 * loading @ loading.T + 0.5 * np.eye(tokens)) * 1e-8,
        "temporary": TemporaryImpact(bps=10, exponent=0.5),
        "temporary_scale": draw.uniform(0.5, 1.5, m),
        "propagator": TransientImpact(bps_per_million=1, permanent=0.2, half_lives=("1m", "10m")),
        "impact": draw.uniform(1, 3, tokens),
        "alpha_bps": draw.normal(0, 0.1, (tokens, slices)),
        "noise": {node: float(volume[at].sum(axis=0).mean()) for node, at in of_node.items()},
    }
    return AllocationSetting(**(given_terms | terms))  # type: ignore[arg-type]


def target_of(of: AllocationSetting, share: float, signs: tuple[int, ...] = (1,)) -> dict[str, float]:
    volume = of.volume.sum(axis=1)
    return {token: signs[n % len(signs)] * share * float(volume[of.token_of == n].sum()) for n, token in enumerate(of.tokens)}


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    tokens=st.integers(1, 3),
    markets=st.integers(1, 2),
    slices=st.integers(1, 4),
    tracking=st.sampled_from([0.0, 30.0]),
    signs=st.sampled_from([(1,), (-1,), (1, -1)]),
    exponent=st.sampled_from([0.0, 0.5, 0.6, 1.0]),
)
def test_no_plan_is_cheaper_than_ours(
    seed: int, tokens: int, markets: int, slices: int, tracking: float, signs: tuple[int, ...], exponent: float
) -> None:
    of = setting(tokens, markets, slices, seed=seed, temporary=TemporaryImpact(bps=10, exponent=exponent))
    wishes = AllocationWishes(
        risk_aversion=1e-2, leakage_price=0.05, participation={"instrument": 0.5, "cluster": 0.4}, tracking_bps=tracking
    )
    wanted = target_of(of, 0.2, signs)
    plan = allocate(wanted, of, wishes=wishes)
    target = np.array(list(wanted.values()))
    least, _ = solved(of, wishes, target)
    ours = objective(of, wishes, target, plan.amounts)
    assert ours == pytest.approx(least, rel=1e-5, abs=1e-9)
    assert plan.tracking_bps <= tracking + 1e-3
    assert (plan.amounts * np.sign(target)[of.token_of] >= 0).all()


def test_costs_are_those_of_the_sums() -> None:
    of, wishes = setting(), AllocationWishes(risk_aversion=1e-2)
    plan = allocate(target_of(of, 0.2), of, wishes=wishes)
    free = AllocationWishes(participation=wishes.participation)
    value = objective(of, free, plan.target, plan.amounts)
    assert plan.costs["total"] == pytest.approx(value / plan.value * 1e4, rel=1e-9)
    assert plan.by_node().filter(node="index:all")["millions"][0] == pytest.approx(plan.value, rel=1e-6)
    assert plan.frame["millions"].sum() == pytest.approx(plan.value, rel=1e-6)
    assert plan.fairness()["level"].to_list() == ["index", "cluster", "token", "instrument"]


def test_one_market_and_linear_impact_is_almgren_and_chriss() -> None:
    slices, seconds, sigma, aversion = 8, 60.0, 2e-5, 4e3
    of = setting(
        1,
        1,
        slices,
        temporary=TemporaryImpact(bps=50, exponent=1.0),
        temporary_scale=None,
        impact=None,
        alpha_bps=None,
        volume=np.full((1, slices), 5.0),
        covariance=np.array([[sigma**2]]),
        noise=None,
    )
    plan = allocate({"token:T0": 8.0}, of, wishes=AllocationWishes(risk_aversion=aversion, participation={}))
    eta = 50e-4 / 5.0 * seconds  # millions for a million in a second
    paper = almgren_chriss(
        8.0, horizon=slices * seconds, steps=slices, sigma=sigma, risk_aversion=aversion, eta=eta, epsilon=0.0
    )
    assert paper.trades[0] > 1.3 * paper.trades[-1]
    assert plan.amounts[:, 0] == pytest.approx(paper.trades, rel=1e-4)


def test_transient_impact_alone_is_gatheral_schied_and_slynko() -> None:
    slices = 6
    impact = TransientImpact(bps_per_million=1, permanent=0.1, half_lives=("30s", "5m"))
    of = setting(
        1,
        1,
        slices,
        temporary=TemporaryImpact(),
        impact=np.array([2.0]),
        propagator=impact,
        alpha_bps=None,
        noise=None,
        volume=np.full((1, slices), 5.0),
    )
    plan = allocate({"token:T0": 3.0}, of, wishes=AllocationWishes(participation={}))
    times = np.arange(slices) * 60 * SECOND_NS
    paper = transient_schedule(times, lambda lag: impact.kernel(lag.astype(np.int64)), 3.0)
    assert plan.amounts[:, 0] == pytest.approx(paper.trades, rel=1e-4)
    assert plan.costs["transient"] == pytest.approx(2.0 * paper.cost / 3.0, rel=1e-6)


def test_leakage_alone_spreads_as_the_floor_does() -> None:
    """With one price of leakage and noise alike in every slice the least detectable schedule is even."""
    of = setting(
        1, 1, 5, temporary=TemporaryImpact(), impact=None, alpha_bps=None, noise={"token:T0": 2.0}, volume=np.full((1, 5), 9.0)
    )
    plan = allocate({"token:T0": 10.0}, of, wishes=AllocationWishes(leakage_price=1.0, participation={}))
    assert plan.amounts[:, 0] == pytest.approx(least_detectable(10.0, 4.0 * np.eye(5)), rel=1e-5)


def test_markets_that_cost_the_same_share_by_volume() -> None:
    volume = np.array([[1.0], [3.0], [6.0]])
    of = setting(
        1, 3, 1, volume=volume, linear_bps=np.full(3, 2.0), temporary_scale=None, impact=None, alpha_bps=None, noise=None
    )
    plan = allocate({"token:T0": 2.0}, of)
    assert plan.amounts[0] == pytest.approx(0.2 * volume[:, 0], rel=1e-3)


def test_fairness_is_kept_and_told() -> None:
    of = setting(4, 1, 3, alpha_bps=None)
    unequal = {token: value * (1 + 3 * (n == 0)) for n, (token, value) in enumerate(target_of(of, 0.1).items())}
    free = AllocationWishes(participation={}, tracking_bps=100.0)
    fair = AllocationWishes(participation={}, tracking_bps=100.0, fairness={"token": 1.07})
    before, after = (
        allocate(unequal, of, wishes=wishes).fairness().filter(level="token").row(0, named=True) for wishes in (free, fair)
    )
    assert after["max_to_mean"] == pytest.approx(1.07, abs=0.01)
    assert after["max_to_mean"] < before["max_to_mean"]
    assert after["gini"] < before["gini"]


def test_what_the_market_cannot_take_is_told_by_name() -> None:
    of = setting()
    with pytest.raises(InputError, match=r"participation of token:T\d, 0\.1: .* millions more a slice"):
        allocate(target_of(of, 0.5), of, wishes=AllocationWishes(participation={"token": 0.1}))


def test_a_token_left_out_is_not_traded_but_as_a_proxy() -> None:
    of = setting(4, 2, 3, alpha_bps=None)
    wanted = {"token:T0": target_of(of, 0.3)["token:T0"]}
    alone = allocate(wanted, of).flows.sum(axis=0)
    assert alone == pytest.approx([wanted["token:T0"], 0, 0, 0], rel=1e-5, abs=1e-12)
    helped = allocate(wanted, of, wishes=AllocationWishes(tracking_bps=50.0))
    assert helped.flows.sum() == pytest.approx(wanted["token:T0"], rel=1e-5)
    assert helped.flows.sum(axis=0)[1:].sum() > 0.01 * wanted["token:T0"]
    assert helped.costs["total"] < allocate(wanted, of).costs["total"]


def test_a_seller_mirrors_a_buyer() -> None:
    of = setting(alpha_bps=None)
    bought = allocate(target_of(of, 0.2), of)
    sold = allocate(target_of(of, -0.2), of)
    assert sold.amounts == pytest.approx(-bought.amounts, abs=1e-5 * bought.value)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"covariance": -np.eye(3)}, "least eigenvalue"),
        ({"covariance": np.triu(np.ones((3, 3)))}, "symmetric"),
        ({"linear_bps": np.ones(5)}, "shape"),
        ({"volume": np.full((6, 4), np.nan)}, "finite"),
        ({"volume": np.full((6, 4), -1.0)}, "0 or more"),
        ({"slice_ns": 0}, "positive length"),
        ({"temporary": TemporaryImpact(bps=1, of="millions")}, "of participation"),
        ({"cross": np.array([[1, 2, 0], [2, 1, 0], [0, 0, 1.0]])}, "least eigenvalue"),
    ],
)
def test_settings_that_cannot_be_are_refused(bad: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        setting(**bad)


def test_wishes_that_cannot_be_are_refused() -> None:
    for bad in ({"risk_aversion": -1.0}, {"participation": {"token": 1.0}}, {"fairness": {"token": 1.0}}):
        with pytest.raises(InputError):
            AllocationWishes(**bad)  # type: ignore[arg-type]
    of = setting()
    with pytest.raises(UnknownName, match="token of the tree"):
        allocate({"token:X": 1.0}, of)
    with pytest.raises(UnknownName, match="node of the tree"):
        allocate(target_of(of, 0.1), of, wishes=AllocationWishes(participation={"token:X": 0.5}))
    with pytest.raises(InputError, match="wants something"):
        allocate({"token:T0": 0.0}, of)
