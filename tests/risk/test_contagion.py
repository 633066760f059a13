"""Clearing of debts: cases worked by hand, laws on random networks, and two algorithms for one vector."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.risk.contagion import clear_by_iteration, clear_debts

Network = tuple[np.ndarray, np.ndarray, np.ndarray]
CHAIN = [[0, 10, 0], [0, 0, 8], [0, 0, 0]]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    n = draw(st.integers(1, 7))
    debts = draw(st.lists(st.integers(0, 9), min_size=n * n, max_size=n * n))
    matrix = np.array(debts, float).reshape(n, n)
    np.fill_diagonal(matrix, 0.0)
    assets, outside = (np.array(draw(st.lists(st.integers(0, 20), min_size=n, max_size=n)), float) for _ in range(2))
    return matrix, assets, outside


recoveries = st.sampled_from([(1.0, 1.0), (0.9, 0.8), (0.5, 1.0), (1.0, 0.3)])


def test_two_nodes_by_hand() -> None:
    """The first has 2 and is paid 4, so it pays 6 of 10; the second has 5 + 6, pays 4 and keeps 7."""
    result = clear_debts([[0, 10], [4, 0]], [2, 5])
    assert result.frame.rows() == [(10.0, 6.0, 4.0, 0.0, 0.0, 1), (4.0, 4.0, 6.0, 7.0, 0.0, None)]
    assert (result.rounds, result.unique) == (1, True)


def test_a_chain_falls_round_by_round() -> None:
    """0 pays its 4 of 10; 1 has 1 + 4 against 8 and would have stood had 0 paid; 2 owes nobody."""
    frame = clear_debts(CHAIN, [4, 1, 0]).frame
    assert frame["paid"].to_list() == [4.0, 5.0, 0.0]
    assert frame["default_round"].to_list() == [1, 2, None]


def test_a_ring_of_failures_by_fractions() -> None:
    """Each owes a quarter to either other and half to the world: p = 1 + ¼p + ¼p, so p = 2 of 24."""
    debts = [[0, 6, 6], [6, 0, 6], [6, 6, 0]]
    frame = clear_debts(debts, [1, 1, 1], outside=[12, 12, 12]).frame
    each = Fraction(1) / (1 - Fraction(12, 24))
    assert frame["paid"].to_list() == pytest.approx([float(each)] * 3, rel=1e-14)
    assert frame["equity"].to_list() == [0.0] * 3


def test_default_costs_by_hand() -> None:
    """Rogers and Veraart: 0 pays ½ · 4 = 2; 1 then has 7 + 2 against 10 and pays ½ · 7 + ¾ · 2 = 5, losing the other 4."""
    frame = clear_debts([[0, 10], [0, 0]], [4, 7], outside=[0, 10], asset_recovery=0.5, claim_recovery=0.75).frame
    assert frame["paid"].to_list() == [2.0, 5.0]
    assert frame["lost"].to_list() == [2.0, 4.0]
    solvent = clear_debts([[0, 10], [0, 0]], [4, 7], outside=[0, 9], asset_recovery=1.0, claim_recovery=0.1).frame
    assert solvent["default_round"].to_list() == [1, None]


def test_network_of_the_systemicrisk_manual() -> None:
    """Gandy and Veraart's example of `default_clearing`, solved by hand: 165/112 and 159/112 are paid, the third stands.

    At its costs α = .5, β = .7 the third falls too: p₀ = ¼ + .7(p₁ + p₂)/3, p₁ = 5/16 + .7(p₂/3 + p₀/5), p₂ likewise from ⅜.
    """
    half = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    own, beyond = [1 / 2, 5 / 8, 3 / 4], [3 / 2, 1 / 2, 1 / 2]
    frame = clear_debts(half, own, outside=beyond).frame
    assert frame["paid"].to_list() == pytest.approx([165 / 112, 159 / 112, 1.5], rel=1e-14)
    assert frame["default_round"].to_list() == [1, 2, None]
    costly = clear_debts(half, own, outside=beyond, asset_recovery=0.5, claim_recovery=0.7).frame
    p0, p1, p2 = costly["paid"].to_list()
    assert [p0, p1, p2] == pytest.approx(
        [1 / 4 + 0.7 * (p1 + p2) / 3, 5 / 16 + 0.7 * (p2 / 3 + p0 / 5), 3 / 8 + 0.7 * (p1 / 3 + p0 / 5)], rel=1e-14
    )
    assert costly["default_round"].to_list() == [1, 2, 2]


def test_money_that_only_circles_clears_in_many_ways() -> None:
    """Two nodes owe each other one and have nothing: any equal payments clear; greatest 1, least 0, and it says so."""
    greatest = clear_debts([[0, 1], [1, 0]], [0, 0])
    assert greatest.frame["paid"].to_list() == [1.0, 1.0]
    assert clear_by_iteration([[0, 1], [1, 0]], [0, 0], least=True).frame["paid"].to_list() == [0.0, 0.0]
    assert not greatest.unique
    assert clear_debts([[0, 1], [1, 0]], [0, 0.5]).unique


@given(networks(), recoveries)
def test_laws_of_clearing(network: Network, recovery: tuple[float, float]) -> None:
    """Limited liability, absolute priority, payments within debts, money conserved, and it is a fixed point."""
    debts, assets, outside = network
    alpha, beta = recovery
    result = clear_debts(debts, assets, outside=outside, asset_recovery=alpha, claim_recovery=beta)
    frame = result.frame
    owed, paid, received = (frame[name].to_numpy() for name in ("owed", "paid", "received"))
    scale = 1e-9 * (1 + assets.max() + owed.max())
    assert (paid >= 0).all()
    assert (paid <= owed).all()
    assert (paid <= assets + received + scale).all()
    failed = frame["default_round"].is_not_null().to_numpy()
    assert (frame["equity"].to_numpy()[failed] == 0).all()
    assert (paid[~failed] == owed[~failed]).all()
    assert paid[failed] == pytest.approx(alpha * assets[failed] + beta * received[failed], abs=scale)
    assert result.rounds <= len(assets)
    to_outside = (paid * np.divide(outside, owed, out=np.zeros_like(owed), where=owed > 0)).sum()
    kept = frame["equity"].sum() + frame["lost"].sum()
    assert kept + to_outside == pytest.approx(assets.sum(), abs=10 * scale)


@given(networks(), st.integers(0, 6), st.floats(0.01, 10.0), recoveries)
def test_payments_rise_with_assets(network: Network, at: int, more: float, recovery: tuple[float, float]) -> None:
    debts, assets, outside = network
    richer = assets.copy()
    richer[at % len(assets)] += more
    kinds = {"outside": outside, "asset_recovery": recovery[0], "claim_recovery": recovery[1]}
    before, after = (clear_debts(debts, have, **kinds).frame for have in (assets, richer))  # type: ignore[arg-type]
    assert (after["paid"] >= before["paid"] - 1e-9).all()
    assert (after["equity"] >= before["equity"] - 1e-9).all()


@given(networks(), recoveries)
def test_iteration_finds_the_same_vector(network: Network, recovery: tuple[float, float]) -> None:
    debts, assets, outside = network
    kinds = {"outside": outside, "asset_recovery": recovery[0], "claim_recovery": recovery[1]}
    exact = clear_debts(debts, assets, **kinds)  # type: ignore[arg-type]
    slow = clear_by_iteration(debts, assets, **kinds)  # type: ignore[arg-type]
    assert slow.frame["paid"].to_numpy() == pytest.approx(exact.frame["paid"].to_numpy(), abs=1e-6)


@given(networks())
def test_unique_means_the_least_is_the_greatest(network: Network) -> None:
    debts, assets, outside = network
    greatest = clear_debts(debts, assets, outside=outside)
    if greatest.unique:
        least = clear_by_iteration(debts, assets, outside=outside, least=True)
        assert least.frame["paid"].to_numpy() == pytest.approx(greatest.frame["paid"].to_numpy(), abs=1e-6)


@given(networks(), st.randoms(use_true_random=False))
def test_names_do_not_matter(network: Network, random: object) -> None:
    debts, assets, outside = network
    order = np.argsort([random.random() for _ in assets])  # type: ignore[attr-defined]
    plain = clear_debts(debts, assets, outside=outside).frame
    moved = clear_debts(debts[np.ix_(order, order)], assets[order], outside=outside[order]).frame
    assert moved["paid"].to_numpy() == pytest.approx(plain["paid"].to_numpy()[order], abs=1e-9)
    assert moved["default_round"].to_list() == plain["default_round"].gather(order).to_list()


@pytest.mark.parametrize(
    ("debts", "assets", "more", "said"),
    [
        ([[0, 1]], [1, 1], {}, "expected .n, n."),
        ([[0, -1], [0, 0]], [1, 1], {}, "liabilities must be finite"),
        ([[0, 1], [0, 0]], [1, -1], {}, "assets must be finite"),
        ([[2, 1], [0, 0]], [1, 1], {}, "node 0 owes itself"),
        ([[0, 1], [0, 0]], [1, 1], {"asset_recovery": 0.0}, "recoveries must lie"),
        ([[0, 1], [0, 0]], [1, 1], {"outside": [1, 2, 3]}, "outside debts have the shape"),
    ],
)
def test_impossible_networks_are_refused(debts: list, assets: list, more: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        clear_debts(debts, assets, **more)


def test_the_least_vector_with_default_costs_is_refused() -> None:
    with pytest.raises(InputError, match="least=True"):
        clear_by_iteration(CHAIN, [4, 1, 0], asset_recovery=0.5, least=True)


def test_a_network_without_nodes_or_debts_clears() -> None:
    assert clear_debts(np.zeros((0, 0)), []).frame.height == 0
    assert clear_debts(np.zeros((2, 2)), [0, 3]).frame["equity"].to_list() == [0.0, 3.0]
