"""SVI smiles: the published example, conversions there and back, and arbitrage seen in option prices themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.options.black import black76
from counterpoise.options.svi import (
    JumpWings,
    NaturalSvi,
    RawSvi,
    jump_wings,
    natural_svi,
    raw_from_jump_wings,
    raw_from_natural,
)
from counterpoise.options.svi_arbitrage import butterfly, least_butterfly, least_calendar, repair_butterfly

VOGT = RawSvi(a=-0.0410, b=0.1331, m=0.3586, rho=0.3060, sigma=0.4153)
CALM = RawSvi(a=0.01, b=0.1, m=0.02, rho=-0.3, sigma=0.2)


@st.composite
def smiles(draw: st.DrawFn) -> RawSvi:
    b, rho, sigma = draw(st.floats(0.01, 0.9)), draw(st.floats(-0.9, 0.9)), draw(st.floats(0.02, 1.0))
    least = draw(st.floats(0.001, 0.5))
    return RawSvi(a=least - b * sigma * (1 - rho**2) ** 0.5, b=b, rho=rho, m=draw(st.floats(-0.5, 0.5)), sigma=sigma)


def numbers(smile: RawSvi) -> list[float]:
    return [smile.a, smile.b, smile.rho, smile.m, smile.sigma]


def density(smile: RawSvi, k: float) -> float:
    """Second difference of call prices over the strike, F = 1: what a butterfly costs."""
    step = 1e-4 * np.exp(k)
    strikes = np.exp(k) + step * np.array([-1.0, 0.0, 1.0])
    low, here, high = black76(1.0, strikes, 1.0, smile.volatility(np.log(strikes), years=1.0), "C")
    return float((low - 2 * here + high) / step**2)


def test_vogt_jump_wings_are_the_published_ones() -> None:
    """Gatheral and Jacquier (2014), example 5.1."""
    wings = jump_wings(VOGT, years=1.0)
    found = [wings.v, wings.psi, wings.p, wings.c, wings.v_least]
    assert found == pytest.approx([0.01742625, -0.1752111, 0.6997381, 1.316798, 0.0116249], rel=2e-6)


def test_vogt_has_a_butterfly_although_lee_holds() -> None:
    """Figure 2 of the paper: g falls below zero near k = .8; its wings are far from Lee's bound of 2."""
    found = least_butterfly(VOGT)
    assert found.value == pytest.approx(-0.03286, abs=1e-5)
    assert found.k == pytest.approx(0.879, abs=1e-3)
    assert VOGT.b * (1 + abs(VOGT.rho)) < 2
    assert density(VOGT, found.k) < 0 < density(VOGT, 0.0)


@pytest.mark.parametrize(("c", "v_least"), [(0.3493158, 0.01548182), (0.8564763, 0.0116249)])
def test_published_repairs_of_vogt_are_free(c: float, v_least: float) -> None:
    """Example 5.1: the SSVI smile at the end of the way, and the nearest to it of the authors' own objective."""
    repaired = raw_from_jump_wings(JumpWings(v=0.01742625, psi=-0.1752111, p=0.6997381, c=c, v_least=v_least, years=1.0))
    assert least_butterfly(repaired).value > 0


def test_repair_of_vogt_keeps_the_money_and_the_put_wing() -> None:
    repaired = repair_butterfly(VOGT, years=1.0)
    before, after = jump_wings(VOGT, years=1.0), jump_wings(repaired, years=1.0)
    assert 0 <= least_butterfly(repaired).value < 1e-9
    assert [after.v, after.psi, after.p] == pytest.approx([before.v, before.psi, before.p], rel=1e-10)
    assert 0.3493158 < after.c < before.c
    assert repair_butterfly(repaired, years=1.0) is repaired
    grid = np.linspace(-3, 3, 601)
    assert butterfly(repaired, grid).min() > -1e-9


def test_what_cannot_be_repaired_is_refused() -> None:
    with pytest.raises(NumericalError, match="still has g < 0"):
        repair_butterfly(RawSvi(a=0.0, b=1.9, rho=-0.4, m=0.9, sigma=0.3), years=1.0)


@given(smiles(), st.floats(-3.0, 3.0))
def test_g_is_the_density_of_the_price(smile: RawSvi, k: float) -> None:
    """density = g(k) exp(−d2²/2)/√(2πw)/K (lemma 2.2); checked where the prices have digits to tell."""
    w = float(smile.total_variance(k))
    d2 = -k / w**0.5 - w**0.5 / 2
    weight = np.exp(-(d2**2) / 2) / np.sqrt(2 * np.pi * w) / np.exp(k)
    if weight > 1e-2 and w > 1e-3:
        g = float(butterfly(smile, k))
        assert density(smile, k) / weight == pytest.approx(g, abs=2e-3 * (1 + abs(g)) + 1e-6 / weight)


@given(smiles())
def test_the_least_g_is_below_a_naive_grid(smile: RawSvi) -> None:
    least = least_butterfly(smile)
    assert least.value <= butterfly(smile, np.linspace(-15, 15, 3001)).min() + 1e-12
    if np.isfinite(least.k):
        assert float(butterfly(smile, least.k)) == pytest.approx(least.value, abs=1e-12)


def test_lee_is_part_of_the_least_g() -> None:
    steep = RawSvi(a=0.5, b=1.5, rho=0.5, m=0.0, sigma=2.0)
    assert least_butterfly(steep).value <= (4 - 2.25**2) / 16


@given(smiles(), st.floats(0.01, 3.0))
def test_forms_come_back(smile: RawSvi, years: float) -> None:
    assert numbers(raw_from_natural(natural_svi(smile))) == pytest.approx(numbers(smile), rel=1e-9, abs=1e-9)
    wings = jump_wings(smile, years=years)
    if wings.v - wings.v_least > 1e-3 * wings.v:
        back = raw_from_jump_wings(wings)
        k = np.linspace(-2, 2, 21)
        assert back.total_variance(k) == pytest.approx(smile.total_variance(k), rel=1e-6)


@given(smiles(), st.floats(-2.0, 2.0))
def test_natural_form_is_its_formula(smile: RawSvi, k: float) -> None:
    n = natural_svi(smile)
    u = n.zeta * (k - n.mu)
    w = n.delta + n.omega / 2 * (1 + u * n.rho + np.sqrt((u + n.rho) ** 2 + 1 - n.rho**2))
    assert w == pytest.approx(float(smile.total_variance(k)), rel=1e-9)


def test_jump_wings_with_the_bend_at_the_money() -> None:
    skewed = RawSvi(a=0.02, b=0.2, rho=0.4, m=0.0, sigma=0.3)
    assert numbers(raw_from_jump_wings(jump_wings(skewed, years=0.5))) == pytest.approx(numbers(skewed), abs=1e-9)
    plain = RawSvi(a=0.02, b=0.2, rho=0.0, m=0.0, sigma=0.3)
    with pytest.raises(NumericalError, match="sigma open"):
        raw_from_jump_wings(jump_wings(plain, years=0.5))


def test_jump_wings_of_no_convex_smile_are_refused() -> None:
    with pytest.raises(NumericalError, match="no convex smile"):
        raw_from_jump_wings(JumpWings(v=0.04, psi=0.9, p=0.5, c=0.5, v_least=0.03, years=1.0))


@given(smiles(), smiles())
def test_calendar_least_is_below_a_naive_grid(near: RawSvi, far: RawSvi) -> None:
    k = np.linspace(-10, 10, 2001)
    assert least_calendar(near, far).value <= (far.total_variance(k) - near.total_variance(k)).min() + 1e-12


def test_calendar_by_hand() -> None:
    later = RawSvi(a=CALM.a + 0.004, b=CALM.b, rho=CALM.rho, m=CALM.m, sigma=CALM.sigma)
    assert least_calendar(CALM, later).value == pytest.approx(0.004, rel=1e-9)
    assert least_calendar(later, CALM).value == pytest.approx(-0.004, rel=1e-9)
    steeper = RawSvi(a=0.0, b=0.2, rho=-0.3, m=0.02, sigma=0.2)
    assert least_calendar(steeper, CALM) == (-np.inf, -np.inf)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"a": float("nan")}, "finite"),
        ({"b": -0.1}, "b >= 0"),
        ({"rho": 1.0}, "rho"),
        ({"sigma": 0.0}, "sigma > 0"),
        ({"a": -0.5}, "variance falls to"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, float], said: str) -> None:
    given_ = {"a": 0.01, "b": 0.1, "rho": 0.0, "m": 0.0, "sigma": 0.2} | wrong
    with pytest.raises(InputError, match=said):
        RawSvi(**given_)


def test_other_impossible_inputs_are_refused() -> None:
    with pytest.raises(InputError, match="zeta > 0"):
        NaturalSvi(delta=0.0, mu=0.0, rho=0.0, omega=0.1, zeta=0.0)
    with pytest.raises(InputError, match="v_least <= v"):
        JumpWings(v=0.01, psi=0.0, p=1.0, c=1.0, v_least=0.02, years=1.0)
    with pytest.raises(InputError, match="years to expiry"):
        CALM.volatility(0.0, years=0.0)
    with pytest.raises(InputError, match="b > 0"):
        jump_wings(RawSvi(a=0.04, b=0.0, rho=0.0, m=0.0, sigma=0.1), years=1.0)
